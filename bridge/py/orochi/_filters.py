"""row_filter(sql): a row filter that stands beside the tables; with @table(rls=) it is what the engine reads and checks."""

import re

from . import _source
from ._declare import REGISTRY
from ._names import instead

_NAME = r'(?:"(?:[^"]|"")+"|\w+)'
_SELECT = re.compile(rf'\s*select\s+(?:({_NAME})\s*\.\s*)?\*\s+from\b', re.I)
_SOURCE = re.compile(rf'\b(?:from|join)\s+({_NAME})(?:\s+as\s+({_NAME})|\s+(?!(?:join|inner|cross|on|where|limit)\b)({_NAME}))?', re.I)


def row_filter(sql=None, /, *more, **unknown):
    """A row filter: clients see the rows of a table that it has, or any other filter of that table. Neither reducers nor the
    database's owner are bound by it. The table is the one whose rows it selects; :sender is who asks.

        row_filter("SELECT * FROM hand WHERE player = :sender OR shown")
        row_filter("SELECT message.* FROM message JOIN member ON message.room = member.room WHERE member.player = :sender")

    The same can be said at the table, @table(rls=[...]). What is wrong with it is told when the module is loaded (SchemaError)."""
    place = _source.of_function(sql) if hasattr(sql, '__code__') else _source.of_caller()
    if isinstance(sql, str) and not more and not unknown:
        REGISTRY.filters.append((place, sql))
        return None
    REGISTRY.problem(place, 'row_filter() takes SQL and decorates nothing: row_filter("SELECT * FROM hand WHERE player = :sender"), or '
                            '@table(public=True, owner="player") at the table')
    return sql


def table_of(sql):
    """The name of the table whose rows the filter selects, or None."""
    text = re.sub(r"'(?:[^']|'')*'", "''", sql)
    selected = _SELECT.match(text)
    if selected is None:
        return None
    sources = [(_plain(name), _plain(alias or bare or name)) for name, alias, bare in _SOURCE.findall(text)]
    if selected[1] is None:
        return sources[0][0] if len(sources) == 1 else None
    return next((name for name, alias in sources if alias == _plain(selected[1])), None)


def _plain(name):
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def give(filters, tables, problem):
    """Gives each table its filters, as (place, SQL)."""
    for place, sql in filters:
        name = table_of(sql)
        table = next((t for t in tables if name in (t.name, t.accessor)), None)
        if name is None:
            problem(place, f'row_filter: {sql!r} selects no rows of a table: write "SELECT * FROM hand WHERE player = :sender", with a join '
                           '"SELECT hand.* FROM hand JOIN ..."')
        elif table is None:
            problem(place, f'row_filter: there is no table {name!r}: {instead(name, [t.name for t in tables])}')
        elif not table.public:
            problem(place, f'row_filter: it says which rows of {name} clients see, and they see none of a private table: write public=True '
                           'at the table')
        else:
            table.rules.append(sql)
