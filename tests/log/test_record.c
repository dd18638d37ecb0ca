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

static void
setup(void)
{
    db = db_open(lines);
}

static void
teardown(void)
{
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
encode(const struct oro_commit *c, struct oro_bb *out, uint64_t *last)
{
    struct record_ids ids = {db.schema, stored};
    record_put(out, &ids, c, last);
}

Test(record, bytes_of_a_transaction)
{
    struct oro_bb out = {0};
    uint64_t last = 0, id = 1;
    const struct oro_table_def *t = fixture_table(db.schema, "player");
    db_begin(&db);
    player(1, "a", false);
    encode(db_commit(&db), &out, &last);
    db_begin(&db);
    player(1, "b", true);
    encode(db_commit(&db), &out, &last);
    db_begin(&db);
    cr_assert_eq(oro_tx_delete(db.tx, t, fixture_index(t, "id"), oro_bytes(&id, 8)), ORO_OK);
    encode(db_commit(&db), &out, &last);
    cr_assert_eq(last, 3);
    char hex[400];
    oro_hex(oro_bb_bytes(&out), hex);
    /* An update is one PUT; a delete has the key only. */
    cr_assert_str_eq(hex, "01"
                          "01"
                          "01"
                          "07"
                          "0d"
                          "0100000000000000"
                          "01000000"
                          "61"
                          "01"
                          "01"
                          "01"
                          "07"
                          "0d"
                          "0100000000000000"
                          "01000000"
                          "62"
                          "01"
                          "01"
                          "02"
                          "07"
                          "08"
                          "0100000000000000");
    oro_bb_fini(&out);
}

Test(record, event_tables_leave_no_trace)
{
    struct oro_bb out = {0}, row = {0};
    struct oro_err err;
    uint64_t last = 0;
    oro_bb_u32(&row, 1);
    db_begin(&db);
    cr_assert_eq(
        oro_tx_insert(db.tx, fixture_table(db.schema, "blast"), oro_bb_bytes(&row), NULL, &err),
        ORO_OK);
    encode(db_commit(&db), &out, &last);
    cr_assert_eq(out.len, 0);
    db_begin(&db);
    player(5, "x", false);
    const struct oro_commit *c = db_commit(&db);
    encode(c, &out, &last);
    cr_assert_eq(last, c->offset);
    struct record_reader r = record_reader(oro_bb_bytes(&out), 1);
    bool more;
    cr_assert_eq(record_next_tx(&r, &more), ORO_OK);
    cr_assert_eq(r.offset, c->offset);
    oro_bb_fini(&out);
    oro_bb_fini(&row);
}

Test(record, whole_rows_where_there_is_no_key)
{
    struct oro_bb out = {0}, row = {0};
    struct oro_err err;
    uint64_t last = 0;
    const struct oro_table_def *t = fixture_table(db.schema, "bag");
    oro_bb_u32(&row, 9);
    oro_bb_u8(&row, 2);
    db_begin(&db);
    cr_assert_eq(oro_tx_insert(db.tx, t, oro_bb_bytes(&row), NULL, &err), ORO_OK);
    encode(db_commit(&db), &out, &last);
    db_begin(&db);
    cr_assert_eq(oro_tx_delete_row(db.tx, t, oro_bb_bytes(&row)), ORO_OK);
    encode(db_commit(&db), &out, &last);
    struct record_reader r = record_reader(oro_bb_bytes(&out), 1);
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
    oro_bb_fini(&out);
    oro_bb_fini(&row);
}

/* Every cut and every changed byte either still reads as transactions or is malformed; nothing is read beyond the end. */
Test(record, damaged_bytes)
{
    struct oro_bb out = {0};
    uint64_t last = 0;
    db_begin(&db);
    player(1, "hello", false);
    player(2, "world", false);
    encode(db_commit(&db), &out, &last);
    for (size_t i = 0; i < out.len * 256; i++) {
        uint8_t *copy = oro_alloc(out.len);
        memcpy(copy, out.data, out.len);
        size_t n = i < out.len ? i : out.len;
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
    oro_bb_fini(&out);
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
