/* runtime/exec/writers/procedure_end.c - what becomes of a procedure that has ended: its numbers, and what its record says. */
#include "runtime/exec/writers/procedure_priv.h"

#include "bridge/bsatn/value.h"

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

struct outcome
oro_procedure_outcome(struct worker *w, struct attempt *a, struct oro_origin *origin,
                      oro_status st, bool outdated, struct oro_bb *result)
{
    static const char reloaded[] = "the module was reloaded while the procedure ran";
    oro_worker_log_flush(w);
    if (outdated) {
        oro_log_limited(ORO_LOG_WARN, "module", "a procedure was cut off: %s", reloaded);
        return (struct outcome){ORO_EREFUSED, oro_bytes_str(reloaded), {0}};
    }
    count(w, a, st, origin->elapsed_us);
    if (st == ORO_OK && a->job->who != NULL && a->job->who->caller == ORO_CALLER_HTTP)
        to_json(a, result);
    if (st == ORO_OK)
        return (struct outcome){ORO_OK, oro_bb_bytes(result), {0}};
    oro_bb_clear(result);
    return st == ORO_EINVAL ? misfit(w, a, origin, result) : attempt_failure(a, st);
}
