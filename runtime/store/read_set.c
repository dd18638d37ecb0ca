/* runtime/store/read_set.c - what a transaction has read, so that the commit can tell whether it still holds:
 *   a version found by a unique key    hit: it must not have ended
 *   a unique key not found             miss: no living row may have it
 *   ranges, scans, counts              span: no later record may have a row in it
 * A write with an `old` version needs no hit: the commit looks at every `old` anyway; nor does an inserted row need misses, since
 * unique keys are checked again. Only when a write is taken back do these turn into hits and misses. */
#include "runtime/store/view_priv.h"

void
oro_tx_note_hit(struct oro_tx *tx, const struct oro_table *t, struct oro_row *r)
{
    tx->reads |= t->mask;
    if (tx->nhits > 0 && tx->hits[tx->nhits - 1] == r)
        return;
    tx->hits = oro_grow(tx->hits, tx->nhits, &tx->hits_cap, sizeof(struct oro_row *));
    tx->hits[tx->nhits++] = r;
}

void
oro_tx_note_miss(struct oro_tx *tx, const struct oro_index *ix, const struct oro_key *k)
{
    if (ix->table->is_event)
        return;
    tx->reads |= oro_table_of(tx->se->store, ix->table)->mask;
    tx->misses = oro_grow(tx->misses, tx->nmisses, &tx->misses_cap, sizeof(*tx->misses));
    struct oro_miss *m = &tx->misses[tx->nmisses++];
    *m = (struct oro_miss){.ix = ix, .key = *k};
    oro_key_keep(&tx->se->arena, &m->key);
}

static void
watch_span(struct oro_tx *tx, const struct oro_span *span)
{
    oro_view_note(tx, &(struct oro_view_read){
                          .kind = span->kind, .t = span->t, .ix = span->ix, .iv = span->iv});
}

void
oro_tx_note_span(struct oro_tx *tx, const struct oro_span *span)
{
    if (span->t->def->is_event)
        return;
    if (ORO_UNLIKELY(tx->watch != NULL))
        watch_span(tx, span);
    tx->reads |= span->t->mask;
    tx->spans = oro_grow(tx->spans, tx->nspans, &tx->spans_cap, sizeof(*tx->spans));
    tx->spans[tx->nspans++] = *span;
}

void
oro_tx_watch_point(struct oro_tx *tx, const struct oro_table *t, const struct oro_index *ix,
                   const struct oro_key *k)
{
    oro_view_note(tx,
                  &(struct oro_view_read){
                      .kind = ORO_SPAN_RANGE, .t = t, .ix = ix, .iv = {.point = true, .key = *k}});
}
