/* bridge/bsatn/reader.h - bounded little-endian reads: every byte from outside is checked here and nowhere else. */
#ifndef ORO_BSATN_READER_H
#define ORO_BSATN_READER_H

#include "runtime/base/bytes.h"
#include "runtime/base/status.h"

struct oro_reader {
    const uint8_t *at, *end, *start;
};

static inline struct oro_reader
oro_reader(struct oro_bytes b)
{
    /* No bytes may have no address; to read none of them, there has to be one. */
    const uint8_t *p = b.len > 0 ? b.data : (const uint8_t *)"";
    return (struct oro_reader){p, p + b.len, p};
}

static inline size_t
oro_rd_left(const struct oro_reader *r)
{
    return (size_t)(r->end - r->at);
}

static inline size_t
oro_rd_offset(const struct oro_reader *r)
{
    return (size_t)(r->at - r->start);
}

#define ORO_RD_NUM(name, type)                                                             \
    ORO_MUST_CHECK static inline oro_status oro_rd_##name(struct oro_reader *r, type *out) \
    {                                                                                      \
        if (oro_rd_left(r) < sizeof(type))                                                 \
            return ORO_EMALFORMED;                                                         \
        memcpy(out, r->at, sizeof(type));                                                  \
        r->at += sizeof(type);                                                             \
        return ORO_OK;                                                                     \
    }
ORO_RD_NUM(u8, uint8_t)
ORO_RD_NUM(u16, uint16_t)
ORO_RD_NUM(u32, uint32_t)
ORO_RD_NUM(u64, uint64_t)
ORO_RD_NUM(i64, int64_t)
#undef ORO_RD_NUM

/* Borrows from the input. */
ORO_MUST_CHECK static inline oro_status
oro_rd_raw(struct oro_reader *r, size_t n, struct oro_bytes *out)
{
    if (oro_rd_left(r) < n)
        return ORO_EMALFORMED;
    *out = oro_bytes(r->at, n);
    r->at += n;
    return ORO_OK;
}

/* u32 length, then that many bytes. */
ORO_MUST_CHECK static inline oro_status
oro_rd_lenbytes(struct oro_reader *r, struct oro_bytes *out)
{
    uint32_t n;
    oro_status st = oro_rd_u32(r, &n);
    return st != ORO_OK ? st : oro_rd_raw(r, n, out);
}

/* The same, and the bytes are valid UTF-8. */
ORO_MUST_CHECK oro_status oro_rd_string(struct oro_reader *r, struct oro_bytes *out);
/* 0 or 1, anything else is malformed. */
ORO_MUST_CHECK oro_status oro_rd_bool(struct oro_reader *r, bool *out);
/* A count of elements of at least elem_min bytes each: refused when the rest of the input cannot hold it (elements
 * without bytes: when above ORO_MAX_UNIT_COUNT). */
ORO_MUST_CHECK oro_status oro_rd_count(struct oro_reader *r, size_t elem_min, uint32_t *out);

#endif
