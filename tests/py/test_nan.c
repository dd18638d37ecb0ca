/* NaN and the two zeros: with an index or without one, a filter gives the same rows, in the order of indexes and SQL. */
#include "tests/py/fixture.h"

TestSuite(nan, .init = fixture_start, .fini = oro_py_stop);

Test(nan, equals_itself_and_the_zeros_are_one)
{
    struct fixture f;
    fixture_open(&f, "nan.py");
    fixture_run(&f, "equal");
    fixture_close(&f);
}

Test(nan, comes_after_everything)
{
    struct fixture f;
    fixture_open(&f, "nan.py");
    fixture_run(&f, "order");
    fixture_close(&f);
}
