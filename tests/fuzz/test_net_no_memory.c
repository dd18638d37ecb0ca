/* Every allocation that a client can cause in net fails in turn: it costs that connection and nothing else. */
#include <criterion/criterion.h>

#include "tests/fuzz/fuzz_net.c"

static struct oro_bb in;

static void
frame(unsigned first, const void *payload, size_t len)
{
    uint8_t *to;
    oro_bb_u8(&in, (uint8_t)first);
    oro_bb_u8(&in, len < 126 ? (uint8_t)(0x80 | len) : 0x80 | 126);
    if (len >= 126) {
        oro_bb_u8(&in, (uint8_t)(len >> 8));
        oro_bb_u8(&in, (uint8_t)len);
    }
    oro_bb_u32(&in, 0); /* the mask */
    oro_bb_reserve(&in, len);
    to = in.data + in.len;
    if (len > 0)
        memcpy(to, payload, len);
    in.len += len;
}

/* The nth allocation fails, for n from 1 on until none does. Gives how many there were. */
static int
walk(bool upgrade, unsigned most)
{
    int n = 0;
    for (bool fired = true; fired;) {
        struct oro_bb out = {0};
        oro_fault_arm(++n);
        run(in.data, in.len, upgrade, most, &out);
        fired = oro_fault_disarm();
        budget_tell(net->shards);
        cr_assert_eq(atomic_load(&net->used), 0, "after failure %d %lld bytes are left", n,
                     (long long)atomic_load(&net->used));
        /* Another connection is served as ever. */
        struct oro_bb whole = {0};
        run(in.data, in.len, upgrade, most, &whole);
        cr_assert(fired || (whole.len == out.len && memcmp(whole.data, out.data, out.len) == 0));
        oro_bb_fini(&whole);
        oro_bb_fini(&out);
    }
    oro_bb_fini(&in);
    return n;
}

static void
messages(void)
{
    static uint8_t payload[4000];
    frame(0x82, "whole it is", 11);
    frame(0x89, "ping", 4);
    frame(0x02, payload, sizeof(payload) / 2); /* in parts, with a Ping between */
    frame(0x89, "ping", 4);
    frame(0x80, payload, sizeof(payload) / 2);
    frame(0x82, payload, sizeof(payload));
    frame(0x82, "linked!", 7); /* answered in parts */
    frame(0x82, "go on now", 9);
    frame(0x82, "close", 5); /* the sink closes it with 1011 */
    frame(0x88, "\x03\xf3", 2);
}

TestSuite(no_memory, .init = prepare);

Test(no_memory, messages)
{
    messages();
    cr_assert_gt(walk(true, 0), 5);
    messages();
    cr_assert_gt(walk(true, 3), 5);
    messages();
    cr_assert_gt(walk(true, 1000), 5);
}

Test(no_memory, messages_that_nobody_reads)
{
    socket_full = true;
    messages();
    cr_assert_gt(walk(true, 100), 5);
    socket_full = false;
}

Test(no_memory, requests)
{
    for (unsigned most = 0; most < 60; most += 7) {
        oro_bb_printf(
            &in, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n01234567890123456789"
                 "GET /parts HTTP/1.1\r\nHost: x\r\n\r\n"
                 "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: "
                 "100-continue\r\n\r\n"
                 "5\r\nhello\r\n0\r\n\r\nGET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        cr_assert_gt(walk(false, most), 3);
    }
}
