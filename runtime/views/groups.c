/* runtime/views/groups.c - count, sum, min, max and avg of the rows of a condition, by the values of some of their columns.
 *
 * For each group its sums are remembered; a row that comes or goes is added or taken away. When the row that goes had the least or
 * greatest value, that is looked for again: along an index that begins with the group's columns and goes on with this one, else
 * among the rows of the group, else of the table.
 *
 * A step copies the groups that it touches and stages them; each has a number, and two steps on one group at once conflict. The rows
 * that clients see follow from the sums, so the one before is made again to be taken away. */
#include "runtime/views/groups_priv.h"

#define NO_GROUP 0
#define SLOT_BYTES 64 /* of the map */

static struct group *
group_new(const struct live *l)
{
    return oro_calloc(1, sizeof(struct group) + l->ncolumns * sizeof(struct acc));
}

static void
group_free(const struct live *l, struct group *g)
{
    for (unsigned i = 0; g != NULL && i < l->ncolumns; i++) {
        oro_bb_fini(&g->accs[i].best);
        oro_exact_fini(&g->accs[i].real);
    }
    oro_free(g);
}

/* That it takes with its key. */
static uint64_t
group_bytes(const struct live *l, size_t key_len, const struct group *g)
{
    uint64_t bytes = sizeof(*g) + l->ncolumns * sizeof(struct acc) + key_len + SLOT_BYTES;
    for (unsigned i = 0; i < l->ncolumns; i++)
        bytes += g->accs[i].best.cap + g->accs[i].real.cap * sizeof(*g->accs[i].real.parts);
    return bytes;
}

static struct group *
group_copy(const struct live *l, const struct group *from)
{
    struct group *g = group_new(l);
    if (from == NULL)
        return g;
    memcpy(g, from, sizeof(*g) + l->ncolumns * sizeof(struct acc));
    for (unsigned i = 0; i < l->ncolumns; i++) {
        g->accs[i].best = (struct oro_bb){0};
        oro_bb_put_bytes(&g->accs[i].best, oro_bb_bytes(&from->accs[i].best));
        oro_exact_copy(&g->accs[i].real, &from->accs[i].real);
    }
    return g;
}

static void
groups_free(struct oro_view_live *head)
{
    struct live *l = (struct live *)head;
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&l->groups, &i, &slot);)
        group_free(l, slot->value);
    oro_map_fini(&l->groups);
    plan_free(l);
}

/* ---- staged groups ---- */

static void
staged_drop(void *staged)
{
    struct staged *s = staged;
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&s->groups, &i, &slot);) {
        struct staged_group *g = slot->value;
        group_free(s->l, g->before);
        group_free(s->l, g->now);
        oro_bb_fini(&g->row_before);
        oro_bb_fini(&g->row);
        oro_free(g);
    }
    oro_map_fini(&s->groups);
    oro_free(s);
}

/* The number it has now. */
static uint64_t
number_of(const struct live *l, const struct oro_map_slot *slot)
{
    const struct group *g = oro_map_get(&l->groups, oro_bytes(slot->key, slot->key_len));
    return g != NULL ? g->number : NO_GROUP;
}

static bool
staged_holds(struct oro_view_live *head, const void *staged)
{
    struct live *l = (struct live *)head;
    const struct staged *s = staged;
    const struct oro_map_slot *slot;
    bool ok = true;
    oro_spin_lock(&l->lock);
    for (size_t i = 0; ok && oro_map_next(&s->groups, &i, &slot);)
        ok = number_of(l, slot) == ((struct staged_group *)slot->value)->before->number;
    oro_spin_unlock(&l->lock);
    return ok;
}

static void
staged_commit(struct oro_view_live *head, void *staged)
{
    struct live *l = (struct live *)head;
    struct staged *s = staged;
    const struct oro_map_slot *slot;
    uint64_t bytes = atomic_load_explicit(&head->bytes, memory_order_relaxed);
    oro_spin_lock(&l->lock);
    for (size_t i = 0; oro_map_next(&s->groups, &i, &slot);) {
        struct staged_group *g = slot->value;
        struct oro_bytes key = oro_bytes(slot->key, slot->key_len);
        struct group *was;
        g->now->number = ++l->counter;
        if (g->now->rows > 0 || l->nby == 0) {
            bytes += group_bytes(l, key.len, g->now);
            was = oro_map_put(&l->groups, key, g->now);
            g->now = NULL;
        } else {
            was = oro_map_del(&l->groups, key);
        }
        bytes -= was != NULL ? group_bytes(l, key.len, was) : 0;
        group_free(l, was);
    }
    oro_spin_unlock(&l->lock);
    atomic_store_explicit(&head->bytes, bytes, memory_order_relaxed);
    staged_drop(s);
}

const struct oro_view_live_ops groups_ops = {
    .holds = staged_holds, .commit = staged_commit, .drop = staged_drop, .free = groups_free};

/* ---- keys ---- */

static struct oro_bytes
column_bytes(const struct oro_type *row, struct oro_bytes bytes, unsigned col)
{
    const uint8_t *p = oro_value_column(row, bytes.data, col);
    return oro_bytes(p, oro_value_len_trusted(row->elems[col].type, p));
}

/* Each value with its length: so it is found again in the key. */
static struct oro_bytes
group_key(const struct live *l, struct oro_bytes row, struct oro_bb *out)
{
    oro_bb_clear(out);
    oro_bb_u8(out, 0);
    for (unsigned i = 0; i < l->nby; i++)
        oro_bb_lenbytes(out, column_bytes(l->table->row, row, l->by[i]));
    return oro_bb_bytes(out);
}

/* ---- adding and taking away ---- */

static void
acc_number(struct acc *a, const struct plan_column *c, const uint8_t *value, int sign)
{
    if (c->value->kind != ORO_F32 && c->value->kind != ORO_F64) {
        a->whole += sign * groups_integer(c->value, value);
        return;
    }
    double d = groups_double(c->value, value);
    if (isnan(d))
        a->nans += (uint64_t)sign;
    else if (isinf(d))
        *(d > 0 ? &a->ups : &a->downs) += (uint64_t)sign;
    else
        oro_exact_add(&a->real, sign * d);
}

static void
acc_best(struct acc *a, const struct plan_column *c, struct oro_bytes value, int sign)
{
    if (a->stale)
        return;
    int cmp = a->best.len == 0 ? 0 : oro_query_compare(c->value, value.data, a->best.data);
    if (sign < 0) {
#ifndef ORO_PLANT_OLD_BEST /* a bug that tests/views has to find */
        a->stale = cmp == 0;
#endif
        return;
    }
    if (a->best.len > 0 && (c->fn == FN_MAX ? cmp <= 0 : cmp >= 0))
        return;
    oro_bb_clear(&a->best);
    oro_bb_put_bytes(&a->best, value);
}

static void
groups_add(const struct live *l, struct group *g, struct oro_bytes row, int sign)
{
    g->rows += (uint64_t)sign;
    for (unsigned i = 0; i < l->ncolumns; i++) {
        const struct plan_column *c = &l->columns[i];
        struct acc *a = &g->accs[i];
        if (c->fn == FN_GROUP || c->col < 0)
            continue;
        struct oro_bytes value = column_bytes(l->table->row, row, (unsigned)c->col);
        if (c->value != c->source) {
            if (value.data[0] != 0)
                continue; /* NULL is not counted, and adds nothing */
            value = oro_bytes(value.data + 1, value.len - 1);
        }
        a->n += (uint64_t)sign;
        if (c->fn == FN_SUM || c->fn == FN_AVG)
            acc_number(a, c, value.data, sign);
        else if (c->fn == FN_MIN || c->fn == FN_MAX)
            acc_best(a, c, value, sign);
    }
}

/* ---- the first time ---- */

struct folding {
    struct live *l;
    struct oro_bb key;
};

static void
fold(void *arg, struct oro_bytes row)
{
    struct folding *f = arg;
    struct oro_bytes key = group_key(f->l, row, &f->key);
    struct group *g = oro_map_get(&f->l->groups, key);
    if (g == NULL) {
        g = group_new(f->l);
        g->number = ++f->l->counter;
        oro_map_put(&f->l->groups, key, g);
    }
    groups_add(f->l, g, row, 1);
}

oro_status
groups_begin(struct oro_tx *tx, struct live *l, struct oro_bb *out, struct oro_err *err)
{
    struct folding f = {.l = l};
    const struct oro_map_slot *slot;
    struct oro_bb row = {0};
    oro_status st = ORO_OK;
    if (l->nby == 0) { /* there is always one */
        struct group *all = group_new(l);
        all->number = ++l->counter;
        oro_map_put(&l->groups, oro_bytes("", 1), all);
    }
    rows_each(tx, l, fold, &f);
    for (size_t i = 0; st == ORO_OK && oro_map_next(&l->groups, &i, &slot);) {
        oro_bb_clear(&row);
        l->head.bytes += group_bytes(l, slot->key_len, slot->value);
        st = groups_row(l, oro_bytes(slot->key, slot->key_len), slot->value, &row, err);
        if (st == ORO_OK)
            rows_put(out, oro_bb_bytes(&row));
    }
    oro_bb_fini(&f.key);
    oro_bb_fini(&row);
    return st;
}

/* ---- a step ---- */

static struct staged_group *
stage(struct staged *s, struct oro_bytes key)
{
    struct staged_group *g = oro_map_get(&s->groups, key);
    if (g != NULL)
        return g;
    g = ORO_NEW(struct staged_group);
    oro_spin_lock(&s->l->lock);
    g->before = group_copy(s->l, oro_map_get(&s->l->groups, key));
    oro_spin_unlock(&s->l->lock);
    g->now = group_copy(s->l, g->before);
    oro_map_put(&s->groups, key, g);
    return g;
}

static bool
is_shown(const struct live *l, const struct group *g)
{
    return g->rows > 0 || l->nby == 0;
}

/* The rows that clients saw and see of it. */
static oro_status
make_rows(const struct live *l, struct oro_bytes key, struct staged_group *g, struct oro_err *err)
{
    oro_status st = ORO_OK;
    g->was = is_shown(l, g->before) && g->before->number != NO_GROUP;
    g->is = is_shown(l, g->now);
    if (g->was)
        st = groups_row(l, key, g->before, &g->row_before, err);
    if (st == ORO_OK && g->is)
        st = groups_row(l, key, g->now, &g->row, err);
    return st;
}

static void
show(struct oro_tx *tx, size_t i, const struct staged_group *g)
{
    struct oro_bytes before = oro_bb_bytes(&g->row_before), now = oro_bb_bytes(&g->row);
    if (g->was == g->is && oro_bytes_eq(before, now))
        return;
    if (g->was)
        (void)oro_tx_view_take(tx, i, before);
    if (g->is)
        oro_tx_view_put(tx, i, now);
}

oro_status
groups_step(struct following *f, struct oro_err *err)
{
    struct live *l = f->l;
    struct staged *s = ORO_NEW(struct staged);
    struct oro_bb key = {0};
    const struct oro_map_slot *slot;
    oro_status st = ORO_OK;
    s->l = l;
    for (size_t k = 0; k < f->n; k++)
        if (oro_query_matches(l->query, f->rows[k].row))
            groups_add(l, stage(s, group_key(l, f->rows[k].row, &key))->now, f->rows[k].row,
                       f->rows[k].insert ? 1 : -1);
    oro_bb_fini(&key);
    for (size_t k = 0; st == ORO_OK && oro_map_next(&s->groups, &k, &slot);) {
        struct staged_group *g = slot->value;
        struct oro_bytes of = oro_bytes(slot->key, slot->key_len);
        st = groups_find_best(f, of, g->now, err);
        if (st == ORO_OK)
            st = make_rows(l, of, g, err);
    }
    for (size_t k = 0; st == ORO_OK && oro_map_next(&s->groups, &k, &slot);)
        show(f->tx, f->i, slot->value);
    bool changes = oro_map_len(&s->groups) > 0;
    if (st == ORO_OK)
        oro_tx_view_followed(f->tx, f->i, changes, changes ? s : NULL);
    if (st != ORO_OK || !changes)
        staged_drop(s);
    return st;
}
