from orochi import *
columns = {'id': PrimaryKey[u32], **{f'c{i}': u64 for i in range(15)}}
for i in range(80):
    globals()[f'T{i}'] = table(name=f't{i}')(type(f'T{i}', (), {'__annotations__': dict(columns)}))
kept = []
def over(fn):
    try: fn()
    except TransactionError as e: assert 'used outside' in str(e), str(e)
    else: assert False, 'a handle of an earlier call serves this one'
@reducer
def two(ctx: ReducerContext):
    ctx.db.t3.id.find(1)
    ctx.db.t7.count()
    ctx.db.t3.c4.count(2)
@reducer
def all_of_them(ctx: ReducerContext):
    for i in range(80): getattr(ctx.db, f't{i}').count()
@reducer
def keep(ctx: ReducerContext, way: u32):
    ways = [lambda: ctx.db, lambda: ctx.db.t3, lambda: ctx.db.t3.id, lambda: ctx.db.t3.c4,
        lambda: ctx.db[T5], lambda: ctx.db[T5].id, lambda: ctx.db.t9.insert, lambda: ctx.db.t9.id.find,
        lambda: getattr(ctx.db, 't11'), lambda: type(ctx.db).t12.__get__(ctx.db), lambda: ctx.db.t3.column('c4'),
        lambda: (lambda t=ctx.db.t20: t), lambda: [t.c0 for t in (ctx.db.t30, ctx.db.t31)], lambda: ctx]
    kept.append(ways[way % len(ways)]())
@reducer
def use(ctx: ReducerContext, way: u32):
    k = kept.pop()
    uses = [lambda: k.t3.count(), lambda: k.count(), lambda: k.find(1), lambda: k.count(1),
        lambda: k.count(), lambda: k.find(1), lambda: k(id=1), lambda: k(1),
        lambda: k.count(), lambda: k.count(), lambda: k.count(1), lambda: k().count(), lambda: k[1].count(1), lambda: k.db.t3.count()]
    over(uses[way % len(uses)])
    assert ctx.db.t3.count() == 0 and ctx.db.t3.id.find(1) is None
