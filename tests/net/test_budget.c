/* The budget for what strangers fill, and the time they have to get further. Each case is many connections that take memory,
 * and one beside them that must notice nothing. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/metric.h"
#include "tests/net/client.h"
#include "tests/net/server.h"

#define V3 "v3.bsatn.spacetimedb"
#define V2 "v2.bsatn.spacetimedb"
#define MB ((size_t)1 << 20)

static struct test_server t;

TestSuite(budget, .timeout = 120);

static void
start(size_t budget, unsigned threads)
{
    test_server_defaults(&t);
    t.opt.threads = threads;
    t.opt.max_message = 8 * MB;
    t.opt.max_http_body = 8 * MB;
    t.opt.outgoing_limit = 64 * MB;
    t.opt.buffer_memory = budget;
    test_server_start(&t);
}

static int64_t
metric(const char *name)
{
    struct oro_bb text = {0};
    oro_metrics_text(&text);
    oro_bb_u8(&text, 0);
    char line[128], *at;
    snprintf(line, sizeof(line), "\n%s ", name);
    at = strstr((char *)text.data, line);
    cr_assert_not_null(at, "%s", name);
    int64_t value = atoll(at + strlen(line));
    oro_bb_fini(&text);
    return value;
}

static int64_t
used(void)
{
    return metric("orochi_net_buffer_bytes");
}

static int64_t
cut_off(const char *cause)
{
    char name[128];
    snprintf(name, sizeof(name), "orochi_net_cut_off_total{cause=\"%s\"}", cause);
    return metric(name);
}

static void
echo(struct client *c, const char *text)
{
    ws_client_send(c, ORO_WS_BINARY, true, text, strlen(text));
    struct frame f = ws_client_data(c);
    cr_assert_eq(f.opcode, ORO_WS_BINARY);
    cr_assert_eq(f.len, strlen(text) + 1);
    cr_assert(memcmp(f.data + 1, text, strlen(text)) == 0);
    frame_free(&f);
}

/* Until nothing counts any more. */
static void
expect_nothing_left(void)
{
    for (int i = 0; i < 2000 && used() > 0; i++)
        usleep(10000);
    cr_assert_eq(used(), 0);
}

static void
expect_close(struct client *c, int code)
{
    struct frame f = ws_client_data(c);
    cr_assert_eq(f.opcode, ORO_WS_CLOSE, "opcode %d", f.opcode);
    cr_assert_eq(f.data[0] << 8 | f.data[1], code);
    frame_free(&f);
}

/* `n` connections that send what `fill` says, then look that all but a budget's worth were cut off. */
static void
flood(unsigned threads, int n, bool ws, void (*fill)(struct client *c))
{
    start(16 * MB, threads);
    struct client *innocent = client_ws(t.port, V3),
                  **c = calloc((size_t)n, sizeof(struct client *));
    for (int i = 0; i < n; i++) {
        c[i] = ws ? client_ws(t.port, V2) : client_open(t.port);
        fill(c[i]);
        echo(innocent, "here");
        cr_assert_leq(used(), (int64_t)(18 * MB + 8 * MB), "after %d: %lld", i, (long long)used());
    }
    cr_assert_gt(cut_off("buffers_full"), 0);
    for (int i = 0; i < n; i++)
        client_close(c[i]);
    echo(innocent, "still here");
    client_close(innocent);
    free(c);
    expect_nothing_left();
    test_server_stop(&t);
}

static void
part_of_a_message(struct client *c)
{
    size_t len = 3 * MB;
    uint8_t *data = calloc(1, len), *frame = malloc(len + 14);
    size_t n = ws_client_frame(frame, ORO_WS_BINARY, true, data, len);
    client_try_send(c, frame, n - 1);
    free(data);
    free(frame);
}

Test(budget, unfinished_messages)
{
    flood(1, 20, true, part_of_a_message);
}

Test(budget, unfinished_messages_on_two_threads)
{
    flood(2, 20, true, part_of_a_message);
}

static void
part_of_fragments(struct client *c)
{
    size_t len = 64 * 1024;
    uint8_t *data = calloc(1, len), *frame = malloc(len + 14);
    for (int i = 0; i < 48; i++) {
        size_t n = ws_client_frame(frame, i == 0 ? ORO_WS_BINARY : ORO_WS_CONT, false, data, len);
        client_try_send(c, frame, n);
        n = ws_client_frame(frame, ORO_WS_CONT, false, data, 0);
        client_try_send(c, frame, n);
    }
    free(data);
    free(frame);
}

Test(budget, messages_in_fragments_without_end)
{
    flood(1, 20, true, part_of_fragments);
}

static void
part_of_a_body(struct client *c)
{
    char head[] = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n";
    size_t len = 3 * MB;
    char *data = calloc(1, len);
    client_try_send(c, head, strlen(head));
    client_try_send(c, data, len);
    free(data);
}

Test(budget, unfinished_bodies)
{
    flood(1, 20, false, part_of_a_body);
}

static void
part_of_a_head(struct client *c)
{
    char head[15 * 1024] = "GET /echo HTTP/1.1\r\nHost: x\r\nX: ";
    memset(head + strlen(head), 'y', sizeof(head) - strlen(head));
    client_try_send(c, head, sizeof(head));
}

Test(budget, unfinished_heads)
{
    test_server_defaults(&t);
    t.opt.buffer_memory = MB;
    test_server_start(&t);
    enum { N = 200 };
    struct client *innocent = client_ws(t.port, V3), *c[N];
    for (int i = 0; i < N; i++) {
        c[i] = client_open(t.port);
        part_of_a_head(c[i]);
        echo(innocent, "here");
        cr_assert_leq(used(), (int64_t)(MB + MB / 4));
    }
    cr_assert_gt(cut_off("buffers_full"), 0);
    for (int i = 0; i < N; i++)
        client_close(c[i]);
    client_close(innocent);
    expect_nothing_left();
    test_server_stop(&t);
}

static void
asks_and_does_not_read(struct client *c)
{
    const char *command = "burst 20 1000000";
    int before = atomic_load(&t.messages);
    ws_client_send(c, ORO_WS_TEXT, true, command, strlen(command));
    test_server_wait(&t, &t.messages, before + 1);
}

Test(budget, messages_that_nobody_reads)
{
    flood(1, 20, true, asks_and_does_not_read);
}

static void
big_answers(struct client *c)
{
    for (int i = 0; i < 4; i++)
        client_send_text(c, "GET /big/3000000 HTTP/1.1\r\nHost: x\r\n\r\n");
}

Test(budget, answers_that_nobody_reads)
{
    flood(1, 20, false, big_answers);
}

/* Of those who are quiet nothing is left, whatever they have sent and got before. */
Test(budget, the_quiet_keep_nothing)
{
    enum { N = 20 };
    start(64 * MB, 1);
    struct client *c[N + 1];
    static char text[1000001];
    memset(text, 'q', sizeof(text) - 1);
    for (int i = 0; i < N; i++) {
        c[i] = client_ws(t.port, i % 2 ? V2 : V3);
        echo(c[i], text);
    }
    c[N] = client_open(t.port); /* has never said anything */
    expect_nothing_left();
    for (int i = 0; i <= N; i++)
        client_close(c[i]);
    test_server_stop(&t);
}

/* Files are read as they are taken: a download costs a part of one. */
Test(budget, downloads_that_nobody_reads_take_little)
{
    enum { N = 40 };
    start(64 * MB, 1);
    struct client *innocent = client_ws(t.port, V3), *c[N];
    for (int i = 0; i < N; i++) {
        c[i] = client_open(t.port);
        for (int k = 0; k < 3; k++) /* a pipeline opens one file at a time */
            client_send_text(c[i], "GET /file/40000000 HTTP/1.1\r\nHost: x\r\n\r\n");
        echo(innocent, "here");
        cr_assert_lt(used(), (int64_t)((size_t)(i + 1) * 128 * 1024 + MB));
    }
    for (int i = 0; i < 2; i++) {
        struct reply r;
        for (int k = 0; k < 3; k++) {
            cr_assert(client_reply(c[i], &r, false));
            cr_assert_eq(r.status, 200);
            cr_assert_eq(r.body_len, 40000000);
            reply_free(&r);
        }
    }
    for (int i = 0; i < N; i++)
        client_close(c[i]);
    client_close(innocent);
    expect_nothing_left();
    test_server_stop(&t);
}

Test(budget, a_file_that_has_shrunk_ends_its_connection)
{
    start(64 * MB, 1);
    struct client *c = client_open(t.port);
    struct reply r;
    client_send_text(c, "HEAD /short-file HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(client_reply(c, &r, true));
    reply_free(&r);
    client_send_text(c, "GET /short-file HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(!client_reply(c, &r, false));
    client_close(c);
    expect_nothing_left();
    test_server_stop(&t);
}

/* The largest goes, with its code, and nobody else. */
Test(budget, the_largest_goes_first)
{
    start(8 * MB, 1);
    struct client *large = client_ws(t.port, V2), *small = client_ws(t.port, V2),
                  *last = client_ws(t.port, V2);
    uint8_t *data = calloc(1, 6 * MB), *frame = malloc(6 * MB + 14);
    size_t n = ws_client_frame(frame, ORO_WS_BINARY, true, data, 6 * MB);
    client_send(large, frame, n - 1);
    n = ws_client_frame(frame, ORO_WS_BINARY, true, data, MB);
    uint8_t end = frame[n - 1];
    client_send(small, frame, n - 1);
    for (int i = 0; i < 2000 && used() < (int64_t)(6 * MB + 900000); i++)
        usleep(10000);
    size_t m = ws_client_frame(frame, ORO_WS_BINARY, true, data, 2 * MB);
    client_send(last, frame, m);
    expect_close(large, 1013);
    cr_assert(client_sees_end(large, 20000));
    struct frame f = ws_client_data(last);
    cr_assert_eq(f.len, 2 * MB + 1);
    frame_free(&f);
    client_send(small, &end, 1);
    f = ws_client_data(small);
    cr_assert_eq(f.len, MB + 1);
    frame_free(&f);
    cr_assert_eq(cut_off("buffers_full"), 1);
    client_close(large);
    client_close(small);
    client_close(last);
    free(data);
    free(frame);
    test_server_stop(&t);
}

/* Who reads, however slowly and however much, is not cut off for the size of it; Pings and the Close come between. */
Test(budget, a_reader_of_more_than_the_limit_gets_everything)
{
    test_server_defaults(&t);
    t.opt.ping_interval_s = 1;
    t.opt.idle_timeout_s = 2;
    test_server_start(&t); /* 4 MB may wait */
    struct client *c = client_ws(t.port, V2);
    const char *command = "burst 2 40000000";
    ws_client_send(c, ORO_WS_TEXT, true, command, strlen(command));
    int pings = 0;
    for (size_t got = 0; got < 80000002;) {
        struct frame f = ws_client_recv(c); /* never a Pong */
        cr_assert(f.opcode == ORO_WS_BINARY || f.opcode == ORO_WS_CONT || f.opcode == ORO_WS_PING,
                  "%d", f.opcode);
        if (f.opcode == ORO_WS_PING)
            pings++;
        else
            got += f.len;
        frame_free(&f);
        usleep(10000);
    }
    cr_assert_gt(pings, 0, "a Ping waits for the end of the message");
    client_close(c);
    expect_nothing_left();
    test_server_stop(&t);
}

Test(budget, who_stops_reading_is_told_why)
{
    test_server_defaults(&t);
    t.opt.stall_timeout_s = 2;
    test_server_start(&t);
    struct client *c = client_ws(t.port, V2);
    const char *command = "burst 3 10000000";
    ws_client_send(c, ORO_WS_TEXT, true, command, strlen(command));
    for (int i = 0; i < 4000 && cut_off("outgoing_queue_full") == 0; i++)
        usleep(10000);
    cr_assert_eq(cut_off("outgoing_queue_full"), 1);
    expect_close(c, 1008);
    client_close(c);
    expect_nothing_left();
    test_server_stop(&t);
}

Test(budget, what_was_begun_has_to_get_further)
{
    test_server_defaults(&t);
    t.opt.stall_timeout_s = 1;
    test_server_start(&t);
    struct client *ws = client_ws(t.port, V2), *http = client_open(t.port),
                  *slow = client_ws(t.port, V2);
    uint8_t frame[200 + 14];
    ws_client_frame(frame, ORO_WS_BINARY, true, frame, 200);
    client_send(ws, frame, 100);
    client_send_text(http, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345");
    uint8_t empty[16]; /* fragments without a byte are no progress, and Pings are none */
    size_t n = ws_client_frame(empty, ORO_WS_BINARY, false, "", 0);
    client_send(slow, empty, n);
    bool cut = false;
    for (int i = 0; i < 2000 && !cut; i++) {
        n = ws_client_frame(empty, i % 2 ? ORO_WS_CONT : ORO_WS_PING, i % 2 == 0, "", 0);
        cut = !client_try_send(slow, empty, n) || cut_off("unfinished") == 3;
        usleep(10000);
    }
    expect_close(ws, 1008);
    struct reply r;
    cr_assert(client_reply(http, &r, false));
    cr_assert_eq(r.status, 408);
    reply_free(&r);
    cr_assert_eq(cut_off("unfinished"), 3);
    client_close(ws);
    client_close(http);
    client_close(slow);
    expect_nothing_left();
    test_server_stop(&t);
}

Test(budget, pings_that_nobody_reads_stop_being_taken)
{
    start(64 * MB, 1);
    struct client *c = client_ws(t.port, V2);
    uint8_t *flood = malloc(MB);
    size_t len = 0;
    while (len + 150 < MB)
        len += ws_client_frame(flood + len, ORO_WS_PING, true, flood, 125);
    struct timeval tv = {.tv_usec = 300000};
    cr_assert_eq(setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)), 0);
    int i = 0;
    while (i < 100 && client_try_send(c, flood, len))
        i++;
    cr_assert_lt(i, 100, "100 MB of Pings were taken");
    cr_assert_lt(used(), (int64_t)(4 * MB));
    free(flood);
    client_close(c);
    expect_nothing_left();
    test_server_stop(&t);
}
