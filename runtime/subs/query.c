/* A parsed query typed against its table: names become columns, literals values of the type beside them, and the condition
 * a tree of predicates over encoded rows. */
#include "runtime/subs/query_priv.h"

#include <string.h>

#include "runtime/base/map.h"

/* ---- typing ---- */

struct typing {
    struct oro_query *q;
    const struct sql_select *s;
    const struct oro_query_env *env;
    struct oro_err *err;
};

static int
cut(struct oro_bytes b)
{
    return sql_cut(b, 200);
}

#define TEXT(b) cut(b), (const char *)(b).data

/* The type as messages have it, cut to what a message holds. */
struct type_text {
    char s[256];
};

static struct type_text
type_text(const struct oro_type *t)
{
    struct type_text out;
    struct oro_bb bb = {0};
    oro_type_print(t, &bb);
    size_t n = bb.len < sizeof(out.s) ? bb.len : sizeof(out.s) - 1;
    if (n > 0)
        memcpy(out.s, bb.data, n);
    out.s[n] = '\0';
    oro_bb_fini(&bb);
    return out;
}

static const char *
op_text(enum sql_op op)
{
    static const char *const texts[] = {"=", "<>", "<", "<=", ">", ">="};
    return texts[op];
}

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

static const struct oro_table_def *
table_called(const struct oro_schema *schema, struct oro_bytes name)
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

/* What a column may be qualified with: an alias hides the table's name. */
static bool
is_scope(const struct typing *ty, struct oro_bytes name)
{
    if (ty->s->alias.len > 0)
        return oro_bytes_eq(name, ty->s->alias);
    return oro_bytes_eq(name, ty->s->table) ||
           oro_bytes_eq(name, oro_bytes_str(ty->q->table->name)) ||
           query_spells(name, ty->q->table->name);
}

static oro_status
find_column(struct typing *ty, struct oro_bytes qualifier, struct oro_bytes name, uint16_t *out)
{
    if (qualifier.len > 0 && !is_scope(ty, qualifier))
        return oro_err_set(ty->err, ORO_EMALFORMED, "`%.*s` is not in scope", TEXT(qualifier));
    int col = column_called(ty->q->table, name);
    if (col < 0)
        return oro_err_set(ty->err, ORO_EMALFORMED, "`%.*s` is not in scope", TEXT(name));
    *out = (uint16_t)col;
    return ORO_OK;
}

static const struct oro_type *
column_type(const struct typing *ty, uint16_t col)
{
    return oro_type_resolve(ty->q->table->row->elems[col].type);
}

static struct pred *
new_pred(struct typing *ty, enum pred_kind kind)
{
    struct pred *p = oro_arena_alloc(&ty->q->arena, sizeof(*p));
    *p = (struct pred){.kind = kind};
    return p;
}

struct oro_bytes
query_keep(struct oro_query *q, struct oro_bytes b)
{
    if (b.len == 0)
        return oro_bytes("", 0);
    uint8_t *p = oro_arena_alloc(&q->arena, b.len);
    memcpy(p, b.data, b.len);
    return oro_bytes(p, b.len);
}

static oro_status
fail_literal(struct typing *ty, struct oro_bytes text, const struct oro_type *t)
{
    return oro_err_set(ty->err, ORO_EMALFORMED,
                       "The literal expression `%.*s` cannot be parsed as type `%s`", TEXT(text),
                       type_text(t).s);
}

/* :sender is an Identity; as bytes it reads like its hex text, most significant byte first. */
static oro_status
sender_value(struct typing *ty, const struct oro_type *t, struct oro_bytes *out)
{
    uint8_t v[36] = {32, 0, 0, 0};
    const uint8_t *le = ty->env->sender.le;
    if (t->special == ORO_IDENTITY) {
        *out = query_keep(ty->q, oro_bytes(le, 32));
    } else if (t->kind == ORO_ARRAY) {
        for (unsigned i = 0; i < 32; i++)
            v[4 + i] = le[31 - i];
        *out = query_keep(ty->q, oro_bytes(v, sizeof(v)));
    } else {
        return fail_literal(ty, oro_bytes_str(":sender"), t);
    }
    ty->q->uses_sender = true;
    return ORO_OK;
}

static oro_status
literal_value(struct typing *ty, const struct sql_expr *e, const struct oro_type *t,
              struct oro_bytes *out)
{
    if (query_leaf_type(t) == NULL)
        return fail_literal(ty, e->text, t);
    if (e->kind == SQL_E_SENDER)
        return sender_value(ty, t, out);
    struct oro_bb bb = {0};
    oro_status st = oro_value_from_literal(t, e->literal, e->name, &bb, NULL);
    if (st == ORO_OK)
        *out = query_keep(ty->q, oro_bb_bytes(&bb));
    else
        fail_literal(ty, e->text, t);
    oro_bb_fini(&bb);
    return st == ORO_OK ? ORO_OK : ORO_EMALFORMED;
}

static enum sql_op
flipped(enum sql_op op)
{
    static const enum sql_op other[] = {SQL_EQ, SQL_NE, SQL_GT, SQL_GE, SQL_LT, SQL_LE};
    return other[op];
}

static oro_status
type_columns(struct typing *ty, const struct sql_expr *e, struct pred *p)
{
    oro_status st = find_column(ty, e->list->qualifier, e->list->name, &p->col);
    if (st == ORO_OK)
        st = find_column(ty, e->list->next->qualifier, e->list->next->name, &p->other);
    if (st != ORO_OK)
        return st;
    const struct oro_type *a = column_type(ty, p->col), *b = column_type(ty, p->other);
    p->kind = P_COMPARE_COLUMNS;
    p->leaf = query_leaf_type(a);
    if (!oro_type_eq(a, b))
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "Unexpected type: (expected) %s != %s (inferred)", type_text(a).s,
                           type_text(b).s);
    if (p->leaf == NULL)
        return oro_err_set(ty->err, ORO_EMALFORMED, "Invalid binary operator `%s` for type `%s`",
                           op_text(p->op), type_text(a).s);
    return ORO_OK;
}

static bool
is_operand(const struct sql_expr *e)
{
    return e->kind == SQL_E_COLUMN || e->kind == SQL_E_LITERAL || e->kind == SQL_E_SENDER;
}

static bool
is_bool(const struct sql_expr *e)
{
    return e->kind == SQL_E_LITERAL && e->literal == 'b';
}

static int
bool_value(const struct sql_expr *e)
{
    return e->name.data[0] == 't' || e->name.data[0] == 'T';
}

static oro_status
type_compare(struct typing *ty, const struct sql_expr *e, struct pred **out)
{
    const struct sql_expr *left = e->list, *right = e->list->next;
    if (!is_operand(left) || !is_operand(right))
        return oro_err_set(ty->err, ORO_EMALFORMED, "Unsupported expression: %.*s", TEXT(e->text));
    struct pred *p = new_pred(ty, P_COMPARE);
    p->op = e->op;
    *out = p;
    if (left->kind == SQL_E_COLUMN && right->kind == SQL_E_COLUMN)
        return type_columns(ty, e, p);
    if (is_bool(left) && is_bool(right)) {
        /* The official query builder writes `TRUE = TRUE` for a condition that is a constant. */
        p->kind = P_CONST;
        p->yes = query_op_holds(e->op, bool_value(left) - bool_value(right));
        return ORO_OK;
    }
    if (left->kind != SQL_E_COLUMN && right->kind != SQL_E_COLUMN)
        return oro_err_set(ty->err, ORO_EMALFORMED, "Cannot resolve type for literal expression");
    const struct sql_expr *column = left->kind == SQL_E_COLUMN ? left : right;
    if (column == right)
        p->op = flipped(p->op);
    oro_status st = find_column(ty, column->qualifier, column->name, &p->col);
    if (st != ORO_OK)
        return st;
    p->leaf = query_leaf_type(column_type(ty, p->col));
    return literal_value(ty, column == left ? right : left, column_type(ty, p->col), &p->value);
}

/* A column or a literal alone as condition: has to be bool. */
static oro_status
type_bare(struct typing *ty, const struct sql_expr *e, struct pred **out)
{
    if (is_bool(e)) {
        *out = new_pred(ty, P_CONST);
        (*out)->yes = bool_value(e);
        return ORO_OK;
    }
    if (e->kind != SQL_E_COLUMN)
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "The literal expression `%.*s` cannot be parsed as type `Bool`",
                           TEXT(e->text));
    struct pred *p = new_pred(ty, P_COMPARE);
    oro_status st = find_column(ty, e->qualifier, e->name, &p->col);
    if (st != ORO_OK)
        return st;
    p->leaf = column_type(ty, p->col);
    if (p->leaf->kind != ORO_BOOL)
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "Unexpected type: (expected) Bool != %s (inferred)",
                           type_text(p->leaf).s);
    p->op = SQL_EQ;
    p->value = oro_bytes("\1", 1);
    *out = p;
    return ORO_OK;
}

static oro_status
type_condition(struct typing *ty, const struct sql_expr *e, struct pred **out)
{
    if (e->kind == SQL_E_CMP)
        return type_compare(ty, e, out);
    if (e->kind != SQL_E_AND && e->kind != SQL_E_OR)
        return type_bare(ty, e, out);
    struct pred *p = new_pred(ty, e->kind == SQL_E_AND ? P_AND : P_OR), **tail = &p->list;
    for (const struct sql_expr *i = e->list; i != NULL; i = i->next) {
        oro_status st = type_condition(ty, i, tail);
        if (st != ORO_OK)
            return st;
        tail = &(*tail)->next;
    }
    *out = p;
    return ORO_OK;
}

/* names: of the columns before it. */
static oro_status
type_column(struct typing *ty, const struct sql_column *c, struct oro_map *names)
{
    struct oro_query *q = ty->q;
    struct query_column *to = &q->columns[q->ncolumns];
    oro_status st = find_column(ty, c->qualifier, c->name, &to->col);
    if (st != ORO_OK)
        return st;
    to->name = c->alias.len > 0 ? query_keep(q, c->alias)
                                : oro_bytes_str(q->table->row->elems[to->col].name);
    if (oro_map_put(names, to->name, to) != NULL)
        return oro_err_set(ty->err, ORO_EMALFORMED, "Duplicate name `%.*s`", TEXT(to->name));
    q->ncolumns++;
    return ORO_OK;
}

static oro_status
type_projection(struct typing *ty)
{
    const struct sql_select *s = ty->s;
    struct oro_query *q = ty->q;
    if (s->star_of.len > 0 && !is_scope(ty, s->star_of))
        return oro_err_set(ty->err, ORO_EMALFORMED, "`%.*s` is not in scope", TEXT(s->star_of));
    q->count = s->count;
    q->count_name = query_keep(q, s->count_name);
    q->has_limit = s->has_limit;
    q->limit = s->limit;
    if (s->star || s->count)
        return ORO_OK;
    size_t n = 0;
    for (const struct sql_column *c = s->columns; c != NULL; c = c->next)
        n++;
    q->columns = oro_arena_alloc(&q->arena, n * sizeof(*q->columns));
    struct oro_map names = {0};
    oro_status st = ORO_OK;
    for (const struct sql_column *c = s->columns; st == ORO_OK && c != NULL; c = c->next)
        st = type_column(ty, c, &names);
    oro_map_fini(&names);
    return st;
}

/* T-1: a table that he may not see does not exist for him. */
static oro_status
find_table(struct typing *ty, const struct oro_schema *schema)
{
    const struct oro_table_def *t = table_called(schema, ty->s->table);
    if (t == NULL || (!t->is_public && !ty->env->is_owner))
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "no such table: `%.*s`. If the table exists, it may be marked private.",
                           TEXT(ty->s->table));
    ty->q->table = t;
    return ORO_OK;
}

/* One filter of the query's table, as a condition for whoever asks. */
static oro_status
type_rule(struct typing *outer, const struct oro_schema *schema, const char *rule,
          struct pred **out)
{
    struct sql_select s;
    struct typing ty = *outer;
    ty.s = &s;
    oro_status st = sql_parse_select(oro_bytes_str(rule), ORO_QUERY_SUBSCRIBE, &ty.q->arena, &s,
                                     ty.err);
    if (st != ORO_OK)
        return st;
    if (table_called(schema, s.table) != ty.q->table)
        return oro_err_set(ty.err, ORO_EMALFORMED, "it selects from `%.*s`, not from its table",
                           TEXT(s.table));
    if (s.where != NULL)
        return type_condition(&ty, s.where, out);
    *out = new_pred(&ty, P_CONST);
    (*out)->yes = true;
    return ORO_OK;
}

/* Whoever is not the owner sees the rows that any of the filters has, of those that he asks for. */
static oro_status
type_rules(struct typing *ty, const struct oro_schema *schema)
{
    struct oro_query *q = ty->q;
    if (q->table->view != NULL)
        return query_of_view(q, ty->env, ty->err);
    if (ty->env->is_owner || q->table->nrules == 0)
        return ORO_OK;
    struct pred *any = new_pred(ty, P_OR), **tail = &any->list;
    for (uint32_t i = 0; i < q->table->nrules; i++) {
        oro_status st = type_rule(ty, schema, q->table->rules[i], tail);
        if (st != ORO_OK)
            return st;
        tail = &(*tail)->next;
    }
    if (q->where == NULL) {
        q->where = any;
        return ORO_OK;
    }
    struct pred *both = new_pred(ty, P_AND);
    both->list = any;
    any->next = q->where;
    q->where = both;
    return ORO_OK;
}

static oro_status
parse_into(struct oro_query *q, const struct oro_schema *schema, struct oro_bytes text,
           enum oro_query_use use, const struct oro_query_env *env, struct oro_err *err)
{
    struct sql_select s;
    struct typing ty = {.q = q, .s = &s, .env = env, .err = err};
    oro_status st = query_call_take(q, schema, &text, err);
    if (st == ORO_OK)
        st = sql_parse_select(text, use, &q->arena, &s, err);
    if (st == ORO_OK)
        st = find_table(&ty, schema);
    if (st == ORO_OK)
        st = type_projection(&ty);
    if (st == ORO_OK && s.where != NULL)
        st = type_condition(&ty, s.where, &q->where);
    if (st == ORO_OK)
        st = type_rules(&ty, schema);
    if (st != ORO_OK)
        return st;
    query_simplify(q);
    if (env->limits != NULL && q->weight > env->limits->terms)
        return oro_err_set(
            err, ORO_EFULL,
            "the condition has too many terms: each row would be compared %u times, and "
            "%u are allowed (query.max_terms). `a = 1 OR a = 2 ...` on one column "
            "counts as one search, whatever its length",
            q->weight, env->limits->terms);
    query_plan(q);
    return ORO_OK;
}

static struct oro_query *
query_new(void)
{
    struct oro_query *q = ORO_NEW(struct oro_query);
    atomic_init(&q->refs, 1);
    oro_arena_init(&q->arena);
    return q;
}

oro_status
oro_query_parse(const struct oro_schema *schema, struct oro_bytes text, enum oro_query_use use,
                const struct oro_query_env *env, struct oro_query **out, struct oro_err *err)
{
    struct oro_err mine = {0};
    struct oro_query *q = query_new();
    oro_status st = parse_into(q, schema, text, use, env, &mine);
    if (st == ORO_OK) {
        *out = q;
        return ORO_OK;
    }
    oro_query_free(q);
    /* on the websocket the text has the query in it. */
    if (use == ORO_QUERY_SQL)
        return oro_err_set(err, st, "%s", mine.text);
    return oro_err_set(err, st, "%s, executing: `%.*s`", mine.text, TEXT(text));
}

oro_status
oro_query_all_seen(const struct oro_schema *schema, const struct oro_table_def *t,
                   const struct oro_query_env *env, struct oro_query **out, struct oro_err *err)
{
    struct oro_query *q = query_new();
    q->table = t;
    struct typing ty = {.q = q, .env = env, .err = err};
    oro_status st = type_rules(&ty, schema);
    if (st != ORO_OK) {
        oro_query_free(q);
        return st;
    }
    query_simplify(q);
    query_plan(q);
    *out = q;
    return ORO_OK;
}

oro_status
oro_query_check_rules(const struct oro_schema *schema, struct oro_err *err)
{
    static const struct oro_query_env stranger;
    oro_status st = ORO_OK;
    for (uint32_t i = 0; st == ORO_OK && i < schema->ntables; i++) {
        const struct oro_table_def *t = &schema->tables[i];
        for (uint32_t k = 0; st == ORO_OK && k < t->nrules; k++) {
            struct oro_err mine = {0};
            struct oro_query q = {.table = t};
            struct pred *rule;
            oro_arena_init(&q.arena);
            struct typing ty = {.q = &q, .env = &stranger, .err = &mine};
            st = type_rule(&ty, schema, t->rules[k], &rule);
            oro_arena_fini(&q.arena);
            if (st != ORO_OK)
                st = oro_err_set(err, ORO_EINVAL, "%s: table %s: the row filter `%s`: %s",
                                 t->place != NULL ? t->place : "module", t->name, t->rules[k],
                                 mine.text);
        }
    }
    return st;
}

bool
oro_query_knows(struct oro_bytes text)
{
    struct oro_arena arena;
    struct sql_select s;
    oro_arena_init(&arena);
    oro_status st = sql_parse_select(text, ORO_QUERY_SQL, &arena, &s, NULL);
    oro_arena_fini(&arena);
    return st == ORO_OK;
}

struct oro_query *
oro_query_ref(struct oro_query *q)
{
    atomic_fetch_add_explicit(&q->refs, 1, memory_order_relaxed);
    return q;
}

void
oro_query_free(struct oro_query *q)
{
    /* Pairs with itself: what the others have read, they have read before. */
    if (q == NULL || atomic_fetch_sub_explicit(&q->refs, 1, memory_order_acq_rel) > 1)
        return;
    oro_arena_fini(&q->arena);
    oro_free(q);
}

const struct oro_table_def *
oro_query_table(const struct oro_query *q)
{
    return q->table;
}

bool
oro_query_uses_sender(const struct oro_query *q)
{
    return q->uses_sender;
}

uint32_t
oro_query_weight(const struct oro_query *q)
{
    return q->weight;
}

bool
oro_query_has_condition(const struct oro_query *q)
{
    return q->where != NULL;
}

int
oro_query_eq_column(const struct oro_query *q, struct oro_bytes *value)
{
    if (q->eq_column >= 0 && value != NULL)
        *value = q->eq_value;
    return q->eq_column;
}
