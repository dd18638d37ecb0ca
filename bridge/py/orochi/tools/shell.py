"""`orochi shell`: Python on the live data of a server that runs."""

import code
import datetime
import enum
import sys
import uuid

from .. import ConnectionId, Identity
from ..client import attribute, connect
from . import history, place, sql
from .place import CommandError

HISTORY = '~/.orochi_shell_history'
BANNER = """\
{name} at {url}; Python {python}
  db.TABLE.find(key)  .filter(column=value)  .where("hp < 50")  .all()  .count()
  call("join", "Ann")   as_identity("bob").call("join", "Bob")   sql("SELECT ...")
  types   reducers()   Ctrl-D ends it"""


def arguments(parser):
    parser.add_argument('-c', dest='program', metavar='CODE', help='run this, and end')
    place.options(parser, 'owner')


class Rows(list):
    """Rows, shown as a table."""

    def __repr__(self):
        if not self:
            return '(no rows)'
        names = list(self[0]) if isinstance(self[0], dict) else list(vars(self[0]))
        get = (lambda row, name: row[name]) if isinstance(self[0], dict) else getattr
        columns = [(name, {'I64': []} if all(_is_number(get(row, name)) for row in self) else {'String': []}) for name in names]
        lines = sql.table(columns, [[_cell(get(row, name)) for name in names] for row in self])
        return '\n'.join([*lines, f'({len(self)} row{"" if len(self) == 1 else "s"})'])


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and type(value) in (int, float)


def _cell(value):
    return None if value is None else value.name if isinstance(value, enum.Enum) else str(value)


def _literal(value, kind):
    """The SQL of a value, for a column of this type; None: it is compared here."""
    if 'Sum' in kind or 'Ref' in kind:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (Identity, ConnectionId)):
        return f'0x{value.hex}'
    if type(value) in (int, float):
        return repr(value)
    if isinstance(value, str) and '\0' not in value:
        return "'" + value.replace("'", "''") + "'"
    return None


class _Table:
    """A table on the server; each question asks it anew."""

    def __init__(self, player, declared):
        self._player, self._name = player, declared.canonical
        self._columns = {attribute(c.canonical): c for c in declared.columns}
        self._key = None if declared.primary_key is None else attribute(declared.columns[declared.primary_key].canonical)

    def __repr__(self):
        return f'<table {self._name}: find(key), filter(column=value), where("SQL"), all(), first(), count()>'

    def where(self, condition):
        """Rows for which this SQL is true."""
        return self._player.rows(f'SELECT * FROM {self._name} WHERE {condition}')

    def all(self):
        """All rows."""
        return self._player.rows(f'SELECT * FROM {self._name}')

    def filter(self, **columns):
        """Rows whose columns have these values."""
        if unknown := [name for name in columns if name not in self._columns]:
            raise TypeError(f'{self._name} has no column {unknown[0]}; there are {", ".join(self._columns)}')
        said = {name: _literal(value, self._columns[name].type) for name, value in columns.items()}
        asked = ' AND '.join(f'{self._columns[name].canonical} = {text}' for name, text in said.items() if text is not None)
        rows = self.where(asked) if asked else self.all()
        rest = [(name, columns[name]) for name, text in said.items() if text is None]
        return Rows(row for row in rows if all(getattr(row, name) == value for name, value in rest)) if rest else rows

    def find(self, key):
        """The row with this primary key, or None."""
        if self._key is None:
            raise TypeError(f'{self._name} has no primary key: filter(column=value)')
        return next(iter(self.filter(**{self._key: key})), None)

    def first(self, **columns):
        """One row with these values, or None."""
        return next(iter(self.filter(**columns) if columns else self.all()), None)

    def count(self, **columns):
        """How many there are, with these values."""
        return len(self.filter(**columns) if columns else self.all())

    __len__ = count

    def __iter__(self):
        return iter(self.all())


class _Db:
    def __init__(self, player):
        self._player = player

    def __getattr__(self, name):
        declared = self._player.client._declared
        if name.startswith('__') or name not in declared:
            raise AttributeError(f'there is no table {name}; there are {", ".join(sorted(declared))}')
        return _Table(self._player, declared[name])

    def __dir__(self):
        return sorted(self._player.client._declared)

    def __repr__(self):
        return f'<tables: {", ".join(dir(self))}>'


class Player:
    """Somebody who asks and calls: as_identity("bob")."""

    def __init__(self, server, token_of):
        self._server, self._token_of, self._client = server, token_of, None
        self.db = _Db(self)

    @property
    def client(self):
        """The connection; another one where the last has ended."""
        if self._client is None or not self._client._thread.is_alive():
            self.close()
            self._client = connect(self._server.url, self._server.name, token=self._token_of())
        return self._client

    @property
    def identity(self):
        return self.client.identity

    def __repr__(self):
        return f'<{self.identity}>'

    def call(self, function, /, *args, **named):
        """Calls a reducer or procedure. ReducerError: it refused."""
        return self.client.call(function, *args, **named)

    def rows(self, query):
        return Rows(self.client.query(query))

    def sql(self, text):
        """Runs SQL; its rows."""
        return Rows(self.client.sql(text))

    def close(self):
        if self._client is not None:
            self._client.close()


def namespace(args):
    """What stands there at the prompt."""
    from . import identities
    from .describe import Served
    server = place.server(args)
    owner = Player(server, lambda: server.token)
    named = args.who or args.token or args.anonymous
    players = {None: owner if named else Player(server, lambda: identities.token(server.url, place.PLAYER))}

    def as_identity(name):
        """The player who is called so on this computer, made when first asked for; "owner" is the database's owner."""
        if name not in players:
            players[name] = Player(server, lambda: place.token_of(args.data) if name == 'owner' else identities.token(server.url, name))
        return players[name]

    def reducers():
        """Prints what can be called."""
        served = Served(server.definition())
        print('\n'.join(served.signature(f) for f in served.functions().values() if f.is_public))

    class Types:
        def __getattr__(self, name):
            return getattr(owner.client.types, name)

        def __dir__(self):
            return sorted(set(owner.client.types._names.values()))

    space = {'__name__': '__console__', '__doc__': None, 'db': owner.db, 'sql': owner.sql, 'call': players[None].call, 'as_identity': as_identity,
             'reducers': reducers, 'types': Types(), 'datetime': datetime, 'uuid': uuid}
    return server, space, lambda: [player.close() for player in {owner, *players.values()}]


class _Console(code.InteractiveConsole):
    """Errors of the server's in a line, those of the author's code with their traceback."""

    failed = False

    def showtraceback(self):
        from .._errors import OrochiError
        error = sys.exception()
        self.failed = True
        if isinstance(error, (OrochiError, CommandError)) or (isinstance(error, ValueError) and error.__traceback__ is not None and 'client' in str(
                error.__traceback__.tb_frame.f_code.co_filename)):
            self.write(f'{type(error).__name__}: {error}\n')
        else:
            super().showtraceback()


def _history(space):
    try:
        import readline
        import rlcompleter
    except ImportError:
        return lambda: None
    readline.set_completer(rlcompleter.Completer(space).complete)
    readline.parse_and_bind('tab: complete')
    return history.begin(HISTORY)


def _program(space, text, name):
    console = _Console(space, name)
    try:
        console.runcode(compile(text, name, 'exec'))
    except SyntaxError:
        console.showsyntaxerror(name)
        return 1
    return 1 if console.failed else 0


def main(args):
    server, space, close = namespace(args)
    try:
        if args.program is not None:
            return _program(space, args.program, '<-c>')
        if not sys.stdin.isatty():
            return _program(space, sys.stdin.read(), '<stdin>')
        keep = _history(space)
        try:
            console = _Console(space)
            console.interact(BANNER.format(name=server.name, url=server.url, python=sys.version.split()[0]), '')
        finally:
            keep()
        return 0
    finally:
        close()
