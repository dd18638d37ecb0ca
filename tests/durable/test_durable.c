/* The file: what comes back after a clean stop and after a crash, what people see in it, what is refused and how it says so. */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/durable/backup.h"
#include "runtime/durable/durable_priv.h"
#include "tests/durable/run.h"

static const char *const lines[] = {
    "player public id:u64:pk:auto name:string:unique score:i32",
    "bag public owner:u32:idx kind:u8",
    "blast event n:u32",
    NULL,
};

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

TestSuite(durable, .init = setup, .fini = teardown, .timeout = 120);

/* ---- helpers ---- */

static struct run_options
options(const char *const *schema)
{
    return (struct run_options){.dir = dir, .lines = schema, .mode = ORO_DURABLE_NORMAL};
}

/* SQL on the tables or the log, from outside. */
static sqlite3 *
sql_open(bool log)
{
    char *path = temp_db_path(dir), *log_path = log_path_of(path);
    sqlite3 *h;
    cr_assert_eq(sqlite3_open_v2(log ? log_path : path, &h,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
                 SQLITE_OK);
    sqlite3_busy_timeout(h, 5000);
    oro_free(path);
    oro_free(log_path);
    return h;
}

static bool
is_of_log(const char *sql)
{
    return strstr(sql, "_orochi_log") != NULL;
}

static void
sql_exec(const char *sql)
{
    sqlite3 *h = sql_open(is_of_log(sql));
    char *message = NULL;
    cr_assert_eq(sqlite3_exec(h, sql, NULL, NULL, &message), SQLITE_OK, "%s", message);
    sqlite3_close(h);
}

/* Rows joined by \n, columns by |. */
static char *
sql_text(const char *sql)
{
    sqlite3 *h = sql_open(is_of_log(sql));
    sqlite3_stmt *s;
    struct oro_bb out = {0};
    cr_assert_eq(sqlite3_prepare_v2(h, sql, -1, &s, NULL), SQLITE_OK, "%s", sqlite3_errmsg(h));
    while (sqlite3_step(s) == SQLITE_ROW) {
        if (out.len > 0)
            oro_bb_u8(&out, '\n');
        for (int i = 0; i < sqlite3_column_count(s); i++) {
            const char *t = (const char *)sqlite3_column_text(s, i);
            oro_bb_printf(&out, "%s%s", i > 0 ? "|" : "", t != NULL ? t : "NULL");
        }
    }
    sqlite3_finalize(s);
    sqlite3_close(h);
    oro_bb_u8(&out, 0);
    return (char *)out.data;
}

static void
expect_sql(const char *sql, const char *want)
{
    char *got = sql_text(sql);
    cr_assert_str_eq(got, want);
    oro_free(got);
}

static void
put_player(struct oro_bb *row, uint64_t id, const char *name, int32_t score)
{
    oro_bb_clear(row);
    oro_bb_u64(row, id);
    put_string(row, name);
    oro_bb_u32(row, (uint32_t)score);
}

static uint64_t
add_player(struct run *r, uint64_t id, const char *name)
{
    struct oro_bb row = {0};
    struct oro_tx *tx = oro_tx_begin(r->se, false);
    put_player(&row, id, name, 0);
    run_insert(r, tx, "player", &row);
    oro_bb_fini(&row);
    return run_commit(r, tx);
}

/* After a clean stop the data is the tables' file alone. */
static void
expect_one_file(void)
{
    char *path = temp_db_path(dir), *log_path = log_path_of(path);
    cr_assert_eq(access(path, F_OK), 0);
    cr_assert_neq(access(log_path, F_OK), 0);
    oro_free(path);
    oro_free(log_path);
}

/* Runs fn in a process of its own that ends without stopping anything, as by kill -9. */
static void
crash_after(void (*fn)(void))
{
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        fn();
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

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

/* ---- trouble ---- */

Test(durable, full_disk_keeps_everything_and_goes_on)
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
Test(durable, a_lock_held_by_another_program_is_waited_out)
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

Test(durable, second_server_is_refused)
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

static void
five_group_commits(void)
{
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    for (unsigned i = 1; i <= 5; i++) {
        char name[20];
        snprintf(name, sizeof(name), "player %u", i);
        run_wait_durable(&r, add_player(&r, i, name));
    }
}

static void
expect_refused(const char *const *schema, oro_status want, const char *text)
{
    struct run r;
    struct run_options opt = options(schema);
    struct oro_err err = {0};
    cr_assert_eq(run_open(&r, &opt, &err), want, "%s", err.text);
    cr_assert_not_null(strstr(err.text, text), "%s", err.text);
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

Test(durable, damaged_log_is_reported)
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

Test(durable, missing_part_of_the_log_is_reported)
{
    crash_after(five_group_commits);
    sql_exec("delete from _orochi_log where first_offset = 2");
    expect_refused(lines, ORO_EMALFORMED,
                   "transaction 2 should come next, but the next group commit has 3 to 3");
    expect_repaired("lost: transactions 2 to 5, which were confirmed", 1);
}

/* The log belongs to one file of tables, and a file of tables that was not closed needs its log. */
Test(durable, a_log_of_other_data_or_none_is_reported)
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
Test(durable, transactions_in_both_files_count_once)
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
Test(durable, a_log_in_the_file_of_the_tables_is_read)
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

Test(durable, damaged_row_is_reported)
{
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    add_player(&r, 1, "x");
    run_close(&r);
    sql_exec("update player set _row = x'0102'");
    expect_refused(lines, ORO_EMALFORMED, "table player: row 1: its checksum is wrong");
}

Test(durable, missing_rows_are_reported)
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

/* ---- a damaged file ---- */

static void
file_write(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static size_t
file_read(const char *path, uint8_t **out)
{
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f);
    fseek(f, 0, SEEK_END);
    size_t len = (size_t)ftell(f);
    rewind(f);
    *out = oro_alloc(len);
    cr_assert_eq(fread(*out, 1, len, f), len);
    fclose(f);
    return len;
}

/* Either all of it is there, or it is refused and what to do is said. True: refused. */
static bool
whole_or_refused(const struct oro_bb *want, const char *what, size_t at)
{
    struct run r;
    struct run_options opt = options(lines);
    struct oro_err err = {0};
    struct oro_bb found = {0};
    opt.mode = ORO_DURABLE_OFF;
    if (run_open(&r, &opt, &err) != ORO_OK) {
        bool told = strstr(err.text, "Restore a backup") != NULL ||
                    strstr(err.text, "SQLite file of something else") != NULL ||
                    strstr(err.text, "(format ") != NULL ||
                    strstr(err.text, "does not fit") != NULL;
        cr_assert(told, "%s %zu: %s", what, at, err.text);
        return true;
    }
    run_dump(&r, &found);
    cr_assert(oro_bytes_eq(oro_bb_bytes(&found), oro_bb_bytes(want)), "%s %zu: taken as it is",
              what, at);
    run_close(&r);
    oro_bb_fini(&found);
    return false;
}

static void
damage_setup(struct oro_bb *want, uint8_t **bytes, size_t *len)
{
    struct run r;
    struct run_options opt = options(lines);
    char name[400];
    run_must_open(&r, &opt);
    for (unsigned i = 1; i <= 60; i++) {
        memset(name, 'a' + (int)(i % 26), sizeof(name));
        snprintf(name, 8, "%u", i);
        name[strlen(name)] = '-';
        name[i * 6] = '\0';
        add_player(&r, i, name);
    }
    run_dump(&r, want);
    run_close(&r);
    char *path = temp_db_path(dir);
    *len = file_read(path, bytes);
    oro_free(path);
}

static void
put_back(const uint8_t *bytes, size_t len)
{
    static const char *const ends[] = {"-wal", "-shm", "-journal", "-log", "-log-wal", "-log-shm"};
    char *path = temp_db_path(dir);
    for (size_t i = 0; i < ORO_ARRAY_LEN(ends); i++) {
        char *p = oro_asprintf("%s%s", path, ends[i]);
        unlink(p);
        oro_free(p);
    }
    file_write(path, bytes, len);
    oro_free(path);
}

Test(durable, every_damaged_page_is_noticed, .timeout = 300)
{
    struct oro_bb want = {0};
    uint8_t *bytes;
    size_t len, refused = 0;
    damage_setup(&want, &bytes, &len);
    cr_assert_gt(len, 8 * 4096);
    for (size_t at = 0; at < len; at += 157) {
        bytes[at] ^= 0x55;
        put_back(bytes, len);
        refused += whole_or_refused(&want, "byte", at);
        bytes[at] ^= 0x55;
    }
    cr_assert_gt(refused, 20);
    /* Whole pages of zeros, as a disk gives that has forgotten them. */
    for (size_t at = 4096; at < len; at += 4096) {
        uint8_t page[4096];
        memcpy(page, bytes + at, sizeof(page));
        memset(bytes + at, 0, sizeof(page));
        put_back(bytes, len);
        whole_or_refused(&want, "page", at);
        memcpy(bytes + at, page, sizeof(page));
    }
    oro_free(bytes);
    oro_bb_fini(&want);
}

Test(durable, a_file_that_is_cut_off_is_noticed, .timeout = 300)
{
    struct oro_bb want = {0};
    uint8_t *bytes;
    size_t len;
    damage_setup(&want, &bytes, &len);
    for (size_t at = 512; at < len; at += 2048) {
        put_back(bytes, at);
        whole_or_refused(&want, "cut off at", at);
    }
    oro_free(bytes);
    oro_bb_fini(&want);
}

Test(durable, other_files_are_refused)
{
    sql_exec("create table mine (a)");
    expect_refused(lines, ORO_EMALFORMED, "an SQLite file of something else");
    char *path = temp_db_path(dir);
    FILE *f = fopen(path, "w");
    fputs("this is no database, but it is long enough to have a header of one hundred bytes, which "
          "SQLite looks at first ...",
          f);
    fclose(f);
    oro_free(path);
    expect_refused(lines, ORO_EMALFORMED, "file is not a database");
}

Test(durable, other_formats_are_refused)
{
    struct run r;
    struct run_options opt = options(lines);
    run_must_open(&r, &opt);
    run_close(&r);
    sql_exec("pragma user_version = 99");
    expect_refused(lines, ORO_EINVAL, "a newer version of this server wrote it (format 99");
    sql_exec("pragma user_version = 2");
    expect_refused(lines, ORO_EINVAL,
                   "before its first release wrote it (format 2, this one reads 3 and newer ones)");
}

/* ---- another module ---- */

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

Test(durable, new_tables_and_columns_after_a_clean_stop)
{
    five_and_a_bag();
    expect_new_columns();
    expect_new_columns(); /* and once more, unchanged */
}

/* The tail of the log has rows of the old shape, and the tables have other ids. */
Test(durable, new_tables_and_columns_after_a_crash)
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

Test(durable, reordered_tables_keep_their_rows_after_a_crash)
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

Test(durable, every_reason_is_given)
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

Test(durable, removed_columns_are_refused_and_empty_tables_may_go)
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

Test(durable, primary_key_may_move_where_values_are_unique)
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

Test(durable, enums_may_get_variants_at_the_end)
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

Test(durable, auto_inc_added_to_a_column_goes_on_above_its_values)
{
    crash_after(things_by_hand);
    expect_next(counted, "thing", 9001);
    expect_next(counted, "other", 1);
    expect_next(counted, "thing", 9001 + 4096); /* a block is never used twice */
}
