/* bridge/bsatn/value.h - work on encoded values without building objects: check, skip, cut out keys, print. */
#ifndef ORO_BSATN_VALUE_H
#define ORO_BSATN_VALUE_H

#include "bridge/bsatn/reader.h"
#include "bridge/bsatn/type.h"

/* Reads over one value, checking everything (UTF-8, tags, bools, counts, depth). err (may be NULL) names the byte
 * offset, the path (`[3].player.name`), the expected type and what was found. */
ORO_MUST_CHECK oro_status oro_value_skip(const struct oro_type *t, struct oro_reader *r,
                                         struct oro_err *err);
/* One value and nothing after it. */
ORO_MUST_CHECK oro_status oro_value_check(const struct oro_type *t, struct oro_bytes b,
                                          struct oro_err *err);
/* Length of the value at the start of trusted bytes (made by ourselves: only asserts). */
size_t oro_value_len_trusted(const struct oro_type *t, const uint8_t *p);
/* Where a column begins in trusted bytes of the product: at once where everything before it has a fixed size, else walking
 * from the last column for which that is so. */
static inline const uint8_t *
oro_value_column(const struct oro_type *product, const uint8_t *row, uint32_t col)
{
    uint32_t from = col;
    while (product->offsets[from] == ORO_VARIABLE)
        from--; /* the first is at 0 */
    const uint8_t *p = row + product->offsets[from];
    for (; from < col; from++)
        p += oro_value_len_trusted(product->elems[from].type, p);
    return p;
}

/* Order-preserving key bytes: memcmp on the results orders as docs/values.md#order says, equal keys are equal bytes
 * (-0 and +0, all NaN). Appends for one value of trusted bytes; returns its length in the input. Self-delimiting, so
 * keys of several columns are the concatenation and a prefix of columns is a prefix of bytes. Integers: big-endian with
 * the sign bit flipped; strings and arrays: 00 -> 00 FF, end 00 00; ... */
size_t oro_key_append(const struct oro_type *t, const uint8_t *value, struct oro_bb *out);
/* Bytes a key of this type has always, or ORO_VARIABLE. */
uint32_t oro_key_size(const struct oro_type *t);

/* SATS-JSON (docs/values.md#json). Trusted bytes in; positional: products as arrays and sums as [tag, payload]. Returns the
 * length of the value in the input. */
enum oro_json_style { ORO_JSON_NAMED, ORO_JSON_POSITIONAL };
size_t oro_value_to_json(const struct oro_type *t, const uint8_t *value, enum oro_json_style style,
                         struct oro_bb *out);
/* Reads every accepted form; full precision. Appends BSATN. err names path and expectation. text: one JSON value, nothing after. */
ORO_MUST_CHECK oro_status oro_value_from_json(const struct oro_type *t, struct oro_bytes text,
                                              struct oro_bb *out, struct oro_err *err);
/* Arguments of a call: a JSON array in order of the product's elements, or an object by name. */
ORO_MUST_CHECK oro_status oro_args_from_json(const struct oro_type *product, struct oro_bytes text,
                                             struct oro_bb *out, struct oro_err *err);
/* The same; defaults[i] is the BSATN of what element i is when it is left out, data NULL: it must be there. Elements that are left
 * out of an array are its last ones. NULL: none has a default. */
ORO_MUST_CHECK oro_status oro_args_from_json_with(const struct oro_type *product,
                                                  const struct oro_bytes *defaults,
                                                  struct oro_bytes text, struct oro_bb *out,
                                                  struct oro_err *err);
/* A SQL literal as a value of t (docs/semantics.md, SQL-21..28): kind 'n' number, 's' string, 'x' hex digits, 'b' true/false. */
ORO_MUST_CHECK oro_status oro_value_from_literal(const struct oro_type *t, char kind,
                                                 struct oro_bytes text, struct oro_bb *out,
                                                 struct oro_err *err);
/* Appends a JSON string with quotes and escapes. */
void oro_json_string(struct oro_bytes utf8, struct oro_bb *out);

#endif
