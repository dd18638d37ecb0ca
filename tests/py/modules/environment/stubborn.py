from dataclasses import dataclass
from orochi import *
@dataclass
class Slow:
    n: u8
    def __post_init__(self):
        while self.n: pass
@reducer
def again(ctx: ReducerContext):
    while True:
        try:
            while True: pass
        except BaseException: pass
@reducer
def inside(ctx: ReducerContext):
    while True:
        try: [i for i in range(100)]
        except: continue
@reducer
def goes_on(ctx: ReducerContext):
    try:
        while True: pass
    except BaseException: pass
@reducer
def argument(ctx: ReducerContext, s: Slow): pass
@reducer
def fine(ctx: ReducerContext):
    for _ in range(1000): pass
