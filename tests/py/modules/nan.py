from dataclasses import dataclass
from math import isnan, nan, inf
from orochi import *
@dataclass
class Vec:
    x: f32 = 0.0
    y: f64 = 0.0
@table()
class T:
    id: PrimaryKey[u32]
    a: f64 = 0.0
    b: f32 = 0.0
    v: Vec = Vec()
    l: list[f64] = []
    m: dict[str, f64] = {}
    o: f64 | None = None
    t: tuple[f32, u8] = (0.0, 0)
    n: u32 = 0
VALUES = [nan, -0.0, 0.0, inf, -inf, 1.5, -nan, float('nan'), -2.0]
def fill(ctx):
    ctx.db.t.clear()
    for i, x in enumerate(VALUES):
        ctx.db.t.insert(id=i, a=x, b=x, v=Vec(x, 1.0), l=[1.0, x], m={'k': x}, o=x, t=(x, 1), n=i)
def ids(rows): return sorted(row.id for row in rows)
NANS, ZEROS = [0, 6, 7], [1, 2]
def forms(x): return dict(a=x, b=x, v=Vec(x, 1.0), l=[1.0, x], m={'k': x}, o=x, t=(x, 1))
@reducer
def equal(ctx: ReducerContext):
    fill(ctx)
    t = ctx.db.t
    for x, found in ((nan, NANS), (-nan, NANS), (0.0, ZEROS), (-0.0, ZEROS), (0, ZEROS), (1.5, [5])):
        rest = sorted(set(range(9)) - set(found))
        for name, value in forms(x).items():
            assert ids(t.filter(**{name: value})) == found, (name, value)
            assert t.count(**{name: value}) == len(found) and t.exists(**{name: value}) and t.first(**{name: value}).id == found[0]
            assert ids(t.filter(**{name + '__ne': value})) == rest, (name, value)
            if name not in ('m',):
                assert ids(t.filter(**{name + '__in': [value, value]})) == found
                assert ids(t.filter(**{name + '__in': (value,)})) == found
                assert ids(t.filter(**{name + '__not_in': [value]})) == rest
    assert ids(t.filter(a__in={nan, 1.5})) == [0, 5, 6, 7] and ids(t.filter(a__in=['x', nan])) == NANS and ids(t.filter(a__in=[])) == []
    assert ids(t.filter(a='x')) == [] and ids(t.filter(a=None)) == [] and ids(t.filter(a=2 ** 2000)) == []
    assert ids(t.filter(a=nan, n__lt=7)) == [0, 6]
    for row in t.all():
        assert row == t.get(row.id) and row in list(t.all()) and row in t.all()
        row.v, row.l
        assert row == t.get(row.id)
    assert t.get(0) != t.get(6) and t.get(1) != t.get(2)
    t.insert(id=20)
    assert ids(t.filter(o=None)) == [20] and ids(t.filter(o__ne=None)) == list(range(9))
    assert 20 not in ids(t.filter(o__gt=1.0)) + ids(t.filter(o__lte=1.0))
    try: list(t.filter(o__gt=None))
    except TypeError: pass
    else: raise Exception('None has no order')
@reducer
def order(ctx: ReducerContext):
    fill(ctx)
    t = ctx.db.t
    for name in ('a', 'b', 'v', 'l', 'o', 't'):
        at = {x: value for x, value in zip('n 0 i j'.split(), [forms(x)[name] for x in (nan, 0.0, inf, -inf)])}
        assert ids(t.filter(**{name + '__gt': at['i']})) == NANS, name
        assert ids(t.filter(**{name + '__gt': at['n']})) == [] and ids(t.filter(**{name + '__gte': at['n']})) == NANS
        assert ids(t.filter(**{name + '__lt': at['n']})) == [1, 2, 3, 4, 5, 8] and ids(t.filter(**{name + '__lte': at['n']})) == list(range(9))
        assert ids(t.filter(**{name + '__lt': at['0']})) == [4, 8] and ids(t.filter(**{name + '__gte': at['0']})) == [0, 1, 2, 3, 5, 6, 7]
        assert ids(t.filter(**{name + '__between': (at['0'], at['i'])})) == [1, 2, 3, 5]
        assert ids(t.filter(**{name + '__between': (at['n'], at['n'])})) == NANS
        assert [r.id for r in t.all().order_by(name)] == [4, 8, 1, 2, 5, 3, 0, 6, 7], (name, [r.id for r in t.all().order_by(name)])
        assert [r.id for r in t.all().order_by('-' + name)] == [0, 6, 7, 3, 5, 1, 2, 8, 4], name
        assert [r.id for r in t.filter(n__lt=6).order_by(name, '-id')] == [4, 2, 1, 5, 3, 0], name
        assert t.all().order_by(name).first().id == 4 and isnan(t.all().order_by('-a').first().a)
