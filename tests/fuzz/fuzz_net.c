/* What a client sends to net: HTTP requests, an upgrade, websocket frames. No sockets: the
 * functions of lws.c are stood in for here, the rest is net's own code.
 *
 * The first byte chooses: bit 0 starts with an upgrade that succeeds, bits 1-7 seed how the
 * input is cut. The property: what the sink is told, and how the connection ends, does not
 * depend on how the bytes were cut. */
#include <stdio.h>
#include <stdlib.h>

#include "net/budget_priv.h"
#include "net/conn_priv.h"
#include "net/http_priv.h"
#include "net/io_priv.h"
#include "net/net_priv.h"
#include "net/outbox_priv.h"
#include "net/ws_priv.h"
#include "runtime/base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct oro_bb *events; /* what the sink was told */
static struct oro_net *net;
static bool socket_full; /* it takes nothing */

/* ---- instead of lws.c ---- */

ssize_t
io_write(struct conn *c, struct iovec *v, int n)
{
    ssize_t sum = 0;
    (void)c;
    if (socket_full)
        return 0;
    for (int i = 0; i < n; i++) {
        ORO_ASSERT(v[i].iov_len > 0);
        sum += (ssize_t)v[i].iov_len;
    }
    return sum;
}

void
io_want_write(struct conn *c)
{
    (void)c;
}

void
io_set_reading(struct conn *c, bool on)
{
    (void)c, (void)on;
}

bool
io_peer_sends(const struct conn *c, bool *there)
{
    (void)c;
    *there = true;
    return true;
}

uint64_t
io_peer(const struct conn *c)
{
    (void)c;
    return 1;
}

size_t
io_untaken(const struct conn *c)
{
    (void)c;
    return 0;
}

void
io_end_writing(struct conn *c)
{
    (void)c;
}

void
io_close(struct conn *c)
{
    conn_gone(c);
}

oro_status
io_context_create(const struct oro_net_options *opt, struct ev_loop *loop,
                  const struct io_events *on, struct io_context **out, struct oro_err *err)
{
    (void)opt, (void)loop, (void)on, (void)out;
    return oro_err_set(err, ORO_EINTERNAL, "no sockets here");
}

void
io_context_destroy(struct io_context *io)
{
    (void)io;
}

bool
io_adopt(struct io_context *io, int fd, struct conn *c)
{
    (void)io, (void)fd, (void)c;
    return false;
}

/* ---- the sink writes everything down ---- */

static void
note(const char *what, const void *p, size_t n)
{
    oro_bb_put(events, what, strlen(what));
    oro_bb_u32(events, (uint32_t)n);
    oro_bb_put(events, p, n);
}

static void
note_text(const char *what, const char *text)
{
    note(what, text != NULL ? text : "-", text != NULL ? strlen(text) : 1);
}

static void
note_request(const struct oro_http_request *req)
{
    note_text("method", req->method);
    note_text("path", req->path);
    note_text("host", req->host);
    note_text("query", req->query);
    note_text("authorization", req->authorization);
    note_text("type", req->content_type);
    note_text("origin", req->origin);
    note_text("protocols", req->protocols);
    note_text("etag", req->if_none_match);
    note_text("encoding", req->accept_encoding);
    note("body", req->body.data, req->body.len);
}

static bool
on_http(void *self, unsigned shard, oro_conn_id id, const struct oro_http_request *req,
        struct oro_http_response *res)
{
    (void)self, (void)shard, (void)id;
    note_request(req);
    res->status = req->path[0] == '/' && req->path[1] == '4' ? 404 : 200;
    oro_bb_printf(&res->body, "%s", req->path);
    if (req->path[0] == '/' && req->path[1] == 'p') {
        oro_parts_close(&res->parts, &res->body);
        oro_bb_printf(&res->body, "the end");
    }
    return true;
}

static bool
on_ws_request(void *self, unsigned shard, const struct oro_http_request *req,
              struct oro_ws_accept *acc, struct oro_http_response *res)
{
    (void)self, (void)shard;
    note_request(req);
    if (req->path[0] == '/' && req->path[1] == 'n') {
        res->status = 400;
        return false;
    }
    acc->protocol = "v2.bsatn.spacetimedb";
    acc->framing =
        req->path[0] == '/' && req->path[1] == 's' ? ORO_FRAMING_STREAM : ORO_FRAMING_SINGLE;
    return true;
}

static void
on_open(void *self, unsigned shard, oro_conn_id conn, void *user)
{
    (void)self, (void)shard, (void)conn, (void)user;
    note_text("open", "");
}

/* The frame three times, by reference, behind some bytes of its own. */
static void
send_linked(unsigned shard, oro_conn_id conn, struct oro_buf *frame)
{
    struct oro_buf *bufs[3] = {frame, frame, frame};
    struct oro_parts parts = {.bufs = bufs, .n = 3, .bytes = 3 * (uint64_t)frame->len};
    oro_net_send_parts(net, shard, conn, oro_bytes_str("head"), &parts);
}

static void
on_message(void *self, unsigned shard, oro_conn_id conn, void *user, struct oro_buf *frame,
           bool binary)
{
    (void)self, (void)user;
    note(binary ? "binary" : "text", frame->data, frame->len);
    if (frame->len == 5)
        oro_net_close(net, shard, conn, 1011, "five");
    else if (frame->len == 6)
        oro_net_close(net, shard, conn, 0, NULL);
    else if (frame->len == 7)
        send_linked(shard, conn, frame);
    else
        oro_net_send(net, shard, conn, oro_buf_bytes(frame));
}

static void
on_close(void *self, unsigned shard, oro_conn_id conn, void *user, const char *cause)
{
    (void)self, (void)shard, (void)conn, (void)user;
    note_text("close", cause);
}

static const struct oro_sink sink = {.http = on_http,
                                     .ws_request = on_ws_request,
                                     .ws_open = on_open,
                                     .ws_message = on_message,
                                     .ws_close = on_close};

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop, (void)w, (void)revents;
}

static void
prepare(void)
{
    oro_thread_set_role(ORO_THREAD_NET);
    net = ORO_NEW(struct oro_net);
    *net = (struct oro_net){
        .opt = {.max_message = 4096,
                .max_http_body = 1024,
                .outgoing_limit = 1 << 20,
                .ping_interval_s = 15,
                .idle_timeout_s = 30},
        .sink = &sink,
        .shard_count = 1,
    };
    net->shards = ORO_NEW(struct shard);
    struct shard *s = net->shards;
    *s = (struct shard){
        .net = net, .now_us = 1000000, .fd_lock = ORO_SPIN_INIT, .loop = ev_loop_new(0)};
    list_init(&s->dirty);
    list_init(&s->doomed);
    list_init(&s->timers);
    list_init(&s->endings);
    list_init(&s->waiting);
    ev_timer_init(&s->ending_timer, on_timer, 0., 0.05);
    net->m_connections = oro_metric(ORO_METRIC_GAUGE, "c", "", "");
    net->m_messages_in = net->m_messages_out = net->m_bytes_in = net->m_bytes_out = net->m_http =
        oro_metric(ORO_METRIC_COUNTER, "n", "", "");
    for (int i = 0; i < CAUSE_COUNT; i++)
        net->m_ended[i] = net->m_cut[i] = net->m_http;
}

#ifdef oro_mono_us
/* The clock of all that is linked here, by another name (meson.build): it stands still. */
int64_t
oro_mono_us(void)
{
    return 1000000;
}
#endif

/* However busy the machine: all that has come is served. */
static void
take_turns(struct shard *s)
{
    while (!list_empty(&s->waiting)) {
        http_turn(s);
        shard_settle(s);
    }
    s->http_us = 0;
}

/* Feeds the bytes in pieces of at most `most`; 0: whole. */
static void
run(const uint8_t *data, size_t size, bool upgrade, unsigned most, struct oro_bb *out)
{
    static const char hello[] = "GET /x HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: "
                                "websocket\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct shard *s = net->shards;
    events = out;
    struct conn *c = conn_new(s, http_on_cut);
    if (c == NULL)
        return;
    oro_conn_id id = c->id;
    atomic_fetch_add(&net->open_sockets, 1);
    if (upgrade && turn_events.rx(c, (uint8_t *)(uintptr_t)hello, sizeof(hello) - 1) < 0)
        conn_gone(c);
    unsigned step = most;
    for (size_t at = 0; at < size && conn_find(s, id) != NULL;) {
        size_t n = most == 0 || size - at < step ? size - at : step;
        step = most > 0 ? (step * 5 + 1) % most + 1 : 0;
        uint8_t *copy = malloc(n); /* exactly as long, for the sanitizer */
        memcpy(copy, data + at, n);
        int rc = turn_events.rx(c, copy, n);
        free(copy);
        if (rc < 0) {
            conn_gone(c);
            break;
        }
        at += n;
        shard_settle(s);
        take_turns(s);
    }
    if (conn_find(s, id) != NULL) {
        conn_doom(c, CAUSE_IO);
        shard_settle(s);
    }
    shard_look_endings(s);
    ORO_ASSERT(s->conn_count == 0 && list_empty(&s->dirty) && list_empty(&s->doomed) &&
               list_empty(&s->endings));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct oro_bb whole = {0}, cut = {0};
    if (size < 1)
        return 0;
    if (net == NULL)
        prepare();
    run(data + 1, size - 1, data[0] & 1, 0, &whole);
    run(data + 1, size - 1, data[0] & 1, (data[0] >> 1) % 40 + 1, &cut);
    ORO_ASSERT(oro_bytes_eq(oro_bb_bytes(&whole), oro_bb_bytes(&cut)));
    oro_bb_fini(&whole);
    oro_bb_fini(&cut);
    return 0;
}
