/* Engines, what they may do, and the pool that keeps them. */
#include "runtime/sql/lex.h"
#include "runtime/sql/sql_priv.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define TICK 200        /* instructions of SQLite's machine between two looks at what is left */
#define KEPT 8          /* idle engines in a pool */
#define TEXT_MOST 50000 /* bytes of a query */
#define VALUE_MOST (64 << 20) /* bytes of a string or a row */

struct oro_sql_pool {
    pthread_mutex_t lock;
    struct sql_engine *idle;
    unsigned nidle;
};

/* ---- what a statement may do ---- */

static bool
is_one_of(const char *name, const char *const *list)
{
    for (; *list != NULL; list++)
        if (sqlite3_stricmp(name, *list) == 0)
            return true;
    return false;
}

static bool
is_visible(const struct sql_engine *e, const struct oro_table_def *t)
{
    return e->is_owner || t->is_public;
}

static bool
is_table(const struct sql_engine *e, const char *name)
{
    for (uint32_t i = 0; i < e->schema->ntables; i++)
        if (is_visible(e, &e->schema->tables[i]) &&
            sqlite3_stricmp(e->schema->tables[i].name, name) == 0)
            return true;
    return e->is_owner && sql_system_is(name);
}

static int
deny(struct sql_engine *e, oro_status st, const char *what)
{
    if (e->denied.text[0] == '\0')
        oro_err_set(&e->denied, st, "%s", what);
    return SQLITE_DENY;
}

/* The only ones of SQLite's own. */
static const char *table_functions[] = {"json_each", "json_tree", NULL};

static int
authorize_read(struct sql_engine *e, const char *table, const char *column)
{
    char what[300];
    if (is_table(e, table)) {
        if (strcmp(column, "ROWID") != 0)
            return SQLITE_OK;
        return deny(e, ORO_EMALFORMED, "no such column: rowid");
    }
    if (is_one_of(table, table_functions))
        return SQLITE_OK;
    /* COUNT(*) of a WITH table: it has this name and no column. No other tables are left (drop_modules). */
    if (column[0] == '\0' && sqlite3_strnicmp(table, "sqlite_", 7) != 0 &&
        sqlite3_strnicmp(table, "pragma_", 7) != 0)
        return SQLITE_OK;
    snprintf(what, sizeof(what),
             "no such table: `%.*s`. If the table exists, it may be marked private.",
             sql_fit(oro_bytes_str(table), 200), table);
    return deny(e, ORO_EMALFORMED, what);
}

static bool
is_user_table(const struct sql_engine *e, const char *name)
{
    for (uint32_t i = 0; i < e->schema->ntables; i++)
        if (sqlite3_stricmp(e->schema->tables[i].name, name) == 0)
            return e->schema->tables[i].id >= 4096 && e->schema->tables[i].view == NULL;
    return false;
}

#define NO_SUCH_STATEMENT                                                                       \
    "not supported: a statement is SELECT, WITH, VALUES, INSERT, UPDATE or DELETE. Tables are " \
    "declared by the module"

static int
authorize_write(struct sql_engine *e, const char *table, const char *column)
{
    if (sqlite3_strnicmp(table, "sqlite_", 7) == 0)
        return deny(e, ORO_EMALFORMED, NO_SUCH_STATEMENT); /* CREATE is an INSERT there */
    if (!e->is_owner)
        return deny(e, ORO_EMALFORMED, "only the owner changes rows by SQL: call a reducer");
    if (e->ask->tx == NULL || !is_user_table(e, table))
        return deny(e, ORO_EMALFORMED, "rows of this table cannot be changed by SQL");
    if (column != NULL && strcmp(column, "ROWID") == 0)
        return deny(e, ORO_EMALFORMED, "no such column: rowid");
    return SQLITE_OK;
}

#define CALLS_MOST 50

static int
authorize(void *arg, int action, const char *a, const char *b, const char *database,
          const char *trigger)
{
    struct sql_engine *e = arg;
    if (e->declaring)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_READ:
        return authorize_read(e, a, b);
    case SQLITE_FUNCTION:
        /* The columns of one row are computed without a look at what is left to spend. */
        if (!e->is_owner && ++e->calls > CALLS_MOST)
            return deny(e, ORO_EMALFORMED, "more than 50 calls of functions in one statement");
        if (sql_function_allowed(b))
            return SQLITE_OK;
        return deny(e, ORO_EMALFORMED,
                    "no such function, or one that is not to be had here (docs/sql.md)");
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        return authorize_write(e, a, action == SQLITE_UPDATE ? b : NULL);
    default:
        return deny(e, ORO_EMALFORMED, NO_SUCH_STATEMENT);
    }
}

static int
tick(void *arg)
{
    return !sql_engine_tick(arg, TICK);
}

/* ---- an engine ---- */

static void
set_limits(sqlite3 *db)
{
    static const int limits[][2] = {
        {SQLITE_LIMIT_LENGTH, VALUE_MOST},        {SQLITE_LIMIT_SQL_LENGTH, 8 * TEXT_MOST},
        {SQLITE_LIMIT_EXPR_DEPTH, 500},           {SQLITE_LIMIT_COMPOUND_SELECT, 100},
        {SQLITE_LIMIT_VDBE_OP, 1000000},          {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000}, {SQLITE_LIMIT_VARIABLE_NUMBER, 10},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 1},          {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(limits); i++)
        sqlite3_limit(db, limits[i][0], limits[i][1]);
}

static void
set_configuration(sqlite3 *db)
{
    static const int on[] = {SQLITE_DBCONFIG_DEFENSIVE};
    static const int off[] = {SQLITE_DBCONFIG_DQS_DML,
                              SQLITE_DBCONFIG_DQS_DDL,
                              SQLITE_DBCONFIG_TRUSTED_SCHEMA,
                              SQLITE_DBCONFIG_ENABLE_TRIGGER,
                              SQLITE_DBCONFIG_ENABLE_VIEW,
                              SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION,
                              SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER};
    for (size_t i = 0; i < ORO_ARRAY_LEN(on); i++)
        sqlite3_db_config(db, on[i], 1, NULL);
    for (size_t i = 0; i < ORO_ARRAY_LEN(off); i++)
        sqlite3_db_config(db, off[i], 0, NULL);
}

static void
engine_destroy(struct sql_engine *e)
{
    if (e == NULL)
        return;
    sqlite3_close(e->db);
    oro_free(e->modules);
    oro_free(e);
}

static int
register_tables(struct sql_engine *e)
{
    int rc = sqlite3_create_collation(e->db, "oro_number", SQLITE_UTF8, NULL, sql_collate_number);
    for (uint32_t i = 0; i < e->schema->ntables && rc == SQLITE_OK; i++) {
        const struct oro_table_def *t = &e->schema->tables[i];
        e->modules[i] = (struct sql_module){.engine = e, .def = t};
        if (is_visible(e, t))
            rc = sql_table_register(e, &e->modules[i]);
    }
    return rc == SQLITE_OK && e->is_owner ? sql_system_register(e) : rc;
}

static struct sql_engine *
engine_create(const struct oro_schema *schema, bool is_owner)
{
    struct sql_engine *e = ORO_NEW(struct sql_engine);
    e->schema = schema;
    e->is_owner = is_owner;
    e->modules = ORO_NEW_ARRAY(struct sql_module, schema->ntables + 1);
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(":memory:", &e->db, flags, NULL);
    /* The tables of JSON's functions declare themselves when they are first seen: before it is forbidden. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(
            e->db, "PRAGMA temp_store = MEMORY; SELECT 1 FROM json_each('[]'), json_tree('[]')",
            NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_drop_modules(e->db, table_functions);
    if (rc == SQLITE_OK)
        rc = sql_functions_register(e->db);
    if (rc == SQLITE_OK)
        rc = register_tables(e);
    if (rc != SQLITE_OK) {
        engine_destroy(e);
        return NULL;
    }
    set_limits(e->db);
    set_configuration(e->db);
    sqlite3_set_authorizer(e->db, authorize, e);
    sqlite3_progress_handler(e->db, TICK, tick, e);
    return e;
}

/* ---- the pool ---- */

struct oro_sql_pool *
oro_sql_pool_create(void)
{
    struct oro_sql_pool *p = ORO_NEW(struct oro_sql_pool);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void
oro_sql_pool_reset(struct oro_sql_pool *p)
{
    pthread_mutex_lock(&p->lock);
    struct sql_engine *list = p->idle;
    p->idle = NULL;
    p->nidle = 0;
    pthread_mutex_unlock(&p->lock);
    for (struct sql_engine *e; (e = list) != NULL;) {
        list = e->next;
        engine_destroy(e);
    }
}

void
oro_sql_pool_destroy(struct oro_sql_pool *p)
{
    if (p == NULL)
        return;
    oro_sql_pool_reset(p);
    pthread_mutex_destroy(&p->lock);
    oro_free(p);
}

static struct sql_engine *
pool_take(struct oro_sql_pool *p, const struct oro_schema *schema, bool is_owner)
{
    struct sql_engine **at, *e;
    pthread_mutex_lock(&p->lock);
    for (at = &p->idle; (e = *at) != NULL; at = &e->next)
        if (e->schema == schema && e->is_owner == is_owner)
            break;
    if (e != NULL) {
        *at = e->next;
        p->nidle--;
    }
    pthread_mutex_unlock(&p->lock);
    return e != NULL ? e : engine_create(schema, is_owner);
}

static void
pool_give(struct oro_sql_pool *p, struct sql_engine *e)
{
    pthread_mutex_lock(&p->lock);
    bool keep = p->nidle < KEPT;
    if (keep) {
        e->next = p->idle;
        p->idle = e;
        p->nidle++;
    }
    pthread_mutex_unlock(&p->lock);
    if (!keep)
        engine_destroy(e);
}

/* ---- a question ---- */

static const char *
parameter_name(sqlite3_stmt *stmt)
{
    const char *name = sqlite3_bind_parameter_name(stmt, sqlite3_bind_parameter_count(stmt));
    return name != NULL ? name : "?";
}

/* One statement at *at, which goes on behind it. */
static oro_status
run_statement(struct sql_engine *e, const struct sql_text *text, size_t *at, unsigned *n,
              struct oro_bb *out, struct oro_parts *parts, struct oro_err *err)
{
    const char *sql = (const char *)text->bb.data + *at, *tail = NULL;
    sqlite3_stmt *stmt = NULL;
    e->calls = 0;
    int rc = sqlite3_prepare_v3(e->db, sql, (int)(text->bb.len - *at), 0, &stmt, &tail);
    if (rc != SQLITE_OK)
        return sql_fail(e, rc, text, *at, err);
    *at += (size_t)(tail - sql);
    if (stmt == NULL)
        return ORO_OK; /* blanks, a comment */
    oro_status st = ORO_OK;
    if ((*n)++ > 0)
        oro_bb_u8(out, ',');
    if (sqlite3_column_count(stmt) == 0 && sqlite3_stmt_readonly(stmt))
        st = oro_err_set(err, ORO_EMALFORMED, "%s", NO_SUCH_STATEMENT); /* REINDEX */
    else if (sqlite3_bind_parameter_count(stmt) > 0)
        st = oro_err_set(err, ORO_EMALFORMED,
                         "the parameter `%s` has no value: only :sender has one",
                         parameter_name(stmt));
    else
        st = sql_answer(e, stmt, out, parts, err);
    sqlite3_finalize(stmt);
    return st;
}

static oro_status
run_all(struct sql_engine *e, struct oro_bytes asked, struct oro_bb *out, struct oro_parts *parts,
        struct oro_err *err)
{
    struct sql_text text = {0};
    unsigned n = 0;
    oro_status st = sql_text_make(e, asked, &text, err);
    oro_bb_u8(out, '[');
    for (size_t at = 0; st == ORO_OK && at + 1 < text.bb.len;)
        st = run_statement(e, &text, &at, &n, out, parts, err);
    oro_bb_u8(out, ']');
    if (st == ORO_OK && n == 0)
        st = oro_err_set(err, ORO_EMALFORMED, "the query is empty: a SELECT was expected");
    sql_text_fini(&text);
    return st;
}

static oro_status
check_text(struct oro_bytes text, struct oro_err *err)
{
    if (text.len > TEXT_MOST)
        return oro_err_set(err, ORO_EMALFORMED, "the query has %zu bytes, and %d are allowed",
                           text.len, TEXT_MOST);
    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
        return oro_err_set(err, ORO_EMALFORMED,
                           "syntax error: a byte order mark at position 1: SELECT was expected");
    const uint8_t *nul = text.len > 0 ? memchr(text.data, 0, text.len) : NULL;
    if (nul != NULL)
        return oro_err_set(err, ORO_EMALFORMED, "syntax error: a NUL byte at position %zu",
                           (size_t)(nul - text.data) + 1);
    size_t open = sql_open_comment(text); /* a statement that was cut off */
    if (open > 0)
        return oro_err_set(err, ORO_EMALFORMED,
                           "syntax error: the comment at position %zu is not closed", open);
    return ORO_OK;
}

oro_status
oro_sql_query(struct oro_sql_pool *p, struct oro_sql_ask *ask, struct oro_bytes text,
              struct oro_bb *out, struct oro_parts *parts, struct oro_err *err)
{
    if (text.len == 0)
        text = oro_bytes("", 0); /* never NULL: it is compared and added to */
    oro_status st = check_text(text, err);
    if (st != ORO_OK)
        return st;
    struct sql_engine *e = pool_take(p, ask->schema, ask->is_owner);
    if (e == NULL)
        return oro_err_set(err, ORO_ENOMEM, "the server has no memory left: try again later");
    e->ask = ask;
    e->stopped = false;
    e->denied = (struct oro_err){0};
    sql_engine_begin(e);
    sql_memory_begin(ask->memory);
    st = run_all(e, text, out, parts, err);
    bool refused = sql_memory_end();
    for (uint32_t i = 0; i < e->schema->ntables; i++) {
        oro_query_free(e->modules[i].seen);
        e->modules[i].seen = NULL;
    }
    e->ask = NULL;
    if (refused)
        engine_destroy(e); /* whatever it could not keep */
    else
        pool_give(p, e);
    return st;
}
