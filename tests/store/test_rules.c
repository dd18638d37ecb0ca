/* Rules of docs/semantics.md#tables, that hold for every type of column: sequences up to their ends (T-31..T-37), sets (T-40,
 * TY-3), several unique columns, the order of keys (T-75), direct indexes, several indexes over one column (T-76). */
#include <criterion/criterion.h>
#include <stdio.h>

#include "runtime/store/internal.h"
#include "tests/store/fixture.h"

static struct oro_schema *schema;
static struct oro_table_def *t;
static struct oro_store *store;
static struct oro_session *se;
static struct oro_tx *tx;
static struct oro_err err;

static void
setup(void)
{
    schema = fx_schema();
}

static void
begin(void)
{
    cr_assert_eq(oro_store_create(schema, NULL, &store, &err), ORO_OK);
    se = oro_session_open(store);
    tx = oro_tx_begin(se, false);
}

static void
again(void)
{
    fx_commit(tx);
    tx = oro_tx_begin(se, false);
}

static void
end(void)
{
    oro_tx_abort(tx);
    cr_assert(oro_store_check(store));
    oro_session_close(se);
    oro_store_destroy(store);
}

static void
teardown(void)
{
    fx_schema_free(schema);
}

TestSuite(rules, .init = setup, .fini = teardown);

static oro_status
insert(struct oro_bytes row)
{
    return oro_tx_insert(tx, t, row, NULL, &err);
}

/* ---- sequences ---- */

struct width {
    const char *cols;
    uint64_t last; /* the largest value that is handed out */
};

static const struct width widths[] = {
    {"id:i8 n:u8", INT8_MAX},    {"id:u8 n:u8", UINT8_MAX},       {"id:i16 n:u8", INT16_MAX},
    {"id:u16 n:u8", UINT16_MAX}, {"id:i32 n:u8", INT32_MAX},      {"id:u32 n:u8", UINT32_MAX},
    {"id:i64 n:u8", INT64_MAX},  {"id:u64 n:u8", UINT64_MAX - 1},
};

/* T-37: the last value is handed out, and after it there is none: never one that wraps around. */
Test(rules, a_sequence_ends_with_its_column)
{
    for (size_t i = 0; i < ORO_ARRAY_LEN(widths); i++) {
        struct oro_bytes got;
        t = fx_table(schema, "t", widths[i].cols, 0);
        fx_index(t, ORO_INDEX_BTREE, true, "0");
        fx_sequence(t, 0);
        cr_assert_eq(oro_store_create(schema, NULL, &store, &err), ORO_OK);
        oro_store_load_sequence(store, t, 0, widths[i].last - 1);
        se = oro_session_open(store);
        tx = oro_tx_begin(se, false);
        for (uint64_t v = widths[i].last - 1; v <= widths[i].last; v++) {
            cr_assert_eq(oro_tx_insert(tx, t, fx_row(t, (int64_t)0, (int64_t)1), &got, &err),
                         ORO_OK, "%s", widths[i].cols);
            cr_assert_eq((uint64_t)fx_int(t, got, 0), v, "%s", widths[i].cols);
        }
        for (int n = 0; n < 2; n++) {
            cr_assert_eq(insert(fx_row(t, (int64_t)0, (int64_t)1)), ORO_EFULL);
            cr_assert_not_null(strstr(err.text, "AutoIncOverflow"));
        }
        cr_assert_eq(oro_tx_count(tx, t), 2);
        again();
        cr_assert_eq(insert(fx_row(t, (int64_t)0, (int64_t)1)), ORO_EFULL, "not after a commit");
        end();
        fx_schema_free(schema);
        schema = fx_schema();
    }
}

/* T-35: what is reserved, and lost by a crash, is a small part of the column's range. */
Test(rules, a_narrow_sequence_lasts_for_many_restarts)
{
    for (size_t i = 0; i < ORO_ARRAY_LEN(widths); i++) {
        t = fx_table(schema, "t", widths[i].cols, 0);
        fx_index(t, ORO_INDEX_BTREE, true, "0");
        fx_sequence(t, 0);
        begin();
        cr_assert_eq(insert(fx_row(t, (int64_t)0, (int64_t)1)), ORO_OK);
        again();
        uint64_t reserved = atomic_load(&store->tables[0].seqs[0].allocated) - 1;
        cr_assert_geq(reserved, 1);
        cr_assert_leq(reserved, widths[i].last / 100, "%s: %llu", widths[i].cols,
                      (unsigned long long)reserved);
        end();
        fx_schema_free(schema);
        schema = fx_schema();
    }
}

/* T-31: 0 is replaced on update too; T-34: what was taken stays taken; T-50: clear is no reset. */
Test(rules, zero_takes_the_next_value_on_update_and_after_clear)
{
    struct oro_bytes got;
    t = fx_table(schema, "t", "name:string seq:u32", 0);
    const struct oro_index_def *by_name = fx_index(t, ORO_INDEX_BTREE, true, "0");
    fx_sequence(t, 1);
    begin();
    cr_assert_eq(oro_tx_insert(tx, t, fx_row(t, "a", (int64_t)0), &got, &err), ORO_OK);
    cr_assert_eq(fx_int(t, got, 1), 1);
    again();
    cr_assert_eq(oro_tx_update(tx, t, by_name, fx_row(t, "a", (int64_t)0), &got, &err), ORO_OK);
    cr_assert_eq(fx_int(t, got, 1), 2);
    cr_assert_eq(oro_tx_upsert(tx, t, by_name, fx_row(t, "a", (int64_t)0), &got, &err), ORO_OK);
    cr_assert_eq(fx_int(t, got, 1), 3);
    cr_assert_eq(oro_tx_update(tx, t, by_name, fx_row(t, "b", (int64_t)0), &got, &err),
                 ORO_ENOTFOUND);
    again();
    cr_assert_eq(oro_tx_clear(tx, t), 1);
    cr_assert_eq(oro_tx_clear(tx, t), 0);
    again();
    cr_assert_eq(oro_tx_count(tx, t), 0);
    cr_assert_eq(oro_tx_insert(tx, t, fx_row(t, "a", (int64_t)0), &got, &err), ORO_OK);
    cr_assert_eq(fx_int(t, got, 1), 5, "4 went with the update that found no row");
    /* T-33: a value given does not move the sequence. */
    cr_assert_eq(oro_tx_insert(tx, t, fx_row(t, "z", (int64_t)100), &got, &err), ORO_OK);
    cr_assert_eq(oro_tx_insert(tx, t, fx_row(t, "y", (int64_t)0), &got, &err), ORO_OK);
    cr_assert_eq(fx_int(t, got, 1), 6);
    end();
}

/* Two sequences of one table count by themselves. */
Test(rules, each_sequence_counts_by_itself)
{
    struct oro_bytes got;
    t = fx_table(schema, "t", "id:u64 serial:i16", 0);
    fx_index(t, ORO_INDEX_BTREE, true, "0");
    fx_sequence(t, 0);
    fx_sequence(t, 1);
    begin();
    for (int i = 1; i <= 3; i++) {
        cr_assert_eq(
            oro_tx_insert(tx, t, fx_row(t, (int64_t)0, (int64_t)(i == 2 ? 77 : 0)), &got, &err),
            ORO_OK);
        cr_assert_eq(fx_int(t, got, 0), i);
        cr_assert_eq(fx_int(t, got, 1), i == 2 ? 77 : (i + 1) / 2);
    }
    end();
}

/* ---- sets and unique columns ---- */

/* T-40: an equal row is no violation, whatever is unique; T-21: each unique column is looked at. */
Test(rules, several_unique_columns)
{
    t = fx_table(schema, "t", "id:u32 name:string pos:i16 note:u8", 0);
    fx_index(t, ORO_INDEX_BTREE, true, "0");
    fx_index(t, ORO_INDEX_HASH, true, "1");
    fx_index(t, ORO_INDEX_BTREE, true, "2,3"); /* over two columns together */
    begin();
    for (int64_t round = 0; round < 2; round++) { /* own rows, then committed ones */
        cr_assert_eq(insert(fx_row(t, (int64_t)1, "a", (int64_t)-5, (int64_t)9)), ORO_OK);
        cr_assert_eq(insert(fx_row(t, (int64_t)2, "b", (int64_t)-5, (int64_t)8)), ORO_OK);
        cr_assert_eq(insert(fx_row(t, (int64_t)1, "c", (int64_t)0, (int64_t)0)), ORO_EEXISTS);
        cr_assert_not_null(strstr(err.text, "'t_id_key'"));
        cr_assert_eq(insert(fx_row(t, (int64_t)3, "a", (int64_t)0, (int64_t)0)), ORO_EEXISTS);
        cr_assert_not_null(strstr(err.text, "'t_name_key'"));
        cr_assert_eq(insert(fx_row(t, (int64_t)3, "c", (int64_t)-5, (int64_t)8)), ORO_EEXISTS);
        cr_assert_not_null(strstr(err.text, "'t_pos_note_key' in table 't': column(s): "
                                            "'[\"pos\",\"note\"]' value: [-5,8]"));
        /* Equal but for a column that nothing is about: the key decides. */
        cr_assert_eq(insert(fx_row(t, (int64_t)1, "a", (int64_t)-5, (int64_t)7)), ORO_EEXISTS);
        cr_assert_eq(oro_tx_count(tx, t), 2);
        again();
    }
    end();
}

/* TY-3: rows are their bytes, so 0.0 and -0.0 are two rows and a NaN is the same as itself. */
Test(rules, rows_are_equal_by_their_bytes)
{
    int64_t minus = (int64_t)(UINT64_C(1) << 63), nan = INT64_C(0x7ff8000000000000);
    t = fx_table(schema, "t", "x:f64", -1);
    begin();
    for (int round = 0; round < 2; round++) {
        cr_assert_eq(insert(fx_row(t, (int64_t)0)), ORO_OK);
        cr_assert_eq(insert(fx_row(t, minus)), ORO_OK);
        cr_assert_eq(insert(fx_row(t, nan)), ORO_OK);
        cr_assert_eq(insert(fx_row(t, nan + 1)), ORO_OK);
        cr_assert_eq(oro_tx_count(tx, t), 4);
        again();
    }
    cr_assert_eq(oro_tx_delete_row(tx, t, fx_row(t, nan)), ORO_OK);
    cr_assert_eq(oro_tx_delete_row(tx, t, fx_row(t, nan)), ORO_ENOTFOUND);
    cr_assert_eq(oro_tx_count(tx, t), 3);
    end();
}

/* Floats are no keys for authors (1.1); where the store is given some, equal ones are one key (TY-2), in hash indexes too,
 * narrow or wide. */
Test(rules, float_keys_are_equal_as_numbers)
{
    int64_t minus = (int64_t)(UINT64_C(1) << 63), nan = INT64_C(0x7ff8000000000000);
    t = fx_table(schema, "t", "x:f64 y:f64", -1);
    const struct oro_index_def *ix[] = {
        fx_index(t, ORO_INDEX_HASH, true, "0,1"), fx_index(t, ORO_INDEX_HASH, false, "0"),
        fx_index(t, ORO_INDEX_BTREE, false, "0,1"), fx_index(t, ORO_INDEX_BTREE, false, "1")};
    begin();
    cr_assert_eq(insert(fx_row(t, minus, nan + 1)), ORO_OK);
    cr_assert_eq(insert(fx_row(t, (int64_t)0, nan)), ORO_EEXISTS);
    again();
    cr_assert_eq(insert(fx_row(t, (int64_t)0, nan)), ORO_EEXISTS);
    for (size_t i = 0; i < ORO_ARRAY_LEN(ix); i++) {
        struct oro_rows rows;
        int64_t first = ix[i]->cols[0] == 0 ? 0 : nan;
        struct oro_range point = {.prefix = fx_key(t, ix[i], ix[i]->ncols, first, nan),
                                  .nprefix = ix[i]->ncols};
        cr_assert_eq(oro_tx_range(tx, t, ix[i], &point, &rows), ORO_OK);
        cr_assert_eq(rows.n, 1, "index %zu", i);
    }
    end();
}

/* ---- the order of keys ---- */

static void
put_ordered(const char *cols, const int64_t *low, size_t n)
{
    t = fx_table(schema, "t", cols, -1);
    fx_index(t, ORO_INDEX_BTREE, true, "0");
    begin();
    for (size_t i = 0; i < n; i++) /* downwards from the middle, then from the end */
        cr_assert_eq(insert(fx_row(t, low[(n + n / 2 - i) % n], (int64_t)1)), ORO_OK);
}

static void
are_ordered(const char *cols, const int64_t *low, size_t n)
{
    struct oro_rows rows;
    put_ordered(cols, low, n);
    for (int round = 0; round < 2; round++) { /* own rows, then committed ones */
        cr_assert_eq(oro_tx_range(tx, t, &t->indexes[0], &(struct oro_range){0}, &rows), ORO_OK);
        cr_assert_eq(rows.n, n, "%s", cols);
        for (size_t i = 0; i < n; i++) {
            struct oro_bytes want = fx_row(t, low[i], (int64_t)1);
            cr_assert(oro_bytes_eq(rows.rows[i], want), "%s: %zu", cols, i);
        }
        again();
    }
    end();
    fx_schema_free(schema);
    schema = fx_schema();
}

/* T-75. fx_row extends the sign of i128 and i256 and fills other wide ones with zeros. */
Test(rules, numbers_are_ordered_as_numbers)
{
    const int64_t u8[] = {0, 1, 2, 127, 128, 255};
    const int64_t i8[] = {-128, -127, -1, 0, 1, 127};
    const int64_t u16[] = {0, 1, 255, 256, 32767, 32768, 65535};
    const int64_t i16[] = {-32768, -256, -1, 0, 255, 256, 32767};
    const int64_t u32[] = {0, 1, 255, 65536, INT32_MAX, INT64_C(1) << 31, UINT32_MAX};
    const int64_t i32[] = {INT32_MIN, -65536, -1, 0, 1, 65536, INT32_MAX};
    const int64_t i64[] = {INT64_MIN, -(INT64_C(1) << 40), -1, 0, 1, INT64_C(1) << 40, INT64_MAX};
    const int64_t u64[] = {0, 1, INT64_MAX, INT64_MIN, -1}; /* the last two are 2^63 and 2^64-1 */
    const int64_t yes[] = {0, 1};
    are_ordered("k:u8 n:u8", u8, ORO_ARRAY_LEN(u8));
    are_ordered("k:i8 n:u8", i8, ORO_ARRAY_LEN(i8));
    are_ordered("k:u16 n:u8", u16, ORO_ARRAY_LEN(u16));
    are_ordered("k:i16 n:u8", i16, ORO_ARRAY_LEN(i16));
    are_ordered("k:u32 n:u8", u32, ORO_ARRAY_LEN(u32));
    are_ordered("k:i32 n:u8", i32, ORO_ARRAY_LEN(i32));
    are_ordered("k:i64 n:u8", i64, ORO_ARRAY_LEN(i64));
    are_ordered("k:i128 n:u8", i64, ORO_ARRAY_LEN(i64));
    are_ordered("k:u64 n:u8", u64, ORO_ARRAY_LEN(u64));
    are_ordered("k:u128 n:u8", u64, ORO_ARRAY_LEN(u64));
    are_ordered("k:u256 n:u8", u64, ORO_ARRAY_LEN(u64));
    are_ordered("k:bool n:u8", yes, ORO_ARRAY_LEN(yes));
}

/* By UTF-8 bytes; a prefix before what goes on; a NUL is a character. */
Test(rules, strings_are_ordered_by_their_bytes)
{
    const char *const in[] = {"",  "A", "Z",    "a",        "aa",           "ab",
                              "b", "z", "\x7f", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x8d"};
    t = fx_table(schema, "t", "k:string n:u16", -1);
    const struct oro_index_def *ix = fx_index(t, ORO_INDEX_BTREE, false, "0,1");
    const struct oro_index_def *hash = fx_index(t, ORO_INDEX_HASH, false, "0,1");
    begin();
    size_t n = ORO_ARRAY_LEN(in);
    for (size_t i = 0; i < 2 * n; i++)
        cr_assert_eq(insert(fx_row(t, in[i * 5 % n], (int64_t)(i / n))), ORO_OK);
    for (int round = 0; round < 2; round++) {
        struct oro_rows rows;
        cr_assert_eq(oro_tx_range(tx, t, ix, &(struct oro_range){0}, &rows), ORO_OK);
        cr_assert_eq(rows.n, 2 * n);
        for (size_t i = 0; i < 2 * n; i++) {
            struct oro_bytes row = fx_row(t, in[i / 2], (int64_t)(i % 2)), key = row;
            cr_assert(oro_bytes_eq(rows.rows[i], row), "%zu", i);
            struct oro_range point = {.prefix = key, .nprefix = 2};
            struct oro_rows one;
            cr_assert_eq(oro_tx_range(tx, t, hash, &point, &one), ORO_OK);
            cr_assert_eq(one.n, 1);
        }
        again();
    }
    end();
}

/* ---- direct indexes ---- */

static size_t
span(const struct oro_index_def *ix, int64_t lo, int64_t hi, bool open)
{
    struct oro_rows rows;
    struct oro_range r = {.has_lo = true,
                          .has_hi = true,
                          .lo_open = open,
                          .hi_open = open,
                          .lo = fx_key(t, ix, 1, lo),
                          .hi = fx_key(t, ix, 1, hi)};
    cr_assert_eq(oro_tx_range(tx, t, ix, &r, &rows), ORO_OK);
    return rows.n;
}

/* 2.6: points and ranges over u8 to u64, from the smallest to the largest value, dense or not. */
Test(rules, direct_indexes_take_points_and_ranges)
{
    static const struct {
        const char *cols;
        int64_t last;
    } kinds[] = {{"k:u8 n:u8", UINT8_MAX},
                 {"k:u16 n:u8", UINT16_MAX},
                 {"k:u32 n:u8", UINT32_MAX},
                 {"k:u64 n:u8", -1}};
    for (size_t i = 0; i < ORO_ARRAY_LEN(kinds); i++) {
        t = fx_table(schema, "t", kinds[i].cols, 0);
        const struct oro_index_def *ix = fx_index(t, ORO_INDEX_DIRECT, true, "0");
        begin();
        for (int64_t k = 0; k < 100; k++)
            cr_assert_eq(insert(fx_row(t, k, (int64_t)1)), ORO_OK);
        cr_assert_eq(insert(fx_row(t, kinds[i].last, (int64_t)1)), ORO_OK);
        cr_assert_eq(insert(fx_row(t, kinds[i].last, (int64_t)2)), ORO_EEXISTS);
        for (int round = 0; round < 2; round++) {
            struct oro_bytes row;
            cr_assert_eq(oro_tx_find(tx, t, ix, fx_key(t, ix, 1, (int64_t)0), &row), ORO_OK);
            cr_assert_eq(oro_tx_find(tx, t, ix, fx_key(t, ix, 1, (int64_t)100), &row),
                         ORO_ENOTFOUND);
            cr_assert_eq(oro_tx_find(tx, t, ix, fx_key(t, ix, 1, kinds[i].last), &row), ORO_OK);
            cr_assert_eq(span(ix, 0, kinds[i].last, false), 101);
            cr_assert_eq(span(ix, 0, kinds[i].last, true), 99);
            cr_assert_eq(span(ix, 10, 20, false), 11);
            cr_assert_eq(span(ix, 10, 20, true), 9);
            cr_assert_eq(span(ix, 99, 100, false), 1);
            cr_assert_eq(span(ix, 20, 10, false), 0);
            cr_assert_eq(span(ix, 10, 10, true), 0);
            again();
        }
        end();
        fx_schema_free(schema);
        schema = fx_schema();
    }
}

/* T-76: the same column under three indexes; all follow every change. */
Test(rules, several_indexes_over_one_column)
{
    t = fx_table(schema, "t", "id:u32 n:u8", 0);
    const struct oro_index_def *ix[] = {fx_index(t, ORO_INDEX_BTREE, true, "0"),
                                        fx_index(t, ORO_INDEX_HASH, false, "0"),
                                        fx_index(t, ORO_INDEX_DIRECT, false, "0")};
    begin();
    for (int64_t k = 0; k < 300; k++) {
        cr_assert_eq(oro_tx_upsert(tx, t, ix[0], fx_row(t, k % 50, k & 0xff), NULL, &err), ORO_OK);
        if (k % 7 == 0)
            cr_assert_eq(oro_tx_delete(tx, t, ix[0], fx_key(t, ix[0], 1, k % 50)), ORO_OK);
        if (k % 3 == 0)
            again();
        for (int64_t key = 0; key < 50; key++) {
            size_t n[3];
            for (int i = 0; i < 3; i++) {
                struct oro_rows rows;
                struct oro_range point = {.prefix = fx_key(t, ix[i], 1, key), .nprefix = 1};
                cr_assert_eq(oro_tx_range(tx, t, ix[i], &point, &rows), ORO_OK);
                n[i] = rows.n;
            }
            cr_assert(n[0] == n[1] && n[1] == n[2]);
        }
    }
    end();
}
