"""Rooms with members, and messages that the members of a room see: joins and row filters that join."""

from orochi import AutoKey, Identity, Index, PrimaryKey, ReducerContext, reducer, table, u32, u64


@table(public=True)
class Room:
    id: PrimaryKey[u32]
    topic: Index[str]


@table(public=True)
class Member:
    id: AutoKey[u64] = 0
    room: Index[u32]
    player: Index[Identity]


@table(public=True, rls="SELECT message.* FROM message JOIN member ON message.room = member.room WHERE member.player = :sender")
class Message:
    id: AutoKey[u64] = 0
    room: Index[u32]
    text: str


@table(public=True, event=True)
class Knock:
    room: u32
    who: str


@reducer
def open_room(ctx: ReducerContext, id: u32, topic: str):
    ctx.db.room.upsert(Room(id=id, topic=topic))


@reducer
def enter(ctx: ReducerContext, room: u32):
    ctx.db.member.insert(room=room, player=ctx.sender)


@reducer
def crowd(ctx: ReducerContext, room: u32, n: u32):
    for _ in range(n):
        ctx.db.member.insert(room=room, player=ctx.sender)


@reducer
def thin(ctx: ReducerContext, room: u32, n: u32):
    for m in list(ctx.db.member.filter(room=room))[:n]:
        ctx.db.member.delete(m.id)


@reducer
def leave(ctx: ReducerContext, room: u32):
    for m in list(ctx.db.member.filter(room=room, player=ctx.sender)):
        ctx.db.member.delete(m.id)


@reducer
def say(ctx: ReducerContext, room: u32, text: str):
    ctx.db.message.insert(room=room, text=text)


@reducer
def knock(ctx: ReducerContext, room: u32, who: str):
    ctx.db.knock.insert(room=room, who=who)


@reducer
def swap(ctx: ReducerContext, old: u32, new: u32):
    """Moves the caller, and with him a room's topic, in one transaction."""
    for m in list(ctx.db.member.filter(room=old, player=ctx.sender)):
        ctx.db.member.update(m, room=new)
    ctx.db.room.upsert(Room(id=new, topic=ctx.db.room.get(old).topic))
