/* A worker that cannot be interrupted is given up: its transaction is aborted, its caller gets an error, and a successor with an
 * interpreter of its own goes on in its place. The thread itself stays where it is. Should it ever come back, it meets
 * oro_worker_back() or, in Python code, its interpreter's next step (oro_py_abandon), and sleeps there for ever.
 *
 * Only who is in Python code is given up, since then it holds nothing of the store. The watchdog asks first, and looks a while
 * later: by then a worker that went back into our code has either shown that, or waits for what becomes of it. */
#include "runtime/base/clock.h"
#include "runtime/exec/writers/pool_priv.h"

#include <unistd.h>

#define ASKED_US 100000 /* longer than any store takes to be seen */

void
oro_worker_leave_python(struct worker *w)
{
    int given;
    while ((given = atomic_load(&w->given_up)) != GIVEN_UP_NOT) {
        if (given == GIVEN_UP)
            pause();
        else
            usleep(1000);
    }
}

static void
process_end(const char *why)
{
    oro_log(ORO_LOG_ERROR, "watchdog",
            "%s: the process ends (%d) and has to be started again; what was confirmed is on disk",
            why, ORO_EXIT_STUCK);
    oro_log_stop(1000);
    _exit(ORO_EXIT_STUCK);
}

/* By `new` nothing of the old one is shared but the session, which is in nobody's hands now. */
static void
replace(struct oro_pool *p, unsigned i)
{
    struct worker *old = p->workers[i];
    oro_py_abandon(old->py);
    p->lost++;
    oro_metric_add(p->lost_workers, 1);
    oro_log(ORO_LOG_ERROR, "watchdog", "worker %u is given up; another one takes its place", i);
    if (p->opt.main_interpreter)
        process_end("with isolation = \"main\" there is only one interpreter");
    if (p->lost > p->opt.max_lost)
        process_end("more workers are lost than server.max_lost_workers");
    struct worker *w = oro_aligned_alloc(ORO_CACHE_LINE, sizeof(*w));
    w->pool = p;
    w->number = i;
    w->predecessor = old;
    w->session = old->session;
    atomic_store(&w->ended, atomic_load(&old->ended));
    atomic_store(&w->in_vain, atomic_load(&old->in_vain));
    if (old->tx != NULL) /* a procedure may be in none */
        oro_tx_abort(old->tx);
    p->workers[i] = w;
    struct oro_err err = {0};
    if (oro_thread_start(&w->thread, ORO_THREAD_WORKER, "worker", 0, oro_successor_main, w, &err) !=
        ORO_OK)
        process_end(err.text);
}

void
oro_successor_look(struct oro_pool *p, unsigned i, bool stuck, int64_t now_us)
{
    struct worker *w = p->workers[i];
    bool due = stuck && p->opt.give_up_us > 0 && atomic_load(&p->hurry) == HURRY_NOT &&
               !atomic_load(&p->stopping) && !atomic_load(&p->ending) &&
               !atomic_load(&p->reloading) && w->session != NULL && w->stuck_generation != 0 &&
               now_us - w->stuck_us >= p->opt.give_up_us;
    if (atomic_load(&w->given_up) == GIVEN_UP_NOT) {
        if (!due)
            return;
        w->asked_us = now_us;
        atomic_store(&w->given_up, GIVEN_UP_ASKED);
        return;
    }
    if (due && now_us - w->asked_us < ASKED_US)
        return;
    if (!due || atomic_load(&w->in_python) == 0) {
        atomic_store(&w->given_up, GIVEN_UP_NOT);
        return;
    }
    atomic_store(&w->given_up, GIVEN_UP);
    replace(p, i);
}

void *
oro_successor_main(void *arg)
{
    struct worker *w = arg;
    oro_worker_takeover(w);
    oro_status st = oro_successor_serve(w);
    if (st != ORO_OK)
        process_end(w->report != NULL ? w->report : w->err.text);
    return NULL;
}
