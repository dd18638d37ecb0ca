#include "runtime/exec/writers/governor.h"

#define SHARE_HIGH 0.2
#define CALLS_FEW \
    200 /* in a step: nobody waits for long then, and a slow reducer must not hold up the rest */
#define WAIT_FIRST_US GOVERNOR_STEP_US
#define WAIT_MOST_US 6400000
#define PROBE_US 500000 /* too many as soon as this after one more: that one was too many */

void
governor_init(struct governor *g, unsigned workers)
{
    *g = (struct governor){
        .workers = workers, .active = workers, .share = -1, .wait_us = WAIT_FIRST_US};
}

static void
lower(struct governor *g, int64_t now_us)
{
    bool probed = g->raised_us != 0 && now_us - g->raised_us <= PROBE_US;
    g->wait_us = !probed                         ? WAIT_FIRST_US
                 : g->wait_us * 2 < WAIT_MOST_US ? g->wait_us * 2
                                                 : WAIT_MOST_US;
    g->next_us = now_us + g->wait_us;
    /* A probe is taken back, a flood is halved. */
    g->active = probed ? g->active - 1 : g->active / 2;
    g->share = -1;
}

static void
raise(struct governor *g, int64_t now_us)
{
    g->active++;
    g->raised_us = now_us;
    g->next_us = now_us + g->wait_us;
    g->share = -1;
}

bool
governor_step(struct governor *g, uint64_t calls, uint64_t conflicts, int64_t now_us)
{
    unsigned before = g->active;
    if (calls + conflicts < CALLS_FEW) {
        governor_init(g, g->workers);
        return g->active != before;
    }
    double share = (double)conflicts / (double)(calls + conflicts);
    g->share = g->share < 0 ? share : (g->share + share) / 2;
    if (g->active > 1 && g->share > SHARE_HIGH)
        lower(g, now_us);
    else if (g->active < g->workers && now_us >= g->next_us)
        raise(g, now_us);
    return g->active != before;
}
