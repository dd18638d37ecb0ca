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
    bool steady;      /* a time that does not follow the wall clock once it is armed */
    int64_t due_us;   /* on the monotonic clock */
    int64_t first_us; /* the same: an interval's first beat */
    uint32_t number;  /* not 0: to be the request_id of the record that ends it */
    bool gone;        /* within one record: its row was deleted, and may come again */
};

/* What a timer was armed for, across a reload: beats do not lose their phase, and rows that follow the steady clock do not move. */
struct oro_timers_kept;

struct oro_timers_options {
    const struct oro_schema *schema; /* borrowed until stop */
    struct oro_store *store;         /* borrowed until stop */
    uint8_t
        run_kind; /* struct oro_origin.kind of the records that end a firing, however it ended */
    /* On the scheduler's thread; must not block. */
    void (*fire)(void *arg, const struct oro_firing *f);
    void *arg;
    int64_t (*wall_us)(void), (*mono_us)(void); /* replaceable in tests; NULL: the real ones */
    uint8_t note_kind;                          /* of the records that write st_phase */
    void (*written)(
        void *
            arg); /* there is such a record; on the scheduler's thread. NULL: nobody wants to know */
    struct oro_timers_kept *kept; /* taken, also on failure; or NULL */
};

/* Arms the rows that are there: times in the past fire at once, intervals go on with their beats as far as they are known (S-30).
 * While no scheduled table has rows it is dormant, and keeps no record. Gives *out. */
ORO_MUST_CHECK oro_status oro_timers_start(const struct oro_timers_options *opt,
                                           struct oro_timers **out, struct oro_err *err);
/* Takes t, which may be NULL; nothing fires afterwards. */
void oro_timers_stop(struct oro_timers *t);
/* The same, while no worker runs anything. Gives what the next start takes. */
struct oro_timers_kept *oro_timers_stop_keeping(struct oro_timers *t);
/* Any thread: from the return on nothing is written, until it is let go. t may be NULL. */
void oro_timers_hold(struct oro_timers *t, bool held);
/* Any thread: rows of scheduled tables have changed. t may be NULL. */
void oro_timers_wake(struct oro_timers *t);
/* The same for other records, which are kept until they were looked at. */
void oro_timers_look(struct oro_timers *t);

#endif
