/* runtime/store/check.c - the invariants of a store, walked. For tests: it takes its time and
 * nothing may run meanwhile. */
#include "runtime/store/internal.h"

struct tally {
    uint64_t versions, living, bytes;
};

/* The next version of a chain, or NULL. What has left a unique index may still be pointed at by
 * the version that took its place (oro_index_unlink_is_free), even when it has been freed. */
static const struct oro_row *
chain_next(const struct oro_store *s, const struct oro_index *ix, const struct oro_row *r)
{
    const struct oro_row *older = oro_row_older(r, ix->at);
    if (!ix->unique || older == NULL)
        return older;
    bool exact = (oro_row_flags(r, ix->at) & ORO_LINK_EXACT) != 0;
    if (!exact && oro_row_begin(r) <= s->unlinked->seq)
        return NULL;
    return (oro_row_flags(older, ix->at) & ORO_LINK_GONE) != 0 ? NULL : older;
}

static bool
newer_is(const struct oro_index *ix, const struct oro_row *r, const struct oro_row *newer)
{
    if (!ix->unique)
        return oro_row_older(r, ix->at + 1) == newer;
    unsigned flags = oro_row_flags(r, ix->at);
    if (((flags & ORO_LINK_NEWER) != 0) != (newer != NULL) || (flags & ORO_LINK_GONE) != 0)
        return false;
    bool late = newer != NULL && oro_row_end(r) < oro_row_begin(newer);
    return late == ((flags & ORO_LINK_LATE) != 0) &&
           (!late || oro_map_get_u64(&ix->late, (uintptr_t)r) == newer);
}

static bool
chain_check(const struct oro_store *s, const struct oro_index *ix, const struct oro_row *top,
            struct oro_bb *scratch, struct tally *sum)
{
    struct oro_bb key = {0};
    struct oro_key k;
    oro_index_key_of_row(ix, top, &key, &k);
    const struct oro_row *newer = NULL;
    uint64_t living = 0;
    bool ok = true;
    for (const struct oro_row *r = top; r != NULL && ok; newer = r, r = chain_next(s, ix, r)) {
        ok = newer_is(ix, r, newer) && oro_row_begin(r) <= oro_row_end(r);
        ok = ok && (ix->kind == ORO_IX_LIST || oro_index_row_has_key(ix, r, &k, scratch));
        ok = ok && (newer == NULL || oro_row_begin(r) <= oro_row_begin(newer));
        if (ix->unique && newer != NULL)
            ok = ok && oro_row_end(r) <= oro_row_begin(newer);
        sum->versions++;
        if (oro_row_end(r) == ORO_SEQ_MAX) {
            living++;
            sum->bytes += r->len;
        }
    }
    sum->living += living;
    oro_bb_fini(&key);
    return ok && (!ix->unique || living <= 1);
}

static bool
tree_check(const struct oro_store *s, const struct oro_index *ix, struct oro_bb *scratch,
           struct tally *sum)
{
    if (!oro_btree_check(&ix->btree))
        return false;
    struct oro_bt_at at = oro_btree_seek(&ix->btree, &(struct oro_bound){0});
    struct oro_key k = {0};
    size_t keys = 0;
    for (oro_head *cell; (cell = oro_btree_next(&ix->btree, &at, &k)) != NULL; keys++) {
        const struct oro_row *top = oro_head_row(cell);
        if (top == NULL || !oro_index_row_has_key(ix, top, &k, scratch) ||
            oro_index_cell(ix, &k) != cell || !chain_check(s, ix, top, scratch, sum))
            return false;
    }
    return keys == ix->btree.n;
}

static bool
hash_check(const struct oro_store *s, const struct oro_index *ix, struct oro_bb *scratch,
           struct tally *sum)
{
    size_t at = 0, keys = 0;
    for (const struct oro_row *top; (top = oro_hash_next(&ix->hash, &at)) != NULL; keys++) {
        struct oro_bb bb = {0};
        struct oro_key k;
        oro_index_key_of_row(ix, top, &bb, &k);
        oro_head *cell = oro_index_cell(ix, &k);
        bool found = cell != NULL && oro_head_row(cell) == top;
        oro_bb_fini(&bb);
        if (!found || !chain_check(s, ix, top, scratch, sum))
            return false;
    }
    return keys == ix->hash.n;
}

static bool
index_check(const struct oro_store *s, const struct oro_index *ix, struct oro_bb *scratch,
            struct tally *sum)
{
    if (ix->kind == ORO_IX_BTREE)
        return tree_check(s, ix, scratch, sum);
    if (ix->kind != ORO_IX_LIST)
        return hash_check(s, ix, scratch, sum);
    const struct oro_row *top = oro_head_row(&ix->list);
    return top == NULL || chain_check(s, ix, top, scratch, sum);
}

static bool
table_check(const struct oro_store *s, const struct oro_table *t, uint64_t *versions)
{
    struct oro_bb scratch = {0};
    bool ok = true;
    for (uint32_t i = 0; i < t->nix && ok; i++) {
        struct tally sum = {0};
        ok = index_check(s, &t->ix[i], &scratch, &sum) &&
             sum.living == oro_store_row_count(s, t->def) &&
             sum.bytes == oro_store_row_bytes(s, t->def);
        if (i == 0)
            *versions += sum.versions;
    }
    oro_bb_fini(&scratch);
    for (uint32_t i = 0; i < t->def->nsequences && ok; i++)
        ok = atomic_load(&t->seqs[i].next) <= atomic_load(&t->seqs[i].allocated);
    return ok;
}

/* Versions that are in no index: deleted ones still owned by a record, rows of event tables. */
static uint64_t
ring_owned(const struct oro_store *s, const struct oro_commit *c)
{
    uint64_t n = 0;
    bool left = c->seq <= s->unlinked->seq;
    bool partly = !left && oro_commit_next(s->unlinked) == c;
    for (uint32_t i = 0; i < c->nops; i++) {
        if (c->ops[i].kind == ORO_OP_INSERT)
            n += c->ops[i].table->is_event;
        else if (c->ops[i].kind == ORO_OP_DELETE)
            n += left || (partly && i < s->unlink_op);
    }
    return n;
}

bool
oro_store_check(const struct oro_store *s)
{
    uint64_t versions = 0, records = 0;
    for (uint32_t i = 0; i < s->ntables; i++)
        if (!table_check(s, &s->tables[i], &versions))
            return false;
    const struct oro_commit *c = s->trash != NULL ? &s->trash->pub : s->first;
    for (uint32_t skip = s->trash != NULL ? s->trash_op : 0; c != NULL; c = oro_commit_next(c)) {
        records++;
        versions += ring_owned(s, c);
        for (; skip > 0; skip--) { /* freed already */
            const struct oro_op *op = &c->ops[skip - 1];
            versions -=
                op->kind == ORO_OP_DELETE || (op->kind == ORO_OP_INSERT && op->table->is_event);
        }
        const struct oro_commit *next = oro_commit_next(c);
        if (next != NULL &&
            (next->seq != c->seq + 1 || next->offset != c->offset + (next->nops > 0)))
            return false;
        if (next == NULL && c != atomic_load(&((struct oro_store *)(uintptr_t)s)->head))
            return false;
    }
    return records == oro_store_records(s) && versions == s->versions;
}
