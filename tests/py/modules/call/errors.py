import sys
from typing import Annotated
from orochi import *
@table
class Player:
    id: PrimaryKey[u64]
    name: str
@reducer
def with_code(ctx: ReducerContext):
    raise ReducerError('too long', code='bad_name', data={'n': 1})
@reducer
def missing(ctx: ReducerContext):
    ctx.db.player.get(7)
@reducer
def unique(ctx: ReducerContext):
    ctx.db.player.insert(id=1, name='a')
    ctx.db.player.insert(id=1, name='b')
def helper():
    return {}['gone']
@reducer
def internal(ctx: ReducerContext):
    helper()
@reducer
def leave(ctx: ReducerContext):
    sys.exit(3)
@reducer
def deep(ctx: ReducerContext):
    def f(n): return f(n + 1)
    f(0)
@reducer
def interrupt(ctx: ReducerContext):
    raise KeyboardInterrupt
@reducer
def memory(ctx: ReducerContext):
    raise MemoryError
@reducer
def wrong_type(ctx: ReducerContext):
    ctx.db.player.insert(id='x', name='b')
@reducer
def checked(ctx: ReducerContext, text: Annotated[str, Len(1, 4)]):
    pass
@reducer
def fine(ctx: ReducerContext):
    pass
