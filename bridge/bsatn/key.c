/* bridge/bsatn/key.c - values as bytes whose memcmp order is the order of the values (docs/values.md#order).
 *
 *   unsigned, Bool   big-endian
 *   signed           big-endian, sign bit flipped
 *   floats           sign bit flipped, negative ones inverted; -0 is +0, every NaN the positive quiet one
 *   String, bytes    00 as 00 FF, then 00 00: a prefix ends first and sorts first
 *   other arrays     01 before each element, 00 at the end
 *   sums, products   tag, then payload / one element after the other
 *
 * So a key is as long as its value wherever values have a fixed size. */
#include "bridge/bsatn/value.h"

uint32_t
oro_key_size(const struct oro_type *t)
{
    return t->fixed_size;
}

static inline void
store_be(uint8_t *to, const uint8_t *le, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = le[n - 1 - i];
}

static inline void
store_be32(uint8_t *to, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(to, &v, 4);
}

static inline void
store_be64(uint8_t *to, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(to, &v, 8);
}

static inline uint64_t
load_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint32_t
load_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static void
key_f32(uint8_t *to, uint32_t v)
{
    const uint32_t sign = UINT32_C(1) << 31;
    if ((v & ~sign) > UINT32_C(0x7f800000))
        v = UINT32_C(0x7fc00000);
    if (v == sign)
        v = 0;
    store_be32(to, v & sign ? ~v : v | sign);
}

static void
key_f64(uint8_t *to, uint64_t v)
{
    const uint64_t sign = UINT64_C(1) << 63;
    if ((v & ~sign) > UINT64_C(0x7ff0000000000000))
        v = UINT64_C(0x7ff8000000000000);
    if (v == sign)
        v = 0;
    store_be64(to, v & sign ? ~v : v | sign);
}

static void key_fixed(const struct oro_type *t, const uint8_t *value, uint8_t *to);

static void
key_fixed_product(const struct oro_type *t, const uint8_t *value, uint8_t *to)
{
    for (uint32_t i = 0; i < t->nelems; i++)
        key_fixed(t->elems[i].type, value + t->offsets[i], to + t->offsets[i]);
}

/* Of a type of fixed size: exactly that many bytes. */
static void
key_fixed(const struct oro_type *t, const uint8_t *value, uint8_t *to)
{
    switch (t->kind) {
    case ORO_BOOL:
    case ORO_U8:
        to[0] = value[0];
        break;
    case ORO_I8:
        to[0] = value[0] ^ 0x80;
        break;
    case ORO_U16:
        store_be(to, value, 2);
        break;
    case ORO_I16:
        to[0] = value[1] ^ 0x80, to[1] = value[0];
        break;
    case ORO_U32:
        store_be32(to, load_u32(value));
        break;
    case ORO_I32:
        store_be32(to, load_u32(value) ^ UINT32_C(1) << 31);
        break;
    case ORO_U64:
        store_be64(to, load_u64(value));
        break;
    case ORO_I64:
        store_be64(to, load_u64(value) ^ UINT64_C(1) << 63);
        break;
    case ORO_I128:
    case ORO_U128:
        store_be(to, value, 16);
        to[0] ^= t->kind == ORO_I128 ? 0x80 : 0;
        break;
    case ORO_I256:
    case ORO_U256:
        store_be(to, value, 32);
        to[0] ^= t->kind == ORO_I256 ? 0x80 : 0;
        break;
    case ORO_F32:
        key_f32(to, load_u32(value));
        break;
    case ORO_F64:
        key_f64(to, load_u64(value));
        break;
    case ORO_REF:
        key_fixed(t->target, value, to);
        break;
    case ORO_PRODUCT:
        key_fixed_product(t, value, to);
        break;
    case ORO_SUM:
        ORO_ASSERT(value[0] < t->nelems);
        to[0] = value[0];
        key_fixed(t->elems[value[0]].type, value + 1, to + 1);
        break;
    default:
        ORO_ASSERT(false); /* strings and arrays are of variable size */
    }
}

/* Strings and arrays of U8. */
static size_t
key_bytes(const uint8_t *value, struct oro_bb *out)
{
    uint32_t n = load_u32(value);
    const uint8_t *p = value + 4, *end = p + n;
    oro_bb_reserve(out, (size_t)n + 2);
    while (p < end) {
        const uint8_t *zero = memchr(p, 0, (size_t)(end - p));
        oro_bb_put(out, p, (size_t)((zero != NULL ? zero : end) - p));
        if (zero == NULL)
            break;
        oro_bb_put(out, "\x00\xff", 2);
        p = zero + 1;
    }
    oro_bb_put(out, "\x00\x00", 2);
    return 4 + (size_t)n;
}

static size_t
key_array(const struct oro_type *t, const uint8_t *value, struct oro_bb *out)
{
    uint32_t n = load_u32(value);
    size_t len = 4;
    for (uint32_t i = 0; i < n; i++) {
        oro_bb_u8(out, 1);
        len += oro_key_append(t->elem, value + len, out);
    }
    oro_bb_u8(out, 0);
    return len;
}

static size_t
key_variable(const struct oro_type *t, const uint8_t *value, struct oro_bb *out)
{
    size_t len = 0;
    t = oro_type_resolve(t);
    switch (t->kind) {
    case ORO_STRING:
        return key_bytes(value, out);
    case ORO_ARRAY:
        return t->special == ORO_BYTES ? key_bytes(value, out) : key_array(t, value, out);
    case ORO_SUM:
        ORO_ASSERT(value[0] < t->nelems);
        oro_bb_u8(out, value[0]);
        return 1 + oro_key_append(t->elems[value[0]].type, value + 1, out);
    default:
        break;
    }
    ORO_ASSERT(t->kind == ORO_PRODUCT);
    for (uint32_t i = 0; i < t->nelems; i++)
        len += oro_key_append(t->elems[i].type, value + len, out);
    return len;
}

size_t
oro_key_append(const struct oro_type *t, const uint8_t *value, struct oro_bb *out)
{
    uint32_t size = t->fixed_size;
    if (size == ORO_VARIABLE)
        return key_variable(t, value, out);
    if (size == 0)
        return 0; /* nothing to write, and perhaps nowhere */
    oro_bb_reserve(out, size);
    key_fixed(t, value, out->data + out->len);
    out->len += size;
    return size;
}
