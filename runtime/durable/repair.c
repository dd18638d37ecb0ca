/* What can be read of damaged data, as a backup. Works on a copy of the files, in a folder beside the new file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/durable/backup.h"
#include "runtime/durable/durable_priv.h"

struct repair {
    char *from; /* the database */
    char *dir;  /* of the copies */
    char *tables, *log;
    struct db *db;
    struct frame frame;    /* text NULL: there is none */
    uint64_t applied, end; /* transactions: in the tables, and with the log that is kept */
    struct oro_bb *report;
};

/* ---- the copies ---- */

static oro_status
copy_file(const char *from, const char *to, struct oro_err *err)
{
    char buf[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
    ssize_t n = 0;
    if (in < 0 && errno == ENOENT)
        return ORO_OK;
    if (in >= 0)
        out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool bad = in < 0 || out < 0;
    while (!bad && (n = read(in, buf, sizeof(buf))) > 0)
        bad = write(out, buf, (size_t)n) != n;
    oro_status st = ORO_OK;
    if (bad || n < 0)
        st = oro_err_set(err, ORO_EIO, "cannot copy %s to %s: %s", from, to, strerror(errno));
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return st;
}

static oro_status
copies_make(struct repair *r, struct oro_err *err)
{
    static const char *const ends[] = {"", "-wal", "-log", "-log-wal"};
    oro_status st = oro_dir_make(r->dir, err);
    for (size_t i = 0; st == ORO_OK && i < ORO_ARRAY_LEN(ends); i++) {
        char *from = oro_asprintf("%s%s", r->from, ends[i]);
        char *to = oro_asprintf("%s%s", r->tables, ends[i]);
        st = copy_file(from, to, err);
        oro_free(from);
        oro_free(to);
    }
    return st;
}

static void
copies_remove(struct repair *r)
{
    DIR *d = opendir(r->dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    if (d != NULL)
        closedir(d);
    rmdir(r->dir);
}

/* ---- the log ---- */

/* Puts the group commits that follow each other into the tables' file, up to the first that is damaged. */
static oro_status
log_take(struct repair *r, struct db *from, struct oro_err *err)
{
    struct oro_txlog *log = NULL;
    struct oro_txlog_reader reader = {0};
    struct oro_txlog_batch b;
    struct db_stmt *put;
    struct oro_err bad = {0};
    bool more = true;
    oro_status st =
        db_prepare(r->db, "INSERT OR REPLACE INTO _orochi_log VALUES (?, ?, ?, ?)", &put, err);
    if (st != ORO_OK)
        return st;
    oro_status read = log_sqlite_within(from, r->log, &log, &bad);
    if (read == ORO_OK)
        read = oro_txlog_read(log, r->applied + 1, &reader, &bad);
    while (st == ORO_OK && read == ORO_OK) {
        read = oro_txlog_next(&reader, &b, &more, &bad);
        if (read != ORO_OK || !more)
            break;
        db_bind_int(put, 1, (int64_t)b.first);
        db_bind_int(put, 2, (int64_t)b.last);
        db_bind_int(put, 3, log_sum(b.first, b.last, b.records));
        db_bind_blob(put, 4, b.records);
        st = db_run(put, err);
        r->end = b.last;
    }
    if (read != ORO_OK)
        oro_bb_printf(r->report, "the log ends there: %s\n", bad.text);
    oro_txlog_read_end(&reader);
    oro_txlog_close(log, true);
    db_finalize(put);
    return st;
}

/* The log that the tables name, or the one beside tables that have forgotten it. Gives *log, NULL: there is none. */
static void
log_find(struct repair *r, const char *wanted, struct db **log)
{
    char *id = NULL;
    *log = NULL;
    if (access(r->log, F_OK) != 0 || db_open(r->log, log, NULL) != ORO_OK) {
        *log = NULL;
    } else if (log_pairing(*log, &id, NULL) != ORO_OK || id == NULL ||
               (wanted != NULL && strcmp(id, wanted) != 0)) {
        db_close(*log);
        *log = NULL;
    }
    if (*log == NULL && wanted != NULL)
        oro_bb_printf(r->report, "its log is missing, unreadable or of other data\n");
    oro_free(id);
}

/* A log of its own becomes one within the tables' file, as in every backup. */
static oro_status
repair_log(struct repair *r, struct oro_err *err)
{
    char *wanted = NULL;
    struct db *log;
    int64_t applied = 0;
    oro_status st =
        db_int(r->db, "SELECT value FROM _orochi_meta WHERE key = '_applied'", &applied, err);
    if (st == ORO_OK)
        st = log_pairing(r->db, &wanted, err);
    if (st != ORO_OK)
        return st;
    r->applied = r->end = (uint64_t)applied;
    log_find(r, wanted, &log);
    oro_free(wanted);
    st = db_exec(r->db, "BEGIN IMMEDIATE; DELETE FROM _orochi_meta WHERE key = '_log'", err);
    if (st == ORO_OK && log != NULL)
        st = log_take(r, log, err);
    if (st == ORO_OK)
        st = db_exec(r->db, "COMMIT", err);
    db_rollback(r->db);
    db_close(log);
    return st;
}

/* ---- the tables ---- */

/* Deletes the rows whose sums are wrong. */
static oro_status
repair_table(struct repair *r, const struct layout *l, struct oro_err *err)
{
    const char *key = l->def->pk >= 0 ? "_key" : "_row";
    struct oro_bb sql = {0};
    struct db_stmt *get = NULL, *del = NULL;
    uint64_t bad = 0;
    bool row;
    oro_bb_printf(&sql, "SELECT %s, _row FROM ", key);
    db_put_name(&sql, l->sql_name);
    oro_bb_u8(&sql, 0);
    oro_status st = db_prepare(r->db, (const char *)sql.data, &get, err);
    oro_bb_clear(&sql);
    oro_bb_printf(&sql, "DELETE FROM ");
    db_put_name(&sql, l->sql_name);
    oro_bb_printf(&sql, " WHERE %s = ?", key);
    oro_bb_u8(&sql, 0);
    if (st == ORO_OK)
        st = db_prepare(r->db, (const char *)sql.data, &del, err);
    while (st == ORO_OK && (st = db_step(get, &row, err)) == ORO_OK && row) {
        struct oro_bytes bytes;
        if (layout_row(db_column_bytes(get, 1), &bytes, NULL) == ORO_OK)
            continue;
        db_bind_blob(del, 1, db_column_bytes(get, 0));
        st = db_run(del, err);
        bad++;
    }
    db_finalize(get);
    db_finalize(del);
    oro_bb_fini(&sql);
    if (bad > 0)
        oro_bb_printf(r->report, "table %s: %llu damaged rows are left out\n", l->sql_name,
                      (unsigned long long)bad);
    return st == ORO_OK ? ORO_OK : oro_err_wrap(err, "table %s", l->sql_name);
}

static oro_status
repair_tables(struct repair *r, struct oro_err *err)
{
    struct catalog stored;
    oro_status st = catalog_read(r->db, &stored, err);
    if (st != ORO_OK)
        return st;
    st = db_exec(r->db, "BEGIN IMMEDIATE; DELETE FROM _orochi_rows", err);
    for (uint32_t i = 0; st == ORO_OK && i < stored.n; i++)
        st = repair_table(r, &stored.items[i], err);
    if (st == ORO_OK)
        st = db_exec(r->db, "COMMIT", err);
    db_rollback(r->db);
    catalog_fini(&stored);
    return st;
}

/* ---- all of it ---- */

static void
report_end(struct repair *r)
{
    struct confirmed c;
    char *path = confirmed_path_of(r->from);
    oro_bb_printf(r->report, "kept: the tables as of transaction %llu, and the log up to %llu\n",
                  (unsigned long long)r->applied, (unsigned long long)r->end);
    if (!confirmed_read(path, &c))
        oro_bb_printf(r->report, "whether there were later ones cannot be told\n");
    else if (c.offset > r->end)
        oro_bb_printf(r->report, "lost: transactions %llu to %llu, which were confirmed\n",
                      (unsigned long long)r->end + 1, (unsigned long long)c.offset);
    else
        oro_bb_printf(r->report, "no transaction that was confirmed is missing\n");
    oro_free(path);
}

static oro_status
repair_open(struct repair *r, const char *path, struct oro_err *err)
{
    bool empty = false;
    oro_status st = db_open(path, &r->db, err);
    if (st != ORO_OK) {
        r->db = NULL;
        return st;
    }
    st = data_format(r->db, &empty, err);
    if (st == ORO_OK && empty)
        st = oro_err_set(err, ORO_EMALFORMED, "there is no data in it");
    return st;
}

/* Where no page is missing: the file as it is, without the rows that are wrong. */
static oro_status
repair_in_place(struct repair *r, const char *name, const char *file, struct oro_err *err)
{
    oro_status st = repair_open(r, r->tables, err);
    if (st == ORO_OK)
        st = repair_log(r, err);
    if (st == ORO_OK)
        st = repair_tables(r, err);
    if (st == ORO_OK)
        st = backup_of_open(r->db, NULL, file, name, err);
    db_close(r->db);
    r->db = NULL;
    return st;
}

#define HEAD 100u /* of an SQLite file; the rest of the first page says what the tables are */

/* A copy whose head was overwritten gets that of a file like it. */
static void
head_mend(const char *damaged, const char *like)
{
    uint8_t head[HEAD], was[HEAD];
    int from = open(like, O_RDONLY | O_CLOEXEC), to = open(damaged, O_RDWR | O_CLOEXEC);
    off_t pages = to >= 0 ? lseek(to, 0, SEEK_END) / TABLES_PAGE : 0;
    bool gone = to >= 0 && pread(to, was, sizeof(was), 0) == (ssize_t)sizeof(was) &&
                memcmp(was, "SQLite format 3", 16) != 0;
    if (gone && from >= 0 && pread(from, head, sizeof(head), 0) == (ssize_t)sizeof(head)) {
        head[18] = head[19] = 2; /* it has a WAL */
        for (unsigned i = 0; i < 4; i++)
            head[28 + i] = (uint8_t)(pages >> (24 - 8 * i));
        (void)!pwrite(to, head, sizeof(head), 0);
    }
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
}

static oro_status
sample_make(const char *path, struct oro_err *err)
{
    struct db *db;
    oro_status st = db_open(path, &db, err);
    if (st != ORO_OK)
        return st;
    st = db_execf(db, err, "PRAGMA page_size = %u", TABLES_PAGE);
    if (st == ORO_OK)
        st = data_make(db, err);
    db_close(db);
    return st;
}

/* The first page, which says where the tables are, becomes that of a file without any, and then what was kept of it. */
static oro_status
page_one_mend(struct repair *r, const char *sample, struct oro_err *err)
{
    uint8_t page[TABLES_PAGE];
    struct db *db;
    struct oro_bb sql = {0};
    oro_status st = db_open(sample, &db, err);
    if (st != ORO_OK)
        return st;
    st = db_exec(db, "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema", err);
    db_close(db);
    int from = open(sample, O_RDONLY | O_CLOEXEC), to = open(r->tables, O_RDWR | O_CLOEXEC);
    off_t pages = to >= 0 ? lseek(to, 0, SEEK_END) / TABLES_PAGE : 0;
    bool done = st == ORO_OK && from >= 0 && pages > 0 &&
                pread(from, page, sizeof(page), 0) == (ssize_t)sizeof(page);
    if (done) {
        for (unsigned i = 0; i < 4; i++)
            page[28 + i] = (uint8_t)(pages >> (24 - 8 * i));
        memset(page + 32, 0, 8); /* no free pages */
        done = pwrite(to, page, sizeof(page), 0) == (ssize_t)sizeof(page);
    }
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    if (!done)
        return st != ORO_OK ? st : oro_err_set(err, ORO_EIO, "cannot write %s", r->tables);
    st = db_open(r->tables, &db, err);
    oro_bb_printf(&sql, "PRAGMA writable_schema = ON; BEGIN; DELETE FROM sqlite_schema;");
    oro_bb_put_bytes(&sql, oro_bytes_str(r->frame.pages));
    oro_bb_printf(&sql, "COMMIT; PRAGMA writable_schema = RESET");
    oro_bb_u8(&sql, 0);
    if (st == ORO_OK) {
        st = db_exec(db, (const char *)sql.data, err);
        db_close(db);
    }
    oro_bb_fini(&sql);
    return st;
}

static oro_status
open_mended(struct repair *r, const char *sample, struct oro_err *err)
{
    struct oro_err mine = {0};
    head_mend(r->tables, sample);
    oro_status st = repair_open(r, r->tables, &mine);
    if (st == ORO_OK || r->frame.text == NULL)
        return st == ORO_OK ? st : oro_err_set(err, st, "%s", mine.text);
    db_close(r->db);
    r->db = NULL;
    oro_bb_printf(r->report, "where the tables are stands in no page that can be read: taken from "
                             "what is kept beside them\n");
    st = page_one_mend(r, sample, err);
    return st == ORO_OK ? repair_open(r, r->tables, err) : st;
}

/* Else row by row, into a new file. */
static oro_status
repair_by_rows(struct repair *r, const char *name, const char *file, struct oro_err *err)
{
    char *fresh = oro_asprintf("%s/fresh.db", r->dir);
    struct db *from = NULL;
    char *sample = oro_asprintf("%s/sample.db", r->dir);
    oro_status st = copies_make(r, err);
    if (st == ORO_OK)
        st = sample_make(sample, err);
    if (st == ORO_OK)
        st = open_mended(r, sample, err);
    oro_free(sample);
    from = r->db;
    r->db = NULL;
    if (st == ORO_OK)
        st = db_open(fresh, &r->db, err);
    if (st == ORO_OK)
        st = salvage_tables(r->tables, from, r->db, r->frame.text != NULL ? r->frame.catalog : NULL,
                            r->report, err);
    if (st == ORO_OK)
        st = repair_log(r, err);
    if (st == ORO_OK)
        st = backup_of_open(r->db, NULL, file, name, err);
    db_close(r->db);
    db_close(from);
    oro_free(fresh);
    return st;
}

static oro_status
repair_copies(struct repair *r, const char *name, const char *file, struct oro_err *err)
{
    struct oro_err mine = {0};
    size_t said = r->report->len;
    oro_status st = repair_in_place(r, name, file, &mine);
    if (st == ORO_EMALFORMED || (st == ORO_EIO && r->frame.text != NULL)) {
        r->report->len = said;
        oro_bb_printf(r->report, "pages of it are damaged: %s\n", mine.text);
        st = repair_by_rows(r, name, file, &mine);
    }
    if (st == ORO_OK)
        report_end(r);
    else
        oro_err_set(err, st, "%s", mine.text);
    return st;
}

static oro_status
repair_under_lock(const char *dir, const char *name, const char *file, struct oro_bb *report,
                  struct oro_err *err)
{
    struct repair r = {.from = oro_asprintf("%s/%s.db", dir, name),
                       .dir = oro_asprintf("%s.repair", file),
                       .report = report};
    struct data_locks locks = DATA_LOCKS_NONE;
    r.tables = oro_asprintf("%s/%s.db", r.dir, name);
    r.log = log_path_of(r.tables);
    if (!frame_read(r.from, &r.frame))
        r.frame = (struct frame){0};
    oro_status st = data_check_files(dir, name, false, err);
    if (st == ORO_OK)
        st = data_lock(&locks, dir, name, err);
    if (st == ORO_OK)
        st = copies_make(&r, err);
    if (st == ORO_OK && access(r.tables, F_OK) != 0)
        st = oro_err_set(err, ORO_ENOTFOUND, "it is not there: restore a backup (orochi restore)");
    if (st == ORO_OK)
        st = repair_copies(&r, name, file, err);
    if (st != ORO_OK)
        oro_err_wrap(err, "%s", r.from);
    copies_remove(&r);
    data_unlock(&locks);
    oro_free(r.from);
    oro_free(r.frame.text);
    oro_free(r.dir);
    oro_free(r.tables);
    oro_free(r.log);
    return st;
}

oro_status
oro_repair(const char *dir, const char *name, const char *file, bool force, char **report,
           struct oro_err *err)
{
    struct oro_bb text = {0};
    char *found = NULL;
    *report = NULL;
    oro_status st = data_name(dir, name, &found, err);
    if (st == ORO_OK && !force && access(file, F_OK) == 0)
        st = oro_err_set(err, ORO_EEXISTS, "%s is there already (--force replaces it)", file);
    if (st == ORO_OK)
        st = repair_under_lock(dir, found, file, &text, err);
    if (st != ORO_OK && st != ORO_EEXISTS && text.len == 0)
        oro_bb_fini(&text);
    if (text.len > 0)
        *report = oro_strndup((const char *)text.data, text.len);
    oro_bb_fini(&text);
    oro_free(found);
    return st;
}
