/* runtime/durable/durable_priv.h - what durable.c (opening, threads), checkpoint.c and recover.c share.
 *
 * The file, <dir>/<name>.db:
 *
 *     _orochi_meta       key, value: small texts; `_applied` is the offset up to which the tables hold everything
 *     _orochi_log        one row for each group commit after that (record.h), with a CRC-32C; the first may begin before it
 *     _orochi_schema, _orochi_columns, _orochi_types     the module's tables as the file has them (catalog.h)
 *     _orochi_sequences  first value not reserved, by table and column
 *     player, ...        the module's tables (layout.h)
 *
 * So the file is always one consistent state, that of `_applied`, plus the transactions since. */
#ifndef ORO_DURABLE_DURABLE_PRIV_H
#define ORO_DURABLE_DURABLE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/base/map.h"
#include "runtime/base/thread.h"
#include "runtime/durable/catalog.h"
#include "runtime/durable/durable.h"
#include "runtime/durable/record.h"

#define APPLICATION_ID 0x4f524f43 /* OROC */
#define FORMAT_VERSION 1

/* One server, or one restore, for each file: locks <dir>/<name>.lock. The lock goes with the process, however it ends. Gives
 * *fd, -1 on failure. */
ORO_MUST_CHECK oro_status data_lock(const char *dir, const char *name, int *fd,
                                    struct oro_err *err);
/* Ours, of a version that we know. *empty: it holds nothing at all, which is no error. */
ORO_MUST_CHECK oro_status data_format(struct db *db, bool *empty, struct oro_err *err);

/* Who may use the connection that writes. The log thread goes first: the checkpointer waits while it does. */
struct turn {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool busy, log_waits;
};

void turn_init(struct turn *t);
void turn_fini(struct turn *t);
void turn_take(struct turn *t, bool log);
void turn_give(struct turn *t);

/* Reads the log in order, checking sums and that nothing is missing. */
struct log_reader {
    struct db_stmt *stmt;
    const char *path;
    uint64_t expect; /* the offset that has to come next */
    bool begun;
};
struct log_row {
    uint64_t first, last;
    struct oro_bytes records; /* borrowed until the next row */
};
ORO_MUST_CHECK oro_status log_open(struct log_reader *r, struct db *db, const char *path,
                                   uint64_t applied, struct oro_err *err);
ORO_MUST_CHECK oro_status log_next(struct log_reader *r, struct log_row *row, bool *more,
                                   struct oro_err *err);
void log_close(struct log_reader *r);
/* A message for a blob that passed its sum and does not decode, or decodes to nonsense. */
oro_status log_damaged(const char *path, const struct log_row *row, const char *what,
                       struct oro_err *err);
/* The sum that guards a row of the log. */
uint32_t log_sum(uint64_t first, uint64_t last, struct oro_bytes records);

/* Moves transactions from the log into the tables, a slice at a time. */
struct checkpoint {
    struct catalog *catalog;
    struct db *write, *read;
    struct turn *turn; /* NULL: nobody else writes */
    const char *path;
    const char *sync; /* what PRAGMA synchronous is otherwise */
    uint64_t applied;
    bool whole;         /* nobody waits: large slices */
    size_t limit;       /* rows of a slice; follows how long slices take */
    int64_t longest_us; /* the longest that a slice held the turn */
    uint64_t freed;     /* bytes of log dropped by the last slice */
    /* One slice. */
    struct oro_arena arena;
    struct oro_map by_key; /* stored id and key -> position in entries + 1 */
    struct checkpoint_entry *entries;
    size_t n, cap, bytes;
    struct checkpoint_sequence *sequences;
    size_t nseq, seq_cap;
};
void checkpoint_init(struct checkpoint *k, struct catalog *catalog, struct db *write,
                     struct db *read, struct turn *turn, const char *path, const char *sync,
                     uint64_t applied);
void checkpoint_fini(struct checkpoint *k);
/* *more: there may be more to move. On failure nothing has changed. */
ORO_MUST_CHECK oro_status checkpoint_slice(struct checkpoint *k, bool *more, struct oro_err *err);

struct oro_durable {
    char *name, *path;
    int lock_fd;
    enum oro_durability mode;
    const char *sync; /* PRAGMA synchronous of the mode */
    const struct oro_schema *schema;
    size_t checkpoint_bytes;
    unsigned checkpoint_interval_s;
    void (*on_durable)(void *arg);
    void *arg;
    bool is_new;

    struct db *write, *read; /* write: under `turn`; read: the checkpointer's */
    struct turn turn;
    struct catalog catalog;
    struct checkpoint checkpoint; /* the checkpointer's */
    uint32_t *ids;                /* stored ids by position in the schema */

    /* The log thread's. */
    struct oro_cursor *cursor;
    struct db_stmt *append;
    struct oro_bb batch;
    uint64_t logged;     /* last offset in the file */
    uint64_t batch_last; /* last offset in the batch */
    uint64_t batch_seq;
    bool gave_up;

    _Atomic uint64_t durable; /* seq */
    _Atomic(const char *) trouble;
    _Atomic uint64_t log_bytes;  /* in the log, not yet in the tables */
    _Atomic uint64_t wal_bytes;  /* written since the WAL was copied last */
    _Atomic uint64_t logged_now; /* `logged`, for the checkpointer */
    _Atomic uint64_t slices, commits;
    atomic_bool stopping;
    bool started;
    struct oro_wake log_wake, checkpoint_wake, stop_wake;
    pthread_t log_thread, checkpoint_thread;
};

/* Test hooks: the file may not grow beyond so many pages (0: no limit); what the checkpointer has done. */
void oro_durable_test_limit(struct oro_durable *d, unsigned pages);
int64_t oro_durable_test_longest_us(const struct oro_durable *d);

#endif
