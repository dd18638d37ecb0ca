/* runtime/exec/writers/updated.c - the @updated hook of a version that was just adopted: all stand still, so nothing comes before it. */
#include <stdio.h>

#include "runtime/exec/writers/attempt.h"

#define GRACE_US 5000000 /* one that has not ended so long after its limit is in C code */

/* On the heap: a hook that never ends keeps it. */
struct updated {
    struct oro_job *job;
    oro_status status;
    char text[sizeof(((struct oro_err *)NULL)->text)];
};

static void
updated_safepoint(struct worker *w, void *arg)
{
    struct updated *u = arg;
    struct outcome out = run_updated(w, u->job);
    u->status = out.status;
    snprintf(u->text, sizeof(u->text), "%.*s", (int)out.text.len,
             out.text.len > 0 ? (const char *)out.text.data : "");
    w->published = w->scheduled_dirty = false; /* whoever asked tells the layer above */
}

oro_status
oro_pool_updated(struct oro_pool *p, struct oro_job *job, struct oro_err *err)
{
    ORO_ASSERT(atomic_load(&p->paused));
    int64_t limit = p->opt.init_timeout_us;
    struct updated *u = ORO_NEW(struct updated);
    *u = (struct updated){.job = job, .status = ORO_EINTERNAL};
    if (!oro_worker_ask(p, 0, 1, updated_safepoint, u) ||
        !oro_worker_asked_done(p, limit > 0 ? limit + GRACE_US : -1))
        return oro_err_set(err, ORO_ETIMEOUT, "@updated does not end, and cannot be interrupted");
    oro_status st = u->status;
    if (st != ORO_OK)
        oro_err_set(err, st, "@updated has failed, and what it wrote is undone: %.800s", u->text);
    oro_job_drop(job);
    oro_free(u);
    return st;
}
