/* bridge/bsatn/scheduled_call.h - the rows of st_scheduled_call, what ctx.schedule() has made, and of st_phase. Pure functions; any thread. */
#ifndef ORO_BSATN_SCHEDULED_CALL_H
#define ORO_BSATN_SCHEDULED_CALL_H

#include "bridge/bsatn/schema.h"
#include "runtime/base/buf.h"

/* In the order of the columns. */
struct oro_scheduled_call {
    uint64_t id; /* 0: to be counted */
    bool interval;
    int64_t micros;     /* of the interval, or since 1970 */
    bool steady;        /* made with after=: a wall clock that is set does not move it */
    uint64_t signature; /* of the function's parameters when it was made */
    struct oro_bytes function;
    struct oro_bytes cron; /* what names the time after this one; empty: there is none */
    struct oro_bytes args; /* BSATN of the parameters */
};

void oro_scheduled_call_write(const struct oro_scheduled_call *c, struct oro_bb *out);
/* row: trusted bytes, borrowed as long as *c. */
void oro_scheduled_call_read(struct oro_bytes row, struct oro_scheduled_call *c);
/* Differs when arguments of the one type would be read as others by the other: kinds and their order, not names. */
uint64_t oro_signature(const struct oro_type *params);

/* What may be written into a table: ORO_EINVAL for a row of a scheduled one whose interval is none, or longer than a century. */
#define ORO_SCHEDULE_MOST_US (INT64_C(36525) * 86400 * 1000000)
ORO_MUST_CHECK oro_status oro_schedule_check(const struct oro_table_def *t, struct oro_bytes row,
                                             struct oro_err *err);

/* A row of st_phase: one of the beats of a repeating timer, on the wall clock, so that the next start can go on with its grid. */
struct oro_phase {
    struct oro_bytes row; /* "table/key": of the timer's own row */
    struct oro_bytes table;
    uint64_t key;
    int64_t interval_us; /* as it was then: with another one the beats begin anew */
    int64_t beat_us;
};

void oro_phase_write(const char *table, uint64_t key, int64_t interval_us, int64_t beat_us,
                     struct oro_bb *out);
/* row: trusted bytes, borrowed as long as *p. False: its first column names no row. */
bool oro_phase_read(struct oro_bytes row, struct oro_phase *p);

#endif
