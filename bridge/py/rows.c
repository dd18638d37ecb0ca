/* bridge/py/rows.c - Rows: what a query found, as a sequence. It holds the bytes that the host handed out for this call, and
 * makes row objects when they are looked at; when the call ends it goes blind. */
#include "bridge/py/py_priv.h"

#define RS(o) ((struct oro_rowsobj *)(o))

struct rowsiter {
    PyObject_HEAD PyObject *rows;
    Py_ssize_t i, step;
};

PyObject *
oro_pyrows_new(struct oro_py *py, struct oro_pytable *t, struct oro_bytes *rows, size_t n, bool own)
{
    struct oro_rowsobj *r = PyObject_New(struct oro_rowsobj, (PyTypeObject *)py->t_rows);
    if (r == NULL) {
        if (own)
            oro_free(rows);
        return NULL;
    }
    r->py = py;
    r->t = t;
    r->rows = rows;
    r->n = (Py_ssize_t)n;
    r->own = own;
    r->next = py->live_rows;
    r->prev = &py->live_rows;
    if (r->next != NULL)
        r->next->prev = &r->next;
    py->live_rows = r;
    return (PyObject *)r;
}

static void
rows_end(struct oro_rowsobj *r)
{
    if (r->py == NULL)
        return;
    *r->prev = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    if (r->own)
        oro_free(r->rows);
    r->py = NULL;
    r->rows = NULL;
}

void
oro_pyrows_kill_all(struct oro_py *py)
{
    while (py->live_rows != NULL)
        rows_end(py->live_rows);
}

static bool
alive(struct oro_rowsobj *r)
{
    return oro_pyhandle_alive(r->py, r->t);
}

static void
rows_dealloc(PyObject *o)
{
    PyTypeObject *type = Py_TYPE(o);
    rows_end(RS(o));
    type->tp_free(o);
    Py_DECREF(type);
}

static Py_ssize_t
rows_len(PyObject *o)
{
    return alive(RS(o)) ? RS(o)->n : -1;
}

static PyObject *
rows_item(PyObject *o, Py_ssize_t i)
{
    struct oro_rowsobj *r = RS(o);
    if (!alive(r))
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
    return oro_pyrows_new(r->py, r->t, rows, (size_t)n, true);
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
        Py_ssize_t n = PySlice_AdjustIndices(r->n, &from, &to, step);
        return alive(r) ? part(r, from, n, step) : NULL;
    }
    Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (i == -1 && PyErr_Occurred())
        return NULL;
    return rows_item(o, i < 0 && alive(r) ? i + r->n : i);
}

static PyObject *
iter_new(PyObject *o, Py_ssize_t from, Py_ssize_t step)
{
    struct rowsiter *it =
        PyObject_New(struct rowsiter, (PyTypeObject *)RS(o)->t->rc->py->t_rowsiter);
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
    return alive(RS(o)) ? iter_new(o, 0, 1) : NULL;
}

static PyObject *
rows_reversed(PyObject *o, PyObject *none)
{
    return alive(RS(o)) ? iter_new(o, RS(o)->n - 1, -1) : NULL;
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
    if (!alive(RS(o)))
        return NULL;
    return RS(o)->n > 0 ? rows_item(o, 0) : Py_NewRef(Py_None);
}

static PyObject *
rows_limit(PyObject *o, PyObject *v)
{
    Py_ssize_t n = PyNumber_AsSsize_t(v, PyExc_OverflowError);
    if (n == -1 && PyErr_Occurred())
        return NULL;
    if (n < 0)
        return PyErr_Format(PyExc_ValueError, "limit() takes a number that is not negative");
    return alive(RS(o)) ? part(RS(o), 0, n < RS(o)->n ? n : RS(o)->n, 1) : NULL;
}

static PyObject *
rows_delete(PyObject *o, PyObject *none)
{
    struct oro_rowsobj *r = RS(o);
    Py_ssize_t gone = 0;
    if (!alive(r))
        return NULL;
    for (Py_ssize_t i = 0; i < r->n; i++) {
        int was = oro_pytable_delete_bytes(r->py, r->t, r->rows[i]);
        if (was < 0)
            return NULL;
        gone += was;
    }
    return PyLong_FromSsize_t(gone);
}

static PyObject *
rows_update(PyObject *o, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    struct oro_rowsobj *r = RS(o);
    if (!alive(r))
        return NULL;
    if (nargs > 0)
        return PyErr_Format(PyExc_TypeError, "update() takes columns by name");
    if (r->t->pk == NULL)
        return PyErr_Format(r->py->e_wrongindex,
                            "%s: update() needs a primary key, and the table has none",
                            r->t->def->name);
    for (Py_ssize_t i = 0; i < r->n; i++) {
        PyObject *row = oro_pyrow_from_bytes(r->t->rc, r->rows[i]);
        int rc = row != NULL ? oro_pytable_update(r->py, r->t, r->t->pk, (struct oro_row *)row,
                                                  args, kwnames)
                             : -1;
        Py_XDECREF(row);
        if (rc < 0 || !alive(r))
            return NULL;
    }
    return PyLong_FromSsize_t(r->n);
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
            PyErr_Format(PyExc_TypeError, "%s has no column %R to order by", r->t->def->name, key);
        goto done;
    }
    values = PyList_New(r->n);
    for (Py_ssize_t i = 0; values != NULL && i < r->n; i++) {
        PyObject *row = oro_pyrow_from_bytes(r->t->rc, r->rows[i]);
        PyObject *v =
            row != NULL ? Py_XNewRef(oro_pyrow_col((struct oro_row *)row, (unsigned)col)) : NULL;
        Py_XDECREF(row);
        if (v == NULL)
            goto done;
        PyList_SET_ITEM(values, i, v);
    }
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

static PyObject *
rows_order_by(PyObject *o, PyObject *const *args, Py_ssize_t nargs)
{
    struct oro_rowsobj *r = RS(o);
    if (!alive(r))
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
    for (Py_ssize_t i = 0; i < r->n; i++)
        rows[i] = r->rows[PyLong_AsSsize_t(PyList_GET_ITEM(order, i))];
    out = oro_pyrows_new(r->py, r->t, rows, (size_t)r->n, true);
done:
    Py_XDECREF(order);
    return out;
}

static PyObject *
rows_repr(PyObject *o)
{
    struct oro_rowsobj *r = RS(o);
    return r->py != NULL
               ? PyUnicode_FromFormat("<%zd rows of '%s'>", r->n, r->t->def->name)
               : PyUnicode_FromFormat("<rows of '%s', of a call that is over>", r->t->def->name);
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
    {"first", rows_first, METH_NOARGS, "The first row, or None."},
    {"limit", rows_limit, METH_O, "The first n rows."},
    {"order_by", (PyCFunction)(void (*)(void))rows_order_by, METH_FASTCALL,
     "Sorted by columns; \"-score\" is descending."},
    {"delete", rows_delete, METH_NOARGS, "Deletes these rows; how many were still there."},
    {"update", (PyCFunction)(void (*)(void))rows_update, METH_FASTCALL | METH_KEYWORDS,
     "Changes columns of these rows; how many."},
    {"__reversed__", rows_reversed, METH_NOARGS, NULL},
    {0},
};

int
oro_pyrows_types(struct oro_py *py, PyObject *module)
{
    PyType_Slot rows_slots[] = {
        {Py_tp_methods, rows_methods},
        {Py_tp_iter, rows_iter},
        {Py_sq_length, rows_len},
        {Py_sq_item, rows_item},
        {Py_mp_length, rows_len},
        {Py_mp_subscript, rows_subscript},
        {Py_tp_repr, rows_repr},
        {Py_tp_dealloc, rows_dealloc},
        {Py_tp_richcompare, rows_compare},
        {Py_tp_hash, PyObject_HashNotImplemented},
        {Py_tp_doc, "Rows found: a snapshot of the moment of the query."},
        {0, NULL},
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
    py->t_rows = PyType_FromModuleAndSpec(module, &rows_spec, NULL);
    py->t_rowsiter = PyType_FromModuleAndSpec(module, &iter_spec, NULL);
    return py->t_rows == NULL || py->t_rowsiter == NULL ? -1 : 0;
}
