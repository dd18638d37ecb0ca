/* runtime/store/commit.c - beginning and ending transactions.
 *
 * A commit builds its record first; then, under the commit lock: does everything read still hold,
 * are the replaced versions still the living ones, are unique keys free; install; publish. If
 * nothing was committed since the snapshot, there is nothing to ask. */
#include "runtime/store/internal.h"

#define SPINS 2000 /* a turn is a reducer long: some microseconds, then sleeping is better */

/* ---- turns ---- */

static void
turn_wait(struct oro_store *s, uint64_t mine)
{
    ORO_ASSERT_NOT_LOCKED(&s->lock);
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&s->turn_serving, memory_order_acquire) == mine)
            return;
        oro_cpu_relax();
    }
    for (;;) {
        unsigned seen = oro_wake_prepare(&s->turn_wake);
        if (atomic_load(&s->turn_serving) == mine)
            return;
        oro_wake_wait(&s->turn_wake, seen, -1);
    }
}

/* With the lock held, which is let go while waiting. */
static void
turn_take(struct oro_store *s)
{
    ORO_ASSERT_LOCKED(&s->lock);
    uint64_t mine = s->turn_next++;
    if (atomic_load_explicit(&s->turn_serving, memory_order_relaxed) == mine)
        return;
    oro_spin_unlock(&s->lock);
    turn_wait(s, mine);
    oro_spin_lock(&s->lock);
}

/* With the lock held; gives it back. */
static void
turn_end(struct oro_store *s)
{
    ORO_ASSERT_LOCKED(&s->lock);
    uint64_t now = atomic_load_explicit(&s->turn_serving, memory_order_relaxed) + 1;
    bool waiting = now != s->turn_next;
    atomic_store(&s->turn_serving, now);
    oro_spin_unlock(&s->lock);
    if (waiting)
        oro_wake_broadcast(&s->turn_wake);
}

/* Takes the lock in turn, once nobody else is about to write to these tables. True: holds a turn, to be ended with turn_end. */
static bool
commit_enter(struct oro_store *s, const struct oro_tx *tx, uint64_t tables)
{
    oro_spin_lock(&s->lock);
    if (tx->exclusive)
        return true;
    if (ORO_UNLIKELY((s->large & tables) != 0))
        oro_large_wait(s, tables);
    if (atomic_load_explicit(&s->turn_serving, memory_order_relaxed) == s->turn_next)
        return false;
    turn_take(s);
    oro_large_wait(s, tables); /* it has no turn to wait for */
    return true;
}

static void
commit_leave(struct oro_store *s, bool turn)
{
    ORO_ASSERT_LOCKED(&s->lock);
    if (turn)
        turn_end(s);
    else
        oro_spin_unlock(&s->lock);
}

/* ---- beginning and ending ---- */

struct oro_tx *
oro_tx_begin(struct oro_session *se, bool exclusive)
{
    struct oro_tx *tx = &se->tx;
    ORO_ASSERT(!tx->open);
    if (exclusive) {
        oro_spin_lock(&se->store->lock);
        turn_take(se->store);
        oro_large_wait(se->store, UINT64_MAX); /* one that began before has no turn to wait for */
        oro_spin_unlock(&se->store->lock);
    }
    oro_session_pin(se);
    tx->open = true;
    tx->number++;
    tx->exclusive = exclusive;
    return tx;
}

/* Frees what is not in the store. */
static void
tx_end(struct oro_tx *tx, bool committed)
{
    oro_owner_give(&tx->owner);
    for (size_t i = 0; i < tx->nwrites && !committed; i++)
        if (tx->writes[i].row != NULL)
            oro_row_free(&tx->se->cache, tx->writes[i].row);
    for (size_t i = 0; i < tx->ndropped; i++)
        oro_row_free(&tx->se->cache, tx->dropped[i]);
    oro_ws_reset(tx);
    tx->views.looked = false;
    if (ORO_UNLIKELY(tx->views.found != NULL || tx->watch != NULL || tx->views.nchanges > 0))
        oro_views_tx_end(tx);
    tx->open = tx->exclusive = false;
    oro_session_unpin(tx->se);
}

void
oro_tx_abort(struct oro_tx *tx)
{
    if (tx == NULL)
        return;
    ORO_ASSERT(tx->open);
    if (tx->exclusive) {
        oro_spin_lock(&tx->se->store->lock);
        turn_end(tx->se->store);
    }
    tx_end(tx, false);
}

/* Nothing of what there was goes. */
static bool
only_inserts(const struct oro_tx *tx)
{
    for (size_t i = 0; i < tx->ntouched; i++)
        if (tx->tables[tx->touched[i]].nold > 0)
            return false;
    return true;
}

bool
oro_tx_has_writes(const struct oro_tx *tx)
{
    for (size_t i = 0; i < tx->nwrites; i++)
        if (tx->writes[i].old != NULL || tx->writes[i].row != NULL)
            return true;
    return false;
}

/* Commit lock held: everything that was read, but for ranges, is still so. */
static bool
reads_hold(struct oro_tx *tx)
{
#ifdef ORO_PLANT_UNCHECKED_READS
    return true;
#endif
    return oro_hits_hold(tx, 0, tx->nhits) && oro_misses_hold(tx, 0, tx->nmisses) &&
           oro_counts_hold(tx, 0, tx->nspans);
}

/* Commit lock held: all of it, on top of `head`; ranges are checked up to `checked`. */
static bool
all_holds(struct oro_tx *tx, const struct oro_commit *checked, const struct oro_commit *head)
{
    return oro_writes_fit(tx, 0, tx->nwrites) && reads_hold(tx) &&
           oro_spans_hold(tx, checked, head);
}

/* ---- committing ---- */

static struct oro_record *
record_make(const struct oro_tx *tx, const struct oro_origin *origin)
{
    size_t nops = 0, n = 0;
    for (size_t w = 0; w < tx->nwrites; w++)
        nops += (tx->writes[w].old != NULL) + (tx->writes[w].row != NULL);
    const struct oro_call *call = nops > 0 ? origin->call : NULL;
    struct oro_record *rec = oro_record_new(&tx->se->cache, nops, call);
    oro_record_take(rec, origin);
    rec->pub.bytes = call != NULL ? call->args.len : 0;
    for (size_t w = 0; w < tx->nwrites; w++) {
        const struct oro_write *wr = &tx->writes[w];
        struct oro_op op = {.table = wr->t->def, .update = wr->old != NULL && wr->row != NULL};
        if (wr->old != NULL) {
            op.kind = ORO_OP_DELETE;
            op.row = wr->old;
            rec->ops[n++] = op;
        }
        if (wr->row != NULL) {
            op.kind = ORO_OP_INSERT;
            op.row = wr->row;
            rec->ops[n++] = op;
            rec->pub.bytes += wr->row->len;
        }
        if (wr->old != NULL || wr->row != NULL)
            rec->mask |= wr->t->mask;
    }
    return rec;
}

static void
account(struct oro_table *t, int64_t rows, int64_t bytes)
{
    ORO_ASSERT_DEBUG(atomic_load_explicit(&t->rows, memory_order_relaxed) + (uint64_t)rows <
                     UINT64_MAX / 2);
    /* Written under the commit lock only, so load and store are enough. */
    uint64_t r = atomic_load_explicit(&t->rows, memory_order_relaxed);
    uint64_t b = atomic_load_explicit(&t->bytes, memory_order_relaxed);
    atomic_store_explicit(&t->rows, r + (uint64_t)rows, memory_order_relaxed);
    atomic_store_explicit(&t->bytes, b + (uint64_t)bytes, memory_order_relaxed);
}

/* The record's ops follow the writes, see record_make(). */
static void
writes_install(struct oro_store *s, struct oro_tx *tx, struct oro_op *op, uint64_t seq)
{
    ORO_ASSERT_LOCKED(&s->lock);
    struct oro_writing writing = {.store = s};
    for (size_t w = 0; w < tx->nwrites; w++) {
        const struct oro_write *wr = &tx->writes[w];
        int64_t rows = 0, bytes = 0;
        if (wr->old != NULL) {
            uint64_t age = seq - oro_row_begin(wr->old);
            uint32_t kept = age < ORO_AGE_MAX ? (uint32_t)age : ORO_AGE_MAX;
            atomic_store_explicit(&wr->old->end, seq, memory_order_relaxed);
            op++->age = kept;
            if (wr->row != NULL)
                op->age = kept;
            rows--;
            bytes -= wr->old->len;
        }
        if (wr->row != NULL) {
            atomic_store_explicit(&wr->row->begin, seq, memory_order_relaxed);
            s->versions++;
            op++;
            if (wr->t->def->is_event)
                continue;
            oro_install(&writing, tx, wr);
            rows++;
            bytes += wr->row->len;
        }
        account(wr->t, rows, bytes);
    }
    oro_writing_leave(&writing);
}

static oro_status
conflict(struct oro_tx *tx, struct oro_record *rec)
{
    rec->pub.origin.text = rec->pub.origin.detail = NULL; /* still the caller's */
    oro_record_free(&tx->se->cache, rec);
    atomic_fetch_add_explicit(&tx->se->store->conflicts, 1, memory_order_relaxed);
    tx_end(tx, false);
    return ORO_ECONFLICT;
}

/* With the lock, which it gives back. */
static oro_status
commit_large(struct oro_tx *tx, struct oro_record *rec, const struct oro_commit *checked,
             uint64_t *seq)
{
    struct oro_session *se = tx->se;
    size_t work = 0;
    if (!oro_large_commit(tx, rec, checked, seq, &work))
        return conflict(tx, rec);
    oro_large_end(tx, rec, *seq);
    tx_end(tx, true);
    oro_ring_sweep(se->store, &se->cache, work);
    return ORO_OK;
}

oro_status
oro_tx_commit(struct oro_tx *tx, const struct oro_origin *origin, uint64_t *seq)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT(tx->open);
    struct oro_session *se = tx->se;
    struct oro_store *s = se->store;
    bool large = oro_large_is(tx);
    if (ORO_UNLIKELY(large) && only_inserts(tx))
        oro_ws_forget_map(tx); /* what is looked up there from now on is what it replaces */
    struct oro_record *rec = record_make(tx, origin);
    bool writes = rec->pub.nops > 0;
    /* Without writes it is as if all had happened at the snapshot; and the turn's owner cannot have
     * been overtaken. */
    bool evaluates =
        tx->views.nchanges > 0; /* an answer without rows depends on what was read all the same */
    bool validate = (writes || evaluates) && !tx->exclusive;
    bool ok = true;
    const struct oro_commit *checked = se->anchor;
    if (validate) {
        /* The long part, as far as it can be known now, without the lock. */
        const struct oro_commit *now = atomic_load_explicit(&s->head, memory_order_acquire);
        ok = oro_spans_hold(tx, checked, now);
        checked = now;
    }
    bool turn = false;
    if (writes || tx->exclusive || evaluates)
        turn = commit_enter(s, tx, rec->mask);
    else
        oro_spin_lock(&s->lock);
    if (ORO_UNLIKELY(large && rec->pub.nops >= ORO_LARGE && !turn && ok) && s->large == 0 &&
        oro_large_has_place(s) && !evaluates &&
        atomic_load_explicit(&s->views.n, memory_order_relaxed) == 0)
        return commit_large(tx, rec, checked, seq);
    const struct oro_commit *head = atomic_load_explicit(&s->head, memory_order_relaxed);
    if (validate && ok && head != se->anchor)
        ok = all_holds(tx, checked, head);
    if (ok && validate)
        ok = oro_views_hold(tx);
    size_t work = 0;
    if (ok) {
        *seq = head->seq + 1;
        if (writes)
            writes_install(s, tx, rec->ops, *seq);
        if (ORO_UNLIKELY(evaluates))
            oro_views_commit(tx);
        oro_ring_publish(s, rec, *seq);
        oro_ring_reclaim(s, rec->pub.nops, &work);
    }
    commit_leave(s, turn);
    if (!ok)
        return conflict(tx, rec);
    tx_end(tx, true);
    oro_ring_sweep(s, &se->cache, work);
    return ORO_OK;
}

oro_status
oro_tx_validate_abort(struct oro_tx *tx)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT(tx->open);
    struct oro_store *s = tx->se->store;
    bool ok = true;
    if (!tx->exclusive) {
        const struct oro_commit *now = atomic_load_explicit(&s->head, memory_order_acquire);
        ok = oro_spans_hold(tx, tx->se->anchor, now);
        oro_spin_lock(&s->lock);
        const struct oro_commit *head = atomic_load_explicit(&s->head, memory_order_relaxed);
        if (head != tx->se->anchor)
            ok = ok && all_holds(tx, now, head);
        oro_spin_unlock(&s->lock);
        if (!ok)
            atomic_fetch_add_explicit(&s->conflicts, 1, memory_order_relaxed);
    }
    oro_tx_abort(tx);
    return ok ? ORO_OK : ORO_ECONFLICT;
}
