/* runtime/server/server.h - ties store, durable, subs, workers and scheduler together: accepts frames and requests from net
 * through struct oro_sink, and emits frames through struct oro_server_net. Knows no sockets, no Python, no SQL engine.
 *
 * Threads: start and stop on the main thread; the sink's functions on net threads, each with a shard of its own (its
 * connections, their subscriptions, its cursor in the ring); nothing is shared between shards but what is immutable. */
#ifndef ORO_SERVER_SERVER_H
#define ORO_SERVER_SERVER_H

#include "runtime/base/sink.h"
#include "runtime/durable/durable.h"
#include "runtime/subs/query.h"
#include "runtime/exec/writers/pool.h"

struct oro_server;
struct oro_server_front; /* front.h */

struct oro_net;
struct oro_env;

/* What the server needs of the network (net/net.h), and what tests have in its place. Each is called on the shard's thread, but
 * wake, which any thread may call. */
struct oro_server_net {
    struct oro_net *net;
    bool (*send)(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_bytes msg);
    bool (*send_parts)(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_bytes head,
                       const struct oro_parts *body);
    void (*hold)(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_buf *part);
    void (*release)(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_buf *part);
    bool (*send_piece)(struct oro_net *net, unsigned shard, oro_conn_id conn, struct oro_buf *piece,
                       bool first, bool last);
    size_t (*watch)(struct oro_net *net, unsigned shard, oro_conn_id id, bool on);
    size_t (*waiting)(struct oro_net *net, unsigned shard, oro_conn_id id);
    void (*close)(struct oro_net *net, unsigned shard, oro_conn_id conn, int code, const char *reason);
    void (*pause)(struct oro_net *net, unsigned shard, oro_conn_id conn, bool paused);
    bool (*charge)(struct oro_net *net, unsigned shard, oro_conn_id conn, int64_t bytes);
    bool (*http_reply)(struct oro_net *net, unsigned shard, oro_conn_id req_id,
                       struct oro_http_response *res);
    bool (*http_piece)(struct oro_net *net, unsigned shard, oro_conn_id req_id, struct oro_buf *piece,
                       bool last);
    void (*wake)(struct oro_net *net, unsigned shard);
};

/* Identity tokens; main.c fills it in with net/token's functions. Any thread. Texts are Given (oro_free). */
struct oro_server_auth {
    void *keys;
    /* token may be NULL: then nothing is signed. */
    oro_status (*mint)(void *keys, char **token, struct oro_identity *id, char **claims,
                       struct oro_err *err);
    oro_status (*resign)(void *keys, const struct oro_identity *id, const char *claims,
                         char **token, struct oro_err *err);
    oro_status (*check)(void *keys, const char *token, struct oro_identity *id, char **claims,
                        struct oro_err *err);
    const char *public_pem;
};

struct oro_server_options {
    const char *module_path;
    const char *name;     /* of the database */
    const char *data_dir; /* NULL: in memory only */
    enum oro_durability durability;
    bool delete_data;
    bool rehearsal; /* the data is a copy that goes at once (runtime/durable/durable.h) */
    size_t checkpoint_bytes;
    unsigned checkpoint_interval_s;
    unsigned workers;
    unsigned shards;    /* net threads */
    int64_t give_up_us; /* so long beyond its limit, and a worker has a successor; 0: never */
    unsigned max_lost_workers;
    bool main_interpreter;
    int64_t timeout_us, init_timeout_us;
    int64_t import_timeout_us;
    /* Asked before the workers import a new version, whether its import ends; NULL: it is not looked at. ORO_EINVAL with *report
     * (Given): it does not. */
    oro_status (*probe)(void *arg, char **report, struct oro_err *err);
    void *probe_arg;
    unsigned procedure_workers;   /* threads that run procedures */
    int64_t procedure_timeout_us; /* of one without its own; 0: none */
    struct oro_fetch_limits fetch; /* what they may ask services outside for */
    unsigned procedure_queue;     /* calls of procedures that may wait or run */
    uint64_t view_room;           /* for answers of views (exec/shares.h) */
    bool dev_errors;
    const struct oro_env *environment; /* what the start gives the module, or NULL; wins over what is kept */
    bool loopback; /* it listens where only this machine can reach it */
    const char
        *allow_origins;     /* net.allow_origins (runtime/base/origin.h); "" or NULL: not given */
    const char *static_dir; /* web page of the module, served at /; NULL: none */
    const char *dashboard_dir; /* served at /dashboard; NULL: none */
    unsigned incoming_limit;   /* calls of one client that wait; above it reading pauses */
    struct oro_query_limits query;
    uint64_t client_terms; /* of all subscriptions of one client */
    uint64_t all_terms;    /* of all clients' subscriptions on one net thread */
    size_t client_queries; /* that one client is subscribed to */
    unsigned readers;      /* threads that read for clients */
    struct oro_server_auth auth;
    const struct oro_server_front *front; /* runtime/http */
};

/* Brings the data to the module's tables and ends: rows that need its @migration hooks go through them. told: gets a line for
 * each thing that was changed. Errors and report as of oro_server_start. */
ORO_MUST_CHECK oro_status oro_server_migrate(const struct oro_server_options *opt,
                                             struct oro_bb *told, char **report,
                                             struct oro_err *err);
/* Loads the module, recovers the data, runs init on new data, forgets clients of an earlier run, arms the timers. Borrows what opt
 * points to until stop. *report (Given, or NULL): every problem of the module, a line each. Gives *out. */
ORO_MUST_CHECK oro_status oro_server_start(const struct oro_server_options *opt,
                                           struct oro_server **out, char **report,
                                           struct oro_err *err);
/* The sink for net. */
const struct oro_sink *oro_server_sink(struct oro_server *s);
/* From now on connections may come. Before net starts to accept. Copies *net. */
void oro_server_attach(struct oro_server *s, const struct oro_server_net *net);
/* No timers fire from here on. First step of a stop, while net still runs. */
void oro_server_quiesce(struct oro_server *s);
/* Serves the module as its files are now (python-api.md 14): the calls that run end on the old version, those that wait run on
 * the new one, data and clients stay. On failure the old version serves on, and nothing has changed. *report (Given, or NULL):
 * what was done, or every reason. err may be NULL. Any thread but net's and the workers'; waits. ORO_EINVAL: the module, or the
 * data does not fit it; ORO_ETIMEOUT, ORO_EIO: not now. */
ORO_MUST_CHECK oro_status oro_server_reload(struct oro_server *s, char **report,
                                            struct oro_err *err);
/* After net's threads have ended; its wake may be called until this returns. Runs what is queued (client_disconnected of everybody), flushes the data, frees. Takes s. False: a
 * reducer hangs where it cannot be interrupted; the data is safe, but the process has to end without freeing anything. *lost:
 * the last transactions could not be written, as the log says. */
ORO_MUST_CHECK bool oro_server_stop(struct oro_server *s, bool *lost);

#endif
