"""One-shot calls that leave a mark each (shots.test.mjs)."""

from orochi import AutoKey, ReducerContext, reducer, table, u32, u64


@table(public=True)
class Shot:
    id: AutoKey[u64] = 0
    n: u32


@reducer
def shoot(ctx: ReducerContext, n: u32):
    ctx.db.shot.insert(n=n)


@reducer
def load(ctx: ReducerContext, first: u32, count: u32, span_ms: u32):
    for i in range(count):
        ctx.schedule(shoot, first + i, after=(i % 97) / 97 * span_ms / 1000)


@reducer
def clear(ctx: ReducerContext):
    ctx.db.shot.clear()
