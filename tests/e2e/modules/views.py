"""Hidden hands, what all see, and views that go wrong."""

import dataclasses

from orochi import (AnonymousViewContext, AutoKey, Identity, Index, PrimaryKey, ReducerContext, ReducerError, Query, ViewContext, query, reducer,
                    table, u32, u64, view)


@table
class Card:
    id: AutoKey[u64] = 0
    owner: Index[Identity]
    face: str
    shown: Index[bool] = False


@table(public=True)
class Player:
    id: PrimaryKey[Identity]
    name: str
    score: Index[u32] = 0


@table
class Fault:
    id: PrimaryKey[u32]


@dataclasses.dataclass
class Held:
    owner: Identity
    cards: u32


@reducer
def join(ctx: ReducerContext, name: str):
    ctx.db.player.upsert(Player(id=ctx.sender, name=name))


@reducer
def draw(ctx: ReducerContext, face: str):
    ctx.db.card.insert(owner=ctx.sender, face=face)


@reducer
def give(ctx: ReducerContext, card: u64, to: Identity):
    ctx.db.card.update(ctx.db.card.get(card), owner=to)


@reducer
def show(ctx: ReducerContext, card: u64):
    ctx.db.card.update(ctx.db.card.get(card), shown=True)


@reducer
def discard(ctx: ReducerContext, card: u64):
    if not ctx.db.card.delete(card):
        raise ReducerError('there is no such card')


@reducer
def score(ctx: ReducerContext, points: u32):
    ctx.db.player.update(ctx.db.player.get(ctx.sender), score=points)


@reducer
def fail(ctx: ReducerContext, fails: bool):
    if fails:
        ctx.db.fault.upsert(Fault(id=1))
    else:
        ctx.db.fault.delete(1)


@view(public=True)
def my_hand(ctx: ViewContext) -> list[Card]:
    return ctx.db.card.owner.filter(ctx.sender)


@view(public=True)
def table_cards(ctx: AnonymousViewContext) -> list[Card]:
    return list(ctx.db.card.shown.filter(True))


@view(primary_key='owner')
def held(ctx: ViewContext) -> Held | None:
    n = ctx.db.card.owner.count(ctx.sender)
    return Held(ctx.sender, n) if n else None


@view
def me(ctx: ViewContext) -> Player | None:
    return ctx.db.player.id.find(ctx.sender)


@view(primary_key='id')
def best(ctx: AnonymousViewContext) -> list[Player]:
    return ctx.db.player.all().order_by('-score')[:2]


@view
def fragile(ctx: AnonymousViewContext) -> list[Card]:
    if ctx.db.fault.id.find(1) is not None:
        raise ValueError('the view is broken')
    return []


@view(public=False)
def secret(ctx: AnonymousViewContext) -> list[Card]:
    return ctx.db.card.shown.filter(False)


@view
def writes(ctx: ViewContext) -> list[Card]:
    ctx.db.card.insert(owner=ctx.sender, face='joker')
    return []


@view
def scans(ctx: ViewContext) -> list[Card]:
    return list(ctx.db.card)


@view
def clock(ctx: ViewContext) -> list[Card]:
    return [ctx.timestamp]


@view(primary_key='face')
def twice(ctx: AnonymousViewContext) -> list[Card]:
    return ctx.db.card.shown.filter(True)


@view
def cards_of(ctx: AnonymousViewContext, who: Identity, shown: bool) -> list[Card]:
    return [card for card in ctx.db.card.owner.filter(who) if card.shown == shown]


@view
def scored(ctx: ViewContext, least: u32, name: str) -> list[Player]:
    return [p for p in ctx.db.player.score.filter(gte=least) if name in p.name]


@view
def listed(ctx: ViewContext, ids: list[u32]) -> list[Card]:
    return []


@view
def leaders(ctx: AnonymousViewContext) -> Query[Player]:
    return query(Player).where(lambda p: (p.score >= 5) & (p.name != 'bot')).order_by('-score').limit(2)


@view
def mine_or_shown(ctx: ViewContext) -> Query[Card]:
    return query(Card).where(lambda c: (c.owner == ctx.sender) | (c.shown == True))  # noqa: E712
