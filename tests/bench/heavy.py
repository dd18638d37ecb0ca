"""The table and reducers of examples/bank, where each transfer also computes for about 200 us in Python: what `scaling.sh` calls."""

from orochi import PrimaryKey, ReducerContext, ReducerError, i64, reducer, table, u32

ROUNDS = 4000  # of a loop of some 50 ns


@table(public=True)
class Accounts:
    id: PrimaryKey[u32]
    balance: i64


@reducer
def seed(ctx: ReducerContext, n: u32, initial_balance: i64) -> None:
    ctx.db.accounts.clear()
    ctx.db.accounts.insert_many(Accounts(id=i, balance=initial_balance) for i in range(n))


def think(number: int) -> int:
    for i in range(ROUNDS):
        number = (number * 31 + i) & 0xFFFF
    return number


@reducer
def transfer(ctx: ReducerContext, from_: u32, to: u32, amount: i64) -> None:
    by_id = ctx.db.accounts.id
    source, target = by_id.find(from_), by_id.find(to)
    if source is None or target is None:
        raise ReducerError("account_missing")
    if think(from_) < 0:
        raise ReducerError("impossible")
    by_id.update(source, balance=source.balance - amount)
    by_id.update(target, balance=target.balance + amount)
