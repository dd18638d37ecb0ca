/* bridge/db/table.h - tables as one version of the module has them, and their handles. */
#ifndef ORO_DB_TABLE_H
#define ORO_DB_TABLE_H

#include "bridge/db/db.h"

struct oro_accessor {
    PyObject *name; /* owned by keep */
    uint16_t ncols;
    uint16_t cols[16];
    const struct oro_index_def *ix; /* the unique one if there is one; NULL: not indexed */
    bool unique;
};

/* Handles that somebody kept outlive a reload. They keep `type` alive, and with it the version's memory (reload.c), but not
 * the schema: a dead handle knows no more than `label`, and the names of columns. */
struct oro_pytable {
    struct oro_db *db;
    const struct oro_table_def *def;
    const char *label; /* its name */
    struct oro_rowclass *rc;
    struct oro_accessor *acc;
    unsigned nacc;
    const struct oro_accessor *pk; /* or NULL */
    uint64_t auto_inc;             /* columns */
    PyTypeObject *type;            /* owned: subtype of Table with a member for each accessor */
    PyObject *lookups;             /* owned dict: "score__gte" -> column << 8 | lookup */
    _Atomic uint64_t scans;        /* conditions that no index answered; written by the worker */
    PyObject *name, *accessor;     /* owned; what ctx.db calls it */
};

/* Handles are reused by every call as long as nobody else holds one; a tree of handles that somebody kept is marked dead
 * (owner = NULL) at the end of the call and a new one is made. */
struct oro_thandle {
    PyObject_HEAD struct oro_db *owner;
    struct oro_pytable *t;
    bool touched;     /* stands in oro_db.touched */
    PyObject *cols[]; /* owned column handles, one for each accessor */
};
struct oro_chandle {
    PyObject_HEAD struct oro_db *owner;
    PyObject *keeps; /* owned: t's type */
    struct oro_pytable *t;
    const struct oro_accessor *acc;
};
#define ORO_DB_SEEN 16
struct oro_dbhandle {
    PyObject_HEAD struct oro_db *owner;
    /* Tables by the address of the name that they were asked for by: names are interned, and borrowed from the table. */
    struct {
        PyObject *name;
        unsigned table;
    } seen[ORO_DB_SEEN];
    PyObject *tables[]; /* owned table handles; NULL: not asked for yet */
};

/* The index that a whole table is read through, in the same order, if it is one with an order; or NULL. */
const struct oro_index_def *oro_pytable_scan_index(const struct oro_table_def *t);

/* Raises what a host status means. Always NULL. */
PyObject *oro_pytable_fail(struct oro_db *db, struct oro_pytable *t, oro_status st,
                           const struct oro_err *err);
/* Appends the key of accessor columns for a value (a tuple for several columns). -1: EncodeError is raised. */
int oro_pykey_encode(struct oro_db *db, struct oro_pytable *t, const struct oro_accessor *acc,
                     PyObject *v, struct oro_bb *out);
/* Deletes by primary key, or by whole row. 1 gone, 0 was not there, -1 raised. */
int oro_pytable_delete_bytes(struct oro_db *db, struct oro_pytable *t, struct oro_bytes row);
/* Sets columns of a row that was just read, and updates it by its primary key, or whole where there is none; the row is as
 * before when it fails. -1 raised. */
int oro_pytable_update(struct oro_db *db, struct oro_pytable *t, struct oro_row *row,
                       PyObject *const *values, PyObject *kwnames);
int oro_pytable_bind(struct oro_db *db, struct oro_pytable *t, PyObject *spec,
                     const struct oro_schema *schema);
int oro_pytable_bind_types(struct oro_db *db, PyObject *module);
PyObject *oro_pytree_new(struct oro_db *db); /* a fresh database handle */
/* Somebody else holds a handle. At the end of each call: the next one begins to note anew. */
bool oro_pytree_kept(struct oro_db *db);
void oro_pytree_kill(struct oro_db *db);

#endif
