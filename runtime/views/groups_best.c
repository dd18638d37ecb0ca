/* runtime/views/groups_best.c - the least and greatest value of a group, looked for among the rows there are. */
#include "runtime/views/groups_priv.h"

#define ROWS_FIRST 16 /* along an index; then four times as many */

struct looking {
    const struct live *l;
    const struct plan_column *c;
    struct oro_bytes key;
    struct acc *a;
};

static bool
is_of_group(const struct looking *k, struct oro_bytes row)
{
    const struct oro_type *type = k->l->table->row;
    for (unsigned i = 0; i < k->l->nby; i++) {
        struct oro_bytes value = groups_key_value(k->key, i);
        const uint8_t *p = oro_value_column(type, row.data, k->l->by[i]);
        size_t len = oro_value_len_trusted(type->elems[k->l->by[i]].type, p);
        if (!oro_bytes_eq(value, oro_bytes(p, len)))
            return false;
    }
    return oro_query_matches(k->l->query, row);
}

/* False: it has none in this column. */
static bool
value_of(const struct looking *k, struct oro_bytes row, struct oro_bytes *out)
{
    const struct oro_type *type = k->l->table->row;
    const uint8_t *p = oro_value_column(type, row.data, (uint32_t)k->c->col);
    *out = oro_bytes(p, oro_value_len_trusted(type->elems[k->c->col].type, p));
    if (k->c->value == k->c->source)
        return true;
    *out = oro_bytes(p + 1, out->len - 1);
    return p[0] == 0;
}

static void
consider(void *arg, struct oro_bytes row)
{
    struct looking *k = arg;
    struct oro_bytes value;
    if (!is_of_group(k, row) || !value_of(k, row, &value))
        return;
    struct oro_bb *best = &k->a->best;
    int cmp = best->len == 0 ? 0 : oro_query_compare(k->c->value, value.data, best->data);
    if (best->len > 0 && (k->c->fn == FN_MAX ? cmp <= 0 : cmp >= 0))
        return;
    oro_bb_clear(best);
    oro_bb_put_bytes(best, value);
}

/* Which of the group's columns it is; -1: none. */
static int
group_column(const struct live *l, uint16_t col)
{
    for (unsigned i = 0; i < l->nby; i++)
        if (l->by[i] == col)
            return (int)i;
    return -1;
}

/* An index whose first columns are those of the group; then, if it can be had, the column itself. */
static const struct oro_index_def *
index_for(const struct looking *k, bool ordered)
{
    const struct live *l = k->l;
    for (uint32_t i = 0; i < l->table->nindexes; i++) {
        const struct oro_index_def *ix = &l->table->indexes[i];
        unsigned n = 0;
        while (n < ix->ncols && n < l->nby && group_column(l, ix->cols[n]) >= 0)
            n++;
        if (n < l->nby || (ix->kind == ORO_INDEX_HASH && (ordered || ix->ncols > n)))
            continue;
        if (!ordered ? l->nby > 0 : n < ix->ncols && ix->cols[n] == k->c->col)
            return ix;
    }
    return NULL;
}

static struct oro_range
range_of(const struct looking *k, const struct oro_index_def *ix, struct oro_bb *prefix)
{
    for (unsigned i = 0; i < k->l->nby; i++)
        oro_bb_put_bytes(prefix,
                         groups_key_value(k->key, (unsigned)group_column(k->l, ix->cols[i])));
    return (struct oro_range){.prefix = oro_bb_bytes(prefix), .nprefix = k->l->nby};
}

/* The first row that counts is it. False: that is further than f may look. */
static bool
look_along(struct following *f, struct looking *k, const struct oro_index_def *ix,
           struct oro_range range)
{
    size_t seen = 0;
    struct oro_rows found;
    range.reverse = k->c->fn == FN_MAX;
    for (range.limit = ROWS_FIRST;; range.limit *= 4) {
        oro_status st = oro_tx_range(f->tx, k->l->table, ix, &range, &found);
        ORO_ASSERT(st == ORO_OK);
        for (; seen < found.n && k->a->best.len == 0; seen++) {
            if (!views_spend(&f->left, 1))
                return false;
            consider(k, found.rows[seen]);
        }
        if (found.n < range.limit || k->a->best.len > 0)
            return true;
    }
}

static bool
look_at_group(struct following *f, struct looking *k, const struct oro_index_def *ix,
              struct oro_range range)
{
    struct oro_rows found;
    if (f->left < SIZE_MAX)
        range.limit = f->left + 1;
    oro_status st = oro_tx_range(f->tx, k->l->table, ix, &range, &found);
    ORO_ASSERT(st == ORO_OK);
    if (!views_spend(&f->left, found.n))
        return false;
    for (size_t i = 0; i < found.n; i++)
        consider(k, found.rows[i]);
    return true;
}

static bool
look_at_all(struct following *f, struct looking *k)
{
    if (!views_spend(&f->left, oro_tx_count_about(f->tx, k->l->table)))
        return false;
    rows_each(f->tx, k->l, consider, k);
    return true;
}

static bool
look_for(struct following *f, struct looking *k)
{
    const struct oro_index_def *ordered = index_for(k, true), *any = index_for(k, false);
    struct oro_bb prefix = {0};
    bool found;
    oro_bb_clear(&k->a->best);
    if (ordered != NULL)
        found = look_along(f, k, ordered, range_of(k, ordered, &prefix));
    else if (any != NULL)
        found = look_at_group(f, k, any, range_of(k, any, &prefix));
    else
        found = look_at_all(f, k);
    oro_bb_fini(&prefix);
    return found;
}

oro_status
groups_find_best(struct following *f, struct oro_bytes key, struct group *g, struct oro_err *err)
{
    const struct live *l = f->l;
    for (unsigned i = 0; i < l->ncolumns; i++) {
        struct looking k = {l, &l->columns[i], key, &g->accs[i]};
        if (!k.a->stale)
            continue;
        if (k.a->n == 0)
            oro_bb_clear(&k.a->best);
        else if (!look_for(f, &k))
            return views_fail_spent(err);
        k.a->stale = false;
    }
    return ORO_OK;
}
