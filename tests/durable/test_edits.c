/* Rows edited in the stopped file: the columns count, whatever type they have; what they cannot hold is said. */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/durable/durable_priv.h"
#include "tests/durable/run.h"

static const char *const lines[] = {
    "thing public id:u32:pk yes:bool small:i8 big:u64 huge:u128 ratio:f64 text:string blob:bytes "
    "who:identity link:conn at:time took:span tag:uuid maybe:opt_u32 note:opt_string tone:color "
    "nums:list_u16 both:pair",
    "bag public a:u32 b:string", "name public id:u64:pk:auto word:string:unique", NULL};

static char *dir;

static void
setup(void)
{
    dir = temp_dir_make();
}

static void
teardown(void)
{
    temp_dir_remove(dir);
}

TestSuite(edits, .init = setup, .fini = teardown, .timeout = 60);

static struct run_options
options(void)
{
    return (struct run_options){.dir = dir, .lines = lines, .mode = ORO_DURABLE_NORMAL};
}

/* As `sqlite3 game.db` does it. Gives SQLite's message, or NULL. */
static char *
sql_try(const char *sql)
{
    char *path = temp_db_path(dir), *message = NULL, *copy = NULL;
    sqlite3 *h;
    cr_assert_eq(sqlite3_open(path, &h), SQLITE_OK);
    if (sqlite3_exec(h, sql, NULL, NULL, &message) != SQLITE_OK)
        copy = oro_strdup(message);
    sqlite3_free(message);
    sqlite3_close(h);
    oro_free(path);
    return copy;
}

static void
sql_exec(const char *sql)
{
    char *message = sql_try(sql);
    cr_assert_null(message, "%s", message);
}

static void
expect_sql(const char *sql, const char *want)
{
    char *path = temp_db_path(dir);
    sqlite3 *h;
    sqlite3_stmt *s;
    struct oro_bb got = {0};
    cr_assert_eq(sqlite3_open(path, &h), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(h, sql, -1, &s, NULL), SQLITE_OK, "%s", sqlite3_errmsg(h));
    while (sqlite3_step(s) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(s); i++) {
            const char *t = (const char *)sqlite3_column_text(s, i);
            oro_bb_printf(&got, "%s%s", got.len > 0 ? "|" : "", t != NULL ? t : "NULL");
        }
    sqlite3_finalize(s);
    sqlite3_close(h);
    oro_bb_u8(&got, 0);
    cr_assert_str_eq((const char *)got.data, want);
    oro_bb_fini(&got);
    oro_free(path);
}

static void
put_thing(struct oro_bb *row, uint32_t id)
{
    struct oro_identity who = fixture_identity(0xabc);
    double ratio = 1.5;
    oro_bb_u32(row, id);
    oro_bb_u8(row, 1);
    oro_bb_u8(row, (uint8_t)-5);
    oro_bb_u64(row, 7);
    oro_bb_u64(row, 0);
    oro_bb_u64(row, 1);
    oro_bb_put(row, &ratio, 8);
    put_string(row, "it's");
    oro_bb_lenbytes(row, oro_bytes("\x00\xff", 2));
    oro_bb_put(row, who.le, 32);
    oro_bb_put(row, who.le, 16);
    oro_bb_u64(row, 1700000000000000);
    oro_bb_u64(row, (uint64_t)-1000);
    oro_bb_put(row, who.le, 16);
    oro_bb_u8(row, 0);
    oro_bb_u32(row, 42);
    oro_bb_u8(row, 1);
    oro_bb_u8(row, 1);
    oro_bb_u32(row, 2);
    oro_bb_u16(row, 1);
    oro_bb_u16(row, 2);
    oro_bb_u8(row, 3);
    put_string(row, "y");
}

static uint64_t
add_all(struct run *r)
{
    struct oro_bb row = {0};
    struct oro_tx *tx = oro_tx_begin(r->se, false);
    for (uint32_t id = 1; id <= 3; id++) {
        char word[16];
        snprintf(word, sizeof(word), "word %u", id);
        oro_bb_clear(&row);
        put_thing(&row, id);
        run_insert(r, tx, "thing", &row);
        oro_bb_clear(&row);
        oro_bb_u32(&row, id);
        put_string(&row, "in it");
        run_insert(r, tx, "bag", &row);
        oro_bb_clear(&row);
        oro_bb_u64(&row, id);
        put_string(&row, word);
        run_insert(r, tx, "name", &row);
    }
    oro_bb_fini(&row);
    return run_commit(r, tx);
}

static void
stopped(void)
{
    struct run r;
    struct run_options opt = options();
    run_must_open(&r, &opt);
    add_all(&r);
    run_close(&r);
}

/* Starts and stops: what the store has is in the tables again, rows and columns. */
static void
again(void)
{
    struct run r;
    struct run_options opt = options();
    struct oro_bb row = {0};
    run_must_open(&r, &opt);
    /* Each row once more from memory. */
    struct oro_tx *tx = oro_tx_begin(r.se, false);
    oro_bb_u32(&row, 99);
    put_string(&row, "one more");
    run_insert(&r, tx, "bag", &row);
    run_commit(&r, tx);
    run_close(&r);
    oro_bb_fini(&row);
}

static size_t
count_of(const char *table)
{
    struct run r;
    struct run_options opt = options();
    run_must_open(&r, &opt);
    size_t n = run_count(&r, table);
    run_close(&r);
    return n;
}

static void
expect_refused(const char *text)
{
    struct run r;
    struct run_options opt = options();
    struct oro_err err = {0};
    cr_assert_neq(run_open(&r, &opt, &err), ORO_OK);
    cr_assert_not_null(strstr(err.text, text), "%s", err.text);
}

/* Each type of column, changed to another value, is what the row says afterwards: the store's rows written again by a change
 * of the table's layout. */
Test(edits, of_every_type_are_taken_over)
{
    static const char *const wider[] = {
        "thing public id:u32:pk yes:bool small:i8 big:u64 huge:u128 ratio:f64 text:string "
        "blob:bytes who:identity link:conn at:time took:span tag:uuid maybe:opt_u32 "
        "note:opt_string tone:color nums:list_u16 both:pair more:u64:=1",
        "bag public a:u32 b:string", "name public id:u64:pk:auto word:string:unique", NULL};
    const char *const columns =
        "select yes, small, big, huge, ratio, text, hex(blob), who, link, at, took, tag, maybe, "
        "note, tone, nums from thing where id = 2";
    const char *const want =
        "0|-7|18446744073709551614|340282366920938463463374607431768211455|-0.25|Grüße|ABCD|"
        "00000000000000000000000000000000000000000000000000000000000000ff|"
        "000000000000000000000000000000ff|5|6|00000000-0000-0000-0000-0000000000ff|NULL|n|Red|[7,8,"
        "9]";
    stopped();
    sql_exec(
        "update thing set yes = 0, small = -7, big = '18446744073709551614', huge = "
        "'340282366920938463463374607431768211455', ratio = -0.25, text = 'Grüße', blob = "
        "x'abcd', who = printf('%064x', 255), link = printf('%032x', 255), at = 5, took = 6, "
        "tag = '00000000-0000-0000-0000-0000000000ff', maybe = null, note = 'n', tone = 'Red', "
        "nums = '[7,8,9]' where id = 2");
    cr_assert_eq(count_of("thing"), 3);
    expect_sql(columns, want);
    expect_sql("select count(*) from _orochi_edits", "0");
    struct run r;
    struct run_options opt = options();
    opt.lines = wider; /* every column is written anew from the row */
    run_must_open(&r, &opt);
    run_close(&r);
    expect_sql(columns, want);
}

Test(edits, keys_may_change_and_be_exchanged)
{
    stopped();
    sql_exec(
        "update thing set id = 30 where id = 3; update name set id = id + 10 where id < 3; "
        "update name set id = 12 where id = 11; update name set id = 11 where word = 'word 2'");
    again();
    expect_sql("select id from thing order by id", "1|2|30");
    expect_sql("select id, word from name order by id", "3|word 3|11|word 2|12|word 1");
    sql_exec("update thing set id = 1 where id = 30");
    expect_refused("two rows have one primary key (id)");
    sql_exec("update thing set id = 3 where id = 1 and text = 'x'; update thing set id = 31 where "
             "hex(_key) like '%1E'");
    again();
    expect_sql("select id from thing order by id", "1|2|31");
}

Test(edits, rows_may_be_deleted_and_not_added)
{
    stopped();
    sql_exec("delete from thing where id = 1; delete from bag where a = 2; update bag set b = "
             "'new' where a = 3");
    cr_assert_eq(count_of("thing"), 2);
    cr_assert_eq(count_of("bag"), 2);
    expect_sql("select a, b from bag order by a", "1|in it|3|new");
    char *message = sql_try("insert into thing (id, text) values (9, 'by hand')");
    cr_assert_not_null(message);
    cr_assert_not_null(strstr(message, "call a reducer"), "%s", message);
    oro_free(message);
    cr_assert_eq(count_of("thing"), 2);
}

Test(edits, a_table_that_was_dropped_or_renamed_is_told)
{
    stopped();
    sql_exec("alter table bag rename to sack");
    expect_refused("table bag is not there");
    expect_refused("RENAME TO");
    sql_exec("alter table sack rename to bag");
    cr_assert_eq(count_of("bag"), 3);
    sql_exec("drop table bag");
    expect_refused("Restore a backup");
}

Test(edits, that_no_type_can_hold_are_refused)
{
    static const char *const bad[][2] = {
        {"update thing set small = 300 where id = 1", "column small holds '300'"},
        {"update thing set tone = 'Mauve' where id = 1", "column tone holds 'Mauve'"},
        {"update thing set text = null where id = 1", "column text holds NULL"},
        {"update thing set who = 'abc' where id = 1", "column who holds 'abc'"},
        {"update thing set nums = '[1,' where id = 1", "column nums holds '[1,'"},
        {"update thing set yes = 2 where id = 1", "column yes holds '2'"},
    };
    stopped();
    for (size_t i = 0; i < ORO_ARRAY_LEN(bad); i++) {
        char *keep = oro_asprintf("cp %s/game.db %s/kept", dir, dir),
             *back = oro_asprintf("mv %s/kept %s/game.db; rm -f %s/game.db-*", dir, dir, dir);
        cr_assert_eq(system(keep), 0);
        sql_exec(bad[i][0]);
        expect_refused(bad[i][1]);
        expect_refused("Correct it with sqlite3");
        cr_assert_eq(system(back), 0);
        oro_free(keep);
        oro_free(back);
    }
    cr_assert_eq(count_of("thing"), 3);
}

Test(edits, a_unique_value_twice_is_refused_and_can_be_corrected)
{
    stopped();
    sql_exec("update name set word = 'word 1' where id = 2");
    expect_refused("Two rows have one value of a unique column");
    expect_refused("where the module has made it unique only now, take that back");
    sql_exec("update name set word = 'word 9' where id = 2");
    again();
    expect_sql("select word from name order by id", "word 1|word 9|word 3");
}

static void
crash_with_a_log(void)
{
    struct run r;
    struct run_options opt = options();
    run_must_open(&r, &opt);
    run_wait_durable(&r, add_all(&r));
    oro_durable_checkpoint(r.durable, 10000000);
    struct oro_bb row = {0};
    struct oro_err err;
    struct oro_tx *tx = oro_tx_begin(r.se, false);
    const struct oro_table_def *t = fixture_table(r.schema, "name");
    for (uint64_t id = 1; id <= 2; id++) {
        oro_bb_clear(&row);
        oro_bb_u64(&row, id);
        put_string(&row, id == 1 ? "later 1" : "later 2");
        ORO_ASSERT(oro_tx_update(tx, t, fixture_index(t, "id"), oro_bb_bytes(&row), NULL, &err) ==
                   ORO_OK);
    }
    run_wait_durable(&r, run_commit(&r, tx));
}

/* The log has newer versions of both rows: an edit of the file after that is newer still. */
Test(edits, after_a_crash_go_on_top_of_the_log)
{
    pid_t pid = fork();
    if (pid == 0) {
        crash_with_a_log();
        _exit(0);
    }
    ORO_ASSERT(waitpid(pid, NULL, 0) == pid);
    sql_exec("update name set word = 'by hand' where id = 2");
    again();
    expect_sql("select word from name order by id", "later 1|by hand|word 3");
}

static void
crash_with_other_columns(void)
{
    struct run r;
    struct run_options opt = options();
    struct oro_err err;
    struct oro_bb row = {0};
    run_must_open(&r, &opt);
    run_wait_durable(&r, add_all(&r));
    oro_durable_checkpoint(r.durable, 10000000);
    struct oro_tx *tx = oro_tx_begin(r.se, false);
    const struct oro_table_def *t = fixture_table(r.schema, "thing");
    put_thing(&row, 1);
    row.data[5] = 44; /* small */
    row.data[6] = 9;  /* big */
    ORO_ASSERT(oro_tx_update(tx, t, fixture_index(t, "id"), oro_bb_bytes(&row), NULL, &err) ==
               ORO_OK);
    oro_bb_clear(&row);
    put_thing(&row, 3);
    ORO_ASSERT(oro_tx_delete_row(tx, t, oro_bb_bytes(&row)) == ORO_OK);
    run_wait_durable(&r, run_commit(&r, tx));
}

/* What was confirmed and nobody has edited stays: other columns of the row, and that it was deleted. */
Test(edits, of_one_column_leave_the_others_as_the_log_has_them)
{
    pid_t pid = fork();
    if (pid == 0) {
        crash_with_other_columns();
        _exit(0);
    }
    ORO_ASSERT(waitpid(pid, NULL, 0) == pid);
    sql_exec("update thing set text = 'by hand', small = 3 where id <> 2");
    again();
    expect_sql("select id, small, big, text from thing order by id", "1|3|9|by hand|2|-5|7|it's");
}

/* A wrong bit in a column is no edit: the row holds. */
Test(edits, none_where_nobody_said_so)
{
    stopped();
    sql_exec("drop trigger _orochi_edit_3; update name set word = 'wrong' where id = 1");
    struct run r;
    struct run_options opt = options();
    struct oro_rows rows;
    run_must_open(&r, &opt);
    oro_read_begin(r.se);
    oro_read_scan(r.se, fixture_table(r.schema, "name"), &rows);
    for (size_t i = 0; i < rows.n; i++)
        cr_assert_neq(memcmp(rows.rows[i].data + 12, "wrong", 5), 0);
    oro_read_end(r.se);
    run_close(&r);
}
