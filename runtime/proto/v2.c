/* runtime/proto/v2.c - see v2.h and spec/wire.md 4. */
#include "runtime/proto/v2.h"

enum server_tag {
    INITIAL_CONNECTION,
    SUBSCRIBE_APPLIED,
    UNSUBSCRIBE_APPLIED,
    SUBSCRIPTION_ERROR,
    TRANSACTION_UPDATE,
    ONE_OFF_RESULT,
    REDUCER_RESULT,
    PROCEDURE_RESULT,
};
enum { SOME, NONE };                                  /* option */
enum { OK, ERR };                                     /* result */
enum { RED_OK, RED_OK_EMPTY, RED_ERR, RED_INTERNAL }; /* ReducerOutcome */
enum { PROC_RETURNED, PROC_INTERNAL };                /* ProcedureStatus */

/* ---- client messages ---- */

#define READ(what, call)                                                                         \
    do {                                                                                         \
        size_t read_at = oro_rd_offset(r);                                                       \
        if ((call) != ORO_OK)                                                                    \
            return oro_err_set(err, ORO_EMALFORMED, "message at byte %zu: no valid %s", read_at, \
                               what);                                                            \
    } while (0)

static oro_status
read_subscribe(struct oro_reader *r, struct oro_client_message *m, struct oro_err *err)
{
    READ("request id", oro_rd_u32(r, &m->request_id));
    READ("query set id", oro_rd_u32(r, &m->query_set_id));
    READ("count of queries", oro_rd_count(r, 4, &m->nqueries));
    const uint8_t *from = r->at;
    for (uint32_t i = 0; i < m->nqueries; i++) {
        struct oro_bytes query;
        READ("query string", oro_rd_string(r, &query));
    }
    m->queries = oro_bytes(from, (size_t)(r->at - from));
    return ORO_OK;
}

static oro_status
read_unsubscribe(struct oro_reader *r, struct oro_client_message *m, struct oro_err *err)
{
    READ("request id", oro_rd_u32(r, &m->request_id));
    READ("query set id", oro_rd_u32(r, &m->query_set_id));
    READ("unsubscribe flags",
         oro_rd_bool(r, &m->send_dropped_rows)); /* a sum of two units reads like a bool */
    return ORO_OK;
}

static oro_status
read_one_off(struct oro_reader *r, struct oro_client_message *m, struct oro_err *err)
{
    READ("request id", oro_rd_u32(r, &m->request_id));
    READ("query string", oro_rd_string(r, &m->query));
    return ORO_OK;
}

static oro_status
read_call(struct oro_reader *r, struct oro_client_message *m, struct oro_err *err)
{
    uint8_t flags;
    READ("request id", oro_rd_u32(r, &m->request_id));
    READ("flags", oro_rd_u8(r, &flags));
    if (flags != 0)
        return oro_err_set(err, ORO_EMALFORMED, "message at byte %zu: call flags %u are unknown",
                           oro_rd_offset(r) - 1, flags);
    READ("function name", oro_rd_string(r, &m->name));
    READ("arguments", oro_rd_lenbytes(r, &m->args));
    return ORO_OK;
}

oro_status
oro_client_message_read(struct oro_reader *r, struct oro_client_message *out, struct oro_err *err)
{
    struct oro_client_message m = {0};
    uint8_t tag;
    oro_status st;
    READ("message tag", oro_rd_u8(r, &tag));
    m.tag = tag;
    switch (tag) {
    case ORO_MSG_SUBSCRIBE:
        st = read_subscribe(r, &m, err);
        break;
    case ORO_MSG_UNSUBSCRIBE:
        st = read_unsubscribe(r, &m, err);
        break;
    case ORO_MSG_ONE_OFF:
        st = read_one_off(r, &m, err);
        break;
    case ORO_MSG_CALL_REDUCER:
    case ORO_MSG_CALL_PROCEDURE:
        st = read_call(r, &m, err);
        break;
    default:
        return oro_err_set(err, ORO_EMALFORMED, "message at byte %zu: tag %u is unknown",
                           oro_rd_offset(r) - 1, tag);
    }
    if (st == ORO_OK)
        *out = m;
    return st;
}

/* ---- server messages ---- */

void
oro_msg_initial_connection(struct oro_bb *out, const struct oro_identity *id,
                           const struct oro_connection_id *conn, struct oro_bytes token)
{
    oro_bb_u8(out, INITIAL_CONNECTION);
    oro_bb_put(out, id->le, sizeof(id->le));
    oro_bb_put(out, conn->le, sizeof(conn->le));
    oro_bb_lenbytes(out, token);
}

void
oro_msg_subscription_error(struct oro_bb *out, bool has_request, uint32_t request_id,
                           uint32_t query_set_id, struct oro_bytes text)
{
    oro_bb_u8(out, SUBSCRIPTION_ERROR);
    oro_bb_u8(out, has_request ? SOME : NONE);
    if (has_request)
        oro_bb_u32(out, request_id);
    oro_bb_u32(out, query_set_id);
    oro_bb_lenbytes(out, text);
}

static void
head(struct oro_bb *out, enum server_tag tag, uint32_t request_id)
{
    oro_bb_u8(out, (uint8_t)tag);
    oro_bb_u32(out, request_id);
}

void
oro_msg_one_off_error(struct oro_bb *out, uint32_t request_id, struct oro_bytes text)
{
    head(out, ONE_OFF_RESULT, request_id);
    oro_bb_u8(out, ERR);
    oro_bb_lenbytes(out, text);
}

void
oro_msg_one_off_ok_head(struct oro_bb *out, uint32_t request_id)
{
    head(out, ONE_OFF_RESULT, request_id);
    oro_bb_u8(out, OK);
}

void
oro_msg_subscribe_applied_head(struct oro_bb *out, uint32_t request_id, uint32_t query_set_id)
{
    head(out, SUBSCRIBE_APPLIED, request_id);
    oro_bb_u32(out, query_set_id);
}

void
oro_msg_unsubscribe_applied_head(struct oro_bb *out, uint32_t request_id, uint32_t query_set_id,
                                 bool with_rows)
{
    head(out, UNSUBSCRIBE_APPLIED, request_id);
    oro_bb_u32(out, query_set_id);
    oro_bb_u8(out, with_rows ? SOME : NONE);
}

static void
reducer_head(struct oro_bb *out, uint32_t request_id, int64_t timestamp_us, uint8_t outcome)
{
    head(out, REDUCER_RESULT, request_id);
    oro_bb_u64(out, (uint64_t)timestamp_us);
    oro_bb_u8(out, outcome);
}

void
oro_msg_reducer_ok_head(struct oro_bb *out, uint32_t request_id, int64_t timestamp_us)
{
    reducer_head(out, request_id, timestamp_us, RED_OK);
    oro_bb_u32(out, 0); /* ret_value */
}

void
oro_msg_reducer_ok_empty(struct oro_bb *out, uint32_t request_id, int64_t timestamp_us)
{
    reducer_head(out, request_id, timestamp_us, RED_OK_EMPTY);
}

void
oro_msg_reducer_err(struct oro_bb *out, uint32_t request_id, int64_t timestamp_us,
                    struct oro_bytes text)
{
    reducer_head(out, request_id, timestamp_us, RED_ERR);
    oro_bb_u32(out, (uint32_t)text.len + 4); /* a byte array that holds a string */
    oro_bb_lenbytes(out, text);
}

void
oro_msg_reducer_internal(struct oro_bb *out, uint32_t request_id, int64_t timestamp_us,
                         struct oro_bytes text)
{
    reducer_head(out, request_id, timestamp_us, RED_INTERNAL);
    oro_bb_lenbytes(out, text);
}

void
oro_msg_procedure_internal(struct oro_bb *out, uint32_t request_id, struct oro_bytes text)
{
    oro_bb_u8(out, PROCEDURE_RESULT);
    oro_bb_u8(out, PROC_INTERNAL);
    oro_bb_lenbytes(out, text);
    oro_bb_u64(out, 0); /* timestamp */
    oro_bb_u64(out, 0); /* duration */
    oro_bb_u32(out, request_id);
}

void
oro_msg_transaction_update_head(struct oro_bb *out)
{
    oro_bb_u8(out, TRANSACTION_UPDATE);
}
