#include "runtime/sql/value_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- types ---- */

const struct oro_type *
sql_inner_type(const struct oro_type *t)
{
    t = oro_type_resolve(t);
    return t->special == ORO_OPTION ? oro_type_resolve(t->elems[0].type) : t;
}

static enum sql_rep
rep_of_kind(enum oro_kind kind)
{
    switch (kind) {
    case ORO_STRING:
        return REP_TEXT;
    case ORO_U64:
        return REP_U64;
    case ORO_I128:
    case ORO_U128:
    case ORO_I256:
    case ORO_U256:
        return REP_WIDE;
    case ORO_F32:
    case ORO_F64:
        return REP_REAL;
    case ORO_REF:
    case ORO_SUM:
    case ORO_PRODUCT:
    case ORO_ARRAY:
    case ORO_KIND_COUNT:
        return REP_JSON;
    default:
        return REP_INT;
    }
}

enum sql_rep
sql_rep_of(const struct oro_type *t)
{
    t = oro_type_resolve(t);
    switch (t->special) {
    case ORO_IDENTITY:
    case ORO_CONNECTION_ID:
        return REP_HEX;
    case ORO_TIMESTAMP:
    case ORO_TIME_DURATION:
        return REP_INT;
    case ORO_UUID:
        return REP_UUID;
    case ORO_ENUM:
        return REP_ENUM;
    case ORO_BYTES:
        return REP_BLOB;
    case ORO_OPTION: {
        enum sql_rep in = sql_rep_of(t->elems[0].type);
        return in == REP_OPTION || in == REP_JSON ? REP_JSON : REP_OPTION;
    }
    default:
        return rep_of_kind(t->kind);
    }
}

const char *
sql_affinity(const struct oro_type *t)
{
    t = oro_type_resolve(t);
    enum sql_rep rep = sql_rep_of(t);
    switch (rep == REP_OPTION ? sql_rep_of(sql_inner_type(t)) : rep) {
    case REP_INT:
        return "INT";
    case REP_REAL:
        return "REAL";
    case REP_U64:
    case REP_BLOB:
        return "BLOB"; /* none: a number that does not fit is TEXT, and stays it */
    default:
        return "TEXT";
    }
}

/* The integer that is the whole value: of a Timestamp its only element. */
enum oro_kind
sql_int_kind(const struct oro_type *t)
{
    while (t->kind == ORO_PRODUCT)
        t = oro_type_resolve(t->elems[0].type);
    return t->kind;
}

const struct sql_int_range sql_ints[ORO_KIND_COUNT] = {
    [ORO_BOOL] = {0, 1, 1},         [ORO_I8] = {INT8_MIN, INT8_MAX, 1},
    [ORO_U8] = {0, UINT8_MAX, 1},   [ORO_I16] = {INT16_MIN, INT16_MAX, 2},
    [ORO_U16] = {0, UINT16_MAX, 2}, [ORO_I32] = {INT32_MIN, INT32_MAX, 4},
    [ORO_U32] = {0, UINT32_MAX, 4}, [ORO_I64] = {INT64_MIN, INT64_MAX, 8},
};

static int64_t
int_load(enum oro_kind kind, const uint8_t *p)
{
    int64_t v = 0;
    memcpy(&v, p, sql_ints[kind].size);
    if (sql_ints[kind].min < 0) {
        unsigned up = 64 - 8 * sql_ints[kind].size;
        v = (int64_t)((uint64_t)v << up) >> up;
    }
    return v;
}

/* ---- numbers of 128 and 256 bits ---- */

#define WIDE_DIGITS 80 /* of 256 bits, with a sign and a terminator */

static unsigned
wide_size(enum oro_kind kind)
{
    return kind == ORO_I128 || kind == ORO_U128 ? 16 : 32;
}

/* Divides by 10^9, returns the rest. */
static uint32_t
limbs_divide(uint32_t *limbs, unsigned n)
{
    uint64_t rest = 0;
    for (unsigned i = n; i-- > 0;) {
        rest = rest << 32 | limbs[i];
        limbs[i] = (uint32_t)(rest / 1000000000);
        rest %= 1000000000;
    }
    return (uint32_t)rest;
}

static bool
limbs_negate_if_negative(uint32_t *limbs, unsigned n)
{
    if (limbs[n - 1] >> 31 == 0)
        return false;
    uint64_t carry = 1;
    for (unsigned i = 0; i < n; i++) {
        carry += (uint32_t)~limbs[i];
        limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return true;
}

/* The digits stand at the end of out; returns where they begin. */
static char *
wide_print(enum oro_kind kind, const uint8_t *le, char out[WIDE_DIGITS])
{
    uint32_t limbs[8];
    unsigned n = wide_size(kind) / 4;
    memcpy(limbs, le, n * 4);
    bool minus = (kind == ORO_I128 || kind == ORO_I256) && limbs_negate_if_negative(limbs, n);
    char *at = out + WIDE_DIGITS;
    *--at = '\0';
    while (n > 0) {
        uint32_t part = limbs_divide(limbs, n);
        while (n > 0 && limbs[n - 1] == 0)
            n--;
        for (unsigned i = 0; i < 9 && (n > 0 || part > 0 || *at == '\0'); i++) {
            *--at = (char)('0' + part % 10);
            part /= 10;
        }
    }
    if (minus)
        *--at = '-';
    return at;
}

struct decimal {
    bool valid, minus;
    const uint8_t *digits;
    int n;
};

static struct decimal
decimal_of(int len, const void *text)
{
    const uint8_t *p = text, *end = p + len;
    struct decimal d = {.valid = true};
    if (p < end && (*p == '-' || *p == '+'))
        d.minus = *p++ == '-';
    d.valid = p < end;
    for (const uint8_t *q = p; q < end; q++)
        d.valid = d.valid && *q >= '0' && *q <= '9';
    while (p < end && *p == '0')
        p++;
    d.digits = p;
    d.n = (int)(end - p);
    d.minus = d.minus && d.n > 0;
    return d;
}

static int
bytes_compare(int alen, const void *a, int blen, const void *b)
{
    return oro_bytes_cmp(oro_bytes(a, (size_t)alen), oro_bytes(b, (size_t)blen));
}

/* Numbers by value, and in front of whatever is none. */
int
sql_collate_number(void *arg, int alen, const void *a, int blen, const void *b)
{
    struct decimal x = decimal_of(alen, a), y = decimal_of(blen, b);
    if (!x.valid || !y.valid)
        return x.valid != y.valid ? (x.valid ? -1 : 1) : bytes_compare(alen, a, blen, b);
    if (x.minus != y.minus)
        return x.minus ? -1 : 1;
    int c = x.n != y.n ? (x.n > y.n ? 1 : -1)
            : x.n > 0  ? memcmp(x.digits, y.digits, (size_t)x.n)
                       : 0;
    return x.minus ? -c : c;
}

/* ---- enums ---- */

int
sql_variant(const struct oro_type *t, struct oro_bytes name)
{
    for (uint32_t i = 0; i < t->nelems; i++)
        if (oro_bytes_eq(name, oro_bytes_str(t->elems[i].name)))
            return (int)i;
    return -1;
}

/* As they are declared, and in front of whatever is none. */
int
sql_collate_enum(void *arg, int alen, const void *a, int blen, const void *b)
{
    int x = sql_variant(arg, oro_bytes(a, (size_t)alen));
    int y = sql_variant(arg, oro_bytes(b, (size_t)blen));
    if (x >= 0 && y >= 0)
        return x - y;
    return x >= 0 ? -1 : y >= 0 ? 1 : bytes_compare(alen, a, blen, b);
}

/* ---- identities, UUIDs ---- */

static unsigned
id_size(const struct oro_type *t)
{
    return t->special == ORO_IDENTITY ? 32 : 16;
}

static void
to_big_endian(const uint8_t *le, unsigned n, uint8_t *be)
{
    for (unsigned i = 0; i < n; i++)
        be[i] = le[n - 1 - i];
}

#define ID_TEXT 68

static int
id_print(const struct oro_type *t, const uint8_t *le, char out[ID_TEXT])
{
    uint8_t be[32];
    unsigned n = id_size(t);
    to_big_endian(le, n, be);
    memcpy(out, "0x", 2);
    oro_hex(oro_bytes(be, n), out + 2);
    return (int)(2 + 2 * n);
}

static const uint8_t uuid_at[6] = {0, 8, 12, 16, 20, 32}; /* where its groups begin in the digits */

static int
uuid_print(const uint8_t *le, char out[ID_TEXT])
{
    uint8_t be[16];
    char hex[33], *at = out;
    to_big_endian(le, 16, be);
    oro_hex(oro_bytes(be, 16), hex);
    for (unsigned i = 0; i < 5; i++) {
        if (i > 0)
            *at++ = '-';
        memcpy(at, hex + uuid_at[i], (size_t)(uuid_at[i + 1] - uuid_at[i]));
        at += uuid_at[i + 1] - uuid_at[i];
    }
    return (int)(at - out);
}

static bool
put_hex(const char *digits, unsigned n, struct oro_bb *out)
{
    uint8_t be[32], le[32];
    if (!oro_unhex(digits, 2 * (size_t)n, be, n))
        return false;
    to_big_endian(be, n, le);
    oro_bb_put(out, le, n);
    return true;
}

static bool
id_parse(const struct oro_type *t, struct oro_bytes s, struct oro_bb *out)
{
    unsigned n = id_size(t);
    return s.len == 2 + 2 * (size_t)n && s.data[0] == '0' && (s.data[1] | 32) == 'x' &&
           put_hex((const char *)s.data + 2, n, out);
}

static bool
uuid_parse(struct oro_bytes s, struct oro_bb *out)
{
    char digits[32];
    const uint8_t *at = s.data;
    if (s.len != 36)
        return false;
    for (unsigned i = 0; i < 5; i++) {
        if (i > 0 && *at++ != '-')
            return false;
        memcpy(digits + uuid_at[i], at, (size_t)(uuid_at[i + 1] - uuid_at[i]));
        at += uuid_at[i + 1] - uuid_at[i];
    }
    return put_hex(digits, 16, out);
}

/* ---- to SQLite ---- */

static double
real_load(const struct oro_type *t, const uint8_t *p)
{
    double d;
    float f;
    if (t->kind == ORO_F64) {
        memcpy(&d, p, 8);
        return d;
    }
    memcpy(&f, p, 4);
    return (double)f;
}

#define U64_DIGITS 24

/* From 2^63 on. */
static int
u64_print(uint64_t v, char out[U64_DIGITS])
{
    return snprintf(out, U64_DIGITS, "%020llu", (unsigned long long)v);
}

static struct oro_bytes
counted(const uint8_t *p)
{
    uint32_t n;
    memcpy(&n, p, 4);
    return oro_bytes(p + 4, n);
}

static void
result_bytes(sqlite3_context *ctx, struct oro_bytes b, bool text)
{
    const char *s = b.len > 0 ? (const char *)b.data : "";
    if (text)
        sqlite3_result_text64(ctx, s, b.len, SQLITE_STATIC, SQLITE_UTF8);
    else
        sqlite3_result_blob64(ctx, s, b.len, SQLITE_STATIC);
}

static void
result_json(sqlite3_context *ctx, const struct oro_type *t, const uint8_t *p)
{
    struct oro_bb bb = {0};
    oro_value_to_json(t, p, ORO_JSON_NAMED, &bb);
    sqlite3_result_text64(ctx, (const char *)bb.data, bb.len, SQLITE_TRANSIENT, SQLITE_UTF8);
    oro_bb_fini(&bb);
}

void
sql_result(sqlite3_context *ctx, const struct oro_type *type, const uint8_t *p)
{
    const struct oro_type *t = oro_type_resolve(type);
    char text[WIDE_DIGITS];
    uint64_t u;
    switch (sql_rep_of(t)) {
    case REP_INT:
        sqlite3_result_int64(ctx, int_load(sql_int_kind(t), p));
        return;
    case REP_U64:
        memcpy(&u, p, 8);
        if (u > INT64_MAX)
            sqlite3_result_text(ctx, text, u64_print(u, text), SQLITE_TRANSIENT);
        else
            sqlite3_result_int64(ctx, (int64_t)u);
        return;
    case REP_WIDE:
        sqlite3_result_text(ctx, wide_print(t->kind, p, text), -1, SQLITE_TRANSIENT);
        return;
    case REP_REAL:
        sqlite3_result_double(ctx, real_load(t, p));
        return;
    case REP_TEXT:
    case REP_BLOB:
        result_bytes(ctx, counted(p), t->kind == ORO_STRING);
        return;
    case REP_HEX:
        sqlite3_result_text(ctx, text, id_print(t, p, text), SQLITE_TRANSIENT);
        return;
    case REP_UUID:
        sqlite3_result_text(ctx, text, uuid_print(p, text), SQLITE_TRANSIENT);
        return;
    case REP_ENUM:
        sqlite3_result_text(ctx, t->elems[*p].name, -1, SQLITE_STATIC);
        return;
    case REP_OPTION:
        if (*p == 0)
            sql_result(ctx, t->elems[0].type, p + 1);
        return; /* nothing set: NULL */
    case REP_JSON:
        result_json(ctx, t, p);
        return;
    }
}

static void
put_quoted(struct oro_bb *out, struct oro_bytes s)
{
    oro_bb_u8(out, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '\'')
            oro_bb_u8(out, '\'');
        oro_bb_u8(out, s.data[i]);
    }
    oro_bb_u8(out, '\'');
}

void
sql_literal(const struct oro_type *type, const uint8_t *p, struct oro_bb *out)
{
    const struct oro_type *t = oro_type_resolve(type);
    char text[WIDE_DIGITS];
    uint64_t u;
    switch (sql_rep_of(t)) {
    case REP_INT:
        oro_bb_printf(out, "%lld", (long long)int_load(sql_int_kind(t), p));
        return;
    case REP_U64:
        memcpy(&u, p, 8);
        if (u > INT64_MAX)
            put_quoted(out, oro_bytes(text, (size_t)u64_print(u, text)));
        else
            oro_bb_printf(out, "%llu", (unsigned long long)u);
        return;
    case REP_WIDE:
        oro_bb_printf(out, "'%s'", wide_print(t->kind, p, text));
        return;
    case REP_REAL:
        if (isinf(real_load(t, p)))
            oro_bb_printf(out, "%s9e999", real_load(t, p) < 0 ? "-" : "");
        else
            oro_bb_printf(out, "%.17e", real_load(t, p));
        return;
    case REP_TEXT:
        put_quoted(out, counted(p));
        return;
    case REP_HEX:
        put_quoted(out, oro_bytes(text, (size_t)id_print(t, p, text)));
        return;
    case REP_UUID:
        put_quoted(out, oro_bytes(text, (size_t)uuid_print(p, text)));
        return;
    case REP_ENUM:
        put_quoted(out, oro_bytes_str(t->elems[*p].name));
        return;
    case REP_BLOB: {
        struct oro_bytes b = counted(p);
        oro_bb_printf(out, "X'");
        oro_bb_reserve(out, 2 * b.len + 1);
        oro_hex(b, (char *)out->data + out->len);
        out->len += 2 * b.len;
        oro_bb_u8(out, '\'');
        return;
    }
    case REP_OPTION:
    case REP_JSON:
        ORO_ASSERT(false); /* literals are of what is in an option, and JSON has none */
        return;
    }
}

/* ---- from SQLite ---- */

struct oro_bytes
sql_text_of(sqlite3_value *v)
{
    const unsigned char *s = sqlite3_value_text(v);
    return s != NULL ? oro_bytes(s, (size_t)sqlite3_value_bytes(v)) : oro_bytes("", 0);
}

static bool
decimal_encode(const struct oro_type *t, struct oro_bytes text, struct oro_bb *out)
{
    return decimal_of((int)text.len, text.data).valid &&
           oro_value_from_literal(t, 'n', text, out, NULL) == ORO_OK;
}

bool
sql_u64_encode(sqlite3_value *v, struct oro_bb *out)
{
    char text[U64_DIGITS];
    if (sqlite3_value_type(v) == SQLITE_INTEGER) {
        int64_t i = sqlite3_value_int64(v);
        if (i >= 0)
            oro_bb_u64(out, (uint64_t)i);
        return i >= 0;
    }
    struct oro_bytes s = sql_text_of(v);
    uint64_t u = 0;
    if (sqlite3_value_type(v) != SQLITE_TEXT || s.len != 20)
        return false;
    for (size_t i = 0; i < s.len; i++)
        u = u * 10 + (uint64_t)(s.data[i] - '0'); /* wraps where it is none, and prints otherwise */
    if (u <= INT64_MAX || (size_t)u64_print(u, text) != s.len || memcmp(text, s.data, s.len) != 0)
        return false;
    oro_bb_u64(out, u);
    return true;
}

bool
sql_real_encode(const struct oro_type *t, double d, struct oro_bb *out)
{
    float f = (float)d;
    if (t->kind == ORO_F64)
        oro_bb_put(out, &d, 8);
    else if ((double)f == d)
        oro_bb_put(out, &f, 4);
    else
        return false;
    return true;
}

static bool
int_encode(const struct oro_type *t, int64_t i, struct oro_bb *out)
{
    enum oro_kind kind = sql_int_kind(t);
    if (i < sql_ints[kind].min || i > sql_ints[kind].max)
        return false;
    oro_bb_put(out, &i, sql_ints[kind].size);
    return true;
}

static bool
option_encode(const struct oro_type *t, sqlite3_value *v, struct oro_bb *out)
{
    bool none = sqlite3_value_type(v) == SQLITE_NULL;
    oro_bb_u8(out, none);
    return none || sql_encode(t->elems[0].type, v, out);
}

bool
sql_encode(const struct oro_type *type, sqlite3_value *v, struct oro_bb *out)
{
    const struct oro_type *t = oro_type_resolve(type);
    int is = sqlite3_value_type(v);
    bool text = is == SQLITE_TEXT;
    switch (sql_rep_of(t)) {
    case REP_INT:
        return is == SQLITE_INTEGER && int_encode(t, sqlite3_value_int64(v), out);
    case REP_U64:
        return sql_u64_encode(v, out);
    case REP_WIDE:
        return (text || is == SQLITE_INTEGER) && decimal_encode(t, sql_text_of(v), out);
    case REP_REAL:
        return (is == SQLITE_FLOAT || is == SQLITE_INTEGER) &&
               sql_real_encode(t, sqlite3_value_double(v), out);
    case REP_TEXT:
        if (text)
            oro_bb_lenbytes(out, sql_text_of(v));
        return text;
    case REP_HEX:
        return text && id_parse(t, sql_text_of(v), out);
    case REP_UUID:
        return text && uuid_parse(sql_text_of(v), out);
    case REP_ENUM: {
        int tag = text ? sql_variant(t, sql_text_of(v)) : -1;
        if (tag >= 0)
            oro_bb_u8(out, (uint8_t)tag);
        return tag >= 0;
    }
    case REP_OPTION:
        return option_encode(t, v, out);
    case REP_BLOB: {
        const void *p = sqlite3_value_blob(v);
        if (is == SQLITE_BLOB)
            oro_bb_lenbytes(out, oro_bytes(p, (size_t)sqlite3_value_bytes(v)));
        return is == SQLITE_BLOB;
    }
    case REP_JSON:
        return text && oro_value_from_json(t, sql_text_of(v), out, NULL) == ORO_OK;
    }
    return false;
}

/* ---- literals ---- */

static size_t
digits_at(struct oro_bytes s, size_t at)
{
    size_t n = 0;
    while (at + n < s.len && s.data[at + n] >= '0' && s.data[at + n] <= '9')
        n++;
    return n;
}

/* A number as it would be written without quotes. */
static bool
is_number(struct oro_bytes s)
{
    size_t at = s.len > 0 && (s.data[0] == '-' || s.data[0] == '+'), whole = digits_at(s, at),
           part = 0;
    at += whole;
    if (at < s.len && s.data[at] == '.') {
        part = digits_at(s, at + 1);
        at += 1 + part;
    }
    if (whole + part == 0)
        return false;
    if (at < s.len && (s.data[at] | 32) == 'e') {
        at += 1 + (at + 1 < s.len && (s.data[at + 1] == '-' || s.data[at + 1] == '+'));
        size_t power = digits_at(s, at);
        at += power;
        if (power == 0)
            return false;
    }
    return at == s.len;
}

/* Beside an integer: 0x.. and X'..' are numbers, and so is '5'. */
static oro_status
encode_number(const struct oro_type *type, char kind, struct oro_bytes text, struct oro_bb *out)
{
    uint8_t be[32] = {0};
    char digits[65];
    unsigned size = type->fixed_size;
    if (kind == 's')
        return is_number(text) ? oro_value_from_literal(type, 'n', text, out, NULL)
                               : ORO_EMALFORMED;
    while (text.len > 0 && text.data[0] == '0')
        text = oro_bytes(text.data + 1, text.len - 1);
    if (text.len > 2 * (size_t)size)
        return ORO_EMALFORMED;
    memset(digits, '0', sizeof(digits));
    memcpy(digits + 2 * (size_t)size - text.len, text.data, text.len);
    if (!oro_unhex(digits, 2 * (size_t)size, be, size))
        return ORO_EMALFORMED;
    for (unsigned i = size; i-- > 0;)
        oro_bb_u8(out, be[i]);
    return ORO_OK;
}

oro_status
sql_encode_literal(const struct oro_type *type, char kind, struct oro_bytes text,
                   struct oro_bb *out)
{
    bool integer = type->kind >= ORO_I8 && type->kind <= ORO_U256;
    if (kind == 'n' && !is_number(text))
        return ORO_EMALFORMED;
    if (integer && kind != 'n')
        return encode_number(type, kind, text, out);
    return oro_value_from_literal(type, kind, text, out, NULL);
}
