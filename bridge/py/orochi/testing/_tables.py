"""Tables of a Database, looked at from outside of any reducer."""

import datetime
import enum
import uuid

from .._values import ConnectionId, Identity


class TableView:
    """A table, a column of it, or rows found: what it offers is that of ctx.db, each call a transaction of its own, and
    rows that it gives are the test's. steps: the way to it from ctx.db, names and arguments of calls."""

    def __init__(self, db, steps):
        self._db, self._steps = db, steps

    def __repr__(self):
        return f'<{".".join(step for step in ("db", *self._steps) if isinstance(step, str))} of a test>'

    def _apply(self, function):
        def look(ctx):
            thing = ctx.db
            for step in self._steps:
                thing = getattr(thing, step) if isinstance(step, str) else thing(*step[0], **step[1])
            return self._taken(function(thing))
        return self._db._look_into(look)

    def _taken(self, value):
        """What outlives the call: rows with all their columns, of rows found a list."""
        if hasattr(type(value), '__orochi_table__'):
            return _whole(value)
        if isinstance(value, (bool, int, float, str, bytes, type(None))):
            return value
        if hasattr(value, 'order_by'):
            return Found([_whole(row) for row in value])
        if hasattr(value, '__iter__') and not isinstance(value, (dict, set, frozenset)):
            return [self._taken(item) for item in value]
        return value

    def __getattr__(self, name):
        if name.startswith('_'):
            raise AttributeError(name)
        return TableView(self._db, (*self._steps, name))

    def __call__(self, *args, **named):
        found = self._apply(lambda method: method(*args, **named))
        if isinstance(found, Found):
            found._view = TableView(self._db, (*self._steps, (args, named)))
        return found

    def __iter__(self):
        return iter(self._apply(list))

    def __len__(self):
        return self._apply(len)

    def __contains__(self, key):
        return self._apply(lambda table: key in table)

    def __bool__(self):
        return True


class Found(list):
    """Rows found: a list, with order_by(), limit(), first(), delete() and the like, which ask again."""

    _view = None

    def __getattr__(self, name):
        if name.startswith('_') or self._view is None:
            raise AttributeError(name)
        return getattr(self._view, name)


def _whole(row):
    for name in type(row).__orochi_columns__:
        getattr(row, name)
    return row


def literal(value):
    """A value as SQL has it, for the arguments of a view."""
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, (Identity, ConnectionId)):
        return f'0x{value.hex}'
    if isinstance(value, (int, float)):
        return repr(value if isinstance(value, float) else int(value))
    if isinstance(value, enum.Enum):
        return _text(value.name)
    if isinstance(value, (bytes, bytearray)):
        return f'0x{value.hex()}'
    if isinstance(value, (str, uuid.UUID)):
        return _text(str(value))
    if isinstance(value, datetime.datetime):
        return _text(value.isoformat())
    raise TypeError(f'{type(value).__name__} has no literal in SQL: write the query as text')


def _text(value):
    quoted = value.replace("'", "''")
    return f"'{quoted}'"
