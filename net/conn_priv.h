/* net/conn_priv.h - a connection: its states, what it has of each protocol, its place in the lists of its shard. */
#ifndef ORO_NET_CONN_PRIV_H
#define ORO_NET_CONN_PRIV_H

#include <ev.h>

#include "net/list_priv.h"
#include "net/net.h"

struct lws;
struct piece;
struct shard;

enum conn_state {
    CONN_HTTP,     /* waiting for a request, or answering one */
    CONN_DRAIN,    /* last answer queued; discards input until the peer closes */
    CONN_WS,       /* open websocket */
    CONN_CLOSING,  /* our Close is queued or sent; waiting for the peer's */
    CONN_FAREWELL, /* the peer's Close is being answered; then TCP closes */
    CONN_DOOMED,   /* to be closed by the loop, nothing is sent or read any more */
    CONN_STATE_COUNT
};

enum conn_cause {
    CAUSE_IO,           /* the default: nobody said goodbye */
    CAUSE_CLIENT_CLOSE, /* with 1000, 1001, or no code */
    CAUSE_CLIENT_ERROR, /* with another one */
    CAUSE_IDLE_TIMEOUT,
    CAUSE_OUTGOING_FULL,
    CAUSE_TOO_LARGE,
    CAUSE_PROTOCOL,
    CAUSE_SERVER_CLOSE,
    CAUSE_BUFFERS,    /* had the largest share when there was too much of it */
    CAUSE_UNFINISHED, /* began a message or a request and did not end it in time */
    CAUSE_COUNT
};

/* What one is told who is cut off: a Close, or an HTTP status while the request is not complete; 0: nothing. */
struct farewell {
    int code, status;
    const char *why;
};

/* The frame being received. hdr collects the 2 to 14 bytes of a header that came in parts. */
struct ws_rx {
    uint8_t hdr[14];
    uint8_t hdr_len;
    bool in_payload;
    bool fin;
    uint8_t opcode;     /* of this frame */
    uint8_t msg_opcode; /* of the message being put together, 0: none */
    uint8_t mask[4];
    uint8_t control_len;
    uint64_t left, at; /* payload bytes still to come, and how many came (the phase of the mask) */
    uint8_t control[125];
};

/* A chunked body under way (http_chunk.c). */
struct chunk_rx {
    enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER, CHUNK_ENDED } state;
    size_t raw;      /* where in conn->in the bytes begin that are not read yet */
    size_t content;  /* bytes of content behind the head */
    size_t left;     /* of this chunk */
    size_t overhead; /* bytes of extensions and trailers so far */
};

/* Something that goes on for some time and has to get further: a message that comes, one that is taken. */
struct progress {
    int64_t begun_us; /* of the window in which it is measured; 0: nothing is under way */
    int64_t moved_us; /* when it got further last */
    uint64_t begun, at;
};

struct conn {
    struct shard *shard;
    struct lws *wsi;
    oro_conn_id id;
    enum conn_state state;
    /* Tells it that it is cut off, or dooms it: of the protocol that it speaks (http.c, ws.c). */
    void (*on_cut)(struct conn *c, const struct farewell *f);
    enum conn_cause cause;

    struct link dirty;  /* in shard->dirty: has something to send or a state to act on */
    struct link doomed; /* in shard->doomed */
    struct link timer;  /* in shard->timers, by time of the next look */
    struct link ending; /* in shard->endings: looked at every 50 ms until deadline_us */
    struct link waits;  /* in shard->waiting: requests that have come wait for a later turn */

    size_t mem, kept; /* bytes it has in the budget: of net, of the server */
    size_t linked;    /* of mem: in buffers that others may have as well */
    bool condemned;   /* cut off, or about to go: nothing of it counts any more */

    struct piece *out_head, *out_tail;
    struct piece
        *control;     /* control frames that came first and of which nothing was sent, or NULL */
    size_t out_bytes; /* in memory */
    unsigned files;   /* pieces that are files */
    uint8_t out_hint; /* log2 of the size to start a piece with */
    bool blocked;     /* the socket took no more: waiting for writable */
    bool watched;     /* sink.drained is called */
    bool http_1_0;    /* the request that is served is one, */
    bool in_pieces;   /* its answer goes on, */
    bool chunked_out; /* in chunks; else it ends with the connection */
    bool piece_sent;  /* the line end of a chunk is owed */
    bool paused;      /* oro_net_pause */
    bool held;        /* reading is stopped because too much input waits */
    bool ended;       /* the peer has ended his side: nothing is read any more */
    ev_io reader;     /* of a plain socket; see lws.c */
    bool noisy;       /* the last read gave much: the next may have to wait for another turn */

    int64_t look_us;    /* when the timer list looks next */
    int64_t last_rx_us; /* last sign of life */
    int64_t last_ping_us;
    int64_t deadline_us; /* of HTTP head, body, keep-alive; of an ending */
    bool ping_unanswered;
    bool spoke;    /* something was read */
    uint64_t peer; /* io_peer, from its first request on */
    struct progress taking, giving;

    size_t in_counted; /* of `in`, in the budget */
    uint64_t stored;   /* bytes that were put into `in`, and messages that became complete */
    uint64_t sent;     /* bytes given to the socket */

    struct oro_bb in; /* HTTP: unparsed bytes. WS: the message being put together */

    /* HTTP */
    size_t scanned;  /* bytes of `in` known to hold no end of head */
    size_t head_len; /* 0: the head is not complete */
    size_t
        need; /* bytes of `in` before which the request is not complete; 0: the head was not looked at */
    bool chunked;
    struct chunk_rx chunk;
    uint8_t blank_lines; /* before the request */
    bool busy;           /* a request is with the sink */
    bool running;        /* http_run is on the stack */
    bool answer_head;    /* it is a HEAD request */
    bool answer_close;   /* close after the answer */
    uint64_t drained;    /* bytes thrown away after the last answer */

    /* WS */
    enum oro_framing framing;
    bool observer; /* not counted */
    void *user;
    bool ws;          /* was opened: ws_close is owed */
    struct ws_rx *rx; /* NULL between frames */
};

/* on_cut: of HTTP, which it begins with. NULL: no memory. */
struct conn *conn_new(struct shard *s, void (*on_cut)(struct conn *c, const struct farewell *f));
struct conn *conn_find(struct shard *s, oro_conn_id id); /* NULL when gone or doomed */
void conn_move(struct conn *c, enum conn_state to);
void conn_gone(struct conn *c); /* frees it; tells the sink */

void conn_doom(struct conn *c, enum conn_cause cause);
/* Ends one that takes too much, or too long: what it has is freed, and it is told why, where that can be sent. */
void conn_cut(struct conn *c, enum conn_cause cause);
void conn_count_in(struct conn *c); /* `in` may have another size */
void conn_look_at(struct conn *c, int64_t when_us);
void conn_end_by(struct conn *c, int64_t deadline_us);
void conn_set_held(struct conn *c, bool held);
const char *conn_cause_name(enum conn_cause cause);

#endif
