/* net/http.c - HTTP/1.1, as much as the API and its pages need: keep-alive, pipelining, bodies
 * with a length or chunked, answers at once or later, the upgrade to a websocket.
 *
 * The bytes of a request are collected in conn->in until it is complete, then parsed in place. A
 * request that is with the sink has left conn->in; what the peer sent behind it waits there, and
 * nothing more is read until the answer is out. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/net_priv.h"

#include "net/budget_priv.h"
#include "net/http_priv.h"
#include "net/io_priv.h"
#include "net/outbox_priv.h"
#include "net/ws_priv.h"
#include "runtime/base/clock.h"
#include "runtime/base/header.h"
#include "runtime/base/log.h"
#include "runtime/base/utf8.h"

/* Decodes %xx in place; false for a broken one, for control characters, and for what is not UTF-8 then. */
static bool
percent_decode(char *p)
{
    char *to = p, *from = p;
    for (; *p != '\0'; p++) {
        if (*p != '%') {
            *to++ = *p;
            continue;
        }
        int a = oro_hex_digit(p[1]), b = a < 0 ? -1 : oro_hex_digit(p[2]), ch = a * 16 + b;
        if (b < 0 || ch < 0x20 || ch == 0x7f)
            return false;
        *to++ = (char)ch;
        p += 2;
    }
    *to = '\0';
    return oro_utf8_valid(oro_bytes(from, (size_t)(to - from)));
}

/* ---- answering ---- */

static const char *
reason_of(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Payload Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Entity"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {530, "Call Failed"},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Status";
}

/* Takes bb. */
static void
send_bb(struct conn *c, struct oro_bb *bb)
{
    struct piece *p = bb->len > 0 ? out_take(c, bb) : NULL;
    if (p != NULL) {
        p->pinned = true;
        out_append(c, p);
    } else if (bb->len > 0) {
        conn_cut(c, CAUSE_BUFFERS);
    }
    oro_bb_fini(bb);
}

#define ANSWERS_MAX \
    ((size_t)1024 * \
     1024) /* while more waits to be sent, further requests of a pipeline are not served */
#define BODY_COPY_MAX 8192 /* a body up to here goes into the same piece as its head */

static bool
answers_wait(const struct conn *c)
{
    return c->out_bytes >= ANSWERS_MAX || c->files > 0;
}

void
http_response_fini(struct oro_http_response *res)
{
    oro_parts_fini(&res->parts);
    oro_bb_fini(&res->body);
    if (res->file_len > 0)
        close(res->file);
    res->file_len = 0;
}

/* The lines that the sink handed up, or none if they are not lines: an answer must not end where a value says so. */
static const char *
lines_of(char *extra, size_t size)
{
    extra[size - 1] = '\0';
    if (oro_headers_valid(extra))
        return extra;
    oro_log_limited(ORO_LOG_ERROR, "http", "an answer had headers that are no lines; left out");
    return NULL;
}

/* False: there was no memory. */
static bool
send_parts(struct conn *c, const struct oro_parts *parts)
{
    for (size_t i = 0; i < parts->n; i++) {
        struct piece *p = out_link(c, parts->bufs[i], NULL, 0);
        if (p == NULL) {
            conn_cut(c, CAUSE_BUFFERS);
            return false;
        }
        p->pinned = true;
    }
    return true;
}

static void
send_body(struct conn *c, struct oro_http_response *res)
{
    if (res->file_len == 0) {
        if (send_parts(c, &res->parts))
            send_bb(c, &res->body);
        return;
    }
    bool sent = out_file(c, res->file, res->file_len);
    res->file_len = 0;
    if (!sent)
        conn_cut(c, CAUSE_BUFFERS);
}

/* The request that was with the sink has its answer. */
static void
answer_ended(struct conn *c)
{
    ASSERT_HERE(c);
    c->busy = false;
    if (!c->answer_close || c->state != CONN_HTTP)
        return;
    conn_move(c, CONN_DRAIN);
    if (!c->running)
        oro_bb_fini(&c->in); /* else http_run does it: strings of the request lie there */
    conn_end_by(c, c->shard->now_us + FLUSH_LIMIT_US);
    conn_touch(c);
}

/* The head of an answer whose length is not known. Who has no chunks sees its end by that of the connection. */
static void
begin_pieces(struct conn *c, char *own, size_t size)
{
    c->in_pieces = true;
    c->chunked_out = !c->http_1_0;
    c->piece_sent = false;
    if (c->chunked_out)
        oro_header_add(own, size, "transfer-encoding", "chunked");
    else
        c->answer_close = true;
}

/* The line of a chunk's size, behind the end of the chunk before it. */
static size_t
chunk_line(const struct conn *c, size_t len, uint8_t head[12])
{
    char line[16];
    int n = snprintf(line, sizeof(line), "%s%zx\r\n", c->piece_sent ? "\r\n" : "", len);
    ORO_ASSERT(n > 0 && n <= 12);
    memcpy(head, line, (size_t)n);
    return (size_t)n;
}

bool
http_piece(struct conn *c, struct oro_buf *piece, bool last)
{
    ASSERT_HERE(c);
    uint8_t head[12];
    ORO_ASSERT(c->in_pieces);
    if (budget_over(c->shard))
        budget_enforce(c->shard);
    if (c->state != CONN_HTTP)
        return false;
    size_t n = c->chunked_out ? chunk_line(c, piece->len, head) : 0;
    struct piece *p = out_link(c, piece, head, n);
    if (p == NULL) {
        conn_cut(c, CAUSE_BUFFERS);
        return false;
    }
    p->pinned = true;
    c->piece_sent = true;
    if (!last)
        return true;
    struct oro_bb end = {0};
    if (c->chunked_out)
        oro_bb_printf(&end, "\r\n0\r\n\r\n");
    send_bb(c, &end);
    c->in_pieces = false;
    answer_ended(c);
    conn_touch(c); /* for the requests that wait behind it */
    return true;
}

void
http_answer(struct conn *c, struct oro_http_response *res)
{
    ASSERT_HERE(c);
    struct oro_bb out = {0};
    char own[256] = "", number[24];
    const char *extra = lines_of(res->extra_headers, sizeof(res->extra_headers));
    int status = res->status >= 100 && res->status <= 999 && extra != NULL ? res->status : 500;
    bool may_have_body = status >= 200 && status != 204 && status != 304;
    uint64_t len = res->file_len > 0 ? res->file_len : res->parts.bytes + res->body.len;
    snprintf(number, sizeof(number), "%llu", (unsigned long long)len);
    if (res->content_type != NULL)
        oro_header_add(own, sizeof(own), "content-type", res->content_type);
    if (res->in_pieces)
        begin_pieces(c, own, sizeof(own));
    else if (may_have_body)
        oro_header_add(own, sizeof(own), "content-length", number);
    if (c->answer_close)
        oro_header_add(own, sizeof(own), "connection", "close");
    oro_bb_printf(&out, "HTTP/1.1 %d %s\r\n%s%s\r\n", status, reason_of(status), own,
                  extra != NULL ? extra : "");
    bool with_body = may_have_body && !c->answer_head && len > 0;
    if (with_body && res->file_len == 0 && res->parts.n == 0 && len <= BODY_COPY_MAX) {
        oro_bb_put(&out, res->body.data, res->body.len);
        with_body = false;
    }
    send_bb(c, &out);
    if (with_body && c->state == CONN_HTTP)
        send_body(c, res);
    http_response_fini(res);
    if (!res->in_pieces)
        answer_ended(c);
}

/* An answer of our own, after which the connection closes. */
static void
refuse_with(struct conn *c, int status, const char *why, const char *name, const char *value)
{
    struct oro_http_response res = {.status = status, .content_type = "text/plain; charset=utf-8"};
    oro_bb_printf(&res.body, "%s%s%s", reason_of(status), why[0] != '\0' ? ": " : "", why);
    if (name != NULL)
        oro_header_add(res.extra_headers, sizeof(res.extra_headers), name, value);
    c->answer_close = true;
    http_answer(c, &res);
}

void
http_refuse(struct conn *c, int status, const char *why)
{
    refuse_with(c, status, why, NULL, NULL);
}

void
http_on_cut(struct conn *c, const struct farewell *f)
{
    ASSERT_HERE(c);
    if (c->state == CONN_HTTP && !c->busy && !c->running && c->out_head == NULL && f->status != 0) {
        oro_bb_fini(&c->in);
        http_refuse(c, f->status, f->why);
    } else {
        conn_doom(c, c->cause);
    }
}

/* ---- requests ---- */

static char *
text_of(struct span s)
{
    if (s.p == NULL)
        return NULL;
    s.p[s.len] = '\0'; /* after each value comes at least the end of its line */
    return s.p;
}

/* A host that stands in the target has no room for its end before the path: it moves over the second slash. */
static char *
host_text(struct head *h)
{
    if (h->absolute) {
        memmove(h->host.p - 1, h->host.p, h->host.len);
        h->host.p--;
    }
    return text_of(h->host);
}

/* The head is parsed and the body complete; turns the spans into strings in place. False: the
 * path is no good. */
static bool
fill_request(struct head *h, struct oro_http_request *req)
{
    *req = (struct oro_http_request){.query = "", .path = "/", .fields = h->lines};
    req->method = text_of(h->method);
    req->host = host_text(h);
    if (h->query.p != NULL)
        req->query = text_of(h->query);
    if (h->path.len > 0) {
        char *path = text_of(h->path);
        if (!percent_decode(path))
            return false;
        req->path = path;
    }
    req->authorization = text_of(h->authorization);
    req->content_type = text_of(h->content_type);
    req->origin = text_of(h->origin);
    req->if_none_match = text_of(h->if_none_match);
    req->accept = text_of(h->accept);
    req->accept_encoding = text_of(h->accept_encoding);
    return true;
}

/* Base64 of 16 bytes. */
static bool
key_legal(struct span k)
{
    for (size_t i = 0; i < 22 && k.len == 24; i++)
        if (k.p[i] == '=' || (!isalnum((unsigned char)k.p[i]) && k.p[i] != '+' && k.p[i] != '/'))
            return false;
    return k.len == 24 && memcmp(k.p + 22, "==", 2) == 0;
}

static void
upgrade(struct conn *c, struct head *h, struct oro_http_request *req)
{
    ASSERT_HERE(c);
    struct shard *s = c->shard;
    const struct oro_sink *sink = s->net->sink;
    if (!span_is(h->version, "13")) {
        refuse_with(c, BAD_REQUEST, "a websocket has version 13", "sec-websocket-version", "13");
        return;
    }
    bool body = req->body.len > 0 || h->chunked;
    if (!key_legal(h->key) || body) {
        http_refuse(c, BAD_REQUEST,
                    body ? "an upgrade has no body" : "Sec-WebSocket-Key is base64 of 16 bytes");
        return;
    }
    req->protocols = text_of(h->protocols);
    req->websocket = true;

    struct oro_ws_accept acc = {0};
    struct oro_http_response res = {0};
    if (!sink->ws_request(sink->self, s->index, req, &acc, &res)) {
        http_answer(c, &res);
        return;
    }
    char accept[29];
    ws_accept_key(text_of(h->key), accept);
    struct oro_bb out = {0};
    char own[256] = "";
    const char *extra = lines_of(acc.extra_headers, sizeof(acc.extra_headers));
    oro_header_add(own, sizeof(own), "upgrade", "websocket");
    oro_header_add(own, sizeof(own), "connection", "Upgrade");
    oro_header_add(own, sizeof(own), "sec-websocket-accept", accept);
    if (acc.protocol != NULL)
        oro_header_add(own, sizeof(own), "sec-websocket-protocol", acc.protocol);
    oro_bb_printf(&out, "HTTP/1.1 101 Switching Protocols\r\n%s%s\r\n", own,
                  extra != NULL ? extra : "");
    send_bb(c, &out);
    if (c->state != CONN_HTTP) {
        if (sink->ws_abandon != NULL)
            sink->ws_abandon(sink->self, s->index, acc.user);
        return;
    }
    c->busy = false;
    c->framing = acc.framing;
    c->observer = acc.observer;
    c->user = acc.user;
    conn_move(c, CONN_WS);
}

/* The whole request lies in conn->in: body at head_len, body_len bytes. */
static void
serve(struct conn *c, struct head *h, size_t body_len)
{
    ASSERT_HERE(c);
    struct shard *s = c->shard;
    const struct oro_sink *sink = s->net->sink;
    struct oro_http_request req;
    s->n.http_requests++;
    c->answer_close = !h->keep_alive || s->stop_us != 0;
    c->http_1_0 = h->http_1_0;
    bool legal = fill_request(h, &req);
    if (c->peer == 0)
        c->peer = io_peer(c);
    req.peer = c->peer;
    if (!legal) {
        http_refuse(c, BAD_REQUEST,
                    "the path is not percent-encoded UTF-8 without control characters");
        return;
    }
    /* Methods have their case: "head" is not HEAD, whose answers alone have no body. */
    c->answer_head = strcmp(req.method, "HEAD") == 0;
    bool wants_ws = h->upgrade_word && h->websocket_word && !h->http_1_0 &&
                    strcmp(req.method, "GET") == 0 && sink->ws_request != NULL;
    req.body = oro_bytes(c->in.data + h->len, body_len);
    c->busy = true;
    if (wants_ws) {
        upgrade(c, h, &req);
        return;
    }
    struct oro_http_response res = {0};
    if (sink->http(sink->self, s->index, c->id, &req, &res) && c->busy && c->state == CONN_HTTP)
        http_answer(c, &res);
    else
        http_response_fini(&res);
}

static void
drop_front(struct conn *c, size_t n)
{
    ASSERT_HERE(c);
    ORO_ASSERT(n <= c->in.len);
    if (n < c->in.len) {
        memmove(c->in.data, c->in.data + n, c->in.len - n);
        c->in.len -= n;
    } else {
        oro_bb_fini(&c->in);
    }
    c->scanned = 0;
}

static void
consume(struct conn *c, size_t n)
{
    drop_front(c, n);
    c->head_len = c->need = 0;
    c->chunk = (struct chunk_rx){0};
    c->chunked = c->answer_head = false;
    c->blank_lines = 0;
    c->deadline_us = c->shard->now_us + HTTP_HEAD_LIMIT_US;
}

/* The head of the first request is at hand, its body perhaps not. What came of the head is looked at once, and again when all is
 * there: its bytes may have moved. */
static int
body_arrived(struct conn *c, struct head *h)
{
    struct shard *s = c->shard;
    size_t max = s->net->opt.max_http_body;
    bool first = c->need == 0;
    if (c->in.len < c->need)
        return 0;
    int got = c->chunked ? http_read_chunks(c, max, &h->why) : DONE;
    if (got != DONE)
        return got;
    int bad = http_parse_head(h, (char *)c->in.data, c->head_len, &s->scratch);
    if (bad != 0 || !first)
        return bad != 0 ? bad : DONE;
    c->chunked = h->chunked;
    c->need = c->head_len;
    if (!h->chunked && h->content_length > max)
        return TOO_LARGE;
    if (!h->chunked) {
        c->need += (size_t)h->content_length;
        return c->in.len < c->need ? 0 : DONE;
    }
    c->chunk.raw = c->head_len;
    return http_read_chunks(c, max, &h->why);
}

#define BLANK_LINES_MAX 4

/* Some clients end a body with a CRLF that belongs to nothing; a few are read over. */
static void
skip_blank_lines(struct conn *c)
{
    size_t n = 0;
    while (c->in.len - n >= 2 && memcmp(c->in.data + n, "\r\n", 2) == 0 &&
           c->blank_lines < BLANK_LINES_MAX) {
        c->blank_lines++;
        n += 2;
    }
    if (n > 0)
        drop_front(c, n);
}

/* DONE: conn->in begins with a whole head. 0: it is not there yet. Else the status to refuse with. */
static int
head_arrived(struct conn *c, const char **why)
{
    if (c->head_len > 0)
        return DONE;
    skip_blank_lines(c);
    if (c->in.len == 0 ||
        (c->in.len == 1 && c->in.data[0] == '\r' && c->blank_lines < BLANK_LINES_MAX))
        return 0;
    return http_find_head(c, &c->head_len, why);
}

/* Answers the first request of conn->in. False: it is not complete, or the connection takes no
 * more requests. */
static bool
run_one(struct conn *c)
{
    struct head h = {.why = ""};
    int got = head_arrived(c, &h.why);
    bool first = c->need == 0;
    if (got == DONE)
        got = body_arrived(c, &h);
    if (got > DONE)
        http_refuse(c, got, h.why);
    if (got == 0 && first && h.expect_continue) {
        struct oro_bb go = {0};
        oro_bb_printf(&go, "HTTP/1.1 100 Continue\r\n\r\n");
        send_bb(c, &go);
    }
    if (got != DONE)
        return false;
    size_t body_len = c->chunked ? c->chunk.content : c->need - c->head_len;
    size_t whole = c->chunked ? c->chunk.raw : c->need;
    serve(c, &h, body_len);
    if (c->state == CONN_HTTP || c->state == CONN_WS)
        consume(c, whole);
    return c->state == CONN_HTTP && !c->busy;
}

/* Serves what is complete in conn->in, one request after the other. */
#define RUN_US 1000  /* of a turn of the loop for one connection's pipeline, */
#define TURN_US 2000 /* and for all of them: others wait no longer for their turn */

/* Requests one after the other, until there is none, or the time is up: then the connection waits for a later turn. */
static void
run_pipeline(struct conn *c)
{
    struct shard *s = c->shard;
    int64_t from = oro_mono_us(), spent = 0;
    bool more = true;
    while (more && c->state == CONN_HTTP && !c->busy && !answers_wait(c)) {
        if (spent >= RUN_US || s->http_us + spent >= TURN_US) {
            list_append(&s->waiting, &c->waits);
            break;
        }
        more = run_one(c);
        spent = oro_mono_us() - from;
    }
    s->http_us += spent;
}

void
http_turn(struct shard *s)
{
    ORO_ASSERT_OWNER(&s->owner);
    const struct link *last = s->waiting.prev;
    s->http_us = 0;
    while (!list_empty(&s->waiting) && s->http_us < TURN_US) {
        struct conn *c = ORO_CONTAINER_OF(s->waiting.next, struct conn, waits);
        bool all = &c->waits == last;
        link_remove(&c->waits);
        if (c->state == CONN_HTTP)
            http_run(c);
        if (all)
            break;
    }
}

void
http_run(struct conn *c)
{
    ASSERT_HERE(c);
    if (c->running || link_in_list(&c->waits))
        return;
    c->running = true;
    run_pipeline(c);
    c->running = false;
    /* Nothing is read before the answer is out: libwebsockets closes a socket whose end it reads, and a client may have sent
     * all he will send. It also bounds what a pipeline can pile up. */
    if (c->state == CONN_HTTP)
        conn_set_held(c, c->busy || answers_wait(c) || link_in_list(&c->waits));
    else if (c->state != CONN_WS)
        oro_bb_fini(&c->in);
    if (c->state != CONN_WS)
        return;
    conn_set_held(c, false);
    struct oro_bb rest = c->in; /* frames that came with the request */
    c->in = (struct oro_bb){0};
    ws_opened(c);
    if (rest.len > 0 && c->state == CONN_WS && ws_rx(c, rest.data, rest.len) < 0)
        conn_doom(c, CAUSE_IO);
    oro_bb_fini(&rest);
}

int
http_rx(struct conn *c, const uint8_t *data, size_t len)
{
    if (c->in.len == 0)
        c->deadline_us = c->shard->now_us + HTTP_HEAD_LIMIT_US;
    if (!oro_bb_try_reserve(&c->in, len, c->need > c->in.len + len ? c->need : SIZE_MAX) ||
        !oro_bb_try_put(&c->in, data, len)) {
        conn_cut(c, CAUSE_BUFFERS);
        return c->state == CONN_DOOMED ? -1 : 0;
    }
    c->stored += len;
    http_run(c);
    return c->state == CONN_DOOMED ? -1 : 0;
}
