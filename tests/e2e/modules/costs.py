"""A table that is large on demand, and small ones, for queries whose cost a stranger chooses."""

from orochi import AutoKey, PrimaryKey, ReducerContext, reducer, table, u32, u64


@table(public=True)
class BigItem:
    id: AutoKey[u64] = 0
    kind: u32
    text: str


@table(public=True)
class Mark:
    id: PrimaryKey[u32]
    n: u64


@reducer(timeout_ms=60_000)
def fill(ctx: ReducerContext, n: u32, size: u32):
    text = "x" * size
    for i in range(n):
        ctx.db.big_item.insert(kind=i % 10, text=text)


@reducer
def touch(ctx: ReducerContext, id: u32):
    row = ctx.db.mark.find(id) or ctx.db.mark.insert(id=id, n=0)
    ctx.db.mark.update(row, n=row.n + 1)
