/* Where beats lie, and ctx.dt: what needs no thread. */
#include <criterion/criterion.h>

#include "runtime/timers/last_run.h"
#include "runtime/timers/schedule.h"

#define SEC INT64_C(1000000)

Test(schedule, the_nth_beat_of_a_rate_comes_n_over_the_rate_after_the_first)
{
    static const double rates[] = {60, 30, 20, 7, 29.97, 1.0 / 3, 144, 10000};
    for (size_t r = 0; r < ORO_ARRAY_LEN(rates); r++) {
        struct oro_grid g = {.first_us = -5 * SEC, .interval_us = 1, .hz = rates[r]};
        int64_t due = g.first_us;
        uint64_t missed;
        int n = 300 * rates[r] < 1e6 ? (int)(300 * rates[r]) : 1000000;
        for (int i = 1; i <= n; i++) {
            int64_t next = oro_schedule_next(ORO_MISSED_SKIP, &g, due, due, &missed);
            cr_assert(next > due && missed == 0);
            due = next;
        }
        double exact = n * 1e6 / rates[r], is = (double)(due - g.first_us);
        cr_assert(is - exact <= 0.5 && exact - is <= 0.5, "%f beats a second: %f", rates[r], is);
    }
}

Test(schedule, beats_that_were_missed_are_passed_over_or_run_one_by_one)
{
    struct oro_grid g = {.first_us = 100, .interval_us = 33333, .hz = 30};
    uint64_t missed;
    cr_assert_eq(oro_schedule_next(ORO_MISSED_SKIP, &g, 100, 100 + SEC, &missed),
                 100 + SEC + 33333);
    cr_assert_eq(missed, 30);
    cr_assert_eq(oro_schedule_next(ORO_MISSED_SKIP, &g, 100, 100 + SEC - 1, &missed), 100 + SEC);
    cr_assert_eq(missed, 29);
    cr_assert_eq(oro_schedule_next(ORO_MISSED_ALL, &g, 100, 100 + SEC, &missed), 100 + 33333);
    cr_assert_eq(missed, 0);
    cr_assert_eq(oro_schedule_next(ORO_MISSED_DELAY, &g, 100, 7 * SEC, &missed), 7 * SEC + 33333);
    g.hz = 0;
    cr_assert_eq(oro_schedule_next(ORO_MISSED_SKIP, &g, 100, 100 + 33333, &missed), 100 + 66666);
    cr_assert_eq(missed, 1);
}

Test(schedule, a_rate_is_exact_after_a_century)
{
    struct oro_grid g = {.first_us = 0, .interval_us = 16667, .hz = 60};
    int64_t century = INT64_C(36525) * 86400 * SEC;
    uint64_t missed;
    cr_assert_eq(oro_schedule_next(ORO_MISSED_SKIP, &g, 0, century, &missed), century + 16667);
    cr_assert_eq(missed, (uint64_t)(century / SEC) * 60);
}

/* ---- ctx.dt ---- */

Test(last_runs, count_on_the_clock_that_is_never_set)
{
    struct oro_last_runs l;
    oro_last_runs_init(&l);
    cr_assert_eq(oro_last_runs_step(&l, 1, 2, 10 * SEC), 0);
    cr_assert_eq(oro_last_runs_step(&l, 1, 2, 12 * SEC), 2);
    cr_assert_eq(oro_last_runs_step(&l, 1, 3, 13 * SEC), 0);
    oro_last_runs_forget(&l, 1, 2);
    cr_assert_eq(oro_last_runs_step(&l, 1, 2, 14 * SEC), 0);
    oro_last_runs_fini(&l);
}
