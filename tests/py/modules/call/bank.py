from orochi import PrimaryKey, ReducerContext, ReducerError, i64, reducer, table, u32
@table(public=True)
class Accounts:
    id: PrimaryKey[u32]
    balance: i64
@reducer
def seed(ctx: ReducerContext, n: u32, initial_balance: i64) -> None:
    ctx.db.accounts.clear()
    ctx.db.accounts.insert_many(Accounts(id=i, balance=initial_balance) for i in range(n))
    ctx.log.info('seeded %d accounts with balance %d', n, initial_balance)
@reducer
def transfer(ctx: ReducerContext, from_: u32, to: u32, amount: i64) -> None:
    if from_ == to:
        raise ReducerError('same_account')
    by_id = ctx.db.accounts.id
    source, target = by_id.find(from_), by_id.find(to)
    if source is None or target is None:
        raise ReducerError('account_missing')
    if source.balance < amount:
        raise ReducerError('insufficient_funds')
    by_id.update(source, balance=source.balance - amount)
    by_id.update(target, balance=target.balance + amount)
