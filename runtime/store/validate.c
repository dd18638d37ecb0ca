/* runtime/store/validate.c - whether what a transaction has read still holds, and whether its writes fit on the newest record. */
#include "runtime/store/internal.h"

/* False, and why. */
static bool
clashes(struct oro_tx *tx, int kind, const struct oro_table *t)
{
    tx->se->clash = (struct oro_clash){t != NULL ? t->def : NULL, kind};
    return false;
}

struct oro_clash
oro_session_clash(const struct oro_session *se)
{
    return se->clash;
}

static bool
op_in_span(struct oro_tx *tx, const struct oro_op *op, const struct oro_span *span)
{
    if (op->kind == ORO_OP_SEQUENCE || op->table != span->t->def)
        return false;
    if (span->kind == ORO_SPAN_SCAN)
        return true;
    struct oro_key k;
    oro_bb_clear(&tx->se->cmp);
    oro_index_key_of_row(span->ix, op->row, &tx->se->cmp, &k);
    return oro_interval_has(span->ix, &span->iv, &k);
}

static bool
record_in_span(struct oro_tx *tx, const struct oro_record *r, const struct oro_span *span)
{
    if ((r->mask & span->t->mask) == 0)
        return false;
    for (uint32_t i = 0; i < r->pub.nops; i++)
        if (op_in_span(tx, &r->ops[i], span))
            return true;
    return false;
}

bool
oro_spans_hold(struct oro_tx *tx, const struct oro_commit *from, const struct oro_commit *to)
{
#ifdef ORO_PLANT_UNCHECKED_RANGES /* a bug that tests/serial has to find */
    return true;
#endif
    if (tx->nspans == 0)
        return true;
    while (from != to) {
        from = oro_commit_next(from);
        for (size_t i = 0; i < tx->nspans; i++)
            if (tx->spans[i].kind != ORO_SPAN_COUNT &&
                record_in_span(tx, oro_record_of(from), &tx->spans[i]))
                return clashes(
                    tx, tx->spans[i].kind == ORO_SPAN_SCAN ? ORO_CLASH_TABLE : ORO_CLASH_RANGE,
                    tx->spans[i].t);
    }
    return true;
}

bool
oro_hits_hold(struct oro_tx *tx, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (oro_row_end(tx->hits[i]) != ORO_SEQ_MAX)
            return clashes(tx, ORO_CLASH_ROW, NULL);
    return true;
}

bool
oro_misses_hold(struct oro_tx *tx, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const struct oro_index *ix = tx->misses[i].ix;
        const struct oro_row *r = oro_index_visible(ix, &tx->misses[i].key, ORO_LIVING);
        const struct oro_table *t = oro_table_of(tx->se->store, ix->table);
        if (r != NULL && oro_ws_old(tx, t, r) == ORO_NONE)
            return clashes(tx, ORO_CLASH_ROW, t);
    }
    return true;
}

bool
oro_counts_hold(struct oro_tx *tx, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const struct oro_span *sp = &tx->spans[i];
        if (sp->kind == ORO_SPAN_COUNT &&
            atomic_load_explicit(&sp->t->rows, memory_order_relaxed) != sp->count)
            return clashes(tx, ORO_CLASH_TABLE, sp->t);
    }
    return true;
}

/* What is replaced lives, and unique keys are free or become so by this very transaction. */
bool
oro_writes_fit(struct oro_tx *tx, size_t from, size_t to)
{
    for (size_t w = from; w < to; w++) {
        const struct oro_write *wr = &tx->writes[w];
        if (wr->old != NULL && oro_row_end(wr->old) != ORO_SEQ_MAX)
            return clashes(tx, ORO_CLASH_ROW, wr->t);
        for (uint32_t i = 0; i < wr->t->nix && wr->row != NULL; i++) {
            const struct oro_index *ix = &wr->t->ix[i];
            if (!ix->unique || (ix == wr->t->pk && wr->old != NULL))
                continue;
            const struct oro_row *r = oro_index_visible(ix, oro_ws_key(tx, wr, i), ORO_LIVING);
            if (r != NULL && oro_ws_old(tx, wr->t, r) == ORO_NONE)
                return clashes(tx, ORO_CLASH_ROW, wr->t);
        }
    }
    return true;
}
