"""Many accounts between which a constant sum moves."""

from orochi import PrimaryKey, ReducerContext, i64, init, reducer, table, u64


@table(public=True)
class Account:
    id: PrimaryKey[u64]
    balance: i64


@init
def begin(ctx: ReducerContext):
    for i in range(50_000):
        ctx.db.account.insert(id=i, balance=100)


@reducer
def move(ctx: ReducerContext, a: u64, b: u64, amount: i64):
    giver, taker = ctx.db.account.get(a), ctx.db.account.get(b)
    if a != b:
        ctx.db.account.update(giver, balance=giver.balance - amount)
        ctx.db.account.update(taker, balance=taker.balance + amount)
