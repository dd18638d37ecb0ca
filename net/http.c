/* net/http.c - HTTP/1.1, as much as the API and its pages need: keep-alive, pipelining, bodies
 * with a length or chunked, answers at once or later, the upgrade to a websocket.
 *
 * The bytes of a request are collected in conn->in until it is complete, then parsed in place. A
 * request that is with the sink has left conn->in; what the peer sent behind it waits there, and
 * nothing more is read until the answer is out. */
#include "net/net_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What the head of a request says. Spans lie in conn->in. */
struct span {
    char *p;
    size_t len;
};

struct head {
    struct span method, target;
    struct span authorization, content_type, origin, if_none_match, accept, accept_encoding, key,
        version;
    struct span protocols; /* the first header; further ones are joined to it in shard->scratch */
    uint64_t content_length;
    bool has_length, chunked, keep_alive, upgrade_word, websocket_word, expect_continue;
    size_t len; /* of the head, with its empty line */
};

enum {
    BAD_REQUEST = 400,
    TOO_LARGE = 413,
    HEAD_TOO_LARGE = 431,
    NOT_IMPLEMENTED = 501,
    BAD_VERSION = 505
};

/* ---- parsing ---- */

static bool
is_token_char(unsigned char ch)
{
    return isalnum(ch) || (ch != 0 && strchr("!#$%&'*+-.^_`|~", ch) != NULL);
}

static bool
span_is(struct span s, const char *text)
{
    return s.len == strlen(text) && strncasecmp(s.p, text, s.len) == 0;
}

/* Is `word` an item of the comma-separated list? */
static bool
list_has(struct span list, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i < list.len;) {
        while (i < list.len && (list.p[i] == ' ' || list.p[i] == '\t' || list.p[i] == ','))
            i++;
        size_t from = i;
        while (i < list.len && list.p[i] != ',')
            i++;
        size_t to = i;
        while (to > from && (list.p[to - 1] == ' ' || list.p[to - 1] == '\t'))
            to--;
        if (to - from == n && strncasecmp(list.p + from, word, n) == 0)
            return true;
    }
    return false;
}

static bool
parse_length(struct span v, uint64_t *out)
{
    uint64_t n = 0;
    if (v.len == 0 || v.len > 18)
        return false;
    for (size_t i = 0; i < v.len; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(v.p[i] - '0');
    }
    *out = n;
    return true;
}

/* 0, or the status to refuse with. */
static int
take_length(struct head *h, struct span value)
{
    uint64_t n;
    if (!parse_length(value, &n) || (h->has_length && n != h->content_length))
        return BAD_REQUEST;
    h->has_length = true;
    h->content_length = n;
    return 0;
}

static void
join_protocols(struct head *h, struct span value, struct oro_bb *scratch)
{
    if (h->protocols.p == NULL) {
        h->protocols = value;
        return;
    }
    if (scratch->len == 0)
        oro_bb_put(scratch, h->protocols.p, h->protocols.len);
    oro_bb_put(scratch, ", ", 2);
    oro_bb_put(scratch, value.p, value.len);
}

static int
take_header(struct head *h, struct span name, struct span value, struct oro_bb *scratch)
{
    const struct {
        const char *name;
        struct span *to;
    } simple[] = {
        {"authorization", &h->authorization},
        {"content-type", &h->content_type},
        {"origin", &h->origin},
        {"if-none-match", &h->if_none_match},
        {"accept", &h->accept},
        {"accept-encoding", &h->accept_encoding},
        {"sec-websocket-key", &h->key},
        {"sec-websocket-version", &h->version},
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(simple); i++)
        if (span_is(name, simple[i].name)) {
            *simple[i].to = value;
            return 0;
        }
    if (span_is(name, "content-length"))
        return take_length(h, value);
    if (span_is(name, "transfer-encoding")) {
        if (h->chunked || !span_is(value, "chunked"))
            return NOT_IMPLEMENTED;
        h->chunked = true;
    } else if (span_is(name, "connection")) {
        if (list_has(value, "close"))
            h->keep_alive = false;
        else if (list_has(value, "keep-alive"))
            h->keep_alive = true;
        h->upgrade_word |= list_has(value, "upgrade");
    } else if (span_is(name, "upgrade")) {
        h->websocket_word |= list_has(value, "websocket");
    } else if (span_is(name, "expect")) {
        h->expect_continue = span_is(value, "100-continue");
    } else if (span_is(name, "sec-websocket-protocol")) {
        join_protocols(h, value, scratch);
    }
    return 0;
}

static int
parse_request_line(struct head *h, char *p, size_t len)
{
    char *end = p + len, *sp = memchr(p, ' ', len);
    if (sp == NULL || sp == p)
        return BAD_REQUEST;
    h->method = (struct span){p, (size_t)(sp - p)};
    for (size_t i = 0; i < h->method.len; i++)
        if (!is_token_char((unsigned char)p[i]))
            return BAD_REQUEST;
    char *target = sp + 1, *sp2 = memchr(target, ' ', (size_t)(end - target));
    if (sp2 == NULL || sp2 == target)
        return BAD_REQUEST;
    h->target = (struct span){target, (size_t)(sp2 - target)};
    if (end - sp2 != 9 || memcmp(sp2, " HTTP/", 6) != 0)
        return BAD_REQUEST;
    if (memcmp(sp2 + 6, "1.1", 3) == 0)
        h->keep_alive = true;
    else if (memcmp(sp2 + 6, "1.0", 3) != 0)
        return BAD_VERSION;
    return 0;
}

static int
parse_header_line(struct head *h, char *p, size_t len, struct oro_bb *scratch)
{
    char *colon = memchr(p, ':', len);
    if (colon == NULL || colon == p)
        return BAD_REQUEST;
    struct span name = {p, (size_t)(colon - p)}, value = {colon + 1, len - (size_t)(colon + 1 - p)};
    for (size_t i = 0; i < name.len; i++)
        if (!is_token_char((unsigned char)name.p[i]))
            return BAD_REQUEST; /* spaces before the colon and folded lines fall here too */
    while (value.len > 0 && (value.p[0] == ' ' || value.p[0] == '\t')) {
        value.p++;
        value.len--;
    }
    while (value.len > 0 && (value.p[value.len - 1] == ' ' || value.p[value.len - 1] == '\t'))
        value.len--;
    return take_header(h, name, value, scratch);
}

/* The head is complete: text[0..len) ends with an empty line. 0, or the status to refuse with. */
static int
parse_head(struct head *h, char *text, size_t len, struct oro_bb *scratch)
{
    *h = (struct head){.len = len};
    oro_bb_clear(scratch);
    if (memchr(text, '\0', len) != NULL)
        return BAD_REQUEST;
    bool first = true;
    for (char *p = text, *end = text + len; p < end;) {
        char *nl = memchr(p, '\n', (size_t)(end - p));
        ORO_ASSERT(nl != NULL);
        size_t n = (size_t)(nl - p);
        if (n > 0 && p[n - 1] == '\r')
            n--;
        if (memchr(p, '\r', n) != NULL)
            return BAD_REQUEST;
        int bad = 0;
        if (first)
            bad = parse_request_line(h, p, n);
        else if (n > 0)
            bad = parse_header_line(h, p, n, scratch);
        if (bad != 0)
            return bad;
        first = false;
        p = nl + 1;
    }
    if (h->chunked && h->has_length)
        return BAD_REQUEST; /* two lengths: somebody smuggles */
    if (scratch->len > 0) {
        oro_bb_reserve(scratch, 1); /* for the zero of text_of() */
        h->protocols = (struct span){(char *)scratch->data, scratch->len};
    }
    return 0;
}

/* Length of the head, 0 if its end has not come. */
static size_t
find_head_end(struct conn *c)
{
    const uint8_t *d = c->in.data;
    for (size_t i = c->scanned; i < c->in.len; i++) {
        const uint8_t *nl = memchr(d + i, '\n', c->in.len - i);
        if (nl == NULL)
            break;
        i = (size_t)(nl - d);
        if ((i >= 1 && d[i - 1] == '\n') || (i >= 2 && d[i - 1] == '\r' && d[i - 2] == '\n'))
            return i + 1;
    }
    c->scanned = c->in.len;
    return 0;
}

#define CHUNK_LINE_MAX 1024

static int
hex_digit(char ch)
{
    if (ch >= '0' && ch <= '9')
        return ch - '0';
    ch = (char)(ch | 32);
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* The line before a chunk: its length in *n, where its bytes begin in *at. 1, 0: not yet, else the
 * status to refuse with. */
static int
chunk_line(const struct conn *c, size_t *at, size_t *n)
{
    const uint8_t *line = c->in.data + *at, *nl = memchr(line, '\n', c->in.len - *at);
    size_t digits = 0;
    if ((nl != NULL ? (size_t)(nl - line) : c->in.len - *at) > CHUNK_LINE_MAX)
        return BAD_REQUEST;
    if (nl == NULL)
        return 0;
    *n = 0;
    for (; digits < 9 && hex_digit((char)line[digits]) >= 0; digits++)
        *n = *n * 16 + (size_t)hex_digit((char)line[digits]);
    if (digits == 0 || digits == 9 || memchr("\r\n; ", line[digits], 4) == NULL)
        return BAD_REQUEST;
    *at += (size_t)(nl - line) + 1;
    return 1;
}

/* Reads over the trailers and the empty line after them. As above. */
static int
skip_trailers(struct conn *c)
{
    for (;;) {
        size_t at = c->head_len + c->walked, from = c->head_len + c->trailers;
        const uint8_t *line = c->in.data + at, *nl = memchr(line, '\n', c->in.len - at);
        if ((nl != NULL ? (size_t)(nl - c->in.data) : c->in.len) - from > MAX_HEAD)
            return HEAD_TOO_LARGE;
        if (nl == NULL)
            return 0;
        size_t n = (size_t)(nl - line);
        c->walked += n + 1;
        if (n == 0 || (n == 1 && line[0] == '\r'))
            return 1;
    }
}

/* Has a chunked body come to its end? Goes on where it stopped: what comes in small pieces, or as small chunks, is not walked
 * over again with each of them. As above. */
static int
walk_chunks(struct conn *c, size_t max)
{
    while (c->trailers == 0) {
        size_t at = c->head_len + c->walked, n;
        int got = chunk_line(c, &at, &n);
        if (got != 1)
            return got;
        if (n == 0) {
            c->walked = c->trailers = at - c->head_len;
            break;
        }
        if (c->content + n > max)
            return TOO_LARGE;
        c->need = at + n + 2;
        if (c->in.len < c->need)
            return 0;
        if (c->in.data[at + n] != '\r' || c->in.data[at + n + 1] != '\n')
            return BAD_REQUEST;
        c->content += n;
        c->walked = c->need - c->head_len;
    }
    return skip_trailers(c);
}

/* Moves the content of the chunks, which are all there, together behind the head. */
static void
join_chunks(struct conn *c)
{
    size_t at = c->head_len, n;
    uint8_t *to = c->in.data + at;
    while (chunk_line(c, &at, &n) == 1 && n > 0) {
        memmove(to, c->in.data + at, n);
        to += n;
        at += n + 2;
    }
}

/* Decodes %xx in place; false for a broken one and for a zero byte. */
static bool
percent_decode(char *p)
{
    char *to = p;
    for (; *p != '\0'; p++) {
        if (*p != '%') {
            *to++ = *p;
            continue;
        }
        int a = hex_digit(p[1]), b = a < 0 ? -1 : hex_digit(p[2]);
        if (b < 0 || a * 16 + b == 0)
            return false;
        *to++ = (char)(a * 16 + b);
        p += 2;
    }
    *to = '\0';
    return true;
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

/* A piece of HTTP owns the builder's memory. */
static void
send_bb(struct conn *c, struct oro_bb *bb)
{
    if (bb->len == 0) {
        oro_bb_fini(bb);
        return;
    }
    struct piece *p = oro_alloc(sizeof(*p));
    *p = (struct piece){.data = bb->data, .len = bb->len, .cap = bb->cap, .pinned = true};
    *bb = (struct oro_bb){0};
    out_append(c, p);
}

#define ANSWERS_MAX \
    ((size_t)1024 * \
     1024) /* while more waits to be sent, further requests of a pipeline are not served */
#define BODY_COPY_MAX 8192 /* a body up to here goes into the same piece as its head */

void
http_answer(struct conn *c, struct oro_http_response *res)
{
    struct oro_bb out = {0};
    int status = res->status >= 100 && res->status <= 999 ? res->status : 500;
    bool may_have_body = status >= 200 && status != 204 && status != 304;
    oro_bb_printf(&out, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
    if (res->content_type != NULL)
        oro_bb_printf(&out, "content-type: %s\r\n", res->content_type);
    if (may_have_body)
        oro_bb_printf(&out, "content-length: %zu\r\n", res->body.len);
    if (c->answer_close)
        oro_bb_printf(&out, "connection: close\r\n");
    res->extra_headers[sizeof(res->extra_headers) - 1] = '\0';
    oro_bb_printf(&out, "%s\r\n", res->extra_headers);
    bool with_body = may_have_body && !c->answer_head && res->body.len > 0;
    if (with_body && res->body.len <= BODY_COPY_MAX) {
        oro_bb_put(&out, res->body.data, res->body.len);
        with_body = false;
    }
    send_bb(c, &out);
    if (with_body)
        send_bb(c, &res->body);
    oro_bb_fini(&res->body);
    c->busy = false;
    if (c->answer_close) {
        conn_move(c, CONN_DRAIN);
        if (!c->running)
            oro_bb_fini(&c->in); /* else http_run does it: strings of the request lie there */
        conn_end_by(c, c->shard->now_us + FLUSH_LIMIT_US);
        conn_touch(c);
    }
}

/* An answer of our own, after which the connection closes. */
static void
refuse(struct conn *c, int status, const char *extra)
{
    struct oro_http_response res = {.status = status, .content_type = "text/plain; charset=utf-8"};
    oro_bb_printf(&res.body, "%s", reason_of(status));
    if (extra != NULL)
        snprintf(res.extra_headers, sizeof(res.extra_headers), "%s", extra);
    c->answer_close = true;
    http_answer(c, &res);
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

/* The head is parsed and the body complete; turns the spans into strings in place. False: the
 * target is no good. */
static bool
fill_request(struct head *h, struct oro_http_request *req)
{
    *req = (struct oro_http_request){.query = ""};
    req->method = text_of(h->method);
    char *path = text_of(h->target), *q;
    if (path[0] != '/') { /* the absolute form, which proxies use */
        char *rest = strstr(path, "://");
        path = rest != NULL ? strchr(rest + 3, '/') : NULL;
        if (path == NULL && !(h->target.len == 1 && h->target.p[0] == '*'))
            return false;
        if (path == NULL)
            path = h->target.p;
    }
    if ((q = strchr(path, '#')) != NULL)
        *q = '\0';
    if ((q = strchr(path, '?')) != NULL) {
        *q = '\0';
        req->query = q + 1;
    }
    if (!percent_decode(path))
        return false;
    req->path = path;
    req->authorization = text_of(h->authorization);
    req->content_type = text_of(h->content_type);
    req->origin = text_of(h->origin);
    req->if_none_match = text_of(h->if_none_match);
    req->accept = text_of(h->accept);
    req->accept_encoding = text_of(h->accept_encoding);
    return true;
}

static void
upgrade(struct conn *c, struct head *h, struct oro_http_request *req)
{
    struct shard *s = c->shard;
    const struct oro_sink *sink = s->net->sink;
    if (!span_is(h->version, "13")) {
        refuse(c, BAD_REQUEST, "sec-websocket-version: 13\r\n");
        return;
    }
    if (h->key.len != 24) {
        refuse(c, BAD_REQUEST, NULL);
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
    oro_bb_printf(
        &out,
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        "sec-websocket-accept: %s\r\n",
        accept);
    if (acc.protocol != NULL)
        oro_bb_printf(&out, "sec-websocket-protocol: %s\r\n", acc.protocol);
    acc.extra_headers[sizeof(acc.extra_headers) - 1] = '\0';
    oro_bb_printf(&out, "%s\r\n", acc.extra_headers);
    send_bb(c, &out);
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
    struct shard *s = c->shard;
    const struct oro_sink *sink = s->net->sink;
    struct oro_http_request req;
    s->n.http_requests++;
    c->answer_head = span_is(h->method, "HEAD");
    c->answer_close = !h->keep_alive || s->stop_us != 0;
    bool wants_ws = h->upgrade_word && h->websocket_word && span_is(h->method, "GET") &&
                    sink->ws_request != NULL;
    if (!fill_request(h, &req)) {
        refuse(c, BAD_REQUEST, NULL);
        return;
    }
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
        oro_bb_fini(&res.body);
}

static void
consume(struct conn *c, size_t n)
{
    if (n < c->in.len) {
        memmove(c->in.data, c->in.data + n, c->in.len - n);
        c->in.len -= n;
    } else {
        oro_bb_fini(&c->in);
    }
    c->scanned = 0;
    c->head_len = c->need = 0;
    c->walked = c->content = c->trailers = 0;
    c->chunked = false;
    c->deadline_us = c->shard->now_us + HTTP_HEAD_LIMIT_US;
}

/* The head of the first request is at hand, its body perhaps not: 1, 0 or a status as above. What came of the head is looked
 * at once, and again when all is there. */
static int
body_arrived(struct conn *c, struct head *h)
{
    struct shard *s = c->shard;
    size_t max = s->net->opt.max_http_body;
    bool first = c->need == 0;
    if (c->in.len < c->need)
        return 0;
    int got = c->chunked ? walk_chunks(c, max) : 1;
    if (got != 1)
        return got;
    int bad = parse_head(h, (char *)c->in.data, c->head_len, &s->scratch);
    if (bad != 0 || !first)
        return bad != 0 ? bad : 1;
    c->chunked = h->chunked;
    c->need = c->head_len;
    if (h->chunked)
        got = walk_chunks(c, max);
    else if (h->content_length > max)
        got = TOO_LARGE;
    else
        c->need += (size_t)h->content_length;
    return got == 1 && c->in.len < c->need ? 0 : got;
}

/* Answers the first request of conn->in. False: it is not complete, or the connection takes no
 * more requests. */
static bool
run_one(struct conn *c)
{
    struct head h = {0};
    if (c->head_len == 0) {
        size_t skip = 0; /* empty lines before a request are allowed */
        while (skip < c->in.len && (c->in.data[skip] == '\r' || c->in.data[skip] == '\n'))
            skip++;
        if (skip > 0)
            consume(c, skip);
        if (c->in.len == 0)
            return false;
        c->head_len = find_head_end(c);
        if (c->head_len == 0 && c->in.len <= MAX_HEAD)
            return false;
        if (c->head_len == 0 || c->head_len > MAX_HEAD) {
            refuse(c, HEAD_TOO_LARGE, NULL);
            return false;
        }
    }
    bool first = c->need == 0;
    int got = body_arrived(c, &h);
    if (got > 1)
        refuse(c, got, NULL);
    if (got == 0 && first && h.expect_continue) {
        struct oro_bb go = {0};
        oro_bb_printf(&go, "HTTP/1.1 100 Continue\r\n\r\n");
        send_bb(c, &go);
    }
    if (got != 1)
        return false;
    size_t body_len = c->chunked ? c->content : c->need - c->head_len;
    size_t whole = c->chunked ? c->head_len + c->walked : c->need;
    if (c->chunked)
        join_chunks(c);
    serve(c, &h, body_len);
    if (c->state == CONN_HTTP || c->state == CONN_WS)
        consume(c, whole);
    return c->state == CONN_HTTP && !c->busy;
}

/* Serves what is complete in conn->in, one request after the other. */
void
http_run(struct conn *c)
{
    if (c->running)
        return;
    c->running = true;
    while (c->state == CONN_HTTP && !c->busy && c->out_bytes < ANSWERS_MAX && run_one(c))
        ;
    c->running = false;
    /* Nothing is read before the answer is out: libwebsockets closes a socket whose end it reads, and a client may have sent
     * all he will send. It also bounds what a pipeline can pile up. */
    if (c->state == CONN_HTTP)
        conn_set_held(c, c->busy || c->out_bytes >= ANSWERS_MAX);
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
    oro_bb_put(&c->in, data, len);
    http_run(c);
    return c->state == CONN_DOOMED ? -1 : 0;
}
