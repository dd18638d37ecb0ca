/* bridge/db/refusal.h - what a reducer refuses, and who may know why. */
#ifndef ORO_DB_REFUSAL_H
#define ORO_DB_REFUSAL_H

#include "bridge/db/table.h"

/* Raises RowNotFound: `text` for the author and the log; for the caller the same when `harmless`, else only that the table has
 * no row with this `what`. Always NULL. Borrows all. */
PyObject *oro_pyrefusal_missing(struct oro_db *db, const struct oro_pytable *t, PyObject *text,
                                PyObject *what, bool harmless);
/* May anybody see the value who may call a reducer? */
bool oro_pyrefusal_harmless(const struct oro_pytable *t, PyObject *v);

#endif
