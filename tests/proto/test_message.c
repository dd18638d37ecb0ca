/* wire_v2.json: client messages read, server messages written, byte for byte. */
#include "runtime/proto/v2_priv.h"

#include "bridge/bsatn/row_list.h"
#include "runtime/subs/batch.h"

#include "tests/bsatn/help.h"

static uint32_t
member(const struct oro_json *j, uint32_t node, const char *key)
{
    uint32_t found = oro_json_member(j, node, key);
    cr_assert_neq(found, 0, "no member %s", key);
    return found;
}

static uint32_t
member_u32(const struct oro_json *j, uint32_t node, const char *key)
{
    uint32_t v;
    cr_assert(oro_json_to_u32(j, member(j, node, key), &v), "%s is no number", key);
    return v;
}

static struct oro_bytes
member_str(const struct oro_json *j, uint32_t node, const char *key)
{
    cr_assert_not(j->nodes[member(j, node, key)].escaped);
    return oro_json_text(j, member(j, node, key));
}

static uint32_t
query_set(const struct oro_json *j, uint32_t node)
{
    return member_u32(j, member(j, node, "query_set_id"), "id");
}

/* ---- client to server ---- */

static void
check_client_message(const struct oro_json *j, uint32_t value, struct oro_reader *r)
{
    static const char *const names[] = {"Subscribe", "Unsubscribe", "OneOffQuery", "CallReducer",
                                        "CallProcedure"};
    struct oro_client_message m;
    struct oro_err err;
    struct oro_bb args = {0};
    uint32_t body = value + 2;
    cr_assert_eq(v2_read(r, &m, &err), ORO_OK, "%s", err.text);
    cr_assert(oro_json_string_is(j, value + 1, names[m.tag]));
    cr_assert_eq(m.request_id, member_u32(j, body, "request_id"));
    if (m.tag <= ORO_MSG_UNSUBSCRIBE)
        cr_assert_eq(m.query_set_id, query_set(j, body));
    if (m.tag == ORO_MSG_SUBSCRIBE) {
        struct oro_reader queries = oro_reader(m.queries);
        cr_assert_eq(m.nqueries, j->nodes[member(j, body, "query_strings")].count);
        for (EACH(j, member(j, body, "query_strings"), at)) {
            struct oro_bytes query;
            cr_assert_eq(oro_rd_string(&queries, &query), ORO_OK);
            cr_assert(oro_bytes_eq(query, oro_json_text(j, at)));
        }
        cr_assert_eq(oro_rd_left(&queries), 0);
    } else if (m.tag == ORO_MSG_UNSUBSCRIBE) {
        uint32_t flags = member(j, body, "flags");
        cr_assert_eq(m.send_dropped_rows, oro_json_variant(j, flags, "SendDroppedRows") != 0);
    } else if (m.tag == ORO_MSG_ONE_OFF) {
        cr_assert(oro_bytes_eq(m.query, member_str(j, body, "query_string")));
    } else {
        put_hex(j, member(j, body, "args"), &args);
        cr_assert(oro_bytes_eq(m.args, oro_bb_bytes(&args)));
        cr_assert(oro_bytes_eq(
            m.name, member_str(j, body, m.tag == ORO_MSG_CALL_REDUCER ? "reducer" : "procedure")));
    }
    oro_bb_fini(&args);
}

/* A cut message is refused wherever it is cut. */
static void
check_cut(struct oro_bytes whole)
{
    for (size_t n = 0; n < whole.len; n++) {
        uint8_t *cut = oro_alloc(n > 0 ? n : 1);
        struct oro_client_message m;
        struct oro_err err;
        memcpy(cut, whole.data, n);
        struct oro_reader r = oro_reader(oro_bytes(cut, n));
        cr_assert_eq(v2_read(&r, &m, &err), ORO_EMALFORMED, "cut at %zu", n);
        oro_free(cut);
    }
}

/* ---- server to client ---- */

static void
put_rows(const struct oro_json *j, uint32_t list, struct oro_bb *out)
{
    struct oro_row_list rows = {0};
    struct oro_bb data = {0};
    uint32_t hint = member(j, list, "size_hint");
    put_hex(j, member(j, list, "rows_data"), &data);
    uint32_t fixed = oro_json_variant(j, hint, "FixedSize"), size = 0;
    if (fixed != 0) {
        cr_assert(oro_json_to_u32(j, fixed, &size));
        for (size_t at = 0; at < data.len; at += size)
            oro_row_list_add(&rows, oro_bytes(data.data + at, size));
    } else {
        uint32_t offsets = oro_json_variant(j, hint, "RowOffsets");
        size_t starts[100], n = 0;
        for (EACH(j, offsets, at))
            starts[n++] = (size_t)strtoul((const char *)oro_json_text(j, at).data, NULL, 10);
        starts[n] = data.len;
        for (size_t i = 0; i < n; i++)
            oro_row_list_add(&rows, oro_bytes(data.data + starts[i], starts[i + 1] - starts[i]));
    }
    oro_row_list_write(&rows, out);
    oro_row_list_fini(&rows);
    oro_bb_fini(&data);
}

static void
put_query_rows(const struct oro_json *j, uint32_t rows, struct oro_bb *out)
{
    uint32_t tables = member(j, rows, "tables");
    oro_bb_u32(out, j->nodes[tables].count);
    for (EACH(j, tables, at)) {
        oro_bb_lenbytes(out, member_str(j, at, "table"));
        put_rows(j, member(j, at, "rows"), out);
    }
}

static void
put_table_update(const struct oro_json *j, uint32_t update, struct oro_bb *out)
{
    uint32_t rows = member(j, update, "rows");
    oro_bb_lenbytes(out, member_str(j, update, "table_name"));
    oro_bb_u32(out, j->nodes[rows].count);
    for (EACH(j, rows, at)) {
        uint32_t kept = oro_json_variant(j, at, "PersistentTable"),
                 event = oro_json_variant(j, at, "EventTable");
        oro_bb_u8(out, event != 0);
        put_rows(j, kept != 0 ? member(j, kept, "inserts") : member(j, event, "events"), out);
        if (kept != 0)
            put_rows(j, member(j, kept, "deletes"), out);
    }
}

static void
put_query_sets(const struct oro_json *j, uint32_t update, struct oro_bb *out)
{
    uint32_t sets = member(j, update, "query_sets");
    oro_bb_u32(out, j->nodes[sets].count);
    for (EACH(j, sets, at)) {
        uint32_t tables = member(j, at, "tables");
        oro_bb_u32(out, query_set(j, at));
        oro_bb_u32(out, j->nodes[tables].count);
        for (EACH(j, tables, table))
            put_table_update(j, table, out);
    }
}

static void
put_initial(const struct oro_json *j, uint32_t body, struct oro_bb *out)
{
    struct oro_identity id;
    struct oro_connection_id conn;
    char text[65] = {0};
    memcpy(text, member_str(j, body, "identity").data, 64);
    cr_assert(oro_identity_parse(text, &id));
    memset(text, 0, sizeof(text));
    memcpy(text, member_str(j, body, "connection_id").data, 32);
    cr_assert(oro_connection_id_parse(text, &conn));
    v2_connected(out, &id, &conn, member_str(j, body, "token"));
}

static void
put_reducer_result(const struct oro_json *j, uint32_t body, struct oro_bb *out)
{
    uint32_t id = member_u32(j, body, "request_id"), result = member(j, body, "result"), what;
    int64_t time = strtoll((const char *)member_str(j, body, "timestamp").data, NULL, 10);
    if ((what = oro_json_variant(j, result, "OkEmpty")) != 0) {
        v2_result(out, &(struct oro_call_result){.request_id = id, .timestamp_us = time});
    } else if ((what = oro_json_variant(j, result, "Ok")) != 0) {
        v2_update_head(out, &(struct oro_call_result){.request_id = id, .timestamp_us = time});
        put_query_sets(j, member(j, what, "transaction_update"), out);
    } else if ((what = oro_json_variant(j, result, "Err")) != 0) {
        struct oro_bb text = {0};
        put_hex(j, what, &text);
        v2_result(out, &(struct oro_call_result){
                           .request_id = id,
                           .timestamp_us = time,
                           .outcome = ORO_EUSER,
                           .text = oro_bytes(text.data + 4, text.len - 4)});
        oro_bb_fini(&text);
    } else {
        what = oro_json_variant(j, result, "InternalError");
        v2_result(out, &(struct oro_call_result){.request_id = id,
                                                 .timestamp_us = time,
                                                 .outcome = ORO_EINVAL,
                                                 .text = oro_json_text(j, what)});
    }
}

static void
put_one_off(const struct oro_json *j, uint32_t body, struct oro_bb *out)
{
    uint32_t result = member(j, body, "result");
    struct oro_asked to = {.tag = ORO_MSG_ONE_OFF, .request_id = member_u32(j, body, "request_id")};
    uint32_t ok = oro_json_variant(j, result, "ok"), bad = oro_json_variant(j, result, "err");
    if (ok == 0) {
        v2_error(out, &to, oro_json_text(j, bad));
        return;
    }
    v2_applied(out, &to, true);
    put_query_rows(j, member(j, ok, "tables") ? ok : 0, out);
}

static void
put_returned(const struct oro_json *j, uint32_t body, struct oro_bb *out)
{
    struct oro_bb value = {0};
    put_hex(j, oro_json_variant(j, member(j, body, "status"), "Returned"), &value);
    v2_returned(out, &(struct oro_call_result){
                         .request_id = member_u32(j, body, "request_id"),
                         .timestamp_us = strtoll(
                             (const char *)member_str(j, body, "timestamp").data, NULL, 10),
                         .elapsed_us = strtoll(
                             (const char *)member_str(j, body, "total_host_execution_duration").data,
                             NULL, 10),
                         .text = oro_bb_bytes(&value)});
    oro_bb_fini(&value);
}

static bool
put_server_message(const struct oro_json *j, uint32_t value, struct oro_bb *out)
{
    uint32_t body = value + 2;
    struct oro_asked to;
    if (oro_json_string_is(j, value + 1, "InitialConnection")) {
        put_initial(j, body, out);
    } else if (oro_json_string_is(j, value + 1, "SubscribeApplied")) {
        to = (struct oro_asked){.tag = ORO_MSG_SUBSCRIBE,
                                .request_id = member_u32(j, body, "request_id"),
                                .query_set_id = query_set(j, body)};
        v2_applied(out, &to, true);
        put_query_rows(j, member(j, body, "rows"), out);
    } else if (oro_json_string_is(j, value + 1, "UnsubscribeApplied")) {
        bool with_rows = j->nodes[member(j, body, "rows")].kind != ORO_JSON_NULL;
        to = (struct oro_asked){.tag = ORO_MSG_UNSUBSCRIBE,
                                .request_id = member_u32(j, body, "request_id"),
                                .query_set_id = query_set(j, body)};
        v2_applied(out, &to, with_rows);
        if (with_rows)
            put_query_rows(j, member(j, body, "rows"), out);
    } else if (oro_json_string_is(j, value + 1, "SubscriptionError")) {
        bool has = j->nodes[member(j, body, "request_id")].kind == ORO_JSON_NUMBER;
        to = (struct oro_asked){.tag = ORO_MSG_SUBSCRIBE,
                                .request_id = has ? member_u32(j, body, "request_id") : 77,
                                .query_set_id = query_set(j, body),
                                .unasked = !has};
        v2_error(out, &to, member_str(j, body, "error"));
    } else if (oro_json_string_is(j, value + 1, "TransactionUpdate")) {
        v2_update_head(out, NULL);
        put_query_sets(j, body, out);
    } else if (oro_json_string_is(j, value + 1, "OneOffQueryResult")) {
        put_one_off(j, body, out);
    } else if (oro_json_string_is(j, value + 1, "ReducerResult")) {
        put_reducer_result(j, body, out);
    } else {
        uint32_t text = oro_json_variant(j, member(j, body, "status"), "InternalError");
        if (text == 0) {
            put_returned(j, body, out);
            return true;
        }
        to = (struct oro_asked){.tag = ORO_MSG_CALL_PROCEDURE,
                                .request_id = member_u32(j, body, "request_id")};
        v2_error(out, &to, oro_json_text(j, text));
    }
    return true;
}

static bool
check_vector(const struct oro_json *j, uint32_t record)
{
    struct oro_bb payload = {0}, made = {0};
    uint32_t value = member(j, record, "value");
    bool from_client = oro_json_string_is(j, member(j, record, "direction"), "client_to_server"),
         done = true;
    bool many = j->nodes[value].kind == ORO_JSON_ARRAY;
    uint32_t first = many ? value + 1 : value, n = many ? j->nodes[value].count : 1;
    put_hex(j, member(j, record, "hex"), &payload);
    if (from_client) {
        struct oro_reader r = oro_reader(oro_bb_bytes(&payload));
        for (uint32_t at = first; n-- > 0; at = j->nodes[at].next)
            check_client_message(j, at, &r);
        cr_assert_eq(oro_rd_left(&r), 0, "%s: bytes left", name_of(j, record));
        if (!many)
            check_cut(oro_bb_bytes(&payload));
    } else if (payload.data[0] == 0) {
        oro_bb_u8(&made, 0);
        for (uint32_t at = first; done && n-- > 0; at = j->nodes[at].next)
            done = put_server_message(j, at, &made);
        if (done)
            cr_assert(oro_bytes_eq(oro_bb_bytes(&made), oro_bb_bytes(&payload)), "%s differs",
                      name_of(j, record));
    } else {
        done = false; /* compressed: net's work */
    }
    oro_bb_fini(&payload);
    oro_bb_fini(&made);
    return done;
}

Test(message, wire_vectors)
{
    struct vectors v;
    int skipped = 0;
    vectors_open(&v, "wire_v2.json");
    cr_assert_eq(v.json.nodes[0].count, 37);
    for (EACH(&v.json, 0, at))
        skipped += !check_vector(&v.json, at);
    cr_assert_eq(skipped, 2, "%d, not the two compressed ones", skipped);
    vectors_close(&v);
}

Test(message, bad_input_is_refused)
{
    static const struct {
        const char *hex, *says;
    } cases[] = {
        {"05", "request id"},
        {"06", "tag 6 is unknown"},
        {"050000000001000000", "count of query sets"},
        {"0500000000010000000000000001000000ff", "count of queries"},
        {"0500000000010000000000000001000000ffffffff", "query string"},
        {"ff", "tag 255 is unknown"},
        {"0000000000", "query set id"},
        {"", "message tag"},
        {"020000000001000000ff", "query string"},
        {"0300000000010000000000000000", "flags 1"},
        {"010000000000000000"
         "02",
         "unsubscribe flags"},
        {"000000000000000000ffffffff", "count of queries"},
        {"03000000000001000000ff00000000", "function name"},
        {"030000000000000000000500000001", "arguments"},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(cases); i++) {
        uint8_t bytes[64];
        size_t n = strlen(cases[i].hex) / 2;
        struct oro_client_message m = {.request_id = 7};
        struct oro_err err;
        cr_assert(oro_unhex(cases[i].hex, 2 * n, bytes, n));
        struct oro_reader r = oro_reader(oro_bytes(bytes, n));
        cr_assert_eq(v2_read(&r, &m, &err), ORO_EMALFORMED, "%s", cases[i].hex);
        cr_assert_not_null(strstr(err.text, cases[i].says), "%s: %s", cases[i].hex, err.text);
        cr_assert_eq(m.request_id, 7, "out is left alone");
    }
}

static void
put_hex_text(const char *hex, struct oro_bb *out)
{
    uint8_t bytes[256];
    size_t n = strlen(hex) / 2;
    cr_assert(n <= sizeof(bytes) && oro_unhex(hex, 2 * n, bytes, n));
    oro_bb_put(out, bytes, n);
}

/* One set, id 1, with SELECT * FROM t: granted without rows, and refused. */
Test(message, a_batch_byte_for_byte)
{
    struct oro_bb in = {0}, out = {0}, wanted = {0};
    struct oro_client_message m;
    struct oro_batch_text set;
    struct oro_err err;
    put_hex_text("0501000000010000000100000001000000"
                 "0f00000053454c454354202a2046524f4d2074",
                 &in);
    struct oro_reader r = oro_reader(oro_bb_bytes(&in));
    cr_assert_eq(v2_read(&r, &m, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_rd_left(&r), 0);
    cr_assert(m.tag == ORO_MSG_SUBSCRIBE_BATCH && m.request_id == 1 && m.nsets == 1);
    r = oro_reader(m.sets);
    cr_assert(oro_batch_next(&r, &set));
    cr_assert(set.query_set_id == 1 && set.n == 1 && set.texts.len == 19);
    cr_assert_not(oro_batch_next(&r, &set));
    check_cut(oro_bb_bytes(&in));

    struct oro_asked to = {
        .tag = m.tag, .request_id = m.request_id, .sets = m.sets, .nsets = m.nsets};
    v2_applied(&out, &to, true);
    oro_batch_put_applied(&out, 1);
    oro_bb_u32(&out, 0);
    put_hex_text("080100000001000000010000000000000000", &wanted);
    cr_assert(oro_bytes_eq(oro_bb_bytes(&out), oro_bb_bytes(&wanted)));
    oro_bb_clear(&out);
    oro_bb_clear(&wanted);
    v2_error(&out, &to, oro_bytes_str("no"));
    put_hex_text("0801000000010000000100000001020000006e6f", &wanted);
    cr_assert(oro_bytes_eq(oro_bb_bytes(&out), oro_bb_bytes(&wanted)));
    oro_bb_fini(&in);
    oro_bb_fini(&out);
    oro_bb_fini(&wanted);
}
