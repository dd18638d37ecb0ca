/* runtime/proto/v2.h - client messages decoded into structs that borrow from the frame, and server messages
 * written (spec/wire.md 4, v2 and v3). Pure functions; any thread. */
#ifndef ORO_PROTO_V2_H
#define ORO_PROTO_V2_H

#include "bridge/bsatn/reader.h"
#include "runtime/base/buf.h"
#include "runtime/base/id.h"

enum oro_client_tag {
    ORO_MSG_SUBSCRIBE,
    ORO_MSG_UNSUBSCRIBE,
    ORO_MSG_ONE_OFF,
    ORO_MSG_CALL_REDUCER,
    ORO_MSG_CALL_PROCEDURE,
};

struct oro_client_message {
    enum oro_client_tag tag;
    uint32_t request_id;
    uint32_t query_set_id;  /* subscribe, unsubscribe */
    bool send_dropped_rows; /* unsubscribe */
    struct oro_bytes name;  /* reducer, procedure */
    struct oro_bytes args;
    struct oro_bytes query; /* one-off */
    struct oro_bytes
        queries; /* subscribe: the encoded strings (nqueries of them), walk with oro_rd_string */
    uint32_t nqueries;
};

/* Reads one message; ORO_EMALFORMED with a reason (unknown tag, flags, UTF-8 ...). */
ORO_MUST_CHECK oro_status oro_client_message_read(struct oro_reader *r,
                                                  struct oro_client_message *out,
                                                  struct oro_err *err);

/* Server messages, without the compression byte. */
void oro_msg_initial_connection(struct oro_bb *out, const struct oro_identity *id,
                                const struct oro_connection_id *conn, struct oro_bytes token);
void oro_msg_subscription_error(struct oro_bb *out, bool has_request, uint32_t request_id,
                                uint32_t query_set_id, struct oro_bytes text);
void oro_msg_one_off_error(struct oro_bb *out, uint32_t request_id, struct oro_bytes text);
/* Followed by the caller with QueryRows: u32 count of tables, then oro_msg_table_rows for each. */
void oro_msg_subscribe_applied_head(struct oro_bb *out, uint32_t request_id, uint32_t query_set_id);
void oro_msg_unsubscribe_applied_head(struct oro_bb *out, uint32_t request_id,
                                      uint32_t query_set_id, bool with_rows);
void oro_msg_one_off_ok_head(struct oro_bb *out, uint32_t request_id);
/* ReducerResult outcomes. ok_head is followed by TransactionUpdate's query_sets array (u32 count, QuerySetUpdates). */
void oro_msg_reducer_ok_head(struct oro_bb *out, uint32_t request_id, int64_t timestamp_us);
void oro_msg_reducer_ok_empty(struct oro_bb *out, uint32_t request_id, int64_t timestamp_us);
void oro_msg_reducer_err(struct oro_bb *out, uint32_t request_id, int64_t timestamp_us,
                         struct oro_bytes text);
void oro_msg_reducer_internal(struct oro_bb *out, uint32_t request_id, int64_t timestamp_us,
                              struct oro_bytes text);
void oro_msg_procedure_internal(struct oro_bb *out, uint32_t request_id, struct oro_bytes text);
void oro_msg_transaction_update_head(struct oro_bb *out); /* the tag; query_sets array follows */

#endif
