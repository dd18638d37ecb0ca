"""This program itself, and Pythons that have the engine, for commands that start others."""

import os
import shlex
import shutil
import subprocess
import sys
import tomllib

from .place import CommandError


def words():
    """What starts `orochi`: the executable, or this Python with the package."""
    try:
        here = os.readlink('/proc/self/exe')
    except OSError:
        here = ''
    if os.path.basename(here).startswith('orochi'):
        return [here]
    return [sys.executable, '-m', 'orochi']


def _has(python, *names):
    done = subprocess.run([python, '-c', '; '.join(f'import {name}' for name in names)], capture_output=True, check=False)
    return done.returncode == 0


def python_with(folder, *names):
    """A Python that can import these: ours, that of the virtual environment, or the PATH's. None: there is none."""
    ours = sys.executable if words()[0] == sys.executable else None
    venv = os.environ.get('VIRTUAL_ENV')
    tried = [ours, venv and os.path.join(venv, 'bin/python'), os.path.join(folder, '.venv/bin/python'), shutil.which('python3')]
    return next((python for python in dict.fromkeys(tried) if python and os.path.exists(python) and _has(python, *names)), None)


def settings(folder):
    """[tool.orochi] of the folder's pyproject.toml, or {}."""
    file = os.path.join(folder, 'pyproject.toml')
    try:
        with open(file, 'rb') as opened:
            found = tomllib.load(opened)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # TOMLDecodeError, and bytes that are no UTF-8
        raise CommandError(f'{file}: {error}') from None
    for name in ('tool', 'orochi'):
        found = found.get(name, {})
        if not isinstance(found, dict):
            raise CommandError(f'{file}: {name} is no table: [tool.orochi] module = "arena" names the module')
    return found


def module_of(given):
    """The path of the module: what was given, where that is a file or a package; else the one that its folder (default: here) names."""
    folder = given or '.'
    if (os.path.isfile(folder) and folder.endswith('.py')) or os.path.isfile(os.path.join(folder, '__init__.py')):
        return folder
    if given and not os.path.exists(given):
        raise CommandError(f'{given}: there is no such file or folder' + (f'; `orochi new {shlex.quote(given)}` makes one' if '/' not in given.strip('/')
                                                                           and not given.endswith('.py') else ''))
    if given and not os.path.isdir(given):
        raise CommandError(f'{given}: a module is a .py file, or a folder with one')
    named = settings(folder).get('module')
    if named is not None and not isinstance(named, str):
        raise CommandError(f'{os.path.join(folder, "pyproject.toml")}: [tool.orochi] module = "arena" names the module, and {named!r} is no name')
    for name in ([named] if named else []) + ['module']:
        path = os.path.join(folder, *name.split('.'))
        if os.path.isfile(f'{path}.py'):
            return os.path.normpath(f'{path}.py')
        if os.path.isfile(os.path.join(path, '__init__.py')):
            return os.path.normpath(path)
    raise CommandError(f'{folder}: there is no module: neither module.py, nor one that pyproject.toml names ([tool.orochi] module = "arena"); '
                       '`orochi new NAME` makes one')
