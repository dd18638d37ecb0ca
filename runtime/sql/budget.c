/* What a question has left. */
#include "runtime/sql/sql_priv.h"

#include <time.h>

#include "runtime/base/clock.h"

#define STEP_NS 10 /* as query.max_steps is explained: 50,000,000 are half a second */
#define LONG_NS \
    100000 /* a function was at work, or somebody else: worth a look at the thread's own clock */

bool
sql_engine_pay(struct sql_engine *e, uint64_t n)
{
    struct oro_sql_ask *ask = e->ask;
    if (ask->stop != NULL && atomic_load_explicit(ask->stop, memory_order_relaxed)) {
        e->stopped = true;
        return false;
    }
    if (n > ask->steps) {
        ask->steps = 0;
        ask->spent = true;
        return false;
    }
    ask->steps -= n;
    return true;
}

static uint64_t
thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void
sql_engine_begin(struct sql_engine *e)
{
    e->looked_ns = oro_mono_ns();
    e->cpu_ns = thread_ns();
    e->paid = 0;
}

bool
sql_engine_tick(struct sql_engine *e, uint64_t n)
{
    uint64_t now = oro_mono_ns();
    bool took_long = now - e->looked_ns > LONG_NS;
    e->looked_ns = now;
    e->paid += n;
    if (!took_long)
        return sql_engine_pay(e, n);
    uint64_t cpu = thread_ns(), worth = (cpu - e->cpu_ns) / STEP_NS;
    if (worth > e->paid)
        n += worth - e->paid;
    e->cpu_ns = cpu;
    e->paid = 0;
    return sql_engine_pay(e, n);
}
