"""Calls that are scheduled and taken back, several in one transaction (kills.test.mjs)."""

from orochi import AutoKey, Index, PrimaryKey, ReducerContext, reducer, table, u32, u64


@table(public=True)
class Plan:
    n: PrimaryKey[u32]
    token: u64
    back: bool = False


@table(public=True)
class Came:
    id: AutoKey[u64] = 0
    n: Index[u32]


@reducer
def come(ctx: ReducerContext, n: u32):
    ctx.db.came.insert(n=n)


@reducer
def plan(ctx: ReducerContext, first: u32, count: u32):
    """Every third is taken back in the call that made it, every other third in a later one."""
    for n in range(first, first + count):
        token = ctx.schedule(come, n, after=(n % 7) / 100)
        taken = n % 3 == 0 and ctx.cancel(token)
        ctx.db.plan.insert(n=n, token=token, back=taken)


@reducer
def take_back(ctx: ReducerContext, first: u32, count: u32):
    for n in range(first, first + count):
        plan = ctx.db.plan.get(n)
        if n % 3 == 1 and ctx.cancel(plan.token):
            ctx.db.plan.update(plan, back=True)
