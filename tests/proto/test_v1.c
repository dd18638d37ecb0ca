/* v1.bsatn: client messages read, server messages written, byte for byte; and what a commit changed. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "runtime/proto/proto.h"
#include "runtime/subs/subs.h"

static const struct oro_proto *const v1 = &oro_proto_v1;

/* Bytes of hex digits, blanks between. In the heap and of just that size. */
static struct oro_bytes
bytes(const char *hex)
{
    uint8_t *out = oro_alloc(strlen(hex) / 2 + 1);
    size_t n = 0;
    for (unsigned value; *hex != '\0';) {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        cr_assert_eq(sscanf(hex, "%2x", &value), 1);
        out[n++] = (uint8_t)value;
        hex += 2;
    }
    return oro_bytes(out, n);
}

static void
free_bytes(struct oro_bytes b)
{
    oro_free((void *)b.data);
}

/* Reads it, and every beginning of it in vain. */
static struct oro_client_message
read(struct oro_bytes whole)
{
    struct oro_client_message m;
    struct oro_err err = {0};
    for (size_t n = 0; n < whole.len; n++) {
        uint8_t *cut = oro_alloc(n + 1);
        memcpy(cut, whole.data, n);
        struct oro_reader r = oro_reader(oro_bytes(cut, n));
        cr_assert_eq(v1->read(&r, &m, &err), ORO_EMALFORMED, "cut at %zu", n);
        oro_free(cut);
    }
    struct oro_reader r = oro_reader(whole);
    cr_assert_eq(v1->read(&r, &m, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_rd_left(&r), 0);
    return m;
}

static void
check_malformed(const char *hex, const char *why)
{
    struct oro_bytes b = bytes(hex);
    struct oro_reader r = oro_reader(b);
    struct oro_client_message m;
    struct oro_err err = {0};
    cr_assert_eq(v1->read(&r, &m, &err), ORO_EMALFORMED);
    cr_assert_not_null(strstr(err.text, why), "%s", err.text);
    free_bytes(b);
}

static bool
is(struct oro_bytes b, const char *text)
{
    return oro_bytes_eq(b, oro_bytes_str(text));
}

#define ABC "03000000 616263" /* a string */

Test(v1, calls_are_read)
{
    struct oro_bytes b = bytes("00" ABC "02000000 0102 07000000 00");
    struct oro_client_message m = read(b);
    cr_assert(m.tag == ORO_MSG_CALL_REDUCER && m.request_id == 7 && !m.quiet);
    cr_assert(is(m.name, "abc") && is(m.args, "\1\2"));
    free_bytes(b);
    b = bytes("00" ABC "00000000 07000000 01");
    m = read(b);
    cr_assert(m.tag == ORO_MSG_CALL_REDUCER && m.quiet && m.args.len == 0);
    free_bytes(b);
    b = bytes("07" ABC "00000000 08000000 00");
    m = read(b);
    cr_assert(m.tag == ORO_MSG_CALL_PROCEDURE && m.request_id == 8);
    free_bytes(b);
}

Test(v1, subscriptions_are_read)
{
    struct oro_bytes b = bytes("01 02000000" ABC ABC "03000000");
    struct oro_client_message m = read(b);
    cr_assert(m.tag == ORO_MSG_SUBSCRIBE && m.replaces && m.form == ORO_ROWS_ALL_UPDATES);
    cr_assert(m.nqueries == 2 && m.queries.len == 14 && m.request_id == 3);
    free_bytes(b);
    b = bytes("03" ABC "04000000 05000000");
    m = read(b);
    cr_assert(m.tag == ORO_MSG_SUBSCRIBE && !m.replaces && m.form == ORO_ROWS_UPDATE);
    cr_assert(m.nqueries == 1 && m.queries.len == 7 && m.request_id == 4 && m.query_set_id == 5);
    free_bytes(b);
    b = bytes("04 01000000" ABC "04000000 05000000");
    m = read(b);
    cr_assert(m.tag == ORO_MSG_SUBSCRIBE && m.form == ORO_ROWS_UPDATES && m.query_set_id == 5);
    free_bytes(b);
    b = bytes("05 06000000 01000000");
    m = read(b);
    cr_assert(m.tag == ORO_MSG_UNSUBSCRIBE && m.send_dropped_rows && m.form == ORO_ROWS_UPDATE);
    free_bytes(b);
    b = bytes("06 06000000 02000000");
    m = read(b);
    cr_assert(m.form == ORO_ROWS_UPDATES && m.request_id == 6 && m.query_set_id == 2);
    free_bytes(b);
    b = bytes("02 02000000 0a0b" ABC);
    m = read(b);
    cr_assert(m.tag == ORO_MSG_ONE_OFF && is(m.message_id, "\n\v") && is(m.query, "abc"));
    free_bytes(b);
}

Test(v1, what_is_no_message_is_refused)
{
    check_malformed("08", "tag 8 is unknown");
    check_malformed("00" ABC "00000000 07000000 02", "call flags 2 are unknown");
    check_malformed("07" ABC "00000000 07000000 01", "call flags 1 are unknown");
    check_malformed("00 01000000 ff 00000000 07000000 00", "no valid function name");
    check_malformed("01 ffffffff", "no valid count of queries");
    check_malformed("06 06000000 feffffff", "query ids end below 4294967294");
    check_malformed("", "no valid message tag");
}

/* ---- what they are told ---- */

static void
check_made(struct oro_bb *out, const char *hex)
{
    struct oro_bytes want = bytes(hex);
    char got[2000] = "";
    for (size_t i = 0; i < out->len && i < 900; i++)
        snprintf(got + 2 * i, 3, "%02x", out->data[i]);
    cr_assert(oro_bytes_eq(oro_bb_bytes(out), want), "got %s", got);
    free_bytes(want);
    oro_bb_fini(out);
}

#define NO_TIME "0000000000000000"

Test(v1, answers)
{
    struct oro_bb out = {0};
    struct oro_bytes text = oro_bytes_str("abc"), id = oro_bytes_str("\n\v");
    struct oro_asked to = {
        .tag = ORO_MSG_SUBSCRIBE, .request_id = 4, .query_set_id = 5, .form = ORO_ROWS_UPDATE};
    v1->applied(&out, &to, true);
    v1->tail(&out, &to);
    check_made(&out, "05 04000000" NO_TIME "05000000");
    v1->error(&out, &to, text);
    check_made(&out, "07" NO_TIME "00 04000000 00 05000000 01" ABC);
    to.form = ORO_ROWS_UPDATES;
    v1->applied(&out, &to, true);
    check_made(&out, "08 04000000" NO_TIME "05000000");
    to.unasked = true;
    v1->error(&out, &to, text);
    check_made(&out, "07" NO_TIME "01 00 05000000 01" ABC);
    to = (struct oro_asked){
        .tag = ORO_MSG_SUBSCRIBE, .request_id = 4, .form = ORO_ROWS_ALL_UPDATES};
    v1->applied(&out, &to, true);
    check_made(&out, "00");
    v1->tail(&out, &to);
    check_made(&out, "04000000" NO_TIME);
    v1->error(&out, &to, text);
    check_made(&out, "07" NO_TIME "00 04000000 01 01" ABC);
    to = (struct oro_asked){.tag = ORO_MSG_UNSUBSCRIBE, .form = ORO_ROWS_UPDATES};
    v1->applied(&out, &to, true);
    v1->tail(&out, &to);
    check_made(&out, "09 00000000" NO_TIME "00000000");
    to.form = ORO_ROWS_UPDATE;
    v1->applied(&out, &to, true);
    check_made(&out, "06 00000000" NO_TIME "00000000");
    to = (struct oro_asked){.tag = ORO_MSG_ONE_OFF, .message_id = id};
    v1->applied(&out, &to, true);
    check_made(&out, "04 02000000 0a0b 01");
    v1->tail(&out, &to);
    check_made(&out, NO_TIME);
    v1->error(&out, &to, text);
    check_made(&out, "04 02000000 0a0b 00" ABC "00000000" NO_TIME);
    to = (struct oro_asked){.tag = ORO_MSG_CALL_PROCEDURE, .request_id = 8};
    v1->error(&out, &to, text);
    check_made(&out, "0a 02" ABC NO_TIME NO_TIME "08000000");
}

/* 32 and 16 bytes. */
#define WHO "1111111111111111 1111111111111111 1111111111111111 1111111111111111"
#define LINK "2222222222222222 2222222222222222"
#define ENERGY NO_TIME NO_TIME

static struct oro_identity who;
static struct oro_connection_id link_id;

/* Of a call of abc(0102) with request id 7; flags 0 or 1. */
static struct oro_call_result
result(oro_status outcome, struct oro_bytes asked)
{
    memset(who.le, 0x11, sizeof(who.le));
    memset(link_id.le, 0x22, sizeof(link_id.le));
    return (struct oro_call_result){.request_id = 7,
                                    .timestamp_us = 3,
                                    .outcome = outcome,
                                    .text = oro_bytes_str(outcome == ORO_OK ? "" : "abc"),
                                    .caller = &who,
                                    .connection = &link_id,
                                    .reducer = 9,
                                    .asked = asked};
}

#define CALL "00" ABC "02000000 0102 07000000"
#define TOLD \
    "0300000000000000" WHO LINK ABC "09000000 02000000 0102 07000000" ENERGY NO_TIME

Test(v1, a_caller_is_told_what_it_called)
{
    struct oro_bytes loud = bytes(CALL "00"), quiet = bytes(CALL "01");
    struct oro_bb out = {0};
    struct oro_call_result r = result(ORO_OK, loud);
    v1->result(&out, &r);
    check_made(&out, "01 00 00000000" TOLD);
    r = result(ORO_EUSER, loud);
    v1->result(&out, &r);
    check_made(&out, "01 01" ABC TOLD);
    r = result(ORO_EINVAL, loud); /* it never ran */
    v1->result(&out, &r);
    check_made(&out, "01 01" ABC "0300000000000000" WHO LINK ABC
                     "09000000 00000000 07000000" ENERGY NO_TIME);
    r = result(ORO_OK, quiet);
    v1->result(&out, &r);
    r.outcome = ORO_EUSER;
    v1->result(&out, &r);
    cr_assert_eq(out.len, 0, "who wants no answer has none");
    r = result(ORO_EREFUSED, quiet);
    v1->result(&out, &r);
    cr_assert_gt(out.len, 0, "but of what never ran");
    oro_bb_fini(&out);
    free_bytes(loud);
    free_bytes(quiet);
}

/* ---- what a commit changed ---- */

static struct oro_table_def tables[] = {{.name = "abc", .id = 1}, {.name = "abc", .id = 2}};
static struct change {
    struct oro_subs_change seen;
    struct oro_row_list inserts, deletes;
} changes[3];
static struct oro_updates *made;

/* One row of one byte inserted, and, of the second one, one deleted. */
static void
setup(void)
{
    made = oro_updates_create();
    for (uint8_t i = 0; i < 3; i++) {
        struct change *c = &changes[i];
        uint8_t row = (uint8_t)(0xa0 + i), old = (uint8_t)(0xb0 + i);
        oro_row_list_add(&c->inserts, oro_bytes(&row, 1));
        if (i == 1)
            oro_row_list_add(&c->deletes, oro_bytes(&old, 1));
        c->seen = (struct oro_subs_change){
            .table = &tables[i == 2], .inserts = &c->inserts, .deletes = &c->deletes};
    }
}

static void
teardown(void)
{
    oro_updates_destroy(made);
    for (size_t i = 0; i < ORO_ARRAY_LEN(changes); i++) {
        oro_row_list_fini(&changes[i].inserts);
        oro_row_list_fini(&changes[i].deletes);
        for (unsigned f = 0; f < ORO_SUBS_FORMATS; f++)
            oro_parts_fini(&changes[i].seen.made[f]);
    }
}

TestSuite(v1_update, .init = setup, .fini = teardown);

static void
check_update(const struct oro_subs_notice *notices, size_t n, const struct oro_call_result *r,
             const char *hex)
{
    struct oro_bb out = {0};
    const struct oro_parts *body = v1->update(made, notices, n, r, &out);
    cr_assert_not_null(body);
    for (size_t i = 0; i < body->n; i++)
        oro_bb_put_bytes(&out, oro_buf_bytes(body->bufs[i]));
    check_made(&out, hex);
}

#define NO_ROWS "01 00000000 00000000"
#define ROW(hex) "00 0100 01000000" hex
#define ENTRY0 "00" NO_ROWS ROW("a0")
#define ENTRY1 "00" ROW("b1") ROW("a1")
#define ENTRY2 "00" NO_ROWS ROW("a2")

Test(v1_update, one_query)
{
    const struct oro_subs_notice no = {4, &changes[1].seen};
    check_update(&no, 1, NULL,
                 "02 00000000 01000000 01000000" ABC "0200000000000000 01000000" ENTRY1);
}

Test(v1_update, a_query_of_several_sets_is_told_once_and_tables_stand_together)
{
    const struct oro_subs_notice no[] = {
        {4, &changes[0].seen}, {4, &changes[2].seen}, {5, &changes[1].seen}, {6, &changes[0].seen}};
    check_update(no, 4, NULL,
                 "02 00000000 02000000 01000000" ABC "0300000000000000 02000000" ENTRY0 ENTRY1
                 "02000000" ABC "0100000000000000 01000000" ENTRY2);
    struct oro_bb head = {0};
    const struct oro_parts *one = v1->update(made, no, 4, NULL, &head),
                           *other = v1->update(made, no, 4, NULL, &head);
    cr_assert_eq(one, other, "it is made once for all");
    oro_bb_fini(&head);
}

Test(v1_update, the_caller_has_its_rows_in_its_answer)
{
    const struct oro_subs_notice no = {4, &changes[0].seen};
    struct oro_bytes loud = bytes(CALL "00"), quiet = bytes(CALL "01");
    struct oro_call_result r = result(ORO_OK, loud);
    check_update(&no, 1, &r,
                 "01 00 01000000 01000000" ABC "0100000000000000 01000000" ENTRY0 TOLD);
    r = result(ORO_OK, quiet);
    check_update(&no, 1, &r,
                 "02 00000000 01000000 01000000" ABC "0100000000000000 01000000" ENTRY0);
    free_bytes(loud);
    free_bytes(quiet);
}
