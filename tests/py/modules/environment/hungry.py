import collections, itertools
from orochi import *
cache = []
@reducer
def text(ctx: ReducerContext):
    'a' * 10**10
@reducer
def objects(ctx: ReducerContext):
    x = []
    while True: x.append(object())
@reducer
def small(ctx: ReducerContext):
    x = []
    while True: x = [x]
@reducer
def in_c(ctx: ReducerContext):
    collections.deque(itertools.count())
@reducer
def keep(ctx: ReducerContext):
    while True: cache.append(bytes(10_000))
@reducer
def modest(ctx: ReducerContext):
    assert len([str(i) for i in range(10_000)]) == 10_000
@reducer
def drop(ctx: ReducerContext):
    cache.clear()
