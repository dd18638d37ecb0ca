/* Unique constraints that a new version of the module adds, looked for in the file before anything in it is changed. */
#include "runtime/tables/catalog_priv.h"

/* Appends the file's names of the columns that the index is over. False: one of them is new, or not in SQL. */
static bool
columns_of(const struct layout *l, const struct oro_table_def *now, const struct oro_index_def *ix,
           struct oro_bb *names)
{
    for (uint16_t i = 0; i < ix->ncols; i++) {
        int src = oro_table_source(l->def, now, ix->cols[i]);
        if (src < 0 || (uint32_t)src >= l->ncolumns)
            return false;
        oro_bb_printf(names, "%s", i > 0 ? ", " : "");
        db_put_name(names, l->columns[src]);
    }
    oro_bb_u8(names, 0);
    return true;
}

static oro_status
index_reason(struct db *db, const struct layout *l, const struct oro_table_def *now,
             const struct oro_index_def *ix, struct oro_bb *reasons, struct oro_err *err)
{
    struct oro_bb names = {0}, sql = {0};
    oro_status st = ORO_OK;
    int64_t twice = 0;
    if (columns_of(l, now, ix, &names)) {
        oro_bb_printf(&sql, "SELECT count(*) FROM (SELECT 1 FROM ");
        db_put_name(&sql, l->sql_name);
        oro_bb_printf(&sql, " GROUP BY %s HAVING count(*) > 1 LIMIT 1)", (char *)names.data);
        oro_bb_u8(&sql, 0);
        st = db_int(db, (const char *)sql.data, &twice, err);
    }
    if (st == ORO_OK && twice > 0)
        oro_bb_printf(reasons,
                      "%s%s%stable %s: several rows have one value of %s, which is unique now",
                      reasons->len > 0 ? "; " : "", now->place != NULL ? now->place : "",
                      now->place != NULL ? ": " : "", now->name, (char *)names.data);
    oro_bb_fini(&names);
    oro_bb_fini(&sql);
    return st;
}

oro_status
catalog_unique(struct db *db, const struct layout *l, const struct oro_table_def *now,
               struct oro_bb *reasons, struct oro_err *err)
{
    const struct oro_index_def *pk = oro_table_primary_index(now);
    oro_status st = ORO_OK;
    /* A new primary key is looked at by the migration itself, which is one transaction. */
    for (uint32_t k = 0; st == ORO_OK && k < now->nindexes; k++)
        if (now->indexes[k].unique && &now->indexes[k] != pk)
            st = index_reason(db, l, now, &now->indexes[k], reasons, err);
    return st;
}

oro_status
catalog_unique_reasons(struct db *db, const struct catalog *stored, const struct oro_schema *schema,
                       struct oro_bb *reasons, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < stored->n; i++) {
        const struct layout *l = &stored->items[i];
        const struct oro_table_def *now = oro_schema_table(schema, oro_bytes_str(l->def->name));
        if (now != NULL && now->migration == NULL)
            st = catalog_unique(db, l, now, reasons, err);
    }
    return st;
}

void
catalog_unique_text(const struct oro_schema *schema, struct oro_bb *out)
{
    for (uint32_t i = 0; i < schema->ntables; i++) {
        const struct oro_table_def *t = &schema->tables[i];
        for (uint32_t k = 0; k < t->nindexes; k++) {
            if (!t->indexes[k].unique)
                continue;
            oro_bb_printf(out, "%s", t->name);
            for (uint16_t c = 0; c < t->indexes[k].ncols; c++)
                oro_bb_printf(out, " %s", t->row->elems[t->indexes[k].cols[c]].name);
            oro_bb_printf(out, "; ");
        }
    }
}
