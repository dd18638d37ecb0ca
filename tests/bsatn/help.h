/* tests/bsatn/help.h - vectors, types from JSON, and random types and values, for the tests of this layer. */
#ifndef ORO_TEST_BSATN_HELP_H
#define ORO_TEST_BSATN_HELP_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/json.h"
#include "bridge/bsatn/type.h"
#include "bridge/bsatn/type_json_priv.h"
#include "bridge/bsatn/value.h"

/* A file of tests/vectors, parsed. */
struct vectors {
    struct oro_bb text;
    struct oro_json json;
};

static inline void
vectors_open(struct vectors *v, const char *name)
{
    char path[1000];
    struct oro_err err;
    snprintf(path, sizeof(path), "%s/%s",
             getenv("ORO_VECTORS") ? getenv("ORO_VECTORS") : "tests/vectors", name);
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f, "cannot open %s", path);
    *v = (struct vectors){0};
    for (size_t n = 1; n > 0; v->text.len += n) {
        oro_bb_reserve(&v->text, 65536);
        n = fread(v->text.data + v->text.len, 1, 65536, f);
    }
    fclose(f);
    cr_assert_eq(oro_json_parse(&v->json, oro_bb_bytes(&v->text), ORO_JSON_MAX_DEPTH, &err), ORO_OK,
                 "%s", err.text);
}

static inline void
vectors_close(struct vectors *v)
{
    oro_json_fini(&v->json);
    oro_bb_fini(&v->text);
}

/* for (EACH(j, list, at)): the children of an array. */
#define EACH(j, list, at)                 \
    uint32_t at = (list) + 1, at##_i = 0; \
    at##_i < (j)->nodes[list].count;      \
    at##_i++, at = (j)->nodes[at].next

/* The text of a value as it stands in the file; in a buffer that the next call overwrites. */
static inline const char *
text_of(const struct oro_json *j, uint32_t node)
{
    static char text[100000];
    struct oro_bb bb = {0};
    oro_json_compact(j, node, &bb);
    cr_assert_lt(bb.len, sizeof(text));
    memcpy(text, bb.data, bb.len);
    text[bb.len] = 0;
    oro_bb_fini(&bb);
    return text;
}

static inline const char *
name_of(const struct oro_json *j, uint32_t record)
{
    return text_of(j, oro_json_member(j, record, "name"));
}

static inline void
put_hex(const struct oro_json *j, uint32_t node, struct oro_bb *out)
{
    struct oro_bytes hex = oro_json_text(j, node);
    oro_bb_reserve(out, hex.len / 2 + 1);
    cr_assert(oro_unhex((const char *)hex.data, hex.len, out->data + out->len, hex.len / 2));
    out->len += hex.len / 2;
}

static inline const struct oro_type *
type_of_text(struct oro_typespace *ts, const char *text)
{
    struct oro_err err;
    struct oro_type *t;
    cr_assert_eq(oro_type_from_json(ts, oro_bytes_str(text), &t, &err), ORO_OK, "%s", err.text);
    if (!ts->sealed)
        cr_assert_eq(oro_typespace_seal(ts, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_type_seal(ts, t, &err), ORO_OK, "%s", err.text);
    return t;
}

/* The type of a record and the typespace it names. */
static inline const struct oro_type *
type_of_record(const struct oro_json *j, uint32_t record, struct oro_typespace *ts)
{
    struct oro_err err;
    struct oro_type *t;
    uint32_t name = oro_json_member(j, record, "typespace");
    oro_typespace_init(ts);
    if (name != 0) {
        uint32_t spaces = oro_json_member(j, 0, "typespaces"), key = spaces + 1;
        while (!oro_bytes_eq(oro_json_text(j, key), oro_json_text(j, name)))
            key = j->nodes[key + 1].next;
        for (EACH(j, key + 1, at)) {
            cr_assert_eq(oro_type_read(ts, j, at, 0, &t, &err), ORO_OK, "%s", err.text);
            oro_typespace_add(ts, t);
        }
    }
    cr_assert_eq(oro_typespace_seal(ts, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_type_read(ts, j, oro_json_member(j, record, "type"), 0, &t, &err), ORO_OK,
                 "%s", err.text);
    cr_assert_eq(oro_type_seal(ts, t, &err), ORO_OK, "%s", err.text);
    return t;
}

/* ---- randomness: xorshift, so that a seed says everything ---- */

struct rng {
    uint64_t s;
};

static inline uint64_t
rnd(struct rng *r)
{
    r->s ^= r->s << 13;
    r->s ^= r->s >> 7;
    r->s ^= r->s << 17;
    return r->s;
}

static inline uint32_t
rnd_below(struct rng *r, uint32_t n)
{
    return (uint32_t)(rnd(r) >> 20) % n;
}

/* A type whose compounds nest at most `deep` times; Refs only to types that ts has already. */
static inline struct oro_type *
rnd_type(struct rng *r, struct oro_typespace *ts, unsigned deep)
{
    static const char *const names[] = {"a", "b", "some", "none", "é", "with \"quotes\"",
                                        "7", NULL};
    uint32_t what = rnd_below(r, deep > 0 ? 10 : 5);
    if (what < 4)
        return oro_type_scalar(ts, ORO_BOOL + rnd_below(r, ORO_KIND_COUNT - ORO_BOOL));
    if (what == 4)
        return oro_type_scalar(ts, ORO_STRING);
    if (what == 5)
        return oro_type_array(ts, rnd_type(r, ts, deep - 1));
    if (what == 6 && ts->ntypes > 0)
        return oro_type_ref(ts, rnd_below(r, ts->ntypes));
    struct oro_elem elems[5];
    uint32_t n = rnd_below(r, 5) + (what >= 8);
    for (uint32_t i = 0; i < n; i++)
        elems[i] =
            (struct oro_elem){names[rnd_below(r, ORO_ARRAY_LEN(names))], rnd_type(r, ts, deep - 1)};
    return what >= 8 ? oro_type_sum(ts, elems, n) : oro_type_product(ts, elems, n);
}

static inline void
rnd_scalar(struct rng *r, const struct oro_type *t, bool finite, struct oro_bb *out)
{
    uint8_t bytes[32];
    uint32_t how = rnd_below(r, 4); /* edges and neighbours are what orders go wrong at */
    for (uint32_t i = 0; i < t->fixed_size; i++)
        bytes[i] = how == 0   ? 0
                   : how == 1 ? 0xff
                   : how == 2 ? (uint8_t)(rnd(r) >> 30)
                              : (uint8_t)rnd_below(r, 2) * 0x80;
    if (t->kind == ORO_BOOL)
        bytes[0] &= 1;
    if (finite && (t->kind == ORO_F32 || t->kind == ORO_F64))
        bytes[t->kind == ORO_F32 ? 3 : 7] &= 0xbf; /* the exponent is not all ones */
    oro_bb_put(out, bytes, t->fixed_size);
}

static inline void
rnd_value(struct rng *r, const struct oro_type *t, bool finite, struct oro_bb *out)
{
    static const char *const pieces[] = {"",       "a", "b", "\0", "\x01", "é", "\xf0\x9f\x98\x80",
                                         "\"\\\n", "zz"};
    static const uint8_t lens[] = {0, 1, 1, 1, 1, 2, 4, 3, 2};
    t = oro_type_resolve(t);
    uint32_t n = rnd_below(r, 4);
    size_t at = out->len;
    switch (t->kind) {
    case ORO_STRING:
        oro_bb_u32(out, 0);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t p = rnd_below(r, ORO_ARRAY_LEN(lens));
            oro_bb_put(out, pieces[p], lens[p]);
        }
        oro_bb_patch_u32(out, at, (uint32_t)(out->len - at - 4));
        return;
    case ORO_ARRAY:
        oro_bb_u32(out, n);
        for (uint32_t i = 0; i < n; i++)
            rnd_value(r, t->elem, finite, out);
        return;
    case ORO_PRODUCT:
        for (uint32_t i = 0; i < t->nelems; i++)
            rnd_value(r, t->elems[i].type, finite, out);
        return;
    case ORO_SUM:
        oro_bb_u8(out, (uint8_t)rnd_below(r, t->nelems));
        rnd_value(r, t->elems[out->data[at]].type, finite, out);
        return;
    default:
        rnd_scalar(r, t, finite, out);
    }
}

/* A random typespace of a few types and one more type in it, sealed. */
static inline const struct oro_type *
rnd_typespace(struct rng *r, struct oro_typespace *ts)
{
    struct oro_err err;
    oro_typespace_init(ts);
    for (uint32_t n = rnd_below(r, 3); n > 0; n--)
        oro_typespace_add(ts, rnd_type(r, ts, 2));
    struct oro_type *t = rnd_type(r, ts, 3);
    cr_assert_eq(oro_typespace_seal(ts, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_type_seal(ts, t, &err), ORO_OK, "%s", err.text);
    return t;
}

#endif
