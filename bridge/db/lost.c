/* bridge/db/lost.c - columns that were set on a row which was then dropped without update(): the change is nowhere.
 *
 * A row notes which of its columns were set since it was read or written, and where; reading such a column, copying or showing
 * the row, and giving it to a table take the note back, since the value has served for something then. What is left when the
 * row dies is kept until the call has succeeded, and looked at beside the table: a row that is gone, or has another value there
 * by now, was meant to be dropped. */
#include "bridge/db/lost.h"

#include "bridge/codec/error.h"
#include "bridge/db/table.h"

/* Is the value plainly what the bytes say? Runs no code of the author's. */
static bool
is_unchanged(struct oro_db *db, const struct oro_codec *c, PyObject *v, struct oro_bytes was)
{
    c = oro_codec_bare(c);
    if (c->op == OP_ENUM || c->op == OP_LITERAL)
        return was.len == 1 && was.data[0] < c->n && c->members[was.data[0]] == v;
    bool plain = v == Py_None || PyBool_Check(v) || PyLong_CheckExact(v) || PyFloat_CheckExact(v) ||
                 PyUnicode_CheckExact(v) || PyBytes_CheckExact(v);
    if (!plain || c->op > OP_OPTION || c->op == OP_ARRAY || db->codecs->cerr.set)
        return false;
    struct oro_bb now = {0};
    bool same =
        oro_codec_encode(db->codecs, c, v, &now, 1) == 0 && oro_bytes_eq(oro_bb_bytes(&now), was);
    oro_bb_fini(&now);
    oro_cerr_clear(db->codecs);
    PyErr_Clear();
    return same;
}

void
oro_lost_add(struct oro_row *r)
{
    struct oro_rowclass *rc = r->rc;
    struct oro_db *db = rc->space->lost_owner;
    uint64_t cols = r->unsaved;
    r->unsaved = 0;
    if (oro_db_running != db || db->call == NULL || !rc->bound || rc->retired || !r->has_bytes ||
        r->pinned || db->nlost == ORO_LOST_MAX)
        return;
    PyObject *raised = PyErr_GetRaisedException();
    for (unsigned i = 0; i < rc->ncols && i < 63; i++) {
        struct oro_bytes was;
        if ((cols & oro_pyrow_bit(i)) != 0 && r->cols[i] != NULL &&
            oro_rowclass_column(rc, oro_bytes(r->data, r->len), i, &was) == 0 &&
            is_unchanged(db, rc->cols[i].codec, r->cols[i], was))
            cols &= ~oro_pyrow_bit(i);
    }
    PyErr_SetRaisedException(raised);
    if (cols == 0)
        return;
    db->lost[db->nlost++] = (struct oro_lost){rc, r->data, r->len, cols, r->set_at};
    oro_rowspace_memory(db->rows, -(Py_ssize_t)r->cap);
    r->data = NULL;
    r->cap = r->len = 0;
    r->has_bytes = false;
    r->set_at.code = NULL;
}

static const struct oro_index_def *
unique_index(const struct oro_pytable *t)
{
    if (t->pk != NULL)
        return t->pk->ix;
    for (uint32_t i = 0; i < t->def->nindexes; i++)
        if (t->def->indexes[i].unique)
            return &t->def->indexes[i];
    return NULL;
}

/* The row with the key that the dropped one had when it was read: is it as it was, in the columns that were set? */
static bool
is_lost(struct oro_db *db, struct oro_pytable *t, const struct oro_lost *l)
{
    const struct oro_index_def *ix = unique_index(t);
    struct oro_bytes was = oro_bytes(l->data, l->len), now, a, b;
    struct oro_bb key = {0};
    bool lost = ix != NULL;
    for (unsigned i = 0; lost && i < ix->ncols; i++) {
        lost = oro_rowclass_column(l->rc, was, ix->cols[i], &a) == 0;
        if (lost)
            oro_bb_put_bytes(&key, a);
    }
    lost = lost && db->ops->find(db->call->host, t->def, ix, oro_bb_bytes(&key), &now) == ORO_OK;
    oro_bb_fini(&key);
    for (unsigned i = 0; lost && i < l->rc->ncols; i++)
        if ((l->cols & oro_pyrow_bit(i)) != 0)
            lost = oro_rowclass_column(l->rc, was, i, &a) == 0 &&
                   oro_rowclass_column(l->rc, now, i, &b) == 0 && oro_bytes_eq(a, b);
    return lost;
}

static void
tell(struct oro_db *db, struct oro_pytable *t, const struct oro_lost *l)
{
    struct oro_bb names = {0};
    for (unsigned i = 0; i < l->rc->ncols; i++) {
        if ((l->cols & oro_pyrow_bit(i)) == 0)
            continue;
        oro_bb_printf(&names, "%s%s.", names.len > 0 ? ", " : "", t->label);
        oro_pyerr_put(l->rc->cols[i].name, &names);
        if (i >= 63 && l->rc->ncols > i + 1) { /* the columns from here on share a bit */
            oro_bb_printf(&names, " or a later column");
            break;
        }
    }
    oro_place_warn(oro_db_caller(db), &l->place,
                   "%.*s was set on a row that was then dropped, so nothing is stored: "
                   "ctx.db.%s.update(row) stores it (reducer.warn_lost_changes)",
                   (int)(names.len < 400 ? names.len : 400), (const char *)names.data, t->label);
    oro_bb_fini(&names);
}

void
oro_lost_end(struct oro_db *db, bool ok)
{
    while (db->nlost > 0) {
        struct oro_lost *l = &db->lost[--db->nlost];
        struct oro_pytable *t = NULL;
        for (unsigned i = 0; ok && i < db->ntables; i++)
            if (db->tables[i].rc == l->rc)
                t = &db->tables[i];
        if (t != NULL && is_lost(db, t, l) && oro_place_first(&l->place, "lost"))
            tell(db, t, l);
        PyMem_Free(l->data);
        oro_place_drop(&l->place);
    }
}
