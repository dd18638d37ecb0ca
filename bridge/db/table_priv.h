/* bridge/db/table_priv.h - what table.c, column.c, tree.c and write.c share: handles, and the ways in which rows and keys reach
 * the host. Belongs to the interpreter's thread. */
#ifndef ORO_DB_TABLE_PRIV_H
#define ORO_DB_TABLE_PRIV_H

#include "bridge/codec/error.h"
#include "bridge/db/db_priv.h"
#include "bridge/db/query.h"
#include "bridge/db/refusal.h"
#include "bridge/db/rows.h"

#define TH(o) ((struct oro_thandle *)(o))
#define CH(o) ((struct oro_chandle *)(o))
#define FASTCALL(f) ((PyCFunction)(void (*)(void))(f))
#define KW (METH_FASTCALL | METH_KEYWORDS)

enum oro_verb { ORO_VERB_INSERT, ORO_VERB_UPDATE, ORO_VERB_UPSERT, ORO_VERB_REPLACE };

/* What was asked before keeps what it would have found. */
static inline int
oro_pytable_before_write(struct oro_db *db, struct oro_pytable *t)
{
    return ORO_LIKELY(db->npending == 0) ? 0 : oro_pyrows_settle(db, t);
}

/* A call that makes several changes is atomic by itself: begin, then end with the mark. ok false: what it wrote is taken back;
 * the pending exception stays. Borrow nothing. */
struct oro_py_mark oro_pytable_begin(struct oro_db *db);
void oro_pytable_end(struct oro_db *db, struct oro_py_mark mark, bool ok);

/* The row with this key: 1 and *row, 0 none, -1 raised. */
int oro_pytable_find_bytes(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
                           PyObject *v, struct oro_bytes *row);
/* New reference; none: None, or RowNotFound if there must be one. */
PyObject *oro_pytable_find(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
                           PyObject *v, bool must);
/* Raises EncodeError and gives false when the object is no row of this table. */
bool oro_pytable_takes(struct oro_db *db, struct oro_pytable *t, PyObject *o);
/* The same for what is inserted, where a row of another table with equal columns is as good: a row of this table with its values.
 * New reference, or NULL. */
PyObject *oro_pytable_row_of(struct oro_db *db, struct oro_pytable *t, PyObject *o);
/* Encodes the row and hands it to the host; it is then what the store holds. acc: of the key, for update and upsert. 0 or -1. */
int oro_pytable_write(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
                      struct oro_row *row, enum oro_verb verb);
/* update(row, column=value ...) and upsert by the key of acc. New reference to the row. */
PyObject *oro_pytable_update_with(struct oro_db *db, struct oro_pytable *t,
                                  const struct oro_accessor *acc, PyObject *const *args,
                                  Py_ssize_t nargs, PyObject *kwnames);
PyObject *oro_pytable_upsert_with(struct oro_db *db, struct oro_pytable *t,
                                  const struct oro_accessor *acc, PyObject *const *args,
                                  Py_ssize_t nargs, PyObject *kwnames);
/* A bool: was there one? */
PyObject *oro_pytable_delete_key(struct oro_db *db, struct oro_pytable *t,
                                 const struct oro_accessor *acc, PyObject *v);
PyObject *oro_pytable_delete_rowobj(struct oro_db *db, struct oro_pytable *t, struct oro_row *row);

/* These take the rows (NULL: raised already). */
PyObject *oro_pyrows_first_of(PyObject *rows);   /* a row or None */
PyObject *oro_pyrows_len_of(PyObject *rows);     /* an int */
PyObject *oro_pyrows_delete_all(PyObject *rows); /* how many were there */

#endif
