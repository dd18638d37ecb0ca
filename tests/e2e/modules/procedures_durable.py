"""What a procedure does behind a commit finds it on disk."""

from orochi import AutoKey, ProcedureContext, procedure, table, u64


@table(public=True)
class Paid:
    id: AutoKey[u64] = 0
    text: str


@procedure
def pay(ctx: ProcedureContext, url: str, text: str) -> None:
    ctx.with_tx(lambda tx: tx.db.paid.insert(text=text))
    ctx.http.get(url)


@procedure
async def pay_async(ctx: ProcedureContext, url: str, text: str) -> None:
    await ctx.with_tx(lambda tx: tx.db.paid.insert(text=text))
    await ctx.http.get(url)


@procedure
async def pay_in_a_block(ctx: ProcedureContext, url: str, text: str) -> None:
    async with ctx.tx() as tx:
        tx.db.paid.insert(text=text)
    await ctx.http.get(url)
