/* bridge/db/rows.h - what a query found, as a sequence (rows.c). */
#ifndef ORO_DB_ROWS_H
#define ORO_DB_ROWS_H

#include "bridge/db/table.h"

/* Rows of an index or a table are not fetched before somebody looks, or something in the table is about to change: first()
 * and limit() of what is pending fetch no more than they give and skip, and order_by() may only be another way through an
 * index. */
struct oro_rowsobj {
    PyObject_HEAD struct oro_db *owner; /* NULL: the call is over */
    PyObject *keeps;                    /* owned: t's type */
    struct oro_pytable *t;
    struct oro_bytes *rows;
    Py_ssize_t n;
    bool own;     /* rows is ours to free */
    bool pending; /* ix and range say what they are; rows and n do not yet */
    bool ordered; /* by order_by(), whose order counts when they are ordered again */
    const struct oro_index_def *ix; /* NULL: the whole table */
    struct oro_py_range range;      /* its bytes are in keys; its limit counts what is skipped */
    size_t skip;                    /* by offset(), of what is pending */
    uint8_t *keys, few[48];
    struct oro_rowsobj *next, **prev; /* the call's live ones */
};

PyObject *oro_pyrows_new(struct oro_db *db, struct oro_pytable *t, struct oro_bytes *rows, size_t n,
                         bool own);
/* Pending ones. Copies the range's bytes; ix NULL: the whole table. */
PyObject *oro_pyrows_pending(struct oro_db *db, struct oro_pytable *t,
                             const struct oro_index_def *ix, const struct oro_py_range *range);
Py_ssize_t oro_pyrows_len(PyObject *rows);  /* -1 raised */
PyObject *oro_pyrows_first(PyObject *rows); /* a row or None */
/* The methods of Rows: others of the same kind. New reference. */
PyObject *oro_pyrows_limit(PyObject *rows, PyObject *n);
PyObject *oro_pyrows_order_by(PyObject *rows, PyObject *const *keys, Py_ssize_t nkeys);
/* Fetches what is pending of the table: it is a snapshot of the moment of the query. -1 raised. */
int oro_pyrows_settle(struct oro_db *db, struct oro_pytable *t);
void oro_pyrows_kill_all(struct oro_db *db);

#endif
