"""What the whole-system tests play with: every part of issue-sized use in one small module."""

from dataclasses import dataclass
from enum import Enum

from orochi import (AutoKey, Identity, Index, PrimaryKey, ReducerContext, ReducerError, ScheduleAt, Timestamp, Unique,
                    client_connected, client_disconnected, f32, init, reducer, scheduled, table, u8, u32, u64)


class Team(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Vec2:
    x: f32 = 0.0
    y: f32 = 0.0


@table(public=True)
class User:
    identity: PrimaryKey[Identity]
    name: str | None = None
    online: bool = True


@table(public=True)
class Item:
    id: AutoKey[u64] = 0
    owner: Index[u32] = 0
    label: Unique[str]
    team: Team = Team.RED
    pos: Vec2 = Vec2()
    tags: list[str] = []


@table(public=True)
class Counter:
    id: PrimaryKey[u32]
    value: u64 = 0


@table
class Secret:
    id: PrimaryKey[u32]
    text: str


@table(public=True, event=True)
class Ping:
    n: u32


@table(scheduled="remind")
class Reminder:
    id: AutoKey[u64] = 0
    at: ScheduleAt
    text: str


@table(public=True)
class Note:
    id: AutoKey[u64] = 0
    text: str
    sent: Timestamp


@init
def setup(ctx: ReducerContext):
    ctx.db.counter.insert(id=0)
    ctx.db.secret.insert(id=1, text="hidden")


@client_connected
def connected(ctx: ReducerContext):
    if ctx.db.note.count(text=f"ban {ctx.sender}"):
        raise ReducerError("you are banned")
    user = ctx.db.user.find(ctx.sender)
    if user is None:
        ctx.db.user.insert(identity=ctx.sender)
    else:
        ctx.db.user.update(user, online=True)


@client_disconnected
def disconnected(ctx: ReducerContext):
    user = ctx.db.user.find(ctx.sender)
    if user is not None:
        ctx.db.user.update(user, online=False)


@reducer
def set_name(ctx: ReducerContext, name: str):
    if not name.strip():
        raise ReducerError("a name must not be empty", code="bad_name")
    ctx.db.user.update(ctx.db.user.get(ctx.sender), name=name)


@reducer
def add_item(ctx: ReducerContext, owner: u32, label: str, team: Team, pos: Vec2, tags: list[str]):
    ctx.db.item.insert(owner=owner, label=label, team=team, pos=pos, tags=tags)


@reducer
def move_item(ctx: ReducerContext, id: u64, owner: u32):
    ctx.db.item.update(ctx.db.item.get(id), owner=owner)


@reducer
def drop_item(ctx: ReducerContext, id: u64):
    ctx.db.item.delete(id)


@reducer
def count(ctx: ReducerContext, id: u32, by: u64):
    row = ctx.db.counter.find(id) or ctx.db.counter.insert(id=id)
    ctx.db.counter.update(row, value=row.value + by)


@reducer
def half_done(ctx: ReducerContext):
    ctx.db.counter.insert(id=77)
    ctx.db.item.insert(label="ghost")
    raise ReducerError("changed my mind")


@reducer
def bug(ctx: ReducerContext):
    ctx.db.counter.insert(id=78)
    return [][1]


@reducer
def spin(ctx: ReducerContext):
    while True:
        pass


@reducer
def nothing(ctx: ReducerContext):
    pass


@reducer
def ping(ctx: ReducerContext, n: u32):
    ctx.db.ping.insert(n=n)


@reducer(public=False)
def internal(ctx: ReducerContext):
    ctx.db.note.insert(text="internal", sent=ctx.timestamp)


@reducer
def write_note(ctx: ReducerContext, text: str):
    ctx.db.note.insert(text=text, sent=ctx.timestamp)


@reducer
def remind_me(ctx: ReducerContext, text: str, in_ms: u32):
    ctx.db.reminder.insert(at=ScheduleAt.at(ctx.timestamp + in_ms * 1000), text=text)


@reducer
def remind_every(ctx: ReducerContext, text: str, every_ms: u32):
    from datetime import timedelta
    ctx.db.reminder.insert(at=ScheduleAt.every(timedelta(milliseconds=every_ms)), text=text)


@reducer
def forget(ctx: ReducerContext):
    ctx.db.reminder.clear()


@reducer
def remind(ctx: ReducerContext, row: Reminder):
    ctx.db.note.insert(text=row.text, sent=ctx.timestamp)


@scheduled(interval_ms=50)
def beat(ctx: ReducerContext):
    row = ctx.db.counter.find(1000) or ctx.db.counter.insert(id=1000)
    ctx.db.counter.update(row, value=row.value + 1)


@reducer
def fill(ctx: ReducerContext, n: u32, tag: u8):
    ctx.db.item.insert_many([Item(label=f"{tag}-{i}", owner=tag) for i in range(n)])
