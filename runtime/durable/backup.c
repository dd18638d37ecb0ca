/* Copies of the data, tables and log in one file. A new file is written beside its place, checked, synced and renamed, so that under the name there
 * is the old one or the complete new one. */
#include "runtime/durable/backup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/durable/durable_priv.h"

/* As long as a start or a stop may take to make the log or to end it. */
#define OPEN_TRIES 40
#define OPEN_PAUSE_US 50000

static bool
is_there(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0;
}

static bool
is_regular(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

static void
remove_db(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < ORO_ARRAY_LEN(ends); i++) {
        char *p = oro_asprintf("%s%s", path, ends[i]);
        unlink(p);
        oro_free(p);
    }
}

/* ---- what is in a file ---- */

static oro_status
check_log(struct db *db, const char *path, struct oro_err *err)
{
    struct oro_txlog *log;
    struct oro_txlog_reader r = {0};
    struct oro_txlog_batch b;
    bool more = true;
    int64_t applied = 0;
    oro_status st = log_sqlite_within(db, path, &log, err);
    if (st != ORO_OK)
        return st;
    st = db_int(db, "SELECT value FROM _orochi_meta WHERE key = '_applied'", &applied, err);
    if (st == ORO_OK)
        st = oro_txlog_read(log, (uint64_t)applied + 1, &r, err);
    while (st == ORO_OK && more)
        st = oro_txlog_next(&r, &b, &more, err);
    oro_txlog_read_end(&r);
    oro_txlog_close(log, true);
    return st;
}

static oro_status
check_pages(struct db *db, struct oro_err *err)
{
    struct db_stmt *s;
    bool row = false;
    oro_status st = db_prepare(db, "PRAGMA quick_check(1)", &s, err);
    if (st != ORO_OK)
        return st;
    st = db_step(s, &row, err);
    if (st == ORO_OK && row && !oro_bytes_eq(db_column_bytes(s, 0), oro_bytes_str("ok"))) {
        struct oro_bytes why = db_column_bytes(s, 0);
        st = oro_err_set(err, ORO_EMALFORMED, "the file is damaged: %.*s", (int)why.len,
                         (const char *)why.data);
    }
    db_finalize(s);
    return st;
}

/* Every page, and every group commit of the log. */
static oro_status
check_data(struct db *db, const char *path, struct oro_err *err)
{
    bool empty = false;
    oro_status st = data_format(db, &empty, err);
    if (st == ORO_OK && empty)
        st = oro_err_set(err, ORO_EINVAL, "there is no data in it");
    if (st == ORO_OK)
        st = check_pages(db, err);
    return st == ORO_OK ? check_log(db, path, err) : st;
}

/* The name the data had. Gives or NULL. */
static char *
name_inside(struct db *db)
{
    struct db_stmt *s;
    bool row = false;
    char *name = NULL;
    if (db_prepare(db, "SELECT value FROM _orochi_meta WHERE key = '_name'", &s, NULL) != ORO_OK)
        return NULL;
    if (db_step(s, &row, NULL) == ORO_OK && row)
        name = db_column_str(s, 0);
    db_finalize(s);
    return name;
}

/* ---- the data that is copied ---- */

/* Both at one moment each, for as long as they are open. */
struct source {
    struct db *tables;
    struct db *log; /* NULL: the tables have everything */
};

static void
source_close(struct source *s)
{
    db_close(s->tables);
    db_close(s->log);
    *s = (struct source){0};
}

/* Opens a file that may not be there or not yet be written, and reads its pairing, from where on it stays as it is. */
static void
log_try_open(const char *path, struct db **log, char **id)
{
    *log = NULL;
    *id = NULL;
    if (!is_there(path) || db_open_reading(path, log, NULL) != ORO_OK)
        return;
    if (db_exec(*log, "BEGIN", NULL) != ORO_OK || log_pairing(*log, id, NULL) != ORO_OK ||
        *id == NULL) {
        db_close(*log);
        *log = NULL;
    }
}

/* The log first: a checkpoint in between leaves it holding more than what the tables lack, never less. *again: the two do not
 * fit, because a server starts or stops at this moment. */
static oro_status
source_try_open(const char *path, struct source *s, bool *again, struct oro_err *err)
{
    char *log_path = log_path_of(path), *theirs, *mine = NULL;
    *s = (struct source){0};
    *again = false;
    log_try_open(log_path, &s->log, &theirs);
    oro_status st = db_open_reading(path, &s->tables, err);
    if (st == ORO_OK)
        st = db_exec(s->tables, "BEGIN", err);
    if (st == ORO_OK)
        st = log_pairing(s->tables, &mine, err);
    if (st == ORO_OK && mine == NULL) {
        db_close(s->log);
        s->log = NULL;
    } else if (st == ORO_OK && (theirs == NULL || strcmp(mine, theirs) != 0)) {
        *again = true;
        st = oro_err_set(err, ORO_EIO, "its log %s is missing or of other data", log_path);
    }
    if (st != ORO_OK)
        source_close(s);
    oro_free(mine);
    oro_free(theirs);
    oro_free(log_path);
    return st;
}

static oro_status
source_open(const char *path, struct source *s, struct oro_err *err)
{
    bool again = true;
    oro_status st = ORO_EIO;
    for (unsigned i = 0; again && i < OPEN_TRIES; i++) {
        if (i > 0)
            usleep(OPEN_PAUSE_US);
        st = source_try_open(path, s, &again, err);
    }
    return st;
}

/* ---- copying ---- */

static oro_status
copy_batches(struct oro_txlog *log, uint64_t from, struct db *to, struct oro_err *err)
{
    struct oro_txlog_reader r = {0};
    struct oro_txlog_batch b;
    struct db_stmt *put = NULL;
    bool more = true;
    oro_status st = db_prepare(to, "INSERT INTO _orochi_log VALUES (?, ?, ?, ?)", &put, err);
    if (st == ORO_OK)
        st = oro_txlog_read(log, from, &r, err);
    while (st == ORO_OK && (st = oro_txlog_next(&r, &b, &more, err)) == ORO_OK && more) {
        db_bind_int(put, 1, (int64_t)b.first);
        db_bind_int(put, 2, (int64_t)b.last);
        db_bind_int(put, 3, log_sum(b.first, b.last, b.records));
        db_bind_blob(put, 4, b.records);
        st = db_run(put, err);
    }
    oro_txlog_read_end(&r);
    db_finalize(put);
    return st;
}

/* What the tables in `to` lack, in one row for each batch. */
static oro_status
copy_log(struct db *from, const char *path, struct db *to, struct oro_err *err)
{
    struct oro_txlog *log = NULL;
    int64_t applied = 0;
    oro_status st =
        db_int(to, "SELECT value FROM _orochi_meta WHERE key = '_applied'", &applied, err);
    if (st == ORO_OK)
        st = log_sqlite_within(from, path, &log, err);
    if (st == ORO_OK)
        st = db_exec(to, "BEGIN", err);
    if (st == ORO_OK)
        st = copy_batches(log, (uint64_t)applied + 1, to, err);
    if (st == ORO_OK)
        st = db_exec(to, "COMMIT", err);
    oro_txlog_close(log, true);
    return st;
}

/* The data of `from`, checked and synced, at `path`, as one file without a WAL; nothing is left there if it fails. */
static oro_status
copy_data(const struct source *from, const char *path, const char *name, struct oro_err *err)
{
    struct db *to;
    remove_db(path);
    oro_status st = db_open(path, &to, err);
    if (st != ORO_OK)
        return st;
    st = db_copy(from->tables, to, err);
    if (st == ORO_OK) /* the header says WAL as the original's did */
        st = db_exec(
            to, "PRAGMA journal_mode = DELETE; DELETE FROM _orochi_meta WHERE key = '_log'", err);
    if (st == ORO_OK && from->log != NULL)
        st = copy_log(from->log, path, to, err);
    if (st == ORO_OK)
        st = check_data(to, path, err);
    if (st == ORO_OK)
        st = meta_put(to, oro_bytes_str("_name"), name, err);
    db_close(to);
    if (st == ORO_OK)
        st = oro_file_sync(path, err);
    if (st != ORO_OK)
        remove_db(path);
    return st;
}

static oro_status
move_into_place(const char *from, const char *to, struct oro_err *err)
{
    oro_status st = ORO_OK;
    if (rename(from, to) != 0) {
        st = oro_err_set(err, ORO_EIO, "cannot rename %s to %s: %s", from, to, strerror(errno));
        remove_db(from);
    }
    return st == ORO_OK ? oro_file_sync_folder_of(to, err) : st;
}

oro_status
backup_of_open(struct db *tables, struct oro_txlog *log, const char *file, const char *name,
               struct oro_err *err)
{
    char *part = oro_asprintf("%s.part", file);
    struct source from = {tables, log_sqlite_db(log)};
    oro_status st = copy_data(&from, part, name, err);
    if (st == ORO_OK)
        st = move_into_place(part, file, err);
    oro_free(part);
    return st;
}

/* Before the log is read: what is there has to go so far. */
static oro_status
check_confirmed(const struct source *s, const char *path, const struct confirmed *c,
                struct oro_err *err)
{
    int64_t applied = 0, last = 0;
    char *id = NULL;
    oro_status st =
        db_int(s->tables, "SELECT value FROM _orochi_meta WHERE key = '_applied'", &applied, err);
    if (st == ORO_OK && s->log != NULL)
        st = db_int(s->log, "SELECT coalesce(max(last_offset), 0) FROM _orochi_log", &last, err);
    if (st == ORO_OK && s->log != NULL)
        st = log_pairing(s->log, &id, err);
    uint64_t end = (uint64_t)(last > applied ? last : applied);
    if (st == ORO_OK && id != NULL && strcmp(id, c->log_id) == 0 && end < c->offset)
        st = oro_err_set(err, ORO_EMALFORMED,
                         "its log ends with transaction %llu, but all up to %llu were confirmed. "
                         "Bring back what was removed from the folder, or copy what is there with "
                         "`orochi repair`",
                         (unsigned long long)end, (unsigned long long)c->offset);
    oro_free(id);
    return st;
}

oro_status
oro_backup(const char *dir, const char *name, const char *file, bool force, struct oro_err *err)
{
    char *found = NULL, *path = NULL, *confirmed = NULL, *part = oro_asprintf("%s.part", file);
    struct source from = {0};
    struct confirmed c;
    oro_status st = data_name(dir, name, &found, err);
    name = found;
    if (st == ORO_OK && !force && is_there(file))
        st = oro_err_set(err, ORO_EEXISTS, "%s is there already (--force replaces it)", file);
    if (st == ORO_OK)
        st = data_check_files(dir, name, false, err);
    if (st != ORO_OK)
        goto out;
    path = oro_asprintf("%s/%s.db", dir, name);
    if (!is_there(path)) {
        st = oro_err_set(err, ORO_ENOTFOUND, "there is no database %s in the folder %s", name, dir);
        goto out;
    }
    confirmed = confirmed_path_of(path);
    bool knows = confirmed_read(confirmed, &c) && confirmed_holds(&c);
    st = source_open(path, &from, err);
    if (st == ORO_OK && knows)
        st = check_confirmed(&from, path, &c, err);
    if (st == ORO_OK)
        st = copy_data(&from, part, name, err);
    source_close(&from);
    if (st != ORO_OK)
        oro_err_wrap(err, "%s to %s", path, file);
    else
        st = move_into_place(part, file, err);
out:
    oro_free(found);
    oro_free(path);
    oro_free(confirmed);
    oro_free(part);
    return st;
}

/* ---- restoring ---- */

/* Puts what is in the WAL of data that will be replaced into its file, if that is there, and deletes the WAL, which may be
 * there without it: it must not be found beside the new file. Up to the rename the old data is whole. */
static void
fold_wal(const char *path, bool there)
{
    static const char *const ends[] = {"-wal", "-shm", "-journal"};
    struct db *db;
    int pages, done;
    if (there && db_open(path, &db, NULL) == ORO_OK) {
        oro_status st = db_wal_checkpoint(db, true, &pages, &done, NULL);
        (void)st; /* damaged data is replaced all the same */
        db_close(db);
    }
    for (size_t i = 0; i < ORO_ARRAY_LEN(ends); i++) {
        char *p = oro_asprintf("%s%s", path, ends[i]);
        unlink(p);
        oro_free(p);
    }
}

/* Gives *out. */
static oro_status
restored_name(struct db *from, const char *dir, const char *name, char **out, struct oro_err *err)
{
    char *found = NULL;
    oro_status st = data_name_check(name, err);
    if (st == ORO_OK && name == NULL)
        st = data_only(dir, &found, err);
    if (st != ORO_OK)
        return st;
    if (name != NULL)
        found = oro_strdup(name);
    if (found == NULL)
        found = name_inside(from);
    if (found == NULL || data_name_check(found, NULL) != ORO_OK) {
        oro_free(found);
        return oro_err_set(err, ORO_EINVAL,
                           "the file does not say the database's name: give --name");
    }
    *out = found;
    return ORO_OK;
}

/* The restored tables say that the log of the data that they replace may go, should this end half way. */
static oro_status
part_from_old_log(const char *log_path, const char *part, struct oro_err *err)
{
    struct db *log, *to;
    char *id;
    log_try_open(log_path, &log, &id);
    db_close(log);
    if (id == NULL)
        return ORO_OK;
    oro_status st = db_open(part, &to, err);
    if (st == ORO_OK) {
        st = log_part_from(to, id, err);
        db_close(to);
    }
    oro_free(id);
    return st == ORO_OK ? oro_file_sync(part, err) : st;
}

/* Under the lock. */
static oro_status
replace_data(struct db *from, const char *path, const char *name, bool force, struct oro_err *err)
{
    bool old = is_there(path);
    if (old && !force)
        return oro_err_set(err, ORO_EEXISTS, "%s is there already (--force replaces it)", path);
    char *part = oro_asprintf("%s.part", path), *log_path = log_path_of(path);
    struct source source = {.tables = from};
    char *confirmed = confirmed_path_of(path);
    oro_status st = copy_data(&source, part, name, err);
    if (st == ORO_OK)
        st = part_from_old_log(log_path, part, err);
    if (st == ORO_OK) {
        fold_wal(path, old);
        st = move_into_place(part, path, err);
    }
    if (st == ORO_OK) { /* of the old data, and ignored from now on */
        unlink(confirmed);
        remove_db(log_path);
    }
    oro_free(confirmed);
    oro_free(log_path);
    oro_free(part);
    return st;
}

oro_status
oro_restore(const char *file, const char *dir, const char *name, bool force, struct oro_err *err)
{
    char *found = NULL, *path = NULL;
    struct db *from = NULL;
    struct data_locks locks = DATA_LOCKS_NONE;
    if (!is_there(file))
        return oro_err_set(err, ORO_ENOTFOUND, "there is no file %s", file);
    if (!is_regular(file)) /* SQLite would wait for whoever writes a FIFO */
        return oro_err_set(err, ORO_EIO, "%s is no file, so no backup either", file);
    oro_status st = db_open_reading(file, &from, err);
    if (st == ORO_OK)
        st = check_data(from, file, err);
    if (st != ORO_OK) {
        oro_err_wrap(err, "%s", file);
        goto out;
    }
    st = oro_dir_make(dir, err);
    if (st == ORO_OK)
        st = restored_name(from, dir, name, &found, err);
    if (st == ORO_OK)
        st = data_check_files(dir, found, force, err);
    if (st == ORO_OK)
        st = data_lock(&locks, dir, found, err);
    if (st == ORO_OK && force)
        data_clear_others(dir, found);
    if (st == ORO_OK) {
        path = oro_asprintf("%s/%s.db", dir, found);
        st = replace_data(from, path, found, force, err);
    }
    if (st == ORO_OK)
        data_lock_note(&locks);
out:
    if (from != NULL)
        db_close(from);
    data_unlock(&locks);
    oro_free(found);
    oro_free(path);
    return st;
}
