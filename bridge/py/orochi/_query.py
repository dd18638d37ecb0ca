"""query(Player).where(...).order_by("-score").limit(100): rows of one table said as a condition, or sums of them by groups,
query(Player).group_by("team").agg(players=count(), best=max_("score")), for views to return. The server follows a query from what
each transaction changes (bridge/host/view_query.c takes it over); rows_of() is for the few that it has no plan for."""

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


def _made(cls, function):
    """What where() is given, called with the columns."""
    if not callable(function):
        raise TypeError(f'where() takes a function of the columns, lambda p: p.score >= 10, and {function!r} is none')
    return _condition(function(_Columns(cls)))


def conditions(cls, function):
    """For ctx.db.player.where(function): of each alternative the names of filter()'s conditions, and their values."""
    alternatives = _made(cls, function).alternatives
    return tuple((tuple(f'{column}__{lookup}' if lookup else f'{column}' for column, lookup, _ in alternative),
                  tuple(value for _, _, value in alternative)) for alternative in alternatives)


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


_FUNCTIONS = ('group_by', 'count', 'sum_', 'min_', 'max_', 'avg')  # as enum plan_fn in runtime/views


class Aggregate:
    """What agg() takes: count(), sum_("score") and the like."""

    def __init__(self, function, column):
        self.function, self.column = function, column

    def __repr__(self):
        return f'{self.function}({"" if self.column is None else repr(self.column)})'

    def sql(self):
        return f'{self.function.rstrip("_").upper()}({"*" if self.column is None else self.column})'


def count(column=None):
    """For agg(): how many rows a group has; count("name"): how many in which that column is not None."""
    return Aggregate('count', column)


def sum_(column):
    """For agg(): the sum of a column of numbers; of nothing: 0. None adds nothing."""
    return Aggregate('sum_', column)


def min_(column):
    """For agg(): the least value of a column. When that goes the next one is looked for, quickly with an index that has the columns of
    group_by() and then this one."""
    return Aggregate('min_', column)


def max_(column):
    """For agg(): the greatest value of a column; as min_()."""
    return Aggregate('max_', column)


def avg(column):
    """For agg(): the mean of a column of numbers, an f64."""
    return Aggregate('avg', column)


class Query(Generic[R]):
    """Rows of one table said as a condition: what query(Player) gives, for views to return. Each call gives another one."""

    def __init__(self, cls, condition=None, order=None, most=None, by=(), columns=None):
        self._cls, self._where, self._order, self._most, self._by, self._columns = cls, condition, order, most, by, columns

    def _with(self, **changed):
        parts = dict(condition=self._where, order=self._order, most=self._most, by=self._by, columns=self._columns)
        return Query(self._cls, **(parts | changed))

    def _one_row_for_each(self, wanted):
        if self._by or self._columns is not None:
            raise TypeError(f'{wanted}: a query with group_by() or agg() has a row for each group, and all of them')

    def where(self, condition):
        """Only the rows for which it holds: a function of the columns, lambda p: (p.score >= 10) & (p.name != "bot"). Several
        where() hold together. Raises TypeError for what is no condition, AttributeError for a column that is not there."""
        made = _made(self._cls, condition)
        return self._with(condition=made if self._where is None else self._where & made)

    def order_by(self, column):
        """In the order of a column that has an index; "-score": backwards. It decides which rows limit() leaves."""
        self._one_row_for_each(f'order_by({column!r})')
        getattr(_Columns(self._cls), column.removeprefix('-'))
        return self._with(order=column)

    def limit(self, n):
        """At most n rows, the first in their order."""
        if isinstance(n, bool) or not isinstance(n, int) or n < 0:
            raise TypeError(f'limit({n!r}): it is a number of rows')
        self._one_row_for_each(f'limit({n})')
        return self._with(most=n)

    def group_by(self, *columns):
        """A row for each value of a column (or of several together) that there is, with what agg() says of its rows."""
        if not columns:
            raise TypeError('group_by() takes the columns whose values make a group: group_by("team"). agg() alone is over all rows')
        self._check_whole('group_by()')
        for name in columns:
            getattr(_Columns(self._cls), name)
        return self._with(by=columns)

    def agg(self, **columns):
        """What the view's rows have beside the columns of group_by(): players=count(), best=max_("score"), and sum_, min_, avg.
        Raises TypeError for what is none of these, AttributeError for a column that is not there."""
        self._check_whole('agg()')
        if not columns:
            raise TypeError('agg() takes what is to be counted: agg(players=count(), best=max_("score"))')
        for name, made in columns.items():
            if not isinstance(made, Aggregate):
                raise TypeError(f'agg({name}={made!r}): it is one of count(), sum_("x"), min_("x"), max_("x"), avg("x")')
            if name in self._by:
                raise TypeError(f'agg({name}=...): group_by() has a column of that name')
            if made.column is not None:
                getattr(_Columns(self._cls), made.column)
        return self._with(columns=columns)

    def _check_whole(self, wanted):
        if self._order is not None or self._most is not None:
            raise TypeError(f'{wanted}: sums are over all rows of the condition, without order_by() and limit()')
        if self._columns is not None:
            raise TypeError(f'{wanted}: agg() comes last, and once')

    def _plan(self):
        """What the bridge takes over."""
        if self._by and self._columns is None:
            raise TypeError(f'group_by({", ".join(map(repr, self._by))}) needs an agg(): agg(players=count())')
        alternatives = self._where.alternatives if self._where is not None else [()]
        order = (self._order.removeprefix('-'), self._order.startswith('-')) if self._order is not None else None
        columns = None
        if self._columns is not None:
            columns = {name: (0, name) for name in self._by}
            columns |= {name: (_FUNCTIONS.index(made.function), made.column) for name, made in self._columns.items()}
        most = None if self._most is None else min(self._most, 2 ** 63)
        return self._cls, tuple(map(tuple, alternatives)), order, most, tuple(self._by), columns

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
        shown = [*self._by, *(f'{made.sql()} AS {name}' for name, made in (self._columns or {}).items())]
        text = f'SELECT {", ".join(shown) or "*"} FROM {snake(self._cls.__name__)}'
        if self._where is not None:
            text += ' WHERE ' + ' OR '.join(' AND '.join(f'{c} {_SIGNS[op]} {_literal(v)}' for c, op, v in a) for a in self._where.alternatives)
        if self._by:
            text += f' GROUP BY {", ".join(self._by)}'
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
