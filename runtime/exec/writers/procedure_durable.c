/* runtime/exec/writers/procedure_durable.c - a procedure goes on behind a transaction when that is on disk, if its caller wants what he is
 * told confirmed; scheduled ones always. Nothing is held meanwhile. The wait of a `def` is in procedure_tx.c. */
#include "runtime/exec/writers/procedure_priv.h"

uint64_t
oro_pool_durable_seq(const struct oro_pool *p)
{
    return p->opt.hooks.durable != NULL ? p->opt.hooks.durable(p->opt.hooks.arg) : UINT64_MAX;
}

uint64_t
oro_procedure_unsure(void *host)
{
    struct worker *w = host;
    const struct oro_job *job = w->job;
    bool confirmed = job->who == NULL || job->confirmed;
    return confirmed && oro_pool_durable_seq(w->pool) < w->loop.tx_seq ? w->loop.tx_seq : 0;
}

uint64_t
oro_procedure_durable(void *host)
{
    struct worker *w = host;
    return w->loop.durable_seq = oro_pool_durable_seq(w->pool);
}

bool
oro_procedure_disk_moved(const struct worker *w)
{
    return w->loop.unsure > 0 && oro_pool_durable_seq(w->pool) != w->loop.durable_seq;
}

void
oro_procedure_waits_for_disk(void *host, bool waits)
{
    struct worker *w = host;
    if (waits) {
        w->loop.unsure++;
        atomic_fetch_add(&w->pool->loop.unsure, 1);
    } else {
        ORO_ASSERT(w->loop.unsure > 0);
        w->loop.unsure--;
        atomic_fetch_sub(&w->pool->loop.unsure, 1);
    }
}

void
oro_pool_durable_moved(struct oro_pool *p)
{
    if (p == NULL || atomic_load(&p->loop.unsure) == 0)
        return;
    oro_wake_broadcast(&p->wake);
    oro_wake_broadcast(&p->govern_wake);
}
