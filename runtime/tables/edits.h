/* runtime/tables/edits.h - rows that somebody has edited in the stopped file, with sqlite3 or another program.
 *
 * Each table has triggers that note the keys of rows whose columns were changed, or that were deleted, in _orochi_edits. Our own
 * connections run no triggers. At the start the columns of a noted row become the row, and it goes into the log's place: what
 * the columns say now is newer than what the log says. A wrong bit in a column is no edit: nobody has noted it, and `_row`
 * holds. Rows cannot be added: the trigger says so. */
#ifndef ORO_TABLES_EDITS_H
#define ORO_TABLES_EDITS_H

#include "runtime/tables/catalog.h"

/* Makes the triggers of tables that have none; in one SQL transaction. */
ORO_MUST_CHECK oro_status edits_watch(struct db *db, const struct catalog *c, struct oro_err *err);

struct edit;
struct edits {
    struct edit *items;
    size_t n, cap;
};
void edits_fini(struct edits *e);
/* What was edited, read with the stored catalog before the log is moved into the tables. ORO_EMALFORMED: a column holds what its
 * type cannot; err says where. */
ORO_MUST_CHECK oro_status edits_read(struct db *db, const struct catalog *c, struct edits *out,
                                     struct oro_err *err);
/* Writes them on top of what the log has made of their rows since, and says how many in which table: a column that was edited
 * counts, the others are as the log has them; a row that the log has deleted stays so. */
ORO_MUST_CHECK oro_status edits_write(struct db *db, struct edits *e, struct oro_err *err);

#endif
