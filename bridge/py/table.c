/* bridge/py/table.c - ctx.db, its tables and their columns: handles whose methods encode keys and rows and call the host.
 *
 * One tree of handles serves all calls: Database -> Table for each table -> Column for each column and named index, reached
 * as C members, which the interpreter turns into a single load. See struct oro_handle for what ends a tree. */
#include "bridge/py/py_priv.h"

#define TH(o) ((struct oro_thandle *)(o))
#define CH(o) ((struct oro_chandle *)(o))
#define FASTCALL(f) ((PyCFunction)(void (*)(void))(f))

bool
oro_pyhandle_alive(struct oro_py *py, struct oro_pytable *t)
{
    /* Only the thread that runs the call: a module in the main interpreter may have others. */
    if (ORO_LIKELY(py != NULL && oro_py_running == py))
        return true;
    /* A dead handle no longer knows its interpreter, but its table does. */
    PyErr_Format(t->rc->py->e_transaction, "%s: used outside the call it belongs to", t->def->name);
    return false;
}

PyObject *
oro_pytable_fail(struct oro_py *py, struct oro_pytable *t, oro_status st, const struct oro_err *err)
{
    PyObject *cls = py->e_database;
    const char *text = err != NULL && err->text[0] != 0 ? err->text : oro_status_name(st);
    switch (st) {
    case ORO_EEXISTS:
        cls = py->e_unique;
        break;
    case ORO_ENOTFOUND:
        cls = py->e_nosuchrow;
        break;
    case ORO_EFULL:
        cls = py->e_autoinc;
        break;
    case ORO_ETYPE:
        cls = py->e_wrongalgo;
        if (err == NULL || err->text[0] == 0)
            text = "The Index does not support range scans: it is a hash and has no order; use a "
                   "btree index";
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
encode_keycol(struct oro_py *py, struct oro_pytable *t, unsigned col, PyObject *v,
              struct oro_bb *out)
{
    const struct oro_rowcol *c = &t->rc->cols[col];
    if (oro_codec_encode(py, oro_codec_bare(c->codec), v, out, 1) == 0)
        return 0;
    oro_cerr_name(py, c->name);
    return oro_cerr_raise(py, py->e_encode, t->def->name);
}

int
oro_pykey_encode(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *acc,
                 PyObject *v, struct oro_bb *out)
{
    if (acc->ncols == 1)
        return encode_keycol(py, t, acc->cols[0], v, out);
    if (!PyTuple_Check(v) || PyTuple_GET_SIZE(v) != acc->ncols) {
        PyErr_Format(py->e_wrongindex, "%s.%U: expected a tuple of %u values, got %s", t->def->name,
                     acc->name, acc->ncols, oro_pytype_name(v));
        return -1;
    }
    for (unsigned i = 0; i < acc->ncols; i++)
        if (encode_keycol(py, t, acc->cols[i], PyTuple_GET_ITEM(v, i), out) < 0)
            return -1;
    return 0;
}

static const struct oro_accessor *
pk_of(struct oro_py *py, struct oro_pytable *t, const char *what)
{
    if (t->pk == NULL)
        PyErr_Format(py->e_wrongindex, "%s: %s needs a primary key, and the table has none",
                     t->def->name, what);
    return t->pk;
}

static bool
needs_unique(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *acc,
             const char *what)
{
    if (acc->unique)
        return true;
    PyErr_Format(py->e_notunique, "%s.%U: %s needs a unique column; use filter()", t->def->name,
                 acc->name, what);
    return false;
}

/* 1 and *row, 0 none, -1 raised. */
static int
find_bytes(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *acc, PyObject *v,
           struct oro_bytes *row)
{
    struct oro_bb key = oro_bb_take(py, 0);
    int rc = oro_pykey_encode(py, t, acc, v, &key);
    if (rc == 0) {
        oro_status st = py->ops->find(py->call->host, t->def, acc->ix, oro_bb_bytes(&key), row);
        rc = st == ORO_OK ? 1 : 0;
        if (st != ORO_OK && st != ORO_ENOTFOUND) {
            oro_pytable_fail(py, t, st, NULL);
            rc = -1;
        }
    }
    oro_bb_give(py, 0, &key);
    return rc;
}

static PyObject *
not_found(struct oro_py *py, struct oro_pytable *t, PyObject *name, PyObject *v)
{
    return PyErr_Format(py->e_rownotfound, "%s: no row with %U = %R", t->def->name, name, v);
}

static PyObject *
find(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *acc, PyObject *v,
     bool must)
{
    struct oro_bytes row;
    int rc = find_bytes(py, t, acc, v, &row);
    if (ORO_LIKELY(rc > 0))
        return oro_pyrow_from_bytes(t->rc, row);
    if (rc < 0)
        return NULL;
    return must ? not_found(py, t, acc->name, v) : Py_NewRef(Py_None);
}

/* ---- writing ---- */

enum verb { INSERT, UPDATE, UPSERT, REPLACE };

/* What was asked before keeps what it would have found. */
static inline int
before_write(struct oro_py *py, struct oro_pytable *t)
{
    return ORO_LIKELY(py->npending == 0) ? 0 : oro_pyrows_settle(py, t);
}

static bool
is_row(struct oro_py *py, struct oro_pytable *t, PyObject *o)
{
    if (oro_pyrow_is(t->rc, o))
        return true;
    PyErr_Format(py->e_encode, "%s: expected %s, got %s", t->def->name, t->rc->name,
                 oro_pytype_name(o));
    return false;
}

static int
no_such_row(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *acc,
            struct oro_row *row)
{
    PyObject *v = oro_pyrow_col(row, acc->cols[0]);
    if (v != NULL)
        PyErr_Format(py->e_nosuchrow, "%s: no row with %U = %R", t->def->name,
                     t->rc->cols[acc->cols[0]].name, v);
    return -1;
}

/* In a table without a primary key: the row that the object was read from goes, the changed one comes. */
static oro_status
replace(struct oro_py *py, struct oro_pytable *t, struct oro_bytes was, struct oro_bytes row,
        struct oro_bytes *stored, struct oro_err *err)
{
    if (oro_bytes_eq(was, row)) {
        *stored = row;
        return ORO_OK;
    }
    oro_status st = py->ops->delete_row(py->call->host, t->def, was);
    if (st != ORO_OK)
        return oro_err_set(err, st, "a row of this selection is not in the table any more");
    st = py->ops->insert(py->call->host, t->def, row, stored, err);
    if (st != ORO_OK) { /* as before: nothing has taken its place */
        oro_status back = py->ops->insert(py->call->host, t->def, was, stored, NULL);
        ORO_ASSERT(back == ORO_OK);
    }
    return st;
}

static int
write_row(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *acc,
          struct oro_row *row, enum verb verb)
{
    struct oro_bb bb = oro_bb_take(py, 1);
    struct oro_bytes stored = {0};
    struct oro_err err;
    oro_status st;
    int rc = -1;
    err.text[0] = 0;
    uint64_t began = oro_tally_begin(py);
    if (oro_pyrow_encode(row, &bb) < 0) {
        ORO_COUNT(py, errors, 1);
        ORO_BUMP(t->rc->tally.errors[DIR_ENCODE], 1);
        oro_cerr_raise(py, py->e_encode, t->def->name);
        goto done;
    }
    oro_tally_end(py, &t->rc->tally, DIR_ENCODE, bb.len, began);
    if (!oro_pyhandle_alive(py, t) || before_write(py, t) < 0) /* a checker may do anything */
        goto done;
    if (verb == INSERT)
        st = py->ops->insert(py->call->host, t->def, oro_bb_bytes(&bb), &stored, &err);
    else if (verb == UPDATE)
        st = py->ops->update(py->call->host, t->def, acc->ix, oro_bb_bytes(&bb), &stored, &err);
    else if (verb == UPSERT)
        st = py->ops->upsert(py->call->host, t->def, acc->ix, oro_bb_bytes(&bb), &stored, &err);
    else
        st = replace(py, t, oro_bytes(row->data, row->len), oro_bb_bytes(&bb), &stored, &err);
    if (ORO_LIKELY(st == ORO_OK)) {
        bool same = t->auto_inc == 0 || oro_bytes_eq(stored, oro_bb_bytes(&bb));
        rc = oro_pyrow_stored(row, stored, same ? 0 : t->auto_inc);
    } else if (st == ORO_ENOTFOUND && acc != NULL) {
        rc = no_such_row(py, t, acc, row);
    } else {
        oro_pytable_fail(py, t, st, &err);
    }
done:
    oro_bb_give(py, 1, &bb);
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
change(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *acc,
       struct oro_row *row, PyObject *const *values, PyObject *kwnames, enum verb verb)
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
            PyErr_Format(PyExc_TypeError, "%s has no column %R", t->def->name,
                         PyTuple_GET_ITEM(kwnames, i));
            restore(row, cols, saved, i, dirty);
            return -1;
        }
        saved[i] = Py_XNewRef(row->cols[cols[i]]);
        oro_pyrow_set(row, (unsigned)cols[i], values[i]);
    }
    if (write_row(py, t, acc, row, verb) < 0) {
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
oro_pytable_update(struct oro_py *py, struct oro_pytable *t, struct oro_row *row,
                   PyObject *const *values, PyObject *kwnames)
{
    return change(py, t, t->pk, row, values, kwnames, t->pk != NULL ? UPDATE : REPLACE);
}

static bool
takes_row(PyObject *const *args, Py_ssize_t nargs, const char *name)
{
    if (nargs == 1)
        return true;
    PyErr_Format(PyExc_TypeError, "%s() takes one row, then columns by name", name);
    return false;
}

static PyObject *
update(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *acc,
       PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (!takes_row(args, nargs, "update") || !is_row(py, t, args[0]))
        return NULL;
    if (change(py, t, acc, (struct oro_row *)args[0], args + 1, kwnames, UPDATE) < 0)
        return NULL;
    return Py_NewRef(args[0]);
}

static PyObject *
upsert(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *acc,
       PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (!takes_row(args, nargs, "upsert") || !is_row(py, t, args[0]))
        return NULL;
    if (change(py, t, acc, (struct oro_row *)args[0], args + 1, kwnames, UPSERT) < 0)
        return NULL;
    return Py_NewRef(args[0]);
}

static PyObject *
delete_key(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *acc, PyObject *v)
{
    struct oro_bb key = oro_bb_take(py, 0);
    PyObject *out = NULL;
    if (oro_pykey_encode(py, t, acc, v, &key) == 0 && before_write(py, t) == 0) {
        oro_status st = py->ops->delete_key(py->call->host, t->def, acc->ix, oro_bb_bytes(&key));
        if (st == ORO_OK || st == ORO_ENOTFOUND)
            out = PyBool_FromLong(st == ORO_OK);
        else
            oro_pytable_fail(py, t, st, NULL);
    }
    oro_bb_give(py, 0, &key);
    return out;
}

int
oro_pytable_delete_bytes(struct oro_py *py, struct oro_pytable *t, struct oro_bytes row)
{
    oro_status st;
    if (before_write(py, t) < 0)
        return -1;
    if (t->pk == NULL) {
        st = py->ops->delete_row(py->call->host, t->def, row);
    } else {
        struct oro_reader r = oro_reader(row);
        const uint8_t *from;
        int bad = 0;
        for (unsigned i = 0; bad == 0 && i < t->pk->cols[0]; i++)
            bad = oro_codec_skip(t->rc->cols[i].codec, &r);
        from = r.at;
        if (bad < 0 || oro_codec_skip(t->rc->cols[t->pk->cols[0]].codec, &r) < 0) {
            PyErr_Format(py->e_decode, "%s: the row's bytes are cut short", t->def->name);
            return -1;
        }
        st = py->ops->delete_key(py->call->host, t->def, t->pk->ix,
                                 oro_bytes(from, (size_t)(r.at - from)));
    }
    if (st == ORO_OK || st == ORO_ENOTFOUND)
        return st == ORO_OK;
    oro_pytable_fail(py, t, st, NULL);
    return -1;
}

/* Rows given to delete(): by the key they hold now, or whole. */
static PyObject *
delete_rowobj(struct oro_py *py, struct oro_pytable *t, struct oro_row *row)
{
    if (t->pk != NULL) {
        PyObject *v = oro_pyrow_col(row, t->pk->cols[0]);
        return v != NULL ? delete_key(py, t, t->pk, v) : NULL;
    }
    struct oro_bb bb = oro_bb_take(py, 1);
    PyObject *out = NULL;
    if (oro_pyrow_encode(row, &bb) < 0) {
        oro_cerr_raise(py, py->e_encode, t->def->name);
    } else if (oro_pyhandle_alive(py, t)) {
        int gone = oro_pytable_delete_bytes(py, t, oro_bb_bytes(&bb));
        out = gone >= 0 ? PyBool_FromLong(gone) : NULL;
    }
    oro_bb_give(py, 1, &bb);
    return out;
}

/* ---- Table ---- */

#define TABLE_ENTER(self)                         \
    struct oro_py *py = TH(self)->py;             \
    struct oro_pytable *t = TH(self)->t;          \
    if (ORO_UNLIKELY(!oro_pyhandle_alive(py, t))) \
    return NULL

static PyObject *
table_insert(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    PyObject *row;
    if (nargs > 1 || (nargs == 1 && kwnames != NULL && PyTuple_GET_SIZE(kwnames) > 0))
        return PyErr_Format(PyExc_TypeError, "insert() takes one row, or columns by name");
    if (nargs == 1) {
        if (!is_row(py, t, args[0]))
            return NULL;
        row = Py_NewRef(args[0]);
    } else if ((row = oro_pyrow_make(t->rc, args, kwnames)) == NULL) {
        return NULL;
    }
    if (!oro_pyhandle_alive(py, t) || write_row(py, t, NULL, (struct oro_row *)row, INSERT) < 0)
        Py_CLEAR(row);
    return row;
}

/* Takes back the first n rows of a list that failed half-way: those that were really new. */
static void
undo_inserts(struct oro_py *py, struct oro_pytable *t, PyObject *list, const bool *fresh,
             Py_ssize_t n)
{
    PyObject *raised = PyErr_GetRaisedException();
    for (Py_ssize_t i = 0; i < n; i++) {
        struct oro_row *row = (struct oro_row *)PyList_GET_ITEM(list, i);
        if (fresh[i] && py->call != NULL && row->has_bytes)
            (void)py->ops->delete_row(py->call->host, t->def,
                                      (struct oro_bytes){row->data, row->len});
    }
    PyErr_SetRaisedException(raised);
}

static PyObject *
table_insert_many(PyObject *self, PyObject *rows)
{
    TABLE_ENTER(self);
    PyObject *list = PySequence_List(rows);
    if (list == NULL || !oro_pyhandle_alive(py, t)) {
        Py_XDECREF(list);
        return NULL;
    }
    Py_ssize_t n = PyList_GET_SIZE(list);
    bool *fresh = oro_calloc((size_t)n + 1, sizeof(*fresh));
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *row = PyList_GET_ITEM(list, i);
        if (!oro_pyhandle_alive(py, t)) {
            Py_CLEAR(list);
            break;
        }
        int64_t before = py->ops->growth(py->call->host, t->def);
        if (!is_row(py, t, row) || write_row(py, t, NULL, (struct oro_row *)row, INSERT) < 0) {
            undo_inserts(py, t, list, fresh, i);
            Py_CLEAR(list);
            break;
        }
        fresh[i] = py->ops->growth(py->call->host, t->def) > before;
    }
    oro_free(fresh);
    return list;
}

static PyObject *
table_upsert(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    const struct oro_accessor *pk = pk_of(py, t, "upsert()");
    return pk != NULL ? upsert(py, t, pk, args, nargs, kwnames) : NULL;
}

/* _upsert_new(row) or (columns by name): insert-or-replace where there is a primary key, insert where there is none. */
static PyObject *
table_upsert_new(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    if (t->pk == NULL)
        return table_insert(self, args, nargs, kwnames);
    if (nargs == 1)
        return upsert(py, t, t->pk, args, 1, NULL);
    PyObject *row = oro_pyrow_make(t->rc, args, kwnames), *out = NULL;
    if (row != NULL && oro_pyhandle_alive(py, t))
        out = upsert(py, t, t->pk, &row, 1, NULL);
    Py_XDECREF(row);
    return out;
}

static PyObject *
table_update(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    const struct oro_accessor *pk = pk_of(py, t, "update()");
    return pk != NULL ? update(py, t, pk, args, nargs, kwnames) : NULL;
}

static PyObject *
table_delete(PyObject *self, PyObject *v)
{
    TABLE_ENTER(self);
    if (oro_pyrow_is(t->rc, v))
        return delete_rowobj(py, t, (struct oro_row *)v);
    const struct oro_accessor *pk = pk_of(py, t, "delete() by key");
    return pk != NULL ? delete_key(py, t, pk, v) : NULL;
}

static PyObject *
table_clear(PyObject *self, PyObject *none)
{
    TABLE_ENTER(self);
    if (before_write(py, t) < 0)
        return NULL;
    return PyLong_FromUnsignedLongLong(py->ops->clear(py->call->host, t->def));
}

static PyObject *
table_find(PyObject *self, PyObject *key)
{
    TABLE_ENTER(self);
    const struct oro_accessor *pk = pk_of(py, t, "find()");
    return pk != NULL ? find(py, t, pk, key, false) : NULL;
}

static PyObject *
table_get(PyObject *self, PyObject *key)
{
    TABLE_ENTER(self);
    const struct oro_accessor *pk = pk_of(py, t, "get()");
    return pk != NULL ? find(py, t, pk, key, true) : NULL;
}

static int
table_contains(PyObject *self, PyObject *key)
{
    struct oro_py *py = TH(self)->py;
    struct oro_pytable *t = TH(self)->t;
    struct oro_bytes row;
    if (!oro_pyhandle_alive(py, t))
        return -1;
    const struct oro_accessor *pk = pk_of(py, t, "in");
    return pk != NULL ? find_bytes(py, t, pk, key, &row) : -1;
}

static Py_ssize_t
table_len(PyObject *self)
{
    struct oro_py *py = TH(self)->py;
    if (!oro_pyhandle_alive(py, TH(self)->t))
        return -1;
    return (Py_ssize_t)py->ops->count(py->call->host, TH(self)->t->def);
}

static PyObject *
no_positional(const char *name)
{
    return PyErr_Format(PyExc_TypeError, "%s() takes conditions by name: score__gte=10", name);
}

static PyObject *
select_rows(struct oro_py *py, struct oro_pytable *t, const char *name, PyObject *const *args,
            Py_ssize_t nargs, PyObject *kwnames, size_t limit)
{
    struct oro_cond conds[ORO_CONDS_MAX];
    if (nargs > 0)
        return no_positional(name);
    int n = oro_pyquery_parse(py, t, args, kwnames, conds);
    return n < 0 ? NULL : oro_pyquery_run(py, t, NULL, conds, (unsigned)n, limit);
}

static PyObject *
table_filter(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    return select_rows(py, t, "filter", args, nargs, kwnames, 0);
}

static PyObject *
first_of(PyObject *rows)
{
    if (rows == NULL)
        return NULL;
    PyObject *out = oro_pyrows_first(rows);
    Py_DECREF(rows);
    return out;
}

static PyObject *
len_of(PyObject *rows)
{
    if (rows == NULL)
        return NULL;
    Py_ssize_t n = oro_pyrows_len(rows);
    Py_DECREF(rows);
    return n >= 0 ? PyLong_FromSsize_t(n) : NULL;
}

static PyObject *
table_first(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    return first_of(select_rows(py, t, "first", args, nargs, kwnames, 1));
}

static PyObject *
table_one(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    struct oro_cond conds[ORO_CONDS_MAX];
    if (nargs > 0)
        return no_positional("one");
    int n = oro_pyquery_parse(py, t, args, kwnames, conds);
    PyObject *row = n < 0 ? NULL : first_of(oro_pyquery_run(py, t, NULL, conds, (unsigned)n, 1));
    if (row != Py_None)
        return row;
    Py_DECREF(row);
    PyObject *text = oro_pyquery_text(t, conds, (unsigned)n);
    if (text != NULL)
        PyErr_Format(py->e_rownotfound, n > 0 ? "%s: no row with %U" : "%s: no row%U", t->def->name,
                     text);
    Py_XDECREF(text);
    return NULL;
}

static PyObject *
table_exists(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    if (nargs == 0 && (kwnames == NULL || PyTuple_GET_SIZE(kwnames) == 0))
        return PyBool_FromLong(py->ops->count(py->call->host, t->def) > 0);
    PyObject *row = first_of(select_rows(py, t, "exists", args, nargs, kwnames, 1));
    bool found = row != Py_None;
    Py_XDECREF(row);
    return row != NULL ? PyBool_FromLong(found) : NULL;
}

static PyObject *
table_count(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    if (nargs == 0 && (kwnames == NULL || PyTuple_GET_SIZE(kwnames) == 0))
        return PyLong_FromUnsignedLongLong(py->ops->count(py->call->host, t->def));
    return len_of(select_rows(py, t, "count", args, nargs, kwnames, 0));
}

static PyObject *
delete_all(PyObject *rows)
{
    if (rows == NULL)
        return NULL;
    PyObject *out = PyObject_CallMethod(rows, "delete", NULL);
    Py_DECREF(rows);
    return out;
}

static PyObject *
table_delete_where(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TABLE_ENTER(self);
    if (nargs == 0 && (kwnames == NULL || PyTuple_GET_SIZE(kwnames) == 0))
        return PyErr_Format(PyExc_TypeError,
                            "delete_where() needs a condition; clear() deletes every row");
    return delete_all(select_rows(py, t, "delete_where", args, nargs, kwnames, 0));
}

static PyObject *
table_all(PyObject *self, PyObject *none)
{
    TABLE_ENTER(self);
    return oro_pyquery_run(py, t, NULL, NULL, 0, 0);
}

static PyObject *
table_iter(PyObject *self)
{
    PyObject *rows = table_all(self, NULL), *it = rows != NULL ? PyObject_GetIter(rows) : NULL;
    Py_XDECREF(rows);
    return it;
}

static PyObject *
table_iter_method(PyObject *self, PyObject *none)
{
    return table_iter(self);
}

static PyObject *
table_column(PyObject *self, PyObject *name)
{
    struct oro_pytable *t = TH(self)->t;
    for (unsigned i = 0; PyUnicode_Check(name) && i < t->nacc; i++)
        if (PyUnicode_Compare(t->acc[i].name, name) == 0)
            return Py_NewRef(TH(self)->cols[i]);
    return PyErr_Format(PyExc_AttributeError, "%s has no column or index %R", t->def->name, name);
}

static PyObject *
table_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<table '%U'>", TH(self)->t->name);
}

static void
table_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    for (unsigned i = 0; i < TH(self)->t->nacc; i++)
        Py_CLEAR(TH(self)->cols[i]);
    type->tp_free(self);
    Py_DECREF(type);
}

#define KW (METH_FASTCALL | METH_KEYWORDS)
static PyMethodDef table_methods[] = {
    {"insert", FASTCALL(table_insert), KW,
     "Adds a row and returns it with its auto_inc columns filled in."},
    {"insert_many", table_insert_many, METH_O,
     "Adds rows: all, or none when one is refused. Returns them as a list."},
    {"batch_insert", table_insert_many, METH_O, "The same as insert_many."},
    {"upsert", FASTCALL(table_upsert), KW,
     "Adds the row, or replaces the one with its primary key."},
    {"_upsert_new", FASTCALL(table_upsert_new), KW, NULL},
    {"insert_or_update", FASTCALL(table_upsert), KW, "The same as upsert."},
    {"update", FASTCALL(table_update), KW,
     "Replaces the row with this primary key; NoSuchRow if there is none."},
    {"delete", table_delete, METH_O, "Deletes by primary key or row; was there one?"},
    {"delete_where", FASTCALL(table_delete_where), KW,
     "Deletes the rows that meet the conditions; how many."},
    {"clear", table_clear, METH_NOARGS, "Deletes every row; how many."},
    {"find", table_find, METH_O, "The row with this primary key, or None."},
    {"get", table_get, METH_O, "The row with this primary key; RowNotFound if there is none."},
    {"exists", FASTCALL(table_exists), KW, "Does any row meet the conditions?"},
    {"filter", FASTCALL(table_filter), KW,
     "The rows that meet the conditions, found by the best index."},
    {"first", FASTCALL(table_first), KW, "The first such row, or None."},
    {"one", FASTCALL(table_one), KW, "The first such row; RowNotFound if there is none."},
    {"count", FASTCALL(table_count), KW, "How many rows meet the conditions."},
    {"all", table_all, METH_NOARGS, "All rows."},
    {"iter", table_iter_method, METH_NOARGS, "Iterates over all rows."},
    {"column", table_column, METH_O, "The column or index of that name."},
    {0},
};

/* ---- Column ---- */

#define COLUMN_ENTER(self)                          \
    struct oro_py *py = CH(self)->py;               \
    struct oro_pytable *t = CH(self)->t;            \
    const struct oro_accessor *acc = CH(self)->acc; \
    if (ORO_UNLIKELY(!oro_pyhandle_alive(py, t)))   \
    return NULL

static PyObject *
column_find(PyObject *self, PyObject *v)
{
    COLUMN_ENTER(self);
    return needs_unique(py, t, acc, "find()") ? find(py, t, acc, v, false) : NULL;
}

static PyObject *
column_get(PyObject *self, PyObject *v)
{
    COLUMN_ENTER(self);
    return needs_unique(py, t, acc, "get()") ? find(py, t, acc, v, true) : NULL;
}

static int
column_contains(PyObject *self, PyObject *v)
{
    struct oro_py *py = CH(self)->py;
    struct oro_pytable *t = CH(self)->t;
    struct oro_bytes row;
    if (!oro_pyhandle_alive(py, t) || !needs_unique(py, t, CH(self)->acc, "in"))
        return -1;
    return find_bytes(py, t, CH(self)->acc, v, &row);
}

static PyObject *
column_update(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    COLUMN_ENTER(self);
    return needs_unique(py, t, acc, "update()") ? update(py, t, acc, args, nargs, kwnames) : NULL;
}

static PyObject *
column_upsert(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    COLUMN_ENTER(self);
    return needs_unique(py, t, acc, "upsert()") ? upsert(py, t, acc, args, nargs, kwnames) : NULL;
}

/* Conditions of filter(value | range, ..., gt=, gte=, lt=, lte=): leading columns equal, the next one may be a range. hold
 * keeps the ends of a range() alive. Number or -1. */
static int
column_conds(struct oro_pytable *t, const struct oro_accessor *acc, PyObject *const *args,
             Py_ssize_t nargs, PyObject *kwnames, struct oro_cond *conds, PyObject *hold[2])
{
    static const struct {
        const char *name;
        uint8_t lookup;
    } bounds[] = {{"gt", LOOKUP_GT}, {"gte", LOOKUP_GTE}, {"lt", LOOKUP_LT}, {"lte", LOOKUP_LTE}};
    unsigned n = 0;
    Py_ssize_t nkw = kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0;
    hold[0] = hold[1] = NULL;
    if (nargs + (nkw > 0) > acc->ncols || nargs > ORO_CONDS_MAX - 8) {
        PyErr_Format(PyExc_TypeError, "%s.%U has %u column%s, got %zd values", t->def->name,
                     acc->name, acc->ncols, acc->ncols == 1 ? "" : "s", nargs + (nkw > 0));
        return -1;
    }
    for (Py_ssize_t i = 0; i < nargs; i++) {
        if (!PyRange_Check(args[i])) {
            conds[n++] = (struct oro_cond){acc->cols[i], LOOKUP_EQ, args[i]};
            continue;
        }
        PyObject *step = PyObject_GetAttrString(args[i], "step");
        long one = step != NULL ? PyLong_AsLong(step) : -1;
        Py_XDECREF(step);
        if (one != 1 || i != nargs - 1 || nkw > 0) {
            PyErr_Clear();
            PyErr_Format(PyExc_TypeError, "%s.%U: a range() stands last and has step 1",
                         t->def->name, acc->name);
            return -1;
        }
        hold[0] = PyObject_GetAttrString(args[i], "start");
        hold[1] = hold[0] != NULL ? PyObject_GetAttrString(args[i], "stop") : NULL;
        if (hold[1] == NULL)
            return -1;
        conds[n++] = (struct oro_cond){acc->cols[i], LOOKUP_GTE, hold[0]};
        conds[n++] = (struct oro_cond){acc->cols[i], LOOKUP_LT, hold[1]};
    }
    for (Py_ssize_t k = 0; k < nkw; k++) {
        size_t b = 0;
        while (b < 4 &&
               PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, k), bounds[b].name) != 0)
            b++;
        if (b == 4) {
            PyErr_Format(PyExc_TypeError, "%s.%U: unexpected argument %R (gt, gte, lt or lte)",
                         t->def->name, acc->name, PyTuple_GET_ITEM(kwnames, k));
            return -1;
        }
        conds[n++] = (struct oro_cond){acc->cols[nargs], bounds[b].lookup, args[nargs + k]};
    }
    return (int)n;
}

static PyObject *
column_rows(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *acc,
            PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    struct oro_cond conds[ORO_CONDS_MAX];
    PyObject *hold[2], *out = NULL;
    int n = column_conds(t, acc, args, nargs, kwnames, conds, hold);
    if (n == 0)
        PyErr_Format(PyExc_TypeError, "%s.%U: filter() needs a value or a bound", t->def->name,
                     acc->name);
    else if (n > 0)
        out = oro_pyquery_run(py, t, acc->ix != NULL ? acc : NULL, conds, (unsigned)n, 0);
    Py_XDECREF(hold[0]);
    Py_XDECREF(hold[1]);
    return out;
}

static PyObject *
column_filter(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    COLUMN_ENTER(self);
    return column_rows(py, t, acc, args, nargs, kwnames);
}

static PyObject *
column_count(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    COLUMN_ENTER(self);
    return len_of(column_rows(py, t, acc, args, nargs, kwnames));
}

static PyObject *
column_delete(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    COLUMN_ENTER(self);
    if (acc->unique && acc->ncols == 1 && nargs == 1 && kwnames == NULL && !PyRange_Check(args[0]))
        return delete_key(py, t, acc, args[0]);
    return delete_all(column_rows(py, t, acc, args, nargs, kwnames));
}

/* All rows in the order of the index. */
static PyObject *
in_order(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *acc, const char *what,
         bool reverse)
{
    if (acc->ix == NULL || acc->ix->kind == ORO_INDEX_HASH)
        return PyErr_Format(acc->ix == NULL ? py->e_wrongindex : py->e_wrongalgo,
                            "%s.%U: %s needs an index with an order (btree)", t->def->name,
                            acc->name, what);
    return oro_pyrows_pending(py, t, acc->ix, &(struct oro_py_range){.reverse = reverse});
}

static PyObject *
column_min(PyObject *self, PyObject *none)
{
    COLUMN_ENTER(self);
    return first_of(in_order(py, t, acc, "min()", false));
}

static PyObject *
column_max(PyObject *self, PyObject *none)
{
    COLUMN_ENTER(self);
    return first_of(in_order(py, t, acc, "max()", true));
}

static PyObject *
column_iter(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    COLUMN_ENTER(self);
    int reverse = 0;
    if (nargs > 0 || (kwnames != NULL && (PyTuple_GET_SIZE(kwnames) > 1 ||
                                          PyUnicode_CompareWithASCIIString(
                                              PyTuple_GET_ITEM(kwnames, 0), "reverse") != 0)))
        return PyErr_Format(PyExc_TypeError, "iter() takes reverse= only");
    if (kwnames != NULL && (reverse = PyObject_IsTrue(args[0])) < 0)
        return NULL;
    PyObject *rows = in_order(py, t, acc, "iter()", reverse != 0);
    PyObject *it = rows != NULL ? PyObject_GetIter(rows) : NULL;
    Py_XDECREF(rows);
    return it;
}

static PyObject *
column_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<column '%U.%U'>", CH(self)->t->name, CH(self)->acc->name);
}

static void
plain_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef column_methods[] = {
    {"find", column_find, METH_O, "The row with this value, or None."},
    {"get", column_get, METH_O, "The row with this value; RowNotFound if there is none."},
    {"update", FASTCALL(column_update), KW,
     "Replaces the row with the same value here; NoSuchRow if there is none."},
    {"upsert", FASTCALL(column_upsert), KW,
     "Adds the row, or replaces the one with the same value here."},
    {"delete", FASTCALL(column_delete), KW,
     "Unique columns: was there one? Others: how many were deleted."},
    {"filter", FASTCALL(column_filter), KW,
     "The rows with this value, or in this range (gt, gte, lt, lte, range())."},
    {"count", FASTCALL(column_count), KW, "How many rows filter() would give."},
    {"min", column_min, METH_NOARGS, "The row with the smallest value, or None."},
    {"max", column_max, METH_NOARGS, "The row with the largest value, or None."},
    {"iter", FASTCALL(column_iter), KW, "Iterates over all rows in key order."},
    {0},
};

/* ---- Database ---- */

static PyObject *
db_item(PyObject *self, PyObject *cls)
{
    struct oro_dbhandle *db = (struct oro_dbhandle *)self;
    struct oro_py *py = db->py;
    if (py == NULL)
        return PyErr_Format(oro_py_of_module(PyType_GetModule(Py_TYPE(self)))->e_transaction,
                            "the database was used outside the call it belongs to");
    for (unsigned i = 0; i < py->ntables; i++)
        if ((PyObject *)py->tables[i].rc->type == cls)
            return Py_NewRef(db->tables[i]);
    return PyErr_Format(PyExc_KeyError, "%R is not a table of this module", cls);
}

static PyObject *
db_get_table(PyObject *self, PyObject *cls)
{
    PyObject *table = db_item(self, cls), *compat, *out;
    if (table == NULL)
        return NULL;
    compat = PyImport_ImportModule("orochi._compat");
    out = compat != NULL ? PyObject_CallMethod(compat, "OlderTable", "O", table) : NULL;
    Py_XDECREF(compat);
    Py_DECREF(table);
    return out;
}

static void
db_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_ssize_t n = (Py_ssize_t)((size_t)type->tp_basicsize - sizeof(struct oro_dbhandle)) /
                   (Py_ssize_t)sizeof(PyObject *);
    for (Py_ssize_t i = 0; i < n; i++)
        Py_CLEAR(((struct oro_dbhandle *)self)->tables[i]);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef db_methods[] = {
    {"get_table", db_get_table, METH_O,
     "The older handle of a table: insert replaces, scan and filter give lists."},
    {0},
};

/* ---- the tree ---- */

static PyObject *
new_column(struct oro_py *py, struct oro_pytable *t, const struct oro_accessor *acc)
{
    struct oro_chandle *c = PyObject_New(struct oro_chandle, (PyTypeObject *)py->t_column);
    if (c != NULL) {
        c->py = py;
        c->t = t;
        c->acc = acc;
    }
    return (PyObject *)c;
}

static PyObject *
new_table(struct oro_py *py, struct oro_pytable *t)
{
    struct oro_thandle *h = PyObject_New(struct oro_thandle, t->type);
    if (h == NULL)
        return NULL;
    h->py = py;
    h->t = t;
    memset(h->cols, 0, t->nacc * sizeof(h->cols[0]));
    for (unsigned i = 0; i < t->nacc; i++)
        if ((h->cols[i] = new_column(py, t, &t->acc[i])) == NULL) {
            Py_DECREF(h);
            return NULL;
        }
    return (PyObject *)h;
}

PyObject *
oro_pytree_new(struct oro_py *py)
{
    struct oro_dbhandle *db = PyObject_New(struct oro_dbhandle, (PyTypeObject *)py->t_db);
    unsigned at = 0;
    if (db == NULL)
        return NULL;
    db->py = py;
    memset(db->tables, 0, py->ntables * sizeof(db->tables[0]));
    for (unsigned i = 0; i < py->ntables; i++) {
        if ((db->tables[i] = new_table(py, &py->tables[i])) == NULL) {
            Py_DECREF(db);
            return NULL;
        }
        py->handles[at++] = db->tables[i];
        for (unsigned k = 0; k < py->tables[i].nacc; k++)
            py->handles[at++] = TH(db->tables[i])->cols[k];
    }
    ORO_ASSERT(at == py->nhandles);
    return (PyObject *)db;
}

bool
oro_pytree_kept(struct oro_py *py)
{
    if (Py_REFCNT(py->db) != 2) /* ours and the context's */
        return true;
    for (unsigned i = 0; i < py->nhandles; i++)
        if (Py_REFCNT(py->handles[i]) != 1)
            return true;
    return false;
}

void
oro_pytree_kill(struct oro_py *py)
{
    ((struct oro_handle *)py->db)->py = NULL;
    for (unsigned i = 0; i < py->nhandles; i++)
        ((struct oro_handle *)py->handles[i])->py = NULL;
}

/* ---- binding ---- */

/* The index that serves an accessor best: unique ones first, then ordered ones. */
static const struct oro_index_def *
best_index(const struct oro_table_def *def, const uint16_t *cols, unsigned ncols)
{
    const struct oro_index_def *best = NULL;
    for (uint32_t i = 0; i < def->nindexes; i++) {
        const struct oro_index_def *ix = &def->indexes[i];
        if (ix->ncols != ncols || memcmp(ix->cols, cols, ncols * sizeof(*cols)) != 0)
            continue;
        if (best == NULL || (ix->unique && !best->unique) ||
            (ix->unique == best->unique && best->kind == ORO_INDEX_HASH &&
             ix->kind != ORO_INDEX_HASH))
            best = ix;
    }
    return best;
}

const struct oro_index_def *
oro_pytable_scan_index(const struct oro_table_def *t)
{
    const struct oro_index_def *found = NULL;
    for (uint32_t i = 0; i < t->nindexes; i++) {
        const struct oro_index_def *ix = &t->indexes[i];
        bool is_pk = ix->unique && ix->ncols == 1 && ix->cols[0] == t->pk;
        if (ix->kind != ORO_INDEX_HASH && (found == NULL || is_pk))
            found = ix;
    }
    return found;
}

static bool
has_accessor(const struct oro_pytable *t, PyObject *name)
{
    for (unsigned i = 0; i < t->nacc; i++)
        if (PyUnicode_Compare(t->acc[i].name, name) == 0)
            return true;
    return false;
}

/* Takes name. */
static int
add_accessor(struct oro_py *py, struct oro_pytable *t, PyObject *name, const uint16_t *cols,
             unsigned ncols)
{
    if (name == NULL)
        return -1;
    if (has_accessor(t, name) || ncols > ORO_ARRAY_LEN(t->acc[0].cols)) {
        Py_DECREF(name);
        return 0;
    }
    PyUnicode_InternInPlace(&name);
    int rc = PyList_Append(py->keep, name);
    struct oro_accessor *acc = &t->acc[t->nacc++];
    *acc = (struct oro_accessor){
        .name = name, .ncols = (uint16_t)ncols, .ix = best_index(t->def, cols, ncols)};
    memcpy(acc->cols, cols, ncols * sizeof(*cols));
    acc->unique = acc->ix != NULL && acc->ix->unique;
    Py_DECREF(name);
    return rc;
}

/* "guild_name" of a several-column index. */
static PyObject *
joined_name(const struct oro_rowclass *rc, const struct oro_index_def *ix)
{
    PyObject *out = Py_NewRef(rc->cols[ix->cols[0]].name);
    for (unsigned i = 1; out != NULL && i < ix->ncols; i++)
        Py_SETREF(out, PyUnicode_FromFormat("%U_%U", out, rc->cols[ix->cols[i]].name));
    return out;
}

static int
make_accessors(struct oro_py *py, struct oro_pytable *t)
{
    const struct oro_table_def *def = t->def;
    t->acc = oro_arena_alloc(&py->arena, (t->rc->ncols + 2 * def->nindexes + 1) * sizeof(*t->acc));
    for (unsigned i = 0; i < t->rc->ncols; i++) {
        uint16_t col = (uint16_t)i;
        if (add_accessor(py, t, Py_NewRef(t->rc->cols[i].name), &col, 1) < 0)
            return -1;
    }
    for (uint32_t i = 0; i < def->nindexes; i++) {
        const struct oro_index_def *ix = &def->indexes[i];
        if (ix->accessor != NULL &&
            add_accessor(py, t, PyUnicode_FromString(ix->accessor), ix->cols, ix->ncols) < 0)
            return -1;
        if (ix->ncols > 1 && add_accessor(py, t, joined_name(t->rc, ix), ix->cols, ix->ncols) < 0)
            return -1;
    }
    if (def->pk >= 0 && t->acc[def->pk].unique)
        t->pk = &t->acc[def->pk];
    return 0;
}

static PyTypeObject *
member_type(PyObject *module, const char *name, PyObject *base, size_t head, PyMemberDef *members,
            unsigned n)
{
    PyType_Slot slots[] = {{Py_tp_members, members}, {0, NULL}};
    PyType_Spec spec = {name, (int)(head + n * sizeof(PyObject *)), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, base);
}

static int
make_table_type(struct oro_py *py, struct oro_pytable *t, PyObject *module)
{
    PyMemberDef *members = oro_arena_alloc(&py->arena, (t->nacc + 1) * sizeof(*members));
    unsigned n = 0;
    for (unsigned i = 0; i < t->nacc; i++) {
        if (PyObject_HasAttr(py->t_table, t->acc[i].name)) /* reached by column() */
            continue;
        members[n++] = (PyMemberDef){
            .name = PyUnicode_AsUTF8(t->acc[i].name),
            .type = Py_T_OBJECT_EX,
            .offset = (Py_ssize_t)(sizeof(struct oro_thandle) + i * sizeof(PyObject *)),
            .flags = Py_READONLY};
    }
    members[n] = (PyMemberDef){0};
    t->type = member_type(module, "orochi.Table", py->t_table, sizeof(struct oro_thandle), members,
                          t->nacc);
    return t->type != NULL ? 0 : -1;
}

int
oro_pytable_bind(struct oro_py *py, struct oro_pytable *t, PyObject *spec,
                 const struct oro_schema *schema)
{
    PyObject *name = PyDict_GetItemString(spec, "name"), *cls = PyDict_GetItemString(spec, "cls"),
             *columns = PyDict_GetItemString(spec, "columns"),
             *auto_inc = PyDict_GetItemString(spec, "auto_inc");
    if (name == NULL || cls == NULL || columns == NULL || !PyTuple_Check(columns) ||
        !PyType_Check(cls)) {
        PyErr_SetString(PyExc_TypeError, "a table's spec is incomplete");
        return -1;
    }
    t->name = Py_NewRef(name);
    t->def = oro_schema_table(schema, oro_bytes_str(PyUnicode_AsUTF8(name)));
    t->rc = oro_map_get_u64(&py->class_map, (uint64_t)(uintptr_t)cls);
    if (t->def == NULL || t->rc == NULL || PyTuple_GET_SIZE(columns) != (Py_ssize_t)t->rc->ncols ||
        t->def->row->nelems != t->rc->ncols) {
        PyErr_Format(PyExc_ValueError, "table %R: the class and the schema do not agree", name);
        return -1;
    }
    const struct oro_codec **codecs =
        oro_arena_alloc(&py->arena, (t->rc->ncols + 1) * sizeof(*codecs));
    for (unsigned i = 0; i < t->rc->ncols; i++) {
        PyObject *col = PyTuple_GET_ITEM(columns, i);
        if (!PyTuple_Check(col) || PyTuple_GET_SIZE(col) != 3 ||
            (codecs[i] = oro_codec_compile(py, PyTuple_GET_ITEM(col, 2))) == NULL) {
            if (!PyErr_Occurred())
                PyErr_Format(PyExc_TypeError, "table %R: a column's spec is not a triple", name);
            return -1;
        }
    }
    for (Py_ssize_t i = 0;
         auto_inc != NULL && PyTuple_Check(auto_inc) && i < PyTuple_GET_SIZE(auto_inc); i++) {
        long col = PyLong_AsLong(PyTuple_GET_ITEM(auto_inc, i));
        if (col >= 0 && col < 63)
            t->auto_inc |= oro_pyrow_bit((unsigned)col);
    }
    py->ncodecs++;
    oro_rowclass_bind(t->rc, t->def->name, codecs, t->auto_inc);
    t->lookups = PyDict_New();
    return t->lookups == NULL ? -1 : make_accessors(py, t);
}

/* The types of this database's handles, once every table is bound. */
int
oro_pytable_bind_types(struct oro_py *py, PyObject *module)
{
    PyMemberDef *members = oro_arena_alloc(&py->arena, (py->ntables + 1) * sizeof(*members));
    py->nhandles = 0;
    for (unsigned i = 0; i < py->ntables; i++) {
        if (make_table_type(py, &py->tables[i], module) < 0)
            return -1;
        members[i] = (PyMemberDef){
            .name = PyUnicode_AsUTF8(py->tables[i].name),
            .type = Py_T_OBJECT_EX,
            .offset = (Py_ssize_t)(sizeof(struct oro_dbhandle) + i * sizeof(PyObject *)),
            .flags = Py_READONLY};
        py->nhandles += 1 + py->tables[i].nacc;
    }
    members[py->ntables] = (PyMemberDef){0};
    Py_XSETREF(py->t_db,
               (PyObject *)member_type(module, "orochi.Database", py->t_dbbase,
                                       sizeof(struct oro_dbhandle), members, py->ntables));
    py->handles = oro_arena_alloc(&py->arena, (py->nhandles + 1) * sizeof(*py->handles));
    return py->t_db != NULL ? 0 : -1;
}

int
oro_pytable_types(struct oro_py *py, PyObject *module)
{
    PyType_Slot table_slots[] = {
        {Py_tp_methods, table_methods},
        {Py_tp_iter, table_iter},
        {Py_sq_length, table_len},
        {Py_sq_contains, table_contains},
        {Py_tp_repr, table_repr},
        {Py_tp_dealloc, table_dealloc},
        {Py_tp_doc, "One table of ctx.db."},
        {0, NULL},
    };
    PyType_Slot column_slots[] = {
        {Py_tp_methods, column_methods},
        {Py_sq_contains, column_contains},
        {Py_tp_repr, column_repr},
        {Py_tp_dealloc, plain_dealloc},
        {Py_tp_doc, "A column, or an index over several."},
        {0, NULL},
    };
    PyType_Slot db_slots[] = {
        {Py_tp_methods, db_methods},
        {Py_mp_subscript, db_item},
        {Py_tp_dealloc, db_dealloc},
        {Py_tp_doc, "The database: one attribute for each table."},
        {0, NULL},
    };
    unsigned flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
    PyType_Spec table_spec = {"orochi.Table", sizeof(struct oro_thandle), 0,
                              flags | Py_TPFLAGS_BASETYPE, table_slots};
    PyType_Spec column_spec = {"orochi.Column", sizeof(struct oro_chandle), 0, flags, column_slots};
    PyType_Spec db_spec = {"orochi.Database", sizeof(struct oro_dbhandle), 0,
                           flags | Py_TPFLAGS_BASETYPE, db_slots};
    py->t_table = PyType_FromModuleAndSpec(module, &table_spec, NULL);
    py->t_column = PyType_FromModuleAndSpec(module, &column_spec, NULL);
    py->t_dbbase = PyType_FromModuleAndSpec(module, &db_spec, NULL);
    return py->t_table == NULL || py->t_column == NULL || py->t_dbbase == NULL ? -1 : 0;
}
