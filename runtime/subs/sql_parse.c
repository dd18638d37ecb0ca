/* Recursive descent over sql_lex. Each parse_* function stands at the first token of its rule and leaves the parser after
 * its last one. AND and OR make lists, so depth grows with parentheses only, and that is bounded. */
#include "runtime/subs/sql_parse.h"

#include <string.h>

#include "bridge/bsatn/value.h"

/* Parentheses within parentheses. A level costs well under 500 bytes of stack here and in the matcher. */
#define MAX_DEPTH 256
#define MAX_PARTS 64 /* of a dotted name */
#define CUT 200      /* bytes of the query quoted in a message */

struct parser {
    struct sql_lex lx;
    struct sql_tok tok;      /* the one to look at */
    const uint8_t *prev_end; /* end of the token before it */
    enum oro_query_use use;
    unsigned depth;
    struct oro_err *err;
};

static oro_status
advance(struct parser *p)
{
    p->prev_end = p->tok.text.data == NULL ? p->lx.at : p->tok.text.data + p->tok.text.len;
    return sql_next(&p->lx, &p->tok, p->err);
}

static oro_status
peek_second(struct parser *p, struct sql_tok *out)
{
    struct sql_lex copy = p->lx;
    return sql_next(&copy, out, p->err);
}

static int
cut(struct oro_bytes b)
{
    return sql_cut(b, CUT);
}

static oro_status
fail_expected(struct parser *p, const char *what)
{
    size_t at = (size_t)(p->tok.text.data - p->lx.start) + 1;
    if (p->tok.kind == SQL_END)
        return oro_err_set(p->err, ORO_EMALFORMED,
                           "syntax error: expected %s, found the end of the query", what);
    return oro_err_set(p->err, ORO_EMALFORMED,
                       "syntax error: expected %s, found `%.*s` at position %zu", what,
                       cut(p->tok.text), (const char *)p->tok.text.data, at);
}

static oro_status
fail_unsupported(struct parser *p, const char *what, struct oro_bytes text)
{
    return oro_err_set(p->err, ORO_EMALFORMED, "Unsupported%s: %.*s", what, cut(text),
                       (const char *)text.data);
}

static oro_status
expect_symbol(struct parser *p, const char *symbol, const char *what)
{
    return sql_is_symbol(&p->tok, symbol) ? advance(p) : fail_expected(p, what);
}

static bool
is_any_word(const struct sql_tok *t, const char *const *words)
{
    for (; *words != NULL; words++)
        if (sql_is_word(t, *words))
            return true;
    return false;
}

/* What may follow a table or a condition, so it is no alias unless quoted. */
static const char *const clause_words[] = {
    "FROM",    "WHERE",  "LIMIT", "JOIN",  "INNER",  "CROSS", "LEFT",      "RIGHT",  "FULL",
    "NATURAL", "ON",     "ORDER", "GROUP", "HAVING", "UNION", "INTERSECT", "EXCEPT", "OFFSET",
    "FETCH",   "WINDOW", "FOR",   "USING", "AS",     "AND",   "OR",        NULL,
};

static bool
is_name_token(const struct sql_tok *t)
{
    return t->kind == SQL_QUOTED || (t->kind == SQL_NAME && !is_any_word(t, clause_words));
}

static oro_status
take_name(struct parser *p, const char *what, struct oro_bytes *out)
{
    if (!is_name_token(&p->tok) || p->tok.value.len == 0)
        return fail_expected(p, what);
    *out = p->tok.value;
    return advance(p);
}

/* a.b: names of submodules are part of the table's name. */
static oro_status
join_dotted(struct parser *p, struct oro_bytes *name, struct oro_bytes more)
{
    uint8_t *s = oro_arena_alloc(p->lx.arena, name->len + 1 + more.len);
    memcpy(s, name->data, name->len);
    s[name->len] = '.';
    memcpy(s + name->len + 1, more.data, more.len);
    *name = oro_bytes(s, name->len + 1 + more.len);
    return ORO_OK;
}

/* name (. name)*: all but the last are the qualifier. At `.` `*` it stops with *star. star may be NULL: not allowed. */
static oro_status
take_dotted(struct parser *p, const char *what, struct oro_bytes *qualifier, struct oro_bytes *name,
            bool *star)
{
    oro_status st = take_name(p, what, name);
    *qualifier = (struct oro_bytes){0};
    for (unsigned parts = 1; st == ORO_OK && sql_is_symbol(&p->tok, "."); parts++) {
        if (parts == MAX_PARTS) /* each is copied with those before it */
            return oro_err_set(p->err, ORO_EMALFORMED, "syntax error: a name of more than %d parts",
                               MAX_PARTS);
        st = advance(p);
        if (st != ORO_OK)
            break;
        if (star != NULL && sql_is_symbol(&p->tok, "*")) {
            *star = true;
            return advance(p);
        }
        struct oro_bytes part;
        st = take_name(p, "a name", &part);
        if (st != ORO_OK)
            break;
        if (qualifier->len > 0)
            st = join_dotted(p, qualifier, *name);
        else
            *qualifier = *name;
        *name = part;
    }
    return st;
}

/* ---- conditions ---- */

static oro_status parse_or(struct parser *p, struct sql_expr **out);

static struct sql_expr *
new_expr(struct parser *p, enum sql_expr_kind kind)
{
    struct sql_expr *e = oro_arena_alloc(p->lx.arena, sizeof(*e));
    *e = (struct sql_expr){.kind = kind, .text = p->tok.text};
    return e;
}

/* From where e begins to the end of the last token. */
static void
close_text(struct parser *p, struct sql_expr *e, const uint8_t *from)
{
    e->text = oro_bytes(from, (size_t)(p->prev_end - from));
}

static const char *const expression_words[] = {
    "NOT",   "CASE", "CAST",   "EXISTS", "INTERVAL",  "EXTRACT",
    "ARRAY", "ROW",  "SELECT", "DATE",   "TIMESTAMP", NULL,
};

static oro_status
parse_number(struct parser *p, struct sql_expr **out)
{
    const uint8_t *from = p->tok.text.data;
    struct sql_expr *e = new_expr(p, SQL_E_LITERAL);
    e->literal = 'n';
    oro_status st = ORO_OK;
    if (p->tok.kind == SQL_SYMBOL) { /* the sign */
        struct sql_tok second;
        st = peek_second(p, &second);
        if (st == ORO_OK && second.kind != SQL_NUMBER)
            return fail_unsupported(p, " expression", oro_bytes(from, (size_t)(p->lx.end - from)));
        if (st == ORO_OK)
            st = advance(p);
    }
    if (st == ORO_OK)
        st = advance(p);
    close_text(p, e, from);
    /* "- 5" is the number -5: the sign and the digits without what is between. */
    e->name = e->text;
    if (st == ORO_OK && e->text.len > 1 && (*from == '-' || *from == '+')) {
        size_t blank = 1;
        while (blank < e->text.len && !(e->text.data[blank] == '.' ||
                                        (e->text.data[blank] >= '0' && e->text.data[blank] <= '9')))
            blank++;
        uint8_t *s = oro_arena_alloc(p->lx.arena, e->text.len);
        s[0] = *from;
        memcpy(s + 1, e->text.data + blank, e->text.len - blank);
        e->name = oro_bytes(s, e->text.len - blank + 1);
    }
    *out = e;
    return st;
}

static oro_status
parse_column_ref(struct parser *p, struct sql_expr **out)
{
    const uint8_t *from = p->tok.text.data;
    struct sql_tok second;
    oro_status st = peek_second(p, &second);
    if (st != ORO_OK)
        return st;
    if (p->tok.kind == SQL_NAME &&
        (is_any_word(&p->tok, expression_words) || sql_is_symbol(&second, "(")))
        return fail_unsupported(p, " expression", oro_bytes(from, (size_t)(p->lx.end - from)));
    struct sql_expr *e = new_expr(p, SQL_E_COLUMN);
    st = take_dotted(p, "a condition", &e->qualifier, &e->name, NULL);
    close_text(p, e, from);
    *out = e;
    return st;
}

static oro_status
parse_operand(struct parser *p, struct sql_expr **out)
{
    const struct sql_tok *t = &p->tok;
    if (sql_is_symbol(t, "(")) {
        const uint8_t *from = t->text.data;
        if (++p->depth > MAX_DEPTH)
            return oro_err_set(p->err, ORO_EMALFORMED, "Recursion limit exceeded, `%.*s`",
                               sql_cut(oro_bytes(from, (size_t)(p->lx.end - from)), CUT / 2),
                               (const char *)from);
        oro_status st = advance(p);
        if (st == ORO_OK && (sql_is_word(&p->tok, "SELECT") || sql_is_word(&p->tok, "WITH")))
            return fail_unsupported(p, "", oro_bytes_str("subqueries"));
        if (st == ORO_OK)
            st = parse_or(p, out);
        if (st == ORO_OK)
            st = expect_symbol(p, ")", "`)`");
        p->depth--;
        return st;
    }
    if (t->kind == SQL_NUMBER || sql_is_symbol(t, "-") || sql_is_symbol(t, "+"))
        return parse_number(p, out);
    bool null = sql_is_word(t, "NULL") && p->use != ORO_QUERY_SQL;
    if (t->kind == SQL_ODD || (sql_is_word(t, "NULL") && !null))
        return fail_unsupported(p,
                                t->text.data[0] == '$' || t->text.data[0] == '?'
                                    ? " expression"
                                    : " literal expression",
                                t->text);
    if (t->kind == SQL_PARAM && !oro_bytes_eq(t->value, oro_bytes_str("sender")))
        return fail_unsupported(p, " expression", t->text);
    bool boolean = sql_is_word(t, "TRUE") || sql_is_word(t, "FALSE");
    if (t->kind == SQL_STRING || t->kind == SQL_HEX || t->kind == SQL_PARAM || boolean || null) {
        struct sql_expr *e = new_expr(p, t->kind == SQL_PARAM ? SQL_E_SENDER : SQL_E_LITERAL);
        e->literal = null ? SQL_NULL : boolean ? 'b' : t->kind == SQL_STRING ? 's' : 'x';
        e->name = t->value;
        *out = e;
        return advance(p);
    }
    if (t->kind == SQL_NAME || t->kind == SQL_QUOTED)
        return parse_column_ref(p, out);
    return fail_expected(p, "a condition");
}

static bool
take_operator(const struct sql_tok *t, enum sql_op *op)
{
    static const struct {
        const char *text;
        enum sql_op op;
    } ops[] = {{"=", SQL_EQ}, {"==", SQL_EQ}, {"<>", SQL_NE}, {"!=", SQL_NE},
               {"<", SQL_LT}, {"<=", SQL_LE}, {">", SQL_GT},  {">=", SQL_GE}};
    for (size_t i = 0; i < ORO_ARRAY_LEN(ops); i++) {
        if (sql_is_symbol(t, ops[i].text)) {
            *op = ops[i].op;
            return true;
        }
    }
    return false;
}

/* After an operand: operators of SQL that are not ours. */
static oro_status
refuse_operator(struct parser *p, const uint8_t *from)
{
    static const char *const words[] = {"IS",      "IN",  "BETWEEN", "LIKE", "ILIKE",
                                        "SIMILAR", "NOT", "COLLATE", NULL};
    static const char symbols[] = "+-*/%|&^~#@:[";
    if (is_any_word(&p->tok, words))
        return fail_unsupported(p, " expression", oro_bytes(from, (size_t)(p->lx.end - from)));
    if (p->tok.kind == SQL_SYMBOL && strchr(symbols, p->tok.text.data[0]) != NULL)
        return fail_unsupported(p, " binary operator", p->tok.text);
    return ORO_OK;
}

static oro_status parse_primary(struct parser *p, struct sql_expr **out);

static oro_status
parse_not(struct parser *p, struct sql_expr **out)
{
    const uint8_t *from = p->tok.text.data;
    struct sql_expr *e = new_expr(p, SQL_E_NOT);
    if (++p->depth > MAX_DEPTH)
        return oro_err_set(p->err, ORO_EMALFORMED, "Recursion limit exceeded, `%.*s`",
                           sql_cut(oro_bytes(from, (size_t)(p->lx.end - from)), CUT / 2),
                           (const char *)from);
    oro_status st = advance(p);
    if (st == ORO_OK)
        st = parse_primary(p, &e->list);
    p->depth--;
    if (st != ORO_OK)
        return st;
    e->list->next = NULL;
    close_text(p, e, from);
    *out = e;
    return ORO_OK;
}

static oro_status
parse_primary(struct parser *p, struct sql_expr **out)
{
    if (sql_is_word(&p->tok, "NOT"))
        return parse_not(p, out);
    const uint8_t *from = p->tok.text.data;
    struct sql_expr *left, *right;
    enum sql_op op;
    oro_status st = parse_operand(p, &left);
    if (st == ORO_OK)
        st = refuse_operator(p, from);
    if (st != ORO_OK || !take_operator(&p->tok, &op)) {
        *out = st == ORO_OK ? left : NULL;
        return st;
    }
    st = advance(p);
    if (st == ORO_OK)
        st = parse_operand(p, &right);
    if (st == ORO_OK)
        st = refuse_operator(p, from);
    if (st != ORO_OK)
        return st;
    struct sql_expr *e = new_expr(p, SQL_E_CMP);
    e->op = op;
    e->list = left;
    left->next = right;
    right->next = NULL;
    close_text(p, e, from);
    *out = e;
    return ORO_OK;
}

static oro_status
parse_list(struct parser *p, enum sql_expr_kind kind, const char *word,
           oro_status (*item)(struct parser *, struct sql_expr **), struct sql_expr **out)
{
    const uint8_t *from = p->tok.text.data;
    struct sql_expr *first;
    oro_status st = item(p, &first);
    if (st != ORO_OK || !sql_is_word(&p->tok, word)) {
        *out = st == ORO_OK ? first : NULL;
        return st;
    }
    struct sql_expr *e = new_expr(p, kind), *last = first;
    e->list = first;
    while (st == ORO_OK && sql_is_word(&p->tok, word)) {
        st = advance(p);
        if (st == ORO_OK)
            st = item(p, &last->next);
        if (st == ORO_OK)
            last = last->next;
    }
    close_text(p, e, from);
    *out = e;
    return st;
}

static oro_status
parse_and(struct parser *p, struct sql_expr **out)
{
    return parse_list(p, SQL_E_AND, "AND", parse_primary, out);
}

static oro_status
parse_or(struct parser *p, struct sql_expr **out)
{
    return parse_list(p, SQL_E_OR, "OR", parse_and, out);
}

/* ---- the statement ---- */

static oro_status
parse_count(struct parser *p, struct sql_select *s)
{
    oro_status st = advance(p); /* COUNT */
    if (st == ORO_OK)
        st = advance(p); /* ( */
    if (st == ORO_OK && !sql_is_symbol(&p->tok, "*"))
        return oro_err_set(p->err, ORO_EMALFORMED,
                           "Unsupported aggregate function: COUNT of an expression");
    if (st == ORO_OK)
        st = advance(p);
    if (st == ORO_OK)
        st = expect_symbol(p, ")", "`)`");
    if (st == ORO_OK && sql_is_word(&p->tok, "AS")) {
        st = advance(p);
        if (st == ORO_OK)
            st = take_name(p, "a name", &s->count_name);
    } else if (st == ORO_OK) {
        if (!is_name_token(&p->tok))
            return oro_err_set(p->err, ORO_EMALFORMED,
                               "Aggregate expressions must have column aliases");
        st = take_name(p, "a name", &s->count_name);
    }
    s->count = true;
    return st;
}

static oro_status
parse_one_column(struct parser *p, struct sql_select *s, struct sql_column ***tail)
{
    struct sql_tok second;
    oro_status st = peek_second(p, &second);
    if (st != ORO_OK)
        return st;
    if (sql_is_symbol(&p->tok, "*")) {
        s->star = true;
        return advance(p);
    }
    if (sql_is_word(&p->tok, "COUNT") && sql_is_symbol(&second, "("))
        return parse_count(p, s);
    if (p->tok.kind == SQL_NAME && sql_is_symbol(&second, "("))
        return fail_unsupported(p, " aggregate function", p->tok.text);
    if (p->tok.kind == SQL_END || sql_is_word(&p->tok, "FROM"))
        return fail_expected(p, "columns");
    if (!is_name_token(&p->tok) || is_any_word(&p->tok, expression_words) ||
        sql_is_word(&p->tok, "NULL") || sql_is_word(&p->tok, "TRUE") ||
        sql_is_word(&p->tok, "FALSE"))
        return ORO_ETYPE; /* the caller has the right words */
    struct sql_column *c = oro_arena_alloc(p->lx.arena, sizeof(*c));
    *c = (struct sql_column){0};
    bool star = false;
    st = take_dotted(p, "a column", &c->qualifier, &c->name, &star);
    if (st == ORO_OK && star) {
        s->star = true;
        s->star_of = c->name;
        if (c->qualifier.len > 0) {
            st = join_dotted(p, &c->qualifier, c->name);
            s->star_of = c->qualifier;
        }
        return st;
    }
    if (st == ORO_OK && sql_is_word(&p->tok, "AS")) {
        st = advance(p);
        if (st == ORO_OK)
            st = take_name(p, "a name", &c->alias);
    } else if (st == ORO_OK && is_name_token(&p->tok)) {
        st = take_name(p, "a name", &c->alias);
    }
    **tail = c;
    *tail = &c->next;
    return st;
}

/* An expression in the column list: `SELECT 1` has no table at all, anything else is not supported. */
static oro_status
refuse_projection(struct parser *p)
{
    struct oro_bytes text = oro_bytes(p->tok.text.data, (size_t)(p->lx.end - p->tok.text.data));
    while (p->tok.kind != SQL_END && !sql_is_word(&p->tok, "FROM")) {
        oro_status st = advance(p);
        if (st != ORO_OK)
            return st;
    }
    if (p->tok.kind == SQL_END)
        return oro_err_set(p->err, ORO_EMALFORMED, "A FROM clause is required");
    text.len = (size_t)(p->prev_end - text.data);
    return fail_unsupported(p, " projection expression", text);
}

static oro_status
parse_columns(struct parser *p, struct sql_select *s)
{
    struct sql_column **tail = &s->columns;
    unsigned n = 0;
    for (;;) {
        const uint8_t *from = p->tok.text.data;
        oro_status st = parse_one_column(p, s, &tail);
        if (st == ORO_ETYPE)
            return refuse_projection(p);
        if (st != ORO_OK)
            return st;
        n++;
        static const char symbols[] = "+-*/%|&^<>=![:";
        if (p->tok.kind == SQL_SYMBOL && strchr(symbols, p->tok.text.data[0]) != NULL) {
            p->tok.text = oro_bytes(from, p->tok.text.len + (size_t)(p->tok.text.data - from));
            return refuse_projection(p);
        }
        if (!sql_is_symbol(&p->tok, ","))
            break;
        st = advance(p);
        if (st != ORO_OK)
            return st;
    }
    if (s->star && n > 1)
        return oro_err_set(p->err, ORO_EMALFORMED, "Mixed wildcard projections are not supported");
    if (s->count && n > 1)
        return oro_err_set(p->err, ORO_EMALFORMED,
                           "Unsupported projection expression: COUNT(*) beside other columns");
    return ORO_OK;
}

/* table [AS alias] */
static oro_status
parse_table(struct parser *p, struct oro_bytes *table, struct oro_bytes *alias)
{
    struct oro_bytes qualifier;
    oro_status st = take_dotted(p, "a table", &qualifier, table, NULL);
    if (st == ORO_OK && qualifier.len > 0) {
        st = join_dotted(p, &qualifier, *table);
        *table = qualifier;
    }
    if (st == ORO_OK && sql_is_word(&p->tok, "AS")) {
        st = advance(p);
        if (st == ORO_OK)
            st = take_name(p, "a name", alias);
    } else if (st == ORO_OK && is_name_token(&p->tok)) {
        st = take_name(p, "a name", alias);
    }
    return st;
}

/* ON column = column: one equality, and what follows it belongs to WHERE. */
static oro_status
parse_on(struct parser *p, struct sql_join *j)
{
    oro_status st = advance(p);
    if (st == ORO_OK)
        st = parse_primary(p, &j->on);
    if (st != ORO_OK)
        return st;
    const struct sql_expr *e = j->on;
    bool equality = e->kind == SQL_E_CMP && e->op == SQL_EQ && e->list->kind == SQL_E_COLUMN &&
                    e->list->next->kind == SQL_E_COLUMN;
    if (equality && !sql_is_word(&p->tok, "AND") && !sql_is_word(&p->tok, "OR"))
        return ORO_OK;
    return oro_err_set(p->err, ORO_EMALFORMED,
                       "Non-inner joins are not supported: ON takes one equality of two columns, "
                       "as in ON a.id = b.a_id; other conditions go to WHERE");
}

static oro_status
parse_join(struct parser *p, struct sql_join *j)
{
    oro_status st = ORO_OK;
    if (!sql_is_word(&p->tok, "JOIN")) {
        st = advance(p);
        if (st == ORO_OK && !sql_is_word(&p->tok, "JOIN"))
            return fail_expected(p, "JOIN");
    }
    if (st == ORO_OK)
        st = advance(p);
    if (st == ORO_OK && sql_is_symbol(&p->tok, "("))
        return fail_unsupported(p, "", oro_bytes_str("subqueries"));
    if (st == ORO_OK)
        st = parse_table(p, &j->table, &j->alias);
    if (st == ORO_OK && sql_is_word(&p->tok, "ON"))
        st = parse_on(p, j);
    return st;
}

static oro_status
parse_joins(struct parser *p, struct sql_select *s)
{
    static const char *const outer[] = {"LEFT", "RIGHT", "FULL", "NATURAL", "USING", NULL};
    static const char *const inner[] = {"JOIN", "INNER", "CROSS", NULL};
    for (struct sql_join **tail = &s->joins;; tail = &(*tail)->next) {
        if (sql_is_symbol(&p->tok, ","))
            return oro_err_set(p->err, ORO_EMALFORMED, "Implicit joins are not supported");
        if (is_any_word(&p->tok, outer))
            return oro_err_set(p->err, ORO_EMALFORMED, "Non-inner joins are not supported");
        if (!is_any_word(&p->tok, inner))
            return ORO_OK;
        if (s->star && s->star_of.len == 0)
            return oro_err_set(p->err, ORO_EMALFORMED, "SELECT * is not supported for joins");
        if (p->use == ORO_QUERY_SQL) /* SQLite's engine has them */
            return oro_err_set(p->err, ORO_EMALFORMED, "Unsupported: joins");
        *tail = oro_arena_alloc(p->lx.arena, sizeof(**tail));
        **tail = (struct sql_join){0};
        oro_status st = parse_join(p, *tail);
        if (st != ORO_OK)
            return st;
    }
}

static oro_status
parse_from(struct parser *p, struct sql_select *s)
{
    if (!sql_is_word(&p->tok, "FROM"))
        return p->tok.kind == SQL_END || sql_is_symbol(&p->tok, ";")
                   ? oro_err_set(p->err, ORO_EMALFORMED, "A FROM clause is required")
                   : fail_expected(p, "FROM");
    oro_status st = advance(p);
    if (st == ORO_OK && sql_is_symbol(&p->tok, "("))
        return fail_unsupported(p, "", oro_bytes_str("subqueries"));
    if (st == ORO_OK)
        st = parse_table(p, &s->table, &s->alias);
    return st == ORO_OK ? parse_joins(p, s) : st;
}

static oro_status
parse_limit(struct parser *p, struct sql_select *s)
{
    oro_status st = advance(p);
    if (st != ORO_OK)
        return st;
    if (p->tok.kind == SQL_END)
        return fail_expected(p, "a number");
    if (sql_is_word(&p->tok, "ALL"))
        return advance(p);
    static const struct oro_type u64 = {.kind = ORO_U64, .fixed_size = 8};
    struct oro_bb n = {0};
    bool number = p->tok.kind == SQL_NUMBER &&
                  oro_value_from_literal(&u64, 'n', p->tok.text, &n, NULL) == ORO_OK;
    if (number)
        memcpy(&s->limit, n.data, sizeof(s->limit));
    oro_bb_fini(&n);
    if (!number)
        return fail_unsupported(p, " LIMIT expression", p->tok.text);
    s->has_limit = true;
    return advance(p);
}

static oro_status
refuse_clauses(struct parser *p)
{
    static const char *const select_words[] = {"GROUP", "HAVING", "WINDOW", NULL};
    static const char *const query_words[] = {"ORDER", "OFFSET", "FETCH", "FOR", NULL};
    static const char *const set_words[] = {"UNION", "INTERSECT", "EXCEPT", NULL};
    if (is_any_word(&p->tok, select_words))
        return fail_unsupported(
            p, " SELECT", sql_is_word(&p->tok, "GROUP") ? oro_bytes_str("GROUP BY") : p->tok.text);
    if (is_any_word(&p->tok, query_words))
        return fail_unsupported(
            p, "", sql_is_word(&p->tok, "ORDER") ? oro_bytes_str("ORDER BY") : p->tok.text);
    if (is_any_word(&p->tok, set_words))
        return fail_unsupported(p, " set operation", p->tok.text);
    return ORO_OK;
}

static oro_status
parse_tail(struct parser *p, struct sql_select *s)
{
    oro_status st = ORO_OK;
    if (sql_is_word(&p->tok, "WHERE")) {
        st = advance(p);
        if (st == ORO_OK)
            st = parse_or(p, &s->where);
    }
    if (st == ORO_OK)
        st = refuse_clauses(p);
    if (st == ORO_OK && sql_is_word(&p->tok, "LIMIT")) {
        if (p->use != ORO_QUERY_SQL)
            return fail_unsupported(p, "", oro_bytes_str("LIMIT"));
        st = parse_limit(p, s);
        if (st == ORO_OK)
            st = refuse_clauses(p);
    }
    if (st == ORO_OK && sql_is_symbol(&p->tok, ";")) {
        while (st == ORO_OK && sql_is_symbol(&p->tok, ";"))
            st = advance(p);
        if (st == ORO_OK && p->tok.kind != SQL_END)
            return oro_err_set(p->err, ORO_EMALFORMED, "Multiple SQL statements are not supported");
    }
    if (st == ORO_OK && p->tok.kind != SQL_END)
        return fail_expected(p, "the end of the query");
    return st;
}

static oro_status
refuse_statement(struct parser *p)
{
    static const char *const dml[] = {"INSERT", "UPDATE", "DELETE", "SET", "SHOW", NULL};
    static const char *const known[] = {
        "WITH",    "CREATE",   "DROP",   "ALTER",   "BEGIN",  "COMMIT", "ROLLBACK",
        "EXPLAIN", "TRUNCATE", "VALUES", "GRANT",   "REVOKE", "MERGE",  "CALL",
        "COPY",    "ANALYZE",  "START",  "DECLARE", "PRAGMA", "VACUUM", NULL};
    if (p->tok.kind == SQL_END || sql_is_symbol(&p->tok, ";"))
        return oro_err_set(p->err, ORO_EMALFORMED, "Empty SQL query");
    if (is_any_word(&p->tok, dml) && p->use != ORO_QUERY_SQL)
        return oro_err_set(p->err, ORO_EMALFORMED, "Unsupported: Non-SELECT queries");
    if (is_any_word(&p->tok, dml) || is_any_word(&p->tok, known))
        return fail_unsupported(
            p, "", oro_bytes(p->tok.text.data, (size_t)(p->lx.end - p->tok.text.data)));
    return fail_expected(p, "a statement");
}

static oro_status
parse_select(struct parser *p, struct sql_select *s)
{
    oro_status st = advance(p);
    if (st != ORO_OK)
        return st;
    if (!sql_is_word(&p->tok, "SELECT"))
        return refuse_statement(p);
    st = advance(p);
    if (st == ORO_OK && (sql_is_word(&p->tok, "DISTINCT") || sql_is_word(&p->tok, "ALL")))
        return fail_unsupported(p, " SELECT", p->tok.text);
    if (st == ORO_OK)
        st = parse_columns(p, s);
    if (st == ORO_OK)
        st = parse_from(p, s);
    if (st == ORO_OK)
        st = parse_tail(p, s);
    return st;
}

oro_status
sql_parse_select(struct oro_bytes text, enum oro_query_use use, struct oro_arena *arena,
                 struct sql_select *out, struct oro_err *err)
{
    *out = (struct sql_select){0};
    if (text.len > SQL_TEXT_MOST)
        return oro_err_set(err, ORO_EMALFORMED,
                           "SQL query exceeds maximum allowed length: \"%.*s...\"",
                           sql_cut(text, 120), (const char *)text.data);
    if (text.len == 0)
        text.data = (const uint8_t *)""; /* an empty body may have no address */
    struct parser p = {
        .lx = {text.data, text.data, text.data + text.len, arena}, .use = use, .err = err};
    struct sql_select s = {0};
    oro_status st = parse_select(&p, &s);
    if (st == ORO_OK && use != ORO_QUERY_SQL && !s.star)
        return oro_err_set(err, ORO_EMALFORMED,
                           "Column projections are not supported in subscriptions; "
                           "Subscriptions must return a table type");
    if (st == ORO_OK)
        *out = s;
    else
        out->at = p.tok.text.data;
    return st;
}
