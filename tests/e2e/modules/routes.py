"""A module that answers HTTP requests of its own (tests/e2e/routes.test.mjs)."""

import time

from orochi import AutoKey, HandlerContext, PrimaryKey, ReducerContext, ReducerError, Request, Response, init, mount, reducer, route, table, u64


@table(public=True)
class Score:
    player: PrimaryKey[str]
    points: u64 = 0


@table(public=True)
class Seen:
    id: AutoKey[u64] = 0
    text: str = ""


@init
def start(ctx: ReducerContext):
    ctx.db.score.insert(player="zoe", points=9)


@reducer
def add(ctx: ReducerContext, player: str, points: u64 = 1):
    """Gives a player points."""
    row = ctx.db.score.find(player) or ctx.db.score.insert(player=player)
    ctx.db.score.update(row, points=row.points + points)


@route("GET", "/score/{player}")
def score(ctx: HandlerContext, request: Request, player: str):
    """A player's points."""
    row = ctx.with_tx(lambda tx: tx.db.score.find(player))
    return row or Response("no such player", status=404)


@route("POST", "/score/{player}/{points:int}")
def give(ctx: HandlerContext, request: Request, player: str, points: int):
    @ctx.with_tx
    def total(tx):
        add(tx, player, points)
        return tx.db.score.get(player).points
    ctx.log.info("%s has %d", player, total)
    return Response.json({"total": total}, 201, {"x-total": str(total)})


@route(["GET", "PUT", "PURGE"], "/echo/{rest:path}")
async def echo(ctx: HandlerContext, request: Request, rest: str):
    return {"method": request.method, "path": request.path, "rest": rest, "query": dict(request.query), "url": request.url,
            "auth": request.headers.get("authorization"), "size": len(request.body), "who": ctx.sender, "database": ctx.identity}


@route("GET", "/empty")
def empty(ctx, request):
    return None


@route("GET", "/fault")
def fault(ctx, request):
    raise RuntimeError("a secret of the server's")


@route("GET", "/refused")
def refused(ctx, request):
    raise ReducerError("not today")


@route("GET", "/rolled-back")
def rolled_back(ctx, request):
    ctx.with_tx(lambda tx: tx.db.seen.insert(text="kept"))
    try:
        with ctx.tx() as tx:
            tx.db.seen.insert(text="lost")
            raise KeyError("x")
    except KeyError:
        pass
    with ctx.tx() as tx:
        return sorted(row.text for row in tx.db.seen)


@route("GET", "/nested")
def nested(ctx, request):
    with ctx.tx() as tx:
        tx.db.seen.insert(text="outer")
        ctx.with_tx(lambda inner: None)


kept = []


@route("GET", "/kept")
def keeps(ctx, request):
    with ctx.tx() as tx:
        kept[:] = [tx, tx.db.score, tx.db.score.find("zoe"), tx.db.score.filter(points=9)]
    told = []
    for use in (lambda: kept[0].sender, lambda: len(kept[1]), lambda: kept[1].insert(player="x"), lambda: list(kept[3])):
        try:
            use()
            told.append("used")
        except Exception as error:
            told.append(type(error).__name__)
    return told + [kept[2].points]


@route("GET", "/left-open")
def left_open(ctx, request):
    tx = ctx.tx()
    tx.__enter__().db.seen.insert(text="left open")
    return "left"


@route("GET", "/for-ever")
def for_ever(ctx, request):
    with ctx.tx() as tx:
        tx.db.seen.insert(text="for ever")
        while True:
            pass


@route("GET", "/sleeps")
def sleeps(ctx, request):
    time.sleep(1)


@route("GET", "/split")
def split(ctx, request):
    return Response("", headers={"location": request.query["to"]})


@route("GET", "/big/{size:int}")
def big(ctx, request, size):
    return Response(b"x" * 65536 for _ in range(size))


@route("GET", "/headers")
def headers(ctx, request):
    answer = Response("own", headers=[("content-length", "3000"), ("Connection", "close"), ("cache-control", "max-age=5"), ("vary", "x")])
    answer.set_cookie("a", "1")
    answer.set_cookie("b", "2")
    return answer


@route("GET", "/wide")
def wide(ctx, request):
    return Response("", headers={"x-wide": "x" * 10000})


async def app(scope, receive, send):
    """The smallest ASGI application: who asks, and what."""
    body = (await receive())["body"]
    ctx = scope["state"]["ctx"]
    points = ctx.with_tx(lambda tx: tx.db.score.get("zoe").points)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain"), (b"x-path", scope["path"].encode())]})
    await send({"type": "http.response.body", "body": b"%s zoe has %d, " % (scope["method"].encode(), points), "more_body": True})
    await send({"type": "http.response.body", "body": body})


mount("/app", app)
