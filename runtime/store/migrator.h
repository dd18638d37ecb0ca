/* runtime/store/migrator.h - rows that a table had before its columns changed, mapped to rows of today where no rule does it:
 * the layer above runs the module's hook. One thread. */
#ifndef ORO_STORE_MIGRATOR_H
#define ORO_STORE_MIGRATOR_H

#include "bridge/bsatn/schema.h"

#define ORO_ROW_DROPPED SIZE_MAX

/* Some rows of one table. */
struct oro_map_rows {
    const struct oro_typespace *types; /* what Refs in the old columns lead to */
    const struct oro_table_def *old, *now;
    const struct oro_bytes *rows; /* of `old`, checked */
    size_t n;
    bool first;         /* the table's first ones */
    struct oro_bb *out; /* the new rows, back to back */
    size_t *ends;       /* n of them: where each ends in *out; ORO_ROW_DROPPED: there is none */
};

struct oro_migrator {
    /* Appends to *m->out. ORO_EINVAL: err names the row and says why; nobody asks again. */
    oro_status (*map)(void *arg, const struct oro_map_rows *m, struct oro_err *err);
    void *arg;
};

/* A table's rows on their way through the migrator, in portions. */
struct oro_migration {
    const struct oro_migrator *by;
    const struct oro_typespace *types;
    const struct oro_table_def *old, *now;
    oro_status (*put)(void *arg, struct oro_bytes row,
                      struct oro_err *err); /* a new row, checked */
    void *arg;
    uint64_t kept, dropped;
    /* The portion at hand. */
    bool begun;
    struct oro_bb in, out;
    size_t *ends;
    size_t n;
};
/* Copies row. */
ORO_MUST_CHECK oro_status oro_migration_add(struct oro_migration *m, struct oro_bytes row,
                                            struct oro_err *err);
/* After the last row. */
ORO_MUST_CHECK oro_status oro_migration_end(struct oro_migration *m, struct oro_err *err);
void oro_migration_fini(struct oro_migration *m);

#endif
