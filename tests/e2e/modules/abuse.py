"""Reducers that misbehave in every way that a worker has to survive: each first writes a row, which must not stay."""

import collections
import contextlib
import functools
import itertools
import os
import signal
import sys
import threading
from dataclasses import dataclass
from time import monotonic

from orochi import AutoKey, PrimaryKey, ReducerContext, ReducerError, ReducerTimeout, reducer, scheduled, table, u32, u64


@table(public=True)
class Mark:
    id: AutoKey[u64] = 0
    who: str


@table(public=True)
class Tick:
    name: PrimaryKey[str]
    n: u64 = 0


kept = []


def abuse(fn):
    """A reducer that writes a row before it misbehaves."""
    @functools.wraps(fn)
    def marked(ctx: ReducerContext):
        ctx.db.mark.insert(who=fn.__name__)
        fn(ctx)
    marked.__annotations__ = {"ctx": ReducerContext}
    del marked.__wrapped__
    return reducer(marked)


@reducer
def fine(ctx: ReducerContext):
    assert ctx.db.mark.count() == 0
    ctx.db.tick.find("fine") or ctx.db.tick.insert(name="fine")


@scheduled(hz=20)
def beat(ctx: ReducerContext):
    row = ctx.db.tick.find("beat") or ctx.db.tick.insert(name="beat")
    ctx.db.tick.update(row, n=row.n + 1)


# ---- loops

@abuse
def endless(ctx):
    while True:
        pass


@abuse
def endless_call(ctx):
    def step():
        pass
    for _ in itertools.repeat(None):
        step()


@abuse
def endless_comprehension(ctx):
    [None for _ in iter(int, 1) if False]


@abuse
def endless_sort_key(ctx):
    sorted(range(10), key=lambda _: sum(1 for _ in iter(int, 1)))


@abuse
def bare_except(ctx):
    while True:
        try:
            while True:
                pass
        except:  # noqa: E722
            pass


@abuse
def bare_except_around_calls(ctx):
    def work():
        return [n * n for n in range(50)]
    while True:
        try:
            work()
        except BaseException:
            continue


@abuse
def catches_by_name(ctx):
    while True:
        try:
            while True:
                pass
        except ReducerTimeout:
            work = sum(range(100))
            assert work


@abuse
def recursive_except(ctx):
    def again(n):
        try:
            while True:
                pass
        except BaseException:
            again(n + 1)
    again(0)


@abuse
def finally_loops(ctx):
    try:
        while True:
            pass
    finally:
        while True:
            pass


@abuse
def suppresses(ctx):
    while True:
        with contextlib.suppress(BaseException):
            while True:
                pass


@abuse
def exit_loops(ctx):
    class Manager:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            while True:
                pass
    with Manager():
        while True:
            pass


@abuse
def del_loops(ctx):
    class Sticky:
        def __del__(self):
            while True:
                pass
    Sticky()


@abuse
def generator_that_will_not_end(ctx):
    def stubborn():
        while True:
            try:
                yield
            except BaseException:
                pass
    generator = stubborn()
    next(generator)
    while True:
        try:
            generator.throw(KeyError)
        except RuntimeError:
            pass


@abuse
def text_loops(ctx):
    class Endless(Exception):
        def __str__(self):
            while True:
                pass
    raise Endless


# ---- leaving

@abuse
def system_exit(ctx):
    sys.exit(3)


@abuse
def keyboard_interrupt(ctx):
    raise KeyboardInterrupt


@abuse
def generator_exit(ctx):
    raise GeneratorExit


@abuse
def os_exit(ctx):
    os._exit(3)


@abuse
def posix_exit(ctx):
    import posix
    posix._exit(3)


@abuse
def abort(ctx):
    os.abort()


@abuse
def kill(ctx):
    os.kill(os.getpid(), signal.SIGKILL)


@abuse
def raise_signal(ctx):
    signal.raise_signal(signal.SIGSEGV)


@abuse
def fork(ctx):
    os.fork()


@abuse
def execv(ctx):
    os.execv("/bin/true", ["true"])


@abuse
def thread(ctx):
    threading.Thread(target=print).start()


@abuse
def waits(ctx):
    threading.Event().wait()


# ---- memory and depth

@abuse
def memory_error(ctx):
    raise MemoryError


@abuse
def huge_text(ctx):
    "a" * 10**15


@abuse
def recursion(ctx):
    def deeper(n):
        return deeper(n + 1) + 1
    deeper(0)


@abuse
def recursion_without_limit(ctx):
    sys.setrecursionlimit(10**9)


@abuse
def recursion_in_c(ctx):
    class Deep:
        def __getattr__(self, name):
            return getattr(self, name + "x"[:0])
    Deep().anything


@abuse
def deep_repr(ctx):
    nested = []
    for _ in range(200_000):
        nested = [nested]
    repr(nested)


@abuse
def deep_compare(ctx):
    a, b = [], []
    for _ in range(200_000):
        a, b = [a], [b]
    a == b


@abuse
def deep_pickle(ctx):
    import pickle
    nested = []
    for _ in range(200_000):
        nested = [nested]
    pickle.dumps(nested)


@abuse
def deep_json(ctx):
    import json
    json.loads("[" * 200_000)


@abuse
def deep_source(ctx):
    eval("(" * 10_000)


@abuse
def cyclic_errors(ctx):
    a, b = ValueError("a"), ValueError("b")
    a.__cause__, b.__cause__ = b, a
    a.__context__ = a
    raise a


@abuse
def broken_text(ctx):
    class Broken(Exception):
        def __str__(self):
            raise SystemExit("from __str__")
    raise Broken


@abuse
def lone_surrogate(ctx):
    raise ValueError("\ud800")


@abuse
def group(ctx):
    raise BaseExceptionGroup("both", [SystemExit(1), ValueError("x")])


# ---- arguments

@dataclass
class Slow:
    n: u32

    def __post_init__(self):
        while self.n:
            pass


@reducer
def slow_argument(ctx: ReducerContext, value: Slow):
    pass


# ---- what stays behind

@abuse
def keeps_generator(ctx):
    def rows():
        try:
            for row in ctx.db.mark:
                yield row
        finally:
            ctx.db.mark.insert(who="later")
    generator = rows()
    next(generator)
    kept.append(generator)
    raise ReducerError("kept")


@abuse
def uses_generator(ctx):
    next(kept.pop())


@abuse
def cyclic_garbage(ctx):
    class Node:
        def __del__(self):
            raise ValueError("from __del__")
    nodes = [Node() for _ in range(100)]
    for node in nodes:
        node.others = nodes
    raise ReducerError("cyclic")


# ---- with a limit of memory

@abuse
def grows_list(ctx):
    values = []
    while True:
        values.append(object())


@abuse
def grows_text(ctx):
    text = "a"
    while True:
        text += text


@abuse
def large_text(ctx):
    "a" * 10**10


@abuse
def grows_dict(ctx):
    d = {}
    for n in itertools.count():
        d[n] = str(n)


@abuse
def grows_bytearray(ctx):
    b = bytearray()
    while True:
        b += b"x" * 100_000


@abuse
def grows_in_c(ctx):
    collections.deque(itertools.count())


@abuse
def grows_in_c_list(ctx):
    list(map(str, itertools.count()))


@abuse
def large_number(ctx):
    1 << 10**11


@abuse
def grows_and_catches(ctx):
    values = []
    while True:
        try:
            values.append([None] * 50)
        except MemoryError:
            pass


# ---- stuck in C

@reducer
def stuck(ctx: ReducerContext):
    next(filter((monotonic() + 5).__lt__, iter(monotonic, None)))
