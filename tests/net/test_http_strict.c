/* What two readers could take for different requests is refused (RFC 9112): the tricks of request smuggling, one after the other.
 * Each is sent whole and byte by byte, with a second request hidden behind it that must never be answered. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/header.h"
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

TestSuite(strict, .init = setup, .fini = teardown, .timeout = 120);

#define H "host: t\r\n"
#define POST_H "POST /echo HTTP/1.1\r\n" H
#define CHUNKED POST_H "transfer-encoding: chunked\r\n\r\n"
#define HIDDEN "GET /hello HTTP/1.1\r\nhost: t\r\n\r\n"

struct refusal {
    const char *text;
    int status;
    const char *why; /* in the answer's text; NULL: any */
};

/* The first answer is the refusal, and the last. */
static void
expect_refusal(const char *what, const char *text, size_t len, bool whole, int status,
               const char *why)
{
    struct client *c = client_open(t.port);
    struct reply r;
    if (whole)
        client_try_send(c, text, len);
    for (size_t i = 0; !whole && i < len && client_try_send(c, text + i, 1); i++)
        ;
    client_try_send(c, HIDDEN, strlen(HIDDEN));
    cr_assert(client_reply(c, &r, false), "no answer to %s", what);
    cr_assert_eq(r.status, status, "%s: %s%s", what, r.head, r.body);
    cr_assert(why == NULL || strstr(r.body, why) != NULL, "%s: \"%s\"", what, r.body);
    cr_assert_str_eq(reply_header(&r, "connection"), "close", "%s", what);
    reply_free(&r);
    cr_assert_not(client_reply(c, &r, false), "a second answer to %s: %s", what, r.head);
    client_close(c);
}

static void
all_refused(const struct refusal *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (int whole = 0; whole < 2; whole++)
            expect_refusal(cases[i].text, cases[i].text, strlen(cases[i].text), whole,
                           cases[i].status, cases[i].why);
}

#define ALL_REFUSED(cases) all_refused(cases, sizeof(cases) / sizeof((cases)[0]))

static void
expect_answer(const char *text, const char *body)
{
    for (int whole = 0; whole < 2; whole++) {
        struct client *c = client_open(t.port);
        struct reply r;
        size_t len = strlen(text);
        for (size_t at = 0; at < len; at += whole ? len : 1)
            client_send(c, text + at, whole ? len : 1);
        cr_assert(client_reply(c, &r, false), "no answer to %s", text);
        cr_assert_eq(r.status, 200, "%s: %s%s", text, r.head, r.body);
        cr_assert_str_eq(r.body, body, "%s", text);
        reply_free(&r);
        client_close(c);
    }
}

Test(strict, request_lines)
{
    static const struct refusal cases[] = {
        {"GARBAGE\r\n\r\n", 400, "request line"},
        {"GET /\r\n\r\n", 400, "request line"},
        {"GET /\r\n" H "\r\n", 400, "request line"},
        {"GET / HTTP/1.1 x\r\n" H "\r\n", 400, NULL},
        {"GET / HTTP/1.1 \r\n" H "\r\n", 400, NULL},
        {"GET  / HTTP/1.1\r\n" H "\r\n", 400, NULL},
        {"GET /  HTTP/1.1\r\n" H "\r\n", 400, NULL},
        {"GET\t/ HTTP/1.1\r\n" H "\r\n", 400, NULL},
        {"GET /\tHTTP/1.1\r\n" H "\r\n", 400, NULL},
        {" GET / HTTP/1.1\r\n" H "\r\n", 400, "method"},
        {"G@T / HTTP/1.1\r\n" H "\r\n", 400, "method"},
        {"G(T / HTTP/1.1\r\n" H "\r\n", 400, "method"},
        {"GET: / HTTP/1.1\r\n" H "\r\n", 400, "method"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ / HTTP/1.1\r\n" H "\r\n", 400,
         "method"},
        {"GET / http/1.1\r\n" H "\r\n", 400, NULL},
        {"GET / HTTP/11\r\n" H "\r\n", 400, NULL},
        {"GET / HTTP/1.10\r\n" H "\r\n", 400, NULL},
        {"GET / HTTP/01.1\r\n" H "\r\n", 400, NULL},
        {"GET / HTTP/1,1\r\n" H "\r\n", 400, NULL},
        {"GET / HTTP/1.\r\n" H "\r\n", 400, NULL},
        {"GET / HTTPS/1.1\r\n" H "\r\n", 400, NULL},
        {"GET / HTTP/1.2\r\n" H "\r\n", 505, NULL},
        {"GET / HTTP/0.9\r\n" H "\r\n", 505, NULL},
        {"GET / HTTP/2.0\r\n" H "\r\n", 505, NULL},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, NULL},
        {"\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 400, "begins with its method"},
        {"\nGET / HTTP/1.1\r\n" H "\r\n", 400, "begins with its method"},
        {"\rGET / HTTP/1.1\r\n" H "\r\n", 400, "begins with its method"},
        {"\x16\x03\x01\x02", 400, "begins with its method"},
        {"\x80GET / HTTP/1.1\r\n" H "\r\n", 400, "begins with its method"},
    };
    ALL_REFUSED(cases);
}

Test(strict, targets)
{
    static const struct refusal cases[] = {
        {"GET nowhere HTTP/1.1\r\n" H "\r\n", 400, "target"},
        {"GET ?x HTTP/1.1\r\n" H "\r\n", 400, "target"},
        {"GET * HTTP/1.1\r\n" H "\r\n", 400, "target"},
        {"CONNECT t:80 HTTP/1.1\r\n" H "\r\n", 400, "target"},
        {"GET /a#b HTTP/1.1\r\n" H "\r\n", 400, "percent-encoded"},
        {"GET /a\"b HTTP/1.1\r\n" H "\r\n", 400, "percent-encoded"},
        {"GET /<b> HTTP/1.1\r\n" H "\r\n", 400, "percent-encoded"},
        {"GET /\x7f HTTP/1.1\r\n" H "\r\n", 400, "percent-encoded"},
        {"GET /\x01 HTTP/1.1\r\n" H "\r\n", 400, "percent-encoded"},
        {"GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", 400, "percent-encoded"},
        {"GET /echo?\x0b HTTP/1.1\r\n" H "\r\n", 400, "percent-encoded"},
        {"GET /a\rb HTTP/1.1\r\n" H "\r\n", 400, "percent-encoded"},
        {"GET /%zz HTTP/1.1\r\n" H "\r\n", 400, "the path"},
        {"GET /%00 HTTP/1.1\r\n" H "\r\n", 400, "the path"},
        {"GET /%4 HTTP/1.1\r\n" H "\r\n", 400, "the path"},
        {"GET /% HTTP/1.1\r\n" H "\r\n", 400, "the path"},
        {"GET /%0d%0aX:%20y HTTP/1.1\r\n" H "\r\n", 400, "the path"},
        {"GET /%1b HTTP/1.1\r\n" H "\r\n", 400, "the path"},
        {"GET /%7f HTTP/1.1\r\n" H "\r\n", 400, "the path"},
        {"GET /%ff HTTP/1.1\r\n" H "\r\n", 400, "the path"},
        {"GET /%c0%af HTTP/1.1\r\n" H "\r\n", 400, "the path"},
        {"GET ftp://t/ HTTP/1.1\r\n" H "\r\n", 400, "target"},
        {"GET http:/hello HTTP/1.1\r\n" H "\r\n", 400, "target"},
        {"GET ://t/ HTTP/1.1\r\n" H "\r\n", 400, "target"},
        {"GET x/http://t/ HTTP/1.1\r\n" H "\r\n", 400, "target"},
        {"GET http:///hello HTTP/1.1\r\n" H "\r\n", 400, "host"},
        {"GET http://a@t/hello HTTP/1.1\r\n" H "\r\n", 400, "host"},
        {"GET http://t:x/hello HTTP/1.1\r\n" H "\r\n", 400, "host"},
        {"GET http://t\\x/hello HTTP/1.1\r\n" H "\r\n", 400, "host"},
        {"GET http://t/hello HTTP/1.1\r\n\r\n", 400, "no Host"},
    };
    ALL_REFUSED(cases);
    expect_answer("GET http://other:80/echo/a?b HTTP/1.1\r\n" H "\r\n", "GET /echo/a|b||-");
    expect_answer("GET HTTPS://[::1]/echo HTTP/1.1\r\n" H "\r\n", "GET /echo|||-");
    expect_answer("GET /echo?a={b|c}^`\\ HTTP/1.1\r\n" H "\r\n", "GET /echo|a={b|c}^`\\||-");
    expect_answer("\r\n\r\nGET /echo HTTP/1.1\r\n" H "\r\n", "GET /echo|||-");
}

Test(strict, hosts)
{
    static const struct refusal cases[] = {
        {"GET /hello HTTP/1.1\r\n\r\n", 400, "no Host"},
        {"GET /hello HTTP/1.1\r\naccept: */*\r\n\r\n", 400, "no Host"},
        {"GET /hello HTTP/1.1\r\n" H H "\r\n", 400, "two Host"},
        {"GET /hello HTTP/1.1\r\nhost: a\r\nHOST: b\r\n\r\n", 400, "two Host"},
        {"GET /hello HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n", 400, "two Host"},
        {"GET /hello HTTP/1.1\r\nhost:\r\n\r\n", 400, "Host is"},
        {"GET /hello HTTP/1.1\r\nhost: a, b\r\n\r\n", 400, "Host is"},
        {"GET /hello HTTP/1.1\r\nhost: a b\r\n\r\n", 400, "Host is"},
        {"GET /hello HTTP/1.1\r\nhost: a@b\r\n\r\n", 400, "Host is"},
        {"GET /hello HTTP/1.1\r\nhost: a/b\r\n\r\n", 400, "Host is"},
        {"GET /hello HTTP/1.1\r\nhost: a:b\r\n\r\n", 400, "Host is"},
        {"GET /hello HTTP/1.1\r\nhost: a:1:2\r\n\r\n", 400, "Host is"},
        {"GET /hello HTTP/1.1\r\nhost: a:123456\r\n\r\n", 400, "Host is"},
        {"GET /hello HTTP/1.1\r\nhost: [::1\r\n\r\n", 400, "Host is"},
        {"GET /hello HTTP/1.1\r\nhost: [::1]x\r\n\r\n", 400, "Host is"},
        {"GET /hello HTTP/1.1\r\nhost: []\r\n\r\n", 400, "Host is"},
        {"GET /hello HTTP/1.1\r\nhost: \xc3\xa4\r\n\r\n", 400, "Host is"},
    };
    ALL_REFUSED(cases);
    expect_answer("GET /hello HTTP/1.1\r\nhost: [::1]:80\r\n\r\n", "hello");
    expect_answer("GET /hello HTTP/1.1\r\nHoSt:a-b_c.example:\r\n\r\n", "hello");
    expect_answer("GET /hello HTTP/1.0\r\n\r\n", "hello");
}

Test(strict, lines_end_in_crlf)
{
    static const struct refusal cases[] = {
        {"GET /hello HTTP/1.1\n" H "\r\n", 400, "CRLF"},
        {"GET /hello HTTP/1.1\r\nhost: t\n\r\n", 400, "CRLF"},
        {"GET /hello HTTP/1.1\r\nhost: t\r\n\n", 400, "CRLF"},
        {"GET /hello HTTP/1.1\nhost: t\n\n", 400, "CRLF"},
        {"GET /hello HTTP/1.1\r\nhost: t\r\nx: y\nz: w\r\n\r\n", 400, "CRLF"},
        {"GET /hello HTTP/1.1\r\rhost: t\r\n\r\n", 400, NULL},
        {"GET /hello HTTP/1.1\r\nhost: t\r\nx: y\rz: w\r\n\r\n", 400, "control"},
        {"GET /hello HTTP/1.1\r\nhost: t\r\r\n\r\n", 400, "control"},
    };
    ALL_REFUSED(cases);
}

Test(strict, fields)
{
    static const struct refusal cases[] = {
        {"GET /hello HTTP/1.1\r\n" H "no colon\r\n\r\n", 400, "a field is"},
        {"GET /hello HTTP/1.1\r\n" H ": x\r\n\r\n", 400, "a field is"},
        {"GET /hello HTTP/1.1\r\nhost : t\r\n\r\n", 400, "a field is"},
        {"GET /hello HTTP/1.1\r\nhost\t: t\r\n\r\n", 400, "a field is"},
        {"GET /hello HTTP/1.1\r\n host: t\r\n\r\n", 400, "a field is"},
        {"GET /hello HTTP/1.1\r\n\thost: t\r\n\r\n", 400, "a field is"},
        {"GET /hello HTTP/1.1\r\n" H "a: b\r\n folded\r\n\r\n", 400, "a field is"},
        {"GET /hello HTTP/1.1\r\n" H "a: b\r\n\tfolded: x\r\n\r\n", 400, "a field is"},
        {"GET /hello HTTP/1.1\r\n" H "a b: c\r\n\r\n", 400, "a field is"},
        {"GET /hello HTTP/1.1\r\n" H "a(b): c\r\n\r\n", 400, "a field is"},
        {"GET /hello HTTP/1.1\r\n" H "\xc3\xa4: c\r\n\r\n", 400, "a field is"},
        {"GET /hello HTTP/1.1\r\n" H "a: b\x01\r\n\r\n", 400, "control"},
        {"GET /hello HTTP/1.1\r\n" H "a: b\x7f\r\n\r\n", 400, "control"},
        {"GET /hello HTTP/1.1\r\n" H "a: b\x0b"
         "c\r\n\r\n",
         400, "control"},
        {"GET /hello HTTP/1.1\r\n" H "authorization: a\r\nauthorization: b\r\n\r\n", 400,
         "two Auth"},
        {"GET /hello HTTP/1.1\r\n" H "origin: a\r\norigin: b\r\n\r\n", 400, "two Origin"},
        {POST_H "content-type: a/b\r\ncontent-type: a/b\r\n\r\n", 400, "two Content-Type"},
        {POST_H "expect: something\r\ncontent-length: 1\r\n\r\n", 417, NULL},
    };
    ALL_REFUSED(cases);
    for (size_t at = 0; at < 30; at++) { /* a zero byte anywhere */
        char text[] = "GET /hello HTTP/1.1\r\nhost: t\r\n\r\n";
        text[at] = '\0';
        expect_refusal("a zero byte", text, sizeof(text) - 1, true, 400, NULL);
    }
    char many[4000] = "GET /hello HTTP/1.1\r\n" H;
    for (int i = 0; i < 100; i++)
        strcat(many, "a: b\r\n");
    strcat(many, "\r\n");
    expect_refusal("101 fields", many, strlen(many), true, 431, NULL);
}

Test(strict, lengths)
{
    static const struct refusal cases[] = {
        {POST_H "content-length: -1\r\n\r\n", 400, "Content-Length"},
        {POST_H "content-length: +1\r\n\r\nx", 400, "Content-Length"},
        {POST_H "content-length: 1x\r\n\r\nx", 400, "Content-Length"},
        {POST_H "content-length: 0x1\r\n\r\nx", 400, "Content-Length"},
        {POST_H "content-length: 1 1\r\n\r\nx", 400, "Content-Length"},
        {POST_H "content-length: 1,1\r\n\r\nx", 400, "Content-Length"},
        {POST_H "content-length: 1, 1\r\n\r\nx", 400, "Content-Length"},
        {POST_H "content-length: 1.0\r\n\r\nx", 400, "Content-Length"},
        {POST_H "content-length: \"1\"\r\n\r\nx", 400, "Content-Length"},
        {POST_H "content-length:\r\n\r\n", 400, "Content-Length"},
        {POST_H "content-length: 1\r\ncontent-length: 2\r\n\r\nab", 400, "two Content-Length"},
        {POST_H "content-length: 1\r\ncontent-length: 1\r\n\r\na", 400, "two Content-Length"},
        {POST_H "content-length: 99999999999999999999\r\n\r\n", 400, "Content-Length"},
        {POST_H "content-length: 18446744073709551617\r\n\r\n", 400, "Content-Length"},
        {POST_H "content-length: 999999999999999999\r\n\r\n", 413, NULL},
        {POST_H "content-length : 1\r\n\r\nx", 400, "a field is"},
        {POST_H "content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400, "beside"},
        {POST_H "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", 400, "beside"},
        {POST_H "content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400, "beside"},
        {POST_H "transfer-encoding: gzip\r\n\r\n", 501, "chunked"},
        {POST_H "transfer-encoding: identity\r\n\r\n", 501, "chunked"},
        {POST_H "transfer-encoding:\r\n\r\n", 501, "chunked"},
        {POST_H "transfer-encoding: xchunked\r\n\r\n", 501, "chunked"},
        {POST_H "transfer-encoding: chunked, identity\r\n\r\n", 501, "chunked"},
        {POST_H "transfer-encoding: identity, chunked\r\n\r\n", 501, "chunked"},
        {POST_H "transfer-encoding: chunked, chunked\r\n\r\n", 501, "chunked"},
        {POST_H "transfer-encoding: chunked;q=1\r\n\r\n", 501, "chunked"},
        {POST_H "transfer-encoding: \"chunked\"\r\n\r\n", 501, "chunked"},
        {POST_H "transfer-encoding: \x0b"
                "chunked\r\n\r\n",
         400, "control"},
        {POST_H "transfer-encoding : chunked\r\n\r\n", 400, "a field is"},
        {POST_H "transfer-encoding:\r\n chunked\r\n\r\n", 501, "chunked"},
        {POST_H "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n", 400,
         "two Transfer"},
        {POST_H "transfer-encoding: chunked\r\ntransfer-encoding: x\r\n\r\n", 400, "two Transfer"},
        {POST_H "transfer-encoding: x\r\ntransfer-encoding: chunked\r\n\r\n", 501, NULL},
        {"POST /echo HTTP/1.0\r\n" H "transfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400,
         "HTTP/1.0"},
        {"POST /echo HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400, "HTTP/1.0"},
    };
    ALL_REFUSED(cases);
    expect_answer(POST_H "content-length: 003\r\n\r\nabc", "POST /echo||abc|-");
    expect_answer(POST_H "Transfer-Encoding:\t Chunked \r\n\r\n1\r\nx\r\n0\r\n\r\n",
                  "POST /echo||x|-");
}

Test(strict, chunks)
{
    static const struct refusal cases[] = {
        {CHUNKED "xyz\r\n", 400, "a chunk begins"},
        {CHUNKED "\r\n", 400, "a chunk begins"},
        {CHUNKED "-1\r\n", 400, "a chunk begins"},
        {CHUNKED "+1\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "0x1\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1_0\r\n", 400, "a chunk begins"},
        {CHUNKED " 1\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1 \r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1\t\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1 ;a=b\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1; a=b\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1;\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1;a=\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1;a=\"b\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1;a=b c\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1;a\x01\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1,2\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1\nx\r\n0\r\n\r\n", 400, "CRLF"},
        {CHUNKED "1;a\nx\r\n0\r\n\r\n", 400, "CRLF"},
        {CHUNKED "1\rZ\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1\r\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1;a\rb\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "1\r\nx\n0\r\n\r\n", 400, "not followed by CRLF"},
        {CHUNKED "1\r\nx\rZ0\r\n\r\n", 400, "not followed by CRLF"},
        {CHUNKED "1\r\nxy\r\n0\r\n\r\n", 400, "not followed by CRLF"},
        {CHUNKED "1\r\nx0\r\n\r\n", 400, "not followed by CRLF"},
        {CHUNKED "0\n\r\n", 400, "CRLF"},
        {CHUNKED "0\r\n\n", 400, "CRLF"},
        {CHUNKED "0\r\nx: y\n\r\n", 400, "CRLF"},
        {CHUNKED "0\r\nno field\r\n\r\n", 400, "trailer"},
        {CHUNKED "0\r\n folded\r\n\r\n", 400, "trailer"},
        {CHUNKED "0\r\nx : y\r\n\r\n", 400, "trailer"},
        {CHUNKED "0\r\nx: y\rz\r\n\r\n", 400, "trailer"},
        {CHUNKED "0\r\nx: \x7f\r\n\r\n", 400, "trailer"},
        {CHUNKED "100000000\r\n", 400, "a chunk begins"},
        {CHUNKED "ffffffffffffffff\r\n", 400, "a chunk begins"},
        {CHUNKED "10000000000000001\r\nx\r\n0\r\n\r\n", 400, "a chunk begins"},
        {CHUNKED "fffff\r\n", 413, NULL},
        {CHUNKED "1\r\nx\r\n10000\r\n", 413, NULL},
    };
    ALL_REFUSED(cases);
    expect_refusal("a zero byte in a chunk line", CHUNKED "1\0\r\nx\r\n0\r\n\r\n",
                   sizeof(CHUNKED "1\0\r\nx\r\n0\r\n\r\n") - 1, true, 400, "a chunk begins");
    expect_answer(CHUNKED
                  "3\r\nabc\r\n5;ext=1;b=\"q \\\" \t\xc3\xa4\"\r\ndefgh\r\n00;z\r\nTrailer: "
                  "x\r\nContent-Length: 7\r\n\r\n",
                  "POST /echo||abcdefgh|-");
    expect_answer(CHUNKED "A\r\n0123456789\r\n0000000a\r\n0123456789\r\n0\r\n\r\n",
                  "POST /echo||01234567890123456789|-");
}

/* What is no content counts as well: a body of one byte cannot bring 20 KiB with it. */
Test(strict, the_overhead_of_chunks_counts)
{
    struct oro_bb b = {0};
    oro_bb_printf(&b, CHUNKED);
    for (int i = 0; i < 40; i++)
        oro_bb_printf(&b, "1;e=%0500d\r\nx\r\n", 0);
    oro_bb_printf(&b, "0\r\n\r\n");
    expect_refusal("extensions", (char *)b.data, b.len, true, 400, "extensions are too long");
    oro_bb_clear(&b);
    oro_bb_printf(&b, CHUNKED "0\r\n");
    for (int i = 0; i < 40; i++)
        oro_bb_printf(&b, "x: %0500d\r\n", 0);
    oro_bb_printf(&b, "\r\n");
    expect_refusal("trailers", (char *)b.data, b.len, true, 431, NULL);
    oro_bb_clear(&b);
    oro_bb_printf(&b, CHUNKED "0\r\nx: %020000d", 0);
    expect_refusal("one long trailer", (char *)b.data, b.len, true, 400, "too long");
    oro_bb_clear(&b);
    oro_bb_printf(&b, CHUNKED "1;e=%01200d", 0);
    expect_refusal("one long extension", (char *)b.data, b.len, true, 400, "too long");
    oro_bb_fini(&b);
}

Test(strict, methods_have_their_case)
{
    struct client *c = client_open(t.port);
    struct reply r;
    /* Its answer has a body, which must come: else the next answer would be read as that. */
    cr_assert(client_request(c, "head", "/hello", "", NULL, &r));
    cr_assert_str_eq(r.body, "hello");
    reply_free(&r);
    cr_assert(
        client_request(c, "get", "/echo",
                       "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                       NULL, &r));
    cr_assert_str_eq(r.body, "get /echo|||-");
    reply_free(&r);
    client_close(c);
}

Test(strict, close_wins_over_keep_alive)
{
    static const char *const orders[] = {"close\r\nconnection: keep-alive",
                                         "keep-alive\r\nconnection: close", "keep-alive, close"};
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        char text[200];
        snprintf(text, sizeof(text), "GET /hello HTTP/1.1\r\n" H "connection: %s\r\n\r\n" HIDDEN,
                 orders[i]);
        struct client *c = client_open(t.port);
        struct reply r;
        client_send_text(c, text);
        cr_assert(client_reply(c, &r, false));
        cr_assert_eq(r.status, 200);
        reply_free(&r);
        cr_assert_not(client_reply(c, &r, false), "%s", orders[i]);
        client_close(c);
    }
}

/* After HEAD a refusal has its body again. */
Test(strict, a_refusal_behind_a_head_request_is_whole)
{
    struct client *c = client_open(t.port);
    struct reply r;
    cr_assert(client_request(c, "HEAD", "/hello", "", NULL, &r));
    reply_free(&r);
    client_send_text(c, "GET / HTTP/1.1\r\n\r\n");
    cr_assert(client_reply(c, &r, false));
    cr_assert_eq(r.status, 400);
    cr_assert_not_null(strstr(r.body, "no Host"));
    reply_free(&r);
    client_close(c);
}

Test(strict, upgrades)
{
    static const struct {
        const char *change; /* instead of, or beside, the usual fields */
        int status;
    } cases[] = {
        {"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 101},
        {"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n", 400},
        {"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n", 400},
        {"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n", 400},
        {"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: =====================Q==\r\n", 400},
        {"Sec-WebSocket-Version: 13\r\n", 400},
        {"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400},
        {"Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400},
        {"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
         400},
        {"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
         400},
        {"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Content-Length: 1\r\n",
         400},
        {"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         "Transfer-Encoding: chunked\r\n\r\n0\r\n",
         400},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[600];
        snprintf(text, sizeof(text),
                 "GET /ws HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                 "Sec-WebSocket-Protocol: v3.bsatn.spacetimedb\r\n%s\r\nx",
                 cases[i].change);
        struct client *c = client_open(t.port);
        struct reply r;
        client_send(c, text, strlen(text) - (cases[i].status == 101));
        cr_assert(client_reply(c, &r, false), "case %zu", i);
        cr_assert_eq(r.status, cases[i].status, "case %zu: %s%s", i, r.head, r.body);
        reply_free(&r);
        client_close(c);
    }
    /* HTTP/1.0 knows no upgrade: an ordinary request. */
    struct client *c = client_open(t.port);
    struct reply r;
    client_send_text(
        c, "GET /hello HTTP/1.0\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    cr_assert(client_reply(c, &r, false));
    cr_assert_eq(r.status, 200);
    reply_free(&r);
    client_close(c);
}

/* ---- headers that we write ---- */

Test(header, only_whole_lines_without_control_characters)
{
    char text[64] = "";
    cr_assert(oro_header_add(text, sizeof(text), "a", "b \xc3\xa4"));
    cr_assert_str_eq(text, "a: b \xc3\xa4\r\n");
    for (int ch = 1; ch < 256; ch++) {
        char value[] = {'x', (char)ch, 'y', '\0'}, name[] = {'x', (char)ch, '\0'};
        char one[64] = "";
        bool legal = ch >= 0x20 && ch != 0x7f;
        cr_assert_eq(oro_header_add(one, sizeof(one), "n", value), legal, "%d", ch);
        cr_assert_eq(one[0] != '\0', legal);
        cr_assert(oro_headers_valid(one));
        one[0] = '\0';
        if (strchr("\r\n :\t(),/;<=>?@[\\]{}\"", ch) != NULL || ch >= 0x7f)
            cr_assert_not(oro_header_add(one, sizeof(one), name, "v"), "%d", ch);
    }
    cr_assert_not(oro_header_add(text, sizeof(text), "", "v"));
    for (int i = 0; i < 20; i++) /* until it is full, in whole lines */
        (void)oro_header_add(text, sizeof(text), "name", "value");
    cr_assert(oro_headers_valid(text));
    cr_assert(strlen(text) > 40);
    static const char *const wrong[] = {
        "a: b",    "a: b\n",  "a: b\r\n\r\n", "a: b\r\n\r\nHTTP/1.1 200 OK\r\n",
        "a:b\r\n", ": b\r\n", " a: b\r\n",    "a: b\rc\r\n",
        "\r\n"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_assert_not(oro_headers_valid(wrong[i]), "%s", wrong[i]);
    cr_assert(oro_headers_valid(""));
}

/* What the sink hands up is looked at again. */
Test(strict, an_answer_whose_headers_are_no_lines_is_500)
{
    struct client *c = client_open(t.port);
    struct reply r;
    cr_assert(client_request(c, "GET", "/inject", "", NULL, &r));
    cr_assert_eq(r.status, 500);
    cr_assert_null(strstr(r.head, "evil"));
    reply_free(&r);
    cr_assert(client_request(c, "GET", "/hello", "", NULL, &r));
    cr_assert_str_eq(r.body, "hello");
    reply_free(&r);
    client_close(c);
}
