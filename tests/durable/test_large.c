/* Transactions that are too large for one row of the log: there whole or not at all after a crash anywhere, in a copy, and gone
 * from the log when the tables have them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/durable/backup.h"
#include "tests/durable/disk.h"
#include "tests/durable/game.h"

TestSuite(large, .init = game_setup, .fini = game_teardown, .timeout = 300);

#define MANY 14000u /* some 1.5 MB of log */

static uint64_t
add_many(struct run *r, unsigned n)
{
    static char name[90];
    struct oro_bb row = {0};
    struct oro_tx *tx = oro_tx_begin(r->se, false);
    for (unsigned i = 1; i <= n; i++) {
        snprintf(name, sizeof(name), "%080u", i);
        put_player(&row, i, name, (int32_t)i);
        run_insert(r, tx, "player", &row);
    }
    oro_bb_fini(&row);
    return run_commit(r, tx);
}

static struct run_options
synced(void)
{
    struct run_options opt = options(lines);
    opt.mode = ORO_DURABLE_FULL;
    opt.checkpoint_bytes = (size_t)64 << 20; /* all of it stays in the log */
    return opt;
}

static void
one_and_many(void)
{
    struct run r;
    struct run_options opt = synced();
    run_must_open(&r, &opt);
    run_wait_durable(&r, add_player(&r, 1000000, "the first"));
    run_wait_durable(&r, add_many(&r, MANY));
}

static void
expect_parts(bool any)
{
    char *n = sql_text("select count(*) from _orochi_log_parts");
    cr_assert_eq(atoi(n) > 0, any);
    oro_free(n);
}

Test(large, is_read_after_a_crash_and_goes_with_the_log)
{
    struct run r;
    struct run_options opt = synced();
    crash_after(one_and_many);
    expect_parts(true);
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), MANY + 1);
    run_wait_durable(&r, add_player(&r, 2000000, "behind it"));
    oro_durable_checkpoint(r.durable, 60000000);
    expect_parts(false);
    run_close(&r);
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), MANY + 2);
    run_close(&r);
}

Test(large, is_in_a_copy)
{
    struct oro_err err = {0};
    struct run r;
    char *file = oro_asprintf("%s/copy", dir), *mine = dir, *other = temp_dir_make();
    crash_after(one_and_many);
    cr_assert_eq(oro_backup(dir, NULL, file, false, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_restore(file, other, "game", false, &err), ORO_OK, "%s", err.text);
    dir = other;
    struct run_options opt = synced();
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "player"), MANY + 1);
    run_close(&r);
    dir = mine;
    temp_dir_remove(other);
    oro_free(file);
}

/* In a process that ends at the n-th operation. *confirmed: rows that it was told of. */
static bool
crashes_at(unsigned n, enum disk_loss loss, _Atomic unsigned *confirmed)
{
    pid_t pid = fork();
    ORO_ASSERT(pid >= 0);
    if (pid == 0) {
        struct run r;
        struct run_options opt = synced();
        disk_mount();
        run_must_open(&r, &opt);
        run_wait_durable(&r, add_player(&r, 1000000, "the first"));
        atomic_store(confirmed, 1);
        disk_cut(n, loss);
        run_wait_durable(&r, add_many(&r, MANY));
        atomic_store(confirmed, MANY + 1);
        _exit(0);
    }
    int status;
    ORO_ASSERT(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    cr_assert(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == DISK_EXIT, "at %u: %d", n,
              WEXITSTATUS(status));
    return WEXITSTATUS(status) == DISK_EXIT;
}

static void
cut_off(enum disk_loss loss, unsigned step)
{
    _Atomic unsigned *confirmed =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ORO_ASSERT(confirmed != MAP_FAILED);
    bool crashed = true;
    unsigned whole = 0, n = 1;
    for (; crashed; n += step) {
        struct run r;
        temp_dir_remove(dir);
        dir = temp_dir_make();
        struct run_options opt = synced();
        atomic_store(confirmed, 0);
        crashed = crashes_at(n, loss, confirmed);
        run_must_open(&r, &opt);
        size_t rows = run_count(&r, "player");
        cr_assert(rows == 1 || rows == MANY + 1, "at %u: %zu rows", n, rows);
        cr_assert_geq(rows, atomic_load(confirmed), "at %u", n);
        whole += rows > 1;
        run_close(&r);
    }
    cr_assert_gt(n, 4 * step, "only %u operations", n);
    cr_assert_geq(whole, 1);
    munmap(confirmed, 4096);
}

Test(large, of_which_everything_or_nothing_was_written)
{
    cut_off(DISK_KEEPS, 97);
}

Test(large, of_which_some_was_not_synced)
{
    cut_off(DISK_SHUFFLES, 151);
    cut_off(DISK_DROPS, 251);
}
