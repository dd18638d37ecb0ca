"""`orochi config get` and `orochi config set bridge.KEY=VALUE`: the settings of a server that runs, over HTTP."""

import base64
import json
import os
import urllib.error
import urllib.request


class ConfigError(Exception):
    """What the user is told."""


def token_of(data):
    path = os.path.join(data, 'owner.token')
    try:
        with open(path, encoding='ascii') as file:
            return file.read().strip()
    except OSError as error:
        raise ConfigError(f'{path}: {error.strerror}; name the server\'s data folder with --data') from None


def database_of(url, token):
    """The server's one database, found through its owner."""
    payload = token.split('.')[1]
    owner = json.loads(base64.urlsafe_b64decode(payload + '=' * (-len(payload) % 4)))['hex_identity']
    found = call(f'{url}/v1/identity/{owner}/databases')['identities']
    if not found:
        raise ConfigError(f'{url} serves no database of this owner: is --data the folder of that server?')
    return found[0]


def call(url, body=None, token=None):
    """The JSON answer; with a body the request is PATCH."""
    headers = {'content-type': 'application/json', **({'authorization': f'Bearer {token}'} if token else {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers, method='PATCH' if body else 'GET'), timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise ConfigError(error.read().decode(errors='replace') or f'{url}: {error.code} {error.reason}') from None
    except OSError as error:
        raise ConfigError(f'{url} does not answer: {getattr(error, "reason", error)}') from None


def parse(settings):
    """["bridge.cache_ttl_ms=60000"] as a dict for the server, which knows the names and the bounds."""
    change = {}
    for text in settings:
        key, eq, value = text.partition('=')
        section, dot, name = key.partition('.')
        if not eq or not dot or section != 'bridge':
            raise ConfigError(f'{text}: expected bridge.KEY=VALUE; other settings are changed in the file, for the next start')
        try:
            change[name] = {'true': True, 'false': False}[value] if value in ('true', 'false') else int(value)
        except ValueError:
            raise ConfigError(f'{text}: the value is a number, true or false') from None
    return change


def show(settings, only=None):
    for name, value in settings.items():
        key = f'bridge.{name}'
        if not only or key in only:
            print(f'{key} = {json.dumps(value)}')


def main(args):
    url = args.url.rstrip('/')
    token = token_of(args.data) if args.what == 'set' or not args.name else None
    place = f'{url}/v1/database/{args.name or database_of(url, token)}/bridge'
    if args.what == 'get':
        settings = call(place)['config']
        unknown = [key for key in args.settings if key.removeprefix('bridge.') not in settings]
        if unknown:
            raise ConfigError(f'there is no setting {unknown[0]} that a running server has')
        show(settings, args.settings)
    elif args.settings:
        show(call(place, json.dumps(parse(args.settings)).encode(), token))
    else:
        raise ConfigError('what is to be set? bridge.KEY=VALUE')
    return 0
