/* Each call on a table is atomic by itself, also when its failure is caught; and what delete(row) takes for the row. */
#include "tests/py/words.h"

TestSuite(atomic, .init = fixture_start, .fini = oro_py_stop);

Test(atomic, bulk_calls_leave_all_or_nothing)
{
    struct fixture f;
    fixture_open(&f, "atomic.py");
    fixture_run(&f, "bulk");
    cr_assert_eq(f.host.saves, 0);
    fixture_run(&f, "nested");
    cr_assert_eq(f.host.saves, 0);
    fixture_close(&f);
}

Test(atomic, delete_takes_the_row_that_is_equal)
{
    struct fixture f;
    fixture_open(&f, "atomic.py");
    char *text = words_of(&f, "deletes", ORO_OK);
    cr_expect_eq(words_count(text, "WARN"), 2, "%s", text); /* once for each place */
    cr_expect_not_null(strstr(text, "deletes: "), "%s", text);
    cr_expect_not_null(strstr(text, "module_under_test.py:"), "%s", text);
    cr_expect_not_null(strstr(text, "item.delete(row) deleted nothing: the row with this id is "
                                    "there, but differs in score"),
                       "%s", text);
    free(text);
    text = words_of(&f, "deletes", ORO_OK);
    cr_expect_eq(words_count(text, "WARN"), 0, "%s", text);
    free(text);
    fixture_close(&f);
}
