/* runtime/exec/writers/procedure_http.c - requests of a procedure to services outside, on its worker. As in any wait, what another
 * thread asks for is done meanwhile. */
#include "runtime/exec/writers/procedure_priv.h"

#define LOOK_MS 50 /* how often that is looked for */

static oro_status
answer_wait(struct worker *w, struct oro_fetch *f, struct oro_fetched *got, struct oro_err *err)
{
    for (;;) {
        oro_py_release(w->py);
        oro_fetcher_wait(w->fetcher, LOOK_MS);
        oro_py_acquire(w->py);
        if (oro_fetch_is_done(f))
            return oro_fetch_take(f, got, err);
        oro_status st = oro_procedure_rest(w, 0);
        if (st != ORO_OK)
            return st;
    }
}

static oro_status
fetch(struct worker *w, const struct oro_fetch_ask *ask, struct oro_fetched *got,
      struct oro_err *err)
{
    struct oro_fetch *f;
    oro_status st = w->fetcher == NULL
                        ? oro_fetcher_create(&w->pool->opt.fetch, &w->fetcher, err)
                        : ORO_OK;
    if (st == ORO_OK)
        st = oro_fetch_begin(w->fetcher, ask, &f, err);
    if (st != ORO_OK)
        return st;
    oro_metric_add(w->pool->requests, 1);
    oro_metric_add(w->pool->open_requests, 1);
    st = answer_wait(w, f, got, err);
    oro_fetch_end(f);
    oro_metric_add(w->pool->open_requests, -1);
    if (st != ORO_OK)
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
