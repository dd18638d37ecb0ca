"""`orochi logs`: the newest lines of the log of a server that runs; with -f also those that come."""

import datetime
import http.client
import json
import os
import sys

from . import place
from .place import CommandError

LEVELS = ('error', 'warn', 'info', 'debug', 'trace')
_COLOURS = {'error': 31, 'warn': 33, 'info': 32, 'debug': 36, 'trace': 35}


def arguments(parser):
    parser.add_argument('-f', '--follow', action='store_true', help='go on with the lines that come, until Ctrl-C')
    parser.add_argument('-n', '--lines', type=int, metavar='N', help='how many at most (default: all that the server keeps, some 1 MiB; with -f: 10)')
    parser.add_argument('--level', choices=LEVELS, default='trace', help='leave out what is less important')
    parser.add_argument('--json', action='store_true', help='an object a line, as the server sends them')
    place.options(parser, 'only owner')


def coloured(stream):
    """A terminal, and nobody said otherwise (https://no-color.org)."""
    return stream.isatty() and not os.environ.get('NO_COLOR')


def text(line, colour):
    """A line as the server's own log has it."""
    when = datetime.datetime.fromtimestamp(line['ts'] / 1e6, datetime.UTC).strftime('%Y-%m-%dT%H:%M:%S.%f')[:-3]
    level = line['level'].lower()
    word = f'{level.upper():5}'
    word = f'\033[{_COLOURS.get(level, 0)}m{word}\033[0m' if colour else word
    first, *more = line['message'].splitlines() or ['']
    return '\n    '.join([f'{when}Z {word} {line.get("target", "")}: {_harmless(first)}', *map(_harmless, more)])


def _harmless(text):
    """What a client has sent does not command a terminal."""
    return ''.join(c if c.isprintable() or c == '\t' else '?' for c in text)


def main(args):
    server = place.server(args)
    lines = 10 if args.follow and args.lines is None else args.lines
    if lines is not None and lines < 0:
        raise CommandError('-n: a number of lines')
    query = f'?follow={str(args.follow).lower()}' + (f'&num_lines={lines}' if lines is not None else '')
    shown = LEVELS[:LEVELS.index(args.level) + 1]
    colour = coloured(sys.stdout)
    try:
        # A server that says nothing for long is no fault: there is nothing to say.
        with place.opened(f'{server.place}/logs{query}', None, server.headers, timeout=None if args.follow else 60) as answer:
            for raw in answer:
                line = json.loads(raw)
                if line['level'].lower() in shown:
                    print(raw.decode().rstrip('\n') if args.json else text(line, colour), flush=True)
    except BrokenPipeError:
        os._exit(0)  # whoever read has seen enough
    except (OSError, http.client.HTTPException) as error:
        if not args.follow:
            raise CommandError(f'{server.url} broke off: {error}') from None
    if args.follow:
        raise CommandError(f'{server.url} has stopped')
    return 0
