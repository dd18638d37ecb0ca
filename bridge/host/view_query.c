/* bridge/host/view_query.c - the Query that a view returned, as the plan that runtime/views follows: the table's name with its length,
 * the condition (oro_query_given), and
 *
 *     0                                                       all rows
 *     1  u64 how many, u16 index, u16 column, u8 backwards     the first ones along an index
 *     2  u16 n, n * u16 column, u16 m, m * (u8 function, u16 column or FFFF)   groups, and the columns of the view's rows
 *
 * A query that no plan is for (a comparison of what has no order, a limit along no index) is asked for its rows instead. */
#include "bridge/host/view_priv.h"

#include "bridge/codec/error.h"
#include "bridge/db/query.h"
#include "bridge/db/table.h"

enum { PLAN_ROWS, PLAN_TOP, PLAN_GROUPS };
enum { NO_COLUMN = 0xffff };
/* As enum sql_op and what follows it in runtime/subs/query.h. */
enum { GIVEN_EQ, GIVEN_NE, GIVEN_LT, GIVEN_LE, GIVEN_GT, GIVEN_GE, GIVEN_ALWAYS, GIVEN_NEVER };

struct planning {
    struct oro_py *py;
    const struct oro_pyreducer *r;
    struct oro_pytable *t;
    struct oro_bb *out;
    PyObject *cls, *alternatives, *order, *most, *by, *columns; /* of the query; borrowed */
    bool none;                                                  /* no plan is for it */
};

/* -1: raised, for it has none of that name (the query has looked already). */
static int
column(const struct planning *p, PyObject *name)
{
    int col = oro_rowclass_find(p->t->rc, name);
    if (col < 0 && !PyErr_Occurred())
        PyErr_Format(PyExc_AttributeError, "%s has no column %R", p->t->def->name, name);
    return col;
}

/* What runtime/subs compares. */
static bool
is_comparable(const struct oro_type *t)
{
    t = oro_type_resolve(t);
    if (t->special == ORO_OPTION)
        return is_comparable(t->elems[0].type);
    if (t->kind == ORO_PRODUCT)
        return t->special == ORO_IDENTITY || t->special == ORO_CONNECTION_ID ||
               t->special == ORO_TIMESTAMP || t->special == ORO_UUID;
    if (t->kind == ORO_SUM)
        return t->special == ORO_ENUM;
    return t->kind != ORO_ARRAY || t->special == ORO_BYTES;
}

static int
op_of(PyObject *lookup)
{
    static const char *const names[] = {"", "ne", "lt", "lte", "gt", "gte"};
    const char *text = PyUnicode_AsUTF8(lookup);
    for (int i = 0; text != NULL && i < (int)ORO_ARRAY_LEN(names); i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    if (!PyErr_Occurred())
        PyErr_Format(PyExc_TypeError, "%R is no comparison", lookup);
    return -1;
}

/* Beyond what the column can hold, each comparison is a constant. */
static int
constant(int op, bool below)
{
    bool holds = op == GIVEN_NE || (below ? op >= GIVEN_GT : op == GIVEN_LT || op == GIVEN_LE);
    return holds ? GIVEN_ALWAYS : GIVEN_NEVER;
}

/* As where() makes them: anybody may make a Condition of something else. */
static bool
is_comparison(PyObject *c)
{
    return PyTuple_Check(c) && PyTuple_GET_SIZE(c) == 3 &&
           PyUnicode_Check(PyTuple_GET_ITEM(c, 0)) && PyUnicode_Check(PyTuple_GET_ITEM(c, 1));
}

static int
put_comparison(struct planning *p, PyObject *comparison)
{
    if (!is_comparison(comparison)) {
        PyErr_Format(PyExc_TypeError, "where() takes comparisons of columns, and %R is none",
                     comparison);
        return -1;
    }
    PyObject *value = PyTuple_GET_ITEM(comparison, 2);
    int col = column(p, PyTuple_GET_ITEM(comparison, 0)),
        op = op_of(PyTuple_GET_ITEM(comparison, 1));
    if (col < 0 || op < 0)
        return -1;
    if (!is_comparable(p->t->def->row->elems[col].type)) {
        p->none = true;
        return 0;
    }
    if (value == Py_None && op > GIVEN_NE) {
        PyErr_Format(PyExc_TypeError,
                     "%s.%U: None is neither less nor more than a value: ask for == None",
                     p->t->def->name, PyTuple_GET_ITEM(comparison, 0));
        return -1;
    }
    oro_bb_u16(p->out, (uint16_t)col);
    size_t at = p->out->len;
    oro_bb_u8(p->out, (uint8_t)op);
    oro_bb_u32(p->out, 0);
    enum oro_query_end end = oro_pyquery_encode_end(&p->py->db, p->t, (unsigned)col, value, p->out);
    if (end == ORO_END_ERROR)
        return -1;
    if (end != ORO_END_OK) {
        p->out->len = at + 5;
        p->out->data[at] = (uint8_t)constant(op, end == ORO_END_BELOW);
    }
    oro_bb_patch_u32(p->out, at + 1, (uint32_t)(p->out->len - at - 5));
    return 0;
}

static int
put_condition(struct planning *p)
{
    Py_ssize_t n = PyTuple_GET_SIZE(p->alternatives);
    oro_bb_u32(p->out, (uint32_t)n);
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *all = PyTuple_GET_ITEM(p->alternatives, i);
        oro_bb_u32(p->out, (uint32_t)PyTuple_GET_SIZE(all));
        for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(all); k++)
            if (put_comparison(p, PyTuple_GET_ITEM(all, k)) < 0)
                return -1;
    }
    return 0;
}

/* The condition says column = value, whatever else it says. */
static bool
is_fixed(const struct planning *p, unsigned col)
{
    if (PyTuple_GET_SIZE(p->alternatives) != 1)
        return false;
    PyObject *all = PyTuple_GET_ITEM(p->alternatives, 0);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(all); i++) {
        PyObject *c = PyTuple_GET_ITEM(all, i);
        if (PyUnicode_GET_LENGTH(PyTuple_GET_ITEM(c, 1)) == 0 &&
            oro_rowclass_find(p->t->rc, PyTuple_GET_ITEM(c, 0)) == (int)col)
            return true;
    }
    return false;
}

/* An index along which the rows lie in the order of the column (-1: of any): those before it are fixed. */
static const struct oro_index_def *
order_index(const struct planning *p, int col, unsigned *along)
{
    const struct oro_table_def *def = p->t->def;
    for (uint32_t i = 0; i < def->nindexes; i++) {
        const struct oro_index_def *ix = &def->indexes[i];
        unsigned n = 0;
        while (n < ix->ncols && is_fixed(p, ix->cols[n]))
            n++;
        if (ix->kind == ORO_INDEX_HASH || n == ix->ncols || (col >= 0 && ix->cols[n] != col))
            continue;
        *along = ix->cols[n];
        return ix;
    }
    return NULL;
}

static int
put_top(struct planning *p)
{
    unsigned long long most = PyLong_AsUnsignedLongLong(p->most);
    unsigned along;
    int col = -1, down = 0;
    if (PyErr_Occurred())
        return -1;
    if (p->order != Py_None) {
        PyObject *name = PyTuple_GET_ITEM(p->order, 0);
        down = PyTuple_GET_ITEM(p->order, 1) == Py_True;
        if ((col = column(p, name)) < 0)
            return -1;
    }
    const struct oro_index_def *ix = order_index(p, col, &along);
    if (ix == NULL || most == 0) {
        p->none = true;
        return 0;
    }
    oro_bb_u8(p->out, PLAN_TOP);
    oro_bb_u64(p->out, most);
    oro_bb_u16(p->out, (uint16_t)ix->slot);
    oro_bb_u16(p->out, (uint16_t)along);
    oro_bb_u8(p->out, (uint8_t)down);
    return 0;
}

/* Of the view's rows, by its column's name: (function, column or None), as the query says. */
static int
put_result(struct planning *p, PyObject *name)
{
    PyObject *of = PyDict_GetItemWithError(p->columns, name);
    if (of == NULL) {
        if (!PyErr_Occurred())
            PyErr_Format(PyExc_TypeError,
                         "the view %s has a column %U, and its query says nothing of it: its rows "
                         "have the columns of group_by() and those that agg() names",
                         p->r->name, name);
        return -1;
    }
    PyObject *source = PyTuple_GET_ITEM(of, 1);
    int col = source != Py_None ? column(p, source) : NO_COLUMN;
    long fn = PyLong_AsLong(PyTuple_GET_ITEM(of, 0));
    if (col < 0 || (fn == -1 && PyErr_Occurred()))
        return -1;
    oro_bb_u8(p->out, (uint8_t)fn);
    oro_bb_u16(p->out, (uint16_t)col);
    return 0;
}

static int
put_groups(struct planning *p)
{
    Py_ssize_t nby = PyTuple_GET_SIZE(p->by);
    PyObject *names = p->r->columns;
    oro_bb_u8(p->out, PLAN_GROUPS);
    oro_bb_u16(p->out, (uint16_t)nby);
    for (Py_ssize_t i = 0; i < nby; i++) {
        int col = column(p, PyTuple_GET_ITEM(p->by, i));
        if (col < 0)
            return -1;
        oro_bb_u16(p->out, (uint16_t)col);
    }
    oro_bb_u16(p->out, (uint16_t)PyTuple_GET_SIZE(names));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++)
        if (put_result(p, PyTuple_GET_ITEM(names, i)) < 0)
            return -1;
    if (PyDict_GET_SIZE(p->columns) == PyTuple_GET_SIZE(names))
        return 0;
    PyErr_Format(PyExc_TypeError,
                 "the query of the view %s has %zd columns, and its rows have %zd: %R", p->r->name,
                 PyDict_GET_SIZE(p->columns), PyTuple_GET_SIZE(names), names);
    return -1;
}

static int
put_plan(struct planning *p)
{
    oro_bb_lenbytes(p->out, oro_bytes_str(p->t->def->name));
    if (put_condition(p) < 0)
        return -1;
    if (p->columns != Py_None)
        return put_groups(p);
    if (p->most != Py_None)
        return put_top(p);
    oro_bb_u8(p->out, PLAN_ROWS);
    return 0;
}

int
oro_pyview_plan(struct oro_py *py, const struct oro_pyreducer *r, PyObject *query)
{
    struct planning p = {.py = py, .r = r, .out = py->db.call->rows};
    size_t at = p.out->len;
    int rc = -1;
    PyObject *parts = PyObject_CallMethod(query, "_plan", NULL), *handle = NULL,
             *db = PyObject_GetAttrString(py->db.ctx, "db");
    if (parts == NULL || db == NULL ||
        !PyArg_ParseTuple(parts, "OO!OOO!O", &p.cls, &PyTuple_Type, &p.alternatives, &p.order,
                          &p.most, &PyTuple_Type, &p.by, &p.columns))
        goto done;
    handle = PyObject_GetItem(db, p.cls);
    if (handle == NULL)
        goto done;
    p.t = ((struct oro_thandle *)handle)->t;
    rc = put_plan(&p);
    if (rc == 0 && p.none && p.columns != Py_None) {
        PyErr_Format(PyExc_TypeError,
                     "the view %s: where() compares a column whose values have no order", r->name);
        rc = -1;
    }
    if (rc == 0)
        rc = p.none ? 0 : 1;
    if (rc <= 0)
        p.out->len = at;
done:
    Py_XDECREF(handle);
    Py_XDECREF(db);
    Py_XDECREF(parts);
    return rc;
}
