/* HTTP/1.1 over real sockets. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/metric.h"
#include "tests/net/client.h"
#include "tests/net/server.h"

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
    test_server_stop(&t);
}

TestSuite(http, .init = setup, .fini = teardown, .timeout = 60);

static void
expect(struct client *c, const char *method, const char *target, const char *headers,
       const char *body, int status, const char *answer)
{
    struct reply r;
    cr_assert(client_request(c, method, target, headers, body, &r), "%s %s", method, target);
    cr_assert_eq(r.status, status, "%s %s: %s", method, target, r.head);
    if (answer != NULL)
        cr_assert_str_eq(r.body, answer, "%s %s", method, target);
    reply_free(&r);
}

Test(http, methods_keep_alive_and_targets)
{
    struct client *c = client_open(t.port);
    expect(c, "GET", "/hello", "", NULL, 200, "hello");
    expect(c, "POST", "/echo", "", "some body", 200, "POST /echo||some body|-");
    expect(c, "POST", "/echo", "", NULL, 200, "POST /echo|||-");
    expect(c, "PUT", "/echo", "", "", 200, "PUT /echo|||-");
    expect(c, "DELETE", "/echo", "", "x", 200, "DELETE /echo||x|-");
    expect(c, "PATCH", "/echo", "", "p", 200, "PATCH /echo||p|-");
    expect(c, "OPTIONS", "/echo", "", NULL, 200, "OPTIONS /echo|||-");
    expect(c, "GET", "/echo/a%20b%2Fc+d?q=%26&r=1;x%3D", "Authorization: Bearer  t.o.k\r\n", NULL,
           200, "GET /echo/a b/c+d|q=%26&r=1;x%3D||Bearer  t.o.k");
    expect(c, "GET", "/echo//../a", "", NULL, 200, "GET /echo//../a|||-");
    expect(c, "GET", "http://test/echo?x", "", NULL, 200, "GET /echo|x||-");
    expect(c, "GET", "/nowhere", "", NULL, 404, "");
    client_close(c);
}

Test(http, status_content_type_and_headers)
{
    struct client *c = client_open(t.port);
    struct reply r;
    cr_assert(client_request(c, "GET", "/status/530", "", NULL, &r));
    cr_assert_eq(r.status, 530);
    reply_free(&r);
    cr_assert(client_request(c, "GET", "/headers",
                             "Origin: http://o\r\ncontent-type: a/b\r\nIF-NONE-MATCH: "
                             "\"e\"\r\nAccept-Encoding: br, gzip\r\n",
                             NULL, &r));
    cr_assert_null(reply_header(&r, "content-type"));
    cr_assert_str_eq(reply_header(&r, "content-length"), "0");
    cr_assert_str_eq(reply_header(&r, "x-one"), "1");
    cr_assert_str_eq(reply_header(&r, "x-origin"), "http://o");
    cr_assert_str_eq(reply_header(&r, "x-type"), "a/b");
    cr_assert_str_eq(reply_header(&r, "x-etag"), "\"e\"");
    cr_assert_str_eq(reply_header(&r, "x-enc"), "br, gzip");
    reply_free(&r);
    cr_assert(client_request(c, "GET", "/hello", "", NULL, &r));
    cr_assert_str_eq(reply_header(&r, "content-type"), "text/plain; charset=utf-8");
    reply_free(&r);
    cr_assert(client_request(c, "GET", "/status/304", "", NULL, &r));
    cr_assert_null(reply_header(&r, "content-length"));
    reply_free(&r);
    client_close(c);
}

Test(http, head_has_the_length_and_no_body)
{
    struct client *c = client_open(t.port);
    struct reply r;
    cr_assert(client_request(c, "HEAD", "/hello", "", NULL, &r));
    cr_assert_eq(r.status, 200);
    cr_assert_str_eq(reply_header(&r, "content-length"), "5");
    reply_free(&r);
    cr_assert(client_request(c, "HEAD", "/big/100000", "", NULL, &r));
    cr_assert_str_eq(reply_header(&r, "content-length"), "100000");
    reply_free(&r);
    expect(c, "GET", "/hello", "", NULL, 200, "hello"); /* nothing of a body came before this */
    client_close(c);
}

Test(http, pipelined_requests_are_answered_in_order)
{
    struct client *c = client_open(t.port);
    struct reply r;
    client_send_text(c, "GET /echo?1 HTTP/1.1\r\nhost: t\r\n\r\nPOST /echo?2 HTTP/1.1\r\nhost: "
                        "t\r\ncontent-length: 3\r\n\r\nabc"
                        "\r\n\r\nGET /echo?3 HTTP/1.1\r\nhost: t\r\n\r\n");
    const char *want[] = {"GET /echo|1||-", "POST /echo|2|abc|-", "GET /echo|3||-"};
    for (int i = 0; i < 3; i++) {
        cr_assert(client_reply(c, &r, false));
        cr_assert_str_eq(r.body, want[i]);
        reply_free(&r);
    }
    client_close(c);
}

Test(http, a_request_may_come_byte_by_byte)
{
    struct client *c = client_open(t.port);
    struct reply r;
    const char *text = "POST /echo?q HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nabcd";
    for (const char *p = text; *p != '\0'; p++)
        client_send(c, p, 1);
    cr_assert(client_reply(c, &r, false));
    cr_assert_str_eq(r.body, "POST /echo|q|abcd|-");
    reply_free(&r);
    client_close(c);
}

Test(http, chunked_bodies_are_put_together)
{
    struct client *c = client_open(t.port);
    struct reply r;
    const char *text = "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n5;ext=1\r\ndefgh\r\n0\r\nTrailer: x\r\n\r\nGET /hello "
                       "HTTP/1.1\r\nhost: t\r\n\r\n";
    for (const char *p = text; *p != '\0'; p++)
        client_send(c, p, 1);
    cr_assert(client_reply(c, &r, false));
    cr_assert_str_eq(r.body, "POST /echo||abcdefgh|-");
    reply_free(&r);
    cr_assert(client_reply(c, &r, false));
    cr_assert_str_eq(r.body, "hello");
    reply_free(&r);
    client_close(c);
}

Test(http, expect_continue_is_honoured)
{
    struct client *c = client_open(t.port);
    struct reply r;
    client_send_text(
        c, "POST /echo HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    cr_assert(client_reply(c, &r, false));
    cr_assert_eq(r.status, 100);
    reply_free(&r);
    client_send_text(c, "ok");
    cr_assert(client_reply(c, &r, false));
    cr_assert_str_eq(r.body, "POST /echo||ok|-");
    reply_free(&r);
    client_close(c);
}

Test(http, large_answers_arrive_whole)
{
    struct client *c = client_open(t.port);
    struct reply r;
    cr_assert(client_request(c, "GET", "/big/20000000", "", NULL, &r));
    cr_assert_eq(r.body_len, 20000000);
    cr_assert_eq(strspn(r.body, "x"), 20000000);
    reply_free(&r);
    expect(c, "GET", "/hello", "", NULL, 200, "hello");
    client_close(c);
}

Test(http, too_large_a_body_is_413_and_can_be_read)
{
    char *big = malloc(3000001);
    memset(big, 'b', 3000000);
    big[3000000] = '\0';
    struct client *c = client_open(t.port);
    expect(c, "POST", "/echo", "", big, 413, NULL); /* sent whole before the answer is read */
    cr_assert(client_sees_end(c, 5000));
    client_close(c);

    c = client_open(t.port);
    struct reply r;
    client_send_text(
        c, "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n");
    client_try_send(c, big, 1000000);
    cr_assert(client_reply(c, &r, false));
    cr_assert_eq(r.status, 413);
    reply_free(&r);
    client_close(c);
    free(big);
}

Test(http, exactly_the_largest_body_is_taken)
{
    char *body = malloc(64 * 1024 + 1);
    memset(body, 'b', 64 * 1024);
    body[64 * 1024] = '\0';
    struct client *c = client_open(t.port);
    expect(c, "POST", "/hello", "", body, 200, "hello");
    client_close(c);
    free(body);
}

Test(http, connection_close_and_http_1_0_close)
{
    struct client *c = client_open(t.port);
    struct reply r;
    cr_assert(client_request(c, "GET", "/hello", "Connection: close\r\n", NULL, &r));
    cr_assert_str_eq(reply_header(&r, "connection"), "close");
    reply_free(&r);
    cr_assert(client_sees_end(c, 5000));
    client_close(c);

    c = client_open(t.port);
    client_send_text(c, "GET /hello HTTP/1.0\r\n\r\n");
    cr_assert(client_reply(c, &r, false));
    cr_assert_eq(r.status, 200);
    reply_free(&r);
    cr_assert(client_sees_end(c, 5000));
    client_close(c);
}

Test(http, too_long_a_head_is_431)
{
    struct client *c = client_open(t.port);
    struct reply r;
    char line[1100];
    memset(line, 'h', sizeof(line));
    memcpy(line, "x: ", 3);
    memcpy(line + sizeof(line) - 2, "\r\n", 2);
    client_send_text(c, "GET /hello HTTP/1.1\r\n");
    for (int i = 0; i < 20; i++)
        client_try_send(c, line, sizeof(line));
    cr_assert(client_reply(c, &r, false));
    cr_assert_eq(r.status, 431);
    reply_free(&r);
    client_close(c);
}

Test(http, a_kept_request_is_answered_from_another_thread)
{
    struct client *c = client_open(t.port);
    struct reply r;
    /* The second request waits behind the kept one. */
    client_send_text(c, "POST /keep HTTP/1.1\r\nhost: t\r\ncontent-length: 1\r\n\r\nxGET "
                        "/echo?later HTTP/1.1\r\nhost: t\r\n\r\n");
    test_server_wait_kept(&t);
    test_server_reply(&t, "at last");
    cr_assert(client_reply(c, &r, false));
    cr_assert_str_eq(r.body, "at last");
    reply_free(&r);
    cr_assert(client_reply(c, &r, false));
    cr_assert_str_eq(r.body, "GET /echo|later||-");
    reply_free(&r);
    client_close(c);
    cr_assert_eq(atomic_load(&t.http_gone), 0);
}

Test(http, who_leaves_a_kept_request_is_reported)
{
    struct client *c = client_open(t.port);
    client_send_text(c, "GET /keep HTTP/1.1\r\nhost: t\r\n\r\n");
    test_server_wait_kept(&t);
    client_reset(c);
    test_server_wait(&t, &t.http_gone, 1);
    test_server_reply(&t, "nobody hears this");
}

Test(http, who_has_sent_his_last_byte_is_answered)
{
    struct client *c = client_open(t.port);
    struct reply r;
    client_send_text(c, "GET /keep HTTP/1.1\r\nhost: t\r\n\r\n");
    test_server_wait_kept(&t);
    client_end(c);
    /* Long enough for the end to arrive: another request has come and gone since. */
    struct client *other = client_open(t.port);
    cr_assert(client_request(other, "GET", "/echo", "", NULL, &r));
    reply_free(&r);
    client_close(other);
    test_server_reply(&t, "still here");
    cr_assert(client_reply(c, &r, false));
    cr_assert_str_eq(r.body, "still here");
    reply_free(&r);
    cr_assert(client_sees_end(c, 5000));
    client_close(c);
}

Test(http, much_input_behind_a_kept_request_is_held_back)
{
    struct client *c = client_open(t.port);
    struct reply r;
    client_send_text(c, "GET /keep HTTP/1.1\r\nhost: t\r\n\r\n");
    test_server_wait_kept(&t);
    for (int i = 0; i < 4000; i++)
        client_send_text(c, "GET /echo HTTP/1.1\r\nhost: t\r\n\r\n");
    test_server_reply(&t, "first");
    cr_assert(client_reply(c, &r, false));
    cr_assert_str_eq(r.body, "first");
    reply_free(&r);
    for (int i = 0; i < 4000; i++) {
        cr_assert(client_reply(c, &r, false));
        cr_assert_str_eq(r.body, "GET /echo|||-");
        reply_free(&r);
    }
    client_close(c);
}

Test(http, a_pipeline_of_large_answers_does_not_pile_up)
{
    struct client *c = client_open(t.port);
    struct reply r;
    for (int i = 0; i < 60; i++)
        client_send_text(c, "GET /big/1000000 HTTP/1.1\r\nhost: t\r\n\r\n");
    usleep(200000); /* for the server to do too much, if it would */
    struct oro_metric *m = oro_metric(ORO_METRIC_COUNTER, "orochi_http_requests_total", "", "");
    cr_assert(oro_metric_value(m) < 30, "%lld were served before anything was read",
              (long long)oro_metric_value(m));
    for (int i = 0; i < 60; i++) {
        cr_assert(client_reply(c, &r, false));
        cr_assert_eq(r.body_len, 1000000);
        reply_free(&r);
    }
    client_close(c);
}

/* Eight pipelines of a hundred thousand microseconds each, and a player: he waits for a turn of the loop or two. */
Test(http, pipelines_take_turns_with_everybody)
{
    enum { PIPELINES = 8, REQUESTS = 500 };
    struct client *many[PIPELINES], *gate = client_open(t.port),
                                    *player = client_ws(t.port, "orochi.metrics.json");
    struct reply r;
    client_send_text(gate, "GET /gate HTTP/1.1\r\nhost: t\r\n\r\n");
    test_server_wait(&t, &t.at_gate, 1);
    for (int i = 0; i < PIPELINES; i++) {
        many[i] = client_open(t.port);
        for (int k = 0; k < REQUESTS; k++)
            client_send_text(many[i], "GET /burn HTTP/1.1\r\nhost: t\r\n\r\n");
    }
    ws_client_send(player, ORO_WS_TEXT, true, "burned", 6);
    pthread_mutex_lock(&t.lock);
    t.gate_open = true;
    pthread_cond_broadcast(&t.changed);
    pthread_mutex_unlock(&t.lock);
    struct frame f = ws_client_data(player);
    cr_assert_lt(atoi((char *)f.data), PIPELINES * REQUESTS / 10, "%s requests came first",
                 (char *)f.data);
    frame_free(&f);
    for (int i = 0; i < PIPELINES; i++) {
        for (int k = 0; k < REQUESTS; k++) {
            cr_assert(client_reply(many[i], &r, false));
            cr_assert_eq(r.status, 200);
            reply_free(&r);
        }
        client_close(many[i]);
    }
    client_close(gate);
    client_close(player);
}

Test(http, ticks_come)
{
    test_server_wait(&t, &t.ticks, 1);
}
