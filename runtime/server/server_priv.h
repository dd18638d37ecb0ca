/* runtime/server/server_priv.h - shared by the files of this folder only. */
#ifndef ORO_SERVER_SERVER_PRIV_H
#define ORO_SERVER_SERVER_PRIV_H

#include "runtime/base/map.h"
#include "runtime/base/metric.h"
#include "runtime/server/front.h"
#include "runtime/base/thread.h"
#include "runtime/exec/readers.h"
#include "runtime/sql/sql.h"
#include "runtime/proto/proto.h"
#include "runtime/subs/subs.h"
#include "runtime/timers/timers.h"

/* A websocket of the database, or the short-lived connection of one HTTP request (docs/http.md#calls). Belongs to its shard.
 * States: CONNECTING until client_connected has ended, OPEN, CLOSING once we have closed it, GONE from the end of the socket
 * until its disconnect record is read. */
enum client_state { CLIENT_CONNECTING, CLIENT_OPEN, CLIENT_CLOSING, CLIENT_GONE, CLIENT_STATES };
enum client_kind { CLIENT_DATABASE, CLIENT_LIVE_METRICS, CLIENT_HTTP_CALL, CLIENT_HTTP_SQL, CLIENT_HTTP_PROCEDURE };

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
};

/* An answer of a view that a client uses (views.c). */
struct view_hold {
    struct oro_view *view; /* a use */
    uint32_t query_set_id;
    bool of_set; /* as long as that set is subscribed; else until the question is answered */
    bool paid;   /* for all of its room */
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
    unsigned inflight; /* calls handed to workers and not answered */
    size_t inflight_bytes;
    unsigned asks; /* procedures that it has called and that have not ended, */
    size_t ask_bytes; /* and what is kept for them */
    struct posted *posted; /* their jobs in order, from posted_at on: answers come in that order */
    size_t nposted, posted_at, posted_cap;
    struct deferred *deferred, *deferred_tail;
    size_t deferred_bytes;
    struct read_task *reads; /* something is read for it, and what it sends waits */
    struct view_hold *holds;
    size_t nholds, holds_cap;
    bool views_asked;       /* the message that is deferred first, or the SQL, has asked for its views */
    unsigned views_waiting; /* SQL: jobs that are not done */
    char *views_error;      /* why one of them cannot be had */
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
    oro_conn_id req_id; /* 0: the requester is gone or answered */
    char *headers;      /* of the answer */
    struct oro_bb sql;    /* of a procedure: its arguments */
    char *procedure;      /* its name, until it is asked for */
    struct sql_write *write; /* SQL: it changes rows; a reference */
    bool wants_json;         /* a refusal as an object */
    bool asked;    /* SQL: evaluated, and a disconnect job is posted if there has to be one */
    bool leaves;   /* a disconnect record follows */
    bool answered; /* there was a reply, though it may still wait */
    /* HTTP: the answer that waits until `reply_seq` is durable. */
    struct oro_http_response *reply;
    uint64_t reply_seq;
};

struct shard {
    struct oro_owner
        owner; /* its net thread; while that stands still for a reload, the one that reloads */
    struct oro_server *server;
    unsigned number;
    struct oro_session *session;
    bool in_snapshot; /* the session is reading, and records are applied up to there */
    struct oro_cursor *cursor;
    struct oro_subs *subs;
    bool holds;              /* its cursor holds snapshots, for joins */
    struct oro_map clients;  /* by connection id */
    struct oro_map requests; /* HTTP clients by request id */
    uint64_t next_request;
    struct client *held;                    /* clients with messages that wait for durability */
    uint64_t flushed;                       /* how far the disk was when they were looked at last */
    bool held_fresh;                        /* some came since that need not wait for it */
    struct client *resume, *resume_tail;    /* clients whose deferred messages can go on */
    uint64_t turn;                          /* of the clients that ask, */
    int64_t answered_us;                    /* and how long it has taken already */
    struct client *ended;                   /* clients that are closed once they are answered */
    _Atomic(struct read_task *) read_inbox; /* tasks that are admitted or done, newest first */
    struct read_task *following; /* connections on their way from their snapshot to here */
    struct read_task *streams;   /* answers on their way to the socket */
    int64_t here_us; /* spent on those that no reader makes, since readers stand still */
    atomic_bool sleeping;
    atomic_uint unconfirmed;     /* clients that want results before they are durable */
    struct oro_bb out;           /* message being built */
    struct oro_updates *updates; /* of the record that is applied */
    const struct oro_commit *applying;
    struct client
        *caller; /* whose call the record answers, so that its update goes into the result */
    bool caller_told;
    bool has_outdated; /* clients */
    unsigned live;     /* live metrics pages */
    _Atomic(struct superseded *)
        superseded;             /* connections that others have come for, newest first */
    struct follower *followers; /* requests that follow the log */
    atomic_uint following_log;  /* their number, for whoever logs */
    atomic_uint query_sets;     /* for whoever reads the metrics */
    struct oro_map refused;     /* hashes of subscriptions that were refused and are in the log */
    int64_t refused_second;
    unsigned refused_lines; /* in it */
};

/* follow.c: wakes the shards when there is something new in the log; hands over what is; forgets a request, true if it was one
 * of those; forgets all. */
void oro_follow_watch(struct oro_server *s, bool on);
void oro_follow_look(struct shard *sh);
bool oro_follow_gone(struct shard *sh, oro_conn_id req_id);
void oro_follow_close(struct shard *sh);

/* reload.c: an answer that the shard's thread has to give. */
struct reload_answer {
    struct reload_answer *next;
    unsigned shard;
    oro_conn_id req_id;
    struct oro_http_response res;
};

/* The way of one reload; which step may follow which stands in reload.c. */
enum reload_state { RELOAD_NONE, RELOAD_IMPORTS, RELOAD_STAGED, RELOAD_STILL, RELOAD_STATES };

struct reload {
    enum reload_state state; /* guarded by `one` */
    pthread_mutex_t one;     /* reload at a time */
    pthread_t thread;        /* for requests that come over HTTP */
    bool runs;
    atomic_bool ends;
    struct oro_wake wake;
    pthread_mutex_t lock; /* both lists */
    struct reload_answer *asked, *answers;
    atomic_uint nanswers;
    /* Net threads stand still while the schema is exchanged. */
    atomic_bool parking;
    atomic_uint parked;
    int64_t still_since_us, still_us; /* guarded by `one`: how long nothing ran */
    struct oro_wake park_wake;
    atomic_bool waits_for_disk;
    struct oro_wake disk_wake;
};

struct oro_server {
    struct oro_server_options opt;
    struct oro_sink sink;
    struct oro_server_net net;
    _Atomic bool attached;
    atomic_bool quiet; /* stopping: nothing fires any more */
    struct oro_pool *pool;
    _Atomic(struct oro_pool *) callers; /* of procedures; NULL: the module has none */
    struct oro_shares *asks;            /* room for their calls */
    struct oro_shares *answers;         /* and for answers of views */
    struct oro_readers *readers;
    struct oro_sql_pool *sql;  /* of the readers */
    struct oro_schema *schema; /* of the module that runs */
    struct oro_schema *tables; /* whose tables the store has: the same one, or its lender */
    struct reload reload;
    struct oro_store *store;
    struct oro_durable *durable;         /* NULL: in memory */
    _Atomic(struct oro_timers *) timers; /* NULL: none */
    atomic_uint unfed; /* batches published since the scheduler was woken for the ring's sake */
    struct {
        pthread_mutex_t lock;
        struct oro_env kept; /* guarded by lock */
    } env;
    struct oro_identity database, owner;
    char database_text[65];
    struct shard *shards;
    struct {
        pthread_mutex_t lock;
        struct oro_map holders; /* by identity and session */
    } sessions;
    char *module_before; /* hash of the definition that the data has seen; NULL: of none that says so */
    bool *once_new; /* by schedule: a one-shot @scheduled function that this data has not seen */
};

/* client.c: one connection */
/* turns: whose turns its calls take; NULL where there are none. */
struct client *oro_client_new(struct shard *sh, enum client_kind kind, struct oro_principal *who,
                              char *token, const struct oro_turns_of *turns);
void oro_client_free(struct client *c);
/* Who it is now, where it asks for turns and room: one that has been here for a minute is no newcomer. */
struct oro_turns_of oro_client_turns(const struct client *c);
struct oro_query_asker oro_client_asker(const struct client *c); /* the same, for its joins */
/* Asserts that this state may follow its own; which may stands in client.c. */
void oro_client_move(struct client *c, enum client_state to);
/* Out of the shard's map and lists, and freed. */
void oro_client_remove(struct shard *sh, struct client *c);
struct client *oro_client_find(struct shard *sh, oro_conn_id conn);
void oro_client_post(struct shard *sh, struct client *c,
                     enum oro_job_kind kind); /* connect, disconnect */
/* Starts a close; what the client still sends is ignored. */
void oro_client_close(struct shard *sh, struct client *c, int code, const char *why);
void oro_client_no_memory(struct shard *sh, struct client *c); /* one with 1013 */
/* It sends no more, and may still read. False: it has nothing to wait for. */
bool oro_client_ended(struct shard *sh, struct client *c);
/* Closes those that have ended their side and are answered. */
void oro_client_close_ended(struct shard *sh);
/* Its socket has ended. said_so: by a websocket Close, as one who leaves; then the first calls that it had sent still run, else
 * none that has not begun. */
void oro_client_gone(struct shard *sh, struct client *c, bool said_so);
void oro_client_frame(struct shard *sh, struct client *c, struct oro_buf *frame);
void oro_client_resume(struct shard *sh, struct client *c);
bool oro_client_can_resume(const struct shard *sh, const struct client *c);
/* Its socket has taken some; so much waits. */
void oro_client_drained(struct shard *sh, struct client *c, size_t waiting);
/* Net cuts it off: gives back what is kept for it. */
void oro_client_cut(struct shard *sh, struct client *c);
/* The first call that is not answered has been. */
void oro_client_call_done(struct shard *sh, struct client *c);
/* Counts memory that is kept for it, before it is; see oro_net_charge. False: it has been cut off. */
bool oro_client_charge(struct shard *sh, struct client *c, int64_t bytes);
/* A job of one call is about to be posted for it, beside `bytes` of its own. False: it is being closed. */
bool oro_client_posted(struct shard *sh, struct client *c, size_t bytes);
/* The number of query sets has changed. */
void oro_shard_count_subs(struct shard *sh);
/* New subscriptions of a shard: where their joins look, and who tells of those that are lost. */
void oro_shard_subs_opened(struct shard *sh, struct oro_subs *subs, struct oro_store *store);
/* Something has been registered at a snapshot that is still held: joins need it from here on (oro_cursor_hold). */
void oro_shard_hold(struct shard *sh);

/* Has it go on with deferred messages after this round. */
void oro_client_resume_later(struct shard *sh, struct client *c);
/* Others have had their turn: everybody may ask again. */
void oro_client_turn_begin(struct shard *sh);
/* What was answered in this turn is enough. */
bool oro_client_turn_spent(const struct shard *sh);

/* sessions.c: one connection for each that a client names */
/* Before client_connected. False: an earlier one is there; it is told to go, and this one closed. */
bool oro_session_enter(struct shard *sh, struct client *c);
/* It was let in by nobody, or its client_disconnected has run: the next one may come. */
void oro_session_leave(struct shard *sh, struct client *c);
/* Ends those that others have come for. */
void oro_sessions_look(struct shard *sh);
void oro_sessions_free(struct oro_server *s);

/* subscribe.c: what is answered at once, if it is small */
struct oro_query_env oro_client_env(const struct shard *sh, const struct client *c);
struct oro_asked oro_client_asked(const struct oro_client_message *m);
/* Of subscribe, batch, unsubscribe, one-off. The answer may come later; then c->reads is set, and its messages have to wait. */
void oro_client_ask(struct shard *sh, struct client *c, const struct oro_client_message *m,
                    struct oro_buf *frame);
/* Says so in the log and the metrics. */
void oro_client_refused(struct shard *sh, struct oro_bytes text, const struct oro_err *err);
void oro_batch_set_refused(void *shard, struct oro_bytes texts, const char *why); /* the same */
bool oro_shard_is_near(const struct shard *sh); /* few records are between it and the newest */
/* What may be read on the shard's own thread. */
struct oro_budget oro_shard_budget(const struct shard *sh);

/* views.c */
/* Whether the message has to wait, since it names views whose rows are not there; then they are asked for. */
bool oro_views_wait(struct shard *sh, struct client *c, const struct oro_client_message *m);
/* Answers it if they cannot be had. */
bool oro_views_refused(struct shard *sh, struct client *c, const struct oro_client_message *m);
void oro_views_record(struct shard *sh, struct client *c, const struct oro_commit *rec);
/* The same for c->sql. record: true if nothing is waited for any more. */
bool oro_views_sql_wait(struct shard *sh, struct client *c);
bool oro_views_sql_record(struct shard *sh, struct client *c, const struct oro_commit *rec);
/* Something was answered: lets go of what is not used any more. */
void oro_views_look(struct shard *sh, struct client *c);
void oro_views_gone(struct shard *sh, struct client *c); /* lets go of all */
void oro_views_free(struct client *c);
bool oro_views_has(const struct client *c);
void oro_views_again(struct oro_server *s); /* other code: evaluates all of them */

/* held.c: what a client is told */
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
void oro_client_flush_held(struct shard *sh);
void oro_client_hold(struct shard *sh,
                     struct client *c); /* into the list that flush_held looks through */
/* Forgets what waits. While there is a net. */
void oro_held_clear(struct shard *sh, struct client *c);

/* read.c: what is read on other threads */
void oro_read_message(struct shard *sh, struct client *c, const struct oro_client_message *m,
                      struct oro_buf *frame);
void oro_read_sql(struct shard *sh, struct client *c);
void oro_read_abandon(struct client *c);   /* it has left */
void oro_read_interrupt(struct client *c); /* nobody waits for the answer */
void oro_reads_drain(struct shard *sh);
bool oro_reads_have_work(struct shard *sh); /* something for oro_reads_drain */
/* The same, or something that waits for the shard to come further. */
bool oro_reads_under_way(struct shard *sh);
void oro_reads_free(struct shard *sh); /* at the end; the readers have stopped */

/* stream.c: answers that are made while they are sent */
void oro_stream_drained(struct client *c, size_t waiting); /* so much waits in its socket */
void oro_stream_look(
    struct client *c); /* something that it waited for has come; c may be gone afterwards */
void oro_streams_look(struct shard *sh);
/* Net threads are about to stand still: nothing may be held in the store. */
static inline bool
oro_shard_stands_still(const struct shard *sh)
{
    return atomic_load_explicit(&sh->server->reload.parking, memory_order_acquire);
}

/* procedures.c: calls of procedures, and the workers that run them */
void oro_procedure_ask(struct shard *sh, struct client *c, const struct oro_client_message *m);
void oro_procedure_ended(struct shard *sh, struct client *c, const struct oro_commit *rec);
void oro_procedure_http_run(struct shard *sh, struct client *c); /* client_connected has let it in */
void oro_procedure_http_ended(struct shard *sh, struct client *c, const struct oro_commit *rec);
/* The workers, if the module that runs has procedures and there are none yet. */
ORO_MUST_CHECK oro_status oro_callers_start(struct oro_server *s, char **report,
                                            struct oro_err *err);
/* What a reload does with workers of both kinds, as pool.h has it of one. */
ORO_MUST_CHECK oro_status oro_pools_stage(struct oro_server *s, char **descriptor, char **report,
                                          struct oro_err *err);
void oro_pools_unstage(struct oro_server *s);
ORO_MUST_CHECK oro_status oro_pools_pause(struct oro_server *s, struct oro_err *err);
void oro_pools_resume(struct oro_server *s);
ORO_MUST_CHECK oro_status oro_pools_bind(struct oro_server *s, const struct oro_schema *schema,
                                         struct oro_err *err);
void oro_pools_adopt(struct oro_server *s, const struct oro_schema *schema,
                     struct oro_store *store);
void oro_pools_settle(struct oro_server *s);
ORO_MUST_CHECK bool oro_pools_stop(struct oro_server *s);

/* sql.c: POST /v1/database/:name/sql */
void oro_sql_start(struct shard *sh, struct client *c);
void oro_sql_run(struct shard *sh, struct client *c); /* client_connected has let it in */
void oro_sql_written(struct shard *sh, struct client *c, uint64_t seq); /* its record is there */
void oro_sql_write_unref(struct sql_write *w);                          /* NULL is fine */
/* On a reader: what the grammar of subscriptions does not know. */
oro_status oro_sql_full(struct oro_server *s, struct oro_session *se, struct oro_bytes text,
                        const struct oro_query_env *env, struct oro_budget *budget,
                        struct oro_bb *out, struct oro_parts *parts, struct oro_err *err);

/* ring.c: what records mean for a shard's clients */
/* Applies records up to seq. False: there are more than one turn has time for. */
bool oro_shard_catch_up(struct shard *sh, uint64_t seq);
void oro_shard_drain(struct shard *sh);
/* What a record means for one frozen connection's subscriptions. */
void oro_shard_apply_to(struct shard *sh, oro_conn_id conn, const struct oro_commit *rec);
uint64_t oro_server_durable_seq(const struct oro_server *s);

/* server.c: what workers tell; arg is the server */
void oro_server_published(void *arg, bool scheduled);
/* server.c: what the data is opened with */
struct oro_durable_options oro_server_durable_options(struct oro_server *s);

/* http_client.c: one HTTP request */
void oro_api_gone(void *self, unsigned shard, oro_conn_id req_id);
/* The HTTP client's connect or call record was read. */
void oro_api_record(struct shard *sh, struct client *c, const struct oro_commit *rec);
/* Gives its answer if that may leave. False: that was all, c is gone. */
bool oro_api_release(struct shard *sh, struct client *c);
/* The last piece of its answer was handed over, or there is none. c may be gone. */
void oro_api_streamed(struct shard *sh, struct client *c);
/* At the end, on the main thread: what has to be said about requests that nobody will come back to. */
void oro_api_abandon(struct shard *sh, struct client *c);
bool oro_api_has_lifecycle(const struct oro_server *s);
/* What a request takes while it is kept counts as its connection's. If that one goes for it, http_gone comes. */
void oro_api_charge(struct shard *sh, struct client *c, size_t bytes);
/* The short-lived client of a request. */
struct client *oro_api_client(struct shard *sh, enum client_kind kind,
                              const struct oro_http_asker *a);
/* Keeps the answer until what it reflects is durable, then gives it. Takes the body of res. */
void oro_api_reply_later(struct shard *sh, struct client *c, struct oro_http_response *res,
                         uint64_t seq);

/* migrate.c: the module's @migration hooks, run by the first worker; they have reducer.init_timeout_ms altogether. */
struct server_hooks {
    struct oro_server *server;
    bool staged;    /* of the version that is staged */
    int64_t end_us; /* 0: none has run yet */
};
struct oro_migrator oro_server_migrator(struct server_hooks *h);
/* environment.c: before the data is touched; ORO_EINVAL: what there is is not what the module declares */
ORO_MUST_CHECK oro_status oro_server_env_open(struct oro_server *s, struct oro_err *err);
ORO_MUST_CHECK oro_status oro_server_env_check(struct oro_server *s,
                                               const struct oro_schema *schema,
                                               struct oro_err *err);
void oro_server_env_close(struct oro_server *s);
/* updated.c. before: Gives the hash of the definition that the data has seen, or NULL; once it is open, before its threads start. */
char *oro_server_updated_before(const struct oro_server *s);
ORO_MUST_CHECK oro_status oro_server_updated_start(struct oro_server *s, const char *before,
                                                   struct oro_err *err);
void oro_server_updated_reload(struct oro_server *s); /* all stand still, after the exchange */
/* reload.c */
ORO_MUST_CHECK oro_status oro_reload_open(struct oro_server *s, struct oro_err *err);
/* No reload runs from here on, and none will. */
void oro_reload_close(struct oro_server *s);
void oro_reload_free(struct oro_server *s);
/* POST /v1/database/:name/reload; the answer comes later. */
void oro_reload_ask(struct shard *sh, oro_conn_id req_id, const char *headers);
/* On the shard's thread: stands still, everything published being applied; gives its answers. */
void oro_reload_park(struct shard *sh);
void oro_reload_answer(struct shard *sh);
/* The disk has got further. */
void oro_reload_on_durable(struct oro_server *s);
/* Nothing is published meanwhile: until all that was is on disk, for ten seconds at most. ORO_EIO. */
ORO_MUST_CHECK oro_status oro_reload_disk_wait(struct oro_server *s, struct oro_err *err);

/* server.c: puts the rows of @scheduled functions there; arms all timers */
ORO_MUST_CHECK oro_status oro_server_schedules_install(struct oro_server *s, struct oro_err *err);
/* kept: taken, or NULL */
ORO_MUST_CHECK oro_status oro_server_timers_start(struct oro_server *s,
                                                  struct oro_timers_kept *kept,
                                                  struct oro_err *err);
void oro_server_timers_stop(struct oro_server *s);
/* While the workers stand still. Gives what the start takes. */
struct oro_timers_kept *oro_server_timers_stop_keeping(struct oro_server *s);

#endif
