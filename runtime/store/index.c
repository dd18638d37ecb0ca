/* runtime/store/index.c */
#include "runtime/store/index.h"

static enum oro_key_mode
hash_mode(const struct oro_index *ix)
{
    if (ix->kind == ORO_IX_ROW)
        return ORO_KEY_ROW;
    return ix->plan.narrow ? ORO_KEY_NARROW : ORO_KEY_WIDE;
}

static void
btree_init(struct oro_index *ix, struct oro_pool_cache *pc)
{
    const struct oro_key_part *only = &ix->plan.parts[0];
    oro_btree_init(&ix->btree, pc, !ix->plan.narrow);
    if (ix->plan.nparts == 1 && only->size > 0)
        oro_btree_allow_dense(&ix->btree, only->size, only->is_signed);
}

void
oro_index_init(struct oro_index *ix, struct oro_pool_cache *pc, enum oro_ix_kind kind,
               const struct oro_layout *layout, const uint16_t *cols, uint16_t ncols)
{
    ix->kind = kind;
    if (kind == ORO_IX_HASH || kind == ORO_IX_BTREE)
        oro_key_plan_init(&ix->plan, layout, cols, ncols, kind == ORO_IX_BTREE);
    if (kind == ORO_IX_BTREE)
        btree_init(ix, pc);
    else if (kind != ORO_IX_LIST)
        oro_hash_init(&ix->hash, hash_mode(ix), &ix->plan);
}

void
oro_index_fini(struct oro_index *ix)
{
    if (ix->kind == ORO_IX_BTREE)
        oro_btree_fini(&ix->btree);
    else if (ix->kind != ORO_IX_LIST)
        oro_hash_fini(&ix->hash);
    oro_key_plan_fini(&ix->plan);
    oro_map_fini(&ix->late);
}

/* ---- keys ---- */

/* The word of wide bytes. */
static void
wide_key(const struct oro_index *ix, struct oro_bytes bytes, struct oro_key *k)
{
    k->bytes = bytes;
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
        wide_key(ix, oro_bytes(scratch->data + from, scratch->len - from), k);
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
    } else if (ix->plan.raw) {
        wide_key(ix, values, k);
    } else {
        size_t from = scratch->len;
        oro_key_bytes_of_values(&ix->plan, 0, ix->plan.nparts, values, scratch);
        wide_key(ix, oro_bytes(scratch->data + from, scratch->len - from), k);
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

bool
oro_key_is_behind(const struct oro_index *ix, const struct oro_key *k, const struct oro_bound *b)
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
    return oro_key_is_behind(ix, k, &iv->lo) && !oro_key_is_behind(ix, k, &iv->hi);
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
    /* The lives of these versions do not overlap and follow each other, so the first that had
     * begun decides. */
    struct oro_row *r = oro_head_row(cell);
    while (r != NULL && oro_row_begin(r) > snapshot)
        r = oro_row_older(r, ix->at);
    return r != NULL && snapshot < oro_row_end(r) ? r : NULL;
}

struct oro_row *
oro_index_visible(const struct oro_index *ix, const struct oro_key *k, uint64_t snapshot)
{
    return oro_index_visible_at(ix, oro_index_cell(ix, k), snapshot);
}

/* The one before a version, of an index with two words for it. */
static struct oro_row *
newer_of(const struct oro_index *ix, const struct oro_row *r)
{
    return oro_row_older(r, ix->at + 1);
}

static void
push_unique(struct oro_index *ix, struct oro_row *row, struct oro_row *top)
{
    if (top == NULL) {
        oro_row_link(row, ix->at, NULL, 0);
        return;
    }
    /* An end that is not there yet is this very commit's. */
    bool late = oro_row_end(top) < oro_row_begin(row);
    oro_row_link(row, ix->at, top, late ? ORO_LINK_EXACT : 0);
    unsigned flags = oro_row_flags(top, ix->at) | ORO_LINK_NEWER | (late ? ORO_LINK_LATE : 0u);
    oro_row_link(top, ix->at, oro_row_older(top, ix->at), flags);
    if (late)
        oro_map_put_u64(&ix->late, (uintptr_t)top, row);
}

void
oro_index_push_at(struct oro_index *ix, oro_head *cell, struct oro_row *row)
{
    struct oro_row *top = oro_head_row(cell);
    if (ix->unique) {
        push_unique(ix, row, top);
    } else {
        oro_row_link(row, ix->at, top, 0);
        oro_row_link(row, ix->at + 1, NULL, 0);
        if (top != NULL)
            oro_row_link(top, ix->at + 1, row, 0);
    }
    oro_head_set(cell, row);
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
    oro_row_link(row, ix->at, NULL, 0);
    if (!ix->unique)
        oro_row_link(row, ix->at + 1, NULL, 0);
    ix->changes++;
    if (ix->kind == ORO_IX_BTREE)
        oro_btree_insert(&ix->btree, k, row);
    else
        oro_hash_insert(&ix->hash, k, row);
}

/* The newest version leaves; `older` takes its place, or the key goes. */
static void
unlink_top(struct oro_index *ix, struct oro_row *row, struct oro_row *older, struct oro_bb *scratch)
{
    struct oro_key k;
    oro_bb_clear(scratch);
    oro_index_key_of_row(ix, row, scratch, &k);
    oro_head *cell = oro_index_cell(ix, &k);
    ORO_ASSERT(cell != NULL && oro_head_row(cell) == row);
    if (older != NULL || ix->kind == ORO_IX_LIST) {
        oro_head_set(cell, older);
        return;
    }
    ix->changes++;
    if (ix->kind == ORO_IX_BTREE)
        oro_btree_erase(&ix->btree, &k);
    else
        oro_hash_erase(&ix->hash, &k);
}

static void
unlink_unique(struct oro_index *ix, struct oro_row *row, struct oro_bb *scratch)
{
    unsigned flags = oro_row_flags(row, ix->at);
    /* Versions leave in the order in which they ended, so there is none behind this one. */
    if ((flags & ORO_LINK_NEWER) == 0) {
        unlink_top(ix, row, NULL, scratch);
    } else if ((flags & ORO_LINK_LATE) != 0) {
        struct oro_row *newer = oro_map_del_u64(&ix->late, (uintptr_t)row);
        oro_row_link(newer, ix->at, NULL, oro_row_flags(newer, ix->at));
    }
    oro_row_link(row, ix->at, NULL, flags | ORO_LINK_GONE);
}

void
oro_index_unlink(struct oro_index *ix, struct oro_row *row, struct oro_bb *scratch)
{
    if (ix->unique) {
        unlink_unique(ix, row, scratch);
        return;
    }
    struct oro_row *older = oro_row_older(row, ix->at), *newer = newer_of(ix, row);
    if (older != NULL)
        oro_row_link(older, ix->at + 1, newer, 0);
    if (newer != NULL)
        oro_row_link(newer, ix->at, older, 0);
    else
        unlink_top(ix, row, older, scratch);
}
