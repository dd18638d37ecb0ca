"""Transactions and rows that are too large for the disk: large.test.mjs."""

from orochi import PrimaryKey, ReducerContext, reducer, table, u32

MIB = 1 << 20


@table(public=True)
class Blob:
    id: PrimaryKey[u32]
    data: bytes


@table(public=True)
class Bag:
    """Without a key: the log has whole rows of it when they are deleted."""

    data: bytes
    n: u32


@table(public=True)
class Words:
    id: PrimaryKey[u32]
    values: list[bool]


@reducer
def put(ctx: ReducerContext, first: u32, n: u32, mib: u32) -> None:
    for i in range(first, first + n):
        ctx.db.blob.insert(id=i, data=bytes(mib * MIB))


@reducer
def bag(ctx: ReducerContext, n: u32, mib: u32) -> None:
    for _ in range(n):
        ctx.db.bag.insert(n=ctx.db.bag.count(), data=bytes(mib * MIB))


@reducer
def empty(ctx: ReducerContext) -> None:
    ctx.db.bag.clear()


@reducer
def words(ctx: ReducerContext, n: u32) -> None:
    ctx.db.words.insert(id=1, values=[True] * n)


@reducer
def small(ctx: ReducerContext) -> None:
    pass
