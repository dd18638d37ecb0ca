/* net/ws.c - messages in RFC 6455 frames (ws_frame.c). In: messages are unmasked while they are copied into the buffer
 * that the sink gets; one that lies whole in what was read is copied once. Out: messages become
 * frames as they are queued, by the framing of the connection; a v3 frame stays open for more
 * messages until it is about to be sent. */
#include "net/net_priv.h"
#include "net/ws_frame.h"

#include <openssl/evp.h>
#include <string.h>

#include "net/budget_priv.h"
#include "net/io_priv.h"
#include "net/outbox_priv.h"
#include "net/ws_priv.h"
#include "runtime/base/utf8.h"

#define HEAD_MAX ORO_WS_SERVER_HEAD_MAX

/* ---- out ---- */

/* A message: bytes of its own, then what others may be sent as well (NULL: nothing). */
struct message {
    unsigned opcode;
    bool lead; /* a byte 0 comes first: not compressed */
    struct oro_bytes head;
    const struct oro_parts *body;
    size_t len; /* of both */
};

static struct message
message(const struct conn *c, struct oro_bytes head, const struct oro_parts *body)
{
    bool text = c->framing == ORO_FRAMING_TEXT;
    return (struct message){.opcode = text ? ORO_WS_TEXT : ORO_WS_BINARY,
                            .lead = !text,
                            .head = head,
                            .body = body,
                            .len = head.len + (body != NULL ? (size_t)body->bytes : 0)};
}

static void
put_bytes(struct piece *p, struct oro_bytes b)
{
    if (b.len > 0)
        memcpy(p->data + p->len, b.data, b.len);
    p->len += b.len;
}

/* There is room for it. */
static void
put_message(struct piece *p, const struct message *m)
{
    put_bytes(p, m->head);
    for (size_t i = 0; m->body != NULL && i < m->body->n; i++)
        put_bytes(p, oro_buf_bytes(m->body->bufs[i]));
}

/* The following give false when there is no memory; then nothing of it was queued, or it goes with the connection. */

static bool
send_stream(struct conn *c, const struct message *m)
{
    struct piece *p = c->out_tail;
    if (p != NULL && p->open && p->len - HEAD_MAX - 1 + m->len > STREAM_BODY_MAX)
        out_seal(c, p);
    bool fresh = p == NULL || !p->open;
    if (fresh) {
        size_t need = HEAD_MAX + 1 + m->len, cap = (size_t)1 << c->out_hint;
        p = out_new(c, need > cap ? need : cap);
        if (p == NULL)
            return false;
        p->open = true;
        p->data[HEAD_MAX] = 0;
        p->len = HEAD_MAX + 1;
        out_append(c, p);
    }
    p = out_room(c, m->len);
    if (p == NULL)
        return false;
    put_message(p, m);
    c->out_bytes += m->len;
    return true;
}

static bool
send_frame(struct conn *c, const struct message *m)
{
    size_t payload = m->len + m->lead, h = oro_ws_head_len(payload, false);
    struct piece *p = out_room(c, h + payload);
    if (p == NULL)
        return false;
    p->joinable = true;
    p->len += oro_ws_head_put(p->data + p->len, ORO_WS_FIN | m->opcode, payload, NULL);
    if (m->lead)
        p->data[p->len++] = 0;
    put_message(p, m);
    c->out_bytes += h + payload;
    return true;
}

/* A first frame and continuations, each a piece of its own. */
static bool
send_fragments(struct conn *c, const struct message *m)
{
    struct oro_bytes msg = m->head;
    for (size_t at = 0; at < msg.len;) {
        size_t n = msg.len - at < FRAGMENT ? msg.len - at : FRAGMENT;
        bool first = at == 0, last = at + n == msg.len, zero = first && m->lead;
        struct piece *p = out_new(c, HEAD_MAX + 1 + n);
        if (p == NULL)
            return false;
        p->len = oro_ws_head_put(
            p->data, (last ? ORO_WS_FIN : 0u) | (first ? m->opcode : (unsigned)ORO_WS_CONT),
            n + zero, NULL);
        if (zero)
            p->data[p->len++] = 0;
        put_bytes(p, oro_bytes(msg.data + at, n));
        out_append(c, p);
        at += n;
    }
    return true;
}

/* Links part i, behind the head of a frame of n payload bytes of the body (0: it goes on with this part), and, if the message
 * begins with it, what it begins with. */
static struct piece *
link_part(struct conn *c, const struct message *m, size_t i, size_t n, bool last)
{
    uint8_t head[LINK_HEAD];
    size_t h = 0;
    if (n > 0) {
        size_t own = i == 0 ? m->lead + m->head.len : 0;
        h = oro_ws_head_put(head,
                            (last ? ORO_WS_FIN : 0u) | (i == 0 ? m->opcode : (unsigned)ORO_WS_CONT),
                            n + own, NULL);
        if (i == 0 && m->lead)
            head[h++] = 0;
        if (i == 0 && m->head.len > 0)
            memcpy(head + h, m->head.data, m->head.len);
        h += i == 0 ? m->head.len : 0;
    }
    return out_link(c, m->body->bufs[i], head, h);
}

/* By reference: one frame, or, if it is large, one for each part. Parts of one frame stay together. */
static bool
link_parts(struct conn *c, const struct message *m)
{
    const struct oro_parts *body = m->body;
    bool one = m->len <= STREAM_BODY_MAX;
    ORO_ASSERT(m->head.len <= ORO_NET_HEAD);
    for (size_t i = 0; i < body->n; i++) {
        size_t n = !one ? body->bufs[i]->len : i == 0 ? (size_t)body->bytes : 0;
        struct piece *p = link_part(c, m, i, n, one || i + 1 == body->n);
        if (p == NULL)
            return false;
        p->goes_on = one && i + 1 < body->n;
        p->inside = one && i > 0;
    }
    return true;
}

/* So few bytes are copied behind others: that is less than a piece of their own, which is an allocation and two entries of the
 * write. */
#define LINK_MIN 512

static bool
queue(struct conn *c, const struct message *m)
{
    bool linked = m->body != NULL && (m->body->bytes >= LINK_MIN || c->out_tail == NULL);
    if (!linked && m->len <= STREAM_BODY_MAX)
        return c->framing == ORO_FRAMING_STREAM ? send_stream(c, m) : send_frame(c, m);
    if (c->out_tail != NULL && c->out_tail->open)
        out_seal(c, c->out_tail);
    return linked ? link_parts(c, m) : send_fragments(c, m);
}

bool
ws_send_parts(struct conn *c, struct oro_bytes head, const struct oro_parts *body)
{
    ASSERT_HERE(c);
    if (budget_over(c->shard))
        budget_enforce(c->shard); /* any connection may be cut off inside */
    if (c->state != CONN_WS)
        return false;
    struct message m = message(c, head, body);
    if (!queue(c, &m)) {
        conn_cut(c, CAUSE_BUFFERS);
        return false;
    }
    conn_counters(c)->messages_out++;
    conn_touch(c);
    return true;
}

bool
ws_send_piece(struct conn *c, struct oro_buf *piece, bool first, bool last)
{
    ASSERT_HERE(c);
    if (budget_over(c->shard))
        budget_enforce(c->shard); /* any connection may be cut off inside */
    if (c->state != CONN_WS)
        return false;
    struct oro_parts body = {.bufs = &piece, .n = 1, .bytes = piece->len};
    struct message m = message(c, (struct oro_bytes){0}, &body);
    if (!first) {
        m.opcode = ORO_WS_CONT;
        m.lead = false;
    } else if (c->out_tail != NULL && c->out_tail->open) {
        out_seal(c, c->out_tail);
    }
    if (link_part(c, &m, 0, piece->len, last) == NULL) {
        conn_cut(c, CAUSE_BUFFERS);
        return false;
    }
    conn_counters(c)->messages_out += last;
    return true;
}

bool
ws_send(struct conn *c, struct oro_bytes msg)
{
    return ws_send_parts(c, msg, NULL);
}

static bool
send_control(struct conn *c, unsigned opcode, const void *payload, size_t len, bool overtake)
{
    struct piece *p = overtake ? out_control(c, 2 + len) : out_new(c, 2 + len);
    if (p == NULL)
        return false;
    oro_ws_head_put(p->data + p->len, ORO_WS_FIN | opcode, len, NULL);
    if (len > 0)
        memcpy(p->data + p->len + 2, payload, len);
    p->len += 2 + len;
    if (overtake) {
        c->out_bytes += 2 + len;
        return true;
    }
    p->pinned = true;
    if (c->out_tail != NULL && c->out_tail->open)
        out_seal(c, c->out_tail);
    out_append(c, p);
    return true;
}

void
ws_ping(struct conn *c)
{
    c->last_ping_us = c->shard->now_us;
    c->ping_unanswered = send_control(c, ORO_WS_PING, NULL, 0, true);
}

bool
ws_put_close(struct conn *c, int code, const char *reason, size_t len)
{
    char payload[125];
    if (len > sizeof(payload) - 2) {
        len = sizeof(payload) - 2;
        while (len > 0 && ((unsigned char)reason[len] & 0xc0) == 0x80)
            len--; /* cut between characters */
    }
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    if (len > 0)
        memcpy(payload + 2, reason, len);
    return send_control(c, ORO_WS_CLOSE, payload, code != 0 ? len + 2 : 0, false);
}

void
ws_close(struct conn *c, int code, const char *reason, size_t reason_len)
{
    ASSERT_HERE(c);
    if (c->cause == CAUSE_IO)
        c->cause = CAUSE_SERVER_CLOSE;
    if (!ws_put_close(c, code, reason, reason_len)) {
        conn_doom(c, CAUSE_SERVER_CLOSE);
        return;
    }
    conn_move(c, CONN_CLOSING);
    c->paused = false;
    c->held = true;
    conn_set_held(c, false); /* the peer's Close must be read */
    conn_end_by(c, c->shard->now_us + (c->ended ? ENDED_LIMIT_US : FLUSH_LIMIT_US));
}

/* ---- in ---- */

/* What comes is still looked at, if only for the peer's Close. */
static bool
takes_input(const struct conn *c)
{
    return c->state == CONN_WS || c->state == CONN_CLOSING;
}

/* Takes buf. False: the connection takes no more input. */
static bool
deliver(struct conn *c, struct oro_buf *buf, bool binary)
{
    ASSERT_HERE(c);
    struct shard *s = c->shard;
    if (c->state != CONN_WS) {
        oro_buf_unref(buf); /* we have sent our Close: read and discarded */
        return true;
    }
    if (!binary && !oro_utf8_valid(oro_bytes(buf->data, buf->len))) {
        oro_buf_unref(buf);
        conn_doom(c, CAUSE_PROTOCOL);
        return false;
    }
    conn_counters(c)->messages_in++;
    c->stored++;
    s->net->sink->ws_message(s->net->sink->self, s->index, c->id, c->user, buf, binary);
    oro_buf_unref(buf);
    return takes_input(c);
}

/* False: the connection takes no more input. */
static bool
on_close_frame(struct conn *c, const uint8_t *payload, size_t len)
{
    if (c->state == CONN_CLOSING) {
        conn_doom(c, CAUSE_SERVER_CLOSE);
        return false;
    }
    unsigned code = len >= 2 ? (unsigned)payload[0] << 8 | payload[1] : 0;
    bool legal = len == 0 || (len >= 2 && oro_ws_code_legal(code) &&
                              oro_utf8_valid(oro_bytes(payload + 2, len - 2)));
    bool leaves = len == 0 || code == 1000 || code == 1001;
    if (c->cause == CAUSE_IO)
        c->cause = !legal ? CAUSE_PROTOCOL : leaves ? CAUSE_CLIENT_CLOSE : CAUSE_CLIENT_ERROR;
    bool queued =
        legal ? ws_put_close(c, (int)code, (const char *)payload + 2, len >= 2 ? len - 2 : 0)
              : ws_put_close(c, 1002, "", 0);
    if (!queued) {
        conn_doom(c, CAUSE_CLIENT_CLOSE);
        return false;
    }
    conn_move(c, CONN_FAREWELL);
    conn_end_by(c, c->shard->now_us + FLUSH_LIMIT_US);
    return false;
}

static bool
on_control(struct conn *c, unsigned opcode, const uint8_t *payload, size_t len)
{
    if (opcode == ORO_WS_CLOSE)
        return on_close_frame(c, payload, len);
    if (opcode == ORO_WS_PONG) {
        c->ping_unanswered = false;
    } else if (c->state == CONN_WS && !send_control(c, ORO_WS_PONG, payload, len, true)) {
        conn_cut(c, CAUSE_BUFFERS);
        return false;
    }
    return true;
}

/* A header is complete. Checks it against the message under way. False: the connection is over. */
static bool
begin_frame(struct conn *c, const struct oro_ws_frame *f, unsigned msg_opcode)
{
    if (f->opcode >= ORO_WS_CLOSE)
        return true;
    if ((f->opcode == ORO_WS_CONT) != (msg_opcode != 0)) {
        conn_doom(c, CAUSE_PROTOCOL);
        return false;
    }
    if (f->len > c->shard->net->opt.max_message - (msg_opcode != 0 ? c->in.len : 0)) {
        conn_cut(c, CAUSE_TOO_LARGE);
        return false;
    }
    return true;
}

/* A frame that lies whole in what was read, no message being under way: the fast path. */
static bool
whole_frame(struct conn *c, const struct oro_ws_frame *f, const uint8_t *payload)
{
    if (f->opcode >= ORO_WS_CLOSE) {
        uint8_t control[125];
        oro_ws_mask(control, payload, (size_t)f->len, f->mask, 0);
        return on_control(c, f->opcode, control, (size_t)f->len);
    }
    struct oro_buf *buf = oro_buf_try_new((uint32_t)f->len);
    if (buf == NULL) {
        conn_cut(c, CAUSE_BUFFERS);
        return false;
    }
    oro_ws_mask(buf->data, payload, (size_t)f->len, f->mask, 0);
    return deliver(c, buf, f->opcode == ORO_WS_BINARY);
}

/* The payload of the current frame has ended. */
static bool
end_frame(struct conn *c)
{
    ASSERT_HERE(c);
    ORO_ASSERT(c->rx != NULL);
    struct ws_rx *rx = c->rx;
    rx->in_payload = false;
    rx->hdr_len = 0;
    if (rx->opcode >= ORO_WS_CLOSE)
        return on_control(c, rx->opcode, rx->control, rx->control_len);
    if (!rx->fin)
        return true;
    bool binary = rx->msg_opcode == ORO_WS_BINARY;
    rx->msg_opcode = 0;
    struct oro_buf *buf = oro_buf_try_new((uint32_t)c->in.len);
    if (buf == NULL) {
        conn_cut(c, CAUSE_BUFFERS);
        return false;
    }
    if (c->in.len > 0)
        memcpy(buf->data, c->in.data, c->in.len);
    oro_bb_fini(&c->in);
    conn_count_in(c);
    return deliver(c, buf, binary);
}

static bool
start_slow(struct conn *c, const struct oro_ws_frame *f)
{
    struct ws_rx *rx = c->rx;
    if (!begin_frame(c, f, rx->msg_opcode))
        return false;
    if (f->opcode == ORO_WS_TEXT || f->opcode == ORO_WS_BINARY)
        rx->msg_opcode = f->opcode;
    rx->opcode = f->opcode;
    rx->fin = f->fin;
    rx->left = f->len;
    rx->at = 0;
    rx->control_len = 0;
    memcpy(rx->mask, f->mask, 4);
    rx->in_payload = true;
    return f->len > 0 || end_frame(c);
}

static bool
take_payload(struct conn *c, const uint8_t *data, size_t n)
{
    ASSERT_HERE(c);
    struct ws_rx *rx = c->rx;
    if (rx->opcode >= ORO_WS_CLOSE) {
        oro_ws_mask(rx->control + rx->control_len, data, n, rx->mask, rx->at);
        rx->control_len = (uint8_t)(rx->control_len + n);
    } else if (c->state == CONN_WS) {
        /* Of the last frame it is known where it ends. */
        size_t most = rx->fin ? c->in.len + (size_t)rx->left : SIZE_MAX;
        if (!oro_bb_try_reserve(&c->in, n, most)) {
            conn_cut(c, CAUSE_BUFFERS);
            return false;
        }
        oro_ws_mask(c->in.data + c->in.len, data, n, rx->mask, rx->at);
        c->in.len += n;
        c->stored += n;
    }
    rx->at += n;
    rx->left -= n;
    return rx->left > 0 || end_frame(c);
}

/* One step on the slow path: part of a header or of a payload. Gives the bytes used in *used. */
static bool
slow_step(struct conn *c, const uint8_t *data, size_t len, size_t *used)
{
    struct ws_rx *rx = c->rx;
    if (rx->in_payload) {
        *used = rx->left < len ? (size_t)rx->left : len;
        return take_payload(c, data, *used);
    }
    size_t had = rx->hdr_len, n = sizeof(rx->hdr) - had < len ? sizeof(rx->hdr) - had : len;
    memcpy(rx->hdr + had, data, n);
    struct oro_ws_frame f;
    int rc = oro_ws_head_read(rx->hdr, had + n, true, &f);
    if (rc < 0) {
        conn_doom(c, CAUSE_PROTOCOL);
        return false;
    }
    *used = rc > 0 ? f.head - had : n;
    rx->hdr_len = (uint8_t)(had + *used);
    return rc == 0 || start_slow(c, &f);
}

static struct ws_rx *
rx_new(struct conn *c)
{
    struct ws_rx *rx = oro_try_alloc(sizeof(*rx));
    if (rx == NULL) {
        conn_cut(c, CAUSE_BUFFERS);
        return NULL;
    }
    *rx = (struct ws_rx){0};
    budget_charge(c, (int64_t)sizeof(*rx));
    return rx;
}

int
ws_rx(struct conn *c, uint8_t *data, size_t len)
{
    ASSERT_HERE(c);
    bool on = true;
    while (len > 0 && on) {
        if (c->rx == NULL) {
            struct oro_ws_frame f;
            int rc = oro_ws_head_read(data, len, true, &f);
            if (rc < 0) {
                conn_doom(c, CAUSE_PROTOCOL);
                break;
            }
            bool whole = rc > 0 && f.len <= len - f.head && (f.fin || f.opcode >= ORO_WS_CLOSE);
            if (whole) {
                on = begin_frame(c, &f, 0) && whole_frame(c, &f, data + f.head);
                data += f.head + (size_t)f.len;
                len -= f.head + (size_t)f.len;
                continue;
            }
            c->rx = rx_new(c);
            if (c->rx == NULL)
                break;
        }
        size_t used = 0;
        on = slow_step(c, data, len, &used);
        data += used;
        len -= used;
        struct ws_rx *rx = c->rx;
        if (!rx->in_payload && rx->hdr_len == 0 && rx->msg_opcode == 0) {
            budget_charge(c, -(int64_t)sizeof(*rx));
            oro_free(rx);
            c->rx = NULL;
        }
    }
    return c->state == CONN_DOOMED ? -1 : 0;
}

/* ---- opening ---- */

void
ws_accept_key(const char *key, char out[29])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[64];
    unsigned char sha[EVP_MAX_MD_SIZE];
    size_t n = strlen(key), sha_len = 0;
    ORO_ASSERT(n == 24);
    memcpy(text, key, n);
    memcpy(text + n, guid, sizeof(guid) - 1);
    int ok = EVP_Q_digest(NULL, "SHA1", NULL, text, n + sizeof(guid) - 1, sha, &sha_len);
    ORO_ASSERT(ok == 1 && sha_len == 20);
    EVP_EncodeBlock((unsigned char *)out, sha, (int)sha_len);
}

/* conn.on_cut, from its opening on. */
static void
on_cut(struct conn *c, const struct farewell *f)
{
    const struct oro_sink *sink = c->shard->net->sink;
    ASSERT_HERE(c);
    if (c->state != CONN_WS) {
        conn_doom(c, c->cause);
        return;
    }
    oro_bb_fini(&c->in);
    if (!out_trim(c) || f->code == 0 || !ws_put_close(c, f->code, f->why, strlen(f->why))) {
        conn_doom(c, c->cause);
    } else {
        conn_move(c, CONN_DRAIN);
        conn_end_by(c, c->shard->now_us + FLUSH_LIMIT_US);
        if (c->paused && !c->held)
            io_set_reading(c, true);
        c->paused = false;
    }
    if (sink->ws_cut != NULL)
        sink->ws_cut(sink->self, c->shard->index, c->id, c->user);
}

void
ws_opened(struct conn *c)
{
    ASSERT_HERE(c);
    struct shard *s = c->shard;
    c->ws = true;
    c->on_cut = on_cut;
    c->last_rx_us = s->now_us;
    oro_metric_add(s->net->m_connections, 1);
    if (s->net->opt.ping_interval_s > 0)
        ws_ping(c); /* the first one at once */
    s->net->sink->ws_open(s->net->sink->self, s->index, c->id, c->user);
}
