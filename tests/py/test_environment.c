/* What modules run in: the main interpreter, a limit of memory, and reducers that do not want to be interrupted. */
#include <pthread.h>

#include "runtime/base/clock.h"
#include "runtime/base/thread.h"
#include "tests/py/fixture.h"

TestSuite(environment, .init = fixture_start, .fini = oro_py_stop, .timeout = 120);

static void
set(struct oro_py_environment env)
{
    struct oro_err err = {0};
    cr_assert_eq(oro_py_set_environment(&env, &err), ORO_OK, "%s", err.text);
}

Test(environment, the_main_interpreter_is_opened_once)
{
    struct fixture f;
    struct oro_err err = {0};
    struct oro_py *other;
    set((struct oro_py_environment){.main_interpreter = true});
    fixture_open(&f, "environment/simple.py");
    fixture_run(&f, "put");
    cr_assert_str_eq((oro_bb_u8(&f.host.log, 0), (char *)f.host.log.data), "INFO here\n");
    oro_py_release(f.py);
    oro_py_acquire(f.py);
    fixture_close(&f);
    cr_assert_eq(oro_py_open(0, &fake_ops, &other, &err), ORO_EINTERNAL);
    cr_assert_str_eq(err.text, "the main interpreter is in use");
}

Test(environment, a_virtual_environment_must_be_one)
{
    struct oro_err err = {0};
    struct oro_py_environment env = {.venv = "/nowhere"};
    cr_assert_eq(oro_py_set_environment(&env, &err), ORO_EINVAL);
    cr_assert_str_eq(err.text, "server.venv: /nowhere: there is no such folder");
}

/* ---- memory ---- */

Test(environment, a_call_that_takes_too_much_memory_ends_and_the_next_one_runs)
{
    static const char *const all[] = {"text", "objects", "small", "in_c", "keep"};
    struct fixture f;
    set((struct oro_py_environment){.memory_limit_mb = 64});
    fixture_open(&f, "environment/hungry.py");
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ORO_ARRAY_LEN(all); i++) {
            cr_assert_eq(fixture_call(&f, all[i], "[]"), ORO_EINTERNAL, "%s", all[i]);
            cr_assert_not_null(strstr(fixture_text(&f), "(met reducer.memory_limit_mb = 64)"),
                               "%s: %s", all[i], fixture_text(&f));
            fixture_run(&f, "drop");
            fixture_run(&f, "modest");
            cr_assert_null(strstr(fixture_text(&f), "memory_limit"));
        }
    }
    fixture_close(&f);
}

/* ---- interruption ---- */

struct watchdog {
    struct oro_py *py;
    uint64_t generation;
    atomic_bool over;
};

/* As the real one: every few milliseconds, until the call is over. */
static void *
interrupt_often(void *arg)
{
    struct watchdog *w = arg;
    while (!atomic_load(&w->over)) {
        usleep(5000);
        if (oro_py_generation(w->py) == w->generation)
            oro_py_interrupt(w->py, w->generation);
    }
    return NULL;
}

static void
interrupted(struct fixture *f, const char *reducer, const char *args, const char *text)
{
    pthread_t t;
    struct watchdog w = {.py = f->py, .generation = oro_py_generation(f->py) + 1};
    cr_assert_eq(pthread_create(&t, NULL, interrupt_often, &w), 0);
    cr_assert_eq(fixture_call(f, reducer, args), ORO_ETIMEOUT, "%s", reducer);
    cr_assert_not_null(strstr(fixture_text(f), text), "%s: %s", reducer, fixture_text(f));
    atomic_store(&w.over, true);
    pthread_join(t, NULL);
    fixture_run(f, "fine");
}

static void
all_interrupted(void)
{
    struct fixture f;
    fixture_open(&f, "environment/stubborn.py");
    for (int i = 0; i < 10; i++) {
        interrupted(&f, "again", "[]", "in again\n");
        interrupted(&f, "inside", "[]", "in inside\n");
        interrupted(&f, "goes_on", "[]", "ran longer than its limit, and went on");
        interrupted(&f, "argument", "[{\"n\": 1}]", "in __post_init__\n");
    }
    fixture_close(&f);
}

Test(environment, handlers_that_catch_everything_do_not_save_a_reducer)
{
    all_interrupted();
}

Test(environment, neither_in_the_main_interpreter)
{
    set((struct oro_py_environment){.main_interpreter = true});
    all_interrupted();
}
