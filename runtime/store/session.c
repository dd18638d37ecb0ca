/* runtime/store/session.c - who reads at which snapshot, and the big-reader lock over index
 * structures. */
#include <sched.h>

#include "runtime/store/internal.h"

#define CHANGES 64 /* of an index structure while readers wait: some microseconds */
/* pauses before giving the core away: what is waited for lasts a microsecond, in large commits some ten */
#define SPINS 1000

static void
relax(unsigned *n)
{
    if (++*n % SPINS == 0)
        sched_yield();
    else
        oro_cpu_relax();
}

void
oro_reading_enter(struct oro_session *se)
{
    ORO_ASSERT_DEBUG(atomic_load_explicit(&se->reading, memory_order_relaxed) == 0);
    struct oro_store *s = se->store;
    unsigned n = 0;
    for (;;) {
        /* Both sides store their own flag and then read the other's, sequentially consistent: one
         * of them sees it. */
        atomic_store(&se->reading, 1);
        if (ORO_LIKELY(atomic_load(&s->writing) == 0))
            return;
        atomic_store_explicit(&se->reading, 0, memory_order_release);
        while (atomic_load_explicit(&s->writing, memory_order_relaxed) != 0)
            relax(&n);
    }
}

void
oro_writing_enter(struct oro_writing *wr)
{
    ORO_ASSERT_LOCKED(&wr->store->lock);
    struct oro_store *s = wr->store;
    if (wr->changes == CHANGES)
        oro_writing_leave(wr);
    if (wr->changes++ > 0)
        return;
    atomic_store(&s->writing, 1);
    for (struct oro_session *se = s->sessions; se != NULL; se = se->next) {
        unsigned n = 0;
        while (atomic_load(&se->reading) != 0)
            relax(&n);
    }
}

void
oro_writing_leave(struct oro_writing *wr)
{
    ORO_ASSERT_LOCKED(&wr->store->lock);
    /* Pairs with the load in oro_reading_enter(): the structure is whole again. */
    if (wr->changes > 0)
        atomic_store_explicit(&wr->store->writing, 0, memory_order_release);
    wr->changes = 0;
}

void
oro_session_pin(struct oro_session *se)
{
    struct oro_store *s = se->store;
    ORO_ASSERT(atomic_load_explicit(&se->snapshot, memory_order_relaxed) == ORO_IDLE);
    /* 0 holds back every reclaiming while the newest record is looked up. The reclaimer looks at
     * snapshots after it stored the head; we load the head after we stored the snapshot: so either
     * it sees the 0, or we see a head that is no older than the one it reclaims up to. */
    atomic_store(&se->snapshot, 0);
    se->anchor = atomic_load(&s->head);
    se->snap = se->anchor->seq;
    atomic_store_explicit(&se->snapshot, se->snap, memory_order_release);
}

void
oro_session_unpin(struct oro_session *se)
{
    oro_arena_reset(&se->arena);
    se->anchor = NULL;
    /* Pairs with the load in oro_ring_reclaim(): our last look at old versions lies before. */
    atomic_store_explicit(&se->snapshot, ORO_IDLE, memory_order_release);
}

struct oro_session *
oro_session_open(struct oro_store *s)
{
    struct oro_session *se = oro_aligned_alloc(ORO_CACHE_LINE, sizeof(*se));
    se->store = s;
    oro_pool_cache_init(&se->cache, &s->pool);
    atomic_init(&se->snapshot, ORO_IDLE);
    atomic_init(&se->reading, 0);
    oro_arena_init(&se->arena);
    se->tx.se = se;
    se->tx.tables = ORO_NEW_ARRAY(struct oro_tx_table, s->ntables);
    for (uint32_t i = 0; i < s->ntables; i++)
        se->tx.tables[i] =
            (struct oro_tx_table){.t = &s->tables[i], .first = ORO_NONE, .last = ORO_NONE};
    oro_spin_lock(&s->lock);
    se->next = s->sessions;
    if (se->next != NULL)
        se->next->prev = se;
    s->sessions = se;
    oro_spin_unlock(&s->lock);
    return se;
}

void
oro_session_close(struct oro_session *se)
{
    if (se == NULL)
        return;
    struct oro_store *s = se->store;
    ORO_ASSERT(!se->tx.open &&
               atomic_load_explicit(&se->snapshot, memory_order_relaxed) == ORO_IDLE);
    oro_spin_lock(&s->lock);
    if (se->prev != NULL)
        se->prev->next = se->next;
    else
        s->sessions = se->next;
    if (se->next != NULL)
        se->next->prev = se->prev;
    oro_spin_unlock(&s->lock);
    oro_pool_cache_fini(&se->cache);
    oro_arena_fini(&se->arena);
    oro_bb_fini(&se->key);
    oro_bb_fini(&se->cmp);
    oro_free(se->tx.writes);
    oro_free(se->tx.tables);
    oro_free(se->tx.touched);
    oro_free(se->tx.map);
    oro_free(se->tx.hits);
    oro_free(se->tx.misses);
    oro_free(se->tx.spans);
    oro_free(se->tx.dropped);
    oro_free(se->tx.undo);
    oro_bb_fini(&se->tx.cut_bytes);
    oro_free(se);
}

uint64_t
oro_read_begin(struct oro_session *se)
{
    oro_session_pin(se);
    return se->snap;
}

void
oro_read_begin_around(struct oro_session *se, const struct oro_commit *c)
{
    struct oro_store *s = se->store;
    ORO_ASSERT(atomic_load_explicit(&se->snapshot, memory_order_relaxed) == ORO_IDLE && c->seq > 0);
    oro_spin_lock(&s->lock);
    /* Nothing is gone that the record, or one after it, has deleted. */
    bool held = s->unlinked->seq < c->seq && (s->unlinked->seq + 1 < c->seq || s->unlink_op == 0);
    atomic_store_explicit(&se->snapshot, c->seq - 1, memory_order_relaxed);
    oro_spin_unlock(&s->lock);
    ORO_ASSERT(held);
    se->anchor = NULL; /* nothing is counted here */
    se->snap = c->seq;
}

void
oro_read_turn(struct oro_session *se, bool before)
{
    /* What is published is the older one. */
    se->snap = atomic_load_explicit(&se->snapshot, memory_order_relaxed) + !before;
}

void
oro_read_end(struct oro_session *se)
{
    ORO_ASSERT(!se->tx.open);
    oro_session_unpin(se);
}
