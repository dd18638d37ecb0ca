/* Author's code at every point where a conversion calls into Python (author.py), under the address sanitizer: Python's memory is
 * malloc's here, so that it sees what is used after its end. */
#include "bridge/host/interp_priv.h"
#include "tests/py/fixture.h"
#include "tests/py/malloc.h"

static void
start(void)
{
    malloc_for_python();
    fixture_start();
}

TestSuite(author, .init = start, .fini = oro_py_stop);

static void
run_one(const char *reducer)
{
    struct fixture f;
    fixture_open_file(&f, "author.py");
    fixture_run(&f, reducer);
    fixture_close(&f);
}

Test(author, while_rows_are_read)
{
    run_one("reading");
}

Test(author, while_rows_are_written)
{
    run_one("writing");
}

Test(author, in_values_that_are_not_what_they_say)
{
    run_one("odd");
}

Test(author, in_keys_and_conditions)
{
    run_one("asking");
}

Test(author, with_descriptors_and_classes)
{
    run_one("classes");
}

Test(author, who_only_looks_changes_nothing)
{
    run_one("undisturbed");
}

Test(author, in_hooks_of_the_interpreter)
{
    run_one("hooked");
}

/* While the context lets go of what it made, a __del__ asks for it anew. */
Test(author, at_the_end_of_a_call)
{
    struct fixture f;
    fixture_open_file(&f, "author.py");
    fixture_run(&f, "keep");
    fixture_run(&f, "end");
    fixture_run(&f, "who");
    fixture_close(&f);
}
