/* The tokenizer. Comments follow PostgreSQL: `--` to the end of the line, and block comments that nest. */
#include "runtime/subs/sql_lex.h"

#include <string.h>
#include <strings.h>

static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool
is_hex(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Bytes above 0x7f belong to names: identifiers may be any Unicode letters, and no operator is outside ASCII. */
static bool
is_name_start(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool
is_name(uint8_t c)
{
    return is_name_start(c) || is_digit(c);
}

static bool
is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static uint8_t
peek(const struct sql_lex *lx, size_t ahead)
{
    return (size_t)(lx->end - lx->at) > ahead ? lx->at[ahead] : 0;
}

/* A no-break or an ideographic space is blank, too: its bytes. 0: it is none. */
static size_t
wide_blank(const struct sql_lex *lx)
{
    if (peek(lx, 0) == 0xc2)
        return peek(lx, 1) == 0xa0 ? 2 : 0;
    return peek(lx, 0) == 0xe3 && peek(lx, 1) == 0x80 && peek(lx, 2) == 0x80 ? 3 : 0;
}

static oro_status
skip_block_comment(struct sql_lex *lx, struct oro_err *err)
{
    size_t from = (size_t)(lx->at - lx->start);
    unsigned depth = 0;
    do {
        if (peek(lx, 0) == '/' && peek(lx, 1) == '*') {
            depth++;
            lx->at += 2;
        } else if (peek(lx, 0) == '*' && peek(lx, 1) == '/') {
            depth--;
            lx->at += 2;
        } else if (lx->at < lx->end) {
            lx->at++;
        } else {
            return oro_err_set(err, ORO_EMALFORMED,
                               "syntax error: the comment at position %zu does not end", from + 1);
        }
    } while (depth > 0);
    return ORO_OK;
}

static oro_status
skip_blank(struct sql_lex *lx, struct oro_err *err)
{
    while (lx->at < lx->end) {
        if (is_space(*lx->at)) {
            lx->at++;
        } else if (peek(lx, 0) == '-' && peek(lx, 1) == '-') {
            while (lx->at < lx->end && *lx->at != '\n')
                lx->at++;
        } else if (peek(lx, 0) == '/' && peek(lx, 1) == '*') {
            oro_status st = skip_block_comment(lx, err);
            if (st != ORO_OK)
                return st;
        } else if (peek(lx, 0) >= 0x80 && wide_blank(lx) > 0) {
            lx->at += wide_blank(lx);
        } else {
            break;
        }
    }
    return ORO_OK;
}

/* At the opening quote. The value is a slice of the text unless a quote is doubled in it. */
static oro_status
take_quoted(struct sql_lex *lx, struct oro_bytes *value, struct oro_err *err)
{
    uint8_t quote = *lx->at;
    const uint8_t *from = ++lx->at;
    size_t doubled = 0;
    for (; lx->at < lx->end; lx->at++) {
        if (*lx->at != quote)
            continue;
        if (peek(lx, 1) != quote)
            break;
        doubled++;
        lx->at++;
    }
    if (lx->at >= lx->end)
        return oro_err_set(err, ORO_EMALFORMED,
                           "syntax error: the quote at position %zu does not end",
                           (size_t)(from - lx->start));
    *value = oro_bytes(from, (size_t)(lx->at - from));
    lx->at++;
    if (doubled == 0)
        return ORO_OK;
    uint8_t *copy = oro_arena_alloc(lx->arena, value->len);
    size_t n = 0;
    for (size_t i = 0; i < value->len; i++) {
        copy[n++] = from[i];
        if (from[i] == quote)
            i++;
    }
    *value = oro_bytes(copy, n);
    return ORO_OK;
}

static void
take_number(struct sql_lex *lx)
{
    while (is_digit(peek(lx, 0)))
        lx->at++;
    if (peek(lx, 0) == '.') {
        lx->at++;
        while (is_digit(peek(lx, 0)))
            lx->at++;
    }
    size_t sign = peek(lx, 1) == '+' || peek(lx, 1) == '-';
    if ((peek(lx, 0) == 'e' || peek(lx, 0) == 'E') && is_digit(peek(lx, 1 + sign)))
        for (lx->at += 1 + sign; is_digit(peek(lx, 0)); lx->at++)
            ;
    if (peek(lx, 0) == 'L' && !is_name(peek(lx, 1))) /* as in 5L */
        lx->at++;
}

/* `:sender`, and `: sender`. Bytes up to the name; 0: there is none. */
static size_t
param_at(const struct sql_lex *lx)
{
    size_t n = 1;
    while (is_space(peek(lx, n)))
        n++;
    return is_name_start(peek(lx, n)) ? n : 0;
}

static void
take_symbol(struct sql_lex *lx)
{
    static const char two[][3] = {"<>", "!=", "<=", ">=", "||", "::", "=="};
    for (size_t i = 0; i < ORO_ARRAY_LEN(two); i++) {
        if (peek(lx, 0) == (uint8_t)two[i][0] && peek(lx, 1) == (uint8_t)two[i][1]) {
            lx->at += 2;
            return;
        }
    }
    lx->at++;
}

/* Prefixed literals: X'..' is ours, B'..', E'..', N'..' are not. */
static oro_status
take_prefixed(struct sql_lex *lx, struct sql_tok *out, struct oro_err *err)
{
    uint8_t c = *lx->at++;
    out->kind = c == 'x' || c == 'X' ? SQL_HEX : SQL_ODD;
    oro_status st = take_quoted(lx, &out->value, err);
    for (size_t i = 0; st == ORO_OK && out->kind == SQL_HEX && i < out->value.len; i++)
        if (!is_hex(out->value.data[i]))
            st = oro_err_set(err, ORO_EMALFORMED,
                             "syntax error: not a hexadecimal digit at position %zu",
                             (size_t)(out->value.data + i - lx->start) + 1);
    return st;
}

static bool
is_prefix_letter(uint8_t c)
{
    return c != 0 && strchr("xXbBeEnN", c) != NULL;
}

oro_status
sql_next(struct sql_lex *lx, struct sql_tok *out, struct oro_err *err)
{
    oro_status st = skip_blank(lx, err);
    if (st != ORO_OK)
        return st;
    const uint8_t *from = lx->at;
    struct sql_tok t = {.kind = SQL_END};
    uint8_t c = peek(lx, 0);
    if (lx->at >= lx->end) {
        ;
    } else if (is_prefix_letter(c) && peek(lx, 1) == '\'') {
        st = take_prefixed(lx, &t, err);
    } else if (is_name_start(c)) {
        t.kind = SQL_NAME;
        while (is_name(peek(lx, 0)) && wide_blank(lx) == 0)
            lx->at++;
    } else if (c == '"' || c == '\'') {
        t.kind = c == '"' ? SQL_QUOTED : SQL_STRING;
        st = take_quoted(lx, &t.value, err);
    } else if (c == '0' && (peek(lx, 1) == 'x' || peek(lx, 1) == 'X') &&
               (is_hex(peek(lx, 2)) || !is_name(peek(lx, 2)))) { /* 0x is no bytes at all */
        t.kind = SQL_HEX;
        for (lx->at += 2; is_hex(peek(lx, 0)); lx->at++)
            ;
        t.value = oro_bytes(from + 2, (size_t)(lx->at - from) - 2);
    } else if (is_digit(c) || (c == '.' && is_digit(peek(lx, 1)))) {
        t.kind = SQL_NUMBER;
        take_number(lx);
    } else if (c == ':' && param_at(lx) > 0) {
        const uint8_t *name = lx->at += param_at(lx);
        t.kind = SQL_PARAM;
        while (is_name(peek(lx, 0)))
            lx->at++;
        t.value = oro_bytes(name, (size_t)(lx->at - name));
    } else if (c == '$' || c == '?') {
        t.kind = SQL_ODD;
        for (lx->at++; is_digit(peek(lx, 0)); lx->at++)
            ;
    } else if (c != 0 && strchr("=<>!+-*/%|:(),.;[]{}&^~#@", c) != NULL) {
        t.kind = SQL_SYMBOL;
        take_symbol(lx);
    } else {
        st = oro_err_set(err, ORO_EMALFORMED, "syntax error: unexpected character at position %zu",
                         (size_t)(from - lx->start) + 1);
    }
    if (st != ORO_OK)
        return st;
    t.text = oro_bytes(from, (size_t)(lx->at - from));
    if (t.value.data == NULL)
        t.value = t.text;
    *out = t;
    return ORO_OK;
}

bool
sql_is_word(const struct sql_tok *t, const char *keyword)
{
    size_t n = strlen(keyword);
    return t->kind == SQL_NAME && t->text.len == n &&
           strncasecmp((const char *)t->text.data, keyword, n) == 0;
}

bool
sql_is_symbol(const struct sql_tok *t, const char *symbol)
{
    return t->kind == SQL_SYMBOL && oro_bytes_eq(t->text, oro_bytes_str(symbol));
}

int
sql_cut(struct oro_bytes text, size_t most)
{
    if (text.len <= most)
        return (int)text.len;
    while (most > 0 && (text.data[most] & 0xc0) == 0x80)
        most--;
    return (int)most;
}
