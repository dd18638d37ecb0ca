#include "runtime/tables/catalog_priv.h"

#include <stdio.h>
#include <string.h>

#include "bridge/bsatn/value.h"
#include "runtime/base/buf.h"

/* ---- reading ---- */

void
catalog_fini(struct catalog *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        layout_fini(&c->items[i]);
    oro_free(c->items);
    oro_free(c->by_id);
    for (uint32_t i = 0; c->defs != NULL && i < c->ndefs; i++)
        oro_free(c->defs[i].defaults);
    oro_free(c->defs);
    oro_typespace_fini(&c->types);
    *c = (struct catalog){0};
}

struct layout *
catalog_find(const struct catalog *c, uint32_t id)
{
    return id < c->nids ? c->by_id[id] : NULL;
}

static void
index_ids(struct catalog *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->items[i].id >= c->nids)
            c->nids = c->items[i].id + 1;
    c->by_id = ORO_NEW_ARRAY(struct layout *, c->nids + 1);
    for (uint32_t i = 0; i < c->n; i++)
        if (c->items[i].id != 0)
            c->by_id[c->items[i].id] = &c->items[i];
}

static char *
keep_str(struct catalog *c, struct oro_bytes b)
{
    char *s = oro_arena_alloc(&c->types.arena, b.len + 1);
    if (b.len > 0)
        memcpy(s, b.data, b.len);
    s[b.len] = '\0';
    return s;
}

static oro_status
read_types(struct catalog *c, struct db *db, struct oro_err *err)
{
    struct db_stmt *s;
    bool row;
    oro_status st = db_prepare(db, "SELECT type FROM _orochi_types ORDER BY position", &s, err);
    if (st != ORO_OK)
        return st;
    while ((st = db_step(s, &row, err)) == ORO_OK && row) {
        struct oro_type *t;
        st = oro_type_from_json(&c->types, db_column_bytes(s, 0), &t, err);
        if (st != ORO_OK)
            break;
        oro_typespace_add(&c->types, t);
    }
    db_finalize(s);
    return st == ORO_OK ? oro_typespace_seal(&c->types, err) : st;
}

static void
add_default(struct catalog *c, struct oro_table_def *def, uint16_t col, struct oro_bytes value)
{
    size_t cap = def->ndefaults;
    def->defaults = oro_grow(def->defaults, def->ndefaults, &cap, sizeof(*def->defaults));
    const uint8_t *kept = (const uint8_t *)keep_str(c, value);
    def->defaults[def->ndefaults++] = (struct oro_column_default){col, oro_bytes(kept, value.len)};
}

static oro_status
read_columns(struct catalog *c, struct db *db, uint32_t id, struct oro_table_def *def,
             struct oro_err *err)
{
    struct db_stmt *s;
    struct oro_elem *elems = NULL;
    size_t n = 0, cap = 0;
    bool row;
    oro_status st = db_prepare(
        db,
        c->has_initial
            ? "SELECT name, type, initial FROM _orochi_columns WHERE table_id = ? ORDER BY position"
            : "SELECT name, type, NULL FROM _orochi_columns WHERE table_id = ? ORDER BY position",
        &s, err);
    if (st != ORO_OK)
        return st;
    db_bind_int(s, 1, id);
    while ((st = db_step(s, &row, err)) == ORO_OK && row) {
        struct oro_type *t;
        st = oro_type_from_json(&c->types, db_column_bytes(s, 1), &t, err);
        if (st != ORO_OK)
            break;
        if (!db_column_is_null(s, 2))
            add_default(c, def, (uint16_t)n, db_column_bytes(s, 2));
        elems = oro_grow(elems, n, &cap, sizeof(*elems));
        elems[n++] = (struct oro_elem){keep_str(c, db_column_bytes(s, 0)), t};
    }
    db_finalize(s);
    if (st == ORO_OK) {
        struct oro_type *product = oro_type_product(&c->types, elems, (uint32_t)n);
        st = oro_type_seal(&c->types, product, err);
        def->row = product;
    }
    oro_free(elems);
    return st;
}

oro_status
catalog_has_initial(struct db *db, bool *there, struct oro_err *err)
{
    int64_t n = 0;
    oro_status st = db_int(
        db, "SELECT count(*) FROM pragma_table_info('_orochi_columns') WHERE name = 'initial'", &n,
        err);
    *there = n > 0;
    return st;
}

oro_status
catalog_read(struct db *db, struct catalog *out, struct oro_err *err)
{
    struct catalog c = {0};
    struct db_stmt *s;
    int64_t n = 0;
    bool row;
    oro_typespace_init(&c.types);
    oro_status st = db_int(db, "SELECT count(*) FROM _orochi_schema", &n, err);
    if (st == ORO_OK)
        st = catalog_has_initial(db, &c.has_initial, err);
    if (st == ORO_OK)
        st = read_types(&c, db, err);
    if (st == ORO_OK)
        st = db_prepare(db, "SELECT id, name, sql_name, pk FROM _orochi_schema ORDER BY id", &s,
                        err);
    if (st != ORO_OK)
        goto fail;
    c.items = ORO_NEW_ARRAY(struct layout, (size_t)n + 1);
    c.defs = ORO_NEW_ARRAY(struct oro_table_def, (size_t)n + 1);
    c.ndefs = (uint32_t)n;
    while ((st = db_step(s, &row, err)) == ORO_OK && row && c.n < n) {
        struct oro_table_def *def = &c.defs[c.n];
        uint32_t id = (uint32_t)db_column_int(s, 0);
        def->name = keep_str(&c, db_column_bytes(s, 1));
        def->pk = (int)db_column_int(s, 3);
        st = read_columns(&c, db, id, def, err);
        if (st != ORO_OK)
            break;
        char *sql_name = db_column_str(s, 2);
        layout_init(&c.items[c.n++], def, id, sql_name);
        oro_free(sql_name);
    }
    db_finalize(s);
    if (st != ORO_OK)
        goto fail;
    index_ids(&c);
    *out = c;
    return ORO_OK;

fail:
    oro_err_wrap(err, "reading the stored schema");
    catalog_fini(&c);
    return st;
}

oro_status
catalog_check_tables(struct db *db, const struct catalog *c, struct oro_err *err)
{
    struct db_stmt *s;
    bool there = false;
    oro_status st =
        db_prepare(db, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", &s, err);
    if (st != ORO_OK)
        return st;
    for (uint32_t i = 0; st == ORO_OK && i < c->n; i++) {
        db_bind_text(s, 1, oro_bytes_str(c->items[i].sql_name));
        st = db_step(s, &there, err);
        db_reset(s);
        if (st == ORO_OK && !there)
            st = oro_err_set(err, ORO_EMALFORMED,
                             "table %s is not there: somebody has dropped or renamed it. Nothing "
                             "was changed. Give it its name back with sqlite3 (ALTER TABLE ... "
                             "RENAME TO ...). Or: Restore a backup (orochi restore)",
                             c->items[i].sql_name);
    }
    db_finalize(s);
    return st;
}

/* ---- the stored tables and the module's ---- */

const struct oro_table_def *
catalog_counterpart(const struct oro_schema *schema, const struct oro_table_def *stored)
{
    const struct oro_table_def *t = oro_schema_table(schema, oro_bytes_str(stored->name));
    return t != NULL && !t->is_event ? t : NULL;
}

const struct layout *
catalog_stored(const struct catalog *c, const char *name)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (strcmp(c->items[i].def->name, name) == 0)
            return &c->items[i];
    return NULL;
}

bool
catalog_unchanged(const struct catalog *stored, const struct oro_schema *schema)
{
    for (uint32_t i = 0; i < stored->n; i++) {
        const struct oro_table_def *t = catalog_counterpart(schema, stored->items[i].def);
        if (t == NULL || t->pk != stored->items[i].def->pk ||
            !oro_type_eq(stored->items[i].def->row, t->row))
            return false;
    }
    return true;
}

oro_status
catalog_count_rows(struct db *db, const char *sql_name, int64_t *n, struct oro_err *err)
{
    struct oro_bb sql = {0};
    oro_bb_printf(&sql, "SELECT count(*) FROM ");
    db_put_name(&sql, sql_name);
    oro_bb_u8(&sql, 0);
    oro_status st = db_int(db, (const char *)sql.data, n, err);
    oro_bb_fini(&sql);
    return st;
}

oro_status
catalog_bind(struct db *db, const struct oro_schema *schema, struct catalog *out,
             struct oro_err *err)
{
    struct catalog c = {.n = schema->ntables};
    struct db_stmt *s;
    oro_status st =
        db_prepare(db, "SELECT id, sql_name FROM _orochi_schema WHERE name = ?", &s, err);
    if (st != ORO_OK)
        return st;
    oro_typespace_init(&c.types);
    c.items = ORO_NEW_ARRAY(struct layout, c.n + 1);
    for (uint32_t i = 0; st == ORO_OK && i < c.n; i++) {
        const struct oro_table_def *t = &schema->tables[i];
        bool row = false;
        if (!oro_table_is_kept(t))
            continue;
        db_bind_text(s, 1, oro_bytes_str(t->name));
        st = db_step(s, &row, err);
        if (st == ORO_OK && row) {
            char *sql_name = db_column_str(s, 1);
            layout_init(&c.items[i], t, (uint32_t)db_column_int(s, 0), sql_name);
            oro_free(sql_name);
        } else if (st == ORO_OK) {
            st = oro_err_set(err, ORO_EIO, "the stored schema has no table %s", t->name);
        }
        db_reset(s);
    }
    db_finalize(s);
    if (st != ORO_OK) {
        catalog_fini(&c);
        return st;
    }
    index_ids(&c);
    *out = c;
    return ORO_OK;
}
