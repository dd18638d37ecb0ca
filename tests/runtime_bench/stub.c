#include "stub.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/bsatn/row_list.h"
#include "net/ws_frame.h"
#include "runtime/proto/proto.h"

#define PART 4096

struct stub_conn {
    struct stub *stub;
    struct stub_conn *next;
    pthread_t thread;
    int fd;
    bool v3;
    struct oro_bb out;
};

/* ---- bytes on the socket ---- */

static bool
read_all(int fd, void *to, size_t n)
{
    return n == 0 || recv(fd, to, n, MSG_WAITALL) == (ssize_t)n;
}

static bool
send_frame(struct stub_conn *c, unsigned first, const void *payload, size_t len)
{
    struct oro_bb bb = {0};
    oro_bb_reserve(&bb, ORO_WS_SERVER_HEAD_MAX + len);
    bb.len = oro_ws_head_put(bb.data, first, len, NULL);
    oro_bb_put(&bb, payload, len);
    bool sent = send(c->fd, bb.data, bb.len, MSG_NOSIGNAL) == (ssize_t)bb.len;
    oro_bb_fini(&bb);
    return sent;
}

/* Long ones go in parts with a ping between them, as the protocol allows. */
static bool
send_message(struct stub_conn *c, const uint8_t *data, size_t len)
{
    size_t at = 0;
    bool fine = true;
    for (; fine && len - at > PART; at += PART)
        fine = send_frame(c, at == 0 ? 0x02 : 0x00, data + at, PART) && send_frame(c, 0x89, "?", 1);
    return fine && send_frame(c, at == 0 ? 0x82 : 0x80, data + at, len - at);
}

/* One client frame, unmasked: its opcode, or -1 at the end of the stream. */
static int
read_frame(int fd, struct oro_bb *payload)
{
    uint8_t head[ORO_WS_HEAD_MAX];
    struct oro_ws_frame f;
    size_t n = 0;
    int rc;
    while ((rc = oro_ws_head_read(head, n, true, &f)) == 0)
        if (!read_all(fd, head + n++, 1))
            return -1;
    if (rc < 0 || !f.fin)
        abort(); /* in parts, with reserved bits, or not masked */
    oro_bb_clear(payload);
    oro_bb_reserve(payload, f.len + 1);
    if (!read_all(fd, payload->data, f.len))
        return -1;
    payload->len = f.len;
    oro_ws_mask(payload->data, payload->data, f.len, f.mask, 0);
    return f.opcode;
}

/* ---- what the module would do ---- */

static void
seed(struct stub *s, const struct oro_client_message *m)
{
    int64_t balance;
    memcpy(&s->naccounts, m->args.data, 4);
    memcpy(&balance, m->args.data + 4, 8);
    s->balances = realloc(s->balances, s->naccounts * sizeof(balance));
    for (uint32_t i = 0; i < s->naccounts; i++)
        s->balances[i] = balance;
}

/* The reducer's words, NULL if it has none. */
static const char *
transfer(struct stub *s, const struct oro_client_message *m)
{
    uint32_t ids[2];
    int64_t amount;
    memcpy(ids, m->args.data, 8);
    memcpy(&amount, m->args.data + 8, 8);
    if (ids[0] >= s->naccounts || ids[1] >= s->naccounts)
        return "account_missing";
    if (s->balances[ids[0]] < amount)
        return "insufficient_funds";
    s->balances[ids[0]] -= amount;
    if (s->fault != STUB_LOSES_MONEY || s->calls % 100 != 0)
        s->balances[ids[1]] += amount;
    return NULL;
}

/* False: hang up. */
static void
put_result(struct stub_conn *c, uint32_t id, oro_status outcome, const char *text)
{
    struct oro_call_result r = {
        .request_id = id, .timestamp_us = 1, .outcome = outcome, .text = oro_bytes_str(text)};
    oro_proto_v3.result(&c->out, &r);
}

static bool
call(struct stub_conn *c, const struct oro_client_message *m)
{
    struct stub *s = c->stub;
    if (oro_bytes_eq(m->name, oro_bytes_str("seed"))) {
        seed(s, m);
        put_result(c, m->request_id, ORO_OK, "");
        return true;
    }
    s->calls++;
    if (s->fault == STUB_HANGS_UP && s->calls == 100)
        return false;
    if (s->fault == STUB_FORGETS && s->calls == 100)
        return true;
    if (s->fault == STUB_FAILS && s->calls % 100 == 0) {
        put_result(c, m->request_id, ORO_EINVAL, "it \"broke\"");
        return true;
    }
    const char *said = transfer(s, m);
    uint32_t id = m->request_id + (s->fault == STUB_OUT_OF_ORDER && s->calls == 10);
    put_result(c, id, said != NULL ? ORO_EUSER : ORO_OK, said != NULL ? said : "");
    return true;
}

static void
query(struct stub_conn *c, const struct oro_client_message *m)
{
    struct oro_row_list list = {0};
    for (uint32_t i = 0; i < c->stub->naccounts; i++) {
        uint8_t row[12];
        memcpy(row, &i, 4);
        memcpy(row + 4, &c->stub->balances[i], 8);
        oro_row_list_add(&list, oro_bytes(row, sizeof(row)));
    }
    struct oro_asked to = {.tag = m->tag, .request_id = m->request_id};
    oro_proto_v3.applied(&c->out, &to, true);
    oro_bb_u32(&c->out, 1);
    oro_bb_lenbytes(&c->out, oro_bytes_str("accounts"));
    oro_row_list_write(&list, &c->out);
    oro_row_list_fini(&list);
}

/* Answers one frame: in v3 with one payload, in v2 with one for each message. */
static bool
answer_frame(struct stub_conn *c, struct oro_bytes payload)
{
    struct oro_reader r = oro_reader(payload);
    struct oro_client_message m;
    struct oro_err err;
    uint32_t calls = 0;
    bool fine = true;
    oro_bb_clear(&c->out);
    oro_bb_u8(&c->out, 0);
    pthread_mutex_lock(&c->stub->lock);
    while (fine && oro_rd_left(&r) > 0) {
        if (oro_proto_v3.read(&r, &m, &err) != ORO_OK)
            abort();
        if (m.tag == ORO_MSG_ONE_OFF)
            query(c, &m);
        else
            fine = call(c, &m);
        calls++;
    }
    c->stub->frames++;
    if (calls > c->stub->most_calls)
        c->stub->most_calls = calls;
    pthread_mutex_unlock(&c->stub->lock);
    if (!c->v3 && calls != 1)
        abort();
    if (!fine)
        send_frame(c, 0x88,
                   "\x03\xf3"
                   "tired",
                   7);
    return fine && (c->out.len == 1 || send_message(c, c->out.data, c->out.len));
}

/* ---- connections ---- */

static bool
shake_hands(struct stub_conn *c)
{
    char request[2048] = "", answer[512];
    size_t len = 0;
    while (strstr(request, "\r\n\r\n") == NULL) {
        if (len == sizeof(request) - 1 || recv(c->fd, request + len, 1, 0) != 1)
            return false;
        request[++len] = '\0';
    }
    c->v3 = strstr(request, "Sec-WebSocket-Protocol: v3.bsatn.spacetimedb\r\n") != NULL;
    pthread_mutex_lock(&c->stub->lock);
    c->stub->saw_confirmed |= strstr(request, "confirmed=true") != NULL;
    c->stub->saw_unconfirmed |= strstr(request, "confirmed=false") != NULL;
    pthread_mutex_unlock(&c->stub->lock);
    bool known =
        strstr(request, "GET /v1/database/bank/subscribe?compression=None&confirmed=") == request;
    int n = snprintf(answer, sizeof(answer),
                     "HTTP/1.1 %s\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                     "sec-websocket-protocol: v%c.bsatn.spacetimedb\r\n\r\n",
                     known ? "101 Switching Protocols" : "404 Not Found", c->v3 ? '3' : '2');
    return send(c->fd, answer, (size_t)n, MSG_NOSIGNAL) == n && known;
}

static void *
conn_main(void *arg)
{
    struct stub_conn *c = arg;
    struct oro_bb payload = {0};
    struct oro_identity id = {{0}};
    struct oro_connection_id conn = {{1}};
    int opcode = 0;
    bool fine = shake_hands(c);
    oro_bb_u8(&c->out, 0);
    oro_proto_v3.connected(&c->out, &id, &conn, oro_bytes_str("token"));
    fine = fine && send_message(c, c->out.data, c->out.len);
    while (fine && (opcode = read_frame(c->fd, &payload)) >= 0)
        fine = opcode == 10 || (opcode == 2 && answer_frame(c, oro_bb_bytes(&payload)));
    shutdown(c->fd, SHUT_WR);
    oro_bb_fini(&payload);
    oro_bb_fini(&c->out);
    return NULL;
}

static void *
acceptor_main(void *arg)
{
    struct stub *s = arg;
    int fd;
    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        struct stub_conn *c = calloc(1, sizeof(*c));
        *c = (struct stub_conn){.stub = s, .next = s->conns, .fd = fd};
        s->conns = c;
        if (pthread_create(&c->thread, NULL, conn_main, c) != 0)
            abort();
    }
    return NULL;
}

void
stub_start(struct stub *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    pthread_mutex_init(&s->lock, NULL);
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(s->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    cr_assert_eq(listen(s->listener, 64), 0);
    cr_assert_eq(getsockname(s->listener, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
    cr_assert_eq(pthread_create(&s->acceptor, NULL, acceptor_main, s), 0);
}

void
stub_stop(struct stub *s)
{
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->acceptor, NULL);
    close(s->listener);
    for (struct stub_conn *c = s->conns, *next; c != NULL; c = next) {
        next = c->next;
        shutdown(c->fd, SHUT_RDWR);
        pthread_join(c->thread, NULL);
        close(c->fd);
        free(c);
    }
    free(s->balances);
    pthread_mutex_destroy(&s->lock);
}
