/* bridge/db/db_priv.h - the types of this room, made by one file each when the module is. -1 with an exception. */
#ifndef ORO_DB_DB_PRIV_H
#define ORO_DB_DB_PRIV_H

#include "bridge/db/db.h"

int oro_pytable_types(struct oro_db *db, PyObject *module);
int oro_pycolumn_types(struct oro_db *db, PyObject *module);
int oro_pytree_types(struct oro_db *db, PyObject *module);
int oro_pyrows_types(struct oro_db *db, PyObject *module);
int oro_pyctx_types(struct oro_db *db, PyObject *module);

/* For C code that takes long. */
static inline int
oro_db_look(struct oro_db *db)
{
    return db->hooks->look(db);
}

#endif
