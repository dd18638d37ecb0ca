/* runtime/exec/writers/procedure.c - a procedure on a worker of the pool for them. It is in no transaction, but for those that it
 * asks for (procedure_tx.c). Its last record is of its end, with what it returned, so that its caller hears of its changes before. */
#include "runtime/exec/writers/procedure_priv.h"

#include <stdio.h>

static int64_t
limit_of(const struct worker *w, const struct oro_reducer_def *r)
{
    return r->timeout_us > 0 ? r->timeout_us : w->pool->opt.procedure_timeout_us;
}

/* Nobody waits for it any more, and it has not begun. */
static bool
is_left(const struct oro_job *job)
{
    return job->who != NULL && !oro_principal_waits(job->who);
}

static void
refuse(struct worker *w, struct oro_origin *origin)
{
    publish_failure(w, origin,
                    (struct outcome){ORO_EREFUSED, oro_bytes_str("its caller has gone"), {0}});
}

void
run_coroutine(struct worker *w, struct oro_job *job)
{
    const struct oro_job_call *c = &job->calls[0];
    if (is_left(job)) {
        struct attempt a = attempt_new(w, job, c->reducer, c->args);
        struct oro_origin origin = origin_of(&a, ORO_ORIGIN_PROCEDURE, c->request_id);
        refuse(w, &origin);
        oro_job_free(w->pool, job, ORO_EREFUSED, (struct oro_bytes){0});
        return;
    }
    oro_coroutine_begin(w, job, limit_of(w, c->reducer));
}

void
run_procedure(struct worker *w, struct oro_job *job)
{
    ORO_ASSERT_OWNER(&w->owner);
    const struct oro_job_call *c = &job->calls[0];
    struct attempt a = attempt_new(w, job, c->reducer, c->args);
    struct oro_origin origin = origin_of(&a, ORO_ORIGIN_PROCEDURE, c->request_id);
    if (c->reducer == NULL) {
        origin.timestamp_us = 0;
        publish_failure(w, &origin, (struct outcome){ORO_EREFUSED, oro_bytes_str(c->refusal), {0}});
        return;
    }
    if (is_left(job)) {
        refuse(w, &origin);
        return;
    }
    if (job->at_us > a.call.timestamp_us)
        a.call.timestamp_us = origin.timestamp_us = job->at_us;
    int64_t limit = limit_of(w, c->reducer);
    int64_t began = oro_mono_us();
    struct oro_bb result = {0};
    bool outdated;
    snprintf(w->procedure_name, sizeof(w->procedure_name), "%s", c->reducer->name);
    w->procedure_end_us = limit > 0 ? began + limit : INT64_MAX;
    w->origin = &origin;
    atomic_store_explicit(&w->running, w->procedure_name, memory_order_relaxed);
    oro_worker_watch(w, limit);
    oro_worker_enter_python(w);
    oro_status st = oro_py_procedure(w->py, &a.call, &result, &outdated);
    oro_worker_back(w);
    atomic_store_explicit(&w->deadline_us, 0, memory_order_release);
    origin.elapsed_us = oro_mono_us() - began;
    publish_failure(w, &origin, oro_procedure_outcome(w, &a, &origin, st, outdated, &result));
    if (outdated)
        job->timer.table = NULL; /* of the old version: all timers are armed anew */
    atomic_store_explicit(&w->running, NULL, memory_order_relaxed);
    oro_bb_fini(&result);
}
