/* runtime/store/savepoint.c - taking back what a transaction has done since a moment, and nothing before.
 *
 * While a savepoint is set, each change of an existing write is noted with what the write was before. Taking back goes through
 * the notes in reverse; writes that are younger than the savepoint stay in their places and are cancelled, as if their rows had
 * been inserted and deleted again, so no list and no map has to be mended. Nothing is freed: bytes that were handed out live
 * until the transaction ends. What was read stays read, and what a write stood for (this key was free, this row was there) is
 * remembered like after a delete. Sequences do not go back. */
#include "runtime/store/internal.h"

/* Rows more, by this write. */
static int
weight(const struct oro_row *old, const struct oro_row *row)
{
    return (row != NULL) - (old != NULL);
}

/* That the keys of a row which goes were free has been seen. */
static void
note_free(struct oro_tx *tx, const struct oro_write *wr)
{
    for (uint32_t i = 0; i < wr->t->nix; i++)
        if (wr->t->ix[i].unique)
            oro_tx_note_miss(tx, &wr->t->ix[i], oro_ws_key(tx, wr, i));
}

static void
drop(struct oro_tx *tx, struct oro_row *row)
{
    tx->dropped = oro_grow(tx->dropped, tx->ndropped, &tx->dropped_cap, sizeof(struct oro_row *));
    tx->dropped[tx->ndropped++] = row;
}

static void
take_back(struct oro_tx *tx, const struct oro_undo *u)
{
    struct oro_write *wr = &tx->writes[u->w];
    oro_tx_table(tx, wr->t)->delta += weight(u->old, u->row) - weight(wr->old, wr->row);
    if (wr->row != NULL && wr->row != u->row)
        note_free(tx, wr);
    if (u->dropped !=
        SIZE_MAX) { /* alive again; its place among the dropped is for the one that goes (or none) */
        ORO_ASSERT(tx->dropped[u->dropped] == u->row);
        tx->dropped[u->dropped] = wr->row;
    } else if (wr->row != NULL && wr->row != u->row) {
        drop(tx, wr->row);
    }
    oro_ws_put_back(tx, u->w, u->old, u->row, u->keys);
}

/* A write that was not there at the savepoint. */
static void
cancel(struct oro_tx *tx, struct oro_write *wr)
{
    oro_tx_table(tx, wr->t)->delta -= weight(wr->old, wr->row);
    if (wr->row != NULL) {
        note_free(tx, wr);
        drop(tx, wr->row);
    }
    if (wr->old != NULL)
        oro_tx_note_hit(tx, wr->t, wr->old);
    wr->old = wr->row = NULL;
}

struct oro_savepoint
oro_tx_save(struct oro_tx *tx)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT_DEBUG(tx->open);
    tx->saves++;
    return (struct oro_savepoint){.nwrites = tx->nwrites, .nundo = tx->nundo, .level = tx->saves};
}

void
oro_tx_release(struct oro_tx *tx, struct oro_savepoint sp)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT(tx->saves == sp.level);
    if (--tx->saves == 0)
        tx->nundo = 0;
}

void
oro_tx_restore(struct oro_tx *tx, struct oro_savepoint sp)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT(tx->saves == sp.level && sp.nundo <= tx->nundo);
    while (tx->nundo > sp.nundo)
        take_back(tx, &tx->undo[--tx->nundo]);
    for (size_t w = tx->nwrites; w > sp.nwrites; w--)
        cancel(tx, &tx->writes[w - 1]);
    oro_tx_release(tx, sp);
}
