/* runtime/timers/schedule.h - when a row of a scheduled table is due: its ScheduleAt column, and the beats of one that repeats.
 * Pure functions; any thread. */
#ifndef ORO_TIMERS_SCHEDULE_H
#define ORO_TIMERS_SCHEDULE_H

#include "bridge/bsatn/schema.h"

/* A column of type ScheduleAt: tag 0 and an interval, or tag 1 and a time on the wall clock. */
struct oro_schedule_at {
    bool interval;
    int64_t micros;
};

/* The time of a row whose cron expression has not been asked yet: it is due at once, and then planned, not run. */
#define ORO_TIMER_UNPLANNED 0

/* Of a whole row of trusted BSATN. */
struct oro_schedule_at oro_schedule_at(const struct oro_table_def *t, struct oro_bytes row);
/* Value of the row's primary key, u64. */
uint64_t oro_schedule_key(const struct oro_table_def *t, struct oro_bytes row);

static inline bool
oro_schedule_at_eq(struct oro_schedule_at a, struct oro_schedule_at b)
{
    return a.interval == b.interval && a.micros == b.micros;
}

/* One interval after `from`; INT64_MAX when that is beyond the end of time. A negative interval counts as its absolute value
 * (docs/semantics.md, S-4). */
int64_t oro_schedule_after(int64_t from_us, int64_t interval_us);
/* Where the beats of a repeating timer lie: the n-th is n intervals after the first, or n/hz seconds, to the nearest microsecond. */
struct oro_grid {
    int64_t first_us;
    int64_t interval_us;
    double hz; /* 0: intervals */
};
/* The beat after the one at due_us, at now_us, as `missed` has it; *missed gets how many were passed over. */
int64_t oro_schedule_next(enum oro_missed policy, const struct oro_grid *g, int64_t due_us,
                          int64_t now_us, uint64_t *missed);

#endif
