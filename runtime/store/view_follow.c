/* runtime/store/view_follow.c - answers that are kept up to date from the rows that transactions change: see view_follow.h. */
#include "runtime/store/view_follow.h"

#include "runtime/store/view_priv.h"

struct oro_view_change *
view_change_new(struct oro_view_tx *own, struct oro_view *v, uint64_t generation)
{
    own->changes = oro_grow(own->changes, own->nchanges, &own->cap, sizeof(*own->changes));
    struct oro_view_change *c = &own->changes[own->nchanges++];
    *c = (struct oro_view_change){.view = oro_view_ref(v), .generation = generation};
    return c;
}

void
view_change_drop(struct oro_view_change *c)
{
    if (c->staged != NULL)
        c->live->ops->drop(c->staged);
    oro_view_reads_free(c->reads);
    oro_view_reads_free(c->places);
    view_live_unref(c->live);
    oro_view_unref(c->view);
}

/* ---- evaluating the first time ---- */

void
oro_tx_view_code_end(struct oro_tx *tx)
{
    ORO_ASSERT_OWNER(&tx->owner);
    ORO_ASSERT(tx->watch != NULL && tx->views.code == NULL);
    tx->views.code = tx->watch;
    tx->watch = NULL;
}

void
oro_tx_view_live(struct oro_tx *tx, struct oro_view_live *l)
{
    ORO_ASSERT(tx->views.code != NULL && tx->views.live == NULL);
    tx->views.live = l;
}

oro_status
oro_tx_view_place(struct oro_tx *tx, const struct oro_table_def *def,
                  const struct oro_index_def *ixd, const struct oro_range *range,
                  const struct oro_bytes *last)
{
    struct oro_table *t = oro_table_of(tx->se->store, def);
    struct oro_view_read read = {.kind = ORO_SPAN_SCAN, .t = t, .is_place = true};
    if (ixd != NULL) {
        read.kind = ORO_SPAN_RANGE;
        read.ix = oro_index_of(t, ixd);
        oro_status st = oro_interval_make(tx->se, read.ix, range, &read.iv);
        if (st != ORO_OK)
            return st;
        if (last != NULL)
            oro_interval_cut(tx->se, read.ix, &read.iv, *last, false);
    }
    if (tx->views.places == NULL)
        tx->views.places = ORO_NEW(struct oro_view_reads);
    view_note_in(tx->views.places, &read);
    return tx->views.places->no_memory ? ORO_ENOMEM : ORO_OK;
}

/* ---- following ---- */

bool
oro_tx_view_is_code(const struct oro_tx *tx, size_t i)
{
    const struct oro_view_found *f = &tx->views.found[i];
    return f->code || f->live == NULL;
}

struct oro_view_live *
oro_tx_view_steps(struct oro_tx *tx, size_t i, struct oro_view_row **rows, size_t *n)
{
    const struct oro_view_tx *own = &tx->views;
    const struct oro_view_found *f = &own->found[i];
    ORO_ASSERT(!oro_tx_view_is_code(tx, i));
    *n = 0;
    for (uint32_t at = f->first; at != ORO_NONE; at = own->steps[at].next)
        ++*n;
    *rows = oro_arena_alloc(&tx->se->arena, (*n + 1) * sizeof(**rows));
    *n = 0;
    for (uint32_t at = f->first; at != ORO_NONE; at = own->steps[at].next)
        (*rows)[(*n)++] =
            (struct oro_view_row){own->steps[at].insert, oro_row_bytes(own->steps[at].row)};
    return f->live;
}

void
oro_tx_view_followed(struct oro_tx *tx, size_t i, bool changes, void *staged)
{
    ORO_ASSERT_OWNER(&tx->owner);
    struct oro_view_tx *own = &tx->views;
    struct oro_view_found *f = &own->found[i];
    f->done = true;
    if (!changes)
        return;
    struct oro_view_change *c = view_change_new(own, f->view, f->generation);
    c->step = true;
    c->gained = f->gained;
    c->live = view_live_ref(f->live);
    c->staged = staged;
    c->places = own->places;
    own->places = NULL;
}

/* The row as the view's table has it; in the session's arena. */
static struct oro_bytes
with_number(struct oro_tx *tx, const struct oro_view *v, struct oro_bytes row)
{
    uint8_t *p = oro_arena_alloc(&tx->se->arena, row.len + sizeof(v->number));
    if (row.len > 0)
        memcpy(p, row.data, row.len);
    memcpy(p + row.len, &v->number, sizeof(v->number));
    return oro_bytes(p, row.len + sizeof(v->number));
}

static const struct oro_view *
followed(const struct oro_tx *tx, size_t i)
{
    return tx->views.found[i].view;
}

void
oro_tx_view_put(struct oro_tx *tx, size_t i, struct oro_bytes row)
{
    const struct oro_view *v = followed(tx, i);
    oro_status st = oro_tx_insert(tx, v->key.def->table, with_number(tx, v, row), NULL, NULL);
    ORO_ASSERT(st == ORO_OK);
    tx->views.found[i].gained += (int64_t)row.len + VIEW_ROW_BYTES;
}

bool
oro_tx_view_take(struct oro_tx *tx, size_t i, struct oro_bytes row)
{
    const struct oro_view *v = followed(tx, i);
    if (oro_tx_delete_row(tx, v->key.def->table, with_number(tx, v, row)) != ORO_OK)
        return false;
    tx->views.found[i].gained -= (int64_t)row.len + VIEW_ROW_BYTES;
    return true;
}

bool
oro_tx_view_has(struct oro_tx *tx, size_t i, struct oro_bytes row)
{
    const struct oro_view *v = followed(tx, i);
    return oro_tx_has_row(tx, v->key.def->table, with_number(tx, v, row));
}

const struct oro_view_def *
oro_tx_view_def(const struct oro_tx *tx, size_t i)
{
    return followed(tx, i)->key.def;
}
