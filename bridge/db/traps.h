/* bridge/db/traps.h - warnings about what is right and slow (traps.c). */
#ifndef ORO_DB_TRAPS_H
#define ORO_DB_TRAPS_H

#include "bridge/db/query.h"

#define ORO_SCAN_MANY 1000 /* rows that nobody minds looking at */

/* No index answered these conditions, and n rows were looked at: told once for the place. Raises nothing. */
void oro_trap_scan(struct oro_db *db, struct oro_pytable *t, const struct oro_cond *conds,
                   unsigned nconds, size_t n);

#endif
