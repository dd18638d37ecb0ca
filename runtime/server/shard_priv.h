/* runtime/server/shard_priv.h - a shard: one net thread's clients, and its place in the commit ring.
 *
 *   shard.c   its subscriptions, and how far it has come
 *   ring.c    what records mean for its clients; a turn of its loop
 *   follow.c  requests that follow the log */
#ifndef ORO_SERVER_SHARD_PRIV_H
#define ORO_SERVER_SHARD_PRIV_H

#include "runtime/base/map.h"
#include "runtime/base/thread.h"
#include "runtime/proto/proto.h"
#include "runtime/server/server.h"
#include "runtime/subs/subs.h"

struct client;
struct read_task;
struct shard;

struct shard {
    struct oro_owner
        owner; /* its net thread; while that stands still for a reload, the one that reloads */
    struct oro_server *server;
    unsigned number;
    /* ring.c: what a record means. Up here, since whoever reads at a snapshot has the records up to there applied before. */
    void (*apply)(struct shard *sh, const struct oro_commit *rec);
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

/* ---- shard.c ---- */
/* Applies records up to seq. False: there are more than one turn has time for. */
bool oro_shard_catch_up(struct shard *sh, uint64_t seq);
/* Tells subscribers of a record. */
void oro_shard_update(struct shard *sh, const struct oro_commit *rec);
/* The same for one frozen connection's subscriptions. */
void oro_shard_apply_to(struct shard *sh, oro_conn_id conn, const struct oro_commit *rec);
/* Tells a client that a subscription is no more; when the record is on disk, 0: now. */
void oro_shard_tell_lost(struct shard *sh, oro_conn_id conn, uint32_t query_set_id,
                         const char *why, uint64_t seq);
/* What a caller is told of it; c is that one, or whoever else is. Borrows rec and c. */
struct oro_call_result oro_call_result_of(const struct oro_commit *rec, const struct client *c);
/* The number of query sets has changed. */
void oro_shard_count_subs(struct shard *sh);
/* New subscriptions of a shard: where their joins look, and who tells of those that are lost. */
void oro_shard_subs_opened(struct shard *sh, struct oro_subs *subs, struct oro_store *store);
/* Something has been registered at a snapshot that is still held: joins need it from here on (oro_cursor_hold). */
void oro_shard_hold(struct shard *sh);

/* ---- ring.c ---- */
void oro_shard_record(struct shard *sh, const struct oro_commit *rec); /* shard.apply */
void oro_shard_drain(struct shard *sh);

/* ---- sessions.c ---- */
/* Ends those that others have come for. */
void oro_sessions_look(struct shard *sh);

/* ---- follow.c: wakes the shards when there is something new in the log; hands over what is; forgets a request, true if it was
 * one of those; forgets all ---- */
void oro_follow_watch(struct oro_server *s, bool on);
void oro_follow_look(struct shard *sh);
bool oro_follow_gone(struct shard *sh, oro_conn_id req_id);
void oro_follow_close(struct shard *sh);

#endif
