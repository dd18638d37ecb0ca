/* bridge/db/where.c - where(lambda p: ...): the conditions of views' queries (_query.py), asked within a call. Each alternative of
 * an "or" is a filter() of its own, by its own index; a row that meets several comes once. */
#include "bridge/db/query.h"
#include "bridge/db/rows.h"

/* One alternative: the names of filter()'s conditions, and their values. */
static PyObject *
alternative_run(struct oro_db *db, struct oro_pytable *t, PyObject *alternative)
{
    struct oro_cond conds[ORO_CONDS_MAX];
    PyObject *names = PyTuple_GET_ITEM(alternative, 0), *values = PyTuple_GET_ITEM(alternative, 1);
    ORO_ASSERT(PyTuple_GET_SIZE(names) == PyTuple_GET_SIZE(values));
    int n = oro_pyquery_parse(db, t, &PyTuple_GET_ITEM(values, 0), names, conds);
    return n >= 0 ? oro_pyquery_run(db, t, NULL, conds, (unsigned)n, 0) : NULL;
}

struct gathered {
    struct oro_bytes *rows;
    size_t n, cap;
    PyObject *seen; /* set of the rows' bytes */
};

/* -1 raised. */
static int
gather_row(struct gathered *g, struct oro_bytes row)
{
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)row.data, (Py_ssize_t)row.len);
    int seen = bytes != NULL ? PySet_Contains(g->seen, bytes) : -1;
    if (seen == 0 && (seen = PySet_Add(g->seen, bytes)) == 0) {
        g->rows = oro_grow(g->rows, g->n, &g->cap, sizeof(*g->rows));
        g->rows[g->n++] = row;
    }
    Py_XDECREF(bytes);
    return seen < 0 ? -1 : 0;
}

/* The rows of one more alternative. -1 raised. */
static int
gather(struct oro_db *db, struct oro_pytable *t, PyObject *alternative, struct gathered *g)
{
    PyObject *found = alternative_run(db, t, alternative);
    Py_ssize_t n = found != NULL ? oro_pyrows_len(found) : -1;
    int rc = n >= 0 ? 0 : -1;
    for (Py_ssize_t i = 0; rc == 0 && i < n; i++)
        rc = gather_row(g, ((struct oro_rowsobj *)found)->rows[i]);
    Py_XDECREF(found); /* its bytes live with the call */
    return rc;
}

static PyObject *
any_of(struct oro_db *db, struct oro_pytable *t, PyObject *alternatives)
{
    struct gathered g = {.seen = PySet_New(NULL)};
    int rc = g.seen != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; rc == 0 && i < PyTuple_GET_SIZE(alternatives); i++)
        rc = gather(db, t, PyTuple_GET_ITEM(alternatives, i), &g);
    Py_XDECREF(g.seen);
    if (rc == 0)
        return oro_pyrows_new(db, t, g.rows, g.n, true);
    oro_free(g.rows);
    return NULL;
}

PyObject *
oro_pyquery_where(struct oro_db *db, struct oro_pytable *t, PyObject *function)
{
    PyObject *cls = (PyObject *)t->rc->type, *out = NULL;
    PyObject *alternatives = PyObject_CallFunctionObjArgs(db->py_conditions, cls, function, NULL);
    /* The function is the author's, and may have done anything. */
    if (alternatives != NULL && oro_pyhandle_alive(db, t))
        out = PyTuple_GET_SIZE(alternatives) == 1
                  ? alternative_run(db, t, PyTuple_GET_ITEM(alternatives, 0))
                  : any_of(db, t, alternatives);
    Py_XDECREF(alternatives);
    return out;
}
