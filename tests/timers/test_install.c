/* The rows of @scheduled functions in data on disk, with a process that is killed between any two steps of a start. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/timers/install.h"
#include "tests/durable/run.h"

static const char *const lines[] = {
    "greet_schedule private scheduled_id:u64:pk:auto scheduled_at:at", NULL};
static struct oro_schedule_def greet = {
    .reducer = "greet", .table = "greet_schedule", .delay_us = 1000000};
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

TestSuite(install, .init = setup, .fini = teardown, .timeout = 120);

enum step { OPENED, LOOKED, INSTALLED, ON_DISK, NOTED, STEPS };

static void
open_data(struct run *r)
{
    struct run_options opt = {.dir = dir, .lines = lines, .mode = ORO_DURABLE_FULL};
    struct oro_err err = {0};
    run_must_open(r, &opt);
    if (oro_durable_needs_init(r->durable) &&
        oro_durable_set_initialized(r->durable, &err) != ORO_OK)
        abort();
    r->schema->tables[0].schedule_at_col = 1;
    r->schema->schedules = &greet;
    r->schema->nschedules = 1;
}

static void
close_data(struct run *r)
{
    r->schema->schedules = NULL;
    r->schema->nschedules = 0;
    ORO_ASSERT(run_close(r));
}

/* Of a start, up to a step. Gives how many rows there are. */
static size_t
start(struct run *r, enum step last)
{
    struct oro_err err = {0};
    bool *once;
    oro_schedules_look(r->schema, r->durable, &once);
    if (last >= INSTALLED) {
        oro_status st = oro_schedules_install(r->schema, r->store, once, 0, &err);
        ORO_ASSERT(st == ORO_OK);
        oro_durable_wake(r->durable);
    }
    if (last >= ON_DISK)
        run_wait_durable(r, oro_store_seq(r->store));
    if (last >= NOTED) {
        oro_status st = oro_schedules_note(r->schema, r->durable, once, &err);
        ORO_ASSERT(st == ORO_OK);
    }
    oro_free(once);
    return run_count(r, "greet_schedule");
}

static void
killed_after(enum step last)
{
    pid_t pid = fork();
    ORO_ASSERT(pid >= 0);
    if (pid == 0) {
        struct run r;
        open_data(&r);
        if (last > OPENED)
            start(&r, last);
        _exit(0);
    }
    ORO_ASSERT(waitpid(pid, NULL, 0) == pid);
}

static void
run_out(struct run *r)
{
    struct oro_rows rows;
    struct oro_tx *tx = oro_tx_begin(r->se, true);
    const struct oro_table_def *t = fixture_table(r->schema, "greet_schedule");
    oro_tx_scan(tx, t, &rows);
    ORO_ASSERT(rows.n == 1 && oro_tx_delete_row(tx, t, rows.rows[0]) == ORO_OK);
    run_wait_durable(r, run_commit(r, tx));
}

/* However far a start came, the function's row is there after the next one, once; and when it has run, it does not come back. */
Test(install, a_function_that_runs_once_is_neither_lost_nor_run_twice)
{
    for (enum step last = OPENED; last < STEPS; last++) {
        struct run r;
        killed_after(last);
        open_data(&r);
        cr_assert_eq(start(&r, NOTED), 1, "killed after step %d", last);
        run_out(&r);
        close_data(&r);
        open_data(&r);
        cr_assert_eq(start(&r, NOTED), 0, "run again after step %d", last);
        close_data(&r);
        char *was = dir;
        dir = temp_dir_make();
        temp_dir_remove(was);
    }
}
