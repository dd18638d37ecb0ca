"""`orochi config get` and `orochi config set bridge.KEY=VALUE`: the settings of a server that runs, over HTTP."""

import json

from . import place
from .place import CommandError


def parse(settings):
    """["bridge.cache_ttl_ms=60000"] as a dict for the server, which knows the names and the bounds."""
    change = {}
    for text in settings:
        key, eq, value = text.partition('=')
        section, dot, name = key.partition('.')
        if not eq or not dot or section != 'bridge':
            raise CommandError(f'{text}: expected bridge.KEY=VALUE; other settings are changed in the file, for the next start')
        try:
            change[name] = {'true': True, 'false': False}[value] if value in ('true', 'false') else int(value)
        except ValueError:
            raise CommandError(f'{text}: the value is a number, true or false') from None
    return change


def show(settings, only=None):
    for name, value in settings.items():
        key = f'bridge.{name}'
        if not only or key in only:
            print(f'{key} = {json.dumps(value)}')


def arguments(parser):
    parser.add_argument('what', choices=('get', 'set'))
    parser.add_argument('settings', nargs='*', metavar='bridge.KEY[=VALUE]', help='get: none means all')
    place.options(parser, 'owner')


def main(args):
    args.prefers = 'only owner' if args.what == 'set' else 'owner'
    server = place.server(args)
    if args.what == 'get':
        settings = server.get('/bridge')['config']
        unknown = [key for key in args.settings if key.removeprefix('bridge.') not in settings]
        if unknown:
            raise CommandError(f'there is no setting {unknown[0]} that a running server has')
        show(settings, args.settings)
    elif args.settings:
        headers = {'content-type': 'application/json', **server.headers}
        show(json.loads(place.fetch(f'{server.place}/bridge', json.dumps(parse(args.settings)).encode(), headers, 'PATCH', 10)))
    else:
        raise CommandError('what is to be set? bridge.KEY=VALUE')
    return 0
