/* net/largest.c - who goes when the budget is exceeded: the connection with the largest share, of all shards.
 *
 * The shard that notices it walks its own connections. Whether another one has a larger is known from `largest`, which each shard
 * raises as shares grow and makes exact when it looks; then that one is woken, and looks itself. A shard that does not come to it in
 * time is not waited for: from FAR on everybody cuts its own. */
#include "net/net_priv.h"

#include "net/budget_priv.h"
#include "runtime/base/log.h"

/* Cut until this is free again: a walk over all connections should not be needed for each message. */
#define TARGET(limit) ((limit) - (limit) / 16)
#define FAR(limit) ((limit) + (limit) / 8)

/* The largest share of this shard's connections. */
static size_t
measure(struct shard *s)
{
    size_t most = 0;
    for (uint32_t i = 0; i < s->slot_used; i++) {
        const struct conn *c = s->slots[i];
        if (c != NULL && c->mem + c->kept > most)
            most = c->mem + c->kept;
    }
    atomic_store_explicit(&s->largest, most, memory_order_relaxed);
    return most;
}

/* A shard that has a larger connection than `most`, as far as is known; or NULL. */
static struct shard *
larger_elsewhere(struct shard *s, size_t most)
{
    struct shard *found = NULL;
    for (unsigned i = 0; i < s->net->shard_count; i++) {
        struct shard *other = &s->net->shards[i];
        size_t its = atomic_load_explicit(&other->largest, memory_order_relaxed);
        if (other != s && its > most) {
            most = its;
            found = other;
        }
    }
    return found;
}

/* Cuts connections with a share of at least `least` until `target` is reached. True: it is. */
static bool
cut_down(struct shard *s, size_t least, int64_t target)
{
    for (uint32_t i = 0; i < s->slot_used; i++) {
        struct conn *c = s->slots[i];
        if (c == NULL || c->condemned || c->mem + c->kept < least)
            continue;
        oro_log_limited(ORO_LOG_WARN, "net",
                        "the buffers of all connections take more than net.buffer_memory_mb (%zu "
                        "MB): the largest, with %zu KB, is cut off",
                        s->net->opt.buffer_memory >> 20, (c->mem + c->kept) >> 10);
        conn_cut(c, CAUSE_BUFFERS);
        budget_tell(s);
        if (atomic_load_explicit(&s->net->used, memory_order_relaxed) <= target)
            return true;
    }
    return false;
}

void
budget_enforce(struct shard *s)
{
    ORO_ASSERT_OWNER(&s->owner);
    struct oro_net *net = s->net;
    int64_t limit = (int64_t)net->opt.buffer_memory;
    budget_tell(s);
    bool far = atomic_load_explicit(&net->used, memory_order_relaxed) > FAR(limit);
    if (!budget_over(s) || s->enforcing || (s->asked_us == s->real_us && !far))
        return; /* or another shard was asked in this turn: no walk for each message until it has come to it */
    s->enforcing = true;
    for (bool done = false; !done;) {
        size_t most = measure(s);
        struct shard *other = larger_elsewhere(s, most);
        if (other != NULL && atomic_load_explicit(&net->used, memory_order_relaxed) <= FAR(limit)) {
            ev_async_send(other->loop, &other->async);
            s->asked_us = s->real_us;
            break;
        }
        /* Those of about the same size go in one walk, so that many small ones do not cost one each. */
        done = most == 0 || cut_down(s, most - most / 8, TARGET(limit));
    }
    s->enforcing = false;
}
