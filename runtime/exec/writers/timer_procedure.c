/* runtime/exec/writers/timer_procedure.c - timers whose target is a procedure, which runs in another pool and outside of their transaction.
 *
 * A row with a time goes in a transaction of its own before the procedure begins, which so does not find it (docs/procedures.md): it runs at
 * most once. One that repeats stays, and its turn lasts until the procedure has ended, so that it never runs beside itself. */
#include "runtime/exec/writers/attempt.h"

bool
timer_asks(struct attempt *a, bool repeats)
{
    struct oro_origin *origin = a->w->origin;
    oro_buf_unref(a->asked); /* of an attempt before */
    a->asked = oro_buf_copy(a->call.args);
    if (!repeats)
        return false;
    origin->kind = ORO_ORIGIN_INTERNAL; /* the record of its turn comes later */
    origin->request_id = 0;
    return true;
}

void
timer_call(struct worker *w, struct attempt *a)
{
    const struct oro_pool_hooks *hooks = &w->pool->opt.hooks;
    if (hooks->procedure == NULL) { /* tests of modules */
        oro_log_limited(ORO_LOG_WARN, "module", "%s is due, and is a procedure, which does not run here",
                        a->procedure->name);
        oro_buf_unref(a->asked);
        return;
    }
    struct oro_job *job = oro_job_new(ORO_JOB_PROCEDURE, NULL, 1);
    job->frame = a->asked;
    job->at_us = a->call.timestamp_us;
    job->calls[0] = (struct oro_job_call){.reducer = a->procedure, .args = oro_buf_bytes(a->asked)};
    if (a->stays)
        job->timer = a->job->timer;
    hooks->procedure(hooks->arg, job);
}
