"""Code of every kind that takes small objects without end: memory_kinds.test.mjs."""

import asyncio

from orochi import (AnonymousViewContext, HandlerContext, PrimaryKey, ProcedureContext, ReducerContext, Request, procedure, reducer, route, table,
                    u32, view)


@table(public=True)
class Note:
    id: PrimaryKey[u32]
    text: str = ""


def tuples():
    kept = []
    while True:
        kept.append((len(kept), [len(kept)]))


def dicts():
    kept = {}
    while True:
        kept[len(kept)] = {1: str(len(kept))}


def in_c():
    list(map(lambda i: (i, object()), iter(int, 1)))


KINDS = {"tuples": tuples, "dicts": dicts, "in_c": in_c}


@reducer
def reduces(ctx: ReducerContext, how: str):
    KINDS[how]()


@procedure
def proceeds(ctx: ProcedureContext, how: str) -> u32:
    KINDS[how]()
    return 1


@procedure
def writes(ctx: ProcedureContext) -> u32:
    def inside(tx):
        for i in range(100_000_000):
            tx.db.note.upsert(Note(id=i, text="x" * 50))
    ctx.with_tx(inside)
    return 1


@procedure
async def awaits(ctx: ProcedureContext, how: str) -> u32:
    await asyncio.sleep(0)
    KINDS[how]()
    return 1


@procedure
async def awaits_often(ctx: ProcedureContext) -> u32:
    kept = []
    while True:
        kept.append((len(kept), [len(kept)]))
        if len(kept) % 1000 == 0:
            await asyncio.sleep(0)


@procedure
async def begins_tasks(ctx: ProcedureContext) -> u32:
    kept = []
    while True:
        kept.append(asyncio.ensure_future(asyncio.sleep(1000)))
        if len(kept) % 1000 == 0:
            await asyncio.sleep(0)


@procedure
async def modest(ctx: ProcedureContext, n: u32) -> u32:
    await asyncio.sleep(0)
    return n


@procedure
def modest_too(ctx: ProcedureContext, n: u32) -> u32:
    return n


@route("GET", "/{how}")
def handles(ctx: HandlerContext, request: Request, how: str):
    KINDS[how]()


@view(public=True)
def sees(ctx: AnonymousViewContext, how: str) -> list[Note]:
    if how in KINDS:
        KINDS[how]()
    return [Note(id=1)] if how == "modest" else [Note(id=i) for i in range(100_000_000)]
