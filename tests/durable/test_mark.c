/* Whether init has to run: until it has, and what it stored is durable, or it is marked that it stored nothing. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/durable/run.h"

static const char *const lines[] = {"entry public id:u64:pk n:u32", NULL};

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

TestSuite(mark, .init = setup, .fini = teardown, .timeout = 60);

static struct run_options
options(void)
{
    return (struct run_options){
        .dir = dir, .lines = lines, .mode = ORO_DURABLE_NORMAL, .checkpoint_bytes = 20000};
}

static bool
needs_init(void)
{
    struct run r;
    struct run_options opt = options();
    run_must_open(&r, &opt);
    bool needs = oro_durable_needs_init(r.durable);
    run_close(&r);
    return needs;
}

static void
in_crash(void (*fn)(struct run *r))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct run r;
        struct run_options opt = options();
        run_must_open(&r, &opt);
        fn(&r);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static uint64_t
add(struct run *r, uint64_t id)
{
    struct oro_bb row = {0};
    struct oro_tx *tx = oro_tx_begin(r->se, false);
    oro_bb_u64(&row, id);
    oro_bb_u32(&row, 7);
    run_insert(r, tx, "entry", &row);
    oro_bb_fini(&row);
    return run_commit(r, tx);
}

static void
nothing(struct run *r)
{
    ORO_ASSERT(oro_durable_needs_init(r->durable));
}

static void
marked(struct run *r)
{
    struct oro_err err;
    ORO_ASSERT(oro_durable_set_initialized(r->durable, &err) == ORO_OK);
    ORO_ASSERT(!oro_durable_needs_init(r->durable));
}

static uint64_t
add_in_init(struct run *r, uint64_t id)
{
    struct oro_bb row = {0};
    struct oro_tx *tx = oro_tx_begin(r->se, false);
    struct oro_origin origin = {.reducer = UINT32_MAX, .initializes = true};
    uint64_t seq;
    oro_bb_u64(&row, id);
    oro_bb_u32(&row, 7);
    run_insert(r, tx, "entry", &row);
    oro_bb_fini(&row);
    ORO_ASSERT(oro_tx_commit(tx, &origin, &seq) == ORO_OK);
    oro_durable_wake(r->durable);
    return seq;
}

static void
stored(struct run *r)
{
    run_wait_durable(r, add_in_init(r, 1));
}

static void
stored_and_moved(struct run *r)
{
    stored(r);
    oro_durable_checkpoint(r->durable, 10000000);
}

/* Sequences that a failed init has used, timers, clients: none of them is init. */
static void
others(struct run *r)
{
    run_wait_durable(r, add(r, 1));
}

static void
others_and_a_stop(struct run *r)
{
    others(r);
    run_close(r);
}

static void
others_of_it(struct run *r)
{
    run_wait_durable(r, add(r, 2));
}

Test(mark, a_crash_before_init_has_stored_anything_leaves_it_to_do)
{
    in_crash(nothing);
    cr_assert(needs_init());
    cr_assert(needs_init(), "a clean stop as well");
}

Test(mark, what_others_stored_does_not_say_that_it_ran)
{
    in_crash(others);
    cr_assert(needs_init());
    cr_assert(needs_init());
    in_crash(nothing);
    cr_assert(needs_init());
}

Test(mark, nor_after_a_stop)
{
    in_crash(others_and_a_stop);
    cr_assert(needs_init());
}

Test(mark, what_init_stored_says_that_it_ran)
{
    in_crash(stored);
    in_crash(others_of_it);
    cr_assert_not(needs_init());
    cr_assert_not(needs_init(), "out of the tables as well");
}

Test(mark, it_goes_into_the_tables_with_its_rows)
{
    in_crash(stored_and_moved);
    cr_assert_not(needs_init());
    cr_assert_not(needs_init());
}

Test(mark, an_init_without_rows_is_remembered_until_the_data_goes)
{
    struct run r;
    struct run_options opt = options();
    in_crash(marked);
    cr_assert_not(needs_init());
    opt.delete_data = true;
    run_must_open(&r, &opt);
    cr_assert(oro_durable_needs_init(r.durable));
    run_close(&r);
}

Test(mark, is_set_while_others_write)
{
    struct run r;
    struct run_options opt = options();
    run_must_open(&r, &opt);
    for (uint64_t i = 1; i <= 3000; i++) {
        add(&r, i);
        if (i % 500 == 0)
            marked(&r);
    }
    cr_assert_null(oro_durable_trouble(r.durable));
    run_close(&r);
    run_must_open(&r, &opt);
    cr_assert_eq(run_count(&r, "entry"), 3000);
    run_close(&r);
}

/* ---- what runs once for each value ---- */

static char *ran;

static void
look_what_ran(struct run *r)
{
    oro_free(ran);
    ran = oro_durable_ran_get(r->durable, "version", r->store);
}

/* What a start finds, which is then ended. want: NULL for nothing. */
static void
expect_ran(const char *want)
{
    struct run r;
    struct run_options opt = options();
    opt.recovered = look_what_ran;
    run_must_open(&r, &opt);
    run_close(&r);
    cr_assert(want == NULL ? ran == NULL : ran != NULL && strcmp(ran, want) == 0, "%s, not %s",
              ran != NULL ? ran : "nothing", want != NULL ? want : "nothing");
}

static void
will_run(struct run *r, const char *value)
{
    struct oro_err err;
    ORO_ASSERT(oro_durable_will_run(r->durable, "version", value, r->store, &err) == ORO_OK);
}

static void
killed_before_it_runs(struct run *r)
{
    run_wait_durable(r, add(r, 1));
    will_run(r, "one");
}

static void
killed_once_it_is_on_disk(struct run *r)
{
    will_run(r, "one");
    run_wait_durable(r, add(r, 2));
}

static void
killed_in_the_next(struct run *r)
{
    will_run(r, "two");
}

static void
failed_in_the_next(struct run *r)
{
    struct oro_err err;
    will_run(r, "two");
    run_wait_durable(r, add(r, 3)); /* a sequence that it used, say */
    ORO_ASSERT(oro_durable_meta_note(r->durable, "version", "one", &err) == ORO_OK);
}

Test(mark, what_runs_once_ran_if_its_transaction_is_there)
{
    expect_ran(NULL);
    in_crash(killed_before_it_runs);
    expect_ran(NULL);
    expect_ran(NULL);
    in_crash(killed_once_it_is_on_disk);
    expect_ran("one");
    expect_ran("one");
    in_crash(failed_in_the_next);
    expect_ran("one");
    in_crash(killed_in_the_next);
    expect_ran(NULL);
    oro_free(ran);
}
