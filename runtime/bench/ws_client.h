/* runtime/bench/ws_client.h - a websocket client that costs little: binary messages, no extensions,
 * a zero mask. Knows frames and sockets, not what a message means. A connection belongs to one
 * thread at a time. */
#ifndef ORO_BENCH_WS_CLIENT_H
#define ORO_BENCH_WS_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "net/ws_frame.h"
#include "runtime/base/buf.h"
#include "runtime/base/status.h"

/* ---- bytes only ---- */

/* Appends the head of a final client frame; the caller appends len bytes of payload as they are,
 * since the mask is zero. */
void oro_wsc_put_head(struct oro_bb *out, enum oro_ws_opcode opcode, size_t len);

struct oro_wsc_frame {
    enum oro_ws_opcode opcode;
    bool fin;
    struct oro_bytes payload; /* borrows from the input */
};

enum oro_wsc_parsed {
    ORO_WSC_MORE, /* the input ends within the frame */
    ORO_WSC_FRAME,
    ORO_WSC_BAD, /* no server may send this */
};

/* Reads one server frame from the start of `in`; *used is its length. Nothing is written unless
 * ORO_WSC_FRAME. */
enum oro_wsc_parsed oro_wsc_parse(struct oro_bytes in, struct oro_wsc_frame *out, size_t *used);

/* Checks the server's answer to the handshake. *used is its length with the empty line; 0 (and
 * ORO_OK) while that has not come. ORO_EREFUSED with the status line if it is not the 101 for
 * `subprotocol`. */
ORO_MUST_CHECK oro_status oro_wsc_check_answer(struct oro_bytes in, const char *subprotocol,
                                               size_t *used, struct oro_err *err);

/* ---- a connection ---- */

/* Zeroed = closed, but for fd, which is -1 then. */
struct oro_wsc {
    int fd;
    struct oro_bb in;    /* received */
    size_t in_at;        /* of it, taken */
    struct oro_bb out;   /* to be sent: append frames here, then oro_wsc_flush */
    size_t out_at;       /* of it, sent */
    struct oro_bb parts; /* of a fragmented message */
    bool in_parts;
};

struct oro_wsc_target {
    const char *host;
    uint16_t port;
    const char *path; /* with the query */
    const char *subprotocol;
};

/* Connects and shakes hands, waiting at most timeout_ms for each step. The socket is non-blocking
 * from then on. *c is closed on failure. */
ORO_MUST_CHECK oro_status oro_wsc_open(struct oro_wsc *c, const struct oro_wsc_target *t,
                                       int timeout_ms, struct oro_err *err);
/* Closes the socket without a word. Closed is fine. */
void oro_wsc_close(struct oro_wsc *c);

/* Sends what it can of c->out; *all says whether that was everything. */
ORO_MUST_CHECK oro_status oro_wsc_flush(struct oro_wsc *c, bool *all, struct oro_err *err);
/* One read of what has come, which may be nothing. ORO_ECLOSED when the server has ended the
 * stream. */
ORO_MUST_CHECK oro_status oro_wsc_receive(struct oro_wsc *c, struct oro_err *err);
/* The next whole message of what has been received; *got false: none. It borrows until the next
 * receive or next. Answers pings into c->out. ORO_ECLOSED with the server's reason at its Close
 * frame. */
ORO_MUST_CHECK oro_status oro_wsc_next(struct oro_wsc *c, struct oro_bytes *message, bool *got,
                                       struct oro_err *err);
/* Sends c->out and waits for a whole message. ORO_ETIMEOUT after timeout_ms without progress. */
ORO_MUST_CHECK oro_status oro_wsc_wait(struct oro_wsc *c, int timeout_ms, struct oro_bytes *message,
                                       struct oro_err *err);

#endif
