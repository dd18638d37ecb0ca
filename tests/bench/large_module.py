"""What `large.sh` serves: reducers of a million rows, and a tiny one."""

from orochi import PrimaryKey, ReducerContext, i64, reducer, table, u32


@table(public=True)
class Item:
    id: PrimaryKey[u32]
    name: str
    value: i64


@table
class Tick:
    id: PrimaryKey[u32]
    n: i64


@reducer(timeout_ms=120000)
def insert(ctx: ReducerContext, start: u32, rows: u32) -> None:
    for i in range(start, start + rows):
        ctx.db.item.insert(Item(id=i, name="an item of ours", value=i))


@reducer(timeout_ms=120000)
def update(ctx: ReducerContext, value: i64) -> None:
    by_id = ctx.db.item.id
    for row in ctx.db.item:
        by_id.update(row, value=value)


@reducer(timeout_ms=120000)
def delete(ctx: ReducerContext) -> None:
    ctx.db.item.clear()


@reducer
def tick(ctx: ReducerContext) -> None:
    row = ctx.db.tick.id.find(1)
    if row is None:
        ctx.db.tick.insert(Tick(id=1, n=1))
    else:
        ctx.db.tick.id.update(row, n=row.n + 1)
