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
 * The log, <dir>/<name>.db-log, an SQLite file as well, there from a start until a stop that has moved all of it into the tables:
 *
 *     _orochi_log        one row for each group commit (record.h), with a CRC-32C; every transaction after `_applied`, and
 *                        perhaps some before it
 *     _orochi_log_parts  more of those that are large (log_sqlite.h); not in a backup, which has them whole
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
#include "runtime/durable/durable.h"
#include "runtime/log/confirmed.h"
#include "runtime/log/lock.h"
#include "runtime/log/log_sqlite.h"
#include "runtime/log/presence.h"
#include "runtime/tables/checkpoint.h"

#define APPLICATION_ID 0x4f524f43 /* OROC */
/* 1: the log was in the file of the tables; 2: rows without sums; 3: whether init has run was told by what is there; 4: by
 * `_initialized`; 5: the log says which call made each transaction; 6: a large one may stand in several rows. */
#define FORMAT_VERSION 6
#define FORMAT_OLDEST 3 /* brought to the newest when it is opened */

/* names.c. Of the database at `path`: its log, what a server has rescued. Give. */
char *log_path_of(const char *path);
char *rescued_path_of(const char *path);
ORO_MUST_CHECK oro_status data_name_check(const char *name, struct oro_err *err); /* NULL is fine */
/* The only database of the folder. Gives *out, NULL: there is none. ORO_EINVAL: there are several. */
ORO_MUST_CHECK oro_status data_only(const char *dir, char **out, struct oro_err *err);
/* The database that is meant: name, or the only one of the folder. Gives *out. ORO_ENOTFOUND: there is none. */
ORO_MUST_CHECK oro_status data_name(const char *dir, const char *name, char **out,
                                    struct oro_err *err);

/* format.c. Ours, of a version that we know. *empty: it holds nothing at all, which is no error. */
ORO_MUST_CHECK oro_status data_format(struct db *db, bool *empty, struct oro_err *err);

/* Behind what is wrong; takes the path. */
#define DAMAGED                                                                                   \
    "The file is damaged; nothing in it was changed. Restore a backup (orochi restore), or save " \
    "what can be read with `orochi repair FILE`, or with: sqlite3 %s .recover"
/* Sets err to `from`, with what can be done about a damaged file where that does not say it. Returns st. */
oro_status damaged_advise(const char *path, oro_status st, const struct oro_err *from,
                          struct oro_err *err);

/* Makes an empty file of tables ours. */
ORO_MUST_CHECK oro_status data_make(struct db *db, struct oro_err *err);

/* frame.c. What the tables are, beside them. Of the database at this path. Gives. */
char *frame_path_of(const char *path);
/* Writes it. By whoever has d->tables; without a transaction. */
void frame_keep(struct oro_durable *d);
struct frame {
    char *text;                  /* end with oro_free */
    const char *pages, *catalog; /* SQL that makes what sqlite_schema, and our own tables, had */
};
/* Gives *f. False: there is none that can be relied on. */
bool frame_read(const char *of, struct frame *f);

/* orphans.c. Of the tables that have lost something, the rows on pages of the file at `path` (which `from` has open) that nothing leads
 * to; *found: how many, by table. */
void salvage_orphans(const char *path, struct db *from, struct db *to, struct catalog *c,
                     const bool *lost, uint64_t *found);

/* salvage.c. What can be read of tables of which pages are gone, into a new file `to`; the report gets lines on each table. Their
 * log is not among it. path: of the file that `from` is. catalog: SQL that makes it, where the file's own cannot be read; or NULL. ORO_EMALFORMED: what the
 * tables are cannot be read. */
ORO_MUST_CHECK oro_status salvage_tables(const char *path, struct db *from, struct db *to,
                                         const char *catalog, struct oro_bb *report,
                                         struct oro_err *err);

/* meta.c. Writes one of the small texts of _orochi_meta into the file. By whoever has the connection. */
ORO_MUST_CHECK oro_status meta_put(struct db *db, struct oro_bytes key, const char *value,
                                   struct oro_err *err);
/* meta.c. All of them, in memory from the start on, for a file that is to be made without it. */
ORO_MUST_CHECK oro_status meta_remember_all(struct oro_durable *d, struct oro_err *err);
void meta_remember(struct oro_durable *d, const char *key, const char *value); /* any thread */
void meta_forget(struct oro_durable *d);
/* rescue.c. Behind a refusal: that there is a rescued file. */
void rescued_hint(const char *dir, const char *name, oro_status st, struct oro_err *err);

/* log_file.c */
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

/* How the two threads divide the stream into checkpoints, without either waiting for the other: the log thread pins the newest
 * snapshot when the checkpointer wants a cut, goes on to exactly that record, and leaves the checkpointer the changes up to it
 * and the snapshot. */
enum cut { CUT_NONE, CUT_WANTED, CUT_PINNED, CUT_MADE };

struct oro_durable {
    char *dir, *name, *path, *log_path, *log_id, *confirmed_path;
    struct data_locks locks;
    bool begins_empty; /* that is what was asked for */
    bool rehearsal;
    enum oro_durability mode;
    const char *sync; /* PRAGMA synchronous of the mode */
    const struct oro_schema *schema;
    size_t checkpoint_bytes;
    unsigned checkpoint_interval_s;
    void (*on_durable)(void *arg);
    void *arg;
    /* While it is opened. */
    const struct oro_migrator *migrator;
    struct oro_store *migrated;
    struct oro_bb *told;
    bool *mapped; /* by position in the schema */
    bool is_new, was_started;
    atomic_bool initialized;
    struct oro_map sequences; /* that recovery has found */
    bool has_found; /* what was confirmed as of the last run, and that is to be believed */
    struct confirmed found;
    uint64_t end;   /* last offset in the files, at the start */
    bool log_ended; /* the tables have everything: the log's file goes */

    struct db *tables; /* the checkpointer's once it runs */
    struct oro_txlog *log;
    struct catalog catalog;
    struct checkpoint checkpoint; /* the checkpointer's */
    uint32_t *ids;                /* stored ids by position in the schema */

    /* The log thread's. */
    struct oro_cursor *cursor;
    struct presence presence;
    struct record_writer batch;
    struct record_ids batch_ids;
    uint64_t logged;      /* last offset in the file */
    uint64_t batch_seq;   /* of the last record taken from the ring */
    uint64_t batch_bytes; /* `bytes` of it */
    size_t batch_records;
    uint64_t expected; /* transactions of the next group commit: those that wait, and those whose callers have just been answered */
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
    atomic_bool gone;         /* a file was removed, replaced, cut or overwritten */
    pthread_mutex_t meta_lock;
    struct oro_map meta;            /* key to text, guarded by meta_lock */
    _Atomic uint64_t durable_bytes; /* `bytes` of the record that `durable` is */
    _Atomic uint64_t throttled_us;
    uint64_t most_records,
        most_bytes;              /* published and not on disk, beyond which callers are slowed */
    uint64_t most_log;           /* bytes in the log, likewise */
    _Atomic uint64_t log_bytes;  /* in the log, not yet in the tables */
    _Atomic uint64_t logged_now; /* `logged`, for the checkpointer */
    _Atomic uint64_t slices, commits;
    atomic_bool stopping;
    bool started;
    atomic_bool asked; /* for a checkpoint at once */
    struct oro_wake log_wake, checkpoint_wake, stop_wake, asked_wake;
    pthread_t log_thread, checkpoint_thread;
};

#define TABLES_PAGE 4096u

/* The tables have everything: the log's file goes when the files are closed. */
void log_end(struct oro_durable *d);
/* Takes d, whose threads have ended or never ran: closes the files and frees all. */
void durable_free(struct oro_durable *d);

/* pace.c. The log thread: behind a group commit, before anybody is told of it; behind it, when it has begun then; before the next. */
void pace_expect(struct oro_durable *d);
void pace_distance(struct oro_durable *d, int64_t begun);
void pace_gather(struct oro_durable *d);

/* threads.c. What the two threads run; arg is the oro_durable. */
void *durable_log_main(void *arg);
void *durable_checkpoint_main(void *arg);
/* Has the log do what it has to beside appending; for checkpoint.look. */
void log_look(void *arg);
/* rescue.c. A file is lost: all that the store has goes into <name>.db.rescued. The checkpointer, or whoever has joined it. */
void durable_rescue(struct oro_durable *d);
/* backup.c. What is in the files that are open becomes a backup, `file`, which is replaced. */
ORO_MUST_CHECK oro_status backup_of_open(struct db *tables, struct oro_txlog *log, const char *file,
                                         const char *name, struct oro_err *err);
/* Both have ended and all is in the log: moves what it can into the tables, within a time. */
void durable_last_checkpoint(struct oro_durable *d);

void pressure_init(struct oro_durable *d); /* checkpoint_bytes is set */
void pressure_gauges(void *d);             /* for oro_metric_on_read */
/* How far beyond what is fine, in thousandths of it: up to 1000 nobody waits. */
uint64_t oro_durable_pressure(const struct oro_durable *d);

/* Test hooks: the file may not grow beyond so many pages (0: no limit); what the checkpointer has done. */
void oro_durable_test_limit(struct oro_durable *d, unsigned pages);
int64_t oro_durable_test_longest_us(const struct oro_durable *d);

#endif
