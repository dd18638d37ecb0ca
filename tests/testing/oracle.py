"""A module of the tests whose procedures ask the world outside and wait."""

import asyncio
import datetime
from dataclasses import dataclass

from orochi import (AnonymousViewContext, AsyncProcedureContext, AutoKey, HandlerContext, HttpError, Identity, Index, PrimaryKey,
                    ProcedureContext, ReducerContext, ReducerError, Request, ScheduleAt, Timestamp, ViewContext, environment, mount,
                    procedure, reducer, route, row_filter, scheduled, table, u32, u64, view)


@table(public=True)
class Answer:
    id: AutoKey[u64] = 0
    asker: Index[Identity]
    text: str
    at: Timestamp


@table(public=True)
class Beat:
    id: PrimaryKey[u32]
    count: u32 = 0


row_filter('SELECT * FROM beat WHERE count < 1000000')


@environment
class Settings:
    KEY: str = 'none'


@dataclass
class Told:
    id: u64
    text: str
    waited: float = 0.0


@scheduled(hz=10)
def beat(ctx: ReducerContext) -> None:
    row = ctx.db.beat.find(1) or ctx.db.beat.insert(id=1)
    ctx.db.beat.update(row, count=row.count + 1)


@reducer
def note(ctx: ReducerContext, text: str) -> None:
    ctx.db.answer.insert(asker=ctx.sender, text=text, at=ctx.timestamp)


@reducer(public=False)
def wipe(ctx: ReducerContext) -> None:
    ctx.db.answer.clear()


@view
def mine(ctx: ViewContext) -> list[Answer]:
    return ctx.db.answer.asker.filter(ctx.sender)


@view
def of_player(ctx: AnonymousViewContext, player: Identity, text: str) -> list[Answer]:
    return [a for a in ctx.db.answer.asker.filter(player) if a.text == text]


def keep(tx: ReducerContext, text: str) -> u64:
    return tx.db.answer.insert(asker=tx.sender, text=text, at=tx.timestamp).id


@procedure
def ask(ctx: ProcedureContext, question: str, loud: bool = False) -> Told:
    answer = ctx.http.post('https://oracle.example/v1', json={'q': question}, headers={'authorization': f'Bearer {ctx.env.KEY}'})
    text = answer.raise_for_status().json()['text']
    ctx.log.info('the oracle said %s', text)
    before = ctx.timestamp
    ctx.sleep(datetime.timedelta(seconds=1.5))
    return Told(ctx.with_tx(keep, text.upper() if loud else text), text, (ctx.timestamp - before) / 1e6)


@procedure
def swallow(ctx: ProcedureContext) -> str:
    try:
        return ctx.http.get('https://oracle.example/v2').text()
    except Exception:
        return 'fallback'
    except AssertionError:
        return 'caught'


@procedure
def patient(ctx: ProcedureContext) -> str:
    try:
        return ctx.http.get('https://slow.example/', timeout=2).text()
    except HttpError as error:
        return str(error)


@procedure(timeout_ms=3000)
def limited(ctx: ProcedureContext) -> None:
    ctx.sleep(10)


@procedure
def refuses(ctx: ProcedureContext) -> None:
    with ctx.tx() as tx:
        tx.db.answer.insert(asker=ctx.sender, text='goes', at=tx.timestamp)
        raise ReducerError('no', code='no', data=[1])


@procedure
def nests(ctx: ProcedureContext, how: u32) -> str:
    def body(tx: ReducerContext) -> str:
        tx.db.answer.insert(asker=ctx.sender, text='goes', at=tx.timestamp)
        if how == 0:
            ctx.sleep(1)
        elif how == 1:
            ctx.with_tx(body)
        elif how == 2:
            ctx.http.get('https://oracle.example/v1')
        return 'done'
    return ctx.with_tx(body)


@procedure
def leaves_open(ctx: ProcedureContext) -> str:
    ctx.tx().__enter__().db.answer.insert(asker=ctx.sender, text='goes', at=ctx.timestamp)
    return 'left'


@procedure
def wrong(ctx: ProcedureContext) -> u32:
    return -1


@procedure(public=False)
def secret(ctx: ProcedureContext) -> str:
    return f'{ctx.caller} {ctx.sender == ctx.identity}'


@procedure
async def both(ctx: AsyncProcedureContext, names: list[str]) -> list[str]:
    async def one(name: str) -> str:
        answer = await ctx.http.get('https://oracle.example/name', params={'n': name})
        await ctx.sleep(1)
        await ctx.with_tx(keep, text=name)
        return answer.text() + name
    found = await asyncio.gather(*(one(name) for name in names))
    async with asyncio.timeout(5):
        await asyncio.sleep(0.5)
    with ctx.tx() as tx:
        tx.db.answer.insert(asker=ctx.sender, text='last', at=tx.timestamp)
    return found


@procedure
async def forever(ctx: ProcedureContext) -> None:
    await asyncio.get_running_loop().create_future()


@table(scheduled='remind')
class Reminder:
    id: AutoKey[u64] = 0
    at: ScheduleAt
    text: str


@procedure
def remind(ctx: ProcedureContext, row: Reminder) -> None:
    ctx.sleep(2)
    ctx.with_tx(keep, text=f'{row.text} {ctx.caller}')


@reducer
def plan(ctx: ReducerContext, text: str) -> None:
    ctx.db.reminder.insert(at=ScheduleAt.at(ctx.timestamp + 5_000_000), text=text)
    ctx.schedule(slowly, 'planned', after=1)


@procedure
async def slowly(ctx: AsyncProcedureContext, text: str) -> None:
    await ctx.sleep(1)
    if text == 'fails':
        raise ReducerError('it does')
    await ctx.with_tx(keep, text)


@scheduled(interval_ms=1000)
def poll(ctx: ProcedureContext) -> None:
    with ctx.tx() as tx:
        polls = tx.db.poll.find(1) or tx.db.poll.insert(id=1)
        tx.db.poll.update(polls, count=polls.count + 1)
        slow = polls.slow
    if slow:
        ctx.sleep(3.5)


@table
class Poll:
    id: PrimaryKey[u32]
    count: u32 = 0
    slow: bool = False


@route('GET', '/count')
def count(ctx: HandlerContext, request: Request) -> int:
    return ctx.with_tx(lambda tx: len(tx.db.answer))


@route('POST', '/broken')
def broken(ctx: HandlerContext, request: Request) -> None:
    ctx.with_tx(lambda tx: tx.db.answer.insert(asker=ctx.sender, text=5, at=tx.timestamp))


@route('GET', '/slow')
async def slow(ctx: HandlerContext, request: Request) -> float:
    before = asyncio.get_running_loop().time()
    await asyncio.gather(asyncio.sleep(60), asyncio.sleep(50))
    return asyncio.get_running_loop().time() - before


async def app(scope, receive, send):
    with scope['state']['ctx'].tx() as tx:
        tx.db.answer.insert(asker=tx.sender, text='app', at=tx.timestamp)
    await send({'type': 'http.response.start', 'status': 201, 'headers': [(b'x-a', b'b')]})
    await send({'type': 'http.response.body', 'body': scope['path'].encode()})


mount('/app', app)
