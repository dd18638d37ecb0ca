/* bridge/bsatn/type_json_priv.h - types, names and small numbers out of parsed JSON: for type_json.c and schema.c. */
#ifndef ORO_BSATN_TYPE_JSON_PRIV_H
#define ORO_BSATN_TYPE_JSON_PRIV_H

#include "runtime/base/json.h"
#include "bridge/bsatn/type.h"

/* Gives *out, which belongs to ts and is not sealed. */
ORO_MUST_CHECK oro_status oro_type_read(struct oro_typespace *ts, const struct oro_json *j,
                                        uint32_t node, unsigned depth, struct oro_type **out,
                                        struct oro_err *err);
/* The body of a product or sum: {"elements":[...]} or {"variants":[...]}. */
ORO_MUST_CHECK oro_status oro_type_read_elems(struct oro_typespace *ts, const struct oro_json *j,
                                              uint32_t node, enum oro_kind kind, unsigned depth,
                                              struct oro_type **out, struct oro_err *err);
/* A number written without sign, point or exponent. */
bool oro_json_to_u32(const struct oro_json *j, uint32_t node, uint32_t *out);
/* The payload of {"name":payload}, 0 if it is anything else. */
uint32_t oro_json_variant(const struct oro_json *j, uint32_t node, const char *name);
/* A copy in the arena, terminated; NULL for node 0, what is no string, or a string that holds a NUL. */
char *oro_json_to_str(const struct oro_json *j, uint32_t node, struct oro_arena *arena);

#endif
