import copy, gc, pickle, sys, weakref
from dataclasses import dataclass, field as dfield, make_dataclass
from _orochi import compile as codec_of
from orochi import *
@table
class T:
    id: PrimaryKey[u32]
def codec(cls, *fields):
    return codec_of(('product', cls, 'dataclass', tuple((n, (k,)) for n, k in fields)))
FIELDS = ('id', 'u64'), ('name', 'string'), ('x', 'f32'), ('alive', 'bool'), ('tag', 'json')
def fresh(**options):
    @dataclass(**options)
    class Small:
        id: u64
        name: str
        x: f32 = 0.5
        alive: bool = False
        tag: object = None
    return Small
VALUES = 7, 'some name', 1.5, True, [1, 'a']
def refused(fn, text, kind=EncodeError):
    try: fn()
    except kind as e: assert text in str(e), str(e)
    else: assert False, 'accepted; expected: ' + text
def check(cls, c, made):
    want = cls(*VALUES)
    assert type(made) is cls and made == want and repr(made) == repr(want)
    assert list(vars(made).items()) == list(vars(want).items())
    assert c.encode(made) == c.encode(want) == DATA
    assert copy.deepcopy(made) == want and copy.copy(made) == want
    assert weakref.ref(made)() is made and gc.is_tracked(made)
DATA = None
@reducer
def like_constructed(ctx: ReducerContext):
    global DATA
    for options in ({}, {'frozen': True}, {'order': True}, {'slots': True}, {'kw_only': False}):
        for first in (False, True):
            cls = fresh(**options)
            if first: keep = cls(*VALUES)
            c = codec(cls, *FIELDS)
            if DATA is None: DATA = c.encode(cls(*VALUES))
            if 'slots' in options:
                assert c.decode(DATA) == cls(*VALUES) and c.encode(cls(*VALUES)) == DATA
                continue
            for _ in range(50): check(cls, c, c.decode(DATA))
            if not first: keep = cls(*VALUES); check(cls, c, c.decode(DATA))
@reducer
def changed_instances(ctx: ReducerContext):
    cls = fresh(); c = codec(cls, *FIELDS); data = c.encode(cls(*VALUES))
    def changed(**more): return c.encode(cls(**{**dict(zip(('id', 'name', 'x', 'alive', 'tag'), VALUES)), **more}))
    for make in (lambda: cls(*VALUES), lambda: c.decode(data)):
        v = make(); v.extra = 1; v.id = 8
        assert c.encode(v) == changed(id=8) and list(vars(v)) == ['id', 'name', 'x', 'alive', 'tag', 'extra']
        v = make(); d = vars(v); v.id = 9; d['x'] = 2.5
        assert c.encode(v) == changed(id=9, x=2.5) and d['id'] == 9
        v = make(); d = vars(v); d['more'] = 1; d['id'] = 3
        assert c.encode(v) == changed(id=3) and v.id == 3
        v = make(); vars(v).update({f'k{i}': i for i in range(50)}); v.name = 'n'
        assert c.encode(v) == changed(name='n') and len(vars(v)) == 55
        v = make(); v.__dict__ = dict(vars(cls(*VALUES)), id=4)
        assert c.encode(v) == changed(id=4)
        v = make(); d = vars(v); v.__dict__ = {}
        refused(lambda: c.encode(v), "no attribute 'id'", AttributeError)
        assert d['id'] == 7
        v = make(); del v.x
        assert c.encode(v) == changed(x=0.5), 'the default of the class'
        v.x = 3.5
        assert c.encode(v) == changed(x=3.5) and list(vars(v))[-1] == 'x'
        v = make(); del v.id
        refused(lambda: c.encode(v), "no attribute 'id'", AttributeError)
        v = make(); vars(v).clear()
        refused(lambda: c.encode(v), "no attribute 'id'", AttributeError)
        other = fresh(); co = codec(other, *FIELDS)
        v = make(); v.__class__ = other
        assert co.encode(v) == data and vars(v) == vars(cls(*VALUES))
        class Sub(cls): pass
        v = Sub(*VALUES); v.extra = 1
        assert c.encode(v) == data
@reducer
def changed_classes(ctx: ReducerContext):
    cls = fresh(); c = codec(cls, *FIELDS); v = cls(*VALUES); data = c.encode(v)
    for i in range(2000):
        cls.count = i
        assert c.encode(c.decode(data)) == data
    old, seen = cls.x, []
    cls.x = property(lambda self: 9.5, lambda self, to: seen.append(to))
    assert c.encode(v) == data[:-len(data) + data.index(b'some name') + 9] + b'\0\0\x18\x41' + data[data.index(b'some name') + 13:]
    made = c.decode(data)
    assert seen == [1.5] and made.x == 9.5 and 'x' not in vars(made)
    cls.x = old
    assert c.encode(v) == data and c.decode(data) == v
    cls.__getattribute__ = lambda self, name: 77 if name == 'id' else object.__getattribute__(self, name)
    assert c.encode(v)[:8] == bytes([77, 0, 0, 0, 0, 0, 0, 0]) and c.decode(data).id == 77
    del cls.__getattribute__
    assert c.encode(v) == data and c.decode(data) == v
    cls.__getattr__ = lambda self, name: 'far' if name == 'name' else (_ for _ in ()).throw(AttributeError(name))
    w = c.decode(data); del w.name
    assert b'far' in c.encode(w) and c.encode(v) == data
@reducer
def odd_classes(ctx: ReducerContext):
    died = []
    @dataclass
    class Mortal:
        id: int
        def __del__(self): died.append(self.id)
    c = codec(Mortal, ('id', 'i64'))
    assert died == [], 'nothing was made to try it'
    assert c.decode(c.encode(Mortal(5))).id == 5
    assert died == [5, 5]
    many = [(f'f{i}', int) for i in range(60)]
    for n in (1, 2, 28, 29, 30, 31, 60):
        cls = make_dataclass('Many', many[:n]); v = cls(*range(n))
        c = codec(cls, *((name, 'i64') for name, _ in many[:n]))
        for _ in range(60):
            made = c.decode(c.encode(v))
            assert made == v and vars(made) == vars(v) and list(vars(made)) == list(vars(v)), n
    @dataclass
    class Half:
        __slots__ = ('a', '__dict__')
        a: int
        b: int
    c = codec(Half, ('a', 'i64'), ('b', 'i64'))
    made = c.decode(c.encode(Half(1, 2)))
    assert made == Half(1, 2) and vars(made) == {'b': 2}
    class Base:
        def __init_subclass__(cls): cls.made = 0
    @dataclass
    class Derived(Base):
        b: int
        a: int
    w = Derived.__new__(Derived); w.zzz = 1; w.a = 2; w.b = 3
    c = codec(Derived, ('b', 'i64'), ('a', 'i64'))
    made = c.decode(c.encode(w))
    assert list(vars(made).items()) == [('b', 3), ('a', 2)] and made == Derived(3, 2)
    @dataclass(eq=False)
    class Fresh:
        a: int
        b: int
    old = [Fresh.__new__(Fresh) for _ in range(40)]
    c = codec(Fresh, ('a', 'i64'), ('b', 'i64'))
    for o in old: o.a, o.b = 1, 2
    assert {c.encode(o) for o in old} == {c.encode(Fresh(1, 2))}
    assert vars(c.decode(c.encode(old[0]))) == {'a': 1, 'b': 2}
@reducer
def long_lists(ctx: ReducerContext):
    strings = codec_of(('array', ('string',), 'list'))
    for first, n, rest, m in ((b'', 64, b'long' * 999, 3000), (b'x' * 1000000, 64, b'', 500000), (b'ab', 63, b'', 0), (b'ab', 64, b'', 0), (b'', 65, b'', 0)):
        v = [first.decode()] * n + [rest.decode()] * m
        want = (n + m).to_bytes(4, 'little') + (len(first).to_bytes(4, 'little') + first) * n + (len(rest).to_bytes(4, 'little') + rest) * m
        assert strings.encode(v) == want and strings.decode(want) == v
    nested = codec_of(('array', ('array', ('u8',), 'list'), 'tuple'))
    v = tuple([i & 255] * (i % 130) for i in range(1000))
    assert nested.decode(nested.encode(v)) == v
@reducer
def nothing_is_lost(ctx: ReducerContext):
    cls = fresh(); c = codec(cls, *FIELDS); data = c.encode(cls(*VALUES))
    gc.collect(); refs = sys.getrefcount(cls)
    alive = lambda: sum(type(o) is cls for o in gc.get_objects())
    for n in range(len(data)):
        for _ in range(20): refused(lambda: c.decode(data[:n]), '', DecodeError)
    for _ in range(500): c.encode(c.decode(data))
    many = [c.decode(data) for _ in range(3000)]
    for i, v in enumerate(many): v.tag.append(v); many[i] = None
    del v
    gc.collect()
    assert alive() == 0 and sys.getrefcount(cls) == refs, (alive(), sys.getrefcount(cls), refs)
