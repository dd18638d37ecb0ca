"""Procedures that are `async def`."""

import asyncio
import contextlib

from orochi import (AutoKey, HttpError, PrimaryKey, ProcedureContext, ReducerContext, ScheduleAt, TransactionError, procedure, reducer, scheduled, table,
                    u8, u32, u64)


@table(public=True)
class Note:
    id: AutoKey[u64] = 0
    text: str


@table(public=True)
class Beat:
    id: PrimaryKey[u8] = 0
    count: u64 = 0


@scheduled(hz=20)
def beat(ctx: ReducerContext):
    row = ctx.db.beat.id.find(0) or ctx.db.beat.insert()
    row.count += 1
    ctx.db.beat.id.update(row)


@reducer
def noop(ctx: ReducerContext):
    pass


def note(ctx, text):
    return ctx.with_tx(lambda tx: tx.db.note.insert(text=text).text)


@procedure
async def nap(ctx: ProcedureContext, ms: u32) -> bool:
    start = ctx.timestamp
    await ctx.sleep(ms / 1000)
    return ctx.timestamp > start


@procedure
async def at_once(ctx: ProcedureContext, a: u32, b: u32) -> u32:
    return a + b


@procedure
def plain_nap(ctx: ProcedureContext, ms: u32) -> bool:
    ctx.sleep(ms / 1000)
    return True


@procedure
async def noted(ctx: ProcedureContext, text: str) -> str:
    await ctx.sleep(0.01)
    return await note(ctx, text)


@procedure
async def together(ctx: ProcedureContext, ms: u32) -> list[u32]:
    async def one(n: int):
        await asyncio.sleep(ms / 1000)
        await note(ctx, f"one {n}")
        return n
    return list(await asyncio.gather(*(one(n) for n in range(5))))


@procedure
async def asyncio_has(ctx: ProcedureContext) -> list[str]:
    """Locks, queues, task groups and time-outs."""
    told, queue, lock = [], asyncio.Queue(), asyncio.Lock()

    async def producer():
        for n in range(3):
            async with lock:
                await queue.put(n)
    async with asyncio.TaskGroup() as group:
        group.create_task(producer())
        got = [await queue.get() for _ in range(3)]
    told.append(f"queue {got}")
    try:
        async with asyncio.timeout(0.01):
            await ctx.sleep(10)
    except TimeoutError:
        told.append("timeout")
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)
    except TimeoutError:
        told.append("wait_for")
    told.append(await asyncio.to_thread(lambda: "thread") if False else "no thread")
    try:
        await asyncio.open_connection("127.0.0.1", 9)
    except Exception as e:
        told.append(str(e)[:60])
    try:
        await asyncio.gather(ctx.sleep(0.001), fails())
    except KeyError as e:
        told.append(f"gather {e}")
    return told


async def fails():
    raise KeyError("one of them")


@procedure
async def in_a_block(ctx: ProcedureContext, text: str) -> str:
    async with ctx.tx() as tx:
        tx.db.note.insert(text=text)
    with ctx.tx() as tx:
        return tx.db.note.insert(text=text).text


@procedure
async def awaits_in_a_block(ctx: ProcedureContext, how: str) -> str:
    told = ""
    try:
        async with ctx.tx() as tx:
            tx.db.note.insert(text="never")
            if how == "foreign":
                await asyncio.sleep(0.01)
            else:
                await ctx.sleep(0.01)
    except TransactionError as e:
        told = str(e)
    await note(ctx, f"after {how}")
    return told


@procedure(timeout_ms=700)
async def endless(ctx: ProcedureContext, how: str) -> str:
    try:
        if how == "sleeps":
            await ctx.sleep(60)
        elif how == "future":
            await asyncio.get_running_loop().create_future()
        elif how == "computes":
            while True:
                pass
        elif how == "others":
            asyncio.create_task(asyncio.sleep(60))
            await ctx.sleep(60)
        elif how == "hot":
            while True:
                await asyncio.sleep(0)
    finally:
        if how != "computes":
            await note(ctx, f"finally {how}")
    return "?"


@procedure(timeout_ms=200)
async def stubborn(ctx: ProcedureContext) -> None:
    while True:
        with contextlib.suppress(BaseException):
            await asyncio.sleep(0.05)


@procedure
async def boom(ctx: ProcedureContext) -> None:
    await ctx.sleep(0.001)
    raise RuntimeError("boom of a coroutine")


@procedure
async def leaves_tasks(ctx: ProcedureContext) -> str:
    async def other():
        try:
            await asyncio.sleep(60)
        finally:
            await note(ctx, "left behind")
    asyncio.create_task(other())
    await asyncio.sleep(0)
    return "left"


@procedure
async def fetch(ctx: ProcedureContext, url: str) -> str:
    return (await ctx.http.get(url)).text()


@procedure
async def fetch_refused(ctx: ProcedureContext, url: str) -> str:
    try:
        return (await ctx.http.get(url)).text()
    except HttpError as error:
        return f"HttpError: {error}"


@procedure
async def fetch_many(ctx: ProcedureContext, url: str, n: u32) -> list[str]:
    return [a.text() for a in await asyncio.gather(*(ctx.http.get(f"{url}/{i}") for i in range(n)))]


@procedure
async def fetch_cancelled(ctx: ProcedureContext, url: str) -> str:
    try:
        async with asyncio.timeout(0.05):
            await ctx.http.get(url)
    except TimeoutError:
        return "timeout"
    return "answer"


kept: list = []


@procedure
async def keeps(ctx: ProcedureContext) -> None:
    kept[:] = [ctx]


@procedure
async def uses_kept(ctx: ProcedureContext) -> str:
    try:
        await kept[0].sleep(0.01)
    except (TransactionError, IndexError) as e:
        return type(e).__name__
    return "slept"


# ---- as targets of schedules ----

@table(scheduled="reminded", public=True)
class Reminder:
    id: AutoKey[u64] = 0
    at: ScheduleAt
    text: str


@table(public=True)
class Poll:
    id: PrimaryKey[u8] = 0
    runs: u64 = 0
    most: u64 = 0


@procedure
async def reminded(ctx: ProcedureContext, row: Reminder) -> None:
    await ctx.sleep(0.01)
    await ctx.with_tx(lambda tx: tx.db.note.insert(
        text=f"reminded {row.text} {ctx.caller} {tx.db.reminder.id.find(row.id) is None} {ctx.sender == ctx.identity}"))
    if row.text == "fails":
        raise RuntimeError("no reminder")


@procedure
def said(ctx: ProcedureContext, text: str, n: u32 = 7) -> str:
    ctx.with_tx(lambda tx: tx.db.note.insert(text=f"said {text} {n}"))
    return text


@procedure
def says_again(ctx: ProcedureContext, left: u32) -> None:
    def body(tx):
        tx.db.note.insert(text=f"again {left}")
        if left:
            tx.schedule(says_again, left - 1, after=0.01)
    ctx.with_tx(body)


@reducer
def remind(ctx: ReducerContext, text: str, every_ms: u32):
    at = ScheduleAt.every(every_ms * 1000) if every_ms else ScheduleAt.at(ctx.timestamp)
    ctx.db.reminder.insert(at=at, text=text)


@reducer
def forget(ctx: ReducerContext):
    ctx.db.reminder.clear()


@reducer
def say_later(ctx: ReducerContext, text: str):
    ctx.schedule(said, text, after=0.02)
    ctx.schedule_reducer("said", 20, [text + "!", 8])
    ctx.schedule(says_again, 3, after=0.01)


polling = 0


@scheduled(interval_ms=20)
async def poll(ctx: ProcedureContext):
    global polling
    polling += 1
    at_once = polling
    await ctx.sleep(0.05)

    def body(tx):
        row = tx.db.poll.id.find(0) or tx.db.poll.insert()
        tx.db.poll.id.update(Poll(id=0, runs=row.runs + 1, most=max(row.most, at_once)))
    await ctx.with_tx(body)
    polling -= 1
