/* bridge/bsatn/number.c - see number_priv.h. Integers of every width are four 64-bit limbs, least significant first. */
#include "bridge/bsatn/number_priv.h"

#include <locale.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct u256 {
    uint64_t limb[4];
};

unsigned
oro_kind_size(enum oro_kind kind)
{
    if (kind <= ORO_U8)
        return 1;
    return kind == ORO_F32 ? 4 : kind == ORO_F64 ? 8 : 1u << ((kind - ORO_I8) / 2);
}

static struct u256
negate(struct u256 v)
{
    uint64_t carry = 1;
    for (int i = 0; i < 4; i++) {
        v.limb[i] = ~v.limb[i] + carry;
        carry = carry && v.limb[i] == 0;
    }
    return v;
}

/* v * by + add; false on overflow. */
static bool
mul_add(struct u256 *v, uint64_t by, uint64_t add)
{
    unsigned __int128 carry = add;
    for (int i = 0; i < 4; i++) {
        carry += (unsigned __int128)v->limb[i] * by;
        v->limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return carry == 0;
}

static struct u256
load(enum oro_kind kind, const uint8_t *le)
{
    struct u256 v;
    unsigned size = oro_kind_size(kind);
    memset(&v, oro_kind_is_signed(kind) && le[size - 1] >= 0x80 ? 0xff : 0, sizeof(v));
    memcpy(&v, le, size);
    return v;
}

/* Writes minus * v if it fits into the kind. */
static bool
store(enum oro_kind kind, bool minus, struct u256 v, uint8_t *le)
{
    unsigned size = oro_kind_size(kind);
    if (minus)
        v = negate(v);
    bool zero = (v.limb[0] | v.limb[1] | v.limb[2] | v.limb[3]) == 0;
    bool top = v.limb[3] >> 63;
    if (top != (minus && !zero) && !(kind == ORO_U256 && !minus))
        return false; /* beyond the signed 256 bits in which the rest is compared */
    if (minus && !zero && !oro_kind_is_signed(kind))
        return false;
    memcpy(le, &v, size);
    struct u256 back = load(kind, le);
    return memcmp(&back, &v, sizeof(v)) == 0;
}

/* ---- integers to text ---- */

static void
print_u64(uint64_t v, bool minus, struct oro_bb *out)
{
    char digits[21];
    char *p = digits + sizeof(digits);
    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    if (minus)
        *--p = '-';
    oro_bb_put(out, p, (size_t)(digits + sizeof(digits) - p));
}

static void
print_u128(unsigned __int128 v, bool minus, struct oro_bb *out)
{
    const uint64_t ten19 = UINT64_C(10000000000000000000);
    if (v <= UINT64_MAX) {
        print_u64((uint64_t)v, minus, out);
        return;
    }
    print_u128(v / ten19, minus, out);
    oro_bb_printf(out, "%019llu", (unsigned long long)(v % ten19));
}

static void
print_hex(struct u256 v, bool minus, struct oro_bb *out)
{
    oro_bb_printf(out, minus ? "\"-0x" : "\"0x");
    int i = 3;
    while (i > 0 && v.limb[i] == 0)
        i--;
    oro_bb_printf(out, "%llx", (unsigned long long)v.limb[i]);
    while (i-- > 0)
        oro_bb_printf(out, "%016llx", (unsigned long long)v.limb[i]);
    oro_bb_u8(out, '"');
}

void
oro_int_print(enum oro_kind kind, const uint8_t *le, struct oro_bb *out)
{
    struct u256 v = load(kind, le);
    bool minus = oro_kind_is_signed(kind) && v.limb[3] >> 63;
    if (minus)
        v = negate(v);
    if (kind == ORO_I256 || kind == ORO_U256)
        print_hex(v, minus, out);
    else
        print_u128((unsigned __int128)v.limb[1] << 64 | v.limb[0], minus, out);
}

/* ---- text to integers ---- */

/* A number taken apart: digits (without point) times ten to the power of exp. */
struct decimal {
    bool minus;
    struct oro_bytes whole, frac;
    int exp;
};

static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static struct oro_bytes
take_digits(struct oro_bytes *text)
{
    size_t n = 0;
    while (n < text->len && is_digit(text->data[n]))
        n++;
    struct oro_bytes digits = {text->data, n};
    *text = (struct oro_bytes){text->data + n, text->len - n};
    return digits;
}

static bool
take_char(struct oro_bytes *text, char a, char b)
{
    if (text->len == 0 || (*text->data != a && *text->data != b))
        return false;
    *text = (struct oro_bytes){text->data + 1, text->len - 1};
    return true;
}

/* Exponents are clamped: no digits that fit into memory reach so far. */
static bool
take_exponent(struct oro_bytes *text, int *out)
{
    bool minus = take_char(text, '-', '-');
    if (!minus)
        take_char(text, '+', '+');
    struct oro_bytes digits = take_digits(text);
    int v = 0;
    for (size_t i = 0; i < digits.len; i++)
        v = v > 100000000 ? v : v * 10 + (digits.data[i] - '0');
    *out = minus ? -v : v;
    return digits.len > 0;
}

static bool
take_apart(struct oro_bytes text, struct decimal *out)
{
    *out = (struct decimal){.minus = take_char(&text, '-', '-')};
    if (!out->minus)
        take_char(&text, '+', '+');
    out->whole = take_digits(&text);
    out->frac = (struct oro_bytes){text.data, 0};
    if (take_char(&text, '.', '.'))
        out->frac = take_digits(&text); /* none in `5.` */
    if (take_char(&text, 'e', 'E') && !take_exponent(&text, &out->exp))
        return false;
    return text.len == 0 && out->whole.len > 0;
}

static uint8_t
digit_at(const struct decimal *d, size_t i)
{
    return i < d->whole.len ? d->whole.data[i] : d->frac.data[i - d->whole.len];
}

bool
oro_int_parse(enum oro_kind kind, struct oro_bytes text, uint8_t *le)
{
    struct decimal d;
    struct u256 v = {{0}};
    if (!take_apart(text, &d))
        return false;
    size_t n = d.whole.len + d.frac.len, first = 0;
    while (first < n && digit_at(&d, first) == '0')
        first++;
    while (n > first && digit_at(&d, n - 1) == '0')
        n--; /* their places are counted below */
    int64_t zeros = first == n ? 0 : (int64_t)d.whole.len + d.exp - (int64_t)n;
    if (zeros < 0 || (int64_t)(n - first) + zeros > 78) /* 2^256 has 78 digits */
        return false;
    for (size_t i = first; i < n; i++)
        if (!mul_add(&v, 10, (uint64_t)(digit_at(&d, i) - '0')))
            return false;
    while (zeros-- > 0)
        if (!mul_add(&v, 10, 0))
            return false;
    return store(kind, d.minus, v, le);
}

bool
oro_int_parse_hex(enum oro_kind kind, struct oro_bytes text, uint8_t *le)
{
    struct u256 v = {{0}};
    bool minus = oro_kind_is_signed(kind) && take_char(&text, '-', '-');
    if (!take_char(&text, '0', '0') || !take_char(&text, 'x', 'x') || text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i], low = c | 0x20;
        if (!is_digit(c) && !(low >= 'a' && low <= 'f'))
            return false;
        if (!mul_add(&v, 16, is_digit(c) ? (uint64_t)(c - '0') : (uint64_t)(low - 'a' + 10)))
            return false;
    }
    return store(kind, minus, v, le);
}

/* ---- floats ----
 * printf and strtod follow the process's locale, which a module may change at any time, so numbers are read in the C
 * locale and printed digits are picked out of what printf wrote, whatever stands for the point. */

/* The C locale, made once and kept for the life of the process. Of two threads that make one, the later drops its own. */
static locale_t
c_locale(void)
{
    static _Atomic(locale_t) made;
    locale_t l = atomic_load(&made), none = (locale_t)0;
    if (l != none)
        return l;
    l = newlocale(LC_ALL_MASK, "C", none);
    ORO_ASSERT(l != (locale_t)0);
    if (atomic_compare_exchange_strong(&made, &none, l))
        return l;
    freelocale(l);
    return none; /* the exchange wrote here what was there */
}

static double
read_f64(const char *text)
{
    return strtod_l(text, NULL, c_locale());
}

static float
read_f32(const char *text)
{
    return strtof_l(text, NULL, c_locale());
}

struct digits {
    char text[20]; /* without point, without zeros at the end */
    int n;
    int exp; /* the value is 0.DIGITS times ten to this power */
};

/* n digits of v, v finite and above 0. Gives the text "d.dddde+xx" with a point, in which v can be compared. */
static void
take_digits_of(double v, int n, struct digits *out, char *readable, size_t size)
{
    char raw[64];
    snprintf(raw, sizeof(raw), "%.*e", n - 1, v);
    const char *p = raw;
    out->n = 0;
    for (; *p != 'e'; p++)
        if (is_digit((uint8_t)*p))
            out->text[out->n++] = *p;
    out->exp = atoi(p + 1) + 1;
    while (out->n > 1 && out->text[out->n - 1] == '0')
        out->n--;
    snprintf(readable, size, "%c.%.*se%d", out->text[0], out->n > 1 ? out->n - 1 : 1,
             out->n > 1 ? out->text + 1 : "0", out->exp - 1);
}

/* plain: the largest power of ten that is written without exponent, small: the smallest. */
static void
print_digits(const struct digits *d, int plain, int small, struct oro_bb *out)
{
    if (d->exp > plain || d->exp <= small) {
        oro_bb_put(out, d->text, 1);
        if (d->n > 1)
            oro_bb_printf(out, ".%.*s", d->n - 1, d->text + 1);
        oro_bb_printf(out, "e%d", d->exp - 1);
    } else if (d->exp <= 0) {
        oro_bb_put(out, "0.000000", (size_t)(2 - d->exp));
        oro_bb_put(out, d->text, (size_t)d->n);
    } else if (d->exp >= d->n) {
        oro_bb_put(out, d->text, (size_t)d->n);
        for (int i = d->n; i < d->exp; i++)
            oro_bb_u8(out, '0');
        oro_bb_put(out, ".0", 2);
    } else {
        oro_bb_put(out, d->text, (size_t)d->exp);
        oro_bb_u8(out, '.');
        oro_bb_put(out, d->text + d->exp, (size_t)(d->n - d->exp));
    }
}

/* True if v was null, zero or an integer below 2^53: everything that needs no search for digits. */
static bool
print_simple(double v, double plain, struct oro_bb *out)
{
    if (!isfinite(v)) {
        oro_bb_put(out, "null", 4);
        return true;
    }
    if (v != trunc(v) || fabs(v) > plain)
        return false;
    print_u64((uint64_t)fabs(v), signbit(v), out);
    oro_bb_put(out, ".0", 2);
    return true;
}

void
oro_f64_print(double v, struct oro_bb *out)
{
    struct digits d;
    char readable[64];
    if (print_simple(v, 9007199254740992.0, out))
        return;
    if (v < 0)
        oro_bb_u8(out, '-');
    v = fabs(v);
    /* Any 15 digits survive the way through a normal double, so fewer than 15 show as zeros at the end. */
    for (int n = v < 2.3e-308 ? 1 : 15; n <= 17; n++) {
        take_digits_of(v, n, &d, readable, sizeof(readable));
        if (read_f64(readable) == v)
            break;
    }
    print_digits(&d, 16, -5, out);
}

void
oro_f32_print(float v, struct oro_bb *out)
{
    struct digits d;
    char readable[64];
    if (print_simple((double)v, 16777216.0, out))
        return;
    if (v < 0)
        oro_bb_u8(out, '-');
    v = fabsf(v);
    for (int n = v < 1.2e-38f ? 1 : 6; n <= 9; n++) {
        take_digits_of((double)v, n, &d, readable, sizeof(readable));
        if (read_f32(readable) == v)
            break;
    }
    print_digits(&d, 13, -6, out);
}

/* A terminated copy for strtod; heap only for texts beyond what any program prints. */
static char *
terminated(struct oro_bytes text, char *few, size_t size)
{
    char *s = text.len < size ? few : oro_try_alloc(text.len + 1);
    if (s == NULL)
        return NULL;
    memcpy(s, text.data, text.len);
    s[text.len] = 0;
    return s;
}

bool
oro_f64_parse(struct oro_bytes text, double *out)
{
    char few[64];
    char *s = terminated(text, few, sizeof(few));
    if (s == NULL)
        return false;
    *out = read_f64(s);
    if (s != few)
        oro_free(s);
    return true;
}

bool
oro_f32_parse(struct oro_bytes text, float *out)
{
    char few[64];
    char *s = terminated(text, few, sizeof(few));
    if (s == NULL)
        return false;
    *out = read_f32(s);
    if (s != few)
        oro_free(s);
    return true;
}
