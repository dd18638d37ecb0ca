/* runtime/server/requests_priv.h - the short-lived client of one HTTP request (docs/http.md#calls): a call, a query, a procedure
 * between client_connected and client_disconnected, and its answer. All on the thread of the shard.
 *
 *   http_reply.c   the client, and its answer, which waits for the disk
 *   sql_write.c    a text of SQL that changes rows, as a job of the workers
 *   sql.c          POST /sql
 *   procedures.c   POST /call of a procedure
 *   http_client.c  what its records mean; POST /call of a reducer, and the module's handlers */
#ifndef ORO_SERVER_REQUESTS_PRIV_H
#define ORO_SERVER_REQUESTS_PRIV_H

#include "runtime/base/id.h"
#include "runtime/exec/writers/pool.h"
#include "runtime/server/client_priv.h"

/* ---- http_reply.c ---- */
struct client *oro_api_client(struct shard *sh, enum client_kind kind,
                              const struct oro_http_asker *a);
bool oro_api_has_lifecycle(const struct oro_server *s);
/* What a request takes while it is kept counts as its connection's. If that one goes for it, http_gone comes. */
void oro_api_charge(struct shard *sh, struct client *c, size_t bytes);
/* Keeps the answer until what it reflects is durable, then gives it. Takes the body of res. */
void oro_api_reply_later(struct shard *sh, struct client *c, struct oro_http_response *res,
                         uint64_t seq);
/* Removes one that was answered and has left. False: it did, so c is gone. */
bool oro_api_still_needed(struct shard *sh, struct client *c);
/* The last piece of its answer was handed over, or there is none. c may be gone. */
void oro_api_streamed(struct shard *sh, struct client *c);

/* ---- sql_write.c ---- */
/* Belongs to the worker until its record is published, then to the shard. */
struct sql_write {
    atomic_uint refs; /* the client's and the job's */
    struct oro_server *server;
    struct oro_identity sender;
    struct oro_bb text;
    oro_status st;
    struct oro_err err;
    struct oro_bb out;
    int64_t took_us;
};
/* Has a worker run it. Takes the text of c->sql; gives c->write. */
void oro_sql_write_start(struct shard *sh, struct client *c);
void oro_sql_write_unref(struct sql_write *w); /* NULL is fine */

/* ---- sql.c ---- */
void oro_sql_start(struct shard *sh, struct client *c);
void oro_sql_run(struct shard *sh, struct client *c); /* client_connected has let it in */
void oro_sql_written(struct shard *sh, struct client *c, uint64_t seq); /* its record is there */

/* ---- procedures.c ---- */
void oro_procedure_http_run(struct shard *sh,
                            struct client *c); /* client_connected has let it in */
void oro_procedure_http_ended(struct shard *sh, struct client *c, const struct oro_commit *rec);

/* ---- http_client.c ---- */
void oro_api_gone(void *self, unsigned shard, oro_conn_id req_id);
/* The HTTP client's connect or call record was read. */
void oro_api_record(struct shard *sh, struct client *c, const struct oro_commit *rec);
/* Gives its answer if that may leave. False: that was all, c is gone. */
bool oro_api_release(struct shard *sh, struct client *c);
/* At the end, on the main thread: what has to be said about requests that nobody will come back to. */
void oro_api_abandon(struct shard *sh, struct client *c);

#endif
