"""`orochi test`: pytest with the plugin that gives `orochi_db`."""

import os
import subprocess

from . import program
from .place import CommandError

PASSES_ON = True  # what is no flag of ours is pytest's


def arguments(parser):
    parser.usage = 'orochi test [PYTEST_ARGUMENT...]'  # which pass on as they stand: a flag's value stays behind it
    parser.epilog = f'PYTEST_ARGUMENT: files, folders, and all flags of pytest (`pytest --help`).\n\n{parser.epilog}'


def command(folder):
    """What runs pytest in this folder. CommandError tells what is missing."""
    python = program.python_with(folder, 'pytest', '_orochi')
    if python is not None:
        return [python, '-m', 'pytest']
    engine = program.python_with(folder, '_orochi')
    if engine is not None:
        raise CommandError(f'pytest is missing: {engine} -m pip install pytest')
    raise CommandError('tests run in a Python that has the engine (orochi.testing): pip install orochi_server-*.whl pytest, in a virtual '
                       'environment that is active, or .venv (sh config/wheel.sh of the source makes the wheel)')


def _tests(folder):
    """Each file of tests below the folder, as pytest finds them."""
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith('.') and f not in ('node_modules', '__pycache__', 'orochi-data', 'dist'))
        yield from (os.path.join(at, name) for name in files if name.endswith('.py') and (name.startswith('test_') or name.endswith('_test.py')))


def projects(folder):
    """The folders whose tests are run apart, since each has a module.py and a test_module.py of its own: those with a pyproject.toml,
    and those of files that another file has the name of. One: the folder itself."""
    found, names = {}, {}
    for path in _tests(folder):
        at = os.path.dirname(path)
        while at != folder and not os.path.exists(os.path.join(at, 'pyproject.toml')):
            at = os.path.dirname(at)
        found[path] = at
        names.setdefault((at, os.path.basename(path)), []).append(path)
    for same in names.values():
        if len(same) > 1:
            found.update({path: os.path.dirname(path) for path in same if not os.path.exists(os.path.join(os.path.dirname(path), '__init__.py'))})
    return sorted(set(found.values())) or [folder]


def main(args):
    words, folder = args.more, os.getcwd()
    named = any(os.path.exists(word.partition('::')[0]) for word in words if not word.startswith('-'))
    apart = [folder] if named else projects(folder)
    code = 0
    for at in apart:
        others = [f'--ignore={other}' for other in apart if other != at and other.startswith(at + os.sep)]
        if len(apart) > 1:
            print(f'--- {os.path.relpath(at, folder)}', flush=True)
        done = subprocess.run([*command(at), *others, *words], check=False, cwd=at, env={**os.environ}).returncode
        code = code or done
    return code
