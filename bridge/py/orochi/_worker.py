"""What a worker's interpreter gets before the author's module: the log, packages of a virtual environment, and clear refusals."""

import importlib.machinery
import logging
import os
import random
import select
import signal
import sys
import threading
import time

import _orochi

from . import _venv

_REFUSED = {'ctypes', '_ctypes', 'tracemalloc', '_tracemalloc', 'curses', '_curses', 'readline', 'tkinter', '_tkinter', '_testcapi',
            'multiprocessing', '_multiprocessing'}


class _Handler(logging.Handler):
    """Hands the records of the logging module to the engine."""

    def emit(self, record):
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            from ._values import format_exception
            text += '\n' + format_exception(record.exc_info[1], None)
        _orochi._log(record.levelno, record.name, record.pathname, record.lineno, text)


class _Output:
    """sys.stdout and sys.stderr: whole lines become log records."""

    encoding = 'utf-8'
    errors = 'replace'
    closed = False

    def __init__(self, level):
        self._level = level
        self._line = ''

    def write(self, text):
        lines = (self._line + text).split('\n')
        self._line = lines.pop()
        for line in lines:
            self._put(line)
        return len(text)

    def _put(self, line):
        frame = sys._getframe(2)
        _orochi._log(self._level, 'print', frame.f_code.co_filename, frame.f_lineno, line)

    def flush(self):
        if self._line:
            line, self._line = self._line, ''
            self._put(line)

    def isatty(self):
        return False

    def writable(self):
        return True


def _check_extensions():
    """Refuses extension modules of the old kind (PEP 489 calls it single-phase) before CPython does: up to 3.13 it runs their
    initialisation in the main interpreter first, and an exception from there, freed in a worker, ends the process."""
    loader = importlib.machinery.ExtensionFileLoader
    create = loader.create_module

    def create_module(self, spec):
        with open(self.path, 'rb') as file:
            code = file.read()
            if b'PyModuleDef_Init' not in code and b'PyModExport_' not in code:  # the latter from 3.15 on
                raise ImportError(f'module {spec.name} does not support loading in subinterpreters', name=spec.name, path=self.path)
        return create(self, spec)

    loader.create_module = create_module


class _Refuser:
    """Stops the import of C modules that cannot live in a worker before they do harm."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in _REFUSED:
            raise ImportError(f'module {name} does not support loading in subinterpreters', name=name)
        return None


# What CPython's audit events leave out. The first ones end the whole process, whatever the settings allow.
_DEADLY = [(os, '_exit'), (os, 'abort'), (signal, 'raise_signal')]
_WAITING = [
    (os, 'read'), (os, 'write'), (os, 'readv'), (os, 'writev'), (os, 'pread'), (os, 'pwrite'), (os, 'sendfile'),
    (os, 'close'), (os, 'closerange'), (os, 'dup2'), (os, 'wait'), (os, 'waitpid'),
    (select, 'select'), (select, 'poll'), (select, 'epoll'),
    (signal, 'pause'), (signal, 'sigwait'), (signal, 'sigwaitinfo'), (signal, 'sigtimedwait'),
    (threading.Condition, 'wait'), (threading.Thread, 'join'),
]


def _guard(owner, name, always):
    original = getattr(owner, name, None)
    if original is None:
        return
    what = f'{owner.__name__}.{name}'

    def guarded(*args, **kwargs):
        _orochi._forbid(what, always)
        return original(*args, **kwargs)

    guarded.__name__ = guarded.__qualname__ = name
    guarded.__doc__ = original.__doc__
    setattr(owner, name, guarded)


_warned = set()
_STDLIB = os.path.dirname(os.__file__) + os.sep


def _discourage(owner, name, better):
    """What gives another result when a reducer runs again works, and the log says once what to use instead. Not when the
    standard library asks, for a log record, say."""
    original = getattr(owner, name)
    what = f'{owner.__name__}.{name}()'

    def discouraged(*args, **kwargs):
        if what not in _warned and _orochi._in_reducer():
            frame = sys._getframe(1)
            if not frame.f_code.co_filename.startswith(_STDLIB):
                _warned.add(what)
                _orochi._log(logging.WARNING, 'guard', frame.f_code.co_filename, frame.f_lineno,
                             f'{what} in a reducer gives another result when it runs again: use {better}')
        return original(*args, **kwargs)

    discouraged.__name__ = discouraged.__qualname__ = name
    discouraged.__doc__ = original.__doc__
    setattr(owner, name, discouraged)


def _protect():
    for owner, name in _DEADLY:
        _guard(owner, name, True)
    sys.modules['posix']._exit, sys.modules['posix'].abort = os._exit, os.abort
    for owner, name in _WAITING:
        _guard(owner, name, False)
    for name in ('time', 'time_ns'):
        _discourage(time, name, 'ctx.timestamp')
    for name in ('random', 'randint', 'randrange', 'choice', 'choices', 'uniform', 'shuffle', 'sample', 'gauss'):
        _discourage(random, name, 'ctx.rng')


def install(shared, folders):
    """Called once in each worker's interpreter, before the author's module. shared: it is the main one. folders: of packages."""
    root = logging.getLogger()
    root.handlers[:] = [_Handler()]
    root.setLevel(logging.DEBUG)
    logging.raiseExceptions = False
    sys.stdout = _Output(logging.INFO)
    sys.stderr = _Output(logging.WARNING)
    if not shared:
        sys.meta_path.insert(0, _Refuser)
        _check_extensions()
    _protect()
    _venv.add(folders)
