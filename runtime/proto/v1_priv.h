/* runtime/proto/v1_priv.h - v1's messages (docs/wire.md#v1). As proto.h has them, but for what updates share with the rest. */
#ifndef ORO_PROTO_V1_PRIV_H
#define ORO_PROTO_V1_PRIV_H

#include "runtime/proto/proto.h"

/* v1.c */
ORO_MUST_CHECK oro_status v1_read(struct oro_reader *r, struct oro_client_message *out,
                                  struct oro_err *err);
void v1_connected(struct oro_bb *out, const struct oro_identity *id,
                  const struct oro_connection_id *conn, struct oro_bytes token);
void v1_result(struct oro_bb *out, const struct oro_call_result *r);
void v1_returned(struct oro_bb *out, const struct oro_call_result *r);
void v1_applied(struct oro_bb *out, const struct oro_asked *to, bool with_rows);
void v1_tail(struct oro_bb *out, const struct oro_asked *to);
void v1_error(struct oro_bb *out, const struct oro_asked *to, struct oro_bytes text);
/* The caller wants to hear of its call only what it is subscribed to. */
bool v1_is_quiet(const struct oro_call_result *r);
/* What stands before the array of tables: for others, and for the caller; */
void v1_light_head(struct oro_bb *out);
void v1_committed_head(struct oro_bb *out);
/* and for the caller behind it. */
void v1_call_tail(struct oro_bb *out, const struct oro_call_result *r);

/* v1_update.c */
const struct oro_parts *v1_update(struct oro_updates *made, const struct oro_subs_notice *notices,
                                  size_t n, const struct oro_call_result *result,
                                  struct oro_bb *out);

#endif
