/* runtime/subs/query_call.c - `SELECT * FROM view(1, 'x')`: arguments are taken out of the text before it is parsed, since they
 * stand in the bare form only, and the query is then one of the view with these arguments (query_view.c). */
#include "runtime/subs/query_priv.h"

#include <string.h>

struct call {
    struct oro_query *q;
    struct sql_lex lx;
    struct sql_tok tok;
    struct oro_err *err;
    const struct oro_table_def *table;
    struct oro_bytes name;
    bool bare, joined; /* so far: SELECT * or SELECT x.*; a JOIN is before it */
};

#define TEXT(b) sql_cut(b, 200), (const char *)(b).data

static oro_status
next(struct call *c)
{
    return sql_next(&c->lx, &c->tok, c->err);
}

/* Up to a name with parentheses behind FROM or JOIN, at the "(". ORO_ENOTFOUND: there is none. */
static oro_status
find_call(struct call *c)
{
    struct sql_tok before = {0}, name = {0};
    unsigned n = 0;
    bool stars[4] = {false};
    oro_status st;
    for (; (st = next(c)) == ORO_OK && c->tok.kind != SQL_END; n++) {
        bool place = sql_is_word(&before, "FROM") || sql_is_word(&before, "JOIN");
        bool named = name.kind == SQL_NAME || name.kind == SQL_QUOTED;
        if (place && named && sql_is_symbol(&c->tok, "(")) {
            c->name = name.value;
            c->joined = sql_is_word(&before, "JOIN");
            /* SELECT * FROM v (, SELECT x.* FROM v ( */
            c->bare = !c->joined && ((n == 4 && stars[1]) || (n == 6 && stars[3]));
            return ORO_OK;
        }
        if (n < 4)
            stars[n] = sql_is_symbol(&c->tok, "*");
        before = name;
        name = c->tok;
    }
    return st == ORO_OK ? ORO_ENOTFOUND : st;
}

static oro_status
fail_argument(struct call *c, struct oro_bytes text, const char *what)
{
    return oro_err_set(c->err, ORO_EINVAL,
                       "Unsupported view argument: %.*s. View arguments must be %s", TEXT(text),
                       what);
}

/* One literal, up to "," or ")". kind and value: as oro_value_from_literal has them. */
static oro_status
take_literal(struct call *c, char *kind, struct oro_bytes *value)
{
    const struct sql_tok *t = &c->tok;
    struct oro_bytes first = t->text;
    bool sign = sql_is_symbol(t, "-") || sql_is_symbol(t, "+");
    oro_status st = sign ? next(c) : ORO_OK;
    if (st != ORO_OK)
        return st;
    if (t->kind == SQL_NUMBER) {
        uint8_t *text = oro_arena_alloc(&c->q->arena, t->text.len + 1);
        text[0] = sign ? first.data[0] : 0;
        memcpy(text + sign, t->text.data, t->text.len);
        *kind = 'n';
        *value = oro_bytes(text, t->text.len + sign);
    } else if (!sign && (sql_is_word(t, "TRUE") || sql_is_word(t, "FALSE"))) {
        *kind = 'b';
        *value = t->value;
    } else if (!sign && (t->kind == SQL_STRING || t->kind == SQL_HEX)) {
        *kind = t->kind == SQL_STRING ? 's' : 'x';
        *value = t->value;
    } else {
        return fail_argument(c, first, sql_is_symbol(t, "*") ? "positional literals" : "literals");
    }
    first.len = (size_t)(t->text.data + t->text.len - first.data);
    st = next(c);
    if (st == ORO_OK && !sql_is_symbol(t, ",") && !sql_is_symbol(t, ")"))
        return fail_argument(
            c, oro_bytes(first.data, (size_t)(t->text.data + t->text.len - first.data)),
            sql_is_symbol(t, "=") ? "positional literals" : "literals");
    return st;
}

static oro_status
fail_count(struct call *c, const struct oro_view_def *def, uint32_t n)
{
    return oro_err_set(c->err, ORO_EINVAL, "View `%s` takes %u argument(s), but %u were given",
                       def->name, def->fn->params->nelems, n);
}

/* The i-th argument as the parameter's type has it. */
static oro_status
put_argument(struct call *c, const struct oro_view_def *def, uint32_t i, char kind,
             struct oro_bytes value, struct oro_bytes text, struct oro_bb *args)
{
    const struct oro_elem *param = &def->fn->params->elems[i];
    const struct oro_type *t = oro_type_resolve(param->type);
    struct oro_bb type = {0};
    oro_type_print(t, &type);
    oro_status st = ORO_OK;
    if (query_leaf_type(t) == NULL || t->kind == ORO_SUM)
        st = oro_err_set(
            c->err, ORO_EINVAL,
            "Parameter `%s` of view `%s` has type %.*s, which cannot be passed from SQL",
            param->name, def->name, (int)(type.len < 200 ? type.len : 200),
            (const char *)type.data);
    else if (oro_value_from_literal(t, kind, value, args, NULL) != ORO_OK)
        st = oro_err_set(
            c->err, ORO_EINVAL, "The literal expression `%.*s` cannot be parsed as type `%.*s`",
            TEXT(text), (int)(type.len < 200 ? type.len : 200), (const char *)type.data);
    oro_bb_fini(&type);
    return st;
}

/* From "(" to behind ")". */
static oro_status
take_arguments(struct call *c, const struct oro_view_def *def, uint32_t *n, struct oro_bb *args)
{
    oro_status st = next(c);
    *n = 0;
    while (st == ORO_OK && !sql_is_symbol(&c->tok, ")")) {
        char kind = 0;
        struct oro_bytes value = {0}, text = c->tok.text;
        st = take_literal(c, &kind, &value);
        text.len = (size_t)(c->tok.text.data - text.data);
        while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\n'))
            text.len--;
        if (st == ORO_OK && def != NULL && *n < def->fn->params->nelems)
            st = put_argument(c, def, *n, kind, value, text, args);
        ++*n;
        if (st == ORO_OK && sql_is_symbol(&c->tok, ","))
            st = next(c);
    }
    return st;
}

/* What may follow with arguments: an alias, and the end. */
static oro_status
check_rest(struct call *c, const struct oro_view_def *def)
{
    oro_status st = next(c);
    bool as = st == ORO_OK && sql_is_word(&c->tok, "AS");
    if (as)
        st = next(c);
    bool word = c->tok.kind == SQL_NAME || c->tok.kind == SQL_QUOTED;
    static const char *const clauses[] = {"WHERE", "JOIN",  "LIMIT", "ORDER",
                                          "GROUP", "INNER", "CROSS"};
    for (size_t i = 0; word && !as && i < ORO_ARRAY_LEN(clauses); i++)
        word = !sql_is_word(&c->tok, clauses[i]);
    if (st == ORO_OK && word)
        st = next(c);
    while (st == ORO_OK && sql_is_symbol(&c->tok, ";"))
        st = next(c);
    if (st != ORO_OK || (c->bare && c->tok.kind == SQL_END))
        return st;
    return oro_err_set(c->err, ORO_EINVAL,
                       "View `%s` takes arguments, so it can only be queried as `SELECT * FROM "
                       "%s(...)`",
                       def->name, def->name);
}

static oro_status
check_call(struct call *c, const struct oro_table_def *t, uint32_t n)
{
    const struct oro_view_def *def = t->view;
    if (n == 0)
        return ORO_OK; /* v() is v; whether it takes any is seen later */
    if (c->joined)
        return oro_err_set(
            c->err, ORO_EINVAL,
            "Unsupported view call in a JOIN: `%.*s`. A view that takes arguments can "
            "only be queried by itself",
            TEXT(c->name));
    if (def == NULL)
        return oro_err_set(c->err, ORO_EINVAL,
                           "`%s` is a table, not a view; it does not take arguments", t->name);
    if (def->fn->params->nelems != n)
        return fail_count(c, def, n);
    return check_rest(c, def);
}

oro_status
query_call_take(struct oro_query *q, const struct oro_schema *schema, struct oro_bytes *text,
                struct oro_err *err)
{
    if (text->len == 0 || text->len > SQL_TEXT_MOST || memchr(text->data, '(', text->len) == NULL)
        return ORO_OK;
    struct call c = {.q = q, /* a text that is too long is refused by the parser */
                     .lx = {text->data, text->data, text->data + text->len, &q->arena},
                     .err = NULL};
    oro_status st = find_call(&c);
    if (st != ORO_OK)
        return ORO_OK; /* no call; or no SQL, which the parser says better */
    c.err = err;
    const struct oro_table_def *t = oro_schema_table(schema, c.name);
    if (t == NULL)
        return ORO_OK; /* a function of SQLite's, or nothing that there is */
    const uint8_t *open = c.tok.text.data;
    struct oro_bb args = {0};
    uint32_t n;
    st = take_arguments(&c, t->view, &n, &args);
    const uint8_t *end = c.tok.text.data + c.tok.text.len;
    if (st == ORO_OK)
        st = check_call(&c, t, n);
    if (st == ORO_OK) {
        uint8_t *without = oro_arena_alloc(&q->arena, text->len);
        memcpy(without, text->data, text->len);
        memset(without + (open - text->data), ' ', (size_t)(end - open));
        *text = oro_bytes(without, text->len);
        q->nargs = n;
        uint8_t *kept = oro_arena_alloc(&q->arena, args.len + 1);
        if (args.len > 0)
            memcpy(kept, args.data, args.len);
        q->args = oro_bytes(kept, args.len);
    }
    oro_bb_fini(&args);
    return st;
}
