"""Each line that ends in a comment "error" is refused by a type checker, and no other is. game_db.pyi is what `orochi stubs` makes of
game.py."""

from game import Player, Team, ask, join, wait
from game_db import Db
from orochi import Database, ReducerContext, Rows, Table, Timestamp, testing


def typed(ctx: ReducerContext[Db]) -> None:
    ctx.db.playr  # error
    ctx.db.player.scor  # error
    ctx.db.player.insert(name="ann")  # error
    ctx.db.player.insert(identity=ctx.sender, name=7)  # error
    ctx.db.player.insert(identity=ctx.sender, name="ann", colour="red")  # error
    ctx.db.player.insert(identity=ctx.sender, name="ann")
    ctx.db.player.insert(Player(identity=ctx.sender, name="ann"))
    ctx.db.player.insert(Player(ctx.sender, "ann"))  # error
    ctx.db.player.find("ann")  # error
    ctx.db.player.get(ctx.sender).scor  # error
    ctx.db.player.find(ctx.sender).score  # error
    ctx.db.player.filter(score__gtee=1)  # error
    ctx.db.player.filter(score__gte="1")  # error
    ctx.db.player.filter(score__gte=1, team=Team.RED, name__in=["ann"]).order_by("-score").limit(3)
    ctx.db.player.filter(team="red")  # error
    ctx.db.player.where(lambda p: (p.score >= 1) | (p.team == Team.RED)).order_by("-score").offset(3).limit(2)
    ctx.db.player.where(7)  # error
    ctx.db.player.order_by(7)  # error
    ctx.db.player.team_score.top(3)
    ctx.db.player.team_score.top("3")  # error
    ctx.db.player.update(ctx.db.player.get(ctx.sender), scor=1)  # error
    ctx.db.player.update(ctx.db.player.get(ctx.sender), score=1, tags=["a"])
    ctx.db.player.name.find(7)  # error
    ctx.db.player.name.find("ann")
    ctx.db.player.score.find(7)  # error
    ctx.db.player.team_score.filter(Team.RED, gte=3)
    ctx.db.event.find(3)  # error
    ctx.db.event.insert(at=ctx.timestamp + 5, where=None)
    ctx.sender = ctx.identity  # error
    n: str = ctx.db.player.count()  # error
    rows: Rows[Player] = ctx.db.player.filter(score=1)
    first: Player = rows.first()  # error
    first, n = rows[0], rows[0].name
    late: Timestamp = ctx.timestamp + 1.5  # error
    late = ctx.timestamp + 1
    print(first, n, late)


class Tables(Database):
    player: Table[Player]


def declared(ctx: ReducerContext[Tables]) -> None:
    ctx.db.player.get(ctx.sender).scor  # error
    ctx.db.player.insert(Player(identity=ctx.sender, name="ann")).name.upper()


def plain(ctx: ReducerContext) -> None:
    ctx.db[Player].get(ctx.sender).scor  # error
    ctx.db[Player].get(ctx.sender).score += 1
    ctx.db.anything.goes()


def tested(db: testing.Database) -> None:
    ann = db.connect("ann")
    ann.call(join, "Ann")
    ann.call(join)  # error
    number: int = ann.call(ask, "why?")
    text: str = ann.call(ask, "why?")  # error
    ann.call(ask, question=5)  # error
    waited: str = ann.call(wait)
    db.call(ask, number, text, waited)  # error
    db.mock_http("https://example.com/*", {"text": "yes"}, testing.HttpResponse(404), delay=1.5)
    db.mock_http("https://example.com/*", retries=2)  # error
