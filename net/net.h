/* net/net.h - websockets and HTTP over libwebsockets on libev loops, one a thread. Knows bytes,
 * frames and requests; who a connection is and what a message means is decided above, through
 * struct oro_sink. Threads: start, stop from main; the rest as each says. */
#ifndef ORO_NET_NET_H
#define ORO_NET_NET_H

#include <stddef.h>

#include "runtime/base/buf.h"
#include "runtime/base/id.h"
#include "runtime/base/sink.h"
#include "runtime/base/status.h"

struct oro_net;

struct oro_net_options {
    const char *host;     /* address to listen on */
    int port;             /* 0: any free one */
    unsigned threads;     /* >= 1 */
    size_t max_message;   /* bytes of one client message, 32 MiB */
    size_t max_http_body; /* 2 MiB */
    /* While more bytes wait for a connection nothing is read from it (64 MiB). */
    size_t outgoing_limit;
    size_t buffer_memory; /* for what strangers fill, of all connections; 0: no limit */
    /* For so long an unfinished message, or what waits to be taken, may stand still (30; 0: for ever), and so many bytes a second
     * it has to get further over that time. */
    unsigned stall_timeout_s, min_rate;
    unsigned ping_interval_s;       /* 15 */
    unsigned idle_timeout_s;        /* 30: no frame from the client for this long */
    unsigned max_connections;       /* 0: what the process limit allows */
    const char *tls_cert, *tls_key; /* PEM files; NULL: plain */
};

/* Listens. Borrows opt and sink until stop. Gives *out (oro_net_stop). ORO_EIO with "port 3000 of 127.0.0.1 is in use" when it
 * cannot. Main thread. */
ORO_MUST_CHECK oro_status oro_net_open(const struct oro_net_options *opt,
                                       const struct oro_sink *sink, struct oro_net **out,
                                       struct oro_err *err);
/* Takes connections, and calls the sink from then on. Once. On failure oro_net_stop follows. Main thread. */
ORO_MUST_CHECK oro_status oro_net_start(struct oro_net *net, struct oro_err *err);
/* Would listening on this host be heard by this machine alone? */
bool oro_net_is_loopback(const char *host);
int oro_net_port(const struct oro_net *net);
unsigned oro_net_shards(const struct oro_net *net);
/* Stops accepting; existing connections go on. Main thread. */
void oro_net_stop_accepting(struct oro_net *net);
/* Closes every connection (1001) and joins the threads. Others may still call oro_net_wake, and nothing else; oro_net_stop
 * follows. Main thread. */
void oro_net_end(struct oro_net *net);
/* Ends it, if that is not done, and frees. Takes net. Main thread. */
void oro_net_stop(struct oro_net *net);

/* Any thread: makes the loop of the shard call sink.drain soon. Cheap when already asked. */
void oro_net_wake(struct oro_net *net, unsigned shard);

/* The following: only on the net thread (shard) of the connection. */

/* Queues a message; copies the bytes. Sent, with all that was queued meanwhile, before the loop
 * sleeps. False if the connection is gone, is closing, or was just cut because too much was
 * waiting; ws_close then comes from the loop, never from inside a call. */
bool oro_net_send(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_bytes msg);
/* The same of a message that begins with at most ORO_NET_HEAD bytes of its own, and goes on with one or more parts, which others
 * may be sent as well: those are linked, not copied, unless they are so few bytes that a copy behind others is cheaper. Borrows
 * both, and takes a reference to each part, given back as it is sent; meanwhile it counts as the connection's. */
#define ORO_NET_HEAD 37
bool oro_net_send_parts(struct oro_net *net, unsigned shard, oro_conn_id conn,
                        struct oro_bytes head, const struct oro_parts *body);
/* The server keeps a reference to a part that it will send to a connection, and keeps it no longer (the connection may be gone).
 * It counts as if it waited to be sent: in the share of each connection that has it, and in the budget once. Nobody is cut off
 * inside: that is looked at later in the turn. */
void oro_net_hold(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_buf *part);
void oro_net_release(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_buf *part);
/* A piece, not empty, of a message that is sent while it is made: linked as above. `first` begins the message and `last` ends it;
 * between them nothing else is sent on the connection. */
bool oro_net_send_piece(struct oro_net *net, unsigned shard, oro_conn_id conn,
                        struct oro_buf *piece, bool first, bool last);
/* Has sink.drained called for a connection, or for that of a kept request. Gives the bytes that wait there; 0 if it is gone. */
size_t oro_net_watch(struct oro_net *net, unsigned shard, oro_conn_id id, bool on);
/* Those bytes. */
size_t oro_net_waiting(struct oro_net *net, unsigned shard, oro_conn_id id);
/* Starts a websocket close with code and reason (cut to 123 bytes) after what is queued; code 0:
 * drop the TCP connection. */
void oro_net_close(struct oro_net *net, unsigned shard, oro_conn_id conn, int code,
                   const char *reason);
/* Stop or resume reading from the connection (back-pressure). What was already read (up to 64
 * KiB) is still delivered. */
void oro_net_pause(struct oro_net *net, unsigned shard, oro_conn_id conn, bool paused);
/* The server keeps `bytes` more (or less, negative) for a connection or a kept HTTP request: they count in the budget as its
 * own. Before it keeps them, since the largest may be cut off inside, with ws_cut: false if that is this one, or if it is
 * gone; then nothing of it counts any more, and nothing need be given back. */
bool oro_net_charge(struct oro_net *net, unsigned shard, oro_conn_id conn, int64_t bytes);
/* Answers a kept HTTP request. Takes res->body. False if the requester is gone. */
bool oro_net_http_reply(struct oro_net *net, unsigned shard, oro_conn_id req_id,
                        struct oro_http_response *res);
/* Behind a reply in pieces: the next one, not empty, linked as by oro_net_send_piece; `last` ends the answer, and the request is
 * kept no longer. False if the requester is gone. */
bool oro_net_http_piece(struct oro_net *net, unsigned shard, oro_conn_id req_id,
                        struct oro_buf *piece, bool last);

#endif
