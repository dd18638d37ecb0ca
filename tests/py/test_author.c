/* Author's code at every point where a conversion calls into Python (author.py), under the address sanitizer: Python's memory is
 * malloc's here, so that it sees what is used after its end. */
#include "bridge/host/interp_priv.h"
#include "tests/py/fixture.h"

static void *
block_malloc(void *ctx, size_t n)
{
    return malloc(n > 0 ? n : 1);
}

static void *
block_calloc(void *ctx, size_t n, size_t size)
{
    return calloc(n > 0 ? n : 1, size > 0 ? size : 1);
}

static void *
block_realloc(void *ctx, void *old, size_t n)
{
    return realloc(old, n > 0 ? n : 1);
}

static void
block_free(void *ctx, void *p)
{
    free(p);
}

static void
start(void)
{
    PyMemAllocatorEx mine = {NULL, block_malloc, block_calloc, block_realloc, block_free};
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &mine);
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &mine);
    fixture_start();
}

TestSuite(author, .init = start, .fini = oro_py_stop);

static char *
read_source(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", getenv("ORO_TESTS_PY"), name);
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f, "%s", path);
    char *text = calloc(1, 1 << 18);
    cr_assert_lt(fread(text, 1, (1 << 18) - 1, f), (1 << 18) - 1);
    fclose(f);
    return text;
}

static void
open_author(struct fixture *f)
{
    char *source = read_source("author.py");
    fixture_open_text(f, source);
    free(source);
}

static void
run_one(const char *reducer)
{
    struct fixture f;
    open_author(&f);
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

/* While the context lets go of what it made, a __del__ asks for it anew. */
Test(author, at_the_end_of_a_call)
{
    struct fixture f;
    open_author(&f);
    fixture_run(&f, "keep");
    fixture_run(&f, "end");
    fixture_run(&f, "who");
    fixture_close(&f);
}
