/* runtime/store/view.c - see view.h. The registry has a lock of its own, taken within the commit lock or alone. */
#include "runtime/store/view_priv.h"

#define ROW_BYTES 64 /* of the store, beside its own */
#define ROOM_BYTES 4096
#define ROOM_SPAN 16

static struct oro_bytes
point_key(const struct oro_index *ix, const struct oro_key *k)
{
    return ix->plan.narrow && (ix->kind == ORO_IX_HASH || ix->kind == ORO_IX_BTREE)
               ? oro_bytes(&k->word, sizeof(k->word))
               : k->bytes;
}

/* ---- the registry: from places to answers ---- */

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

static void
read_list(struct oro_views *vs, struct oro_view *v, struct oro_view_read *r)
{
    struct view_table *t = &vs->tables[r->t->slot];
    r->view = v;
    t->n++;
    if (!r->iv.point || r->kind != ORO_SPAN_RANGE) {
        list_add(&t->spans, r);
        return;
    }
    struct view_index *ix = index_of(t, r->ix);
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
    list_del(r);
    t->n--;
    if (l == &t->spans || l->n > 0)
        return;
    oro_map_del(&index_of(t, r->ix)->points, point_key(r->ix, &r->iv.key));
    oro_free(l->items);
    oro_free(l);
}

static void
reads_unlist(struct oro_views *vs, struct oro_view *v)
{
    for (size_t i = 0; v->reads != NULL && i < v->reads->n; i++)
        read_unlist(vs, &v->reads->items[i]);
    oro_view_reads_free(v->reads);
    v->reads = NULL;
}

/* ---- what a transaction touches ---- */

struct touching {
    struct oro_tx *tx;
    struct oro_views *vs;
    uint64_t epoch;
    struct oro_view **found;
    size_t n, cap;
};

static void
touch_list(struct touching *to, const struct view_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct oro_view *v = l->items[i]->view;
        if (v->epoch == to->epoch)
            continue;
        v->epoch = to->epoch;
        to->found = oro_grow(to->found, to->n, &to->cap, sizeof(*to->found));
        to->found[to->n++] = v;
    }
}

static void
touch_span(struct touching *to, struct oro_view_read *r, const struct oro_write *w,
           const struct oro_row *row)
{
    struct oro_key k;
    struct view_list one = {.items = &r, .n = 1};
    if (r->view->epoch == to->epoch)
        return;
    if (r->kind == ORO_SPAN_COUNT) {
        if ((w->old == NULL) != (w->row == NULL))
            touch_list(to, &one);
        return;
    }
    if (r->kind == ORO_SPAN_RANGE) {
        oro_bb_clear(&to->tx->se->cmp);
        oro_index_key_of_row(r->ix, row, &to->tx->se->cmp, &k);
        if (!oro_interval_has(r->ix, &r->iv, &k))
            return;
    }
    touch_list(to, &one);
}

static void
touch_row(struct touching *to, const struct view_table *t, const struct oro_write *w,
          const struct oro_row *row)
{
    struct oro_key k;
    for (size_t i = 0; i < t->nindexes; i++) {
        const struct view_index *ix = t->indexes[i];
        if (oro_map_len(&ix->points) == 0)
            continue;
        oro_bb_clear(&to->tx->se->cmp);
        oro_index_key_of_row(ix->ix, row, &to->tx->se->cmp, &k);
        const struct view_list *l = oro_map_get(&ix->points, point_key(ix->ix, &k));
        if (l != NULL)
            touch_list(to, l);
    }
    for (size_t i = 0; i < t->spans.n; i++)
        touch_span(to, t->spans.items[i], w, row);
}

/* Registry locked. */
static void
touch_all(struct touching *to)
{
    to->epoch = ++to->vs->epoch;
    for (size_t i = 0; i < to->tx->nwrites; i++) {
        const struct oro_write *w = &to->tx->writes[i];
        const struct view_table *t = &to->vs->tables[w->t->slot];
        if (t->n == 0)
            continue;
        if (w->old != NULL)
            touch_row(to, t, w, w->old);
        if (w->row != NULL)
            touch_row(to, t, w, w->row);
    }
}

struct oro_view **
oro_tx_views(struct oro_tx *tx, size_t *n)
{
    struct oro_views *vs = &tx->se->store->views;
    struct oro_view_tx *own = &tx->views;
    ORO_ASSERT(!own->looked);
    own->looked = true;
    own->version = atomic_load_explicit(&vs->version, memory_order_acquire);
    *n = 0;
    if (atomic_load_explicit(&vs->n, memory_order_acquire) == 0 || tx->nwrites == 0)
        return NULL;
    struct touching to = {.tx = tx, .vs = vs};
    oro_spin_lock(&vs->lock);
    own->version = atomic_load_explicit(&vs->version, memory_order_relaxed);
    touch_all(&to);
    for (size_t i = 0; i < to.n; i++)
        oro_view_ref(to.found[i]);
    oro_spin_unlock(&vs->lock);
    own->found = to.found;
    own->nfound = *n = to.n;
    return to.found;
}

void
oro_tx_view_put_off(struct oro_tx *tx, size_t i, size_t *n)
{
    struct oro_view_tx *own = &tx->views;
    ORO_ASSERT(i < *n && *n == own->nfound - own->nlater);
    struct oro_view *v = own->found[i];
    own->found[i] = own->found[--*n];
    own->found[*n] = v;
    own->nlater++;
}

struct oro_view **
oro_tx_views_later(struct oro_tx *tx, size_t *n)
{
    struct oro_view_tx *own = &tx->views;
    if (!own->looked) {
        (void)oro_tx_views(tx, n);
        own->nlater = own->nfound;
    }
    *n = own->nlater;
    if (*n == 0)
        return NULL;
    struct oro_view **all = ORO_NEW_ARRAY(struct oro_view *, *n);
    for (size_t i = 0; i < *n; i++)
        all[i] = oro_view_ref(own->found[own->nfound - *n + i]);
    return all;
}

/* ---- evaluating ---- */

void
oro_tx_view_watch(struct oro_tx *tx, struct oro_view *v)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT(tx->watch == NULL);
    tx->watch = ORO_NEW(struct oro_view_reads);
    tx->watched_at = v->generation;
}

void
oro_tx_view_abandon(struct oro_tx *tx)
{
    oro_view_reads_free(tx->watch);
    tx->watch = NULL;
}

static struct oro_bytes
column_of(const struct oro_type *row, struct oro_bytes bytes, int col)
{
    const uint8_t *p = oro_value_column(row, bytes.data, (uint16_t)col);
    return oro_bytes(p, oro_value_len_trusted(row->elems[col].type, p));
}

struct settling {
    struct oro_tx *tx;
    const struct oro_view_def *def;
    struct oro_map wanted; /* rows with the number, to the place in `row` where they begin */
    struct oro_map keys;
    struct oro_bb row;
};

static oro_status
want(struct settling *st, struct oro_bytes seen, uint64_t number, struct oro_err *err)
{
    struct oro_bb *bb = &st->row;
    oro_bb_clear(bb);
    if (!oro_bb_try_reserve(bb, seen.len + sizeof(number), SIZE_MAX))
        return oro_err_set(err, ORO_ENOMEM, "there is no memory left for a row");
    oro_bb_put_bytes(bb, seen);
    oro_bb_u64(bb, number);
    if (oro_map_put(&st->wanted, oro_bb_bytes(bb), st) != NULL || st->def->pk < 0)
        return ORO_OK;
    if (oro_map_put(&st->keys, column_of(st->def->row, seen, st->def->pk), st) == NULL)
        return ORO_OK;
    return oro_err_set(err, ORO_EINVAL,
                       "view %s: two of its rows have the same %s, its primary key", st->def->name,
                       st->def->row->elems[st->def->pk].name);
}

static void
difference(struct settling *st, uint64_t number)
{
    const struct oro_table_def *t = st->def->table;
    const struct oro_map_slot *slot;
    struct oro_range whose = {.prefix = oro_bytes(&number, sizeof(number)), .nprefix = 1};
    struct oro_rows there;
    oro_status rc = oro_tx_range(st->tx, t, &t->indexes[0], &whose, &there);
    ORO_ASSERT(rc == ORO_OK);
    for (size_t i = 0; i < there.n; i++) {
        if (oro_map_del(&st->wanted, there.rows[i]) != NULL)
            continue; /* it stays */
        rc = oro_tx_delete_row(st->tx, t, there.rows[i]);
        ORO_ASSERT(rc == ORO_OK);
    }
    for (size_t i = 0; oro_map_next(&st->wanted, &i, &slot);) {
        rc = oro_tx_insert(st->tx, t, oro_bytes(slot->key, slot->key_len), NULL, NULL);
        ORO_ASSERT(rc == ORO_OK);
    }
}

oro_status
oro_tx_view_settle(struct oro_tx *tx, struct oro_view *v, struct oro_bytes rows,
                   struct oro_err *err)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT(tx->watch != NULL);
    struct oro_view_reads *reads = tx->watch;
    struct settling st = {.tx = tx, .def = v->key.def};
    struct oro_reader r = oro_reader(rows);
    oro_status rc = ORO_OK;
    tx->watch = NULL; /* what follows is no reading of the view's */
    if (reads->no_memory)
        rc = oro_err_set(err, ORO_ENOMEM, "there is no memory left for what the view read");
    while (rc == ORO_OK && oro_rd_left(&r) > 0) {
        struct oro_bytes row;
        rc = oro_rd_lenbytes(&r, &row);
        ORO_ASSERT(rc == ORO_OK); /* it is of our own making */
        rc = want(&st, row, v->number, err);
    }
    uint64_t kept = rows.len + reads->bytes + oro_map_len(&st.wanted) * ROW_BYTES;
    if (rc == ORO_OK)
        difference(&st, v->number);
    oro_map_fini(&st.wanted);
    oro_map_fini(&st.keys);
    oro_bb_fini(&st.row);
    if (rc != ORO_OK) {
        oro_view_reads_free(reads);
        return rc;
    }
    struct oro_view_tx *own = &tx->views;
    own->changes = oro_grow(own->changes, own->nchanges, &own->cap, sizeof(*own->changes));
    uint64_t room = 1 + kept / ROOM_BYTES + reads->nspans * ROOM_SPAN;
    own->changes[own->nchanges++] =
        (struct oro_view_change){oro_view_ref(v), reads, tx->watched_at, room};
    return ORO_OK;
}

void
oro_tx_view_forget(struct oro_tx *tx, struct oro_view *v)
{
    struct oro_views *vs = &tx->se->store->views;
    oro_spin_lock(&vs->lock);
    bool was = v->listed, goes = v->uses == 0;
    if (was && goes) {
        reads_unlist(vs, v);
        view_unlist(vs, v);
    }
    oro_spin_unlock(&vs->lock);
    if (goes) {
        struct settling st = {.tx = tx, .def = v->key.def};
        difference(&st, v->number);
    }
    if (was && goes)
        oro_view_unref(v); /* the registry's */
}

/* ---- committing ---- */

static bool
is_evaluated(const struct oro_view_tx *own, const struct oro_view *v)
{
    for (size_t i = 0; i < own->nchanges; i++)
        if (own->changes[i].view == v)
            return true;
    for (size_t i = own->nfound - own->nlater; i < own->nfound; i++)
        if (own->found[i] == v)
            return true;
    return false;
}

bool
oro_views_hold(struct oro_tx *tx)
{
    struct oro_views *vs = &tx->se->store->views;
    struct oro_view_tx *own = &tx->views;
    if (!own->looked && own->nchanges == 0)
        return true;
    if (own->nchanges == 0 &&
        atomic_load_explicit(&vs->version, memory_order_acquire) == own->version)
        return true;
    struct touching to = {.tx = tx, .vs = vs};
    bool ok = true;
    oro_spin_lock(&vs->lock);
    for (size_t i = 0; ok && i < own->nchanges; i++)
        ok = own->changes[i].view->listed &&
             own->changes[i].view->generation == own->changes[i].generation;
    if (ok && atomic_load_explicit(&vs->version, memory_order_relaxed) != own->version) {
        touch_all(&to);
        for (size_t i = 0; ok && i < to.n; i++)
            ok = is_evaluated(own, to.found[i]);
    }
    oro_spin_unlock(&vs->lock);
    oro_free(to.found);
    return ok;
}

void
oro_views_commit(struct oro_tx *tx)
{
    struct oro_views *vs = &tx->se->store->views;
    struct oro_view_tx *own = &tx->views;
    oro_spin_lock(&vs->lock);
    for (size_t i = 0; i < own->nchanges; i++) {
        struct oro_view *v = own->changes[i].view;
        if (!v->listed)
            continue;
        reads_unlist(vs, v);
        v->reads = own->changes[i].reads;
        own->changes[i].reads = NULL;
        atomic_store_explicit(&v->room, own->changes[i].room, memory_order_relaxed);
        v->generation++;
        for (size_t k = 0; k < v->reads->n; k++)
            read_list(vs, v, &v->reads->items[k]);
        atomic_store_explicit(&v->ready, true, memory_order_release);
    }
    atomic_fetch_add_explicit(&vs->version, 1, memory_order_release);
    oro_spin_unlock(&vs->lock);
}

void
oro_views_tx_end(struct oro_tx *tx)
{
    struct oro_view_tx *own = &tx->views;
    oro_tx_view_abandon(tx);
    for (size_t i = 0; i < own->nchanges; i++) {
        oro_view_reads_free(own->changes[i].reads);
        oro_view_unref(own->changes[i].view);
    }
    for (size_t i = 0; i < own->nfound; i++)
        oro_view_unref(own->found[i]);
    oro_free(own->changes);
    oro_free(own->found);
    *own = (struct oro_view_tx){0};
}

/* ---- the store's beginning and end ---- */

void
oro_views_init(struct oro_store *s)
{
    s->views.tables = ORO_NEW_ARRAY(struct view_table, s->ntables + 1);
}

void
oro_views_fini(struct oro_store *s)
{
    const struct oro_map_slot *slot;
    for (size_t i = 0; oro_map_next(&s->views.by_hash, &i, &slot);) {
        for (struct oro_view *v = slot->value, *next; v != NULL; v = next) {
            next = v->same;
            reads_unlist(&s->views, v);
            v->listed = false;
            v->orphan = true;
            oro_view_unref(v);
        }
    }
    oro_map_fini(&s->views.by_hash);
    for (uint32_t i = 0; i < s->ntables; i++) {
        struct view_table *t = &s->views.tables[i];
        for (size_t k = 0; k < t->nindexes; k++) {
            oro_map_fini(&t->indexes[k]->points);
            oro_free(t->indexes[k]);
        }
        oro_free(t->indexes);
        oro_free(t->spans.items);
    }
    oro_free(s->views.tables);
}
