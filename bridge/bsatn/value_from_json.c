/* bridge/bsatn/value_from_json.c - SATS-JSON in every accepted form (docs/values.md#json) to BSATN.
 *
 * The text is first read into nodes (runtime/base/json.h): an object may have its members in any order, and a number must keep
 * its digits. Then the type is walked, at most ORO_MAX_DEPTH deep, and bytes are written in its order. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "runtime/base/json.h"
#include "bridge/bsatn/number_priv.h"
#include "bridge/bsatn/value.h"
#include "bridge/bsatn/value_priv.h"
#include "runtime/base/utf8.h"

/* Below ORO_MAX_DEPTH levels of a value there may be those of one type without variable parts, which do not count. */
#define MAX_TEXT_DEPTH (2 * ORO_MAX_DEPTH + 2)

struct from {
    const struct oro_json *j;
    struct oro_bb *out;
    struct oro_err *err;
    const char *root;                 /* of paths in messages */
    const struct oro_bytes *defaults; /* of the outermost elements, or NULL */
};

/* "path at byte n: " and the text. */
ORO_PRINTF(4, 5)
static oro_status
bad(struct from *f, uint32_t node, const struct oro_step *at, const char *fmt, ...)
{
    char what[600];
    va_list ap;
    if (f->err == NULL)
        return ORO_EMALFORMED;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    struct oro_bb path = {0};
    oro_step_print(at, f->root, &path);
    oro_err_set(f->err, ORO_EMALFORMED, "%.*s at byte %u: %s", (int)path.len,
                (const char *)path.data, f->j->nodes[node].at, what);
    oro_bb_fini(&path);
    return ORO_EMALFORMED;
}

static oro_status
bad_kind(struct from *f, const struct oro_type *t, uint32_t node, const struct oro_step *at)
{
    struct oro_bb want = {0}, found = {0};
    oro_step_print_type(t, &want);
    oro_json_describe(f->j, node, &found);
    oro_status st = bad(f, node, at, "expected %.*s, found %.*s", (int)want.len,
                        (const char *)want.data, (int)found.len, (const char *)found.data);
    oro_bb_fini(&want);
    oro_bb_fini(&found);
    return st;
}

static oro_status from_value(struct from *f, const struct oro_type *t, uint32_t node,
                             const struct oro_step *at, unsigned depth);

/* ---- scalars ---- */

static bool
is_plain_int(struct oro_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '.' || (text.data[i] | 0x20) == 'e')
            return false;
    return true;
}

static oro_status
from_int(struct from *f, const struct oro_type *t, uint32_t node, const struct oro_step *at)
{
    uint8_t le[32];
    struct oro_bytes text = oro_json_text(f->j, node);
    bool wide = t->kind == ORO_I256 || t->kind == ORO_U256;
    bool ok;
    if (f->j->nodes[node].kind != (wide ? ORO_JSON_STRING : ORO_JSON_NUMBER))
        return bad_kind(f, t, node, at);
    if (wide)
        ok = oro_int_parse_hex(t->kind, text, le);
    else
        ok = is_plain_int(text) && oro_int_parse(t->kind, text, le);
    if (!ok)
        return bad_kind(f, t, node, at);
    oro_bb_put(f->out, le, t->fixed_size);
    return ORO_OK;
}

static oro_status
from_float(struct from *f, const struct oro_type *t, uint32_t node, const struct oro_step *at)
{
    float f32;
    double f64;
    if (f->j->nodes[node].kind != ORO_JSON_NUMBER)
        return bad_kind(f, t, node, at);
    struct oro_bytes text = oro_json_text(f->j, node);
    if (t->kind == ORO_F32 ? !oro_f32_parse(text, &f32) : !oro_f64_parse(text, &f64))
        return oro_err_set(f->err, ORO_ENOMEM, "no memory for a number of %zu digits", text.len);
    if (t->kind == ORO_F32 ? !isfinite(f32) : !isfinite(f64))
        return bad_kind(f, t, node, at); /* out of range */
    if (t->kind == ORO_F32)
        oro_bb_put(f->out, &f32, 4);
    else
        oro_bb_put(f->out, &f64, 8);
    return ORO_OK;
}

static oro_status
from_string(struct from *f, const struct oro_type *t, uint32_t node, const struct oro_step *at)
{
    if (f->j->nodes[node].kind != ORO_JSON_STRING)
        return bad_kind(f, t, node, at);
    size_t len_at = f->out->len;
    oro_bb_u32(f->out, 0);
    oro_json_unescape(f->j, node, f->out);
    oro_bb_patch_u32(f->out, len_at, (uint32_t)(f->out->len - len_at - 4));
    return ORO_OK;
}

static oro_status
from_bool(struct from *f, const struct oro_type *t, uint32_t node, const struct oro_step *at)
{
    unsigned kind = f->j->nodes[node].kind;
    if (kind != ORO_JSON_TRUE && kind != ORO_JSON_FALSE)
        return bad_kind(f, t, node, at);
    oro_bb_u8(f->out, kind == ORO_JSON_TRUE);
    return ORO_OK;
}

/* ---- arrays ---- */

static oro_status
from_hex(struct from *f, const struct oro_type *t, uint32_t node, const struct oro_step *at)
{
    struct oro_bytes text = oro_json_text(f->j, node);
    size_t n = text.len / 2;
    if (text.len % 2 != 0)
        return bad(f, node, at,
                   "expected hex digits, two for each byte, found an odd number of them");
    oro_bb_u32(f->out, (uint32_t)n);
    oro_bb_reserve(f->out, n);
    if (!oro_unhex((const char *)text.data, text.len, f->out->data + f->out->len, n))
        return bad_kind(f, t, node, at);
    f->out->len += n;
    return ORO_OK;
}

static oro_status
from_array(struct from *f, const struct oro_type *t, uint32_t node, const struct oro_step *at,
           unsigned depth)
{
    const struct oro_json_node *v = &f->j->nodes[node];
    if (t->special == ORO_BYTES && v->kind == ORO_JSON_STRING)
        return from_hex(f, t, node, at);
    if (v->kind != ORO_JSON_ARRAY)
        return bad_kind(f, t, node, at);
    if (t->elem->fixed_size == 0 && v->count > ORO_MAX_UNIT_COUNT)
        return bad(f, node, at, "more than %u elements without bytes", ORO_MAX_UNIT_COUNT);
    struct oro_step step = {at, t, 0};
    uint32_t child = node + 1;
    oro_status st = ORO_OK;
    oro_bb_u32(f->out, v->count);
    for (; st == ORO_OK && step.at < v->count; step.at++, child = f->j->nodes[child].next)
        st = from_value(f, t->elem, child, &step, depth + 1);
    return st;
}

/* ---- products ---- */

static oro_status
bad_field(struct from *f, const struct oro_type *t, uint32_t key, const struct oro_step *at)
{
    struct oro_bb names = {0};
    for (uint32_t i = 0; i < t->nelems && names.len < 300; i++)
        if (t->elems[i].name != NULL)
            oro_bb_printf(&names, "%s`%s`", names.len > 0 ? ", " : "", t->elems[i].name);
    struct oro_bytes found = oro_json_text(f->j, key);
    oro_status st =
        bad(f, key, at, "unknown field `%.*s`, expected %s%.*s",
            found.len > 60 ? 60 : (int)found.len, (const char *)found.data,
            names.len > 0 ? "one of " : "no field", (int)names.len, (const char *)names.data);
    oro_bb_fini(&names);
    return st;
}

/* Members mostly come in order, so the search starts where the last one was found. t->nelems: none. */
static uint32_t
find_elem(struct from *f, const struct oro_type *t, uint32_t key, uint32_t guess)
{
    if (guess < t->nelems && t->elems[guess].name != NULL &&
        oro_json_string_is(f->j, key, t->elems[guess].name))
        for (uint32_t i = 0; i <= guess; i++) /* of two elements with one name the first is meant */
            if (t->elems[i].name != NULL && strcmp(t->elems[i].name, t->elems[guess].name) == 0)
                return i;
    for (uint32_t i = 0; i < t->nelems; i++)
        if (t->elems[i].name != NULL && oro_json_string_is(f->j, key, t->elems[i].name))
            return i;
    return t->nelems;
}

/* Of the arguments themselves, not of what they hold. */
static bool
has_default(const struct from *f, const struct oro_step *at, uint32_t i)
{
    return at == NULL && f->defaults != NULL && f->defaults[i].data != NULL;
}

/* values[i]: the node of element i, 0 if it is missing. */
static oro_status
match_fields(struct from *f, const struct oro_type *t, uint32_t node, const struct oro_step *at,
             uint32_t *values)
{
    uint32_t key = node + 1, guess = 0;
    for (uint32_t i = 0; i < f->j->nodes[node].count; i++, key = f->j->nodes[key + 1].next) {
        uint32_t e = find_elem(f, t, key, guess);
        if (e == t->nelems)
            return bad_field(f, t, key, at);
        if (values[e] != 0)
            return bad(f, key, at, "duplicate field `%s`", t->elems[e].name);
        values[e] = key + 1;
        guess = e + 1;
    }
    for (uint32_t i = 0; i < t->nelems; i++)
        if (values[i] == 0 && !has_default(f, at, i))
            return t->elems[i].name != NULL
                       ? bad(f, node, at, "missing field `%s`", t->elems[i].name)
                       : bad(f, node, at, "element %u has no name: write an array", i);
    return ORO_OK;
}

static oro_status
from_object(struct from *f, const struct oro_type *t, uint32_t node, const struct oro_step *at,
            unsigned depth)
{
    uint32_t few[16] = {0};
    uint32_t *values = few;
    if (t->nelems > ORO_ARRAY_LEN(few)) {
        values = oro_try_alloc(t->nelems * sizeof(*values));
        if (values == NULL)
            return oro_err_set(f->err, ORO_ENOMEM, "no memory for an object of %u fields",
                               t->nelems);
        memset(values, 0, t->nelems * sizeof(*values));
    }
    oro_status st = match_fields(f, t, node, at, values);
    struct oro_step step = {at, t, 0};
    for (; st == ORO_OK && step.at < t->nelems; step.at++)
        if (values[step.at] != 0)
            st = from_value(f, t->elems[step.at].type, values[step.at], &step, depth + 1);
        else
            oro_bb_put_bytes(f->out, f->defaults[step.at]);
    if (values != few)
        oro_free(values);
    return st;
}

static oro_status
from_product(struct from *f, const struct oro_type *t, uint32_t node, const struct oro_step *at,
             unsigned depth)
{
    const struct oro_json_node *v = &f->j->nodes[node];
    if (v->kind == ORO_JSON_OBJECT)
        return from_object(f, t, node, at, depth);
    if (v->kind != ORO_JSON_ARRAY)
        return bad_kind(f, t, node, at);
    uint32_t rest = v->count;
    while (rest < t->nelems && has_default(f, at, rest))
        rest++;
    if (v->count > t->nelems || rest < t->nelems)
        return bad(f, node, at, "invalid length %u, expected %u element%s", v->count, t->nelems,
                   t->nelems == 1 ? "" : "s");
    struct oro_step step = {at, t, 0};
    uint32_t child = node + 1;
    oro_status st = ORO_OK;
    for (; st == ORO_OK && step.at < v->count; step.at++, child = f->j->nodes[child].next)
        st = from_value(f, t->elems[step.at].type, child, &step, depth + 1);
    for (; st == ORO_OK && step.at < t->nelems; step.at++)
        oro_bb_put_bytes(f->out, f->defaults[step.at]);
    return st;
}

/* ---- sums ---- */

/* `calm` for Calm: the reference's modules show their variants so. */
static bool
is_uncapitalised(struct oro_bytes text, const char *name)
{
    return name != NULL && name[0] >= 'A' && name[0] <= 'Z' && text.len == strlen(name) &&
           text.len > 0 && text.data[0] == (name[0] | 0x20) &&
           memcmp(text.data + 1, name + 1, text.len - 1) == 0;
}

/* Digits from 0 to 255 are always a tag, whatever the variants are called. t->nelems: none. */
static uint32_t
find_variant(struct from *f, const struct oro_type *t, uint32_t key)
{
    struct oro_bytes text = oro_json_text(f->j, key);
    uint32_t tag = 0;
    size_t digits = 0;
    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9' && tag < 256)
        tag = tag * 10 + (uint32_t)(text.data[digits++] - '0');
    if (text.len > 0 && digits == text.len && tag < 256)
        return tag < t->nelems ? tag : t->nelems;
    if (f->j->nodes[key].kind != ORO_JSON_STRING)
        return t->nelems;
    for (uint32_t i = 0; i < t->nelems; i++)
        if (t->elems[i].name != NULL && oro_json_string_is(f->j, key, t->elems[i].name))
            return i;
    for (uint32_t i = 0; i < t->nelems; i++)
        if (is_uncapitalised(text, t->elems[i].name))
            return i;
    return t->nelems;
}

static oro_status
from_sum(struct from *f, const struct oro_type *t, uint32_t node, const struct oro_step *at,
         unsigned depth)
{
    const struct oro_json_node *v = &f->j->nodes[node];
    if (v->kind == ORO_JSON_NULL && t->special == ORO_OPTION) {
        oro_bb_u8(f->out, 1);
        return ORO_OK;
    }
    if (v->kind == ORO_JSON_OBJECT && v->count != 1)
        return bad(f, node, at,
                   "expected map representing sum type to have exactly one field, found %u",
                   v->count);
    if (v->kind == ORO_JSON_ARRAY && v->count != 2)
        return bad(f, node, at, "invalid length %u, expected a tag and a payload", v->count);
    if (v->kind != ORO_JSON_OBJECT && v->kind != ORO_JSON_ARRAY)
        return bad_kind(f, t, node, at);
    uint32_t key = node + 1;
    unsigned key_kind = f->j->nodes[key].kind;
    bool keyed = key_kind == ORO_JSON_STRING || key_kind == ORO_JSON_NUMBER;
    uint32_t tag = keyed ? find_variant(f, t, key) : t->nelems;
    if (tag == t->nelems)
        return bad_kind(f, t, key, at);
    struct oro_step step = {at, t, tag};
    oro_bb_u8(f->out, (uint8_t)tag);
    return from_value(f, t->elems[tag].type, key + 1, &step, depth + 1);
}

static oro_status
from_value(struct from *f, const struct oro_type *t, uint32_t node, const struct oro_step *at,
           unsigned depth)
{
    if (depth > ORO_MAX_DEPTH && !t->any_bits) /* as oro_value_skip counts */
        return bad(f, node, at, "more than %d levels of nesting", ORO_MAX_DEPTH);
    t = oro_type_resolve(t);
    switch (t->kind) {
    case ORO_SUM:
        return from_sum(f, t, node, at, depth);
    case ORO_PRODUCT:
        return from_product(f, t, node, at, depth);
    case ORO_ARRAY:
        return from_array(f, t, node, at, depth);
    case ORO_STRING:
        return from_string(f, t, node, at);
    case ORO_BOOL:
        return from_bool(f, t, node, at);
    case ORO_F32:
    case ORO_F64:
        return from_float(f, t, node, at);
    default:
        return from_int(f, t, node, at);
    }
}

static oro_status
from_text(const struct oro_type *t, const struct oro_bytes *defaults, struct oro_bytes text,
          const char *root, struct oro_bb *out, struct oro_err *err)
{
    struct oro_json j;
    oro_status st = oro_json_parse(&j, text, MAX_TEXT_DEPTH, err);
    if (st != ORO_OK)
        return st;
    struct from f = {.j = &j, .out = out, .err = err, .root = root, .defaults = defaults};
    size_t was = out->len;
    st = from_value(&f, t, 0, NULL, 0);
    if (st != ORO_OK)
        out->len = was;
    oro_json_fini(&j);
    return st;
}

oro_status
oro_value_from_json(const struct oro_type *t, struct oro_bytes text, struct oro_bb *out,
                    struct oro_err *err)
{
    return from_text(t, NULL, text, "", out, err);
}

oro_status
oro_args_from_json(const struct oro_type *product, struct oro_bytes text, struct oro_bb *out,
                   struct oro_err *err)
{
    return oro_args_from_json_with(product, NULL, text, out, err);
}

oro_status
oro_args_from_json_with(const struct oro_type *product, const struct oro_bytes *defaults,
                        struct oro_bytes text, struct oro_bb *out, struct oro_err *err)
{
    ORO_ASSERT(oro_type_resolve(product)->kind == ORO_PRODUCT);
    return from_text(product, defaults, text, "args", out, err);
}

/* ---- SQL literals (docs/semantics.md#queries) ---- */

static oro_status
bad_literal(const struct oro_type *t, struct oro_bytes text, struct oro_err *err)
{
    struct oro_bb want = {0};
    oro_step_print_type(t, &want);
    oro_err_set(err, ORO_ETYPE, "The literal expression `%.*s` cannot be parsed as type `%.*s`",
                text.len > 200 ? 200 : (int)text.len, (const char *)text.data, (int)want.len,
                (const char *)want.data);
    oro_bb_fini(&want);
    return ORO_ETYPE;
}

static struct oro_bytes
without_0x(struct oro_bytes text)
{
    bool prefix = text.len >= 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x';
    return prefix ? oro_bytes(text.data + 2, text.len - 2) : text;
}

/* Hex digits, most significant first, to size bytes, least significant first. */
static bool
literal_hex_number(struct oro_bytes text, size_t size, struct oro_bb *out)
{
    uint8_t be[32];
    text = without_0x(text);
    if (text.len != 2 * size || !oro_unhex((const char *)text.data, text.len, be, size))
        return false;
    for (size_t i = size; i-- > 0;)
        oro_bb_u8(out, be[i]);
    return true;
}

static bool
literal_hex_bytes(struct oro_bytes text, struct oro_bb *out)
{
    text = without_0x(text);
    size_t n = text.len / 2;
    if (text.len % 2 != 0)
        return false;
    oro_bb_u32(out, (uint32_t)n);
    oro_bb_reserve(out, n);
    if (n > 0 && !oro_unhex((const char *)text.data, text.len, out->data + out->len, n))
        return false;
    out->len += n;
    return true;
}

static bool
begins_with(struct oro_bytes text, const char *s)
{
    return text.len >= strlen(s) && memcmp(text.data, s, strlen(s)) == 0;
}

/* 8-4-4-4-12 digits, which may stand in braces or behind urn:uuid:, or all 32 without hyphens. */
static bool
literal_uuid(struct oro_bytes text, struct oro_bb *out)
{
    char digits[32];
    size_t n = 0;
    if (text.len == 38 && text.data[0] == '{' && text.data[37] == '}')
        text = oro_bytes(text.data + 1, 36);
    else if (text.len == 45 && begins_with(text, "urn:uuid:"))
        text = oro_bytes(text.data + 9, 36);
    bool hyphens = text.len == 36;
    for (size_t i = 0; i < text.len; i++) {
        bool hyphen = hyphens && (i == 8 || i == 13 || i == 18 || i == 23);
        if (hyphen != (text.data[i] == '-') || (!hyphen && n == sizeof(digits)))
            return false;
        if (!hyphen)
            digits[n++] = (char)text.data[i];
    }
    return n == sizeof(digits) && literal_hex_number(oro_bytes(digits, n), 16, out);
}

struct text_at {
    const uint8_t *at, *end;
};

/* Exactly n digits. */
static bool
take_number(struct text_at *s, int n, int64_t *out)
{
    int64_t v = 0;
    for (; n > 0; n--, s->at++) {
        if (s->at == s->end || *s->at < '0' || *s->at > '9')
            return false;
        v = v * 10 + (*s->at - '0');
    }
    *out = v;
    return true;
}

static bool
take_one_of(struct text_at *s, const char *set)
{
    if (s->at == s->end || *s->at == 0 || strchr(set, *s->at) == NULL)
        return false;
    s->at++;
    return true;
}

/* Days since 1970-01-01 in the Gregorian calendar; years begin in March, so that leap days come last. */
static int64_t
days_since_1970(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month > 2 ? year : year - 1, m = (month + 9) % 12;
    int64_t leap_days = (y >= 0 ? y / 4 - y / 100 + y / 400 : -1);
    return 365 * y + leap_days + (153 * m + 2) / 5 + day - 1 - 719468;
}

static int64_t
days_in_month(int64_t year, int64_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool
take_date(struct text_at *s, int64_t *days)
{
    int64_t y, m, d;
    if (!take_number(s, 4, &y) || !take_one_of(s, "-") || !take_number(s, 2, &m) ||
        !take_one_of(s, "-") || !take_number(s, 2, &d))
        return false;
    if (m < 1 || m > 12 || d < 1 || d > days_in_month(y, m))
        return false;
    *days = days_since_1970(y, m, d);
    return true;
}

/* hh:mm:ss and a fraction, of which what is below a microsecond is cut off. */
static bool
take_time(struct text_at *s, int64_t *us)
{
    int64_t h, m, sec, fraction = 0, unit = 1000000;
    if (!take_number(s, 2, &h) || !take_one_of(s, ":") || !take_number(s, 2, &m) ||
        !take_one_of(s, ":") || !take_number(s, 2, &sec) || h > 23 || m > 59 || sec > 60)
        return false; /* a 60th second is the moment at which the next minute begins */
    if (take_one_of(s, ".")) {
        const uint8_t *from = s->at;
        for (int64_t digit; s->at < s->end && take_number(s, 1, &digit);) {
            unit /= 10;
            fraction += digit * unit;
        }
        if (s->at == from)
            return false;
    }
    *us = ((h * 60 + m) * 60 + sec) * 1000000 + fraction;
    return true;
}

static bool
take_zone(struct text_at *s, int64_t *minutes)
{
    int64_t h, m;
    *minutes = 0;
    if (take_one_of(s, "Zz"))
        return true;
    bool west = s->at < s->end && *s->at == '-';
    if (!take_one_of(s, "+-") || !take_number(s, 2, &h) || !take_one_of(s, ":") ||
        !take_number(s, 2, &m) || h > 23 || m > 59)
        return false;
    *minutes = west ? -(h * 60 + m) : h * 60 + m;
    return true;
}

/* RFC 3339, with T or a space between date and time. */
static bool
literal_timestamp(struct oro_bytes text, struct oro_bb *out)
{
    struct text_at s = {text.data, text.data + text.len};
    int64_t days, us, zone;
    if (!take_date(&s, &days) || !take_one_of(&s, "Tt ") || !take_time(&s, &us) ||
        !take_zone(&s, &zone) || s.at != s.end)
        return false;
    oro_bb_u64(out, (uint64_t)(days * INT64_C(86400000000) + us - zone * 60000000));
    return true;
}

static bool
literal_number(const struct oro_type *t, struct oro_bytes text, struct oro_bb *out)
{
    uint8_t le[32];
    float f32;
    double f64;
    if (t->kind == ORO_F32 && oro_f32_parse(text, &f32)) {
        oro_bb_put(out, &f32, 4);
        return true;
    }
    if (t->kind == ORO_F64 && oro_f64_parse(text, &f64)) {
        oro_bb_put(out, &f64, 8);
        return true;
    }
    if (!oro_kind_is_int(t->kind) || !oro_int_parse(t->kind, text, le))
        return false;
    oro_bb_put(out, le, t->fixed_size);
    return true;
}

static bool
literal_hex(const struct oro_type *t, struct oro_bytes text, struct oro_bb *out)
{
    switch (t->special) {
    case ORO_IDENTITY:
        return literal_hex_number(text, 32, out);
    case ORO_CONNECTION_ID:
        return literal_hex_number(text, 16, out);
    case ORO_UUID:
        return literal_hex_number(text, 16, out);
    case ORO_BYTES:
        return literal_hex_bytes(text, out);
    default:
        return false;
    }
}

static bool
literal_string(const struct oro_type *t, struct oro_bytes text, struct oro_bb *out)
{
    if (t->kind == ORO_STRING) {
        oro_bb_lenbytes(out, text);
        return oro_utf8_valid(text);
    }
    if (t->special == ORO_TIMESTAMP)
        return literal_timestamp(text, out);
    return t->special == ORO_UUID ? literal_uuid(text, out) : literal_hex(t, text, out);
}

oro_status
oro_value_from_literal(const struct oro_type *t, char kind, struct oro_bytes text,
                       struct oro_bb *out, struct oro_err *err)
{
    const struct oro_type *r = oro_type_resolve(t);
    size_t was = out->len;
    bool ok = false;
    switch (kind) {
    case 'n':
        ok = literal_number(r, text, out);
        break;
    case 's':
        ok = literal_string(r, text, out);
        break;
    case 'x':
        ok = literal_hex(r, text, out);
        break;
    case 'b':
        ok = r->kind == ORO_BOOL;
        if (ok)
            oro_bb_u8(out, text.len == 4); /* true */
        break;
    default:
        ORO_ASSERT(false);
    }
    if (ok)
        return ORO_OK;
    out->len = was;
    return bad_literal(r, text, err);
}
