"""What the tests of the server serve: of this file only the declarations count, the reducers are C functions (module.c).
module.json is what the bridge hands to oro_schema_parse for it ("routes" was added by hand: it has handlers), changed.json the same with the line marked `changed` in it."""
from orochi import PrimaryKey, client_connected, client_disconnected, i64, init, reducer, table, u32


@table(public=True)
class Account:
    id: PrimaryKey[u32]
    n: i64


@table
class Present:
    id: PrimaryKey[u32]
    times: i64
    # more: i64 = 7  # changed


@init
def first(ctx): ...


@client_connected
def comes(ctx): ...


@client_disconnected
def goes(ctx): ...


@reducer
def add(ctx, id: u32, by: i64): ...


@reducer
def fill(ctx, first: u32, count: u32): ...


@reducer
def fail(ctx): ...


@reducer
def hold(ctx): ...


@reducer
def check(ctx): ...
