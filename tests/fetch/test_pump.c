/* Requests of a pump that are ended while its thread takes them up. Nothing is there that would answer them. */
#include <criterion/criterion.h>

#include "runtime/base/clock.h"
#include "runtime/fetch/pump.h"

#define MANY 64
#define ROUNDS 200
#define PATIENCE_US 30000000

static void
nothing(void *arg)
{
    (void)arg;
}

static struct oro_pump *
start(void)
{
    struct oro_pump *p;
    struct oro_err err = {0};
    const struct oro_pump_options opt = {.limits = {.anywhere = true,
                                                    .max_body = 1024,
                                                    .timeout_us = 1000000,
                                                    .max_timeout_us = 1000000},
                                         .told = nothing};
    oro_status st = oro_pump_start(&opt, &p, &err);
    if (st == ORO_ENOTFOUND)
        cr_skip("there is no libcurl");
    cr_assert_eq(st, ORO_OK, "%s", err.text);
    return p;
}

static struct oro_pumped *
ask(struct oro_pump *p, struct oro_pump_box *box, uint64_t number)
{
    const struct oro_fetch_ask ask = {.method = "GET", .url = "http://127.0.0.1:1/"};
    struct oro_pumped *r;
    struct oro_err err = {0};
    cr_assert_eq(oro_pump_ask(p, box, &ask, number, &r, &err), ORO_OK, "%s", err.text);
    return r;
}

static bool
comes(struct oro_pump *p, struct oro_pump_box *box, uint64_t number)
{
    int64_t until = oro_mono_us() + PATIENCE_US;
    while (oro_mono_us() < until) {
        struct oro_pumped *r = oro_pump_next(p, box);
        if (r == NULL) {
            sched_yield();
            continue;
        }
        bool it = oro_pumped_number(r) == number;
        oro_pumped_end(r);
        if (it)
            return true;
    }
    return false;
}

/* Each round all but the first are ended, newest and oldest first in turns; the first one is behind all others in the thread's list. */
Test(pump, what_is_ended_takes_nothing_else_along)
{
    struct oro_pump *p = start();
    struct oro_pump_box box = {0};
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        struct oro_pumped *all[MANY];
        (void)ask(p, &box, round);
        for (int i = 0; i < MANY; i++)
            all[i] = ask(p, NULL, 0);
        for (int i = 0; i < MANY; i++)
            oro_pumped_end(all[round % 2 == 0 ? i : MANY - 1 - i]);
        cr_assert(comes(p, &box, round), "round %d: its end has not come", (int)round);
    }
    oro_pump_stop(p);
}
