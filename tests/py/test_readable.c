/* What a column's Python type cannot show is refused when it is written, with place and range: a row that is accepted can be read. */
#include "tests/py/fixture.h"

TestSuite(readable, .init = fixture_start, .fini = oro_py_stop);

Test(readable, times_that_a_datetime_does_not_show)
{
    struct fixture f;
    fixture_open(&f, "readable.py");
    fixture_run(&f, "times");
    fixture_close(&f);
}

Test(readable, what_the_authors_code_would_refuse)
{
    struct fixture f;
    fixture_open(&f, "readable.py");
    fixture_run(&f, "values");
    fixture_close(&f);
}

Test(readable, dynamic_values)
{
    struct fixture f;
    fixture_open(&f, "readable.py");
    fixture_run(&f, "dynamic");
    fixture_close(&f);
}

/* As JSON or as bytes: the caller is told which argument, and the range. */
Test(readable, arguments)
{
    struct fixture f;
    fixture_open(&f, "readable.py");
    cr_expect_eq(fixture_call(&f, "takes", "[[-62135596800000000], [[253402300799999999]]]"),
                 ORO_OK, "%s", fixture_text(&f));
    cr_expect_eq(fixture_call(&f, "takes", "[[-62135596800000001], []]"), ORO_EINVAL);
    cr_expect_not_null(strstr(fixture_text(&f), "takes.when: -62135596800000001 microseconds"),
                       "%s", fixture_text(&f));
    cr_expect_eq(fixture_call(&f, "takes", "[[0], [[0], [253402300800000000]]]"), ORO_EINVAL);
    cr_expect_not_null(strstr(fixture_text(&f), "takes.maybe[1]: 253402300800000000 microseconds"),
                       "%s", fixture_text(&f));
    cr_expect_not_null(strstr(fixture_text(&f), "the years 1 to 9999"), "%s", fixture_text(&f));
    fixture_close(&f);
}
