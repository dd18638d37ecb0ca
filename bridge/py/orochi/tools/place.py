"""Which server a command speaks to, which of its databases, and as whom: one way for all commands.

The server is --url; the database --name, or what the server says; who asks is, in this order: --token, nobody with --anonymous,
--as NAME (a stored identity, or `owner`), and without any of them what the command prefers.
"""

import base64
import json
import os
import re
import urllib.parse

URL = 'http://127.0.0.1:3000'
DATA = 'orochi-data'
PLAYER = 'me'  # the stored identity of whoever names no other


class CommandError(Exception):
    """What the user is told. status: of the HTTP answer, or None; detail: a ReducerError's {"code", "data"}, or None."""

    def __init__(self, text, status=None, detail=None):
        super().__init__(text)
        self.status, self.detail = status, detail


_DEFAULT = {'player': PLAYER, 'owner': f'the owner where --data has his token, else {PLAYER}', 'only owner': 'owner'}


def options(parser, prefers):
    """Adds the options by which commands name a server. prefers: who asks where nobody is named: 'player', 'owner' (else
    the player), or 'only owner'."""
    parser.add_argument('--url', '--server', default=os.environ.get('OROCHI_URL', URL), help=f'of the server (default: $OROCHI_URL, or {URL})')
    parser.add_argument('--name', help='of the database (default: what the server says)')
    parser.add_argument('--data', default=DATA, metavar='DIR', help=f"the server's data folder, for the owner's token (default: {DATA})")
    who = parser.add_mutually_exclusive_group()
    who.add_argument('--as', dest='who', metavar='NAME', help="as this stored identity, made when it is first used; `owner`: the database's owner; "
                     f'default: {_DEFAULT[prefers]}')
    who.add_argument('--token', help='as whoever this token is of')
    who.add_argument('--anonymous', action='store_true', help='as a new identity, that nobody will know again')
    parser.set_defaults(prefers=prefers)


def base(url):
    """The address of the server, as requests need it."""
    url = re.sub('^ws(s?)://', r'http\1://', url.strip())
    url = (url if '://' in url else f'http://{url}').rstrip('/')
    try:
        parts = urllib.parse.urlsplit(url)
        right = parts.scheme in ('http', 'https') and parts.hostname and parts.port != 0  # .port: ValueError beyond 65535
    except ValueError:
        right = False
    if not right:
        raise CommandError(f'--url {url}: that is no address of a server, such as {URL}')
    return url


def token_of(data):
    """The owner's token, which the server has put into its data folder."""
    path = os.path.join(data, 'owner.token')
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            found = file.read().strip()
    except OSError as error:
        raise CommandError(f'{path}: {error.strerror}; name the server\'s data folder with --data') from None
    if not re.fullmatch(r'[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+', found):
        raise CommandError(f'{path} does not hold a token: put it back from a copy, or delete it, and the server makes a new owner at its next start')
    return found


def identity_of(token):
    """The 64 hex digits of who this token is of; None where it does not say."""
    try:
        payload = token.split('.')[1]
        return json.loads(base64.urlsafe_b64decode(payload + '=' * (-len(payload) % 4))).get('hex_identity')
    except (IndexError, ValueError, AttributeError):
        return None


def database_of(url, token):
    """The server's one database, found through its owner."""
    owner = identity_of(token)
    found = json.loads(fetch(f'{url}/v1/identity/{owner}/databases'))['identities'] if owner else []
    if not found:
        raise CommandError(f'{url} serves no database of this owner: is --data the folder of that server?')
    return found[0]


def _refused(error, url):
    detail = error.headers.get('orochi-error')
    text = error.read().decode(errors='replace').strip()
    return CommandError(text or f'{url}: {error.code} {error.reason}', error.code, json.loads(detail) if detail else None)


def opened(url, body=None, headers=(), method=None, timeout=300):
    """The answer, open. With a body it is POST where nothing else is said. CommandError has the server's words."""
    # Here: they take as long to import as everything else that `orochi check` does, which each reload waits for.
    import http.client
    import urllib.error
    import urllib.request
    request = urllib.request.Request(url, body, dict(headers), method=method or ('POST' if body is not None else 'GET'))
    try:
        return urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        raise _refused(error, url) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CommandError(f'{url} does not answer: {_reason(error)}') from None


def _reason(error):
    """Why a server does not answer, and what to do where that is known."""
    why = getattr(error, 'reason', error)
    if isinstance(why, ConnectionRefusedError):
        return 'nothing listens there: `orochi run MODULE` starts a server, and --url names one that is elsewhere'
    return getattr(why, 'strerror', None) or why


def fetch(url, body=None, headers=(), method=None, timeout=300):
    """The bytes of the answer; as opened()."""
    import http.client
    try:
        with opened(url, body, headers, method, timeout) as answer:
            return answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(f'{url} broke off: {error}') from None


class Server:
    """The database that is asked, and as whom. token: None for nobody in particular."""

    def __init__(self, url, name, token):
        self.url, self.name, self.token = url, name, token
        self.place = f'{url}/v1/database/{name}'
        self.headers = {'authorization': f'Bearer {token}'} if token else {}

    def get(self, path, body=None):
        """The JSON of an answer."""
        return json.loads(fetch(f'{self.place}{path}', body, self.headers))

    def ask(self, text):
        """SQL. A statement each: (columns as (name, type), rows, stats, microseconds)."""
        for answer in self.get('/sql', text.encode()):
            columns = [(e['name'].get('some', ''), e['algebraic_type']) for e in answer['schema']['elements']]
            yield columns, answer['rows'], answer['stats'], answer['total_duration_micros']

    def definition(self):
        """The module definition, version 10."""
        return self.get('/schema?version=10')

    def tables(self):
        """Name to columns."""
        schema = self.get('/schema?version=9')
        types = schema['typespace']['types']
        return {table['name']: [(e['name'].get('some', ''), e['algebraic_type']) for e in types[table['product_type_ref']]['Product']['elements']]
                for table in schema['tables']}


def _owner(data):
    try:
        return token_of(data)
    except CommandError:
        return None


def token(args, url):
    """The token of whoever asks; None: of nobody."""
    from . import identities
    if args.token or args.anonymous:
        return args.token
    if args.who == 'owner' or (args.who is None and args.prefers == 'only owner'):
        return token_of(args.data)
    if args.who is None and args.prefers == 'owner' and (owner := _owner(args.data)):
        return owner
    return identities.token(url, args.who or PLAYER)


def database(args, url):
    """The name of the database."""
    if args.name:
        return args.name
    try:
        found = json.loads(fetch(f'{url}/v1/health', timeout=10)).get('databases') or []
    except CommandError as error:
        if error.status is None:
            raise
        raise CommandError(f'which database? --name NAME ({error})') from None
    except (ValueError, AttributeError) as error:
        raise CommandError(f'{url} is no server of Orochi ({error})') from None
    if found:
        return found[0]
    owner = _owner(args.data)
    if not owner:
        raise CommandError('which database? --name NAME')
    return database_of(url, owner)


def server(args):
    """The Server that the command's options name."""
    url = base(args.url)
    name = database(args, url)
    return Server(url, name, token(args, url))
