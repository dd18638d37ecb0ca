"""A module of the tests: functions on timers."""

from orochi import PrimaryKey, ReducerContext, scheduled, table, u32


@table(public=True)
class Count:
    name: PrimaryKey[str]
    n: u32 = 0
    at: list[int] = []


def count(ctx):
    row = ctx.db.count.find(ctx.reducer) or ctx.db.count.insert(name=ctx.reducer)
    ctx.db.count.update(row, n=row.n + 1, at=[*row.at[-99:], int(ctx.timestamp)])


@scheduled(hz=60)
def sixty(ctx: ReducerContext):
    count(ctx)


@scheduled(interval=7, start_after=2)
def seven(ctx: ReducerContext):
    count(ctx)
