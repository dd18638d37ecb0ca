/* net/net_priv.h - what the files of net share. Everything here belongs to one shard (one
 * thread, one loop), but for the few fields marked atomic or locked.
 *
 * Who does what:
 *   lws.c   libwebsockets: the context of a shard, adopting a socket, TLS, reading, readiness
 *   net.c   start, stop, the listening socket, the loop of a shard, the public calls
 *   conn.c  the table of connections, closing, time limits
 *   outbox.c  what waits to be sent
 *   budget.c  how much memory all of it may take, and who goes when that is exceeded
 *   http.c  HTTP/1.1 requests and answers, the upgrade; http_head.c, http_chunk.c: their reading
 *   ws.c    websockets: messages in frames, both ways; ws_frame.c: the frames themselves
 *
 * A connection goes HTTP -> WS -> (CLOSING | FAREWELL) -> gone, or HTTP -> DRAIN -> gone; from
 * every state straight to DOOMED. Nobody frees a connection but conn_gone(), which
 * libwebsockets' close callback calls. Calls of the sink may call back into the public functions
 * for any connection: those only queue, mark and link; sockets are written and closed from the
 * loop (shard_settle).
 *
 * Why raw sockets of libwebsockets and not its http and ws roles: the server must choose the
 * subprotocol (the role takes the client's first), the query must reach us unaltered (the role
 * decodes it and loses the difference of & and %26), a request may be kept for a while without a
 * spinning loop, bodies may be chunked, unmasked frames must be refused, and a write needs no
 * round through epoll_ctl for each message: 4.1 cannot do these. */
#ifndef ORO_NET_NET_PRIV_H
#define ORO_NET_NET_PRIV_H

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "net/net.h"
#include "runtime/base/metric.h"
#include "runtime/base/thread.h"

struct lws;
struct io_context;
struct shard;

/* ---- intrusive list; a zeroed link is in no list ---- */
struct link {
    struct link *prev, *next;
};

static inline void
list_init(struct link *head)
{
    head->prev = head->next = head;
}

static inline bool
list_empty(const struct link *head)
{
    return head->next == head;
}

static inline bool
link_in_list(const struct link *l)
{
    return l->next != NULL;
}

static inline void
list_append(struct link *head, struct link *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void
link_remove(struct link *l)
{
    if (l->next == NULL)
        return;
    l->prev->next = l->next;
    l->next->prev = l->prev;
    l->prev = l->next = NULL;
}

/* ---- outbox: a list of pieces of bytes, sent in order ---- */
#define LINK_HEAD (ORO_NET_HEAD + 11) /* of a message, with a frame's head and the byte before it */
struct piece {
    struct piece *next;
    uint8_t *data;        /* owned; NULL if there is a buf */
    size_t off, len, cap; /* data[off..len) is still to be sent */
    /* Or a counted buffer, of which we hold a reference, behind the first bytes in head: off and len go over both. */
    struct oro_buf *buf;
    uint8_t head[LINK_HEAD], head_len;
    bool open; /* a v3 frame that still takes messages: its header is written when it is sealed */
    bool started;  /* some of it may have gone to the socket: nothing may come before the rest */
    bool pinned;   /* HTTP or a control frame: control frames do not overtake it */
    bool joinable; /* whole frames, to which more may be appended */
    bool goes_on;  /* its frame ends in a later piece, */
    bool inside;   /* or has begun in an earlier one: nothing comes between them */
    bool is_file;  /* data is the part of a file that is on its way */
    int file;      /* owned */
    uint64_t left; /* bytes of it that are not read yet */
};

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

struct counters {
    int64_t messages_in, messages_out, bytes_in, bytes_out, http_requests;
};

struct shard {
    struct oro_owner owner; /* its thread */
    struct oro_net *net;
    unsigned index;
    struct ev_loop *loop;
    struct io_context *io;
    pthread_t thread;
    bool thread_started;

    ev_async async;
    ev_prepare prepare;
    ev_check check;
    ev_idle idle;
    ev_timer tick, ending_timer;

    atomic_bool asked;  /* a wake is under way */
    atomic_int command; /* enum shard_command */
    bool slept;         /* prepare_sleep said yes */
    bool active;        /* sockets were served since the last look */
    /* The time of this turn of the loop by which connections are judged: monotonic, but without the time in which nobody
     * looked: a turn that took long, a process that was stopped. */
    int64_t now_us;
    int64_t real_us; /* monotonic, of this turn */
    int64_t stop_us; /* by real_us: when a stop stops being polite; 0: not stopping */

    struct conn **slots;
    uint32_t *generations;
    uint32_t slot_cap, slot_used;
    uint32_t *free_slots;
    uint32_t free_count;
    unsigned conn_count;

    struct link dirty, doomed, timers, endings, waiting;
    int64_t http_us;                /* spent on requests in this turn */
    int64_t noise_us;               /* and on reads that gave much */
    struct counters n, n_observers; /* the latter is told nobody */
    int64_t untold;                 /* bytes of the budget that net->used does not have yet */
    atomic_size_t largest; /* share of a connection, or somewhat more: raised when one grows */
    int64_t asked_us;      /* the turn in which another shard was asked to cut off its largest */
    bool enforcing;        /* budget_enforce is on the stack */
    struct oro_bb scratch; /* http.c: decoded path, joined headers */

    struct oro_spin fd_lock; /* guards fds */
    int *fds;
    size_t fd_count, fd_cap;
};

/* trim.c: of shard 0's thread, but for runs. */
struct trim {
    pthread_t thread;
    bool started;
    atomic_bool runs;
    int64_t most; /* that was used since memory was given back last */
    int times;    /* that it is still to be done */
    int rest;     /* seconds in which it is not begun again */
};

struct oro_net {
    struct oro_net_options opt;
    const struct oro_sink *sink;
    struct shard *shards;
    unsigned shard_count;
    int port;

    int listen_fd; /* owned by shard 0 while it runs */
    ev_io listen_io;
    ev_timer listen_again; /* after the process ran out of descriptors */
    unsigned next_shard;
    atomic_uint open_sockets;
    unsigned max_sockets;
    _Atomic int64_t used;      /* of opt.buffer_memory */
    _Atomic int64_t most_used; /* since trim_look looked */
    struct trim trim;

    struct oro_metric *m_connections, *m_messages_in, *m_messages_out, *m_bytes_in, *m_bytes_out,
        *m_http;
    struct oro_metric *m_ended[CAUSE_COUNT], *m_cut[CAUSE_COUNT];
};

/* ---- trim.c ---- */
void trim_look(struct oro_net *net); /* once a second, on shard 0's thread */
void trim_stop(struct oro_net *net); /* when no shard runs */

/* ---- lws.c ---- */
/* Borrows opt until return. Gives *out, ended by io_context_destroy on the thread that runs the
 * loop. */
ORO_MUST_CHECK oro_status io_context_create(const struct oro_net_options *opt, struct ev_loop *loop,
                                            struct io_context **out, struct oro_err *err);
void io_context_destroy(struct io_context *io);
/* Takes fd, on failure too. The connection then gets conn_on_* calls. False: conn_gone was or
 * will not be called. */
bool io_adopt(struct io_context *io, int fd, struct conn *c);
/* Bytes taken, 0 when the socket is full (io_want_write then says when not), -1 when it is
 * broken. */
ssize_t io_write(struct conn *c, struct iovec *v, int n);
void io_want_write(struct conn *c);
void io_set_reading(struct conn *c, bool on);
/* False: the peer has ended his side. *there: he may still take what we send. It asks the kernel, for use while nothing is read. */
bool io_peer_sends(const struct conn *c, bool *there);
/* A number for the address at the other end, of IPv6 for its /64, since whoever has one has them all; never 0. */
uint64_t io_peer(const struct conn *c);
void io_end_writing(struct conn *c); /* FIN: the peer sees the end of what was sent */
void io_close(struct conn *c);       /* now; conn_gone runs inside */
/* Bytes given to the socket that the peer's system has not taken. */
size_t io_untaken(const struct conn *c);

static inline struct counters *
conn_counters(struct conn *c)
{
    return c->observer ? &c->shard->n_observers : &c->shard->n;
}

/* ---- conn.c ---- */
struct conn *conn_new(struct shard *s);                  /* NULL: no memory */
struct conn *conn_find(struct shard *s, oro_conn_id id); /* NULL when gone or doomed */
void conn_move(struct conn *c, enum conn_state to);
/* From the loop: >= 0 to go on, -1 to have the socket closed. */
int conn_on_rx(struct conn *c, uint8_t *data, size_t len);
int conn_on_writable(struct conn *c);
int conn_on_end(struct conn *c); /* the peer will send no more */
void conn_gone(struct conn *c);  /* frees it; tells the sink */

void conn_touch(struct conn *c); /* have the loop flush it and look at its state */
void conn_doom(struct conn *c, enum conn_cause cause);
/* Ends one that takes too much, or too long: what it has is freed, and it is told why, where that can be sent. */
void conn_cut(struct conn *c, enum conn_cause cause);
void conn_count_in(struct conn *c); /* `in` may have another size */
void conn_look_at(struct conn *c, int64_t when_us);
void conn_end_by(struct conn *c, int64_t deadline_us);
void conn_set_held(struct conn *c, bool held);
void shard_settle(struct shard *s); /* flush what is dirty, close what is doomed */
void shard_look(struct shard *s);   /* once a second: time limits and pings */
void shard_look_endings(struct shard *s);
void shard_goodbye(struct shard *s); /* close everything politely */
const char *conn_cause_name(enum conn_cause cause);

/* ---- outbox.c ---- */
/* Room for `need` bytes in a piece at the end of the outbox, which the caller fills: data + len. Here as below NULL: there is
 * no memory. */
struct piece *out_room(struct conn *c, size_t need);
struct piece *out_new(struct conn *c, size_t cap);
/* A piece that owns the builder's memory. */
struct piece *out_take(struct conn *c, struct oro_bb *bb);
/* Appends head[0..head_len), at most LINK_HEAD bytes, and buf, not empty, by reference. */
struct piece *out_link(struct conn *c, struct oro_buf *buf, const uint8_t *head, size_t head_len);
/* Appends `len` bytes of a file, of which a small part is in memory at a time. Takes file, on failure too. False: there are too
 * many descriptors or no memory. */
bool out_file(struct conn *c, int file, uint64_t len);
void out_append(struct conn *c, struct piece *p);
/* Room for a control frame, ahead of what may be overtaken; the caller fills it and counts its bytes in out_bytes. */
struct piece *out_control(struct conn *c, size_t need);
void out_clear(struct conn *c);
/* Leaves only what the socket has some of. False: that is too much to be kept. */
bool out_trim(struct conn *c);
bool out_flush(struct conn *c); /* False if the socket is broken. */

/* ---- budget.c ---- */
void budget_charge(struct conn *c, int64_t bytes);      /* memory of net */
void budget_charge_kept(struct conn *c, int64_t bytes); /* of the server */
/* A connection (NULL: which is gone) has one more reference to b, or one less. */
void budget_link(struct shard *s, struct conn *c, struct oro_buf *b);
void budget_unlink(struct shard *s, struct conn *c, struct oro_buf *b);
void budget_condemn(struct conn *c); /* its share is given back, and it has none from now on */
void budget_tell(struct shard *s);
bool budget_over(const struct shard *s);
/* Cuts off the largest if there is too much. Any connection may be cut off inside. */
void budget_enforce(struct shard *s);

/* ---- http.c ---- */
int http_rx(struct conn *c, const uint8_t *data, size_t len);
void http_response_fini(struct oro_http_response *res); /* what was not sent of it */
/* Takes res->body. */
void http_answer(struct conn *c, struct oro_http_response *res);
/* An answer of our own, after which the connection closes; why: a text or "". */
void http_refuse(struct conn *c, int status, const char *why);
/* Of an answer in pieces. False if it was cut off. */
bool http_piece(struct conn *c, struct oro_buf *piece, bool last);
void http_run(struct conn *c);
/* A turn of the loop begins: those that waited for one come first. */
void http_turn(struct shard *s);

/* ---- ws.c ---- */
void ws_opened(struct conn *c);
int ws_rx(struct conn *c, uint8_t *data, size_t len);
/* False if it was cut. */
bool ws_send(struct conn *c, struct oro_bytes msg);
bool ws_send_parts(struct conn *c, struct oro_bytes head, const struct oro_parts *body);
bool ws_send_piece(struct conn *c, struct oro_buf *piece, bool first, bool last);
void ws_seal(struct conn *c, struct piece *p);
void ws_ping(struct conn *c);
void ws_close(struct conn *c, int code, const char *reason, size_t reason_len);
/* Queues a Close frame, nothing more. */
bool ws_put_close(struct conn *c, int code, const char *reason, size_t len);
/* base64 of SHA-1 of key and the GUID of RFC 6455; out has room for 29. */
void ws_accept_key(const char *key, char out[29]);

#define HTTP_HEAD_LIMIT_US \
    ((int64_t)15 * 1000000) /* from the first byte of a request to the end of its head */
#define MAX_HEAD ((size_t)16 * 1024)
#define FLUSH_LIMIT_US ((int64_t)5 * 1000000) /* for a peer that does not read our last bytes */
#define ENDED_LIMIT_US \
    ((int64_t)30 * 1000000) /* for what is still to be sent to one who sends no more himself */
#define STREAM_BODY_MAX ((size_t)512 * 1024)
/* Larger messages go out in fragments of this size, between which there is room for a Ping or a Close. */
#define FRAGMENT ORO_PART

/* On the thread of its shard. */
#define ASSERT_HERE(c) ORO_ASSERT_OWNER(&(c)->shard->owner)

#endif
