/* Messages and answers that are sent by reference: to the one who reads they are the same as others, and they cost no more memory. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/metric.h"
#include "tests/net/client.h"
#include "tests/net/server.h"

#define V3 "v3.bsatn.spacetimedb"
#define V2 "v2.bsatn.spacetimedb"
#define METRICS "orochi.metrics.json"

static struct test_server t;

TestSuite(parts, .timeout = 120);

static void
start(size_t budget)
{
    test_server_defaults(&t);
    t.opt.buffer_memory = budget;
    test_server_start(&t);
}

static int64_t
used(void)
{
    struct oro_bb text = {0};
    oro_metrics_text(&text);
    oro_bb_u8(&text, 0);
    const char *at = strstr((char *)text.data, "\norochi_net_buffer_bytes ");
    cr_assert_not_null(at);
    int64_t value = atoll(strchr(at, ' '));
    oro_bb_fini(&text);
    return value;
}

static void
stop(void)
{
    for (int i = 0; i < 2000 && used() > 0; i++)
        usleep(10000);
    cr_assert_eq(used(), 0);
    test_server_stop(&t);
}

static void
ask(struct client *c, const char *what, size_t size)
{
    char text[64];
    snprintf(text, sizeof(text), "%s %zu", what, size);
    ws_client_send(c, ORO_WS_TEXT, true, text, strlen(text));
}

static struct frame
next_data(struct client *c)
{
    for (;;) {
        struct frame f = ws_client_recv(c);
        if (f.opcode != ORO_WS_PING)
            return f;
        frame_free(&f);
    }
}

/* Frame by frame the same, in every framing, behind a message of a stream that is still open too. */
Test(parts, frames_are_those_of_the_copied_form)
{
    static const char *const protocols[] = {V3, V2, METRICS};
    static const size_t sizes[] = {2 * ORO_PART + 1, 3 * ORO_PART - 1, 3 * ORO_PART, 5000000};
    start(0);
    for (size_t p = 0; p < 3; p++) {
        struct client *c = client_ws(t.port, protocols[p]);
        for (size_t i = 0; i < 4; i++) {
            ask(c, "copied", sizes[i]);
            ask(c, "linked", sizes[i]);
            struct frame copied[32];
            size_t n = 0;
            do
                copied[n] = next_data(c);
            while (!copied[n++].fin);
            cr_assert_gt(n, 2);
            for (size_t k = 0; k < n; k++) {
                struct frame f = next_data(c);
                cr_assert_eq(f.opcode, copied[k].opcode);
                cr_assert_eq(f.fin, copied[k].fin);
                cr_assert_eq(f.len, copied[k].len);
                cr_assert(memcmp(f.data, copied[k].data, f.len) == 0);
                frame_free(&f);
                frame_free(&copied[k]);
            }
        }
        client_close(c);
    }
    stop();
}

Test(parts, a_single_part_and_its_neighbours_keep_their_order)
{
    start(0);
    struct client *c = client_ws(t.port, V2);
    for (size_t size = 1; size < 300000; size = size * 3 + 1) {
        ws_client_send(c, ORO_WS_BINARY, true, "before", 6);
        ask(c, "linked", size);
        ws_client_send(c, ORO_WS_BINARY, true, "after", 5);
        struct frame before = ws_client_data(c), f = ws_client_data(c), after = ws_client_data(c);
        cr_assert(before.len == 7 && memcmp(before.data + 1, "before", 6) == 0);
        cr_assert_eq(f.len, size + 1);
        cr_assert_eq(f.data[0], 0);
        for (size_t i = 0; i < size; i++)
            cr_assert_eq(f.data[1 + i], test_part_byte(i));
        cr_assert(after.len == 6 && memcmp(after.data + 1, "after", 5) == 0);
        frame_free(&before);
        frame_free(&f);
        frame_free(&after);
    }
    client_close(c);
    stop();
}

/* A Pong comes before the end of a message that is taken slowly. */
Test(parts, control_frames_come_between)
{
    test_server_defaults(&t);
    t.opt.outgoing_limit = 64000000; /* the Ping is read meanwhile */
    test_server_start(&t);
    struct client *c = client_ws(t.port, V2);
    ask(c, "linked", 30000000);
    struct frame f = next_data(c);
    ws_client_send(c, ORO_WS_PING, true, "now", 3);
    bool pong = false;
    size_t got = f.len;
    while (!f.fin || f.opcode == ORO_WS_PONG) {
        frame_free(&f);
        f = next_data(c);
        pong = pong || (f.opcode == ORO_WS_PONG && got < 29000000);
        got += f.opcode != ORO_WS_PONG ? f.len : 0;
        usleep(1000);
    }
    frame_free(&f);
    cr_assert_eq(got, 30000001);
    cr_assert(pong, "the Pong waited for the end of the message");
    client_close(c);
    stop();
}

/* What is linked counts, is given back while it is taken, and all at once when he who does not read is cut off; he still reads whole
 * frames, and his Close. */
Test(parts, count_in_the_budget)
{
    start(40000000);
    struct client *c = client_ws(t.port, V2), *greedy;
    ask(c, "linked", 30000000);
    for (int i = 0; i < 2000 && used() < 20000000; i++)
        usleep(10000);
    int64_t most = used();
    cr_assert(most > 20000000 && most < 31000000, "%lld", (long long)most);
    greedy = client_ws(t.port, V2);
    ask(greedy, "linked", 39000000);
    struct frame f;
    ws_client_send(greedy, ORO_WS_BINARY, true, "echo", 4); /* sending is when it is looked at */
    do {
        f = ws_client_recv(greedy);
        cr_assert_geq(f.opcode, 0, "it ended without a Close");
        int code = f.opcode == ORO_WS_CLOSE ? f.data[0] << 8 | f.data[1] : 0;
        frame_free(&f);
        if (code != 0)
            cr_assert_eq(code, 1013);
    } while (f.opcode != ORO_WS_CLOSE);
    size_t got = 0;
    do {
        f = next_data(c);
        got += f.len;
        frame_free(&f);
    } while (!f.fin);
    cr_assert_eq(got, 30000001);
    client_close(c);
    client_close(greedy);
    stop();
}

Test(parts, who_leaves_in_the_middle_leaves_nothing)
{
    start(0);
    for (int i = 0; i < 8; i++) {
        struct client *c = client_ws(t.port, i % 2 ? V2 : V3);
        ask(c, "linked", 20000000);
        for (int k = 0; k < i * 5; k++) {
            struct frame f = ws_client_recv(c);
            frame_free(&f);
        }
        client_close(c);
    }
    stop();
}

Test(parts, an_answer_over_http_is_parts_and_the_rest)
{
    static const size_t sizes[] = {0, 1, ORO_PART, 3 * ORO_PART + 5, 20000000};
    start(0);
    struct client *c = client_open(t.port);
    for (size_t i = 0; i < 5; i++) {
        char line[128];
        struct reply r;
        snprintf(line, sizeof(line), "GET /parts/%zu HTTP/1.1\r\nHost: x\r\n\r\n", sizes[i]);
        client_send_text(c, line);
        client_send_text(c, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"); /* behind it */
        cr_assert(client_reply(c, &r, false));
        cr_assert_eq(r.body_len, sizes[i] + 7);
        for (size_t k = 0; k < sizes[i]; k++)
            cr_assert_eq((uint8_t)r.body[k], test_part_byte(k));
        cr_assert(memcmp(r.body + sizes[i], "the end", 7) == 0);
        reply_free(&r);
        cr_assert(client_reply(c, &r, false));
        cr_assert_eq(r.body_len, 5);
        reply_free(&r);
        snprintf(line, sizeof(line), "HEAD /parts/%zu HTTP/1.1\r\nHost: x\r\n\r\n", sizes[i]);
        client_send_text(c, line);
        cr_assert(client_reply(c, &r, true));
        reply_free(&r);
    }
    client_close(c);
    stop();
}

/* ---- what others have as well ---- */

static void
check_message(struct client *c, size_t size)
{
    struct frame f = ws_client_data(c);
    cr_assert_eq(f.opcode, ORO_WS_BINARY);
    cr_assert_eq(f.len, 1 + 4 + size);
    cr_assert(memcmp(f.data + 1, "head", 4) == 0);
    for (size_t k = 0; k < size; k += k < 70000 ? 1 : 997)
        cr_assert_eq(f.data[5 + k], test_part_byte(k), "byte %zu", k);
    frame_free(&f);
}

Test(parts, parts_of_one_message_are_one_frame)
{
    static const unsigned shapes[][2] = {{1, 1},    {3, 1},     {2, 300},
                                         {3, 1000}, {16, 4096}, {40, 7000}};
    static const char *const protocols[] = {V3, V2};
    start(0);
    for (size_t p = 0; p < 2; p++) {
        struct client *c = client_ws(t.port, protocols[p]);
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            char text[64];
            snprintf(text, sizeof(text), "several %u %u", shapes[i][0], shapes[i][1]);
            ws_client_send(c, ORO_WS_TEXT, true, text, strlen(text));
            struct frame f = next_data(c);
            cr_assert(f.fin && f.opcode == ORO_WS_BINARY);
            cr_assert_eq(f.len, 1 + 4 + shapes[i][0] * shapes[i][1]);
            for (size_t k = 0; k + 5 < f.len; k++)
                cr_assert_eq(f.data[5 + k], test_part_byte(k), "byte %zu", k);
            frame_free(&f);
        }
        client_close(c);
    }
    stop();
}

/* Whether they are copied behind others, or linked before or behind them. */
Test(parts, linked_and_copied_keep_their_order)
{
    start(0);
    struct client *c = client_ws(t.port, V2);
    uint8_t *all = malloc(400 * 64);
    size_t n = 0;
    for (unsigned i = 0; i < 400; i++) {
        char text[64];
        snprintf(text, sizeof(text), i % 3 == 0 ? "several 1 %u" : "echo %u", i * 5 + 1);
        n += ws_client_frame(all + n, ORO_WS_TEXT, true, text, strlen(text));
    }
    client_send(c, all, n);
    for (unsigned i = 0; i < 400; i++) {
        char text[64];
        int len = snprintf(text, sizeof(text), "echo %u", i * 5 + 1);
        if (i % 3 == 0) {
            check_message(c, i * 5 + 1);
            continue;
        }
        struct frame f = ws_client_data(c);
        cr_assert_eq(f.len, 1 + (size_t)len);
        cr_assert(memcmp(f.data + 1, text, (size_t)len) == 0);
        frame_free(&f);
    }
    free(all);
    client_close(c);
    stop();
}

#define SHARERS 40
#define SHARED ((size_t)8 << 20)

/* Forty who do not read are sent the same 8 MB: that is 8 MB, and no reason to cut anybody off. Whoever keeps it alive is counted
 * for it, though, be he the last one. */
Test(parts, what_many_have_counts_once_as_long_as_somebody_has_it)
{
    struct client *c[SHARERS];
    start((size_t)32 << 20);
    for (int i = 0; i < SHARERS; i++) {
        c[i] = client_ws(t.port, i % 2 == 0 ? V3 : V2);
        ask(c[i], "shared", SHARED);
        test_server_wait(&t, &t.messages, i + 1);
        cr_assert_lt(used(), (int64_t)SHARED + ((int64_t)4 << 20), "%d have it", i + 1);
    }
    for (int i = 0; i < SHARERS - 1; i++) {
        if (i % 4 == 0)
            check_message(c[i], SHARED);
        client_close(c[i]);
    }
    ask(c[SHARERS - 1], "shared", 0); /* the server has none any more */
    test_server_wait(&t, &t.closed, SHARERS - 1);
    cr_assert_gt(used(), (int64_t)1 << 20, "one who does not read keeps it");
    cr_assert_lt(used(), (int64_t)SHARED + ((int64_t)1 << 20));
    check_message(c[SHARERS - 1], SHARED);
    client_close(c[SHARERS - 1]);
    stop();
}

/* Much of their own is not hidden behind what is shared: the largest share goes. */
Test(parts, who_shares_much_is_the_largest_too)
{
    struct client *greedy, *small;
    start((size_t)32 << 20);
    small = client_ws(t.port, V2);
    greedy = client_ws(t.port, V2);
    ask(small, "shared", SHARED);
    for (int i = 0; i < 3; i++)
        ask(greedy, "shared", SHARED);
    for (int i = 0; i < 4; i++)
        ask(greedy, "linked", SHARED);
    struct frame f;
    do { /* what had begun, cut short, then the Close */
        f = ws_client_recv(greedy);
        frame_free(&f);
    } while (f.opcode != ORO_WS_CLOSE && f.opcode != -1);
    check_message(small, SHARED);
    client_close(greedy);
    client_close(small);
    stop();
}
