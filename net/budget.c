/* net/budget.c - one budget for the memory that strangers fill, over all shards: requests and messages that are not complete,
 * what waits to be sent, and what the server keeps for a connection (oro_net_charge): frames and calls that wait, what waits
 * for the disk. Each allocation counts with its overhead.
 *
 * A connection's share is a plain number of its shard; a shard adds up what has changed and tells the rest now and then, so a
 * message costs no atomic operation. Only beyond the limit somebody looks for the largest: the shard that notices it walks its
 * own connections. Whether another one has a larger is known from `largest`, which each shard raises as shares grow and makes
 * exact when it looks; then that one is woken, and looks itself. A shard that does not come to it in time is not waited for:
 * from FAR on everybody cuts its own.
 *
 * Counted buffers that many connections have (what a commit changed, encoded once) count in the budget once, as memory does, from
 * the first connection of the shard that has it to the last. But in the share of each of them they count in full: each keeps it
 * alive, and whoever lets most wait is the largest, be it his own or shared. So nobody has memory for nothing by sharing it,
 * and a thousand clients who are told the same are not taken for a flood.
 *
 * Who is cut off leaves the count at once, so that not another one goes for what is freed a moment later. */
#include "net/net_priv.h"

#include "net/budget_priv.h"
#include "runtime/base/log.h"

#define BLOCK 16                  /* the allocator's, for each piece of memory */
#define STEP ((int64_t)64 * 1024) /* that much may be untold by each shard */
/* Cut until this is free again: a walk over all connections should not be needed for each message. */
#define TARGET(limit) ((limit) - (limit) / 16)
#define FAR(limit) ((limit) + (limit) / 8)

void
budget_tell(struct shard *s)
{
    ORO_ASSERT_OWNER(&s->owner);
    if (s->untold == 0)
        return;
    /* Relaxed: numbers that others compare, nothing is published with them. */
    struct oro_net *net = s->net;
    int64_t used =
        atomic_fetch_add_explicit(&net->used, s->untold, memory_order_relaxed) + s->untold;
    int64_t most = atomic_load_explicit(&net->most_used, memory_order_relaxed);
    while (used > most && !atomic_compare_exchange_weak(&net->most_used, &most, used))
        ;
    s->untold = 0;
}

static void
count(struct conn *c, int64_t bytes)
{
    ASSERT_HERE(c);
    struct shard *s = c->shard;
    s->untold += bytes;
    if (s->untold > STEP || s->untold < -STEP)
        budget_tell(s);
    size_t share = c->mem + c->kept;
    if (share > atomic_load_explicit(&s->largest, memory_order_relaxed))
        atomic_store_explicit(&s->largest, share, memory_order_relaxed);
}

void
budget_charge(struct conn *c, int64_t bytes)
{
    if (c->condemned)
        return;
    ORO_ASSERT(bytes >= 0 || c->mem >= (size_t)-bytes);
    c->mem += (size_t)bytes;
    count(c, bytes);
}

void
budget_charge_kept(struct conn *c, int64_t bytes)
{
    if (c->condemned)
        return;
    ORO_ASSERT(bytes >= 0 || c->kept >= (size_t)-bytes);
    c->kept += (size_t)bytes;
    count(c, bytes);
}

static int64_t
linked_cost(const struct oro_buf *b)
{
    return (int64_t)(sizeof(*b) + b->len + BLOCK);
}

void
budget_link(struct shard *s, struct conn *c, struct oro_buf *b)
{
    ORO_ASSERT_OWNER(&s->owner);
    int64_t bytes = linked_cost(b), new = b->links++ == 0 ? bytes : 0;
    if (c == NULL || c->condemned) {
        s->untold += new;
        return;
    }
    c->mem += (size_t)bytes;
    c->linked += (size_t)bytes;
    count(c, new);
}

void
budget_unlink(struct shard *s, struct conn *c, struct oro_buf *b)
{
    int64_t bytes = linked_cost(b);
    ORO_ASSERT(b->links > 0);
    if (--b->links == 0)
        s->untold -= bytes;
    if (c == NULL || c->condemned)
        return;
    ORO_ASSERT(c->linked >= (size_t)bytes && c->mem >= (size_t)bytes);
    c->mem -= (size_t)bytes;
    c->linked -= (size_t)bytes;
}

void
budget_condemn(struct conn *c)
{
    c->shard->untold -= (int64_t)(c->mem + c->kept - c->linked);
    c->mem = c->kept = c->linked = 0;
    c->condemned = true;
}

bool
budget_over(const struct shard *s)
{
    const struct oro_net *net = s->net;
    return net->opt.buffer_memory > 0 &&
           atomic_load_explicit(&net->used, memory_order_relaxed) > (int64_t)net->opt.buffer_memory;
}

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
