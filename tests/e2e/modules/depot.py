"""A depot: crates found by what no index knows, and notes that only the members of their room see."""

from orochi import AnonymousViewContext, AutoKey, Identity, Index, PrimaryKey, Query, ReducerContext, i32, query, reducer, row_filter, table, u32, u64, view

row_filter("SELECT note.* FROM note JOIN member ON note.room = member.room WHERE member.player = :sender")


@table(public=True)
class Crate:
    id: AutoKey[u64] = 0
    kind: str
    size: i32


@table
class Member:
    player: PrimaryKey[Identity]
    room: Index[u32]


@table(public=True)
class Note:
    id: AutoKey[u64] = 0
    room: Index[u32]
    text: str


@view(public=True)
def big(ctx: AnonymousViewContext) -> Query[Crate]:
    return query(Crate).where(lambda c: (c.size > 10) & (c.kind != "lead") & (c.kind != "gold"))


@reducer
def put(ctx: ReducerContext, kind: str, size: i32) -> None:
    ctx.db.crate.insert(kind=kind, size=size)


@reducer
def resize(ctx: ReducerContext, id: u64, size: i32) -> None:
    ctx.db.crate.update(ctx.db.crate.get(id), size=size)


@reducer
def enter(ctx: ReducerContext, room: u32) -> None:
    ctx.db.member.upsert(Member(player=ctx.sender, room=room))


@reducer
def write(ctx: ReducerContext, room: u32, text: str) -> None:
    ctx.db.note.insert(room=room, text=text)
