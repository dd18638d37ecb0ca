/* Mistakes that raise nothing are told once for each place: changed rows that are dropped, and globals that a reducer writes. What
 * is no mistake is told of never. */
#include "tests/py/words.h"

TestSuite(notice, .init = fixture_start, .fini = oro_py_stop);

static const char head[] =
    "import abc, collections, copy, dataclasses, enum, functools, re, threading\n"
    "from orochi import *\n"
    "class Team(enum.Enum):\n"
    "    RED = 1\n"
    "    BLUE = 2\n"
    "@table()\n"
    "class Item:\n"
    "    id: PrimaryKey[u32]\n"
    "    name: Unique[str] = ''\n"
    "    score: i32 = 0\n"
    "    team: Team = Team.RED\n"
    "    tags: list[str] = []\n"
    "@table()\n"
    "class Note:\n"
    "    id: AutoKey[u64] = 0\n"
    "    name: str = ''\n"
    "@table()\n"
    "class Loose:\n"
    "    n: u32\n"
    "def fill(ctx):\n"
    "    ctx.db.item.clear()\n"
    "    for i in range(4): ctx.db.item.insert(id=i, name=f'n{i}', score=i)\n"
    "    return ctx.db.item\n";

static void
open_with(struct fixture *f, const char *body)
{
    char *source = oro_asprintf("%s%s", head, body);
    fixture_open_text(f, source);
    oro_free(source);
}

/* Each reducer `rN` tells the words of its line, once; a second call says no more. */
static void
tells(const char *body, const char *const *words)
{
    struct fixture f;
    open_with(&f, body);
    for (unsigned i = 0; words[i] != NULL; i++) {
        char name[16];
        snprintf(name, sizeof(name), "r%u", i);
        char *text = words_of(&f, name, ORO_OK);
        cr_expect_eq(words_count(text, "WARN"), 1, "%s: %s", name, text);
        cr_expect_not_null(strstr(text, words[i]), "%s: %s", name, text);
        cr_expect_not_null(strstr(text, "module_under_test.py:"), "%s: %s", name, text);
        free(text);
        text = words_of(&f, name, ORO_OK);
        cr_expect_str_empty(text, "%s again: %s", name, text);
        free(text);
    }
    fixture_close(&f);
}

static void
is_quiet(const char *body, unsigned n, oro_status st)
{
    struct fixture f;
    open_with(&f, body);
    for (unsigned i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof(name), "r%u", i);
        char *text = words_of(&f, name, st);
        cr_expect_str_empty(text, "%s: %s", name, text);
        free(text);
    }
    fixture_close(&f);
}

#define R(n) "@reducer\ndef r" #n "(ctx: ReducerContext):\n    t = fill(ctx)\n"

Test(notice, changed_rows_that_are_dropped)
{
    tells(R(0) "    row = t.get(1)\n"
               "    row.name = 'new'\n" R(
                   1) "    for row in t.all():\n"
                      "        row.score += 1\n" R(2) "    t.insert(id=9, name='x').score = 5\n" R(
                          3) "    row = t.name.find('n2')\n"
                             "    row.team = Team.BLUE\n"
                             "    row.score = 7\n" R(4) "    setattr(t.first(score=3), 'tags', "
                                                        "['a'])\n" R(
                                                            5) "    row = t.get(1)\n"
                                                               "    row.score = 5\n"
                                                               "    t.update(row)\n"
                                                               "    row.score = 6\n" R(
                                                                   6) "    [row] = t.filter(id=2)\n"
                                                                      "    row.score -= 1\n"
                                                                      "    row.score -= 1\n",
          (const char *const[]){"r0: ", "item.score was set on a row that was then dropped",
                                "item.score", "item.score, item.team", "item.tags",
                                "ctx.db.item.update(row) stores it", "item.score", NULL});
}

Test(notice, rows_that_are_changed_for_a_reason)
{
    is_quiet(
        R(0) "    row = t.get(1)\n"
             "    row.name = 'new'\n"
             "    t.update(row)\n"
             "    row = t.get(2)\n"
             "    row.score = 9\n"
             "    t.upsert(row)\n"
             "    row = t.get(3)\n"
             "    row.score = 9\n"
             "    t.name.update(row)\n" R(
                 1) "    row = t.get(1)\n"
                    "    row.name = 'other'\n"
                    "    ctx.db.note.insert(name=row.name)\n" R(
                        2) "    row = t.get(1)\n"
                           "    row.score -= 5\n"
                           "    t.delete(row.id)\n"
                           "    for row in t.all():\n"
                           "        row.score = 0\n"
                           "    t.clear()\n" R(
                               3) "    row = t.get(1)\n"
                                  "    row.name = 'n1'\n"
                                  "    row.score = row.score\n"
                                  "    row.team = Team.RED\n" R(
                                      4) "    row = t.get(1)\n"
                                         "    row.score = 8\n"
                                         "    t.update(copy.copy(row))\n"
                                         "    row = t.get(2)\n"
                                         "    row.score = 8\n"
                                         "    t.update(t.get(2), score=8)\n" R(
                                             5) "    row = t.get(1)\n"
                                                "    row.score = 8\n"
                                                "    repr(row)\n"
                                                "    row = t.get(2)\n"
                                                "    row.score = 8\n"
                                                "    row == t.get(1)\n"
                                                "    row = t.get(3)\n"
                                                "    row.score = 8\n"
                                                "    dataclasses.asdict(row)\n" R(
                                                    6) "    rows = list(t.all())\n"
                                                       "    for row in rows: row.score = "
                                                       "-row.score\n"
                                                       "    rows.sort(key=lambda row: "
                                                       "row.score)\n" R(
                                                           7) "    row = Item(id=77, name='never "
                                                              "stored')\n"
                                                              "    row.score = 3\n"
                                                              "    loose = "
                                                              "ctx.db.loose.insert(n=1)\n"
                                                              "    loose.n = 2\n" R(
                                                                  8) "    row = t.get(1)\n"
                                                                     "    row.id = 50\n"
                                                                     "    row.name = 'fifty'\n"
                                                                     "    t.insert(row)\n" R(
                                                                         9) "    "
                                                                            "t.filter(score__gt=0)."
                                                                            "update(score=3)\n"
                                                                            "    "
                                                                            "t.update(t.get(1), "
                                                                            "score=4)\n",
        10, ORO_OK);
    is_quiet(R(0) "    t.get(1).score = 5\n    raise ReducerError('no')\n", 1, ORO_EUSER);
}

Test(notice, globals_that_a_reducer_writes)
{
    tells(
        "count = 0\n"
        "cache = {}\n"
        "names = []\n"
        "seen = set()\n"
        "recent = collections.deque(maxlen=100)\n"
        "sums = collections.Counter()\n"
        "groups = collections.defaultdict(list)\n"
        /* clang-format off */
          R(0) "    global count\n    count += 1\n"
          R(1) "    cache[t.count()] = 1\n"
          R(2) "    names.append('x')\n"
          R(3) "    seen.add(len(seen))\n"
          R(4) "    recent.append(1)\n"
          R(5) "    sums['a'] += 1\n"
          R(6) "    groups['a'].append(1)\n"
          R(7) "    globals()['made'] = t\n"
          R(8) "    cache.clear(); cache.update(a=1)\n"
          R(9) "    bump()\n"
                                                                                                                                                                                                                        /* clang-format on */
                                                                                                                                                                                                                        "def bump():\n    global count\n    count += 1\n",
        (const char *const[]){"the global count was changed in a reducer", "global cache",
                              "global names", "global seen", "global recent", "global sums",
                              "global groups", "global made", "global cache", "global count",
                              NULL});
}

/* clang-format off */
/* What keeps its length: places, attributes of objects, classes and modules. */
Test(notice, globals_that_a_reducer_changes_in_place)
{
    tells("import types, sys, builtins\n"
          "names = ['a', 'b']\n"
          "seen = {1}\n"
          "cache = {'a': 1}\n"
          "raw = bytearray(4)\n"
          "recent = collections.deque([1, 2])\n"
          "class Config:\n    level = 1\n    def __init__(self): self.n = 1\n"
          "space = types.SimpleNamespace(x=1)\n"
          R(0) "    for _ in range(1): names[0] = 'c'\n"
          R(1) "    cache['a'] = 2\n"
          R(2) "    Config.level = 2\n"
          R(3) "    space.x = 2\n"
          R(4) "    sys.unraisablehook = print\n"
          R(5) "    threading.excepthook = print\n"
          R(6) "    builtins.own = 1\n",
          (const char *const[]){"global names", "global cache", "global class Config", "global space.x",
                                "global sys.unraisablehook", "global threading.excepthook", "global builtins.own", NULL});
}

/* A list is looked into at about one call in sixteen. */
Test(notice, what_is_in_a_list_is_looked_at_now_and_then)
{
    struct fixture f;
    open_with(&f, "names = ['a', 'b']\nraw = bytearray(4)\nseen = {'p'}\n"
                  "class Config:\n    def __init__(self): self.n = 1\n"
                  "config = Config()\n"
                  "@reducer\ndef r0(ctx: ReducerContext): names.reverse()\n"
                  "@reducer\ndef r1(ctx: ReducerContext): raw[0] ^= 1\n"
                  "@reducer\ndef r2(ctx: ReducerContext): seen.add(str(seen.pop()) + 'x')\n"
                  "@reducer\ndef r3(ctx: ReducerContext): config.n += 1\n"
                  "@reducer\ndef r4(ctx: ReducerContext): import gc; gc.callbacks.append(print)\n");
    const char *const told[] = {"global names", "global raw", "global seen", "global config", "global gc.callbacks"};
    for (unsigned r = 0; r < ORO_ARRAY_LEN(told); r++) {
        bool found = false;
        for (unsigned i = 0; i < 16 && !found; i++) {
            char name[8];
            snprintf(name, sizeof(name), "r%u", r);
            char *text = words_of(&f, name, ORO_OK);
            found = strstr(text, told[r]) != NULL;
            free(text);
        }
        cr_expect(found, "%s", told[r]);
    }
    fixture_close(&f);
}
/* clang-format on */

Test(notice, globals_that_are_no_state)
{
    is_quiet("LEVELS = {i: i * i for i in range(10)}\n"
             "NAMES = ['a', 'b']\n"
             "@functools.cache\n"
             "def slow(n): return n * 2\n"
             "@functools.lru_cache(maxsize=4)\n"
             "def some(n): return n\n"
             "class Config:\n"
             "    limit = 3\n"
             "    @functools.cached_property\n"
             "    def big(self): return 7\n"
             "config = Config()\n"
             "class Shape(abc.ABC): pass\n"
             "class Kind(enum.Enum):\n    A = 1\n"
             "local = threading.local()\n"
             "pattern = re.compile('a+')\n" R(
                 0) "    [slow(i) for i in range(9)], [some(i) for i in range(9)]\n"
                    "    assert LEVELS[3] == 9 and NAMES[0] == 'a' and config.big == 7\n" R(
                        1) "    import decimal, json, fractions\n"
                           "    json.loads('{}')\n" R(
                               2) "    LEVELS = {}\n    LEVELS[1] = 2\n    names "
                                  "= list(NAMES)\n    names.append('c')\n" R(
                                      3) "    re.sub('b+', '', 'abb'), "
                                         "pattern.match('a'), "
                                         "re.compile('c[0-9]')\n" R(
                                             4) "    "
                                                "class "
                                                "Local: "
                                                "pass\n   "
                                                " Local.x "
                                                "= 1\n    "
                                                "{**"
                                                "LEVELS, "
                                                "5: 1}, "
                                                "sorted("
                                                "NAMES)"
                                                "\n" R(5) "    exec('x = 1', {}), eval('1 + 1')\n",
             6, ORO_OK);
}

Test(notice, both_can_be_turned_off)
{
    struct oro_err err = {0};
    cr_assert_eq(oro_py_set_environment(&(struct oro_py_environment){.io = ORO_PY_IO_ALLOW}, &err),
                 ORO_OK);
    is_quiet(
        "count = 0\nnames = []\n" R(
            0) "    global count\n    count += 1\n    names.append(1)\n    t.get(1).score = 5\n",
        1, ORO_OK);
}

/* From the 64th column on columns share a bit: the warning does not say that all of them were set. */
Test(notice, of_a_wide_table_no_column_is_named_that_was_not_set)
{
    struct fixture f;
    open_with(&f, "Wide = table(type('Wide', (), {'__module__': __name__, '__annotations__': "
                  "{'id': PrimaryKey[u32], "
                  "**{f'c{i}': i32 for i in range(80)}}}))\n"
                  "@reducer\n"
                  "def r0(ctx):\n"
                  "    ctx.db.wide.insert(id=1, **{f'c{i}': i for i in range(80)})\n"
                  "    row = ctx.db.wide.get(1)\n"
                  "    row.c3 = 9\n"
                  "    row.c75 = 9\n");
    char *text = words_of(&f, "r0", ORO_OK);
    cr_expect_not_null(strstr(text, "wide.c3, wide.c62 or a later column was set"), "%s", text);
    free(text);
    fixture_close(&f);
}

/* Right, and slower with every row: a filter that no index answers, once the table is large. */
Test(notice, filters_that_no_index_answers)
{
    tells("def many(ctx, n):\n"
          "    for i in range(len(ctx.db.note), n): ctx.db.note.insert(name=f'n{i}')\n"
          "    return ctx.db.note\n"
          R(0) "    t = many(ctx, 1001)\n"
               "    t.filter(name='x')\n"
          R(1) "    ctx.db.note.name.filter('x')\n"
          R(2) "    ctx.db.note.count(name__gt='x')\n"
          R(3) "    ctx.db.note.delete_where(name__ne='n1', id__ne=5)\n",
          (const char *const[]){"all 1001 rows of note were looked at, since no index answers a filter by name: name: Index[...] in note",
                                "reducer.warn_scans", "all 1001 rows", "ask for a column that can have one", NULL});
}

Test(notice, filters_that_are_answered_or_small)
{
    is_quiet("def many(ctx, n):\n"
             "    for i in range(len(ctx.db.note), n): ctx.db.note.insert(name=f'n{i}')\n"
             "    return ctx.db.note\n"
             R(0) "    many(ctx, 1000).filter(name='x')\n"
             R(1) "    t = many(ctx, 2000)\n"
                  "    t.filter(id=7), t.find(7), len(t), t.count(), t.filter(id__in=[1, 2], name='x')\n"
                  "    t.filter(id__gt=5, name='x'), [r for r in t], t.all().order_by('name')\n",
             2, ORO_OK);
}
