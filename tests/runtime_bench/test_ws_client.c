#include "runtime/bench/ws_client.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- bytes only ---- */

static void
check_head(size_t len, const char *want, size_t want_len)
{
    struct oro_bb bb = {0};
    oro_wsc_put_head(&bb, ORO_WS_BINARY, len);
    cr_assert(oro_bytes_eq(oro_bb_bytes(&bb), oro_bytes(want, want_len)), "head for %zu bytes",
              len);
    oro_bb_fini(&bb);
}

Test(ws_client, heads_of_every_length)
{
    check_head(0, "\x82\x80\0\0\0\0", 6);
    check_head(125, "\x82\xfd\0\0\0\0", 6);
    check_head(126, "\x82\xfe\x00\x7e\0\0\0\0", 8);
    check_head(65535, "\x82\xfe\xff\xff\0\0\0\0", 8);
    check_head(65536, "\x82\xff\0\0\0\0\0\x01\0\0\0\0\0\0", 14);
    check_head((size_t)5 << 32, "\x82\xff\0\0\0\x05\0\0\0\0\0\0\0\0", 14);
}

/* A server's frame. */
static void
put_frame(struct oro_bb *bb, unsigned first, const char *payload, size_t len)
{
    oro_bb_u8(bb, (uint8_t)first);
    if (len < 126) {
        oro_bb_u8(bb, (uint8_t)len);
    } else if (len < 65536) {
        oro_bb_put(bb, (uint8_t[]){126, (uint8_t)(len >> 8), (uint8_t)len}, 3);
    } else {
        oro_bb_put(bb,
                   (uint8_t[]){127, 0, 0, 0, 0, 0, (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                               (uint8_t)len},
                   9);
    }
    oro_bb_put(bb, payload, len);
}

Test(ws_client, a_frame_is_read_only_when_it_is_whole)
{
    static const size_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536, 70000};
    static char payload[70000];
    struct oro_wsc_frame f;
    size_t used;
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct oro_bb bb = {0};
        put_frame(&bb, 0x82, payload, lengths[i]);
        for (size_t n = 0; n < bb.len; n += n < 20 || n + 20 > bb.len ? 1 : 997)
            cr_assert_eq(oro_wsc_parse(oro_bytes(bb.data, n), &f, &used), ORO_WSC_MORE,
                         "%zu of %zu", n, bb.len);
        oro_bb_u8(&bb, 0x89); /* the next one begins */
        cr_assert_eq(oro_wsc_parse(oro_bb_bytes(&bb), &f, &used), ORO_WSC_FRAME);
        cr_assert_eq(used, bb.len - 1);
        cr_assert_eq(f.payload.len, lengths[i]);
        cr_assert(f.fin && f.opcode == ORO_WS_BINARY);
        oro_bb_fini(&bb);
    }
}

Test(ws_client, frames_that_no_server_may_send)
{
    static const char *const bad[] = {
        "\xc2\x01x",                                /* a reserved bit */
        "\x82\x81xxxxx",                            /* masked */
        "\x83\x01x",                                /* unknown opcode */
        "\x09\x01x",                                /* a ping in parts */
        "\x88\x7e\x01\x01",                         /* a long control frame */
        "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", /* longer than any memory */
    };
    struct oro_wsc_frame f;
    size_t used;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(oro_wsc_parse(oro_bytes(bad[i], i == 5 ? 10 : strlen(bad[i])), &f, &used),
                     ORO_WSC_BAD, "case %u", i);
}

#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static oro_status
answer(const char *text, size_t *used, struct oro_err *err)
{
    return oro_wsc_check_answer(oro_bytes_str(text), "v3.bsatn.spacetimedb", used, err);
}

Test(ws_client, the_answer_to_the_handshake)
{
    static const char good[] = "HTTP/1.1 101 Switching Protocols\r\n" ACCEPT
                               "sec-websocket-protocol:  v3.bsatn.spacetimedb \r\n\r\n";
    struct oro_err err;
    size_t used = 7;
    cr_assert_eq(answer("", &used, &err), ORO_OK);
    cr_assert_eq(used, 0);
    cr_assert_eq(oro_wsc_check_answer(oro_bytes(good, sizeof(good) - 2), "v3.bsatn.spacetimedb",
                                      &used, &err),
                 ORO_OK);
    cr_assert_eq(used, 0, "the last byte is missing");
    cr_assert_eq(answer(good, &used, &err), ORO_OK);
    cr_assert_eq(used, sizeof(good) - 1);
}

Test(ws_client, answers_that_are_refused)
{
    struct oro_err err;
    size_t used;
    cr_assert_eq(answer("HTTP/1.1 404 Not Found\r\nX: y\r\n\r\n", &used, &err), ORO_EREFUSED);
    cr_assert(strstr(err.text, "404 Not Found"), "%s", err.text);
    cr_assert_eq(answer("HTTP/1.1 101 OK\r\nSec-WebSocket-Protocol: v3.bsatn.spacetimedb\r\n\r\n",
                        &used, &err),
                 ORO_EREFUSED);
    cr_assert_eq(answer("HTTP/1.1 101 OK\r\n" ACCEPT "\r\n", &used, &err), ORO_EREFUSED);
    cr_assert(strstr(err.text, "took none"), "%s", err.text);
    cr_assert_eq(answer("HTTP/1.1 101 OK\r\n" ACCEPT
                        "Sec-WebSocket-Protocol: v2.bsatn.spacetimedb\r\n\r\n",
                        &used, &err),
                 ORO_EREFUSED);
    cr_assert(strstr(err.text, "took v2"), "%s", err.text);
}

/* ---- a connection, whose other end is ours ---- */

static void
open_pair(struct oro_wsc *c, int *server)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    *c = (struct oro_wsc){.fd = ends[0]};
    *server = ends[1];
}

static void
send_all(int server, struct oro_bb *bb)
{
    cr_assert_eq(send(server, bb->data, bb->len, 0), (ssize_t)bb->len);
    oro_bb_fini(bb);
}

Test(ws_client, a_message_in_parts_with_a_ping_between)
{
    struct oro_wsc c;
    int server;
    bool got, all;
    char pong[16];
    struct oro_err err;
    struct oro_bytes message;
    struct oro_bb bb = {0};
    open_pair(&c, &server);
    put_frame(&bb, 0x02, "one ", 4);
    put_frame(&bb, 0x89, "hi", 2);
    put_frame(&bb, 0x00, "two ", 4);
    put_frame(&bb, 0x80, "three", 5);
    put_frame(&bb, 0x82, "whole", 5);
    put_frame(&bb, 0x82, "", 0);
    send_all(server, &bb);
    cr_assert_eq(oro_wsc_receive(&c, &err), ORO_OK);
    cr_assert_eq(oro_wsc_next(&c, &message, &got, &err), ORO_OK);
    cr_assert(got && oro_bytes_eq(message, oro_bytes_str("one two three")));
    cr_assert_eq(oro_wsc_next(&c, &message, &got, &err), ORO_OK);
    cr_assert(got && oro_bytes_eq(message, oro_bytes_str("whole")));
    cr_assert_eq(oro_wsc_next(&c, &message, &got, &err), ORO_OK);
    cr_assert(got && message.len == 0);
    cr_assert_eq(oro_wsc_next(&c, &message, &got, &err), ORO_OK);
    cr_assert_not(got);
    cr_assert_eq(oro_wsc_flush(&c, &all, &err), ORO_OK);
    cr_assert(all);
    cr_assert_eq(recv(server, pong, sizeof(pong), 0), 8);
    cr_assert_eq(memcmp(pong, "\x8a\x82\0\0\0\0hi", 8), 0);
    oro_wsc_close(&c);
    close(server);
}

Test(ws_client, a_long_message_comes_byte_by_byte_or_at_once)
{
    static char payload[300000];
    struct oro_wsc c;
    int server;
    bool got = false;
    struct oro_err err;
    struct oro_bytes message;
    struct oro_bb bb = {0};
    open_pair(&c, &server);
    memset(payload, 'x', sizeof(payload));
    put_frame(&bb, 0x82, payload, sizeof(payload));
    for (size_t at = 0, step = 1; at < bb.len; at += step, step = at < 40 ? 1 : 50000) {
        cr_assert_not(got);
        size_t n = bb.len - at < step ? bb.len - at : step;
        cr_assert_eq(send(server, bb.data + at, n, 0), (ssize_t)n);
        cr_assert_eq(oro_wsc_receive(&c, &err), ORO_OK);
        cr_assert_eq(oro_wsc_next(&c, &message, &got, &err), ORO_OK);
    }
    cr_assert(got && oro_bytes_eq(message, oro_bytes(payload, sizeof(payload))));
    oro_bb_fini(&bb);
    oro_wsc_close(&c);
    close(server);
}

static oro_status
next_of(const char *bytes, size_t len, struct oro_err *err)
{
    struct oro_wsc c;
    int server;
    bool got;
    struct oro_bytes message;
    open_pair(&c, &server);
    cr_assert_eq(send(server, bytes, len, 0), (ssize_t)len);
    cr_assert_eq(oro_wsc_receive(&c, err), ORO_OK);
    oro_status st = oro_wsc_next(&c, &message, &got, err);
    cr_assert_not(got && st == ORO_OK);
    oro_wsc_close(&c);
    close(server);
    return st;
}

Test(ws_client, ends_and_faults)
{
    struct oro_err err;
    cr_assert_eq(next_of("\x88\x06\x03\xf5"
                         "full",
                         8, &err),
                 ORO_ECLOSED);
    cr_assert(strstr(err.text, "1013 full"), "%s", err.text);
    cr_assert_eq(next_of("\x88\x00", 2, &err), ORO_ECLOSED);
    cr_assert_eq(next_of("\x81\x01x", 3, &err), ORO_EMALFORMED, "text");
    cr_assert_eq(next_of("\x80\x01x", 3, &err), ORO_EMALFORMED, "a continuation of nothing");
    cr_assert_eq(next_of("\x02\x01x\x82\x01y", 6, &err), ORO_EMALFORMED, "a second beginning");
    cr_assert_eq(next_of("\x82\x85xxxxx", 7, &err), ORO_EMALFORMED, "masked");
}

Test(ws_client, the_end_of_the_stream_and_a_full_socket)
{
    struct oro_wsc c;
    int server;
    bool all = true;
    struct oro_err err;
    struct oro_bytes message;
    static char payload[1 << 20];
    open_pair(&c, &server);
    while (all) {
        oro_wsc_put_head(&c.out, ORO_WS_BINARY, sizeof(payload));
        oro_bb_put(&c.out, payload, sizeof(payload));
        cr_assert_eq(oro_wsc_flush(&c, &all, &err), ORO_OK);
    }
    size_t before = c.out.len - c.out_at;
    while (recv(server, payload, sizeof(payload), 0) > 0)
        continue;
    cr_assert_eq(oro_wsc_flush(&c, &all, &err), ORO_OK);
    cr_assert(all || c.out.len - c.out_at < before);
    cr_assert_eq(oro_wsc_wait(&c, 1, &message, &err), ORO_ETIMEOUT);
    close(server);
    cr_assert_eq(oro_wsc_receive(&c, &err), ORO_ECLOSED);
    oro_wsc_close(&c);
    oro_wsc_close(&c); /* closed is fine */
}

Test(ws_client, nobody_listens)
{
    struct oro_wsc c;
    struct oro_err err;
    struct oro_wsc_target t = {"127.0.0.1", 1, "/", "v3.bsatn.spacetimedb"};
    cr_assert_neq(oro_wsc_open(&c, &t, 1000, &err), ORO_OK);
    cr_assert(strncmp(err.text, "127.0.0.1:1: ", 13) == 0, "%s", err.text);
    cr_assert_eq(c.fd, -1);
}
