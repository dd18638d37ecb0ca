/* runtime/store/large.c - commits of so many inserts that their installing would hold everybody else up.
 *
 *     lock: claim the tables; unlock
 *     slices, each under the lock: are the unique keys free
 *     slices, each under the lock: into the indexes, with a begin that is not known yet
 *     lock: seq, publish; unlock
 *     begin of each row, without the lock
 *
 * Others commit between the slices, so they come before it in the order of commits; those that write to one of its tables wait.
 * It has read nothing, so once its keys are free it cannot fail. It does not begin while somebody has a turn, and an exclusive
 * transaction waits for its end before it looks at anything. */
#include "runtime/store/internal.h"

#define SLICE 128
#define PAUSE 100 /* behind each, for readers, who wait for less: some microseconds */

bool
oro_large_is(const struct oro_tx *tx, const struct oro_record *rec)
{
    if (rec->pub.nops < ORO_LARGE || tx->exclusive || tx->nhits > 0 || tx->nmisses > 0 ||
        tx->nspans > 0)
        return false;
    for (size_t w = 0; w < tx->nwrites; w++)
        if (tx->writes[w].old != NULL)
            return false;
    return true;
}

/* The place is taken anew only when no row refers to it any more. */
bool
oro_large_has_place(const struct oro_store *s)
{
    /* Pairs with the release in place_free(). */
    return !atomic_load_explicit(&s->large_busy[s->large_next % ORO_LARGE_SEQS],
                                 memory_order_acquire);
}

static void
place_free(struct oro_tx *tx)
{
    atomic_store_explicit(&tx->se->store->large_busy[tx->large_place], false, memory_order_release);
}

void
oro_large_wait(struct oro_store *s, uint64_t tables)
{
    while ((s->large & tables) != 0) {
        unsigned seen = oro_wake_prepare(&s->large_wake);
        oro_spin_unlock(&s->lock);
        oro_wake_wait(&s->large_wake, seen, -1);
        oro_spin_lock(&s->lock);
    }
}

/* Nobody else writes to these tables any more. */
static bool
keys_are_free(struct oro_tx *tx)
{
    for (size_t w = 0; w < tx->nwrites; w++) {
        const struct oro_write *wr = &tx->writes[w];
        for (uint32_t i = 0; i < wr->t->nix && wr->row != NULL; i++)
            if (wr->t->ix[i].unique &&
                oro_index_visible(&wr->t->ix[i], &wr->keys[i], ORO_LIVING) != NULL)
                return false;
        if (w % SLICE == SLICE - 1)
            oro_spin_breathe(&tx->se->store->lock);
    }
    return true;
}

static void
install(struct oro_tx *tx, uint64_t begin)
{
    struct oro_store *s = tx->se->store;
    struct oro_writing writing = {.store = s};
    for (size_t w = 0; w < tx->nwrites; w++) {
        const struct oro_write *wr = &tx->writes[w];
        if (wr->row == NULL)
            continue;
        atomic_store_explicit(&wr->row->begin, begin, memory_order_relaxed);
        if (!wr->t->def->is_event)
            oro_install(&writing, wr);
        if (w % SLICE != SLICE - 1)
            continue;
        oro_writing_leave(&writing);
        for (int i = 0; i < PAUSE; i++)
            oro_cpu_relax();
        oro_spin_breathe(&s->lock);
    }
    oro_writing_leave(&writing);
}

/* What the tables have more of. */
static void
account(struct oro_tx *tx)
{
    for (size_t w = 0; w < tx->nwrites; w++) {
        struct oro_tx_table *of = oro_tx_table(tx, tx->writes[w].t);
        if (tx->writes[w].row == NULL || tx->writes[w].t->def->is_event)
            continue;
        of->large_rows++;
        of->large_bytes += tx->writes[w].row->len;
    }
}

static void
account_publish(struct oro_tx *tx)
{
    for (size_t i = 0; i < tx->ntouched; i++) {
        struct oro_tx_table *of = &tx->tables[tx->touched[i]];
        /* Written under the commit lock only. */
        uint64_t rows = atomic_load_explicit(&of->t->rows, memory_order_relaxed);
        uint64_t bytes = atomic_load_explicit(&of->t->bytes, memory_order_relaxed);
        atomic_store_explicit(&of->t->rows, rows + of->large_rows, memory_order_relaxed);
        atomic_store_explicit(&of->t->bytes, bytes + of->large_bytes, memory_order_relaxed);
        of->large_rows = of->large_bytes = 0;
    }
}

/* Everything stands in the indexes, and from here on can be seen. */
static uint64_t
large_publish(struct oro_store *s, struct oro_tx *tx, struct oro_record *rec,
              _Atomic uint64_t *place)
{
    uint64_t seq = atomic_load_explicit(&s->seq, memory_order_relaxed) + 1;
    /* Pairs with the acquire in oro_row_begin(). */
    atomic_store_explicit(place, seq, memory_order_release);
    account_publish(tx);
    s->versions += rec->pub.nops;
    oro_ring_publish(s, rec, seq);
    s->large = 0;
    return seq;
}

bool
oro_large_commit(struct oro_tx *tx, struct oro_record *rec, uint64_t *seq, size_t *work)
{
    struct oro_store *s = tx->se->store;
    ORO_ASSERT(oro_large_has_place(s));
    tx->large_place = s->large_next++ % ORO_LARGE_SEQS;
    _Atomic uint64_t *place = &s->large_seqs[tx->large_place];
    atomic_store_explicit(&s->large_busy[tx->large_place], true, memory_order_relaxed);
    atomic_store_explicit(place, ORO_SEQ_MAX, memory_order_relaxed);
    s->large = rec->mask;
    bool free = keys_are_free(tx);
    if (free) {
        oro_spin_unlock(&s->lock);
        account(tx);
        oro_spin_lock(&s->lock);
        install(tx, ORO_LATER | (uint64_t)(uintptr_t)place);
        *seq = large_publish(s, tx, rec, place);
        oro_ring_reclaim(s, rec->pub.nops, work);
    } else {
        place_free(tx);
    }
    s->large = 0;
    oro_spin_unlock(&s->lock);
    oro_wake_broadcast(&s->large_wake);
    return free;
}

void
oro_large_end(struct oro_tx *tx, uint64_t seq)
{
    for (size_t w = 0; w < tx->nwrites; w++)
        if (tx->writes[w].row != NULL)
            atomic_store_explicit(&tx->writes[w].row->begin, seq, memory_order_relaxed);
    place_free(tx);
}
