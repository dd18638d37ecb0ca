/* runtime/store/view.c - see view.h. The registry has a lock of its own, taken within the commit lock or alone. */
#include "runtime/store/view_priv.h"

#define ROOM_BYTES 4096
#define ROOM_SPAN 16

/* ---- what a transaction touches ---- */

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
    struct touching to = {.tx = tx, .vs = vs, .rows = true};
    oro_spin_lock(&vs->lock);
    own->version = atomic_load_explicit(&vs->version, memory_order_relaxed);
    view_touch_all(&to);
    for (size_t i = 0; i < to.n; i++) {
        oro_view_ref(to.found[i].view);
        to.found[i].live = view_live_ref(to.found[i].view->live);
    }
    oro_spin_unlock(&vs->lock);
    own->found = to.found;
    own->steps = to.steps;
    own->nfound = *n = to.n;
    if (to.n == 0)
        return NULL;
    own->views = oro_arena_alloc(&tx->se->arena, to.n * sizeof(struct oro_view *));
    for (size_t i = 0; i < to.n; i++)
        own->views[i] = to.found[i].view;
    return own->views;
}

void
oro_tx_view_put_off(struct oro_tx *tx, size_t i, size_t *n)
{
    struct oro_view_tx *own = &tx->views;
    ORO_ASSERT(i < *n && *n == own->nfound - own->nlater);
    struct oro_view_found f = own->found[i];
    if (f.live != NULL) { /* it misses this transaction, so it follows no other */
        struct oro_view_change *c = view_change_new(own, f.view, f.generation);
        c->step = c->lost = true;
    }
    own->found[i] = own->found[--*n];
    own->found[*n] = f;
    own->views[i] = own->found[i].view;
    own->views[*n] = f.view;
    own->nlater++;
}

struct oro_view **
oro_tx_views_later(struct oro_tx *tx, size_t *n)
{
    struct oro_view_tx *own = &tx->views;
    if (!own->looked) {
        (void)oro_tx_views(tx, n);
        while (*n > 0)
            oro_tx_view_put_off(tx, 0, n);
    }
    *n = own->nlater;
    if (*n == 0)
        return NULL;
    struct oro_view **all = ORO_NEW_ARRAY(struct oro_view *, *n);
    for (size_t i = 0; i < *n; i++)
        all[i] = oro_view_ref(own->found[own->nfound - *n + i].view);
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
    struct oro_view_tx *own = &tx->views;
    oro_view_reads_free(tx->watch);
    oro_view_reads_free(own->code);
    oro_view_reads_free(own->places);
    view_live_unref(own->live);
    tx->watch = own->code = own->places = NULL;
    own->live = NULL;
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
    return oro_err_set(err, ORO_EINVAL, "two of its rows have the same %s, its primary key",
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

static uint64_t
reads_room(const struct oro_view_reads *reads)
{
    return reads != NULL ? reads->bytes / ROOM_BYTES + reads->nspans * ROOM_SPAN : 0;
}

oro_status
oro_tx_view_settle(struct oro_tx *tx, struct oro_view *v, struct oro_bytes rows,
                   struct oro_err *err)
{
    ORO_ASSERT_OWNER(&tx->owner);
    struct oro_view_tx *own = &tx->views;
    ORO_ASSERT((tx->watch != NULL) != (own->code != NULL));
    struct settling st = {.tx = tx, .def = v->key.def};
    struct oro_reader r = oro_reader(rows);
    oro_status rc = ORO_OK;
    if (own->code == NULL) /* what follows is no reading of the view's */
        own->code = tx->watch;
    tx->watch = NULL;
    if (own->code->no_memory || (own->places != NULL && own->places->no_memory))
        rc = oro_err_set(err, ORO_ENOMEM, "there is no memory left for what the view read");
    while (rc == ORO_OK && oro_rd_left(&r) > 0) {
        struct oro_bytes row;
        rc = oro_rd_lenbytes(&r, &row);
        ORO_ASSERT(rc == ORO_OK); /* it is of our own making */
        rc = want(&st, row, v->number, err);
    }
    uint64_t kept = rows.len + oro_map_len(&st.wanted) * (VIEW_ROW_BYTES - 4);
    if (rc == ORO_OK)
        difference(&st, v->number);
    oro_map_fini(&st.wanted);
    oro_map_fini(&st.keys);
    oro_bb_fini(&st.row);
    if (rc != ORO_OK) {
        oro_tx_view_abandon(tx);
        return rc;
    }
    struct oro_view_change *c = view_change_new(own, v, tx->watched_at);
    c->reads = own->code;
    c->places = own->places;
    c->live = own->live;
    c->kept = kept;
    c->looks = reads_room(own->code) + reads_room(own->places);
    own->code = own->places = NULL;
    own->live = NULL;
    return ORO_OK;
}

void
oro_tx_view_forget(struct oro_tx *tx, struct oro_view *v)
{
    struct oro_views *vs = &tx->se->store->views;
    oro_spin_lock(&vs->lock);
    bool was = v->listed, goes = v->uses == 0;
    if (was && goes) {
        view_reads_unlist(vs, &v->reads);
        view_reads_unlist(vs, &v->places);
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

/* Marks what has been evaluated or followed as it is now, or was put off. Registry locked. */
static void
mark_answered(const struct oro_view_tx *own, uint64_t epoch)
{
    for (size_t i = 0; i < own->nchanges; i++)
        own->changes[i].view->answered = epoch;
    for (size_t i = 0; i < own->nfound; i++) {
        const struct oro_view_found *f = &own->found[i];
        if (i >= own->nfound - own->nlater || (f->done && f->generation == f->view->generation))
            f->view->answered = epoch;
    }
}

static bool
all_answered(struct oro_tx *tx)
{
    struct touching to = {.tx = tx, .vs = &tx->se->store->views};
    bool all = true;
    view_touch_all(&to);
    mark_answered(&tx->views, to.epoch);
    for (size_t i = 0; all && i < to.n; i++)
        all = to.found[i].view->answered == to.epoch;
    oro_free(to.found);
    return all;
}

static bool
change_holds(const struct oro_view_change *c)
{
    return c->view->listed && c->view->generation == c->generation &&
           (c->staged == NULL || c->live->ops->holds(c->live, c->staged));
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
    bool ok = true;
    oro_spin_lock(&vs->lock);
    for (size_t i = 0; ok && i < own->nchanges; i++)
        ok = change_holds(&own->changes[i]);
    if (ok && atomic_load_explicit(&vs->version, memory_order_relaxed) != own->version)
        ok = all_answered(tx);
    oro_spin_unlock(&vs->lock);
    return ok;
}

static void
lists_commit(struct oro_views *vs, struct oro_view *v, struct oro_view_reads **own,
             struct oro_view_reads **now)
{
    view_reads_unlist(vs, own);
    *own = *now;
    *now = NULL;
    for (size_t k = 0; *own != NULL && k < (*own)->n; k++)
        view_read_list(vs, v, &(*own)->items[k]);
}

/* What it takes from now on. */
static void
room_commit(struct oro_view *v, const struct oro_view_change *c)
{
    if (c->step) {
        uint64_t less = c->gained < 0 ? (uint64_t)-c->gained : 0;
        v->kept = c->gained < 0 ? v->kept - (less < v->kept ? less : v->kept)
                                : v->kept + (uint64_t)c->gained;
    } else if (!c->lost) {
        v->kept = c->kept;
        v->looks = c->looks;
    }
    uint64_t bytes = v->kept;
    if (v->live != NULL)
        bytes += atomic_load_explicit(&v->live->bytes, memory_order_relaxed);
    atomic_store_explicit(&v->room, 1 + bytes / ROOM_BYTES + v->looks, memory_order_relaxed);
}

/* True: it is found by other places than before, or needs another treatment. */
static bool
change_commit(struct oro_views *vs, struct oro_view_change *c)
{
    struct oro_view *v = c->view;
    if (c->staged != NULL)
        c->live->ops->commit(c->live, c->staged);
    c->staged = NULL;
    if (c->step && c->places == NULL && !c->lost)
        return false;
    v->generation++;
    if (!c->lost)
        lists_commit(vs, v, &v->places, &c->places);
    if (c->step && !c->lost)
        return true;
    view_live_unref(v->live);
    v->live = c->live;
    c->live = NULL;
    if (c->lost)
        return true;
    lists_commit(vs, v, &v->reads, &c->reads);
    atomic_store_explicit(&v->ready, true, memory_order_release);
    return true;
}

void
oro_views_commit(struct oro_tx *tx)
{
    struct oro_views *vs = &tx->se->store->views;
    struct oro_view_tx *own = &tx->views;
    bool moved = false;
    oro_spin_lock(&vs->lock);
    for (size_t i = 0; i < own->nchanges; i++)
        if (own->changes[i].view->listed) {
            moved |= change_commit(vs, &own->changes[i]);
            room_commit(own->changes[i].view, &own->changes[i]);
        }
    if (moved)
        atomic_fetch_add_explicit(&vs->version, 1, memory_order_release);
    oro_spin_unlock(&vs->lock);
}

void
oro_views_tx_end(struct oro_tx *tx)
{
    struct oro_view_tx *own = &tx->views;
    oro_tx_view_abandon(tx);
    for (size_t i = 0; i < own->nchanges; i++)
        view_change_drop(&own->changes[i]);
    for (size_t i = 0; i < own->nfound; i++) {
        oro_view_unref(own->found[i].view);
        view_live_unref(own->found[i].live);
    }
    oro_free(own->changes);
    oro_free(own->found);
    oro_free(own->steps);
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
            view_reads_unlist(&s->views, &v->reads);
            view_reads_unlist(&s->views, &v->places);
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
