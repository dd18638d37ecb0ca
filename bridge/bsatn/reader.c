/* bridge/bsatn/reader.c - the reads that need more than a bounds check. */
#include "bridge/bsatn/reader.h"

#include "bridge/bsatn/type.h" // ORO_MAX_UNIT_COUNT
#include "runtime/base/utf8.h"

oro_status
oro_rd_string(struct oro_reader *r, struct oro_bytes *out)
{
    struct oro_reader ahead = *r;
    struct oro_bytes b;
    oro_status st = oro_rd_lenbytes(&ahead, &b);
    if (st != ORO_OK)
        return st;
    if (!oro_utf8_valid(b))
        return ORO_EMALFORMED;
    *r = ahead;
    *out = b;
    return ORO_OK;
}

oro_status
oro_rd_bool(struct oro_reader *r, bool *out)
{
    if (oro_rd_left(r) < 1 || *r->at > 1)
        return ORO_EMALFORMED;
    *out = *r->at++ == 1;
    return ORO_OK;
}

oro_status
oro_rd_count(struct oro_reader *r, size_t elem_min, uint32_t *out)
{
    struct oro_reader ahead = *r;
    uint32_t n;
    oro_status st = oro_rd_u32(&ahead, &n);
    if (st != ORO_OK)
        return st;
    size_t most = elem_min > 0 ? oro_rd_left(&ahead) / elem_min : ORO_MAX_UNIT_COUNT;
    if (n > most)
        return ORO_EMALFORMED;
    *r = ahead;
    *out = n;
    return ORO_OK;
}
