"""Hidden information: hands that only their players see, and letters that sender, receiver, or all may read."""

from orochi import AutoKey, Identity, Index, PrimaryKey, ReducerContext, reducer, table, u32, u64


@table(public=True, owner="player")
class Card:
    id: AutoKey[u64] = 0
    player: Index[Identity]
    face: str


@table(public=True, rls=["SELECT * FROM letter WHERE sender = :sender", "SELECT * FROM letter l WHERE l.receiver = :sender OR l.open"])
class Letter:
    id: AutoKey[u64] = 0
    sender: Identity
    receiver: Identity
    open: bool
    text: str


@table(public=True, event=True, owner="to")
class Whisper:
    to: Identity
    text: str


@table(public=True)
class Seat:
    player: PrimaryKey[Identity]
    cards: u32 = 0


@reducer
def draw(ctx: ReducerContext, face: str):
    ctx.db.card.insert(player=ctx.sender, face=face)
    ctx.db.seat.upsert(Seat(player=ctx.sender, cards=ctx.db.card.count(player=ctx.sender)))


@reducer
def give(ctx: ReducerContext, card: u64, to: Identity):
    mine = ctx.db.card.get(card)
    ctx.db.card.update(mine, player=to)


@reducer
def write(ctx: ReducerContext, to: Identity, open: bool, text: str):
    ctx.db.letter.insert(sender=ctx.sender, receiver=to, open=open, text=text)


@reducer
def whisper(ctx: ReducerContext, to: Identity, text: str):
    ctx.db.whisper.insert(to=to, text=text)
