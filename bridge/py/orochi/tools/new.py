"""`orochi new NAME`: a folder with a module, its tests and a typed page, to begin with.

The templates are examples of this project (examples/, which an installation has as templates/), copied with their built page, so that
there is something to see without node. Where they were not put, the empty one is still there, without a page.
"""

import contextlib
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import sys
import textwrap
import unicodedata
import urllib.parse
import urllib.request
from pathlib import Path

from . import generate, modules, stubs

_EMPTY = '''"""{title}."""

from orochi import AutoKey, ReducerContext, ReducerError, reducer, table, u64


@table(public=True)
class Thing:
    id: AutoKey[u64] = 0
    name: str


@reducer
def add_thing(ctx: ReducerContext, name: str) -> None:
    if not name.strip():
        raise ReducerError("A thing needs a name.")
    ctx.db.thing.insert(name=name)
'''

_TESTS = {
    'empty': '''
def test_a_thing_is_added(orochi_db: Database) -> None:
    ann = orochi_db.connect("ann")
    ann.call(module.add_thing, "lamp")
    assert [thing.name for thing in orochi_db[module.Thing]] == ["lamp"]


def test_a_thing_needs_a_name(orochi_db: Database) -> None:
    with pytest.raises(ReducerError, match="needs a name"):
        orochi_db.connect("ann").call(module.add_thing, "  ")
''',
    'chat': '''
def test_everybody_sees_a_message(orochi_db: Database) -> None:
    ann, bob = orochi_db.connect("ann"), orochi_db.connect("bob")
    seen = bob.subscribe(module.Message)
    ann.call(module.send_message, "  hello ")
    assert [(m.sender, m.text) for m in seen.inserted] == [(ann.identity, "hello")]


def test_who_says_too_much_waits(orochi_db: Database) -> None:
    ann = orochi_db.connect("ann")
    for n in range(module.BURST):
        ann.call(module.send_message, f"message {n}")
    with pytest.raises(ReducerError, match="Slow down"):
        ann.call(module.send_message, "one more")
    orochi_db.advance(seconds=4)  # of virtual time: at once
    ann.call(module.send_message, "one more")


def test_a_name_is_taken_once(orochi_db: Database) -> None:
    orochi_db.connect("ann").call(module.set_name, "Ann")
    with pytest.raises(ReducerError, match="taken"):
        orochi_db.connect("bob").call(module.set_name, "ann")
''',
    'arena': '''
def test_who_steers_moves(orochi_db: Database) -> None:
    ann = orochi_db.connect("ann")
    ann.call(module.join, "Ann")
    me = orochi_db[module.Player].one(name="Ann").id
    before = orochi_db[module.Body].get(me)
    ann.call(module.steer, 1.0 if before.x < module.SIZE / 2 else -1.0, 0.0)
    orochi_db.advance(seconds=1)  # twenty ticks of virtual time: at once
    assert abs(orochi_db[module.Body].get(me).x - before.x) > 50


def test_who_leaves_is_gone(orochi_db: Database) -> None:
    ann = orochi_db.connect("ann")
    ann.call(module.join, "Ann")
    ann.close()
    assert len(orochi_db[module.Player]) == 0


def test_a_name_is_needed(orochi_db: Database) -> None:
    with pytest.raises(ReducerError, match="name"):
        orochi_db.connect("ann").call(module.join, "  ")
''',
}

_TEST_HEAD = '''"""The rules, tried without a server: `orochi test`, or pytest."""

import module
import pytest
from orochi import ReducerError
from orochi.testing import Database

'''

_PROJECT = '''[project]
name = "{name}"
version = "0.1.0"
requires-python = ">= 3.13"
dependencies = ["orochi-server"]

[dependency-groups]
dev = ["pytest"]

# No index has orochi-server: pip installs it from the wheel's file, and uv finds that here.
{sources}

[tool.orochi]
module = "module"

[tool.pytest.ini_options]
pythonpath = ["."]
'''

_README = '''# {title}

    orochi dev            # serves module.py and the page, and whatever you save; runs the tests
    orochi test           # only the tests
    orochi shell          # Python on the data of the server that runs

- `module.py`: tables and rules. `module_db.pyi` has the types of `ctx.db` for editors and type checkers; `orochi dev` keeps it current,
  and so it does `src/bindings`.
- `test_module.py`: tests of the rules, in virtual time.
{page}
Clients connect with any SpacetimeDB SDK, to the database `{name}`.
'''
_PAGE = '''- `src/main.ts`: the page. `npm install` and `npm run build` make `dist/` of it, which the server serves; while you work on it,
  `npm run dev` shows each change at once.
'''

# The data holds keys and the owner's token; it is made where `orochi run` is called.
_IGNORED = '''orochi-data/
node_modules/
__pycache__/
.pytest_cache/
.venv/
'''

_COPIED = ('index.html', 'src', 'tsconfig.json', 'vite.config.ts', '.npmrc', 'dist')

TEMPLATES = {'chat': 'names and messages, with a page', 'arena': 'steer, eat, grow: 20 times a second, with a page',
             'cards': 'rooms, hidden hands, deadlines, a leaderboard, with a page', 'empty': 'a table and a reducer, with a page'}

_PACKAGE = Path(__file__).resolve().parent.parent
# In a wheel; where the program is installed; in a checkout.
_PLACES = (_PACKAGE / 'share/templates', _PACKAGE.parent.parent / 'templates', _PACKAGE.parent.parent.parent / 'examples')


def _source(template):
    """The folder of the example, or None."""
    return next((place / template for place in _PLACES if (place / template / 'module.py').exists()), None)


def _tests(source, template):
    """Those of the example where it has some, else the ones above."""
    own = source / 'test_module.py' if source else None
    return own.read_text(encoding='utf-8') if own and own.exists() else _TEST_HEAD + _TESTS[template]


def _sources():
    """Where uv finds the wheel: the file from which this installation came, if it came from one and that is there still."""
    where = None
    with contextlib.suppress(importlib.metadata.PackageNotFoundError, ValueError, TypeError):
        told = importlib.metadata.distribution('orochi-server').read_text('direct_url.json')
        url = urllib.parse.urlsplit(json.loads(told)['url']) if told else None
        path = urllib.request.url2pathname(url.path) if url is not None and url.scheme == 'file' else ''
        where = path if path.endswith('.whl') and os.path.exists(path) else None
    lines = f'[tool.uv.sources]\norochi-server = {{ path = {json.dumps(where or "../orochi_server-VERSION.whl")} }}'
    return lines if where else textwrap.indent(lines, '# ')


def _copy_page(source, folder, name):
    for what in _COPIED:
        if (source / what).is_dir():
            shutil.copytree(source / what, folder / what)
        elif (source / what).exists():
            shutil.copyfile(source / what, folder / what)
    package = json.loads((source / 'package.json').read_text(encoding='utf-8'))
    package['name'] = name
    package['scripts'] = {'generate': 'orochi generate --lang typescript --out src/bindings module.py', 'typecheck': 'tsc -p .',
                          'build': 'vite build', 'dev': 'vite'}
    for unused in ('ws', '@types/ws'):  # of the arena's bots
        package['dependencies'].pop(unused, None), package['devDependencies'].pop(unused, None)
    config = json.loads((source / 'tsconfig.json').read_text(encoding='utf-8'))
    config['compilerOptions']['types'], config['include'] = [], ['src']
    package['devDependencies'].pop('@types/node', None)
    for file, value in (('package.json', package), ('tsconfig.json', config)):
        (folder / file).write_text(json.dumps(value, indent=2) + '\n', encoding='utf-8')


def _typed(text):
    """The module with the types of its own tables: ReducerContext[Db]."""
    text = re.sub(r'\bctx: ReducerContext\b(?!\[)', 'ctx: ReducerContext[Db]', text)
    end = re.search(r'^from orochi import (\([^)]*\)|.*)\n', text, re.M).end()
    return f'{text[:end]}\nfrom module_db import Db\n{text[end:]}'


def make(folder, template='chat'):
    """Makes the folder; gives the paths of what was made in it. ValueError: the name will not do; FileExistsError: it is there."""
    name = os.path.basename(os.path.normpath(folder)) if folder else ''
    if not name.replace('-', '_').isidentifier() or not name.isascii():
        raise ValueError(_no_name(name))
    if os.path.exists(folder):
        raise FileExistsError(f'{folder} is there already: choose another name')
    source = _source(template)
    if template != 'empty' and source is None:
        raise ValueError(f'the template {template} was not put into this installation; --template empty is always there')
    at = Path(folder)
    at.mkdir(parents=True)
    try:
        _fill(at, name, template, source)
    except BaseException:  # a full disk, Ctrl-C: the name is free again
        shutil.rmtree(at, ignore_errors=True)
        raise
    return sorted(str(path) for path in at.iterdir())


def _no_name(name):
    """Why nothing can be called so, and what can."""
    plain = ''.join(c for c in unicodedata.normalize('NFKD', name) if not unicodedata.combining(c))
    near = re.sub(r'[^A-Za-z0-9_]+', '-', plain).strip('-').lstrip('0123456789-')
    words = f'{name!r} cannot be the name of a module: letters, digits, _ and -, a letter first'
    return words + (f'; {near} can' if near else ': it is the name of a folder that is made, orochi new game')


def _fill(at, name, template, source):
    title = name.replace('-', ' ').replace('_', ' ').capitalize()
    module = (source / 'module.py').read_text(encoding='utf-8') if source and template != 'empty' else _EMPTY.replace('{title}', title)
    texts = {'module.py': module, 'test_module.py': _tests(source, template), 'pyproject.toml': _PROJECT.replace('{name}', name).replace('{sources}', _sources()),
             'README.md': _README.replace('{title}', title).replace('{name}', name).replace('{page}', _PAGE if source else ''), '.gitignore': _IGNORED,
             '.python-version': '%d.%d\n' % sys.version_info[:2]}  # a wheel is of one; uv and pyenv read it
    for file, text in texts.items():
        (at / file).write_text(text, encoding='utf-8')
    if source:
        _copy_page(source, at, name)
    path = str(at / 'module.py')
    found = modules.builder(path)
    stubs.write(path, found)
    if source:
        generate.generate({'V10': found.v10()}, at / 'src/bindings')
    (at / 'module.py').write_text(_typed(module), encoding='utf-8')


def arguments(parser):
    parser.add_argument('name', metavar='NAME', help='folder to make; its last part is the name of the module')
    parser.add_argument('--template', default='chat', choices=sorted(TEMPLATES),
                        help='; '.join(f'{name}: {text}' for name, text in TEMPLATES.items()) + ' (default: chat)')


def main(args):
    try:
        made = make(args.name, args.template)
    except (ValueError, OSError) as error:
        print(f'orochi: {error}', file=sys.stderr)
        return 2
    for path in made:
        print(f'made {path}')
    folder, module = map(shlex.quote, (args.name, os.path.join(args.name, 'module.py')))
    print(f'next: orochi dev {folder}   (or, as a server in earnest: orochi run {module})')
    return 0
