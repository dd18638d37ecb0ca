"""`orochi subscribe QUERY...`: prints the rows that match, and each that comes or goes, as JSON, a line each."""

import os
import sys

from . import place
from .place import CommandError


def arguments(parser):
    parser.add_argument('queries', nargs='+', metavar='QUERY', help='"SELECT * FROM player WHERE hp < 50"; or the name of a table')
    parser.add_argument('--changes', action='store_true', help='leave out what matches when it begins')
    parser.add_argument('-n', '--lines', type=int, metavar='N', help='end after so many lines')
    parser.add_argument('-t', '--timeout', type=float, metavar='S', help='end after so many seconds')
    place.options(parser, 'owner')


def main(args):
    from ..client import ConnectionLost, connect
    server = place.server(args)
    printed = 0

    def show(table, kind, data):
        nonlocal printed
        if args.lines is None or printed < args.lines:
            print(f'{{"table":"{table}","{kind}":{client.row_json(table, data)}}}', flush=True)
            printed += 1

    try:
        with connect(server.url, server.name, token=server.token) as client:
            if not args.changes:
                client.on_change(show)
            client.subscribe(*args.queries)
            if args.changes:
                client.on_change(show)
            client.wait(args.timeout, lambda: args.lines is not None and printed >= args.lines)
    except ValueError as error:
        raise CommandError(str(error)) from None
    except ConnectionLost as error:
        raise CommandError(f'{server.url}: {error}') from None
    except BrokenPipeError:
        os._exit(0)  # whoever read has seen enough
    sys.stdout.flush()
    return 0
