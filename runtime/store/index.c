/* runtime/store/index.c */
#include "runtime/store/index.h"

static enum oro_key_mode
hash_mode(const struct oro_index *ix)
{
    if (ix->kind == ORO_IX_ROW)
        return ORO_KEY_ROW;
    return ix->plan.narrow ? ORO_KEY_NARROW : ORO_KEY_WIDE;
}

void
oro_index_init(struct oro_index *ix, struct oro_pool_cache *pc, enum oro_ix_kind kind,
               const struct oro_layout *layout, const uint16_t *cols, uint16_t ncols)
{
    ix->kind = kind;
    if (kind == ORO_IX_HASH || kind == ORO_IX_BTREE)
        oro_key_plan_init(&ix->plan, layout, cols, ncols);
    if (kind == ORO_IX_BTREE)
        oro_btree_init(&ix->btree, pc, !ix->plan.narrow);
    else if (kind != ORO_IX_LIST)
        oro_hash_init(&ix->hash, pc, hash_mode(ix));
}

void
oro_index_fini(struct oro_index *ix)
{
    if (ix->kind == ORO_IX_BTREE)
        oro_btree_fini(&ix->btree);
    else if (ix->kind != ORO_IX_LIST)
        oro_hash_fini(&ix->hash);
    oro_key_plan_fini(&ix->plan);
}

/* ---- keys ---- */

/* The word of wide bytes that were just put at scratch + from. */
static void
wide_key(const struct oro_index *ix, const struct oro_bb *scratch, size_t from, struct oro_key *k)
{
    k->bytes = oro_bytes(scratch->data + from, scratch->len - from);
    k->word = ix->kind == ORO_IX_BTREE ? oro_key_head(k->bytes) : oro_bytes_hash(k->bytes);
}

void
oro_index_key_of_bytes(const struct oro_index *ix, struct oro_bytes row, struct oro_bb *scratch,
                       struct oro_key *k)
{
    if (ix->kind == ORO_IX_LIST) {
        *k = (struct oro_key){0};
    } else if (ix->kind == ORO_IX_ROW) {
        *k = (struct oro_key){.word = oro_bytes_hash(row), .bytes = row};
    } else if (ix->plan.narrow) {
        *k = (struct oro_key){.word = oro_key_word_of_row(&ix->plan, row.data)};
    } else {
        size_t from = scratch->len;
        oro_key_bytes_of_row(&ix->plan, row.data, scratch);
        wide_key(ix, scratch, from, k);
    }
}

void
oro_index_key_of_row(const struct oro_index *ix, const struct oro_row *row, struct oro_bb *scratch,
                     struct oro_key *k)
{
    oro_index_key_of_bytes(ix, oro_row_bytes(row), scratch, k);
}

void
oro_index_key_of_values(const struct oro_index *ix, struct oro_bytes values, struct oro_bb *scratch,
                        struct oro_key *k)
{
    if (ix->plan.narrow) {
        unsigned bits;
        *k = (struct oro_key){
            .word = oro_key_word_of_values(&ix->plan, ix->plan.nparts, values, &bits)};
    } else {
        size_t from = scratch->len;
        oro_key_bytes_of_values(&ix->plan, 0, ix->plan.nparts, values, scratch);
        wide_key(ix, scratch, from, k);
    }
}

bool
oro_index_key_eq(const struct oro_index *ix, const struct oro_key *a, const struct oro_key *b)
{
    return a->word == b->word && oro_bytes_eq(a->bytes, b->bytes);
}

int
oro_index_key_cmp(const struct oro_index *ix, const struct oro_key *a, const struct oro_key *b)
{
    if (a->word != b->word)
        return a->word < b->word ? -1 : 1;
    return ix->plan.narrow ? 0 : oro_bytes_cmp(a->bytes, b->bytes);
}

bool
oro_index_row_has_key(const struct oro_index *ix, const struct oro_row *row,
                      const struct oro_key *k, struct oro_bb *scratch)
{
    if (ix->kind == ORO_IX_ROW)
        return oro_row_same(row, k->bytes);
    size_t from = scratch->len;
    struct oro_key mine;
    oro_index_key_of_row(ix, row, scratch, &mine);
    bool eq = oro_index_key_eq(ix, &mine, k);
    scratch->len = from;
    return eq;
}

static bool
behind_bound(const struct oro_index *ix, const struct oro_bound *b, const struct oro_key *k)
{
    if (ix->plan.narrow)
        return b->after ? k->word > b->word : k->word >= b->word;
    return oro_bound_cmp(b, k->bytes) > 0;
}

bool
oro_interval_has(const struct oro_index *ix, const struct oro_interval *iv, const struct oro_key *k)
{
    if (iv->point)
        return oro_index_key_eq(ix, &iv->key, k);
    return behind_bound(ix, &iv->lo, k) && !behind_bound(ix, &iv->hi, k);
}

uint64_t
oro_index_key_hash(const struct oro_index *ix, const struct oro_key *k)
{
    uint64_t w = ix->kind == ORO_IX_BTREE && !ix->plan.narrow ? oro_bytes_hash(k->bytes) : k->word;
    unsigned __int128 p = (unsigned __int128)(w + ix->id) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* ---- chains ---- */

oro_head *
oro_index_cell(const struct oro_index *ix, const struct oro_key *k)
{
    if (ix->kind == ORO_IX_BTREE)
        return oro_btree_cell(&ix->btree, k);
    if (ix->kind == ORO_IX_LIST)
        return (oro_head *)(uintptr_t)&ix->list;
    return oro_hash_cell(&ix->hash, k);
}

struct oro_row *
oro_index_visible_at(const struct oro_index *ix, oro_head *cell, uint64_t snapshot)
{
    if (cell == NULL)
        return NULL;
    /* Pairs with the release in oro_index_push_at(). The lives of these versions do not overlap
     * and follow each other, so the first that had begun decides. */
    struct oro_row *r = atomic_load_explicit(cell, memory_order_acquire);
    while (r != NULL && oro_row_begin(r) > snapshot)
        r = r->links[ix->link].older;
    return r != NULL && snapshot < oro_row_end(r) ? r : NULL;
}

struct oro_row *
oro_index_visible(const struct oro_index *ix, const struct oro_key *k, uint64_t snapshot)
{
    return oro_index_visible_at(ix, oro_index_cell(ix, k), snapshot);
}

void
oro_index_push_at(const struct oro_index *ix, oro_head *cell, struct oro_row *row)
{
    struct oro_row *top = atomic_load_explicit(cell, memory_order_relaxed);
    row->links[ix->link] = (struct oro_row_link){.older = top};
    if (top != NULL)
        top->links[ix->link].newer = row;
    /* Pairs with the acquire of readers: the row and its link are written before it can be
     * found. */
    atomic_store_explicit(cell, row, memory_order_release);
}

bool
oro_index_push(struct oro_index *ix, const struct oro_key *k, struct oro_row *row)
{
    oro_head *cell = oro_index_cell(ix, k);
    if (cell == NULL)
        return false;
    oro_index_push_at(ix, cell, row);
    return true;
}

void
oro_index_insert(struct oro_index *ix, const struct oro_key *k, struct oro_row *row)
{
    row->links[ix->link] = (struct oro_row_link){0};
    ix->changes++;
    if (ix->kind == ORO_IX_BTREE)
        oro_btree_insert(&ix->btree, k, row);
    else
        oro_hash_insert(&ix->hash, k, row);
}

void
oro_index_unlink(struct oro_index *ix, struct oro_row *row, struct oro_bb *scratch)
{
    struct oro_row_link *l = &row->links[ix->link];
    if (l->older != NULL)
        l->older->links[ix->link].newer = l->newer;
    if (l->newer != NULL) {
        l->newer->links[ix->link].older = l->older;
        return;
    }
    struct oro_key k;
    oro_bb_clear(scratch);
    oro_index_key_of_row(ix, row, scratch, &k);
    oro_head *cell = oro_index_cell(ix, &k);
    ORO_ASSERT(cell != NULL && atomic_load_explicit(cell, memory_order_relaxed) == row);
    if (l->older != NULL || ix->kind == ORO_IX_LIST) {
        atomic_store_explicit(cell, l->older, memory_order_release);
        return;
    }
    ix->changes++;
    if (ix->kind == ORO_IX_BTREE)
        oro_btree_erase(&ix->btree, &k);
    else
        oro_hash_erase(&ix->hash, &k);
}
