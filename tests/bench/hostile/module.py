"""What hostile.mjs plays with: rows to search, slow calls, big updates, and a player who only wants to move."""

from time import monotonic

from orochi import AutoKey, PrimaryKey, ReducerContext, init, reducer, table, u32, u64


@table(public=True)
class Item:
    id: AutoKey[u64] = 0
    kind: u32
    name: str


@table(public=True)
class Nothing:
    id: PrimaryKey[u64]
    n: u32


@table(public=True)
class Poster:
    id: PrimaryKey[u32]
    text: str


@table(public=True)
class Mover:
    id: PrimaryKey[u32]
    x: u32




@init
def fill(ctx: ReducerContext):
    ctx.db.item.insert_many([Item(kind=i % 1000, name=f"item {i}") for i in range(100_000)])
    ctx.db.poster.insert(id=1, text="")
    ctx.db.mover.insert(id=1, x=0)


@reducer
def move(ctx: ReducerContext, x: u32):
    """The player's call."""
    mover = ctx.db.mover.find(1)
    ctx.db.mover.update(mover, x=x)


@reducer
def slow(ctx: ReducerContext, ms: u32):
    end = monotonic() + ms / 1000
    while monotonic() < end:
        pass


@reducer
def paint(ctx: ReducerContext, size: u32):
    ctx.db.poster.update(ctx.db.poster.find(1), text="p" * size)


@reducer
def churn(ctx: ReducerContext, n: u32):
    """n rows come and go in one commit."""
    for i in range(n):
        ctx.db.nothing.insert(id=i, n=i)
    for row in list(ctx.db.nothing.iter()):
        ctx.db.nothing.delete(row)


@reducer
def crash(ctx: ReducerContext, n: u32):
    raise RuntimeError("x" * n)
