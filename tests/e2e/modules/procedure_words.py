"""What a procedure is told, and its environment (tests/e2e/procedure_words.test.mjs)."""

import datetime
from dataclasses import dataclass

from orochi import ProcedureContext, ReducerContext, environment, procedure, reducer


@environment
class Settings:
    KEY: str


@reducer
def later(ctx: ReducerContext, text: str):
    ctx.log.info(f"later: {text}")


@procedure
def key(ctx: ProcedureContext) -> str:
    return ctx.env.KEY


@procedure
async def key_later(ctx: ProcedureContext) -> str:
    await ctx.sleep(0)
    return ctx.env.KEY


@dataclass
class Late:
    text: str

    def __del__(self):
        if self.text == "opens":
            open_late[0].tx().__enter__()


open_late = []


@procedure
def opens_late(ctx: ProcedureContext) -> Late:
    open_late[:] = [ctx]
    return Late("opens")


@procedure
def told(ctx: ProcedureContext) -> list[str]:
    now = datetime.datetime.now(datetime.timezone.utc)

    def said(f, *args):
        try:
            return repr(f(*args))
        except Exception as e:
            return f"{type(e).__name__}: {e}"
    return [
        said(lambda: ctx.schedule(later, "x", after=1)),
        said(ctx.with_tx, lambda tx: tx.http.get("http://a/")),
        said(ctx.with_tx, lambda tx: tx.sleep(1)),
        said(ctx.with_tx, lambda tx: ctx.tx().__exit__(None, None, None)),
        said(ctx.with_tx, lambda tx: (hasattr(tx, "http"), hasattr(tx, "db"))),
        said(ctx.with_tx, lambda tx: tx.schedule(key, after=1)),
        said(ctx.with_tx, lambda tx: tx.schedule(later, "from a procedure", after=0)),
        said(ctx.sleep_until, now + datetime.timedelta(milliseconds=5)),
        said(ctx.sleep_until, ctx.timestamp),
        said(ctx.sleep_until, "1"),
        said(ctx.sleep_until, 2.5),
    ]
