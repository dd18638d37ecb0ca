/* Tables, columns, row sets, rows and the context, as reducers see them. Each reducer asserts for itself. */
#include "tests/py/fixture.h"

TestSuite(tables, .init = fixture_start, .fini = oro_py_stop);

#define HEAD                                                                                       \
    "import copy\n"                                                                                \
    "from dataclasses import dataclass\n"                                                          \
    "from orochi import *\n"                                                                       \
    "def raises(kind, text, fn):\n"                                                                \
    "    try: fn()\n"                                                                              \
    "    except kind as e: assert text in str(e), str(e)\n"                                        \
    "    else: assert False, 'accepted; expected: ' + text\n"                                      \
    "@dataclass(frozen=True)\n"                                                                    \
    "class Vec2:\n"                                                                                \
    "    x: f32 = 0.0\n"                                                                           \
    "    y: f32 = 0.0\n"                                                                           \
    "@table(public=True, indexes=[('guild', 'name')])\n"                                           \
    "class Player:\n"                                                                              \
    "    id: AutoKey[u64] = 0\n"                                                                   \
    "    name: Unique[str]\n"                                                                      \
    "    guild: Index[i32] = 0\n"                                                                  \
    "    cell: HashIndex[u16] = 0\n"                                                               \
    "    pos: Vec2 = Vec2()\n"                                                                     \
    "    bag: list[str] = []\n"                                                                    \
    "    score: u32 = 0\n"                                                                         \
    "    def shout(self): return self.name.upper()\n"                                              \
    "@table\n"                                                                                     \
    "class Note:\n"                                                                                \
    "    text: str\n"                                                                              \
    "    tags: set[u8] = field(default_factory=set)\n"                                             \
    "def five(ctx):\n"                                                                             \
    "    t = ctx.db.player\n"                                                                      \
    "    t.clear()\n"                                                                              \
    "    return t, [t.insert(name=n, guild=g, cell=c, score=s) for n, g, c, s in\n"                \
    "               [('ann', 1, 7, 50), ('bob', 2, 7, 10), ('cid', 1, 8, 30), ('dan', 3, 8, 20), " \
    "('eve', -1, 9, 40)]]\n"

static const char crud[] = HEAD
    "@reducer\n"
    "def insert(ctx: ReducerContext):\n"
    "    t = ctx.db.player\n"
    "    p = Player(name='ann', bag=['sword'])\n"
    "    assert t.insert(p) is p and p.id == 1\n"
    "    q = t.insert(name='bob')\n"
    "    assert q.id == 2 and q.pos == Vec2() and q.bag == [] and len(t) == 2\n"
    "    raises(UniqueViolation, 'player.name', lambda: t.insert(name='ann'))\n"
    "    raises(TypeError, \"Player() misses column 'name'\", lambda: t.insert(guild=1))\n"
    "    raises(TypeError, \"Player has no column 'nom'\", lambda: t.insert(nom='x'))\n"
    "    raises(EncodeError, 'player: expected Player, got Note', lambda: "
    "t.insert(Note(text='x')))\n"
    "    raises(EncodeError, 'player.guild: 2147483648 is out of range for i32', lambda: "
    "t.insert(name='x', guild=1 << 31))\n"
    "    raises(EncodeError, 'player.pos.x: expected float, got str', lambda: t.insert(name='x', "
    "pos=Vec2('a')))\n"
    "    assert t.insert(id=None, name='nul').id == 4, 'numbers of refused rows are lost, None "
    "counts as 0'\n"
    "    rows = t.insert_many([Player(name='c1'), Player(name='c2')])\n"
    "    assert [r.name for r in rows] == ['c1', 'c2'] and rows[1].id > rows[0].id > 0 and len(t) "
    "== 5\n"
    "    raises(UniqueViolation, 'player.name', lambda: t.batch_insert(Player(name=n) for n in "
    "('new', 'ann')))\n"
    "    assert len(t) == 5 and t.name.find('new') is None, 'all or nothing'\n"
    "@reducer\n"
    "def find(ctx: ReducerContext):\n"
    "    t, (ann, *_) = five(ctx)\n"
    "    assert t.find(ann.id) == ann and t.find(ann.id) is not ann and t.find(0) is None\n"
    "    assert t.get(ann.id) == ann and t.id.find(ann.id) == t.name.find('ann') == ann\n"
    "    raises(RowNotFound, 'player: no row with id = 99', lambda: t.get(99))\n"
    "    raises(RowNotFound, \"player: no row with name = 'zoe'\", lambda: t.name.get('zoe'))\n"
    "    assert ann.id in t and 99 not in t and 'ann' in t.name and 'zoe' not in t.name\n"
    "    raises(EncodeError, 'player.id: expected int, got str', lambda: t.find('ann'))\n"
    "    raises(WrongIndex, 'player.guild: find() needs a unique column; use filter()', lambda: "
    "t.guild.find(1))\n"
    "    raises(WrongIndex, 'player.score', lambda: 1 in t.score)\n"
    "    raises(WrongIndex, 'note: find() needs a primary key', lambda: ctx.db.note.find(1))\n"
    "@reducer\n"
    "def update(ctx: ReducerContext):\n"
    "    t, (ann, bob, *_) = five(ctx)\n"
    "    assert t.update(ann, score=51) is ann and ann.score == 51 and t.find(ann.id).score == 51\n"
    "    assert t.id.update(ann, name='anna', bag=['a', 'b']).name == 'anna' and "
    "t.find(ann.id).bag == ['a', 'b']\n"
    "    ann.bag.append('c')\n"
    "    ann.guild = 9\n"
    "    t.update(ann)\n"
    "    assert t.find(ann.id) == ann and t.find(ann.id).bag == ['a', 'b', 'c'] and [r.name for r "
    "in t.guild.filter(9)] == ['anna']\n"
    "    got = t.find(ann.id)\n"
    "    got.bag.append('d')\n"
    "    t.update(got)\n"
    "    assert t.find(ann.id).bag == ['a', 'b', 'c', 'd'], 'a list changed in place is written'\n"
    "    raises(NoSuchRow, 'player: no row with id = 99', lambda: t.update(Player(id=99, "
    "name='x')))\n"
    "    raises(UniqueViolation, 'player.name', lambda: t.update(bob, name='anna', score=1))\n"
    "    assert bob.name == 'bob' and bob.score == 10 and t.find(bob.id) == bob, 'the row is as "
    "before'\n"
    "    raises(EncodeError, 'player.score', lambda: t.update(bob, guild=5, score=-1))\n"
    "    assert (bob.guild, bob.score) == (2, 10) and t.update(bob).guild == 2\n"
    "    raises(TypeError, \"player has no column 'nom'\", lambda: t.update(bob, guild=5, nom=1))\n"
    "    assert bob.guild == 2\n"
    "    raises(WrongIndex, 'update() needs a primary key', lambda: "
    "ctx.db.note.update(Note(text='x')))\n"
    "    assert t.name.update(Player(id=bob.id, name='bob', score=77)).score == 77 and "
    "t.find(bob.id).score == 77\n"
    "@reducer\n"
    "def upsert(ctx: ReducerContext):\n"
    "    t, (ann, *_) = five(ctx)\n"
    "    new = t.upsert(Player(id=1000, name='new'))\n"
    "    assert len(t) == 6 and t.find(1000) == new\n"
    "    assert t.insert_or_update(new, score=5).score == 5 and len(t) == 6 and t.find(1000).score "
    "== 5\n"
    "    assert t.name.upsert(Player(id=1000, name='new', score=6)) and t.find(1000).score == 6\n"
    "    ann.score = 1\n"
    "    raises(UniqueViolation, 'name', lambda: t.upsert(ann, name='bob', score=2))\n"
    "    assert (ann.name, ann.score) == ('ann', 1) and t.find(ann.id).score == 50, 'as before'\n"
    "    raises(TypeError, \"no column 'nom'\", lambda: t.upsert(ann, name='anna', nom=1))\n"
    "    assert ann.name == 'ann' and t.upsert(ann, score=3).score == 3 == t.find(ann.id).score\n"
    "    auto = t.upsert(Player(name='auto'))\n"
    "    assert auto.id > 0 and t.find(auto.id).name == 'auto'\n"
    "@reducer\n"
    "def delete(ctx: ReducerContext):\n"
    "    t, (ann, bob, cid, dan, eve) = five(ctx)\n"
    "    assert t.delete(ann) is True and t.delete(ann) is False and t.delete(bob.id) is True\n"
    "    assert t.id.delete(cid.id) is True and t.name.delete('zoe') is False and len(t) == 2\n"
    "    assert t.delete_where(score__gte=30) == 1 and [r.name for r in t] == ['dan']\n"
    "    raises(TypeError, 'needs a condition', lambda: t.delete_where())\n"
    "    n = ctx.db.note\n"
    "    a = n.insert(text='a', tags={3, 1})\n"
    "    n.insert(text='b')\n"
    "    n.insert(Note(text='b'))\n"
    "    assert len(n) == 2, 'a table is a set'\n"
    "    assert n.delete(Note(text='a', tags={1, 3})) is True and n.delete(a) is False and len(n) "
    "== 1\n"
    "    raises(WrongIndex, 'needs a primary key', lambda: n.delete(5))\n"
    "    assert n.clear() == 1 and not n and t.clear() == 1\n";

Test(tables, rows_are_inserted_found_changed_and_deleted)
{
    struct fixture f;
    fixture_open(&f, crud);
    fixture_run(&f, "insert");
    fixture_run(&f, "find");
    fixture_run(&f, "update");
    fixture_run(&f, "upsert");
    fixture_run(&f, "delete");
    fixture_close(&f);
}

static const char queries[] = HEAD
    "def names(rows): return ''.join(r.name[0] for r in rows)\n"
    "@reducer\n"
    "def filters(ctx: ReducerContext):\n"
    "    t, rows = five(ctx)\n"
    "    assert names(t.filter(guild=1)) == 'ac' and names(t.filter(guild=1, score__gt=40)) == "
    "'a'\n"
    "    assert names(t.filter(score__gte=30)) == 'ace' and names(t.filter(score__lt=20)) == 'b' "
    "and names(t.filter(score__lte=20)) == 'bd'\n"
    "    assert names(t.filter(score__ne=50)) == 'bcde' and names(t.filter(name__in=['bob', 'eve', "
    "'x'])) == 'be'\n"
    "    assert names(t.filter(name__not_in={'bob', 'eve'})) == 'acd' and "
    "names(t.filter(score__between=(20, 40))) == 'cde'\n"
    "    assert names(t.filter(name='cid')) == 'c' and names(t.filter(name='zoe')) == '' and "
    "names(t.filter(id=rows[1].id)) == 'b'\n"
    "    assert names(t.filter(id=rows[1].id, score=11)) == '' and names(t.filter()) == 'abcde' == "
    "names(t.all()) == names(t)\n"
    "    assert names(t.filter(guild__between=(1, 2))) == 'acb', 'in key order'\n"
    "    assert names(t.filter(guild__gt=-5, guild__lt=2)) == 'eac' and "
    "names(t.filter(guild__gte=1, guild__gt=1)) == 'bd'\n"
    "    assert names(t.filter(guild=1, name__gte='b')) == 'c' and names(t.filter(cell=7)) == "
    "'ab'\n"
    "    assert names(t.filter(guild__gt=-(1 << 40))) == 'eacbd' and names(t.filter(guild__lt=-(1 "
    "<< 40))) == ''\n"
    "    assert names(t.filter(pos=Vec2())) == 'abcde'\n"
    "    raises(TypeError, \"player has no column for 'level__gt'\", lambda: "
    "t.filter(level__gt=1))\n"
    "    raises(TypeError, 'unknown lookup', lambda: t.filter(score__like=1))\n"
    "    raises(TypeError, 'takes a pair', lambda: t.filter(score__between=1))\n"
    "    raises(TypeError, 'conditions by name', lambda: t.filter(1))\n"
    "    raises(EncodeError, 'player.guild: expected int, got str', lambda: t.filter(guild='x'))\n"
    "    assert t.exists(guild=3) and not t.exists(guild=4) and t.exists() and t.count() == 5 == "
    "len(t) and t.count(guild=1) == 2\n"
    "    assert t.first(guild=1).name == 'ann' and t.first(guild=4) is None and "
    "t.one(score=20).name == 'dan'\n"
    "    raises(RowNotFound, \"player: no row with guild = 4, name > 'a'\", lambda: t.one(guild=4, "
    "name__gt='a'))\n"
    "@reducer\n"
    "def columns(ctx: ReducerContext):\n"
    "    t, rows = five(ctx)\n"
    "    assert names(t.guild.filter(1)) == 'ac' and names(t.guild.filter(gte=1, lt=3)) == 'acb' "
    "and names(t.guild.filter(gt=1)) == 'bd'\n"
    "    assert names(t.guild.filter(range(-1, 2))) == 'eac' and names(t.guild.filter(lte=-1)) == "
    "'e'\n"
    "    assert t.guild.count(1) == 2 and t.guild.count(gt=100) == 0 and "
    "names(t.id.filter(range(0, 1 << 70))) == 'abcde'\n"
    "    assert t.guild.min().name == 'eve' and t.guild.max().name == 'dan'\n"
    "    assert names(t.guild.iter()) == 'eacbd' and names(t.guild.iter(reverse=True)) == 'dbace', "
    "'ann and cid have one key'\n"
    "    assert names(t.cell.filter(8)) == 'cd' and t.cell.count(9) == 1\n"
    "    raises(WrongIndexAlgo, 'player: The Index does not support range scans', lambda: "
    "t.cell.filter(gt=1))\n"
    "    raises(WrongIndexAlgo, 'needs an index with an order', lambda: t.cell.min())\n"
    "    raises(IndexNotUnique, 'player.guild: find() needs a unique column', lambda: "
    "t.guild.find(1))\n"
    "    raises(IndexNotUnique, 'update() needs', lambda: t.guild.update(rows[0]))\n"
    "    assert issubclass(WrongIndexAlgo, WrongIndex) and UniqueAlreadyExists is UniqueViolation\n"
    "    raises(WrongIndex, 'needs an index with an order', lambda: t.score.iter())\n"
    "    assert names(t.score.filter(20)) == 'd' and t.score.count(gte=30) == 3, 'not indexed: a "
    "scan'\n"
    "    assert names(t.guild_name.filter(1)) == 'ac' and names(t.guild_name.filter(1, 'cid')) == "
    "'c'\n"
    "    assert names(t.guild_name.filter(1, gte='b')) == 'c' and "
    "names(t.guild_name.filter(gte=2)) == 'bd'\n"
    "    raises(TypeError, 'has 2 columns, got 3 values', lambda: t.guild_name.filter(1, 2, 3))\n"
    "    raises(TypeError, 'needs a value or a bound', lambda: t.guild.filter())\n"
    "    raises(TypeError, 'unexpected argument', lambda: t.guild.filter(ge=1))\n"
    "    raises(TypeError, 'step 1', lambda: t.guild.filter(range(0, 9, 2)))\n"
    "    assert t.guild.delete(1) == 2 and t.guild.delete(gt=2) == 1 and names(t) == 'be'\n"
    "    assert t.column('guild') is t.guild\n"
    "    raises(AttributeError, 'nothing', lambda: t.nothing)\n"
    "    raises(AttributeError, \"no column or index 'nothing'\", lambda: t.column('nothing'))\n"
    "    assert ctx.db[Player] is t\n"
    "    raises(KeyError, 'not a table', lambda: ctx.db[int])\n"
    "    raises(AttributeError, 'monster', lambda: ctx.db.monster)\n"
    "    t.clear()\n"
    "    assert t.guild.min() is None and t.guild.max() is None and t.first() is None\n"
    "@reducer\n"
    "def row_sets(ctx: ReducerContext):\n"
    "    t, rows = five(ctx)\n"
    "    r = t.all()\n"
    "    assert len(r) == 5 and r and r[0] == rows[0] and r[-1] == rows[4] and not "
    "t.filter(guild=77)\n"
    "    assert names(r[1:3]) == 'bc' and names(r[::-1]) == 'edcba' and names(reversed(r)) == "
    "'edcba' and names(r.limit(2)) == 'ab'\n"
    "    raises(IndexError, '5 rows', lambda: r[5])\n"
    "    raises(IndexError, '5 rows', lambda: r[-6])\n"
    "    assert names(r.order_by('score')) == 'bdcea' and names(r.order_by('-score')) == 'aecdb'\n"
    "    assert names(r.order_by('cell', '-score')) == 'abcde' and names(r.order_by('-guild', "
    "'name')) == 'dbace'\n"
    "    raises(TypeError, \"no column 'level'\", lambda: r.order_by('level'))\n"
    "    assert r.first() == rows[0] and r == rows and rows[2] in r and t.filter(guild=5).first() "
    "is None\n"
    "    for p in t:\n"
    "        t.delete(p)\n"
    "        t.insert(name=p.name + '2')\n"
    "    assert [p.name for p in t] == ['ann2', 'bob2', 'cid2', 'dan2', 'eve2'] and names(r) == "
    "'abcde', 'r is a snapshot'\n"
    "    assert t.filter(name__gt='c').update(score=1, guild=4) == 3 and t.count(guild=4, score=1) "
    "== 3\n"
    "    assert t.filter(guild=4).delete() == 3 and r.delete() == 0 and len(t) == 2\n"
    "    n = ctx.db.note\n"
    "    for x in 'abc': n.insert(text=x)\n"
    "    notes = n.filter(text__gt='a')\n"
    "    assert notes.update(tags={1}) == 2 and n.count(tags={1}) == 2 and len(n) == 3\n"
    "    assert n.filter(text='b').update(tags={1}) == 1, 'no change'\n"
    "    assert n.filter(text__gte='b').update(text='z') == 2 and len(n) == 2, 'two rows became "
    "the same'\n"
    "    raises(NoSuchRow, 'not in the table any more', lambda: notes.update(text='y'))\n"
    "    a, b, *rest = t.all()\n"
    "    match t.all():\n"
    "        case [x, y]: assert x == a and y == b\n"
    "        case _: assert False\n";

Test(tables, filters_use_indexes_and_scans)
{
    struct fixture f;
    fixture_open(&f, queries);
    fixture_run(&f, "filters");
    fixture_run(&f, "columns");
    fixture_run(&f, "row_sets");
    fixture_close(&f);
}

static const char fetching[] = HEAD "def names(rows): return ''.join(r.name[0] for r in rows)\n"
                                    "def one(row): return row.name[0] if row else ''\n"
                                    "@reducer\n"
                                    "def fill(ctx: ReducerContext):\n"
                                    "    five(ctx)\n"
                                    "@reducer\n"
                                    "def ask(ctx: ReducerContext, question: str, answer: str):\n"
                                    "    found = eval(question, globals(), {'t': ctx.db.player})\n"
                                    "    assert found == answer, found\n";

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
        {"names(t.all().limit(0))", "", 0, 0, 1, 5},
        {"names(t.all()[1:2])", "b", 0, 0, 1, 5},
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
    fixture_open(&f, fetching);
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

static const char moments[] = HEAD
    "def names(rows): return ''.join(r.name[0] for r in rows)\n"
    "def asked(t):\n"
    "    return [t.all(), t.filter(guild=1), t.guild.filter(gte=2), "
    "t.all().order_by('-name').limit(2),\n"
    "            t.filter(guild__gte=1).order_by('guild', 'name')[:2]]\n"
    "BEFORE = ['abcde', 'ac', 'bd', 'ed', 'ac']\n"
    "@reducer\n"
    "def snapshots(ctx: ReducerContext):\n"
    "    changes = [lambda t, p: t.insert(name='zoe', guild=1), lambda t, p: t.update(p[0], "
    "guild=3),\n"
    "               lambda t, p: t.delete(p[2]), lambda t, p: t.clear(), lambda t, p: "
    "t.delete_where(guild=1),\n"
    "               lambda t, p: t.name.delete('eve'), lambda t, p: t.upsert(p[4], guild=2),\n"
    "               lambda t, p: t.insert_many([Player(name='y'), Player(name='z')]),\n"
    "               lambda t, p: t.filter(guild=1).update(guild=5), lambda t, p: "
    "t.all().delete()]\n"
    "    for change in changes:\n"
    "        t, players = five(ctx)\n"
    "        rows = asked(t)\n"
    "        change(t, players)\n"
    "        assert [names(r) for r in rows] == BEFORE, [names(r) for r in rows]\n"
    "        assert [names(r) for r in asked(t)] != BEFORE\n"
    "    t, players = five(ctx)\n"
    "    rows = asked(t)\n"
    "    ctx.db.note.insert(text='another table')\n"
    "    assert [names(r) for r in rows] == BEFORE\n"
    "    many = t.filter(name__gte='a' * 100)\n"
    "    t.insert(name='zed')\n"
    "    assert names(many) == 'abcde'\n"
    "@reducer\n"
    "def wrong(ctx: ReducerContext):\n"
    "    t, players = five(ctx)\n"
    "    raises(EncodeError, 'player.guild: expected int, got str', lambda: t.filter(guild__in=[1, "
    "'x']))\n"
    "    raises(EncodeError, 'player.name: expected str, got None', lambda: "
    "t.filter(name__in={None}))\n"
    "    raises(TypeError, \"'name__in' takes a list, tuple or set of values, not str\", lambda: "
    "t.filter(name__in='ann'))\n"
    "    raises(TypeError, 'not an iterator', lambda: t.filter(score__not_in=iter([1])))\n"
    "    raises(TypeError, 'not iterable', lambda: t.filter(guild__in=5))\n"
    "    class Worse:\n"
    "        def __iter__(self): raise ValueError('no values')\n"
    "    raises(ValueError, 'no values', lambda: t.filter(guild__in=Worse()))\n"
    "    class Index:\n"
    "        def __index__(self): t.clear(); return 1\n"
    "    assert names(t.filter(guild__in=[Index(), 2])) == ''\n"
    "    raises(WrongIndex, 'hash', lambda: t.cell.filter(gt=1))\n"
    "    rows = t.all()\n"
    "    raises(ValueError, 'not negative', lambda: rows.limit(-1))\n"
    "    raises(TypeError, \"no column 'level' to order by\", lambda: t.all().order_by('level'))\n"
    "    raises(TypeError, 'no column 5 to order by', lambda: t.all().order_by(5))\n"
    "kept = []\n"
    "@reducer\n"
    "def keep(ctx: ReducerContext):\n"
    "    t, players = five(ctx)\n"
    "    kept.append(t.filter(name__gt='a' * 60).order_by('-name'))\n"
    "@reducer\n"
    "def use(ctx: ReducerContext):\n"
    "    raises(TransactionError, 'outside the call', lambda: len(kept[0]))\n"
    "    raises(TransactionError, 'outside the call', lambda: kept[0].limit(1))\n"
    "    raises(TransactionError, 'outside the call', lambda: kept[0].order_by('name'))\n"
    "    assert 'over' in repr(kept.pop())\n";

Test(tables, rows_are_of_the_moment_of_the_query)
{
    struct fixture f;
    fixture_open(&f, moments);
    fixture_run(&f, "snapshots");
    fixture_run(&f, "wrong");
    fixture_run(&f, "keep");
    fixture_run(&f, "use");
    fixture_close(&f);
}

static const char rows[] = HEAD
    "import typing\n"
    "class Named:\n"
    "    def hello(self): return 'hello ' + self.name\n"
    "@table\n"
    "class Pet(Named):\n"
    "    'A pet.'\n"
    "    id: PrimaryKey[u32]\n"
    "    name: str = 'rex'\n"
    "    age: u8 = 0\n"
    "    kinds: typing.ClassVar[int] = 3\n"
    "    def __post_init__(self):\n"
    "        self.name = self.name.strip()\n"
    "    @property\n"
    "    def old(self): return self.age > 9\n"
    "    @classmethod\n"
    "    def puppy(cls, id): return cls(id=id)\n"
    "    def who(self): return __class__\n"
    "@table\n"
    "class Dog(Pet):\n"
    "    breed: str = ''\n"
    "    def hello(self): return super().hello() + '!'\n"
    "@reducer\n"
    "def classes(ctx: ReducerContext):\n"
    "    p = Pet(id=1, name=' tom ', age=10)\n"
    "    assert p.name == 'tom' and p.old and p.hello() == 'hello tom' and Pet.kinds == 3 and "
    "Pet.puppy(3).id == 3\n"
    "    assert repr(p) == \"Pet(id=1, name='tom', age=10)\" and Pet.__doc__ == 'A pet.' and "
    "Pet.__name__ == 'Pet' and p.who() is Pet\n"
    "    assert p == Pet(id=1, name='tom', age=10) != Pet(id=2, name='tom', age=10) and p != 5 and "
    "p.__eq__(5) is NotImplemented\n"
    "    raises(TypeError, 'unhashable', lambda: hash(p))\n"
    "    raises(TypeError, 'keyword arguments only', lambda: Pet(1))\n"
    "    raises(TypeError, \"has no column 'x'\", lambda: Pet(id=1, x=2))\n"
    "    raises(TypeError, \"misses column 'id'\", lambda: Pet())\n"
    "    raises(AttributeError, 'colour', lambda: p.colour)\n"
    "    raises(AttributeError, 'colour', lambda: setattr(p, 'colour', 1))\n"
    "    raises(AttributeError, 'cannot be deleted', lambda: delattr(p, 'age'))\n"
    "    assert not hasattr(p, '__dict__')\n"
    "    q = copy.replace(p, age=11)\n"
    "    assert q.age == 11 and p.age == 10 and copy.copy(p) == p is not copy.copy(p) and "
    "copy.deepcopy(p) == p\n"
    "    match p:\n"
    "        case Pet(id=1, name=n): assert n == 'tom'\n"
    "        case _: assert False\n"
    "    assert asdict(p) == {'id': 1, 'name': 'tom', 'age': 10}\n"
    "    d = Dog(id=1, breed='pug')\n"
    "    assert d.hello() == 'hello rex!' and isinstance(d, Pet) and d != Pet(id=1) and repr(d) == "
    "\"Dog(id=1, name='rex', age=0, breed='pug')\"\n"
    "    ctx.db.dog.insert(d)\n"
    "    assert ctx.db.dog.find(1) == d and ctx.db.dog.find(1).breed == 'pug' and len(ctx.db.pet) "
    "== 0\n"
    "    a = Player(name='x')\n"
    "    a.bag.append('z')\n"
    "    assert Player(name='y').bag == [], 'defaults are copied'\n"
    "    assert a.shout() == 'X'\n"
    "    b = copy.deepcopy(a)\n"
    "    b.bag.append('q')\n"
    "    assert a.bag == ['z']\n"
    "@reducer\n"
    "def lazily(ctx: ReducerContext):\n"
    "    t, _ = five(ctx)\n"
    "    r = t.name.find('cid')\n"
    "    assert r.score == 30 and r.bag == [] and r.pos == Vec2() and r.id > 0 and r.bag is r.bag\n"
    "    r.name = 'longer than before'\n"
    "    r.score = 31\n"
    "    t.update(r)\n"
    "    assert t.find(r.id) == r and (r.guild, r.cell, r.score) == (1, 8, 31)\n"
    "    x, y = t.find(r.id), t.find(r.id)\n"
    "    assert x == y\n"
    "    x.score = 5\n"
    "    assert x != y and repr(x).startswith('Player(id=')\n"
    "    z = copy.copy(y)\n"
    "    assert z == y and copy.replace(y, score=9).score == 9 and y.score == 31\n";

Test(tables, row_classes_are_dataclasses)
{
    struct fixture f;
    fixture_open(&f, rows);
    fixture_run(&f, "classes");
    fixture_run(&f, "lazily");
    fixture_close(&f);
}

static const char context[] = HEAD
    "import logging, random, uuid\n"
    "kept = {}\n"
    "@reducer\n"
    "def attributes(ctx: ReducerContext):\n"
    "    assert ctx.sender.to_bytes()[:3] == b'\\1\\2\\3' and type(ctx.sender) is Identity and "
    "ctx.sender is ctx.sender\n"
    "    assert ctx.connection_id == ConnectionId(5) and ctx.timestamp == 1000000 and "
    "type(ctx.timestamp) is Timestamp\n"
    "    assert ctx.identity == ctx.database_identity == Identity(9) and ctx.dt == 0.0 and "
    "ctx.reducer == 'attributes'\n"
    "    assert ctx.caller == 'client' and not ctx.auth.has_jwt and ctx.auth.jwt is None and not "
    "ctx.sender_auth.is_internal\n"
    "    assert type(ctx.rng) is random.Random and ctx.rng is ctx.rng and 0 <= ctx.random() < 1\n"
    "    kept.setdefault('random', []).append(ctx.rng.random())\n"
    "    a, b = ctx.new_uuid4(), ctx.new_uuid7()\n"
    "    assert type(a) is uuid.UUID and a.version == 4 and b.version == 7 and ctx.new_uuid7() > b "
    "and ctx.new_uuid4() != a\n"
    "    assert b.int >> 80 == 1000\n"
    "    raises(AttributeError, 'nothing', lambda: ctx.nothing)\n"
    "    raises(NotImplementedError, 'ctx.schedule()', lambda: ctx.schedule(attributes, after=3))\n"
    "@reducer\n"
    "def same_seed(ctx: ReducerContext):\n"
    "    assert len(set(kept['random'])) == 1, 'an attempt that is run again sees the same "
    "numbers'\n"
    "@reducer\n"
    "def logs(ctx: ReducerContext):\n"
    "    ctx.log.info('a %s %d', 'b', 3)\n"
    "    ctx.log.debug('%(x)s', {'x': 1})\n"
    "    ctx.log.warning('100%')\n"
    "    ctx.log.error('bad %d', 'x')\n"
    "    ctx.log('text', 'warning')\n"
    "    ctx.log('plain')\n"
    "    raises(ValueError, \"unknown log level 'loud'\", lambda: ctx.log('x', 'loud'))\n"
    "    print('hello', 'world')\n"
    "    logging.getLogger('game').warning('from %s', 'logging')\n"
    "    try: 1 / 0\n"
    "    except ZeroDivisionError: ctx.log.exception('caught')\n"
    "@reducer\n"
    "def keep(ctx: ReducerContext):\n"
    "    ctx.db.player.insert(name='x')\n"
    "    kept.update(ctx=ctx, table=ctx.db.player, column=ctx.db.player.id, "
    "rows=ctx.db.player.all(), row=ctx.db.player.first(),\n"
    "                it=iter(ctx.db.player), log=ctx.log, db=ctx.db)\n"
    "@reducer\n"
    "def use_kept(ctx: ReducerContext):\n"
    "    over = lambda fn: raises(TransactionError, 'used outside', fn)\n"
    "    over(lambda: kept['ctx'].sender)\n"
    "    over(lambda: kept['ctx'].db.player.find(1))\n"
    "    over(lambda: kept['table'].insert(name='y'))\n"
    "    over(lambda: len(kept['table']))\n"
    "    over(lambda: list(kept['table']))\n"
    "    over(lambda: kept['column'].find(1))\n"
    "    over(lambda: 1 in kept['column'])\n"
    "    over(lambda: kept['rows'][0])\n"
    "    over(lambda: len(kept['rows']))\n"
    "    over(lambda: next(kept['it']))\n"
    "    over(lambda: kept['db'][Player])\n"
    "    over(lambda: kept['db'].player.clear())\n"
    "    assert kept['row'].name == 'x', 'rows are values and live on'\n"
    "    assert repr(kept['rows']) == \"<rows of 'player', of a call that is over>\"\n"
    "    assert ctx.db.player.find(1).name == 'x' and ctx is not kept['ctx']\n"
    "    kept.clear()\n"
    "@reducer\n"
    "def keep_column(ctx: ReducerContext):\n"
    "    kept['column'] = ctx.db.player.id\n"
    "@reducer\n"
    "def use_column(ctx: ReducerContext):\n"
    "    raises(TransactionError, 'player: used outside', lambda: kept['column'].find(1))\n"
    "    ctx.db.player.id.find(1)\n";

Test(tables, contexts_and_handles_end_with_their_call)
{
    struct fixture f;
    fixture_open(&f, context);
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
    fixture_open(&f, HEAD "@reducer\n"
                          "def fill(ctx: ReducerContext):\n"
                          "    five(ctx)\n"
                          "@reducer\n"
                          "def look(ctx: ReducerContext):\n"
                          "    kept = [ctx.db.player.name.find('ann') for _ in range(300)]\n"
                          "@reducer\n"
                          "def one(ctx: ReducerContext):\n"
                          "    for _ in range(50): ctx.db.player.name.find('ann')\n");
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
