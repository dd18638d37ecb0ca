/* The log's encoding, without a disk: what a commit becomes, and that damaged bytes are noticed. */
#include <criterion/criterion.h>
#include <string.h>

#include "runtime/base/crc.h"
#include "runtime/log/record.h"
#include "tests/subs/db.h"

static const char *const lines[] = {
    "player public id:u64:pk name:string",
    "bag public owner:u32 kind:u8",
    "blast event n:u32",
    NULL,
};
static const uint32_t stored[] = {7, 300, 0};

static struct db db;
static struct record_writer w;

static void
setup(void)
{
    db = db_open(lines);
    record_begin(&w, 0);
}

static void
teardown(void)
{
    record_fini(&w);
    db_close(&db);
}

TestSuite(record, .init = setup, .fini = teardown);

static void
player(uint64_t id, const char *name, bool update)
{
    const struct oro_table_def *t = fixture_table(db.schema, "player");
    struct oro_bb row = {0};
    struct oro_err err;
    oro_bb_u64(&row, id);
    put_string(&row, name);
    oro_status st =
        update ? oro_tx_update(db.tx, t, fixture_index(t, "id"), oro_bb_bytes(&row), NULL, &err)
               : oro_tx_insert(db.tx, t, oro_bb_bytes(&row), NULL, &err);
    cr_assert_eq(st, ORO_OK);
    oro_bb_fini(&row);
}

static void
encode(const struct oro_commit *c)
{
    struct record_ids ids = {db.schema, stored};
    record_put(&w, &ids, c);
}

static struct record_reader
reader(void)
{
    return record_reader(oro_bb_bytes(&w.out), 1);
}

Test(record, bytes_of_a_transaction)
{
    uint64_t id = 1;
    const struct oro_table_def *t = fixture_table(db.schema, "player");
    db_begin(&db);
    player(1, "a", false);
    encode(db_commit(&db));
    db_begin(&db);
    player(1, "b", true);
    encode(db_commit(&db));
    db_begin(&db);
    cr_assert_eq(oro_tx_delete(db.tx, t, fixture_index(t, "id"), oro_bytes(&id, 8)), ORO_OK);
    encode(db_commit(&db));
    cr_assert_eq(w.last, 3);
    char hex[400];
    oro_hex(oro_bb_bytes(&w.out), hex);
    /* An update is one PUT; a delete has the key only. */
    cr_assert_str_eq(hex, "0002"
                          "01"
                          "01"
                          "00"
                          "01"
                          "07"
                          "0d"
                          "0100000000000000"
                          "01000000"
                          "61"
                          "01"
                          "01"
                          "00"
                          "01"
                          "07"
                          "0d"
                          "0100000000000000"
                          "01000000"
                          "62"
                          "01"
                          "01"
                          "00"
                          "02"
                          "07"
                          "08"
                          "0100000000000000");
}

Test(record, event_tables_leave_no_trace)
{
    struct oro_bb row = {0};
    struct oro_err err;
    oro_bb_u32(&row, 1);
    db_begin(&db);
    cr_assert_eq(
        oro_tx_insert(db.tx, fixture_table(db.schema, "blast"), oro_bb_bytes(&row), NULL, &err),
        ORO_OK);
    encode(db_commit(&db));
    cr_assert_eq(w.out.len, 0);
    db_begin(&db);
    player(5, "x", false);
    const struct oro_commit *c = db_commit(&db);
    encode(c);
    cr_assert_eq(w.last, c->offset);
    struct record_reader r = reader();
    bool more;
    cr_assert_eq(record_next_tx(&r, &more), ORO_OK);
    cr_assert_eq(r.offset, c->offset);
    oro_bb_fini(&row);
}

Test(record, whole_rows_where_there_is_no_key)
{
    struct oro_bb row = {0};
    struct oro_err err;
    const struct oro_table_def *t = fixture_table(db.schema, "bag");
    oro_bb_u32(&row, 9);
    oro_bb_u8(&row, 2);
    db_begin(&db);
    cr_assert_eq(oro_tx_insert(db.tx, t, oro_bb_bytes(&row), NULL, &err), ORO_OK);
    encode(db_commit(&db));
    db_begin(&db);
    cr_assert_eq(oro_tx_delete_row(db.tx, t, oro_bb_bytes(&row)), ORO_OK);
    encode(db_commit(&db));
    struct record_reader r = reader();
    struct record_op op;
    bool more;
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(record_next_tx(&r, &more), ORO_OK);
        cr_assert(more);
        cr_assert_eq(record_next_op(&r, &op, &more), ORO_OK);
        cr_assert_eq(op.kind, i == 0 ? RECORD_PUT : RECORD_DELETE);
        cr_assert_eq(op.table, 300);
        cr_assert(oro_bytes_eq(op.bytes, oro_bb_bytes(&row)));
    }
    cr_assert_eq(record_next_tx(&r, &more), ORO_OK);
    cr_assert_not(more);
    oro_bb_fini(&row);
}

/* ---- calls ---- */

static void
commit_call(const struct oro_call *call, uint32_t reducer, int64_t time_us)
{
    struct oro_origin origin = {
        .kind = 3, .reducer = reducer, .timestamp_us = time_us, .call = call};
    uint64_t seq;
    cr_assert_eq(oro_tx_commit(db.tx, &origin, &seq), ORO_OK);
    encode(oro_cursor_next(db.cursor));
}

static struct oro_call
call_by(unsigned who, const char *function, const char *args)
{
    struct oro_call c = {.sender = fixture_identity(who),
                         .function = oro_bytes_str(function),
                         .args = oro_bytes_str(args)};
    memset(c.connection.le, (int)who, sizeof(c.connection.le));
    return c;
}

static void
expect_call(struct record_reader *r, unsigned who, const char *function, const char *args,
            int64_t time_us, double dt)
{
    struct oro_identity id = fixture_identity(who);
    const struct record_call *c = &r->call;
    bool more;
    cr_assert_eq(record_next_tx(r, &more), ORO_OK);
    cr_assert(more && c->known);
    cr_assert_eq(c->kind, 3);
    cr_assert_eq(c->timestamp_us, time_us);
    cr_assert(oro_bytes_eq(c->call.function, oro_bytes_str(function)));
    cr_assert(oro_bytes_eq(c->call.args, oro_bytes_str(args)));
    cr_assert_eq(memcmp(c->call.sender.le, id.le, 32), 0);
    cr_assert_eq(c->call.connection.le[0], who);
    cr_assert_eq(c->call.dt, dt);
}

/* Callers whose places in the table are the same, more of them than the table has, a name that is longer than one byte counts,
 * time that goes back, and arguments of every size up to beyond what is copied. */
Test(record, every_call_comes_back)
{
    static char name[300], args[2000];
    struct oro_buf *frame = oro_buf_new(sizeof(args));
    memset(name, 'n', sizeof(name) - 1);
    memset(frame->data, 'x', sizeof(args));
    unsigned callers = 3 * RECORD_CALLERS;
    for (unsigned i = 0; i < callers; i++) {
        struct oro_call c = call_by(i % 251, i % 3 == 0 ? name : "move", "abc");
        c.sender = fixture_identity(i);
        c.args = oro_bytes(frame->data, i % sizeof(args));
        c.frame = frame;
        c.dt = i % 7 == 0 ? 0.5 : 0;
        db_begin(&db);
        player(i, "p", false);
        commit_call(&c, i % 3 == 0 ? 0 : RECORD_NAMES, 1000000 - (int64_t)i * 1000);
    }
    oro_buf_unref(frame);
    memset(args, 'x', sizeof(args));
    struct record_reader r = reader();
    for (unsigned i = 0; i < callers; i++) {
        char *want = oro_strndup(args, i % sizeof(args));
        struct oro_identity id = fixture_identity(i);
        bool more;
        cr_assert_eq(record_next_tx(&r, &more), ORO_OK);
        cr_assert(more && r.call.known);
        cr_assert_eq(memcmp(r.call.call.sender.le, id.le, 32), 0);
        cr_assert(oro_bytes_eq(r.call.call.function, oro_bytes_str(i % 3 == 0 ? name : "move")));
        cr_assert(oro_bytes_eq(r.call.call.args, oro_bytes_str(want)));
        cr_assert_eq(r.call.timestamp_us, 1000000 - (int64_t)i * 1000);
        cr_assert_eq(r.call.call.dt, i % 7 == 0 ? 0.5 : 0);
        oro_free(want);
    }
}

/* What was said once is not said again: a transfer among few callers costs little more than its rows. */
Test(record, names_and_callers_stand_in_a_blob_once)
{
    struct oro_call ann = call_by(1, "transfer", "0123456789abcdef"), bob = ann;
    bob.sender = fixture_identity(2);
    size_t before = 0;
    for (unsigned i = 0; i < 6; i++) {
        before = w.out.len;
        db_begin(&db);
        player(i, "p", false);
        commit_call(i % 2 == 0 ? &ann : &bob, 5, 1700000000000000 + (int64_t)i * 40);
    }
    /* step, count, what, name, caller (two bytes at most), time, length, arguments; kind, table, length, row */
    cr_assert_leq(w.out.len - before, 1 + 1 + 1 + 1 + 2 + 1 + 1 + 16 + 3 + 13, "%zu",
                  w.out.len - before);
    /* And in the next blob once more, though the table of places is of this one. */
    record_begin(&w, w.last);
    uint64_t first = w.last + 1;
    db_begin(&db);
    player(100, "p", false);
    commit_call(&bob, 5, 7);
    struct record_reader r = record_reader(oro_bb_bytes(&w.out), first);
    bool more;
    cr_assert_eq(record_next_tx(&r, &more), ORO_OK);
    cr_assert(oro_bytes_eq(r.call.call.function, oro_bytes_str("transfer")));
    cr_assert_eq(memcmp(r.call.call.sender.le, bob.sender.le, 32), 0);
    cr_assert_eq(r.call.timestamp_us, 7);
}

Test(record, a_call_that_changed_nothing_is_not_kept)
{
    struct oro_call c = call_by(1, "look", "");
    db_begin(&db);
    commit_call(&c, 1, 1);
    cr_assert_eq(w.out.len, 0);
    db_begin(&db);
    player(1, "a", false);
    commit_call(&c, 1, 2);
    struct record_reader r = reader();
    expect_call(&r, 1, "look", "", 2, 0);
}

static void
put_rest(struct oro_txlog_rest *rest, struct oro_bb *to)
{
    struct oro_bytes piece;
    rest->rewind(rest);
    while (rest->next(rest, &piece)) {
        cr_assert_lt(piece.len, RECORD_PIECE + 200);
        oro_bb_put_bytes(to, piece);
    }
}

/* A transaction of more than two pieces, behind a small one: its rest comes piece by piece, as often as it is asked for, and all of
 * it together is what a reader knows. */
Test(record, a_large_transaction_in_pieces)
{
    enum { ROWS = 60000 };
    static char name[100];
    struct record_ids ids = {db.schema, stored};
    struct oro_bb once = {0}, twice = {0};
    struct record_op op;
    bool more;
    memset(name, 'n', sizeof(name) - 1);
    db_begin(&db);
    player(ROWS, "small", false);
    encode(db_commit(&db));
    cr_assert_null(record_rest(&w));
    db_begin(&db);
    for (unsigned i = 0; i < ROWS; i++)
        player(i, name, false);
    cr_assert(record_put(&w, &ids, db_commit(&db)));
    struct oro_txlog_rest *rest = record_rest(&w);
    cr_assert_not_null(rest);
    cr_assert_lt(w.out.len, RECORD_PIECE + 400);
    oro_bb_put_bytes(&once, oro_bb_bytes(&w.out));
    oro_bb_put_bytes(&twice, oro_bb_bytes(&w.out));
    put_rest(rest, &once);
    put_rest(rest, &twice);
    cr_assert(oro_bytes_eq(oro_bb_bytes(&once), oro_bb_bytes(&twice)));
    cr_assert_eq(record_size(&w), once.len);
    cr_assert_gt(once.len, 6 * RECORD_PIECE);
    struct record_reader r = record_reader(oro_bb_bytes(&once), 1);
    for (unsigned tx = 0, rows = 0; tx < 2; tx++, rows = 0) {
        cr_assert_eq(record_next_tx(&r, &more), ORO_OK);
        cr_assert(more);
        while (record_next_op(&r, &op, &more) == ORO_OK && more)
            rows++;
        cr_assert_eq(rows, tx == 0 ? 1 : ROWS);
    }
    cr_assert_eq(record_next_tx(&r, &more), ORO_OK);
    cr_assert_not(more);
    record_begin(&w, w.last);
    cr_assert_null(record_rest(&w));
    oro_bb_fini(&once);
    oro_bb_fini(&twice);
}

/* As format 4 and earlier ones wrote it. */
Test(record, blobs_without_calls_are_read)
{
    static const uint8_t old[] = {1, 1, 2, 7, 8, 1, 0, 0, 0, 0, 0, 0, 0,  /* a DELETE */
                                  3, 1, 3, 7, 0, 9, 0, 0, 0, 0, 0, 0, 0}; /* a SEQUENCE */
    struct record_reader r = record_reader(oro_bytes(old, sizeof(old)), 10);
    struct record_op op;
    bool more;
    cr_assert_eq(record_next_tx(&r, &more), ORO_OK);
    cr_assert(more && !r.call.known);
    cr_assert_eq(r.offset, 10);
    cr_assert_eq(record_next_op(&r, &op, &more), ORO_OK);
    cr_assert_eq(op.kind, RECORD_DELETE);
    cr_assert_eq(record_next_tx(&r, &more), ORO_OK);
    cr_assert_eq(r.offset, 13);
    cr_assert_eq(record_next_op(&r, &op, &more), ORO_OK);
    cr_assert_eq(op.allocated, 9);
    cr_assert_eq(record_next_tx(&r, &more), ORO_OK);
    cr_assert_not(more);
}

/* Every cut and every changed byte either still reads as transactions or is malformed; nothing is read beyond the end. */
Test(record, damaged_bytes)
{
    struct oro_call call = call_by(1, "hello", "xy");
    call.dt = 1;
    for (unsigned i = 1; i < 5; i += 2) {
        db_begin(&db);
        player(i, "hello", false);
        player(i + 1, "world", false);
        commit_call(&call, 1, 1000);
    }
    for (size_t i = 0; i < w.out.len * 256; i++) {
        uint8_t *copy = oro_alloc(w.out.len);
        memcpy(copy, w.out.data, w.out.len);
        size_t n = i < w.out.len ? i : w.out.len;
        copy[i / 256] = (uint8_t)i;
        struct record_reader r = record_reader(oro_bytes(copy, n), 1);
        struct record_op op;
        bool tx = true, more;
        oro_status st;
        while ((st = record_next_tx(&r, &tx)) == ORO_OK && tx)
            while ((st = record_next_op(&r, &op, &more)) == ORO_OK && more)
                ;
        cr_assert(st == ORO_OK || st == ORO_EMALFORMED);
        oro_free(copy);
    }
}

Test(record, crc32c_of_the_standard)
{
    cr_assert_eq(crc32c(0, oro_bytes_str("123456789")), 0xe3069283u);
    uint8_t zeros[32] = {0};
    cr_assert_eq(crc32c(0, oro_bytes(zeros, 32)), 0x8a9136aau);
    cr_assert_eq(crc32c(crc32c(0, oro_bytes_str("12345")), oro_bytes_str("6789")), 0xe3069283u);
    /* Whichever way it takes, the other gives the same. */
    uint8_t bytes[100];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (unsigned from = 0; from < 9; from++)
        for (unsigned n = 0; from + n <= sizeof(bytes); n++)
            cr_assert_eq(crc32c(7, oro_bytes(bytes + from, n)),
                         crc32c_by_tables(7, oro_bytes(bytes + from, n)));
}
