#include "runtime/db/db.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/buf.h"
#include "runtime/base/file.h"

/* Another program (the sqlite3 shell, a backup) may hold the write lock for a moment. */
#define BUSY_MS 2000

static inline sqlite3 *
handle(struct db *db)
{
    return (sqlite3 *)db;
}

static inline sqlite3_stmt *
stmt(struct db_stmt *s)
{
    return (sqlite3_stmt *)s;
}

/* What the operating system said; for an error within a commit only the file itself still knows. */
static int
system_error(sqlite3 *h)
{
    sqlite3_file *log = NULL;
    int sys = sqlite3_system_errno(h);
    if (sys != 0)
        return sys;
    sqlite3_file_control(h, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log != NULL && log->pMethods != NULL)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &sys);
    return sys;
}

static oro_status
fail(sqlite3 *h, int rc, struct oro_err *err)
{
    int primary = rc & 0xff;
    int sys = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN ? system_error(h) : 0;
    /* SQLite knows ENOSPC only; a quota or a limit on the file's size is as full a disk for us. */
    bool full = primary == SQLITE_FULL || sys == ENOSPC || sys == EDQUOT || sys == EFBIG;
    /* All SQL is our own: where a table or a column of it is not there, somebody has changed the schema, or a bit of it. */
    bool damaged = primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR;
    oro_status st = full ? ORO_EFULL : damaged ? ORO_EMALFORMED : ORO_EIO;
    if (sys != 0)
        return oro_err_set(err, st, "%s (%s)", sqlite3_errmsg(h), strerror(sys));
    return oro_err_set(err, st, "%s", sqlite3_errmsg(h));
}

static oro_status
open_as(const char *path, int flags, struct db **out, struct oro_err *err)
{
    sqlite3 *h = NULL;
    int rc = sqlite3_open_v2(path, &h, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        oro_status st =
            h != NULL ? fail(h, rc, err) : oro_err_set(err, ORO_EIO, "no memory for SQLite");
        sqlite3_close(h);
        return st;
    }
    sqlite3_extended_result_codes(h, 1);
    sqlite3_busy_timeout(h, BUSY_MS);
    /* Those in the file are for others (edits.h). */
    sqlite3_db_config(h, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    *out = (struct db *)h;
    return ORO_OK;
}

oro_status
db_open(const char *path, struct db **out, struct oro_err *err)
{
    oro_status st = oro_file_prepare(path, err); /* SQLite gives a WAL the mode of its file */
    return st == ORO_OK ? open_as(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, out, err) : st;
}

oro_status
db_open_reading(const char *path, struct db **out, struct oro_err *err)
{
    return open_as(path, SQLITE_OPEN_READONLY, out, err);
}

void
db_close(struct db *db)
{
    int rc = sqlite3_close(handle(db));
    ORO_ASSERT(rc == SQLITE_OK); /* a statement was not finalized */
}

void
db_close_as_is(struct db *db)
{
    sqlite3_db_config(handle(db), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    db_close(db);
}

oro_status
db_exec(struct db *db, const char *sql, struct oro_err *err)
{
    int rc = sqlite3_exec(handle(db), sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? ORO_OK : fail(handle(db), rc, err);
}

oro_status
db_execf(struct db *db, struct oro_err *err, const char *fmt, ...)
{
    va_list ap;
    char *sql = NULL;
    va_start(ap, fmt);
    int n = vasprintf(&sql, fmt, ap);
    va_end(ap);
    ORO_ASSERT(n >= 0);
    oro_status st = db_exec(db, sql, err);
    free(sql);
    return st;
}

oro_status
db_int(struct db *db, const char *sql, int64_t *out, struct oro_err *err)
{
    struct db_stmt *s = NULL;
    bool row = false;
    oro_status st = db_prepare(db, sql, &s, err);
    if (st != ORO_OK)
        return st;
    st = db_step(s, &row, err);
    if (st == ORO_OK)
        *out = row ? db_column_int(s, 0) : 0;
    db_finalize(s);
    return st;
}

oro_status
db_text(struct db *db, const char *sql, char **out, struct oro_err *err)
{
    struct db_stmt *s = NULL;
    bool row = false;
    *out = NULL;
    oro_status st = db_prepare(db, sql, &s, err);
    if (st != ORO_OK)
        return st;
    st = db_step(s, &row, err);
    if (st == ORO_OK && row)
        *out = db_column_str(s, 0);
    db_finalize(s);
    return st;
}

bool
db_sync_failed(struct db *db)
{
    int rc = sqlite3_extended_errcode(handle(db));
    return rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC;
}

void
db_release_memory(struct db *db)
{
    sqlite3_db_release_memory(handle(db));
}

void
db_rollback(struct db *db)
{
    if (!sqlite3_get_autocommit(handle(db)))
        sqlite3_exec(handle(db), "ROLLBACK", NULL, NULL, NULL);
}

oro_status
db_wal_checkpoint(struct db *db, bool truncate, int *pages, int *done, struct oro_err *err)
{
    int rc = sqlite3_wal_checkpoint_v2(
        handle(db), NULL, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, pages,
        done);
    return rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY ? ORO_OK : fail(handle(db), rc, err);
}

oro_status
db_copy(struct db *from, struct db *to, struct oro_err *err)
{
    sqlite3_backup *b = sqlite3_backup_init(handle(to), "main", handle(from), "main");
    if (b == NULL)
        return fail(handle(to), sqlite3_errcode(handle(to)), err);
    /* All pages in one step: it is one reader's snapshot then, and a reader of a WAL stops no
     * writer. In several steps it would begin anew whenever the file has changed. */
    sqlite3_backup_step(b, -1);
    int rc = sqlite3_backup_finish(b);
    return rc == SQLITE_OK ? ORO_OK : fail(handle(to), rc, err);
}

oro_status
db_prepare(struct db *db, const char *sql, struct db_stmt **out, struct oro_err *err)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v3(handle(db), sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL);
    if (rc != SQLITE_OK)
        return fail(handle(db), rc, err);
    *out = (struct db_stmt *)s;
    return ORO_OK;
}

void
db_finalize(struct db_stmt *s)
{
    sqlite3_finalize(stmt(s));
}

void
db_reset(struct db_stmt *s)
{
    sqlite3_reset(stmt(s));
    sqlite3_clear_bindings(stmt(s));
}

/* A bind fails only for a wrong position or without memory: both are our own. */
static void
bound(int rc)
{
    ORO_ASSERT(rc == SQLITE_OK);
}

void
db_bind_int(struct db_stmt *s, int pos, int64_t v)
{
    bound(sqlite3_bind_int64(stmt(s), pos, v));
}

void
db_bind_real(struct db_stmt *s, int pos, double v)
{
    bound(sqlite3_bind_double(stmt(s), pos, v));
}

void
db_bind_blob(struct db_stmt *s, int pos, struct oro_bytes b)
{
    bound(sqlite3_bind_blob64(stmt(s), pos, b.len > 0 ? (const void *)b.data : "", b.len,
                              SQLITE_STATIC));
}

void
db_bind_text(struct db_stmt *s, int pos, struct oro_bytes b)
{
    bound(sqlite3_bind_text64(stmt(s), pos, b.len > 0 ? (const char *)b.data : "", b.len,
                              SQLITE_STATIC, SQLITE_UTF8));
}

void
db_bind_text_copy(struct db_stmt *s, int pos, struct oro_bytes b)
{
    bound(sqlite3_bind_text64(stmt(s), pos, b.len > 0 ? (const char *)b.data : "", b.len,
                              SQLITE_TRANSIENT, SQLITE_UTF8));
}

void
db_bind_copy(struct db_stmt *s, int pos, struct db_stmt *from, int col)
{
    bound(sqlite3_bind_value(stmt(s), pos, sqlite3_column_value(stmt(from), col)));
}

void
db_bind_null(struct db_stmt *s, int pos)
{
    bound(sqlite3_bind_null(stmt(s), pos));
}

oro_status
db_step(struct db_stmt *s, bool *row, struct oro_err *err)
{
    int rc = sqlite3_step(stmt(s));
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return fail(sqlite3_db_handle(stmt(s)), rc, err);
    *row = rc == SQLITE_ROW;
    return ORO_OK;
}

oro_status
db_run(struct db_stmt *s, struct oro_err *err)
{
    bool row;
    oro_status st = db_step(s, &row, err);
    db_reset(s);
    return st;
}

double
db_column_real(struct db_stmt *s, int col)
{
    return sqlite3_column_double(stmt(s), col);
}

bool
db_column_is_null(struct db_stmt *s, int col)
{
    return sqlite3_column_type(stmt(s), col) == SQLITE_NULL;
}

int64_t
db_column_int(struct db_stmt *s, int col)
{
    return sqlite3_column_int64(stmt(s), col);
}

struct oro_bytes
db_column_bytes(struct db_stmt *s, int col)
{
    const void *p = sqlite3_column_blob(stmt(s), col);
    return oro_bytes(p, p != NULL ? (size_t)sqlite3_column_bytes(stmt(s), col) : 0);
}

char *
db_column_str(struct db_stmt *s, int col)
{
    struct oro_bytes b = db_column_bytes(s, col);
    return oro_strndup(b.len > 0 ? (const char *)b.data : "", b.len);
}

void
db_put_name(struct oro_bb *out, const char *name)
{
    oro_bb_u8(out, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"')
            oro_bb_u8(out, '"');
        oro_bb_u8(out, (uint8_t)*name);
    }
    oro_bb_u8(out, '"');
}
