/* The governor against machines whose conflicts follow a simple law. */
#include <criterion/criterion.h>

#include "runtime/exec/writers/governor.h"

struct machine {
    struct governor g;
    int64_t now;
    double hot;     /* share of attempts in vain for each worker beside the first */
    uint64_t calls; /* of a step */
};

static void
machine_init(struct machine *m, unsigned workers, double hot)
{
    *m = (struct machine){.now = 1000000, .hot = hot, .calls = 10000};
    governor_init(&m->g, workers);
}

/* Runs so many steps; gives the mean number of active workers. */
static double
run(struct machine *m, unsigned steps)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < steps; i++) {
        double share = m->hot * (m->g.active - 1);
        if (share > 0.9)
            share = 0.9;
        m->now += GOVERNOR_STEP_US;
        governor_step(&m->g, m->calls, (uint64_t)((double)m->calls * share / (1 - share)), m->now);
        cr_assert(m->g.active >= 1 && m->g.active <= m->g.workers);
        sum += m->g.active;
    }
    return (double)sum / steps;
}

Test(governor, all_workers_run_while_there_are_few_conflicts)
{
    struct machine m;
    machine_init(&m, 8, 0.02);
    cr_assert_float_eq(run(&m, 1000), 8, 0.001);
}

Test(governor, one_worker_runs_where_all_want_the_same_rows)
{
    struct machine m;
    machine_init(&m, 8, 0.6);
    run(&m, 3);
    cr_assert_eq(m.g.active, 1);
    run(&m, 200);
    cr_assert_leq(run(&m, 1000), 1.05); /* it still tries a second one now and then */
}

Test(governor, it_settles_where_the_share_is_bearable)
{
    struct machine m;
    machine_init(&m, 8, 0.06); /* 4 workers: 18 % */
    run(&m, 200);
    double mean = run(&m, 1000);
    cr_assert(mean > 3.7 && mean < 4.3, "%f", mean);
}

Test(governor, workers_come_back_when_the_rush_is_over)
{
    struct machine m;
    machine_init(&m, 8, 0.6);
    run(&m, 1000);
    m.hot = 0;
    run(&m, 600);
    cr_assert_eq(m.g.active, 8);
}

Test(governor, few_calls_have_all_workers)
{
    struct machine m;
    machine_init(&m, 4, 0.6);
    run(&m, 10);
    cr_assert_eq(m.g.active, 1);
    m.calls = 3;
    run(&m, 1);
    cr_assert_eq(m.g.active, 4);
}
