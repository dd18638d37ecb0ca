/* tests/net/client.h - a small blocking client: HTTP/1.1 and websockets, with enough control to
 * misbehave. Every receive has a time limit, so that a test fails instead of hanging. */
#ifndef TESTS_NET_CLIENT_H
#define TESTS_NET_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/ws_frame.h"

struct client {
    int fd;
    void *ssl;   /* SSL *, NULL: plain */
    uint8_t *in; /* received and not yet taken */
    size_t len, cap;
    bool eof;
};

struct reply {
    int status;
    char head[8192]; /* the whole head, terminated */
    char *body;      /* owned, terminated */
    size_t body_len;
};

struct frame {
    bool fin;
    int opcode;    /* -1: the connection ended */
    uint8_t *data; /* owned, terminated */
    size_t len;
};

struct client *client_open(int port);
struct client *client_open_tls(int port);
void client_close(struct client *c);
/* Like a process that crashed: what is on its way to it is refused. */
void client_reset(struct client *c);
/* Sends no more, and goes on reading. */
void client_end(struct client *c);
void client_send(struct client *c, const void *data, size_t len);
bool client_try_send(struct client *c, const void *data, size_t len);
void client_send_text(struct client *c, const char *text);
/* True once the server closed TCP and everything it sent was taken. Throws away what comes. */
bool client_sees_end(struct client *c, int limit_ms);

/* One HTTP answer; head_only: it answers a HEAD. False: the connection ended first. */
bool client_reply(struct client *c, struct reply *r, bool head_only);
void reply_free(struct reply *r);
/* The value of a header in r->head, or NULL; valid until the next call. */
const char *reply_header(const struct reply *r, const char *name);
/* Sends a request with a body (NULL: none) and reads the answer. */
bool client_request(struct client *c, const char *method, const char *target, const char *headers,
                    const char *body, struct reply *r);

/* Upgrades. protocols NULL: no such header. The server's answer is in *r (freed by the caller);
 * true if it is a 101. */
bool client_upgrade(struct client *c, const char *target, const char *protocols,
                    const char *headers, struct reply *r);
/* Opens a websocket that must succeed, and takes the first ping. */
struct client *client_ws(int port, const char *protocol);

void ws_client_send(struct client *c, int opcode, bool fin, const void *data, size_t len);
/* Puts a masked frame at `to`, which has len + 14 bytes; gives its length. */
size_t ws_client_frame(uint8_t *to, int opcode, bool fin, const void *data, size_t len);
/* The next frame, of whatever kind. */
struct frame ws_client_recv(struct client *c);
/* The next message, its fragments joined, or Close; answers pings on the way. */
struct frame ws_client_data(struct client *c);
void frame_free(struct frame *f);

#endif
