/* What a million pending timers cost: arming, cancelling and firing in the scheduler, microseconds of the processor for each, so that
 * others on the machine count little. Times lie within the next hundred years; the clocks are the test's.
 *
 *     bench_timers [TIMERS] */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "runtime/base/mem.h"
#include "runtime/base/thread.h"
#include "scheduler/scheduler.h"

static _Atomic int64_t now = 1000000;
static _Atomic size_t fired;

static int64_t
clock_us(void)
{
    return atomic_load(&now);
}

static void
on_fire(void *arg, struct oro_timer_key key, int64_t due_us)
{
    (void)arg, (void)key, (void)due_us;
    atomic_fetch_add_explicit(&fired, 1, memory_order_relaxed);
}

/* Of this thread, or of all. */
static double
used_us(clockid_t of)
{
    struct timespec t;
    clock_gettime(of, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
say(const char *what, double us, size_t n)
{
    printf("%-28s %8.3f us each\n", what, us / (double)n);
}

int
main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    struct oro_scheduler *s;
    struct oro_err err = {0};
    struct oro_scheduler_options opt = {.fire = on_fire, .wall_us = clock_us, .mono_us = clock_us};
    if (oro_scheduler_start(&opt, &s, &err) != ORO_OK)
        return 1;
    int64_t *due = oro_alloc(n * sizeof(*due));
    uint64_t rng = 1;
    for (size_t i = 0; i < n; i++) {
        rng = rng * 6364136223846793005u + 1442695040888963407u;
        due[i] = 2000000 +
                 (int64_t)(rng >> 11) % (i % 2 == 0 ? INT64_C(1000000) : INT64_C(3155760000000000));
    }
    double begun = used_us(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < n; i++)
        oro_scheduler_arm_mono(s, (struct oro_timer_key){1, i}, due[i]);
    say("arm", used_us(CLOCK_THREAD_CPUTIME_ID) - begun, n);
    begun = used_us(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 1; i < n; i += 2) /* the far ones, so that those to come are in one second */
        oro_scheduler_cancel(s, (struct oro_timer_key){1, i});
    say("cancel, of those", used_us(CLOCK_THREAD_CPUTIME_ID) - begun, n / 2);
    begun = used_us(CLOCK_PROCESS_CPUTIME_ID);
    for (int slice = 0; slice < 100; slice++) { /* that second in steps of 10 ms */
        atomic_store(&now, 2000000 + slice * 10000);
        oro_scheduler_wake(s);
    }
    atomic_store(&now, 3000001);
    oro_scheduler_wake(s);
    while (atomic_load(&fired) < (n + 1) / 2)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    say("fire, of those due", used_us(CLOCK_PROCESS_CPUTIME_ID) - begun, (n + 1) / 2);
    oro_scheduler_stop(s);
    oro_free(due);
    return 0;
}
