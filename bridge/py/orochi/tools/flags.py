"""The flags of every command, for completion and manual pages: of commands that run here from their parsers, of the program's own from
what it prints for --help."""

import argparse
import re
import subprocess
from dataclasses import dataclass

from . import cli, program

_FLAG = re.compile(r'^  (?P<flag>--[a-z][a-z-]*)(?: (?P<value>\S+))?  +(?P<text>\S.*)$')


@dataclass(frozen=True)
class Flag:
    """names: "-n", "--lines"; value: how its value is called, or None; choices: what it may be, or ()."""

    names: tuple[str, ...]
    value: str | None
    text: str
    choices: tuple[str, ...] = ()


def of(command):
    """Its flags, --help included."""
    if command.module is None:
        return _of_program(command) if command.name != 'version' else []
    found = [_of_action(action) for action in cli.parser(command)._actions if action.option_strings]
    if command.name in ('check', 'describe', 'generate', 'dev'):  # these take those of the server, too
        known = {name for flag in found for name in flag.names}
        taken = None if command.name in ('check', 'dev') else {'--venv', '--isolation', '--set', '--config'}
        run = cli.NAMES['run']
        found += [flag for flag in _of_program(run) if not known & set(flag.names) and (taken is None or taken & set(flag.names))]
    return found


def choices(command):
    """What the words behind a command may be, where that is known."""
    if command.module is None:
        return ('transfer',) if command.name == 'bench' else ()
    words = [action.choices for action in cli.parser(command)._actions if not action.option_strings and action.choices]
    return tuple(words[0]) if words else ()


def _of_action(action):
    value = None
    if action.nargs != 0:
        value = action.metavar or (action.dest.upper() if not action.choices else None)
    text = '' if action.help in (None, argparse.SUPPRESS) else action.help.replace('%%', '%')
    return Flag(tuple(action.option_strings), value or ('VALUE' if action.choices else None), text, tuple(action.choices or ()))


_printed = {}


def _of_program(command):
    if command.name not in _printed:
        done = subprocess.run([*program.words(), command.name, '--help'], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        _printed[command.name] = done.stdout.partition('\nexamples:')[0]
    found = []
    for line in _printed[command.name].splitlines():
        if match := _FLAG.match(line):
            found.append(Flag((match['flag'],), match['value'], match['text']))
        elif found and line.startswith(' ' * 16) and line.strip():
            last = found.pop()
            found.append(Flag(last.names, last.value, f'{last.text} {line.strip()}'))
    return [*found, Flag(('-h', '--help'), None, 'show this help message and exit')]
