/* Websockets over real sockets: opening, frames both ways, pings, closing, limits. */
#include <criterion/criterion.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/metric.h"
#include "tests/net/client.h"
#include "tests/net/server.h"

#define V3 "v3.bsatn.spacetimedb"
#define V2 "v2.bsatn.spacetimedb"
#define METRICS "orochi.metrics.json"

static struct test_server t;

static void
setup(void)
{
    test_server_defaults(&t);
    test_server_start(&t);
}

static void
teardown(void)
{
    if (t.net != NULL)
        test_server_stop(&t);
}

TestSuite(ws, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(ws_special, .timeout = 60); /* with options of their own */

static void
expect_cause(const char *cause)
{
    char got[64];
    test_server_wait(&t, &t.closed, 1);
    test_server_last_cause(&t, got);
    cr_assert_str_eq(got, cause);
}

static void
expect_data(struct client *c, int opcode, const void *data, size_t len)
{
    struct frame f = ws_client_data(c);
    cr_assert_eq(f.opcode, opcode, "opcode %d", f.opcode);
    cr_assert(f.fin);
    cr_assert_eq(f.len, len, "%zu bytes instead of %zu", f.len, len);
    cr_assert(len == 0 || memcmp(f.data, data, len) == 0);
    frame_free(&f);
}

/* A Close with that code, and the end of the connection. */
static void
expect_close_code(struct client *c, int code)
{
    struct frame f = ws_client_data(c);
    cr_assert_eq(f.opcode, ORO_WS_CLOSE, "opcode %d", f.opcode);
    cr_assert_geq(f.len, 2);
    cr_assert_eq(f.data[0] << 8 | f.data[1], code);
    frame_free(&f);
    cr_assert(client_sees_end(c, 20000));
}

/* ---- opening ---- */

Test(ws, the_server_chooses_the_protocol)
{
    static const struct {
        const char *offered, *chosen;
    } cases[] = {
        {V3, V3},
        {V2, V2},
        {V2 ", " V3, V3},
        {V3 ", " V2, V3},
        {"v1.bsatn.spacetimedb," V2 "\t, x, " METRICS, V2},
        {"chat, superchat ," METRICS, METRICS},
        {"a-protocol-with-a-very-long-name-that-nobody-knows, "
         "another-protocol-with-a-very-long-name-that-nobody-knows, "
         "yet-another-protocol-with-a-very-long-name-that-nobody-knows, " V2,
         V2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client *c = client_open(t.port);
        struct reply r;
        cr_assert(client_upgrade(c, "/v1/database/x/subscribe?token=a%26b", cases[i].offered,
                                 "Sec-WebSocket-Extensions: permessage-deflate\r\n", &r),
                  "case %zu", i);
        cr_assert_str_eq(reply_header(&r, "sec-websocket-protocol"), cases[i].chosen, "case %zu",
                         i);
        cr_assert_str_eq(reply_header(&r, "sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        cr_assert_null(reply_header(&r, "sec-websocket-extensions"));
        cr_assert_str_eq(reply_header(&r, "spacetime-identity"), "abc");
        cr_assert_str_eq(reply_header(&r, "x-query"), "token=a%26b");
        reply_free(&r);
        client_close(c);
    }
}

Test(ws, several_protocol_headers_are_one_list)
{
    struct client *c = client_open(t.port);
    struct reply r;
    cr_assert(client_upgrade(
        c, "/ws", "nothing",
        "Sec-WebSocket-Protocol: x, " V2 "\r\nSec-WebSocket-Protocol: " V3 "\r\n", &r));
    cr_assert_str_eq(reply_header(&r, "sec-websocket-protocol"), V3);
    reply_free(&r);
    client_close(c);
}

Test(ws, refusals_are_ordinary_answers)
{
    struct client *c = client_open(t.port);
    struct reply r;
    cr_assert_not(client_upgrade(c, "/ws", "v4", "", &r));
    cr_assert_eq(r.status, 400);
    cr_assert_str_eq(r.body, "no valid protocol selected");
    reply_free(&r);
    cr_assert_not(client_upgrade(c, "/ws", NULL, "", &r)); /* no list at all: the server decides */
    cr_assert_eq(r.status, 400);
    reply_free(&r);
    cr_assert_not(client_upgrade(c, "/refuse", V3, "", &r));
    cr_assert_eq(r.status, 403);
    cr_assert_str_eq(r.body, "no entry");
    reply_free(&r);
    /* the connection is still good for HTTP, and for a better try */
    cr_assert(client_request(c, "GET", "/hello", "", NULL, &r));
    cr_assert_str_eq(r.body, "hello");
    reply_free(&r);
    cr_assert(client_upgrade(c, "/ws", V3, "", &r));
    reply_free(&r);
    client_close(c);
}

Test(ws, bad_upgrades)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"GET /ws HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: "
         "websocket\r\nSec-WebSocket-Version: "
         "13\r\n\r\n",
         400},
        {"GET /ws HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: "
         "websocket\r\nSec-WebSocket-Version: "
         "8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
         400},
        {"GET /ws HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: "
         "websocket\r\nSec-WebSocket-Version: "
         "13\r\nSec-WebSocket-Key: short\r\n\r\n",
         400},
        {"GET /echo HTTP/1.1\r\nHost: t\r\nConnection: close\r\nUpgrade: websocket\r\n\r\n", 200},
        {"GET /echo HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 200},
        {"POST /echo HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: "
         "websocket\r\ncontent-length: "
         "0\r\n\r\n",
         200},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client *c = client_open(t.port);
        struct reply r;
        client_send_text(c, cases[i].text);
        cr_assert(client_reply(c, &r, false));
        cr_assert_eq(r.status, cases[i].status, "case %zu: %s", i, r.head);
        reply_free(&r);
        client_close(c);
    }
    cr_assert_eq(atomic_load(&t.opened), 0);
}

Test(ws, frames_that_come_with_the_upgrade_request_are_read)
{
    struct client *c = client_open(t.port);
    struct reply r;
    uint8_t buf[600];
    int n = snprintf((char *)buf, sizeof(buf),
                     "GET /ws HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
                     "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " V2 "\r\n\r\n");
    size_t len = (size_t)n;
    len += ws_client_frame(buf + len, ORO_WS_BINARY, true, "early", 5);
    len += ws_client_frame(buf + len, ORO_WS_BINARY, true, "bird", 4);
    client_send(c, buf, len);
    cr_assert(client_reply(c, &r, false));
    cr_assert_eq(r.status, 101);
    reply_free(&r);
    expect_data(c, ORO_WS_BINARY, "\0early", 6);
    expect_data(c, ORO_WS_BINARY, "\0bird", 5);
    client_close(c);
}

/* ---- messages ---- */

Test(ws, echo_in_every_framing_and_size)
{
    static const size_t sizes[] = {1,     2,     124,   125,    126,        127,
                                   65534, 65535, 65536, 300000, 1024 * 1024};
    static const char *protocols[] = {V3, V2, METRICS};
    uint8_t *data = malloc(1024 * 1024 + 1);
    for (int p = 0; p < 3; p++) {
        struct client *c = client_ws(t.port, protocols[p]);
        bool lead = p < 2;
        data[0] = 0;
        for (size_t i = 0; i < 1024 * 1024; i++)
            data[1 + i] = (uint8_t)(i * 7 % 127);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            ws_client_send(c, ORO_WS_BINARY, true, data + 1, sizes[i]);
            expect_data(c, lead ? ORO_WS_BINARY : ORO_WS_TEXT, lead ? data : data + 1,
                        sizes[i] + lead);
        }
        client_close(c);
    }
    free(data);
}

Test(ws, empty_messages)
{
    struct client *c = client_ws(t.port, V2);
    ws_client_send(c, ORO_WS_BINARY, true, "", 0);
    expect_data(c, ORO_WS_BINARY, "", 1);
    client_close(c);
}

Test(ws, fragments_are_put_together_with_control_frames_between)
{
    struct client *c = client_ws(t.port, V2);
    struct frame f;
    ws_client_send(c, ORO_WS_BINARY, false, "ab", 2);
    ws_client_send(c, ORO_WS_PING, true, "in between", 10);
    ws_client_send(c, ORO_WS_CONT, false, "", 0);
    ws_client_send(c, ORO_WS_CONT, false, "cd", 2);
    ws_client_send(c, ORO_WS_PONG, true, "unasked", 7);
    ws_client_send(c, ORO_WS_CONT, true, "e", 1);
    ws_client_send(c, ORO_WS_BINARY, true, "next", 4);
    f = ws_client_recv(c);
    cr_assert_eq(f.opcode, ORO_WS_PONG);
    cr_assert_str_eq((char *)f.data, "in between");
    frame_free(&f);
    expect_data(c, ORO_WS_BINARY, "\0abcde", 6);
    expect_data(c, ORO_WS_BINARY, "\0next", 5);
    ws_client_send(c, ORO_WS_TEXT, false, "echo te", 7);
    ws_client_send(c, ORO_WS_CONT, true, "xt", 2);
    expect_data(c, ORO_WS_BINARY, "\0echo text", 10);
    client_close(c);
    cr_assert_eq(atomic_load(&t.messages), 3);
}

Test(ws, frames_may_come_byte_by_byte)
{
    struct client *c = client_ws(t.port, V2);
    uint8_t big[300], buf[1400];
    memset(big, 'z', sizeof(big));
    size_t len = ws_client_frame(buf, ORO_WS_BINARY, true, "one", 3);
    len += ws_client_frame(buf + len, ORO_WS_PING, true, "p", 1);
    len += ws_client_frame(buf + len, ORO_WS_BINARY, true, big, sizeof(big));
    len += ws_client_frame(buf + len, ORO_WS_BINARY, false, "t", 1);
    len += ws_client_frame(buf + len, ORO_WS_CONT, true, "wo", 2);
    len += ws_client_frame(buf + len, ORO_WS_BINARY, true, "", 0);
    for (size_t i = 0; i < len; i++)
        client_send(c, buf + i, 1);
    expect_data(c, ORO_WS_BINARY, "\0one", 4);
    struct frame f = ws_client_data(c);
    cr_assert_eq(f.len, 301);
    frame_free(&f);
    expect_data(c, ORO_WS_BINARY, "\0two", 4);
    expect_data(c, ORO_WS_BINARY, "", 1);
    client_close(c);
}

/* Many frames in one write, cut anywhere: each cut is another state of the parser. */
Test(ws, frames_may_be_cut_anywhere)
{
    struct client *c = client_ws(t.port, V2);
    uint8_t buf[512];
    size_t len = ws_client_frame(buf, ORO_WS_BINARY, true, "first", 5);
    len += ws_client_frame(buf + len, ORO_WS_BINARY, false, "sec", 3);
    len += ws_client_frame(buf + len, ORO_WS_PING, true, "!", 1);
    len += ws_client_frame(buf + len, ORO_WS_CONT, true, "ond", 3);
    for (size_t cut = 1; cut < len; cut++) {
        client_send(c, buf, cut);
        usleep(200); /* gives the server a chance to read the parts apart; right either way */
        client_send(c, buf + cut, len - cut);
        expect_data(c, ORO_WS_BINARY, "\0first", 6);
        expect_data(c, ORO_WS_BINARY, "\0second", 7);
    }
    client_close(c);
}

/* v3: messages that wait together share frames, in order, cut at message boundaries, bodies of
 * at most 512 KiB. */
Test(ws, stream_framing_coalesces_in_order)
{
    struct client *c = client_ws(t.port, V3);
    const uint32_t n = 20000, size = 100;
    char command[64];
    snprintf(command, sizeof(command), "burst %u %u", n, size);
    ws_client_send(c, ORO_WS_TEXT, true, command, strlen(command));
    uint32_t next = 0, frames = 0;
    while (next < n) {
        struct frame f = ws_client_data(c);
        cr_assert_eq(f.opcode, ORO_WS_BINARY);
        cr_assert(f.len > 1 && f.data[0] == 0);
        cr_assert_eq((f.len - 1) % size, 0, "a message was cut");
        cr_assert(f.len - 1 <= 512 * 1024);
        for (size_t at = 1; at < f.len; at += size, next++)
            cr_assert(memcmp(f.data + at, &next, 4) == 0, "message %u is out of order", next);
        frames++;
        frame_free(&f);
    }
    cr_assert(frames >= 4 && frames <= 40, "%u frames", frames);
    /* one message larger than the bound goes alone */
    snprintf(command, sizeof(command), "burst 3 600000");
    ws_client_send(c, ORO_WS_TEXT, true, command, strlen(command));
    for (int i = 0; i < 3; i++) {
        struct frame f = ws_client_data(c);
        cr_assert_eq(f.len, 600001);
        frame_free(&f);
    }
    client_close(c);
}

Test(ws, single_framing_keeps_one_message_a_frame)
{
    struct client *c = client_ws(t.port, V2);
    const char *command = "burst 5000 200";
    ws_client_send(c, ORO_WS_TEXT, true, command, strlen(command));
    for (uint32_t i = 0; i < 5000; i++) {
        struct frame f = ws_client_data(c);
        cr_assert_eq(f.len, 201);
        cr_assert_eq(f.data[0], 0);
        cr_assert(memcmp(f.data + 1, &i, 4) == 0);
        frame_free(&f);
    }
    client_close(c);
}

/* ---- limits ---- */

/* Not for what waits, but for taking none of it. */
Test(ws_special, who_does_not_read_is_cut)
{
    test_server_defaults(&t);
    t.opt.stall_timeout_s = 2;
    test_server_start(&t);
    struct client *c = client_ws(t.port, V3);
    const char *command = "burst 200 1000000";
    ws_client_send(c, ORO_WS_TEXT, true, command, strlen(command));
    expect_cause("outgoing_queue_full");
    client_close(c);
    struct oro_metric *m = oro_metric(ORO_METRIC_COUNTER, "orochi_ws_disconnections_total",
                                      "cause=\"outgoing_queue_full\"", "");
    cr_assert_eq(oro_metric_value(m), 1);
    test_server_stop(&t);
}

Test(ws, a_slow_reader_within_the_limit_gets_everything)
{
    struct client *c = client_ws(t.port, V3);
    const char *command = "burst 30 100000";
    ws_client_send(c, ORO_WS_TEXT, true, command, strlen(command));
    test_server_wait(&t, &t.messages, 1);
    size_t got = 0;
    while (got < 30 * 100000) {
        struct frame f = ws_client_data(c);
        got += f.len - 1;
        frame_free(&f);
        usleep(1000);
    }
    client_close(c);
    cr_assert_eq(got, 3000000);
}

Test(ws, too_large_a_message_drops_the_connection)
{
    static uint8_t big[1024 * 1024 + 1];
    uint8_t head[16];
    struct client *c = client_ws(t.port, V2);
    ws_client_frame(head, ORO_WS_BINARY, true, "", 0);
    uint8_t huge[14] = {0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 1, 2, 3, 4};
    client_send(c, huge, sizeof(huge));
    expect_close_code(c, 1009);
    client_close(c);
    expect_cause("message_too_large");

    c = client_ws(t.port, V2); /* in fragments */
    for (int i = 0; i < 5; i++) {
        uint8_t *buf = malloc(sizeof(big) / 4 + 14);
        size_t n = ws_client_frame(buf, i == 0 ? ORO_WS_BINARY : ORO_WS_CONT, i == 4, big,
                                   sizeof(big) / 4);
        client_try_send(c, buf, n);
        free(buf);
    }
    expect_close_code(c, 1009);
    client_close(c);
    test_server_wait(&t, &t.closed, 2);
    cr_assert_eq(atomic_load(&t.messages), 0);
}

Test(ws, protocol_errors_drop_the_connection)
{
    static const struct {
        uint8_t bytes[24];
        size_t len;
    } cases[] = {
        {{0x82, 0x01, 'x'}, 3},                                 /* no mask */
        {{0x83, 0x80, 0, 0, 0, 0}, 6},                          /* opcode 3 */
        {{0x8b, 0x80, 0, 0, 0, 0}, 6},                          /* opcode 11 */
        {{0xc2, 0x80, 0, 0, 0, 0}, 6},                          /* reserved bit */
        {{0x80, 0x80, 0, 0, 0, 0}, 6},                          /* continues nothing */
        {{0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80, 0, 0, 0, 0}, 12}, /* a new message inside another */
        {{0x09, 0x80, 0, 0, 0, 0}, 6},                          /* ping in fragments */
        {{0x89, 0xfe, 0, 126, 0, 0, 0, 0}, 8},                  /* ping of 126 bytes */
        {{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 14}, /* a length of 2^63 */
        {{0x81, 0x82, 0, 0, 0, 0, 0xc0, 0xaf}, 8},                 /* text that is not UTF-8 */
        {{0x81, 0x83, 0, 0, 0, 0, 0xed, 0xa0, 0x80}, 9},           /* a surrogate */
        {{0x81, 0x82, 0, 0, 0, 0, 0xe2, 0x82}, 8},                 /* cut short */
    };
    int n = (int)(sizeof(cases) / sizeof(cases[0]));
    for (int i = 0; i < n; i++) {
        struct client *c = client_ws(t.port, V2);
        client_send(c, cases[i].bytes, cases[i].len);
        struct frame f = ws_client_recv(c);
        cr_assert_eq(f.opcode, -1, "case %d: opcode %d", i, f.opcode);
        client_close(c);
        test_server_wait(&t, &t.closed, i + 1);
        expect_cause("protocol_error");
    }
    cr_assert_eq(atomic_load(&t.messages), 0);
}

/* ---- closing ---- */

static void
expect_close(struct client *c, int code, const char *reason)
{
    struct frame f = ws_client_data(c);
    cr_assert_eq(f.opcode, ORO_WS_CLOSE);
    if (code == 0) {
        cr_assert_eq(f.len, 0);
    } else {
        cr_assert_eq(f.data[0] << 8 | f.data[1], code, "code %d", f.data[0] << 8 | f.data[1]);
        cr_assert_str_eq((char *)f.data + 2, reason);
    }
    frame_free(&f);
}

Test(ws, the_clients_close_is_answered)
{
    static const struct {
        const char *payload;
        size_t len;
        int code;
        const char *reason;
    } cases[] = {
        {"", 0, 0, ""},
        {"\x03\xe8"
         "bye",
         5, 1000, "bye"},
        {"\x0f\xa0", 2, 4000, ""},
        {"\x03\xed", 2, 1002, ""}, /* 1005 must not be sent */
        {"\x00\x01", 2, 1002, ""},
        {"\x03", 1, 1002, ""},
        {"\x03\xe8\xff\xfe", 4, 1002, ""}, /* not UTF-8 */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client *c = client_ws(t.port, V3);
        ws_client_send(c, ORO_WS_BINARY, true, "before", 6);
        ws_client_send(c, ORO_WS_CLOSE, true, cases[i].payload, cases[i].len);
        expect_data(c, ORO_WS_BINARY, "\0before", 7);
        expect_close(c, cases[i].code, cases[i].reason);
        cr_assert(client_sees_end(c, 2000));
        client_close(c);
    }
    test_server_wait(&t, &t.closed, (int)(sizeof(cases) / sizeof(cases[0])));
}

Test(ws, the_clients_close_has_its_cause)
{
    struct client *c = client_ws(t.port, V3);
    ws_client_send(c, ORO_WS_CLOSE, true, "\x03\xe8", 2);
    expect_cause("client_close");
    client_close(c);
}

Test(ws, a_vanished_client_has_its_cause)
{
    struct client *c = client_ws(t.port, V3);
    client_close(c);
    expect_cause("io");
}

Test(ws, the_servers_close_comes_after_what_is_queued)
{
    struct client *c = client_ws(t.port, V3);
    uint8_t buf[256];
    size_t len = ws_client_frame(buf, ORO_WS_TEXT, true, "burst 3 10", 10);
    len += ws_client_frame(buf + len, ORO_WS_TEXT, true, "close 1011 because", 18);
    len += ws_client_frame(buf + len, ORO_WS_BINARY, true, "too late", 8);
    client_send(c, buf, len);
    struct frame f = ws_client_data(c);
    cr_assert_eq(f.len, 31);
    frame_free(&f);
    expect_close(c, 1011, "because");
    ws_client_send(c, ORO_WS_CLOSE, true, "\x03\xf3", 2);
    cr_assert(client_sees_end(c, 5000));
    client_close(c);
    expect_cause("server_close");
    cr_assert_eq(atomic_load(&t.messages), 2);
}

Test(ws, who_does_not_answer_a_close_is_dropped_soon)
{
    struct client *c = client_ws(t.port, V3);
    ws_client_send(c, ORO_WS_TEXT, true, "close 1008 out", 14);
    expect_close(c, 1008, "out");
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    cr_assert(client_sees_end(c, 3000));
    clock_gettime(CLOCK_MONOTONIC, &b);
    long ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
    cr_assert(ms >= 150, "only %ld ms", ms);
    client_close(c);
}

Test(ws, close_reasons_are_cut_between_characters)
{
    struct client *c = client_ws(t.port, V3);
    char command[256] = "close 1011 ", want[256] = "";
    for (int i = 0; i < 61; i++)
        strcat(command, "\xc3\xa9");
    strcat(command,
           "a\xc3\xa9"); /* 122 bytes, a, and a character that would be bytes 124 and 125 */
    for (int i = 0; i < 61; i++)
        strcat(want, "\xc3\xa9");
    strcat(want, "a");
    ws_client_send(c, ORO_WS_TEXT, true, command, strlen(command));
    expect_close(c, 1011, want);
    client_close(c);
}

Test(ws, drop_closes_tcp_without_a_frame)
{
    struct client *c = client_ws(t.port, V3);
    ws_client_send(c, ORO_WS_TEXT, true, "drop", 4);
    struct frame f = ws_client_recv(c);
    cr_assert_eq(f.opcode, -1);
    client_close(c);
    expect_cause("server_close");
}

Test(ws, stop_says_goodbye_to_all)
{
    struct client *c[20];
    for (int i = 0; i < 20; i++)
        c[i] = client_ws(t.port, i % 2 ? V2 : V3);
    struct client *http = client_open(t.port), *keep = client_open(t.port);
    struct reply r;
    cr_assert(client_request(http, "GET", "/hello", "", NULL, &r));
    reply_free(&r);
    client_send_text(keep, "GET /keep HTTP/1.1\r\nHost: t\r\n\r\n");
    test_server_wait_kept(&t);
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    test_server_stop(&t);
    clock_gettime(CLOCK_MONOTONIC, &b);
    t.net = NULL;
    long ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
    cr_assert(ms < 3000, "the stop took %ld ms", ms);
    cr_assert_eq(atomic_load(&t.http_gone), 1);
    for (int i = 0; i < 20; i++) {
        struct frame f = ws_client_data(c[i]);
        cr_assert_eq(f.opcode, ORO_WS_CLOSE);
        cr_assert_eq(f.data[0] << 8 | f.data[1], 1001);
        frame_free(&f);
        client_close(c[i]);
    }
    cr_assert(client_sees_end(http, 1000));
    client_close(http);
    client_close(keep);
}

Test(ws, stop_accepting_leaves_the_others_alone)
{
    struct client *c = client_ws(t.port, V2);
    oro_net_stop_accepting(t.net);
    for (int i = 0; i < 3; i++) {
        ws_client_send(c, ORO_WS_BINARY, true, "still", 5);
        expect_data(c, ORO_WS_BINARY, "\0still", 6);
    }
    client_close(c);
}

/* ---- back-pressure ---- */

Test(ws, a_paused_connection_is_not_read)
{
    struct client *c = client_ws(t.port, V2);
    ws_client_send(c, ORO_WS_TEXT, true, "pause", 5);
    test_server_wait(&t, &t.messages, 1);
    for (int i = 0; i < 5; i++)
        ws_client_send(c, ORO_WS_BINARY, true, "wait", 4);
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    cr_assert_eq(poll(&p, 1, 100), 0, "something came while paused");
    cr_assert_eq(atomic_load(&t.messages), 1);
    test_server_resume(&t);
    for (int i = 0; i < 5; i++)
        expect_data(c, ORO_WS_BINARY, "\0wait", 5);
    client_close(c);
}

/* ---- time ---- */

Test(ws_special, pings_come_and_the_silent_are_dropped)
{
    test_server_defaults(&t);
    t.opt.ping_interval_s = 1;
    t.opt.idle_timeout_s = 3;
    test_server_start(&t);
    struct client *quiet = client_ws(t.port, V3), *live = client_ws(t.port, V3);
    int pings = 0;
    /* `live` answers pings and outlives the limit; `quiet` does not. */
    while (atomic_load(&t.closed) == 0 || pings < 3) {
        struct frame f = ws_client_recv(live);
        cr_assert_eq(f.opcode, ORO_WS_PING);
        ws_client_send(live, ORO_WS_PONG, true, f.data, f.len);
        frame_free(&f);
        pings++;
    }
    expect_cause("idle_timeout");
    struct frame f = ws_client_recv(quiet);
    cr_assert_eq(f.opcode, ORO_WS_PING);
    frame_free(&f);
    f = ws_client_recv(quiet);
    cr_assert_eq(f.opcode, -1, "a second ping while the first is unanswered, or a Close");
    client_close(quiet);
    ws_client_send(live, ORO_WS_BINARY, true, "here", 4);
    expect_data(live, ORO_WS_BINARY, "\0here", 5);
    client_close(live);
    test_server_stop(&t);
}

/* ---- many ---- */

Test(ws_special, two_shards_share_a_thousand_connections)
{
    enum { N = 1000 };
    static struct client *c[N];
    test_server_defaults(&t);
    t.opt.threads = 2;
    test_server_start(&t);
    cr_assert_eq(oro_net_shards(t.net), 2);
    for (int i = 0; i < N; i++)
        c[i] = client_ws(t.port, i % 2 ? V2 : V3);
    test_server_wait(&t, &t.opened, N);
    cr_assert_eq(atomic_load(&t.open_now[0]), N / 2);
    cr_assert_eq(atomic_load(&t.open_now[1]), N / 2);
    for (int i = 0; i < N; i++)
        ws_client_send(c[i], ORO_WS_BINARY, true, &i, sizeof(i));
    for (int i = 0; i < N; i++) {
        uint8_t want[5] = {0};
        memcpy(want + 1, &i, 4);
        expect_data(c[i], ORO_WS_BINARY, want, 5);
    }
    struct oro_metric *m = oro_metric(ORO_METRIC_GAUGE, "orochi_connections", "", "");
    cr_assert_eq(oro_metric_value(m), N);
    for (int i = 0; i < N; i++)
        client_close(c[i]);
    test_server_wait(&t, &t.closed, N);
    cr_assert_eq(oro_metric_value(m), 0);
    test_server_stop(&t);
}

Test(ws_special, more_than_max_connections_are_refused)
{
    test_server_defaults(&t);
    t.opt.max_connections = 2;
    test_server_start(&t);
    struct client *a = client_ws(t.port, V2), *b = client_ws(t.port, V2), *d = client_open(t.port);
    cr_assert(client_sees_end(d, 2000));
    client_close(d);
    client_close(a);
    test_server_wait(&t, &t.closed, 1);
    d = client_ws(t.port, V2);
    client_close(b);
    client_close(d);
    test_server_stop(&t);
}

static void *
waker(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20000; i++)
        oro_net_wake(t.net, (unsigned)i % 2);
    return NULL;
}

Test(ws_special, wakes_from_other_threads_while_clients_talk)
{
    test_server_defaults(&t);
    t.opt.threads = 2;
    test_server_start(&t);
    pthread_t th[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&th[i], NULL, waker, NULL);
    struct client *a = client_ws(t.port, V2), *b = client_ws(t.port, V3);
    for (int i = 0; i < 200; i++) {
        ws_client_send(a, ORO_WS_BINARY, true, "a", 1);
        ws_client_send(b, ORO_WS_BINARY, true, "b", 1);
        expect_data(a, ORO_WS_BINARY, "\0a", 2);
        expect_data(b, ORO_WS_BINARY, "\0b", 2);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(th[i], NULL);
    client_close(a);
    client_close(b);
    test_server_stop(&t);
}
