/* runtime/proto/v2_priv.h - v2's messages (docs/wire.md#client-messages), which v3 has as well: one or more of them in a frame. As proto.h has
 * them. */
#ifndef ORO_PROTO_V2_PRIV_H
#define ORO_PROTO_V2_PRIV_H

#include "runtime/proto/proto.h"

/* v2.c */
ORO_MUST_CHECK oro_status v2_read(struct oro_reader *r, struct oro_client_message *out,
                                  struct oro_err *err);
void v2_connected(struct oro_bb *out, const struct oro_identity *id,
                  const struct oro_connection_id *conn, struct oro_bytes token);
void v2_result(struct oro_bb *out, const struct oro_call_result *r);
void v2_returned(struct oro_bb *out, const struct oro_call_result *r);
void v2_applied(struct oro_bb *out, const struct oro_asked *to, bool with_rows);
void v2_error(struct oro_bb *out, const struct oro_asked *to, struct oro_bytes text);
/* The head of an update: a TransactionUpdate's, or that of a ReducerResult with rows. The array of query sets follows. */
void v2_update_head(struct oro_bb *out, const struct oro_call_result *result);

/* v2_update.c */
const struct oro_parts *v2_update(struct oro_updates *made, const struct oro_subs_notice *notices,
                                  size_t n, const struct oro_call_result *result,
                                  struct oro_bb *out);

#define V2_MESSAGES                                                                         \
    .read = v2_read, .connected = v2_connected, .result = v2_result, .applied = v2_applied, \
    .error = v2_error, .update = v2_update, .returned = v2_returned

#endif
