/* net/net_priv.h - a shard, the net of all shards, and what its files have in common. Everything here and in the private headers beside
 * it belongs to one shard (one thread, one loop), but for the few fields marked atomic or locked.
 *
 * Who does what:
 *   lws.c   libwebsockets: the context of a shard, adopting a socket, TLS, reading, readiness
 *   net.c   start, stop, the listening socket, the loop of a shard, the public calls
 *   turn.c  what was read and what is to be written, in each turn of a loop
 *   limits.c  time limits and pings
 *   conn.c  the table of connections, their states, closing
 *   outbox.c  what waits to be sent
 *   budget.c  how much memory all of it may take; largest.c: who goes when that is exceeded
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

#include "net/conn_priv.h"
#include "net/list_priv.h"
#include "net/net.h"
#include "runtime/base/metric.h"
#include "runtime/base/thread.h"

struct io_context;
struct io_events;

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

/* ---- turn.c ---- */
extern const struct io_events turn_events;
void shard_settle(struct shard *s); /* flush what is dirty, close what is doomed */

/* ---- limits.c: all connections of a shard ---- */
void shard_look(struct shard *s); /* once a second: time limits and pings */
void shard_look_endings(struct shard *s);
void shard_goodbye(struct shard *s); /* close everything politely */

/* ---- trim.c ---- */
void trim_look(struct oro_net *net); /* once a second, on shard 0's thread */
void trim_stop(struct oro_net *net); /* when no shard runs */

/* Has the loop flush it and look at its state. */
static inline void
conn_touch(struct conn *c)
{
    if (!link_in_list(&c->dirty) && c->state != CONN_DOOMED)
        list_append(&c->shard->dirty, &c->dirty);
}

static inline struct counters *
conn_counters(struct conn *c)
{
    return c->observer ? &c->shard->n_observers : &c->shard->n;
}

#define HTTP_HEAD_LIMIT_US \
    ((int64_t)15 * 1000000) /* from the first byte of a request to the end of its head */
#define MAX_HEAD ((size_t)16 * 1024)
#define FLUSH_LIMIT_US ((int64_t)5 * 1000000) /* for a peer that does not read our last bytes */
#define ENDED_LIMIT_US \
    ((int64_t)30 * 1000000) /* for what is still to be sent to one who sends no more himself */
#define STREAM_BODY_MAX ((size_t)512 * 1024)

/* On the thread of its shard. */
#define ASSERT_HERE(c) ORO_ASSERT_OWNER(&(c)->shard->owner)

#endif
