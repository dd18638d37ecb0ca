"""Procedures of every kind, and a reducer and a tick beside them."""

from dataclasses import dataclass
from datetime import timedelta

from orochi import (AutoKey, Err, Ok, PrimaryKey, ProcedureContext, ReducerContext, ReducerError, Result, TransactionError, i32, procedure,
                    reducer, scheduled, table, u8, u32, u64)


@table(public=True)
class Note:
    id: AutoKey[u64] = 0
    owner: u32
    text: str


@table(public=True)
class Beat:
    id: PrimaryKey[u8] = 0
    count: u64 = 0


@dataclass
class Size:
    w: i32
    h: i32


@scheduled(hz=20)
def beat(ctx: ReducerContext):
    row = ctx.db.beat.id.find(0) or ctx.db.beat.insert()
    row.count += 1
    ctx.db.beat.id.update(row)


@reducer
def noop(ctx: ReducerContext):
    pass


@reducer
def write(ctx: ReducerContext, owner: u32, text: str):
    ctx.db.note.insert(owner=owner, text=text)


@procedure
def make_size(ctx: ProcedureContext, w: i32, h: i32) -> Size:
    return Size(w, h)


@procedure
def add(ctx: ProcedureContext, a: u32, b: u32) -> u32:
    return a + b


@procedure
def sizes(ctx, count: u32) -> list[Size | None]:
    return [Size(i, -i) if i % 2 else None for i in range(count)]


@procedure
def nothing(ctx: ProcedureContext) -> None:
    pass


@procedure
def who(ctx: ProcedureContext) -> str:
    return f"{ctx.sender.hex} {ctx.connection_id.hex} {ctx.caller} {ctx.procedure} {ctx.auth.has_jwt} {0 <= ctx.random() < 1}"


@procedure
def two_notes(ctx: ProcedureContext, owner: u32, text: str) -> u64:
    ctx.with_tx(lambda tx: tx.db.note.insert(owner=owner, text=f"{text}-1"))

    @ctx.with_tx
    def count(tx):
        tx.db.note.insert(owner=owner, text=f"{text}-2")
        return tx.db.note.count()
    return count


@procedure
def in_a_block(ctx: ProcedureContext, owner: u32) -> bool:
    with ctx.tx() as tx:
        tx.db.note.insert(owner=owner, text=f"block {tx.sender == ctx.sender}")
    try:
        with ctx.tx() as tx:
            tx.db.note.insert(owner=owner, text="never")
            raise ValueError("no")
    except ValueError:
        return True


@procedure
def no_note(ctx: ProcedureContext, owner: u32, text: str) -> Result[u32, str]:
    def body(tx):
        tx.db.note.insert(owner=owner, text=text)
        raise ReducerError(text)
    try:
        ctx.with_tx(body)
    except ReducerError as e:
        return Err(e.message)
    return Ok(0)


@procedure
def half(ctx: ProcedureContext, owner: u32, text: str) -> None:
    ctx.with_tx(lambda tx: tx.db.note.insert(owner=owner, text=text))

    def second(tx):
        tx.db.note.insert(owner=owner, text="never")
        raise RuntimeError("half of it")
    ctx.with_tx(second)


@procedure
def boom(ctx: ProcedureContext) -> None:
    raise RuntimeError("boom")


@procedure
def refuse(ctx: ProcedureContext) -> u32:
    raise ReducerError("not for you", code="no")


@procedure
def wrong_result(ctx: ProcedureContext) -> u8:
    return 256


@procedure
def nap(ctx: ProcedureContext, ms: u32) -> bool:
    start = ctx.timestamp
    ctx.sleep(timedelta(milliseconds=ms))
    return ctx.timestamp > start


@procedure(timeout_ms=200)
def endless(ctx: ProcedureContext, how: str) -> str:
    if how == "sleep":
        ctx.sleep(60)
    elif how == "transaction":
        def body(tx):
            tx.db.note.insert(owner=9, text="endless")
            while True:
                pass
        ctx.with_tx(body)
    else:
        while True:
            pass
    return "?"


@procedure
def forbidden(ctx: ProcedureContext) -> list[str]:
    """What a procedure may not do where it is, in words."""
    told, kept = [], []

    def within(fn):
        try:
            fn()
        except TransactionError as e:
            told.append(str(e))
    within(lambda: ctx.db.note)
    within(lambda: ctx.with_tx(lambda tx: ctx.with_tx(lambda other: None)))
    within(lambda: ctx.with_tx(lambda tx: ctx.sleep(0)))
    ctx.with_tx(kept.append)
    within(lambda: kept[0].db.note.count())
    return told


@procedure
def left_open(ctx: ProcedureContext, owner: u32) -> None:
    ctx.tx().__enter__().db.note.insert(owner=owner, text="left open")


@procedure(public=False)
def private(ctx: ProcedureContext) -> u32:
    return 7


@procedure
def contended(ctx: ProcedureContext, id: u64, times: u32) -> u32:
    """Adds to one row in many transactions; the number of times a body ran."""
    runs = 0

    def body(tx):
        nonlocal runs
        runs += 1
        row = tx.db.note.id.get(id)
        row.text = str(int(row.text) + 1)
        tx.db.note.id.update(row)
    for _ in range(times):
        ctx.with_tx(body)
    return runs


@procedure
async def awaits(ctx: ProcedureContext, owner: u32) -> str:
    async def inner():
        await ctx.sleep(0.01)
        return await ctx.with_tx(lambda tx: tx.db.note.insert(owner=owner, text="awaited").text)
    start = ctx.timestamp
    text = await inner()
    return f"{text} {ctx.timestamp > start}"


@procedure
async def awaits_wrong(ctx: ProcedureContext) -> None:
    class Other:
        def __await__(self):
            yield 1
    await Other()
