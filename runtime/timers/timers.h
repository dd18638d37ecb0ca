/* runtime/timers/timers.h - rows of scheduled tables are timers: armed when a row is committed, armed anew when it changes,
 * cancelled when it goes (docs/semantics.md#schedules).
 *
 * One thread, the scheduler's, arms and cancels, and does so from the commit ring alone: from the rows that records insert and
 * delete, and from the records of runs, which say that a row's turn is over. Each record is seen once and in order, so what is
 * armed is always what the row was as of that record, whoever changes it meanwhile. Nobody else arms anything.
 *
 * Intervals run on the monotonic clock and do not notice when the wall clock is set; rows with a time follow the wall clock. */
#ifndef ORO_TIMERS_TIMERS_H
#define ORO_TIMERS_TIMERS_H

#include "runtime/store/store.h"
#include "runtime/timers/schedule.h"
#include "scheduler/scheduler.h"

struct oro_timers;

/* A row's turn. */
struct oro_firing {
    const struct oro_table_def *table;
    uint64_t key; /* of the row */
    struct oro_schedule_at
        at; /* as it was when it was armed: a row that says otherwise now is armed otherwise, too */
    int64_t due_us;  /* on the monotonic clock */
    uint32_t number; /* not 0: to be the request_id of the record that ends it */
};

struct oro_timers_options {
    const struct oro_schema *schema; /* borrowed until stop */
    struct oro_store *store;         /* borrowed until stop */
    uint8_t
        run_kind; /* struct oro_origin.kind of the records that end a firing, however it ended */
    /* On the scheduler's thread; must not block. */
    void (*fire)(void *arg, const struct oro_firing *f);
    void *arg;
    int64_t (*wall_us)(void), (*mono_us)(void); /* replaceable in tests; NULL: the real ones */
};

/* Arms the rows that are there: times in the past fire at once, intervals start anew (S-30). Gives *out, or NULL when the schema
 * has no scheduled tables: a cursor that nothing moves would keep every record. */
ORO_MUST_CHECK oro_status oro_timers_start(const struct oro_timers_options *opt,
                                           struct oro_timers **out, struct oro_err *err);
/* Takes t, which may be NULL; nothing fires afterwards. */
void oro_timers_stop(struct oro_timers *t);
/* Any thread: there are records to look at. t may be NULL. */
void oro_timers_wake(struct oro_timers *t);

#endif
