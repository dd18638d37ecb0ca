/* The file's tables made the module's, in one SQL transaction. */
#include "runtime/tables/catalog_priv.h"

#include <string.h>

#include "bridge/bsatn/value.h"
#include "runtime/base/buf.h"

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

static oro_status
copy_rows(struct db *db, const char *from, const struct oro_table_def *old, struct layout *to,
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
        if (st == ORO_OK)
            st = oro_value_check(old->row, was, err);
        if (st == ORO_OK)
            oro_table_convert(old, to->def, was.data, &row_now);
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

/* They are kept by the position of their columns. */
static oro_status
move_sequences(struct db *db, const struct layout *old, const struct oro_table_def *now,
               struct oro_err *err)
{
    struct oro_bb sql = {0};
    oro_bb_printf(
        &sql,
        "CREATE TEMP TABLE _moved AS SELECT * FROM _orochi_sequences WHERE table_id = %u; "
        "DELETE FROM _orochi_sequences WHERE table_id = %u; ",
        old->id, old->id);
    for (uint32_t i = 0; i < now->row->nelems; i++) {
        int at = oro_table_source(old->def, now, i);
        if (at >= 0)
            oro_bb_printf(
                &sql,
                "INSERT INTO _orochi_sequences SELECT table_id, %u, allocated FROM _moved "
                "WHERE column = %d; ",
                i, at);
    }
    oro_bb_printf(&sql, "DROP TABLE _moved");
    oro_bb_u8(&sql, 0);
    oro_status st = db_exec(db, (const char *)sql.data, err);
    oro_bb_fini(&sql);
    return st;
}

/* Writes the table again with its new columns or key. */
static oro_status
rebuild_table(struct db *db, const struct layout *old, const struct oro_table_def *now,
              struct oro_err *err)
{
    struct oro_bb sql = {0};
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
        st = catalog_count_rows(db, "_orochi_rebuilt", &before, err);
    if (st == ORO_OK && before > 0)
        st = copy_rows(db, "_orochi_rebuilt", old->def, &to, err);
    if (st == ORO_OK)
        st = catalog_count_rows(db, to.sql_name, &after, err);
    if (st == ORO_OK && before != after)
        st = oro_err_set(err, ORO_EINVAL,
                         "table %s has %lld rows but only %lld values of its new primary key",
                         now->name, (long long)before, (long long)after);
    if (st == ORO_OK)
        st = drop_table(db, "_orochi_rebuilt", err);
    layout_fini(&to);
    oro_bb_fini(&sql);
    return st == ORO_OK ? move_sequences(db, old, now, err) : st;
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
            db,
            "INSERT INTO _orochi_columns SELECT id, ?, ?, ?, ? FROM _orochi_schema WHERE name = ?",
            &s, err);
    if (st != ORO_OK)
        return st;
    for (uint32_t i = 0; st == ORO_OK && i < t->row->nelems; i++) {
        oro_bb_clear(&json);
        oro_type_to_json(t->row->elems[i].type, &json);
        db_bind_int(s, 1, i);
        db_bind_text(s, 2, oro_bytes_str(t->row->elems[i].name));
        db_bind_text(s, 3, oro_bb_bytes(&json));
        const struct oro_column_default *d = oro_table_default(t, i);
        if (d != NULL)
            db_bind_blob(s, 4, d->value);
        else
            db_bind_null(s, 4);
        db_bind_text(s, 5, oro_bytes_str(t->name));
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
    bool has_initial;
    oro_status st = catalog_has_initial(db, &has_initial, err);
    if (st == ORO_OK && !has_initial)
        st = db_exec(db, "ALTER TABLE _orochi_columns ADD COLUMN initial BLOB", err);
    if (st == ORO_OK)
        st = db_exec(db, "DELETE FROM _orochi_columns; DELETE FROM _orochi_types", err);
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
        const struct oro_table_def *now = catalog_counterpart(schema, l->def);
        if (now == NULL)
            st = remove_table(db, l, err);
        else if (now->pk != l->def->pk || !oro_type_eq(l->def->row, now->row))
            st = rebuild_table(db, l, now, err);
    }
    for (uint32_t i = 0; st == ORO_OK && i < schema->ntables; i++) {
        const struct oro_table_def *t = &schema->tables[i];
        if (!t->is_event && catalog_stored(stored, t->name) == NULL)
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
