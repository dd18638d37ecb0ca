/* Two transactions, one interleaving at a time: A does something, B commits something, A writes
 * elsewhere and commits. What conflicts must, and what does not touch must not. */
#include <criterion/criterion.h>

#include "runtime/store/internal.h"
#include "tests/store/fixture.h"

static struct oro_schema *schema;
static struct oro_table_def *item, *set, *log_table, *event;
static const struct oro_index_def *by_id, *by_name, *by_group, *by_name_order;
static struct oro_store *store;
static struct oro_session *sa, *sb;
static struct oro_tx *a, *b;

static void
setup(void)
{
    schema = fx_schema();
    item = fx_table(schema, "item", "id:u32 name:string group:u8 value:i64", 0);
    by_id = fx_index(item, ORO_INDEX_BTREE, true, "0");
    by_name = fx_index(item, ORO_INDEX_HASH, true, "1");
    by_group = fx_index(item, ORO_INDEX_BTREE, false, "2,0");
    by_name_order = fx_index(item, ORO_INDEX_BTREE, false, "1");
    set = fx_table(schema, "set", "x:u8", -1);
    log_table = fx_table(schema, "log", "x:u64", -1);
    event = fx_table(schema, "event", "x:u64", -1);
    event->is_event = true;
    cr_assert_eq(oro_store_create(schema, NULL, &store, NULL), ORO_OK);
    sa = oro_session_open(store);
    sb = oro_session_open(store);
    a = oro_tx_begin(sa, false);
    for (int64_t i = 1; i <= 9; i++) {
        char name[2] = {(char)('0' + i), 0};
        cr_assert_eq(oro_tx_insert(a, item, fx_row(item, i, name, i / 3, (int64_t)0), NULL, NULL),
                     ORO_OK);
    }
    cr_assert_eq(oro_tx_insert(a, set, fx_row(set, (int64_t)1), NULL, NULL), ORO_OK);
    fx_commit(a);
    a = oro_tx_begin(sa, false);
    b = oro_tx_begin(sb, false);
}

static void
teardown(void)
{
    oro_session_close(sa);
    oro_session_close(sb);
    cr_assert(oro_store_check(store));
    oro_store_destroy(store);
    fx_schema_free(schema);
}

TestSuite(conflict, .init = setup, .fini = teardown);

static oro_status
finds(struct oro_tx *tx, int64_t id)
{
    struct oro_bytes row;
    return oro_tx_find(tx, item, by_id, fx_key(item, by_id, 1, id), &row);
}

static oro_status
updates(struct oro_tx *tx, int64_t id, const char *name, int64_t group, int64_t value)
{
    return oro_tx_update(tx, item, by_id, fx_row(item, id, name, group, value), NULL, NULL);
}

static oro_status
inserts(struct oro_tx *tx, int64_t id, const char *name, int64_t group)
{
    return oro_tx_insert(tx, item, fx_row(item, id, name, group, (int64_t)0), NULL, NULL);
}

static oro_status
deletes(struct oro_tx *tx, int64_t id)
{
    return oro_tx_delete(tx, item, by_id, fx_key(item, by_id, 1, id));
}

static size_t
ranges(struct oro_tx *tx, uint8_t from, uint8_t to)
{
    struct oro_range r = {
        .has_lo = true, .has_hi = true, .lo = oro_bytes(&from, 1), .hi = oro_bytes(&to, 1)};
    struct oro_rows rows;
    cr_assert_eq(oro_tx_range(tx, item, by_group, &r, &rows), ORO_OK);
    return rows.n;
}

/* B commits, then A writes a row that nobody looks at, and commits. */
static void
ends(oro_status want)
{
    uint64_t seq;
    cr_assert_eq(oro_tx_commit(b, &fx_origin, &seq), ORO_OK);
    cr_assert_eq(oro_tx_insert(a, log_table, fx_row(log_table, (int64_t)1), NULL, NULL), ORO_OK);
    oro_status st = oro_tx_commit(a, &fx_origin, &seq);
    cr_assert_eq(st, want, "%s instead of %s", oro_status_name(st), oro_status_name(want));
    cr_assert_eq(oro_store_conflicts(store), want == ORO_ECONFLICT);
}

#define DO(expr) cr_assert_eq(expr, ORO_OK)
#define GONE(expr) cr_assert_eq(expr, ORO_ENOTFOUND)

Test(conflict, a_row_found_and_updated)
{
    DO(finds(a, 1));
    DO(updates(b, 1, "1", 0, 5));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_row_found_and_deleted)
{
    DO(finds(a, 1));
    DO(deletes(b, 1));
    ends(ORO_ECONFLICT);
}
Test(conflict, another_row_updated)
{
    DO(finds(a, 1));
    DO(updates(b, 2, "2", 0, 5));
    ends(ORO_OK);
}
Test(conflict, a_missing_row_inserted)
{
    GONE(finds(a, 11));
    DO(inserts(b, 11, "x", 0));
    ends(ORO_ECONFLICT);
}
Test(conflict, another_missing_row_inserted)
{
    GONE(finds(a, 11));
    DO(inserts(b, 12, "x", 0));
    ends(ORO_OK);
}
Test(conflict, a_missing_row_not_deleted)
{
    GONE(deletes(a, 11));
    DO(inserts(b, 11, "x", 0));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_missing_row_not_updated)
{
    GONE(updates(a, 11, "x", 0, 0));
    DO(inserts(b, 11, "x", 0));
    ends(ORO_ECONFLICT);
}
Test(conflict, both_update)
{
    DO(updates(a, 1, "1", 0, 4));
    DO(updates(b, 1, "1", 0, 5));
    ends(ORO_ECONFLICT);
}
Test(conflict, both_delete)
{
    DO(deletes(a, 1));
    DO(deletes(b, 1));
    ends(ORO_ECONFLICT);
}
Test(conflict, both_insert_one_id)
{
    DO(inserts(a, 11, "x", 0));
    DO(inserts(b, 11, "y", 0));
    ends(ORO_ECONFLICT);
}
Test(conflict, both_insert_one_name)
{
    DO(inserts(a, 11, "x", 0));
    DO(inserts(b, 12, "x", 0));
    ends(ORO_ECONFLICT);
}
Test(conflict, both_insert_one_row_of_a_set)
{
    DO(oro_tx_insert(a, set, fx_row(set, (int64_t)7), NULL, NULL));
    DO(oro_tx_insert(b, set, fx_row(set, (int64_t)7), NULL, NULL));
    ends(ORO_ECONFLICT);
}
Test(conflict, both_insert_different_rows)
{
    DO(inserts(a, 11, "x", 0));
    DO(inserts(b, 12, "y", 0));
    ends(ORO_OK);
}

Test(conflict, an_insert_refused_for_a_row_that_went)
{
    cr_assert_eq(inserts(a, 11, "1", 0), ORO_EEXISTS);
    DO(deletes(b, 1));
    ends(ORO_ECONFLICT);
}
Test(conflict, an_insert_that_changed_nothing_of_a_row_that_went)
{
    DO(oro_tx_insert(a, set, fx_row(set, (int64_t)1), NULL, NULL));
    DO(oro_tx_delete_row(b, set, fx_row(set, (int64_t)1)));
    ends(ORO_ECONFLICT);
}
Test(conflict, an_update_taken_back)
{
    DO(updates(a, 1, "1", 0, 4));
    DO(updates(a, 1, "1", 0, 0));
    cr_assert_not(oro_tx_has_writes(a));
    DO(updates(b, 1, "1", 0, 5));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_delete_taken_back)
{
    DO(deletes(a, 1));
    DO(inserts(a, 1, "1", 0));
    cr_assert_not(oro_tx_has_writes(a));
    DO(deletes(b, 1));
    ends(ORO_ECONFLICT);
}
Test(conflict, an_insert_taken_back_had_seen_that_the_name_is_free)
{
    DO(inserts(a, 11, "x", 0));
    DO(deletes(a, 11));
    DO(inserts(b, 12, "x", 0));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_name_passed_through_had_been_free)
{
    DO(updates(a, 1, "x", 0, 0));
    DO(updates(a, 1, "y", 0, 0));
    DO(inserts(b, 12, "x", 0));
    ends(ORO_ECONFLICT);
}

Test(conflict, a_range_with_a_row_more)
{
    ranges(a, 1, 1);
    DO(inserts(b, 11, "x", 1));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_range_with_a_row_less)
{
    ranges(a, 1, 1);
    DO(deletes(b, 4));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_range_with_a_row_changed)
{
    ranges(a, 1, 1);
    DO(updates(b, 4, "4", 1, 9));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_range_that_a_row_entered)
{
    ranges(a, 1, 1);
    DO(updates(b, 1, "1", 1, 0));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_range_beside)
{
    ranges(a, 1, 1);
    DO(inserts(b, 11, "x", 2));
    ends(ORO_OK);
}
Test(conflict, an_empty_range_filled)
{
    cr_assert_eq(ranges(a, 100, 120), 0);
    DO(inserts(b, 11, "x", 110));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_scan)
{
    struct oro_rows rows;
    oro_tx_scan(a, item, &rows);
    DO(updates(b, 1, "1", 0, 4));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_scan_of_another_table)
{
    struct oro_rows rows;
    oro_tx_scan(a, set, &rows);
    DO(updates(b, 1, "1", 0, 4));
    ends(ORO_OK);
}
Test(conflict, a_count_changed)
{
    oro_tx_count(a, item);
    DO(deletes(b, 1));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_count_kept)
{
    oro_tx_count(a, item);
    DO(updates(b, 1, "1", 0, 4));
    ends(ORO_OK);
}
Test(conflict, a_clear)
{
    cr_assert_eq(oro_tx_clear(a, item), 9);
    DO(inserts(b, 11, "x", 0));
    ends(ORO_ECONFLICT);
}
Test(conflict, events_are_nobodys_business)
{
    struct oro_rows rows;
    oro_tx_scan(a, event, &rows);
    DO(oro_tx_insert(a, event, fx_row(event, (int64_t)1), NULL, NULL));
    DO(oro_tx_insert(b, event, fx_row(event, (int64_t)1), NULL, NULL));
    ends(ORO_OK);
}

Test(conflict, blind_writers_of_different_rows_pass)
{
    DO(updates(a, 1, "1", 0, 4));
    DO(updates(b, 2, "2", 0, 4));
    ends(ORO_OK);
}

Test(conflict, reading_only_never_conflicts)
{
    uint64_t seq;
    DO(finds(a, 1));
    DO(deletes(b, 1));
    fx_commit(b);
    cr_assert_eq(oro_tx_commit(a, &fx_origin, &seq), ORO_OK);
    cr_assert_eq(seq, 3);
}

Test(conflict, an_exception_on_stale_reads_is_a_retry)
{
    DO(finds(a, 1));
    DO(deletes(b, 1));
    fx_commit(b);
    cr_assert_eq(oro_tx_validate_abort(a), ORO_ECONFLICT);
    a = oro_tx_begin(sa, false);
    GONE(finds(a, 1));
    cr_assert_eq(oro_tx_validate_abort(a), ORO_OK);
}

Test(conflict, a_snapshot_stays_while_others_commit)
{
    DO(deletes(b, 1));
    DO(updates(b, 2, "z", 0, 7));
    fx_commit(b);
    DO(finds(a, 1));
    struct oro_bytes row;
    cr_assert_eq(oro_tx_find(a, item, by_name, fx_key(item, by_name, 1, "2"), &row), ORO_OK);
    cr_assert_eq(oro_tx_find(a, item, by_name, fx_key(item, by_name, 1, "z"), &row), ORO_ENOTFOUND);
    cr_assert_eq(oro_tx_count(a, item), 9);
    cr_assert_eq(oro_store_row_count(store, item), 8);
    oro_tx_abort(a);
}

Test(conflict, the_conflicting_one_leaves_no_trace)
{
    DO(updates(a, 1, "1", 0, 4));
    DO(inserts(a, 11, "x", 0));
    DO(updates(b, 1, "1", 0, 5));
    ends(ORO_ECONFLICT);
    a = oro_tx_begin(sa, false);
    GONE(finds(a, 11));
    DO(finds(a, 1));
    cr_assert_eq(oro_tx_count(a, log_table), 0);
    oro_tx_abort(a);
}

/* ---- ranges that were cut off: only what was read counts ---- */

/* Groups are id / 3: 0 0 1 1 1 2 2 2 3. Gives the id of the last row read. */
static int64_t
reads(struct oro_tx *tx, bool reverse, size_t limit)
{
    struct oro_range r = {.reverse = reverse, .limit = limit};
    struct oro_rows rows;
    cr_assert_eq(oro_tx_range(tx, item, by_group, &r, &rows), ORO_OK);
    return rows.n > 0 ? fx_int(item, rows.rows[rows.n - 1], 0) : 0;
}

Test(conflict, behind_the_first_rows)
{
    cr_assert_eq(reads(a, false, 3), 3);
    DO(updates(b, 4, "4", 1, 5));
    DO(inserts(b, 10, "x", 200));
    ends(ORO_OK);
}
Test(conflict, among_the_first_rows)
{
    cr_assert_eq(reads(a, false, 3), 3);
    DO(updates(b, 2, "2", 0, 5));
    ends(ORO_ECONFLICT);
}
Test(conflict, the_last_of_the_first_rows)
{
    cr_assert_eq(reads(a, false, 3), 3);
    DO(deletes(b, 3));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_row_more_before_the_first)
{
    cr_assert_eq(reads(a, false, 1), 1);
    DO(inserts(b, 0, "x", 0));
    ends(ORO_ECONFLICT);
}
Test(conflict, before_the_last_rows)
{
    cr_assert_eq(reads(a, true, 2), 8);
    DO(updates(b, 7, "7", 2, 5));
    DO(inserts(b, 0, "x", 0));
    ends(ORO_OK);
}
Test(conflict, among_the_last_rows)
{
    cr_assert_eq(reads(a, true, 2), 8);
    DO(deletes(b, 8));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_row_more_behind_the_last)
{
    cr_assert_eq(reads(a, true, 1), 9);
    DO(inserts(b, 10, "x", 200));
    ends(ORO_ECONFLICT);
}
Test(conflict, fewer_rows_than_wanted)
{
    cr_assert_eq(reads(a, true, 100), 1);
    DO(inserts(b, 10, "x", 200));
    ends(ORO_ECONFLICT);
}
Test(conflict, first_rows_that_are_its_own)
{
    DO(inserts(a, 0, "x", 0));
    DO(deletes(a, 1));
    cr_assert_eq(reads(a, false, 2), 2);
    DO(updates(b, 3, "3", 1, 5));
    ends(ORO_OK);
}
Test(conflict, behind_an_own_row_nothing_was_read)
{
    DO(inserts(a, 0, "x", 0));
    cr_assert_eq(reads(a, false, 1), 0);
    DO(deletes(b, 1));
    ends(ORO_OK);
}
Test(conflict, of_wide_keys)
{
    struct oro_range r = {.reverse = true, .limit = 2};
    struct oro_rows rows;
    cr_assert_eq(oro_tx_range(a, item, by_name_order, &r, &rows), ORO_OK);
    cr_assert_eq(fx_int(item, rows.rows[1], 0), 8);
    DO(deletes(b, 7));
    DO(inserts(b, 20, "10", 0));
    ends(ORO_OK);
}
Test(conflict, among_wide_keys)
{
    struct oro_range r = {.reverse = true, .limit = 2};
    struct oro_rows rows;
    cr_assert_eq(oro_tx_range(a, item, by_name_order, &r, &rows), ORO_OK);
    DO(inserts(b, 20, "89", 0));
    ends(ORO_ECONFLICT);
}
Test(conflict, an_insert_before_the_savepoint_was_restored)
{
    struct oro_savepoint sp = oro_tx_save(a);
    DO(inserts(a, 11, "x", 0));
    oro_tx_restore(a, sp);
    cr_assert_not(oro_tx_has_writes(a));
    DO(inserts(b, 12, "x", 0)); /* a had seen that the name is free */
    ends(ORO_ECONFLICT);
}
Test(conflict, an_update_before_the_savepoint_was_restored)
{
    struct oro_savepoint sp = oro_tx_save(a);
    DO(updates(a, 1, "1", 0, 4));
    oro_tx_restore(a, sp);
    DO(updates(b, 1, "1", 0, 5));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_delete_before_the_savepoint_was_restored)
{
    struct oro_savepoint sp = oro_tx_save(a);
    DO(deletes(a, 1));
    oro_tx_restore(a, sp);
    DO(updates(b, 1, "1", 0, 5));
    ends(ORO_ECONFLICT);
}
Test(conflict, a_write_before_the_savepoint_stays)
{
    struct oro_bytes row;
    DO(updates(a, 1, "1", 0, 4));
    struct oro_savepoint sp = oro_tx_save(a);
    DO(updates(a, 1, "1", 0, 0)); /* as committed: the write goes */
    DO(deletes(a, 1));
    DO(inserts(a, 1, "x", 0));
    oro_tx_restore(a, sp);
    DO(oro_tx_find(a, item, by_id, fx_key(item, by_id, 1, (int64_t)1), &row));
    cr_assert_eq(fx_int(item, row, 3), 4);
    cr_assert(oro_tx_has_writes(a));
    DO(updates(b, 2, "2", 0, 5));
    ends(ORO_OK);
}

Test(conflict, growth_reads_nothing)
{
    DO(inserts(a, 20, "x", 0));
    cr_assert_eq(oro_tx_growth(a, item), 1);
    DO(inserts(b, 21, "y", 0));
    DO(deletes(b, 1));
    ends(ORO_OK);
}

/* What it was about, for words to the author. */
static void
clash(const struct oro_table_def *table, int kind)
{
    struct oro_clash c = oro_session_clash(sa);
    cr_assert_eq(c.table, table);
    cr_assert_eq((int)c.kind, kind);
}
Test(conflict, what_it_was_about)
{
    struct oro_rows rows;
    oro_tx_scan(a, item, &rows);
    DO(inserts(b, 12, "x", 0));
    ends(ORO_ECONFLICT);
    clash(item, ORO_CLASH_TABLE);
}
Test(conflict, that_it_was_about_a_range)
{
    ranges(a, 1, 2);
    DO(inserts(b, 12, "x", 1));
    ends(ORO_ECONFLICT);
    clash(item, ORO_CLASH_RANGE);
}
Test(conflict, that_it_was_about_a_row)
{
    DO(updates(a, 1, "1", 0, 4));
    DO(updates(b, 1, "1", 0, 5));
    ends(ORO_ECONFLICT);
    clash(item, ORO_CLASH_ROW);
}
