/* runtime/exec/writers/handler_tx.c - the transactions of a call that runs outside of one: begin and end of struct oro_host_ops. */
#include "runtime/exec/writers/attempt.h"

int64_t
oro_worker_tx_begin(void *host, bool exclusive)
{
    struct worker *w = host;
    oro_worker_back(w);
    ORO_ASSERT_OWNER(&w->owner);
    ORO_ASSERT(w->tx == NULL);
    w->tx = oro_tx_begin(w->session, exclusive);
    w->tx_lines = w->nlog;
    w->measures.tx = w->measures.n;
    w->tx_text = w->log_text.len;
    oro_worker_enter_python(w);
    return oro_pool_time(w->pool, oro_wall_us);
}

oro_status
oro_worker_tx_fits(void *host, struct oro_err *err)
{
    struct worker *w = host;
    ORO_ASSERT(w->tx != NULL);
    return oro_tx_fits(w->tx, err);
}

static oro_status
tx_commit(struct worker *w)
{
    struct oro_call call = {.sender = w->job->who->identity, .function = oro_bytes("", 0)};
    struct oro_origin origin = {
        .kind = ORO_ORIGIN_INTERNAL,
        .shard = w->job->shard,
        .reducer = UINT32_MAX,
        .timestamp_us = oro_pool_time(w->pool, oro_wall_us),
        .call = &call,
    };
    return oro_worker_commit(w, &origin);
}

oro_status
oro_worker_tx_end(void *host, bool commit)
{
    struct worker *w = host;
    oro_worker_back(w);
    ORO_ASSERT_OWNER(&w->owner);
    ORO_ASSERT(w->tx != NULL);
    oro_status st = commit ? tx_commit(w) : oro_tx_validate_abort(w->tx);
    w->tx = NULL;
    if (st != ORO_OK) { /* it is not seen that it was tried */
        oro_metric_add(w->pool->conflicts, 1);
        w->nlog = w->tx_lines;
        w->measures.n = w->measures.tx;
        w->log_text.len = w->tx_text;
    }
    oro_worker_enter_python(w);
    return st;
}
