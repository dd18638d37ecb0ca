"""Handlers and procedures that write more than can be kept: large.test.mjs."""

from orochi import HandlerContext, PrimaryKey, ProcedureContext, Request, TransactionError, procedure, route, table, u32

MIB = 1 << 20


@table(public=True)
class Blob:
    id: PrimaryKey[u32]
    data: bytes


def fill(tx, n: int, mib: int):
    for i in range(n):
        tx.db.blob.insert(id=i, data=bytes(mib * MIB))


def tried(ctx, n: int, mib: int, block: bool) -> str:
    try:
        if block:
            with ctx.tx() as tx:
                fill(tx, n, mib)
        else:
            ctx.with_tx(lambda tx: fill(tx, n, mib))
    except TransactionError as error:
        return str(error)
    return "kept"


@route("GET", "/fill/{n:int}/{mib:int}/{block:int}")
def handler(ctx: HandlerContext, request: Request, n: int, mib: int, block: int):
    return tried(ctx, n, mib, bool(block))


@procedure
def fills(ctx: ProcedureContext, n: u32, mib: u32, block: bool) -> str:
    return tried(ctx, n, mib, block)
