/* runtime/server/front.h - what runtime/http and the server are to each other. The server knows clients, and the order of what
 * they are told; what a request asks for, and how it is answered, is above it. All on the thread of the shard, if nothing else
 * is said. */
#ifndef ORO_SERVER_FRONT_H
#define ORO_SERVER_FRONT_H

#include "runtime/exec/writers/pool.h"
#include "runtime/base/environment.h"
#include "runtime/server/server.h"
#include "runtime/store/commit.h"

struct oro_proto;

/* What the server asks of the layer above (oro_server_options.front). */
struct oro_server_front {
    /* As in struct oro_sink; self is the server. */
    bool (*http)(void *self, unsigned shard, oro_conn_id req_id, const struct oro_http_request *req,
                 struct oro_http_response *res);
    bool (*ws_request)(void *self, unsigned shard, const struct oro_http_request *req,
                       struct oro_ws_accept *acc, struct oro_http_response *res);
    /* Fill in the answer of a request, which is empty, when its record was read: of its call, or of client_connected, which has
     * let nobody in. json: a refusal as an object. Borrow origin. */
    void (*called)(struct oro_http_response *res, const struct oro_origin *origin, bool json);
    void (*returned)(struct oro_http_response *res, const struct oro_origin *origin, bool json); /* a procedure */
    void (*refused)(struct oro_http_response *res, const struct oro_origin *origin, bool json);
    /* The same of one that the module's handlers have answered. */
    void (*handled)(struct oro_http_response *res, const struct oro_origin *origin);
};

/* ---- what it serves; the schema until the return, any other until the server stops ---- */
const struct oro_server_options *oro_server_opt(const struct oro_server *s);
const struct oro_schema *oro_server_schema(const struct oro_server *s);
const struct oro_identity *oro_server_owner(const struct oro_server *s);
const struct oro_identity *oro_server_database(const struct oro_server *s);
const char *oro_server_database_text(const struct oro_server *s); /* 64 hex digits */
/* Appends what the codecs of all workers did, as JSON. */
void oro_server_bridge_report(const struct oro_server *s, struct oro_bb *out);

/* ---- websockets: Give the object for oro_ws_accept.user ---- */
struct oro_socket_wishes {
    bool confirmed;                          /* it is told nothing that is not on disk */
    const struct oro_proto *proto;           /* that it speaks */
    const struct oro_connection_id *session; /* that it has chosen, borrowed; NULL: none */
};
/* A client of the database. Takes who; borrows turns; copies token, which it is told. */
void *oro_server_socket(struct oro_server *s, unsigned shard, struct oro_principal *who,
                        const struct oro_turns_of *turns, const char *token,
                        const struct oro_socket_wishes *wishes);
/* One that is sent the metrics once a second. */
void *oro_server_observer(struct oro_server *s, unsigned shard);

/* ---- requests that a short-lived client is made for (docs/http.md#calls); answered later, through net ---- */
struct oro_http_asker {
    oro_conn_id req_id;
    struct oro_identity identity;
    struct oro_turns_of turns;  /* that its call takes */
    const char *token, *claims; /* or NULL */
    const char *headers;        /* that the answer begins with */
    bool wants_json;            /* a refusal as an object */
    bool confirmed;             /* is answered when it is on disk */
};
/* Calls the reducer. Takes what is in args (BSATN). */
void oro_server_http_call(struct oro_server *s, unsigned shard, const struct oro_http_asker *asker,
                          const struct oro_reducer_def *reducer, struct oro_bb *args);
/* Has the module's handlers answer. Takes request. */
void oro_server_http_handle(struct oro_server *s, unsigned shard,
                            const struct oro_http_asker *asker, struct oro_buf *request);
/* The same of a procedure, by its name. */
void oro_server_http_procedure(struct oro_server *s, unsigned shard,
                               const struct oro_http_asker *asker, const char *name,
                               struct oro_bb *args);
/* Answers a query. Borrows text. */
void oro_server_http_sql(struct oro_server *s, unsigned shard, const struct oro_http_asker *asker,
                         struct oro_bytes text);
/* Reloads the module, as oro_server_reload. */
void oro_server_http_reload(struct oro_server *s, unsigned shard, oro_conn_id req_id,
                            const char *headers);

/* What a request asks for and may wait, for the disk say: `run` fills in the answer, on a thread of the server's own, one after the other
 * with reloads; then drop, or drop alone if the server stops before. Copies headers, and takes arg. */
struct oro_http_aside {
    void (*run)(void *arg, struct oro_http_response *res);
    void (*drop)(void *arg);
    void *arg;
};
void oro_server_http_aside(struct oro_server *s, unsigned shard, oro_conn_id req_id,
                           const char *headers, const struct oro_http_aside *aside);

/* ---- the log (runtime/base/log_kept.h), an object of JSON a line ---- */
/* Appends lines from number `from` to before `until`, until there are `most` bytes. Gives the number of the next one. Any thread. */
uint64_t oro_server_log_lines(uint64_t from, uint64_t until, size_t most, struct oro_bb *out);
/* Answers with those from that number on, and with each that comes, until the requester goes. Copies headers. */
void oro_server_http_follow(struct oro_server *s, unsigned shard, oro_conn_id req_id,
                            const char *headers, uint64_t from);

/* ---- the environment of the module (environment.c); any thread, update but none of net's ---- */
/* set, but for what `removed` names; replace: of what was kept nothing stays. missing: is told each required key that would not be
 * there, and then it fails. */
struct oro_env_update {
    const struct oro_env *set;
    const char *const *removed;
    size_t nremoved;
    bool replace;
    void (*missing)(void *arg, const char *key);
    void *arg;
};
/* ORO_EINVAL, ORO_EIO: nothing has changed; no value is in err. */
ORO_MUST_CHECK oro_status oro_server_env_update(struct oro_server *s,
                                                const struct oro_env_update *u,
                                                struct oro_err *err);
void oro_server_env_keys(struct oro_server *s, void (*told)(void *arg, const char *key), void *arg);
/* A JSON object of texts, added to e. ORO_EMALFORMED, ORO_EINVAL. */
ORO_MUST_CHECK oro_status oro_env_read_json(struct oro_env *e, struct oro_bytes text,
                                            struct oro_err *err);

/* Adds the header that tells how long it took. */
void oro_api_duration(struct oro_http_response *res, int64_t us);

#endif
