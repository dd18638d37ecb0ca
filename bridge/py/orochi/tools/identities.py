"""The identities that the command line plays as, so that a command is not a new player each time.

$XDG_CONFIG_HOME/orochi/identities/HOST_PORT.json (~/.config without), for its owner alone:

    {"<fingerprint of the server's public key>": {"me": "<token>", "bob": "<token>"}, ...}

A token is sent only to a server that has the key which has signed it: at the same address another one may answer tomorrow.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import urllib.parse

from .place import CommandError, fetch

_SERVERS = 32  # of one address: each `orochi run --memory` is a new one


def folder():
    home = os.environ.get('XDG_CONFIG_HOME') or os.path.expanduser('~/.config')
    return os.path.join(home, 'orochi', 'identities')


def path(url):
    """The file with the tokens for servers at this address."""
    at = urllib.parse.urlsplit(url)
    port = at.port or (443 if at.scheme == 'https' else 80)
    return os.path.join(folder(), re.sub(r'[^A-Za-z0-9.-]', '_', at.hostname or 'localhost') + f'_{port}.json')


def token(url, name):
    """The token of the identity that is called so on this computer, for the server at url; made there when it is first used."""
    if not re.fullmatch(r'[\w.-]{1,64}', name):
        raise CommandError(f'--as {name}: a name is 1 to 64 letters, digits, _, . and -')
    key = hashlib.sha256(fetch(f'{url}/v1/identity/public-key', timeout=10)).hexdigest()[:32]
    with _locked(path(url)) as stored:
        servers = _read(stored)
        known = servers.pop(key, {})
        servers[key] = known  # the last used stands last
        if name not in known:
            known[name] = json.loads(fetch(f'{url}/v1/identity', b'', timeout=10))['token']
            _write(stored, dict(list(servers.items())[-_SERVERS:]))
        return known[name]


@contextlib.contextmanager
def _locked(file):
    """Gives file, while no other command writes it."""
    try:
        os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
        lock = os.open(f'{file}.lock', os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CommandError(f'{error.filename}: {error.strerror}; identities are kept there ($XDG_CONFIG_HOME says where), '
                           'or say who asks with --token or --anonymous') from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(lock)


def _read(file):
    try:
        with open(file, encoding='utf-8') as opened:
            found = json.load(opened)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CommandError(f'{file}: {error}; it holds tokens: mend it, or move it away to begin with new identities') from None
    if not isinstance(found, dict) or not all(isinstance(known, dict) and all(isinstance(t, str) for t in known.values()) for known in found.values()):
        raise CommandError(f'{file}: it is damaged, and holds tokens: mend it, or move it away to begin with new identities')
    return found


def _write(file, servers):
    """Whole or not at all, and never readable by others."""
    new = f'{file}.new'
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), 'w', encoding='utf-8') as opened:
        json.dump(servers, opened, indent=1)
        opened.write('\n')
    os.replace(new, file)
