"""The developer commands. `main` is what the program calls, and what `python -m orochi.tools` runs.

Exit codes: 0 it is done; 1 the module, or the definition made from it, is wrong; 2 the command line is.
"""

import argparse
import contextlib
import json
import os
import sys

from .. import _load, _venv
from .._errors import SchemaError
from . import describe, generate, new
from .definition import DefinitionError


def main(argv):
    """Runs one command: argv[0] is its name. Gives the exit code."""
    parser = _parser()
    try:
        args = parser.parse_args(argv)
    except SystemExit as end:  # argparse has said why
        return end.code if isinstance(end.code, int) else 2
    try:
        if args.command in _LOADING and args.venv:
            _venv.add(_venv.folders(args.venv))
    except ValueError as error:
        _fail([f'--venv: {error}'])
        return 2
    try:
        return args.run(args) or 0
    except SchemaError as error:
        return _fail(error.problems)
    except (DefinitionError, OSError) as error:
        return _fail([str(error)])


_LOADING = ('generate', 'describe', 'extract-schema', 'check')  # commands that import a module


def _fail(problems):
    sys.stdout.flush()
    for problem in problems:
        for line in problem.splitlines():
            print(f'orochi: {line}', file=sys.stderr)
    return 1


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f'orochi: {message} ({self.prog} --help shows how)\n')


def _parser():
    parser = _Parser(prog='orochi', description='Commands for authors of modules.')
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND', parser_class=_Parser)

    command = _command(commands, 'generate', _generate, 'write client bindings')
    command.add_argument('--lang', default='typescript', choices=sorted(generate.LANGUAGES), help='default: typescript')
    command.add_argument('--out', required=True, metavar='DIR', help='folder of the bindings')
    command.add_argument('--include-private', action='store_true', help='tables and reducers that are not public, too')
    command.add_argument('module', metavar='MODULE', help='a .py file or a folder; or the .json file of a definition')

    command = _command(commands, 'describe', _describe, 'show tables, reducers and schedules')
    command.add_argument('--json', action='store_true', help='the module definition, {"V10": ...}, for code generators')
    command.add_argument('module', metavar='MODULE', help='a .py file or a folder')

    command = _command(commands, 'extract-schema', _extract, 'the same as describe --json')
    command.add_argument('module', metavar='FILE')

    command = _command(commands, 'check', _check, 'import and validate; print every problem')
    command.add_argument('module', metavar='MODULE', help='a .py file or a folder')

    command = _command(commands, 'new', _new, 'make a folder with a module to begin with')
    command.add_argument('name', metavar='NAME', help='folder to make; its last part is the name of the module')
    command.add_argument('--template', default='chat', choices=sorted(new.TEMPLATES), help='default: chat')

    command = _command(commands, 'config', _config, 'settings of a server that runs')
    command.add_argument('what', choices=('get', 'set'))
    command.add_argument('settings', nargs='*', metavar='bridge.KEY[=VALUE]', help='get: none means all')
    command.add_argument('--url', default='http://127.0.0.1:3000', help='default: http://127.0.0.1:3000')
    command.add_argument('--name', help='of the database (default: what the server says)')
    command.add_argument('--data', default='orochi-data', metavar='DIR', help="the server's data folder, for the owner's token")

    command = _command(commands, 'reload', _reload, 'have a server that runs serve its module as the files are now')
    command.add_argument('--url', '--server', default='http://127.0.0.1:3000', help='default: http://127.0.0.1:3000')
    command.add_argument('--name', help='of the database (default: what the server says)')
    command.add_argument('--token', help="the owner's (default: the one in the data folder)")
    command.add_argument('--data', default='orochi-data', metavar='DIR', help="the server's data folder, for the owner's token")

    command = _command(commands, 'sql', _sql, 'ask a server that runs, and change rows as its owner')
    command.add_argument('-c', dest='command_text', metavar='QUERY', help='statements; without: by the line, or from the standard input')
    form = command.add_mutually_exclusive_group()
    form.add_argument('--json', action='store_true', help='rows as objects, a line for each statement')
    form.add_argument('--csv', action='store_true', help='rows with commas between')
    command.add_argument('--url', '--server', default='http://127.0.0.1:3000', help='default: http://127.0.0.1:3000')
    command.add_argument('--name', help='of the database (default: what the server says)')
    command.add_argument('--token', help="who asks (default: the owner, by the token in the data folder)")
    command.add_argument('--anonymous', action='store_true', help='ask as nobody: public tables only; wants --name')
    command.add_argument('--data', default='orochi-data', metavar='DIR', help="the server's data folder, for the owner's token")

    command = _command(commands, 'bench-bridge', _bench_bridge, 'what a conversion costs, beside msgspec and pure Python')
    command.add_argument('--venv', metavar='DIR', help='virtual environment of the same Python, with msgspec')
    command.add_argument('--most', type=int, default=1_000_000, metavar='N', help='largest batch (default: 1000000)')
    command.add_argument('--conversions', type=int, default=10_000_000, metavar='N', help='of the memory test (default: 10000000)')
    command.add_argument('--json', metavar='FILE', help='the figures, for programs')
    return parser


def _command(commands, name, run, text):
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    if name in _LOADING:
        command.add_argument('--venv', metavar='DIR', help="virtual environment with the module's packages")
    return command


def _builder(path):
    """What the module at path declares. What it prints meanwhile is no part of the command's result."""
    if builder := _load.loaded(path):  # by the engine, as a worker's
        return builder
    with contextlib.redirect_stdout(sys.stderr):
        return _load.definition(path)


def _definition(path):
    return {'V10': _builder(path).v10()}


def _generate(args):
    if args.module.endswith('.json'):
        with open(args.module, encoding='utf-8') as file:
            try:
                definition = json.load(file)
            except ValueError as error:
                raise DefinitionError(f'{args.module}: not JSON: {error}') from None
    else:
        definition = _definition(args.module)
    files = generate.generate(definition, args.out, args.lang, args.include_private)
    print(f'{len(files)} files in {args.out}')


def _describe(args):
    if args.json:
        return _extract(args)
    print(describe.text(_load.module_name(args.module), _builder(args.module)))
    return 0


def _extract(args):
    print(json.dumps(_definition(args.module), separators=(',', ':')))


def _check(args):
    builder = _builder(args.module)
    print(f'{_load.module_name(args.module)}: {describe.counts(builder)}, no problems')


def _new(args):
    try:
        made = new.make(args.name, args.template)
    except (ValueError, FileExistsError) as error:
        print(f'orochi: {error}', file=sys.stderr)
        return 2
    for path in made:
        print(f'made {path}')
    print(f'next: orochi run {os.path.join(args.name, "module.py")}')
    return 0


def _config(args):
    from . import config
    return _over_http(config.main, args)


def _reload(args):
    from . import reload
    return _over_http(reload.main, args)


def _sql(args):
    from . import sql
    return _over_http(sql.main, args)


def _over_http(run, args):
    from . import config
    try:
        return run(args)
    except config.ConfigError as error:
        return _fail([str(error)])


def _bench_bridge(args):
    from . import bench  # it compiles codecs, which an ordinary interpreter does not have
    return bench.main(args)
