/* runtime/base/buf.h - two kinds of memory for bytes:
 * struct oro_buf, refcounted and immutable once shared (readable on any thread), and
 * struct oro_bb, a growable builder that belongs to one thread. */
#ifndef ORO_BASE_BUF_H
#define ORO_BASE_BUF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/assert.h"
#include "runtime/base/bytes.h"
#include "runtime/base/mem.h"

struct oro_buf {
    atomic_uint refs;
    uint32_t len;
    uint32_t links; /* net's: connections that it counts for (net/budget.c); of the thread that sends it */
    uint32_t unused; /* so that the data is aligned */
    uint8_t data[];
};

struct oro_buf *oro_buf_new(
    uint32_t len); /* Gives one reference, bytes not cleared; aborts without memory */
struct oro_buf *oro_buf_try_new(uint32_t len); /* the same, or NULL */
struct oro_buf *oro_buf_copy(struct oro_bytes b);
struct oro_buf *oro_buf_ref(struct oro_buf *b);
void oro_buf_unref(struct oro_buf *b); /* NULL is fine */

static inline struct oro_bytes
oro_buf_bytes(const struct oro_buf *b)
{
    return (struct oro_bytes){b->data, b->len};
}

/* A zeroed oro_bb is empty and ready. */
struct oro_bb {
    uint8_t *data;
    size_t len, cap;
};

void oro_bb_reserve_slow(struct oro_bb *bb, size_t more);
void oro_bb_fini(struct oro_bb *bb); /* frees and zeroes */
/* For sizes that a stranger chooses: false without memory, and nothing has changed. `most` is how large it will become as
 * far as is known, so that it does not grow beyond that. */
ORO_MUST_CHECK bool oro_bb_try_reserve(struct oro_bb *bb, size_t more, size_t most);
ORO_MUST_CHECK bool oro_bb_try_put(struct oro_bb *bb, const void *p, size_t n);

/* Room for `more` bytes at data + len. */
static inline void
oro_bb_reserve(struct oro_bb *bb, size_t more)
{
    if (ORO_UNLIKELY(bb->cap - bb->len < more))
        oro_bb_reserve_slow(bb, more);
}

static inline void
oro_bb_clear(struct oro_bb *bb)
{
    bb->len = 0;
}

static inline void
oro_bb_put(struct oro_bb *bb, const void *p, size_t n)
{
    if (n == 0)
        return;
    oro_bb_reserve(bb, n);
    memcpy(bb->data + bb->len, p, n);
    bb->len += n;
}

static inline void
oro_bb_put_bytes(struct oro_bb *bb, struct oro_bytes b)
{
    oro_bb_put(bb, b.data, b.len);
}

static inline struct oro_bytes
oro_bb_bytes(const struct oro_bb *bb)
{
    return (struct oro_bytes){bb->data, bb->len};
}

/* Little-endian numbers. The two supported machines are little-endian; buf.c checks it when compiled. */
static inline void
oro_bb_u8(struct oro_bb *bb, uint8_t v)
{
    oro_bb_reserve(bb, 1);
    bb->data[bb->len++] = v;
}

static inline void
oro_bb_u16(struct oro_bb *bb, uint16_t v)
{
    oro_bb_put(bb, &v, 2);
}

static inline void
oro_bb_u32(struct oro_bb *bb, uint32_t v)
{
    oro_bb_put(bb, &v, 4);
}

static inline void
oro_bb_u64(struct oro_bb *bb, uint64_t v)
{
    oro_bb_put(bb, &v, 8);
}

/* u32 length, then the bytes: BSATN's string and byte array. */
static inline void
oro_bb_lenbytes(struct oro_bb *bb, struct oro_bytes b)
{
    oro_bb_u32(bb, (uint32_t)b.len);
    oro_bb_put_bytes(bb, b);
}

/* Overwrites a u32 written earlier (a count known only afterwards). */
static inline void
oro_bb_patch_u32(struct oro_bb *bb, size_t at, uint32_t v)
{
    ORO_ASSERT(at + 4 <= bb->len);
    memcpy(bb->data + at, &v, 4);
}

ORO_PRINTF(2, 3) void oro_bb_printf(struct oro_bb *bb, const char *fmt, ...);

#endif
