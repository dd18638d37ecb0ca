"""Reducers that read files, end the process, and ask the clock."""

import os
import random
import time

from orochi import ReducerContext, reducer


@reducer
def look(ctx: ReducerContext):
    with open(os.devnull) as file:
        os.read(file.fileno(), 10)


@reducer
def leave(ctx: ReducerContext):
    os._exit(0)


@reducer
def guess(ctx: ReducerContext):
    assert time.time() > 0 and random.random() < 1
