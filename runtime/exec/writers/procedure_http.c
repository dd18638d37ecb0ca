/* runtime/exec/writers/procedure_http.c - a request of a `def`, which waits for its answer as it sleeps. */
#include "runtime/exec/writers/procedure_priv.h"

static bool
is_done(void *r)
{
    return oro_pumped_is_done(r);
}

static oro_status
fetch(struct worker *w, const struct oro_fetch_ask *ask, struct oro_fetched *got,
      struct oro_err *err)
{
    struct oro_pumped *r;
    oro_status st = oro_request_begin(w, NULL, ask, 0, &r, err);
    if (st != ORO_OK)
        return st;
    st = oro_procedure_rest(w, INT64_MAX, is_done, r);
    if (st == ORO_OK)
        return oro_request_take(w, r, got, err);
    oro_request_end(w, r);
    oro_metric_add(w->pool->failed_requests, 1);
    return st;
}

oro_status
oro_procedure_fetch(void *host, const struct oro_fetch_ask *ask, struct oro_fetched *got,
                    struct oro_err *err)
{
    struct worker *w = host;
    oro_worker_back(w);
    ORO_ASSERT_OWNER(&w->owner);
    ORO_ASSERT(w->tx == NULL);
    oro_status st = fetch(w, ask, got, err);
    oro_worker_enter_python(w);
    return st;
}
