/* runtime/base/id.h - the small value types that threads exchange instead of pointers. */
#ifndef ORO_BASE_ID_H
#define ORO_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A connection: slot and generation packed; 0 is none. An id whose connection is gone is simply not found. */
typedef uint64_t oro_conn_id;
/* A table of the schema: user tables start at 4096, system tables below (docs/semantics.md, T-12). */
typedef uint32_t oro_table_id;

/* 256 bits as BSATN has them: little-endian. Text is the reverse, most significant digit first. */
struct oro_identity {
    uint8_t le[32];
};

/* 128 bits, little-endian; all zero means none. */
struct oro_connection_id {
    uint8_t le[16];
};

static inline bool
oro_identity_eq(const struct oro_identity *a, const struct oro_identity *b)
{
    return memcmp(a->le, b->le, sizeof(a->le)) == 0;
}

static inline bool
oro_connection_id_is_none(const struct oro_connection_id *c)
{
    static const uint8_t zero[16];
    return memcmp(c->le, zero, 16) == 0;
}

/* 64 and 32 hex digits and a terminator, most significant first. */
void oro_identity_text(const struct oro_identity *id, char out[65]);
void oro_connection_id_text(const struct oro_connection_id *id, char out[33]);
/* Exactly 64 (32) hex digits of either case, an optional 0x in front; false otherwise. */
bool oro_identity_parse(const char *text, struct oro_identity *out);
bool oro_connection_id_parse(const char *text, struct oro_connection_id *out);
/* Not none. */
void oro_connection_id_random(struct oro_connection_id *out);

#endif
