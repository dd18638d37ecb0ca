/* runtime/exec/writers/requests.c - requests of procedures to services outside. A thread of the pool's has them get on
 * (fetch/pump.h); what coroutines ask for lies in their worker's box when it is done. */
#include "runtime/exec/writers/procedure_priv.h"

/* On the pump's thread. Workers wait for work, procedures within one for time. */
static void
told(void *arg)
{
    struct oro_pool *p = arg;
    oro_wake_broadcast(&p->wake);
    oro_wake_broadcast(&p->govern_wake);
}

static oro_status
pump_of(struct oro_pool *p, struct oro_pump **out, struct oro_err *err)
{
    oro_status st = ORO_OK;
    pthread_mutex_lock(&p->loop.pump_lock);
    if (p->loop.pump == NULL) {
        struct oro_pump_options opt = {.limits = p->opt.fetch, .told = told, .arg = p};
        st = oro_pump_start(&opt, &p->loop.pump, err);
    }
    *out = p->loop.pump;
    pthread_mutex_unlock(&p->loop.pump_lock);
    return st;
}

oro_status
oro_request_begin(struct worker *w, struct oro_pump_box *box, const struct oro_fetch_ask *ask,
               uint64_t number, struct oro_pumped **out, struct oro_err *err)
{
    struct oro_pump *pump;
    oro_status st = pump_of(w->pool, &pump, err);
    if (st == ORO_OK)
        st = oro_pump_ask(pump, box, ask, number, out, err);
    if (st != ORO_OK)
        return st;
    oro_metric_add(w->pool->requests, 1);
    oro_metric_add(w->pool->open_requests, 1);
    return ORO_OK;
}

oro_status
oro_request_take(struct worker *w, struct oro_pumped *r, struct oro_fetched *got,
                 struct oro_err *err)
{
    oro_status st = oro_pumped_take(r, got, err);
    if (st != ORO_OK)
        oro_metric_add(w->pool->failed_requests, 1);
    oro_request_end(w, r);
    return st;
}

void
oro_request_end(struct worker *w, struct oro_pumped *r)
{
    oro_pumped_end(r);
    oro_metric_add(w->pool->open_requests, -1);
}
