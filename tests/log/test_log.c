/* What log.h promises, of the log in SQLite and of one that is made here. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/buf.h"
#include "runtime/base/thread.h"
#include "runtime/log/log_sqlite.h"

static char dir[64];
static char *path, *confirmed;

static void
setup(void)
{
    snprintf(dir, sizeof(dir), "/tmp/orochi-log-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    path = oro_asprintf("%s/log", dir);
    confirmed = oro_asprintf("%s/confirmed", dir);
}

static void
teardown(void)
{
    cr_assert_eq(data_delete(path, NULL), ORO_OK);
    unlink(confirmed);
    rmdir(dir);
    oro_free(path);
    oro_free(confirmed);
}

TestSuite(log, .init = setup, .fini = teardown, .timeout = 60);

static oro_status
append(struct oro_txlog *log, uint64_t last, const char *text)
{
    struct oro_txlog_batch b = {oro_txlog_end(log) + 1, last, oro_bytes_str(text), NULL};
    oro_thread_set_role(ORO_THREAD_LOG);
    oro_status st = oro_txlog_append(log, &b, NULL);
    if (st == ORO_OK)
        oro_txlog_confirm(log, last);
    oro_thread_set_role(ORO_THREAD_OTHER);
    return st;
}

/* Batches from an offset on, as "first-last text, ..."; what went wrong at its end. Gives. */
static char *
content(struct oro_txlog *log, uint64_t from)
{
    struct oro_txlog_reader r;
    struct oro_txlog_batch b;
    struct oro_err err = {0};
    struct oro_bb out = {0};
    bool more = true;
    cr_assert_eq(oro_txlog_read(log, from, &r, NULL), ORO_OK);
    while (more) {
        if (oro_txlog_next(&r, &b, &more, &err) != ORO_OK) {
            oro_bb_printf(&out, "! %s", err.text);
            break;
        }
        if (more)
            oro_bb_printf(&out, "%llu-%llu %.*s, ", (unsigned long long)b.first,
                          (unsigned long long)b.last, (int)b.records.len,
                          (const char *)b.records.data);
    }
    oro_txlog_read_end(&r);
    oro_bb_u8(&out, 0);
    return (char *)out.data;
}

static void
expect(struct oro_txlog *log, uint64_t from, const char *want)
{
    char *got = content(log, from);
    cr_assert_str_eq(got, want);
    oro_free(got);
}

static struct oro_txlog *
make(uint64_t end)
{
    struct oro_txlog *log;
    struct oro_err err = {0};
    cr_assert_eq(log_sqlite_make(path, "FULL", end, &log, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(log_sqlite_divide(log, "FULL", &err), ORO_OK, "%s", err.text);
    cr_assert_eq(log_sqlite_begin(log, confirmed, true, &err), ORO_OK, "%s", err.text);
    return log;
}

static struct oro_txlog *
reopen(struct oro_txlog *log)
{
    struct oro_err err = {0};
    oro_txlog_close(log, true);
    cr_assert_eq(log_sqlite_open(path, "FULL", &log, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(log_sqlite_begin(log, confirmed, true, &err), ORO_OK, "%s", err.text);
    return log;
}

Test(log, what_was_appended_is_read_until_it_is_cut)
{
    struct oro_txlog *log = make(0);
    char *id = oro_strdup(log_sqlite_id(log));
    cr_assert_eq(append(log, 1, "a"), ORO_OK);
    cr_assert_eq(append(log, 5, "b"), ORO_OK);
    cr_assert_eq(append(log, 6, "c"), ORO_OK);
    expect(log, 1, "1-1 a, 2-5 b, 6-6 c, ");
    expect(log, 4, "2-5 b, 6-6 c, "); /* the batch it stands in */
    expect(log, 7, "");
    cr_assert_eq(oro_txlog_cut(log, 4, NULL), ORO_OK); /* the second is needed still */
    expect(log, 2, "2-5 b, 6-6 c, ");
    log = reopen(log);
    cr_assert_eq(oro_txlog_end(log), 6);
    cr_assert_eq(log_sqlite_dropped(log), 4);
    cr_assert_str_eq(log_sqlite_id(log), id);
    cr_assert_eq(oro_txlog_cut(log, 6, NULL), ORO_OK);
    cr_assert_eq(append(log, 7, "d"), ORO_OK);
    expect(log, 7, "7-7 d, ");
    cr_assert_eq(oro_txlog_cut(log, 7, NULL), ORO_OK);
    log = reopen(log);
    cr_assert_eq(oro_txlog_end(log), 7, "also of an empty one");
    expect(log, 8, "");
    oro_txlog_close(log, false);
    oro_free(id);
}

Test(log, one_for_tables_that_have_something_goes_on_from_there)
{
    struct oro_txlog *log = make(41);
    cr_assert_eq(append(log, 42, "x"), ORO_OK);
    expect(log, 42, "42-42 x, ");
    oro_txlog_close(log, false);
}

Test(log, gaps_and_wrong_sums_are_told)
{
    struct oro_txlog *log = make(0);
    for (uint64_t i = 1; i <= 4; i++)
        cr_assert_eq(append(log, i, "word"), ORO_OK);
    struct db *db = log_sqlite_db(log);
    cr_assert_eq(db_exec(db, "DELETE FROM _orochi_log WHERE first_offset = 2", NULL), ORO_OK);
    char *got = content(log, 1);
    cr_assert_not_null(strstr(got, "1-1 word, ! "), "%s", got);
    cr_assert_not_null(
        strstr(got, "transaction 2 should come next, but the next group commit has 3 to 3"), "%s",
        got);
    oro_free(got);
    cr_assert_eq(db_exec(db, "UPDATE _orochi_log SET records = x'00' WHERE first_offset = 4", NULL),
                 ORO_OK);
    got = content(log, 3);
    cr_assert_not_null(strstr(got, "a wrong checksum in the group commit of transactions 4 to 4"),
                       "%s", got);
    oro_free(got);
    oro_txlog_close(log, false);
}

/* ---- batches in parts ---- */

/* Gives `n` pieces: 0, 11, 222, ...; or all of so many bytes. */
struct pieces {
    struct oro_txlog_rest base;
    unsigned n, at, rewound;
    size_t bytes;
    char text[4096];
};

static void
pieces_rewind(struct oro_txlog_rest *rest)
{
    struct pieces *p = (struct pieces *)rest;
    p->at = 0;
    p->rewound++;
}

static bool
pieces_next(struct oro_txlog_rest *rest, struct oro_bytes *piece)
{
    struct pieces *p = (struct pieces *)rest;
    if (p->at == p->n)
        return false;
    memset(p->text, '0' + (int)p->at++, sizeof(p->text));
    *piece = oro_bytes(p->text, p->bytes != 0 ? p->bytes : p->at);
    return true;
}

static oro_status
append_parts(struct oro_txlog *log, uint64_t last, const char *text, unsigned n, size_t bytes)
{
    struct pieces p = {.base = {pieces_rewind, pieces_next}, .n = n, .bytes = bytes};
    struct oro_txlog_batch b = {oro_txlog_end(log) + 1, last, oro_bytes_str(text), &p.base};
    oro_thread_set_role(ORO_THREAD_LOG);
    oro_status st = oro_txlog_append(log, &b, NULL);
    if (st == ORO_OK)
        oro_txlog_confirm(log, last);
    oro_thread_set_role(ORO_THREAD_OTHER);
    cr_assert_eq(p.rewound, 1);
    return st;
}

Test(log, a_batch_in_parts_is_read_as_one)
{
    struct oro_txlog *log = make(0);
    cr_assert_eq(append(log, 1, "a"), ORO_OK);
    cr_assert_eq(append_parts(log, 2, "b", 4, 0), ORO_OK);
    cr_assert_eq(append_parts(log, 3, "c", 0, 0), ORO_OK);
    cr_assert_eq(append(log, 4, "d"), ORO_OK);
    cr_assert_eq(append_parts(log, 7, "e", 2, 0), ORO_OK);
    expect(log, 1, "1-1 a, 2-2 b0112223333, 3-3 c, 4-4 d, 5-7 e011, ");
    log = reopen(log);
    expect(log, 2, "2-2 b0112223333, 3-3 c, 4-4 d, 5-7 e011, ");
    cr_assert_eq(oro_txlog_cut(log, 3, NULL), ORO_OK);
    expect(log, 4, "4-4 d, 5-7 e011, ");
    struct db *db = log_sqlite_db(log);
    int64_t parts = 0;
    cr_assert_eq(db_int(db, "SELECT count(*) FROM _orochi_log_parts", &parts, NULL), ORO_OK);
    cr_assert_eq(parts, 2, "those of what was cut are gone");
    oro_txlog_close(log, false);
}

Test(log, a_part_that_is_missing_or_changed_is_told)
{
    static const char *const spoil[] = {
        "DELETE FROM _orochi_log_parts WHERE part = 1",
        "DELETE FROM _orochi_log_parts",
        "UPDATE _orochi_log_parts SET bytes = '22' WHERE part = 1",
        "INSERT INTO _orochi_log_parts VALUES (1, 0, 'x')",
        "DROP TABLE _orochi_log_parts",
    };
    for (size_t i = 0; i < ORO_ARRAY_LEN(spoil); i++) {
        struct oro_txlog *log = make(0);
        cr_assert_eq(append(log, 1, "a"), ORO_OK);
        cr_assert_eq(append_parts(log, 2, "b", 3, 0), ORO_OK);
        cr_assert_eq(db_exec(log_sqlite_db(log), spoil[i], NULL), ORO_OK);
        char *got = content(log, 1);
        cr_assert_not_null(strstr(got, "a wrong checksum in the group commit"), "%s: %s", spoil[i],
                           got);
        oro_free(got);
        oro_txlog_close(log, true);
        cr_assert_eq(data_delete(path, NULL), ORO_OK);
    }
}

/* No room: nothing of it is there, and the next try writes all. */
Test(log, a_batch_in_parts_is_written_whole_or_not_at_all)
{
    struct oro_txlog *log = make(0);
    cr_assert_eq(append(log, 1, "a"), ORO_OK);
    log_sqlite_limit(log, 12);
    cr_assert_eq(append_parts(log, 2, "b", 60, 4000), ORO_EFULL);
    expect(log, 1, "1-1 a, ");
    log_sqlite_limit(log, 0);
    cr_assert_eq(append_parts(log, 2, "b", 3, 0), ORO_OK);
    log = reopen(log);
    expect(log, 1, "1-1 a, 2-2 b011222, ");
    oro_txlog_close(log, false);
}

/* ---- one that fails when it is told to ---- */

struct fake {
    struct oro_txlog base;
    oro_status next;
    bool sync_fails;
    unsigned appends, confirms, cares;
};

static oro_status
fake_append(struct oro_txlog *self, const struct oro_txlog_batch *b, struct oro_err *err)
{
    struct fake *f = (struct fake *)self;
    f->appends++;
    if (f->sync_fails)
        atomic_store(&self->broken, true);
    return f->next == ORO_OK ? ORO_OK : oro_err_set(err, f->next, "no");
}

static void
fake_confirm(struct oro_txlog *self, uint64_t offset)
{
    ((struct fake *)self)->confirms++;
}

static void
fake_care(struct oro_txlog *self)
{
    ((struct fake *)self)->cares++;
}

Test(log, trouble_comes_and_goes_but_a_failed_sync_stays)
{
    static const struct oro_txlog_ops ops = {
        .append = fake_append, .confirm = fake_confirm, .care = fake_care};
    struct fake f = {0};
    struct oro_txlog *log = &f.base;
    txlog_init(log, &ops, oro_strdup("fake"), 0);
    cr_assert_eq(append(log, 1, "a"), ORO_OK);
    cr_assert_null(oro_txlog_trouble(log));
    f.next = ORO_EFULL;
    cr_assert_eq(append(log, 2, "b"), ORO_EFULL);
    cr_assert_str_eq(oro_txlog_trouble(log), "disk full");
    cr_assert_eq(oro_txlog_end(log), 1);
    f.next = ORO_EIO;
    cr_assert_eq(append(log, 2, "b"), ORO_EIO);
    cr_assert_str_eq(oro_txlog_trouble(log), "cannot write to the disk");
    f.next = ORO_OK;
    cr_assert_eq(append(log, 2, "b"), ORO_OK);
    cr_assert_null(oro_txlog_trouble(log));
    oro_txlog_care(log);
    f.next = ORO_EIO;
    f.sync_fails = true;
    cr_assert_eq(append(log, 3, "c"), ORO_EIO);
    cr_assert_str_eq(oro_txlog_trouble(log), "a sync has failed");
    f.next = ORO_OK;
    unsigned appends = f.appends;
    cr_assert_eq(append(log, 3, "c"), ORO_EIO, "never again");
    oro_txlog_care(log);
    cr_assert_eq(f.appends, appends);
    cr_assert_eq(f.cares, 1);
    cr_assert_eq(f.confirms, 2);
    cr_assert_eq(oro_txlog_end(log), 2);
    txlog_fini(log);
}
