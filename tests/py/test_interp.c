/* Interpreters: interruption, several at once, what a call leaves behind, the tools of the main interpreter. */
#include <pthread.h>

#include "runtime/base/clock.h"
#include "runtime/base/thread.h"
#include "tests/py/fixture.h"

TestSuite(interp, .init = fixture_start, .fini = oro_py_stop, .timeout = 60);

/* ---- interruption ---- */

struct watchdog {
    struct oro_py *py;
    uint64_t generation;
};

/* Waits until the call runs, then interrupts it. */
static void *
interrupt_soon(void *arg)
{
    struct watchdog *w = arg;
    while (oro_py_generation(w->py) < w->generation)
        oro_cpu_relax();
    for (int64_t until = oro_mono_us() + 5000; oro_mono_us() < until;)
        oro_cpu_relax();
    oro_py_interrupt(w->py, w->generation);
    return NULL;
}

Test(interp, a_reducer_that_does_not_end_is_interrupted)
{
    static const char *const endless[] = {"forever", "stubborn", "count", "fill"};
    struct fixture f;
    fixture_open(&f, "interp/loops.py");
    for (size_t i = 0; i < ORO_ARRAY_LEN(endless); i++) {
        pthread_t t;
        struct watchdog w = {f.py, oro_py_generation(f.py) + 1};
        cr_assert_eq(pthread_create(&t, NULL, interrupt_soon, &w), 0);
        cr_assert_eq(fixture_call(&f, endless[i], "[]"), ORO_ETIMEOUT, "%s", endless[i]);
        cr_assert_not_null(strstr(fixture_text(&f), "ReducerTimeout"), "%s", fixture_text(&f));
        pthread_join(t, NULL);
        fixture_run(&f, "fine");
    }
    fixture_close(&f);
}

Test(interp, a_late_interruption_hits_nothing)
{
    struct fixture f;
    fixture_open(&f, "interp/loops.py");
    for (int i = 0; i < 50; i++) {
        fixture_run(&f, "fine");
        oro_py_interrupt(f.py, oro_py_generation(f.py)); /* the call is over */
        fixture_run(&f, "fine");
        oro_py_interrupt(f.py, oro_py_generation(f.py) - 1);
        fixture_run(&f, "fine");
    }
    fixture_close(&f);
}

/* ---- several ---- */

static void *
worker(void *arg)
{
    struct fixture f;
    for (int round = 0; round < 3; round++) {
        fixture_open(&f, "interp/busy.py");
        for (int i = 0; i < 30; i++) {
            fixture_run(&f, "work");
            oro_py_release(f.py);
            oro_py_acquire(f.py);
        }
        fixture_close(&f);
    }
    *(int *)arg = 1;
    return NULL;
}

Test(interp, several_interpreters_work_at_once)
{
    pthread_t t[4];
    int done[4] = {0};
    struct oro_err err;
    for (int i = 0; i < 4; i++)
        cr_assert_eq(oro_thread_start(&t[i], ORO_THREAD_WORKER, "test", 0, worker, &done[i], &err),
                     ORO_OK);
    for (int i = 0; i < 4; i++) {
        oro_thread_join(t[i]);
        cr_assert_eq(done[i], 1);
    }
}

Test(interp, threads_are_refused_in_a_worker)
{
    struct fixture f;
    fixture_open(&f, "interp/threads_are_refused_in_a_worker.py");
    cr_assert_eq(fixture_call(&f, "start", "[]"), ORO_EINTERNAL);
    cr_assert_not_null(strstr(fixture_text(&f), "_thread.start_joinable_thread is not allowed"),
                       "%s", fixture_text(&f));
    fixture_close(&f);
}

/* ---- nothing is left ---- */

Test(interp, calls_leave_no_objects_behind)
{
    static const char *const args[] = {
        "[[{\"name\": \"i\", \"n\": 2}], {\"id\": 5, \"text\": \"t\", \"items\": [], \"group\": 1, "
        "\"extra\": \"7\"}, \"w\"]",
        "[[], {\"id\": 5, \"text\": \"t\", \"items\": [], \"group\": 1, \"extra\": \"7\"}, "
        "\"fail\"]",
        "[[], {\"id\": 5, \"text\": \"t\", \"items\": [], \"group\": 1, \"extra\": \"7\"}, "
        "\"crash\"]",
        "[[], {\"id\": 5, \"text\": \"t\", \"items\": [], \"group\": 1, \"extra\": \"{bad\"}, "
        "\"w\"]",
    };
    static const oro_status ends[] = {ORO_OK, ORO_EUSER, ORO_EINTERNAL, ORO_EINVAL};
    /* Pools and free lists fill ever more slowly: by 15 a round after 15 rounds, by 3 after 30. A single object kept by
     * one kind of call makes 25 a round for ever. */
    enum { FILLED = 30, ROUNDS = FILLED + 11 };
    struct fixture f;
    char text[64];
    long blocks = 0;
    fixture_open(&f, "interp/steady.py");
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 100; i++) {
            oro_status st = fixture_call(&f, "everything", args[i % 4]);
            cr_assert_eq(st, ends[i % 4], "%d: %s", i % 4, fixture_text(&f));
        }
        oro_bb_clear(&f.host.log);
        snprintf(text, sizeof(text), "[%ld, %ld]", round > FILLED ? 1L : 0, blocks + 120);
        cr_assert_eq(fixture_call(&f, "blocks", text), ORO_OK, "round %d: %s, before %ld", round,
                     fixture_text(&f), blocks);
        oro_bb_u8(&f.host.log, 0);
        if (round == FILLED)
            blocks = atol(strstr((char *)f.host.log.data, "blocks=") + 7);
    }
    fixture_close(&f);
}

/* ---- tools ---- */

Test(interp, toml_becomes_json_or_an_error_with_its_line)
{
    struct fixture f = {.dir = "/tmp/oro-py-XXXXXX"};
    struct oro_err err = {0};
    char path[128], *json = NULL;
    cr_assert_not_null(mkdtemp(f.dir));
    fixture_write(&f, "a.toml", "[net]\nport = 3000\nhosts = [\"a\", \"b\"]\n");
    fixture_write(&f, "b.toml", "[net]\nport = 3000\nhosts = = 5\n");
    snprintf(path, sizeof(path), "%s/a.toml", f.dir);
    cr_assert_eq(oro_py_toml(path, &json, &err), ORO_OK, "%s", err.text);
    cr_assert_str_eq(json, "{\"net\": {\"port\": 3000, \"hosts\": [\"a\", \"b\"]}}");
    oro_free(json);
    snprintf(path, sizeof(path), "%s/b.toml", f.dir);
    cr_assert_eq(oro_py_toml(path, &json, &err), ORO_EMALFORMED);
    cr_assert_eq(strncmp(err.text, "line 3: ", 8), 0, "%s", err.text);
    snprintf(path, sizeof(path), "%s/none.toml", f.dir);
    cr_assert_eq(oro_py_toml(path, &json, &err), ORO_EIO);
    cr_assert_not_null(strstr(err.text, "No such file"), "%s", err.text);
    fixture_remove(&f);
}
