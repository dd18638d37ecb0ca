/* A disk that is full, that fails, that is slow: nothing is confirmed that is not there, callers are slowed before the memory is
 * full, and it goes on where it can. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/metric.h"
#include "runtime/durable/durable_priv.h"
#include "tests/durable/disk.h"
#include "tests/durable/run.h"

static const char *const lines[] = {"entry public id:u64:pk note:string", NULL};

#define STEPS 12
#define FAILURES_MOST 2000

static char *dir;

static void
setup(void)
{
    dir = temp_dir_make();
    disk_mount();
}

static void
teardown(void)
{
    temp_dir_remove(dir);
}

TestSuite(disk, .init = setup, .fini = teardown, .timeout = 300);

static struct run_options
options(void)
{
    return (struct run_options){
        .dir = dir, .lines = lines, .mode = ORO_DURABLE_FULL, .checkpoint_bytes = 3000};
}

static uint64_t
add(struct run *r, uint64_t id, size_t len)
{
    struct oro_bb row = {0};
    char *note = oro_alloc(len + 1);
    memset(note, 'n', len);
    note[len] = '\0';
    oro_bb_u64(&row, id);
    put_string(&row, note);
    struct oro_tx *tx = oro_tx_begin(r->se, false);
    run_insert(r, tx, "entry", &row);
    oro_free(note);
    oro_bb_fini(&row);
    return run_commit(r, tx);
}

static void
wait_trouble(struct run *r, const char *text)
{
    while (oro_durable_trouble(r->durable) == NULL)
        usleep(1000);
    cr_assert_str_eq(oro_durable_trouble(r->durable), text);
}

static void
expect_entries(size_t n)
{
    struct run r;
    struct run_options opt = options();
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "entry"), n, "%zu entries", run_count(&r, "entry"));
    cr_assert(oro_store_check(r.store));
    cr_assert(run_close(&r));
}

/* From each write on there is no room, and then there is again. True: it came that far. */
static bool
fails_from(unsigned n, void (*fail)(unsigned n, const char *files))
{
    struct run r;
    struct run_options opt = options();
    uint64_t seq = 0;
    opt.delete_data = true;
    run_must_open(&r, &opt);
    fail(n, NULL);
    for (unsigned i = 1; i <= STEPS; i++)
        seq = add(&r, i, i % 3 == 0 ? 4000 : 100);
    while (oro_durable_trouble(r.durable) == NULL && oro_durable_seq(r.durable) < seq)
        usleep(200);
    bool came = oro_durable_trouble(r.durable) != NULL;
    cr_assert(!came || oro_durable_seq(r.durable) < seq);
    disk_heal();
    run_wait_durable(&r, seq);
    cr_assert_null(oro_durable_trouble(r.durable));
    cr_assert(run_close(&r));
    expect_entries(STEPS);
    return came;
}

Test(disk, full_from_every_write_on)
{
    unsigned n = 1;
    while (n < FAILURES_MOST && fails_from(n, disk_fill))
        n++;
    cr_assert_gt(n, 4);
    cr_assert_lt(n, FAILURES_MOST);
}

/* A start that finds no room says so, and leaves what is there: with room everything is. */
Test(disk, full_at_a_start)
{
    static const char *const now[] = {"entry public id:u64:pk note:string level:u32:=7",
                                      "other public n:u32:pk", NULL};
    struct run r;
    struct run_options opt = options();
    run_must_open(&r, &opt);
    for (uint64_t i = 1; i <= 20; i++)
        run_wait_durable(&r, add(&r, i, 300));
    cr_assert(run_close(&r));
    opt.lines = now;
    bool fits = false;
    unsigned failed = 0;
    for (unsigned n = 1; !fits && n < FAILURES_MOST; n++) {
        struct oro_err err = {0};
        disk_fill(n, NULL);
        fits = run_open(&r, &opt, &err) == ORO_OK;
        disk_heal();
        if (fits) {
            cr_assert_eq(run_count(&r, "entry"), 20);
            run_close(&r);
        } else {
            failed++;
            cr_assert(strstr(err.text, "full") != NULL || strstr(err.text, "I/O") != NULL ||
                          strstr(err.text, "space") != NULL,
                      "at write %u: %s", n, err.text);
        }
    }
    cr_assert(fits);
    cr_assert_gt(failed, 10);
}

Test(disk, refusing_every_write)
{
    unsigned n = 1;
    while (n < FAILURES_MOST && fails_from(n, disk_break_writes))
        n++;
    cr_assert_gt(n, 4);
    cr_assert_lt(n, FAILURES_MOST);
}

/* After a sync that failed nobody knows what is on the disk, and another says nothing about it. */
Test(disk, a_failed_sync_ends_confirming_for_good)
{
    struct run r;
    struct run_options opt = options();
    run_must_open(&r, &opt);
    run_wait_durable(&r, add(&r, 1, 10));
    uint64_t told = oro_durable_seq(r.durable);
    disk_break_syncs(1, "-log-wal");
    add(&r, 2, 10);
    wait_trouble(&r, "a sync has failed");
    disk_heal();
    for (uint64_t i = 3; i < 20; i++) {
        add(&r, i, 10);
        usleep(2000); /* would be long enough to confirm it */
    }
    cr_assert_eq(oro_durable_seq(r.durable), told);
    cr_assert_str_eq(oro_durable_trouble(r.durable), "a sync has failed");
    cr_assert_not(run_close(&r), "the stop says that transactions are lost");
    struct run again;
    run_must_open(&again, &opt);
    cr_assert_geq(run_count(&again, "entry"), 1);
    cr_assert_leq(run_count(&again, "entry"), 2);
    run_wait_durable(&again, add(&again, 100, 10));
    cr_assert(run_close(&again));
}

/* The tables are written again, so there it may be tried again. */
Test(disk, a_failed_sync_of_the_tables_is_made_up_for)
{
    struct run r;
    struct run_options opt = options();
    run_must_open(&r, &opt);
    disk_break_syncs(1, "game.db-wal");
    uint64_t seq = 0;
    for (uint64_t i = 1; i <= 40; i++)
        seq = add(&r, i, 500);
    run_wait_durable(&r, seq);
    usleep(20000);
    cr_assert_null(oro_durable_trouble(r.durable));
    disk_heal();
    cr_assert(run_close(&r));
    expect_entries(40);
}

Test(disk, a_stop_that_could_not_write_says_so)
{
    struct run r;
    struct run_options opt = options();
    run_must_open(&r, &opt);
    run_wait_durable(&r, add(&r, 1, 10));
    disk_fill(1, NULL);
    add(&r, 2, 10);
    wait_trouble(&r, "disk full");
    cr_assert_not(run_close(&r));
    disk_heal();
    expect_entries(1);
}

/* ---- callers are slowed ---- */

static uint64_t
throttled_us(const struct run *r)
{
    return atomic_load(&r->durable->throttled_us);
}

Test(disk, callers_wait_when_too_much_is_not_on_disk)
{
    struct run r;
    struct run_options opt = options();
    run_must_open(&r, &opt);
    r.durable->most_records = 20;
    disk_fill(1, NULL);
    uint64_t seq = 0;
    for (uint64_t i = 1; i <= 20; i++) {
        seq = add(&r, i, 10);
        oro_durable_throttle(r.durable);
    }
    cr_assert_eq(throttled_us(&r), 0, "not before the limit");
    for (uint64_t i = 21; i <= 26; i++) {
        seq = add(&r, i, 10);
        oro_durable_throttle(r.durable);
    }
    cr_assert_gt(oro_durable_pressure(r.durable), 1000);
    cr_assert_gt(throttled_us(&r), 100000); /* 2.5 + 10 + 22 + 40 ms and more */
    disk_heal();
    run_wait_durable(&r, seq);
    cr_assert_lt(oro_durable_pressure(r.durable), 1000);
    uint64_t before = throttled_us(&r);
    oro_durable_throttle(r.durable);
    cr_assert_eq(throttled_us(&r), before);
    cr_assert(run_close(&r));
    expect_entries(26);
}

Test(disk, a_few_large_rows_count_as_many)
{
    struct run r;
    struct run_options opt = options();
    opt.checkpoint_bytes = 1 << 20;
    run_must_open(&r, &opt);
    r.durable->most_bytes = 100000;
    disk_fill(1, NULL);
    add(&r, 1, 10);
    cr_assert_leq(oro_durable_pressure(r.durable), 1000);
    uint64_t seq = add(&r, 2, 150000);
    cr_assert_gt(oro_durable_pressure(r.durable), 1000);
    disk_heal();
    run_wait_durable(&r, seq);
    cr_assert_leq(oro_durable_pressure(r.durable), 1000);
    cr_assert(run_close(&r));
}

/* Checkpoints fail, so the log grows. */
Test(disk, callers_wait_when_the_log_grows)
{
    struct run r;
    struct run_options opt = options();
    run_must_open(&r, &opt);
    disk_fill(1, "game.db-wal");
    for (uint64_t i = 1; i <= 40; i++)
        run_wait_durable(&r, add(&r, i, 1000));
    cr_assert_null(oro_durable_trouble(r.durable));
    cr_assert_gt(oro_durable_pressure(r.durable), 1000);
    disk_heal();
    while (oro_durable_pressure(r.durable) > 1000) { /* a checkpoint gets through */
        run_wait_durable(&r, add(&r, 1000 + oro_durable_seq(r.durable), 1));
        usleep(1000);
    }
    cr_assert(run_close(&r));
}

/* ---- a slow disk is said ---- */

static int64_t
slow_writes(void)
{
    return oro_metric_value(
        oro_metric(ORO_METRIC_COUNTER, "orochi_durable_slow_writes_total", "", ""));
}

Test(disk, a_sync_that_takes_long_is_said_while_it_does)
{
    struct run r;
    struct run_options opt = options();
    run_must_open(&r, &opt);
    run_wait_durable(&r, add(&r, 1, 10));
    int64_t now = oro_mono_us(), before = slow_writes();
    oro_durable_look(r.durable, now + 3000000);
    cr_assert_eq(atomic_load(&r.durable->log->slow.told_us), 0, "nothing is under way");

    disk_hold_syncs(true);
    uint64_t seq = add(&r, 2, 10);
    while (atomic_load(&r.durable->log->slow.writing_since_us) == 0)
        usleep(1000);
    now = atomic_load(&r.durable->log->slow.writing_since_us);
    oro_durable_look(r.durable, now + 900000);
    cr_assert_eq(atomic_load(&r.durable->log->slow.told_us), 0, "not long yet");
    oro_durable_look(r.durable, now + 3000000);
    cr_assert_eq(atomic_load(&r.durable->log->slow.told_us), now + 3000000);
    oro_durable_look(r.durable, now + 5000000);
    cr_assert_eq(atomic_load(&r.durable->log->slow.told_us), now + 3000000, "not again so soon");
    oro_durable_look(r.durable, now + 14000000);
    cr_assert_eq(atomic_load(&r.durable->log->slow.told_us), now + 14000000);
    /* It is not published before it is on disk, and who does not want that does not wait: the commit has returned. */
    cr_assert_lt(oro_durable_seq(r.durable), seq);

    r.durable->log->slow.slow_us = 1; /* whatever it took, it took that */
    disk_hold_syncs(false);
    run_wait_durable(&r, seq);
    cr_assert_gt(slow_writes(), before);
    cr_assert(run_close(&r));
    expect_entries(2);
}
