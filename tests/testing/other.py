"""A second module: both are tested in one process."""

from orochi import AutoKey, ReducerContext, reducer, table, u64


@table(public=True)
class Player:
    id: AutoKey[u64] = 0
    nick: str


@reducer
def join(ctx: ReducerContext, nick: str):
    ctx.db.player.insert(nick=nick)
