/* Literals as the columns beside them want them.
 *
 * SQLite knows nothing of our types: beside a Timestamp stands an INTEGER in it, beside an Identity a TEXT of 66 characters. So
 * that all forms of a literal may be written (docs/sql.md), the text is changed before SQLite gets it, where a literal stands
 * beside a column: `column = x`, `x < column`, `column IN (x, y)`, `column BETWEEN x AND y`, with the column's type found by
 * its name among the tables that the text mentions. Where that is not certain, the literal stays as it is. */
#include "runtime/sql/sql_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/sql/lex.h"

struct use { /* of a table, under a name */
    struct oro_bytes name;
    const struct oro_table_def *table;
};

struct pass {
    const struct sql_engine *e;
    struct sql_text *t;
    struct sql_token *tokens;
    size_t n, cap;
    struct use *uses;
    size_t nuses, uses_cap;
    bool simple; /* one SELECT over tables of ours: a name is what it seems */
    size_t done; /* bytes of the text that was asked that are in the other one */
    struct oro_err *err;
};

/* ---- reading ---- */

static void
read_tokens(struct pass *p)
{
    size_t at = 0;
    struct sql_token tok;
    while (sql_token_next(p->t->asked, &at, &tok)) {
        p->tokens = oro_grow(p->tokens, p->n, &p->cap, sizeof(tok));
        p->tokens[p->n++] = tok;
    }
}

static const struct sql_token *
token(const struct pass *p, size_t i)
{
    static const struct sql_token none = {.kind = SQL_T_SYMBOL};
    return i < p->n ? &p->tokens[i] : &none;
}

static bool
is(const struct pass *p, size_t i, const char *word)
{
    return sql_token_is(token(p, i), word);
}

static bool
is_any(const struct sql_token *t, const char *const *words)
{
    for (; *words != NULL; words++)
        if (sql_token_is(t, *words))
            return true;
    return false;
}

static bool
same_name(struct oro_bytes a, struct oro_bytes b)
{
    return a.len == b.len && strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0;
}

/* Names that may not be an alias without quotes. */
static bool
is_word(const struct sql_token *t)
{
    static const char *const words[] = {
        "WHERE",     "ON",     "JOIN",    "INNER", "LEFT",    "RIGHT",  "FULL",  "CROSS",
        "NATURAL",   "OUTER",  "GROUP",   "ORDER", "LIMIT",   "UNION",  "USING", "HAVING",
        "INTERSECT", "EXCEPT", "WINDOW",  "SET",   "AS",      "SELECT", "AND",   "OR",
        "NOT",       "IN",     "BETWEEN", "IS",    "INDEXED", NULL};
    return is_any(t, words);
}

static const struct oro_table_def *
table_called(const struct pass *p, struct oro_bytes name)
{
    const struct oro_schema *s = p->e->schema;
    for (uint32_t i = 0; i < s->ntables; i++)
        if ((s->tables[i].is_public || p->e->is_owner) &&
            same_name(name, oro_bytes_str(s->tables[i].name)))
            return &s->tables[i];
    return NULL;
}

#define USES_MOST 64 /* as many as SQLite joins */

static void
add_use(struct pass *p, struct oro_bytes name, const struct oro_table_def *table)
{
    if (p->nuses > USES_MOST)
        return; /* SQLite refuses it; nothing is certain */
    p->uses = oro_grow(p->uses, p->nuses, &p->uses_cap, sizeof(*p->uses));
    p->uses[p->nuses++] = (struct use){name, table};
}

/* Which tables the text mentions, and under which names. */
static void
find_uses(struct pass *p)
{
    unsigned selects = 0;
    bool with = false;
    for (size_t i = 0; i < p->n; i++) {
        const struct sql_token *t = &p->tokens[i];
        selects += sql_token_is(t, "SELECT");
        with = with || sql_token_is(t, "WITH");
        bool place = i > 0 && (is(p, i - 1, "FROM") || is(p, i - 1, "JOIN") || is(p, i - 1, ",") ||
                               is(p, i - 1, "(") || is(p, i - 1, "UPDATE"));
        const struct oro_table_def *table =
            t->kind == SQL_T_NAME && place && !is(p, i + 1, ".") ? table_called(p, t->value) : NULL;
        if (table == NULL)
            continue;
        size_t alias = i + 1 + is(p, i + 1, "AS");
        bool has = token(p, alias)->kind == SQL_T_NAME && !is_word(token(p, alias));
        add_use(p, has ? token(p, alias)->value : t->value, table);
    }
    p->simple = selects == 1 && !with;
}

/* The type that literals beside this column have; NULL: it is not certain, or they have none. */
static const struct oro_type *
type_of(const struct pass *p, const struct sql_token *qualifier, struct oro_bytes name)
{
    const struct oro_type *found = NULL;
    if (p->nuses > USES_MOST)
        return NULL;
    for (size_t i = 0; i < p->nuses; i++) {
        const struct use *u = &p->uses[i];
        if (qualifier != NULL && !same_name(qualifier->value, u->name))
            continue;
        for (uint32_t col = 0; col < oro_table_shown(u->table)->nelems; col++) {
            if (!same_name(name, oro_bytes_str(u->table->row->elems[col].name)))
                continue;
            const struct oro_type *t = sql_inner_type(u->table->row->elems[col].type);
            if (found != NULL && !oro_type_eq(found, t))
                return NULL;
            found = t;
        }
    }
    return found != NULL && sql_rep_of(found) != REP_JSON && sql_rep_of(found) != REP_OPTION ? found
                                                                                             : NULL;
}

static bool
is_arithmetic(const struct sql_token *t)
{
    static const char *const symbols[] = {"+",   "-",       "*",  "/",  "%",      "||",
                                          "&",   "|",       "<<", ">>", "~",      "->",
                                          "->>", "COLLATE", ".",  "(",  "ESCAPE", NULL};
    return is_any(t, symbols);
}

/* A column at i: how many tokens it has, 0: none. */
static size_t
column_at(const struct pass *p, size_t i, const struct oro_type **type)
{
    const struct sql_token *t = token(p, i);
    if (t->kind != SQL_T_NAME || is_word(t))
        return 0;
    bool qualified = is(p, i + 1, ".") && token(p, i + 2)->kind == SQL_T_NAME;
    *type = type_of(p, qualified ? t : NULL, qualified ? token(p, i + 2)->value : t->value);
    return *type != NULL ? 1 + 2 * (size_t)qualified : 0;
}

/* A literal at i, with its sign: how many tokens it has, 0: none. */
static size_t
literal_at(const struct pass *p, size_t i)
{
    size_t sign = is(p, i, "-") || is(p, i, "+");
    const struct sql_token *t = token(p, i + sign);
    if (t->kind == SQL_T_NUMBER || t->kind == SQL_T_HEX)
        return 1 + sign;
    bool other = t->kind == SQL_T_STRING || t->kind == SQL_T_BLOB ||
                 (t->kind == SQL_T_PARAM && sql_token_is(t, ":sender"));
    return other && !sign ? 1 : 0;
}

static bool
is_comparison(const struct sql_token *t)
{
    static const char *const symbols[] = {"=", "==", "<>", "!=", "<", "<=", ">", ">=", "IS", NULL};
    return is_any(t, symbols);
}

/* ---- writing ---- */

static size_t
offset_of(const struct pass *p, const uint8_t *at)
{
    return (size_t)(at - p->t->asked.data);
}

static void
add_shift(struct pass *p)
{
    struct sql_text *t = p->t;
    t->shifts = oro_grow(t->shifts, t->nshifts, &t->cap, sizeof(*t->shifts));
    t->shifts[t->nshifts++] = (struct sql_shift){.here = t->bb.len, .there = p->done};
}

/* Puts `by` in the place of n tokens from i on. */
static void
replace(struct pass *p, size_t i, size_t n, struct oro_bytes by)
{
    const struct sql_token *last = &p->tokens[i + n - 1];
    size_t from = offset_of(p, p->tokens[i].text.data);
    size_t to = offset_of(p, last->text.data + last->text.len);
    if (from < p->done)
        return; /* `1 < x = 2`: it has been */
    oro_bb_put(&p->t->bb, p->t->asked.data + p->done, from - p->done);
    p->done = from;
    add_shift(p);
    oro_bb_u8(&p->t->bb, ' '); /* `x=-5` is not to become another token */
    oro_bb_put_bytes(&p->t->bb, by);
    oro_bb_u8(&p->t->bb, ' ');
    p->done = to;
    add_shift(p);
}

/* ---- literals beside columns ---- */

/* Sign and digits, or the text without its doubled quotes. */
static void
put_literal_text(const struct pass *p, size_t i, size_t n, struct oro_bb *out)
{
    const struct sql_token *t = &p->tokens[i + n - 1];
    oro_bb_reserve(out, 1); /* an empty one has bytes, too */
    if (n == 2)
        oro_bb_put_bytes(out, p->tokens[i].text);
    for (size_t k = 0; k < t->value.len; k++) {
        oro_bb_u8(out, t->value.data[k]);
        if (t->kind == SQL_T_STRING && t->value.data[k] == '\'')
            k++;
    }
}

static oro_status
fail_literal(struct pass *p, size_t i, const struct oro_type *type)
{
    struct oro_bb what = {0};
    struct oro_bytes text = p->tokens[i].text;
    oro_bb_printf(&what, "The literal expression `%.*s` cannot be parsed as type `",
                  sql_fit(text, 80), (const char *)text.data);
    oro_type_print(type, &what);
    what.len = (size_t)sql_fit(oro_bb_bytes(&what), 300);
    oro_bb_put(&what, "`", 2);
    oro_status st = sql_fail_at(p->err, ORO_EMALFORMED, p->t->asked, offset_of(p, text.data),
                                (const char *)what.data);
    oro_bb_fini(&what);
    return st;
}

static void
put_sender(const struct pass *p, const struct oro_type *type, struct oro_bb *out)
{
    static const struct oro_type identity = {.kind = ORO_PRODUCT, .special = ORO_IDENTITY};
    const uint8_t *le = p->e->ask->sender.le;
    uint8_t bytes[36] = {32, 0, 0, 0};
    for (unsigned i = 0; i < 32; i++)
        bytes[4 + i] = le[31 - i];
    if (type != NULL && type->special == ORO_BYTES)
        sql_literal(type, bytes, out);
    else
        sql_literal(&identity, le, out);
}

/* One that SQLite may compare as it stands: a number beside a number, whatever its range. */
static bool
is_fine_as_it_is(const struct oro_type *type, enum sql_token_kind kind)
{
    bool number = kind == SQL_T_NUMBER || kind == SQL_T_HEX;
    switch (sql_rep_of(type)) {
    case REP_INT:
    case REP_U64:
    case REP_REAL:
        return number;
    case REP_TEXT:
    case REP_BLOB:
        return true;
    default:
        return false;
    }
}

static oro_status
type_literal(struct pass *p, size_t i, size_t n, const struct oro_type *type)
{
    const struct sql_token *t = &p->tokens[i + n - 1];
    char kind = t->kind == SQL_T_NUMBER ? 'n' : t->kind == SQL_T_STRING ? 's' : 'x';
    struct oro_bb text = {0}, value = {0}, out = {0};
    oro_status st = ORO_OK;
    put_literal_text(p, i, n, &text);
    if (t->kind == SQL_T_PARAM) {
        put_sender(p, type, &out);
    } else if (sql_rep_of(type) == REP_ENUM) {
        st = kind == 's' && sql_variant(type, oro_bb_bytes(&text)) >= 0 ? ORO_OK : ORO_EMALFORMED;
    } else if (sql_rep_of(type) == REP_TEXT && kind != 's') {
        ; /* SQLite makes text of it */
    } else if (n == 1 || kind == 'n') {
        st = sql_encode_literal(type, kind, oro_bb_bytes(&text), &value);
        if (st == ORO_OK)
            sql_literal(type, value.data, &out);
    }
    if (out.len > 0)
        replace(p, i, n, oro_bb_bytes(&out));
    if (st != ORO_OK && p->simple && !is_fine_as_it_is(type, t->kind))
        st = fail_literal(p, i, type);
    else
        st = ORO_OK;
    oro_bb_fini(&text);
    oro_bb_fini(&value);
    oro_bb_fini(&out);
    return st;
}

/* The literal at i, if it is all that stands there. Moves *i behind it. */
static oro_status
type_operand(struct pass *p, size_t *i, const struct oro_type *type)
{
    size_t n = literal_at(p, *i);
    size_t at = *i;
    *i += n;
    if (n == 0 || is_arithmetic(token(p, at + n)))
        return ORO_OK;
    return type_literal(p, at, n, type);
}

static oro_status
type_list(struct pass *p, size_t i, const struct oro_type *type)
{
    oro_status st = ORO_OK;
    size_t n;
    for (; st == ORO_OK && (n = literal_at(p, i)) > 0; i++) {
        st = type_operand(p, &i, type);
        if (!is(p, i, ","))
            break;
    }
    return st;
}

/* Behind a column. */
static oro_status
type_after(struct pass *p, size_t i, const struct oro_type *type)
{
    if (is_comparison(token(p, i))) {
        i += 1 + (is(p, i, "IS") && is(p, i + 1, "NOT"));
        return type_operand(p, &i, type);
    }
    i += is(p, i, "NOT");
    if (is(p, i, "IN") && is(p, i + 1, "("))
        return type_list(p, i + 2, type);
    if (!is(p, i, "BETWEEN"))
        return ORO_OK;
    oro_status st = type_operand(p, &(size_t){i + 1}, type);
    size_t and = i + 1 + literal_at(p, i + 1);
    if (st == ORO_OK && is(p, and, "AND"))
        st = type_operand(p, &(size_t){and+1}, type);
    return st;
}

/* ---- literals by themselves ---- */

/* Sixteen digits fit an integer; more are an identity or a connection id. */
static void
put_long_hex(struct oro_bytes digits, struct oro_bb *out)
{
    size_t width = digits.len <= 32 ? 32 : 64;
    oro_bb_printf(out, "'0x%0*d", digits.len < width ? (int)(width - digits.len) : 0, 0);
    if (digits.len >= width)
        out->len--; /* printf has written one zero */
    for (size_t i = 0; i < digits.len; i++)
        oro_bb_u8(out, digits.data[i]);
    oro_bb_u8(out, '\'');
}

static bool
is_too_long(const struct sql_token *t)
{
    if (t->kind == SQL_T_HEX)
        return t->value.len > 16;
    bool digits = t->kind == SQL_T_NUMBER && t->text.len >= 19 && t->text.len < 100;
    for (size_t i = 0; digits && i < t->text.len; i++)
        digits = t->text.data[i] >= '0' && t->text.data[i] <= '9';
    return digits && (t->text.len > 19 || memcmp(t->text.data, "9223372036854775807", 19) > 0);
}

static void
keep_digits(struct pass *p, size_t i)
{
    const struct sql_token *t = &p->tokens[i];
    struct oro_bb out = {0};
    if (t->kind == SQL_T_PARAM)
        put_sender(p, NULL, &out);
    else if (t->kind == SQL_T_HEX)
        put_long_hex(t->value, &out);
    else
        oro_bb_printf(&out, "'%s%.*s'", t->text.len == 19 ? "0" : "", (int)t->text.len,
                      (const char *)t->text.data);
    replace(p, i, 1, oro_bb_bytes(&out));
    oro_bb_fini(&out);
}

/* ---- the pass ---- */

static oro_status
pass_at(struct pass *p, size_t i)
{
    const struct oro_type *type;
    size_t n = column_at(p, i, &type);
    if (n > 0 && !(i > 0 && is_arithmetic(token(p, i - 1)) && !is(p, i - 1, "(")))
        return type_after(p, i + n, type);
    n = literal_at(p, i);
    if (n == 0 || (i > 0 && is_arithmetic(token(p, i - 1)) && !is(p, i - 1, "(")))
        return ORO_OK;
    if (is_comparison(token(p, i + n))) {
        size_t column = i + n + 1, width = column_at(p, column, &type);
        if (width > 0 && !is_arithmetic(token(p, column + width)))
            return type_literal(p, i, n, type);
    }
    return ORO_OK;
}

static oro_status
run_pass(struct pass *p)
{
    oro_status st = ORO_OK;
    read_tokens(p);
    find_uses(p);
    for (size_t i = 0; i < p->n && st == ORO_OK; i++) {
        st = pass_at(p, i);
        bool minus = i > 0 && is(p, i - 1, "-");
        const struct sql_token *t = &p->tokens[i];
        if (st == ORO_OK && ((is_too_long(t) && !minus) || sql_token_is(t, ":sender")))
            keep_digits(p, i);
    }
    oro_bb_put(&p->t->bb, p->t->asked.data + p->done, p->t->asked.len - p->done);
    oro_bb_u8(&p->t->bb, 0);
    return st;
}

oro_status
sql_text_make(const struct sql_engine *e, struct oro_bytes text, struct sql_text *t,
              struct oro_err *err)
{
    t->asked = text;
    struct pass p = {.e = e, .t = t, .err = err};
    oro_status st = run_pass(&p);
    oro_free(p.tokens);
    oro_free(p.uses);
    return st;
}

bool
oro_sql_writes(struct oro_bytes text)
{
    static const char *const words[] = {"INSERT", "UPDATE", "DELETE", NULL};
    struct sql_token tok, last = {0};
    bool first = true, with = false;
    for (size_t at = 0; sql_token_next(text, &at, &tok);) {
        with = first ? sql_token_is(&tok, "WITH") : with;
        if ((first || with) && is_any(&tok, words))
            return true;
        if (sql_token_is(&last, "REPLACE") &&
            sql_token_is(&tok, "INTO")) /* else it is the function */
            return true;
        last = tok;
        first = sql_token_is(&tok, ";");
    }
    return false;
}
