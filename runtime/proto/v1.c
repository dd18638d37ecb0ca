/* Messages of v1.bsatn.spacetimedb, read and written (docs/wire.md#v1), without the compression byte. What an older SDK asks is
 * turned into what v2's clients ask; what it is told has other heads, and rows in other forms (oro_rows_form). */
#include "runtime/proto/v1_priv.h"

enum client_tag {
    CALL_REDUCER,
    SUBSCRIBE,
    ONE_OFF_QUERY,
    SUBSCRIBE_SINGLE,
    SUBSCRIBE_MULTI,
    UNSUBSCRIBE,
    UNSUBSCRIBE_MULTI,
    CALL_PROCEDURE,
};
enum server_tag {
    INITIAL_SUBSCRIPTION,
    TRANSACTION_UPDATE,
    TRANSACTION_UPDATE_LIGHT,
    IDENTITY_TOKEN,
    ONE_OFF_RESPONSE,
    SUBSCRIBE_APPLIED,
    UNSUBSCRIBE_APPLIED,
    SUBSCRIPTION_ERROR,
    SUBSCRIBE_MULTI_APPLIED,
    UNSUBSCRIBE_MULTI_APPLIED,
    PROCEDURE_RESULT,
};
enum { SOME, NONE };                                   /* option */
enum { COMMITTED, FAILED };                            /* UpdateStatus */
enum { PROC_RETURNED, PROC_ENERGY, PROC_INTERNAL };    /* ProcedureStatus */
enum { FULL_UPDATE, NO_SUCCESS_NOTIFY, CALL_FLAGS };   /* of CallReducer */
#define TOOK_NOTHING 0 /* durations that nobody reads are not measured */

/* ---- client messages ---- */

#define READ(what, call)                                                                         \
    do {                                                                                         \
        size_t read_at = oro_rd_offset(r);                                                       \
        if ((call) != ORO_OK)                                                                    \
            return oro_err_set(err, ORO_EMALFORMED, "message at byte %zu: no valid %s", read_at, \
                               what);                                                            \
    } while (0)

static oro_status
read_call(struct oro_reader *r, bool procedure, struct oro_client_message *m, struct oro_err *err)
{
    uint8_t flags;
    READ("function name", oro_rd_string(r, &m->name));
    READ("arguments", oro_rd_lenbytes(r, &m->args));
    READ("request id", oro_rd_u32(r, &m->request_id));
    READ("flags", oro_rd_u8(r, &flags));
    if (flags >= (procedure ? 1 : CALL_FLAGS))
        return oro_err_set(err, ORO_EMALFORMED, "message at byte %zu: call flags %u are unknown",
                           oro_rd_offset(r) - 1, flags);
    m->tag = procedure ? ORO_MSG_CALL_PROCEDURE : ORO_MSG_CALL_REDUCER;
    m->quiet = flags == NO_SUCCESS_NOTIFY;
    return ORO_OK;
}

static oro_status
read_query_id(struct oro_reader *r, struct oro_client_message *m, struct oro_err *err)
{
    READ("query id", oro_rd_u32(r, &m->query_set_id));
    if (m->query_set_id >= ORO_REPLACED_SETS)
        return oro_err_set(err, ORO_EMALFORMED, "message at byte %zu: query ids end below %u",
                           oro_rd_offset(r) - 4, ORO_REPLACED_SETS);
    return ORO_OK;
}

static oro_status
read_queries(struct oro_reader *r, uint32_t n, struct oro_client_message *m, struct oro_err *err)
{
    const uint8_t *from = r->at;
    for (uint32_t i = 0; i < n; i++) {
        struct oro_bytes query;
        READ("query string", oro_rd_string(r, &query));
    }
    m->nqueries = n;
    m->queries = oro_bytes(from, (size_t)(r->at - from));
    return ORO_OK;
}

static oro_status
read_subscribe(struct oro_reader *r, uint8_t tag, struct oro_client_message *m, struct oro_err *err)
{
    uint32_t n = 1;
    if (tag != SUBSCRIBE_SINGLE)
        READ("count of queries", oro_rd_count(r, 4, &n));
    oro_status st = read_queries(r, n, m, err);
    if (st != ORO_OK)
        return st;
    READ("request id", oro_rd_u32(r, &m->request_id));
    m->tag = ORO_MSG_SUBSCRIBE;
    m->replaces = tag == SUBSCRIBE;
    m->form = tag == SUBSCRIBE          ? ORO_ROWS_ALL_UPDATES
              : tag == SUBSCRIBE_SINGLE ? ORO_ROWS_UPDATE
                                        : ORO_ROWS_UPDATES;
    return m->replaces ? ORO_OK : read_query_id(r, m, err);
}

static oro_status
read_unsubscribe(struct oro_reader *r, uint8_t tag, struct oro_client_message *m,
                 struct oro_err *err)
{
    READ("request id", oro_rd_u32(r, &m->request_id));
    m->tag = ORO_MSG_UNSUBSCRIBE;
    m->send_dropped_rows = true;
    m->form = tag == UNSUBSCRIBE ? ORO_ROWS_UPDATE : ORO_ROWS_UPDATES;
    return read_query_id(r, m, err);
}

static oro_status
read_one_off(struct oro_reader *r, struct oro_client_message *m, struct oro_err *err)
{
    READ("message id", oro_rd_lenbytes(r, &m->message_id));
    READ("query string", oro_rd_string(r, &m->query));
    m->tag = ORO_MSG_ONE_OFF;
    return ORO_OK;
}

oro_status
v1_read(struct oro_reader *r, struct oro_client_message *out, struct oro_err *err)
{
    struct oro_client_message m = {0};
    uint8_t tag;
    oro_status st;
    READ("message tag", oro_rd_u8(r, &tag));
    switch (tag) {
    case CALL_REDUCER:
    case CALL_PROCEDURE:
        st = read_call(r, tag == CALL_PROCEDURE, &m, err);
        break;
    case SUBSCRIBE:
    case SUBSCRIBE_SINGLE:
    case SUBSCRIBE_MULTI:
        st = read_subscribe(r, tag, &m, err);
        break;
    case ONE_OFF_QUERY:
        st = read_one_off(r, &m, err);
        break;
    case UNSUBSCRIBE:
    case UNSUBSCRIBE_MULTI:
        st = read_unsubscribe(r, tag, &m, err);
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
v1_connected(struct oro_bb *out, const struct oro_identity *id,
             const struct oro_connection_id *conn, struct oro_bytes token)
{
    oro_bb_u8(out, IDENTITY_TOKEN);
    oro_bb_put(out, id->le, sizeof(id->le));
    oro_bb_lenbytes(out, token);
    oro_bb_put(out, conn->le, sizeof(conn->le));
}

static void
head(struct oro_bb *out, enum server_tag tag, const struct oro_asked *to)
{
    oro_bb_u8(out, (uint8_t)tag);
    oro_bb_u32(out, to->request_id);
    oro_bb_u64(out, TOOK_NOTHING);
    oro_bb_u32(out, to->query_set_id);
}

static void
one_off_head(struct oro_bb *out, const struct oro_asked *to)
{
    oro_bb_u8(out, ONE_OFF_RESPONSE);
    oro_bb_lenbytes(out, to->message_id);
}

void
v1_applied(struct oro_bb *out, const struct oro_asked *to, bool with_rows)
{
    bool one = to->form == ORO_ROWS_UPDATE;
    ORO_ASSERT(with_rows);
    switch (to->tag) {
    case ORO_MSG_SUBSCRIBE:
        if (to->form == ORO_ROWS_ALL_UPDATES)
            oro_bb_u8(out, INITIAL_SUBSCRIPTION); /* the rest is its tail */
        else
            head(out, one ? SUBSCRIBE_APPLIED : SUBSCRIBE_MULTI_APPLIED, to);
        return;
    case ORO_MSG_UNSUBSCRIBE:
        head(out, one ? UNSUBSCRIBE_APPLIED : UNSUBSCRIBE_MULTI_APPLIED, to);
        return;
    default:
        ORO_ASSERT(to->tag == ORO_MSG_ONE_OFF);
        one_off_head(out, to);
        oro_bb_u8(out, NONE); /* error */
        return;
    }
}

void
v1_tail(struct oro_bb *out, const struct oro_asked *to)
{
    if (to->tag == ORO_MSG_SUBSCRIBE && to->form == ORO_ROWS_ALL_UPDATES)
        oro_bb_u32(out, to->request_id);
    else if (to->tag != ORO_MSG_ONE_OFF)
        return;
    oro_bb_u64(out, TOOK_NOTHING);
}

static void
put_option(struct oro_bb *out, bool some, uint32_t v)
{
    oro_bb_u8(out, some ? SOME : NONE);
    if (some)
        oro_bb_u32(out, v);
}

static void
subscription_error(struct oro_bb *out, const struct oro_asked *to, struct oro_bytes text)
{
    bool legacy = to->form == ORO_ROWS_ALL_UPDATES || to->query_set_id >= ORO_REPLACED_SETS;
    oro_bb_u8(out, SUBSCRIPTION_ERROR);
    oro_bb_u64(out, TOOK_NOTHING);
    put_option(out, !to->unasked, to->request_id);
    put_option(out, !legacy, to->query_set_id);
    put_option(out, false, 0); /* table id */
    oro_bb_lenbytes(out, text);
}

void
v1_returned(struct oro_bb *out, const struct oro_call_result *r)
{
    oro_bb_u8(out, PROCEDURE_RESULT);
    oro_bb_u8(out, r->outcome == ORO_OK ? PROC_RETURNED : PROC_INTERNAL);
    oro_bb_lenbytes(out, r->text);
    oro_bb_u64(out, (uint64_t)r->timestamp_us);
    oro_bb_u64(out, (uint64_t)r->elapsed_us);
    oro_bb_u32(out, r->request_id);
}

void
v1_error(struct oro_bb *out, const struct oro_asked *to, struct oro_bytes text)
{
    switch (to->tag) {
    case ORO_MSG_SUBSCRIBE:
    case ORO_MSG_UNSUBSCRIBE:
        subscription_error(out, to, text);
        return;
    case ORO_MSG_ONE_OFF:
        one_off_head(out, to);
        oro_bb_u8(out, SOME);
        oro_bb_lenbytes(out, text);
        oro_bb_u32(out, 0); /* tables */
        oro_bb_u64(out, TOOK_NOTHING);
        return;
    default:
        ORO_ASSERT(to->tag == ORO_MSG_CALL_PROCEDURE);
        v1_returned(out, &(struct oro_call_result){
                             .request_id = to->request_id, .outcome = ORO_EREFUSED, .text = text});
        return;
    }
}

/* ---- the caller of a reducer ---- */

/* What it asked, which was read before. */
static struct oro_client_message
asked_of(const struct oro_call_result *r)
{
    struct oro_reader at = oro_reader(r->asked);
    struct oro_client_message m = {0};
    oro_status st = v1_read(&at, &m, NULL);
    ORO_ASSERT(st == ORO_OK && m.tag == ORO_MSG_CALL_REDUCER);
    return m;
}

bool
v1_is_quiet(const struct oro_call_result *r)
{
    return asked_of(r).quiet;
}

void
v1_light_head(struct oro_bb *out)
{
    oro_bb_u8(out, TRANSACTION_UPDATE_LIGHT);
    oro_bb_u32(out, 0); /* a request id; nothing to those who did not ask */
}

void
v1_committed_head(struct oro_bb *out)
{
    oro_bb_u8(out, TRANSACTION_UPDATE);
    oro_bb_u8(out, COMMITTED);
}

/* Else there is no such reducer, or it does not take these arguments. */
static bool
has_run(const struct oro_call_result *r)
{
    return r->outcome != ORO_EREFUSED && r->outcome != ORO_EINVAL;
}

void
v1_call_tail(struct oro_bb *out, const struct oro_call_result *r)
{
    struct oro_client_message m = asked_of(r);
    oro_bb_u64(out, (uint64_t)r->timestamp_us);
    oro_bb_put(out, r->caller->le, sizeof(r->caller->le));
    oro_bb_put(out, r->connection->le, sizeof(r->connection->le));
    oro_bb_lenbytes(out, m.name);
    oro_bb_u32(out, r->reducer);
    /* What does not decode would be decoded by whoever hears of it. */
    oro_bb_lenbytes(out, has_run(r) ? m.args : (struct oro_bytes){0});
    oro_bb_u32(out, m.request_id);
    oro_bb_u64(out, 0); /* energy, 128 bits */
    oro_bb_u64(out, 0);
    oro_bb_u64(out, TOOK_NOTHING);
}

void
v1_result(struct oro_bb *out, const struct oro_call_result *r)
{
    if (v1_is_quiet(r) && has_run(r))
        return;
    if (r->outcome == ORO_OK) {
        v1_committed_head(out);
        oro_bb_u32(out, 0); /* tables */
    } else {
        oro_bb_u8(out, TRANSACTION_UPDATE);
        oro_bb_u8(out, FAILED);
        oro_bb_lenbytes(out, r->text);
    }
    v1_call_tail(out, r);
}
