"""Leaderboards and sums as views that are said as queries."""

from dataclasses import dataclass

from orochi import (AnonymousViewContext, HandlerContext, PrimaryKey, Query, ReducerContext, Request, Response, ViewContext, avg, count, i64, max_,
                    min_, procedure, ProcedureContext, query, reducer, route, sum_, table, u32, u64, view)


@table(public=True, indexes=[('score', 'id'), ('team', 'score')])
class Player:
    id: PrimaryKey[u32]
    team: u32
    score: i64 = 0
    name: str | None = None


@table
class Setting:
    id: PrimaryKey[u32]
    least: i64


@dataclass
class TeamScore:
    team: u32
    players: u64
    named: u64
    best: i64
    worst: i64
    total: i64
    mean: float


@dataclass
class Total:
    players: u64
    best: i64 | None


@reducer
def put(ctx: ReducerContext, id: u32, team: u32, score: i64, name: str | None):
    ctx.db.player.upsert(Player(id=id, team=team, score=score, name=name))


@reducer
def drop(ctx: ReducerContext, id: u32):
    ctx.db.player.delete(id)


@reducer
def fill(ctx: ReducerContext, n: u32):
    ctx.db.player.insert_many(Player(id=i, team=i % 3, score=i * 7919 % n) for i in range(n))


@reducer
def least(ctx: ReducerContext, least: i64):
    ctx.db.setting.upsert(Setting(id=0, least=least))


@procedure
def put_by_procedure(ctx: ProcedureContext, id: u32, score: i64) -> None:
    ctx.with_tx(lambda tx: tx.db.player.upsert(Player(id=id, team=0, score=score)))


@route('POST', '/put/{id}/{score}')
def put_by_handler(ctx: HandlerContext, request: Request) -> Response:
    row = Player(id=int(request.params['id']), team=0, score=int(request.params['score']))
    ctx.with_tx(lambda tx: tx.db.player.upsert(row))
    return Response('done')


@view
def top(ctx: AnonymousViewContext) -> Query[Player]:
    return query(Player).order_by('-score').limit(3)


@view(primary_key='team')
def teams(ctx: AnonymousViewContext) -> Query[TeamScore]:
    return query(Player).group_by('team').agg(players=count(), named=count('name'), best=max_('score'), worst=min_('score'),
                                              total=sum_('score'), mean=avg('score'))


@view
def total(ctx: AnonymousViewContext) -> Query[Total]:
    return query(Player).agg(players=count(), best=max_('score'))


@view
def good(ctx: AnonymousViewContext) -> Query[Player]:
    setting = ctx.db.setting.id.find(0)
    return query(Player).where(lambda p: (p.score >= (setting.least if setting else 10**30)) & (p.name != None))  # noqa: E711


@view
def of_team(ctx: AnonymousViewContext, team: u32) -> Query[Player]:
    return query(Player).where(lambda p: p.team == team).order_by('-score').limit(2)


@dataclass
class Small:
    n: u32
    total: u32


@view
def narrow(ctx: ViewContext) -> Query[Small]:
    return query(Player).agg(n=count(), total=sum_('score'))


@view
def misnamed(ctx: ViewContext) -> Query[Small]:
    return query(Player).agg(n=count(), sums=sum_('score'))
