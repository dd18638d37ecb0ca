/* runtime/server/client_priv.h - a client: who is served, what is kept for him, and how he is told. Belongs to its shard.
 *
 *   client_state.c  its states, what is kept for it and counted
 *   held.c          what it is told, at once or when that is on disk
 *   sessions.c      one connection for each that a client names
 *   client_end.c    how it ends
 *   client.c        its messages, in order */
#ifndef ORO_SERVER_CLIENT_PRIV_H
#define ORO_SERVER_CLIENT_PRIV_H

#include "runtime/exec/writers/pool.h"
#include "runtime/proto/proto.h"
#include "runtime/server/front.h"
#include "runtime/subs/query.h"

struct shard;

/* A websocket of the database, or the short-lived connection of one HTTP request (docs/http.md#calls). Belongs to its shard.
 * States: CONNECTING until client_connected has ended, OPEN, CLOSING once we have closed it, GONE from the end of the socket
 * until its disconnect record is read. */
enum client_state { CLIENT_CONNECTING, CLIENT_OPEN, CLIENT_CLOSING, CLIENT_GONE, CLIENT_STATES };
enum client_kind {
    CLIENT_DATABASE,
    CLIENT_LIVE_METRICS,
    CLIENT_HTTP_CALL,
    CLIENT_HTTP_SQL,
    CLIENT_HTTP_PROCEDURE
};

/* A frame whose messages wait until earlier calls are answered: requests of one connection are answered in order, and only
 * so many calls of one client wait in the workers' queue. */
struct deferred {
    struct deferred *next;
    struct oro_buf *frame;
    size_t at;
    bool alone; /* until all of them are answered */
};

/* Up to where a message in `held` goes, and what has to be durable before it may leave. It may go on with parts that others have
 * as well: a reference to each, which net counts. */
struct held_mark {
    size_t end;
    uint64_t seq;
    uint32_t nparts;
    union {
        struct oro_buf *one;
        struct oro_buf **many; /* owned, if there are more than one */
    } parts;
};

/* A job that was posted: how many of its calls are not answered yet, and what it takes in memory, with its frame. */
struct posted {
    uint32_t calls, bytes;
    struct oro_buf *frame; /* if its caller is told what it called (oro_proto.echoes); a reference */
};

/* An answer of a view that a client uses (views.c). */
struct view_hold {
    struct oro_view *view; /* a use */
    uint32_t query_set_id;
    bool of_set; /* as long as that set is subscribed; else until the question is answered */
    bool paid;   /* for all of its room */
    bool failed; /* it could not be made again, as views_lost has it; to be told */
};

struct client {
    enum client_state state;
    enum client_kind kind;
    oro_conn_id conn;
    unsigned shard;
    const struct oro_proto *proto; /* a database's websocket: what it speaks */
    bool confirmed, is_owner, in_held_list;
    bool paused;      /* nothing is read from it, since too much waits already */
    bool unread;      /* so much waits to be read by it that what it asks waits, too */
    bool outdated;    /* what it is subscribed to is no more: closed when its shard goes on */
    bool has_session; /* it is the one of its session: `session`, and whose it is */
    bool turned_away; /* it has never been let in, and nobody hears of its end */
    struct oro_connection_id session; /* that its client chose; 128 bits as those are */
    struct oro_principal *who;
    char *token;
    struct oro_mailbox *mailbox;
    struct oro_turns_of turns; /* of it */
    int64_t since_us;          /* it is here */
    unsigned inflight;         /* calls handed to workers and not answered */
    size_t inflight_bytes;
    unsigned asks;         /* procedures that it has called and that have not ended, */
    size_t ask_bytes;      /* and what is kept for them */
    struct posted *posted; /* their jobs in order, from posted_at on: answers come in that order */
    size_t nposted, posted_at, posted_cap;
    struct deferred *deferred, *deferred_tail;
    size_t deferred_bytes;
    struct read_task *reads; /* something is read for it, and what it sends waits */
    struct view_hold *holds;
    size_t nholds, holds_cap;
    bool views_asked; /* the message that is deferred first, or the SQL, has asked for its views */
    unsigned views_waiting; /* SQL: jobs that are not done */
    char *views_error;      /* why one of them cannot be had */
    char *views_lost;       /* why one of them is no more */
    struct oro_bb held;
    struct held_mark *marks;
    size_t nmarks, mark_cap;
    size_t held_lists;   /* memory of the marks' lists of parts */
    size_t held_counted; /* of held, marks and lists, in the budget */
    size_t http_counted; /* HTTP: what was charged for the request */
    struct client *held_next;
    bool in_ended_list; /* it has ended its side, and waits for its answers */
    struct client *ended_next;
    bool in_resume_list;
    struct client *resume_next;
    uint64_t turn;   /* the shard's turn in which it was answered last, */
    int64_t turn_us; /* and how long that took */
    /* HTTP: what was asked. conn is a number of ours, since one TCP connection makes many requests. */
    oro_conn_id req_id;      /* 0: the requester is gone or answered */
    char *headers;           /* of the answer */
    struct oro_bb sql;       /* of a procedure: its arguments */
    char *procedure;         /* its name, until it is asked for */
    struct sql_write *write; /* SQL: it changes rows; a reference */
    bool wants_json;         /* a refusal as an object */
    bool asked;    /* SQL: evaluated, and a disconnect job is posted if there has to be one */
    bool leaves;   /* a disconnect record follows */
    bool answered; /* there was a reply, though it may still wait */
    /* HTTP: the answer that waits until `reply_seq` is durable. */
    struct oro_http_response *reply;
    uint64_t reply_seq;
};

/* ---- client_state.c ---- */
/* turns: whose turns its calls take; NULL where there are none. */
struct client *oro_client_new(struct shard *sh, enum client_kind kind, struct oro_principal *who,
                              char *token, const struct oro_turns_of *turns);
void oro_client_free(struct client *c);
/* Asserts that this state may follow its own; which may stands in client_state.c. */
void oro_client_move(struct client *c, enum client_state to);
struct client *oro_client_find(struct shard *sh, oro_conn_id conn);
void oro_client_post(struct shard *sh, struct client *c,
                     enum oro_job_kind kind); /* connect, disconnect */
/* Starts a close; what the client still sends is ignored. */
void oro_client_close(struct shard *sh, struct client *c, int code, const char *why);
void oro_client_no_memory(struct shard *sh, struct client *c); /* one with 1013 */
/* Counts memory that is kept for it, before it is; see oro_net_charge. False: it has been cut off. */
bool oro_client_charge(struct shard *sh, struct client *c, int64_t bytes);
#define ORO_SERVER_BLOCK 16 /* the allocator's, for each piece of memory */
size_t oro_frame_cost(const struct oro_buf *frame);
/* A frame waits, from `at` on, behind those that do. */
void oro_client_defer(struct shard *sh, struct client *c, struct oro_buf *frame, size_t at,
                      bool alone);
size_t oro_deferred_cost(const struct deferred *d);
struct deferred *oro_deferred_pop(struct client *c); /* Gives the first: oro_deferred_free */
void oro_deferred_free(struct deferred *d);
void oro_deferred_clear(struct client *c);
bool oro_client_can_resume(const struct shard *sh, const struct client *c);
/* Has it go on with deferred messages after this round. */
void oro_client_resume_later(struct shard *sh, struct client *c);
/* Remembers what a job takes, up to the answer of its last call. A frame of many calls is several jobs: it counts with the
 * last of them (again: the one before had it). False: no memory. */
bool oro_posted_add(struct client *c, uint32_t calls, size_t bytes, bool again, size_t frame);
/* Its frame, of the last one, until its call is answered; and of the one that is answered next: empty, if none was kept. */
void oro_posted_keep(struct client *c, struct oro_buf *frame);
struct oro_bytes oro_posted_frame(const struct client *c);
/* A job of one call is about to be posted for it, beside `bytes` of its own. False: it is being closed. */
bool oro_client_posted(struct shard *sh, struct client *c, size_t bytes);
/* The first call that is not answered has been. */
void oro_client_call_done(struct shard *sh, struct client *c);

/* Who it is now, where it asks for turns and room: one that has been here for a minute is no newcomer. */
struct oro_turns_of oro_client_turns(const struct client *c);
struct oro_query_asker oro_client_asker(const struct client *c); /* the same, for its joins */

/* ---- held.c ---- */
/* Sends when `seq` is durable (confirmed clients) or at once; keeps the order. */
void oro_client_send(struct shard *sh, struct client *c, struct oro_bytes msg, uint64_t seq);
/* The same of a message that goes on, behind at most ORO_SERVER_HEAD bytes, with parts that others have as well, by reference.
 * body NULL: there was no memory for it, and the client is closed. */
#define ORO_SERVER_HEAD 37
void oro_client_send_linked(struct shard *sh, struct client *c, struct oro_bytes head,
                            const struct oro_parts *body, uint64_t seq);
/* The same of parts alone. Takes parts, and leaves it empty. */
void oro_client_send_parts(struct shard *sh, struct client *c, struct oro_parts *parts,
                           uint64_t seq);
/* Into the list of those for whom something waits. */
void oro_client_hold(struct shard *sh, struct client *c);
/* What may leave now does, of a websocket's client. */
void oro_held_release(struct shard *sh, struct client *c, uint64_t durable);
/* Forgets what waits. While there is a net. */
void oro_held_clear(struct shard *sh, struct client *c);

/* ---- sessions.c ---- */
/* Before client_connected. False: an earlier one is there; it is told to go, and this one closed. */
bool oro_session_enter(struct shard *sh, struct client *c);
/* It was let in by nobody, or its client_disconnected has run: the next one may come. */
void oro_session_leave(struct shard *sh, struct client *c);

/* ---- client_end.c ---- */
/* Out of the shard's map and lists, and freed. */
void oro_client_remove(struct shard *sh, struct client *c);
/* Net cuts it off: gives back what is kept for it. */
void oro_client_cut(struct shard *sh, struct client *c);
/* It sends no more, and may still read. False: it has nothing to wait for. */
bool oro_client_ended(struct shard *sh, struct client *c);
/* Closes those that have ended their side and are answered. */
void oro_client_close_ended(struct shard *sh);

/* ---- client.c ---- */
void oro_client_frame(struct shard *sh, struct client *c, struct oro_buf *frame);
void oro_client_resume(struct shard *sh, struct client *c);
/* Its socket has taken some; so much waits. */
void oro_client_drained(struct shard *sh, struct client *c, size_t waiting);
/* Its socket has ended. said_so: by a websocket Close, as one who leaves; then the first calls that it had sent still run, else
 * none that has not begun. */
void oro_client_gone(struct shard *sh, struct client *c, bool said_so);
/* Others have had their turn: everybody may ask again. */
void oro_client_turn_begin(struct shard *sh);
/* What was answered in this turn is enough. */
bool oro_client_turn_spent(const struct shard *sh);

#endif
