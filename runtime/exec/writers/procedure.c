/* runtime/exec/writers/procedure.c - a procedure on a worker of the pool for them. It is in no transaction, but for those that it
 * asks for (procedure_tx.c). Its last record is of its end, with what it returned, so that its caller hears of its changes before. */
#include "runtime/exec/writers/attempt.h"

#include "bridge/bsatn/value.h"

#include <stdio.h>

static void
count(struct worker *w, const struct attempt *a, oro_status st, int64_t us)
{
    struct reducer_metrics *m = &w->pool->metrics[a->reducer->id];
    bool refused = st == ORO_EUSER || st == ORO_EINVAL;
    oro_metric_add(m->calls, 1);
    if (st != ORO_OK)
        oro_metric_add(refused ? m->refusals : m->errors, 1);
    oro_metric_observe_us(m->duration, us);
}

/* Arguments that do not fit: nothing has run, and no clock has started. */
static struct outcome
misfit(struct worker *w, struct attempt *a, struct oro_origin *origin, struct oro_bb *text)
{
    struct outcome out = attempt_failure(a, ORO_EINVAL);
    oro_bb_printf(text, "invalid arguments for procedure %s: %.*s", a->reducer->name,
                  (int)out.text.len, (const char *)out.text.data);
    origin->timestamp_us = origin->elapsed_us = 0;
    return (struct outcome){ORO_EINVAL, oro_bb_bytes(text), {0}};
}

/* What a request gets. Here, since a net thread makes nothing that may be long. */
static void
to_json(const struct attempt *a, struct oro_bb *result)
{
    struct oro_bb json = {0};
    static const uint8_t nothing;
    oro_value_to_json(a->reducer->returns, result->data != NULL ? result->data : &nothing,
                      ORO_JSON_POSITIONAL, &json);
    oro_bb_fini(result);
    *result = json;
}

static struct outcome
ended(struct worker *w, struct attempt *a, struct oro_origin *origin, oro_status st, bool outdated,
      struct oro_bb *result)
{
    static const char reloaded[] = "the module was reloaded while the procedure ran";
    oro_worker_log_flush(w);
    if (outdated) {
        oro_log_limited(ORO_LOG_WARN, "module", "a procedure was cut off: %s", reloaded);
        return (struct outcome){ORO_EREFUSED, oro_bytes_str(reloaded), {0}};
    }
    count(w, a, st, origin->elapsed_us);
    if (st == ORO_OK && a->job->who->caller == ORO_CALLER_HTTP)
        to_json(a, result);
    if (st == ORO_OK)
        return (struct outcome){ORO_OK, oro_bb_bytes(result), {0}};
    oro_bb_clear(result);
    return st == ORO_EINVAL ? misfit(w, a, origin, result) : attempt_failure(a, st);
}

void
run_procedure(struct worker *w, const struct oro_job *job)
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
    if (job->who != NULL && !oro_principal_waits(job->who)) {
        publish_failure(w, &origin,
                        (struct outcome){ORO_EREFUSED, oro_bytes_str("its caller has gone"), {0}});
        return;
    }
    int64_t limit =
        c->reducer->timeout_us > 0 ? c->reducer->timeout_us : w->pool->opt.procedure_timeout_us;
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
    publish_failure(w, &origin, ended(w, &a, &origin, st, outdated, &result));
    atomic_store_explicit(&w->running, NULL, memory_order_relaxed);
    oro_bb_fini(&result);
}
