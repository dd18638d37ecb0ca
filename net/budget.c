/* net/budget.c - one budget for the memory that strangers fill, over all shards: requests and messages that are not complete,
 * what waits to be sent, and what the server keeps for a connection (oro_net_charge): frames and calls that wait, what waits
 * for the disk. Each allocation counts with its overhead.
 *
 * A connection's share is a plain number of its shard; a shard adds up what has changed and tells the rest now and then, so a
 * message costs no atomic operation. Only beyond the limit somebody looks for the largest (largest.c).
 *
 * Counted buffers that many connections have (what a commit changed, encoded once) count in the budget once, as memory does, from
 * the first connection of the shard that has it to the last. But in the share of each of them they count in full: each keeps it
 * alive, and whoever lets most wait is the largest, be it his own or shared. So nobody has memory for nothing by sharing it,
 * and a thousand clients who are told the same are not taken for a flood.
 *
 * Who is cut off leaves the count at once, so that not another one goes for what is freed a moment later. */
#include "net/net_priv.h"

#include "net/budget_priv.h"

#define BLOCK 16                  /* the allocator's, for each piece of memory */
#define STEP ((int64_t)64 * 1024) /* that much may be untold by each shard */

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
