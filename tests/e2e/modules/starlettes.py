"""A Starlette application in a module (tests/e2e/starlette.test.mjs)."""

from orochi import PrimaryKey, mount, table, u64
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

@table(public=True)
class Score:
    player: PrimaryKey[str]
    points: u64 = 0

async def show(request):
    row = request.state.ctx.with_tx(lambda tx: tx.db.score.find(request.path_params["player"]))
    return JSONResponse({"points": row.points if row else None, "url": str(request.url_for("show", player="x"))})

async def give(request):
    body = await request.json()
    def put(tx):
        return tx.db.score.upsert(Score(player=request.path_params["player"], points=body["points"])).points
    return JSONResponse({"points": request.state.ctx.with_tx(put)}, status_code=201)

def plain(request):
    return PlainTextResponse("plain")

async def stream(request):
    async def parts():
        for n in range(3):
            yield f"{n};"
    return StreamingResponse(parts())

async def fault(request):
    raise RuntimeError("secret")

async def header(request, call_next):
    answer = await call_next(request)
    answer.headers["x-seen"] = "yes"
    return answer

mount("/app", Starlette(routes=[Route("/score/{player}", show, name="show"), Route("/score/{player}", give, methods=["PUT"]), Route("/plain", plain),
      Route("/fault", fault), Mount("/deep", routes=[Route("/stream", stream)])],
      middleware=[Middleware(BaseHTTPMiddleware, dispatch=header), Middleware(CORSMiddleware, allow_origins=["https://a.example"])]))
