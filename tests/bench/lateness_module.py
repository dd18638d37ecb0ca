"""Ticks of two rates that write down when they began, beside the accounts and transfers of heavy.py: what `lateness.sh` serves."""

import heavy  # noqa: F401
from orochi import AutoKey, ReducerContext, scheduled, table, u32, u64


@table(public=True)
class Beat:
    id: AutoKey[u64] = 0
    hz: u32
    at_us: u64


@scheduled(hz=20)
def slow_tick(ctx: ReducerContext) -> None:
    ctx.db.beat.insert(hz=20, at_us=int(ctx.timestamp))


@scheduled(hz=60)
def fast_tick(ctx: ReducerContext) -> None:
    ctx.db.beat.insert(hz=60, at_us=int(ctx.timestamp))
