/* The tree of handles below ctx.db: what a call did not ask for costs it nothing, and whatever it kept ends with it. */
#include "bridge/db/table.h"
#include "bridge/host/interp_priv.h"
#include "tests/py/fixture.h"

TestSuite(tree, .init = fixture_start, .fini = oro_py_stop);

#define TABLES 80

/* Eighty tables of sixteen columns, of which the reducers use two. */
static const char wide[] =
    "from orochi import *\n"
    "columns = {'id': PrimaryKey[u32], **{f'c{i}': u64 for i in range(15)}}\n"
    "for i in range(80):\n"
    "    globals()[f'T{i}'] = table(name=f't{i}')(type(f'T{i}', (), {'__annotations__': "
    "dict(columns)}))\n"
    "kept = []\n"
    "def over(fn):\n"
    "    try: fn()\n"
    "    except TransactionError as e: assert 'used outside' in str(e), str(e)\n"
    "    else: assert False, 'a handle of an earlier call serves this one'\n"
    "@reducer\n"
    "def two(ctx: ReducerContext):\n"
    "    ctx.db.t3.id.find(1)\n"
    "    ctx.db.t7.count()\n"
    "    ctx.db.t3.c4.count(2)\n"
    "@reducer\n"
    "def all_of_them(ctx: ReducerContext):\n"
    "    for i in range(80): getattr(ctx.db, f't{i}').count()\n"
    "@reducer\n"
    "def keep(ctx: ReducerContext, way: u32):\n"
    "    ways = [lambda: ctx.db, lambda: ctx.db.t3, lambda: ctx.db.t3.id, lambda: ctx.db.t3.c4,\n"
    "        lambda: ctx.db[T5], lambda: ctx.db[T5].id, lambda: ctx.db.t9.insert, lambda: "
    "ctx.db.t9.id.find,\n"
    "        lambda: getattr(ctx.db, 't11'), lambda: type(ctx.db).t12.__get__(ctx.db), lambda: "
    "ctx.db.t3.column('c4'),\n"
    "        lambda: (lambda t=ctx.db.t20: t), lambda: [t.c0 for t in (ctx.db.t30, ctx.db.t31)], "
    "lambda: ctx]\n"
    "    kept.append(ways[way % len(ways)]())\n"
    "@reducer\n"
    "def use(ctx: ReducerContext, way: u32):\n"
    "    k = kept.pop()\n"
    "    uses = [lambda: k.t3.count(), lambda: k.count(), lambda: k.find(1), lambda: k.count(1),\n"
    "        lambda: k.count(), lambda: k.find(1), lambda: k(id=1), lambda: k(1),\n"
    "        lambda: k.count(), lambda: k.count(), lambda: k.count(1), lambda: k().count(), "
    "lambda: k[1].count(1), lambda: k.db.t3.count()]\n"
    "    over(uses[way % len(uses)])\n"
    "    assert ctx.db.t3.count() == 0 and ctx.db.t3.id.find(1) is None\n";

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
    fixture_open(&f, wide);
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
    fixture_open(&f, wide);
    for (unsigned way = 0; way < 14; way++) {
        char args[16];
        snprintf(args, sizeof(args), "[%u]", way);
        cr_assert_eq(fixture_call(&f, "keep", args), ORO_OK, "%u: %s", way, fixture_text(&f));
        cr_assert_eq(fixture_call(&f, "use", args), ORO_OK, "%u: %s", way, fixture_text(&f));
        fixture_run(&f, "two"); /* so that handles are there before they are kept, too */
    }
    fixture_close(&f);
}
