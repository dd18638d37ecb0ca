/* A table of ours as SQLite sees it: eponymous, so it is there without being created, and read-only.
 *
 * A plan (xBestIndex) is an index, how many of its first columns are equal to something, the bounds of the next one, and the
 * direction; it fits idxNum. SQLite compares each row again with what the plan was made from, so a plan may give more rows
 * than were asked for, in the order that it promised. */
#include "runtime/sql/sql_priv.h"

#include "runtime/store/tx.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BATCH ORO_READ_MOST /* rows that are taken from the store at once, at most */
#define FIRST_BATCH 8

struct column {
    const struct oro_type *type;
    enum sql_rep rep; /* of an option what is in it */
    bool option;
    char collation[32];
};

struct table {
    sqlite3_vtab base; /* first */
    struct sql_engine *engine;
    const struct oro_table_def *def;
    struct sql_module *module;
    struct column *columns;
};

struct cursor {
    sqlite3_vtab_cursor base;       /* first */
    const struct oro_index_def *ix; /* NULL: all rows */
    struct oro_range range;         /* its bytes are in: */
    struct oro_bb prefix, lo, hi;
    struct oro_place place;
    size_t n, at;
    const struct oro_bytes *now; /* n rows, here or in the arena of a transaction */
    unsigned batch;
    struct oro_bytes rows[BATCH];
};

/* ---- plans ---- */

enum {
    PLAN_INDEX = 1 << 8, /* slot in the bits from 16 on; else all rows */
    PLAN_LO = 1 << 9,
    PLAN_LO_EQ = 1 << 10,
    PLAN_HI = 1 << 11,
    PLAN_HI_EQ = 1 << 12,
    PLAN_DOWN = 1 << 13,
    PLAN_PREFIX = 0xff,
};

#define MOST_PREFIX 32

struct plan {
    int bits;
    int prefix[MOST_PREFIX], lo, hi; /* constraints; -1: none */
    unsigned nprefix;
    bool ordered, one;
    double rows, cost;
};

static unsigned
op_bit(unsigned char op)
{
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        return 1;
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_GE:
        return 2;
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_LE:
        return 4;
    default:
        return 0;
    }
}

/* One that compares the column as an index of ours does. */
static int
constraint_on(const struct table *t, sqlite3_index_info *info, unsigned col, unsigned ops)
{
    const struct column *c = &t->columns[col];
    if (c->rep == REP_JSON || (c->option && ops != 1))
        return -1;
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *k = &info->aConstraint[i];
        if (k->usable && k->iColumn == (int)col && (op_bit(k->op) & ops) != 0 &&
            sqlite3_stricmp(sqlite3_vtab_collation(info, i), c->collation) == 0)
            return i;
    }
    return -1;
}

/* Our order of the column is SQLite's: not with NULL, nor with NaN. */
static bool
is_ordered_alike(const struct column *c)
{
    return !c->option && c->rep != REP_JSON && c->rep != REP_REAL;
}

static bool
is_equal_column(const struct oro_index_def *ix, unsigned nprefix, int col)
{
    for (unsigned i = 0; i < nprefix; i++)
        if (ix->cols[i] == col)
            return true;
    return false;
}

/* The rows come as ORDER BY wants them; *down: by walking backwards. */
static bool
gives_order(const struct table *t, const sqlite3_index_info *info, const struct oro_index_def *ix,
            unsigned nprefix, bool *down)
{
    unsigned at = nprefix;
    for (int i = 0; i < info->nOrderBy; i++) {
        int col = info->aOrderBy[i].iColumn;
        bool desc = info->aOrderBy[i].desc != 0;
        if (is_equal_column(ix, nprefix, col))
            continue;
        if (at == ix->ncols || ix->cols[at] != col || !is_ordered_alike(&t->columns[col]) ||
            (at > nprefix && desc != *down))
            return false;
        *down = desc;
        at++;
    }
    return true;
}

static void
plan_bounds(const struct table *t, sqlite3_index_info *info, const struct oro_index_def *ix,
            struct plan *p)
{
    p->lo = constraint_on(t, info, ix->cols[p->nprefix], 2);
    p->hi = constraint_on(t, info, ix->cols[p->nprefix], 4);
    if (p->lo >= 0)
        p->bits |=
            PLAN_LO | (info->aConstraint[p->lo].op == SQLITE_INDEX_CONSTRAINT_GE ? PLAN_LO_EQ : 0);
    if (p->hi >= 0)
        p->bits |=
            PLAN_HI | (info->aConstraint[p->hi].op == SQLITE_INDEX_CONSTRAINT_LE ? PLAN_HI_EQ : 0);
}

/* Without statistics: an equality leaves some ten rows, or one; a bound a quarter. */
static double
rows_left(const struct oro_index_def *ix, const struct plan *p, double n)
{
    if (p->nprefix == ix->ncols)
        return ix->unique ? 1 : fmin(n, 10 + n / 1000);
    double rows = p->nprefix > 0 ? fmin(n, 10 + n / 1000) : n;
    return fmax(rows * (p->lo >= 0 ? 0.25 : 1) * (p->hi >= 0 ? 0.25 : 1), 1);
}

static bool
plan_index(const struct table *t, sqlite3_index_info *info, const struct oro_index_def *ix,
           double n, struct plan *p)
{
    int c;
    *p = (struct plan){.lo = -1, .hi = -1};
    while (p->nprefix < ix->ncols && p->nprefix < MOST_PREFIX &&
           (c = constraint_on(t, info, ix->cols[p->nprefix], 1)) >= 0)
        p->prefix[p->nprefix++] = c;
    bool point = p->nprefix == ix->ncols;
    if (!point && ix->kind != ORO_INDEX_BTREE)
        return false;
    if (!point)
        plan_bounds(t, info, ix, p);
    bool down = false;
    p->one = point && ix->unique;
    p->ordered = info->nOrderBy > 0 && (p->one || gives_order(t, info, ix, p->nprefix, &down));
    p->bits |=
        PLAN_INDEX | (int)p->nprefix | (int)(ix->slot << 16) | (p->ordered && down ? PLAN_DOWN : 0);
    p->rows = rows_left(ix, p, n);
    p->cost = p->rows * 1.1 + log2(n + 2);
    return p->nprefix > 0 || p->lo >= 0 || p->hi >= 0 || p->ordered;
}

static double
with_sort(const sqlite3_index_info *info, const struct plan *p)
{
    bool sort = info->nOrderBy > 0 && !p->ordered;
    return p->cost + (sort ? p->rows * log2(p->rows + 2) : 0);
}

static void
plan_give(const struct plan *p, sqlite3_index_info *info)
{
    int args = 0;
    for (unsigned i = 0; i < p->nprefix; i++)
        info->aConstraintUsage[p->prefix[i]].argvIndex = ++args;
    if (p->lo >= 0)
        info->aConstraintUsage[p->lo].argvIndex = ++args;
    if (p->hi >= 0)
        info->aConstraintUsage[p->hi].argvIndex = ++args;
    info->idxNum = p->bits;
    info->orderByConsumed = p->ordered;
    info->estimatedCost = p->cost;
    info->estimatedRows = (sqlite3_int64)p->rows;
    info->idxFlags = p->one ? SQLITE_INDEX_SCAN_UNIQUE : 0;
}

static int
best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    struct table *t = (struct table *)base;
    double n = (double)oro_store_row_count(t->engine->ask->store, t->def);
    struct plan best = {.lo = -1, .hi = -1, .rows = fmax(n, 1), .cost = n + 2}, p;
    /* A view's only index is on the column that nobody can name; filter() takes it in any case. */
    uint32_t nindexes = t->def->view == NULL ? t->def->nindexes : 0;
    for (uint32_t i = 0; i < nindexes; i++)
        if (plan_index(t, info, &t->def->indexes[i], n, &p) &&
            with_sort(info, &p) < with_sort(info, &best))
            best = p;
    plan_give(&best, info);
    return SQLITE_OK;
}

/* ---- a table ---- */

static void
put_name(struct oro_bb *out, const char *name)
{
    oro_bb_u8(out, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"')
            oro_bb_u8(out, '"');
        oro_bb_u8(out, (uint8_t)*name);
    }
    oro_bb_u8(out, '"');
}

/* What comparisons of the column go by. */
static int
choose_collation(struct table *t, uint32_t slot, uint32_t col)
{
    struct column *c = &t->columns[col];
    const struct oro_type *in = sql_inner_type(c->type);
    strcpy(c->collation, "BINARY");
    if (c->rep == REP_HEX || c->rep == REP_UUID)
        strcpy(c->collation, "NOCASE");
    if (c->rep == REP_WIDE)
        strcpy(c->collation, "oro_number");
    if (c->rep != REP_ENUM)
        return SQLITE_OK;
    snprintf(c->collation, sizeof(c->collation), "oro_e%u_%u", slot, col);
    return sqlite3_create_collation(t->engine->db, c->collation, SQLITE_UTF8, (void *)(uintptr_t)in,
                                    sql_collate_enum);
}

static int
declare(struct table *t, uint32_t slot)
{
    struct oro_bb bb = {0};
    int rc = SQLITE_OK;
    oro_bb_printf(&bb, "CREATE TABLE x(");
    for (uint32_t i = 0; i < oro_table_shown(t->def)->nelems && rc == SQLITE_OK; i++) {
        const char *name = t->def->row->elems[i].name;
        struct column *c = &t->columns[i];
        c->type = oro_type_resolve(t->def->row->elems[i].type);
        c->rep = sql_rep_of(c->type);
        c->option = c->rep == REP_OPTION;
        if (c->option)
            c->rep = sql_rep_of(sql_inner_type(c->type));
        rc = choose_collation(t, slot, i);
        if (i > 0)
            oro_bb_u8(&bb, ',');
        put_name(&bb, name);
        /* A float may be NaN, which is NULL here. */
        bool null = c->option || c->rep == REP_REAL;
        oro_bb_printf(&bb, " T%uC%u %s COLLATE %s%s", slot, i, sql_affinity(c->type), c->collation,
                      null ? "" : " NOT NULL");
    }
    oro_bb_put(&bb, ")", 2);
    t->engine->declaring = true;
    if (rc == SQLITE_OK)
        rc = sqlite3_declare_vtab(t->engine->db, (const char *)bb.data);
    t->engine->declaring = false;
    oro_bb_fini(&bb);
    return rc;
}

static int
connect(sqlite3 *db, void *arg, int argc, const char *const *argv, sqlite3_vtab **out, char **why)
{
    struct sql_module *m = arg;
    const struct oro_schema *schema = m->engine->schema;
    struct table *t = sqlite3_malloc(sizeof(*t));
    struct column *columns = sqlite3_malloc64((m->def->row->nelems + 1) * sizeof(*columns));
    if (t == NULL || columns == NULL) {
        sqlite3_free(t);
        sqlite3_free(columns);
        return SQLITE_NOMEM;
    }
    *t = (struct table){.engine = m->engine, .def = m->def, .module = m, .columns = columns};
    int rc = declare(t, (uint32_t)(m->def - schema->tables));
    if (rc != SQLITE_OK) {
        sqlite3_free(columns);
        sqlite3_free(t);
        return rc;
    }
    *out = &t->base;
    return SQLITE_OK;
}

static int
disconnect(sqlite3_vtab *base)
{
    struct table *t = (struct table *)base;
    sqlite3_free(t->columns);
    sqlite3_free(t);
    return SQLITE_OK;
}

/* ---- a cursor ---- */

static int
open(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    struct cursor *c = sqlite3_malloc(sizeof(*c));
    if (c == NULL)
        return SQLITE_NOMEM;
    memset(c, 0, offsetof(struct cursor, rows));
    *out = &c->base;
    return SQLITE_OK;
}

static int
close(sqlite3_vtab_cursor *base)
{
    struct cursor *c = (struct cursor *)base;
    oro_bb_fini(&c->prefix);
    oro_bb_fini(&c->lo);
    oro_bb_fini(&c->hi);
    sqlite3_free(c);
    return SQLITE_OK;
}

/* In a transaction: all at once, since it has to know what was read. */
static int
fetch_in_tx(struct cursor *c)
{
    struct table *t = (struct table *)c->base.pVtab;
    struct oro_sql_ask *ask = t->engine->ask;
    struct oro_rows all = {0};
    oro_status st = ORO_OK;
    c->at = c->n = 0;
    if (c->place.ended)
        return SQLITE_OK;
    if (c->ix != NULL)
        st = oro_tx_range(ask->tx, t->def, c->ix, &c->range, &all);
    else
        oro_tx_scan(ask->tx, t->def, &all);
    ORO_ASSERT(st == ORO_OK);
    c->now = all.rows;
    c->n = all.n;
    c->place.ended = true;
    ask->rows += all.n;
    return sql_engine_pay(t->engine, 1 + all.n) ? SQLITE_OK : SQLITE_INTERRUPT;
}

/* Row filters hold for whoever is not the owner. */
static int
filter_make(struct table *t)
{
    struct sql_module *m = t->module;
    bool all = t->def->view == NULL && (t->engine->is_owner || t->def->nrules == 0);
    if (all || m->seen != NULL)
        return SQLITE_OK;
    const struct oro_query_env env = {.sender = t->engine->ask->sender,
                                      .is_owner = t->engine->is_owner,
                                      .store = t->engine->ask->store};
    oro_status st =
        oro_query_all_seen(t->engine->schema, t->def, &env, &m->seen, &t->engine->denied);
    return st == ORO_OK ? SQLITE_OK : SQLITE_ERROR;
}

/* Leaves those of the rows that may be seen. */
static int
rows_filter(const struct table *t, struct cursor *c)
{
    const struct sql_module *m = t->module;
    size_t n = 0;
    if (c->now != c->rows)
        return SQLITE_OK; /* in a transaction it is the owner who reads; of a view only what is his, by its index */
    for (size_t i = 0; i < c->n; i++) {
        bool sees;
        if (oro_query_sees(m->seen, t->engine->ask->session, c->rows[i], &sees,
                           &t->engine->denied) != ORO_OK)
            return SQLITE_ERROR;
        if (sees)
            c->rows[n++] = c->rows[i];
    }
    c->n = n;
    return SQLITE_OK;
}

static int fetch_some(struct cursor *c);

static int
fetch(struct cursor *c)
{
    const struct sql_module *m = ((struct table *)c->base.pVtab)->module;
    int rc;
    do {
        rc = fetch_some(c);
        if (rc == SQLITE_OK && m->seen != NULL)
            rc = rows_filter((const struct table *)c->base.pVtab, c);
    } while (rc == SQLITE_OK && m->seen != NULL && c->n == 0 && !c->place.ended);
    return rc;
}

static int
fetch_some(struct cursor *c)
{
    struct table *t = (struct table *)c->base.pVtab;
    struct oro_sql_ask *ask = t->engine->ask;
    size_t n = 0;
    if (ask->tx != NULL)
        return fetch_in_tx(c);
    c->at = c->n = 0;
    c->now = c->rows;
    if (c->place.ended)
        return SQLITE_OK;
    oro_status st =
        oro_read_next(ask->session, t->def, c->ix, &c->range, &c->place, c->rows, c->batch, &n);
    ORO_ASSERT(st == ORO_OK); /* plan_index does not offer what an index cannot do */
    c->n = n;
    c->batch = c->batch * 4 < BATCH ? c->batch * 4 : BATCH;
    ask->rows += n;
    return sql_engine_pay(t->engine, 1 + n) ? SQLITE_OK : SQLITE_INTERRUPT;
}

/* The values that a plan's columns are compared with, as bounds. False: no row can be there. */
static bool
take_bounds(struct cursor *c, const struct oro_index_def *ix, int bits, sqlite3_value **argv,
            struct oro_range *r)
{
    const struct oro_type *row = ((struct table *)c->base.pVtab)->def->row;
    bool open;
    oro_bb_clear(&c->prefix);
    oro_bb_clear(&c->lo);
    oro_bb_clear(&c->hi);
    r->nprefix = (unsigned)(bits & PLAN_PREFIX);
    r->reverse = (bits & PLAN_DOWN) != 0;
    for (unsigned i = 0; i < r->nprefix; i++)
        if (sql_bound(row->elems[ix->cols[i]].type, *argv++, SQL_IS_EQ, &c->prefix, &open) !=
            SQL_VALUE)
            return false;
    const struct oro_type *next =
        r->nprefix < ix->ncols ? row->elems[ix->cols[r->nprefix]].type : NULL;
    enum sql_found found = SQL_ALL;
    if (bits & PLAN_LO)
        found = sql_bound(next, *argv++, bits & PLAN_LO_EQ ? SQL_IS_GE : SQL_IS_GT, &c->lo,
                          &r->lo_open);
    r->has_lo = found == SQL_VALUE;
    if (found == SQL_NONE)
        return false;
    found = SQL_ALL;
    if (bits & PLAN_HI)
        found = sql_bound(next, *argv++, bits & PLAN_HI_EQ ? SQL_IS_LE : SQL_IS_LT, &c->hi,
                          &r->hi_open);
    r->has_hi = found == SQL_VALUE;
    r->prefix = oro_bb_bytes(&c->prefix);
    r->lo = oro_bb_bytes(&c->lo);
    r->hi = oro_bb_bytes(&c->hi);
    return found != SQL_NONE;
}

static int
filter(sqlite3_vtab_cursor *base, int bits, const char *text, int argc, sqlite3_value **argv)
{
    struct cursor *c = (struct cursor *)base;
    struct table *t = (struct table *)base->pVtab;
    c->ix = bits & PLAN_INDEX ? &t->def->indexes[bits >> 16] : NULL;
    c->range = (struct oro_range){0};
    c->place = (struct oro_place){0};
    c->place.ended = c->ix != NULL && !take_bounds(c, c->ix, bits, argv, &c->range);
    c->batch = FIRST_BATCH;
    int rc = filter_make(t);
    if (rc != SQLITE_OK)
        return rc;
    if (t->def->view !=
        NULL) { /* no column that has a name is indexed, but whose rows they are is */
        c->ix = &t->def->indexes[0];
        c->range.nprefix = 1;
        ORO_ASSERT(oro_query_eq_column(t->module->seen, &c->range.prefix) >= 0);
    }
    return fetch(c);
}

static int
next(sqlite3_vtab_cursor *base)
{
    struct cursor *c = (struct cursor *)base;
    if (++c->at < c->n)
        return SQLITE_OK;
    return fetch(c);
}

static int
eof(sqlite3_vtab_cursor *base)
{
    const struct cursor *c = (struct cursor *)base;
    return c->at >= c->n;
}

static int
column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int col)
{
    const struct cursor *c = (struct cursor *)base;
    const struct oro_type *row = ((struct table *)base->pVtab)->def->row;
    const uint8_t *p = c->now[c->at].data;
    if (sqlite3_vtab_nochange(ctx))
        return SQLITE_OK; /* of an UPDATE: sql_write_row takes it from the row itself */
    sql_result(ctx, row->elems[col].type, oro_value_column(row, p, (uint32_t)col));
    return SQLITE_OK;
}

/* What tells rows apart, for SQLite alone: nobody else may ask for it (engine.c). */
static int
rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    const struct cursor *c = (struct cursor *)base;
    *out = (sqlite3_int64)(uintptr_t)c->now[c->at].data;
    return SQLITE_OK;
}

static int
update(sqlite3_vtab *base, int argc, sqlite3_value **argv, sqlite3_int64 *out)
{
    struct table *t = (struct table *)base;
    *out = 0;
    return sql_write_row(t->engine, t->def, argc, argv);
}

static const sqlite3_module module = {
    .xConnect = connect, /* without xCreate it is eponymous */
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xOpen = open,
    .xClose = close,
    .xFilter = filter,
    .xNext = next,
    .xEof = eof,
    .xColumn = column,
    .xRowid = rowid,
    .xUpdate = update,
};

int
sql_table_register(struct sql_engine *e, struct sql_module *m)
{
    return sqlite3_create_module_v2(e->db, m->def->name, &module, m, NULL);
}

const struct oro_type *
sql_declared_type(const struct sql_engine *e, const char *decltype)
{
    unsigned table, col;
    if (decltype == NULL || sscanf(decltype, "T%uC%u", &table, &col) != 2)
        return decltype != NULL ? sql_system_type(decltype) : NULL;
    ORO_ASSERT(table < e->schema->ntables && col < e->schema->tables[table].row->nelems);
    return oro_type_resolve(e->schema->tables[table].row->elems[col].type);
}
