/* tests/subs/told.h - what connections are told of a commit, in the bytes that v2's clients get: its array of query sets. */
#ifndef ORO_TESTS_SUBS_TOLD_H
#define ORO_TESTS_SUBS_TOLD_H

#include "runtime/proto/proto.h"
#include "runtime/subs/subs.h"

/* As emit is called. Gives *out, to be ended with oro_bb_fini; made is cleared by the caller when the commit has been told. */
static inline void
told_bytes(struct oro_updates *made, const struct oro_subs_notice *notices, size_t n,
           struct oro_bb *out)
{
    const struct oro_parts *body = oro_proto_v2.update(made, notices, n, NULL, out);
    ORO_ASSERT(body != NULL && out->data[0] == 4); /* TransactionUpdate */
    for (size_t i = 0; i < body->n; i++)
        oro_bb_put_bytes(out, oro_buf_bytes(body->bufs[i]));
    memmove(out->data, out->data + 1, --out->len);
}

#endif
