/* What goes wrong with the files or around them: a full disk, locks, parts that are missing or damaged; and how it is told. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/durable/backup.h"
#include "runtime/durable/durable_priv.h"
#include "tests/durable/game.h"

TestSuite(trouble, .init = game_setup, .fini = game_teardown, .timeout = 120);

Test(trouble, full_disk_keeps_everything_and_goes_on)
{
    struct run r;
    struct run_options opt = options(lines);
    struct oro_bb row = {0}, before = {0}, after = {0};
    char name[20000];
    run_must_open(&r, &opt);
    run_wait_durable(&r, add_player(&r, 1, "before"));
    cr_assert_null(oro_durable_trouble(r.durable));
    oro_durable_test_limit(r.durable, 1); /* as large as it is */
    uint64_t seq = 0;
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    for (unsigned i = 2; i < 60; i++) {
        snprintf(name, 10, "%u", i);
        name[strlen(name)] = '-';
        struct oro_tx *tx = oro_tx_begin(r.se, false);
        put_player(&row, i, name, 1);
        run_insert(&r, tx, "player", &row);
        seq = run_commit(&r, tx);
    }
    while (oro_durable_trouble(r.durable) == NULL)
        usleep(1000);
    cr_assert_str_eq(oro_durable_trouble(r.durable), "disk full");
    cr_assert_lt(oro_durable_seq(r.durable), seq);
    oro_durable_test_limit(r.durable, 0);
    run_wait_durable(&r, seq);
    cr_assert_null(oro_durable_trouble(r.durable));
    run_dump(&r, &before);
    run_close(&r);
    run_must_open(&r, &opt);
    run_dump(&r, &after);
    cr_assert(oro_bytes_eq(oro_bb_bytes(&before), oro_bb_bytes(&after)));
    run_close(&r);
    oro_bb_fini(&row);
    oro_bb_fini(&before);
    oro_bb_fini(&after);
}

/* Somebody in the sqlite3 program has begun a transaction and went for coffee. */
Test(trouble, a_lock_held_by_another_program_is_waited_out)
{
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    run_wait_durable(&r, add_player(&r, 1, "before"));
    /* On the tables: only a checkpoint waits. */
    sqlite3 *reader = sql_open(false);
    cr_assert_eq(sqlite3_exec(reader, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    run_wait_durable(&r, add_player(&r, 3, "at once"));
    cr_assert_eq(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(reader);
    sqlite3 *other = sql_open(true);
    cr_assert_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    uint64_t seq = add_player(&r, 2, "meanwhile");
    while (oro_durable_trouble(r.durable) == NULL)
        usleep(1000);
    cr_assert_lt(oro_durable_seq(r.durable), seq);
    cr_assert_eq(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    run_wait_durable(&r, seq);
    cr_assert_null(oro_durable_trouble(r.durable));
    run_close(&r);
    expect_sql("select count(*) from player", "3");
}

Test(trouble, second_server_is_refused)
{
    struct run r, second;
    struct run_options opt = options(lines);
    struct oro_err err;
    char pid[40];
    run_must_open(&r, &opt);
    cr_assert_eq(run_open(&second, &opt, &err), ORO_EIO);
    snprintf(pid, sizeof(pid), "process %d", (int)getpid());
    cr_assert(strstr(err.text, "in use by another server") != NULL && strstr(err.text, pid) != NULL,
              "%s", err.text);
    run_close(&r);
    run_must_open(&r, &opt);
    run_close(&r);
}

/* What the message offers. */
static void
expect_repaired(const char *words, size_t players)
{
    struct run r;
    struct run_options opt = options(lines);
    struct oro_err err = {0};
    char *file = oro_asprintf("%s/copy", dir), *report;
    cr_assert_eq(oro_repair(dir, NULL, file, false, &report, &err), ORO_OK, "%s", err.text);
    cr_assert_not_null(strstr(report, words), "%s", report);
    cr_assert_eq(oro_restore(file, dir, NULL, true, &err), ORO_OK, "%s", err.text);
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), players);
    run_wait_durable(&r, add_player(&r, 100, "new"));
    run_close(&r);
    expect_one_file();
    expect_sql("select name from player where id = 100", "new");
    oro_free(report);
    oro_free(file);
}

Test(trouble, damaged_log_is_reported)
{
    crash_after(five_group_commits);
    expect_sql("select first_offset, last_offset from _orochi_log", "1|1\n2|2\n3|3\n4|4\n5|5");
    sql_exec("update _orochi_log set records = cast(replace(records, 'player 3', 'player 8') as "
             "blob) where first_offset = 3");
    expect_refused(lines, ORO_EMALFORMED,
                   "a wrong checksum in the group commit of transactions 3 to 3");
    sql_exec("update _orochi_log set records = cast(replace(records, 'player 8', 'player 3') as "
             "blob) where first_offset = 3");
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), 5);
    run_close(&r);
}

Test(trouble, missing_part_of_the_log_is_reported)
{
    crash_after(five_group_commits);
    sql_exec("delete from _orochi_log where first_offset = 2");
    expect_refused(lines, ORO_EMALFORMED,
                   "transaction 2 should come next, but the next group commit has 3 to 3");
    expect_repaired("lost: transactions 2 to 5, which were confirmed", 1);
}

/* The log belongs to one file of tables, and a file of tables that was not closed needs its log. */
Test(trouble, a_log_of_other_data_or_none_is_reported)
{
    char *path = temp_db_path(dir), *log_path = log_path_of(path);
    char *away = oro_asprintf("%s/away", dir);
    crash_after(five_group_commits);
    cr_assert_eq(rename(log_path, away), 0);
    expect_refused(lines, ORO_EMALFORMED, "game.db-log, which is missing");
    cr_assert_eq(rename(away, log_path), 0);
    sql_exec("update _orochi_meta set value = 'x' where key = '_log'");
    expect_refused(lines, ORO_EMALFORMED, "game.db-log, which is of other data");
    expect_repaired("its log is missing, unreadable or of other data", 0);
    oro_free(away);
    oro_free(path);
    oro_free(log_path);
}

static void
checkpoint_then_crash(void)
{
    struct run r;
    struct run_options opt = options(lines);
    opt.checkpoint_bytes = 1;
    run_must_open(&r, &opt);
    run_wait_durable(&r, add_player(&r, 6, "player 6"));
    while (atomic_load(&r.durable->log_bytes) > 0)
        usleep(1000);
}

/* A crash between the commit of the tables and the dropping of the log: the same transactions are in both. */
Test(trouble, transactions_in_both_files_count_once)
{
    char *path = temp_db_path(dir), *log_path = log_path_of(path);
    char *sql = oro_asprintf("attach '%s' as l; create temp table t as select * from l._orochi_log",
                             log_path);
    crash_after(five_group_commits);
    sqlite3 *h = sql_open(false);
    cr_assert_eq(sqlite3_exec(h, sql, NULL, NULL, NULL), SQLITE_OK);
    crash_after(checkpoint_then_crash);
    expect_sql("select value from _orochi_meta where key = '_applied'", "6");
    expect_sql("select count(*) from _orochi_log", "0");
    cr_assert_eq(sqlite3_exec(h, "insert into l._orochi_log select * from t", NULL, NULL, NULL),
                 SQLITE_OK);
    sqlite3_close(h);
    expect_sql("select count(*) from _orochi_log", "5");
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), 6);
    run_wait_durable(&r, add_player(&r, 7, "player 7"));
    run_close(&r);
    expect_one_file();
    expect_sql("select count(*), count(distinct id) from player", "7|7");
    oro_free(sql);
    oro_free(path);
    oro_free(log_path);
}

/* As a backup has it, and as the first format had it. */
Test(trouble, a_log_in_the_file_of_the_tables_is_read)
{
    char *path = temp_db_path(dir), *log_path = log_path_of(path);
    char *sql =
        oro_asprintf("attach '%s' as l; insert into main._orochi_log select * from l._orochi_log;"
                     "delete from main._orochi_meta where key = '_log'",
                     log_path);
    crash_after(five_group_commits);
    sqlite3 *h = sql_open(false);
    cr_assert_eq(sqlite3_exec(h, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(h);
    expect_refused(lines, ORO_EMALFORMED, "knows nothing of its log");
    cr_assert_eq(data_delete(log_path, NULL), ORO_OK);
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), 5);
    cr_assert_not(oro_durable_is_new(r.durable));
    run_wait_durable(&r, add_player(&r, 6, "player 6"));
    run_close(&r);
    expect_sql("select count(*) from player", "6");
    oro_free(sql);
    oro_free(path);
    oro_free(log_path);
}

Test(trouble, damaged_row_is_reported)
{
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    add_player(&r, 1, "x");
    run_close(&r);
    sql_exec("update player set _row = x'0102'");
    expect_refused(lines, ORO_EMALFORMED, "table player: row 1: its checksum is wrong");
}

Test(trouble, missing_rows_are_reported)
{
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    add_player(&r, 1, "x");
    add_player(&r, 2, "y");
    run_close(&r);
    /* As a damaged page loses them: without a trigger that says so. */
    sql_exec("drop trigger _orochi_delete_1; delete from player where id = 1");
    expect_refused(lines, ORO_EMALFORMED, "table player: 1 rows are found where there were 2");
}
