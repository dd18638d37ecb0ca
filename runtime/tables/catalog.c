#include "runtime/tables/catalog.h"

#include <stdio.h>
#include <string.h>

#include "bridge/bsatn/value.h"
#include "runtime/base/buf.h"
#include "runtime/log/record.h"

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

static oro_status
look_for_initial(struct db *db, bool *there, struct oro_err *err)
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
        st = look_for_initial(db, &c.has_initial, err);
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

/* "module.py:12: " */
static const char *
put_place(const struct oro_table_def *t, char *buf, size_t size)
{
    snprintf(buf, size, "%s%s", t->place != NULL ? t->place : "", t->place != NULL ? ": " : "");
    return buf;
}

static void
type_reason(const struct oro_table_def *t, const struct oro_elem *old, const struct oro_elem *now,
            struct oro_bb *out)
{
    struct oro_bb a = {0}, b = {0};
    oro_type_print(old->type, &a);
    oro_type_print(now->type, &b);
    char place[300];
    REASON(out,
           "%sChanging the type of column %s in table %s from %.*s to %.*s requires a manual "
           "migration (add a column of another name with the new type and a default, fill it in a "
           "reducer, then drop the old one)",
           put_place(t, place, sizeof(place)), old->name, t->name, (int)a.len, (const char *)a.data,
           (int)b.len, (const char *)b.data);
    oro_bb_fini(&a);
    oro_bb_fini(&b);
}

/* Whether all rows have in a column what it was added with: then nobody has written there. */
struct column_look {
    bool (*untouched)(void *arg, const struct oro_table_def *old, uint32_t col);
    void *arg;
};

static bool
is_source(const struct oro_table_def *old, const struct oro_table_def *now, uint32_t col)
{
    for (uint32_t i = 0; i < now->row->nelems; i++)
        if (oro_table_source(old, now, i) == (int)col)
            return true;
    return false;
}

static void
removed_reason(const struct oro_table_def *old, const struct oro_table_def *now, uint32_t col,
               const struct column_look *look, struct oro_bb *out)
{
    const char *name = old->row->elems[col].name;
    char place[300];
    if (oro_table_drops(now, name) ||
        (oro_table_default(old, col) != NULL && look->untouched(look->arg, old, col)))
        return;
    REASON(out,
           "%sRemoving a column %s from table %s requires a manual migration: put it back, or say "
           "what becomes of its values: @table(dropped=[\"%s\"]) gives them up, "
           "@table(renamed={\"%s\": \"its new name\"}) keeps them",
           put_place(now, place, sizeof(place)), name, now->name, name, name);
}

/* Stored columns have to be there, in their order, with their types, or to be given up; what follows them needs defaults. */
static void
column_reasons(const struct oro_table_def *old, const struct oro_table_def *now,
               const struct column_look *look, struct oro_bb *out)
{
    char place[300];
    int last = -1;
    bool moved = false, added = false;
    for (uint32_t i = 0; i < old->row->nelems; i++)
        if (!is_source(old, now, i))
            removed_reason(old, now, i, look, out);
    for (uint32_t i = 0; i < now->row->nelems; i++) {
        const struct oro_elem *e = &now->row->elems[i];
        int at = oro_table_source(old, now, i);
        if (at >= 0 && !oro_type_fits(old->row->elems[at].type, e->type))
            type_reason(now, &old->row->elems[at], e, out);
        if (at < 0 && oro_table_default(now, i) == NULL)
            REASON(out, "%sAdding a column %s to table %s requires a default value annotation",
                   put_place(now, place, sizeof(place)), e->name, now->name);
        moved |= at >= 0 && (at < last || added);
        added |= at < 0;
        last = at >= 0 ? at : last;
    }
    if (moved)
        REASON(out,
               "%sReordering table %s requires a manual migration: leave the columns in their "
               "order, and write new ones behind them",
               put_place(now, place, sizeof(place)), now->name);
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
              const struct column_look *look, struct oro_bb *reasons)
{
    const struct oro_table_def *now = counterpart(schema, old);
    if (rows == 0)
        return; /* nothing to lose: made anew */
    if (now == NULL && holds_only_a_timer(old))
        return; /* the function is gone, and so is its timer */
    if (now == NULL)
        REASON(reasons,
               "Cannot remove table `%s`: table contains data (%lld rows): keep its class, delete "
               "the rows in a reducer, then remove it",
               old->name, (long long)rows);
    else
        column_reasons(old, now, look, reasons);
}

bool
catalog_gives_up(const struct catalog *stored, const struct oro_schema *schema)
{
    for (uint32_t i = 0; i < stored->n; i++) {
        const struct oro_table_def *old = stored->items[i].def, *now = counterpart(schema, old);
        for (uint32_t k = 0; now != NULL && k < old->row->nelems; k++)
            if (!is_source(old, now, k) && oro_table_drops(now, old->row->elems[k].name))
                return true;
    }
    return false;
}

struct in_file {
    struct db *db;
    const struct layout *layout;
};

static bool
untouched_in_file(void *arg, const struct oro_table_def *old, uint32_t col)
{
    const struct in_file *f = arg;
    const struct oro_column_default *d = oro_table_default(old, col);
    struct oro_bb sql = {0};
    struct db_stmt *s;
    bool row = false, same = true;
    oro_bb_printf(&sql, "SELECT _row FROM ");
    db_put_name(&sql, f->layout->sql_name);
    oro_bb_u8(&sql, 0);
    oro_status st = db_prepare(f->db, (const char *)sql.data, &s, NULL);
    oro_bb_fini(&sql);
    if (st != ORO_OK)
        return false;
    while (same && (st = db_step(s, &row, NULL)) == ORO_OK && row) {
        struct oro_bytes b;
        same = layout_row(db_column_bytes(s, 0), &b, NULL) == ORO_OK &&
               oro_value_check(old->row, b, NULL) == ORO_OK &&
               oro_bytes_eq(record_column(old->row, b, (uint16_t)col), d->value);
    }
    db_finalize(s);
    return st == ORO_OK && same;
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
        struct in_file f = {db, l};
        table_reasons(l->def, n, schema, &(struct column_look){untouched_in_file, &f}, reasons);
    }
    return ORO_OK;
}

static bool
untouched_in_store(void *arg, const struct oro_table_def *old, uint32_t col)
{
    struct oro_session *se = arg;
    const struct oro_column_default *d = oro_table_default(old, col);
    struct oro_rows rows;
    bool same = true;
    oro_read_begin(se);
    oro_read_scan(se, old, &rows);
    for (size_t i = 0; same && i < rows.n; i++)
        same = oro_bytes_eq(record_column(old->row, rows.rows[i], (uint16_t)col), d->value);
    oro_read_end(se);
    return same;
}

void
catalog_store_reasons(struct oro_store *store, const struct oro_schema *schema,
                      struct oro_bb *reasons)
{
    const struct oro_schema *old = oro_store_schema(store);
    struct oro_session *se = oro_session_open(store);
    struct column_look look = {untouched_in_store, se};
    for (uint32_t i = 0; i < old->ntables; i++)
        if (!old->tables[i].is_event)
            table_reasons(&old->tables[i], (int64_t)oro_store_row_count(store, &old->tables[i]),
                          schema, &look, reasons);
    oro_session_close(se);
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
        st = count_rows(db, "_orochi_rebuilt", &before, err);
    if (st == ORO_OK && before > 0)
        st = copy_rows(db, "_orochi_rebuilt", old->def, &to, err);
    if (st == ORO_OK)
        st = count_rows(db, to.sql_name, &after, err);
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
    oro_status st = look_for_initial(db, &has_initial, err);
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
