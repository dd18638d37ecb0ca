#include "runtime/log/log_sqlite.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/assert.h"
#include "runtime/base/buf.h"
#include "runtime/base/clock.h"
#include "runtime/base/crc.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/log/confirmed.h"
#include "runtime/log/turn.h"

#define WAL_COPY (16u << 20) /* written since the last time: copy the WAL into the file */
/* Beyond this an append waits until it is copied, so that it starts anew. */
#define WAL_BYTES_BIG (64 << 20)
#define WAL_GROUP 6144 /* of one group commit beside its records, about */
#define CACHE_KIB 8192

struct log_sqlite {
    struct oro_txlog base;
    struct db *head, *tail; /* the appender's, the cutter's; both write under `turn` */
    bool borrowed;          /* one connection, of somebody else */
    struct db_stmt *append;
    bool has_parts; /* the table of them is there; under `turn` */
    struct turn turn;
    char *id;
    uint64_t dropped; /* when it was opened */
    int page_size;
    struct confirmed confirmed;
    int confirmed_fd;
    _Atomic uint64_t wal_bytes; /* written since the WAL was copied last */
};

static struct log_sqlite *
of(struct oro_txlog *log)
{
    return (struct log_sqlite *)log;
}

/* ---- files ---- */

oro_status
data_delete(const char *database, struct oro_err *err)
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

/* secure_delete: some builds overwrite what is deleted with zeros, and the log is deleted all the time. journal_size_limit: a
 * WAL that was large once does not stay so. */
oro_status
data_open(const char *path, const char *sync, unsigned page_size, unsigned cache_kib,
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

oro_status
log_pairing(struct db *db, char **out, struct oro_err *err)
{
    return db_text(db, "SELECT value FROM _orochi_meta WHERE key = '_log'", out, err);
}

static uint32_t
sum_begin(uint64_t first, uint64_t last)
{
    uint64_t head[2] = {first, last};
    return crc32c(0, oro_bytes(head, sizeof(head)));
}

uint32_t
log_sum(uint64_t first, uint64_t last, struct oro_bytes records)
{
    return crc32c(sum_begin(first, last), records);
}

/* ---- writing ---- */

/* After a call on a connection. */
static void
note_sync(struct log_sqlite *l, struct db *db, oro_status st)
{
    if (st != ORO_OK && db_sync_failed(db))
        atomic_store(&l->base.broken, true);
}

static oro_status
put_row(struct log_sqlite *l, const struct oro_txlog_batch *b, uint32_t sum, struct oro_err *err)
{
    db_bind_int(l->append, 1, (int64_t)b->first);
    db_bind_int(l->append, 2, (int64_t)b->last);
    db_bind_int(l->append, 3, sum);
    db_bind_blob(l->append, 4, b->records);
    return db_run(l->append, err);
}

/* *sum, *bytes: of what is before them; they go on over the parts. */
static oro_status
put_parts(struct log_sqlite *l, const struct oro_txlog_batch *b, uint32_t *sum, uint64_t *bytes,
          struct oro_err *err)
{
    struct db_stmt *put = NULL;
    struct oro_bytes piece;
    oro_status st =
        db_prepare(l->head, "INSERT INTO _orochi_log_parts VALUES (?, ?, ?)", &put, err);
    b->rest->rewind(b->rest);
    for (int64_t part = 0; st == ORO_OK && b->rest->next(b->rest, &piece); part++) {
        *sum = crc32c(*sum, piece);
        *bytes += piece.len;
        db_bind_int(put, 1, (int64_t)b->last);
        db_bind_int(put, 2, part);
        db_bind_blob(put, 3, piece);
        st = db_run(put, err);
    }
    db_finalize(put);
    return st;
}

/* SQLite makes a copy of each row that it writes, so a large batch is cut into several: all of them, and the table that they are
 * in, are one transaction. */
static oro_status
put_large(struct log_sqlite *l, const struct oro_txlog_batch *b, uint64_t *bytes,
          struct oro_err *err)
{
    uint32_t sum = log_sum(b->first, b->last, b->records);
    oro_status st = db_exec(l->head, "BEGIN IMMEDIATE;" LOG_PARTS_SQL, err);
    if (st == ORO_OK)
        st = put_parts(l, b, &sum, bytes, err);
    if (st == ORO_OK)
        st = put_row(l, b, sum, err);
    if (st == ORO_OK)
        st = db_exec(l->head, "COMMIT", err);
    l->has_parts |= st == ORO_OK;
    return st;
}

static oro_status
sqlite_append(struct oro_txlog *log, const struct oro_txlog_batch *b, struct oro_err *err)
{
    struct log_sqlite *l = of(log);
    uint64_t bytes = b->records.len;
    oro_status st = ORO_OK;
    if (l->append == NULL)
        st = db_prepare(l->head, "INSERT INTO _orochi_log VALUES (?, ?, ?, ?)", &l->append, err);
    if (st != ORO_OK)
        return st;
    turn_take(&l->turn, true);
    if (ORO_UNLIKELY(b->rest != NULL))
        st = put_large(l, b, &bytes, err);
    else
        st = put_row(l, b, log_sum(b->first, b->last, b->records), err);
    note_sync(l, l->head, st);
    if (!l->borrowed)
        db_rollback(l->head);
    turn_give(&l->turn);
    if (st == ORO_OK)
        atomic_fetch_add(&l->wal_bytes, bytes + WAL_GROUP);
    return st;
}

static void
sqlite_confirm(struct oro_txlog *log, uint64_t offset)
{
    struct log_sqlite *l = of(log);
    ORO_ASSERT(l->confirmed_fd >= 0);
    confirmed_write(l->confirmed_fd, &l->confirmed, offset);
}

/* ---- reading ---- */

struct reading {
    struct db_stmt *rows;
    struct db_stmt *parts; /* of one row; NULL: no row has any */
    struct oro_bb whole;   /* a row with its parts */
};

static void
sqlite_read_end(struct oro_txlog *log, void *cursor)
{
    struct reading *r = cursor;
    (void)log;
    db_finalize(r->rows);
    db_finalize(r->parts);
    oro_bb_fini(&r->whole);
    oro_free(r);
}

static oro_status
look_for_parts(struct db *db, bool *has, struct oro_err *err)
{
    int64_t n = 0;
    oro_status st =
        db_int(db, "SELECT count(*) FROM sqlite_master WHERE name = '_orochi_log_parts'", &n, err);
    *has = n > 0;
    return st;
}

static oro_status
sqlite_read(struct oro_txlog *log, uint64_t from, void **cursor, struct oro_err *err)
{
    struct db *db = of(log)->tail;
    struct reading *r = ORO_NEW(struct reading);
    bool has_parts = false;
    oro_status st = db_prepare(db,
                               "SELECT first_offset, last_offset, crc, records FROM _orochi_log "
                               "WHERE last_offset >= ? ORDER BY first_offset",
                               &r->rows, err);
    if (st == ORO_OK)
        st = look_for_parts(db, &has_parts, err);
    if (st == ORO_OK && has_parts)
        st = db_prepare(db,
                        "SELECT bytes FROM _orochi_log_parts WHERE last_offset = ? ORDER BY part",
                        &r->parts, err);
    if (st != ORO_OK) {
        sqlite_read_end(log, r);
        return st;
    }
    db_bind_int(r->rows, 1, (int64_t)from);
    *cursor = r;
    return ORO_OK;
}

/* Behind the row's own bytes, if there are any. */
static oro_status
join_parts(struct reading *r, struct oro_txlog_batch *b, struct oro_err *err)
{
    bool more;
    oro_status st;
    oro_bb_clear(&r->whole);
    db_bind_int(r->parts, 1, (int64_t)b->last);
    while ((st = db_step(r->parts, &more, err)) == ORO_OK && more) {
        if (r->whole.len == 0)
            oro_bb_put_bytes(&r->whole, b->records);
        oro_bb_put_bytes(&r->whole, db_column_bytes(r->parts, 0));
    }
    db_reset(r->parts);
    if (st == ORO_OK && r->whole.len > 0)
        b->records = oro_bb_bytes(&r->whole);
    return st;
}

static oro_status
sqlite_next(struct oro_txlog *log, void *cursor, struct oro_txlog_batch *b, bool *more,
            struct oro_err *err)
{
    struct reading *r = cursor;
    oro_status st = db_step(r->rows, more, err);
    if (st != ORO_OK || !*more)
        return st;
    *b = (struct oro_txlog_batch){.first = (uint64_t)db_column_int(r->rows, 0),
                                  .last = (uint64_t)db_column_int(r->rows, 1),
                                  .records = db_column_bytes(r->rows, 3)};
    if (r->parts != NULL && (st = join_parts(r, b, err)) != ORO_OK)
        return st;
    return (uint32_t)db_column_int(r->rows, 2) == log_sum(b->first, b->last, b->records)
               ? ORO_OK
               : oro_txlog_damaged(log, b, "a wrong checksum", err);
}

/* ---- keeping it short ---- */

/* *any: there is a batch that ends at `upto` or before. */
static oro_status
has_upto(struct log_sqlite *l, uint64_t upto, bool *any, struct oro_err *err)
{
    char *sql = oro_asprintf("SELECT min(last_offset) FROM (SELECT last_offset FROM _orochi_log "
                             "ORDER BY first_offset LIMIT 1) WHERE last_offset <= %llu",
                             (unsigned long long)upto);
    int64_t first = 0;
    oro_status st = db_int(l->tail, sql, &first, err);
    oro_free(sql);
    *any = first > 0;
    return st;
}

static oro_status
delete_upto(struct log_sqlite *l, uint64_t upto, struct oro_err *err)
{
    long long to = (long long)upto;
    oro_status st = db_execf(
        l->tail, err,
        "BEGIN IMMEDIATE; DELETE FROM _orochi_log WHERE first_offset <= %lld AND last_offset <= "
        "%lld; INSERT OR REPLACE INTO _orochi_meta VALUES ('_dropped', %lld)",
        to, to, to);
    if (st == ORO_OK && l->has_parts)
        st = db_execf(l->tail, err, "DELETE FROM _orochi_log_parts WHERE last_offset <= %lld", to);
    if (st == ORO_OK)
        st = db_exec(l->tail, "COMMIT", err);
    note_sync(l, l->tail, st);
    db_rollback(l->tail);
    return st;
}

static oro_status
sqlite_cut(struct oro_txlog *log, uint64_t upto, struct oro_err *err)
{
    struct log_sqlite *l = of(log);
    bool any = false;
    turn_take(&l->turn, false);
    int64_t begin = oro_mono_us();
    oro_status st = has_upto(l, upto, &any, err);
    if (st == ORO_OK && any)
        st = delete_upto(l, upto, err);
    txlog_held(log, oro_mono_us() - begin);
    turn_give(&l->turn);
    return st;
}

static bool
sqlite_wants_care(struct oro_txlog *log)
{
    return atomic_load(&of(log)->wal_bytes) >= WAL_COPY;
}

/* Copies the WAL into its file. SQLite begins the WAL anew when a writer comes and all of it is copied, which under load never
 * happens by itself: a large one is copied once more, for what came meanwhile, and then appends wait for the little that is
 * left. */
static void
sqlite_care(struct oro_txlog *log)
{
    struct log_sqlite *l = of(log);
    int pages = 0, done = 0;
    struct oro_err err;
    atomic_store(&l->wal_bytes, 0);
    if (l->confirmed_fd >= 0)
        (void)!fdatasync(l->confirmed_fd); /* so that it is not much older after a power cut */
    oro_status st = db_wal_checkpoint(l->tail, false, &pages, &done, &err);
    if (st == ORO_OK && pages > WAL_BYTES_BIG / l->page_size) {
        st = db_wal_checkpoint(l->tail, false, &pages, &done, &err);
        turn_take(&l->turn, false);
        int64_t begin = oro_mono_us();
        if (st == ORO_OK)
            st = db_wal_checkpoint(l->tail, false, &pages, &done, &err);
        txlog_held(log, oro_mono_us() - begin);
        turn_give(&l->turn);
    }
    note_sync(l, l->tail, st);
    if (st != ORO_OK)
        oro_log_limited(ORO_LOG_WARN, "durable", "%s: copying the WAL: %s", log->path, err.text);
}

/* ---- opening and closing ---- */

static void
sqlite_close(struct oro_txlog *log, bool as_is)
{
    struct log_sqlite *l = of(log);
    struct db *all[] = {l->tail != l->head ? l->tail : NULL, l->head};
    db_finalize(l->append);
    for (size_t i = 0; i < ORO_ARRAY_LEN(all) && !l->borrowed; i++) {
        if (all[i] != NULL && as_is)
            db_close_as_is(all[i]);
        else
            db_close(all[i]);
    }
    if (l->confirmed_fd >= 0)
        close(l->confirmed_fd);
    turn_fini(&l->turn);
    txlog_fini(log);
    oro_free(l->id);
    oro_free(l);
}

static const struct oro_txlog_ops sqlite_ops = {
    .append = sqlite_append,
    .confirm = sqlite_confirm,
    .read = sqlite_read,
    .next = sqlite_next,
    .read_end = sqlite_read_end,
    .cut = sqlite_cut,
    .wants_care = sqlite_wants_care,
    .care = sqlite_care,
    .close = sqlite_close,
};

static struct log_sqlite *
log_new(const char *path, struct db *head)
{
    struct log_sqlite *l = ORO_NEW(struct log_sqlite);
    *l = (struct log_sqlite){.head = head, .tail = head, .page_size = LOG_PAGE, .confirmed_fd = -1};
    txlog_init(&l->base, &sqlite_ops, oro_strdup(path), 0);
    turn_init(&l->turn);
    return l;
}

/* What is in it. */
static oro_status
look_inside(struct log_sqlite *l, struct oro_err *err)
{
    int64_t tables = 0, end = 0, dropped = 0, page = LOG_PAGE;
    oro_status st = db_int(l->head, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (st == ORO_OK && tables > 0)
        st = log_pairing(l->head, &l->id, err);
    if (st == ORO_OK && tables > 0)
        st = db_int(l->head, "SELECT coalesce(max(last_offset), 0) FROM _orochi_log", &end, err);
    if (st == ORO_OK && tables > 0)
        st =
            db_int(l->head, "SELECT value FROM _orochi_meta WHERE key = '_dropped'", &dropped, err);
    if (st == ORO_OK)
        st = db_int(l->head, "PRAGMA page_size", &page, err);
    if (st == ORO_OK)
        st = look_for_parts(l->head, &l->has_parts, err);
    if (st != ORO_OK)
        return st;
    l->dropped = (uint64_t)dropped;
    l->page_size = (int)page;
    atomic_store(&l->base.end, (uint64_t)(end > dropped ? end : dropped));
    return ORO_OK;
}

static oro_status
make_tables(struct log_sqlite *l, struct oro_err *err)
{
    static const char sql[] =
        "BEGIN IMMEDIATE;"
        "CREATE TABLE _orochi_meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;" LOG_TABLE_SQL
        "INSERT INTO _orochi_meta VALUES ('_log', lower(hex(randomblob(16))));"
        "COMMIT";
    int pages, done;
    oro_status st = db_exec(l->head, sql, err);
    db_rollback(l->head);
    return st == ORO_OK ? db_wal_checkpoint(l->head, true, &pages, &done, err) : st;
}

static oro_status
log_open(const char *path, const char *sync, struct log_sqlite **out, struct oro_err *err)
{
    struct db *head = NULL;
    oro_status st = data_open(path, sync, LOG_PAGE, CACHE_KIB, &head, err);
    if (st != ORO_OK && head != NULL)
        db_close_as_is(head);
    if (st == ORO_OK)
        *out = log_new(path, head);
    return st;
}

oro_status
log_sqlite_make(const char *path, const char *sync, uint64_t end, struct oro_txlog **out,
                struct oro_err *err)
{
    struct log_sqlite *l = NULL;
    oro_status st = log_open(path, sync, &l, err);
    if (st != ORO_OK)
        return st;
    st = make_tables(l, err);
    if (st == ORO_OK)
        st = look_inside(l, err);
    if (st != ORO_OK) {
        sqlite_close(&l->base, true);
        return st;
    }
    ORO_ASSERT(l->id != NULL && oro_txlog_end(&l->base) == 0);
    atomic_store(&l->base.end, end);
    *out = &l->base;
    return ORO_OK;
}

oro_status
log_sqlite_open(const char *path, const char *sync, struct oro_txlog **out, struct oro_err *err)
{
    struct log_sqlite *l = NULL;
    oro_status st = log_open(path, sync, &l, err);
    if (st != ORO_OK)
        return st;
    st = look_inside(l, err);
    if (st != ORO_OK) {
        sqlite_close(&l->base, true);
        return st;
    }
    *out = &l->base;
    return ORO_OK;
}

oro_status
log_sqlite_within(struct db *db, const char *path, struct oro_txlog **out, struct oro_err *err)
{
    struct log_sqlite *l = log_new(path, db);
    int64_t end = 0;
    l->borrowed = true;
    oro_status st = db_int(db, "SELECT coalesce(max(last_offset), 0) FROM _orochi_log", &end, err);
    if (st == ORO_OK)
        st = look_for_parts(db, &l->has_parts, err);
    if (st != ORO_OK) {
        sqlite_close(&l->base, true);
        return st;
    }
    atomic_store(&l->base.end, (uint64_t)end);
    *out = &l->base;
    return ORO_OK;
}

const char *
log_sqlite_id(const struct oro_txlog *log)
{
    const char *id = ((const struct log_sqlite *)log)->id;
    return id != NULL ? id : "";
}

uint64_t
log_sqlite_dropped(const struct oro_txlog *log)
{
    return ((const struct log_sqlite *)log)->dropped;
}

struct db *
log_sqlite_db(struct oro_txlog *log)
{
    return log != NULL ? of(log)->head : NULL;
}

void
log_sqlite_go_on_from(struct oro_txlog *log, uint64_t end)
{
    ORO_ASSERT(end >= oro_txlog_end(log));
    atomic_store(&log->end, end);
}

oro_status
log_sqlite_divide(struct oro_txlog *log, const char *sync, struct oro_err *err)
{
    struct log_sqlite *l = of(log);
    struct db *tail = NULL;
    ORO_ASSERT(!l->borrowed && l->tail == l->head);
    oro_status st = data_open(log->path, sync, LOG_PAGE, CACHE_KIB, &tail, err);
    if (st == ORO_OK)
        l->tail = tail;
    else if (tail != NULL)
        db_close_as_is(tail);
    return st;
}

oro_status
log_sqlite_begin(struct oro_txlog *log, const char *confirmed_path, bool synced,
                 struct oro_err *err)
{
    struct log_sqlite *l = of(log);
    ORO_ASSERT(!l->borrowed && l->id != NULL && l->confirmed_fd < 0);
    l->confirmed = confirmed_now(l->id, synced, oro_txlog_end(log));
    log->confirmed = oro_txlog_end(log);
    return confirmed_make(confirmed_path, &l->confirmed, &l->confirmed_fd, err);
}

void
log_sqlite_limit(struct oro_txlog *log, unsigned pages)
{
    struct log_sqlite *l = of(log);
    turn_take(&l->turn, false);
    oro_status st =
        db_execf(l->head, NULL, "PRAGMA max_page_count = %u", pages != 0 ? pages : 0xfffffffe);
    turn_give(&l->turn);
    ORO_ASSERT(st == ORO_OK);
}
