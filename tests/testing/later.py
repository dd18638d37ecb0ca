"""A module of the tests: calls that are made later."""

from datetime import timedelta

from orochi import AutoKey, ReducerContext, ReducerError, ScheduleAt, Timestamp, init, reducer, scheduled, table, u8, u32, u64


@table(public=True)
class Note:
    id: AutoKey[u64] = 0
    what: str
    at: Timestamp
    dt: float = 0.0


@table(public=True, scheduled='remind')
class Reminder:
    id: AutoKey[u64] = 0
    at: ScheduleAt
    text: str


def note(ctx, what):
    ctx.db.note.insert(what=what, at=ctx.timestamp, dt=ctx.dt)


@reducer
def explode(ctx: ReducerContext, bomb: u8, name: str = 'bomb'):
    note(ctx, f'{name} {bomb}')


@reducer
def fails(ctx: ReducerContext):
    note(ctx, 'never')
    raise ReducerError('as it should')


@reducer
def remind(ctx: ReducerContext, row: Reminder):
    note(ctx, row.text)
    if row.text == 'again':
        ctx.db.reminder.update(row, at=ScheduleAt.at(ctx.timestamp + timedelta(seconds=1)), text='moved')


@reducer
def countdown(ctx: ReducerContext, left: u32):
    note(ctx, f'left {left}')
    if left:
        ctx.schedule(countdown, left - 1, after=1)


@reducer
def ask(ctx: ReducerContext, what: str):
    CASES[what](ctx)


@init
def begin(ctx: ReducerContext):
    pass


def helper(ctx):
    pass


CASES = {
    'after': lambda ctx: ctx.schedule(explode, 1, after=3),
    'a timedelta': lambda ctx: ctx.schedule(explode, 2, 'mine', after=timedelta(minutes=1)),
    'at': lambda ctx: ctx.schedule(explode, 3, at=ctx.timestamp + timedelta(seconds=2)),
    'every': lambda ctx: ctx.schedule(explode, 4, every=0.5),
    'first at once': lambda ctx: ctx.schedule(explode, 5, every=10, after=0),
    'first at': lambda ctx: ctx.schedule(explode, 5, every=10, at=ctx.timestamp + timedelta(seconds=3)),
    'cron': lambda ctx: ctx.schedule(explode, 6, cron='30 0 * * *'),
    'by name': lambda ctx: ctx.schedule_reducer('explode', 1500, [7]),
    'now': lambda ctx: ctx.schedule(explode, 8, after=0),
    'past': lambda ctx: ctx.schedule(explode, 9, at=Timestamp(0)),
    'century': lambda ctx: ctx.schedule(explode, 10, after=timedelta(days=36525)),
    'fails': lambda ctx: ctx.schedule(fails, after=1),
    'fails each time': lambda ctx: ctx.schedule(fails, every=1),
    'cron that fails': lambda ctx: ctx.schedule(fails, cron='* * * * *'),
}
