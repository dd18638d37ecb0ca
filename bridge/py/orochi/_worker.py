"""What a worker's interpreter gets before the author's module: the log, packages of a virtual environment, and clear refusals."""

import importlib.machinery
import logging
import os
import random
import sys

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
    sys.stdin = open(os.devnull)  # the server's own is nobody's to wait for
    if os.environ.get('OROCHI_DEBUG'):  # orochi dev --debug
        from .tools import debug
        debug.install()
    _orochi._watch(random._inst, os.path.dirname(os.__file__) + os.sep)
    _venv.add(folders)
