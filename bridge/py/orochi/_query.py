"""query(Player).where(...).order_by("-score").limit(100): rows of one table said as a condition, for views to return."""

import operator
from typing import Generic, TypeVar

from ._errors import WrongIndex
from ._names import instead

R = TypeVar('R')

_SIGNS = {'': '=', 'ne': '<>', 'gt': '>', 'gte': '>=', 'lt': '<', 'lte': '<='}
_TESTS = {'': operator.eq, 'ne': operator.ne, 'gt': operator.gt, 'gte': operator.ge, 'lt': operator.lt, 'lte': operator.le}
_OPPOSITES = {'': 'ne', 'ne': '', 'gt': 'lte', 'lte': 'gt', 'lt': 'gte', 'gte': 'lt'}


class Condition:
    """Comparisons joined by & (and), | (or), ~ (not): a list of alternatives, each a tuple of (column, lookup, value)."""

    def __init__(self, alternatives):
        self.alternatives = alternatives

    def __and__(self, other):
        return Condition([a + b for a in self.alternatives for b in _condition(other).alternatives])

    def __or__(self, other):
        return Condition(self.alternatives + _condition(other).alternatives)

    def __invert__(self):
        made = None
        for alternative in self.alternatives:
            wrong = Condition([((column, _OPPOSITES[lookup], value),) for column, lookup, value in alternative])
            made = wrong if made is None else made & wrong
        return made

    def __bool__(self):
        raise TypeError('conditions are joined with & | ~, in parentheses, not with and, or, not: (p.score > 10) & (p.name != "bot")')


def _condition(value):
    if isinstance(value, Condition):
        return value
    raise TypeError(f'where() takes a comparison of columns, e.g. lambda p: p.score >= 10, and {value!r} is none')


def _rank(value):
    """What compares as the engine orders values: NaN after all numbers, None after everything."""
    return (2, 0) if value is None else (1, 0) if value != value else (0, value)


def _holds(comparisons, row):
    return all(_TESTS[lookup](_rank(getattr(row, column)), _rank(value)) for column, lookup, value in comparisons)


class _Column:
    __hash__ = None

    def __init__(self, name):
        self._name = name

    def _compare(self, lookup, value):
        if isinstance(value, _Column):
            raise TypeError(f'{self._name} is compared with the column {value._name}: in a query a column is compared with a value')
        return Condition([((self._name, lookup, value),)])

    def __eq__(self, value):
        return self._compare('', value)

    def __ne__(self, value):
        return self._compare('ne', value)

    def __gt__(self, value):
        return self._compare('gt', value)

    def __ge__(self, value):
        return self._compare('gte', value)

    def __lt__(self, value):
        return self._compare('lt', value)

    def __le__(self, value):
        return self._compare('lte', value)

    def __bool__(self):
        raise TypeError(f'write {self._name} == True; conditions are joined with & | ~')


class _Columns:
    def __init__(self, cls):
        self._cls = cls

    def __getattr__(self, name):
        if name not in self._cls.__orochi_columns__:
            raise AttributeError(f'{self._cls.__name__} has no column {name!r}: {instead(name, list(self._cls.__orochi_columns__))}')
        return _Column(name)


class Query(Generic[R]):
    """Rows of one table said as a condition: what query(Player) gives, for views to return. Each call gives another one."""

    def __init__(self, cls, condition=None, order=None, most=None):
        self._cls, self._where, self._order, self._most = cls, condition, order, most

    def where(self, condition):
        """Only the rows for which it holds: a function of the columns, lambda p: (p.score >= 10) & (p.name != "bot"). Several
        where() hold together. Raises TypeError for what is no condition, AttributeError for a column that is not there."""
        made = _condition(condition(_Columns(self._cls)))
        return Query(self._cls, made if self._where is None else self._where & made, self._order, self._most)

    def order_by(self, column):
        """In the order of a column that has an index; "-score": backwards. It decides which rows limit() leaves."""
        getattr(_Columns(self._cls), column.removeprefix('-'))
        return Query(self._cls, self._where, column, self._most)

    def limit(self, n):
        """At most n rows, the first in their order."""
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise TypeError(f'limit({n!r}): it is a number of rows')
        return Query(self._cls, self._where, self._order, n)

    def rows_of(self, ctx):
        """The rows, read through indexes: what a view that returns the query has. Where no index answers the condition every row
        is looked at, along whatever index the table has: the view then runs again with each change of the table."""
        table = ctx.db[self._cls]
        alternatives = self._where.alternatives if self._where is not None else [()]
        try:
            return self._found(table, alternatives)
        except WrongIndex:
            rows = self._every_row(table)
        return self._cut([row for row in rows if any(_holds(alternative, row) for alternative in alternatives)])

    def _found(self, table, alternatives):
        if len(alternatives) == 1:
            return self._cut(self._matching(table, alternatives[0], self._order))
        rows = {}
        for alternative in alternatives:
            for row in self._matching(table, alternative, None):
                rows.setdefault(self._values(row), row)
        return self._cut(self._sorted(list(rows.values())))

    def _values(self, row):
        """What tells rows apart; the author's own __repr__ of a row need not."""
        return tuple(repr(getattr(row, name)) for name in self._cls.__orochi_columns__)

    def _every_row(self, table):
        """In the order that is wanted, if any."""
        reason = None
        if self._order is not None:
            try:
                return list(table.all().order_by(self._order))
            except WrongIndex as e:
                reason = e
        for name in self._cls.__orochi_columns__:
            try:
                return self._sorted(list(table.all().order_by(name)))
            except WrongIndex as e:
                reason = e
        raise reason

    def _sorted(self, rows):
        if self._order is not None:
            name = self._order.removeprefix('-')
            rows.sort(key=lambda row: _rank(getattr(row, name)), reverse=self._order.startswith('-'))
        return rows

    @staticmethod
    def _matching(table, alternative, order):
        named, rest = {}, []
        for column, lookup, value in alternative:
            if named.setdefault(f'{column}__{lookup}' if lookup else column, value) != value:
                rest.append((column, lookup, value))  # a second one of its kind: filter() takes one
        rows = table.filter(**named) if named else table.all()
        if order is not None:
            rows = rows.order_by(order)
        return [row for row in rows if _holds(rest, row)] if rest else rows

    def _cut(self, rows):
        if self._most is None:
            return list(rows)
        return rows[:self._most]

    def sql(self):
        """The same as SQL, for tests and people: SELECT * FROM player WHERE score >= 10."""
        from ._types import snake
        text = f'SELECT * FROM {snake(self._cls.__name__)}'
        if self._where is not None:
            text += ' WHERE ' + ' OR '.join(' AND '.join(f'{c} {_SIGNS[op]} {_literal(v)}' for c, op, v in a) for a in self._where.alternatives)
        if self._order is not None:
            text += f' ORDER BY {self._order.removeprefix("-")}' + ' DESC' * self._order.startswith('-')
        return text + (f' LIMIT {self._most}' if self._most is not None else '')


def _literal(value):
    if isinstance(value, bool):
        return 'TRUE' if value else 'FALSE'
    if isinstance(value, (int, float)):
        return str(value)
    if hasattr(value, 'hex') and not callable(value.hex):
        return f'0x{value.hex}'
    return "'" + str(value).replace("'", "''") + "'"


def query(cls):
    """A Query of all rows of a table, given as its class. Raises TypeError for what is no table."""
    if not hasattr(cls, '__orochi_columns__'):
        raise TypeError(f'query() takes the class of a table, and {cls!r} is none')
    return Query(cls)
