/* Names of a query: tables, what columns may be qualified with, and columns, each in two spellings. */
#include "runtime/subs/query_type.h"

static uint8_t
upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
}

/* `name` is the snake_case one written as gameEvent or GameEvent. */
static bool
is_camel_of(struct oro_bytes name, struct oro_bytes snake)
{
    size_t n = 0;
    for (size_t i = 0; i < snake.len; i++) {
        bool hump = snake.data[i] == '_' && i > 0 && i + 1 < snake.len;
        uint8_t c = hump ? upper(snake.data[++i]) : snake.data[i];
        if (n == name.len || !(name.data[n] == c || (n == 0 && name.data[n] == upper(c))))
            return false;
        n++;
    }
    return n > 0 && n == name.len;
}

/* T-4: names have two spellings, the canonical one and that of the code. */
bool
query_spells(struct oro_bytes name, const char *canonical)
{
    struct oro_bytes c = oro_bytes_str(canonical);
    return is_camel_of(name, c) || is_camel_of(c, name);
}

/* -1: none, or more than one. */
static int
column_called(const struct oro_table_def *t, struct oro_bytes name)
{
    int col = oro_table_column(t, name);
    for (uint32_t i = 0, found = 0; col < 0 && i <= t->row->nelems; i++) {
        if (i == t->row->nelems)
            return found > 0 ? (int)found - 1 : -1;
        const char *canonical = t->row->elems[i].name;
        if (canonical == NULL || !query_spells(name, canonical))
            continue;
        if (found > 0)
            return -1;
        found = i + 1;
    }
    return col;
}

const struct oro_table_def *
query_table_called(const struct oro_schema *schema, struct oro_bytes name)
{
    const struct oro_table_def *found = oro_schema_table(schema, name);
    if (found != NULL)
        return found;
    for (uint32_t i = 0; i < schema->ntables; i++) {
        if (!query_spells(name, schema->tables[i].name))
            continue;
        if (found != NULL)
            return NULL;
        found = &schema->tables[i];
    }
    return found;
}

/* What columns are qualified with: an alias hides the table's name. */
static struct oro_bytes
scope_name(const struct scope *s)
{
    return s->alias.len > 0 ? s->alias : s->name;
}

static bool
is_scope(const struct scope *s, struct oro_bytes name, bool exactly)
{
    if (s->alias.len > 0 || exactly)
        return oro_bytes_eq(name, scope_name(s));
    return oro_bytes_eq(name, oro_bytes_str(s->table->name)) || query_spells(name, s->table->name);
}

int
query_scope_of(const struct typing *ty, struct oro_bytes name)
{
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < ty->nscopes; i++)
            if (is_scope(&ty->scopes[i], name, pass == 0))
                return (int)i;
    return -1;
}

/* st_table and its like, which only SQLite's engine has, and only for the owner. */
static bool
is_for_sqlite(const struct typing *ty, struct oro_bytes name)
{
    return ty->use == ORO_QUERY_SQL && ty->env->is_owner && name.len > 3 &&
           memcmp(name.data, "st_", 3) == 0;
}

static oro_status
find_table(struct typing *ty, struct oro_bytes name, struct oro_bytes alias)
{
    const struct oro_table_def *t = query_table_called(ty->schema, name);
    /* A row filter is the module's own, and may look into private tables. */
    bool may = t != NULL && (t->is_public || ty->env->is_owner || ty->within != NULL);
    ty->at = name.data;
    if (!may)
        return oro_err_set(ty->err, is_for_sqlite(ty, name) ? ORO_ETYPE : ORO_EMALFORMED,
                           "no such table: `%.*s`. If the table exists, it may be marked private.",
                           TYPE_TEXT(name));
    struct scope s = {t, name, alias};
    for (unsigned i = 0; i < ty->nscopes; i++)
        if (oro_bytes_eq(scope_name(&ty->scopes[i]), scope_name(&s)))
            return oro_err_set(ty->err, ORO_EMALFORMED,
                               "Duplicate name `%.*s`: give one of the tables an alias, as in "
                               "FROM t a JOIN t b",
                               TYPE_TEXT(scope_name(&s)));
    ty->scopes[ty->nscopes++] = s;
    ty->at = NULL;
    return ORO_OK;
}

oro_status
query_find_tables(struct typing *ty)
{
    unsigned n = 1;
    for (const struct sql_join *j = ty->s->joins; j != NULL; j = j->next)
        n++;
    ty->nscopes = 0;
    if (n > ORO_JOIN_MOST)
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "Invalid number of tables in subscription: %u. A query may join %d "
                           "tables",
                           n, ORO_JOIN_MOST);
    oro_status st = find_table(ty, ty->s->table, ty->s->alias);
    for (const struct sql_join *j = ty->s->joins; st == ORO_OK && j != NULL; j = j->next)
        st = find_table(ty, j->table, j->alias);
    return st;
}

oro_status
query_find_column(struct typing *ty, struct oro_bytes qualifier, struct oro_bytes name,
                  uint8_t *src, uint16_t *col)
{
    int scope = 0, found = -1;
    ty->at = qualifier.len > 0 ? qualifier.data : name.data;
    if (qualifier.len > 0) {
        scope = query_scope_of(ty, qualifier);
        if (scope < 0)
            return oro_err_set(ty->err, ORO_EMALFORMED, "`%.*s` is not in scope",
                               TYPE_TEXT(qualifier));
    } else if (ty->nscopes > 1) {
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "Names must be qualified when using joins: `%.*s`", TYPE_TEXT(name));
    }
    found = column_called(ty->scopes[scope].table, name);
    ty->at = name.data;
    if (found < 0)
        return oro_err_set(ty->err, ORO_EMALFORMED, "`%.*s` is not in scope", TYPE_TEXT(name));
    *src = (uint8_t)scope;
    *col = (uint16_t)found;
    ty->at = NULL;
    return ORO_OK;
}
