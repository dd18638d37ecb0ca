/* A second version of a module beside the first, in one interpreter; and what the schemas of both say about each other. */
#include "tests/py/fixture.h"

#define HEAD                                                                             \
    "from orochi import PrimaryKey, ReducerContext, ReducerError, reducer, table, u32\n" \
    "import keeper\n"                                                                    \
    "@table(public=True)\n"                                                              \
    "class Item:\n"                                                                      \
    "    id: PrimaryKey[u32]\n"                                                          \
    "    tags: list[str]\n"

#define VERSION(n)                                                              \
    HEAD "@reducer\n"                                                           \
         "def which(ctx: ReducerContext):\n"                                    \
         "    raise ReducerError('" n "')\n"                                    \
         "@reducer\n"                                                           \
         "def keep(ctx: ReducerContext):\n"                                     \
         "    keeper.rows.append(ctx.db.item.insert(Item(id=len(keeper.rows), " \
         "tags=['" n "'])))\n"                                                  \
         "@reducer\n"                                                           \
         "def look(ctx: ReducerContext):\n"                                     \
         "    raise ReducerError(','.join(t for r in keeper.rows for t in r.tags))\n"

static char path[128];

/* A package that is not the author's: it is not in the module's folder, and stays. */
static void
open_started(struct fixture *f, const char *source)
{
    char dir[] = "/tmp/oro-py-keeper-XXXXXX", other[96];
    cr_assert_not_null(mkdtemp(dir));
    snprintf(other, sizeof(other), "%s/keeper.py", dir);
    FILE *file = fopen(other, "w");
    cr_assert_not_null(file);
    fputs("rows = []\n", file);
    fclose(file);
    char *all = oro_asprintf("import sys\nsys.path.insert(0, '%s')\n%s", dir, source);
    fixture_open_text(f, all);
    oro_free(all);
    unlink(other);
    rmdir(dir);
    snprintf(path, sizeof(path), "%s/module_under_test.py", f->dir);
}

static void
open_first(struct fixture *f, const char *source)
{
    fixture_start();
    open_started(f, source);
}

static oro_status
stage(struct fixture *f, const char *source, char **descriptor, char **report)
{
    struct oro_err err = {0};
    fixture_write(f, "module_under_test.py", source);
    *descriptor = *report = NULL;
    return oro_py_stage(f->py, path, "test", descriptor, report, &err);
}

static void
take(struct fixture *f, const char *source)
{
    char *descriptor, *report;
    struct oro_err err = {0};
    struct oro_schema *schema;
    oro_status st = stage(f, source, &descriptor, &report);
    cr_assert_eq(st, ORO_OK, "%s", report);
    cr_assert_eq(oro_schema_parse(oro_bytes_str(descriptor), &schema, &err), ORO_OK);
    st = oro_py_bind_staged(f->py, schema, &err);
    cr_assert_eq(st, ORO_OK, "%s", err.text);
    oro_py_adopt(f->py);
    oro_schema_free(f->schema);
    f->schema = schema;
    oro_py_settle(f->py);
    oro_free(descriptor);
}

static void
expect(struct fixture *f, const char *reducer, const char *text)
{
    cr_assert_eq(fixture_call(f, reducer, "[]"), ORO_EUSER, "%s", fixture_text(f));
    cr_expect_str_eq(fixture_text(f), text);
}

Test(reload, the_second_serves_when_it_is_adopted)
{
    struct fixture f;
    char *descriptor, *report;
    open_first(&f, VERSION("one"));
    expect(&f, "which", "one");
    cr_assert_eq(stage(&f, VERSION("two"), &descriptor, &report), ORO_OK, "%s", report);
    expect(&f, "which", "one");
    oro_py_unstage(f.py);
    oro_py_settle(f.py);
    expect(&f, "which", "one");
    take(&f, VERSION("three"));
    expect(&f, "which", "three");
    oro_free(descriptor);
    fixture_close(&f);
    oro_py_stop();
}

Test(reload, a_mistake_leaves_the_first)
{
    static const char *const wrong[] = {"def f(:\n", "1 / 0\n", "import nothing_like_that\n",
                                        "@table\nclass Two:\n    a: PrimaryKey[dict]\n",
                                        "import sys; sys.exit()\n"};
    struct fixture f;
    open_first(&f, VERSION("one"));
    for (size_t i = 0; i < ORO_ARRAY_LEN(wrong); i++) {
        char *descriptor, *report, *source = oro_asprintf("%s%s", VERSION("two"), wrong[i]);
        cr_expect_eq(stage(&f, source, &descriptor, &report), ORO_EINVAL, "case %zu", i);
        cr_expect_not_null(strstr(report, "module_under_test.py:"), "case %zu: %s", i, report);
        expect(&f, "which", "one");
        oro_free(report);
        oro_free(source);
    }
    take(&f, VERSION("three"));
    expect(&f, "which", "three");
    fixture_close(&f);
    oro_py_stop();
}

/* A row of an old version is read long after that version has gone: its columns are not decoded before they are touched. */
Test(reload, rows_outlive_their_version)
{
    static const char *const versions[] = {VERSION("b"), VERSION("c"), VERSION("d"), VERSION("e")};
    struct fixture f;
    open_first(&f, VERSION("a"));
    fixture_run(&f, "keep");
    for (size_t i = 0; i < ORO_ARRAY_LEN(versions); i++) {
        take(&f, versions[i]);
        fixture_run(&f, "keep");
    }
    expect(&f, "look", "a,b,c,d,e");
    fixture_close(&f);
    oro_py_stop();
}

#define KEEPING(what)                                                                              \
    HEAD                                                                                           \
        "@reducer\n"                                                                               \
        "def keep(ctx: ReducerContext):\n"                                                         \
        "    ctx.db.item.upsert(Item(id=1, tags=['x']))\n"                                         \
        "    keeper.rows.append(" what ")\n"                                                       \
        "@reducer\n"                                                                               \
        "def use(ctx: ReducerContext):\n"                                                          \
        "    for kept in keeper.rows:\n"                                                           \
        "        for way in (repr, list, len, next, lambda k: k.find(1), lambda k: k.filter(1),\n" \
        "                    lambda k: k.first(), lambda k: k(1), lambda k: 1 in k, lambda k: "    \
        "k.item,\n"                                                                                \
        "                    lambda k: k.column('id').min(), lambda k: k.column('none'), lambda "  \
        "k: k == k,\n"                                                                             \
        "                    lambda k: k.tags, lambda k: k.order_by('id'), lambda k: k.sender, "   \
        "lambda k: k[0]):\n"                                                                       \
        "            try:\n"                                                                       \
        "                way(kept)\n"                                                              \
        "            except Exception as error:\n"                                                 \
        "                assert not isinstance(error, (SystemError, MemoryError))\n"

/* The version's memory, its schema and the names of its columns are gone, or kept as long as the handle needs them. */
Test(reload, handles_outlive_their_version)
{
    static const char *const versions[] = {KEEPING("ctx.db.item.id"),
                                           KEEPING("ctx.db.item.id.filter"),
                                           KEEPING("ctx.db.item.all()"),
                                           KEEPING("iter(ctx.db.item.all())"),
                                           KEEPING("ctx.db.item"),
                                           KEEPING("ctx.db"),
                                           KEEPING("ctx"),
                                           KEEPING("ctx.db.item.get(1)"),
                                           KEEPING("ctx.db.item.insert"),
                                           KEEPING("ctx.db.item.filter(id=1)"),
                                           KEEPING("Item.id"),
                                           KEEPING("Item"),
                                           KEEPING("Item.id.__get__")};
    fixture_start();
    for (size_t i = 0; i < ORO_ARRAY_LEN(versions); i++) {
        struct fixture f;
        open_started(&f, versions[i]);
        fixture_run(&f, "keep");
        fixture_run(&f, "use");
        take(&f, VERSION("b"));
        take(&f, VERSION("c"));
        take(&f, KEEPING("None"));
        fixture_run(&f, "use");
        fixture_close(&f);
    }
    oro_py_stop();
}

/* ---- schemas ---- */

static void
compare(const char *a, const char *b, bool same, bool breaks, const char *words)
{
    struct fixture f;
    char *descriptor, *report;
    struct oro_err err = {0};
    struct oro_bb said = {0};
    struct oro_schema *now;
    static const char head[] = "from orochi import *\n"
                               "@reducer\ndef act(ctx): pass\n";
    char *first = oro_asprintf("%s%s", head, a), *second = oro_asprintf("%s%s", head, b);
    fixture_open_text(&f, first);
    snprintf(path, sizeof(path), "%s/module_under_test.py", f.dir);
    oro_status st = stage(&f, second, &descriptor, &report);
    cr_assert_eq(st, ORO_OK, "%s", report);
    cr_assert_eq(oro_schema_parse(oro_bytes_str(descriptor), &now, &err), ORO_OK, "%s", err.text);
    cr_expect_eq(oro_schema_same_tables(f.schema, now), same, "%s", b);
    cr_expect_eq(oro_schema_changes(f.schema, now, &said), breaks, "%s", b);
    oro_bb_u8(&said, 0);
    cr_expect_str_eq((const char *)said.data, words);
    if (same) { /* what the borrower says is the lender's */
        oro_schema_borrow_tables(now, f.schema);
        cr_expect_eq(oro_schema_table(now, oro_bytes_str("t")),
                     oro_schema_table(f.schema, oro_bytes_str("t")));
    }
    oro_py_unstage(f.py);
    oro_schema_free(now);
    oro_bb_fini(&said);
    oro_free(descriptor);
    oro_free(first);
    oro_free(second);
    fixture_close(&f);
}

#define T "@table(public=True)\nclass T:\n    id: PrimaryKey[u32]\n    s: str\n"

Test(reload, changes_are_named)
{
    fixture_start();
    compare(T, T "@reducer\ndef other(ctx, n: u32): pass\n", true, false, "");
    compare(T, "@table\nclass U:\n    id: u32\n" T, false, false, "table `u` added");
    compare(T "@table\nclass U:\n    id: u32\n", T, false, false, "table `u` removed");
    compare(T "@table(public=True)\nclass U:\n    id: u32\n", T, false, true, "table `u` removed");
    compare(T, T "    n: u32 = 5\n", false, true, "table `t`: column `n` added");
    compare(T "    n: u32 = 5\n", T "    n: u32 = 6\n", false, false, "table `t` changed");
    compare(T, "@table\nclass T:\n    id: PrimaryKey[u32]\n    s: Index[str]\n", false, false,
            "table `t` is private; table `t`: indexes changed");
    compare(T "@scheduled(interval_ms=50)\ndef beat(ctx): pass\n",
            T "@scheduled(interval_ms=60)\ndef beat(ctx): pass\n", true, false, "");
    compare("import enum\nclass E(enum.Enum):\n    a = 1\n" T "    e: E\n",
            "import enum\nclass E(enum.Enum):\n    a = 1\n    b = 2\n" T "    e: E\n", false, false,
            "table `t`: types of columns changed");
    oro_py_stop();
}
