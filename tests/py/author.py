"""Code of an author that runs wherever a conversion calls into Python, and does there what hurts most: updates, deletes or scribbles
over the very row, list or mapping that is being read or written. Each reducer of this module tries every deed at every place; what
is asked is only that nothing is used after its end (test_author.c, under the address sanitizer), and that a call which was not
disturbed gives the right answer."""

import collections
import copy
import dataclasses
import gc
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from typing import Annotated, Any, NamedTuple

from orochi import (Index, OrochiError, PrimaryKey, ReducerContext, ScheduleAt, Timestamp, f64, i64, reducer, table, u8, u32, u64)

deed = None  # what happens at the next calls
deeds_done = 0
by_hook = False  # ends of objects do it in sys.unraisablehook


def here():
    """Called by every hook: the deed, which does not come back to itself."""
    global deed, deeds_done
    if deed is not None:
        todo, deed = deed, None
        deeds_done += 1
        try:
            todo()
        except Exception:
            pass
        finally:
            deed = todo


@dataclass
class Post:
    a: u32 = 0
    text: str = ''

    def __post_init__(self):
        gc.collect(0) if by_hook else here()

    def __eq__(self, other):
        here()
        return isinstance(other, Post) and self.a == other.a

    def __lt__(self, other):
        here()
        return self.a < other.a

    def __repr__(self):
        here()
        return f'Post({self.a})'

    def __del__(self):
        if by_hook:
            raise ValueError('for sys.unraisablehook')
        here()


@dataclass
class Setter:
    a: u32 = 0
    b: str = ''

    def __setattr__(self, name, value):
        here()
        object.__setattr__(self, name, value)

    def __getattribute__(self, name):
        if name in ('a', 'b'):
            here()
        return object.__getattribute__(self, name)


@dataclass(frozen=True)
class Key:
    a: u32
    b: str = ''

    def __hash__(self):
        here()
        return hash(self.a)

    def __eq__(self, other):
        here()
        return isinstance(other, Key) and self.a == other.a


@dataclass
class Inner:
    post: Post = dataclasses.field(default_factory=Post)
    n: u32 = 0


@dataclass(slots=True)
class Slots:
    post: Post = dataclasses.field(default_factory=Post)
    n: u32 = 0


@dataclass
class Empty:
    def __init__(self):
        here()


@dataclass
class Full:
    n: u32 = 0


class Pair(NamedTuple):
    n: u32
    post: Post


def make_pair(cls, values):
    here()
    return cls(*values)


Pair._make = classmethod(make_pair)


class Team(Enum):
    RED = 1
    BLUE = 2

    def __hash__(self):
        here()
        return 3


class Longest:
    max_length = 50


@table()
class Item:
    id: PrimaryKey[u32]
    blob: bytes = b''
    text: str = ''
    posts: list[Post] = []
    setters: list[Setter] = []
    keys: set[Key] = set()
    map: dict[Key, Post] = {}
    inner: Inner = Inner()
    slots: Slots = Slots()
    inners: list[Inner] = []
    many_slots: list[Slots] = []
    pairs: list[Pair] = []
    tuples: list[tuple[u32, Post]] = []
    choice: Empty | Full = Full(1)
    teams: set[Team] = set()
    when: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    span: timedelta = timedelta(1)
    uid: uuid.UUID = uuid.UUID(int=1)
    some: Post | None = None
    value: Any = None
    checked: list[Annotated[str, Longest()]] = []
    number: f64 = 0.0
    last: u32 = 0


@table()
class Bag:
    n: u32
    post: Post = Post()


FULL = dict(blob=b'x' * 20, text='t' * 20, posts=[Post(i) for i in range(3)], setters=[Setter(1, 'b')], keys={Key(1), Key(2)},
            map={Key(1): Post(1), Key(2): Post(2)}, inner=Inner(Post(5)), slots=Slots(Post(6)), inners=[Inner(Post(i)) for i in range(3)],
            many_slots=[Slots(Post(i)) for i in range(3)], pairs=[Pair(1, Post(1))] * 3, tuples=[(1, Post(1))] * 3, choice=Empty(),
            teams={Team.RED, Team.BLUE}, some=Post(9), value={'a': [Post(1), {'b': Timestamp(3), 'c': datetime(2021, 1, 1, tzinfo=UTC)}]},
            checked=['a', 'b', 'c'], last=77)
COLUMNS = [field for field in Item.__annotations__ if field != 'id']


# ---- objects that are not what they say ----

class Index5:
    def __index__(self):
        here()
        return 5


class Int(int):
    def __str__(self):
        here()
        return '9' * 10

    __repr__ = __str__

    def __lt__(self, other):
        here()
        return False


class Items(dict):
    """A dict whose items() are something else."""

    given = None

    def items(self):
        here()
        return self.given

    def keys(self):
        here()
        return [1, 2, 3]

    def __getitem__(self, key):
        here()
        raise KeyError(key)


class Listing(list):
    def __iter__(self):
        here()
        return iter([1])

    def __len__(self):
        here()
        return 1000

    def __getitem__(self, i):
        here()
        return 1


class Seq(Sequence):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        here()
        return len(self.items) + 5

    def __getitem__(self, i):
        here()
        return self.items[i]


class Map(Mapping):
    def __init__(self, items):
        self.given = items

    def __len__(self):
        here()
        return len(self.given)

    def __iter__(self):
        here()
        return iter(dict(self.given))

    def __getitem__(self, key):
        here()
        return dict(self.given)[key]


class Liar:
    """Says of itself to be of any class."""

    cls = uuid.UUID

    @property
    def __class__(self):
        here()
        return self.cls

    def __getattr__(self, name):
        here()
        return self

    def __index__(self):
        here()
        return 7


class Dying:
    def __del__(self):
        here()


class Text(str):
    def __str__(self):
        here()
        return 'other'

    def __eq__(self, other):
        here()
        return True

    def __hash__(self):
        here()
        return hash('last')


class Delta(timedelta):
    def __floordiv__(self, other):
        here()
        return self


# ---- deeds ----

def grown(ctx, row):
    """The row with larger bytes, as another object and as itself."""
    def act():
        big = ctx.db.item.find(1)
        if big is not None:
            big.blob = b'y' * 3000
            ctx.db.item.update(big)
        if row is not None:
            row.blob = b'z' * 5000
            row.text = 'u' * 3000
            ctx.db.item.update(row)
    return act


def shrunk(ctx, row):
    def act():
        if row is not None:
            row.blob = b''
            row.text = ''
            for name in COLUMNS:
                setattr(row, name, getattr(Item(id=1), name))
            ctx.db.item.update(row)
    return act


def deleted(ctx, row):
    return lambda: ctx.db.item.delete(1)


def emptied(ctx, row):
    """Every column another object; the old ones die, if they can."""
    def act():
        for name in COLUMNS:
            setattr(row, name, None)
    return act


def refilled(ctx, row):
    def act():
        for name in COLUMNS:
            value = getattr(row, name)
            if isinstance(value, (list, set, dict)):
                value.clear()
        for name in COLUMNS:
            setattr(row, name, 7)
    return act


def scribbled(ctx, row):
    """Everything that the collector shows and that is not ours to have."""
    ours = {id(value) for value in gc.get_objects()}

    def act():
        for found in gc.get_objects():
            if id(found) in ours or found is ours:
                continue
            if type(found) is list:
                repr(found[:1])
                found.clear()
            elif type(found) is tuple:
                list(found)
            elif type(found) in (Inner, Slots):
                getattr(found, 'post', None), getattr(found, '__dict__', {}).copy()
        gc.collect()
    return act


def converted(ctx, row):
    """Conversions that fail and ones that do not, inside of another."""
    def act():
        try:
            ctx.db.item.insert(Item(id=1 << 40))
        except OrochiError:
            pass
        ctx.db.item.find(1)
        list(ctx.db.item.filter(last=77))
        repr(ctx.db.item.find(1))
    return act


DEEDS = [grown, shrunk, deleted, emptied, refilled, scribbled, converted]


def fresh(ctx):
    """The row as it was, without a deed."""
    global deed
    deed = None
    ctx.db.item.clear()
    ctx.db.item.insert(Item(id=1, **copy.deepcopy(FULL)))
    ctx.db.item.insert(Item(id=2, **copy.deepcopy(FULL)))
    return ctx.db.item.get(1)


def attempt(ctx, operation, make_deed, prepare=None):
    """The operation on a fresh row while the deed is done wherever Python runs."""
    global deed
    row = fresh(ctx)
    if prepare is not None:
        prepare(row)
    deed = make_deed(ctx, row)
    try:
        operation(row)
    except Exception as error:
        if isinstance(error, (SystemError, MemoryError)):
            raise
    finally:
        deed = None
    # What is left can be read.
    for left in ctx.db.item.all():
        repr(left)


@reducer
def reading(ctx: ReducerContext):
    for make in DEEDS:
        for name in COLUMNS:
            attempt(ctx, lambda row: getattr(row, name), make)
        attempt(ctx, repr, make)
        attempt(ctx, copy.copy, make)
        attempt(ctx, copy.deepcopy, make)
        attempt(ctx, lambda row: row == ctx.db.item.find(2), make)
        attempt(ctx, lambda row: row in list(ctx.db.item.all()), make)
        attempt(ctx, lambda row: dataclasses.asdict(row), make)
        attempt(ctx, lambda row: copy.replace(row, some=Post(3)) if hasattr(copy, 'replace') else None, make)


@reducer
def writing(ctx: ReducerContext):
    def touch(row):
        for name in COLUMNS:
            getattr(row, name)

    def change(row):
        row.posts = [Post(i) for i in range(100)]
        row.map = {Key(i): Post(i) for i in range(100)}

    for make in DEEDS:
        for prepare in (touch, change):
            attempt(ctx, lambda row: ctx.db.item.update(row), make, prepare)
            attempt(ctx, lambda row: ctx.db.item.upsert(row), make, prepare)
            attempt(ctx, lambda row: ctx.db.item.delete(row), make, prepare)
            attempt(ctx, lambda row: ctx.db.item.insert(row), make, prepare)
            attempt(ctx, lambda row: ctx.db.item.insert_many([row] * 3), make, prepare)
            attempt(ctx, lambda row: ctx.db.item.update(row, posts=[Post(1)] * 70, last=Index5()), make, prepare)
        attempt(ctx, lambda row: ctx.db.item.all().update(posts=[Post(1)] * 70, last=Index5()), make)
        attempt(ctx, lambda row: ctx.db.item.filter(some=Post(9)).delete(), make)
        attempt(ctx, lambda row: ctx.db.item.insert(id=Index5(), **FULL), make)


def odd_values(row):
    def items(given):
        d = Items({1: 2})
        d.given = given
        return d
    for given in ([[1, 2]], [(1,)], [(1, 2, 3)], [1], [None], 'ab', ['ab'], iter([(1, 2)]), [[1, 2], (3, 4)], None, 5, [(1, 2)] * 3):
        yield 'map', items(given)
        yield 'value', items(given)
        yield 'value', {'a': items(given)}
    for n in (Index5(), Int(7), Int(1 << 70), Liar(), Text('last'), object(), Dying()):
        for name in COLUMNS:
            yield name, n
            yield name, [n] * 3
            yield name, Seq([n] * 3)
            yield name, {Key(1): n}
            yield name, (n, n)
    for name in COLUMNS:
        yield name, Listing([1, 2])
        yield name, Listing([Post(1), Post(2)])
        yield name, Map([(Key(1), Post(1)), (Key(2), Post(2))])
        yield name, row
        yield name, Item
        yield name, memoryview(b'abcdef')[::2]
        yield name, bytearray(b'abc')
        yield name, Text('abc')
        yield name, Delta(1)
    for cls in (uuid.UUID, ScheduleAt, datetime, timedelta, dict, list, Post, Item, int):
        liar = Liar()
        liar.cls = cls
        for name in COLUMNS:
            yield name, liar


@reducer
def odd(ctx: ReducerContext):
    for make in DEEDS:
        for name, value in odd_values(fresh(ctx)):
            attempt(ctx, lambda row: ctx.db.item.update(row, **{name: value}), make)


@reducer
def asking(ctx: ReducerContext):
    keys = [Post(1), Index5(), Int(7), Int(1 << 70), Liar(), Text('last'), Key(1), [Post(1)], float('nan')]
    for make in DEEDS:
        for key in keys:
            attempt(ctx, lambda row: ctx.db.item.find(key), make)
            attempt(ctx, lambda row: ctx.db.item.get(key), make)
            attempt(ctx, lambda row: key in ctx.db.item, make)
            attempt(ctx, lambda row: ctx.db.item.delete(key), make)
            attempt(ctx, lambda row: ctx.db.item.id.filter(gt=key), make)
            for name in ('id', 'some', 'last', 'text', 'number'):
                attempt(ctx, lambda row: list(ctx.db.item.filter(**{name: key})), make)
                attempt(ctx, lambda row: list(ctx.db.item.filter(**{name + '__in': [key, key]})), make)
                attempt(ctx, lambda row: list(ctx.db.item.filter(**{name + '__gt': key})), make)
                attempt(ctx, lambda row: list(ctx.db.item.filter(**{name + '__between': (key, key)})), make)
                attempt(ctx, lambda row: ctx.db.item.one(**{name: key}), make)
                attempt(ctx, lambda row: list(ctx.db.item.where(lambda item: (item.id == 1) | (getattr(item, name) == key))), make)
        attempt(ctx, lambda row: list(ctx.db.item.all().order_by('some', 'inner', '-last')), make)
        attempt(ctx, lambda row: list(ctx.db.item.filter(last=77)[Index5():Index5()]), make)
        attempt(ctx, lambda row: ctx.db.item.all().limit(Index5()), make)
        attempt(ctx, lambda row: list(ctx.db.item.all().offset(Index5())), make)
        attempt(ctx, lambda row: list(ctx.db.item.last.top(Index5())), make)
        attempt(ctx, lambda row: ctx.db.item.filter(**{Text('last'): 77}), make)
        rows = ctx.db.item.all()
        attempt(ctx, lambda row: [repr(found) for found in rows], make)


@reducer
def classes(ctx: ReducerContext):
    """Descriptors and methods taken out of their class, and objects moved into another."""
    row = fresh(ctx)
    get = Item.__dict__['last'].__get__
    for other in (object(), 5, None, Bag(n=1), ctx.db.item, Item, (), Post(1)):
        for use in (lambda: get(other), lambda: Item.__dict__['last'].__set__(other, 1), lambda: Item.__repr__(other),
                    lambda: Item.__init__(other), lambda: Item.__copy__(other), lambda: Item.__eq__(other, row),
                    lambda: object.__new__(Item), lambda: Item.__new__(Item).last, lambda: repr(Item.__new__(Item)),
                    lambda: ctx.db.item.insert(other), lambda: ctx.db.item.update(other), lambda: ctx.db.item.delete(other),
                    lambda: ctx.db.item.insert(Item.__new__(Item)), lambda: ctx.db.bag.insert(row)):
            try:
                use()
            except Exception as error:
                if isinstance(error, (SystemError, MemoryError)):
                    raise
    bag = ctx.db.bag.insert(n=1)
    for moved, into in ((bag, Item), (row, Bag), (Item(id=3), Bag)):
        try:
            moved.__class__ = into
        except TypeError:
            continue
        for use in (lambda: ctx.db.item.insert(moved), lambda: ctx.db.bag.insert(moved), lambda: repr(moved), lambda: copy.copy(moved),
                    lambda: moved.last, lambda: setattr(moved, 'last', 3), lambda: moved == row):
            try:
                use()
            except Exception as error:
                if isinstance(error, (SystemError, MemoryError)):
                    raise

    class Sub(Item):
        def __init__(self, **columns):
            here()
            super().__init__(**columns)
            self.extra = Dying()

    sub = Sub(id=50)
    ctx.db.item.insert(sub)
    assert ctx.db.item.get(50).id == 50


@reducer
def undisturbed(ctx: ReducerContext):
    """With a deed that only looks, every answer is as without."""
    global deed
    row = fresh(ctx)
    expected = repr(ctx.db.item.find(2)).replace('id=2', 'id=1')
    before = deeds_done
    deed = lambda: (ctx.db.item.find(2), ctx.db.item.count(last=5), gc.get_objects()[-1:])  # noqa: E731
    assert repr(row) == expected, repr(row)
    row.last = 78
    ctx.db.item.update(row)
    assert ctx.db.item.get(1).last == 78
    assert [found.id for found in ctx.db.item.filter(some=Post(9))] == [1, 2]
    deed = None
    assert deeds_done > before + 10


@reducer
def hooked(ctx: ReducerContext):
    """The interpreter's hooks, which a module should leave alone: gc.callbacks at each collection, which a decoded value begins, and
    sys.unraisablehook where an end fails."""
    global by_hook
    old = sys.unraisablehook

    def callback(phase, info):
        here()

    def touch(row):
        for name in COLUMNS:
            getattr(row, name)
    gc.callbacks.append(callback)
    sys.unraisablehook = lambda args: here()
    by_hook = True
    try:
        for make in DEEDS:
            attempt(ctx, repr, make)
            attempt(ctx, touch, make)
            attempt(ctx, lambda row: ctx.db.item.update(row), make, touch)
            attempt(ctx, lambda row: ctx.db.item.insert_many([row] * 3), make, touch)
            attempt(ctx, lambda row: ctx.db.item.update(row, posts=[Post(1)] * 20, last=Index5()), make, touch)
            attempt(ctx, lambda row: list(ctx.db.item.filter(some=Post(9))), make)
            attempt(ctx, lambda row: list(ctx.db.item.all().order_by('some', 'inner', '-last')), make)
            attempt(ctx, lambda row: ctx.db.item.all().update(posts=[Post(1)] * 20), make)
    finally:
        by_hook = False
        sys.unraisablehook = old
        gc.callbacks.remove(callback)


kept = []


@reducer
def keep(ctx: ReducerContext):
    """Everything of a call that can be kept over it."""
    row = fresh(ctx)
    rows = ctx.db.item.filter(last=77)
    kept[:] = [ctx, ctx.db, ctx.log, ctx.db.item, ctx.db.item.last, ctx.db.item.id, ctx.db.bag.n, row, rows, iter(rows), iter(ctx.db.item.all()),
               ctx.db.item.all(), ctx.db.item.insert, ctx.db.item.id.filter, ctx.rng, ctx.sender, rows.first, Item(id=9)]
    ctx.rng.dying = Dying()


class Late:
    """Uses a context and a table while the call ends."""

    def __init__(self, ctx):
        self.ctx, self.table = ctx, ctx.db.item

    def __del__(self):
        for use in (lambda: self.ctx.sender, lambda: self.ctx.timestamp, lambda: self.table.find(1), lambda: self.ctx.db.item.find(1)):
            try:
                kept.append(use())
            except OrochiError:
                pass


@reducer
def end(ctx: ReducerContext):
    kept.clear()
    ctx.rng.late = Late(ctx)


@reducer
def who(ctx: ReducerContext):
    assert ctx.sender.to_bytes()[0] == 1 and not any(type(k).__name__ == 'Identity' for k in kept), kept
