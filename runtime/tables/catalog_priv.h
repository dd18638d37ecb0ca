/* runtime/tables/catalog_priv.h - shared by catalog.c, reasons.c and migrate.c. */
#ifndef ORO_TABLES_CATALOG_PRIV_H
#define ORO_TABLES_CATALOG_PRIV_H

#include "runtime/tables/catalog.h"

/* The stored table's counterpart, NULL when it is gone (event tables are not stored). */
const struct oro_table_def *catalog_counterpart(const struct oro_schema *schema,
                                                const struct oro_table_def *stored);
/* NULL: no table of that name is stored. */
const struct layout *catalog_stored(const struct catalog *c, const char *name);
ORO_MUST_CHECK oro_status catalog_count_rows(struct db *db, const char *sql_name, int64_t *n,
                                             struct oro_err *err);
/* *there: the file keeps what columns were added with. */
ORO_MUST_CHECK oro_status catalog_has_initial(struct db *db, bool *there, struct oro_err *err);

/* Appends what unique columns of `now` the rows of the file's table do not fit (unique.c). */
ORO_MUST_CHECK oro_status catalog_unique(struct db *db, const struct layout *l,
                                         const struct oro_table_def *now, struct oro_bb *reasons,
                                         struct oro_err *err);

#endif
