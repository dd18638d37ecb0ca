/* Notices a reducer that has run longer than its limit and interrupts it (spec/python-api.md 14). */
#include "runtime/base/clock.h"
#include "runtime/worker/pool_priv.h"

#define CHECK_US 10000 /* how often; a limit is exact to about this much */

static void *
watchdog_main(void *arg)
{
    struct oro_pool *p = arg;
    static struct oro_wake never;
    while (!atomic_load(&p->stopping)) {
        oro_wake_wait(&never, oro_wake_prepare(&never), CHECK_US);
        int64_t now = oro_mono_us();
        for (unsigned i = 0; i < p->started; i++) {
            struct worker *w = &p->workers[i];
            uint64_t generation = atomic_load(&w->generation);
            int64_t deadline = atomic_load(&w->deadline_us);
            /* The generation was read first: if the call ended in between, the interrupt names one that is over. */
            if (deadline != 0 && now > deadline)
                oro_py_interrupt(w->py, generation);
        }
    }
    return NULL;
}

oro_status
oro_watchdog_start(struct oro_pool *p, struct oro_err *err)
{
    oro_status st = oro_thread_start(&p->watchdog, ORO_THREAD_OTHER, "watchdog", 256 * 1024, watchdog_main, p, err);
    p->watchdog_runs = st == ORO_OK;
    return st;
}

void
oro_watchdog_stop(struct oro_pool *p)
{
    if (!p->watchdog_runs)
        return;
    atomic_store(&p->stopping, true);
    oro_thread_join(p->watchdog);
    p->watchdog_runs = false;
}
