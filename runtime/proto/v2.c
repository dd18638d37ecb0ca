/* Messages of v2.bsatn.spacetimedb, read and written (docs/wire.md#client-messages), without the compression byte. */
#include "runtime/proto/v2_priv.h"

#include "runtime/subs/batch.h"

enum server_tag {
    INITIAL_CONNECTION,
    SUBSCRIBE_APPLIED,
    UNSUBSCRIBE_APPLIED,
    SUBSCRIPTION_ERROR,
    TRANSACTION_UPDATE,
    ONE_OFF_RESULT,
    REDUCER_RESULT,
    PROCEDURE_RESULT,
    SUBSCRIBE_BATCH_APPLIED,
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
read_set(struct oro_reader *r, struct oro_client_message *m, struct oro_err *err)
{
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
read_subscribe(struct oro_reader *r, struct oro_client_message *m, struct oro_err *err)
{
    READ("request id", oro_rd_u32(r, &m->request_id));
    return read_set(r, m, err);
}

static oro_status
read_batch(struct oro_reader *r, struct oro_client_message *m, struct oro_err *err)
{
    READ("request id", oro_rd_u32(r, &m->request_id));
    READ("count of query sets", oro_rd_count(r, 8, &m->nsets));
    if (m->nsets > ORO_BATCH_MOST)
        return oro_err_set(
            err, ORO_EMALFORMED,
            "message at byte %zu: %u query sets are too many for one message, %d may be",
            oro_rd_offset(r) - 4, m->nsets, ORO_BATCH_MOST);
    const uint8_t *from = r->at;
    for (uint32_t i = 0; i < m->nsets; i++) {
        struct oro_client_message set;
        oro_status st = read_set(r, &set, err);
        if (st != ORO_OK)
            return st;
    }
    m->sets = oro_bytes(from, (size_t)(r->at - from));
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
v2_read(struct oro_reader *r, struct oro_client_message *out, struct oro_err *err)
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
    case ORO_MSG_SUBSCRIBE_BATCH:
        st = read_batch(r, &m, err);
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
v2_connected(struct oro_bb *out, const struct oro_identity *id,
             const struct oro_connection_id *conn, struct oro_bytes token)
{
    oro_bb_u8(out, INITIAL_CONNECTION);
    oro_bb_put(out, id->le, sizeof(id->le));
    oro_bb_put(out, conn->le, sizeof(conn->le));
    oro_bb_lenbytes(out, token);
}

static void
head(struct oro_bb *out, enum server_tag tag, uint32_t request_id)
{
    oro_bb_u8(out, (uint8_t)tag);
    oro_bb_u32(out, request_id);
}

void
v2_applied(struct oro_bb *out, const struct oro_asked *to, bool with_rows)
{
    switch (to->tag) {
    case ORO_MSG_SUBSCRIBE:
        head(out, SUBSCRIBE_APPLIED, to->request_id);
        oro_bb_u32(out, to->query_set_id);
        return;
    case ORO_MSG_UNSUBSCRIBE:
        head(out, UNSUBSCRIBE_APPLIED, to->request_id);
        oro_bb_u32(out, to->query_set_id);
        oro_bb_u8(out, with_rows ? SOME : NONE);
        return;
    case ORO_MSG_SUBSCRIBE_BATCH:
        head(out, SUBSCRIBE_BATCH_APPLIED, to->request_id);
        oro_bb_u32(out, to->nsets);
        return;
    default:
        ORO_ASSERT(to->tag == ORO_MSG_ONE_OFF);
        head(out, ONE_OFF_RESULT, to->request_id);
        oro_bb_u8(out, OK);
        return;
    }
}

static void
subscription_error(struct oro_bb *out, const struct oro_asked *to, struct oro_bytes text)
{
    oro_bb_u8(out, SUBSCRIPTION_ERROR);
    oro_bb_u8(out, to->unasked ? NONE : SOME);
    if (!to->unasked)
        oro_bb_u32(out, to->request_id);
    oro_bb_u32(out, to->query_set_id);
    oro_bb_lenbytes(out, text);
}

/* A batch that fails as a whole is answered all the same: each of its sets has the error. */
static void
batch_error(struct oro_bb *out, const struct oro_asked *to, struct oro_bytes text)
{
    struct oro_reader r = oro_reader(to->sets);
    struct oro_batch_text set;
    head(out, SUBSCRIBE_BATCH_APPLIED, to->request_id);
    oro_bb_u32(out, to->sets.len > 0 ? to->nsets : 0);
    while (oro_batch_next(&r, &set))
        oro_batch_put_error(out, set.query_set_id, text);
}

void
v2_returned(struct oro_bb *out, const struct oro_call_result *r)
{
    oro_bb_u8(out, PROCEDURE_RESULT);
    oro_bb_u8(out, r->outcome == ORO_OK ? PROC_RETURNED : PROC_INTERNAL);
    oro_bb_lenbytes(out, r->text);
    oro_bb_u64(out, (uint64_t)r->timestamp_us);
    oro_bb_u64(out, (uint64_t)r->elapsed_us);
    oro_bb_u32(out, r->request_id);
}

void
v2_error(struct oro_bb *out, const struct oro_asked *to, struct oro_bytes text)
{
    switch (to->tag) {
    case ORO_MSG_SUBSCRIBE:
    case ORO_MSG_UNSUBSCRIBE:
        subscription_error(out, to, text);
        return;
    case ORO_MSG_SUBSCRIBE_BATCH:
        batch_error(out, to, text);
        return;
    case ORO_MSG_ONE_OFF:
        head(out, ONE_OFF_RESULT, to->request_id);
        oro_bb_u8(out, ERR);
        oro_bb_lenbytes(out, text);
        return;
    default:
        ORO_ASSERT(to->tag == ORO_MSG_CALL_PROCEDURE);
        v2_returned(out, &(struct oro_call_result){
                             .request_id = to->request_id, .outcome = ORO_EREFUSED, .text = text});
        return;
    }
}

static void
reducer_head(struct oro_bb *out, const struct oro_call_result *r, uint8_t outcome)
{
    head(out, REDUCER_RESULT, r->request_id);
    oro_bb_u64(out, (uint64_t)r->timestamp_us);
    oro_bb_u8(out, outcome);
}

void
v2_result(struct oro_bb *out, const struct oro_call_result *r)
{
    switch (r->outcome) {
    case ORO_OK:
        reducer_head(out, r, RED_OK_EMPTY);
        return;
    case ORO_EUSER:
        reducer_head(out, r, RED_ERR);
        oro_bb_u32(out, (uint32_t)r->text.len + 4); /* a byte array that holds a string */
        oro_bb_lenbytes(out, r->text);
        return;
    default:
        reducer_head(out, r, RED_INTERNAL);
        oro_bb_lenbytes(out, r->text);
        return;
    }
}

void
v2_update_head(struct oro_bb *out, const struct oro_call_result *result)
{
    if (result == NULL) {
        oro_bb_u8(out, TRANSACTION_UPDATE);
        return;
    }
    ORO_ASSERT(result->outcome == ORO_OK);
    reducer_head(out, result, RED_OK);
    oro_bb_u32(out, 0); /* ret_value */
}
