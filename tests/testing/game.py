"""A module of the tests: a bit of everything that orochi.testing shows."""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from orochi import (AnonymousViewContext, AutoKey, Ge, Identity, Index, Len, PrimaryKey, ReducerContext, ReducerError, ScheduleAt,
                    Query, Timestamp, ViewContext, client_connected, client_disconnected, avg, count, f32, f64, init, max_, query, reducer, scheduled,
                    sum_, table, u32, u64, view)


class Team(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Vec2:
    x: f32 = 0.0
    y: f32 = 0.0


@table(public=True)
class Player:
    identity: PrimaryKey[Identity]
    name: Annotated[str, Len(1, 20)]
    score: Index[u32] = 0
    pos: Vec2 = Vec2()
    team: Team = Team.RED
    online: bool = True


@table
class Secret:
    id: AutoKey[u64] = 0
    text: str


@table(public=True, event=True)
class Shout:
    who: Identity
    text: str


@table(scheduled="explode")
class Bomb:
    id: AutoKey[u64] = 0
    at: ScheduleAt
    owner: Identity


@table(public=True)
class Clock:
    id: PrimaryKey[u32]
    beats: u32 = 0
    dt: f32 = 0.0


@init
def begin(ctx: ReducerContext):
    ctx.db.clock.insert(id=0)
    ctx.db.secret.insert(text='made by init')


@client_connected
def connected(ctx: ReducerContext):
    if ctx.auth.jwt.claims.get('banned'):
        raise ReducerError('go away', code='banned', data={'until': 5})
    if (player := ctx.db.player.find(ctx.sender)) is not None:
        ctx.db.player.update(player, online=True)


@client_disconnected
def disconnected(ctx: ReducerContext):
    if (player := ctx.db.player.find(ctx.sender)) is not None:
        ctx.db.player.update(player, online=False)


@reducer
def join(ctx: ReducerContext, name: str, team: Team = Team.BLUE):
    if ctx.db.player.find(ctx.sender) is not None:
        raise ReducerError('you have joined already', code='twice', data=[1, 2])
    ctx.db.player.insert(identity=ctx.sender, name=name, team=team, score=ctx.rng.randrange(1000))


@reducer
def score(ctx: ReducerContext, points: Annotated[u32, Ge(1)]):
    player = ctx.db.player.get(ctx.sender)
    ctx.db.player.update(player, score=player.score + points)


@reducer
def shout(ctx: ReducerContext, text: str):
    ctx.log.info('%s shouts', ctx.sender.hex[:4])
    ctx.db.shout.insert(who=ctx.sender, text=text)


@reducer
def fail(ctx: ReducerContext):
    ctx.db.secret.insert(text='rolled back')
    return 1 // 0


@reducer(public=False)
def hidden(ctx: ReducerContext):
    pass


@reducer
def arm(ctx: ReducerContext, seconds: u32):
    ctx.db.bomb.insert(owner=ctx.sender, at=ScheduleAt.at(Timestamp(ctx.timestamp + seconds * 1_000_000)))


@reducer
def tick_bomb(ctx: ReducerContext, seconds: u32):
    from datetime import timedelta
    ctx.db.bomb.insert(owner=ctx.sender, at=ScheduleAt.every(timedelta(seconds=seconds)))


@reducer
def disarm(ctx: ReducerContext):
    ctx.db.bomb.clear()


@reducer(public=False)
def explode(ctx: ReducerContext, bomb: Bomb):
    if bomb.owner == ctx.identity:
        raise ReducerError('nobody owns it')
    ctx.db.secret.insert(text=f'boom at {ctx.timestamp}')


@scheduled(interval_ms=50)
def beat(ctx: ReducerContext):
    clock = ctx.db.clock.get(0)
    ctx.db.clock.update(clock, beats=clock.beats + 1, dt=ctx.dt)


@dataclass
class Total:
    identity: Identity
    bombs: u32


@view(primary_key='identity')
def my_bombs(ctx: ViewContext) -> Total | None:
    me = ctx.db.player.find(ctx.sender)
    return me and Total(ctx.sender, len(ctx.db.bomb))


@view
def best(ctx: AnonymousViewContext) -> list[Player]:
    return ctx.db.player.all().order_by('-score')[:2]


@dataclass
class TeamSize:
    team: Team
    players: u32
    best: u32


@view(primary_key='team')
def teams(ctx: AnonymousViewContext) -> Query[TeamSize]:
    return query(Player).group_by('team').agg(players=count(), best=max_('score'))


@table(public=True)
class Crate:
    id: PrimaryKey[u32]
    weight: f64


@dataclass
class Load:
    weight: f64
    mean: f64 | None


@view
def load(ctx: AnonymousViewContext) -> Query[Load]:
    return query(Crate).agg(weight=sum_('weight'), mean=avg('weight'))
