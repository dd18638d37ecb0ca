/* Tables, columns, row sets, rows and the context, as reducers see them. Each reducer asserts for itself. */
#include "tests/py/fixture.h"

TestSuite(tables, .init = fixture_start, .fini = oro_py_stop);

Test(tables, rows_are_inserted_found_changed_and_deleted)
{
    struct fixture f;
    fixture_open_after(&f, "tables/head.py", "tables/crud.py");
    fixture_run(&f, "insert");
    fixture_run(&f, "find");
    fixture_run(&f, "update");
    fixture_run(&f, "upsert");
    fixture_run(&f, "delete");
    fixture_close(&f);
}

Test(tables, filters_use_indexes_and_scans)
{
    struct fixture f;
    fixture_open_after(&f, "tables/head.py", "tables/queries.py");
    fixture_run(&f, "filters");
    fixture_run(&f, "conditions");
    fixture_run(&f, "columns");
    fixture_run(&f, "row_sets");
    fixture_close(&f);
}

/* What each question costs the host: look-ups, ranges, scans, and the rows that the last two gave. */
Test(tables, no_more_is_fetched_than_is_needed)
{
    static const struct {
        const char *question, *answer;
        uint64_t finds, ranges, scans, given;
    } cases[] = {
        {"one(t.guild.min())", "e", 0, 1, 0, 1},
        {"one(t.guild.max())", "d", 0, 1, 0, 1},
        {"one(t.name.max())", "e", 0, 1, 0, 1},
        {"names(t.guild.iter(reverse=True))", "dbace", 0, 1, 0, 5},
        {"one(t.first())", "a", 0, 1, 0, 1},
        {"one(t.first(guild=1))", "a", 0, 1, 0, 1},
        {"one(t.one(guild__gte=1))", "a", 0, 1, 0, 1},
        {"str(t.exists(guild__lt=3))", "True", 0, 1, 0, 1},
        {"one(t.first(guild=1, score=30))", "c", 0, 1, 0, 2},
        {"names(t.all().limit(2))", "ab", 0, 1, 0, 2},
        {"names(t.all()[:2])", "ab", 0, 1, 0, 2},
        {"names(t.all()[:2][:1])", "a", 0, 1, 0, 1},
        {"names(t.all().limit(0))", "", 0, 0, 0, 0},
        {"names(t.all()[1:2])", "b", 0, 1, 0, 2},
        {"names(t.all()[1:3][1:2])", "c", 0, 1, 0, 3},
        {"names(t.all()[3:9])", "de", 0, 1, 0, 5},
        {"names(t.all()[2:1])", "", 0, 0, 1, 5},
        {"names(t.all()[-2:4])", "d", 0, 0, 1, 5},
        {"names(t.all().offset(1).limit(2))", "bc", 0, 1, 0, 3},
        {"names(t.all().limit(3).offset(1))", "bc", 0, 1, 0, 3},
        {"names(t.all().offset(1).offset(1).limit(2).offset(1))", "d", 0, 1, 0, 4},
        {"names(t.all().limit(2).offset(3).limit(9))", "", 0, 1, 0, 2},
        {"names(t.all().offset(9))", "", 0, 1, 0, 5},
        {"names(t.all().offset(0))", "abcde", 0, 1, 0, 5},
        {"names(t.all().offset(2).order_by('-name'))", "edc", 0, 1, 0, 5},
        {"one(t.all().offset(3).first())", "d", 0, 1, 0, 4},
        {"names(t.filter(name__in=['ann', 'bob', 'eve']).offset(1))", "be", 3, 0, 0, 0},
        {"names(t.order_by('-name').offset(1).limit(2))", "dc", 0, 1, 0, 3},
        {"names(t.guild.top(2))", "db", 0, 1, 0, 2},
        {"names(t.guild.top(0))", "", 0, 0, 0, 0},
        {"names(t.guild_name.top(3))", "dbc", 0, 1, 0, 3},
        {"names(t.order_by('-name').limit(2))", "ed", 0, 1, 0, 2},
        {"names(t.where(lambda p: p.guild == 1))", "ac", 0, 1, 0, 2},
        {"names(t.where(lambda p: p.guild >= 1).order_by('-guild').limit(2))", "db", 0, 1, 0, 2},
        {"names(t.where(lambda p: (p.name == 'eve') | (p.guild == 1)))", "eac", 1, 1, 0, 2},
        {"names(t.where(lambda p: (p.name == 'ann') | (p.guild == 1)))", "ac", 1, 1, 0, 2},
        {"names(t.where(lambda p: ~((p.guild < 1) | (p.guild > 2)) & (p.score != 10)))", "ac", 0, 1,
         0, 3},
        {"names(t.all())", "abcde", 0, 0, 1, 5},
        {"names(t.filter(guild__gte=1).limit(2))", "ac", 0, 1, 0, 2},
        {"names(t.filter(guild__gte=1).order_by('-guild').limit(2))", "db", 0, 1, 0, 2},
        {"names(t.filter(guild__gte=1).order_by('-guild')[:2])", "db", 0, 1, 0, 2},
        {"one(t.filter(guild__lte=1).order_by('-guild').first())", "a", 0, 1, 0, 1},
        {"names(t.guild.filter(1).order_by('-name').limit(1))", "c", 0, 1, 0, 1},
        {"names(t.all().order_by('-name').limit(2))", "ed", 0, 1, 0, 2},
        {"names(t.all().order_by('guild', 'name').limit(3))", "eac", 0, 1, 0, 3},
        {"names(t.all().order_by('-guild', '-name').limit(3))", "dbc", 0, 1, 0, 3},
        {"names(t.all().order_by('-guild', 'name').limit(3))", "dba", 0, 0, 1, 5},
        {"names(t.all().order_by('cell').limit(3))", "abc", 0, 0, 1, 5},
        {"names(t.all().order_by('-name').order_by('-guild'))", "dbcae", 0, 1, 0, 5},
        {"names(t.all().limit(3).order_by('-name'))", "cba", 0, 1, 0, 3},
        {"str(len(t.filter(guild=1)))", "2", 0, 1, 0, 2},
        {"str(t.filter(guild__gt=2) and t.guild.filter(7) and 1)", "<0 rows of 'player'>", 0, 2, 0,
         1},
        {"(t.filter(guild=1), t.all(), t.guild.filter(gt=2)) and ''", "", 0, 0, 0, 0},
        {"names(t.filter(name__in=['eve', 'bob', 'x', 'bob']))", "be", 3, 0, 0, 0},
        {"names(t.filter(name__in={'eve', 'ann'}, guild=1))", "a", 0, 2, 0, 1},
        {"names(t.filter(guild__in=(2, 1, 2, 1 << 40, -9)))", "acb", 0, 3, 0, 3},
        {"names(t.filter(cell__in={7: 0, 9: 0}))", "abe", 0, 2, 0, 3},
        {"names(t.filter(cell__in=[7, 9], score__gt=20))", "ae", 0, 2, 0, 3},
        {"one(t.first(guild__in=[1, 2, 3]))", "a", 0, 1, 0, 1},
        {"str(t.exists(guild__in=[9, 3]))", "True", 0, 1, 0, 1},
        {"str(t.count(guild__in=range(1, 3)))", "3", 0, 2, 0, 3},
        {"str(t.count(guild__in=range(1, 10 ** 12)))", "4", 0, 0, 1, 5},
        {"names(t.filter(guild__in=[]))", "", 0, 0, 0, 0},
        {"names(t.filter(name__in=['ann', 'bob'], guild=1, cell__ne=9))", "a", 0, 2, 0, 1},
        {"names(t.filter(score__in=[10, 20]))", "bd", 0, 0, 1, 5},
    };
    struct fixture f;
    fixture_open_after(&f, "tables/head.py", "tables/fetching.py");
    fixture_run(&f, "fill");
    for (size_t i = 0; i < ORO_ARRAY_LEN(cases); i++) {
        struct fake_host *h = &f.host;
        struct oro_bb args = {0};
        h->finds = h->ranges = h->scans = h->given = 0;
        oro_bb_lenbytes(&args, oro_bytes_str(cases[i].question));
        oro_bb_lenbytes(&args, oro_bytes_str(cases[i].answer));
        cr_expect_eq(fixture_call_bytes(&f, "ask", oro_bb_bytes(&args)), ORO_OK, "%s: %s",
                     cases[i].question, fixture_text(&f));
        cr_expect(h->finds == cases[i].finds && h->ranges == cases[i].ranges &&
                      h->scans == cases[i].scans && h->given == cases[i].given,
                  "%s: %lu finds, %lu ranges, %lu scans, %lu rows", cases[i].question, h->finds,
                  h->ranges, h->scans, h->given);
        oro_bb_fini(&args);
    }
    struct oro_bb report = {0};
    oro_py_report(&f.py, 1, &report);
    oro_bb_u8(&report, 0);
    cr_assert_not_null(strstr((char *)report.data, "\"scans_without_index\":{\"player\":2}"), "%s",
                       (char *)report.data);
    oro_bb_fini(&report);
    fixture_close(&f);
}

Test(tables, rows_are_of_the_moment_of_the_query)
{
    struct fixture f;
    fixture_open_after(&f, "tables/head.py", "tables/moments.py");
    fixture_run(&f, "snapshots");
    fixture_run(&f, "wrong");
    fixture_run(&f, "keep");
    fixture_run(&f, "use");
    fixture_close(&f);
}

Test(tables, row_classes_are_dataclasses)
{
    struct fixture f;
    fixture_open_after(&f, "tables/head.py", "tables/rows.py");
    fixture_run(&f, "classes");
    fixture_run(&f, "lazily");
    fixture_close(&f);
}

Test(tables, contexts_and_handles_end_with_their_call)
{
    struct fixture f;
    fixture_open_after(&f, "tables/head.py", "tables/context.py");
    fixture_run(&f, "attributes");
    fixture_run(&f, "attributes");
    fixture_run(&f, "same_seed");
    fixture_run(&f, "keep");
    fixture_run(&f, "use_kept");
    fixture_run(&f, "keep_column");
    fixture_run(&f, "use_column");
    oro_bb_clear(&f.host.log);
    fixture_run(&f, "logs");
    oro_bb_u8(&f.host.log, 0);
    const char *want = "INFO a b 3\nDEBUG 1\nWARN 100%\nERROR bad %d ('x',)\nWARN text\nINFO "
                       "plain\nINFO hello world\n"
                       "WARN from logging\nERROR caught\n";
    cr_assert_eq(strncmp((char *)f.host.log.data, want, strlen(want)), 0, "%s",
                 (char *)f.host.log.data);
    cr_assert_not_null(strstr((char *)f.host.log.data, "1 / 0"));
    fixture_close(&f);
}

Test(tables, a_row_shell_is_counted_as_reused_only_when_it_was)
{
    struct fixture f;
    struct oro_py_stats a, b;
    struct oro_py_config settings = ORO_PY_CONFIG_DEFAULT;
    settings.auto_tune = false;
    oro_py_configure(&settings);
    fixture_open_after(&f, "tables/head.py",
                       "tables/a_row_shell_is_counted_as_reused_only_when_it_was.py");
    fixture_run(&f, "fill");
    oro_py_stats(f.py, &a);
    fixture_run(&f, "look");
    oro_py_stats(f.py, &b);
    cr_assert_eq(b.pool_hits - a.pool_hits + b.pool_misses - a.pool_misses, 300);
    cr_assert_leq(b.pool_hits - a.pool_hits, 5, "the pool held what fill left");
    cr_assert_eq(b.pool_returns - a.pool_returns, 100, "the pool is bounded");
    cr_assert_eq(b.pool_drops - a.pool_drops, 200);
    fixture_run(&f, "one");
    oro_py_stats(f.py, &a);
    cr_assert_eq(a.pool_hits - b.pool_hits, 50);
    cr_assert_eq(a.pool_misses, b.pool_misses);
    /* Settings reach the interpreter with its next call. */
    settings.max_pool_size = 10;
    oro_py_configure(&settings);
    fixture_run(&f, "one");
    oro_py_stats(f.py, &a);
    fixture_run(&f, "look");
    oro_py_stats(f.py, &b);
    cr_assert_eq(b.pool_returns - a.pool_returns, 10);
    cr_assert_gt(b.memory_peak, a.memory, "300 rows at once");
    cr_assert_eq(b.memory, a.memory, "what was dropped was given back");
    /* Sized by use: it grows while rows find no room in it, and becomes smaller when few are taken. */
    settings.max_pool_size = 100;
    settings.auto_tune = true;
    oro_py_configure(&settings);
    fixture_run(&f, "look");
    oro_py_stats(f.py, &a);
    fixture_run(&f, "look");
    oro_py_stats(f.py, &b);
    cr_assert_eq(b.pool_hits - a.pool_hits, 300);
    for (int i = 0; i < 3 * 4096; i++)
        fixture_run(&f, "one");
    oro_py_stats(f.py, &a);
    cr_assert_leq(a.memory, b.memory / 2, "%llu of %llu", (unsigned long long)a.memory,
                  (unsigned long long)b.memory);
    fixture_close(&f);
    oro_py_configure(&(struct oro_py_config)ORO_PY_CONFIG_DEFAULT);
}
