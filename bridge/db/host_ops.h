/* bridge/db/host_ops.h - what tables need of the world: filled in by runtime/worker. Says nothing of PyObject. */
#ifndef ORO_DB_HOST_OPS_H
#define ORO_DB_HOST_OPS_H

#include "bridge/bsatn/schema.h"
#include "runtime/base/log.h"
#include "runtime/base/metric.h"
#include "runtime/fetch/fetch.h"

struct oro_py_rows {
    struct oro_bytes *rows;
    size_t n;
};
struct oro_py_range {
    struct oro_bytes prefix; /* BSATN of the leading columns back to back */
    unsigned nprefix;
    bool has_lo, has_hi, lo_open, hi_open;
    struct oro_bytes lo, hi; /* BSATN of the next column */
    bool reverse;            /* keys descending; rows of one key come as they do ascending */
    size_t limit;            /* no more rows than this are wanted, or read; 0: all */
};

/* A moment of the call's transaction. */
struct oro_py_mark {
    size_t a, b;
    unsigned level;
};

/* What is done to a metric. */
enum oro_measure { ORO_MEASURE_ADD, ORO_MEASURE_SET, ORO_MEASURE_OBSERVE_US };

/* `host` is the pointer of struct oro_py_call. Bytes handed out live until the call ends. Errors: ORO_ENOTFOUND,
 * ORO_EEXISTS (text for the author in err), ORO_EFULL (sequence exhausted), ORO_ETYPE (range on a hash index), ORO_ENOMEM
 * (oro_py_memory_room said no; nothing has changed). In a view: ORO_EREFUSED for whatever would change something, ORO_EINVAL for
 * a scan. */
struct oro_host_ops {
    oro_status (*find)(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
                       struct oro_bytes key, struct oro_bytes *row);
    oro_status (*scan)(void *host, const struct oro_table_def *t, struct oro_py_rows *out);
    oro_status (*range)(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
                        const struct oro_py_range *range, struct oro_py_rows *out);
    uint64_t (*count)(void *host, const struct oro_table_def *t);
    oro_status (*insert)(void *host, const struct oro_table_def *t, struct oro_bytes row,
                         struct oro_bytes *stored, struct oro_err *err);
    oro_status (*update)(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
                         struct oro_bytes row, struct oro_bytes *stored, struct oro_err *err);
    oro_status (*upsert)(void *host, const struct oro_table_def *t, const struct oro_index_def *ix,
                         struct oro_bytes row, struct oro_bytes *stored, struct oro_err *err);
    oro_status (*delete_key)(void *host, const struct oro_table_def *t,
                             const struct oro_index_def *ix, struct oro_bytes key);
    oro_status (*delete_row)(void *host, const struct oro_table_def *t, struct oro_bytes row);
    oro_status (*clear)(void *host, const struct oro_table_def *t, uint64_t *n);
    /* One call on a table that makes several changes is atomic: save before, then release, or restore when it failed, in
     * reverse order of save. Sequences do not go back; bytes that were handed out since stay valid. */
    struct oro_py_mark (*save)(void *host);
    void (*release)(void *host, struct oro_py_mark mark);
    void (*restore)(void *host, struct oro_py_mark mark);
    /* Of a call that runs outside of any transaction (bridge/host/handler.c); NULL: there are none. begin: the time of the
     * transaction (microseconds since 1970); exclusive: nobody else commits until its end. end: its commit, or its end without
     * one; ORO_ECONFLICT: what it read is not so any more, nothing has changed, and what it logged is forgotten. */
    int64_t (*begin)(void *host, bool exclusive);
    oro_status (*end)(void *host, bool commit);
    /* Of each transaction of a call that runs outside of one, before its commit. ORO_EFULL, with a text for the author: it is more
     * than can be kept, and is to be ended without a commit. */
    oro_status (*fits)(void *host, struct oro_err *err);
    /* Of procedures only, which call these between the others (bridge/host/procedure.c). ask_begin: a transaction;
     * exclusive: as above; ORO_ETIMEOUT: as of ask_wait. ask_commit, ask_abort: ORO_ECONFLICT, it has to be run again; after the
     * abort of one that raised on rows that were not stale: ORO_OK. ask_wait: until that time of the monotonic clock; ORO_ETIMEOUT: it is over for the procedure. The GIL
     * is held, and given up while it waits; meanwhile the module may be exchanged. */
    oro_status (*ask_begin)(void *host, bool exclusive, int64_t *timestamp_us);
    oro_status (*ask_commit)(void *host);
    oro_status (*ask_abort)(void *host);
    oro_status (*ask_wait)(void *host, int64_t until_us);
    /* Asks a service of the world outside. Gives *got. ORO_ETIMEOUT with an empty err: as of ask_wait; otherwise err says why. */
    oro_status (*ask_fetch)(void *host, const struct oro_fetch_ask *ask, struct oro_fetched *got,
                            struct oro_err *err);
    /* After ask_commit. ask_unsure: the record that has to be on disk before the procedure goes on; 0: none. ask_sure: waits until it
     * is; ORO_EIO: that is not known after a while; ORO_ETIMEOUT: as of ask_wait. NULL: nothing waits for a disk. For coroutines,
     * which wait in the loop: what is on disk, and whether one waits. */
    uint64_t (*ask_unsure)(void *host);
    oro_status (*ask_sure)(void *host, uint64_t seq);
    uint64_t (*loop_durable)(void *host);
    void (*loop_disk)(void *host, bool waits);
    /* Of coroutines (bridge/host/coroutine.c); `of` as of oro_py_coroutine. From enter to leave this one runs. ended, in between: its
     * result, or why not; leave is called with NULL then. grace: it was cancelled, and has so long. ask: a request, whose answer
     * `answer` gives later, once; *number 0: none is there. drop: it is not wanted. */
    void (*loop_enter)(void *host, void *of);
    void (*loop_leave)(void *host, void *of);
    void (*loop_grace)(void *host, void *of, int64_t us);
    void (*loop_ended)(void *host, void *of, oro_status st, bool outdated, struct oro_bb *result);
    oro_status (*loop_ask)(void *host, const struct oro_fetch_ask *ask, uint64_t *number,
                           struct oro_err *err);
    oro_status (*loop_answer)(void *host, uint64_t *number, struct oro_fetched *got,
                              struct oro_err *err);
    void (*loop_drop)(void *host, uint64_t number);
    /* A log record of the module: kept with the call and dropped when its attempt is. function: the reducer. line 0: unknown. */
    void (*log)(void *host, enum oro_log_level level, const char *target, const char *file,
                int line, struct oro_bytes text);
    /* The same for a metric of the module. */
    void (*measure)(void *host, struct oro_metric *m, enum oro_measure what, int64_t n);
};

#endif
