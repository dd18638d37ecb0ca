#include "runtime/bench/ws_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* RFC 6455's own example of a key and its answer: a fixed key lets us check the answer without
 * SHA-1. It defends against caching proxies only, and there is none between a load generator and
 * its server. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define KEY_ANSWER "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define READ_SIZE (64u << 10)
#define ANSWER_MAX (16u << 10)

/* ---- bytes only ---- */

void
oro_wsc_put_head(struct oro_bb *out, enum oro_ws_opcode opcode, size_t len)
{
    static const uint8_t mask[4];
    oro_bb_reserve(out, ORO_WS_HEAD_MAX);
    out->len += oro_ws_head_put(out->data + out->len, ORO_WS_FIN | opcode, len, mask);
}

enum oro_wsc_parsed
oro_wsc_parse(struct oro_bytes in, struct oro_wsc_frame *out, size_t *used)
{
    struct oro_ws_frame f;
    int rc = oro_ws_head_read(in.data, in.len, false, &f);
    if (rc < 0)
        return ORO_WSC_BAD;
    if (rc == 0 || in.len - f.head < f.len)
        return ORO_WSC_MORE;
    *out = (struct oro_wsc_frame){(enum oro_ws_opcode)f.opcode, f.fin,
                                  oro_bytes(in.data + f.head, f.len)};
    *used = f.head + f.len;
    return ORO_WSC_FRAME;
}

/* The value of a header line within `text` (which ends with the empty line), trimmed; NULL data if
 * there is none. */
static struct oro_bytes
header_value(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = strstr(text, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, n) != 0 || line[n] != ':')
            continue;
        const char *value = line + n + 1 + strspn(line + n + 1, " \t");
        size_t len = strcspn(value, "\r\n");
        while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
            len--;
        return oro_bytes(value, len);
    }
    return (struct oro_bytes){NULL, 0};
}

static oro_status
answer_check(const char *text, const char *subprotocol, struct oro_err *err)
{
    if (strncmp(text, "HTTP/1.1 101", 12) != 0)
        return oro_err_set(err, ORO_EREFUSED, "the server answers %.*s", (int)strcspn(text, "\r\n"),
                           text);
    if (!oro_bytes_eq(header_value(text, "Sec-WebSocket-Accept"), oro_bytes_str(KEY_ANSWER)))
        return oro_err_set(err, ORO_EREFUSED, "the server's Sec-WebSocket-Accept is wrong");
    struct oro_bytes chosen = header_value(text, "Sec-WebSocket-Protocol");
    if (!oro_bytes_eq(chosen, oro_bytes_str(subprotocol)))
        return oro_err_set(err, ORO_EREFUSED, "asked for the subprotocol %s, the server took %.*s",
                           subprotocol, chosen.data != NULL ? (int)chosen.len : 4,
                           chosen.data != NULL ? (const char *)chosen.data : "none");
    return ORO_OK;
}

oro_status
oro_wsc_check_answer(struct oro_bytes in, const char *subprotocol, size_t *used,
                     struct oro_err *err)
{
    *used = 0;
    const uint8_t *end = in.len > 0 ? memmem(in.data, in.len, "\r\n\r\n", 4) : NULL;
    if (end == NULL)
        return in.len < ANSWER_MAX
                   ? ORO_OK
                   : oro_err_set(err, ORO_EMALFORMED, "the server's answer has no end");
    size_t len = (size_t)(end - in.data) + 4;
    char *text = oro_strndup((const char *)in.data, len);
    oro_status st = answer_check(text, subprotocol, err);
    oro_free(text);
    if (st == ORO_OK)
        *used = len;
    return st;
}

/* ---- a connection ---- */

/* Waits until the socket is ready; a signal ends the wait, since it means that somebody wants us to
 * stop. */
static oro_status
wait_for(int fd, short events, int timeout_ms, struct oro_err *err)
{
    struct pollfd p = {.fd = fd, .events = events};
    int n = poll(&p, 1, timeout_ms);
    if (n > 0)
        return ORO_OK;
    return n == 0           ? oro_err_set(err, ORO_ETIMEOUT, "no answer within %d ms", timeout_ms)
           : errno == EINTR ? oro_err_set(err, ORO_ECLOSED, "interrupted")
                            : oro_err_set(err, ORO_EIO, "poll: %m");
}

static oro_status
socket_connect(int fd, const struct addrinfo *a, int timeout_ms, struct oro_err *err)
{
    int problem = 0, one = 1;
    socklen_t len = sizeof(problem);
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
        if (errno != EINPROGRESS)
            return oro_err_set(err, ORO_EIO, "connect: %m");
        oro_status st = wait_for(fd, POLLOUT, timeout_ms, err);
        if (st != ORO_OK)
            return st;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &len) != 0 || problem != 0)
            return oro_err_set(err, ORO_EIO, "connect: %s", strerror(problem));
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return ORO_OK;
}

static oro_status
socket_open(const struct oro_wsc_target *t, int timeout_ms, int *out, struct oro_err *err)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM}, *found;
    char port[8];
    snprintf(port, sizeof(port), "%u", t->port);
    int code = getaddrinfo(t->host, port, &want, &found);
    if (code != 0)
        return oro_err_set(err, ORO_ENOTFOUND, "%s: %s", t->host, gai_strerror(code));
    oro_status st = oro_err_set(err, ORO_ENOTFOUND, "%s has no address", t->host);
    for (struct addrinfo *a = found; a != NULL && st != ORO_OK; a = a->ai_next) {
        int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            st = oro_err_set(err, ORO_EIO, "socket: %m");
            continue;
        }
        st = socket_connect(fd, a, timeout_ms, err);
        if (st == ORO_OK)
            *out = fd;
        else
            close(fd);
    }
    freeaddrinfo(found);
    return st;
}

static oro_status
shake_hands(struct oro_wsc *c, const struct oro_wsc_target *t, int timeout_ms, struct oro_err *err)
{
    bool all;
    size_t used = 0;
    oro_bb_printf(&c->out,
                  "GET %s HTTP/1.1\r\nHost: %s:%u\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY
                  "\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
                  t->path, t->host, t->port, t->subprotocol);
    oro_status st = oro_wsc_flush(c, &all, err);
    while (st == ORO_OK && used == 0) {
        st = wait_for(c->fd, POLLIN, timeout_ms, err);
        if (st == ORO_OK)
            st = oro_wsc_receive(c, err);
        if (st == ORO_OK)
            st = oro_wsc_check_answer(oro_bb_bytes(&c->in), t->subprotocol, &used, err);
    }
    c->in_at = used;
    return st;
}

oro_status
oro_wsc_open(struct oro_wsc *c, const struct oro_wsc_target *t, int timeout_ms, struct oro_err *err)
{
    *c = (struct oro_wsc){.fd = -1};
    oro_status st = socket_open(t, timeout_ms, &c->fd, err);
    if (st == ORO_OK)
        st = shake_hands(c, t, timeout_ms, err);
    if (st == ORO_OK)
        return ORO_OK;
    oro_wsc_close(c);
    return oro_err_wrap(err, "%s:%u", t->host, t->port);
}

void
oro_wsc_close(struct oro_wsc *c)
{
    if (c->fd >= 0)
        close(c->fd);
    oro_bb_fini(&c->in);
    oro_bb_fini(&c->out);
    oro_bb_fini(&c->parts);
    *c = (struct oro_wsc){.fd = -1};
}

oro_status
oro_wsc_flush(struct oro_wsc *c, bool *all, struct oro_err *err)
{
    while (c->out_at < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            return oro_err_set(err, ORO_ECLOSED, "send: %m");
        if (n < 0) {
            *all = false;
            return ORO_OK;
        }
        c->out_at += (size_t)n;
    }
    oro_bb_clear(&c->out);
    c->out_at = 0;
    *all = true;
    return ORO_OK;
}

/* Room for a read: what has been taken is forgotten, what is left of a frame moves to the front. */
static void
make_room(struct oro_wsc *c)
{
    size_t left = c->in.len - c->in_at;
    if (c->in_at > 0 && left > 0)
        memmove(c->in.data, c->in.data + c->in_at, left);
    c->in.len = left;
    c->in_at = 0;
    oro_bb_reserve(&c->in, READ_SIZE);
}

oro_status
oro_wsc_receive(struct oro_wsc *c, struct oro_err *err)
{
    make_room(c);
    ssize_t n = recv(c->fd, c->in.data + c->in.len, c->in.cap - c->in.len, 0);
    if (n == 0)
        return oro_err_set(err, ORO_ECLOSED, "the server has closed the connection");
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? ORO_OK
                                                 : oro_err_set(err, ORO_ECLOSED, "recv: %m");
    c->in.len += (size_t)n;
    return ORO_OK;
}

static oro_status
closed_by(struct oro_bytes payload, struct oro_err *err)
{
    if (payload.len < 2)
        return oro_err_set(err, ORO_ECLOSED, "the server has closed the connection");
    return oro_err_set(err, ORO_ECLOSED, "the server has closed the connection: %u %.*s",
                       payload.data[0] << 8 | payload.data[1], (int)payload.len - 2,
                       (const char *)payload.data + 2);
}

/* Adds a frame to the message that it belongs to; *got when that is whole. */
static oro_status
message_add(struct oro_wsc *c, const struct oro_wsc_frame *f, struct oro_bytes *message, bool *got,
            struct oro_err *err)
{
    if ((f->opcode == ORO_WS_CONT) != c->in_parts)
        return oro_err_set(err, ORO_EMALFORMED, "a continuation frame out of place");
    if (f->opcode == ORO_WS_TEXT)
        return oro_err_set(err, ORO_EMALFORMED, "a text message");
    *got = f->fin;
    if (f->fin && !c->in_parts) {
        *message = f->payload;
        return ORO_OK;
    }
    if (!c->in_parts)
        oro_bb_clear(&c->parts);
    oro_bb_put_bytes(&c->parts, f->payload);
    c->in_parts = !f->fin;
    *message = oro_bb_bytes(&c->parts);
    return ORO_OK;
}

static oro_status
frame_take(struct oro_wsc *c, const struct oro_wsc_frame *f, struct oro_bytes *message, bool *got,
           struct oro_err *err)
{
    switch (f->opcode) {
    case ORO_WS_CLOSE:
        return closed_by(f->payload, err);
    case ORO_WS_PING:
        oro_wsc_put_head(&c->out, ORO_WS_PONG, f->payload.len);
        oro_bb_put_bytes(&c->out, f->payload);
        return ORO_OK;
    case ORO_WS_PONG:
        return ORO_OK;
    default:
        return message_add(c, f, message, got, err);
    }
}

oro_status
oro_wsc_next(struct oro_wsc *c, struct oro_bytes *message, bool *got, struct oro_err *err)
{
    struct oro_wsc_frame f;
    size_t used;
    *got = false;
    while (!*got && c->in_at < c->in.len) {
        switch (oro_wsc_parse(oro_bytes(c->in.data + c->in_at, c->in.len - c->in_at), &f, &used)) {
        case ORO_WSC_MORE:
            return ORO_OK;
        case ORO_WSC_BAD:
            return oro_err_set(err, ORO_EMALFORMED, "a frame that no server may send");
        case ORO_WSC_FRAME:
            break;
        }
        c->in_at += used;
        oro_status st = frame_take(c, &f, message, got, err);
        if (st != ORO_OK)
            return st;
    }
    return ORO_OK;
}

oro_status
oro_wsc_wait(struct oro_wsc *c, int timeout_ms, struct oro_bytes *message, struct oro_err *err)
{
    for (;;) {
        bool got, all;
        oro_status st = oro_wsc_next(c, message, &got, err);
        if (st != ORO_OK || got)
            return st;
        st = oro_wsc_flush(c, &all, err);
        if (st == ORO_OK)
            st = wait_for(c->fd, all ? POLLIN : POLLIN | POLLOUT, timeout_ms, err);
        if (st == ORO_OK)
            st = oro_wsc_receive(c, err);
        if (st != ORO_OK)
            return st;
    }
}
