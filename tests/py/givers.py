"""Code of an author that runs while what a view, a handler or a procedure has given back is read, and does there what hurts most.
Each case is a number that test_givers.c counts up; what is asked is that nothing is used after its end (under the address
sanitizer), that each mistake is told in words, and that the next call is as if nothing had been."""

import asyncio
import collections
import dataclasses
import gc
import itertools
from dataclasses import dataclass

from orochi import (AutoKey, HandlerContext, Index, PrimaryKey, ProcedureContext, Query, ReducerContext, ReducerError, Request, Response,
                    ViewContext, mount, procedure, query, reducer, route, table, u32, u64, view, count)
from orochi._errors import OrochiError

deed = None
given = []   # what the last case returned
kept = []    # what outlived its call


def here():
    global deed
    if deed is not None:
        todo, deed = deed, None
        try:
            todo()
        finally:
            deed = todo


@table(public=True)
class Item:
    id: PrimaryKey[u32]
    n: Index[u32] = 0
    text: str = ''


@table()
class Other:
    id: PrimaryKey[u32]
    n: u32 = 0


@dataclass
class Rec:
    a: u32
    text: str = ''

    def __getattribute__(self, name):
        if name in ('a', 'text'):
            here()
        return object.__getattribute__(self, name)

    def __del__(self):
        here()


class Sub(Item):
    pass


class Lying(list):
    def __iter__(self):
        here()
        return super().__iter__()

    def __len__(self):
        here()
        return 1000

    def __getitem__(self, i):
        here()
        return super().__getitem__(i)


class Raising(list):
    error = KeyboardInterrupt

    def __iter__(self):
        raise self.error('from __iter__')


class Half(Query):
    """A Query whose rows are something else."""

    def __init__(self, rows):
        super().__init__(Item)
        self.rows = rows

    def rows_of(self, ctx):
        here()
        return self.rows


# ---- deeds ----

def cleared():
    for rows in list(given):
        if isinstance(rows, list):
            rows.clear()
    gc.collect()


def grown():
    for rows in given:
        if isinstance(rows, list) and len(rows) < 1000:
            rows.extend(Rec(i) for i in range(50))


def scribbled():
    for found in gc.get_objects():
        if type(found) is list and found and type(found[0]) is Rec and found is not given:
            found.clear()
    gc.collect()


def late():
    """A context of another call, and of this one."""
    for ctx in kept[:1] + kept[-1:]:
        for use in (lambda: ctx.db.item.find(1), lambda: ctx.with_tx(lambda tx: tx.db.item.find(1)),
                    lambda: ctx.sleep(0), lambda: ctx.tx().__enter__(), lambda: ctx.sender, lambda: ctx.schedule(add, 1, after=1)):
            try:
                use()
            except (OrochiError, AttributeError):
                pass


def raised():
    raise ValueError('while it was read')


DEEDS = [cleared, grown, scribbled, late, raised]


def began(make):
    """The case's value, with everything ready for the deed."""
    global deed
    given.clear()
    value = make()
    given.append(value)
    deed = DEEDS[turn % len(DEEDS)]
    return value


turn = 0


@reducer
def add(ctx: ReducerContext, id: u32):
    ctx.db.item.upsert(Item(id=id, n=id, text=str(id)))


@reducer
def begin(ctx: ReducerContext, which: u32):
    """Which deed is done by the cases that come."""
    global turn, deed
    deed, turn = None, which
    if which >= len(DEEDS):
        raise ReducerError('no more deeds')
    for i in range(3):
        ctx.db.item.upsert(Item(id=i, n=i, text=str(i)))
    ctx.db.other.upsert(Other(id=1))
    kept[:] = [ctx]


@reducer
def ended(ctx: ReducerContext):
    """Nothing is left of the case before."""
    global deed
    deed = None
    assert sorted(row.id for row in ctx.db.item.all()) == [0, 1, 2], [row.id for row in ctx.db.item.all()]
    given.clear()


# ---- views ----

LISTS = [
    lambda ctx: [Rec(1), Rec(2), Rec(3)],
    lambda ctx: Lying([Rec(1), Rec(2)]),
    lambda ctx: (Rec(i) for i in range(3)),
    lambda ctx: collections.deque([Rec(1), Rec(2)]),
    lambda ctx: {1: Rec(1)}.values(),
    lambda ctx: map(Rec, range(3)),
    lambda ctx: (Rec(1),),
    lambda ctx: [Rec(-1)],
    lambda ctx: [Rec(1 << 40)],
    lambda ctx: [Rec('x')],
    lambda ctx: [Rec(1), None],
    lambda ctx: [Rec],
    lambda ctx: [Rec.__new__(Rec)],
    lambda ctx: [dict(a=1, text='x')],
    lambda ctx: [[1, 'x']],
    lambda ctx: [Item(id=1)],
    lambda ctx: [ctx.db.item.find(1)],
    lambda ctx: None,
    lambda ctx: 5,
    lambda ctx: 'text',
    lambda ctx: b'data',
    lambda ctx: {},
    lambda ctx: Rec(1),
    lambda ctx: ctx,
    lambda ctx: ctx.db,
    lambda ctx: ctx.db.item,
    lambda ctx: lister,
    lambda ctx: query(Item),
    lambda ctx: Raising(),
    lambda ctx: (_ for _ in ()).throw(SystemExit(3)),
    lambda ctx: (_ for _ in ()).throw(GeneratorExit),
    lambda ctx: iter(lambda: raised(), None),
    lambda ctx: ctx.schedule(add, 1, after=1),
    lambda ctx: ctx.timestamp,
    lambda ctx: ctx.http,
    lambda ctx: lister(ctx, 0),
    lambda ctx: lister(ctx, turn + 1000),
    lambda ctx: lambda_forever(0),
    lambda ctx: itertools.repeat(Rec(1), 300),
    lambda ctx: [Rec(i) for i in range(300)],
]


def lambda_forever(n):
    return lambda_forever(n + 1)


@view
def lister(ctx: ViewContext, case: u32) -> list[Rec]:
    kept.append(ctx)
    return began(lambda: LISTS[case % 1000](ctx)) if case < len(LISTS) else []


ROWS = [
    lambda ctx: ctx.db.item.n.filter(gte=0),
    lambda ctx: list(ctx.db.item.n.filter(gte=0)),
    lambda ctx: [ctx.db.item.find(1)] * 5,
    lambda ctx: [Item(id=5)],
    lambda ctx: [Sub(id=5)],
    lambda ctx: [dataclasses.replace(ctx.db.item.find(1), text='changed')],
    lambda ctx: [setattr(row, 'text', 'set') or row for row in ctx.db.item.n.filter(gte=0)],
    lambda ctx: [Other(id=1)],
    lambda ctx: [ctx.db.other.find(1)],
    lambda ctx: [Item.__new__(Item)],
    lambda ctx: [Item],
    lambda ctx: given[:],
    lambda ctx: kept,
    lambda ctx: [kept[0]],
]


@view
def rower(ctx: ViewContext, case: u32) -> list[Item]:
    kept.append(ctx)
    return began(lambda: ROWS[case](ctx)) if case < len(ROWS) else []


QUERIES = [
    lambda: query(Item),
    lambda: query(Item).where(lambda item: (item.n > 0) | (item.n < 2)),
    lambda: query(Other),
    lambda: Half([Item(id=1)]),
    lambda: Half([Other(id=1)]),
    lambda: Half(Lying([Item(id=1)])),
    lambda: Half(None),
    lambda: Half(7),
    lambda: Half([Rec(1)]),
    lambda: None,
    lambda: 5,
    lambda: Query,
    lambda: Query.__new__(Query),
    lambda: [Item(id=1)],
    lambda: Query(Item, by=['n'], columns={'id': count()}),
    lambda: Query(Item, by=[7], columns={'id': count()}),
    lambda: Query(Item, by=7, columns={}),
    lambda: query(Item).limit(2 ** 70),
    lambda: query(Item).group_by('n').agg(many=count()),
]


@view
def asker(ctx: ViewContext, case: u32) -> Query[Item]:
    return began(QUERIES[case]) if case < len(QUERIES) else query(Item)


@view
def maybe(ctx: ViewContext, case: u32) -> Rec | None:
    return began([lambda: Rec(1), lambda: None, lambda: [Rec(1)], lambda: 0, lambda: Rec, lambda: Item(id=1)][case]) if case < 6 else None


# ---- procedures ----

def left_open(ctx):
    ctx.tx().__enter__().db.item.find(1)
    return Rec(1)


def twice(ctx):
    block = ctx.tx()
    block.__enter__()
    try:
        block.__enter__()
    finally:
        block.__exit__(None, None, None)
        block.__exit__(None, None, None)


def generates(ctx):
    def parts():
        with ctx.tx() as tx:
            yield tx.db.item.find(1)
    kept.append(parts())
    return next(kept[-1])


def kept_tx(ctx):
    ctx.with_tx(lambda tx: kept.extend([tx, tx.db, tx.db.item, tx.db.item.find(1), tx.db.item.all()]))
    for value in kept[-5:]:
        try:
            list(value.all()) if hasattr(value, 'all') else value.db.item.find(1)
        except OrochiError:
            pass
    return repr(kept[-2])


PROCEDURES = [
    lambda ctx: Rec(1), left_open, twice, generates, kept_tx,
    lambda ctx: ctx.with_tx(lambda tx: Rec(tx.db.item.get(1).n)),
    lambda ctx: ctx.with_tx(lambda tx: ctx.with_tx(lambda inner: Rec(1))),
    lambda ctx: ctx.with_tx(lambda tx: ctx.sleep(0)),
    lambda ctx: ctx.with_tx(lambda tx: ctx.tx().__exit__(None, None, None)),
    lambda ctx: ctx.with_tx(raised),
    lambda ctx: ctx.with_tx(lambda tx: raised()),
    lambda ctx: ctx.with_tx(lambda tx: (_ for _ in ()).throw(SystemExit(3)).send(None)),
    lambda ctx: ctx.with_tx(lambda tx: next(iter(()))),
    lambda ctx: ctx.with_tx(None),
    lambda ctx: ctx.with_tx(5),
    lambda ctx: ctx.with_tx(),
    lambda ctx: ctx.with_tx(Rec),
    lambda ctx: ctx.with_tx(asyncio.sleep),
    lambda ctx: ctx.with_tx(async_body),
    lambda ctx: ctx.with_tx(*[lambda *a: Rec(len(a))] * 40),
    lambda ctx: ctx.with_tx(lambda tx: tx),
    lambda ctx: ctx.with_tx(lambda tx: tx.db.item.all()),
    lambda ctx: kept[0].with_tx(lambda tx: 1) if hasattr(kept[0], 'with_tx') else kept[0].db.item.find(1),
    lambda ctx: ctx.sleep('x'), lambda ctx: ctx.sleep(float('nan')), lambda ctx: ctx.sleep(10 ** 400), lambda ctx: ctx.sleep(-1e300),
    lambda ctx: ctx.sleep(None), lambda ctx: ctx.sleep(True), lambda ctx: ctx.sleep_until(5.5), lambda ctx: ctx.sleep_until(None),
    lambda ctx: ctx.db, lambda ctx: ctx.htpp, lambda ctx: ctx.schedule(add, 1, after=1), lambda ctx: ctx.http.get(None),
    lambda ctx: ctx.http.get('nowhere'), lambda ctx: ctx.http.request('GET', 5), lambda ctx: ctx.http.get('http://a/', headers={1: 2}),
    lambda ctx: ctx.http.get('http://a/', headers=5), lambda ctx: ctx.http.get('http://a/', timeout='x'),
    lambda ctx: [Rec(1)], lambda ctx: None, lambda ctx: 'text', lambda ctx: Rec('x'), lambda ctx: Rec.__new__(Rec), lambda ctx: ctx,
    lambda ctx: (yield_ for yield_ in ()), lambda ctx: setattr(ctx, 'sender', None) or Rec(1), lambda ctx: ctx.__dict__.clear() or Rec(1),
    lambda ctx: ctx.__init__(ctx) or Rec(1), lambda ctx: type(ctx)(None), lambda ctx: raised(),
    lambda ctx: (_ for _ in ()).throw(KeyboardInterrupt).send(None), lambda ctx: lambda_forever(0),
    lambda ctx: __import__('_orochi')._procedure_wait(float('nan')), lambda ctx: __import__('_orochi')._procedure_wait(-1e300),
    lambda ctx: __import__('_orochi')._procedure_wait(None), lambda ctx: __import__('_orochi')._procedure_end(5),
    lambda ctx: __import__('_orochi')._procedure_fetch(), lambda ctx: __import__('_orochi')._procedure_fetch('a', 'b', (1,), b'', -1e300),
    lambda ctx: __import__('_orochi')._tx_begin(True), lambda ctx: __import__('_orochi')._tx_end(True), lambda ctx: __import__('_orochi')._tx_log(),
    lambda ctx: [*map(__import__('_orochi')._procedure_begin, ())] and None,
]


async def async_body(tx):
    return Rec(1)


@procedure
def proceed(ctx: ProcedureContext, case: u32) -> Rec:
    kept.append(ctx)
    return began(lambda: PROCEDURES[case](ctx)) if case < len(PROCEDURES) else Rec(0)


# ---- handlers ----

class Body:
    def __iter__(self):
        here()
        yield b'a'
        yield 5


class Odd(Response):
    """Made without its checks, or changed after them."""

    def __init__(self, **fields):
        self.status, self.headers, self.body = 200, [], b''
        vars(self).update(fields)


class Twisted(Response):
    headers = property(lambda self: here() or [('a', 'b')], lambda self, value: None)
    body = property(lambda self: here() or b'x', lambda self, value: None)


async def endless(ctx):
    await asyncio.get_running_loop().create_future()


async def sleeper(ctx):
    await asyncio.sleep(1000)


async def leaves_tasks(ctx):
    async def again():
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
    kept.append([asyncio.create_task(again()) for _ in range(3)])
    return 'left'


async def stops(ctx):
    loop = asyncio.get_running_loop()
    loop.stop()
    loop.close()
    return 'stopped'


async def cancels(ctx):
    asyncio.current_task().cancel()
    await asyncio.sleep(0)


def in_tx(ctx, body):
    with ctx.tx() as tx:
        return body(tx)


HANDLERS = [
    lambda ctx: 'fine', lambda ctx: None, lambda ctx: Body(), lambda ctx: Response(Body()), lambda ctx: Response(5), lambda ctx: Response('x', 5),
    lambda ctx: Response('x', headers={'a\nb': 'c'}), lambda ctx: Response('x', headers={'a': 'c\r\nd: e'}), lambda ctx: Response('x', headers=5),
    lambda ctx: Response('x', headers={'a': '\udc80'}), lambda ctx: Response('\udc80'), lambda ctx: '\udc80', lambda ctx: {'a': '\udc80'},
    lambda ctx: Odd(status='x'), lambda ctx: Odd(status=-1), lambda ctx: Odd(status=70000), lambda ctx: Odd(status=100), lambda ctx: Odd(status=0),
    lambda ctx: Odd(headers=[('a\r\nb', 'c\r\nd')]), lambda ctx: Odd(headers=[('a',)]), lambda ctx: Odd(headers=[(1, 2)]), lambda ctx: Odd(headers=None),
    lambda ctx: Odd(headers=iter([('a', 'b')])), lambda ctx: Odd(headers=[('a', 'b', 'c')]), lambda ctx: Odd(body='text'), lambda ctx: Odd(body=None),
    lambda ctx: Odd(body=Body()), lambda ctx: Odd(body=bytearray(b'xyz')), lambda ctx: Odd(headers=[('content-length', '99')] * 70),
    lambda ctx: Odd.__new__(Odd), lambda ctx: Twisted(), lambda ctx: Response, lambda ctx: [Rec(1)], lambda ctx: Rec('x'), lambda ctx: {Rec(1): 2},
    lambda ctx: nested(), lambda ctx: float('nan'), lambda ctx: 10 ** 5000, lambda ctx: object(), lambda ctx: ctx, lambda ctx: raised(),
    lambda ctx: (_ for _ in ()).throw(SystemExit(3)).send(None), lambda ctx: (_ for _ in ()).throw(KeyboardInterrupt).send(None),
    lambda ctx: ctx.db, lambda ctx: ctx.htpp, lambda ctx: ctx.with_tx(lambda tx: Rec(tx.db.item.get(1).n)), lambda ctx: ctx.with_tx(None),
    lambda ctx: ctx.with_tx(lambda tx: ctx.with_tx(lambda inner: 1)), lambda ctx: ctx.with_tx(async_body), lambda ctx: ctx.with_tx(lambda tx: tx),
    lambda ctx: ctx.tx().__enter__() and 'open', lambda ctx: ctx.tx().__exit__(None, None, None), lambda ctx: in_tx(ctx, lambda tx: raised()),
    lambda ctx: in_tx(ctx, lambda tx: kept.append(tx)), lambda ctx: kept[-1].db.item.find(1), lambda ctx: in_tx(ctx, lambda tx: tx.db.item.all()),
    lambda ctx: __import__('_orochi')._tx_end(True), lambda ctx: __import__('_orochi')._tx_begin(5) and 'begun',
    lambda ctx: __import__('_orochi')._procedure_begin(), lambda ctx: __import__('_orochi')._procedure_tx(lambda tx: 1),
    lambda ctx: lambda_forever(0), lambda ctx: endless(ctx), lambda ctx: sleeper(ctx), lambda ctx: leaves_tasks(ctx), lambda ctx: stops(ctx),
    lambda ctx: cancels(ctx), lambda ctx: asyncio.run(async_body(ctx)), lambda ctx: asyncio.sleep(0),
]


def nested():
    value = []
    value.append(value)
    return value


@route('GET', '/case/{case:int}')
def handle(ctx: HandlerContext, request: Request, case: int):
    kept.append(ctx)
    return began(lambda: HANDLERS[case](ctx)) if case < len(HANDLERS) else 'none'


START, END = {'type': 'http.response.start', 'status': 200, 'headers': []}, {'type': 'http.response.body', 'body': b'x'}
MESSAGES = [
    [START, END], [], [START], [END], [START, START, END], [START, END, END], [START, END, START], [{}], [{'type': 5}], [None], ['x'],
    [{'type': 'http.response.start'}, END], [{**START, 'status': 'x'}, END], [{**START, 'status': 5}, END], [{**START, 'status': None}, END],
    [{**START, 'headers': None}, END], [{**START, 'headers': [('a', 'b')]}, END], [{**START, 'headers': [(b'a',)]}, END],
    [{**START, 'headers': [(b'a\r\nb', b'c\r\nd')]}, END], [{**START, 'headers': 5}, END], [START, {**END, 'body': 'text'}],
    [START, {**END, 'body': None}], [START, {**END, 'body': 5}], [START, {**END, 'body': -1}], [START, {**END, 'body': 1 << 40}],
    [START, {**END, 'more_body': 'x'}], [{'type': 'websocket.accept'}], [START, {'type': 'http.response.push'}, END],
    [START, {**END, 'body': memoryview(b'abc')[::2]}], [START, {**END, 'body': [1, 2, 3]}], [START, {**END, 'body': [1000]}],
]
ENDINGS = [lambda: None, raised, lambda: (_ for _ in ()).throw(SystemExit(3)).send(None), lambda: lambda_forever(0)]


async def app(scope, receive, send):
    case = int(scope['path'].rpartition('/')[2])
    kept.append(scope['state']['ctx'])
    kept.append((receive, send))
    if case >= len(MESSAGES) * len(ENDINGS):
        case = 0
    for message in MESSAGES[case // len(ENDINGS)]:
        await send(message)
    for old in kept[:-1]:
        if isinstance(old, tuple) and case % 3 == 0:
            await old[1](END)  # of another request
    ENDINGS[case % len(ENDINGS)]()

mount('/app', app)
