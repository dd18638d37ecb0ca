/* The project's example modules and the sample that the project began with, unmodified, over the fake host; and the tests of
 * rows once more with the C classes. */
#include "tests/py/fixture.h"

TestSuite(examples, .init = fixture_start, .fini = oro_py_stop);

Test(examples, the_first_sample_runs_as_it_stands)
{
    struct fixture f;
    struct oro_bb args = {0};
    fixture_open(&f, "seed.py");
    oro_bb_printf(&args, "[[");
    for (int i = 0; i < 1000; i++)
        oro_bb_printf(&args, "%s[\"e%d\", %d, \"{\\\"bag\\\":[\\\"a\\\"],\\\"hp\\\":10}\", []]",
                      i > 0 ? "," : "", i, i);
    oro_bb_printf(&args, "]]");
    oro_bb_u8(&args, 0);
    cr_assert_eq(fixture_call(&f, "process_batch_events", (char *)args.data), ORO_OK, "%s",
                 fixture_text(&f));
    cr_assert_eq(fixture_call(&f, "check", "[1000, 0]"), ORO_OK, "%s", fixture_text(&f));
    for (int i = 0; i < 3; i++)
        cr_assert_eq(fixture_call_bytes(&f, "high_frequency_processor", oro_bytes("", 0)), ORO_OK,
                     "%s", fixture_text(&f));
    cr_assert_eq(fixture_call(&f, "check", "[1000, 3]"), ORO_OK, "%s", fixture_text(&f));
    fixture_close(&f);
    fixture_open(&f, "seed.py");
    fixture_run(&f, "older");
    fixture_close(&f);
    oro_bb_fini(&args);
}

static void
loads(const char *path)
{
    struct oro_py *py;
    struct oro_err err = {0};
    struct oro_schema *schema;
    char *descriptor = NULL, *report = NULL;
    cr_assert_eq(oro_py_open(0, &fake_ops, &py, &err), ORO_OK, "%s", err.text);
    cr_assert_eq(oro_py_load(py, path, "example", &descriptor, &report, &err), ORO_OK, "%s",
                 report);
    cr_assert_eq(oro_schema_parse(oro_bytes_str(descriptor), &schema, &err), ORO_OK, "%s",
                 err.text);
    cr_assert_eq(oro_py_bind(py, schema, &err), ORO_OK, "%s", err.text);
    oro_py_close(py);
    oro_schema_free(schema);
    oro_free(descriptor);
}

Test(examples, those_of_the_project_load)
{
    static const char *const names[] = {"arena", "bank", "cards", "chat"};
    char path[512];
    for (size_t i = 0; i < ORO_ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/../../examples/%s/module.py", getenv("ORO_TESTS_PY"),
                 names[i]);
        loads(path);
    }
}

Test(examples, rows_behave_as_in_an_ordinary_interpreter)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/rows_in_worker.py", getenv("ORO_TESTS_PY"));
    loads(path);
}
