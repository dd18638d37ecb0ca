"""What the dashboard shows of procedures and timers: some that wait, one that holds its worker, one that fails, beats that are missed."""

from orochi import PrimaryKey, ProcedureContext, ReducerContext, procedure, scheduled, table, u8, u32, u64

SLOW_BEATS = 10  # the first ones, which take longer than an interval


@table
class Beat:
    id: PrimaryKey[u8] = 0
    count: u64 = 0


@scheduled(interval_ms=20)
def beat(ctx: ReducerContext):
    row = ctx.db.beat.id.find(0) or ctx.db.beat.insert()
    if row.count < SLOW_BEATS:
        sum(i * i for i in range(1_500_000))
    ctx.db.beat.id.update(row, count=row.count + 1)


@procedure
async def waits(ctx: ProcedureContext) -> None:
    await ctx.sleep(60)


@procedure
async def asks(ctx: ProcedureContext, url: str) -> str:
    return (await ctx.http.get(url)).text()


@procedure
def holds(ctx: ProcedureContext, seconds: u32) -> None:
    ctx.sleep(seconds)


@procedure
def fails(ctx: ProcedureContext) -> None:
    raise RuntimeError("as it was asked to")
