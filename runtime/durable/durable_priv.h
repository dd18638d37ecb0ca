/* runtime/durable/durable_priv.h - what the files of this folder share.
 *
 * The tables, <dir>/<name>.db:
 *
 *     _orochi_meta       key, value: small texts; `_applied` is the offset up to which the tables hold everything;
 *                        `_initialized`, set with init's transaction: init has run
 *     _orochi_log        empty but in a backup, whose one file holds the log too
 *     _orochi_schema, _orochi_columns, _orochi_types     the module's tables as the file has them (catalog.h)
 *     _orochi_sequences  first value not reserved, by table and column
 *     _orochi_edits      keys of rows that other programs have changed or deleted (edits.h)
 *     _orochi_rows       how many rows each table has; none of a table: not known
 *     player, ...        the module's tables (layout.h)
 *
 * The log, <dir>/<name>.db-log, an SQLite file as well, there from a start until the next clean stop:
 *
 *     _orochi_log        one row for each group commit (record.h), with a CRC-32C; every transaction after `_applied`, and
 *                        perhaps some before it
 *     _orochi_meta       `_log`, the same random text as in the tables' file: the two belong together; `_dropped`, the last
 *                        offset that was deleted here because the tables had it on disk
 *
 * So the first file is always one consistent state, that of `_applied`, and both together are all that is durable. They are
 * two because SQLite has one writer for each file: a checkpoint of many rows takes a second, in which group commits have to go
 * on. A checkpoint commits and syncs the tables, and only then drops from the log. A file of tables without `_log` needs no
 * log; one that lies beside it goes only if its text is the tables' `_log_gone`: a stop or a restore was interrupted there.
 *
 * What was confirmed and is missing is found in three ways, before anything is changed: the file <name>.db-confirmed says how
 * far the log has to go (confirmed.h); `_dropped` how far the tables have to be; and a WAL that goes on behind a frame that
 * does not fit was changed in the middle (wal.h). While it runs, the files have to keep their names (presence.h). */
#ifndef ORO_DURABLE_DURABLE_PRIV_H
#define ORO_DURABLE_DURABLE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime/base/map.h"
#include "runtime/base/thread.h"
#include "runtime/durable/catalog.h"
#include "runtime/durable/changes.h"
#include "runtime/durable/confirmed.h"
#include "runtime/durable/durable.h"
#include "runtime/durable/presence.h"
#include "runtime/durable/record.h"

#define APPLICATION_ID 0x4f524f43 /* OROC */
/* 1: the log was in the file of the tables; 2: rows without sums; 3: whether init has run was told by what is there; 4: by
 * `_initialized`. */
#define FORMAT_VERSION 4
#define FORMAT_OLDEST 3 /* brought to the newest when it is opened */

#define INITIALIZED_SQL "INSERT OR REPLACE INTO _orochi_meta VALUES ('_initialized', 1)"

/* One server, or one restore, for each database: locks <dir>/<name>.lock, and the database itself, because the lock file looks
 * like something to delete. The locks go with the process, however it ends. */
struct data_locks {
    int file, database; /* descriptors, -1: none */
    bool held_data;     /* the lock file says that there was a database once */
};
#define DATA_LOCKS_NONE ((struct data_locks){-1, -1, false})
/* Every file of the database that is there is a file: a FIFO would hold whoever opens it for ever, and of a link SQLite keeps
 * the WAL elsewhere. replaced: they will be, so that only a folder is in the way. ORO_EIO. */
ORO_MUST_CHECK oro_status data_check_files(const char *dir, const char *name, bool replaced,
                                           struct oro_err *err);
/* Under the lock: links and FIFOs under the names of the database's files go. */
void data_clear_others(const char *dir, const char *name);
/* Takes both, the database's if it is there. ORO_EIO: another one runs, or the folder cannot be written. */
ORO_MUST_CHECK oro_status data_lock(struct data_locks *l, const char *dir, const char *name,
                                    struct oro_err *err);
/* Once more for a database that may have been made anew in the meantime; makes an empty one where there is none. */
ORO_MUST_CHECK oro_status data_lock_database(struct data_locks *l, const char *path,
                                             struct oro_err *err);
/* There is a database: the lock file tells the next start, which then does not take a missing one for the very first. */
void data_lock_note(struct data_locks *l);
/* After the last connection to the database was closed: closing a descriptor drops the locks that SQLite has. */
void data_unlock(struct data_locks *l);
/* Takes from others what they may do with the files of the database, and with the folder where nothing else is in it; says so
 * otherwise. */
void data_hide(const char *dir, const char *name);

/* Ours, of a version that we know. *empty: it holds nothing at all, which is no error. */
ORO_MUST_CHECK oro_status data_format(struct db *db, bool *empty, struct oro_err *err);

/* Behind what is wrong; takes the path. */
#define DAMAGED                                                                                   \
    "The file is damaged; nothing in it was changed. Restore a backup (orochi restore), or save " \
    "what can be read with `orochi repair FILE`, or with: sqlite3 %s .recover"
/* Sets err to `from`, with what can be done about a damaged file where that does not say it. Returns st. */
oro_status damaged_advise(const char *path, oro_status st, const struct oro_err *from,
                          struct oro_err *err);

/* Opens a database with the settings that both files have. Gives *out. */
ORO_MUST_CHECK oro_status data_open(const char *path, const char *sync, unsigned page_size,
                                    unsigned cache_kib, struct db **out, struct oro_err *err);
/* With its WAL. */
ORO_MUST_CHECK oro_status data_delete(const char *database, struct oro_err *err);

/* log_file.c. The log beside a file of tables. Gives. */
char *log_path_of(const char *path);
/* The text that pairs the two files. Gives, or NULL: there is none. */
ORO_MUST_CHECK oro_status log_pairing(struct db *db, char **out, struct oro_err *err);
/* The tables need no log from now on; one of this id that is left beside them may go. */
ORO_MUST_CHECK oro_status log_part_from(struct db *tables, const char *id, struct oro_err *err);
/* Opens the log, or makes it where the tables have none. ORO_EMALFORMED: it lacks what was confirmed; nothing has changed. */
ORO_MUST_CHECK oro_status log_file_open(struct oro_durable *d, uint64_t applied,
                                        struct oro_err *err);
/* When all files are closed and the tables have everything. */
void log_file_remove(struct oro_durable *d);
/* The database is missing or empty: was there ever one? ORO_EMALFORMED. */
ORO_MUST_CHECK oro_status loss_of_database(const struct oro_durable *d, struct oro_err *err);
/* The same if it is, before it is made. */
ORO_MUST_CHECK oro_status loss_at_first_sight(const struct oro_durable *d, struct oro_err *err);
/* Before SQLite reads them: does either end in the middle? ORO_EMALFORMED. */
ORO_MUST_CHECK oro_status loss_in_wals(struct oro_durable *d, struct oro_err *err);

/* Who may write into the log. The log thread goes first: the checkpointer waits while it does. */
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

/* Moves transactions from the log into the tables. */
struct checkpoint {
    struct catalog *catalog;
    struct db *tables, *log; /* by init the log within the tables' file */
    struct turn *turn;       /* for the log; NULL: nobody else writes there */
    const char *path;        /* of the log */
    uint64_t applied;
    uint64_t until;          /* not beyond this offset of the log; 0: all of it */
    const atomic_bool *stop; /* or NULL: give up when it is set */
    bool (*late)(void *arg); /* or NULL: the same, asked now and then */
    void (*look)(void *arg); /* or NULL: called now and then while it writes */
    void *arg;
    size_t limit;       /* rows of one SQL transaction */
    int64_t longest_us; /* the longest that the log thread was held up */
    uint64_t freed;     /* bytes of log that are in the tables now; the owner sets it to 0 */
    /* One slice. */
    struct oro_arena arena;
    struct checkpoint_slot *slots; /* a hash table by table and key */
    struct checkpoint_place *places;
    size_t nslots, n, bytes, read;
    const uint64_t *rows; /* by position in the schema; NULL: not known */
    struct checkpoint_sequence *sequences;
    size_t nseq, seq_cap;
    bool initializes; /* init's transaction is among them */
    uint64_t *
        marks; /* offsets to drop the log up to, one after the other; none left over: all is dropped */
    size_t nmarks, marks_cap;
};
void checkpoint_init(struct checkpoint *k, struct catalog *catalog, struct db *tables,
                     const char *path, uint64_t applied);
void checkpoint_fini(struct checkpoint *k);
/* The log thread was held up for that long. */
void checkpoint_held(struct checkpoint *k, int64_t us);
/* *more: there may be more to move. On failure the tables have not changed, or the log has not and will shrink next time. */
ORO_MUST_CHECK oro_status checkpoint_slice(struct checkpoint *k, bool *more, struct oro_err *err);
/* Copies the rows that have changed, as they are at the session's snapshot, which nobody needs after that. */
void checkpoint_gather(struct checkpoint *k, const struct changes *changes,
                       const struct oro_schema *schema, struct oro_session *se);
/* Writes what was gathered; the tables are at `upto` then, and the log is cut at the marks. *written: the tables have changed;
 * it may be that, and the log not: that shrinks the next time. */
ORO_MUST_CHECK oro_status checkpoint_changes(struct checkpoint *k, const struct changes *changes,
                                             const uint64_t *rows, uint64_t upto, bool *written,
                                             struct oro_err *err);

/* How the two threads divide the stream into checkpoints, without either waiting for the other: the log thread pins the newest
 * snapshot when the checkpointer wants a cut, goes on to exactly that record, and leaves the checkpointer the changes up to it
 * and the snapshot. */
enum cut { CUT_NONE, CUT_WANTED, CUT_PINNED, CUT_MADE };

struct oro_durable {
    char *dir, *name, *path, *log_path, *log_id, *confirmed_path;
    struct data_locks locks;
    enum oro_durability mode;
    const char *sync; /* PRAGMA synchronous of the mode */
    const struct oro_schema *schema;
    size_t checkpoint_bytes;
    unsigned checkpoint_interval_s;
    void (*on_durable)(void *arg);
    void *arg;
    bool is_new, was_started;
    atomic_bool initialized;
    struct oro_map sequences; /* that recovery has found */
    bool has_found; /* what was confirmed as of the last run, and that is to be believed */
    struct confirmed found;
    uint64_t end;   /* last offset in the files, at the start */
    bool log_ended; /* the tables have everything: the log's file goes */

    struct db *tables; /* the checkpointer's once it runs */
    struct db *log,
        *log_tail; /* log: the log thread's; log_tail: the checkpointer's; both write under `turn` */
    struct turn turn;
    struct catalog catalog;
    struct checkpoint checkpoint; /* the checkpointer's */
    uint32_t *ids;                /* stored ids by position in the schema */

    /* The log thread's. */
    struct oro_cursor *cursor;
    struct db_stmt *append;
    struct presence presence;
    struct confirmed confirmed;
    int confirmed_fd;
    struct oro_bb batch;
    uint64_t logged;      /* last offset in the file */
    uint64_t batch_last;  /* last offset in the batch */
    uint64_t batch_seq;   /* of the last record taken from the ring */
    uint64_t batch_bytes; /* `bytes` of it */
    size_t batch_records;
    uint64_t cut_seq; /* where the last cut was */
    uint64_t cut_at;  /* where the next will be, once it is pinned */
    struct changes changes;
    uint64_t *rows; /* by position in the schema, after the last record taken */
    bool gave_up;
    /* Handed over with `cut`. */
    _Atomic enum cut cut;
    struct oro_session *reader; /* at the snapshot of the cut */
    struct changes cut_changes;
    uint64_t *cut_rows;
    uint64_t cut_offset;

    /* The checkpointer's. */
    struct oro_store *store;
    struct changes pending; /* of cuts that are not in the tables yet */
    uint64_t recovered;     /* up to here the log is of an earlier run */
    int64_t stop_until;

    _Atomic uint64_t durable; /* seq */
    _Atomic(const char *) trouble;
    atomic_bool broken;             /* a sync of the log has failed */
    atomic_bool gone;               /* a file was removed, replaced or cut */
    _Atomic uint64_t durable_bytes; /* `bytes` of the record that `durable` is */
    _Atomic uint64_t throttled_us;
    int64_t slow_us;                  /* of a write of the log, from which on it is said */
    _Atomic int64_t writing_since_us; /* 0: none is under way */
    _Atomic int64_t slow_told_us;
    struct oro_metric *write_time, *slow_writes;
    uint64_t most_records,
        most_bytes;              /* published and not on disk, beyond which callers are slowed */
    uint64_t most_log;           /* bytes in the log, likewise */
    _Atomic uint64_t log_bytes;  /* in the log, not yet in the tables */
    _Atomic uint64_t wal_bytes;  /* written since the WAL was copied last */
    _Atomic uint64_t logged_now; /* `logged`, for the checkpointer */
    _Atomic uint64_t slices, commits;
    atomic_bool stopping;
    bool started;
    atomic_bool asked; /* for a checkpoint at once */
    struct oro_wake log_wake, checkpoint_wake, stop_wake, asked_wake;
    pthread_t log_thread, checkpoint_thread;
};

/* Of a log that is made anew. Rows of tables change far apart, blobs of the log lie side by side: with larger pages a group
 * commit is a third of the calls and copies. */
#define LOG_PAGE 16384u
#define TABLES_PAGE 4096u
#define WAL_KEEP (32u << 20) /* what a WAL that was larger is cut to */

/* The tables have everything: the log's file goes when the files are closed. */
void log_end(struct oro_durable *d);
/* Takes d, whose threads have ended or never ran: closes the files and frees all. */
void durable_free(struct oro_durable *d);

/* threads.c. What the two threads run; arg is the oro_durable. */
void *durable_log_main(void *arg);
void *durable_checkpoint_main(void *arg);
/* Copies the log's WAL into its file where enough was written; for checkpoint.look. */
void wal_look(void *arg);
/* Both have ended, and a file was removed: copies what is in the open ones into <name>.db.rescued. */
void durable_rescue(struct oro_durable *d);
/* backup.c. The database that is meant: name, or the only one of the folder. Gives *out. ORO_ENOTFOUND: there is none. */
ORO_MUST_CHECK oro_status data_name(const char *dir, const char *name, char **out,
                                    struct oro_err *err);
/* What is in the files that are open becomes a backup, `file`, which is replaced. */
ORO_MUST_CHECK oro_status backup_of_open(struct db *tables, struct db *log, const char *file,
                                         const char *name, struct oro_err *err);
/* Both have ended and all is in the log: moves what it can into the tables, within a time. */
void durable_last_checkpoint(struct oro_durable *d);

/* slow.c: before and after each write of the log. */
void slow_init(struct oro_durable *d);
void slow_begin(struct oro_durable *d);
void slow_end(struct oro_durable *d);
int64_t slow_running_us(const struct oro_durable *d, int64_t now_us);

void pressure_init(struct oro_durable *d); /* checkpoint_bytes is set */
void pressure_gauges(void *d);             /* for oro_metric_on_read */
/* How far beyond what is fine, in thousandths of it: up to 1000 nobody waits. */
uint64_t oro_durable_pressure(const struct oro_durable *d);

/* Test hooks: the file may not grow beyond so many pages (0: no limit); what the checkpointer has done. */
void oro_durable_test_limit(struct oro_durable *d, unsigned pages);
int64_t oro_durable_test_longest_us(const struct oro_durable *d);

#endif
