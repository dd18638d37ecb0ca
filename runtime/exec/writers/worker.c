/* runtime/exec/writers/worker.c - the life of a worker's thread: an interpreter, the module in it, serving, the end. */
#include "runtime/exec/writers/pool_priv.h"

void
oro_worker_phase(struct worker *w, enum worker_phase to)
{
    static const unsigned next[PHASE_ENDED + 1] = {
        [PHASE_STARTING] = 1u << PHASE_LOADED | 1u << PHASE_FAILED,
        [PHASE_LOADED] = 1u << PHASE_BIND,
        [PHASE_BIND] = 1u << PHASE_SERVING | 1u << PHASE_FAILED,
        [PHASE_SERVING] = 1u << PHASE_ENDED,
        [PHASE_STOP] = 1u << PHASE_ENDED,
    }; /* and STOP, from LOADED and SERVING: pool.c, by an exchange */
    ORO_ASSERT(next[atomic_load(&w->phase)] & 1u << to);
    atomic_store(&w->phase, to);
    oro_wake_broadcast(&w->pool->phase_wake);
}

/* What another thread asks for is done meanwhile (migrate.c). */
static int
phase_wait(struct worker *w, int phase)
{
    for (;;) {
        unsigned seen = oro_wake_prepare(&w->pool->phase_wake);
        int now = atomic_load(&w->phase);
        if (now > phase)
            return now;
        if (atomic_load(&w->safepoint) == SAFEPOINT_ASKED) {
            oro_py_acquire(w->py);
            oro_worker_safepoint(w);
            oro_py_release(w->py);
            continue;
        }
        oro_wake_wait(&w->pool->phase_wake, seen, -1);
    }
}

static oro_status
module_load(struct worker *w)
{
    struct oro_pool *p = w->pool;
    oro_worker_watch(w, p->opt.import_timeout_us);
    oro_status st = oro_py_load(w->py, p->opt.module_path, p->opt.module_name, &w->descriptor,
                                &w->report, &w->err);
    atomic_store_explicit(&w->deadline_us, 0, memory_order_release);
    if (st == ORO_OK && w->number > 0 && strcmp(w->descriptor, p->workers[0]->descriptor) != 0)
        st = oro_err_set(&w->err, ORO_EINVAL, ORO_POOL_UNLIKE);
    return st;
}

/* For those that are `async def`: what they need is imported before somebody waits. */
static void
loop_prepare(struct worker *w)
{
    const struct oro_schema *s = w->pool->schema;
    bool any = false;
    for (uint32_t i = s->nreducers;
         w->pool->opt.for_procedures && i < s->nreducers + s->nprocedures; i++)
        any = any || s->reducers[i].is_async;
    if (any)
        oro_py_loop_prepare(w->py);
}

/* Nobody interrupts its interpreter from now on. */
static void
unwatch(struct worker *w)
{
    oro_spin_lock(&w->watch);
    w->unwatched = true;
    oro_spin_unlock(&w->watch);
}

void *
oro_worker_main(void *arg)
{
    struct worker *w = arg;
    struct oro_pool *p = w->pool;
    oro_status st = oro_py_open(w->number, &oro_worker_host_ops, &w->py, &w->err);
    if (st != ORO_OK) {
        oro_worker_phase(w, PHASE_FAILED);
        return NULL;
    }
    st = module_load(w);
    if (st != ORO_OK) {
        unwatch(w);
        oro_py_close(w->py);
        oro_worker_phase(w, PHASE_FAILED);
        return NULL;
    }
    oro_worker_phase(w, PHASE_LOADED);
    oro_py_release(w->py);
    int phase = phase_wait(w, PHASE_LOADED);
    oro_py_acquire(w->py);
    if (phase == PHASE_BIND && (st = oro_py_bind(w->py, p->schema, &w->err)) == ORO_OK) {
        w->session = oro_session_open(p->store);
        oro_worker_metrics_make(w);
        loop_prepare(w);
        if (w->number == 0)
            oro_metric_on_read(oro_pool_stats_read, p);
        oro_worker_phase(w, PHASE_SERVING);
        oro_worker_serve(w);
        if (w->number == 0)
            oro_metric_off_read(oro_pool_stats_read, p);
        oro_session_close(w->session);
    }
    unwatch(w);
    oro_py_close(w->py);
    oro_worker_phase(w, st != ORO_OK ? PHASE_FAILED : PHASE_ENDED);
    return NULL;
}

oro_status
oro_successor_serve(struct worker *w)
{
    struct oro_pool *p = w->pool;
    oro_status st = oro_py_open(w->number, &oro_worker_host_ops, &w->py, &w->err);
    if (st == ORO_OK)
        st = oro_py_load(w->py, p->opt.module_path, p->opt.module_name, &w->descriptor, &w->report,
                         &w->err);
    if (st == ORO_OK && strcmp(w->descriptor, w->predecessor->descriptor) != 0)
        st = oro_err_set(&w->err, ORO_EINVAL, "the module has changed since it was loaded");
    if (st == ORO_OK)
        st = oro_py_bind(w->py, p->schema, &w->err);
    if (st != ORO_OK)
        return st;
    oro_worker_metrics_make(w);
    int starting = PHASE_STARTING;
    if (!atomic_compare_exchange_strong(&w->phase, &starting, PHASE_SERVING))
        return ORO_OK; /* a stop came first */
    oro_worker_serve(w);
    oro_worker_phase(w, PHASE_ENDED); /* what it has goes with the process */
    return ORO_OK;
}
