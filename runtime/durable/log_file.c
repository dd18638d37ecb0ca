/* The log's file beside the tables' file: made, opened, ended; and whether anything that was confirmed is missing in the two,
 * which is looked for before either is changed. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/durable/durable_priv.h"
#include "runtime/log/wal.h"

static const char log_sql[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE _orochi_meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE _orochi_log (first_offset INTEGER PRIMARY KEY, last_offset INTEGER NOT NULL,"
    " crc INTEGER NOT NULL, records BLOB NOT NULL);"
    "INSERT INTO _orochi_meta VALUES ('_log', lower(hex(randomblob(16))));"
    "COMMIT";

char *
log_path_of(const char *path)
{
    return oro_asprintf("%s-log", path);
}

/* Gives *out; NULL: the key is not there. */
static oro_status
meta_text(struct db *db, const char *key, char **out, struct oro_err *err)
{
    struct db_stmt *s;
    bool row = false;
    *out = NULL;
    oro_status st = db_prepare(db, "SELECT value FROM _orochi_meta WHERE key = ?", &s, err);
    if (st != ORO_OK)
        return st;
    db_bind_text(s, 1, oro_bytes_str(key));
    st = db_step(s, &row, err);
    if (st == ORO_OK && row)
        *out = db_column_str(s, 0);
    db_finalize(s);
    return st;
}

oro_status
log_pairing(struct db *db, char **out, struct oro_err *err)
{
    return meta_text(db, "_log", out, err);
}

oro_status
log_part_from(struct db *tables, const char *id, struct oro_err *err)
{
    oro_status st = db_execf(tables, err,
                             "BEGIN IMMEDIATE; DELETE FROM _orochi_meta WHERE key = '_log';"
                             "INSERT OR REPLACE INTO _orochi_meta VALUES ('_log_gone', '%s');"
                             "COMMIT",
                             id);
    db_rollback(tables);
    return st;
}

/* ---- what is missing ---- */

static bool
has_bytes(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && s.st_size > 0;
}

ORO_PRINTF(3, 4)
static oro_status
lost(const struct oro_durable *d, struct oro_err *err, const char *fmt, ...)
{
    char what[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    return oro_err_set(err, ORO_EMALFORMED,
                       "%s. Nothing was changed. Bring the file back as it was. Or: Restore a "
                       "backup (orochi restore). Or copy what is there into a new backup with "
                       "`orochi repair FILE --data %s --name %s`, and restore that",
                       what, d->dir, d->name);
}

oro_status
loss_of_database(const struct oro_durable *d, struct oro_err *err)
{
    bool log = has_bytes(d->log_path);
    if (!log && !d->locks.held_data)
        return ORO_OK;
    const char *how = access(d->path, F_OK) != 0 ? "is not there" : "is empty";
    char *beside = log ? oro_asprintf("its log %s is", d->log_path)
                       : oro_asprintf("it held data before (%s/%s.lock says so)", d->dir, d->name);
    oro_err_set(err, ORO_EMALFORMED,
                "the database %s, but %s. Bring the file back; or: Restore a backup (orochi "
                "restore --force); or start with --delete-data to begin empty. Nothing was changed",
                how, beside);
    oro_free(beside);
    return ORO_EMALFORMED;
}

oro_status
loss_at_first_sight(const struct oro_durable *d, struct oro_err *err)
{
    if (has_bytes(d->path) || loss_of_database(d, err) == ORO_OK)
        return ORO_OK;
    oro_err_wrap(err, "%s", d->path);
    return ORO_EMALFORMED;
}

static oro_status
loss_in_wal(const struct oro_durable *d, const char *of, uint32_t page, struct oro_err *err)
{
    struct wal wal;
    char *path = oro_asprintf("%s-wal", of);
    oro_status st = wal_read(path, page, &wal, err);
    if (st == ORO_OK && wal.damaged)
        st = lost(d, err,
                  "%s is damaged at byte %llu: %llu pages before that are fine, and there were "
                  "more behind it",
                  path, (unsigned long long)wal.bad_at, (unsigned long long)wal.frames);
    oro_free(path);
    return st;
}

oro_status
loss_in_wals(struct oro_durable *d, struct oro_err *err)
{
    d->has_found = confirmed_read(d->confirmed_path, &d->found) && confirmed_holds(&d->found);
    if (!d->has_found)
        return ORO_OK;
    oro_status st = loss_in_wal(d, d->path, TABLES_PAGE, err);
    return st == ORO_OK ? loss_in_wal(d, d->log_path, LOG_PAGE, err) : st;
}

static oro_status
loss_of_transactions(struct oro_durable *d, const char *id, uint64_t applied, struct oro_err *err)
{
    int64_t last = 0, dropped = 0;
    oro_status st =
        db_int(d->log, "SELECT coalesce(max(last_offset), 0) FROM _orochi_log", &last, err);
    if (st == ORO_OK)
        st = db_int(d->log, "SELECT value FROM _orochi_meta WHERE key = '_dropped'", &dropped, err);
    if (st != ORO_OK)
        return st;
    d->end = (uint64_t)last > applied ? (uint64_t)last : applied;
    if ((uint64_t)dropped > applied)
        return lost(d, err,
                    "the tables in %s are as of transaction %llu, but they were on disk as of %lld "
                    "once: %s-wal was removed, cut or damaged, or the file is an older one",
                    d->path, (unsigned long long)applied, (long long)dropped, d->path);
    if (d->has_found && strcmp(d->found.log_id, id) == 0 && d->end < d->found.offset)
        return lost(d, err,
                    "the log %s ends with transaction %llu, but all up to %llu were confirmed: "
                    "%s-wal was removed, cut or damaged, or the file is an older one",
                    d->log_path, (unsigned long long)d->end, (unsigned long long)d->found.offset,
                    d->log_path);
    return ORO_OK;
}

/* ---- opening ---- */

static oro_status
log_not_there(const struct oro_durable *d, const char *what, struct oro_err *err)
{
    return lost(d, err,
                "the server was not stopped, so its last transactions are in the log %s, which %s",
                d->log_path, what);
}

static oro_status
make_log(struct oro_durable *d, struct oro_err *err)
{
    int pages, done;
    oro_status st = db_exec(d->log, log_sql, err);
    db_rollback(d->log);
    if (st == ORO_OK) /* on disk before the tables say that it is there */
        st = db_wal_checkpoint(d->log, true, &pages, &done, err);
    if (st == ORO_OK)
        st = log_pairing(d->log, &d->log_id, err);
    if (st == ORO_OK)
        st = db_execf(d->tables, err, "INSERT OR REPLACE INTO _orochi_meta VALUES ('_log', '%s')",
                      d->log_id);
    return st;
}

static oro_status
check_log_file(struct oro_durable *d, uint64_t applied, struct oro_err *err)
{
    int64_t tables = 0;
    char *id = NULL;
    oro_status st = db_int(d->log, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (st == ORO_OK && tables > 0)
        st = log_pairing(d->log, &id, err);
    if (st == ORO_OK && (id == NULL || strcmp(id, d->log_id) != 0))
        st = log_not_there(d, "is of other data", err);
    if (st == ORO_OK)
        st = loss_of_transactions(d, id, applied, err);
    oro_free(id);
    return st;
}

/* Of a log that the tables do not ask for: what is in it. */
static oro_status
left_log_read(const char *path, char **id, int64_t *last, int64_t *dropped, struct oro_err *err)
{
    struct db *log;
    int64_t tables = 0;
    oro_status st = db_open(path, &log, err); /* for reading it, but a crash may have left work */
    if (st != ORO_OK)
        return st;
    st = db_int(log, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (st == ORO_OK && tables > 0)
        st = log_pairing(log, id, err);
    if (st == ORO_OK && tables > 0)
        st = db_int(log, "SELECT coalesce(max(last_offset), 0) FROM _orochi_log", last, err);
    if (st == ORO_OK && tables > 0)
        st = db_int(log, "SELECT value FROM _orochi_meta WHERE key = '_dropped'", dropped, err);
    db_close_as_is(log);
    return st;
}

/* The tables have no log. One that is there may go if they say so, having all of it or replacing its data, or if nothing was
 * ever in it. Before format 4 they did not say it: then what is in it has to be in the tables. Any other is the log of tables
 * that have lost their memory of it. */
static oro_status
left_log_may_go(struct oro_durable *d, uint64_t applied, struct oro_err *err)
{
    char *gone = NULL, *id = NULL;
    int64_t last = 0, dropped = 0, version = 0;
    oro_status st = meta_text(d->tables, "_log_gone", &gone, err);
    if (st == ORO_OK)
        st = db_int(d->tables, "PRAGMA user_version", &version, err);
    if (st == ORO_OK)
        st = left_log_read(d->log_path, &id, &last, &dropped, err);
    bool old = version < 4 && dropped == 0 && (uint64_t)last <= applied;
    bool may = id == NULL || (gone != NULL && strcmp(gone, id) == 0) || (last == 0 && dropped == 0);
    if (st == ORO_OK && !may && !old)
        st = lost(d, err,
                  "the database %s knows nothing of its log %s, which holds transactions up to "
                  "%lld: %s-wal was removed, cut or damaged, or one of the files is of other data "
                  "(then move the log away)",
                  d->path, d->log_path, (long long)(last > dropped ? last : dropped), d->path);
    oro_free(gone);
    oro_free(id);
    return st;
}

static oro_status
new_log(struct oro_durable *d, uint64_t applied, struct oro_err *err)
{
    oro_status st = has_bytes(d->log_path) ? left_log_may_go(d, applied, err) : ORO_OK;
    if (st == ORO_OK)
        st = data_delete(d->log_path, err);
    if (st == ORO_OK)
        st = data_open(d->log_path, d->sync, LOG_PAGE, 8192, &d->log, err);
    d->end = applied;
    return st == ORO_OK ? make_log(d, err) : st;
}

static oro_status
old_log(struct oro_durable *d, uint64_t applied, struct oro_err *err)
{
    if (access(d->log_path, F_OK) != 0)
        return log_not_there(d, "is missing", err);
    if (!has_bytes(d->log_path))
        return log_not_there(d, "is empty", err);
    struct oro_err mine;
    oro_status st = data_open(d->log_path, d->sync, LOG_PAGE, 8192, &d->log, &mine);
    if (st == ORO_OK)
        st = check_log_file(d, applied, &mine);
    if (st == ORO_EMALFORMED && strstr(mine.text, "Nothing was changed") == NULL)
        return lost(d, err, "its log %s is damaged: %s", d->log_path, mine.text);
    return st == ORO_OK ? ORO_OK : oro_err_set(err, st, "%s", mine.text);
}

oro_status
log_file_open(struct oro_durable *d, uint64_t applied, struct oro_err *err)
{
    oro_status st = log_pairing(d->tables, &d->log_id, err);
    if (st == ORO_OK)
        st = d->log_id == NULL ? new_log(d, applied, err) : old_log(d, applied, err);
    /* What the checkpointer deletes is synced as well: of the transactions in a WAL only the last may be torn (wal.h). */
    if (st == ORO_OK)
        st = data_open(d->log_path, d->sync, LOG_PAGE, 8192, &d->log_tail, err);
    return st;
}

/* ---- ending ---- */

/* Everything is in the tables: one file is left. */
void
log_end(struct oro_durable *d)
{
    int pages, done;
    struct oro_err err;
    oro_status st = log_part_from(d->tables, d->log_id, &err);
    if (st == ORO_OK)
        st = db_wal_checkpoint(d->tables, true, &pages, &done, &err);
    if (st == ORO_OK)
        d->log_ended = true;
    else
        oro_log(ORO_LOG_WARN, "durable", "%s: %s", d->path, err.text);
}

void
log_file_remove(struct oro_durable *d)
{
    /* Before the log: without it there is nothing that it could say. */
    if (unlink(d->confirmed_path) != 0 && access(d->confirmed_path, F_OK) == 0)
        oro_log(ORO_LOG_WARN, "durable", "cannot delete %s: %m", d->confirmed_path);
    if (data_delete(d->log_path, NULL) != ORO_OK)
        oro_log(ORO_LOG_WARN, "durable", "cannot delete %s", d->log_path);
}
