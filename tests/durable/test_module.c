/* The data of one version of a module, opened with another. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/durable/game.h"

TestSuite(module, .init = game_setup, .fini = game_teardown, .timeout = 120);

static const char *const with_new_columns[] = {
    "extra public id:u32:pk",
    "player public id:u64:pk:auto name:string:unique score:i32 level:u32:=7 bonus:u64:=9",
    "bag public owner:u32:idx kind:u8 fresh:bool:=1",
    NULL,
};

static void
expect_new_columns(void)
{
    struct run r;
    struct run_options opt = options(with_new_columns);
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), 5);
    cr_assert_eq(run_count(&r, "bag"), 1);
    run_close(&r);
    expect_sql("select id, name, level, bonus from player where id < 3",
               "1|player 1|7|9\n2|player 2|7|9");
    expect_sql("select owner, kind, fresh from bag", "3|1|1");
}

static void
five_and_a_bag(void)
{
    struct run r;
    struct run_options opt = options(lines);
    struct oro_bb row = {0};
    run_must_open(&r, &opt);
    for (unsigned i = 1; i <= 5; i++) {
        char name[20];
        snprintf(name, sizeof(name), "player %u", i);
        add_player(&r, i, name);
    }
    oro_bb_u32(&row, 3);
    oro_bb_u8(&row, 1);
    struct oro_tx *tx = oro_tx_begin(r.se, false);
    run_insert(&r, tx, "bag", &row);
    run_commit(&r, tx);
    run_close(&r);
    oro_bb_fini(&row);
}

Test(module, new_tables_and_columns_after_a_clean_stop)
{
    five_and_a_bag();
    expect_new_columns();
    expect_new_columns(); /* and once more, unchanged */
}

/* The tail of the log has rows of the old shape, and the tables have other ids. */
Test(module, new_tables_and_columns_after_a_crash)
{
    static const char *const now[] = {
        "extra public id:u32:pk",
        "bag public owner:u32:idx kind:u8",
        "player public id:u64:pk:auto name:string:unique score:i32 level:u32:=7",
        NULL,
    };
    crash_after(five_group_commits);
    struct run r;
    struct run_options opt = options(now);
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), 5);
    run_close(&r);
    expect_sql("select id, name, level from player where id = 5", "5|player 5|7");
}

Test(module, reordered_tables_keep_their_rows_after_a_crash)
{
    static const char *const now[] = {
        "blast event n:u32",
        "bag public owner:u32:idx kind:u8",
        "another public id:u32:pk",
        "player public id:u64:pk:auto name:string:unique score:i32",
        NULL,
    };
    crash_after(five_group_commits);
    struct run r;
    struct run_options opt = options(now);
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), 5);
    run_close(&r);
}

Test(module, every_reason_is_given)
{
    static const char *const now[] = {
        "player public id:u64:pk:auto score:i32 name:u32 level:u32",
        NULL,
    };
    struct run r;
    struct run_options opt = options(now);
    struct oro_err err = {0};
    static const char *const reasons[] = {
        "Changing the type of column name in table player from String to U32 requires a",
        "Reordering table player requires a manual migration",
        "Adding a column level to table player requires a default value annotation",
        "Cannot remove table `bag`: table contains data (1 rows)",
        "--delete-data",
    };
    five_and_a_bag();
    cr_assert_eq(run_open(&r, &opt, &err), ORO_EINVAL);
    for (size_t i = 0; i < ORO_ARRAY_LEN(reasons); i++)
        cr_assert_not_null(strstr(err.text, reasons[i]), "%s", err.text);
    expect_sql("select count(*) from player", "5"); /* untouched */
    opt.lines = lines;
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), 5);
    run_close(&r);
}

Test(module, removed_columns_are_refused_and_empty_tables_may_go)
{
    static const char *const fewer[] = {"player public id:u64:pk:auto name:string:unique", NULL};
    static const char *const gone[] = {"player public id:u64:pk:auto name:string:unique score:i32",
                                       NULL};
    crash_after(five_group_commits);
    expect_refused(fewer, ORO_EINVAL,
                   "Removing a column score from table player requires a manual migration");
    struct run r;
    struct run_options opt = options(gone); /* bag is empty */
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), 5);
    run_close(&r);
    expect_sql("select count(*) from sqlite_master where name = 'bag'", "0");
}

Test(module, primary_key_may_move_where_values_are_unique)
{
    static const char *const moved[] = {"player public id:u64 name:string:pk score:i32", NULL};
    static const char *const same[] = {"player public id:u64 name:string score:i32:pk", NULL};
    crash_after(five_group_commits);
    struct run r;
    struct run_options opt = options(moved);
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), 5);
    run_close(&r);
    expect_refused(same, ORO_EINVAL,
                   "table player has 5 rows but only 1 values of its new primary key");
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), 5);
    run_close(&r);
}

Test(module, enums_may_get_variants_at_the_end)
{
    static const char *const two[] = {"thing public id:u32:pk tone:color", NULL};
    static const char *const three[] = {"thing public id:u32:pk tone:color3", NULL};
    struct run r;
    struct run_options opt = options(two);
    struct oro_bb row = {0};
    run_must_open(&r, &opt);
    oro_bb_u32(&row, 1);
    oro_bb_u8(&row, 1);
    struct oro_tx *tx = oro_tx_begin(r.se, false);
    run_insert(&r, tx, "thing", &row);
    run_commit(&r, tx);
    run_close(&r);
    opt.lines = three;
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "thing"), 1);
    run_close(&r);
    expect_refused(two, ORO_EINVAL, "Changing the type of column tone in table thing");
    oro_bb_fini(&row);
}

/* ---- auto_inc that comes later ---- */

static void
expect_next(const char *const *schema, const char *table, uint64_t want)
{
    struct run r;
    struct run_options opt = options(schema);
    struct oro_bb row = {0};
    struct oro_err err = {0};
    run_must_open(&r, &opt);
    struct oro_tx *tx = oro_tx_begin(r.se, false);
    oro_bb_u64(&row, 0);
    oro_bb_u32(&row, 5);
    struct oro_bytes made;
    cr_assert_eq(oro_tx_insert(tx, fixture_table(r.schema, table), oro_bb_bytes(&row), &made, &err),
                 ORO_OK, "%s", err.text);
    uint64_t id;
    memcpy(&id, made.data, 8);
    cr_assert_eq(id, want, "%llu, not %llu", (unsigned long long)id, (unsigned long long)want);
    run_wait_durable(&r, run_commit(&r, tx));
    run_close(&r);
    oro_bb_fini(&row);
}

static const char *const plain[] = {"thing public id:u64:pk n:u32", "other public id:u64 n:u32",
                                    NULL};
static const char *const counted[] = {"thing public id:u64:pk:auto n:u32",
                                      "other public id:u64:auto n:u32", NULL};

static void
things_by_hand(void)
{
    static const uint64_t ids[] = {3, 9000, 12};
    struct run r;
    struct run_options opt = options(plain);
    struct oro_bb row = {0};
    run_must_open(&r, &opt);
    for (size_t i = 0; i < ORO_ARRAY_LEN(ids); i++) {
        struct oro_tx *tx = oro_tx_begin(r.se, false);
        oro_bb_clear(&row);
        oro_bb_u64(&row, ids[i]);
        oro_bb_u32(&row, 1);
        run_insert(&r, tx, "thing", &row);
        run_wait_durable(&r, run_commit(&r, tx));
    }
    oro_bb_fini(&row);
}

Test(module, auto_inc_added_to_a_column_goes_on_above_its_values)
{
    crash_after(things_by_hand);
    expect_next(counted, "thing", 9001);
    expect_next(counted, "other", 1);
    expect_next(counted, "thing", 9001 + 4096); /* a block is never used twice */
}
