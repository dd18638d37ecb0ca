/* The file: what comes back after a clean stop and after a crash, what people see in it, and how large its log is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/durable/durable_priv.h"
#include "tests/durable/game.h"

TestSuite(durable, .init = game_setup, .fini = game_teardown, .timeout = 120);

/* ---- restart ---- */

static unsigned
rnd(unsigned n)
{
    return (unsigned)rand() % n;
}

static void
random_op(struct run *r, struct oro_tx *tx, struct oro_bb *row)
{
    const struct oro_table_def *player = fixture_table(r->schema, "player"),
                               *bag = fixture_table(r->schema, "bag");
    const struct oro_index_def *pk = fixture_index(player, "id");
    struct oro_err err;
    uint64_t id = 1 + rnd(200);
    char name[32];
    snprintf(name, sizeof(name), "name %u", rnd(400));
    oro_status st;
    switch (rnd(6)) {
    case 0:
        st = oro_tx_delete(tx, player, pk, oro_bytes(&id, 8));
        break;
    case 1:
        put_player(row, 0, name, (int32_t)rnd(100)); /* the sequence gives the id */
        st = oro_tx_insert(tx, player, oro_bb_bytes(row), NULL, &err);
        break;
    case 2:
    case 3:
        put_player(row, id, name, -(int32_t)rnd(100));
        st = oro_tx_upsert(tx, player, pk, oro_bb_bytes(row), NULL, &err);
        break;
    default:
        oro_bb_clear(row);
        oro_bb_u32(row, rnd(50));
        oro_bb_u8(row, (uint8_t)rnd(3));
        st = rnd(3) ? oro_tx_insert(tx, bag, oro_bb_bytes(row), NULL, &err)
                    : oro_tx_delete_row(tx, bag, oro_bb_bytes(row));
    }
    ORO_ASSERT(st == ORO_OK || st == ORO_EEXISTS || st == ORO_ENOTFOUND);
}

static uint64_t
random_commits(struct run *r, unsigned n)
{
    struct oro_bb row = {0};
    uint64_t seq = 0;
    while (n-- > 0) {
        struct oro_tx *tx = oro_tx_begin(r->se, false);
        for (unsigned k = rnd(5); k > 0; k--)
            random_op(r, tx, &row);
        if (rnd(10) == 0) {
            oro_bb_clear(&row);
            oro_bb_u32(&row, n);
            run_insert(r, tx, "blast", &row);
        }
        seq = run_commit(r, tx);
    }
    oro_bb_fini(&row);
    return seq;
}

Test(durable, state_is_the_same_after_restarts)
{
    struct oro_bb before = {0}, after = {0};
    struct run_options opt = options(lines);
    opt.checkpoint_bytes = 8192;
    srand(7);
    for (unsigned i = 0; i < 12; i++) {
        struct run r;
        run_must_open(&r, &opt);
        cr_assert_eq(oro_durable_is_new(r.durable), i == 0);
        run_dump(&r, &after);
        cr_assert(oro_bytes_eq(oro_bb_bytes(&before), oro_bb_bytes(&after)) || i == 0);
        uint64_t offset = oro_store_offset(r.store);
        cr_assert(i == 0 ? offset == 0 : offset > 0);
        cr_assert(oro_store_check(r.store));
        random_commits(&r, 1500);
        run_dump(&r, &before);
        run_close(&r);
        expect_one_file();
    }
    oro_bb_fini(&before);
    oro_bb_fini(&after);
}

static struct oro_bb crash_dump;
static int crash_fd;

static void
random_run_then_crash(void)
{
    struct run r;
    struct run_options opt = options(lines);
    opt.checkpoint_bytes = 20000;
    struct oro_bb dump = {0};
    run_must_open(&r, &opt);
    run_wait_durable(&r, random_commits(&r, 2000));
    run_dump(&r, &dump);
    ORO_ASSERT(write(crash_fd, dump.data, dump.len) == (ssize_t)dump.len);
}

/* The log's tail, and tables that hold the state of somewhere in the middle of it. */
Test(durable, state_is_the_same_after_crashes)
{
    char *path = oro_asprintf("%s/dump", dir);
    for (unsigned i = 0; i < 6; i++) {
        FILE *f = fopen(path, "w+");
        crash_fd = fileno(f);
        srand(i);
        crash_after(random_run_then_crash);
        fseek(f, 0, SEEK_END);
        size_t n = (size_t)ftell(f);
        rewind(f);
        oro_bb_clear(&crash_dump);
        oro_bb_reserve(&crash_dump, n);
        crash_dump.len = fread(crash_dump.data, 1, n, f);
        fclose(f);
        struct run r;
        struct run_options opt = options(lines);
        struct oro_bb dump = {0};
        run_must_open(&r, &opt);
        run_dump(&r, &dump);
        cr_assert(oro_bytes_eq(oro_bb_bytes(&dump), oro_bb_bytes(&crash_dump)), "run %u", i);
        cr_assert(oro_store_check(r.store));
        oro_bb_fini(&dump);
        run_close(&r);
    }
    oro_bb_fini(&crash_dump);
    unlink(path);
    oro_free(path);
}

/* Two rows exchange the values of a unique column: in the log there is a moment when both have one. */
static void
exchange_names(void)
{
    struct run r;
    struct run_options opt = options(lines);
    struct oro_bb row = {0};
    struct oro_err err;
    run_must_open(&r, &opt);
    add_player(&r, 101, "left");
    add_player(&r, 102, "right");
    struct oro_tx *tx = oro_tx_begin(r.se, false);
    const struct oro_table_def *t = fixture_table(r.schema, "player");
    const char *names[] = {"aside", "left", "right"};
    const uint64_t ids[] = {101, 102, 101};
    for (unsigned i = 0; i < 3; i++) {
        put_player(&row, ids[i], names[i], 0);
        ORO_ASSERT(oro_tx_update(tx, t, fixture_index(t, "id"), oro_bb_bytes(&row), NULL, &err) ==
                   ORO_OK);
    }
    run_wait_durable(&r, run_commit(&r, tx));
}

Test(durable, exchanged_unique_values_come_back)
{
    crash_after(exchange_names);
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), 2);
    run_close(&r);
    expect_sql("select id, name from player order by id", "101|right\n102|left");
}

static void
take_from_sequence(void)
{
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    run_wait_durable(&r, add_player(&r, 0, "first"));
}

Test(durable, sequences_never_repeat)
{
    crash_after(take_from_sequence);
    struct run_options opt = options(lines);
    for (unsigned i = 0; i < 3; i++) {
        struct run r;
        char name[20];
        snprintf(name, sizeof(name), "again %u", i);
        run_must_open(&r, &opt);
        add_player(&r, 0, name);
        run_close(&r);
    }
    expect_sql("select count(*), count(distinct id), min(id) from player", "4|4|1");
}

Test(durable, meta_texts)
{
    struct run r;
    struct run_options opt = options(lines);
    struct oro_durable_options o = {.dir = dir, .name = "game"};
    struct oro_schema *s = fixture_schema(lines);
    struct oro_durable *d;
    struct oro_err err;
    cr_assert_eq(oro_durable_open(&o, s, &d, &err), ORO_OK);
    cr_assert_null(oro_durable_meta_get(d, "owner"));
    cr_assert_eq(oro_durable_meta_set(d, "owner", "abc", &err), ORO_OK);
    cr_assert_eq(oro_durable_meta_set(d, "owner", "c20'0", &err), ORO_OK);
    oro_durable_stop(d);
    fixture_schema_free(s);
    run_must_open(&r, &opt);
    char *owner = oro_durable_meta_get(r.durable, "owner");
    cr_assert_str_eq(owner, "c20'0");
    oro_free(owner);
    cr_assert(oro_durable_is_new(r.durable)); /* no transaction yet */
    run_close(&r);
}

Test(durable, delete_data_begins_empty)
{
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    add_player(&r, 1, "gone");
    run_close(&r);
    opt.delete_data = true;
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), 0);
    cr_assert(oro_durable_is_new(r.durable));
    run_close(&r);
}

Test(durable, records_without_changes_are_durable_at_once)
{
    struct run r;
    struct run_options opt = options(lines);
    struct oro_origin origin = {.reducer = UINT32_MAX};
    run_must_open(&r, &opt);
    run_wait_durable(&r, add_player(&r, 1, "x"));
    uint64_t seq = 0;
    for (unsigned i = 0; i < 100; i++)
        seq = oro_store_publish(r.se, &origin);
    oro_durable_wake(r.durable);
    run_wait_durable(&r, seq);
    cr_assert_eq(atomic_load(&r.durable->commits), 1);
    run_close(&r);
}

/* ---- what people see ---- */

static const char *const all_types[] = {
    "thing private id:u32:pk yes:bool small:i8 big:u64 huge:u128 ratio:f64 text:string blob:bytes "
    "who:identity "
    "link:conn at:time took:span tag:uuid maybe:opt_u32 note:opt_string tone:color nums:list_u16 "
    "both:pair",
    "Thing public _key:u8 _row:u8 a:u8 A:u8",
    NULL,
};

static void
put_thing(struct oro_bb *row, uint32_t id, bool some)
{
    struct oro_identity who = fixture_identity(0xabc);
    double ratio = some ? 1.5 : __builtin_nan("");
    oro_bb_u32(row, id);
    oro_bb_u8(row, some);
    oro_bb_u8(row, (uint8_t)-5);
    oro_bb_u64(row, some ? 7 : UINT64_MAX);
    oro_bb_u64(row, 0);
    oro_bb_u64(row, 1);
    oro_bb_put(row, &ratio, 8);
    put_string(row, some ? "it's" : "");
    oro_bb_lenbytes(row, oro_bytes("\x00\xff", 2));
    oro_bb_put(row, who.le, 32);
    oro_bb_put(row, who.le, 16);
    oro_bb_u64(row, 1700000000000000);
    oro_bb_u64(row, (uint64_t)-1000);
    oro_bb_put(row, who.le, 16);
    oro_bb_u8(row, some ? 0 : 1);
    if (some)
        oro_bb_u32(row, 42);
    oro_bb_u8(row, some ? 0 : 1);
    if (some)
        put_string(row, "note");
    oro_bb_u8(row, 1);
    oro_bb_u32(row, 2);
    oro_bb_u16(row, 1);
    oro_bb_u16(row, 2);
    oro_bb_u8(row, 3);
    put_string(row, "y");
}

Test(durable, columns_for_people)
{
    struct run r;
    struct run_options opt = options(all_types);
    struct oro_bb row = {0};
    run_must_open(&r, &opt);
    for (uint32_t id = 1; id <= 2; id++) {
        struct oro_tx *tx = oro_tx_begin(r.se, false);
        oro_bb_clear(&row);
        put_thing(&row, id, id == 1);
        run_insert(&r, tx, "thing", &row);
        run_commit(&r, tx);
    }
    struct oro_tx *tx = oro_tx_begin(r.se, false);
    oro_bb_clear(&row);
    oro_bb_u32(&row, 0x04030201);
    run_insert(&r, tx, "Thing", &row);
    run_commit(&r, tx);
    run_close(&r);
    expect_sql("select id, yes, small, big, typeof(big), huge, ratio, text, hex(blob), who, link, "
               "at, took, tag, maybe, note, "
               "tone, nums from thing",
               "1|1|-5|7|integer|18446744073709551616|1.5|it's|00FF|"
               "0000000000000000000000000000000000000000000000000000000000000abc|"
               "00000000000000000000000000000abc|"
               "1700000000000000|-1000|00000000-0000-0000-0000-000000000abc|42|note|Green|[1,2]\n"
               "2|0|-5|18446744073709551615|text|18446744073709551616|NULL||00FF|"
               "0000000000000000000000000000000000000000000000000000000000000abc|"
               "00000000000000000000000000000abc|"
               "1700000000000000|-1000|00000000-0000-0000-0000-000000000abc|NULL|NULL|Green|[1,2]");
    /* Names that SQLite holds for equal. */
    expect_sql("select name, sql_name from _orochi_schema order by id",
               "thing|thing\nThing|Thing_2");
    expect_sql("select _key_0, _row_1, a, A_3 from Thing_2", "1|2|3|4");
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "thing"), 2);
    cr_assert_eq(run_count(&r, "Thing"), 1);
    run_close(&r);
    oro_bb_fini(&row);
}

Test(durable, other_programs_may_read_while_it_runs)
{
    struct run r;
    struct run_options opt = options(lines);
    opt.checkpoint_bytes = 1;
    run_must_open(&r, &opt);
    for (unsigned i = 1; i <= 50; i++) {
        char name[20];
        snprintf(name, sizeof(name), "player %u", i);
        run_wait_durable(&r, add_player(&r, i, name));
    }
    /* The checkpointer follows; tables and log together always have all 50. */
    for (;;) {
        char *n = sql_text("select count(*) from player");
        bool all = strcmp(n, "50") == 0;
        oro_free(n);
        if (all)
            break;
        usleep(1000);
    }
    run_close(&r);
}

/* ---- the log stays small, and the writer is not held up ---- */

Test(durable, checkpoints_bound_the_log)
{
    struct run r;
    struct run_options opt = options(lines);
    struct oro_bb row = {0};
    opt.checkpoint_bytes = 64 << 10;
    run_must_open(&r, &opt);
    char name[400];
    memset(name, 'x', sizeof(name));
    uint64_t seq = 0;
    for (unsigned i = 1; i <= 8000; i++) {
        snprintf(name, 20, "%u", i);
        name[strlen(name)] = '-';
        name[sizeof(name) - 1] = '\0';
        struct oro_tx *tx = oro_tx_begin(r.se, false);
        put_player(&row, i, name, 1);
        run_insert(&r, tx, "player", &row);
        seq = run_commit(&r, tx);
    }
    run_wait_durable(&r, seq);
    while (atomic_load(&r.durable->log_bytes) > (128 << 10))
        usleep(1000);
    char *bytes = sql_text("select coalesce(sum(length(records)), 0) from _orochi_log");
    /* The first row left may hold applied transactions too: one group commit more. */
    cr_assert_leq(atol(bytes), (128 << 10) + (2 << 20), "%s", bytes);
    cr_assert_gt(atomic_load(&r.durable->slices), 0);
    oro_free(bytes);
    run_close(&r);
    expect_sql("select count(*) from player", "8000");
    oro_bb_fini(&row);
}

/* ---- stopping ---- */

static uint64_t
many_bags(struct run *r, unsigned n)
{
    struct oro_bb row = {0};
    struct oro_tx *tx = oro_tx_begin(r->se, false);
    for (unsigned i = 0; i < n; i++) {
        oro_bb_clear(&row);
        oro_bb_u32(&row, i);
        oro_bb_u8(&row, 1);
        run_insert(r, tx, "bag", &row);
    }
    oro_bb_fini(&row);
    return run_commit(r, tx);
}

/* A stop does not wait until all is in the tables: the log has it. The next stop, with little to do, leaves one file. */
Test(durable, a_stop_after_many_changes_leaves_them_in_the_log)
{
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    run_wait_durable(&r, many_bags(&r, 30000));
    run_close(&r);
    expect_sql("select count(*) from bag", "0");
    expect_sql("select count(*) from _orochi_log", "1");
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "bag"), 30000);
    run_close(&r);
    expect_one_file();
    expect_sql("select count(*) from bag", "30000");
}

/* ---- group commits ---- */

Test(durable, who_is_alone_is_not_kept_waiting)
{
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    for (unsigned i = 0; i < 20; i++) {
        char *name = oro_asprintf("player %u", i);
        run_wait_durable(&r, add_player(&r, 1000000 + i, name));
        oro_free(name);
        cr_assert_lt(r.durable->expected, 2);
    }
    cr_assert_eq(atomic_load(&r.durable->commits), 20);
    run_close(&r);
}
