"""A few rows, many rows, and views, for sets that are subscribed to at once."""

from orochi import AnonymousViewContext, Index, PrimaryKey, ReducerContext, reducer, table, u32, u64, view


@table(public=True)
class Mark:
    name: PrimaryKey[str]
    n: Index[u64] = 0


@table(public=True)
class Line:
    n: PrimaryKey[u32]
    even: bool
    other: u32 = 0


@table(public=True, event=True)
class Blow:
    n: u32


@reducer
def fill(ctx: ReducerContext, n: u32):
    ctx.db.line.insert_many(Line(n=i, even=i % 2 == 0) for i in range(n))


@reducer
def put(ctx: ReducerContext, name: str, n: u64):
    row = ctx.db.mark.find(name) or ctx.db.mark.insert(name=name)
    ctx.db.mark.update(row, n=row.n + n)


@reducer
def turn(ctx: ReducerContext, n: u32):
    row = ctx.db.line.get(n)
    ctx.db.line.update(row, even=not row.even)


@view(public=True)
def large_marks(ctx: AnonymousViewContext) -> list[Mark]:
    return ctx.db.mark.n.filter(gte=3)


@view(public=True)
def broken(ctx: AnonymousViewContext) -> list[Mark]:
    raise RuntimeError("broken")
