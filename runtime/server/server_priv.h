/* runtime/server/server_priv.h - the server, and what its files have in common.
 *
 *   wake.c         who is woken when something is published, or on disk; waiting for the disk
 *   data.c         the data: read, migrated, whose it is
 *   environment.c  the module's environment
 *   schedules.c    timers and functions that run by themselves
 *   server.c       start, stop, and what net tells
 *
 * Clients, shards, reloads, what is asked and requests have headers of their own, which this one includes. Calls go downward in the
 * order of the lists; what has to be told upward goes by pointers: shard.apply, and the hooks of pools, timers and readers. */
#ifndef ORO_SERVER_SERVER_PRIV_H
#define ORO_SERVER_SERVER_PRIV_H

#include "runtime/base/map.h"
#include "runtime/base/metric.h"
#include "runtime/base/thread.h"
#include "runtime/exec/readers.h"
#include "runtime/proto/proto.h"
#include "runtime/server/asks_priv.h"
#include "runtime/server/client_priv.h"
#include "runtime/server/front.h"
#include "runtime/server/reload_priv.h"
#include "runtime/server/requests_priv.h"
#include "runtime/server/shard_priv.h"
#include "runtime/sql/sql.h"
#include "runtime/subs/subs.h"
#include "runtime/timers/timers.h"

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
    char *
        module_before; /* hash of the definition that the data has seen; NULL: of none that says so */
    bool *once_new;    /* by schedule: a one-shot @scheduled function that this data has not seen */
};

/* Net threads are about to stand still: nothing may be held in the store. */
static inline bool
oro_shard_stands_still(const struct shard *sh)
{
    return atomic_load_explicit(&sh->server->reload.parking, memory_order_acquire);
}

/* ---- wake.c; any thread ---- */
uint64_t oro_server_durable_seq(const struct oro_server *s);
struct oro_timers *oro_server_timers(struct oro_server *s); /* or NULL */
void oro_server_published(void *arg, bool scheduled); /* what workers tell; arg is the server */
void oro_server_on_durable(void *arg);                /* the disk has got further */
/* Nothing is published meanwhile: until all that was is on disk, for ten seconds at most. ORO_EIO. */
ORO_MUST_CHECK oro_status oro_server_disk_wait(struct oro_server *s, struct oro_err *err);

/* ---- data.c ---- */
/* What the data is opened with. */
struct oro_durable_options oro_server_durable_options(struct oro_server *s);
/* told: or NULL, gets what was migrated. */
ORO_MUST_CHECK oro_status oro_server_data_read(struct oro_server *s, struct oro_bb *told,
                                               struct oro_err *err);
/* The same; and whose it is, what it has seen, and its threads. */
ORO_MUST_CHECK oro_status oro_server_data_open(struct oro_server *s, struct oro_err *err);

/* ---- environment.c: before the data is touched; ORO_EINVAL: what there is is not what the module declares ---- */
ORO_MUST_CHECK oro_status oro_server_env_open(struct oro_server *s, struct oro_err *err);
ORO_MUST_CHECK oro_status oro_server_env_check(struct oro_server *s,
                                               const struct oro_schema *schema,
                                               struct oro_err *err);
/* Once the folder is ours: what was kept goes where the data does (delete_data). */
void oro_server_env_delete(const struct oro_server *s);
void oro_server_env_close(struct oro_server *s);

/* ---- schedules.c: puts the rows of @scheduled functions there; arms all timers ---- */
ORO_MUST_CHECK oro_status oro_server_schedules_install(struct oro_server *s, struct oro_err *err);
/* kept: taken, or NULL */
ORO_MUST_CHECK oro_status oro_server_timers_start(struct oro_server *s,
                                                  struct oro_timers_kept *kept,
                                                  struct oro_err *err);
void oro_server_timers_stop(struct oro_server *s);
/* While the workers stand still. Gives what the start takes. */
struct oro_timers_kept *oro_server_timers_stop_keeping(struct oro_server *s);

/* ---- sessions.c ---- */
void oro_sessions_free(struct oro_server *s);

#endif
