/* runtime/store/large.c - commits of so many rows that their installing would hold everybody else up.
 *
 *     lock: claim the tables that it has read or written; unlock
 *     slices, each under the lock: does all that it read still hold, are the unique keys free
 *     slices, each under the lock: into the indexes, with a begin that is not known yet; the end of what goes likewise
 *     lock: seq, publish; unlock
 *     begin and end of each row, without the lock
 *
 * Others commit between the slices, so they come before it in the order of commits; those that write to one of its tables wait.
 * So once it was looked at, what it has read stays as it was, and it cannot fail. It does not begin while somebody has a turn, and
 * an exclusive transaction waits for its end before it looks at anything. */
#include "runtime/store/internal.h"

#define SLICE 128
#define PAUSE 100 /* behind each, for readers, who wait for less: some microseconds */

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

/* ---- looking ---- */

static bool
in_slices(struct oro_tx *tx, size_t n, bool (*holds)(struct oro_tx *tx, size_t from, size_t to))
{
    for (size_t i = 0; i < n; i += SLICE) {
        if (!holds(tx, i, n - i < SLICE ? n : i + SLICE))
            return false;
        oro_spin_breathe(&tx->se->store->lock);
    }
    return true;
}

/* Nobody else writes to these tables any more, so only what was committed up to now may be in the way. */
static bool
all_holds(struct oro_tx *tx, const struct oro_commit *checked)
{
    struct oro_store *s = tx->se->store;
    const struct oro_commit *head = atomic_load_explicit(&s->head, memory_order_relaxed);
    if (head == tx->se->anchor)
        return true;
    if (!in_slices(tx, tx->nwrites, oro_writes_fit) || !in_slices(tx, tx->nhits, oro_hits_hold) ||
        !in_slices(tx, tx->nmisses, oro_misses_hold) || !in_slices(tx, tx->nspans, oro_counts_hold))
        return false;
    oro_spin_unlock(&s->lock);
    bool ok = oro_spans_hold(tx, checked, head);
    oro_spin_lock(&s->lock);
    return ok;
}

/* ---- installing ---- */

static void
install_row(struct oro_writing *writing, struct oro_table *t, struct oro_row *row,
            struct oro_bb *scratch)
{
    for (uint32_t i = 0; i < t->nix; i++) {
        struct oro_key k;
        oro_bb_clear(scratch);
        oro_index_key_of_row(&t->ix[i], row, scratch, &k);
        if (oro_index_push(&t->ix[i], &k, row))
            continue;
        oro_writing_enter(writing);
        oro_index_insert(&t->ix[i], &k, row);
    }
}

static struct oro_row *
row_of(const struct oro_op *op)
{
    return (struct oro_row *)(uintptr_t)op->row;
}

/* How old a version is that goes cannot be told before the seq is known. */
static void
install_op(struct oro_tx *tx, struct oro_writing *writing, struct oro_op *op, uint64_t later)
{
    ORO_ASSERT(op->kind != ORO_OP_SEQUENCE);
    if (op->kind == ORO_OP_DELETE || op->update)
        op->age = ORO_AGE_MAX;
    if (op->kind == ORO_OP_DELETE) {
        atomic_store_explicit(&row_of(op)->end, later, memory_order_relaxed);
        return;
    }
    atomic_store_explicit(&row_of(op)->begin, later, memory_order_relaxed);
    if (!op->table->is_event)
        install_row(writing, oro_table_of(tx->se->store, op->table), row_of(op), &tx->cut_bytes);
}

static void
install(struct oro_tx *tx, struct oro_record *rec, uint64_t later)
{
    struct oro_store *s = tx->se->store;
    struct oro_writing writing = {.store = s};
    for (uint32_t i = 0; i < rec->pub.nops; i++) {
        install_op(tx, &writing, &rec->ops[i], later);
        if (i % SLICE != SLICE - 1)
            continue;
        oro_writing_leave(&writing);
        for (int k = 0; k < PAUSE; k++)
            oro_cpu_relax();
        oro_spin_breathe(&s->lock);
    }
    oro_writing_leave(&writing);
}

/* What the tables have more of. Returns how many versions there are more. */
static uint64_t
account(struct oro_tx *tx, const struct oro_record *rec)
{
    uint64_t versions = 0;
    for (uint32_t i = 0; i < rec->pub.nops; i++) {
        const struct oro_op *op = &rec->ops[i];
        int sign = op->kind == ORO_OP_INSERT ? 1 : -1;
        versions += sign > 0;
        if (op->table->is_event)
            continue;
        struct oro_tx_table *of = oro_tx_table(tx, oro_table_of(tx->se->store, op->table));
        of->large_rows += sign;
        of->large_bytes += sign * (int64_t)row_of(op)->len;
    }
    return versions;
}

static void
account_publish(struct oro_tx *tx)
{
    for (size_t i = 0; i < tx->ntouched; i++) {
        struct oro_tx_table *of = &tx->tables[tx->touched[i]];
        /* Written under the commit lock only. */
        uint64_t rows = atomic_load_explicit(&of->t->rows, memory_order_relaxed);
        uint64_t bytes = atomic_load_explicit(&of->t->bytes, memory_order_relaxed);
        atomic_store_explicit(&of->t->rows, rows + (uint64_t)of->large_rows, memory_order_relaxed);
        atomic_store_explicit(&of->t->bytes, bytes + (uint64_t)of->large_bytes,
                              memory_order_relaxed);
        of->large_rows = of->large_bytes = 0;
    }
}

/* Everything stands in the indexes, and from here on can be seen. */
static uint64_t
large_publish(struct oro_store *s, struct oro_tx *tx, struct oro_record *rec,
              _Atomic uint64_t *place)
{
    uint64_t seq = atomic_load_explicit(&s->seq, memory_order_relaxed) + 1;
    /* Pairs with the acquire in oro_row_later(). */
    atomic_store_explicit(place, seq, memory_order_release);
    account_publish(tx);
    oro_ring_publish(s, rec, seq);
    s->large = 0;
    return seq;
}

/* The lock is let go of while what takes long needs no lock. */
static void
put(struct oro_tx *tx, struct oro_record *rec, _Atomic uint64_t *place, uint64_t *seq)
{
    struct oro_store *s = tx->se->store;
    oro_spin_unlock(&s->lock);
    uint64_t versions = account(tx, rec);
    oro_ws_forget_writes(tx); /* all that is needed of them stands in the record */
    oro_spin_lock(&s->lock);
    s->versions += versions;
    install(tx, rec, ORO_LATER | (uint64_t)(uintptr_t)place);
    *seq = large_publish(s, tx, rec, place);
}

bool
oro_large_commit(struct oro_tx *tx, struct oro_record *rec, const struct oro_commit *checked,
                 uint64_t *seq, size_t *work)
{
    struct oro_store *s = tx->se->store;
    ORO_ASSERT(oro_large_has_place(s));
    tx->large_place = s->large_next++ % ORO_LARGE_SEQS;
    _Atomic uint64_t *place = &s->large_seqs[tx->large_place];
    atomic_store_explicit(&s->large_busy[tx->large_place], true, memory_order_relaxed);
    atomic_store_explicit(place, ORO_SEQ_MAX, memory_order_relaxed);
    s->large = rec->mask | tx->reads;
    bool holds = all_holds(tx, checked);
    if (holds) {
        put(tx, rec, place, seq);
        oro_ring_reclaim(s, rec->pub.nops, work);
    } else {
        place_free(tx);
    }
    s->large = 0;
    oro_spin_unlock(&s->lock);
    oro_wake_broadcast(&s->large_wake);
    return holds;
}

void
oro_large_end(struct oro_tx *tx, const struct oro_record *rec, uint64_t seq)
{
    for (uint32_t i = 0; i < rec->pub.nops; i++) {
        const struct oro_op *op = &rec->ops[i];
        atomic_store_explicit(op->kind == ORO_OP_DELETE ? &row_of(op)->end : &row_of(op)->begin,
                              seq, memory_order_relaxed);
    }
    place_free(tx);
}
