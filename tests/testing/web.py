"""A module of the tests that answers HTTP requests."""

from orochi import HandlerContext, PrimaryKey, ProcedureContext, ReducerError, Request, Response, environment, mount, procedure, route, table, u64


@table(public=True)
class Score:
    player: PrimaryKey[str]
    points: u64 = 0


@environment
class Settings:
    MODE: str = 'plain'


@route('GET', '/mode')
def mode(ctx: HandlerContext, request: Request):
    return ctx.env.MODE


@route('GET', '/score/{player}')
def score(ctx: HandlerContext, request: Request, player: str):
    with ctx.tx() as tx:
        return tx.db.score.find(player) or Response('nobody', 404)


@route('POST', '/score')
def give(ctx: HandlerContext, request: Request):
    given = request.json()

    @ctx.with_tx
    def row(tx):
        return tx.db.score.insert(player=given['player'], points=given['points'])
    ctx.log.info('given')
    return Response.json({'points': row.points, 'by': ctx.sender, 'at': ctx.timestamp, 'token': request.headers.get('x-token')}, 201)


@route('GET', '/fault')
def fault(ctx: HandlerContext, request: Request):
    ctx.with_tx(lambda tx: tx.db.score.insert(player='stays'))
    with ctx.tx() as tx:
        tx.db.score.insert(player='goes')
        raise KeyError('fault')


@route('GET', '/refused')
def refused(ctx: HandlerContext, request: Request):
    raise ReducerError('no')


@procedure
def wait(ctx: ProcedureContext) -> u64:
    ctx.sleep(1)
    return 1


async def app(scope, receive, send):
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': scope['method'].encode()})


mount('/app', app)
