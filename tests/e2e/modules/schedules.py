"""Calls that are made later, and functions on timers (schedule.test.mjs)."""

from orochi import AutoKey, PrimaryKey, ReducerContext, Timestamp, reducer, scheduled, table, u32, u64


@table(public=True)
class Note:
    id: AutoKey[u64] = 0
    what: str
    at: Timestamp


@table(public=True)
class Token:
    name: PrimaryKey[str]
    token: u64


def note(ctx, what):
    ctx.db.note.insert(what=what, at=ctx.timestamp)


@reducer
def explode(ctx: ReducerContext, what: str, n: u32 = 0):
    note(ctx, what)
    if what == 'fails':
        raise RuntimeError('as it should')


@reducer
def later(ctx: ReducerContext, name: str, after: float, every: float):
    token = ctx.schedule(explode, name, after=after, every=every) if every else ctx.schedule(explode, name, 5, after=after)
    ctx.db.token.upsert(Token(name=name, token=token))


@reducer
def cron(ctx: ReducerContext, name: str, expression: str):
    ctx.db.token.upsert(Token(name=name, token=ctx.schedule(explode, name, cron=expression)))


@reducer
def wrong(ctx: ReducerContext):
    ctx.schedule(explode, 5, after=1)


@reducer
def rolled_back(ctx: ReducerContext):
    ctx.schedule(explode, 'rolled back', after=0)
    raise ValueError('no')


@reducer
def cancel(ctx: ReducerContext, name: str):
    row = ctx.db.token.get(name)
    note(ctx, f'{name} cancelled: {ctx.cancel(row.token)}')


@scheduled(cron='* * * * * *')
def second(ctx: ReducerContext):
    note(ctx, 'second')


@scheduled(interval=0.25)
def quarter(ctx: ReducerContext):
    note(ctx, 'quarter')
