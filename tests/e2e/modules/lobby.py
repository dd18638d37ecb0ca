"""Whoever comes stands in a table: a request for SQL is a call before it, and one behind."""

from orochi import PrimaryKey, ReducerContext, client_connected, client_disconnected, table


@table(public=True)
class Guest:
    id: PrimaryKey[str]


@client_connected
def come(ctx: ReducerContext):
    ctx.db.guest.insert(id=str(ctx.connection_id))


@client_disconnected
def go(ctx: ReducerContext):
    ctx.db.guest.delete(str(ctx.connection_id))
