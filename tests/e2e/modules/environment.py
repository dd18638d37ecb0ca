"""A module that is given an environment (tests/e2e/environment.test.mjs)."""

from typing import Literal

from orochi import HandlerContext, ReducerContext, ReducerError, Request, environment, init, reducer, route, table, PrimaryKey


@environment
class Settings:
    KEY: str
    MODE: Literal["test", "live"] = "test"
    LIMIT: int | None
    RATE: float = 0.5
    LOUD: bool = False


@table(public=True)
class Told:
    key: PrimaryKey[str]
    value: str


@init
def start(ctx: ReducerContext):
    ctx.db.told.insert(key="at init", value=f"{len(ctx.env.KEY)} {ctx.env.MODE}")


@reducer
def tell(ctx: ReducerContext, key: str):
    ctx.db.told.upsert(ctx.db.told.find(key) or Told(key=key, value=""), value=repr(ctx.env.get(key)))


@reducer
def fails(ctx: ReducerContext):
    raise ReducerError(f"{ctx.env!r}")


@route("GET", "/env")
def show(ctx: HandlerContext, request: Request):
    return {"mode": ctx.env.MODE, "limit": ctx.env.LIMIT, "rate": ctx.env.RATE, "loud": ctx.env.LOUD, "length": len(ctx.env["KEY"]),
            "has": ["LIMIT" in ctx.env, "MODE" in ctx.env], "in_tx": ctx.with_tx(lambda tx: tx.env.MODE)}
