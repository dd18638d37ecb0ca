import itertools, time
from orochi import *
@table
class T:
    id: PrimaryKey[u32]
@reducer
def forever(ctx: ReducerContext):
    while True: pass
@reducer
def stubborn(ctx: ReducerContext):
    while True:
        try:
            while True: pass
        except Exception: pass
@reducer
def count(ctx: ReducerContext):
    for _ in itertools.count(): pass
@reducer
def fill(ctx: ReducerContext):
    i = 0
    while True:
        i += 1
        ctx.db.t.upsert(T(id=i % 10))
@reducer
def fine(ctx: ReducerContext):
    for _ in range(1000): pass
