"""Runs what the test sends, in a reducer: what reducers may not do, what nobody may, and what must still work."""

import asyncio
import atexit
import builtins
import collections
import copy
import functools
import gc
import inspect
import io
import locale
import logging
import os
import pickle
import queue
import random
import resource
import select
import selectors
import signal
import socket
import sys
import threading
import time
import typing

from orochi import AutoKey, ReducerContext, reducer, table, u64

taken = threading.Lock()
taken.acquire()
pipe = os.pipe()
pair = socket.socketpair()
event = os.eventfd(0)
poll = select.poll()
epoll = select.epoll()
epoll.register(pipe[0], select.EPOLLIN)


@table(public=True)
class Mark:
    id: AutoKey[u64] = 0


# ---- what the guards must leave as it is, when the module is imported

async def shown():
    await asyncio.sleep(0)
    return await asyncio.wait_for(asyncio.to_thread(int, '7'), 1) if False else 7


def same(a, b):
    assert a == b, f'{a!r} is not {b!r}'


def unchanged():
    with selectors.DefaultSelector() as selector:
        assert isinstance(selector, selectors.EpollSelector)
        selector.register(pipe[0], selectors.EVENT_READ)
        same(selector.select(0), [])
    same(asyncio.run(shown()), 7)

    class Clock:
        now = time.time
        wait = time.sleep
        end = os._exit
        chance = random.random

    assert Clock().now() > 0 and Clock().now is time.time
    Clock().wait(0)
    assert isinstance(epoll, select.epoll) and isinstance(select.epoll, type)

    class Mine(queue.SimpleQueue):
        pass

    class Gate(threading.Condition):
        pass

    same(Mine().empty(), True)
    with Gate() as gate:
        assert gate is not None
    same(str(inspect.signature(random.randint)), '(a, b)')
    same(str(inspect.signature(threading.Condition.wait)), '(self, timeout=None)')
    same(str(inspect.signature(os.read)), '(fd, length, /)')
    same(str(inspect.signature(select.select)), '(rlist, wlist, xlist, timeout=None, /)')
    for fn in (time.time, time.sleep, os.read, os._exit, signal.alarm, select.select, gc.freeze, sys.setrecursionlimit,
               __import__('_locale').setlocale, resource.setrlimit):
        kind = type(fn)
        assert kind in (type(len),), (fn, kind)
        same(repr(kind), repr(type(fn)))
        same(pickle.loads(pickle.dumps(fn)), fn) if kind is type(len) else None
        assert copy.copy(fn) is fn and copy.deepcopy(fn).__name__ == fn.__name__
        assert fn.__doc__ or fn is resource.setrlimit, fn
    same([time.time.__name__, time.time.__module__, time.time.__qualname__, time.time.__self__], ['time', 'time', 'time', time])
    same([os.read.__name__, os.read.__module__], ['read', 'posix'])
    same(functools.partial(os.getpid)(), os.getpid())
    assert isinstance(time.time, typing.Callable) and callable(Mine)
    same(str(typing.get_type_hints(shown)), '{}')
    help_text = io.StringIO()
    import pydoc
    pydoc.doc(time.time, output=help_text)
    assert 'built-in function time' in help_text.getvalue(), help_text.getvalue()
    with open(os.devnull) as file:
        same([file.read(), os.read(file.fileno(), 3)], ['', b''])
    same([taken.acquire(False), taken.acquire(timeout=0.05), taken.acquire(True, 0.01)], [False] * 3)
    for wrong in ('taken.acquire(5, 6, 7)', 'taken.acquire(blocking=False, timeout=1)', 'time.sleep()', 'time.sleep("1")', 'time.sleep(-1)',
                  'os.read(1)', 'queue.SimpleQueue().get(timeout=-1)', 'select.select([], [])', 'time.time(1)', 'select.poll().poll("x")'):
        try:
            eval(wrong)
        except (TypeError, ValueError):
            continue
        raise AssertionError(wrong)
    try:
        queue.SimpleQueue().get(timeout=0.06)
    except queue.Empty:
        pass
    same(select.select([pipe[0]], [], [], 0.05), ([], [], []))
    same([poll.poll(50), epoll.poll(0.05), epoll.poll(timeout=0.05, maxevents=2)], [[], [], []])
    os.write(pipe[1], b'x')
    same([bool(epoll.poll()), select.select([pipe[0]], [], [])[0], os.read(pipe[0], 5)], [True, [pipe[0]], b'x'])
    pair[0].send(b'y')
    same(pair[1].recv(1), b'y')
    begin = time.monotonic()
    time.sleep(0.1)
    assert 0.1 <= time.monotonic() - begin
    with open(os.devnull) as file, open(file.fileno(), closefd=False) as other, os.fdopen(os.dup(pair[0].fileno()), 'rb') as third:
        same([other.read(), third.readable()], ['', True])
    number = os.dup(pipe[0])
    os.close(number)
    import subprocess
    same(subprocess.run([sys.executable or '/bin/true', *(['-c', ''] if sys.executable else [])]).returncode, 0)
    same(subprocess.run(['/bin/echo', 'z'], capture_output=True).stdout, b'z\n')
    listener = socket.create_server(('127.0.0.1', 0))
    with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as served:
        client.sendall(b'abc')
        same(served.recv(3), b'abc')
    listener.close()
    try:
        socket.create_connection(listener_address := ('127.0.0.1', 1))
    except ConnectionRefusedError:
        pass
    else:
        raise AssertionError(listener_address)
    same(sys.stdin.read(), '')
    same(locale.setlocale(locale.LC_NUMERIC), 'C')


unchanged()
atexit.register(os._exit, 3)  # refused at the end of the interpreter, too


@reducer
def attempt(ctx: ReducerContext, source: str):
    ctx.db.mark.insert()
    exec(source, {**globals(), **builtins.__dict__, 'ctx': ctx})


@reducer
def fine(ctx: ReducerContext):
    assert ctx.db.mark.count() == 0


names = collections.Counter()


@reducer
def works(ctx: ReducerContext):
    """Reducers may look, log, take locks that are free, and import."""
    with threading.Lock(), threading.RLock(), threading.Condition():
        logging.getLogger('x').info('a line')
    same(queue.SimpleQueue().empty(), True)
    same(os.path.exists('/'), True)
    assert os.getpid() and time.monotonic() and sys.getrecursionlimit() and gc.isenabled()
    import zoneinfo
    zoneinfo.ZoneInfo('UTC')
    import wave  # of the standard library, not imported before
    assert wave
    import concurrent.futures.thread  # asks for something at each fork, of which there is none
    assert concurrent.futures.thread
