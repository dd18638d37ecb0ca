/* The tree of handles below ctx.db: what a call did not ask for costs it nothing, and whatever it kept ends with it. */
#include "bridge/db/table.h"
#include "bridge/host/interp_priv.h"
#include "tests/py/fixture.h"

TestSuite(tree, .init = fixture_start, .fini = oro_py_stop);

#define TABLES 80

/* Eighty tables of sixteen columns, of which the reducers use two. */
static unsigned
tables_made(const struct oro_py *py)
{
    unsigned n = 0;
    for (unsigned i = 0; i < py->db.ntables; i++)
        n += ((struct oro_dbhandle *)py->db.handle)->tables[i] != NULL;
    return n;
}

static unsigned noted;

static uint64_t
count_noting(void *host, const struct oro_table_def *t)
{
    noted = oro_db_running->ntouched;
    return 0;
}

Test(tree, a_call_costs_what_it_uses_and_not_what_the_schema_has)
{
    struct fixture f;
    fixture_open(&f, "tree.py");
    cr_assert_eq(f.py->db.ntables, TABLES);
    cr_assert_eq(tables_made(f.py), 0);
    struct oro_host_ops ops = *f.py->db.ops;
    ops.count = count_noting;
    f.py->db.ops = &ops;
    for (int i = 0; i < 3; i++) {
        fixture_run(&f, "two");
        cr_assert_eq(noted, 2, "the tables whose handles the end of the call looks at: %u", noted);
        cr_assert_eq(f.py->db.ntouched, 0);
    }
    cr_assert_eq(tables_made(f.py), 2);
    fixture_run(&f, "all_of_them"); /* once, which must not be paid for later */
    cr_assert_eq(noted, TABLES);
    fixture_run(&f, "two");
    cr_assert_eq(noted, 2);
    fixture_close(&f);
}

Test(tree, whatever_a_call_kept_ends_with_it)
{
    struct fixture f;
    fixture_open(&f, "tree.py");
    for (unsigned way = 0; way < 14; way++) {
        char args[16];
        snprintf(args, sizeof(args), "[%u]", way);
        cr_assert_eq(fixture_call(&f, "keep", args), ORO_OK, "%u: %s", way, fixture_text(&f));
        cr_assert_eq(fixture_call(&f, "use", args), ORO_OK, "%u: %s", way, fixture_text(&f));
        fixture_run(&f, "two"); /* so that handles are there before they are kept, too */
    }
    fixture_close(&f);
}
