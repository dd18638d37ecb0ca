/* runtime/tables/catalog.h - which tables the file has: names, columns, types, as stored by the module that ran last; and
 * whether today's module fits (docs/semantics.md#migrations). One thread. */
#ifndef ORO_TABLES_CATALOG_H
#define ORO_TABLES_CATALOG_H

#include "runtime/store/store.h"
#include "runtime/store/migrator.h"
#include "runtime/tables/layout.h"

struct catalog {
    struct layout *items;
    uint32_t n;
    struct layout **by_id; /* stored id -> item or NULL */
    uint32_t nids;
    /* Of a catalog read from the file: its own definitions. */
    struct oro_typespace types;
    struct oro_table_def *defs;
    uint32_t ndefs;
    bool has_initial; /* the file keeps what columns were added with; format 3 did not */
};

void catalog_fini(struct catalog *c);
struct layout *catalog_find(const struct catalog *c, uint32_t id);
/* What the file says. Gives the inside of *out. */
ORO_MUST_CHECK oro_status catalog_read(struct db *db, struct catalog *out, struct oro_err *err);
/* Appends the tables without a hook whose rows do not fit a unique constraint of the module (unique.c). */
ORO_MUST_CHECK oro_status catalog_unique_reasons(struct db *db, const struct catalog *stored,
                                                 const struct oro_schema *schema,
                                                 struct oro_bb *reasons, struct oro_err *err);
/* What is unique by the module, as a text that can be compared. */
void catalog_unique_text(const struct oro_schema *schema, struct oro_bb *out);
/* The file has each of its tables still. ORO_EMALFORMED. */
ORO_MUST_CHECK oro_status catalog_check_tables(struct db *db, const struct catalog *c,
                                               struct oro_err *err);
/* True: no table that was stored has changed or gone (new ones may have come). */
bool catalog_unchanged(const struct catalog *stored, const struct oro_schema *schema);
/* The schema drops columns that are stored. */
bool catalog_gives_up(const struct catalog *stored, const struct oro_schema *schema);
/* Every reason why the stored tables cannot become the schema's, "; " between them. The log has to be empty, since it
 * counts rows. Nothing appended: they can. mapped: by position in the schema, all false before: those that need their
 * @migration hook for it become true. */
ORO_MUST_CHECK oro_status catalog_reasons(struct db *db, const struct catalog *stored,
                                          const struct oro_schema *schema, struct oro_bb *reasons,
                                          bool *mapped, struct oro_err *err);
/* The same of the tables that `store` has, while nothing is published. */
void catalog_store_reasons(struct oro_store *store, const struct oro_schema *schema,
                           struct oro_bb *reasons, bool *mapped);
/* How rows that no rule converts become the module's. */
struct catalog_hooks {
    const bool *mapped; /* by position in the schema; NULL: none */
    const struct oro_migrator *by;
    struct oro_store *
        made; /* or NULL: it has the rows of tables with a hook already, as the schema wants them */
    struct oro_bb *told; /* or NULL: gets lines about what was done */
};
/* Makes the file fit, in one SQL transaction. ORO_EINVAL: it cannot after all (duplicate keys, a hook that fails); nothing
 * changed. */
ORO_MUST_CHECK oro_status catalog_migrate(struct db *db, const struct catalog *stored,
                                          const struct oro_schema *schema,
                                          const struct catalog_hooks *hooks, struct oro_err *err);
/* Lines about what catalog_migrate will change, and what becomes of the columns. */
void catalog_tell(const struct catalog *stored, const struct oro_schema *schema, const bool *mapped,
                  struct oro_bb *out);
/* Layouts for the schema's tables, items in its order; stored ids and names as the file has them. */
ORO_MUST_CHECK oro_status catalog_bind(struct db *db, const struct oro_schema *schema,
                                       struct catalog *out, struct oro_err *err);

#endif
