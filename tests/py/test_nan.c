/* NaN and the two zeros: with an index or without one, a filter gives the same rows, in the order of indexes and SQL. */
#include "tests/py/fixture.h"

TestSuite(nan, .init = fixture_start, .fini = oro_py_stop);

static const char source[] =
    "from dataclasses import dataclass\n"
    "from math import isnan, nan, inf\n"
    "from orochi import *\n"
    "@dataclass\n"
    "class Vec:\n"
    "    x: f32 = 0.0\n"
    "    y: f64 = 0.0\n"
    "@table()\n"
    "class T:\n"
    "    id: PrimaryKey[u32]\n"
    "    a: f64 = 0.0\n"
    "    b: f32 = 0.0\n"
    "    v: Vec = Vec()\n"
    "    l: list[f64] = []\n"
    "    m: dict[str, f64] = {}\n"
    "    o: f64 | None = None\n"
    "    t: tuple[f32, u8] = (0.0, 0)\n"
    "    n: u32 = 0\n"
    "VALUES = [nan, -0.0, 0.0, inf, -inf, 1.5, -nan, float('nan'), -2.0]\n"
    "def fill(ctx):\n"
    "    ctx.db.t.clear()\n"
    "    for i, x in enumerate(VALUES):\n"
    "        ctx.db.t.insert(id=i, a=x, b=x, v=Vec(x, 1.0), l=[1.0, x], m={'k': x}, o=x, t=(x, 1), "
    "n=i)\n"
    "def ids(rows): return sorted(row.id for row in rows)\n"
    "NANS, ZEROS = [0, 6, 7], [1, 2]\n"
    "def forms(x): return dict(a=x, b=x, v=Vec(x, 1.0), l=[1.0, x], m={'k': x}, o=x, t=(x, 1))\n"
    "@reducer\n"
    "def equal(ctx: ReducerContext):\n"
    "    fill(ctx)\n"
    "    t = ctx.db.t\n"
    "    for x, found in ((nan, NANS), (-nan, NANS), (0.0, ZEROS), (-0.0, ZEROS), (0, ZEROS), "
    "(1.5, [5])):\n"
    "        rest = sorted(set(range(9)) - set(found))\n"
    "        for name, value in forms(x).items():\n"
    "            assert ids(t.filter(**{name: value})) == found, (name, value)\n"
    "            assert t.count(**{name: value}) == len(found) and t.exists(**{name: value}) and "
    "t.first(**{name: value}).id == found[0]\n"
    "            assert ids(t.filter(**{name + '__ne': value})) == rest, (name, value)\n"
    "            if name not in ('m',):\n"
    "                assert ids(t.filter(**{name + '__in': [value, value]})) == found\n"
    "                assert ids(t.filter(**{name + '__in': (value,)})) == found\n"
    "                assert ids(t.filter(**{name + '__not_in': [value]})) == rest\n"
    "    assert ids(t.filter(a__in={nan, 1.5})) == [0, 5, 6, 7] and ids(t.filter(a__in=['x', "
    "nan])) == NANS and ids(t.filter(a__in=[])) == []\n"
    "    assert ids(t.filter(a='x')) == [] and ids(t.filter(a=None)) == [] and ids(t.filter(a=2 ** "
    "2000)) == []\n"
    "    assert ids(t.filter(a=nan, n__lt=7)) == [0, 6]\n"
    "    for row in t.all():\n"
    "        assert row == t.get(row.id) and row in list(t.all()) and row in t.all()\n"
    "        row.v, row.l\n"
    "        assert row == t.get(row.id)\n"
    "    assert t.get(0) != t.get(6) and t.get(1) != t.get(2)\n"
    "    t.insert(id=20)\n"
    "    assert ids(t.filter(o=None)) == [20] and ids(t.filter(o__ne=None)) == list(range(9))\n"
    "    assert 20 not in ids(t.filter(o__gt=1.0)) + ids(t.filter(o__lte=1.0))\n"
    "    try: list(t.filter(o__gt=None))\n"
    "    except TypeError: pass\n"
    "    else: raise Exception('None has no order')\n"
    "@reducer\n"
    "def order(ctx: ReducerContext):\n"
    "    fill(ctx)\n"
    "    t = ctx.db.t\n"
    "    for name in ('a', 'b', 'v', 'l', 'o', 't'):\n"
    "        at = {x: value for x, value in zip('n 0 i j'.split(), [forms(x)[name] for x in (nan, "
    "0.0, inf, -inf)])}\n"
    "        assert ids(t.filter(**{name + '__gt': at['i']})) == NANS, name\n"
    "        assert ids(t.filter(**{name + '__gt': at['n']})) == [] and ids(t.filter(**{name + "
    "'__gte': at['n']})) == NANS\n"
    "        assert ids(t.filter(**{name + '__lt': at['n']})) == [1, 2, 3, 4, 5, 8] and "
    "ids(t.filter(**{name + '__lte': at['n']})) == list(range(9))\n"
    "        assert ids(t.filter(**{name + '__lt': at['0']})) == [4, 8] and ids(t.filter(**{name + "
    "'__gte': at['0']})) == [0, 1, 2, 3, 5, 6, 7]\n"
    "        assert ids(t.filter(**{name + '__between': (at['0'], at['i'])})) == [1, 2, 3, 5]\n"
    "        assert ids(t.filter(**{name + '__between': (at['n'], at['n'])})) == NANS\n"
    "        assert [r.id for r in t.all().order_by(name)] == [4, 8, 1, 2, 5, 3, 0, 6, 7], (name, "
    "[r.id for r in t.all().order_by(name)])\n"
    "        assert [r.id for r in t.all().order_by('-' + name)] == [0, 6, 7, 3, 5, 1, 2, 8, 4], "
    "name\n"
    "        assert [r.id for r in t.filter(n__lt=6).order_by(name, '-id')] == [4, 2, 1, 5, 3, 0], "
    "name\n"
    "        assert t.all().order_by(name).first().id == 4 and "
    "isnan(t.all().order_by('-a').first().a)\n";

Test(nan, equals_itself_and_the_zeros_are_one)
{
    struct fixture f;
    fixture_open(&f, source);
    fixture_run(&f, "equal");
    fixture_close(&f);
}

Test(nan, comes_after_everything)
{
    struct fixture f;
    fixture_open(&f, source);
    fixture_run(&f, "order");
    fixture_close(&f);
}
