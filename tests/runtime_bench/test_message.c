/* What we write is read with the server's own reader, and what we read was written by the server's
 * own writer. */
#include "runtime/bench/message.h"

#include <criterion/criterion.h>

#include "bridge/bsatn/row_list.h"
#include "runtime/proto/v2_priv.h"

static struct oro_client_message
read_back(struct oro_bb *bb)
{
    struct oro_client_message m;
    struct oro_err err;
    struct oro_reader r = oro_reader(oro_bb_bytes(bb));
    cr_assert_eq(v2_read(&r, &m, &err), ORO_OK);
    cr_assert_eq(oro_rd_left(&r), 0);
    return m;
}

Test(message, transfer)
{
    struct oro_bb bb = {0};
    oro_bench_put_transfer(&bb, 77, 1, 99999, -5);
    cr_assert_eq(bb.len, ORO_BENCH_CALL_SIZE);
    struct oro_client_message m = read_back(&bb);
    cr_assert_eq(m.tag, ORO_MSG_CALL_REDUCER);
    cr_assert_eq(m.request_id, 77);
    cr_assert(oro_bytes_eq(m.name, oro_bytes_str("transfer")));
    cr_assert(oro_bytes_eq(
        m.args, oro_bytes("\x01\0\0\0\x9f\x86\x01\0\xfb\xff\xff\xff\xff\xff\xff\xff", 16)));
    oro_bb_fini(&bb);
}

Test(message, seed_and_query)
{
    struct oro_bb bb = {0};
    oro_bench_put_seed(&bb, 1, 3, 7);
    struct oro_client_message m = read_back(&bb);
    cr_assert(oro_bytes_eq(m.name, oro_bytes_str("seed")));
    cr_assert(oro_bytes_eq(m.args, oro_bytes("\x03\0\0\0\x07\0\0\0\0\0\0\0", 12)));
    oro_bb_clear(&bb);
    oro_bench_put_query(&bb, 2, "SELECT * FROM accounts");
    m = read_back(&bb);
    cr_assert_eq(m.tag, ORO_MSG_ONE_OFF);
    cr_assert(oro_bytes_eq(m.query, oro_bytes_str("SELECT * FROM accounts")));
    oro_bb_fini(&bb);
}

static void
put_result(struct oro_bb *bb, uint32_t id, oro_status outcome, const char *text)
{
    struct oro_call_result r = {
        .request_id = id, .timestamp_us = 123, .outcome = outcome, .text = oro_bytes_str(text)};
    v2_result(bb, &r);
}

static void
put_ok_head(struct oro_bb *bb, uint32_t id)
{
    struct oro_call_result r = {.request_id = id, .timestamp_us = 123, .outcome = ORO_OK};
    v2_update_head(bb, &r);
}

Test(message, replies_one_after_the_other)
{
    struct oro_bb bb = {0};
    struct oro_bench_reply reply;
    struct oro_identity id = {{1}};
    struct oro_connection_id conn = {{2}};
    v2_connected(&bb, &id, &conn, oro_bytes_str("a token"));
    put_result(&bb, 10, ORO_OK, "");
    put_ok_head(&bb, 11);
    oro_bb_u32(&bb, 0); /* query sets */
    put_result(&bb, 12, ORO_EUSER, "insufficient_funds");
    put_result(&bb, 13, ORO_EINVAL, "boom");
    v2_error(&bb, &(struct oro_asked){.tag = ORO_MSG_ONE_OFF, .request_id = 14},
             oro_bytes_str("no such table"));
    static const struct {
        enum oro_bench_reply_kind kind;
        uint32_t id;
        const char *text;
    } want[] = {
        {ORO_BENCH_HELLO, 0, ""},       {ORO_BENCH_DONE, 10, ""},
        {ORO_BENCH_DONE, 11, ""},       {ORO_BENCH_REFUSED, 12, "insufficient_funds"},
        {ORO_BENCH_FAILED, 13, "boom"}, {ORO_BENCH_FAILED, 14, "no such table"},
    };
    struct oro_reader r = oro_reader(oro_bb_bytes(&bb));
    for (unsigned i = 0; i < ORO_ARRAY_LEN(want); i++) {
        cr_assert_eq(oro_bench_reply_read(&r, &reply), ORO_OK, "reply %u", i);
        cr_assert_eq(reply.kind, want[i].kind, "reply %u", i);
        cr_assert_eq(reply.request_id, want[i].id, "reply %u", i);
        cr_assert(oro_bytes_eq(reply.text, oro_bytes_str(want[i].text)), "reply %u", i);
    }
    cr_assert_eq(oro_rd_left(&r), 0);
    oro_bb_fini(&bb);
}

static void
put_account(struct oro_row_list *list, uint32_t id, int64_t balance)
{
    uint8_t row[12];
    memcpy(row, &id, 4);
    memcpy(row + 4, &balance, 8);
    oro_row_list_add(list, oro_bytes(row, 12));
}

static void
put_answer(struct oro_bb *bb, const struct oro_row_list *list)
{
    v2_applied(bb, &(struct oro_asked){.tag = ORO_MSG_ONE_OFF, .request_id = 5}, true);
    oro_bb_u32(bb, 1);
    oro_bb_lenbytes(bb, oro_bytes_str("accounts"));
    oro_row_list_write(list, bb);
}

Test(message, rows_are_added_up)
{
    struct oro_bb bb = {0};
    struct oro_row_list list = {0};
    struct oro_bench_reply reply;
    struct oro_bench_sum sum;
    put_account(&list, 0, INT64_MAX);
    put_account(&list, 1, INT64_MAX);
    put_account(&list, 2, -1);
    put_answer(&bb, &list);
    struct oro_reader r = oro_reader(oro_bb_bytes(&bb));
    cr_assert_eq(oro_bench_reply_read(&r, &reply), ORO_OK);
    cr_assert_eq(reply.kind, ORO_BENCH_ROWS);
    cr_assert_eq(oro_bench_sum_rows(reply.rows, &sum), ORO_OK);
    cr_assert_eq(sum.accounts, 3);
    cr_assert(sum.balance == (__int128)INT64_MAX * 2 - 1);
    cr_assert_eq(oro_bench_sum_rows(oro_bytes(reply.rows.data, 35), &sum), ORO_EMALFORMED);
    oro_row_list_fini(&list);
    oro_bb_fini(&bb);
}

Test(message, no_rows)
{
    struct oro_bb bb = {0};
    struct oro_row_list list = {0};
    struct oro_bench_reply reply;
    struct oro_bench_sum sum;
    put_answer(&bb, &list); /* an empty list has offsets */
    struct oro_reader r = oro_reader(oro_bb_bytes(&bb));
    cr_assert_eq(oro_bench_reply_read(&r, &reply), ORO_OK);
    cr_assert_eq(oro_bench_sum_rows(reply.rows, &sum), ORO_OK);
    cr_assert_eq(sum.accounts, 0);
    oro_bb_fini(&bb);
}

Test(message, every_cut_is_malformed)
{
    struct oro_bb bb = {0};
    struct oro_row_list list = {0};
    struct oro_bench_reply reply;
    put_account(&list, 1, 2);
    put_answer(&bb, &list);
    for (size_t n = 0; n < bb.len; n++) {
        uint8_t *exact = oro_alloc(n > 0 ? n : 1); /* so that a read beyond it is seen */
        memcpy(exact, bb.data, n);
        struct oro_reader r = oro_reader(oro_bytes(exact, n));
        cr_assert_eq(oro_bench_reply_read(&r, &reply), ORO_EMALFORMED, "%zu bytes", n);
        oro_free(exact);
    }
    oro_row_list_fini(&list);
    oro_bb_fini(&bb);
}

Test(message, updates_that_nobody_asked_for_are_malformed)
{
    struct oro_bb bb = {0};
    struct oro_bench_reply reply;
    v2_update_head(&bb, NULL);
    oro_bb_u32(&bb, 0);
    struct oro_reader r = oro_reader(oro_bb_bytes(&bb));
    cr_assert_eq(oro_bench_reply_read(&r, &reply), ORO_EMALFORMED);
    oro_bb_clear(&bb);
    put_ok_head(&bb, 1);
    oro_bb_u32(&bb, 1);
    r = oro_reader(oro_bb_bytes(&bb));
    cr_assert_eq(oro_bench_reply_read(&r, &reply), ORO_EMALFORMED);
    oro_bb_fini(&bb);
}
