import enum, uuid
from dataclasses import dataclass, field as dcfield
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from orochi import *
@dataclass
class Positive:
    n: i32 = 1
    def __post_init__(self):
        if self.n <= 0: raise ValueError('not positive')
@dataclass
class Late:
    a: u8 = 0
    b: u8 = dcfield(init=False, default=3)
@dataclass
class Stubborn:
    def __post_init__(self):
        if closed: raise ValueError('closed')
@dataclass
class Other:
    n: u8 = 0
closed = False
class Perm(enum.Flag):
    R = 1
    W = 2
@table()
class T:
    id: PrimaryKey[u32]
    when: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    maybe: datetime | None = None
    several: list[datetime] = []
    span: timedelta = timedelta(0)
    stamp: Timestamp = Timestamp(0)
    data: Any = None
    pos: Positive = Positive()
    poss: list[Positive] = []
    late: Late = Late()
    choice: Stubborn | Other = Other()
    text: str = ''
    keys: set[i128] = set()
    map: dict[uuid.UUID, u8] = {}
    nothing: list[None] = []
    real: f32 = 0.0
LOW, HIGH = -62135596800000000, 253402300799999999
def refused(ctx, words, **columns):
    for write in (lambda: ctx.db.t.insert(id=9, **columns), lambda: ctx.db.t.update(ctx.db.t.get(1), **columns),
                  lambda: ctx.db.t.filter(id=1).update(**columns), lambda: ctx.db.t.upsert(T(id=1, **columns)),
                  lambda: ctx.db.t.insert_many([T(id=10), T(id=11, **columns)])):
        try:
            write()
        except EncodeError as error:
            assert words in str(error) and f't.{[*columns][0]}' in str(error), error
        else:
            raise Exception(f'{columns} was accepted')
    read(ctx, 1)
def read(ctx, n):
    rows = [repr(row) for row in ctx.db.t.all()]
    assert len(rows) == n, rows
    list(ctx.db.t.all().order_by('when')), ctx.db.t.count(when=datetime(2000, 1, 1, tzinfo=UTC))
def keeps(ctx, **columns):
    ctx.db.t.update(ctx.db.t.get(1), **columns)
    row = ctx.db.t.get(1)
    for name, value in columns.items():
        assert getattr(row, name) == value, (name, getattr(row, name), value)
@reducer
def times(ctx: ReducerContext):
    ctx.db.t.insert(id=1)
    for us in (LOW - 1, HIGH + 1, -(1 << 63), (1 << 63) - 1):
        refused(ctx, 'years 1 to 9999', when=us)
        refused(ctx, 'years 1 to 9999', when=Timestamp(us))
        refused(ctx, 'years 1 to 9999', maybe=Timestamp(us))
        refused(ctx, 'years 1 to 9999', several=[0, Timestamp(us)])
    refused(ctx, 'years 1 to 9999', when=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))))
    refused(ctx, 'years 1 to 9999', when=datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12))))
    refused(ctx, 'out of range', when=1 << 63)
    refused(ctx, 'out of range', stamp=1 << 63)
    refused(ctx, 'out of range', span=timedelta.max)
    refused(ctx, 'out of range', span=timedelta.min)
    for us in (LOW, HIGH, 0, -1):
        ctx.db.t.update(ctx.db.t.get(1), when=us, maybe=us, several=[us])
        assert ctx.db.t.get(1).when == ctx.db.t.get(1).several[0]
    for us in (-(1 << 63), (1 << 63) - 1):
        ctx.db.t.update(ctx.db.t.get(1), stamp=us, span=us)
        assert ctx.db.t.get(1).stamp == us and ctx.db.t.get(1).span // timedelta(microseconds=1) == us
        read(ctx, 1)
    ctx.db.t.clear()
@reducer
def values(ctx: ReducerContext):
    global closed
    ctx.db.t.insert(id=1)
    low = Positive(); low.n = -5
    refused(ctx, 'could not be read back: not positive', pos=low)
    refused(ctx, 'could not be read back: not positive', poss=[Positive(), low])
    closed_one = Stubborn()
    closed = True
    refused(ctx, 'could not be read back: closed', choice=closed_one)
    closed = False
    keeps(ctx, choice=Stubborn()); keeps(ctx, choice=Other(3)); keeps(ctx, late=Late(4))
    refused(ctx, 'lone surrogate', text='\ud800')
    refused(ctx, 'same hash', keys={i * (2 ** 61 - 1) for i in range(100)})
    refused(ctx, 'same hash', map={uuid.UUID(int=5 + i * (2 ** 61 - 1)): 1 for i in range(100)})
    refused(ctx, 'elements without bytes', nothing=[None] * 5000)
    refused(ctx, 'out of range for f32', real=1e39)
    ctx.db.t.clear()
@reducer
def dynamic(ctx: ReducerContext):
    ctx.db.t.insert(id=1)
    low = Positive(); low.n = -5
    for data in (low, [low], {'a': low}, {'a': [1, {'b': low}]}, {low.n: low}):
        refused(ctx, 'could not be read back', data=data)
    refused(ctx, 'could not be read back', data={i * (2 ** 61 - 1) for i in range(100)})
    refused(ctx, 'digits', data=10 ** 5000)
    refused(ctx, 'surrogate', data={'a': '\ud800'})
    refused(ctx, 'surrogate', data={'\ud800': 1})
    for data in ({(1, 2): 3}, {(1, (2, 'x')): [4]}, {frozenset({1, 2}): 3}, {(1, 2), (3, 4)}, {frozenset({(1,)})},
                 {'$type': 'Positive', 'value': 3}, {'$type': 'T', 'value': {'n': -1}}, {'value': 1, '$type': 2}, {'$bytes': 5},
                 {'$type': 1}, {'$map': 3, 'b': 1}, {'$a': 1, '$b': 2}, {1: 2}, Positive(7), [Late(3)], {None: 1},
                 {'a': {'$type': 'Late', 'value': {}}}, {'$time': 'x'}):
        keeps(ctx, data=data)
    read(ctx, 1)
@reducer
def takes(ctx: ReducerContext, when: datetime, maybe: list[datetime]):
    pass
