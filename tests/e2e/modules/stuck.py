"""Calls that no interruption ends: successor.test.mjs."""

import re

from orochi import (AutoKey, PrimaryKey, ReducerContext, ScheduleAt, client_disconnected, reducer, scheduled, table, u32,
                    u64)


@table(public=True)
class Tally:
    name: PrimaryKey[str]
    n: u32 = 0


def add(ctx, name):
    row = ctx.db.tally.find(name) or ctx.db.tally.insert(name=name)
    ctx.db.tally.update(row, n=row.n + 1)


@scheduled(interval_ms=100)
def beat(ctx: ReducerContext) -> None:
    add(ctx, "beat")


@table(scheduled="once", public=True)
class Once:
    id: AutoKey[u64] = 0
    at: ScheduleAt


@reducer
def once(ctx: ReducerContext, row: Once) -> None:
    hang()


@reducer
def arm(ctx: ReducerContext) -> None:
    ctx.db.once.insert(at=ScheduleAt.at(ctx.timestamp))


def hang():
    re.match("(a+)+$", "a" * 40 + "b")


@client_disconnected
def left(ctx: ReducerContext) -> None:
    add(ctx, "left")


@reducer
def stuck(ctx: ReducerContext) -> None:
    add(ctx, "never")
    rows = ctx.db.tally.all()
    len(rows)
    hang()
    add(ctx, "never")


@reducer
def put(ctx: ReducerContext, name: str) -> None:
    add(ctx, name)
