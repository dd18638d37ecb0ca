/* A batch as it is on the wire. */
#include "runtime/subs/batch.h"

enum { APPLIED, ERROR }; /* SubscribeSetOutcome */

bool
oro_batch_next(struct oro_reader *r, struct oro_batch_text *out)
{
    if (oro_rd_left(r) == 0)
        return false;
    bool whole =
        oro_rd_u32(r, &out->query_set_id) == ORO_OK && oro_rd_count(r, 4, &out->n) == ORO_OK;
    const uint8_t *from = r->at;
    for (uint32_t i = 0; whole && i < out->n; i++) {
        struct oro_bytes text;
        whole = oro_rd_string(r, &text) == ORO_OK;
    }
    ORO_ASSERT(whole); /* the protocol has read it */
    out->texts = oro_bytes(from, (size_t)(r->at - from));
    return true;
}

void
oro_batch_put_applied(struct oro_bb *out, uint32_t query_set_id)
{
    oro_bb_u32(out, query_set_id);
    oro_bb_u8(out, APPLIED);
}

void
oro_batch_put_error(struct oro_bb *out, uint32_t query_set_id, struct oro_bytes text)
{
    oro_bb_u32(out, query_set_id);
    oro_bb_u8(out, ERROR);
    oro_bb_lenbytes(out, text);
}
