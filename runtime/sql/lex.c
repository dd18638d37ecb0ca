#include "runtime/sql/lex.h"

#include <string.h>
#include <strings.h>

struct at {
    const uint8_t *p, *end;
    const uint8_t *open; /* a comment that is not closed */
};

static uint8_t
peek(const struct at *a, size_t n)
{
    return (size_t)(a->end - a->p) > n ? a->p[n] : 0;
}

static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool
is_hex(uint8_t c)
{
    return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

static bool
is_name(uint8_t c)
{
    return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || c == '$' || c >= 0x80;
}

static void
skip_blank(struct at *a)
{
    while (a->p < a->end) {
        if (peek(a, 0) == '-' && peek(a, 1) == '-') {
            while (a->p < a->end && *a->p != '\n')
                a->p++;
        } else if (peek(a, 0) == '/' && peek(a, 1) == '*') {
            const uint8_t *end = memmem(a->p + 2, (size_t)(a->end - a->p - 2), "*/", 2);
            a->open = end == NULL ? a->p : NULL;
            a->p = end != NULL ? end + 2 : a->end;
        } else if (strchr(" \t\r\n\f", *a->p) != NULL && *a->p != 0) {
            a->p++;
        } else {
            return;
        }
    }
}

/* Up to the closing quote; a doubled one is part of the text. Without one the token is no literal and no name, but stays as it
 * is written: who made a whole one of it would run a statement that was cut off in the middle. */
static void
take_quoted(struct at *a, uint8_t close, enum sql_token_kind kind, struct sql_token *out)
{
    const uint8_t *from = ++a->p;
    while (a->p < a->end && (*a->p != close || peek(a, 1) == close))
        a->p += *a->p == close ? 2 : 1;
    if (a->p == a->end)
        return;
    out->kind = kind;
    out->value = oro_bytes(from, (size_t)(a->p - from));
    a->p++;
}

static void
take_while(struct at *a, bool (*is)(uint8_t))
{
    while (a->p < a->end && is(*a->p))
        a->p++;
}

static void
take_number(struct at *a)
{
    take_while(a, is_digit);
    if (peek(a, 0) == '.') {
        a->p++;
        take_while(a, is_digit);
    }
    size_t sign = peek(a, 1) == '+' || peek(a, 1) == '-';
    if ((peek(a, 0) | 32) == 'e' && is_digit(peek(a, 1 + sign))) {
        a->p += 1 + sign;
        take_while(a, is_digit);
    }
    take_while(a, is_name); /* 5x: not a number, SQLite says so */
}

static void
take_symbol(struct at *a)
{
    static const char two[][3] = {"<>", "!=", "<=", ">=", "||", "==", "<<", ">>", "->"};
    size_t n = 1;
    for (size_t i = 0; i < sizeof(two) / sizeof(two[0]); i++)
        if (peek(a, 0) == (uint8_t)two[i][0] && peek(a, 1) == (uint8_t)two[i][1])
            n = 2 + (two[i][0] == '-' && peek(a, 2) == '>');
    a->p += n;
}

bool
sql_token_next(struct oro_bytes sql, size_t *at, struct sql_token *out)
{
    if (*at >= sql.len)
        return false; /* an empty text may be NULL */
    struct at a = {.p = sql.data + *at, .end = sql.data + sql.len};
    skip_blank(&a);
    if (a.p == a.end) {
        *at = sql.len;
        return false;
    }
    const uint8_t *from = a.p;
    uint8_t c = *a.p;
    *out = (struct sql_token){.kind = SQL_T_SYMBOL};
    if ((c | 32) == 'x' && peek(&a, 1) == '\'') {
        a.p++;
        take_quoted(&a, '\'', SQL_T_BLOB, out);
    } else if (c == '\'') {
        take_quoted(&a, c, SQL_T_STRING, out);
    } else if (c == '"' || c == '`' || c == '[') {
        out->quoted = true;
        take_quoted(&a, c == '[' ? ']' : c, SQL_T_NAME, out);
    } else if (c == '0' && (peek(&a, 1) | 32) == 'x' && is_hex(peek(&a, 2))) {
        out->kind = SQL_T_HEX;
        a.p += 2;
        take_while(&a, is_name);
        out->value = oro_bytes(from + 2, (size_t)(a.p - from) - 2);
    } else if (is_digit(c) || (c == '.' && is_digit(peek(&a, 1)))) {
        out->kind = SQL_T_NUMBER;
        take_number(&a);
    } else if (strchr(":@$?", c) != NULL) {
        out->kind = SQL_T_PARAM;
        a.p++;
        take_while(&a, is_name);
    } else if (is_name(c)) {
        out->kind = SQL_T_NAME;
        take_while(&a, is_name);
    } else {
        take_symbol(&a);
    }
    out->text = oro_bytes(from, (size_t)(a.p - from));
    if (out->value.data == NULL)
        out->value = out->text;
    *at = (size_t)(a.p - sql.data);
    return true;
}

size_t
sql_open_comment(struct oro_bytes sql)
{
    struct sql_token t;
    size_t at = 0;
    do {
        struct at a = {.p = sql.data + at, .end = sql.data + sql.len};
        skip_blank(&a);
        if (a.open != NULL)
            return (size_t)(a.open - sql.data) + 1;
    } while (sql_token_next(sql, &at, &t));
    return 0;
}

bool
sql_token_is(const struct sql_token *t, const char *word)
{
    size_t n = strlen(word);
    bool can =
        t->kind == SQL_T_SYMBOL || t->kind == SQL_T_PARAM || (t->kind == SQL_T_NAME && !t->quoted);
    return can && t->text.len == n && strncasecmp((const char *)t->text.data, word, n) == 0;
}
