/* runtime/store/key.h - cutting index keys out of rows and out of arguments.
 *
 * A key is the memcomparable bytes of bridge/bsatn/value.h. Keys that always fit 8 bytes are
 * "narrow": one u64 whose order is the order of the bytes (left-justified, big-endian), made
 * without touching memory when the columns are integers. All others are "wide": bytes in a scratch
 * buffer. Where order does not matter and the columns allow it, wide keys are "raw": the columns'
 * BSATN itself, which needs no buffer to be compared with. Immutable after init; any thread. */
#ifndef ORO_STORE_KEY_H
#define ORO_STORE_KEY_H

#include "bridge/bsatn/schema.h"
#include "bridge/bsatn/value.h"

/* Where the columns of a table begin. */
struct oro_layout {
    const struct oro_type *row;
    uint32_t *offset; /* of each column that always begins at the same byte */
    uint32_t nfixed;  /* how many do: the first nfixed */
};

struct oro_key_part {
    const struct oro_type *type;
    uint16_t col;
    uint8_t size; /* integer of 1, 2, 4, 8 bytes; 0: whatever oro_key_append makes of it */
    bool is_signed;
    bool raw;   /* equal values are equal bytes */
    bool fixed; /* begins at `offset` in every row */
    uint32_t offset;
};

struct oro_key_plan {
    const struct oro_layout *layout;
    struct oro_key_part *parts;
    uint16_t nparts;
    bool narrow;
    bool raw;
};

/* word: the narrow key, else the hash of the bytes (hash indexes) or their first 8 (B+trees). */
struct oro_key {
    uint64_t word;
    struct oro_bytes bytes; /* wide keys only */
};

/* A place between keys: before or after everything that begins with these bytes. */
struct oro_bound {
    uint64_t word; /* narrow: padded with zeros, or with ones when after */
    struct oro_bytes bytes;
    bool after;
};

void oro_layout_init(struct oro_layout *l, const struct oro_type *row);
void oro_layout_fini(struct oro_layout *l);
/* Where column col of this row begins. */
uint32_t oro_layout_at(const struct oro_layout *l, const uint8_t *row, uint32_t col);

void oro_key_plan_init(struct oro_key_plan *p, const struct oro_layout *l, const uint16_t *cols,
                       uint16_t ncols, bool ordered);
void oro_key_plan_fini(struct oro_key_plan *p);

/* Narrow plans. */
uint64_t oro_key_word_of_row(const struct oro_key_plan *p, const uint8_t *row);
/* From the first n columns' values back to back; the rest of the word is zero. *bits: how many are
 * set. */
uint64_t oro_key_word_of_values(const struct oro_key_plan *p, unsigned n, struct oro_bytes values,
                                unsigned *bits);
/* Any plan: appends the bytes. */
void oro_key_bytes_of_row(const struct oro_key_plan *p, const uint8_t *row, struct oro_bb *out);
void oro_key_bytes_of_values(const struct oro_key_plan *p, unsigned first, unsigned n,
                             struct oro_bytes values, struct oro_bb *out);

/* Whether these are the bytes of the row's key. */
bool oro_key_is_of_row(const struct oro_key_plan *p, const uint8_t *row, struct oro_bytes key);

/* The first 8 bytes as a number that orders like them; shorter ones are padded with zeros. */
uint64_t oro_key_head(struct oro_bytes b);

/* Less, equal or greater than 0: where the key lies from the bound (never 0). */
static inline int
oro_bound_cmp(const struct oro_bound *b, struct oro_bytes key)
{
    size_t n = key.len < b->bytes.len ? key.len : b->bytes.len;
    int c = n > 0 ? memcmp(key.data, b->bytes.data, n) : 0;
    if (c != 0)
        return c;
    /* cannot be: keys are self-delimiting and a bound is a prefix of some key */
    if (key.len < b->bytes.len)
        return -1;
    return b->after ? -1 : 1;
}

#endif
