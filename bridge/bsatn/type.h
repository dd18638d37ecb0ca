/* bridge/bsatn/type.h - algebraic types (docs/values.md#types-and-bytes). A type is immutable once its typespace is sealed; readable on
 * any thread. All memory belongs to the typespace. */
#ifndef ORO_BSATN_TYPE_H
#define ORO_BSATN_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/buf.h"
#include "runtime/base/status.h"

/* The tags of the type of types. */
enum oro_kind {
    ORO_REF,
    ORO_SUM,
    ORO_PRODUCT,
    ORO_ARRAY,
    ORO_STRING,
    ORO_BOOL,
    ORO_I8,
    ORO_U8,
    ORO_I16,
    ORO_U16,
    ORO_I32,
    ORO_U32,
    ORO_I64,
    ORO_U64,
    ORO_I128,
    ORO_U128,
    ORO_I256,
    ORO_U256,
    ORO_F32,
    ORO_F64,
    ORO_KIND_COUNT
};

/* Shapes that clients and SQL treat specially (docs/values.md#special-types). */
enum oro_special {
    ORO_PLAIN,
    ORO_IDENTITY,
    ORO_CONNECTION_ID,
    ORO_TIMESTAMP,
    ORO_TIME_DURATION,
    ORO_UUID,
    ORO_SCHEDULE_AT,
    ORO_OPTION,
    ORO_RESULT,
    ORO_ENUM /* all payloads unit */,
    ORO_UNIT,
    ORO_BYTES /* array of U8 */,
};

struct oro_type;

struct oro_elem {
    const char *name; /* NULL: unnamed */
    const struct oro_type *type;
};

struct oro_type {
    enum oro_kind kind;
    enum oro_special special;
    uint32_t ref;                  /* ORO_REF: index into the typespace */
    const struct oro_type *target; /* ORO_REF: what it names, refs followed; set by seal */
    const struct oro_type *elem;   /* ORO_ARRAY */
    struct oro_elem *elems;        /* ORO_PRODUCT, ORO_SUM */
    uint32_t nelems;
    uint32_t min_size; /* smallest number of bytes of a value (recursive types: of the shortest) */
    uint32_t fixed_size; /* bytes of every value, or ORO_VARIABLE */
    uint32_t *
        offsets; /* ORO_PRODUCT: where each element starts, ORO_VARIABLE after one of variable size */
    uint16_t depth; /* nesting without following Refs, 1 for a scalar */
    uint8_t state;  /* of sealing; private to type.c */
    bool any_bits;  /* every fixed_size bytes are a value: numbers and products of them */
};
#define ORO_VARIABLE UINT32_MAX
#define ORO_MAX_DEPTH 128 /* nesting of values and of types */
/* Elements without bytes in one value (a column, an argument), all its arrays together: four bytes of input say how many
 * objects are made of them. */
#define ORO_MAX_UNIT_COUNT (1u << 12)

struct oro_typespace {
    struct oro_arena arena;
    struct oro_type **types;
    uint32_t ntypes;
    size_t cap;
    bool sealed;
};

void oro_typespace_init(struct oro_typespace *ts);
void oro_typespace_fini(struct oro_typespace *ts);

/* Builders; the results belong to ts. Strings are copied, elems arrays too. */
struct oro_type *oro_type_scalar(struct oro_typespace *ts,
                                 enum oro_kind kind); /* STRING and the numbers too */
struct oro_type *oro_type_ref(struct oro_typespace *ts, uint32_t index);
struct oro_type *oro_type_array(struct oro_typespace *ts, const struct oro_type *elem);
struct oro_type *oro_type_product(struct oro_typespace *ts, const struct oro_elem *elems,
                                  uint32_t n);
struct oro_type *oro_type_sum(struct oro_typespace *ts, const struct oro_elem *elems, uint32_t n);
uint32_t oro_typespace_add(struct oro_typespace *ts,
                           struct oro_type *t); /* gives the index for Refs */
/* Resolves Refs, computes sizes and specials. ORO_EINVAL for a Ref out of range, a cycle of Refs only, depth beyond
 * ORO_MAX_DEPTH, more than 256 variants. A type built after sealing must be sealed itself with oro_type_seal. */
ORO_MUST_CHECK oro_status oro_typespace_seal(struct oro_typespace *ts, struct oro_err *err);
ORO_MUST_CHECK oro_status oro_type_seal(struct oro_typespace *ts, struct oro_type *t,
                                        struct oro_err *err);

/* Refs followed: never of kind ORO_REF. */
static inline const struct oro_type *
oro_type_resolve(const struct oro_type *t)
{
    return t->kind == ORO_REF ? t->target : t;
}

/* "U8", "Product" ...: the name of a kind, as types are written. */
const char *oro_kind_name(enum oro_kind kind);
/* The same shape, names included (Refs followed; recursion compared to a bounded depth). */
bool oro_type_eq(const struct oro_type *a, const struct oro_type *b);
/* As messages print types: `U8`, `Array<T>`, `(a: U8, b: String)`, `(x: U8 | y: ())`, `&n`. */
void oro_type_print(const struct oro_type *t, struct oro_bb *out);
/* SATS-JSON of the type (named style). */
void oro_type_to_json(const struct oro_type *t, struct oro_bb *out);
/* And back, named style only: one JSON value, nothing after it. Gives *out, which belongs to ts and is not sealed. */
ORO_MUST_CHECK oro_status oro_type_from_json(struct oro_typespace *ts, struct oro_bytes text,
                                             struct oro_type **out, struct oro_err *err);
/* Same, Refs replaced by what they name: for /sql answers. ORO_EINVAL for a recursive type. */
ORO_MUST_CHECK oro_status oro_type_to_json_inline(const struct oro_type *t, struct oro_bb *out,
                                                  struct oro_err *err);

#endif
