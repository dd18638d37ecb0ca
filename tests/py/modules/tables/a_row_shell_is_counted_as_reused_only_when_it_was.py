@reducer
def fill(ctx: ReducerContext):
    five(ctx)
@reducer
def look(ctx: ReducerContext):
    kept = [ctx.db.player.name.find('ann') for _ in range(300)]
@reducer
def one(ctx: ReducerContext):
    for _ in range(50): ctx.db.player.name.find('ann')
