"""Slow, endless and stubborn reducers, and a record of who came and went."""

from datetime import timedelta
from itertools import repeat
from time import monotonic

from orochi import (AutoKey, PrimaryKey, ReducerContext, ReducerError, ScheduleAt, client_connected, client_disconnected,
                    reducer, scheduled, table, u32, u64)


@table(public=True)
class Tally:
    name: PrimaryKey[str]
    n: u64 = 0


@table(public=True)
class Line:
    id: AutoKey[u64] = 0
    n: u32


@table(scheduled="turn")
class Turn:
    id: AutoKey[u64] = 0
    at: ScheduleAt
    kind: str


def add(ctx, name, n=1):
    row = ctx.db.tally.find(name) or ctx.db.tally.insert(name=name)
    ctx.db.tally.update(row, n=row.n + n)


def pass_time(ms):
    end = monotonic() + ms / 1000
    while monotonic() < end:
        pass


@client_connected
def came(ctx: ReducerContext):
    slow = ctx.db.tally.find("slow to let in")
    if slow is not None:
        pass_time(slow.n)
    if ctx.db.tally.find("closed") is not None:
        raise ReducerError("closed today")
    add(ctx, "came")


@client_disconnected
def left(ctx: ReducerContext):
    add(ctx, "left")
    if ctx.db.tally.find("falter") is not None:
        raise RuntimeError("client_disconnected stumbles")


@reducer
def put(ctx: ReducerContext, name: str, n: u64):
    add(ctx, name, n)


@reducer
def take(ctx: ReducerContext, name: str):
    ctx.db.tally.delete(name)


@reducer
def write(ctx: ReducerContext, n: u32):
    ctx.db.line.insert(n=n)


@reducer
def slow(ctx: ReducerContext, ms: u32):
    pass_time(ms)
    add(ctx, "slow")


@reducer(timeout_ms=3_600_000)
def endless(ctx: ReducerContext):
    add(ctx, "never")
    while True:
        pass


@reducer(timeout_ms=3_600_000)
def stubborn(ctx: ReducerContext):
    any(repeat(False))  # in C, where nothing interrupts it


@reducer
def long_error(ctx: ReducerContext, n: u32):
    raise ReducerError("é" * n)


@reducer
def arm(ctx: ReducerContext, kind: str, every_us: u64):
    ctx.db.turn.insert(at=ScheduleAt.every(timedelta(microseconds=every_us)), kind=kind)


@reducer
def arm_once(ctx: ReducerContext, kind: str, in_ms: u32):
    ctx.db.turn.insert(at=ScheduleAt.at(ctx.timestamp + in_ms * 1000), kind=kind)


@reducer
def turn(ctx: ReducerContext, row: Turn):
    add(ctx, row.kind)
    match row.kind:
        case "fails":
            raise RuntimeError("each time")
        case "works":
            pass_time(20)
        case "deletes itself":
            ctx.db.turn.delete(row.id)
        case "slows down":
            ctx.db.turn.update(row, at=ScheduleAt.every(timedelta(hours=1)))
        case "postpones itself":
            if ctx.db.tally.find(row.kind).n < 3:
                ctx.db.turn.update(row, at=ScheduleAt.at(ctx.timestamp + 50_000))
        case "writes itself as it was":
            ctx.db.turn.update(row)
        case "becomes one that does not repeat":
            if ctx.db.tally.find(row.kind).n < 2:
                ctx.db.turn.update(row, at=ScheduleAt.at(ctx.timestamp + 50_000))
        case "becomes one that repeats":
            ctx.db.turn.update(row, at=ScheduleAt.every(timedelta(milliseconds=20)), kind="repeats now")


@reducer
def disarm(ctx: ReducerContext):
    ctx.db.turn.clear()


@scheduled(delay_ms=30, repeating=False)
def opening(ctx: ReducerContext):
    add(ctx, "opening")
