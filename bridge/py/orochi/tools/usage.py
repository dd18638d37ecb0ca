"""`orochi help`: the commands, and one of them; made of the table of commands."""

import sys
import textwrap

from . import cli
from .commands import COMMANDS, NAMES


def commands():
    """All of them, as `orochi help` lists them."""
    lines = ['usage: orochi COMMAND']
    for command in COMMANDS:
        if not command.hidden:
            called = f'{command.name} {command.takes}'.rstrip()
            lines += [f'  {called:40} {command.does}'] if len(called) <= 40 else [f'  {called}', f'  {"":40} {command.does}']
    lines += ['`orochi COMMAND --help` shows flags, examples and exit codes; colours are left out where NO_COLOR is set.']
    return '\n'.join(lines) + '\n'


def more(command):
    """What stands behind the flags of a command."""
    lines = ['examples:', *(f'  {example}' for example in command.examples)] if command.examples else []
    codes = 'exit codes: ' + ', '.join(f'{code} {text}' for code, text in command.exit_codes)
    lines += textwrap.wrap(codes, 100, subsequent_indent='  ')
    return '\n'.join(lines)


def arguments(parser):
    parser.add_argument('word', nargs='?', metavar='COMMAND', help='the command to explain')
    parser.add_argument('--behind', action='store_true', help='only what stands behind the flags')


def main(args):
    if args.word is None:
        print(commands(), end='')
        return 0
    command = NAMES.get(args.word)
    if command is None:
        print(f'orochi: there is no command {args.word}{cli.other(args.word)}; `orochi help` lists them', file=sys.stderr)
        return 2
    if args.behind or command.module is None:
        print(more(command))
    else:
        cli.parser(command).print_help()
    return 0
