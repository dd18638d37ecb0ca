/* The log's file beside the tables' file: made, opened, ended; and whether anything that was confirmed is missing in the two,
 * which is looked for before either is changed. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "runtime/durable/durable_priv.h"
#include "runtime/log/wal.h"

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
    char *rescued = rescued_path_of(d->path);
    bool log = has_bytes(d->log_path), saved = !d->begins_empty && has_bytes(rescued);
    if (!log && !d->locks.held_data && !saved) {
        oro_free(rescued);
        return ORO_OK;
    }
    const char *how = access(d->path, F_OK) != 0 ? "is not there" : "is empty";
    char *beside = log               ? oro_asprintf("its log %s is", d->log_path)
                   : !d->locks.held_data ? oro_asprintf("a server has saved its data into %s", rescued)
                                         : oro_asprintf("it held data before (%s/%s.lock says so)",
                                                        d->dir, d->name);
    oro_free(rescued);
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

/* As the file's head has it; a log of an earlier version has larger ones. */
static uint32_t
page_size_of(const char *path, uint32_t usual)
{
    uint8_t b[2] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool has = fd >= 0 && pread(fd, b, sizeof(b), 16) == (ssize_t)sizeof(b);
    if (fd >= 0)
        close(fd);
    uint32_t size = (uint32_t)b[0] << 8 | b[1];
    return has && size >= 512 && (size & (size - 1)) == 0 ? size : usual;
}

static oro_status
loss_in_wal(const struct oro_durable *d, const char *of, uint32_t page, struct oro_err *err)
{
    struct wal wal;
    char *path = oro_asprintf("%s-wal", of);
    oro_status st = wal_read(path, page_size_of(of, page), &wal, err);
    if (st == ORO_OK && wal.damaged)
        st = lost(d, err,
                  "%s is damaged at byte %llu: %llu pages before that are fine, and there were "
                  "more behind it",
                  path, (unsigned long long)wal.bad_at, (unsigned long long)wal.frames);
    else if (st == ORO_OK && wal.torn && page == LOG_PAGE && !confirmed_is_exact(&d->found))
        oro_log(ORO_LOG_WARN, "durable",
                "%s ends within a transaction, at byte %llu: it is left out. When the machine went "
                "down it was being written, and nobody had been told of it; if the machine did not "
                "go down then, the file is damaged there, and the last transaction is lost",
                path, (unsigned long long)wal.bad_at);
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
loss_of_transactions(struct oro_durable *d, uint64_t applied, struct oro_err *err)
{
    uint64_t end = oro_txlog_end(d->log), dropped = log_sqlite_dropped(d->log);
    d->end = end > applied ? end : applied;
    if (dropped > applied)
        return lost(d, err,
                    "the tables in %s are as of transaction %llu, but they were on disk as of %llu "
                    "once: %s-wal was removed, cut or damaged, or the file is an older one",
                    d->path, (unsigned long long)applied, (unsigned long long)dropped, d->path);
    if (d->has_found && strcmp(d->found.log_id, log_sqlite_id(d->log)) == 0 &&
        d->end < d->found.offset)
        return lost(d, err,
                    "the log %s ends with transaction %llu, but all up to %llu were confirmed: "
                    "%s-wal was removed, cut or damaged, or the file is an older one",
                    d->log_path, (unsigned long long)d->end, (unsigned long long)d->found.offset,
                    d->log_path);
    log_sqlite_go_on_from(d->log, d->end);
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
make_log(struct oro_durable *d, uint64_t applied, struct oro_err *err)
{
    oro_status st = log_sqlite_make(d->log_path, d->sync, applied, &d->log, err);
    d->end = applied;
    if (st != ORO_OK)
        return st;
    d->log_id = oro_strdup(log_sqlite_id(d->log));
    return db_execf(d->tables, err, "INSERT OR REPLACE INTO _orochi_meta VALUES ('_log', '%s')",
                    d->log_id);
}

/* The tables have no log. One that is there may go if they say so, having all of it or replacing its data, or if nothing was
 * ever in it. Before format 4 they did not say it: then what is in it has to be in the tables. Any other is the log of tables
 * that have lost their memory of it. */
static oro_status
left_log_may_go(struct oro_durable *d, uint64_t applied, struct oro_err *err)
{
    struct oro_txlog *left;
    char *gone = NULL;
    int64_t version = 0;
    oro_status st =
        db_text(d->tables, "SELECT value FROM _orochi_meta WHERE key = '_log_gone'", &gone, err);
    if (st == ORO_OK)
        st = db_int(d->tables, "PRAGMA user_version", &version, err);
    if (st == ORO_OK)
        st = log_sqlite_open(d->log_path, d->sync, &left, err);
    if (st != ORO_OK)
        goto out;
    const char *id = log_sqlite_id(left);
    uint64_t end = oro_txlog_end(left);
    bool old = version < 4 && log_sqlite_dropped(left) == 0 && end <= applied;
    bool may = id[0] == '\0' || (gone != NULL && strcmp(gone, id) == 0) || end == 0;
    oro_txlog_close(left, true);
    if (!may && !old)
        st = lost(d, err,
                  "the database %s knows nothing of its log %s, which holds transactions up to "
                  "%llu: %s-wal was removed, cut or damaged, or one of the files is of other data "
                  "(then move the log away)",
                  d->path, d->log_path, (unsigned long long)end, d->path);
out:
    oro_free(gone);
    return st;
}

static oro_status
new_log(struct oro_durable *d, uint64_t applied, struct oro_err *err)
{
    oro_status st = has_bytes(d->log_path) ? left_log_may_go(d, applied, err) : ORO_OK;
    if (st == ORO_OK)
        st = data_delete(d->log_path, err);
    return st == ORO_OK ? make_log(d, applied, err) : st;
}

static oro_status
old_log(struct oro_durable *d, uint64_t applied, struct oro_err *err)
{
    if (access(d->log_path, F_OK) != 0)
        return log_not_there(d, "is missing", err);
    if (!has_bytes(d->log_path))
        return log_not_there(d, "is empty", err);
    struct oro_err mine;
    oro_status st = log_sqlite_open(d->log_path, d->sync, &d->log, &mine);
    if (st == ORO_EMALFORMED)
        return lost(d, err, "its log %s is damaged: %s", d->log_path, mine.text);
    if (st != ORO_OK)
        return oro_err_set(err, st, "%s", mine.text);
    return strcmp(log_sqlite_id(d->log), d->log_id) == 0
               ? loss_of_transactions(d, applied, err)
               : log_not_there(d, "is of other data", err);
}

oro_status
log_file_open(struct oro_durable *d, uint64_t applied, struct oro_err *err)
{
    oro_status st = log_pairing(d->tables, &d->log_id, err);
    if (st == ORO_OK)
        st = d->log_id == NULL ? new_log(d, applied, err) : old_log(d, applied, err);
    return st == ORO_OK ? log_sqlite_divide(d->log, d->sync, err) : st;
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
