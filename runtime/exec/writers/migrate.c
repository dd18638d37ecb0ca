/* Rows through the module's @migration hook, on a worker that serves nobody meanwhile (pool.h). At a start no watchdog runs yet, so
 * who waits interrupts what takes too long. */
#include "runtime/base/clock.h"
#include "runtime/exec/writers/pool_priv.h"

#define LOOK_US 10000
#define GRACE_US 5000000 /* a hook that has not ended so long after its limit is in C code */

/* With what the hook writes to: it may outlive the patience of who asked. */
struct map_work {
    struct oro_py_map m;
    struct oro_bb out;
    int64_t limit_us;
    oro_status status;
    struct oro_err err;
};

static void
map_work(struct worker *w, void *arg)
{
    struct map_work *e = arg;
    oro_worker_watch(w, e->limit_us);
    e->status = oro_py_map_rows(w->py, &e->m, &e->err);
    atomic_store_explicit(&w->deadline_us, 0, memory_order_release);
}

/* In the order of the watchdog. */
static void
interrupt_late(struct worker *w)
{
    uint64_t generation = atomic_load(&w->generation);
    int64_t deadline = atomic_load(&w->deadline_us);
    if (deadline == 0 || oro_mono_us() < deadline)
        return;
    oro_spin_lock(&w->watch);
    if (!w->unwatched)
        oro_py_interrupt(w->py, generation);
    oro_spin_unlock(&w->watch);
}

oro_status
oro_pool_map_rows(struct oro_pool *p, const struct oro_py_map *m, int64_t limit_us,
                  struct oro_err *err)
{
    /* On the heap: a hook that never ends keeps it. */
    struct map_work *e = ORO_NEW(struct map_work);
    struct worker *w = p->workers[0];
    int64_t patience = limit_us > 0 ? oro_mono_us() + limit_us + GRACE_US : INT64_MAX;
    *e = (struct map_work){.m = *m, .limit_us = limit_us, .status = ORO_EINTERNAL};
    e->m.out = &e->out;
    e->m.ends = ORO_NEW_ARRAY(size_t, m->n + 1);
    bool asked = oro_worker_ask(p, 0, 1, map_work, e);
    while (asked && !oro_worker_asked_done(p, LOOK_US)) {
        interrupt_late(w);
        if (oro_mono_us() > patience)
            return oro_err_set(err, ORO_ETIMEOUT,
                               "the @migration hook %s has not ended within "
                               "reducer.init_timeout_ms, and cannot be interrupted",
                               m->now->migration);
    }
    oro_status st = asked ? e->status : ORO_ETIMEOUT;
    if (st == ORO_ETIMEOUT) /* it was interrupted: nothing hangs */
        st = ORO_EINVAL;
    if (st != ORO_OK)
        oro_err_set(err, st, "%s", asked ? e->err.text : "a worker does not answer");
    if (st == ORO_OK) {
        ORO_ASSERT(m->out->len == 0); /* the ends count from its beginning */
        oro_bb_put_bytes(m->out, oro_bb_bytes(&e->out));
        memcpy(m->ends, e->m.ends, m->n * sizeof(*m->ends));
    }
    oro_bb_fini(&e->out);
    oro_free(e->m.ends);
    oro_free(e);
    return st;
}
