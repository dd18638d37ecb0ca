/* net/ws.c - RFC 6455 frames. In: messages are unmasked while they are copied into the buffer
 * that the sink gets; one that lies whole in what was read is copied once. Out: messages become
 * frames as they are queued, by the framing of the connection; a v3 frame stays open for more
 * messages until it is about to be sent. */
#include "net/net_priv.h"

#include <openssl/evp.h>
#include <string.h>

#include "runtime/base/utf8.h"

enum opcode { OP_CONT = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

#define FIN 0x80
#define HEADER_MAX 10 /* of a frame we send: no mask */

/* ---- out ---- */

static size_t
header_len(size_t payload)
{
    return payload < 126 ? 2 : payload <= 0xffff ? 4 : 10;
}

/* Writes the header of an unmasked frame, whose first byte is given; at has header_len(payload) bytes. */
static void
put_header(uint8_t *at, unsigned first, size_t payload)
{
    at[0] = (uint8_t)first;
    if (payload < 126) {
        at[1] = (uint8_t)payload;
    } else if (payload <= 0xffff) {
        at[1] = 126;
        at[2] = (uint8_t)(payload >> 8);
        at[3] = (uint8_t)payload;
    } else {
        at[1] = 127;
        for (int i = 0; i < 8; i++)
            at[2 + i] = (uint8_t)((uint64_t)payload >> (56 - 8 * i));
    }
}

/* An open piece is: room for the longest header, a byte 0 (no compression), messages. Sealing
 * puts the header right before the byte 0 and skips what is left over. */
void
ws_seal(struct conn *c, struct piece *p)
{
    size_t payload = p->len - HEADER_MAX, h = header_len(payload);
    p->off = HEADER_MAX - h;
    c->out_bytes -= p->off;
    put_header(p->data + p->off, FIN | OP_BINARY, payload);
    p->open = false;
}

/* The following give false when there is no memory; then nothing of it was queued. */

static bool
send_stream(struct conn *c, struct oro_bytes msg)
{
    struct piece *p = c->out_tail;
    if (p != NULL && p->open && p->len - HEADER_MAX - 1 + msg.len > STREAM_BODY_MAX)
        ws_seal(c, p);
    bool fresh = p == NULL || !p->open;
    if (fresh) {
        size_t need = HEADER_MAX + 1 + msg.len, cap = (size_t)1 << c->out_hint;
        p = out_new(c, need > cap ? need : cap);
        if (p == NULL)
            return false;
        p->open = true;
        p->data[HEADER_MAX] = 0;
        p->len = HEADER_MAX + 1;
        out_append(c, p);
    }
    p = out_room(c, msg.len);
    if (p == NULL)
        return false;
    memcpy(p->data + p->len, msg.data, msg.len);
    p->len += msg.len;
    c->out_bytes += msg.len;
    return true;
}

static bool
send_frame(struct conn *c, unsigned opcode, bool lead, struct oro_bytes msg)
{
    size_t payload = msg.len + lead, h = header_len(payload);
    struct piece *p = out_room(c, h + payload);
    if (p == NULL)
        return false;
    p->joinable = true;
    put_header(p->data + p->len, FIN | opcode, payload);
    p->len += h;
    if (lead)
        p->data[p->len++] = 0;
    if (msg.len > 0)
        memcpy(p->data + p->len, msg.data, msg.len);
    p->len += msg.len;
    c->out_bytes += h + payload;
    return true;
}

/* One message as a first frame and continuations, each a piece of its own. */
static bool
send_fragments(struct conn *c, unsigned opcode, bool lead, struct oro_bytes msg)
{
    if (c->out_tail != NULL && c->out_tail->open)
        ws_seal(c, c->out_tail);
    for (size_t at = 0; at < msg.len;) {
        size_t n = msg.len - at < FRAGMENT ? msg.len - at : FRAGMENT;
        bool first = at == 0, last = at + n == msg.len, zero = first && lead;
        struct piece *p = out_new(c, HEADER_MAX + 1 + n);
        if (p == NULL)
            return false; /* what was queued of it goes with the connection */
        put_header(p->data, (last ? FIN : 0u) | (first ? opcode : (unsigned)OP_CONT), n + zero);
        p->len = header_len(n + zero);
        if (zero)
            p->data[p->len++] = 0;
        memcpy(p->data + p->len, msg.data + at, n);
        p->len += n;
        out_append(c, p);
        at += n;
    }
    return true;
}

/* The same of parts, which are linked. */
static bool
link_fragments(struct conn *c, unsigned opcode, bool lead, const struct oro_parts *parts)
{
    if (c->out_tail != NULL && c->out_tail->open)
        ws_seal(c, c->out_tail);
    for (size_t i = 0; i < parts->n; i++) {
        bool first = i == 0, last = i + 1 == parts->n, zero = first && lead;
        size_t payload = parts->bufs[i]->len + zero, h = header_len(payload);
        uint8_t head[HEADER_MAX + 1] = {0};
        put_header(head, (last ? FIN : 0u) | (first ? opcode : (unsigned)OP_CONT), payload);
        if (out_link(c, parts->bufs[i], head, h + zero) == NULL)
            return false;
    }
    return true;
}

/* Can something be sent? Any connection may be cut off inside. */
static bool
takes_output(struct conn *c)
{
    if (budget_over(c->shard))
        budget_enforce(c->shard);
    return c->state == CONN_WS;
}

static bool
queued_all(struct conn *c, bool queued)
{
    if (!queued) {
        conn_cut(c, CAUSE_BUFFERS);
        return false;
    }
    conn_counters(c)->messages_out++;
    conn_touch(c);
    return true;
}

bool
ws_send_parts(struct conn *c, const struct oro_parts *msg)
{
    ORO_ASSERT(msg->n > 0);
    if (!takes_output(c))
        return false;
    bool text = c->framing == ORO_FRAMING_TEXT;
    return queued_all(c, link_fragments(c, text ? OP_TEXT : OP_BINARY, !text, msg));
}

bool
ws_send(struct conn *c, struct oro_bytes msg)
{
    if (!takes_output(c))
        return false;
    unsigned opcode = c->framing == ORO_FRAMING_TEXT ? OP_TEXT : OP_BINARY;
    bool lead = c->framing != ORO_FRAMING_TEXT;
    bool queued = msg.len > STREAM_BODY_MAX          ? send_fragments(c, opcode, lead, msg)
                  : c->framing == ORO_FRAMING_STREAM ? send_stream(c, msg)
                                                     : send_frame(c, opcode, lead, msg);
    return queued_all(c, queued);
}

static bool
send_control(struct conn *c, unsigned opcode, const void *payload, size_t len, bool overtake)
{
    struct piece *p = overtake ? out_control(c, 2 + len) : out_new(c, 2 + len);
    if (p == NULL)
        return false;
    put_header(p->data + p->len, FIN | opcode, len);
    if (len > 0)
        memcpy(p->data + p->len + 2, payload, len);
    p->len += 2 + len;
    if (overtake) {
        c->out_bytes += 2 + len;
        return true;
    }
    p->pinned = true;
    if (c->out_tail != NULL && c->out_tail->open)
        ws_seal(c, c->out_tail);
    out_append(c, p);
    return true;
}

void
ws_ping(struct conn *c)
{
    c->last_ping_us = c->shard->now_us;
    c->ping_unanswered = send_control(c, OP_PING, NULL, 0, true);
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
    return send_control(c, OP_CLOSE, payload, code != 0 ? len + 2 : 0, false);
}

void
ws_close(struct conn *c, int code, const char *reason, size_t reason_len)
{
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

/* to[i] = from[i] ^ mask[(phase + i) & 3] */
static void
unmask(uint8_t *to, const uint8_t *from, size_t n, const uint8_t mask[4], uint64_t phase)
{
    uint8_t m8[8];
    for (int i = 0; i < 8; i++)
        m8[i] = mask[(phase + (uint64_t)i) & 3];
    uint64_t m, v;
    memcpy(&m, m8, 8);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        memcpy(&v, from + i, 8);
        v ^= m;
        memcpy(to + i, &v, 8);
    }
    for (; i < n; i++)
        to[i] = from[i] ^ m8[i & 7];
}

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

static bool
close_code_legal(unsigned code)
{
    return (code >= 3000 && code <= 4999) ||
           (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006);
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
    bool legal =
        len == 0 || (len >= 2 && close_code_legal(code) && oro_utf8_valid(oro_bytes(payload + 2, len - 2)));
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
    if (opcode == OP_CLOSE)
        return on_close_frame(c, payload, len);
    if (opcode == OP_PONG) {
        c->ping_unanswered = false;
    } else if (c->state == CONN_WS && !send_control(c, OP_PONG, payload, len, true)) {
        conn_cut(c, CAUSE_BUFFERS);
        return false;
    }
    return true;
}

struct frame {
    bool fin;
    uint8_t opcode;
    uint64_t len;
    uint8_t mask[4];
    size_t header;
};

/* Header from p[0..n): 1 parsed, 0 more bytes are needed, -1 against the protocol. */
static int
parse_frame(const uint8_t *p, size_t n, struct frame *f)
{
    if (n < 2)
        return 0;
    if ((p[0] & 0x70) != 0 || !(p[1] & 0x80))
        return -1; /* extensions, which nobody negotiated, or no mask */
    f->fin = p[0] & FIN;
    f->opcode = p[0] & 0x0f;
    unsigned len7 = p[1] & 0x7f;
    size_t ext = len7 == 126 ? 2 : len7 == 127 ? 8 : 0;
    if (n < 2 + ext + 4)
        return 0;
    f->len = ext == 0 ? len7 : 0;
    for (size_t i = 0; i < ext; i++)
        f->len = f->len << 8 | p[2 + i];
    if (f->len >> 63)
        return -1;
    memcpy(f->mask, p + 2 + ext, 4);
    f->header = 2 + ext + 4;
    switch (f->opcode) {
    case OP_CONT:
    case OP_TEXT:
    case OP_BINARY:
        return 1;
    case OP_CLOSE:
    case OP_PING:
    case OP_PONG:
        return f->fin && f->len <= 125 ? 1 : -1;
    default:
        return -1;
    }
}

/* A header is complete. Checks it against the message under way. False: the connection is over. */
static bool
begin_frame(struct conn *c, const struct frame *f, unsigned msg_opcode)
{
    if (f->opcode >= OP_CLOSE)
        return true;
    if ((f->opcode == OP_CONT) != (msg_opcode != 0)) {
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
whole_frame(struct conn *c, const struct frame *f, const uint8_t *payload)
{
    if (f->opcode >= OP_CLOSE) {
        uint8_t control[125];
        unmask(control, payload, (size_t)f->len, f->mask, 0);
        return on_control(c, f->opcode, control, (size_t)f->len);
    }
    struct oro_buf *buf = oro_buf_try_new((uint32_t)f->len);
    if (buf == NULL) {
        conn_cut(c, CAUSE_BUFFERS);
        return false;
    }
    unmask(buf->data, payload, (size_t)f->len, f->mask, 0);
    return deliver(c, buf, f->opcode == OP_BINARY);
}

/* The payload of the current frame has ended. */
static bool
end_frame(struct conn *c)
{
    struct ws_rx *rx = c->rx;
    rx->in_payload = false;
    rx->hdr_len = 0;
    if (rx->opcode >= OP_CLOSE)
        return on_control(c, rx->opcode, rx->control, rx->control_len);
    if (!rx->fin)
        return true;
    bool binary = rx->msg_opcode == OP_BINARY;
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
start_slow(struct conn *c, const struct frame *f)
{
    struct ws_rx *rx = c->rx;
    if (!begin_frame(c, f, rx->msg_opcode))
        return false;
    if (f->opcode == OP_TEXT || f->opcode == OP_BINARY)
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
    struct ws_rx *rx = c->rx;
    if (rx->opcode >= OP_CLOSE) {
        unmask(rx->control + rx->control_len, data, n, rx->mask, rx->at);
        rx->control_len = (uint8_t)(rx->control_len + n);
    } else if (c->state == CONN_WS) {
        /* Of the last frame it is known where it ends. */
        size_t most = rx->fin ? c->in.len + (size_t)rx->left : SIZE_MAX;
        if (!oro_bb_try_reserve(&c->in, n, most)) {
            conn_cut(c, CAUSE_BUFFERS);
            return false;
        }
        unmask(c->in.data + c->in.len, data, n, rx->mask, rx->at);
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
    struct frame f;
    int rc = parse_frame(rx->hdr, had + n, &f);
    if (rc < 0) {
        conn_doom(c, CAUSE_PROTOCOL);
        return false;
    }
    *used = rc > 0 ? f.header - had : n;
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
    bool on = true;
    while (len > 0 && on) {
        if (c->rx == NULL) {
            struct frame f;
            int rc = parse_frame(data, len, &f);
            if (rc < 0) {
                conn_doom(c, CAUSE_PROTOCOL);
                break;
            }
            bool whole = rc > 0 && f.len <= len - f.header && (f.fin || f.opcode >= OP_CLOSE);
            if (whole) {
                on = begin_frame(c, &f, 0) && whole_frame(c, &f, data + f.header);
                data += f.header + (size_t)f.len;
                len -= f.header + (size_t)f.len;
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

void
ws_opened(struct conn *c)
{
    struct shard *s = c->shard;
    c->ws = true;
    c->last_rx_us = s->now_us;
    oro_metric_add(s->net->m_connections, 1);
    if (s->net->opt.ping_interval_s > 0)
        ws_ping(c); /* the first one at once */
    s->net->sink->ws_open(s->net->sink->self, s->index, c->id, c->user);
}
