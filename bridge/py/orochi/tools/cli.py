"""The developer commands. `main` is what the program calls, and what `python -m orochi.tools` runs."""

import argparse
import contextlib
import difflib
import importlib
import io
import sys

from .. import _venv
from .._errors import SchemaError
from .commands import COMMANDS, NAMES
from .definition import DefinitionError
from .place import CommandError


def main(argv):
    """Runs one command: argv[0] is its name. Gives the exit code (commands.py)."""
    try:
        code = _main(argv)
        sys.stdout.flush()
        return code
    except OSError as error:  # commands have told of their own
        with contextlib.suppress(OSError):
            sys.stdout.close()
        sys.stdout = io.StringIO()  # what the end of the interpreter flushes
        if isinstance(error, BrokenPipeError):  # `orochi help run | head -3` has what it wants
            return 141  # as a shell has it of SIGPIPE
        return fail([f'the standard output cannot be written: {error.strerror}'])


def _main(argv):
    if not argv:
        from . import usage
        print('orochi: which command? (`orochi COMMAND --help` shows how)', usage.commands(), sep='\n', end='', file=sys.stderr)
        return 2
    word = argv[0]
    command = NAMES.get(word)
    if command is None or command.module is None:
        print(f'orochi: there is no command {word}{other(word)}; `orochi --help` lists them', file=sys.stderr)
        return 2
    try:
        args = _parsed(command, argv[1:])
    except SystemExit as end:  # argparse has said why
        return end.code if isinstance(end.code, int) else 2
    return _run(args)


def _parsed(command, words):
    made = parser(command)
    if not made.get_default('passes_on'):
        return made.parse_args(words)
    args, more = made.parse_known_args(words)
    args.more = more
    return args


def _run(args):
    try:
        if getattr(args, 'venv', None) and args.command.loads:
            _venv.add(_venv.folders(args.venv))
    except ValueError as error:
        fail([f'--venv: {error}'])
        return 2
    try:
        return args.run(args) or 0
    except BrokenPipeError:
        raise
    except SchemaError as error:
        return fail(error.problems)
    except (DefinitionError, CommandError, OSError) as error:
        return fail([str(error)])
    except KeyboardInterrupt:
        return 130


def fail(problems):
    sys.stdout.flush()
    for problem in problems:
        for line in problem.splitlines():
            print(f'orochi: {line}', file=sys.stderr)
    return 1


# What other programs call what a command of ours does.
_ELSEWHERE = {'init': 'new', 'create': 'new', 'start': 'run', 'serve': 'run', 'up': 'run', 'watch': 'dev', 'publish': 'run', 'deploy': 'run',
              'build': 'check', 'lint': 'check', 'validate': 'check', 'query': 'sql', 'repl': 'shell', 'console': 'shell', 'login': 'call --as NAME',
              'energy': 'bench', 'list': 'describe', 'tables': 'describe', 'schema': 'describe --json', 'bindings': 'generate', 'codegen': 'generate',
              'tail': 'logs -f', 'upgrade': 'migrate', 'dump': 'backup', 'export': 'backup', 'import': 'restore', 'settings': 'help settings'}


def other(word):
    """What to add to a message about a command that is not there."""
    if word in _ELSEWHERE:
        return f' (here it is `orochi {_ELSEWHERE[word]}`)'
    return meant(word, [c.name for c in COMMANDS if not c.hidden])


def meant(word, words):
    """What to add to a message about a word that is not there: the likeliest of those that are, or nothing."""
    near = difflib.get_close_matches(word, words, 1, 0.6)
    return f' (did you mean {near[0]}?)' if near else ''


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f'orochi: {message} ({self.prog} --help shows how)\n')

    def parse_args(self, args=None, namespace=None):
        found, more = self.parse_known_args(args, namespace)
        if more:
            flags = [flag for action in self._actions for flag in action.option_strings]
            what = 'there is no flag' if more[0].startswith('-') else 'there is nothing to do with'
            self.error(f'{what} {more[0]}{meant(more[0].partition("=")[0], flags)}')
        return found


def parser(command):
    """The parser of the words after a command that is run here."""
    from . import usage
    module = importlib.import_module(f'.{command.module}', __package__)
    made = _Parser(prog=f'orochi {command.name}', description=f'{command.does[0].upper()}{command.does[1:]}.', epilog=usage.more(command),
                   formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    module.arguments(made)
    if command.loads:
        made.add_argument('--venv', metavar='DIR', help="virtual environment with the module's packages")
    made.set_defaults(run=module.main, command=command, passes_on=getattr(module, 'PASSES_ON', False))
    return made
