#include "runtime/timers/schedule.h"

#include <math.h>

#include "scheduler/scheduler.h"

struct oro_schedule_at
oro_schedule_at(const struct oro_table_def *t, struct oro_bytes row)
{
    const uint8_t *at =
        row.data + oro_table_column_offset(t, (unsigned)t->schedule_at_col, row.data);
    struct oro_schedule_at s = {.interval = at[0] == 0};
    memcpy(&s.micros, at + 1, sizeof(s.micros));
    return s;
}

uint64_t
oro_schedule_key(const struct oro_table_def *t, struct oro_bytes row)
{
    uint64_t key;
    memcpy(&key, row.data + oro_table_column_offset(t, (unsigned)t->pk, row.data), sizeof(key));
    return key;
}

int64_t
oro_schedule_after(int64_t from_us, int64_t interval_us)
{
    int64_t due;
    bool beyond = interval_us < 0 ? __builtin_sub_overflow(from_us, interval_us, &due)
                                  : __builtin_add_overflow(from_us, interval_us, &due);
    return beyond ? INT64_MAX : due;
}

static int64_t
beat_at(const struct oro_grid *g, double n)
{
    return g->first_us + llround(n * 1e6 / g->hz);
}

/* By the number of the beat, since 1/hz seconds are seldom a whole number of microseconds. */
static int64_t
next_by_rate(enum oro_missed policy, const struct oro_grid *g, int64_t due_us, int64_t now_us,
             uint64_t *missed)
{
    double due = round((double)(due_us - g->first_us) * g->hz / 1e6), n = due + 1;
    if (policy == ORO_MISSED_ALL || now_us < beat_at(g, n))
        return beat_at(g, n);
    n = floor((double)(now_us - g->first_us) * g->hz / 1e6);
    while (beat_at(g, n) <= now_us)
        n++;
    *missed = (uint64_t)(n - due - 1);
    return beat_at(g, n);
}

int64_t
oro_schedule_next(enum oro_missed policy, const struct oro_grid *g, int64_t due_us, int64_t now_us,
                  uint64_t *missed)
{
    *missed = 0;
    if (policy == ORO_MISSED_DELAY)
        return oro_schedule_after(now_us, g->interval_us);
    if (g->hz > 0)
        return next_by_rate(policy, g, due_us, now_us, missed);
    if (policy == ORO_MISSED_ALL)
        return oro_schedule_after(due_us, g->interval_us);
    return oro_timer_next_tick(due_us, g->interval_us, now_us, missed);
}
