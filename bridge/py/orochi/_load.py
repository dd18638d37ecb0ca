"""Imports an author's module and turns it into a definition. Used by the server (in each worker) and by the tools."""

import importlib.util
import linecache
import os
import re
import sys
import traceback

from . import _source
from ._advice import type_error, undefined
from ._declare import REGISTRY
from ._errors import SchemaError
from ._names import nearest
from ._schema import build

_last = []  # path of what load() has loaded last
_mine = []  # names in sys.modules of the module that was imported last, and of what it imported from its folder


def module_name(path):
    """How a module is called when nobody says otherwise: the name of its file; of the folder for a folder, module.py and
    __init__.py."""
    path = os.path.abspath(path)
    stem = os.path.basename(path)
    if os.path.isdir(path):
        return stem
    if stem in ('module.py', '__init__.py'):
        return os.path.basename(os.path.dirname(path))
    return stem.removesuffix('.py')


def import_module(path):
    """Imports a .py file or a package folder. SchemaError names file, line and what to do."""
    file = _file_of(path)
    package = os.path.basename(file) == '__init__.py'
    stem = os.path.basename(os.path.dirname(file)) if package else os.path.basename(file).removesuffix('.py')
    name = re.sub(r'\W', '_', stem)
    _forget()
    if name in sys.stdlib_module_names or name in sys.modules:
        raise SchemaError(f'{file}:1: a module cannot be called {name!r}, as a Python module that is in use is: rename the file')
    folder = os.path.dirname(os.path.dirname(file) if package else file)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    before = set(sys.modules)
    inside = [os.path.dirname(file)] if package else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=inside)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # No __pycache__ in the author's folder; and a file changed twice in a second must be read twice.
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        _put_into_words()
        raise SchemaError(REGISTRY.problems + _problems_of(error, file)) from None
    finally:
        sys.dont_write_bytecode = writes
        _mine.extend(n for n in set(sys.modules) - before if _is_own(sys.modules[n], os.path.dirname(file)))
    return module


def _put_into_words():
    """The engine, where there is one, leaves us time to say what an import that was interrupted was doing."""
    if engine := sys.modules.get('_orochi'):
        engine._words()


def _file_of(path):
    path = os.path.abspath(path)
    if os.path.isdir(path):
        for name in ('__init__.py', 'module.py'):
            if os.path.isfile(os.path.join(path, name)):
                return os.path.join(path, name)
        raise SchemaError(f'{path}: the folder has neither __init__.py nor module.py: name the .py file itself')
    if not os.path.isfile(path):
        raise SchemaError(f'{path}: there is no such file or folder')
    if not path.endswith('.py'):
        raise SchemaError(f'{path}: a module is a .py file, or a folder with __init__.py')
    return path


def own_globals():
    """The namespaces of the module that runs, and of what it imported from its folder (bridge/host/globals.c)."""
    return [vars(sys.modules[name]) for name in _mine if name in sys.modules]


def _forget():
    """So that a second import, of the same module changed or of another, finds nothing of the first."""
    REGISTRY.clear()
    _source.forget()
    while _mine:
        sys.modules.pop(_mine.pop(), None)


# ---- a second version beside the first: oro_py_stage calls the first two, and then one of the others -----------------

_second = {}  # what the first or, after end_second, the second version has in sys.modules


def begin_second():
    """Puts the module that runs aside, so that the next import makes another one."""
    _second.update(_take_mine())
    importlib.invalidate_caches()
    linecache.checkcache()


def end_second():
    """Exchanges the module just imported, all or some of it, with the one put aside, which serves on."""
    _exchange()
    REGISTRY.clear()


def take_second():
    """The second version is the one that runs. The modules of the first, whose end may run code of the author's."""
    _exchange()
    return drop_second()


def drop_second():
    gone = dict(_second)
    _second.clear()
    return gone


def _take_mine():
    taken = {name: sys.modules.pop(name) for name in _mine if name in sys.modules}
    _mine.clear()
    return taken


def _exchange():
    aside = dict(_second)
    _second.clear()
    _second.update(_take_mine())
    sys.modules.update(aside)
    _mine.extend(aside)


def _is_own(module, folder):
    file = getattr(module, '__file__', None) or ''
    return file.startswith(folder + os.sep) and 'site-packages' not in file


# ---- what went wrong -------------------------------------------------------------------------------------------------

def _problems_of(error, file):
    if isinstance(error, SchemaError):
        return error.problems
    if isinstance(error, SyntaxError) and error.filename:
        return [f'{error.filename}:{error.lineno}: syntax error: {error.msg}{_pointed_at(error)}']
    what = traceback.format_exception_only(error)[-1].strip() if str(error) else type(error).__name__
    if isinstance(error, ImportError):
        what = str(error)
    if type(error).__name__ == 'ReducerTimeout':
        return [f'{_own_line(error, file)}: {error}']
    if refused := _refused_extension(error):
        return [f'{_own_line(error, file)}: {refused}']
    return [f'{_own_line(error, file)}: while importing: {what}{_advice(error)}']


def _pointed_at(error):
    """The line of a syntax error, and a caret below what Python means; '' where there is none."""
    line = (error.text or '').rstrip()
    text = line.lstrip()
    if not text:
        return ''
    at = (error.offset or 0) - 1 - (len(line) - len(text))
    caret = ''.join(c if c == '\t' else ' ' for c in text[:at]).ljust(at) + '^'
    return f'\n    {text}' + (f'\n    {caret}' if at >= 0 else '')


def _refused_extension(error):
    """What to do when an extension module, perhaps deep inside of a package, cannot live in a worker's interpreter."""
    seen, name = set(), None
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, ImportError) and _SUBINTERPRETERS.search(str(error)):
            found = re.search(r'module (\S+) does not support', str(error))
            name = error.name or (found and found[1]) or name or 'an extension module'
        error = error.__cause__ or error.__context__
    return name and (
        f'{name} is written in C (or Rust) for one interpreter in a process, and each worker has its own: do without it, or set '
        'isolation = "main" (`orochi run --isolation main`: one worker, nothing runs in parallel)')


# CPython's own words, those of PyO3 and of Cython.
_SUBINTERPRETERS = re.compile('subinterpreter|one interpreter per process|Interpreter change detected', re.I)


def _advice(error):
    """What to do about an exception of the module's top level."""
    if isinstance(error, ImportError):
        if error.name == __package__:
            return _advice_name(getattr(error, 'name_from', None) or '')
        if isinstance(error, ModuleNotFoundError) and (error.name or '').startswith(f'{__package__}.'):
            return ' (write `from orochi import ...`: everything is there, but orochi.testing and orochi.client)'
        if isinstance(error, ModuleNotFoundError) and (error.name or '').partition('.')[0] in ('spacetimedb', 'spacetimedb_sdk'):
            return ' (modules of Orochi write `from orochi import ...`)'
        if isinstance(error, ModuleNotFoundError):
            return ' (is it installed for this Python, or beside the module?)'
    if called := _called_function(error):
        return f' ({called} and is called while the module is imported: there is no ctx yet; use @init, or @on_load)'
    if isinstance(error, AttributeError) and error.obj is sys.modules[__package__]:
        return '' if 'Did you mean' in traceback.format_exception_only(error)[-1] else _advice_name(error.name)
    if isinstance(error, NameError) and error.name:
        return f' ({_advice_undefined(error)})'
    advice = type_error(error)
    return f' ({advice})' if advice else ''


def _advice_undefined(error):
    names = list(error.__traceback__.tb_frame.f_globals)
    for frame, _ in traceback.walk_tb(error.__traceback__):
        names = [*frame.f_globals, *frame.f_locals]
    further_down = f'if {error.name} is a class further down, write the annotation in quotes'
    return undefined(error.name, names) or further_down


def _called_function(error):
    """Which of its reducers, views and handlers the module calls at its top level, "f is a reducer"; or None."""
    kinds = {'procedure': 'procedure', 'view': 'view', 'route': 'handler', 'migration': 'migration'}
    codes = {fn.__code__: f'{fn.__name__} is a {kinds.get(role, "reducer")}' for fn, role in REGISTRY.roles.items()}
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code in codes:
            return codes[frame.f_code]
    called = re.match(r'(\w+)\(\) (missing|takes|got)', str(error)) if isinstance(error, TypeError) else None
    return next((text for code, text in codes.items() if called and code.co_name == called[1]), None)


# What other servers, and older versions, call what we have.
_OTHER_NAMES = {'connected': 'client_connected', 'onconnect': 'client_connected', 'onconnected': 'client_connected',
                'disconnected': 'client_disconnected', 'ondisconnect': 'client_disconnected', 'ondisconnected': 'client_disconnected',
                'context': 'ReducerContext', 'cron': 'scheduled', 'interval': 'scheduled', 'timer': 'scheduled', 'schedule': 'scheduled',
                'get': 'route', 'post': 'route', 'handler': 'route', 'env': 'environment', 'settings': 'environment',
                'rls': 'row_filter', 'clientvisibilityfilter': 'row_filter', 'struct': 'product', 'type': 'product', 'model': 'table'}


def _advice_name(name):
    if name == 'ctx':
        return ' (ctx is given to reducers: def f(ctx: ReducerContext))'
    near = _OTHER_NAMES.get(name.lower().replace('_', '')) or nearest(name, sys.modules[__package__].__all__)
    return f' (do you mean {near}?)' if near else ''


def _own_line(error, file):
    """The last line of the traceback that lies in the author's files: "file.py:12"."""
    folder, place = os.path.dirname(file) + os.sep, f'{file}:1'
    for frame, line in traceback.walk_tb(error.__traceback__):
        name, package = frame.f_code.co_filename, frame.f_globals.get('__package__') or ''
        if name.startswith(folder) and package.partition('.')[0] != __package__:
            place = f'{name}:{line}'
    return place


# ---- entry points ----------------------------------------------------------------------------------------------------

def definition(path):
    """The checked declarations of the module at path, as a _schema.Builder. SchemaError with every problem otherwise."""
    import_module(path)
    if not REGISTRY.tables and not REGISTRY.reducers and not REGISTRY.views and not REGISTRY.routes and not REGISTRY.problems:
        raise SchemaError(f'{_file_of(path)}:1: it declares no tables and no reducers: decorate a class with @table '
                          'or a function with @reducer')
    return build()


def late(error, path):
    """The report of an import that was interrupted and did not come to end in a report of ours."""
    return f'{_own_line(error, _file_of(path))}: {error}'


def loaded(path):
    """What a load() of the module at path found, when it was the last one, for commands that come after it; else None."""
    return build() if _mine and _last == [os.path.abspath(path)] else None


def load(path, name):
    """(descriptor JSON, module spec) of the module at path, after its @on_load functions ran. SchemaError with the whole report
    otherwise. Called by the server in each worker; name: of the database, which the module itself need not know."""
    _last.clear()
    builder = definition(path)
    result = builder.descriptor(), builder.module_spec()
    for fn in REGISTRY.on_load:
        try:
            fn()
        except BaseException as error:
            _put_into_words()
            place = _own_line(error, _file_of(path))
            raise SchemaError(f'{place}: @on_load {fn.__name__}: {type(error).__name__}: {error}') from None
    _last.append(os.path.abspath(path))
    return result
