/* Opening and closing the files, and the two threads: the log thread follows the commit ring and appends to the log, the
 * checkpointer empties the log into the tables and the WALs into their files. */
#include "runtime/durable/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/log.h"
#include "runtime/base/metric.h"
#include "runtime/durable/durable_priv.h"

/* A group commit takes what waits, up to about this much: a blob of 256 KiB to 1 MiB writes fastest (field-notes.md), and a
 * larger one only makes its first transaction wait. */
#define BATCH_BYTES (1u << 20)
#define BATCH_KEEP (4u << 20)
#define CHECKPOINT_BYTES (64u << 20)
#define CHECKPOINT_INTERVAL_S 60
/* Of files that are made anew. Rows of tables change far apart, blobs of the log lie side by side: with larger pages a group
 * commit is a third of the calls and copies. */
#define TABLES_PAGE 4096u
#define LOG_PAGE 16384u
#define WAL_COPY (16u << 20) /* written since the last time: copy the WAL into the file */
/* Beyond this the log thread waits until it is copied, so that it starts anew. */
#define WAL_PAGES_BIG ((int)((64u << 20) / LOG_PAGE))
#define WAL_GROUP 12288 /* of one group commit beside its records, about */
#define WAL_KEEP (32u << 20)
#define RETRY_FIRST_US 20000
#define RETRY_MOST_US 2000000
#define STOP_PATIENCE_US 5000000
#define PACE_STEP_US 1000
#define PACE_US 2500
#define PACE_LEAST 128 /* transactions that came during a sync */
/* What is in the log then stays there: the next start reads it faster. */
#define STOP_CHECKPOINT_US 2500000
#define STOP_ROWS 200000

/* ---- opening ---- */

static oro_status
make_dir(const char *dir, struct oro_err *err)
{
    char *path = oro_strdup(dir);
    oro_status st = ORO_OK;
    for (char *p = path + 1; st == ORO_OK; p++) {
        char c = *p;
        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            st = oro_err_set(err, ORO_EIO, "cannot make the folder %s: %s", path, strerror(errno));
        *p = c;
        if (c == '\0')
            break;
    }
    oro_free(path);
    return st;
}

oro_status
data_lock(const char *dir, const char *name, int *fd, struct oro_err *err)
{
    char *path = oro_asprintf("%s/%s.lock", dir, name), pid[32] = "";
    oro_status st = ORO_OK;
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock < 0) {
        st = oro_err_set(err, ORO_EIO, "cannot open %s: %s", path, strerror(errno));
    } else if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        ssize_t n = pread(lock, pid, sizeof(pid) - 1, 0);
        pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
        st = oro_err_set(err, ORO_EIO,
                         "the data of database %s (%s/%s.db) is in use by another server%s%s", name,
                         dir, name, pid[0] != '\0' ? ", process " : "", pid);
        close(lock);
        lock = -1;
    } else if (ftruncate(lock, 0) == 0) {
        dprintf(lock, "%d\n", (int)getpid());
    }
    oro_free(path);
    *fd = lock;
    return st;
}

static oro_status
delete_database(const char *database, struct oro_err *err)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    oro_status st = ORO_OK;
    for (size_t i = 0; i < ORO_ARRAY_LEN(ends); i++) {
        char *path = oro_asprintf("%s%s", database, ends[i]);
        if (unlink(path) != 0 && errno != ENOENT && st == ORO_OK)
            st = oro_err_set(err, ORO_EIO, "cannot delete %s: %s", path, strerror(errno));
        oro_free(path);
    }
    return st;
}

static const char tables_sql[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS _orochi_meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS _orochi_log (first_offset INTEGER PRIMARY KEY, last_offset INTEGER "
    "NOT NULL,"
    " crc INTEGER NOT NULL, records BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS _orochi_schema (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
    "sql_name TEXT NOT NULL,"
    " pk INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS _orochi_columns (table_id INTEGER NOT NULL, position INTEGER NOT "
    "NULL, name TEXT NOT NULL,"
    " type TEXT NOT NULL, PRIMARY KEY (table_id, position)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS _orochi_types (position INTEGER PRIMARY KEY, type TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS _orochi_sequences (table_id INTEGER NOT NULL, column INTEGER NOT "
    "NULL,"
    " allocated INTEGER NOT NULL, PRIMARY KEY (table_id, column)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS _orochi_rows (table_id INTEGER PRIMARY KEY, rows INTEGER NOT NULL);"
    "INSERT OR IGNORE INTO _orochi_meta VALUES ('_applied', 0);"
    "PRAGMA application_id = %d;"
    "PRAGMA user_version = %d;"
    "COMMIT";

static const char log_sql[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE _orochi_meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE _orochi_log (first_offset INTEGER PRIMARY KEY, last_offset INTEGER NOT NULL,"
    " crc INTEGER NOT NULL, records BLOB NOT NULL);"
    "INSERT INTO _orochi_meta VALUES ('_log', lower(hex(randomblob(16))));"
    "COMMIT";

oro_status
data_format(struct db *db, bool *empty, struct oro_err *err)
{
    int64_t app = 0, version = 0, tables = 0;
    oro_status st = db_int(db, "PRAGMA application_id", &app, err);
    if (st == ORO_OK)
        st = db_int(db, "PRAGMA user_version", &version, err);
    if (st == ORO_OK)
        st = db_int(db, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (st != ORO_OK)
        return st;
    if (tables > 0 && app != APPLICATION_ID)
        return oro_err_set(err, ORO_EINVAL, "it is an SQLite file of something else");
    if (tables > 0 && version > FORMAT_VERSION)
        return oro_err_set(err, ORO_EINVAL,
                           "a newer version of this server wrote it (format %lld, known is %d)",
                           (long long)version, FORMAT_VERSION);
    if (tables > 0 && version < FORMAT_VERSION)
        return oro_err_set(err, ORO_EINVAL,
                           "a version of this server before its first release wrote it (format "
                           "%lld, this one reads %d). Keep the file and that version, or start "
                           "with --delete-data to begin empty",
                           (long long)version, FORMAT_VERSION);
    *empty = tables == 0;
    return ORO_OK;
}

oro_status
damaged_advise(const char *path, oro_status st, const struct oro_err *from, struct oro_err *err)
{
    bool told = st != ORO_EMALFORMED || strstr(from->text, "Restore a backup") != NULL;
    if (told)
        return oro_err_set(err, st, "%s", from->text);
    return oro_err_set(err, st, "%s. " DAMAGED, from->text, path);
}

/* An empty file is made ours. */
static oro_status
check_format(struct oro_durable *d, struct oro_err *err)
{
    bool empty;
    oro_status st = data_format(d->tables, &empty, err);
    if (st != ORO_OK || !empty)
        return st;
    st = db_execf(d->tables, err, tables_sql, APPLICATION_ID, FORMAT_VERSION);
    db_rollback(d->tables);
    return st;
}

/* secure_delete: some builds overwrite what is deleted with zeros, and the log is deleted all the time. journal_size_limit: a
 * WAL that was large once does not stay so. */
static oro_status
open_database(const char *path, const char *sync, unsigned page_size, unsigned cache_kib,
              struct db **out, struct oro_err *err)
{
    oro_status st = db_open(path, out, err);
    return st == ORO_OK
               ? db_execf(
                     *out, err,
                     "PRAGMA page_size = %u; PRAGMA journal_mode = WAL; PRAGMA synchronous = %s; "
                     "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = %u; "
                     "PRAGMA secure_delete = OFF; PRAGMA cache_size = -%u; "
                     "PRAGMA temp_store = MEMORY",
                     page_size, sync, WAL_KEEP, cache_kib)
               : st;
}

static oro_status
open_tables(struct oro_durable *d, struct oro_err *err)
{
    /* Also where group commits need no sync: the log is dropped when the tables have it, so they have to be on disk. */
    const char *sync = d->mode == ORO_DURABLE_OFF ? "OFF" : "FULL";
    oro_status st = open_database(d->path, sync, TABLES_PAGE, 32768, &d->tables, err);
    return st == ORO_OK ? check_format(d, err) : st;
}

/* ---- the log beside the tables ---- */

char *
log_path_of(const char *path)
{
    return oro_asprintf("%s-log", path);
}

oro_status
log_pairing(struct db *db, char **out, struct oro_err *err)
{
    struct db_stmt *s;
    bool row = false;
    *out = NULL;
    oro_status st = db_prepare(db, "SELECT value FROM _orochi_meta WHERE key = '_log'", &s, err);
    if (st != ORO_OK)
        return st;
    st = db_step(s, &row, err);
    if (st == ORO_OK && row)
        *out = db_column_str(s, 0);
    db_finalize(s);
    return st;
}

static oro_status
log_not_there(const struct oro_durable *d, const char *what, struct oro_err *err)
{
    return oro_err_set(err, ORO_EINVAL,
                       "the server was not stopped, so its last transactions are in the log %s, "
                       "which %s. Bring it back; or give up what is in it with: sqlite3 %s "
                       "\"delete from _orochi_meta where key = '_log'\"",
                       d->log_path, what, d->path);
}

static oro_status
make_log(struct oro_durable *d, struct oro_err *err)
{
    int pages, done;
    char *id = NULL;
    oro_status st = db_exec(d->log, log_sql, err);
    db_rollback(d->log);
    if (st == ORO_OK) /* on disk before the tables say that it is there */
        st = db_wal_checkpoint(d->log, true, &pages, &done, err);
    if (st == ORO_OK)
        st = log_pairing(d->log, &id, err);
    if (st == ORO_OK)
        st = db_execf(d->tables, err,
                      "BEGIN IMMEDIATE; INSERT OR REPLACE INTO _orochi_meta VALUES ('_log', '%s'); "
                      "PRAGMA user_version = %d; COMMIT",
                      id, FORMAT_VERSION);
    db_rollback(d->tables);
    oro_free(id);
    return st;
}

static oro_status
check_log_file(struct oro_durable *d, const char *want, struct oro_err *err)
{
    int64_t tables = 0;
    char *id = NULL;
    oro_status st = db_int(d->log, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (st == ORO_OK && tables > 0)
        st = log_pairing(d->log, &id, err);
    if (st == ORO_OK && (id == NULL || strcmp(id, want) != 0))
        st = log_not_there(d, "is of other data", err);
    oro_free(id);
    return st;
}

static oro_status
open_log(struct oro_durable *d, struct oro_err *err)
{
    char *id;
    oro_status st = log_pairing(d->tables, &id, err);
    if (st == ORO_OK && id == NULL)
        st = delete_database(d->log_path, err);
    else if (st == ORO_OK && access(d->log_path, F_OK) != 0)
        st = log_not_there(d, "is missing", err);
    if (st == ORO_OK)
        st = open_database(d->log_path, d->sync, LOG_PAGE, 8192, &d->log, err);
    if (st == ORO_OK)
        st = id == NULL ? make_log(d, err) : check_log_file(d, id, err);
    if (st == ORO_OK) /* what it deletes need not be synced, and what it copies is */
        st = open_database(d->log_path, d->mode == ORO_DURABLE_OFF ? "OFF" : "NORMAL", LOG_PAGE,
                           8192, &d->log_tail, err);
    oro_free(id);
    return st;
}

/* Everything is in the tables: one file is left. */
static void
end_log(struct oro_durable *d)
{
    int pages, done;
    struct oro_err err;
    oro_status st = db_exec(d->tables, "DELETE FROM _orochi_meta WHERE key = '_log'", &err);
    if (st == ORO_OK)
        st = db_wal_checkpoint(d->tables, true, &pages, &done, &err);
    if (st == ORO_OK)
        d->log_ended = true;
    else
        oro_log(ORO_LOG_WARN, "durable", "%s: %s", d->path, err.text);
}

/* ---- its WAL ---- */

/* After a call on a connection to the log. */
static void
note_sync(struct oro_durable *d, struct db *db, oro_status st)
{
    if (st != ORO_OK && db_sync_failed(db))
        atomic_store(&d->broken, true);
}

/* Copies the log's WAL into its file. SQLite begins the WAL anew when a writer comes and all of it is copied, which under load
 * never happens by itself: a large one is copied once more, for what came meanwhile, and then the log thread waits for the
 * little that is left. */
static void
copy_wal(struct oro_durable *d)
{
    if (atomic_load(&d->broken))
        return;
    int pages = 0, done = 0;
    struct oro_err err;
    atomic_store(&d->wal_bytes, 0);
    oro_status st = db_wal_checkpoint(d->log_tail, false, &pages, &done, &err);
    if (st == ORO_OK && pages > WAL_PAGES_BIG) {
        st = db_wal_checkpoint(d->log_tail, false, &pages, &done, &err);
        turn_take(&d->turn, false);
        int64_t begin = oro_mono_us();
        if (st == ORO_OK)
            st = db_wal_checkpoint(d->log_tail, false, &pages, &done, &err);
        checkpoint_held(&d->checkpoint, oro_mono_us() - begin);
        turn_give(&d->turn);
    }
    note_sync(d, d->log_tail, st);
    if (st != ORO_OK)
        oro_log_limited(ORO_LOG_WARN, "durable", "%s: copying the WAL: %s", d->log_path, err.text);
}

static void
look_at_wal(void *arg)
{
    struct oro_durable *d = arg;
    if (atomic_load(&d->wal_bytes) >= WAL_COPY)
        copy_wal(d);
}

/* ---- the schema of the file and the module's ---- */

/* Moves all of a log into the tables, with the types it was written with. */
static oro_status
apply_all(struct oro_durable *d, struct catalog *stored, struct db *log, const char *path,
          uint64_t *applied, struct oro_err *err)
{
    struct checkpoint k;
    bool more = true;
    oro_status st = ORO_OK;
    checkpoint_init(&k, stored, d->tables, path, *applied);
    k.log = log;
    while (st == ORO_OK && more)
        st = checkpoint_slice(&k, &more, err);
    *applied = k.applied;
    checkpoint_fini(&k);
    for (uint32_t i = 0; i < stored->n; i++)
        layout_unprepare(&stored->items[i]);
    return st;
}

/* Changes the file for today's schema or says why that cannot be. */
static oro_status
fit_changed(struct oro_durable *d, struct catalog *stored, uint64_t *applied, struct oro_err *err)
{
    struct oro_bb reasons = {0};
    oro_status st = apply_all(d, stored, d->log, d->log_path, applied, err);
    if (st == ORO_OK)
        st = catalog_reasons(d->tables, stored, d->schema, &reasons, err);
    if (st == ORO_OK && reasons.len > 0)
        st = oro_err_set(
            err, ORO_EINVAL,
            "the stored data does not fit the module: %.*s. Nothing was changed. Change the "
            "module back, or start with --delete-data to begin empty",
            (int)(reasons.len < 800 ? reasons.len : 800), (const char *)reasons.data);
    oro_bb_fini(&reasons);
    return st;
}

static bool
has_all_tables(const struct catalog *stored, const struct oro_schema *schema)
{
    uint32_t want = 0;
    for (uint32_t i = 0; i < schema->ntables; i++)
        want += !schema->tables[i].is_event;
    return want == stored->n;
}

/* Opens the log, once what a backup or an earlier version has of it within the tables' file is in the tables. */
static oro_status
fit_log(struct oro_durable *d, struct catalog *stored, uint64_t *applied, struct oro_err *err)
{
    int64_t at = 0, rows = 0;
    oro_status st =
        db_int(d->tables, "SELECT value FROM _orochi_meta WHERE key = '_applied'", &at, err);
    if (st == ORO_OK)
        st = db_int(d->tables, "SELECT count(*) FROM _orochi_log", &rows, err);
    *applied = (uint64_t)at;
    if (st == ORO_OK && rows > 0)
        st = apply_all(d, stored, d->tables, d->path, applied, err);
    if (st == ORO_OK)
        st = open_log(d, err);
    if (st == ORO_OK) /* a crash came between the tables and this */
        st = db_execf(d->log, err, "DELETE FROM _orochi_log WHERE last_offset <= %llu",
                      (unsigned long long)*applied);
    if (st == ORO_OK)
        st = db_int(d->log, "SELECT count(*) FROM _orochi_log", &rows, err);
    d->is_new = *applied == 0 && rows == 0;
    return st;
}

static oro_status
fit_schema(struct oro_durable *d, struct oro_err *err)
{
    struct catalog stored;
    uint64_t at;
    oro_status st = catalog_read(d->tables, &stored, err);
    if (st != ORO_OK)
        return st;
    st = fit_log(d, &stored, &at, err);
    bool same = st == ORO_OK && catalog_unchanged(&stored, d->schema);
    if (st == ORO_OK && !same)
        st = fit_changed(d, &stored, &at, err);
    if (st == ORO_OK && !same) /* ids of tables that go may be used again */
        st = db_exec(d->tables, "DELETE FROM _orochi_rows", err);
    if (st == ORO_OK && !(same && has_all_tables(&stored, d->schema)))
        st = catalog_migrate(d->tables, &stored, d->schema, err);
    catalog_fini(&stored);
    if (st == ORO_OK)
        st = catalog_bind(d->tables, d->schema, &d->catalog, err);
    if (st != ORO_OK)
        return st;
    checkpoint_init(&d->checkpoint, &d->catalog, d->tables, d->log_path, at);
    d->checkpoint.log = d->log_tail;
    d->checkpoint.turn = &d->turn;
    d->checkpoint.look = look_at_wal;
    d->checkpoint.stop = &d->stopping;
    d->checkpoint.arg = d;
    d->ids = ORO_NEW_ARRAY(uint32_t, d->schema->ntables + 1);
    for (uint32_t i = 0; i < d->schema->ntables; i++)
        d->ids[i] = d->catalog.items[i].id;
    return ORO_OK;
}

static void
close_all(struct oro_durable *d)
{
    db_finalize(d->append);
    if (d->catalog.items != NULL) {
        checkpoint_fini(&d->checkpoint);
        catalog_fini(&d->catalog);
    }
    db_close(d->log_tail);
    db_close(d->log);
    db_close(d->tables);
    if (d->log_ended && delete_database(d->log_path, NULL) != ORO_OK)
        oro_log(ORO_LOG_WARN, "durable", "cannot delete %s", d->log_path);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    turn_fini(&d->turn);
    changes_fini(&d->changes);
    changes_fini(&d->cut_changes);
    changes_fini(&d->pending);
    oro_bb_fini(&d->batch);
    oro_free(d->rows);
    oro_free(d->cut_rows);
    oro_free(d->ids);
    oro_free(d->name);
    oro_free(d->path);
    oro_free(d->log_path);
    oro_free(d);
}

oro_status
oro_durable_open(const struct oro_durable_options *opt, const struct oro_schema *schema,
                 struct oro_durable **out, struct oro_err *err)
{
    static const char *const sync[] = {"FULL", "NORMAL", "OFF"};
    struct oro_err mine = {0};
    struct oro_durable *d = ORO_NEW(struct oro_durable);
    *d = (struct oro_durable){
        .lock_fd = -1,
        .mode = opt->mode,
        .sync = sync[opt->mode],
        .schema = schema,
        .checkpoint_bytes = opt->checkpoint_bytes != 0 ? opt->checkpoint_bytes : CHECKPOINT_BYTES,
        .checkpoint_interval_s =
            opt->checkpoint_interval_s != 0 ? opt->checkpoint_interval_s : CHECKPOINT_INTERVAL_S,
        .on_durable = opt->on_durable,
        .arg = opt->arg,
    };
    pressure_init(d);
    d->name = oro_strdup(opt->name);
    d->path = oro_asprintf("%s/%s.db", opt->dir, opt->name);
    d->log_path = log_path_of(d->path);
    turn_init(&d->turn);
    oro_status st = make_dir(opt->dir, err);
    if (st == ORO_OK)
        st = data_lock(opt->dir, opt->name, &d->lock_fd, err);
    if (st == ORO_OK && opt->delete_data)
        st = delete_database(d->path, err);
    if (st == ORO_OK && opt->delete_data)
        st = delete_database(d->log_path, err);
    if (st == ORO_OK) {
        st = open_tables(d, &mine);
        if (st == ORO_OK)
            st = fit_schema(d, &mine);
        if (st != ORO_OK) {
            oro_err_wrap(&mine, "%s", d->path);
            damaged_advise(d->path, st, &mine, err);
        }
    }
    if (st != ORO_OK) {
        close_all(d);
        return st;
    }
    *out = d;
    return ORO_OK;
}

bool
oro_durable_is_new(const struct oro_durable *d)
{
    return d->is_new;
}

char *
oro_durable_meta_get(struct oro_durable *d, const char *key)
{
    struct db_stmt *s;
    bool row = false;
    char *value = NULL;
    if (db_prepare(d->tables, "SELECT value FROM _orochi_meta WHERE key = ?", &s, NULL) != ORO_OK)
        return NULL;
    db_bind_text(s, 1, oro_bytes_str(key));
    if (db_step(s, &row, NULL) == ORO_OK && row)
        value = db_column_str(s, 0);
    db_finalize(s);
    return value;
}

oro_status
oro_durable_meta_set(struct oro_durable *d, const char *key, const char *value, struct oro_err *err)
{
    struct db_stmt *s;
    ORO_ASSERT(!d->started && key[0] != '_');
    oro_status st =
        db_prepare(d->tables, "INSERT OR REPLACE INTO _orochi_meta VALUES (?, ?)", &s, err);
    if (st != ORO_OK)
        return st;
    db_bind_text(s, 1, oro_bytes_str(key));
    db_bind_text(s, 2, oro_bytes_str(value));
    st = db_run(s, err);
    db_finalize(s);
    return st;
}

/* ---- the log thread ---- */

static void
cut_begin(struct oro_durable *d)
{
    if (atomic_load(&d->cut) != CUT_WANTED)
        return;
    d->cut_at = oro_read_begin(d->reader);
    atomic_store(&d->cut, CUT_PINNED);
}

/* True: has cut here. */
static bool
cut_end(struct oro_durable *d)
{
    if (atomic_load(&d->cut) != CUT_PINNED || d->batch_seq != d->cut_at)
        return false;
    d->cut_changes = d->changes;
    d->changes = (struct changes){0};
    d->cut_offset = d->logged;
    memcpy(d->cut_rows, d->rows, d->schema->ntables * sizeof(*d->rows));
    d->cut_seq = d->cut_at;
    atomic_store(&d->cut, CUT_MADE);
    oro_wake_signal(&d->checkpoint_wake);
    return true;
}

static void
count_rows(struct oro_durable *d, const struct oro_commit *c)
{
    for (uint32_t i = 0; i < c->nops; i++) {
        const struct oro_op *op = &c->ops[i];
        if (op->kind != ORO_OP_SEQUENCE && !op->update)
            d->rows[op->table - d->schema->tables] += op->kind == ORO_OP_INSERT ? 1 : UINT64_MAX;
    }
}

/* Fills the batch from the ring, up to the cut. False: there was nothing. */
static bool
take_batch(struct oro_durable *d)
{
    struct record_ids ids = {d->schema, d->ids};
    const struct oro_commit *c;
    uint64_t most = atomic_load(&d->cut) == CUT_PINNED ? d->cut_at : UINT64_MAX;
    oro_bb_clear(&d->batch);
    d->batch_last = d->logged;
    d->batch_records = 0;
    while (d->batch.len < BATCH_BYTES && d->batch_seq < most) {
        oro_cursor_warm(d->cursor);
        if ((c = oro_cursor_next(d->cursor)) == NULL)
            break;
        d->batch_records++;
        d->batch_seq = c->seq;
        d->batch_bytes = c->bytes;
        if (c->nops == 0 || !record_put(&d->batch, &ids, c, &d->batch_last))
            continue;
        count_rows(d, c);
        changes_add(&d->changes, d->schema, d->ids, c, d->cut_seq);
    }
    return d->batch_records > 0;
}

static oro_status
append_batch(struct oro_durable *d, struct oro_err *err)
{
    struct oro_bytes records = oro_bb_bytes(&d->batch);
    turn_take(&d->turn, true);
    db_bind_int(d->append, 1, (int64_t)d->logged + 1);
    db_bind_int(d->append, 2, (int64_t)d->batch_last);
    db_bind_int(d->append, 3, log_sum(d->logged + 1, d->batch_last, records));
    db_bind_blob(d->append, 4, records);
    oro_status st = db_run(d->append, err);
    note_sync(d, d->log, st);
    db_rollback(d->log);
    turn_give(&d->turn);
    return st;
}

/* Says it once when the state changes. */
static void
set_trouble(struct oro_durable *d, oro_status st, const struct oro_err *err)
{
    bool broken = atomic_load(&d->broken);
    const char *was = atomic_load(&d->trouble);
    const char *now = st == ORO_OK      ? NULL
                      : broken          ? "a sync has failed"
                      : st == ORO_EFULL ? "disk full"
                                        : "cannot write to the disk";
    if (was == now)
        return;
    atomic_store(&d->trouble, now);
    if (now != NULL && broken)
        oro_log(ORO_LOG_ERROR, "durable",
                "%s: %s (%s): what the disk has of the last transactions is not known, so nothing "
                "is confirmed any more. Look at the disk, then start the server again: all that "
                "was confirmed is there",
                d->log_path, now, err->text);
    else if (now != NULL)
        oro_log(ORO_LOG_ERROR, "durable",
                "%s: %s (%s); nothing is lost while the server runs, trying again", d->path, now,
                err->text);
    else
        oro_log(ORO_LOG_INFO, "durable", "%s: writing again", d->path);
}

/* Sleeps that long unless the server stops. */
static void
pause_us(struct oro_durable *d, int64_t us)
{
    unsigned seen = oro_wake_prepare(&d->stop_wake);
    if (!atomic_load(&d->stopping))
        oro_wake_wait(&d->stop_wake, seen, (long)us);
    else
        oro_wake_wait(&d->stop_wake, seen, RETRY_FIRST_US);
}

/* Tries until it is written. When stopping it tries for a while only; not at all once a sync has failed: the pages that were
 * to be synced count as written now, whatever the disk has. */
static bool
write_batch(struct oro_durable *d)
{
    struct oro_err err = {0};
    int64_t wait = RETRY_FIRST_US, stopping_since = 0;
    oro_status st = ORO_EIO;
    while (atomic_load(&d->broken) || (st = append_batch(d, &err)) != ORO_OK) {
        set_trouble(d, st, &err);
        if (atomic_load(&d->stopping)) {
            if (stopping_since == 0)
                stopping_since = oro_mono_us();
            if (atomic_load(&d->broken) || oro_mono_us() - stopping_since > STOP_PATIENCE_US) {
                oro_log(ORO_LOG_ERROR, "durable",
                        "%s: stopping without having written the last transactions (%s)", d->path,
                        err.text);
                return false;
            }
        }
        pause_us(d, wait);
        wait = wait * 2 < RETRY_MOST_US ? wait * 2 : RETRY_MOST_US;
    }
    set_trouble(d, ORO_OK, NULL);
    d->logged = d->batch_last;
    changes_logged(&d->changes, d->logged, d->batch.len);
    atomic_store(&d->logged_now, d->logged);
    atomic_fetch_add(&d->commits, 1);
    uint64_t log = atomic_fetch_add(&d->log_bytes, d->batch.len) + d->batch.len;
    uint64_t wal =
        atomic_fetch_add(&d->wal_bytes, d->batch.len + WAL_GROUP) + d->batch.len + WAL_GROUP;
    if (log >= d->checkpoint_bytes || wal >= WAL_COPY)
        oro_wake_signal(&d->checkpoint_wake);
    return true;
}

/* A sync costs the processor some 100 us on a virtual machine, whatever it writes. So while transactions keep coming although
 * those of the last group commit were not confirmed yet, one follows the other no sooner than after PACE_US. It is sooner when
 * fewer come: then they wait for us; and a disk that takes that long is not waited for in addition. */
static void
pace(struct oro_durable *d, int64_t begun)
{
    uint64_t before = oro_store_seq(d->store), least = before - d->batch_seq;
    int64_t left;
    while (least >= PACE_LEAST && (left = begun + PACE_US - oro_mono_us()) > PACE_STEP_US / 4) {
        unsigned seen = oro_wake_prepare(&d->stop_wake);
        if (atomic_load(&d->stopping))
            return;
        oro_wake_wait(&d->stop_wake, seen, left < PACE_STEP_US ? left : PACE_STEP_US);
        uint64_t now = oro_store_seq(d->store);
        if (now - before < least)
            return;
        before = now;
    }
}

static void *
log_main(void *arg)
{
    struct oro_durable *d = arg;
    for (;;) {
        unsigned seen = oro_wake_prepare(&d->log_wake);
        /* Read before the ring: what was published before stopping is seen below. */
        bool stopping = atomic_load(&d->stopping);
        int64_t begun = oro_mono_us();
        cut_begin(d);
        if (!take_batch(d)) {
            if (cut_end(d))
                continue;
            if (stopping)
                break;
            oro_wake_wait(&d->log_wake, seen, -1);
            continue;
        }
        if (d->batch.len > 0 && !write_batch(d)) {
            d->gave_up = true;
            break;
        }
        atomic_store_explicit(&d->durable_bytes, d->batch_bytes, memory_order_relaxed);
        /* Pairs with the acquire in oro_durable_seq: who sees the mark may rely on the file. */
        atomic_store_explicit(&d->durable, d->batch_seq, memory_order_release);
        if (d->on_durable != NULL)
            d->on_durable(d->arg);
        cut_end(d);
        if (d->batch.cap > BATCH_KEEP)
            oro_bb_fini(&d->batch);
        pace(d, begun);
    }
    return NULL;
}

/* ---- the checkpointer ---- */

static void
note_freed(struct oro_durable *d)
{
    struct checkpoint *k = &d->checkpoint;
    if (k->freed == 0)
        return;
    atomic_fetch_add(&d->slices, 1);
    uint64_t bytes = atomic_load(&d->log_bytes);
    while (!atomic_compare_exchange_weak(&d->log_bytes, &bytes,
                                         bytes > k->freed ? bytes - k->freed : 0))
        ;
    k->freed = 0;
}

static oro_status
one_slice(struct oro_durable *d, bool *more, struct oro_err *err)
{
    oro_status st = checkpoint_slice(&d->checkpoint, more, err);
    note_freed(d);
    return st;
}

/* What an earlier run has left in the log. */
static oro_status
tables_catch_up(struct oro_durable *d, struct oro_err *err)
{
    bool more = true;
    oro_status st = ORO_OK;
    d->checkpoint.until = d->recovered;
    while (st == ORO_OK && more && d->checkpoint.applied < d->recovered &&
           !atomic_load(&d->stopping)) {
        st = one_slice(d, &more, err);
        look_at_wal(d);
    }
    return st;
}

/* False: the server stops. */
static bool
cut_wait(struct oro_durable *d)
{
    atomic_store(&d->cut, CUT_WANTED);
    oro_wake_signal(&d->log_wake);
    for (;;) {
        unsigned seen = oro_wake_prepare(&d->checkpoint_wake);
        if (atomic_load(&d->cut) == CUT_MADE)
            return true;
        if (atomic_load(&d->stopping))
            return false;
        oro_wake_wait(&d->checkpoint_wake, seen, -1);
    }
}

/* With a cut made: into the tables. */
static oro_status
cut_write(struct oro_durable *d, struct oro_err *err)
{
    bool written = false;
    uint64_t upto = d->cut_offset;
    changes_join(&d->pending, &d->cut_changes);
    checkpoint_gather(&d->checkpoint, &d->pending, d->schema, d->reader);
    oro_read_end(d->reader);
    atomic_store(&d->cut, CUT_NONE);
    oro_status st =
        checkpoint_changes(&d->checkpoint, &d->pending, d->cut_rows, upto, &written, err);
    if (written)
        changes_fini(&d->pending);
    note_freed(d);
    return st;
}

static void
run_checkpoint(struct oro_durable *d)
{
    struct oro_err err;
    if (atomic_load(&d->broken)) { /* the files stay as they are, for the next start */
        pause_us(d, RETRY_MOST_US);
        return;
    }
    oro_status st = tables_catch_up(d, &err);
    if (st == ORO_OK && !atomic_load(&d->stopping) && cut_wait(d))
        st = cut_write(d, &err);
    if (st != ORO_OK) {
        oro_log_limited(ORO_LOG_ERROR, "durable", "%s: checkpoint: %s", d->path, err.text);
        pause_us(d, RETRY_MOST_US / 2);
        return;
    }
    copy_wal(d);
}

static void *
checkpoint_main(void *arg)
{
    struct oro_durable *d = arg;
    int64_t interval = (int64_t)d->checkpoint_interval_s * 1000000, next = oro_mono_us() + interval;
    while (!atomic_load(&d->stopping)) {
        unsigned seen = oro_wake_prepare(&d->checkpoint_wake);
        int64_t now = oro_mono_us();
        uint64_t bytes = atomic_load(&d->log_bytes);
        bool asked = atomic_load(&d->asked);
        if (bytes >= d->checkpoint_bytes || (bytes > 0 && (now >= next || asked))) {
            run_checkpoint(d);
            next = oro_mono_us() + interval;
        } else if (atomic_load(&d->wal_bytes) >= WAL_COPY) {
            copy_wal(d);
        } else if (!asked && !atomic_load(&d->stopping)) {
            if (now >= next)
                next = now + interval;
            oro_wake_wait(&d->checkpoint_wake, seen, (long)(next - now));
        }
        if (asked) {
            atomic_store(&d->asked, false);
            oro_wake_broadcast(&d->asked_wake);
        }
    }
    return NULL;
}

void
oro_durable_checkpoint(struct oro_durable *d, int64_t patience_us)
{
    int64_t end = oro_mono_us() + patience_us;
    atomic_store(&d->asked, true);
    oro_wake_signal(&d->checkpoint_wake);
    for (;;) {
        unsigned seen = oro_wake_prepare(&d->asked_wake);
        int64_t left = end - oro_mono_us();
        if (!atomic_load(&d->asked) || left <= 0)
            return;
        oro_wake_wait(&d->asked_wake, seen, (long)left);
    }
}

/* ---- start, stop, state ---- */

oro_status
oro_durable_start(struct oro_durable *d, struct oro_store *store, struct oro_err *err)
{
    ORO_ASSERT(!d->started);
    oro_status st =
        db_prepare(d->log, "INSERT INTO _orochi_log VALUES (?, ?, ?, ?)", &d->append, err);
    if (st != ORO_OK)
        return st;
    d->store = store;
    d->cursor = oro_cursor_open(store);
    d->batch_seq = d->cut_seq = oro_cursor_seq(d->cursor);
    d->reader = oro_session_open(store);
    d->recovered = d->logged;
    d->rows = ORO_NEW_ARRAY(uint64_t, d->schema->ntables + 1);
    d->cut_rows = ORO_NEW_ARRAY(uint64_t, d->schema->ntables + 1);
    for (uint32_t i = 0; i < d->schema->ntables; i++)
        d->rows[i] = oro_store_row_count(store, &d->schema->tables[i]);
    atomic_store(&d->durable, d->batch_seq);
    atomic_store(&d->durable_bytes, oro_store_written(store));
    atomic_store(&d->logged_now, d->logged);
    st = oro_thread_start(&d->log_thread, ORO_THREAD_LOG, "log", 1 << 20, log_main, d, err);
    if (st != ORO_OK)
        goto fail;
    st = oro_thread_start(&d->checkpoint_thread, ORO_THREAD_OTHER, "checkpoint", 1 << 20,
                          checkpoint_main, d, err);
    if (st != ORO_OK) {
        atomic_store(&d->stopping, true);
        oro_wake_broadcast(&d->log_wake);
        oro_thread_join(d->log_thread);
        atomic_store(&d->stopping, false);
        goto fail;
    }
    d->started = true;
    oro_metric_on_read(pressure_gauges, d);
    return ORO_OK;

fail:
    oro_session_close(d->reader);
    oro_cursor_close(d->cursor);
    d->reader = NULL;
    d->cursor = NULL;
    return st;
}

void
oro_durable_wake(struct oro_durable *d)
{
    oro_wake_signal(&d->log_wake);
}

uint64_t
oro_durable_seq(const struct oro_durable *d)
{
    return atomic_load_explicit(&d->durable, memory_order_acquire);
}

const char *
oro_durable_trouble(const struct oro_durable *d)
{
    return atomic_load(&d->trouble);
}

/* The threads have ended: makes the cut at the end of the ring, whatever became of the last one. */
static void
last_cut(struct oro_durable *d)
{
    enum cut cut = atomic_load(&d->cut);
    if (cut == CUT_MADE)
        changes_join(&d->pending, &d->cut_changes);
    if (cut == CUT_MADE || cut == CUT_PINNED)
        oro_read_end(d->reader);
    d->cut_at = oro_read_begin(d->reader);
    ORO_ASSERT(d->cut_at == d->batch_seq);
    atomic_store(&d->cut, CUT_PINNED);
    cut_end(d);
}

static bool
is_late(void *arg)
{
    return oro_mono_us() > ((struct oro_durable *)arg)->stop_until;
}

static void
last_checkpoint(struct oro_durable *d)
{
    struct checkpoint *k = &d->checkpoint;
    struct oro_err err;
    bool more = true;
    oro_status st = ORO_OK;
    d->stop_until = oro_mono_us() + STOP_CHECKPOINT_US;
    k->stop = NULL;
    k->limit = k->limit < STOP_ROWS ? k->limit : STOP_ROWS;
    k->until = d->recovered;
    while (st == ORO_OK && more && k->applied < d->recovered && !is_late(d))
        st = one_slice(d, &more, &err);
    if (st == ORO_OK && k->applied >= d->recovered) {
        k->late = is_late;
        last_cut(d);
        st = cut_write(d, &err);
    }
    if (st != ORO_OK)
        oro_log(ORO_LOG_ERROR, "durable",
                "%s: last checkpoint: %s; the log is read at the next start", d->path, err.text);
    else if (k->applied >= d->logged)
        end_log(d);
}

bool
oro_durable_stop(struct oro_durable *d)
{
    bool all = true;
    if (d == NULL)
        return all;
    if (d->started) {
        oro_metric_off_read(pressure_gauges, d);
        atomic_store(&d->stopping, true);
        oro_wake_broadcast(&d->log_wake);
        oro_wake_broadcast(&d->stop_wake);
        oro_wake_broadcast(&d->checkpoint_wake);
        oro_thread_join(d->log_thread);
        oro_thread_join(d->checkpoint_thread);
        all = !d->gave_up;
        if (all && !atomic_load(&d->broken))
            last_checkpoint(d);
        if (atomic_load(&d->cut) == CUT_PINNED || atomic_load(&d->cut) == CUT_MADE)
            oro_read_end(d->reader);
        oro_session_close(d->reader);
        oro_cursor_close(d->cursor);
    }
    close_all(d);
    return all;
}

/* ---- for tests ---- */

void
oro_durable_test_limit(struct oro_durable *d, unsigned pages)
{
    turn_take(&d->turn, false);
    oro_status st =
        db_execf(d->log, NULL, "PRAGMA max_page_count = %u", pages != 0 ? pages : 0xfffffffe);
    turn_give(&d->turn);
    ORO_ASSERT(st == ORO_OK);
}

int64_t
oro_durable_test_longest_us(const struct oro_durable *d)
{
    return d->checkpoint.longest_us;
}
