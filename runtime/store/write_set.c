/* runtime/store/write_set.c - what a transaction has written and nobody else sees yet.
 *
 * Few writes are searched one by one. From MANY on a map helps: open addressing, from the hash of a
 * unique key (or of an old row's address) to the number of a write. Nothing is ever taken out of the map:
 * a find compares with the write itself, so entries of replaced rows are merely passed over, and go
 * when the map grows. */
#include "runtime/store/internal.h"

#define MANY 16
#ifndef ORO_KEYS_KEPT /* tests have fewer */
#define ORO_KEYS_KEPT ORO_LARGE
#endif
#define KEEP 16384 /* elements of arrays that are kept for the next transaction */

static uint64_t
old_hash(const struct oro_row *old)
{
    uint64_t x = (uint64_t)(uintptr_t)old * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

static void
map_put(struct oro_tx *tx, uint64_t hash, uint32_t w)
{
    size_t mask = tx->map_cap - 1, i = hash & mask;
    while (tx->map[i] != 0)
        i = (i + 1) & mask;
    tx->map[i] = w + 1;
    tx->map_used++;
}

static void
map_put_row(struct oro_tx *tx, uint32_t w)
{
    const struct oro_write *wr = &tx->writes[w];
    for (uint32_t i = 0; i < wr->t->nix; i++)
        if (wr->t->ix[i].unique)
            map_put(tx, oro_index_key_hash(&wr->t->ix[i], oro_ws_key(tx, wr, i)), w);
}

/* Entries that a write of t puts for its row. */
static size_t
row_entries(const struct oro_table *t)
{
    size_t n = 0;
    for (uint32_t i = 0; i < t->nix; i++)
        n += t->ix[i].unique;
    return n;
}

/* It is full when half of it is used. */
static void
map_build(struct oro_tx *tx)
{
    size_t want = 0;
    for (size_t w = 0; w < tx->nwrites; w++) {
        const struct oro_write *wr = &tx->writes[w];
        want += (wr->old != NULL) + (wr->row != NULL ? row_entries(wr->t) : 0);
    }
    size_t cap = 256;
    while (cap < want * 3)
        cap *= 2;
    oro_free(tx->map);
    tx->map = ORO_NEW_ARRAY(uint32_t, cap);
    tx->map_cap = cap;
    tx->map_used = 0;
    for (uint32_t w = 0; w < tx->nwrites; w++) {
        if (tx->writes[w].old != NULL)
            map_put(tx, old_hash(tx->writes[w].old), w);
        if (tx->writes[w].row != NULL)
            map_put_row(tx, w);
    }
}

/* Makes room for all that one write may put. */
static bool
map_ready(struct oro_tx *tx, const struct oro_table *t)
{
    if (tx->map_cap == 0 && tx->nwrites <= MANY)
        return false;
    if ((tx->map_used + t->nix + 1) * 2 <= tx->map_cap)
        return true;
    map_build(tx); /* with the write in question */
    return false;
}

static bool
write_has(struct oro_tx *tx, const struct oro_write *wr, const struct oro_index *ix,
          const struct oro_key *k)
{
    return wr->row != NULL && wr->t->def == ix->table &&
           oro_index_key_eq(ix, oro_ws_key(tx, wr, ix->link), k);
}

/* The living write whose row has the key in ix, which is unique: keys that many rows may share are not in the map, where they
 * would stand one behind the other. */
uint32_t
oro_ws_find(struct oro_tx *tx, const struct oro_table *t, const struct oro_index *ix,
            const struct oro_key *k)
{
    ORO_ASSERT_DEBUG(ix->unique);
    if (tx->map_cap == 0) {
        for (uint32_t w = oro_tx_table(tx, t)->first; w != ORO_NONE; w = tx->writes[w].next)
            if (write_has(tx, &tx->writes[w], ix, k))
                return w;
        return ORO_NONE;
    }
    size_t mask = tx->map_cap - 1;
    for (size_t i = oro_index_key_hash(ix, k) & mask; tx->map[i] != 0; i = (i + 1) & mask)
        if (write_has(tx, &tx->writes[tx->map[i] - 1], ix, k))
            return tx->map[i] - 1;
    return ORO_NONE;
}

uint32_t
oro_ws_old(const struct oro_tx *tx, const struct oro_table *t, const struct oro_row *old)
{
    if (tx->map_cap == 0) {
        for (uint32_t w = tx->tables[t->slot].first; w != ORO_NONE; w = tx->writes[w].next)
            if (tx->writes[w].old == old)
                return w;
        return ORO_NONE;
    }
    size_t mask = tx->map_cap - 1;
    for (size_t i = old_hash(old) & mask; tx->map[i] != 0; i = (i + 1) & mask)
        if (tx->writes[tx->map[i] - 1].old == old)
            return tx->map[i] - 1;
    return ORO_NONE;
}

static void
touch(struct oro_tx *tx, struct oro_tx_table *tt)
{
    if (tt->first != ORO_NONE)
        return;
    tx->touched = oro_grow(tx->touched, tx->ntouched, &tx->touched_cap, sizeof(*tx->touched));
    tx->touched[tx->ntouched++] = tt->t->slot;
}

/* ---- keys ---- */

/* Those of a million writes would be half of what they take, and are made of their rows in no time. */
struct oro_key *
oro_ws_keys(struct oro_tx *tx, const struct oro_table *t, struct oro_bytes row)
{
    struct oro_session *se = tx->se;
    if (ORO_LIKELY(tx->nwrites < ORO_KEYS_KEPT)) {
        struct oro_key *keys = oro_arena_alloc(&se->arena, t->nix * sizeof(*keys));
        oro_keys_make(&se->arena, &se->key, t, row, keys);
        return keys;
    }
    if (tx->loose_cap < t->nix) {
        oro_free(tx->loose);
        tx->loose = ORO_NEW_ARRAY(struct oro_key, t->nix);
        tx->loose_cap = t->nix;
    }
    oro_arena_reset(&tx->loose_bytes);
    oro_keys_make(&tx->loose_bytes, &se->key, t, row, tx->loose);
    return tx->loose;
}

static struct oro_key *
kept(const struct oro_tx *tx, struct oro_key *keys)
{
    return keys == tx->loose ? NULL : keys;
}

const struct oro_key *
oro_ws_cut_key(struct oro_tx *tx, const struct oro_write *wr, uint32_t i)
{
    ORO_ASSERT_DEBUG(wr->row != NULL);
    oro_bb_clear(&tx->cut_bytes);
    oro_index_key_of_row(&wr->t->ix[i], wr->row, &tx->cut_bytes, &tx->cut);
    return &tx->cut;
}

/* ---- writes ---- */

uint32_t
oro_ws_add(struct oro_tx *tx, struct oro_table *t, struct oro_row *old, struct oro_row *row,
           struct oro_key *keys)
{
    struct oro_tx_table *tt = oro_tx_table(tx, t);
    touch(tx, tt);
    tx->writes = oro_grow(tx->writes, tx->nwrites, &tx->writes_cap, sizeof(*tx->writes));
    uint32_t w = (uint32_t)tx->nwrites++;
    tx->writes[w] = (struct oro_write){
        .t = t, .old = old, .row = row, .keys = kept(tx, keys), .next = ORO_NONE};
    if (tt->first == ORO_NONE)
        tt->first = w;
    else
        tx->writes[tt->last].next = w;
    tt->last = w;
    tt->nold += old != NULL;
    tx->old_bytes += old != NULL ? old->len : 0;
    if (map_ready(tx, t)) {
        if (old != NULL)
            map_put(tx, old_hash(old), w);
        if (row != NULL)
            map_put_row(tx, w);
    }
    return w;
}

static bool
same_keys(struct oro_tx *tx, const struct oro_write *wr, const struct oro_key *keys)
{
    const struct oro_table *t = wr->t;
    for (uint32_t i = 0; i < t->nix; i++)
        if (t->ix[i].unique && !oro_index_key_eq(&t->ix[i], oro_ws_key(tx, wr, i), &keys[i]))
            return false;
    return true;
}

void
oro_undo_note(struct oro_tx *tx, uint32_t w)
{
    const struct oro_write *wr = &tx->writes[w];
    struct oro_undo u = {
        .w = w, .old = wr->old, .row = wr->row, .keys = wr->keys, .dropped = SIZE_MAX};
    tx->undo = oro_grow(tx->undo, tx->nundo, &tx->undo_cap, sizeof(*tx->undo));
    tx->undo[tx->nundo++] = u;
}

void
oro_undo_note_row(struct oro_tx *tx, uint32_t w)
{
    oro_undo_note(tx, w);
    if (tx->writes[w].row == NULL)
        return;
    ORO_ASSERT(tx->ndropped > 0 && tx->dropped[tx->ndropped - 1] == tx->writes[w].row);
    tx->undo[tx->nundo - 1].dropped = tx->ndropped - 1;
}

/* The write's row becomes another (NULL: none). */
void
oro_ws_set_row(struct oro_tx *tx, uint32_t w, struct oro_row *row, struct oro_key *keys)
{
    if (ORO_UNLIKELY(tx->saves > 0))
        oro_undo_note_row(tx, w);
    struct oro_write *wr = &tx->writes[w];
    bool same = row != NULL && wr->row != NULL && same_keys(tx, wr, keys);
    wr->row = row;
    wr->keys = kept(tx, keys);
    if (row != NULL && !same && map_ready(tx, wr->t))
        map_put_row(tx, w);
}

void
oro_ws_put_back(struct oro_tx *tx, uint32_t w, struct oro_row *old, struct oro_row *row,
                struct oro_key *keys)
{
    struct oro_write *wr = &tx->writes[w];
    wr->old = old;
    wr->row = row;
    wr->keys = keys;
    if (!map_ready(tx, wr->t)) /* it may have been built anew meanwhile */
        return;
    if (old != NULL)
        map_put(tx, old_hash(old), w);
    if (row != NULL)
        map_put_row(tx, w);
}

void
oro_ws_forget_map(struct oro_tx *tx)
{
    oro_free(tx->map);
    tx->map = NULL;
    tx->map_cap = tx->map_used = 0;
}

void
oro_ws_forget_writes(struct oro_tx *tx)
{
    oro_ws_forget_map(tx);
    oro_free(tx->writes);
    tx->writes = NULL;
    tx->nwrites = tx->writes_cap = 0;
}

static void
loose_free(struct oro_tx *tx)
{
    oro_free(tx->loose);
    tx->loose = NULL;
    tx->loose_cap = 0;
    oro_arena_fini(&tx->loose_bytes);
    oro_bb_fini(&tx->cut_bytes);
}

void
oro_ws_reset(struct oro_tx *tx)
{
    ORO_ASSERT(tx->saves == 0 && tx->nundo == 0);
    for (size_t i = 0; i < tx->ntouched; i++) {
        struct oro_tx_table *tt = &tx->tables[tx->touched[i]];
        *tt = (struct oro_tx_table){.t = tt->t, .first = ORO_NONE, .last = ORO_NONE};
    }
    if (tx->map_cap != 0)
        oro_ws_forget_map(tx);
    if (ORO_UNLIKELY(tx->loose_cap != 0))
        loose_free(tx);
    if (tx->undo_cap > KEEP) {
        oro_free(tx->undo);
        tx->undo = NULL;
        tx->undo_cap = 0;
    }
    if (tx->writes_cap > KEEP || tx->hits_cap > KEEP) {
        oro_free(tx->writes);
        oro_free(tx->hits);
        oro_free(tx->dropped);
        tx->writes = NULL;
        tx->hits = tx->dropped = NULL;
        tx->writes_cap = tx->hits_cap = tx->dropped_cap = 0;
    }
    tx->nwrites = tx->ntouched = tx->nhits = tx->nmisses = tx->nspans = tx->ndropped = 0;
    tx->row_bytes = tx->old_bytes = 0;
    tx->reads = 0;
}
