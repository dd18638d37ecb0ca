/* runtime/base/sink.h - how net hands up what it received, and asks what to answer. net fills in nothing of this: the
 * server (above) gives one to oro_net_open, and net calls it. All calls come on the net thread that owns the
 * connection (shard 0..n-1) unless said otherwise. */
#ifndef ORO_BASE_SINK_H
#define ORO_BASE_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/buf.h"
#include "runtime/base/id.h"
#include "runtime/base/parts.h"

/* How messages of a connection are put into websocket frames (docs/wire.md#frames). */
enum oro_framing {
    ORO_FRAMING_STREAM, /* v3: everything that waits goes in one binary frame, after one byte 0 */
    ORO_FRAMING_SINGLE, /* v2: each message its own binary frame, each after one byte 0 */
    ORO_FRAMING_TEXT,   /* each message its own text frame, no leading byte (live metrics) */
};

/* An HTTP request, complete with its body. Strings are borrowed for the call. */
struct oro_http_request {
    const char *method; /* "GET", "POST", ... */
    const char *path;   /* percent-decoded, without the query */
    const char *host;   /* of the target, else the Host field; NULL in HTTP/1.0 without one */
    const char *query;  /* raw text after '?', or "" */
    const char *authorization;   /* header value or NULL */
    const char *content_type;    /* header value or NULL */
    const char *origin;          /* header value or NULL */
    const char *protocols;       /* Sec-WebSocket-Protocol of an upgrade request, else NULL */
    const char *if_none_match;   /* header value or NULL */
    const char *accept;          /* header value or NULL */
    const char *accept_encoding; /* header value or NULL */
    bool websocket;              /* it asks for an upgrade */
    uint64_t peer; /* a number for the address that it comes from (IPv6: its /64); 0: none */
    struct oro_bytes fields; /* all of them, "Name: value" lines as they came; what ends one may be a zero */
    struct oro_bytes body;
};

/* The answer. Set status and, if there is one, the body. extra_headers is "name: value\r\n" lines, written
 * by oro_header_add. */
struct oro_http_response {
    int status;
    const char *content_type; /* static string; NULL: none */
    struct oro_parts parts;   /* what the body begins with, if it is large; taken by net */
    struct oro_bb body;       /* the rest, or all of it; taken by net */
    /* In its place, if file_len > 0: so many bytes of an open file, from where it stands, read as they are sent. Taken by net,
     * which closes it. */
    int file;
    uint64_t file_len;
    /* Instead of all that: the body follows in pieces, by oro_net_http_piece. */
    bool in_pieces;
    char extra_headers[8192]; /* a token of whoever's is echoed in them */
};

/* What the server decides about an upgrade request. */
struct oro_ws_accept {
    const char *protocol; /* static: the chosen item of the list, echoed in the 101 */
    enum oro_framing framing;
    bool observer;            /* it watches the server: its traffic is not counted as a game's */
    void *user;               /* the server's object for the connection, handed to ws_open */
    char extra_headers[8192]; /* for the 101 */
};

struct oro_sink {
    void *self;
    /* An ordinary request. Answers at once by filling *res and returning true, or keeps `req_id` and returns false:
     * then the answer comes by oro_net_http_reply, on the same net thread (post to it first if need be). */
    bool (*http)(void *self, unsigned shard, oro_conn_id req_id, const struct oro_http_request *req,
                 struct oro_http_response *res);
    /* The requester of a kept request went away. */
    void (*http_gone)(void *self, unsigned shard, oro_conn_id req_id);
    /* An upgrade request. True: accepted, *acc filled. False: refused with *res. */
    bool (*ws_request)(void *self, unsigned shard, const struct oro_http_request *req,
                       struct oro_ws_accept *acc, struct oro_http_response *res);
    /* The socket is open (after the 101). */
    void (*ws_open)(void *self, unsigned shard, oro_conn_id conn, void *user);
    /* ws_request accepted but the socket never opened. */
    void (*ws_abandon)(void *self, unsigned shard, void *user);
    /* One whole websocket message. Borrows frame: take a reference to keep it. */
    void (*ws_message)(void *self, unsigned shard, oro_conn_id conn, void *user,
                       struct oro_buf *frame, bool binary);
    /* The peer has ended his side and may still read. True: he is owed an answer, and is closed, by oro_net_close, once he has
     * it. False, or NULL: there is nothing to wait for; ws_close follows. */
    bool (*ws_ended)(void *self, unsigned shard, oro_conn_id conn, void *user);
    /* It is being closed for what it took, in memory or time: what is kept for it may go. May come from within any call of
     * net's, for any connection; ws_close follows. NULL: nobody wants to know. */
    void (*ws_cut)(void *self, unsigned shard, oro_conn_id conn, void *user);
    /* The connection ended, whoever ended it. Last call for it. cause: static text ("client_close": by a Close with 1000, 1001
     * or no code; "client_error": with another one; "idle_timeout",
     * "outgoing_queue_full", "message_too_large", "protocol_error", "server_close", "buffers_full",
     * "unfinished", "io"). */
    void (*ws_close)(void *self, unsigned shard, oro_conn_id conn, void *user, const char *cause);
    /* The socket of a connection that is watched (oro_net_watch) has taken some; `waiting` bytes are left. NULL: nobody watches. */
    void (*drained)(void *self, unsigned shard, oro_conn_id id, size_t waiting);
    /* Before the loop sleeps, and after oro_net_wake: hand out what there is to send. */
    void (*drain)(void *self, unsigned shard);
    /* About to sleep: true if there is still work (so do not sleep). Sets the flag that makes the other side wake us. */
    bool (*prepare_sleep)(void *self, unsigned shard);
    void (*awake)(void *self, unsigned shard); /* woken, before anything else */
    void (*tick)(void *self, unsigned shard);  /* once a second */
};

#endif
