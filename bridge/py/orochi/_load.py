"""Imports an author's module and turns it into a definition. Used by the server (in each worker) and by the tools."""

import importlib
import os
import sys
import traceback

from ._declare import REGISTRY
from ._errors import SchemaError
from ._schema import build


def _own_lines(error, path):
    """The last line of the traceback that lies in the author's files: "file.py:12"."""
    folder = os.path.dirname(os.path.abspath(path)) if os.path.isfile(path) else os.path.abspath(path)
    place = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        if os.path.abspath(frame.f_code.co_filename).startswith(folder):
            place = f'{frame.f_code.co_filename}:{line}'
    return place or path


def import_module(path, name):
    """Imports a .py file or a package folder; SchemaError names file, line and what to do."""
    path = os.path.abspath(path)
    if os.path.isdir(path):
        if not os.path.exists(os.path.join(path, '__init__.py')):
            raise SchemaError(f'{path}: a module folder needs an __init__.py (or name the .py file itself)')
        folder, stem = os.path.split(path.rstrip(os.sep))
    elif os.path.isfile(path):
        folder, stem = os.path.split(path)
        stem = stem.removesuffix('.py')
    else:
        raise SchemaError(f'{path}: there is no such file or folder')
    if not stem.isidentifier():
        raise SchemaError(f'{path}: {stem!r} cannot be imported: a module name has letters, digits and _ only')
    if folder not in sys.path:
        sys.path.insert(0, folder)
    REGISTRY.clear()
    try:
        return importlib.import_module(stem)
    except SchemaError:
        raise
    except SyntaxError as error:
        text = (error.text or '').rstrip()
        raise SchemaError(f'{error.filename}:{error.lineno}: syntax error: {error.msg}' + (f'\n    {text.strip()}' if text else '')) from None
    except ImportError as error:
        advice = ''
        if 'subinterpreter' in str(error):
            advice = ' (its C code cannot live in a worker: set isolation = "main", or leave it out)'
        elif isinstance(error, ModuleNotFoundError):
            advice = ' (is it installed for this Python, or beside the module?)'
        raise SchemaError(f'{_own_lines(error, path)}: {error}{advice}') from None
    except BaseException as error:
        last = traceback.format_exception_only(error)[-1].strip()
        raise SchemaError(f'{_own_lines(error, path)}: while importing: {last}') from None


def load(path, name):
    """(descriptor JSON, module spec) of the module at path; SchemaError with the whole report otherwise."""
    import_module(path, name)
    builder = build()
    if not builder.tables and not builder.reducers:
        raise SchemaError(f'{path}:1: it declares no tables and no reducers: decorate a class with @table or a function with @reducer')
    result = builder.descriptor(), builder.module_spec()
    for fn in REGISTRY.on_load:
        fn()
    return result
