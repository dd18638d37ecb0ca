"""A module of the tests: functions at times."""

from orochi import PrimaryKey, ReducerContext, scheduled, table, u32


@table(public=True)
class Count:
    name: PrimaryKey[str]
    n: u32 = 0
    at: list[int] = []


def count(ctx):
    row = ctx.db.count.find(ctx.reducer) or ctx.db.count.insert(name=ctx.reducer)
    ctx.db.count.update(row, n=row.n + 1, at=[*row.at[-99:], int(ctx.timestamp)])


@scheduled(cron='0 4 * * mon')
def monday(ctx: ReducerContext):
    count(ctx)


@scheduled(cron='*/10 * * * * *', missed='all')
def ten(ctx: ReducerContext):
    count(ctx)
    if ctx.db.count.find('ten').n == 2:
        raise ValueError('the second one fails')
