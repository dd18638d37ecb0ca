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

/* ---- rows that a hook makes ---- */

struct put {
    struct db *db;
    struct layout *to;
    struct oro_bb key;
};

static oro_status
put_row(void *arg, struct oro_bytes row, struct oro_err *err)
{
    struct put *p = arg;
    oro_bb_clear(&p->key);
    layout_key(p->to, row, &p->key);
    return layout_put(p->to, p->db, oro_bb_bytes(&p->key), row, err);
}

static oro_status
map_stored(struct db *db, const char *from, struct oro_migration *m, struct oro_err *err)
{
    struct oro_bb sql = {0};
    struct db_stmt *s = NULL;
    bool row;
    oro_bb_printf(&sql, "SELECT _row FROM ");
    db_put_name(&sql, from);
    oro_bb_u8(&sql, 0);
    oro_status st = db_prepare(db, (const char *)sql.data, &s, err);
    while (st == ORO_OK && (st = db_step(s, &row, err)) == ORO_OK && row) {
        struct oro_bytes was = {0};
        st = layout_row(db_column_bytes(s, 0), &was, err);
        if (st == ORO_OK)
            st = oro_value_check(m->old->row, was, err);
        if (st != ORO_OK)
            oro_err_wrap(err, "table %s: a stored row", m->now->name);
        else
            st = oro_migration_add(m, was, err);
    }
    db_finalize(s);
    oro_bb_fini(&sql);
    return st == ORO_OK ? oro_migration_end(m, err) : st;
}

/* The store has been carried over already, and all of it was on disk before: what it has is what the file is to have. */
static oro_status
take_made(struct oro_store *made, struct oro_migration *m, struct oro_err *err)
{
    struct oro_session *se = oro_session_open(made);
    struct oro_rows rows;
    oro_status st = ORO_OK;
    oro_read_begin(se);
    oro_read_scan(se, m->now, &rows);
    for (size_t i = 0; st == ORO_OK && i < rows.n; i++)
        st = m->put(m->arg, rows.rows[i], err);
    m->kept = rows.n;
    oro_read_end(se);
    oro_session_close(se);
    return st;
}

/* What rows made anew have in an auto_inc column may be beyond what the sequence has given. */
static oro_status
raise_sequences(struct db *db, const struct layout *to, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < to->def->nsequences; i++) {
        uint32_t col = to->def->sequences[i].col;
        struct oro_bb sql = {0};
        if (col >= to->ncolumns)
            continue;
        oro_bb_printf(&sql,
                      "UPDATE _orochi_sequences SET allocated = max(allocated, coalesce((SELECT "
                      "max(");
        db_put_name(&sql, to->columns[col]);
        oro_bb_printf(&sql, ") + 1 FROM ");
        db_put_name(&sql, to->sql_name);
        oro_bb_printf(&sql, " WHERE typeof(");
        db_put_name(&sql, to->columns[col]);
        oro_bb_printf(&sql, ") = 'integer'), 1)) WHERE table_id = %u AND column = %u", to->id, col);
        oro_bb_u8(&sql, 0);
        st = db_exec(db, (const char *)sql.data, err);
        oro_bb_fini(&sql);
    }
    return st;
}

/* Of what the hook made. *rows: how many there have to be. */
static oro_status
map_rows(struct db *db, const struct catalog *stored, const struct catalog_hooks *hooks,
         const struct layout *old, struct layout *to, int64_t *rows, struct oro_err *err)
{
    ORO_ASSERT(hooks->by != NULL || hooks->made != NULL);
    struct put put = {.db = db, .to = to};
    struct oro_bb twice = {0};
    struct oro_migration m = {.by = hooks->by,
                              .types = &stored->types,
                              .old = old->def,
                              .now = to->def,
                              .put = put_row,
                              .arg = &put};
    oro_status st = hooks->made != NULL ? take_made(hooks->made, &m, err)
                                        : map_stored(db, "_orochi_rebuilt", &m, err);
    layout_unprepare(to);
    if (st == ORO_OK && hooks->made == NULL)
        st = catalog_unique(db, to, to->def, &twice, err);
    if (st == ORO_OK && twice.len > 0)
        st = oro_err_set(err, ORO_EINVAL, "after its @migration hook, %.*s", (int)twice.len,
                         (const char *)twice.data);
    if (st == ORO_OK && hooks->told != NULL)
        oro_bb_printf(hooks->told, "table %s: %llu rows by its hook %s, %llu dropped\n",
                      to->def->name, (unsigned long long)m.kept, to->def->migration,
                      (unsigned long long)m.dropped);
    /* Without a key, equal rows are one. */
    if (st == ORO_OK && to->def->pk >= 0)
        *rows = (int64_t)m.kept;
    else if (st == ORO_OK)
        st = catalog_count_rows(db, to->sql_name, rows, err);
    oro_migration_fini(&m);
    oro_bb_fini(&put.key);
    oro_bb_fini(&twice);
    return st;
}

/* ---- tables ---- */

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

static bool
is_mapped(const struct catalog_hooks *hooks, const struct oro_schema *schema,
          const struct oro_table_def *now)
{
    return hooks->mapped != NULL && hooks->mapped[now - schema->tables];
}

/* Writes the table again with its new columns or key. */
static oro_status
rebuild_table(struct db *db, const struct catalog *stored, const struct layout *old,
              const struct oro_table_def *now, const struct catalog_hooks *hooks, bool mapped,
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
    if (st == ORO_OK && before > 0 && mapped)
        st = map_rows(db, stored, hooks, old, &to, &before, err);
    else if (st == ORO_OK && before > 0)
        st = copy_rows(db, "_orochi_rebuilt", old->def, &to, err);
    if (st == ORO_OK)
        st = catalog_count_rows(db, to.sql_name, &after, err);
    if (st == ORO_OK && before != after && now->pk < 0)
        st = oro_err_set(err, ORO_EINVAL,
                         "table %s has %lld rows, but without the columns that go only %lld differ: keep a column that tells "
                         "them apart",
                         now->name, (long long)before, (long long)after);
    else if (st == ORO_OK && before != after)
        st = oro_err_set(err, ORO_EINVAL,
                         "table %s has %lld rows%s%s but only %lld values of its new primary key %s",
                         now->name, (long long)before, mapped ? " by its hook " : "",
                         mapped ? now->migration : "", (long long)after,
                         now->row->elems[now->pk].name);
    if (st == ORO_OK)
        st = drop_table(db, "_orochi_rebuilt", err);
    if (st == ORO_OK)
        st = move_sequences(db, old, now, err);
    if (st == ORO_OK && mapped)
        st = raise_sequences(db, &to, err);
    layout_fini(&to);
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
        if (oro_table_is_kept(&schema->tables[i]))
            st = store_columns(db, &schema->tables[i], err);
    return st;
}

static oro_status
migrate(struct db *db, const struct catalog *stored, const struct oro_schema *schema,
        const struct catalog_hooks *hooks, struct oro_err *err)
{
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < stored->n; i++) {
        const struct layout *l = &stored->items[i];
        const struct oro_table_def *now = catalog_counterpart(schema, l->def);
        if (now == NULL)
            st = remove_table(db, l, err);
        else if (now->pk != l->def->pk || !oro_type_eq(l->def->row, now->row) ||
                 is_mapped(hooks, schema, now))
            st = rebuild_table(db, stored, l, now, hooks, is_mapped(hooks, schema, now), err);
    }
    for (uint32_t i = 0; st == ORO_OK && i < schema->ntables; i++) {
        const struct oro_table_def *t = &schema->tables[i];
        if (oro_table_is_kept(t) && catalog_stored(stored, t->name) == NULL)
            st = create_table(db, t, err);
    }
    return st == ORO_OK ? store_schema(db, schema, err) : st;
}

oro_status
catalog_migrate(struct db *db, const struct catalog *stored, const struct oro_schema *schema,
                const struct catalog_hooks *hooks, struct oro_err *err)
{
    oro_status st = db_exec(db, "BEGIN IMMEDIATE", err);
    if (st == ORO_OK)
        st = migrate(db, stored, schema, hooks, err);
    if (st == ORO_OK)
        st = db_exec(db, "COMMIT", err);
    db_rollback(db);
    return st;
}

/* ---- in words ---- */

static const char *
source_of(const struct oro_table_def *old, const struct oro_table_def *now, uint32_t col,
          uint32_t *to)
{
    for (*to = 0; *to < now->row->nelems; ++*to)
        if (oro_table_source(old, now, *to) == (int)col)
            return now->row->elems[*to].name;
    return NULL;
}

static void
tell_old_column(const struct oro_table_def *old, const struct oro_table_def *now, uint32_t col,
                struct oro_bb *out)
{
    const struct oro_elem *e = &old->row->elems[col];
    uint32_t to;
    const char *name = source_of(old, now, col, &to);
    if (name == NULL)
        oro_bb_printf(out, "table %s: column %s goes\n", now->name, e->name);
    else if (strcmp(name, e->name) != 0)
        oro_bb_printf(out, "table %s: column %s is %s now\n", now->name, e->name, name);
    if (name != NULL && !oro_type_eq(e->type, now->row->elems[to].type))
        oro_bb_printf(out, "table %s: the type of column %s changes\n", now->name, name);
}

static void
tell_table(const struct oro_table_def *old, const struct oro_table_def *now, bool mapped,
           struct oro_bb *out)
{
    for (uint32_t i = 0; i < old->row->nelems; i++)
        tell_old_column(old, now, i, out);
    for (uint32_t i = 0; i < now->row->nelems; i++)
        if (oro_table_source(old, now, i) < 0)
            oro_bb_printf(out, "table %s: column %s is new\n", now->name, now->row->elems[i].name);
    if (old->pk != now->pk)
        oro_bb_printf(out, "table %s: the primary key changes\n", now->name);
    if (mapped)
        oro_bb_printf(out, "table %s: each row goes through the hook %s\n", now->name,
                      now->migration);
}

void
catalog_tell(const struct catalog *stored, const struct oro_schema *schema, const bool *mapped,
             struct oro_bb *out)
{
    for (uint32_t i = 0; i < stored->n; i++) {
        const struct oro_table_def *old = stored->items[i].def;
        const struct oro_table_def *now = catalog_counterpart(schema, old);
        if (now != NULL)
            tell_table(old, now, mapped != NULL && mapped[now - schema->tables], out);
        else
            oro_bb_printf(out, "table %s goes\n", old->name);
    }
    for (uint32_t i = 0; i < schema->ntables; i++)
        if (oro_table_is_kept(&schema->tables[i]) &&
            catalog_stored(stored, schema->tables[i].name) == NULL)
            oro_bb_printf(out, "table %s is new\n", schema->tables[i].name);
}
