/* Every type, both ways: the golden bytes of the API, ranges, refusals with their paths, dynamic values. The cases are
 * written in Python, where the values are; each reducer asserts for itself. */
#include "tests/py/fixture.h"

TestSuite(values, .init = fixture_start, .fini = oro_py_stop);

Test(values, golden_bytes)
{
    struct fixture f;
    fixture_open_after(&f, "values/head.py", "values/golden.py");
    fixture_run(&f, "golden");
    fixture_run(&f, "special");
    fixture_run(&f, "containers");
    fixture_run(&f, "records");
    fixture_close(&f);
}

Test(values, ranges_and_refusals)
{
    struct fixture f;
    fixture_open_after(&f, "values/head.py", "values/ranges.py");
    fixture_run(&f, "integers");
    fixture_run(&f, "floats");
    fixture_run(&f, "texts");
    fixture_run(&f, "paths");
    fixture_run(&f, "malformed");
    fixture_close(&f);
}

Test(values, dynamic_values)
{
    struct fixture f;
    fixture_open_after(&f, "values/head.py", "values/documents.py");
    fixture_run(&f, "shapes");
    fixture_run(&f, "same_text");
    fixture_run(&f, "reading");
    fixture_run(&f, "numbers");
    fixture_run(&f, "expected_keys");
    fixture_run(&f, "changed_meanwhile");
    fixture_close(&f);
    fixture_open_after(&f, "values/head.py", "values/dynamic.py");
    fixture_run(&f, "dynamic");
    fixture_close(&f);
}

/* A file that checks what it has to check while it is imported. */
static void
import_file(const char *name)
{
    struct oro_py *py;
    struct oro_err err = {0};
    char *descriptor = NULL, *report = NULL, path[512];
    snprintf(path, sizeof(path), "%s/%s", getenv("ORO_TESTS_PY"), name);
    cr_assert_eq(oro_py_open(0, &fake_ops, &py, &err), ORO_OK, "%s", err.text);
    oro_status st = oro_py_load(py, path, "checks", &descriptor, &report, &err);
    cr_assert_eq(st, ORO_OK, "%s", report);
    oro_free(descriptor);
    oro_py_close(py);
}

Test(values, every_vector_of_the_format)
{
    import_file("vectors.py");
}

Test(values, errors_tell_where_and_what)
{
    import_file("located.py");
}

Test(values, keys_with_one_hash_are_refused)
{
    import_file("hostile.py");
}
