/* A query typed against its tables: names become columns, literals values of the type beside them, and the condition a tree of
 * predicates over encoded rows. */
#include "runtime/subs/query_type.h"

#include <string.h>

#include "runtime/base/map.h"

#define TEXT(b) TYPE_TEXT(b)

/* ---- typing ---- */

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

static const struct oro_type *
column_type(const struct typing *ty, uint8_t src, uint16_t col)
{
    return oro_type_resolve(ty->scopes[src].table->row->elems[col].type);
}

static oro_status
fail_literal(struct typing *ty, struct oro_bytes text, const struct oro_type *t)
{
    ty->at = text.data;
    return oro_err_set(ty->err, ORO_EMALFORMED,
                       "The literal expression `%.*s` cannot be parsed as type `%s`", TEXT(text),
                       type_text(t).s);
}

/* In SQL options are SQLite's, where an empty one is NULL and equals nothing, and where they have an order. */
static bool
is_sqlites(const struct typing *ty, const struct oro_type *t)
{
    return t->special == ORO_OPTION && ty->use == ORO_QUERY_SQL;
}

static oro_status
leave_to_sqlite(struct typing *ty)
{
    return oro_err_set(ty->err, ORO_ETYPE, "comparing options is SQLite's");
}

static oro_status
fail_operator(struct typing *ty, enum sql_op op, const struct oro_type *t)
{
    return oro_err_set(ty->err, ORO_EMALFORMED, "Invalid binary operator `%s` for type `%s`",
                       op_text(op), type_text(t).s);
}

/* Options are equal or not. */
static bool
has_operator(const struct oro_type *t, enum sql_op op)
{
    return t->special != ORO_OPTION || op == SQL_EQ || op == SQL_NE;
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
    return query_literal(ty->q, t, e, out) ? ORO_OK : fail_literal(ty, e->text, t);
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
    const struct sql_expr *left = e->list, *right = left->next;
    oro_status st = query_find_column(ty, left->qualifier, left->name, &p->src, &p->col);
    if (st == ORO_OK)
        st = query_find_column(ty, right->qualifier, right->name, &p->other_src, &p->other);
    if (st != ORO_OK)
        return st;
    const struct oro_type *a = column_type(ty, p->src, p->col),
                          *b = column_type(ty, p->other_src, p->other);
    if (is_sqlites(ty, a) || is_sqlites(ty, b))
        return leave_to_sqlite(ty);
    p->kind = P_COMPARE_COLUMNS;
    p->leaf = query_leaf_type(a);
    ty->at = left->text.data;
    if (!oro_type_eq(a, b))
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "Unexpected type: (expected) %s != %s (inferred)", type_text(a).s,
                           type_text(b).s);
    return p->leaf == NULL || !has_operator(a, p->op) ? fail_operator(ty, p->op, a) : ORO_OK;
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
    ty->at = e->text.data;
    if (!is_operand(left) || !is_operand(right))
        return oro_err_set(ty->err, ORO_EMALFORMED, "Unsupported expression: %.*s", TEXT(e->text));
    struct pred *p = query_new_pred(ty, P_COMPARE);
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
    oro_status st = query_find_column(ty, column->qualifier, column->name, &p->src, &p->col);
    if (st != ORO_OK)
        return st;
    const struct oro_type *t = column_type(ty, p->src, p->col);
    if (is_sqlites(ty, t))
        return leave_to_sqlite(ty);
    p->leaf = query_leaf_type(t);
    ty->at = column->text.data;
    if (!has_operator(t, p->op))
        return fail_operator(ty, p->op, t);
    return literal_value(ty, column == left ? right : left, t, &p->value);
}

/* A column or a literal alone as condition: has to be bool. */
static oro_status
type_bare(struct typing *ty, const struct sql_expr *e, struct pred **out)
{
    if (is_bool(e)) {
        *out = query_new_pred(ty, P_CONST);
        (*out)->yes = bool_value(e);
        return ORO_OK;
    }
    ty->at = e->text.data;
    if (e->kind != SQL_E_COLUMN)
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "The literal expression `%.*s` cannot be parsed as type `Bool`",
                           TEXT(e->text));
    struct pred *p = query_new_pred(ty, P_COMPARE);
    oro_status st = query_find_column(ty, e->qualifier, e->name, &p->src, &p->col);
    if (st != ORO_OK)
        return st;
    p->leaf = column_type(ty, p->src, p->col);
    if (is_sqlites(ty, p->leaf))
        return leave_to_sqlite(ty);
    ty->at = e->text.data;
    if (p->leaf->kind != ORO_BOOL)
        return oro_err_set(ty->err, ORO_EMALFORMED,
                           "Unexpected type: (expected) Bool != %s (inferred)",
                           type_text(p->leaf).s);
    p->op = SQL_EQ;
    p->value = oro_bytes("\1", 1);
    *out = p;
    return ORO_OK;
}

/* What holds where p does not; all orders are total, so each comparison has its opposite. */
static void
negate(struct pred *p)
{
    static const enum sql_op opposite[] = {SQL_NE, SQL_EQ, SQL_GE, SQL_GT, SQL_LE, SQL_LT};
    for (struct pred *i = p->list; i != NULL; i = i->next)
        negate(i);
    if (p->kind == P_AND || p->kind == P_OR)
        p->kind = p->kind == P_AND ? P_OR : P_AND;
    else if (p->kind == P_CONST)
        p->yes = !p->yes;
    else
        p->op = opposite[p->op];
}

oro_status
query_type_condition(struct typing *ty, const struct sql_expr *e, struct pred **out)
{
    ty->at = NULL;
    if (e->kind == SQL_E_NOT) {
        oro_status st = query_type_condition(ty, e->list, out);
        if (st == ORO_OK)
            negate(*out);
        return st;
    }
    if (e->kind == SQL_E_CMP)
        return type_compare(ty, e, out);
    if (e->kind != SQL_E_AND && e->kind != SQL_E_OR)
        return type_bare(ty, e, out);
    struct pred *p = query_new_pred(ty, e->kind == SQL_E_AND ? P_AND : P_OR), **tail = &p->list;
    for (const struct sql_expr *i = e->list; i != NULL; i = i->next) {
        oro_status st = query_type_condition(ty, i, tail);
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
    uint8_t src;
    oro_status st = query_find_column(ty, c->qualifier, c->name, &src, &to->col);
    if (st != ORO_OK)
        return st;
    to->name = c->alias.len > 0 ? query_keep(q, c->alias)
                                : oro_bytes_str(q->table->row->elems[to->col].name);
    ty->at = c->name.data;
    if (oro_map_put(names, to->name, to) != NULL)
        return oro_err_set(ty->err, ORO_EMALFORMED, "Duplicate name `%.*s`", TEXT(to->name));
    q->ncolumns++;
    return ORO_OK;
}

oro_status
query_type_projection(struct typing *ty)
{
    const struct sql_select *s = ty->s;
    struct oro_query *q = ty->q;
    int shown = s->star_of.len > 0 ? query_scope_of(ty, s->star_of) : 0;
    ty->at = s->star_of.data;
    if (shown < 0)
        return oro_err_set(ty->err, ORO_EMALFORMED, "`%.*s` is not in scope", TEXT(s->star_of));
    ty->at = NULL;
    q->table = ty->scopes[shown].table;
    q->shown = (uint8_t)shown;
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
