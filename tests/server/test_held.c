/* Answers that wait for the disk: a disk that is held, and clients of both kinds. */
#include <criterion/criterion.h>

#include "tests/durable/disk.h"
#include "tests/server/rig.h"

static struct rig rig;

static void
start(void)
{
    rig_start(&rig, &(struct rig_options){.on_disk = true});
}

TestSuite(held, .init = start, .timeout = 120);

static struct fake_client *
client(unsigned shard, uint32_t who, const char *query)
{
    struct fake_client *c = fake_connect(rig.net, shard, who, query, false);
    struct oro_bb frame = {0};
    put_subscribe(&frame, 0, 0, "SELECT * FROM account");
    fake_send(c, oro_bb_bytes(&frame), 1);
    oro_bb_fini(&frame);
    fake_wait_answered(c);
    return c;
}

static void
send_add(struct fake_client *c, uint32_t request_id, uint32_t account, int64_t by)
{
    struct oro_bb frame = {0};
    put_add(&frame, request_id, account, by);
    fake_send(c, oro_bb_bytes(&frame), 1);
    oro_bb_fini(&frame);
}

static void
end(struct fake_client *c)
{
    fake_leave(c, true);
    fake_wait_closed(c);
    fake_client_free(c);
}

Test(held, the_confirmed_wait_and_the_others_do_not)
{
    struct fake_client *sure = client(0, 1, ""), *quick = client(0, 2, "confirmed=false");
    disk_hold_syncs(true);
    send_add(sure, 1, 50, 5);
    fake_wait_row(quick, 0, 50, 5); /* so its shard has read the record */
    send_add(quick, 1, 51, 6);
    fake_wait_answered(quick);
    fake_net_settle(rig.net);
    cr_assert_eq(fake_answered(sure), 1, "told before it is on disk");
    cr_assert(!fake_has(sure, 0, 50, 5) && !fake_has(sure, 0, 51, 6));
    cr_assert_gt(fake_charged(sure), 0, "what waits is not counted");
    disk_hold_syncs(false);
    fake_wait_row(sure, 0, 51, 6);
    cr_assert(fake_has(sure, 0, 50, 5));
    cr_assert_eq(fake_answered(sure), 2);
    end(sure);
    end(quick);
    rig_stop(&rig);
}

/* What does not depend on the disk waits behind what does. */
Test(held, one_order_for_all)
{
    struct fake_client *c = client(1, 1, "");
    struct oro_bb frame = {0};
    disk_hold_syncs(true);
    uint32_t next = 1;
    for (; next < 40; next += 4) {
        put_add(&frame, next, next, 1);
        put_call(&frame, next + 1, "there_is_none");
        put_call(&frame, next + 2, "fail");
        put_query(&frame, next + 3, "SELECT nothing FROM nowhere");
    }
    fake_send(c, oro_bb_bytes(&frame), next - 1);
    oro_bb_fini(&frame);
    fake_net_settle(rig.net);
    cr_assert_eq(fake_answered(c), 1);
    disk_hold_syncs(false);
    fake_wait_answered(c); /* in order: the client checks it */
    cr_assert_eq(fake_answered(c), next);
    cr_assert_eq(fake_failed(c), (next - 1) / 4 * 3);
    end(c);
    rig_stop(&rig);
}

/* Rows that a reader thread has made, in parts, wait like any answer. */
Test(held, large_answers_too)
{
    struct fake_client *c = client(0, 1, ""), *quick = client(0, 2, "confirmed=false");
    struct oro_bb frame = {0};
    disk_hold_syncs(true);
    put_fill(&frame, 1, 1000, 60000);
    fake_send(c, oro_bb_bytes(&frame), 1);
    oro_bb_clear(&frame);
    fake_wait_row(quick, 0, 60999, 1);
    put_subscribe(&frame, 1, 1, "SELECT * FROM account WHERE id >= 1000");
    fake_send(quick, oro_bb_bytes(&frame), 1);
    fake_wait_answered(quick); /* by then a reader has done the same for whoever asked before */
    cr_assert_eq(fake_rows(quick, 1), 60000);
    cr_assert_eq(fake_answered(c), 1);
    disk_hold_syncs(false);
    fake_wait_answered(c);
    oro_bb_clear(&frame);
    put_subscribe(&frame, 2, 1, "SELECT * FROM account WHERE id >= 1000");
    put_add(&frame, 3, 1000, 4);
    put_unsubscribe(&frame, 4, 1, true);
    disk_hold_syncs(true);
    fake_send(c, oro_bb_bytes(&frame), 3);
    oro_bb_fini(&frame);
    fake_wait_row(quick, 1, 1000, 5);
    fake_net_settle(rig.net);
    cr_assert_lt(fake_answered(c), 4);
    disk_hold_syncs(false);
    fake_wait_answered(c);
    cr_assert_eq(fake_rows(c, 1), 0);
    cr_assert_eq(fake_failed(c), 0);
    end(c);
    end(quick);
    rig_stop(&rig);
}

Test(held, who_leaves_takes_nothing_along)
{
    struct fake_client *c[6], *quick = client(0, 20, "confirmed=false");
    for (unsigned i = 0; i < 6; i++)
        c[i] = client(0, i + 1, "");
    disk_hold_syncs(true);
    for (unsigned i = 0; i < 6; i++)
        send_add(c[i], 1, 100 + i, 1);
    for (unsigned i = 0; i < 6; i++)
        fake_wait_row(quick, 0, 100 + i, 1);
    for (unsigned i = 0; i < 6; i += 2) { /* from the middle of the list of those who wait */
        fake_leave(c[i], i % 4 == 0);
        fake_wait_closed(c[i]);
    }
    disk_hold_syncs(false);
    for (unsigned i = 1; i < 6; i += 2)
        fake_wait_answered(c[i]);
    for (unsigned i = 0; i < 6; i += 2) {
        cr_assert_eq(fake_answered(c[i]), 1);
        fake_client_free(c[i]);
    }
    for (unsigned i = 1; i < 6; i += 2)
        end(c[i]);
    end(quick);
    rig_wait_nobody(&rig);
    rig_stop(&rig);
}

/* One who has ended its side is closed once it has its answers. */
Test(held, who_ends_its_side_is_answered_first)
{
    struct fake_client *c = client(1, 1, ""), *quick = client(1, 2, "confirmed=false"),
                       *idle = client(1, 3, "");
    disk_hold_syncs(true);
    send_add(c, 1, 60, 1);
    fake_half_close(c);
    fake_wait_row(quick, 0, 60, 1);
    fake_net_settle(rig.net);
    cr_assert(!fake_is_closed(c));
    disk_hold_syncs(false);
    fake_wait_closed(c);
    cr_assert_eq(fake_answered(c), 2);
    cr_assert_eq(fake_close_code(c), 1000);
    fake_wait_row(idle, 0, 60, 1);
    fake_half_close(idle); /* nothing waits for it */
    fake_wait_closed(idle);
    fake_client_free(c);
    fake_client_free(idle);
    end(quick);
    rig_wait_nobody(&rig);
    rig_stop(&rig);
}

Test(held, requests_of_both_kinds)
{
    struct fake_client *quick = client(0, 2, "confirmed=false");
    char token[32];
    fake_token(9, token);
    disk_hold_syncs(true);
    struct fake_request *call =
        fake_ask(rig.net, 0, "POST", "/v1/database/game/call/add", "", token, "[70, 3]");
    fake_wait_row(quick, 0, 70, 3);
    struct fake_request *sql = fake_ask(rig.net, 0, "POST", "/v1/database/game/sql",
                                        "confirmed=false", token, "SELECT * FROM account"),
                        *sure = fake_ask(rig.net, 0, "POST", "/v1/database/game/sql", "", token,
                                         "SELECT * FROM account WHERE id = 70"),
                        *left = fake_ask(rig.net, 1, "POST", "/v1/database/game/call/add", "",
                                         token, "[71, 3]");
    cr_assert_eq(fake_wait_answer(sql), 200);
    fake_wait_row(quick, 0, 71, 3);
    fake_request_leave(left);
    fake_net_settle(rig.net);
    cr_assert(!fake_is_answered(call) && !fake_is_answered(sure));
    disk_hold_syncs(false);
    cr_assert_eq(fake_wait_answer(call), 200);
    cr_assert_eq(fake_wait_answer(sure), 200);
    cr_assert(strstr(fake_body(sure), "[[70,3]]") != NULL, "%s", fake_body(sure));
    cr_assert(!fake_is_answered(left));
    end(quick);
    rig_wait_nobody(&rig);
    rig_stop(&rig);
    fake_request_free(call);
    fake_request_free(sql);
    fake_request_free(sure);
    fake_request_free(left);
}

/* The server stops while answers wait: it ends, and what was done is on disk. */
Test(held, at_the_end)
{
    struct fake_client *c = client(0, 1, ""), *quick = client(0, 2, "confirmed=false");
    disk_hold_syncs(true);
    send_add(c, 1, 80, 1);
    fake_wait_row(quick, 0, 80, 1);
    struct fake_request *call =
        fake_ask(rig.net, 1, "POST", "/v1/database/game/call/add", "", "t:5", "[81, 3]");
    fake_wait_row(quick, 0, 81, 3);
    oro_server_quiesce(rig.server);
    fake_net_end(rig.net);
    disk_hold_syncs(false);
    bool lost;
    cr_assert(oro_server_stop(rig.server, &lost) && !lost);
    fake_net_free(rig.net);
    cr_assert_eq(fake_answered(c), 1);
    fake_client_free(c);
    fake_client_free(quick);
    fake_request_free(call);
    module_forget();
}
