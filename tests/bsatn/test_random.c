/* Properties that hold for every type and value, tried on random ones. The seed is in each message. */
#include <math.h>

#include "tests/bsatn/help.h"

enum { TYPES = 400, VALUES = 12 };

/* ---- the order of keys, said a second time and slowly ---- */

static int
cmp_int(const struct oro_type *t, const uint8_t *a, const uint8_t *b)
{
    static const enum oro_kind is_signed[] = {ORO_I8,  ORO_I16,  ORO_I32,
                                              ORO_I64, ORO_I128, ORO_I256};
    uint8_t flip = 0;
    for (size_t i = 0; i < ORO_ARRAY_LEN(is_signed); i++)
        flip |= t->kind == is_signed[i] ? 0x80 : 0;
    for (uint32_t i = t->fixed_size; i-- > 0; flip = 0)
        if (a[i] != b[i])
            return (a[i] ^ flip) < (b[i] ^ flip) ? -1 : 1;
    return 0;
}

static int
cmp_float(double a, double b)
{
    if (isnan(a) || isnan(b))
        return !!isnan(a) - !!isnan(b);
    return (a > b) - (a < b);
}

static int
cmp_floats(const struct oro_type *t, const uint8_t *a, const uint8_t *b)
{
    float fa, fb;
    double da, db;
    if (t->kind == ORO_F64) {
        memcpy(&da, a, 8);
        memcpy(&db, b, 8);
        return cmp_float(da, db);
    }
    memcpy(&fa, a, 4);
    memcpy(&fb, b, 4);
    return cmp_float((double)fa, (double)fb);
}

static int
cmp_value(const struct oro_type *t, const uint8_t *a, const uint8_t *b)
{
    t = oro_type_resolve(t);
    uint32_t na, nb;
    int c = 0;
    switch (t->kind) {
    case ORO_F32:
    case ORO_F64:
        return cmp_floats(t, a, b);
    case ORO_STRING:
        memcpy(&na, a, 4);
        memcpy(&nb, b, 4);
        return oro_bytes_cmp(oro_bytes(a + 4, na), oro_bytes(b + 4, nb));
    case ORO_ARRAY:
        memcpy(&na, a, 4);
        memcpy(&nb, b, 4);
        a += 4, b += 4;
        for (uint32_t i = 0; c == 0 && i < na && i < nb; i++) {
            c = cmp_value(t->elem, a, b);
            a += oro_value_len_trusted(t->elem, a);
            b += oro_value_len_trusted(t->elem, b);
        }
        return c != 0 ? c : (na > nb) - (na < nb);
    case ORO_PRODUCT:
        for (uint32_t i = 0; c == 0 && i < t->nelems; i++) {
            c = cmp_value(t->elems[i].type, a, b);
            a += oro_value_len_trusted(t->elems[i].type, a);
            b += oro_value_len_trusted(t->elems[i].type, b);
        }
        return c;
    case ORO_SUM:
        if (a[0] != b[0])
            return a[0] < b[0] ? -1 : 1;
        return cmp_value(t->elems[a[0]].type, a + 1, b + 1);
    default:
        return cmp_int(t, a, b);
    }
}

static int
sign(int v)
{
    return (v > 0) - (v < 0);
}

static void
for_random_values(uint64_t seed, bool finite,
                  void (*fn)(const struct oro_type *t, struct oro_bb *values, uint64_t seed))
{
    for (uint64_t i = 1; i <= TYPES; i++) {
        struct rng r = {seed * 1000003 + i * 7919};
        struct oro_typespace ts;
        struct oro_bb values[VALUES] = {{0}};
        const struct oro_type *t = rnd_typespace(&r, &ts);
        for (int k = 0; k < VALUES; k++) {
            oro_bb_reserve(&values[k], 1); /* so that data is never NULL */
            rnd_value(&r, t, finite, &values[k]);
        }
        fn(t, values, i);
        for (int k = 0; k < VALUES; k++)
            oro_bb_fini(&values[k]);
        oro_typespace_fini(&ts);
    }
}

static void
check_key_order(const struct oro_type *t, struct oro_bb *values, uint64_t seed)
{
    struct oro_bb keys[VALUES] = {{0}};
    for (int i = 0; i < VALUES; i++) {
        cr_assert_eq(oro_key_append(t, values[i].data, &keys[i]), values[i].len, "seed %lu", seed);
        if (oro_key_size(t) != ORO_VARIABLE)
            cr_assert_eq(keys[i].len, oro_key_size(t), "seed %lu", seed);
        oro_bb_put(&keys[i], i % 2 ? "\xff" : "\0", 1); /* the next column must not matter */
    }
    for (int i = 0; i < VALUES; i++)
        for (int k = 0; k < VALUES; k++) {
            int want = cmp_value(t, values[i].data, values[k].data);
            if (want == 0)
                keys[k].data[keys[k].len - 1] = keys[i].data[keys[i].len - 1];
            int got = oro_bytes_cmp(oro_bb_bytes(&keys[i]), oro_bb_bytes(&keys[k]));
            cr_assert_eq(sign(got), sign(want), "seed %lu: values %d and %d", seed, i, k);
        }
    for (int i = 0; i < VALUES; i++)
        oro_bb_fini(&keys[i]);
}

Test(random_values, keys_are_in_the_order_of_values)
{
    for_random_values(1, false, check_key_order);
}

static void
check_skip(const struct oro_type *t, struct oro_bb *values, uint64_t seed)
{
    struct oro_err err;
    for (int i = 0; i < VALUES; i++) {
        struct oro_bytes b = oro_bb_bytes(&values[i]);
        cr_assert_eq(oro_value_check(t, b, &err), ORO_OK, "seed %lu: %s", seed, err.text);
        cr_assert_eq(oro_value_len_trusted(t, b.data), b.len, "seed %lu", seed);
        cr_assert_leq(t->min_size, b.len, "seed %lu", seed);
        if (t->fixed_size != ORO_VARIABLE)
            cr_assert_eq(t->fixed_size, b.len, "seed %lu", seed);
        for (size_t n = 0; n < b.len; n++) {
            uint8_t *cut = oro_alloc(n + 1); /* its own memory, so that a read beyond it is seen */
            memcpy(cut, b.data, n);
            uint8_t *exact = n > 0 ? oro_realloc(cut, n) : cut;
            cr_assert_eq(oro_value_check(t, oro_bytes(exact, n), &err), ORO_EMALFORMED,
                         "seed %lu, cut at %zu", seed, n);
            oro_free(exact);
        }
    }
}

Test(random_values, values_are_accepted_and_what_is_cut_short_is_not)
{
    for_random_values(2, false, check_skip);
}

static void
check_json(const struct oro_type *t, struct oro_bb *values, uint64_t seed)
{
    for (int i = 0; i < 2 * VALUES; i++) {
        const struct oro_bb *v = &values[i / 2];
        struct oro_bb text = {0}, back = {0};
        struct oro_err err;
        cr_assert_eq(
            oro_value_to_json(t, v->data, i % 2 ? ORO_JSON_NAMED : ORO_JSON_POSITIONAL, &text),
            v->len);
        cr_assert_eq(oro_value_from_json(t, oro_bb_bytes(&text), &back, &err), ORO_OK,
                     "seed %lu: %.*s: %s", seed, (int)text.len, (char *)text.data, err.text);
        cr_assert(oro_bytes_eq(oro_bb_bytes(&back), oro_bb_bytes(v)), "seed %lu: %.*s", seed,
                  (int)text.len, (char *)text.data);
        oro_bb_fini(&text);
        oro_bb_fini(&back);
    }
}

Test(random_values, json_and_back_gives_the_same_bytes)
{
    for_random_values(3, true, check_json);
}

/* Flipped bits: whatever is accepted has one encoding, so its length and JSON agree with its bytes. */
static void
check_damaged(const struct oro_type *t, struct oro_bb *values, uint64_t seed)
{
    struct rng r = {seed};
    for (int i = 0; i < VALUES; i++)
        for (int n = 0; n < 8 && values[i].len > 0; n++) {
            values[i].data[rnd_below(&r, (uint32_t)values[i].len)] ^=
                (uint8_t)(1u << rnd_below(&r, 8));
            if (oro_value_check(t, oro_bb_bytes(&values[i]), NULL) != ORO_OK)
                continue;
            struct oro_bb text = {0};
            cr_assert_eq(oro_value_len_trusted(t, values[i].data), values[i].len, "seed %lu", seed);
            cr_assert_eq(oro_value_to_json(t, values[i].data, ORO_JSON_NAMED, &text), values[i].len,
                         "seed %lu", seed);
            oro_bb_fini(&text);
        }
}

Test(random_values, damaged_bytes_are_refused_or_whole)
{
    for_random_values(4, false, check_damaged);
}

static void
check_type_json(const struct oro_type *t, struct oro_bb *values, uint64_t seed)
{
    struct oro_typespace ts;
    struct oro_type *back;
    struct oro_bb text = {0}, again = {0};
    struct oro_err err;
    oro_typespace_init(&ts);
    cr_assert_eq(oro_typespace_seal(&ts, &err), ORO_OK);
    cr_assert_eq(oro_type_to_json_inline(t, &text, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_type_from_json(&ts, oro_bb_bytes(&text), &back, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_type_seal(&ts, back, &err), ORO_OK, "%s", err.text);
    cr_assert(oro_type_eq(t, back) && oro_type_eq(back, t), "seed %lu", seed);
    cr_assert(t->fixed_size == back->fixed_size && t->min_size == back->min_size, "seed %lu", seed);
    oro_type_to_json(back, &again);
    cr_assert(oro_bytes_eq(oro_bb_bytes(&text), oro_bb_bytes(&again)), "seed %lu", seed);
    oro_bb_fini(&text);
    oro_bb_fini(&again);
    oro_typespace_fini(&ts);
}

Test(random_values, types_come_back_from_json)
{
    for_random_values(5, false, check_type_json);
}
