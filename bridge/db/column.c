/* bridge/db/column.c - the handle of a column, or of an index over several: look-ups, ranges and changes by its key. */
#include "bridge/db/docs.h"
#include "bridge/db/table_priv.h"

static bool
needs_unique(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
             const char *what)
{
    if (acc->unique)
        return true;
    PyErr_Format(db->e_notunique, "%s.%U: %s needs a unique column; use filter()", t->def->name,
                 acc->name, what);
    return false;
}

#define COLUMN_ENTER(self)                          \
    struct oro_db *db = CH(self)->owner;            \
    struct oro_pytable *t = CH(self)->t;            \
    const struct oro_accessor *acc = CH(self)->acc; \
    if (ORO_UNLIKELY(!oro_pyhandle_alive(db, t)))   \
    return NULL

static PyObject *
column_find(PyObject *self, PyObject *v)
{
    COLUMN_ENTER(self);
    return needs_unique(db, t, acc, "find()") ? oro_pytable_find(db, t, acc, v, false) : NULL;
}

static PyObject *
column_get(PyObject *self, PyObject *v)
{
    COLUMN_ENTER(self);
    return needs_unique(db, t, acc, "get()") ? oro_pytable_find(db, t, acc, v, true) : NULL;
}

static int
column_contains(PyObject *self, PyObject *v)
{
    struct oro_db *db = CH(self)->owner;
    struct oro_pytable *t = CH(self)->t;
    struct oro_bytes row;
    if (!oro_pyhandle_alive(db, t) || !needs_unique(db, t, CH(self)->acc, "in"))
        return -1;
    return oro_pytable_find_bytes(db, t, CH(self)->acc, v, &row);
}

static PyObject *
column_update(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    COLUMN_ENTER(self);
    return needs_unique(db, t, acc, "update()")
               ? oro_pytable_update_with(db, t, acc, args, nargs, kwnames)
               : NULL;
}

static PyObject *
column_upsert(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    COLUMN_ENTER(self);
    return needs_unique(db, t, acc, "upsert()")
               ? oro_pytable_upsert_with(db, t, acc, args, nargs, kwnames)
               : NULL;
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
column_rows(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
            PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    struct oro_cond conds[ORO_CONDS_MAX];
    PyObject *hold[2], *out = NULL;
    int n = column_conds(t, acc, args, nargs, kwnames, conds, hold);
    if (n == 0)
        PyErr_Format(PyExc_TypeError, "%s.%U: filter() needs a value or a bound", t->def->name,
                     acc->name);
    else if (n > 0)
        out = oro_pyquery_run(db, t, acc->ix != NULL ? acc : NULL, conds, (unsigned)n, 0);
    Py_XDECREF(hold[0]);
    Py_XDECREF(hold[1]);
    return out;
}

static PyObject *
column_filter(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    COLUMN_ENTER(self);
    return column_rows(db, t, acc, args, nargs, kwnames);
}

static PyObject *
column_count(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    COLUMN_ENTER(self);
    return oro_pyrows_len_of(column_rows(db, t, acc, args, nargs, kwnames));
}

static PyObject *
column_delete(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    COLUMN_ENTER(self);
    if (acc->unique && acc->ncols == 1 && nargs == 1 && kwnames == NULL && !PyRange_Check(args[0]))
        return oro_pytable_delete_key(db, t, acc, args[0]);
    return oro_pyrows_delete_all(column_rows(db, t, acc, args, nargs, kwnames));
}

/* All rows in the order of the index. */
static PyObject *
in_order(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc, const char *what,
         bool reverse)
{
    if (acc->ix == NULL || acc->ix->kind == ORO_INDEX_HASH)
        return PyErr_Format(acc->ix == NULL ? db->e_wrongindex : db->e_wrongalgo,
                            "%s.%U: %s needs an index with an order (btree)", t->def->name,
                            acc->name, what);
    return oro_pyrows_pending(db, t, acc->ix, &(struct oro_py_range){.reverse = reverse});
}

static PyObject *
column_min(PyObject *self, PyObject *none)
{
    COLUMN_ENTER(self);
    return oro_pyrows_first_of(in_order(db, t, acc, "min()", false));
}

static PyObject *
column_max(PyObject *self, PyObject *none)
{
    COLUMN_ENTER(self);
    return oro_pyrows_first_of(in_order(db, t, acc, "max()", true));
}

static PyObject *
column_top(PyObject *self, PyObject *n)
{
    COLUMN_ENTER(self);
    PyObject *rows = in_order(db, t, acc, "top()", true);
    PyObject *out = rows != NULL ? oro_pyrows_limit(rows, n) : NULL;
    Py_XDECREF(rows);
    return out;
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
    PyObject *rows = in_order(db, t, acc, "iter()", reverse != 0);
    PyObject *it = rows != NULL ? PyObject_GetIter(rows) : NULL;
    Py_XDECREF(rows);
    return it;
}

static PyObject *
column_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<column '%s.%U'>", CH(self)->t->label, CH(self)->acc->name);
}

static void
column_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_CLEAR(CH(self)->keeps);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef column_methods[] = {
    {"find", column_find, METH_O, ORO_DOC_UniqueColumn_find},
    {"get", column_get, METH_O, ORO_DOC_UniqueColumn_get},
    {"update", FASTCALL(column_update), KW, ORO_DOC_UniqueColumn_update},
    {"upsert", FASTCALL(column_upsert), KW, ORO_DOC_UniqueColumn_upsert},
    {"delete", FASTCALL(column_delete), KW, ORO_DOC_IndexColumn_delete},
    {"filter", FASTCALL(column_filter), KW, ORO_DOC_BaseColumn_filter},
    {"count", FASTCALL(column_count), KW, ORO_DOC_BaseColumn_count},
    {"min", column_min, METH_NOARGS, ORO_DOC_IndexColumn_min},
    {"max", column_max, METH_NOARGS, ORO_DOC_IndexColumn_max},
    {"top", column_top, METH_O, ORO_DOC_IndexColumn_top},
    {"iter", FASTCALL(column_iter), KW, ORO_DOC_IndexColumn_iter},
    {0},
};

int
oro_pycolumn_types(struct oro_db *db, PyObject *module)
{
    PyType_Slot column_slots[] = {
        {Py_tp_methods, column_methods},  {Py_sq_contains, column_contains},
        {Py_tp_repr, column_repr},        {Py_tp_dealloc, column_dealloc},
        {Py_tp_doc, ORO_DOC_IndexColumn}, {0, NULL},
    };
    PyType_Spec column_spec = {"orochi.Column", sizeof(struct oro_chandle), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                               column_slots};
    db->t_column = PyType_FromModuleAndSpec(module, &column_spec, NULL);
    return db->t_column != NULL ? 0 : -1;
}
