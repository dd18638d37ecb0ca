#include "tests/net/client.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS 20000

static void *
need(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

struct client *
client_open(int port)
{
    struct client *c = need(calloc(1, sizeof(*c)));
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(c->fd >= 0, "socket: %s", strerror(errno));
    cr_assert_eq(connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)), 0, "connect: %s",
                 strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return c;
}

struct client *
client_open_tls(int port)
{
    struct client *c = client_open(port);
    SSL_CTX *ctx = need(SSL_CTX_new(TLS_client_method()));
    SSL *ssl = need(SSL_new(ctx));
    SSL_CTX_free(ctx);
    SSL_set_fd(ssl, c->fd);
    static const unsigned char alpn[] = "\x02h2\x08http/1.1";
    SSL_set_alpn_protos(ssl, alpn, sizeof(alpn) - 1);
    cr_assert_eq(SSL_connect(ssl), 1);
    c->ssl = ssl;
    return c;
}

void
client_reset(struct client *c)
{
    struct linger now = {.l_onoff = 1};
    cr_assert_eq(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    client_close(c);
}

void
client_end(struct client *c)
{
    cr_assert_eq(shutdown(c->fd, SHUT_WR), 0);
}

void
client_close(struct client *c)
{
    if (c == NULL)
        return;
    SSL_free(c->ssl);
    close(c->fd);
    free(c->in);
    free(c);
}

bool
client_try_send(struct client *c, const void *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = c->ssl != NULL ? SSL_write(c->ssl, (const char *)data + at, (int)(len - at))
                                   : send(c->fd, (const char *)data + at, len - at, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

void
client_send(struct client *c, const void *data, size_t len)
{
    cr_assert(client_try_send(c, data, len), "send: %s", strerror(errno));
}

void
client_send_text(struct client *c, const char *text)
{
    client_send(c, text, strlen(text));
}

/* Reads what there is, waiting for some. False: end of the stream. */
static bool
fill(struct client *c, int limit_ms)
{
    if (c->eof)
        return false;
    if (c->cap - c->len < 65536) {
        c->cap = c->cap * 2 + 65536;
        c->in = need(realloc(c->in, c->cap));
    }
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    if (c->ssl == NULL || SSL_pending(c->ssl) == 0)
        cr_assert_eq(poll(&p, 1, limit_ms), 1, "the server sent nothing for %d ms", limit_ms);
    ssize_t n = c->ssl != NULL ? SSL_read(c->ssl, c->in + c->len, (int)(c->cap - c->len))
                               : recv(c->fd, c->in + c->len, c->cap - c->len, 0);
    if (n <= 0) {
        c->eof = true;
        return false;
    }
    c->len += (size_t)n;
    return true;
}

static void
take(struct client *c, size_t n)
{
    memmove(c->in, c->in + n, c->len - n);
    c->len -= n;
}

bool
client_sees_end(struct client *c, int limit_ms)
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    while (fill(c, limit_ms))
        c->len = 0;
    clock_gettime(CLOCK_MONOTONIC, &b);
    return (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 <= limit_ms;
}

const char *
reply_header(const struct reply *r, const char *name)
{
    static char value[4096];
    size_t n = strlen(name);
    for (const char *p = strstr(r->head, "\r\n"); p != NULL; p = strstr(p + 2, "\r\n"))
        if (strncasecmp(p + 2, name, n) == 0 && p[2 + n] == ':') {
            const char *from = p + 3 + n + strspn(p + 3 + n, " ");
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(from, "\r"), from);
            return value;
        }
    return NULL;
}

bool
client_reply(struct client *c, struct reply *r, bool head_only)
{
    uint8_t *end;
    *r = (struct reply){0};
    while (c->in == NULL || (end = memmem(c->in, c->len, "\r\n\r\n", 4)) == NULL)
        if (!fill(c, LIMIT_MS))
            return false;
    size_t head = (size_t)(end - c->in) + 4;
    cr_assert(head < sizeof(r->head));
    memcpy(r->head, c->in, head);
    take(c, head);
    cr_assert_eq(sscanf(r->head, "HTTP/1.1 %d ", &r->status), 1, "head: %s", r->head);
    const char *len = reply_header(r, "content-length");
    size_t body = len != NULL && !head_only ? strtoul(len, NULL, 10) : 0;
    while (c->len < body)
        if (!fill(c, LIMIT_MS))
            return false;
    r->body = need(malloc(body + 1));
    if (body > 0)
        memcpy(r->body, c->in, body);
    r->body[body] = '\0';
    r->body_len = body;
    if (body > 0)
        take(c, body);
    return true;
}

void
reply_free(struct reply *r)
{
    free(r->body);
    r->body = NULL;
}

bool
client_request(struct client *c, const char *method, const char *target, const char *headers,
               const char *body, struct reply *r)
{
    char *text;
    char length[64] = "";
    if (body != NULL)
        snprintf(length, sizeof(length), "content-length: %zu\r\n", strlen(body));
    int n = asprintf(&text, "%s %s HTTP/1.1\r\nhost: test\r\n%s%s\r\n%s", method, target, headers,
                     length, body != NULL ? body : "");
    client_send(c, text, (size_t)n);
    free(text);
    return client_reply(c, r, strcmp(method, "HEAD") == 0);
}

bool
client_upgrade(struct client *c, const char *target, const char *protocols, const char *headers,
               struct reply *r)
{
    char *text, *list = NULL;
    if (protocols != NULL && asprintf(&list, "Sec-WebSocket-Protocol: %s\r\n", protocols) < 0)
        abort();
    int n = asprintf(
        &text,
        "GET %s HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s\r\n",
        target, list != NULL ? list : "", headers);
    client_send(c, text, (size_t)n);
    free(text);
    free(list);
    cr_assert(client_reply(c, r, false), "no answer to the upgrade");
    return r->status == 101;
}

struct client *
client_ws(int port, const char *protocol)
{
    struct client *c = client_open(port);
    struct reply r;
    cr_assert(client_upgrade(c, "/ws", protocol, "", &r), "upgrade: %s%s", r.head, r.body);
    reply_free(&r);
    struct frame f = ws_client_recv(c);
    cr_assert_eq(f.opcode, ORO_WS_PING);
    ws_client_send(c, ORO_WS_PONG, true, f.data, f.len);
    frame_free(&f);
    return c;
}

size_t
ws_client_frame(uint8_t *to, int opcode, bool fin, const void *data, size_t len)
{
    static unsigned seed = 7;
    uint8_t mask[4];
    for (int i = 0; i < 4; i++) {
        seed = seed * 1103515245u + 12345u;
        mask[i] = (uint8_t)(seed >> 16);
    }
    size_t n = oro_ws_head_put(to, (fin ? ORO_WS_FIN : 0) | (unsigned)opcode, len, mask);
    oro_ws_mask(to + n, data, len, mask, 0);
    return n + len;
}

void
ws_client_send(struct client *c, int opcode, bool fin, const void *data, size_t len)
{
    uint8_t *buf = need(malloc(len + 14));
    client_send(c, buf, ws_client_frame(buf, opcode, fin, data, len));
    free(buf);
}

struct frame
ws_client_recv(struct client *c)
{
    struct frame f = {.opcode = -1};
    struct oro_ws_frame head;
    for (;;) {
        int rc = oro_ws_head_read(c->in, c->len, false, &head);
        cr_assert(rc >= 0, "a frame that no server may send");
        if (rc > 0 && c->len - head.head >= head.len)
            break;
        if (!fill(c, LIMIT_MS))
            return f;
    }
    cr_assert_eq(head.head, oro_ws_head_len(head.len, false), "not the shortest length");
    f.fin = head.fin;
    f.opcode = head.opcode;
    f.len = (size_t)head.len;
    f.data = need(malloc(f.len + 1));
    memcpy(f.data, c->in + head.head, f.len);
    f.data[f.len] = '\0';
    take(c, head.head + f.len);
    return f;
}

static void
join(struct frame *all, const struct frame *f)
{
    cr_assert_eq(f->opcode, ORO_WS_CONT, "opcode %d within a message", f->opcode);
    all->data = need(realloc(all->data, all->len + f->len + 1));
    memcpy(all->data + all->len, f->data, f->len + 1);
    all->len += f->len;
    all->fin = f->fin;
}

struct frame
ws_client_data(struct client *c)
{
    struct frame all = {.fin = true};
    for (;;) {
        struct frame f = ws_client_recv(c);
        bool begun = !all.fin,
             data = f.opcode == ORO_WS_CONT || f.opcode == ORO_WS_TEXT || f.opcode == ORO_WS_BINARY;
        if (f.opcode == ORO_WS_PING) {
            ws_client_send(c, ORO_WS_PONG, true, f.data, f.len);
        } else if (f.opcode == ORO_WS_PONG) {
        } else if (!data) { /* a Close, or the end: what was begun does not come any more */
            frame_free(&all);
            return f;
        } else if (begun) {
            join(&all, &f);
        } else {
            all = f;
            f.data = NULL;
        }
        frame_free(&f);
        if (data && all.fin)
            return all;
    }
}

void
frame_free(struct frame *f)
{
    free(f->data);
    f->data = NULL;
}
