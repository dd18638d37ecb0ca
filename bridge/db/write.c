/* bridge/db/write.c - rows and keys on their way to the host: how keys are encoded, and what insert, update, upsert and delete do
 * with the row objects they are given. */
#include "bridge/db/table_priv.h"

bool
oro_pyhandle_look(struct oro_db *db, struct oro_pytable *t)
{
    /* Only the thread that runs the call: a module in the main interpreter may have others. */
    if (ORO_LIKELY(db != NULL && oro_db_running == db)) {
        if (ORO_UNLIKELY(atomic_load_explicit(&db->abandoned, memory_order_relaxed)))
            db->hooks->sleep();
        return true;
    }
    /* A dead handle no longer knows its interpreter, but its table does. */
    PyErr_Format(t->db->e_transaction, "%s: used outside the call it belongs to", t->label);
    return false;
}

PyObject *
oro_pytable_fail(struct oro_db *db, struct oro_pytable *t, oro_status st, const struct oro_err *err)
{
    PyObject *cls = db->e_database;
    const char *text = err != NULL && err->text[0] != 0 ? err->text : oro_status_name(st);
    switch (st) {
    case ORO_EEXISTS:
        cls = db->e_unique;
        break;
    case ORO_ENOTFOUND:
        cls = db->e_nosuchrow;
        break;
    case ORO_EFULL:
        cls = db->e_autoinc;
        break;
    case ORO_ENOMEM:
        cls = PyExc_MemoryError;
        text = "the rows of this call and the worker's Python objects take more memory than "
               "reducer.memory_limit_mb allows: do less in one call, or raise it";
        break;
    case ORO_ETYPE:
        cls = db->e_wrongalgo;
        if (err == NULL || err->text[0] == 0)
            text = "The Index does not support range scans: it is a hash and has no order; use a "
                   "btree index";
        break;
    case ORO_EREFUSED: /* what a view may not do: the host knows, and the views' page says why */
        cls = db->e_transaction;
        if (err == NULL || err->text[0] == 0)
            text = "a view changes no rows: do it in a reducer";
        break;
    case ORO_EINVAL:
        if (err != NULL && err->text[0] != 0) /* of the row itself */
            break;
        cls = db->e_wrongindex;
        text = "a view reads through indexes, and this looks at every row: it would run again with "
               "each change of the table. Ask a column that has an index, or filter() by one";
        break;
    default:
        break;
    }
    size_t n = strlen(t->def->name);
    if (strncmp(text, t->def->name, n) == 0 && (text[n] == ':' || text[n] == '.'))
        PyErr_SetString(cls, text);
    else
        PyErr_Format(cls, "%s: %s", t->def->name, text);
    return NULL;
}

/* ---- keys ---- */

static int
encode_keycol(struct oro_db *db, struct oro_pytable *t, unsigned col, PyObject *v,
              struct oro_bb *out)
{
    const struct oro_rowcol *c = &t->rc->cols[col];
    if (oro_codec_encode(db->codecs, oro_codec_bare(c->codec), v, out, 1) == 0)
        return 0;
    oro_cerr_name(db->codecs, c->name);
    return oro_cerr_raise(db->codecs, db->codecs->e_encode, t->def->name);
}

int
oro_pykey_encode(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
                 PyObject *v, struct oro_bb *out)
{
    if (acc->ncols == 1)
        return encode_keycol(db, t, acc->cols[0], v, out);
    if (!PyTuple_Check(v) || PyTuple_GET_SIZE(v) != acc->ncols) {
        PyErr_Format(db->e_wrongindex, "%s.%U: expected a tuple of %u values, got %s", t->def->name,
                     acc->name, acc->ncols, oro_pytype_name(v));
        return -1;
    }
    for (unsigned i = 0; i < acc->ncols; i++)
        if (encode_keycol(db, t, acc->cols[i], PyTuple_GET_ITEM(v, i), out) < 0)
            return -1;
    return 0;
}

/* 1 and *row, 0 none, -1 raised. */
int
oro_pytable_find_bytes(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
                       PyObject *v, struct oro_bytes *row)
{
    struct oro_bb key = oro_bb_take(db->codecs, 0);
    int rc = oro_pykey_encode(db, t, acc, v, &key);
    if (rc == 0) {
        oro_status st = db->ops->find(db->call->host, t->def, acc->ix, oro_bb_bytes(&key), row);
        rc = st == ORO_OK ? 1 : 0;
        if (st != ORO_OK && st != ORO_ENOTFOUND) {
            oro_pytable_fail(db, t, st, NULL);
            rc = -1;
        }
    }
    oro_bb_give(db->codecs, 0, &key);
    return rc;
}

static PyObject *
not_found(struct oro_db *db, struct oro_pytable *t, PyObject *name, PyObject *v)
{
    PyObject *text = PyUnicode_FromFormat("%s: no row with %U = %R", t->def->name, name, v);
    if (text != NULL)
        oro_pyrefusal_missing(db, t, text, name, oro_pyrefusal_harmless(t, v));
    Py_XDECREF(text);
    return NULL;
}

PyObject *
oro_pytable_find(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
                 PyObject *v, bool must)
{
    struct oro_bytes row;
    int rc = oro_pytable_find_bytes(db, t, acc, v, &row);
    if (ORO_LIKELY(rc > 0))
        return oro_pyrow_from_bytes(t->rc, row);
    if (rc < 0)
        return NULL;
    return must ? not_found(db, t, acc->name, v) : Py_NewRef(Py_None);
}

/* ---- writing ---- */

/* A row of a table whose class is a subclass of this one's has columns of its own. */
static inline bool
is_own(const struct oro_pytable *t, PyObject *o)
{
    return oro_pyrow_is(t->rc, o) && ((struct oro_row *)o)->rc == t->rc;
}

bool
oro_pytable_takes(struct oro_db *db, struct oro_pytable *t, PyObject *o)
{
    if (is_own(t, o))
        return true;
    PyErr_Format(db->codecs->e_encode, "%s: expected %s, got %s", t->def->name, t->rc->name,
                 oro_pytype_name(o));
    return false;
}

/* Equal names and types, in one order. */
static bool
same_columns(const struct oro_pytable *a, const struct oro_pytable *b)
{
    bool same = a->rc->ncols == b->rc->ncols && oro_type_fits(a->def->row, b->def->row) &&
                oro_type_fits(b->def->row, a->def->row);
    for (unsigned i = 0; same && i < a->rc->ncols; i++)
        same = PyUnicode_Compare(a->rc->cols[i].name, b->rc->cols[i].name) == 0;
    return same;
}

/* The table of whose class o is, if it has the columns of t. */
static struct oro_pytable *
like(struct oro_db *db, const struct oro_pytable *t, PyObject *o)
{
    for (unsigned i = 0; i < db->ntables; i++)
        if (is_own(&db->tables[i], o))
            return same_columns(&db->tables[i], t) ? &db->tables[i] : NULL;
    return NULL;
}

PyObject *
oro_pytable_row_of(struct oro_db *db, struct oro_pytable *t, PyObject *o)
{
    struct oro_pytable *other = is_own(t, o) ? t : like(db, t, o);
    if (other == t)
        return Py_NewRef(o);
    if (other == NULL)
        return oro_pytable_takes(db, t, o) ? Py_NewRef(o) : NULL;
    struct oro_bb bb = oro_bb_take(db->codecs, 1);
    PyObject *row = NULL;
    if (oro_pyrow_encode((struct oro_row *)o, &bb, 1) < 0)
        oro_cerr_raise(db->codecs, db->codecs->e_encode, other->def->name);
    else if (oro_pyhandle_alive(db, t))
        row = oro_pyrow_from_bytes(t->rc, oro_bb_bytes(&bb));
    oro_bb_give(db->codecs, 1, &bb);
    return row;
}

static int
no_such_row(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
            struct oro_row *row)
{
    PyObject *v = Py_XNewRef(oro_pyrow_col(row, acc->cols[0]));
    if (v != NULL)
        PyErr_Format(db->e_nosuchrow, "%s: no row with %U = %R", t->def->name,
                     t->rc->cols[acc->cols[0]].name, v);
    Py_XDECREF(v);
    return -1;
}

struct oro_py_mark
oro_pytable_begin(struct oro_db *db)
{
    return db->ops->save(db->call->host);
}

void
oro_pytable_end(struct oro_db *db, struct oro_py_mark mark, bool ok)
{
    if (ok)
        db->ops->release(db->call->host, mark);
    else
        db->ops->restore(db->call->host, mark);
}

/* In a table without a primary key: the row that the object was read from goes, the changed one comes. Between begin and end. */
static oro_status
replace(struct oro_db *db, struct oro_pytable *t, struct oro_bytes was, struct oro_bytes row,
        struct oro_bytes *stored, struct oro_err *err)
{
    if (oro_bytes_eq(was, row)) {
        *stored = row;
        return ORO_OK;
    }
    oro_status st = db->ops->delete_row(db->call->host, t->def, was);
    if (st != ORO_OK)
        return oro_err_set(err, st, "a row of this selection is not in the table any more");
    return db->ops->insert(db->call->host, t->def, row, stored, err);
}

int
oro_pytable_write(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
                  struct oro_row *row, enum oro_verb verb)
{
    struct oro_bb bb = oro_bb_take(db->codecs, 1);
    struct oro_bytes stored = {0};
    struct oro_err err;
    oro_status st;
    int rc = -1;
    err.text[0] = 0;
    uint64_t began = oro_tally_begin(&db->codecs->clock);
    if (oro_pyrow_encode(row, &bb, 1) < 0) {
        ORO_COUNT(db->codecs, errors, 1);
        ORO_BUMP(t->rc->tally.errors[DIR_ENCODE], 1);
        oro_cerr_raise(db->codecs, db->codecs->e_encode, t->def->name);
        goto done;
    }
    oro_tally_end(&db->codecs->clock, &t->rc->tally, DIR_ENCODE, bb.len, began);
    if (!oro_pyhandle_alive(db, t) || oro_pytable_before_write(db, t) < 0 ||
        oro_pyrow_reserve(row, bb.len) < 0) /* a checker may do anything */
        goto done;
    if (verb == ORO_VERB_INSERT)
        st = db->ops->insert(db->call->host, t->def, oro_bb_bytes(&bb), &stored, &err);
    else if (verb == ORO_VERB_UPDATE)
        st = db->ops->update(db->call->host, t->def, acc->ix, oro_bb_bytes(&bb), &stored, &err);
    else if (verb == ORO_VERB_UPSERT)
        st = db->ops->upsert(db->call->host, t->def, acc->ix, oro_bb_bytes(&bb), &stored, &err);
    else
        st = replace(db, t, oro_bytes(row->data, row->len), oro_bb_bytes(&bb), &stored, &err);
    if (ORO_LIKELY(st == ORO_OK)) {
        bool same = t->auto_inc == 0 || oro_bytes_eq(stored, oro_bb_bytes(&bb));
        rc = oro_pyrow_stored(row, stored, same ? 0 : t->auto_inc);
    } else if (st == ORO_ENOTFOUND && acc != NULL) {
        rc = no_such_row(db, t, acc, row);
    } else {
        oro_pytable_fail(db, t, st, &err);
    }
done:
    oro_bb_give(db->codecs, 1, &bb);
    return rc;
}

/* The columns as they were; takes saved. */
static void
restore(struct oro_row *row, const int *cols, PyObject **saved, Py_ssize_t n, uint64_t dirty)
{
    while (n-- > 0) {
        PyObject *now = row->cols[cols[n]];
        row->cols[cols[n]] = saved[n];
        Py_XDECREF(now);
    }
    row->dirty = dirty;
}

/* Sets the columns and writes; the row is as before when it fails. -1 raised. */
static int
change(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
       struct oro_row *row, PyObject *const *values, PyObject *kwnames, enum oro_verb verb)
{
    PyObject *saved[ORO_CONDS_MAX];
    int cols[ORO_CONDS_MAX];
    uint64_t dirty = row->dirty;
    Py_ssize_t n = kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0, i;
    if (n > ORO_CONDS_MAX) {
        PyErr_Format(PyExc_TypeError, "too many columns at once: set them on the row first");
        return -1;
    }
    for (i = 0; i < n; i++) {
        cols[i] = oro_rowclass_find(t->rc, PyTuple_GET_ITEM(kwnames, i));
        if (cols[i] < 0) {
            oro_pyerr_no_column("no_column", t->def->name, t->rc, PyTuple_GET_ITEM(kwnames, i));
            restore(row, cols, saved, i, dirty);
            return -1;
        }
        saved[i] = Py_XNewRef(row->cols[cols[i]]);
        oro_pyrow_set(row, (unsigned)cols[i], values[i]);
    }
    if (oro_pytable_write(db, t, acc, row, verb) < 0) {
        PyObject *raised = PyErr_GetRaisedException();
        restore(row, cols, saved, n, dirty);
        PyErr_SetRaisedException(raised);
        return -1;
    }
    for (i = 0; i < n; i++)
        Py_XDECREF(saved[i]);
    return 0;
}

int
oro_pytable_update(struct oro_db *db, struct oro_pytable *t, struct oro_row *row,
                   PyObject *const *values, PyObject *kwnames)
{
    return change(db, t, t->pk, row, values, kwnames,
                  t->pk != NULL ? ORO_VERB_UPDATE : ORO_VERB_REPLACE);
}

static bool
takes_row(PyObject *const *args, Py_ssize_t nargs, const char *name)
{
    if (nargs == 1)
        return true;
    PyErr_Format(PyExc_TypeError, "%s() takes one row, then columns by name", name);
    return false;
}

PyObject *
oro_pytable_update_with(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
                        PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (!takes_row(args, nargs, "update") || !oro_pytable_takes(db, t, args[0]))
        return NULL;
    if (change(db, t, acc, (struct oro_row *)args[0], args + 1, kwnames, ORO_VERB_UPDATE) < 0)
        return NULL;
    return Py_NewRef(args[0]);
}

PyObject *
oro_pytable_upsert_with(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
                        PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (!takes_row(args, nargs, "upsert") || !oro_pytable_takes(db, t, args[0]))
        return NULL;
    if (change(db, t, acc, (struct oro_row *)args[0], args + 1, kwnames, ORO_VERB_UPSERT) < 0)
        return NULL;
    return Py_NewRef(args[0]);
}

PyObject *
oro_pytable_delete_key(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
                       PyObject *v)
{
    struct oro_bb key = oro_bb_take(db->codecs, 0);
    PyObject *out = NULL;
    if (oro_pykey_encode(db, t, acc, v, &key) == 0 && oro_pytable_before_write(db, t) == 0) {
        oro_status st = db->ops->delete_key(db->call->host, t->def, acc->ix, oro_bb_bytes(&key));
        if (st == ORO_OK || st == ORO_ENOTFOUND)
            out = PyBool_FromLong(st == ORO_OK);
        else
            oro_pytable_fail(db, t, st, NULL);
    }
    oro_bb_give(db->codecs, 0, &key);
    return out;
}

/* The primary key's bytes in a row's. -1: they are cut short, which is raised. */
static int
key_in(struct oro_db *db, struct oro_pytable *t, struct oro_bytes row, struct oro_bytes *key)
{
    struct oro_reader r = oro_reader(row);
    unsigned col = t->pk->cols[0];
    int bad = 0;
    for (unsigned i = 0; bad == 0 && i < col; i++)
        bad = oro_codec_skip(t->rc->cols[i].codec, &r);
    const uint8_t *from = r.at;
    if (bad < 0 || oro_codec_skip(t->rc->cols[col].codec, &r) < 0) {
        PyErr_Format(db->codecs->e_decode, "%s: the row's bytes are cut short", t->def->name);
        return -1;
    }
    *key = oro_bytes(from, (size_t)(r.at - from));
    return 0;
}

int
oro_pytable_delete_bytes(struct oro_db *db, struct oro_pytable *t, struct oro_bytes row)
{
    oro_status st;
    struct oro_bytes key;
    if (oro_pytable_before_write(db, t) < 0)
        return -1;
    if (t->pk == NULL) {
        st = db->ops->delete_row(db->call->host, t->def, row);
    } else {
        if (key_in(db, t, row, &key) < 0)
            return -1;
        st = db->ops->delete_key(db->call->host, t->def, t->pk->ix, key);
    }
    if (st == ORO_OK || st == ORO_ENOTFOUND)
        return st == ORO_OK;
    oro_pytable_fail(db, t, st, NULL);
    return -1;
}

/* Appends the names of the columns in which two rows differ: "name, score". */
static void
put_differences(struct oro_pytable *t, struct oro_bytes a, struct oro_bytes b, struct oro_bb *out)
{
    struct oro_reader r = oro_reader(a), s = oro_reader(b);
    for (unsigned i = 0; i < t->rc->ncols; i++) {
        const uint8_t *p = r.at, *q = s.at;
        if (oro_codec_skip(t->rc->cols[i].codec, &r) < 0 ||
            oro_codec_skip(t->rc->cols[i].codec, &s) < 0)
            return;
        if (oro_bytes_eq(oro_bytes(p, (size_t)(r.at - p)), oro_bytes(q, (size_t)(s.at - q))))
            continue;
        if (out->len > 0)
            oro_bb_put(out, ", ", 2);
        oro_pyerr_put(t->rc->cols[i].name, out);
    }
}

/* delete(row) found no such row. The author may have meant the row with its key, which is there but not equal: he is told. */
static int
tell_unequal(struct oro_db *db, struct oro_pytable *t, struct oro_bytes row)
{
    struct oro_bytes key, there;
    struct oro_bb names = {0};
    struct oro_place place;
    if (t->pk == NULL)
        return 0;
    if (key_in(db, t, row, &key) < 0)
        return -1;
    if (db->ops->find(db->call->host, t->def, t->pk->ix, key, &there) != ORO_OK)
        return 0;
    oro_place_here(&place);
    if (oro_place_first(&place, "delete")) {
        put_differences(t, row, there, &names);
        oro_place_warn(oro_db_caller(db), &place,
                       "%s.delete(row) deleted nothing: the row with this %s is there, but differs "
                       "in %.*s; delete(row) takes the row that is equal in every column, "
                       "delete(row.%s) the one with the key",
                       t->label, PyUnicode_AsUTF8(t->pk->name),
                       (int)(names.len < 400 ? names.len : 400), (const char *)names.data,
                       PyUnicode_AsUTF8(t->pk->name));
    }
    oro_bb_fini(&names);
    oro_place_drop(&place);
    return 0;
}

/* The row that is equal in every column (docs/semantics.md, T-48). */
PyObject *
oro_pytable_delete_rowobj(struct oro_db *db, struct oro_pytable *t, struct oro_row *row)
{
    struct oro_bb bb = oro_bb_take(db->codecs, 1);
    PyObject *out = NULL;
    if (oro_pyrow_encode(row, &bb, 1) < 0) {
        oro_cerr_raise(db->codecs, db->codecs->e_encode, t->def->name);
    } else if (oro_pyhandle_alive(db, t) && oro_pytable_before_write(db, t) == 0) {
        oro_status st = db->ops->delete_row(db->call->host, t->def, oro_bb_bytes(&bb));
        if (st != ORO_OK && st != ORO_ENOTFOUND)
            oro_pytable_fail(db, t, st, NULL);
        else if (st == ORO_OK || tell_unequal(db, t, oro_bb_bytes(&bb)) == 0)
            out = PyBool_FromLong(st == ORO_OK);
    }
    oro_bb_give(db->codecs, 1, &bb);
    return out;
}
