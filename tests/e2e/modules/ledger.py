"""Transfers that leave a line each, numbered by the caller: what the crash tests compare with what they were told."""

from orochi import (ConnectionId, Index, PrimaryKey, ReducerContext, ReducerError, client_connected, client_disconnected, i64,
                    init, reducer, table, u32, u64)

ACCOUNTS = 200


@table(public=True)
class Account:
    id: PrimaryKey[u32]
    balance: i64


@table(public=True)
class Line:
    number: PrimaryKey[u64]
    round: Index[u32]
    source: u32
    target: u32
    amount: i64


@table(public=True)
class Online:
    connection: PrimaryKey[ConnectionId]


@table(public=True)
class Tally:
    id: PrimaryKey[u32]
    lines: u64


@init
def setup(ctx: ReducerContext) -> None:
    ctx.db.account.insert_many(Account(id=i, balance=1000) for i in range(ACCOUNTS))
    ctx.db.tally.insert(Tally(id=0, lines=0))


@client_connected
def connected(ctx: ReducerContext) -> None:
    ctx.db.online.insert(Online(connection=ctx.connection_id))


@client_disconnected
def disconnected(ctx: ReducerContext) -> None:
    ctx.db.online.connection.delete(ctx.connection_id)


@reducer
def transfer(ctx: ReducerContext, number: u64, round: u32, source: u32, target: u32, amount: i64) -> None:
    accounts = ctx.db.account.id
    a, b = accounts.find(source), accounts.find(target)
    if a is None or b is None or source == target:
        raise ReducerError("no such transfer")
    accounts.update(a, balance=a.balance - amount)
    ctx.db.line.insert(Line(number=number, round=round, source=source, target=target, amount=amount))
    accounts.update(b, balance=b.balance + amount)


@reducer
def forget(ctx: ReducerContext, round: u32) -> None:
    lines = ctx.db.line.round.filter(round)
    tally = ctx.db.tally.id.find(0)
    count = 0
    for line in list(lines):
        ctx.db.line.number.delete(line.number)
        count += 1
    ctx.db.tally.id.update(tally, lines=tally.lines + count)
