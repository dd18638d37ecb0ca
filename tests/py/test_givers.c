/* What a view, a handler and a procedure give back runs code of the author's while it is read (givers.py). Python's memory is
 * malloc's here, as in test_author.c, so that the address sanitizer sees what is used after its end. */
#include "bridge/host/interp_priv.h"
#include "tests/py/fixture.h"
#include "tests/py/malloc.h"

static void
start(void)
{
    malloc_for_python();
    fixture_start();
}

TestSuite(givers, .init = start, .fini = oro_py_stop);

static void
call_view(struct fixture *f, const char *name, uint32_t which)
{
    const struct oro_view_def *def = oro_schema_view(f->schema, oro_bytes_str(name));
    cr_assert_not_null(def);
    oro_status st = fixture_call_def(f, def->fn, oro_bytes(&which, sizeof(which)));
    cr_assert(st == ORO_OK || f->text.len > 0, "%u", which);
}

static void
call_procedure(struct fixture *f, const char *name, uint32_t which)
{
    struct oro_bb result = {0};
    bool outdated;
    f->call = fixture_new_call(f, oro_schema_function(f->schema, oro_bytes_str(name)),
                               oro_bytes(&which, sizeof(which)));
    oro_status st = oro_py_procedure(f->py, &f->call, &result, &outdated);
    cr_assert(!outdated && (st == ORO_OK || f->text.len > 0), "%u", which);
    oro_bb_fini(&result);
}

static void
put_part(struct oro_bb *out, const char *text)
{
    oro_bb_u32(out, (uint32_t)strlen(text));
    oro_bb_put(out, text, strlen(text));
}

static void
call_handler(struct fixture *f, const char *path, uint32_t which)
{
    struct oro_bb request = {0};
    char target[64];
    snprintf(target, sizeof(target), "%s/%u", path, which);
    const char *const parts[] = {"GET", "h:1", "/v1/database/x/route", target, "", "a: b\r\n", ""};
    for (size_t i = 0; i < ORO_ARRAY_LEN(parts); i++)
        put_part(&request, parts[i]);
    f->call = fixture_new_call(f, NULL, oro_bb_bytes(&request));
    oro_status st = oro_py_answer(f->py, &f->call);
    cr_assert(st == ORO_OK || f->text.len > 0, "%u", which);
    oro_bb_fini(&request);
}

/* Each case with each deed; what is told is words, and a reducer finds everything as it was. */
static void
try_all(void (*call)(struct fixture *f, const char *name, uint32_t which), const char *name,
        uint32_t ncases)
{
    struct fixture f;
    char json[16];
    fixture_open_file(&f, "givers.py");
    for (int which = 0;
         snprintf(json, sizeof(json), "[%d]", which), fixture_call(&f, "begin", json) == ORO_OK;
         which++)
        for (uint32_t i = 0; i < ncases; i++) {
            call(&f, name, i);
            oro_bb_u8(&f.text, 0);
            if (getenv("OROCHI_VERBOSE") != NULL)
                fprintf(stderr, "%s %d %u: %s\n", name, which, i, fixture_text(&f));
            cr_assert(strstr(fixture_text(&f), "SystemError") == NULL, "%s %u: %s", name, i,
                      fixture_text(&f));
            cr_assert(!PyErr_Occurred());
            cr_assert_null(oro_db_running);
            fixture_run(&f, "ended");
        }
    cr_assert_str_eq(fixture_text(&f), "no more deeds");
    fixture_close(&f);
}

Test(givers, lists_of_views)
{
    try_all(call_view, "lister", 40);
}

Test(givers, rows_of_views)
{
    try_all(call_view, "rower", 14);
}

Test(givers, queries_of_views)
{
    try_all(call_view, "asker", 19);
}

Test(givers, what_is_no_query)
{
    struct fixture f;
    fixture_open_file(&f, "givers.py");
    cr_assert_eq(fixture_call(&f, "begin", "[0]"), ORO_OK);
    call_view(&f, "asker", 13);
    oro_bb_u8(&f.text, 0);
    cr_assert_not_null(strstr(fixture_text(&f), "module_under_test.py:"), "%s", fixture_text(&f));
    cr_assert_not_null(
        strstr(fixture_text(&f), "got list, and the view says that it returns a Query"), "%s",
        fixture_text(&f));
    fixture_close(&f);
}

Test(givers, options_of_views)
{
    try_all(call_view, "maybe", 6);
}

Test(givers, procedures)
{
    try_all(call_procedure, "proceed", 64);
}

Test(givers, handlers)
{
    try_all(call_handler, "/case", 68);
}

Test(givers, applications)
{
    try_all(call_handler, "/app", 124);
}
