/* The wheel against a model, over months of virtual time. */
#include <criterion/criterion.h>

#include "runtime/base/annot.h"
#include "runtime/base/mem.h"
#include "scheduler/wheel.h"

#define MS INT64_C(1000)
#define SEC (1000 * MS)
#define HOUR (3600 * SEC)
#define DAY (24 * HOUR)

static uint64_t
rnd(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

Test(wheel, empty_has_nothing_to_do)
{
    struct oro_wheel *w = oro_wheel_create(123);
    cr_assert_eq(oro_wheel_next(w), INT64_MAX);
    cr_assert_null(oro_wheel_expire(w, 100 * DAY));
    oro_wheel_destroy(w);
    oro_wheel_destroy(NULL);
}

Test(wheel, never_fires_a_microsecond_early)
{
    struct oro_wheel *w = oro_wheel_create(0);
    struct oro_timer t = {0};
    const int64_t due[] = {1,     999,   1000,    1001,    1999,           63999,
                           64000, 64001, SEC + 1, DAY + 7, 400 * DAY + 999};
    for (size_t i = 0; i < ORO_ARRAY_LEN(due); i++) {
        oro_wheel_arm(w, &t, due[i]);
        cr_assert_leq(oro_wheel_next(w), due[i]);
        cr_assert_null(oro_wheel_expire(w, due[i] - 1), "due %lld fired early", (long long)due[i]);
        cr_assert_eq(oro_wheel_next(w), due[i], "one microsecond before, the next time is exact");
        cr_assert_eq(oro_wheel_expire(w, due[i]), &t, "due %lld did not fire", (long long)due[i]);
        cr_assert_not(t.armed);
        cr_assert_null(oro_wheel_expire(w, due[i]));
    }
    oro_wheel_destroy(w);
}

Test(wheel, past_fires_at_once_in_order_of_due_time)
{
    struct oro_wheel *w = oro_wheel_create(10 * SEC);
    struct oro_timer t[4] = {0};
    oro_wheel_arm(w, &t[0], 9 * SEC);
    oro_wheel_arm(w, &t[1], -5);
    oro_wheel_arm(w, &t[2], INT64_MIN);
    oro_wheel_arm(w, &t[3], 10 * SEC);
    cr_assert_eq(oro_wheel_expire(w, 10 * SEC), &t[2]);
    cr_assert_eq(oro_wheel_expire(w, 10 * SEC), &t[1]);
    cr_assert_eq(oro_wheel_expire(w, 10 * SEC), &t[0]);
    cr_assert_eq(oro_wheel_expire(w, 10 * SEC), &t[3]);
    cr_assert_null(oro_wheel_expire(w, 10 * SEC));
    oro_wheel_destroy(w);
}

Test(wheel, equal_due_times_fire_in_the_order_armed)
{
    enum { N = 500 };
    struct oro_wheel *w = oro_wheel_create(0);
    struct oro_timer t[N] = {0};
    for (int i = 0; i < N; i++)
        oro_wheel_arm(w, &t[i], 5 * HOUR);
    for (int i = 0; i < N; i++)
        cr_assert_eq(oro_wheel_expire(w, 6 * HOUR), &t[i]);
    oro_wheel_destroy(w);
}

Test(wheel, cancel_and_rearm)
{
    struct oro_wheel *w = oro_wheel_create(0);
    struct oro_timer a = {0}, b = {0};
    oro_wheel_cancel(w, &a); /* not armed: nothing happens */
    oro_wheel_arm(w, &a, 5 * SEC);
    oro_wheel_arm(w, &b, 5 * SEC);
    oro_wheel_arm(w, &a, DAY);
    oro_wheel_cancel(w, &b);
    cr_assert_null(oro_wheel_expire(w, HOUR));
    oro_wheel_arm(w, &a, 2 * HOUR);
    cr_assert_eq(oro_wheel_expire(w, 2 * DAY), &a);
    cr_assert_null(oro_wheel_expire(w, 2 * DAY));
    cr_assert_eq(oro_wheel_next(w), INT64_MAX);
    oro_wheel_destroy(w);
}

Test(wheel, clock_that_goes_back_fires_nothing_twice)
{
    struct oro_wheel *w = oro_wheel_create(0);
    struct oro_timer a = {0}, b = {0}, c = {0};
    oro_wheel_arm(w, &a, 10 * SEC);
    oro_wheel_arm(w, &b, 20 * SEC);
    cr_assert_eq(oro_wheel_expire(w, 15 * SEC), &a);
    cr_assert_null(oro_wheel_expire(w, 15 * SEC));
    cr_assert_null(oro_wheel_expire(w, 2 * SEC));
    oro_wheel_arm(w, &c, 3 * SEC); /* behind where the wheel stands, ahead of the clock */
    cr_assert_eq(oro_wheel_next(w), 3 * SEC);
    cr_assert_null(oro_wheel_expire(w, 3 * SEC - 1));
    cr_assert_eq(oro_wheel_expire(w, 3 * SEC), &c);
    cr_assert_eq(oro_wheel_expire(w, 20 * SEC), &b);
    oro_wheel_destroy(w);
}

Test(wheel, the_farthest_times_there_are)
{
    struct oro_wheel *w = oro_wheel_create(1795358643000000); /* a wall clock */
    struct oro_timer t[3] = {0};
    oro_wheel_arm(w, &t[0], INT64_MAX);
    oro_wheel_arm(w, &t[1], INT64_MAX - 1);
    oro_wheel_arm(w, &t[2], INT64_MAX / 2);
    cr_assert_null(oro_wheel_expire(w, INT64_MAX / 2 - 1));
    cr_assert_eq(oro_wheel_expire(w, INT64_MAX / 2), &t[2]);
    cr_assert_eq(oro_wheel_expire(w, INT64_MAX), &t[1]);
    cr_assert_eq(oro_wheel_expire(w, INT64_MAX), &t[0]);
    oro_wheel_destroy(w);
}

/* A year of timers of one interval each, the clock moved only to where oro_wheel_next() says. */
Test(wheel, following_next_never_oversleeps_in_a_year)
{
    enum { N = 6 };
    static const int64_t interval[N] = {HOUR, 7 * HOUR + 1, DAY, 3 * DAY + 17, 30 * DAY, 364 * DAY};
    struct oro_wheel *w = oro_wheel_create(0);
    struct oro_timer t[N] = {0};
    int64_t fired[N] = {0}, wakeups = 0, total = 0;
    for (int i = 0; i < N; i++)
        oro_wheel_arm(w, &t[i], interval[i]);
    for (int64_t now; (now = oro_wheel_next(w)) <= 365 * DAY; wakeups++) {
        struct oro_timer *x;
        while ((x = oro_wheel_expire(w, now)) != NULL) {
            size_t i = (size_t)(x - t);
            fired[i]++;
            total++;
            cr_assert_eq(now, x->due_us, "timer %zu fired %lld us late", i,
                         (long long)(now - x->due_us));
            oro_wheel_arm(w, x, x->due_us + interval[i]);
        }
    }
    for (int i = 0; i < N; i++)
        cr_assert_eq(fired[i], 365 * DAY / interval[i], "timer %d fired %lld times", i,
                     (long long)fired[i]);
    cr_assert_leq(wakeups, total * 6, "%lld wake-ups for %lld timers", (long long)wakeups,
                  (long long)total);
    oro_wheel_destroy(w);
}

/* ---- against a list that is searched ---- */

enum { MODEL_TIMERS = 300 };

struct model {
    struct oro_wheel *w;
    struct oro_timer t[MODEL_TIMERS];
    int64_t due[MODEL_TIMERS]; /* INT64_MAX: not armed */
    int64_t now;
    uint64_t seed;
};

static int64_t
model_distance(struct model *m)
{
    static const int64_t scale[] = {2 * MS,   70 * MS,  5 * SEC,  5 * 60 * SEC,
                                    5 * HOUR, 20 * DAY, 900 * DAY};
    int64_t s = scale[rnd(&m->seed) % ORO_ARRAY_LEN(scale)];
    int64_t d = (int64_t)(rnd(&m->seed) % (uint64_t)s);
    return rnd(&m->seed) % 16 == 0 ? -d : d;
}

static int64_t
model_first(const struct model *m)
{
    int64_t first = INT64_MAX;
    for (int i = 0; i < MODEL_TIMERS; i++) {
        if (m->due[i] < first)
            first = m->due[i];
    }
    return first;
}

static void
model_expire(struct model *m)
{
    struct oro_timer *x;
    while ((x = oro_wheel_expire(m->w, m->now)) != NULL) {
        size_t i = (size_t)(x - m->t);
        cr_assert_eq(m->due[i], x->due_us);
        cr_assert_leq(x->due_us, m->now, "fired early");
        cr_assert_eq(x->due_us, model_first(m), "fired out of order");
        m->due[i] = INT64_MAX;
    }
    cr_assert_gt(model_first(m), m->now, "left one that is due");
}

static void
model_run(uint64_t seed, int steps)
{
    struct model m = {.seed = seed, .now = (int64_t)(rnd(&seed) % (uint64_t)(50 * 365 * DAY))};
    m.w = oro_wheel_create(m.now);
    for (int i = 0; i < MODEL_TIMERS; i++)
        m.due[i] = INT64_MAX;
    for (int step = 0; step < steps; step++) {
        size_t i = rnd(&m.seed) % MODEL_TIMERS;
        switch (rnd(&m.seed) % 8) {
        case 0:
            oro_wheel_cancel(m.w, &m.t[i]);
            m.due[i] = INT64_MAX;
            break;
        case 1: /* a jump */
            m.now += model_distance(&m) / 4;
            model_expire(&m);
            break;
        case 2: { /* a sleep of just the right length */
            int64_t next = oro_wheel_next(m.w);
            cr_assert_leq(next, model_first(&m), "would oversleep");
            if (next != INT64_MAX && next > m.now)
                m.now = next;
            model_expire(&m);
            break;
        }
        default:
            m.due[i] = m.now + model_distance(&m);
            oro_wheel_arm(m.w, &m.t[i], m.due[i]);
        }
    }
    m.now = INT64_MAX - 1;
    model_expire(&m);
    cr_assert_eq(oro_wheel_next(m.w), INT64_MAX);
    oro_wheel_destroy(m.w);
}

Test(wheel, agrees_with_a_list)
{
    for (uint64_t seed = 1; seed <= 60; seed++)
        model_run(seed * 0x9e3779b97f4a7c15u, 3000);
}
