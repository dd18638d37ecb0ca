#include "runtime/timers/schedule.h"

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

int64_t
oro_schedule_next(enum oro_missed policy, int64_t due_us, int64_t interval_us, int64_t now_us,
                  uint64_t *missed)
{
    *missed = 0;
    if (policy == ORO_MISSED_DELAY)
        return oro_schedule_after(now_us, interval_us);
    if (policy == ORO_MISSED_ALL)
        return oro_schedule_after(due_us, interval_us);
    return oro_timer_next_tick(due_us, interval_us, now_us, missed);
}
