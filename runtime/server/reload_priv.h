/* runtime/server/reload_priv.h - another version of the module: its import by all workers, the exchange, the hooks that it brings.
 *
 *   pools.c    the workers of both kinds as one
 *   migrate.c  @migration, for rows of tables that have changed
 *   updated.c  @updated, once for each version
 *   reload.c   the exchange while all stand still */
#ifndef ORO_SERVER_RELOAD_PRIV_H
#define ORO_SERVER_RELOAD_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/base/thread.h"
#include "runtime/durable/durable.h"
#include "runtime/server/front.h"
#include "runtime/server/server.h"
#include "runtime/store/store.h"

struct shard;

/* reload.c: an answer that the shard's thread has to give. */
struct reload_answer {
    struct reload_answer *next;
    unsigned shard;
    oro_conn_id req_id;
    struct oro_http_aside aside; /* what is asked for; run NULL: a reload */
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

/* ---- pools.c ---- */
/* Hook of the reducers' pool: a timer's procedure is due. Takes job. */
void oro_procedure_scheduled(void *server, struct oro_job *job);
/* The procedures' workers, if the module that runs has procedures and there are none yet. */
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

/* ---- migrate.c: the module's @migration hooks, run by the first worker; they have reducer.init_timeout_ms altogether ---- */
struct server_hooks {
    struct oro_server *server;
    bool staged;    /* of the version that is staged */
    int64_t end_us; /* 0: none has run yet */
};
struct oro_migrator oro_server_migrator(struct server_hooks *h);

/* ---- updated.c. before: Gives the hash of the definition that the data has seen, or NULL; once it is open, before its threads
 * start ---- */
char *oro_server_updated_before(const struct oro_server *s);
ORO_MUST_CHECK oro_status oro_server_updated_start(struct oro_server *s, struct oro_err *err);
void oro_server_updated_reload(struct oro_server *s); /* all stand still, after the exchange */

/* ---- reload.c ---- */
ORO_MUST_CHECK oro_status oro_reload_open(struct oro_server *s, struct oro_err *err);
/* No reload runs from here on, and none will. */
void oro_reload_close(struct oro_server *s);
void oro_reload_free(struct oro_server *s);
/* POST /v1/database/:name/reload, or what else may wait (aside not NULL; takes its arg); the answer comes later. */
void oro_reload_ask(struct shard *sh, oro_conn_id req_id, const char *headers,
                    const struct oro_http_aside *aside);
/* On the shard's thread: stands still, everything published being applied; gives its answers. */
void oro_reload_park(struct shard *sh);
void oro_reload_answer(struct shard *sh);

#endif
