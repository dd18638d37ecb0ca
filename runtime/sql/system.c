/* Tables that describe the module, for its owner to look at: st_table, st_column and others, as the reference calls them. They are no
 * tables of the store: their rows are made of the schema when somebody asks. What the reference has there as bytes or as sums
 * is text here: types as messages have them, lists of columns as JSON. */
#include "runtime/sql/sql_priv.h"

#include <stdio.h>
#include <string.h>

/* ---- values ---- */

enum cell_kind { CELL_U32, CELL_U16, CELL_BOOL, CELL_TEXT };

struct cell {
    uint32_t n;
    struct oro_bytes text;
};

#define COLUMNS_MOST 5

struct system_row {
    struct cell cells[COLUMNS_MOST];
};

struct rows {
    struct oro_arena arena; /* of texts */
    struct system_row *rows;
    size_t n, cap;
};

static const struct oro_type kinds[] = {
    [CELL_U32] = {.kind = ORO_U32, .fixed_size = 4},
    [CELL_U16] = {.kind = ORO_U16, .fixed_size = 2},
    [CELL_BOOL] = {.kind = ORO_BOOL, .fixed_size = 1},
    [CELL_TEXT] = {.kind = ORO_STRING},
};

static struct cell
number(uint32_t n)
{
    return (struct cell){.n = n};
}

static struct cell
text(const char *s) /* of the schema, or of this file */
{
    return (struct cell){.text = oro_bytes_str(s != NULL ? s : "")};
}

static struct cell
made_text(struct rows *r, struct oro_bb *bb)
{
    uint8_t *copy = oro_arena_alloc(&r->arena, bb->len + 1);
    memcpy(copy, bb->data != NULL ? bb->data : (const uint8_t *)"", bb->len);
    struct cell c = {.text = oro_bytes(copy, bb->len)};
    oro_bb_fini(bb);
    return c;
}

static struct cell
type_text(struct rows *r, const struct oro_type *t)
{
    struct oro_bb bb = {0};
    oro_type_print(oro_type_resolve(t), &bb);
    return made_text(r, &bb);
}

/* before [0,1] after */
static struct cell
columns_text(struct rows *r, const char *before, const struct oro_index_def *ix, const char *after)
{
    struct oro_bb bb = {0};
    oro_bb_printf(&bb, "%s[", before);
    for (uint16_t i = 0; i < ix->ncols; i++)
        oro_bb_printf(&bb, i > 0 ? ",%u" : "%u", ix->cols[i]);
    oro_bb_printf(&bb, "]%s", after);
    return made_text(r, &bb);
}

static void
add(struct rows *r, struct system_row row)
{
    r->rows = oro_grow(r->rows, r->n, &r->cap, sizeof(row));
    r->rows[r->n++] = row;
}

/* ---- what is in them ---- */

static void
fill_table(const struct oro_schema *s, struct rows *r)
{
    for (uint32_t i = 0; i < s->ntables; i++) {
        const struct oro_table_def *t = &s->tables[i];
        const struct oro_index_def *pk = oro_table_primary_index(t);
        add(r, (struct system_row){{number(t->id), text(t->name),
                                    text(t->id < 4096 ? "system" : "user"),
                                    text(t->is_public ? "public" : "private"),
                                    pk != NULL ? columns_text(r, "", pk, "") : text("[]")}});
    }
}

static void
fill_column(const struct oro_schema *s, struct rows *r)
{
    for (uint32_t i = 0; i < s->ntables; i++) {
        const struct oro_type *row = oro_table_shown(&s->tables[i]);
        for (uint32_t c = 0; c < row->nelems; c++)
            add(r,
                (struct system_row){{number(s->tables[i].id), number(c), text(row->elems[c].name),
                                     type_text(r, row->elems[c].type)}});
    }
}

/* Indexes are counted through all tables; those of views tell apart whose rows they are, and are ours. */
static void
each_index(const struct oro_schema *s, struct rows *r,
           void (*each)(struct rows *r, const struct oro_table_def *t,
                        const struct oro_index_def *ix, uint32_t id))
{
    uint32_t id = 0;
    for (uint32_t i = 0; i < s->ntables; i++)
        for (uint32_t k = 0; s->tables[i].view == NULL && k < s->tables[i].nindexes; k++)
            each(r, &s->tables[i], &s->tables[i].indexes[k], ++id);
}

static void
add_index(struct rows *r, const struct oro_table_def *t, const struct oro_index_def *ix,
          uint32_t id)
{
    static const char *const algorithms[] = {
        [ORO_INDEX_BTREE] = "{\"BTree\":",
        [ORO_INDEX_HASH] = "{\"Hash\":",
        [ORO_INDEX_DIRECT] = "{\"Direct\":",
    };
    add(r, (struct system_row){{number(id), number(t->id), text(ix->name),
                                columns_text(r, algorithms[ix->kind], ix, "}")}});
}

static void
add_constraint(struct rows *r, const struct oro_table_def *t, const struct oro_index_def *ix,
               uint32_t id)
{
    if (!ix->unique)
        return;
    struct oro_bb name = {0};
    oro_bb_printf(&name, "%s", t->name);
    for (uint16_t i = 0; i < ix->ncols; i++)
        oro_bb_printf(&name, "_%s", t->row->elems[ix->cols[i]].name);
    oro_bb_printf(&name, "_key");
    add(r, (struct system_row){{number(id), made_text(r, &name), number(t->id),
                                columns_text(r, "{\"Unique\":", ix, "}")}});
}

static void
fill_index(const struct oro_schema *s, struct rows *r)
{
    each_index(s, r, add_index);
}

static void
fill_constraint(const struct oro_schema *s, struct rows *r)
{
    each_index(s, r, add_constraint);
}

static void
fill_sequence(const struct oro_schema *s, struct rows *r)
{
    uint32_t id = 0;
    for (uint32_t i = 0; i < s->ntables; i++)
        for (uint32_t k = 0; k < s->tables[i].nsequences; k++)
            add(r, (struct system_row){{number(++id), text(s->tables[i].sequences[k].name),
                                        number(s->tables[i].id),
                                        number(s->tables[i].sequences[k].col)}});
}

static void
fill_scheduled(const struct oro_schema *s, struct rows *r)
{
    uint32_t id = 0;
    for (uint32_t i = 0; i < s->ntables; i++)
        if (s->tables[i].schedule_at_col >= 0)
            add(r, (struct system_row){{number(++id), number(s->tables[i].id),
                                        text(s->tables[i].schedule_fn),
                                        number((uint32_t)s->tables[i].schedule_at_col)}});
}

static void
fill_rules(const struct oro_schema *s, struct rows *r)
{
    for (uint32_t i = 0; i < s->ntables; i++)
        for (uint32_t k = 0; k < s->tables[i].nrules; k++)
            add(r, (struct system_row){{number(s->tables[i].id), text(s->tables[i].rules[k])}});
}

static void
fill_view(const struct oro_schema *s, struct rows *r)
{
    for (uint32_t i = 0; i < s->nviews; i++)
        add(r, (struct system_row){
                   {number(i + 1), text(s->views[i].name), number(s->views[i].table->id),
                    number(s->views[i].table->is_public), number(s->views[i].is_anonymous)}});
}

static void
add_elements(struct rows *r, uint32_t id, const struct oro_type *product)
{
    for (uint32_t c = 0; c < product->nelems; c++)
        add(r, (struct system_row){{number(id), number(c), text(product->elems[c].name),
                                    type_text(r, product->elems[c].type)}});
}

static void
fill_view_param(const struct oro_schema *s, struct rows *r)
{
    for (uint32_t i = 0; i < s->nviews; i++)
        add_elements(r, i + 1, s->views[i].fn->params);
}

static void
fill_view_column(const struct oro_schema *s, struct rows *r)
{
    for (uint32_t i = 0; i < s->nviews; i++)
        add_elements(r, i + 1, s->views[i].row);
}

static void
fill_event_table(const struct oro_schema *s, struct rows *r)
{
    for (uint32_t i = 0; i < s->ntables; i++)
        if (s->tables[i].is_event)
            add(r, (struct system_row){{number(s->tables[i].id)}});
}

/* ---- the tables ---- */

struct system_column {
    const char *name; /* NULL: behind the last one */
    enum cell_kind kind;
};

static const struct system_table {
    const char *name;
    struct system_column columns[COLUMNS_MOST + 1];
    void (*fill)(const struct oro_schema *s, struct rows *r);
} tables[] = {
    {"st_table",
     {{"table_id", CELL_U32},
      {"table_name", CELL_TEXT},
      {"table_type", CELL_TEXT},
      {"table_access", CELL_TEXT},
      {"table_primary_key", CELL_TEXT}},
     fill_table},
    {"st_column",
     {{"table_id", CELL_U32},
      {"col_pos", CELL_U16},
      {"col_name", CELL_TEXT},
      {"col_type", CELL_TEXT}},
     fill_column},
    {"st_index",
     {{"index_id", CELL_U32},
      {"table_id", CELL_U32},
      {"index_name", CELL_TEXT},
      {"index_algorithm", CELL_TEXT}},
     fill_index},
    {"st_constraint",
     {{"constraint_id", CELL_U32},
      {"constraint_name", CELL_TEXT},
      {"table_id", CELL_U32},
      {"constraint_data", CELL_TEXT}},
     fill_constraint},
    {"st_sequence",
     {{"sequence_id", CELL_U32},
      {"sequence_name", CELL_TEXT},
      {"table_id", CELL_U32},
      {"col_pos", CELL_U16}},
     fill_sequence},
    {"st_scheduled",
     {{"schedule_id", CELL_U32},
      {"table_id", CELL_U32},
      {"reducer_name", CELL_TEXT},
      {"at_column", CELL_U16}},
     fill_scheduled},
    {"st_row_level_security", {{"table_id", CELL_U32}, {"sql", CELL_TEXT}}, fill_rules},
    {"st_view",
     {{"view_id", CELL_U32},
      {"view_name", CELL_TEXT},
      {"table_id", CELL_U32},
      {"is_public", CELL_BOOL},
      {"is_anonymous", CELL_BOOL}},
     fill_view},
    {"st_view_param",
     {{"view_id", CELL_U32},
      {"param_pos", CELL_U16},
      {"param_name", CELL_TEXT},
      {"param_type", CELL_TEXT}},
     fill_view_param},
    {"st_view_column",
     {{"view_id", CELL_U32},
      {"col_pos", CELL_U16},
      {"col_name", CELL_TEXT},
      {"col_type", CELL_TEXT}},
     fill_view_column},
    {"st_event_table", {{"table_id", CELL_U32}}, fill_event_table},
};
_Static_assert(ORO_ARRAY_LEN(tables) == SQL_SYSTEM_TABLES, "a module for each");

bool
sql_system_is(const char *name)
{
    for (size_t i = 0; i < ORO_ARRAY_LEN(tables); i++)
        if (sqlite3_stricmp(tables[i].name, name) == 0)
            return true;
    return false;
}

const struct oro_type *
sql_system_type(const char *decltype)
{
    unsigned kind;
    if (sscanf(decltype, "Y%u", &kind) != 1)
        return NULL;
    ORO_ASSERT(kind < ORO_ARRAY_LEN(kinds));
    return &kinds[kind];
}

/* ---- for SQLite ---- */

struct system_vtab {
    sqlite3_vtab base; /* first */
    struct sql_engine *engine;
    const struct system_table *table;
};

struct system_cursor {
    sqlite3_vtab_cursor base; /* first */
    struct rows rows;
    size_t at;
};

static int
declare(struct sql_engine *e, const struct system_table *t)
{
    struct oro_bb bb = {0};
    oro_bb_printf(&bb, "CREATE TABLE x(");
    for (const struct system_column *c = t->columns; c->name != NULL; c++)
        oro_bb_printf(&bb, "%s%s Y%d %s NOT NULL", c > t->columns ? "," : "", c->name, (int)c->kind,
                      c->kind == CELL_TEXT ? "TEXT" : "INT");
    oro_bb_put(&bb, ")", 2);
    e->declaring = true;
    int rc = sqlite3_declare_vtab(e->db, (const char *)bb.data);
    e->declaring = false;
    oro_bb_fini(&bb);
    return rc;
}

static int
connect(sqlite3 *db, void *arg, int argc, const char *const *argv, sqlite3_vtab **out, char **why)
{
    const struct sql_system *m = arg;
    struct system_vtab *t = sqlite3_malloc(sizeof(*t));
    (void)db, (void)argc, (void)argv, (void)why;
    if (t == NULL)
        return SQLITE_NOMEM;
    *t = (struct system_vtab){.engine = m->engine, .table = &tables[m->which]};
    int rc = declare(t->engine, t->table);
    if (rc != SQLITE_OK)
        sqlite3_free(t);
    else
        *out = &t->base;
    return rc;
}

static int
disconnect(sqlite3_vtab *base)
{
    sqlite3_free(base);
    return SQLITE_OK;
}

/* They are small: there is one plan. */
static int
best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    (void)base;
    info->estimatedCost = info->estimatedRows = 100;
    return SQLITE_OK;
}

static int
open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    struct system_cursor *c = sqlite3_malloc(sizeof(*c));
    (void)base;
    if (c == NULL)
        return SQLITE_NOMEM;
    *c = (struct system_cursor){0};
    *out = &c->base;
    return SQLITE_OK;
}

static void
forget(struct system_cursor *c)
{
    oro_free(c->rows.rows);
    oro_arena_fini(&c->rows.arena);
    c->rows = (struct rows){0};
    c->at = 0;
}

static int
close_cursor(sqlite3_vtab_cursor *base)
{
    forget((struct system_cursor *)base);
    sqlite3_free(base);
    return SQLITE_OK;
}

static int
filter(sqlite3_vtab_cursor *base, int plan, const char *text, int argc, sqlite3_value **argv)
{
    struct system_cursor *c = (struct system_cursor *)base;
    const struct system_vtab *t = (const struct system_vtab *)base->pVtab;
    (void)plan, (void)text, (void)argc, (void)argv;
    forget(c);
    oro_arena_init(&c->rows.arena);
    t->table->fill(t->engine->schema, &c->rows);
    return sql_engine_pay(t->engine, 1 + c->rows.n) ? SQLITE_OK : SQLITE_INTERRUPT;
}

static int
next(sqlite3_vtab_cursor *base)
{
    ((struct system_cursor *)base)->at++;
    return SQLITE_OK;
}

static int
eof(sqlite3_vtab_cursor *base)
{
    const struct system_cursor *c = (const struct system_cursor *)base;
    return c->at >= c->rows.n;
}

static int
column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int col)
{
    const struct system_cursor *c = (const struct system_cursor *)base;
    const struct system_vtab *t = (const struct system_vtab *)base->pVtab;
    const struct cell *cell = &c->rows.rows[c->at].cells[col];
    if (t->table->columns[col].kind == CELL_TEXT)
        sqlite3_result_text(ctx, (const char *)cell->text.data, (int)cell->text.len,
                            SQLITE_TRANSIENT);
    else
        sqlite3_result_int64(ctx, cell->n);
    return SQLITE_OK;
}

static int
rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((const struct system_cursor *)base)->at;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = eof,
    .xColumn = column,
    .xRowid = rowid,
};

int
sql_system_register(struct sql_engine *e)
{
    int rc = SQLITE_OK;
    for (unsigned i = 0; i < ORO_ARRAY_LEN(tables) && rc == SQLITE_OK; i++) {
        e->systems[i] = (struct sql_system){.engine = e, .which = i};
        if (oro_schema_table(e->schema, oro_bytes_str(tables[i].name)) == NULL)
            rc = sqlite3_create_module_v2(e->db, tables[i].name, &module, &e->systems[i], NULL);
    }
    return rc;
}
