/* bridge/db/rows.c - Rows: what a query found, as a sequence. It holds the bytes that the host handed out for this call, and
 * makes row objects when they are looked at; when the call ends it goes blind.
 *
 * Rows that an index or the whole table answers are pending at first: they remember the question. They are fetched when they
 * are looked at, and before anything in their table changes, so that nobody can tell; but first(), limit(), offset(), a slice
 * and order_by() along an index make a smaller question of it. */
#include "bridge/db/docs.h"
#include "bridge/db/table_priv.h"

#define RS(o) ((struct oro_rowsobj *)(o))

struct rowsiter {
    PyObject_HEAD PyObject *rows;
    Py_ssize_t i, step;
};

PyObject *
oro_pyrows_new(struct oro_db *db, struct oro_pytable *t, struct oro_bytes *rows, size_t n, bool own)
{
    struct oro_rowsobj *r = PyObject_New(struct oro_rowsobj, (PyTypeObject *)db->t_rows);
    if (r == NULL) {
        if (own)
            oro_free(rows);
        return NULL;
    }
    r->owner = db;
    r->keeps = Py_NewRef(t->type);
    r->t = t;
    r->rows = rows;
    r->n = (Py_ssize_t)n;
    r->own = own;
    r->skip = 0;
    r->pending = r->ordered = false;
    r->next = db->live_rows;
    r->prev = &db->live_rows;
    if (r->next != NULL)
        r->next->prev = &r->next;
    db->live_rows = r;
    return (PyObject *)r;
}

static void
pending_end(struct oro_rowsobj *r)
{
    if (!r->pending)
        return;
    r->pending = false;
    r->owner->npending--;
    if (r->keys != r->few)
        oro_free(r->keys);
}

static void
rows_end(struct oro_rowsobj *r)
{
    if (r->owner == NULL)
        return;
    pending_end(r);
    *r->prev = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    if (r->own)
        oro_free(r->rows);
    r->owner = NULL;
    r->rows = NULL;
}

void
oro_pyrows_kill_all(struct oro_db *db)
{
    while (db->live_rows != NULL)
        rows_end(db->live_rows);
}

static bool
alive(struct oro_rowsobj *r)
{
    return oro_pyhandle_alive(r->owner, r->t);
}

/* ---- pending ---- */

static struct oro_bytes
keys_put(struct oro_rowsobj *r, size_t *at, struct oro_bytes b)
{
    uint8_t *to = r->keys + *at;
    if (b.len > 0)
        memcpy(to, b.data, b.len);
    *at += b.len;
    return oro_bytes(to, b.len);
}

PyObject *
oro_pyrows_pending(struct oro_db *db, struct oro_pytable *t, const struct oro_index_def *ix,
                   const struct oro_py_range *range)
{
    struct oro_rowsobj *r = (struct oro_rowsobj *)oro_pyrows_new(db, t, NULL, 0, false);
    size_t size = range->prefix.len + range->lo.len + range->hi.len, at = 0;
    if (r == NULL)
        return NULL;
    r->keys = size <= sizeof(r->few) ? r->few : oro_alloc(size);
    r->pending = true;
    db->npending++;
    r->ix = ix;
    r->range = *range;
    r->range.prefix = keys_put(r, &at, range->prefix);
    r->range.lo = keys_put(r, &at, range->lo);
    r->range.hi = keys_put(r, &at, range->hi);
    return (PyObject *)r;
}

static int
ask(struct oro_rowsobj *r, const struct oro_py_range *range, struct oro_py_rows *out)
{
    *out = (struct oro_py_rows){0};
    const struct oro_host_ops *ops = r->owner->ops;
    void *host = r->owner->call->host;
    oro_status st = r->ix == NULL ? ops->scan(host, r->t->def, out)
                                  : ops->range(host, r->t->def, r->ix, range, out);
    if (st == ORO_OK)
        return 0;
    oro_pytable_fail(r->owner, r->t, st, NULL);
    return -1;
}

static int
fetch(struct oro_rowsobj *r)
{
    struct oro_py_rows got;
    if (ask(r, &r->range, &got) < 0)
        return -1;
    pending_end(r);
    size_t skip = r->skip < got.n ? r->skip : got.n;
    r->rows = got.n > 0 ? got.rows + skip : NULL;
    r->n = (Py_ssize_t)(got.n - skip);
    return 0;
}

/* Alive, and fetched. */
static bool
ready(struct oro_rowsobj *r)
{
    return alive(r) && (!r->pending || fetch(r) == 0);
}

int
oro_pyrows_settle(struct oro_db *db, struct oro_pytable *t)
{
    for (struct oro_rowsobj *r = db->live_rows; r != NULL && db->npending > 0; r = r->next)
        if (r->pending && r->t == t && fetch(r) < 0)
            return -1;
    return 0;
}

static void
rows_dealloc(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    rows_end(RS(o));
    Py_CLEAR(RS(o)->keeps);
    type->tp_free(o);
    Py_DECREF(type);
}

static Py_ssize_t
rows_len(PyObject *o)
{
    return ready(RS(o)) ? RS(o)->n : -1;
}

Py_ssize_t
oro_pyrows_len(PyObject *rows)
{
    return rows_len(rows);
}

static PyObject *
rows_item(PyObject *o, Py_ssize_t i)
{
    struct oro_rowsobj *r = RS(o);
    if (!ready(r))
        return NULL;
    if (i < 0 || i >= r->n)
        return PyErr_Format(PyExc_IndexError, "%s: there are %zd rows", r->t->def->name, r->n);
    return oro_pyrow_from_bytes(r->t->rc, r->rows[i]);
}

/* Rows from..from + n * step of another; step may be negative. */
static PyObject *
part(struct oro_rowsobj *r, Py_ssize_t from, Py_ssize_t n, Py_ssize_t step)
{
    struct oro_bytes *rows = oro_alloc(((size_t)n + 1) * sizeof(*rows));
    for (Py_ssize_t i = 0; i < n; i++)
        rows[i] = r->rows[from + i * step];
    return oro_pyrows_new(r->owner, r->t, rows, (size_t)n, true);
}

/* At most n behind the first `skip`. */
static PyObject *
stretch(struct oro_rowsobj *r, size_t skip, size_t n)
{
    if (n == 0)
        return oro_pyrows_new(r->owner, r->t, NULL, 0, false);
    const struct oro_index_def *ix =
        r->pending && r->ix == NULL ? oro_pytable_scan_index(r->t->def) : r->ix;
    if (!r->pending || ix == NULL) {
        if (!ready(r))
            return NULL;
        size_t all = (size_t)r->n, from = skip < all ? skip : all;
        return part(r, (Py_ssize_t)from, (Py_ssize_t)(n < all - from ? n : all - from), 1);
    }
    struct oro_py_range range = r->range;
    size_t behind = skip < SIZE_MAX - r->skip ? r->skip + skip : SIZE_MAX;
    size_t end = n < SIZE_MAX - behind ? behind + n : 0; /* 0: all */
    if (end > 0 && (range.limit == 0 || range.limit > end))
        range.limit = end;
    PyObject *out = oro_pyrows_pending(r->owner, r->t, ix, &range);
    if (out != NULL) {
        RS(out)->skip = behind;
        RS(out)->ordered = r->ordered;
    }
    return out;
}

static PyObject *
rows_subscript(PyObject *o, PyObject *key)
{
    struct oro_rowsobj *r = RS(o);
    Py_ssize_t from, to, step;
    if (!alive(r))
        return NULL;
    if (PySlice_Check(key)) {
        if (PySlice_Unpack(key, &from, &to, &step) < 0)
            return NULL;
        if (from >= 0 && step == 1 && to > from && to < PY_SSIZE_T_MAX)
            return alive(r) ? stretch(r, (size_t)from, (size_t)(to - from)) : NULL;
        if (!ready(r))
            return NULL;
        Py_ssize_t n = PySlice_AdjustIndices(r->n, &from, &to, step);
        return part(r, from, n, step);
    }
    Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (i == -1 && PyErr_Occurred())
        return NULL;
    return rows_item(o, i < 0 && ready(r) ? i + r->n : i);
}

static PyObject *
iter_new(PyObject *o, Py_ssize_t from, Py_ssize_t step)
{
    struct rowsiter *it = PyObject_New(struct rowsiter, (PyTypeObject *)RS(o)->t->db->t_rowsiter);
    if (it != NULL) {
        it->rows = Py_NewRef(o);
        it->i = from;
        it->step = step;
    }
    return (PyObject *)it;
}

static PyObject *
rows_iter(PyObject *o)
{
    return ready(RS(o)) ? iter_new(o, 0, 1) : NULL;
}

static PyObject *
rows_reversed(PyObject *o, PyObject *none)
{
    return ready(RS(o)) ? iter_new(o, RS(o)->n - 1, -1) : NULL;
}

static PyObject *
iter_next(PyObject *o)
{
    struct rowsiter *it = (struct rowsiter *)o;
    struct oro_rowsobj *r = RS(it->rows);
    if (!alive(r))
        return NULL;
    if (it->i < 0 || it->i >= r->n)
        return NULL;
    PyObject *row = oro_pyrow_from_bytes(r->t->rc, r->rows[it->i]);
    it->i += it->step;
    return row;
}

static void
iter_dealloc(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    Py_CLEAR(((struct rowsiter *)o)->rows);
    type->tp_free(o);
    Py_DECREF(type);
}

static PyObject *
rows_first(PyObject *o, PyObject *none)
{
    struct oro_rowsobj *r = RS(o);
    if (!alive(r))
        return NULL;
    if (!r->pending)
        return r->n > 0 ? rows_item(o, 0) : Py_NewRef(Py_None);
    PyObject *one = stretch(r, 0, 1), *out = NULL;
    if (one != NULL && ready(RS(one)))
        out = RS(one)->n > 0 ? rows_item(one, 0) : Py_NewRef(Py_None);
    Py_XDECREF(one);
    return out;
}

PyObject *
oro_pyrows_first(PyObject *rows)
{
    return rows_first(rows, NULL);
}

/* The argument of limit() and offset(). -1 raised. */
static Py_ssize_t
number_of_rows(PyObject *v, const char *method)
{
    Py_ssize_t n = PyNumber_AsSsize_t(v, PyExc_OverflowError);
    if (n < 0 && !PyErr_Occurred())
        PyErr_Format(PyExc_ValueError, "%s() takes a number that is not negative", method);
    return n < 0 ? -1 : n;
}

PyObject *
oro_pyrows_limit(PyObject *o, PyObject *v)
{
    Py_ssize_t n = number_of_rows(v, "limit");
    return n >= 0 && alive(RS(o)) ? stretch(RS(o), 0, (size_t)n) : NULL;
}

static PyObject *
rows_offset(PyObject *o, PyObject *v)
{
    Py_ssize_t n = number_of_rows(v, "offset");
    return n >= 0 && alive(RS(o)) ? stretch(RS(o), (size_t)n, SIZE_MAX) : NULL;
}

static PyObject *
rows_delete(PyObject *o, PyObject *none)
{
    struct oro_rowsobj *r = RS(o);
    Py_ssize_t gone = 0;
    if (!ready(r))
        return NULL;
    struct oro_db *db = r->owner;
    struct oro_py_mark mark = oro_pytable_begin(db);
    int was = 0;
    for (Py_ssize_t i = 0; was >= 0 && i < r->n; i++) {
        was = oro_pytable_delete_bytes(db, r->t, r->rows[i]);
        gone += was;
    }
    oro_pytable_end(db, mark, was >= 0);
    return was >= 0 ? PyLong_FromSsize_t(gone) : NULL;
}

static PyObject *
rows_update(PyObject *o, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    struct oro_rowsobj *r = RS(o);
    if (!ready(r))
        return NULL;
    if (nargs > 0)
        return PyErr_Format(PyExc_TypeError, "update() takes columns by name");
    struct oro_db *db = r->owner;
    struct oro_py_mark mark = oro_pytable_begin(db);
    int rc = 0;
    for (Py_ssize_t i = 0; rc == 0 && i < r->n; i++) {
        PyObject *row = oro_pyrow_from_bytes(r->t->rc, r->rows[i]);
        rc = row != NULL ? oro_pytable_update(db, r->t, (struct oro_row *)row, args, kwnames) : -1;
        Py_XDECREF(row);
    }
    oro_pytable_end(db, mark, rc == 0);
    return rc == 0 ? PyLong_FromSsize_t(r->n) : NULL;
}

/* A column of each row. New reference. */
static PyObject *
values_of(struct oro_rowsobj *r, unsigned col)
{
    PyObject *values = PyList_New(r->n);
    if (values == NULL)
        return NULL;
    PyObject_GC_UnTrack(values); /* not whole yet, and reading a column may run the author's code */
    for (Py_ssize_t i = 0; i < r->n; i++) {
        bool on = alive(r) && (i % 4096 != 4095 || oro_db_look(r->t->db) == 0);
        PyObject *row = on ? oro_pyrow_from_bytes(r->t->rc, r->rows[i]) : NULL;
        PyObject *v = row != NULL ? Py_XNewRef(oro_pyrow_col((struct oro_row *)row, col)) : NULL;
        Py_XDECREF(row);
        if (v == NULL) {
            Py_DECREF(values);
            return NULL;
        }
        PyList_SET_ITEM(values, i, v);
    }
    PyObject_GC_Track(values);
    return values;
}

/* Sorts order (a list of positions) by one column, keeping the order of equals. */
static int
sort_by(struct oro_rowsobj *r, PyObject *order, PyObject *key)
{
    Py_ssize_t len;
    const char *text = PyUnicode_Check(key) ? PyUnicode_AsUTF8AndSize(key, &len) : NULL;
    bool down = text != NULL && text[0] == '-';
    PyObject *name = text != NULL ? PyUnicode_FromString(text + down) : NULL, *values = NULL,
             *get = NULL, *sort = NULL, *kw = NULL, *done = NULL;
    int rc = -1, col = name != NULL ? oro_rowclass_find(r->t->rc, name) : -1;
    if (col < 0) {
        if (!PyErr_Occurred())
            oro_pyerr_no_column("no_order", r->t->def->name, r->t->rc, key);
        goto done;
    }
    values = r->t->rc->cols[col].floats ? oro_pyvalue_ranks(r->t->rc, r->rows, r->n, (unsigned)col)
                                        : values_of(r, (unsigned)col);
    get = values != NULL ? PyObject_GetAttrString(values, "__getitem__") : NULL;
    sort = get != NULL ? PyObject_GetAttrString(order, "sort") : NULL;
    kw = sort != NULL ? Py_BuildValue("{sOsO}", "key", get, "reverse", down ? Py_True : Py_False)
                      : NULL;
    done = kw != NULL ? PyObject_VectorcallDict(sort, NULL, 0, kw) : NULL;
    rc = done != NULL ? 0 : -1;
done:
    Py_XDECREF(name);
    Py_XDECREF(values);
    Py_XDECREF(get);
    Py_XDECREF(sort);
    Py_XDECREF(kw);
    Py_XDECREF(done);
    return rc;
}

/* Python orders these as the index does; enums and literals it does not. */
static bool
same_order(const struct oro_pytable *t, unsigned col)
{
    const struct oro_codec *c = oro_codec_bare(t->rc->cols[col].codec);
    return c->op != OP_ENUM && c->op != OP_LITERAL;
}

/* The columns of order_by's keys if all are columns in one direction: their number, else 0. */
static unsigned
order_columns(const struct oro_pytable *t, PyObject *const *args, Py_ssize_t nargs, uint16_t *cols,
              bool *down)
{
    if (nargs < 1 || nargs > 16)
        return 0;
    for (Py_ssize_t i = 0; i < nargs; i++) {
        const char *text = PyUnicode_Check(args[i]) ? PyUnicode_AsUTF8(args[i]) : NULL;
        PyObject *name = text != NULL ? PyUnicode_FromString(text + (text[0] == '-')) : NULL;
        int col = name != NULL ? oro_rowclass_find(t->rc, name) : -1;
        Py_XDECREF(name);
        PyErr_Clear(); /* sort_by() raises it again */
        if (col < 0 || (i > 0 && (text[0] == '-') != *down) || !same_order(t, (unsigned)col))
            return 0;
        *down = text[0] == '-';
        cols[i] = (uint16_t)col;
    }
    return (unsigned)nargs;
}

/* The index whose order it is, behind the columns that have one value; or NULL. */
static const struct oro_index_def *
order_index(const struct oro_rowsobj *r, const uint16_t *cols, unsigned n)
{
    unsigned head = r->ix != NULL ? r->range.nprefix : 0;
    bool bounded = r->range.has_lo || r->range.has_hi;
    for (uint32_t i = 0; i < r->t->def->nindexes; i++) {
        const struct oro_index_def *ix = &r->t->def->indexes[i];
        if (ix->kind == ORO_INDEX_HASH || ix->ncols < head + n || (bounded && ix != r->ix))
            continue;
        if ((head == 0 || memcmp(ix->cols, r->ix->cols, head * sizeof(*cols)) == 0) &&
            memcmp(ix->cols + head, cols, n * sizeof(*cols)) == 0)
            return ix;
    }
    return NULL;
}

PyObject *
oro_pyrows_order_by(PyObject *o, PyObject *const *args, Py_ssize_t nargs)
{
    struct oro_rowsobj *r = RS(o);
    uint16_t cols[16];
    bool down = false;
    if (!alive(r))
        return NULL;
    if (r->pending && !r->ordered && r->range.limit == 0 && r->skip == 0) {
        unsigned n = order_columns(r->t, args, nargs, cols, &down);
        const struct oro_index_def *ix = n > 0 ? order_index(r, cols, n) : NULL;
        struct oro_py_range range = r->range;
        range.reverse = down;
        PyObject *pending = ix != NULL ? oro_pyrows_pending(r->owner, r->t, ix, &range) : NULL;
        if (pending != NULL)
            RS(pending)->ordered = true;
        if (ix != NULL)
            return pending;
    }
    if (!ready(r))
        return NULL;
    PyObject *order = PyList_New(r->n), *out = NULL;
    for (Py_ssize_t i = 0; order != NULL && i < r->n; i++) {
        PyObject *n = PyLong_FromSsize_t(i);
        if (n == NULL)
            goto done;
        PyList_SET_ITEM(order, i, n);
    }
    /* The least important key first: list.sort keeps the order of equals. */
    for (Py_ssize_t k = nargs; order != NULL && k-- > 0;)
        if (sort_by(r, order, args[k]) < 0)
            goto done;
    if (order == NULL || !alive(r))
        goto done;
    struct oro_bytes *rows = oro_alloc(((size_t)r->n + 1) * sizeof(*rows));
    for (Py_ssize_t i = 0; i < r->n; i++) {
        /* What compared may have found the list. */
        Py_ssize_t at =
            i < PyList_GET_SIZE(order) ? PyLong_AsSsize_t(PyList_GET_ITEM(order, i)) : -1;
        if (at < 0 || at >= r->n) {
            oro_free(rows);
            PyErr_Clear();
            PyErr_Format(PyExc_RuntimeError, "%s: the rows were changed while they were ordered",
                         r->t->label);
            goto done;
        }
        rows[i] = r->rows[at];
    }
    out = oro_pyrows_new(r->owner, r->t, rows, (size_t)r->n, true);
    if (out != NULL)
        RS(out)->ordered = true;
done:
    Py_XDECREF(order);
    return out;
}

static PyObject *
rows_repr(PyObject *o)
{
    struct oro_rowsobj *r = RS(o);
    if (r->owner != NULL && !ready(r))
        return NULL;
    return r->owner != NULL
               ? PyUnicode_FromFormat("<%zd rows of '%s'>", r->n, r->t->def->name)
               : PyUnicode_FromFormat("<rows of '%s', of a call that is over>", r->t->label);
}

static PyObject *
rows_compare(PyObject *a, PyObject *b, int op)
{
    if ((op != Py_EQ && op != Py_NE) || (!PyList_Check(b) && Py_TYPE(b) != Py_TYPE(a)))
        Py_RETURN_NOTIMPLEMENTED;
    PyObject *x = PySequence_List(a), *y = x != NULL ? PySequence_List(b) : NULL, *out = NULL;
    if (y != NULL)
        out = PyObject_RichCompare(x, y, op);
    Py_XDECREF(x);
    Py_XDECREF(y);
    return out;
}

static PyMethodDef rows_methods[] = {
    {"first", rows_first, METH_NOARGS, ORO_DOC_Rows_first},
    {"limit", oro_pyrows_limit, METH_O, ORO_DOC_Rows_limit},
    {"offset", rows_offset, METH_O, ORO_DOC_Rows_offset},
    {"order_by", FASTCALL(oro_pyrows_order_by), METH_FASTCALL, ORO_DOC_Rows_order_by},
    {"delete", rows_delete, METH_NOARGS, ORO_DOC_Rows_delete},
    {"update", (PyCFunction)(void (*)(void))rows_update, METH_FASTCALL | METH_KEYWORDS,
     ORO_DOC_Rows_update},
    {"__reversed__", rows_reversed, METH_NOARGS, NULL},
    {0},
};

int
oro_pyrows_types(struct oro_db *db, PyObject *module)
{
    PyType_Slot rows_slots[] = {
        {Py_tp_methods, rows_methods},     {Py_tp_iter, rows_iter},
        {Py_sq_length, rows_len},          {Py_sq_item, rows_item},
        {Py_mp_length, rows_len},          {Py_mp_subscript, rows_subscript},
        {Py_tp_repr, rows_repr},           {Py_tp_dealloc, rows_dealloc},
        {Py_tp_richcompare, rows_compare}, {Py_tp_hash, PyObject_HashNotImplemented},
        {Py_tp_doc, ORO_DOC_Rows},         {0, NULL},
    };
    PyType_Slot iter_slots[] = {
        {Py_tp_iter, PyObject_SelfIter},
        {Py_tp_iternext, iter_next},
        {Py_tp_dealloc, iter_dealloc},
        {0, NULL},
    };
    unsigned flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
    PyType_Spec rows_spec = {"orochi.Rows", sizeof(struct oro_rowsobj), 0,
                             flags | Py_TPFLAGS_SEQUENCE, rows_slots};
    PyType_Spec iter_spec = {"orochi.rows_iterator", sizeof(struct rowsiter), 0, flags, iter_slots};
    db->t_rows = PyType_FromModuleAndSpec(module, &rows_spec, NULL);
    db->t_rowsiter = PyType_FromModuleAndSpec(module, &iter_spec, NULL);
    return db->t_rows == NULL || db->t_rowsiter == NULL ? -1 : 0;
}
