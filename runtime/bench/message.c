#include "runtime/bench/message.h"

enum { CLIENT_ONE_OFF = 2, CLIENT_CALL = 3 };
enum { SERVER_HELLO = 0, SERVER_ONE_OFF = 5, SERVER_RESULT = 6 };
enum { OUTCOME_OK = 0, OUTCOME_OK_EMPTY = 1, OUTCOME_ERR = 2, OUTCOME_INTERNAL = 3 };

#define ROW_SIZE 12

/* Up to the arguments' length; the arguments follow. */
static void
put_call(struct oro_bb *out, uint32_t request_id, const char *reducer, uint32_t args_len)
{
    oro_bb_u8(out, CLIENT_CALL);
    oro_bb_u32(out, request_id);
    oro_bb_u8(out, 0); /* flags */
    oro_bb_lenbytes(out, oro_bytes_str(reducer));
    oro_bb_u32(out, args_len);
}

void
oro_bench_put_transfer(struct oro_bb *out, uint32_t request_id, uint32_t from, uint32_t to,
                       int64_t amount)
{
    size_t before = out->len;
    put_call(out, request_id, "transfer", 16);
    oro_bb_u32(out, from);
    oro_bb_u32(out, to);
    oro_bb_u64(out, (uint64_t)amount);
    ORO_ASSERT(out->len - before == ORO_BENCH_CALL_SIZE);
}

void
oro_bench_put_seed(struct oro_bb *out, uint32_t request_id, uint32_t n, int64_t balance)
{
    put_call(out, request_id, "seed", 12);
    oro_bb_u32(out, n);
    oro_bb_u64(out, (uint64_t)balance);
}

void
oro_bench_put_query(struct oro_bb *out, uint32_t request_id, const char *sql)
{
    oro_bb_u8(out, CLIENT_ONE_OFF);
    oro_bb_u32(out, request_id);
    oro_bb_lenbytes(out, oro_bytes_str(sql));
}

/* BsatnRowList, of which only the bytes of the rows are wanted. */
static oro_status
read_row_list(struct oro_reader *r, struct oro_bytes *rows)
{
    uint8_t hint;
    uint16_t size;
    uint32_t n;
    struct oro_bytes offsets;
    oro_status st = oro_rd_u8(r, &hint);
    if (st == ORO_OK && hint > 1)
        st = ORO_EMALFORMED;
    if (st == ORO_OK && hint == 0)
        st = oro_rd_u16(r, &size);
    if (st == ORO_OK && hint == 1) {
        st = oro_rd_count(r, 8, &n);
        if (st == ORO_OK)
            st = oro_rd_raw(r, (size_t)n * 8, &offsets);
    }
    return st != ORO_OK ? st : oro_rd_lenbytes(r, rows);
}

static oro_status
read_one_off(struct oro_reader *r, struct oro_bench_reply *out)
{
    uint8_t is_err;
    uint32_t tables;
    struct oro_bytes name;
    oro_status st = oro_rd_u8(r, &is_err);
    if (st != ORO_OK || is_err > 1)
        return ORO_EMALFORMED;
    out->kind = is_err ? ORO_BENCH_FAILED : ORO_BENCH_ROWS;
    if (is_err)
        return oro_rd_string(r, &out->text);
    st = oro_rd_u32(r, &tables);
    if (st == ORO_OK)
        st = tables == 1 ? oro_rd_string(r, &name) : ORO_EMALFORMED;
    return st != ORO_OK ? st : read_row_list(r, &out->rows);
}

/* Ok with rows would be an update, and we have subscribed to nothing. */
static oro_status
read_ok(struct oro_reader *r)
{
    struct oro_bytes value;
    uint32_t query_sets;
    oro_status st = oro_rd_lenbytes(r, &value);
    if (st == ORO_OK)
        st = oro_rd_u32(r, &query_sets);
    return st == ORO_OK && (value.len > 0 || query_sets > 0) ? ORO_EMALFORMED : st;
}

/* The text of Err is a BSATN string within a byte array. */
static oro_status
read_err(struct oro_reader *r, struct oro_bytes *text)
{
    struct oro_bytes value;
    oro_status st = oro_rd_lenbytes(r, &value);
    if (st != ORO_OK)
        return st;
    struct oro_reader inner = oro_reader(value);
    return oro_rd_string(&inner, text);
}

static oro_status
read_result(struct oro_reader *r, struct oro_bench_reply *out)
{
    int64_t timestamp;
    uint8_t outcome;
    oro_status st = oro_rd_i64(r, &timestamp);
    if (st == ORO_OK)
        st = oro_rd_u8(r, &outcome);
    if (st != ORO_OK)
        return st;
    switch (outcome) {
    case OUTCOME_OK:
        out->kind = ORO_BENCH_DONE;
        return read_ok(r);
    case OUTCOME_OK_EMPTY:
        out->kind = ORO_BENCH_DONE;
        return ORO_OK;
    case OUTCOME_ERR:
        out->kind = ORO_BENCH_REFUSED;
        return read_err(r, &out->text);
    case OUTCOME_INTERNAL:
        out->kind = ORO_BENCH_FAILED;
        return oro_rd_string(r, &out->text);
    default:
        return ORO_EMALFORMED;
    }
}

static oro_status
read_hello(struct oro_reader *r)
{
    struct oro_bytes ids, token;
    oro_status st = oro_rd_raw(r, 32 + 16, &ids);
    return st != ORO_OK ? st : oro_rd_string(r, &token);
}

oro_status
oro_bench_reply_read(struct oro_reader *r, struct oro_bench_reply *out)
{
    struct oro_bench_reply reply = {.kind = ORO_BENCH_HELLO};
    uint8_t tag;
    oro_status st = oro_rd_u8(r, &tag);
    if (st == ORO_OK && tag == SERVER_HELLO) {
        st = read_hello(r);
    } else if (st == ORO_OK) {
        st = tag == SERVER_ONE_OFF || tag == SERVER_RESULT ? oro_rd_u32(r, &reply.request_id)
                                                           : ORO_EMALFORMED;
        if (st == ORO_OK)
            st = tag == SERVER_ONE_OFF ? read_one_off(r, &reply) : read_result(r, &reply);
    }
    if (st == ORO_OK)
        *out = reply;
    return st;
}

oro_status
oro_bench_sum_rows(struct oro_bytes rows, struct oro_bench_sum *out)
{
    if (rows.len % ROW_SIZE != 0)
        return ORO_EMALFORMED;
    *out = (struct oro_bench_sum){.accounts = rows.len / ROW_SIZE};
    for (size_t at = 4; at < rows.len; at += ROW_SIZE) {
        int64_t balance;
        memcpy(&balance, rows.data + at, sizeof(balance));
        out->balance += balance;
    }
    return ORO_OK;
}
