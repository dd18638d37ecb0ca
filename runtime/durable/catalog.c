#include "runtime/durable/catalog.h"

#include <string.h>

#include "bridge/bsatn/value.h"
#include "runtime/base/buf.h"
#include "runtime/durable/durable.h"

/* ---- reading ---- */

void
catalog_fini(struct catalog *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        layout_fini(&c->items[i]);
    oro_free(c->items);
    oro_free(c->by_id);
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

static oro_status
read_columns(struct catalog *c, struct db *db, uint32_t id, struct oro_table_def *def,
             struct oro_err *err)
{
    struct db_stmt *s;
    struct oro_elem *elems = NULL;
    size_t n = 0, cap = 0;
    bool row;
    oro_status st = db_prepare(
        db, "SELECT name, type FROM _orochi_columns WHERE table_id = ? ORDER BY position", &s, err);
    if (st != ORO_OK)
        return st;
    db_bind_int(s, 1, id);
    while ((st = db_step(s, &row, err)) == ORO_OK && row) {
        struct oro_type *t;
        st = oro_type_from_json(&c->types, db_column_bytes(s, 1), &t, err);
        if (st != ORO_OK)
            break;
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
catalog_read(struct db *db, struct catalog *out, struct oro_err *err)
{
    struct catalog c = {0};
    struct db_stmt *s;
    int64_t n = 0;
    bool row;
    oro_typespace_init(&c.types);
    oro_status st = db_int(db, "SELECT count(*) FROM _orochi_schema", &n, err);
    if (st == ORO_OK)
        st = read_types(&c, db, err);
    if (st == ORO_OK)
        st = db_prepare(db, "SELECT id, name, sql_name, pk FROM _orochi_schema ORDER BY id", &s,
                        err);
    if (st != ORO_OK)
        goto fail;
    c.items = ORO_NEW_ARRAY(struct layout, (size_t)n + 1);
    c.defs = ORO_NEW_ARRAY(struct oro_table_def, (size_t)n + 1);
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

/* ---- comparing ---- */

/* The stored table's counterpart, NULL when it is gone (event tables are not stored). */
static const struct oro_table_def *
counterpart(const struct oro_schema *schema, const struct oro_table_def *stored)
{
    const struct oro_table_def *t = oro_schema_table(schema, oro_bytes_str(stored->name));
    return t != NULL && !t->is_event ? t : NULL;
}

static const struct layout *
stored_table(const struct catalog *c, const char *name)
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
        const struct oro_table_def *t = counterpart(schema, stored->items[i].def);
        if (t == NULL || t->pk != stored->items[i].def->pk ||
            !oro_type_eq(stored->items[i].def->row, t->row))
            return false;
    }
    return true;
}

static void
add_reason(struct oro_bb *out, const char *text)
{
    oro_bb_printf(out, "%s%s", out->len > 0 ? "; " : "", text);
}

#define REASON(out, ...)                         \
    do {                                         \
        char *text_ = oro_asprintf(__VA_ARGS__); \
        add_reason(out, text_);                  \
        oro_free(text_);                         \
    } while (0)

static const struct oro_column_default *
default_of(const struct oro_table_def *t, uint32_t col)
{
    for (uint32_t i = 0; i < t->ndefaults; i++)
        if (t->defaults[i].col == col)
            return &t->defaults[i];
    return NULL;
}

static void
type_reason(const struct oro_table_def *t, const struct oro_elem *old, const struct oro_elem *now,
            struct oro_bb *out)
{
    struct oro_bb a = {0}, b = {0};
    oro_type_print(old->type, &a);
    oro_type_print(now->type, &b);
    REASON(
        out,
        "Changing the type of column %s in table %s from %.*s to %.*s requires a manual migration",
        old->name, t->name, (int)a.len, (const char *)a.data, (int)b.len, (const char *)b.data);
    oro_bb_fini(&a);
    oro_bb_fini(&b);
}

/* Stored columns have to be there, in place, with their types; what follows them needs defaults. */
static void
column_reasons(const struct oro_table_def *old, const struct oro_table_def *now, struct oro_bb *out)
{
    bool moved = false;
    for (uint32_t i = 0; i < old->row->nelems; i++) {
        const struct oro_elem *a = &old->row->elems[i];
        int at = oro_table_column(now, oro_bytes_str(a->name));
        if (at < 0)
            REASON(out, "Removing a column %s from table %s requires a manual migration", a->name,
                   now->name);
        else if (!oro_type_fits(a->type, now->row->elems[at].type))
            type_reason(now, a, &now->row->elems[at], out);
        moved |= at >= 0 && (uint32_t)at != i;
    }
    for (uint32_t i = 0; i < now->row->nelems; i++) {
        const char *name = now->row->elems[i].name;
        bool is_new = oro_table_column(old, oro_bytes_str(name)) < 0;
        if (is_new && i < old->row->nelems)
            moved = true;
        if (is_new && default_of(now, i) == NULL)
            REASON(out, "Adding a column %s to table %s requires a default value annotation", name,
                   now->name);
    }
    if (moved)
        REASON(out, "Reordering table %s requires a manual migration", now->name);
}

static oro_status
count_rows(struct db *db, const char *sql_name, int64_t *n, struct oro_err *err)
{
    struct oro_bb sql = {0};
    oro_bb_printf(&sql, "SELECT count(*) FROM ");
    db_put_name(&sql, sql_name);
    oro_bb_u8(&sql, 0);
    oro_status st = db_int(db, (const char *)sql.data, n, err);
    oro_bb_fini(&sql);
    return st;
}

/* The private table of a @scheduled function: it holds its next due time and nothing of the author's. */
static bool
holds_only_a_timer(const struct oro_table_def *t)
{
    static const char ending[] = "_schedule";
    size_t n = strlen(t->name), e = sizeof(ending) - 1;
    return n > e && strcmp(t->name + n - e, ending) == 0 && t->row->nelems == 2 &&
           strcmp(t->row->elems[0].name, "scheduled_id") == 0 &&
           strcmp(t->row->elems[1].name, "scheduled_at") == 0;
}

/* Of one table with so many rows. */
static void
table_reasons(const struct oro_table_def *old, int64_t rows, const struct oro_schema *schema,
              struct oro_bb *reasons)
{
    const struct oro_table_def *now = counterpart(schema, old);
    if (rows == 0)
        return; /* nothing to lose: made anew */
    if (now == NULL && holds_only_a_timer(old))
        return; /* the function is gone, and so is its timer */
    if (now == NULL)
        REASON(reasons, "Cannot remove table `%s`: table contains data (%lld rows)", old->name,
               (long long)rows);
    else
        column_reasons(old, now, reasons);
}

oro_status
catalog_reasons(struct db *db, const struct catalog *stored, const struct oro_schema *schema,
                struct oro_bb *reasons, struct oro_err *err)
{
    for (uint32_t i = 0; i < stored->n; i++) {
        const struct layout *l = &stored->items[i];
        int64_t n = 0;
        oro_status st = count_rows(db, l->sql_name, &n, err);
        if (st != ORO_OK)
            return st;
        table_reasons(l->def, n, schema, reasons);
    }
    return ORO_OK;
}

void
oro_durable_reasons(const struct oro_store *store, const struct oro_schema *schema,
                    struct oro_bb *reasons)
{
    const struct oro_schema *old = oro_store_schema(store);
    for (uint32_t i = 0; i < old->ntables; i++)
        if (!old->tables[i].is_event)
            table_reasons(&old->tables[i], (int64_t)oro_store_row_count(store, &old->tables[i]),
                          schema, reasons);
}

/* ---- changing ---- */

struct name_check {
    struct db *db;
    oro_status st;
    struct oro_err *err;
};

static bool
name_exists(void *arg, const char *candidate)
{
    struct name_check *nc = arg;
    struct db_stmt *s;
    bool row = false;
    oro_status st = db_prepare(nc->db, "SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE",
                               &s, nc->err);
    if (st == ORO_OK) {
        db_bind_text(s, 1, oro_bytes_str(candidate));
        st = db_step(s, &row, nc->err);
        db_finalize(s);
    }
    if (st != ORO_OK)
        nc->st = st;
    return st == ORO_OK && row;
}

static oro_status
drop_table(struct db *db, const char *sql_name, struct oro_err *err)
{
    struct oro_bb sql = {0};
    oro_bb_printf(&sql, "DROP TABLE ");
    db_put_name(&sql, sql_name);
    oro_bb_u8(&sql, 0);
    oro_status st = db_exec(db, (const char *)sql.data, err);
    oro_bb_fini(&sql);
    return st;
}

static oro_status
create_table(struct db *db, const struct oro_table_def *t, struct oro_err *err)
{
    int64_t id = 0;
    struct db_stmt *s;
    struct layout l;
    oro_status st = db_int(db, "SELECT coalesce(max(id), 0) + 1 FROM _orochi_schema", &id, err);
    if (st != ORO_OK)
        return st;
    struct name_check nc = {.db = db, .err = err};
    char *sql_name = layout_pick_name(t->name, (uint32_t)id, name_exists, &nc);
    layout_init(&l, t, (uint32_t)id, sql_name);
    st = nc.st == ORO_OK ? layout_create(&l, db, err) : nc.st;
    layout_fini(&l);
    if (st == ORO_OK)
        st = db_prepare(db,
                        "INSERT INTO _orochi_schema (id, name, sql_name, pk) VALUES (?, ?, ?, -1)",
                        &s, err);
    if (st == ORO_OK) {
        db_bind_int(s, 1, id);
        db_bind_text(s, 2, oro_bytes_str(t->name));
        db_bind_text(s, 3, oro_bytes_str(sql_name));
        st = db_run(s, err);
        db_finalize(s);
    }
    oro_free(sql_name);
    return st;
}

/* Defaults of the columns that are new, back to back: what every stored row gets at its end. */
static void
new_columns(const struct oro_table_def *old, const struct oro_table_def *now, struct oro_bb *out)
{
    for (uint32_t i = old->row->nelems; i < now->row->nelems; i++) {
        const struct oro_column_default *d = default_of(now, i);
        if (d != NULL)
            oro_bb_put_bytes(out, d->value);
    }
}

static oro_status
copy_rows(struct db *db, const char *from, struct layout *to, struct oro_bytes suffix,
          struct oro_err *err)
{
    struct oro_bb sql = {0}, key = {0}, row_now = {0};
    struct db_stmt *s = NULL;
    bool row;
    oro_bb_printf(&sql, "SELECT _row FROM ");
    db_put_name(&sql, from);
    oro_bb_u8(&sql, 0);
    oro_status st = db_prepare(db, (const char *)sql.data, &s, err);
    while (st == ORO_OK && (st = db_step(s, &row, err)) == ORO_OK && row) {
        struct oro_bytes was = {0};
        oro_bb_clear(&key);
        oro_bb_clear(&row_now);
        st = layout_row(db_column_bytes(s, 0), &was, err);
        oro_bb_put_bytes(&row_now, was);
        oro_bb_put_bytes(&row_now, suffix);
        if (st == ORO_OK)
            st = oro_value_check(to->def->row, oro_bb_bytes(&row_now), err);
        if (st != ORO_OK) {
            oro_err_wrap(err, "table %s: a stored row", to->def->name);
            break;
        }
        layout_key(to, oro_bb_bytes(&row_now), &key);
        st = layout_put(to, db, oro_bb_bytes(&key), oro_bb_bytes(&row_now), err);
    }
    db_finalize(s);
    layout_unprepare(to);
    oro_bb_fini(&sql);
    oro_bb_fini(&key);
    oro_bb_fini(&row_now);
    return st;
}

/* Writes the table again with its new columns or key. */
static oro_status
rebuild_table(struct db *db, const struct layout *old, const struct oro_table_def *now,
              struct oro_err *err)
{
    struct oro_bb suffix = {0}, sql = {0};
    struct layout to;
    int64_t before = 0, after = 0;
    layout_init(&to, now, old->id, old->sql_name);
    oro_bb_printf(&sql, "ALTER TABLE ");
    db_put_name(&sql, old->sql_name);
    oro_bb_printf(&sql, " RENAME TO _orochi_rebuilt");
    oro_bb_u8(&sql, 0);
    oro_status st = db_exec(db, (const char *)sql.data, err);
    if (st == ORO_OK)
        st = layout_create(&to, db, err);
    if (st == ORO_OK)
        st = count_rows(db, "_orochi_rebuilt", &before, err);
    if (st == ORO_OK && before > 0) {
        new_columns(old->def, now, &suffix);
        st = copy_rows(db, "_orochi_rebuilt", &to, oro_bb_bytes(&suffix), err);
    }
    if (st == ORO_OK)
        st = count_rows(db, to.sql_name, &after, err);
    if (st == ORO_OK && before != after)
        st = oro_err_set(err, ORO_EINVAL,
                         "table %s has %lld rows but only %lld values of its new primary key",
                         now->name, (long long)before, (long long)after);
    if (st == ORO_OK)
        st = drop_table(db, "_orochi_rebuilt", err);
    layout_fini(&to);
    oro_bb_fini(&suffix);
    oro_bb_fini(&sql);
    return st;
}

static oro_status
remove_table(struct db *db, const struct layout *l, struct oro_err *err)
{
    oro_status st = drop_table(db, l->sql_name, err);
    if (st == ORO_OK)
        st = db_execf(db, err, "DELETE FROM _orochi_schema WHERE id = %u", l->id);
    if (st == ORO_OK)
        st = db_execf(db, err, "DELETE FROM _orochi_sequences WHERE table_id = %u", l->id);
    return st;
}

static oro_status
store_columns(struct db *db, const struct oro_table_def *t, struct oro_err *err)
{
    struct db_stmt *s;
    struct oro_bb json = {0};
    oro_status st = db_prepare(db, "UPDATE _orochi_schema SET pk = ? WHERE name = ?", &s, err);
    if (st != ORO_OK)
        return st;
    db_bind_int(s, 1, t->pk);
    db_bind_text(s, 2, oro_bytes_str(t->name));
    st = db_run(s, err);
    db_finalize(s);
    if (st == ORO_OK)
        st = db_prepare(
            db, "INSERT INTO _orochi_columns SELECT id, ?, ?, ? FROM _orochi_schema WHERE name = ?",
            &s, err);
    if (st != ORO_OK)
        return st;
    for (uint32_t i = 0; st == ORO_OK && i < t->row->nelems; i++) {
        oro_bb_clear(&json);
        oro_type_to_json(t->row->elems[i].type, &json);
        db_bind_int(s, 1, i);
        db_bind_text(s, 2, oro_bytes_str(t->row->elems[i].name));
        db_bind_text(s, 3, oro_bb_bytes(&json));
        db_bind_text(s, 4, oro_bytes_str(t->name));
        st = db_run(s, err);
    }
    db_finalize(s);
    oro_bb_fini(&json);
    return st;
}

static oro_status
store_schema(struct db *db, const struct oro_schema *schema, struct oro_err *err)
{
    struct db_stmt *s;
    struct oro_bb json = {0};
    oro_status st = db_exec(db, "DELETE FROM _orochi_columns; DELETE FROM _orochi_types", err);
    if (st == ORO_OK)
        st = db_prepare(db, "INSERT INTO _orochi_types VALUES (?, ?)", &s, err);
    if (st != ORO_OK)
        return st;
    for (uint32_t i = 0; st == ORO_OK && i < schema->types.ntypes; i++) {
        oro_bb_clear(&json);
        oro_type_to_json(schema->types.types[i], &json);
        db_bind_int(s, 1, i);
        db_bind_text(s, 2, oro_bb_bytes(&json));
        st = db_run(s, err);
    }
    db_finalize(s);
    oro_bb_fini(&json);
    for (uint32_t i = 0; st == ORO_OK && i < schema->ntables; i++)
        if (!schema->tables[i].is_event)
            st = store_columns(db, &schema->tables[i], err);
    return st;
}

static oro_status
migrate(struct db *db, const struct catalog *stored, const struct oro_schema *schema,
        struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < stored->n; i++) {
        const struct layout *l = &stored->items[i];
        const struct oro_table_def *now = counterpart(schema, l->def);
        if (now == NULL)
            st = remove_table(db, l, err);
        else if (now->pk != l->def->pk || !oro_type_eq(l->def->row, now->row))
            st = rebuild_table(db, l, now, err);
    }
    for (uint32_t i = 0; st == ORO_OK && i < schema->ntables; i++) {
        const struct oro_table_def *t = &schema->tables[i];
        if (!t->is_event && stored_table(stored, t->name) == NULL)
            st = create_table(db, t, err);
    }
    return st == ORO_OK ? store_schema(db, schema, err) : st;
}

oro_status
catalog_migrate(struct db *db, const struct catalog *stored, const struct oro_schema *schema,
                struct oro_err *err)
{
    oro_status st = db_exec(db, "BEGIN IMMEDIATE", err);
    if (st == ORO_OK)
        st = migrate(db, stored, schema, err);
    if (st == ORO_OK)
        st = db_exec(db, "COMMIT", err);
    db_rollback(db);
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
        if (t->is_event)
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
