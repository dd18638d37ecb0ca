"""What strangers may have much of: procedures that wait, and answers of views with arguments of their choice."""

from orochi import (AnonymousViewContext, Index, PrimaryKey, ProcedureContext, ReducerContext, procedure, reducer, table, u32, view)


@table(public=True)
class Item:
    id: PrimaryKey[u32]
    room: Index[u32]
    size: u32 = 1


@table(public=True)
class Begun:
    name: PrimaryKey[str]


@reducer
def put(ctx: ReducerContext, id: u32, room: u32, size: u32):
    ctx.db.item.upsert(Item(id=id, room=room, size=size))


@reducer
def fill(ctx: ReducerContext, first: u32, n: u32, room: u32):
    ctx.db.item.insert_many([Item(id=first + i, room=room) for i in range(n)])


@procedure
def nap(ctx: ProcedureContext, name: str, ms: u32) -> u32:
    ctx.with_tx(lambda tx: tx.db.begun.upsert(Begun(name=name)))
    ctx.sleep(ms / 1000)
    return ms


@procedure
def add(ctx: ProcedureContext, a: u32, b: u32) -> u32:
    return a + b


@view(public=True)
def in_room(ctx: AnonymousViewContext, room: u32, unused: u32) -> list[Item]:
    return ctx.db.item.room.filter(room)


@view(public=True)
def share(ctx: AnonymousViewContext, room: u32, people: u32) -> list[Item]:
    """Fails for nobody."""
    return [Item(id=i.id, room=i.room, size=i.size // (i.size - people)) for i in ctx.db.item.room.filter(room)]


@view(public=True)
def slowly(ctx: AnonymousViewContext, room: u32, times: u32) -> list[Item]:
    found = list(ctx.db.item.room.filter(room))
    for _ in range(times):
        pass
    return found
