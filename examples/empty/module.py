"""Things."""

from orochi import AutoKey, ReducerContext, ReducerError, reducer, table, u64


@table(public=True)
class Thing:
    id: AutoKey[u64] = 0
    name: str


@reducer
def add_thing(ctx: ReducerContext, name: str) -> None:
    if not name.strip():
        raise ReducerError("A thing needs a name.")
    ctx.db.thing.insert(name=name)
