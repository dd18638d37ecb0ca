"""Cards: a game of tricks for two to four, with hands that nobody else sees.

Whoever leads plays any card, the others follow suit if they can, and the highest card of that suit takes the trick and leads
the next. A trick is a point, most tricks of a game are three more.

Who sees what is said where the data is declared. All see players, rooms and the leaderboard. Who sits in a room sees its trick,
its chat and how many cards each has: `rls=` and the view `places`. A hand is a view too, `my_hand`, of a table that no client sees.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from orochi import (
    AnonymousViewContext,
    AutoKey,
    Identity,
    Index,
    PrimaryKey,
    Query,
    ReducerContext,
    ReducerError,
    ScheduleAt,
    Timestamp,
    Unique,
    ViewContext,
    client_connected,
    client_disconnected,
    query,
    reducer,
    table,
    u8,
    u32,
    u64,
    view,
)

SEATS, HAND = 4, 7
TURN = timedelta(seconds=20)
AWAY = timedelta(seconds=2)  # for who is not there: his cards are played for him
GRACE = timedelta(seconds=30)  # to come back to a room that waits
HISTORY, BURST, WINDOW = 50, 5, timedelta(seconds=3)  # of a room's chat; of one player's messages
MOST_TRICKS = 3  # points

# ---- data ----------------------------------------------------------------------------------------


@table(public=True)
class Player:
    identity: PrimaryKey[Identity]
    name: str = ""
    connections: u32 = 0  # a player with two tabs open is online until both are closed
    points: Index[u32] = 0


@table(public=True)
class Room:
    id: AutoKey[u32] = 0
    title: str
    host: Identity  # who may start the game
    players: u8 = 0
    playing: bool = False
    turn: Identity | None = None
    ends: Timestamp | None = None  # of the turn
    result: str = ""  # of the game before


@table
class Seat:
    player: PrimaryKey[Identity]  # so nobody is in two rooms
    room: Index[u32]
    place: u8  # the order around the table
    tricks: u8 = 0


@table
class Card:
    """A card in a hand."""

    id: AutoKey[u32] = 0
    room: Index[u32]
    player: Index[Identity]
    suit: u8
    rank: u8  # 11 to 14: jack, queen, king, ace


@table(public=True, rls="SELECT played.* FROM played JOIN seat ON played.room = seat.room WHERE seat.player = :sender")
class Played:
    """A card on the table: it lies there until the next trick is led."""

    id: AutoKey[u32] = 0
    room: Index[u32]
    player: Identity
    suit: u8
    rank: u8


@table(public=True, rls="SELECT message.* FROM message JOIN seat ON message.room = seat.room WHERE seat.player = :sender")
class Message:
    id: AutoKey[u64] = 0
    room: Index[u32]
    sender: Identity
    sent: Timestamp
    text: str


@table(scheduled="time_is_up")
class Deadline:
    id: AutoKey[u64] = 0
    at: ScheduleAt
    room: Unique[u32]


# ---- what clients see of it ----------------------------------------------------------------------


@view(primary_key="id")
def my_hand(ctx: ViewContext) -> list[Card]:
    return list(ctx.db.card.player.filter(ctx.sender))


@dataclass
class Place:
    player: Identity
    room: u32
    place: u8
    cards: u8
    tricks: u8


@view(primary_key="player")
def places(ctx: ViewContext) -> list[Place]:
    """Who sits at my table, and how many cards each has."""
    me = ctx.db.seat.player.find(ctx.sender)
    if me is None:
        return []
    seats = ctx.db.seat.room.filter(me.room)
    return [Place(s.player, s.room, s.place, ctx.db.card.player.count(s.player), s.tricks) for s in seats]


@view
def leaderboard(ctx: AnonymousViewContext) -> Query[Player]:
    return query(Player).where(lambda p: p.points > 0).order_by("-points").limit(10)


# ---- coming and going ----------------------------------------------------------------------------


@client_connected
def connected(ctx: ReducerContext) -> None:
    player = ctx.db.player.find(ctx.sender) or Player(identity=ctx.sender)
    ctx.db.player.upsert(player, connections=player.connections + 1)


@client_disconnected
def disconnected(ctx: ReducerContext) -> None:
    player = ctx.db.player.find(ctx.sender)
    if player is None or player.connections == 0:
        return
    player = ctx.db.player.update(player, connections=player.connections - 1)
    if player.connections == 0:
        ctx.schedule(gone, ctx.sender, after=GRACE)


@reducer(public=False)
def gone(ctx: ReducerContext, who: Identity) -> None:
    """Who has not come back leaves a room that waits. A game goes on: the seat and the hand are his until it ends."""
    player, seat = ctx.db.player.find(who), ctx.db.seat.find(who)
    if player is None or player.connections:
        return
    if seat is not None and not ctx.db.room.get(seat.room).playing:
        stand_up(ctx, seat)
    if not player.name and not player.points and who not in ctx.db.seat:
        ctx.db.player.delete(who)  # came, looked, went


@reducer
def set_name(ctx: ReducerContext, name: str) -> None:
    ctx.db.player.update(ctx.db.player.get(ctx.sender), name=short(name, 16, "name"))


@reducer
def open_room(ctx: ReducerContext, title: str) -> None:
    leave(ctx)
    room = ctx.db.room.insert(title=short(title, 30, "title"), host=ctx.sender)
    enter(ctx, room.id)


@reducer
def enter(ctx: ReducerContext, room_id: u32) -> None:
    leave(ctx)
    room = ctx.db.room.get(room_id)
    if room.playing:
        raise ReducerError("They are playing already.")
    if room.players == SEATS:
        raise ReducerError("This room is full.")
    place = max((s.place for s in ctx.db.seat.room.filter(room.id)), default=0) + 1
    ctx.db.seat.insert(player=ctx.sender, room=room.id, place=place)
    ctx.db.room.update(room, players=room.players + 1)


@reducer
def leave(ctx: ReducerContext) -> None:
    seat = ctx.db.seat.find(ctx.sender)
    if seat is None:
        return
    if ctx.db.room.get(seat.room).playing:
        raise ReducerError("The game is not over. Who goes away has his cards played for him.")
    stand_up(ctx, seat)


def stand_up(ctx: ReducerContext, seat: Seat) -> None:
    room = ctx.db.room.get(seat.room)
    ctx.db.seat.delete(seat)
    left = around(ctx, room)
    if left:
        ctx.db.room.update(room, players=len(left), host=left[0].player)
        return
    for of_room in (ctx.db.message.room, ctx.db.played.room):
        of_room.delete(room.id)
    ctx.db.room.delete(room)


@reducer
def say(ctx: ReducerContext, text: str) -> None:
    seat, since = ctx.db.seat.get(ctx.sender), ctx.timestamp - WINDOW
    said = ctx.db.message.room.filter(seat.room).order_by("id")
    if sum(m.sender == ctx.sender and m.sent > since for m in said) >= BURST:
        raise ReducerError("Slow down a little.")
    if len(said) >= HISTORY:
        ctx.db.message.delete(said[0])
    ctx.db.message.insert(room=seat.room, sender=ctx.sender, sent=ctx.timestamp, text=short(text, 200, "message"))


# ---- the game ------------------------------------------------------------------------------------


@reducer
def start(ctx: ReducerContext) -> None:
    room = ctx.db.room.get(ctx.db.seat.get(ctx.sender).room)
    if room.host != ctx.sender:
        raise ReducerError("Who sits here longest starts the game.")
    if room.playing:
        raise ReducerError("They are playing already.")
    if room.players < 2:
        raise ReducerError("It takes two to play.")
    deck = [(suit, rank) for suit in range(4) for rank in range(2, 15)]
    secrets.SystemRandom().shuffle(deck)  # ctx.rng follows from the call, which a player could guess
    seats = around(ctx, room)
    ctx.db.played.room.delete(room.id)
    for seat in seats:
        ctx.db.seat.update(seat, tricks=0)
        hand = [deck.pop() for _ in range(HAND)]
        ctx.db.card.insert_many(Card(room=room.id, player=seat.player, suit=suit, rank=rank) for suit, rank in hand)
    next_turn(ctx, ctx.db.room.update(room, playing=True, result=""), secrets.choice(seats).player)


@reducer
def play(ctx: ReducerContext, card_id: u32) -> None:
    card = ctx.db.card.find(card_id)
    if card is None or card.player != ctx.sender:
        raise ReducerError("You have no such card.")  # the same whether it is another's or nobody's
    room = ctx.db.room.get(card.room)
    if room.turn != ctx.sender:
        raise ReducerError("It is not your turn.")
    if card not in allowed(ctx, room, ctx.sender):
        raise ReducerError("Follow suit: you have a card of it.")
    put(ctx, room, card)


@reducer
def time_is_up(ctx: ReducerContext, due: Deadline) -> None:
    """The lowest card that may be played is."""
    room = ctx.db.room.get(due.room)
    if room.turn is not None:
        put(ctx, room, min(allowed(ctx, room, room.turn), key=lambda card: card.rank))


def around(ctx: ReducerContext, room: Room) -> list[Seat]:
    return sorted(ctx.db[Seat].room.filter(room.id), key=lambda seat: seat.place)


def trick_of(ctx: ReducerContext, room: Room) -> list[Played]:
    """The cards of the trick that is being played, in their order; none when the next one is to be led."""
    trick = sorted(ctx.db[Played].room.filter(room.id), key=lambda card: card.id)
    return trick if len(trick) < room.players else []


def allowed(ctx: ReducerContext, room: Room, player: Identity) -> Sequence[Card]:
    hand, trick = ctx.db[Card].player.filter(player), trick_of(ctx, room)
    return [card for card in hand if trick and card.suit == trick[0].suit] or hand


def put(ctx: ReducerContext, room: Room, card: Card) -> None:
    if not trick_of(ctx, room):
        ctx.db.played.room.delete(room.id)  # the one before, which all have seen by now
    ctx.db.card.delete(card)
    ctx.db.played.insert(room=room.id, player=card.player, suit=card.suit, rank=card.rank)
    seats = around(ctx, room)
    trick = sorted(ctx.db[Played].room.filter(room.id), key=lambda card: card.id)
    if len(trick) < len(seats):
        order = [seat.player for seat in seats]
        next_turn(ctx, room, order[(order.index(card.player) + 1) % len(order)])
        return
    best = max((c for c in trick if c.suit == trick[0].suit), key=lambda c: c.rank)
    taker = ctx.db.seat.get(best.player)
    ctx.db.seat.update(taker, tricks=taker.tricks + 1)
    if ctx.db.card.room.count(room.id):
        next_turn(ctx, room, taker.player)
    else:
        finish(ctx, room)


def next_turn(ctx: ReducerContext, room: Room, who: Identity) -> None:
    ends = ctx.timestamp + (TURN if ctx.db.player.get(who).connections else AWAY)
    ctx.db.room.update(room, turn=who, ends=ends)
    ctx.db.deadline.room.delete(room.id)
    ctx.db.deadline.insert(at=ScheduleAt.at(ends), room=room.id)


def finish(ctx: ReducerContext, room: Room) -> None:
    seats = around(ctx, room)
    most = max(seat.tricks for seat in seats)
    winners: list[str] = []
    for seat in seats:
        player = ctx.db.player.get(seat.player)
        won = seat.tricks == most
        ctx.db.player.update(player, points=player.points + seat.tricks + MOST_TRICKS * won)
        if won:
            winners.append(player.name or "A guest")
    ctx.db.deadline.room.delete(room.id)
    ctx.db.room.update(room, playing=False, turn=None, ends=None, result=f"{' and '.join(winners)}: {most} tricks")
    for seat in seats:
        if not ctx.db.player.get(seat.player).connections:
            stand_up(ctx, seat)


def short(text: str, most: int, what: str) -> str:
    text = " ".join(text.split())
    if not text:
        raise ReducerError(f"A {what} needs at least one character.")
    if len(text) > most:
        raise ReducerError(f"A {what} has at most {most} characters.")
    return text
