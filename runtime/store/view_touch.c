/* runtime/store/view_touch.c - the registry of views' answers: from places that were read to answers, and which of them a
 * transaction touches. All of it under the registry's lock. */
#include "runtime/base/annot.h"
#include "runtime/store/view_priv.h"

/* ---- from places to answers ---- */

static struct oro_bytes
point_key(const struct oro_index *ix, const struct oro_key *k)
{
    return ix->plan.narrow && (ix->kind == ORO_IX_HASH || ix->kind == ORO_IX_BTREE)
               ? oro_bytes(&k->word, sizeof(k->word))
               : k->bytes;
}

static struct view_index *
index_of(struct view_table *t, const struct oro_index *ix)
{
    for (size_t i = 0; i < t->nindexes; i++)
        if (t->indexes[i]->ix == ix)
            return t->indexes[i];
    t->indexes = oro_grow(t->indexes, t->nindexes, &t->indexes_cap, sizeof(*t->indexes));
    struct view_index *made = ORO_NEW(struct view_index);
    made->ix = ix;
    return t->indexes[t->nindexes++] = made;
}

static void
list_add(struct view_list *l, struct oro_view_read *r)
{
    l->items = oro_grow(l->items, l->n, &l->cap, sizeof(*l->items));
    r->list = l;
    r->pos = l->n;
    l->items[l->n++] = r;
}

static void
list_del(struct oro_view_read *r)
{
    struct view_list *l = r->list;
    struct oro_view_read *last = l->items[--l->n];
    l->items[r->pos] = last;
    last->pos = r->pos;
}

void
view_read_list(struct oro_views *vs, struct oro_view *v, struct oro_view_read *r)
{
    struct view_table *t = &vs->tables[r->t->slot];
    r->view = v;
    t->n++;
    r->list = NULL;
    if (r->kind != ORO_SPAN_RANGE) {
        list_add(&t->spans, r);
        return;
    }
    struct view_index *ix = index_of(t, r->ix);
    if (!r->iv.point) {
        r->range.iv = &r->iv;
        oro_spans_add(&ix->ranges, &r->range);
        return;
    }
    struct oro_bytes key = point_key(r->ix, &r->iv.key);
    struct view_list *l = oro_map_get(&ix->points, key);
    if (l == NULL) {
        l = ORO_NEW(struct view_list);
        oro_map_put(&ix->points, key, l);
    }
    list_add(l, r);
}

static void
read_unlist(struct oro_views *vs, struct oro_view_read *r)
{
    struct view_table *t = &vs->tables[r->t->slot];
    struct view_list *l = r->list;
    t->n--;
    if (l == NULL) {
        oro_spans_remove(&index_of(t, r->ix)->ranges, &r->range);
        return;
    }
    list_del(r);
    if (l == &t->spans || l->n > 0)
        return;
    oro_map_del(&index_of(t, r->ix)->points, point_key(r->ix, &r->iv.key));
    oro_free(l->items);
    oro_free(l);
}

void
view_reads_unlist(struct oro_views *vs, struct oro_view_reads **reads)
{
    for (size_t i = 0; *reads != NULL && i < (*reads)->n; i++)
        read_unlist(vs, &(*reads)->items[i]);
    oro_view_reads_free(*reads);
    *reads = NULL;
}

/* ---- what a transaction touches ---- */

/* Meetings of a changed row with an answer that are looked at one by one, and more for each row that is written. Whoever has many rows
 * written where many answers are asked for would keep the registry's lock for the product of both. */
#define MEETINGS_LEAST (1u << 18)
#define MEETINGS_OF_ROW 8

static struct oro_view_found *
found_of(struct touching *to, struct oro_view *v)
{
    if (v->epoch == to->epoch)
        return &to->found[v->found];
    v->epoch = to->epoch;
    v->found = to->n;
    to->found = oro_grow(to->found, to->n, &to->cap, sizeof(*to->found));
    struct oro_view_found *f = &to->found[to->n++];
    *f = (struct oro_view_found){
        .view = v, .generation = v->generation, .first = ORO_NONE, .last = ORO_NONE};
    return f;
}

/* A row lies in several places of one answer; it is one step. */
static void
step_add(struct touching *to, struct oro_view_found *f, const struct oro_row *row, bool insert)
{
    if (f->last != ORO_NONE && to->steps[f->last].row == row && to->steps[f->last].insert == insert)
        return;
    to->steps = oro_grow(to->steps, to->nsteps, &to->steps_cap, sizeof(*to->steps));
    uint32_t at = (uint32_t)to->nsteps++;
    to->steps[at] = (struct oro_view_step){row, insert, ORO_NONE};
    if (f->last == ORO_NONE)
        f->first = at;
    else
        to->steps[f->last].next = at;
    f->last = at;
}

static void
touch_read(struct touching *to, const struct oro_view_read *r, const struct oro_row *row,
           bool insert)
{
    struct oro_view_found *f = found_of(to, r->view);
    to->meetings++;
    if (!r->is_place)
        f->code = true;
    else if (to->rows)
        step_add(to, f, row, insert);
}

struct changed {
    struct touching *to;
    const struct oro_row *row;
    bool insert;
};

static void
touch_range(void *arg, struct oro_span_node *n)
{
    const struct changed *c = arg;
    touch_read(c->to,
               ORO_CONTAINER_OF(n, const struct oro_view_read, range),
               c->row, c->insert);
}

static void
touch_index(const struct changed *c, const struct view_index *ix)
{
    struct oro_key k;
    if (oro_map_len(&ix->points) == 0 && ix->ranges.tree.root == NULL)
        return;
    oro_bb_clear(&c->to->tx->se->cmp);
    oro_index_key_of_row(ix->ix, c->row, &c->to->tx->se->cmp, &k);
    const struct view_list *l = oro_map_get(&ix->points, point_key(ix->ix, &k));
    for (size_t n = 0; l != NULL && n < l->n; n++)
        touch_read(c->to, l->items[n], c->row, c->insert);
    (void)oro_spans_find(&ix->ranges, ix->ix, &k, touch_range, (void *)(uintptr_t)c);
}

static void
touch_row(struct touching *to, const struct view_table *t, const struct oro_write *w,
          const struct oro_row *row)
{
    struct changed c = {to, row, row == w->row};
    bool counts = (w->old == NULL) != (w->row == NULL);
    for (size_t i = 0; i < t->nindexes; i++)
        touch_index(&c, t->indexes[i]);
    for (size_t i = 0; i < t->spans.n; i++)
        if (t->spans.items[i]->kind != ORO_SPAN_COUNT || counts)
            touch_read(to, t->spans.items[i], row, c.insert);
}

static bool
reads_changed(const struct touching *to, const struct oro_view_reads *reads)
{
    for (size_t i = 0; reads != NULL && i < reads->n; i++)
        if (to->vs->tables[reads->items[i].t->slot].epoch == to->epoch)
            return true;
    return false;
}

/* Every answer that read a table which is written: none that is touched is missing, and none is followed row by row. */
static void
touch_readers(struct touching *to)
{
    const struct oro_map_slot *slot;
    for (size_t i = 0; i < to->tx->nwrites; i++)
        to->vs->tables[to->tx->writes[i].t->slot].epoch = to->epoch;
    for (size_t i = 0; oro_map_next(&to->vs->by_hash, &i, &slot);)
        for (struct oro_view *v = slot->value; v != NULL; v = v->same)
            if (reads_changed(to, v->reads) || reads_changed(to, v->places))
                found_of(to, v)->code = true;
}

void
view_touch_all(struct touching *to)
{
    size_t most = MEETINGS_LEAST + MEETINGS_OF_ROW * to->tx->nwrites;
    to->epoch = ++to->vs->epoch;
    for (size_t i = 0; i < to->tx->nwrites && to->meetings <= most; i++) {
        const struct oro_write *w = &to->tx->writes[i];
        const struct view_table *t = &to->vs->tables[w->t->slot];
        if (t->n == 0)
            continue;
        if (w->old != NULL)
            touch_row(to, t, w, w->old);
        if (w->row != NULL)
            touch_row(to, t, w, w->row);
    }
    if (to->meetings > most)
        touch_readers(to);
}
