"""From declarations to a module definition (versions 10 and 9, docs/values.md#module-definition) and the specs that the codecs are compiled
from. Every problem is collected with its file, its line and what to do."""

import hashlib
import inspect
import json
import sys
import typing

from . import _advice, _context, _encode, _env, _filters, _openapi, _procedures, _routes, _source, _views
from ._declare import REGISTRY, Column, marks_of
from ._errors import SchemaError
from ._names import instead, nearest
from ._types import (DIRECT, INTEGERS, SATS_SPECIAL, UNIT, ColumnProperty, Resolver, TypeProblem, column_property,
                     describe, element, endless_text, evaluate, evaluate_parameter, indexable, is_identifier, pascal, product, simple,
                     snake, unchecked, wire_name)
from ._values import register_record
from .tools import case

_TIMEOUT_MOST = 10 ** 12  # milliseconds: 31 years
LIFECYCLES = {'init': 'Init', 'client_connected': 'OnConnect', 'client_disconnected': 'OnDisconnect'}


class Table:
    """One resolved table."""

    def __init__(self, name, cls, place):
        self.name, self.cls = name, cls
        self.accessor = name    # in code: ctx.db.player, conn.db.player; name: in SQL and on the wire
        self.place = place      # function that gives "file.py:12"
        self.columns = []       # (python name, wire name, spec, sats)
        self.pk, self.auto_inc, self.unique, self.indexes, self.defaults = -1, [], [], [], []
        self.public = self.event = False
        self.scheduled = None   # reducer name
        self.rules = []  # SQL: who is not the owner sees the rows of any of them
        self.dropped, self.renamed = [], []  # columns that it had: wire names, {was, now}
        self.migration = None   # the @migration function
        self.at_column = -1
        self.ref = None

    @property
    def title(self):
        return f'table {self.name}'

    def column_place(self, name):
        return _source.of_column(self.cls.__orochi_columns__[name].owner, name)


class Builder:
    """Resolves what a registry holds; build() raises SchemaError with every problem."""

    def __init__(self, registry):
        self.registry = registry
        self.types = Resolver()
        self.tables, self.reducers, self.procedures, self.schedules, self.views = [], [], [], [], []
        self.problems = list(registry.problems)
        self.told = set()  # pairs of names that have been complained of

    def problem(self, place, text):
        self.problems.append(f'{place}: {text}')

    def build(self):
        for cls in self.registry.products:
            self._each(_source.of_class, cls, lambda cls: self._try(lambda: _source.of_class(cls), cls.__name__,
                                                                    lambda: self.types.resolve(cls, cls.__name__)))
        for declared in self.registry.tables:
            self._each(lambda d: _source.of_class(d.cls), declared, self._table)
        _filters.give(self.registry.filters, self.tables, self.problem)
        for declared in self.registry.reducers:
            self._each(lambda d: _source.of_function(d.fn), declared,
                       lambda d: (_procedures.resolve if _procedures.is_one(d) else Builder._reducer)(self, d))
        self.environment = _env.check(self.registry.environments, self.problem)
        self.routes = _routes.check(self.registry.routes, self.problem)
        for declared in self.registry.views:
            self._each(lambda d: _source.of_function(d.fn), declared, lambda d: _views.resolve(self, d))
        for declared in self.registry.migrations:
            self._each(lambda d: _source.of_function(d[0]), declared, lambda d: self._migration(*d))
        self._link_schedules()
        self._table_names()
        self._function_names()
        _views.check_names(self)
        self._twins()
        self._endless_types()
        if self.problems:
            raise SchemaError(list(dict.fromkeys(self.problems)))
        for name, cls in self.types.named_classes():
            register_record(name, cls)

    def _each(self, place, declared, resolve):
        """resolve(declared). What the author's own code raises meanwhile (a metaclass, a default's __eq__) is a problem of its line."""
        try:
            resolve(declared)
        except Exception as error:
            self.problem(place(declared), f'this cannot be read: {type(error).__name__}: {error}')

    def _try(self, place, title, make):
        """make(), or None after noting its problem; place: function that gives the line, unless the problem knows a nearer."""
        try:
            return make()
        except TypeProblem as problem:
            if problem.place is not None:
                self.problem(problem.place, str(problem))
            else:
                self.problem(place(), f'{title}: {problem}')
            return None

    # ---- tables ----

    def _table(self, declared):
        cls, options = declared.cls, declared.options
        t = Table(options['name'] or snake(cls.__name__), cls, lambda: _source.of_class(cls))
        t.accessor = snake(cls.__name__)
        t.public, t.event = (self._flag(t.place, f'{t.title}: {what}=', options[what]) for what in ('public', 'event'))
        t.scheduled = options['scheduled']
        self._replaced(declared)
        self.tables.append(t)
        self._check_name(t.place, 'table', t.name)
        properties = {}
        for column in cls.__orochi_columns__.values():
            properties[column.name] = self._column(t, column)
        if not t.columns:
            self.problem(t.place(), f'{t.title} has no columns: write them as annotations, e.g. `id: PrimaryKey[u64]`')
            return
        self._decorator_options(t, options, properties)
        self._keys(t, properties)
        for name, prop in properties.items():
            self._default(t, name, prop)
        for given in options['indexes']:
            self._extra_index(t, given)
        self._former(t, options)
        self._rules(t, options)
        t.ref = self._try(t.place, t.title, lambda: self.types.row(cls, t.columns))
        if t.scheduled is not None:
            self._scheduled_shape(t)

    def _flag(self, place, what, value):
        if not isinstance(value, bool):
            self.problem(place(), f'{what}{value!r}: it is True or False')
        return bool(value)

    def _replaced(self, declared):
        """A decorator above @table has made something else of the class."""
        cls = declared.cls
        top = getattr(sys.modules.get(cls.__module__), cls.__name__, cls)
        columns = getattr(top, '__dict__', {}).get('__orochi_columns__')
        if (top is not cls and columns is cls.__orochi_columns__) or marks_of(cls) != declared.made:
            self.problem(_source.of_class(cls), f'{cls.__name__}: a decorator above @table (@dataclass?) changes what @table made: put '
                                                '@table on top; it makes a dataclass by itself')

    def _column(self, t, column):
        def resolve():
            annotation = evaluate(column.owner, column.name, column.annotation)
            owner = t.cls.__name__ + pascal(column.name)
            return column_property(annotation), *self.types.resolve(annotation, owner, column=True)

        def place():
            return t.column_place(column.name)
        prop, spec, sats = self._try(place, f'{t.cls.__name__}.{column.name}', resolve) or (ColumnProperty(), ('unknown',), UNIT)
        self._check_name(place, 'column', column.wire)
        if any(column.wire == wire for _, wire, _, _ in t.columns):
            self.problem(place(), f'{t.title} has two columns that clients see as {column.wire!r}')
        t.columns.append((column.name, column.wire, spec, sats))
        return prop | column.prop

    def _decorator_options(self, t, options, properties):
        key = options['primary_key']
        if key is not None and not isinstance(key, str):
            self.problem(t.place(), f'{t.title}: primary_key= names one column, e.g. primary_key="id"')
            key = None
        for what in ('auto_inc', 'unique'):
            options[what] = [name for name in options[what] if self._names_a_column(t, what, name)]
        for what, columns, prop in (('primary_key', [key] if key else [], ColumnProperty(primary_key=True)),
                                    ('auto_inc', options['auto_inc'], ColumnProperty(auto_inc=True)),
                                    ('unique', options['unique'], ColumnProperty(unique=True))):
            for name in columns:
                if self._known(t, what, name):
                    properties[name] |= prop

    def _names_a_column(self, t, what, name):
        if isinstance(name, str):
            return True
        if isinstance(name, (tuple, list)) and all(isinstance(part, str) for part in name):
            self.problem(t.place(), f'{t.title}: {what}= names columns one by one, and {name!r} is several: write '
                                    f'{what}={list(name)!r} if each of them is {"unique" if what == "unique" else "counted"} by itself'
                                    + ('; what is unique only together needs a column that holds both, e.g. a dataclass'
                                       if what == 'unique' else ''))
        else:
            self.problem(t.place(), f'{t.title}: {what}= names columns, e.g. {what}=["id"], and {name!r} is none')
        return False

    def _former(self, t, options):
        """Columns that the data may still have: what becomes of them."""
        wires = {c[0]: c[1] for c in t.columns}
        dropped, renamed = options['dropped'], options['renamed']
        if not all(isinstance(name, str) for name in dropped):
            self.problem(t.place(), f'{t.title}: dropped= lists columns that it had, dropped=["old"], and not {dropped!r}')
            dropped = []
        if not isinstance(renamed, dict) or not all(isinstance(name, str) for pair in renamed.items() for name in pair):
            self.problem(t.place(), f'{t.title}: renamed= says how columns were and are called, renamed={{"old": "new"}}, and not {renamed!r}')
            renamed = {}
        for name in dropped:
            if name in wires:
                self.problem(t.place(), f'{t.title}: dropped= names the column {name!r}, which it has: remove the column, '
                                        'or the name')
        for was, now in renamed.items():
            if was in dropped:
                self.problem(t.place(), f'{t.title}: renamed= keeps the values of {was!r}, and dropped= gives them up: keep one')
            elif list(renamed.values()).index(now) != list(renamed).index(was):
                first = next(other for other, its in renamed.items() if its == now)
                self.problem(t.place(), f'{t.title}: renamed= says that {first!r} and {was!r} are both {now!r} now: which of them the values '
                                        'are taken from a @migration can say')
            elif was in wires:
                self.problem(t.place(), f'{t.title}: renamed= says that {was!r} is {now!r} now, but the column {was!r} is there')
            elif now not in wires:
                self.problem(t.place(), f'{t.title}: renamed= says that {was!r} is {now!r} now, a column that it does not have '
                                        f'(it has {", ".join(wires)})')
        t.dropped = [wire_name(name) for name in dropped]
        t.renamed = [dict(was=wire_name(was), now=wires[now]) for was, now in renamed.items() if now in wires]

    def _rules(self, t, options):
        """Row filters, as SQL that the engine reads and checks."""
        owner, rules = options['owner'], options['rls']
        if (owner is not None or rules) and not t.public:
            what = 'owner=' if owner is not None else 'rls='
            self.problem(t.place(), f'{t.title}: {what} says which rows clients see, and they see none of a private table: write '
                                    'public=True beside it')
        if owner is not None and not isinstance(owner, str):
            self.problem(t.place(), f'{t.title}: owner= names one column, e.g. owner="player"')
        elif owner is not None and self._known(t, 'owner', owner):
            column = next(c for c in t.columns if c[0] == owner)
            if unchecked(column[2])[0] == 'identity':
                t.rules.append(f'SELECT * FROM {t.name} WHERE "{column[1]}" = :sender')
            else:
                self.problem(t.column_place(owner), f'{t.title}: owner= names the column {owner}, which is no Identity but '
                                                    f'{describe(column[2])}: it holds who may see the row, as ctx.sender gives it')
        for rule in rules:
            if isinstance(rule, str):
                t.rules.append(rule)
            else:
                self.problem(t.place(), f'{t.title}: rls= has {rule!r}: a row filter is SQL, e.g. "SELECT * FROM {t.name} WHERE '
                                        'player = :sender"')

    def _known(self, t, what, name):
        names = [c[0] for c in t.columns]
        if name not in names:
            near = nearest(name, names)
            self.problem(t.place(), f'{t.title}: {what}= names the column {name!r}, which it does not have '
                                    f'({f"do you mean {near}? " if near else ""}it has {", ".join(names)})')
        return name in names

    def _keys(self, t, properties):
        keys = [name for name, prop in properties.items() if prop.primary_key]
        if len(keys) > 1:
            self.problem(t.column_place(keys[1]), f'{t.title} has {len(keys)} primary keys ({", ".join(keys)}): '
                                                  'keep one, make the others Unique[...]')
        for col, (name, wire, spec, _) in enumerate(t.columns):
            prop = properties[name]
            if prop.primary_key and t.pk < 0:
                t.pk = col
            if prop.auto_inc:
                if unchecked(spec)[0] not in (*INTEGERS, 'unknown'):
                    self.problem(t.column_place(name), f'{t.cls.__name__}.{name}: auto_inc needs an integer column, '
                                                       f'not {describe(spec)}')
                t.auto_inc.append(col)
            if prop.primary_key or prop.unique:
                t.unique.append(col)
            if prop.primary_key or prop.unique or prop.index:
                self._index(t, wire, [col], prop.index or 'btree', prop.primary_key or prop.unique)

    def _default(self, t, name, prop):
        """Defaults of other than key columns are also those of a migration that adds the column."""
        kind, value = t.cls.__orochi_defaults__.get(name, ('factory', None))
        col = next(i for i, c in enumerate(t.columns) if c[0] == name)
        spec = t.columns[col][2]
        if kind == 'factory' or unchecked(spec)[0] == 'unknown' or (prop.auto_inc and value is None):
            return
        wrong = _encode.problem_of(spec, value)
        if wrong:
            self.problem(t.column_place(name), f'{t.cls.__name__}.{name}: {wrong}')
        elif not (prop.primary_key or prop.unique or prop.auto_inc):
            t.defaults.append((col, _encode.encode(spec, value)))

    def _extra_index(self, t, given):
        listed = isinstance(given, (tuple, list)) and all(isinstance(name, str) for name in given)
        if not isinstance(given, (Column, str)) and not listed:
            self.problem(t.place(), f'{t.title}: indexes= lists columns, e.g. indexes=["guild", ("guild", "name")] or Column("guild", '
                                    f'"name", name="by_guild"), and {given!r} is none')
            return
        index = given if isinstance(given, Column) else Column(*([given] if isinstance(given, str) else given))
        if not all([self._known(t, 'indexes', name) for name in index.columns]):
            return
        if not index.columns or len(set(index.columns)) != len(index.columns):
            self.problem(t.place(), f'{t.title}: {index!r} must name its columns, each once')
            return
        names = [c[0] for c in t.columns]
        cols = [names.index(name) for name in index.columns]
        same = next((i for i in t.indexes if i['cols'] == tuple(cols)), None)
        if same and index.name is None:  # primary_key="id", indexes=["id"]: one is enough, but its kind may be chosen here
            t.indexes.remove(same)
            self._index(t, same['accessor'], cols, index.algorithm, same['unique'])
            return
        accessor = index.name or '_'.join(t.columns[c][1] for c in cols)
        self._check_name(t.place, 'index', accessor)
        if len(cols) > 1 and accessor in [c[1] for c in t.columns]:
            self.problem(t.place(), f'{t.title}: the index {accessor!r} hides the column of that name: call it something else')
        self._index(t, accessor, cols, index.algorithm, False)

    def _index(self, t, accessor, cols, kind, unique):
        if kind not in ('btree', 'hash', 'direct'):
            self.problem(t.place(), f'{t.title}: index algorithm {kind!r}: it is "btree", "hash" or "direct"')
            return
        for c in cols:
            self._index_column(t, c, kind, len(cols))
        for other in t.indexes:
            if other['cols'] == tuple(cols) and other['kind'] == kind:
                names = ', '.join(t.columns[c][0] for c in cols)
                self.problem(t.place(), f'{t.title} has two {kind} indexes over {names}: keep one')
                return
            if other['accessor'] == accessor:
                self.problem(t.place(), f'{t.title} has two indexes called {accessor!r}: give one another name with '
                                        'Column(..., name=)')
        wires = '_'.join(t.columns[c][1] for c in cols)
        t.indexes.append({'accessor': accessor, 'cols': tuple(cols), 'unique': unique, 'kind': kind,
                          'name': f'{t.name}_{wires}_idx_{kind}'})

    def _index_column(self, t, col, kind, ncols):
        name, _, spec, _ = t.columns[col]
        bare = unchecked(spec)[0]
        if bare == 'unknown':
            return
        key = col in t.unique
        if col == t.pk and bare in ('bytes', 'product'):  # clients' tables cannot be keyed by them
            self.problem(t.column_place(name), f'{t.cls.__name__}.{name}: {describe(spec)} cannot be the primary key: make it '
                                               'Unique[...], and another column the key')
        elif not indexable(spec) or (key and bare == 'option'):
            self.problem(t.column_place(name), f'{t.cls.__name__}.{name}: {describe(spec)} cannot be {"a key" if key else "an index"} '
                                               'column; integers, bool, str, bytes, Identity, ConnectionId, UUID, Timestamp, durations, '
                                               'enums and records of these can' + (', and T | None' if not key else ''))
        elif kind == 'direct' and (ncols > 1 or bare not in DIRECT):
            self.problem(t.column_place(name), f'{t.cls.__name__}.{name}: a direct index is over one column of u8, u16, u32, u64 '
                                               'or an enum')

    def _scheduled_shape(self, t):
        if t.event:
            self.problem(t.place(), f'{t.title}: rows of an event table are gone when its transaction ends, so they cannot be '
                                    'scheduled: take event=True away')
        ats = [i for i, c in enumerate(t.columns) if unchecked(c[2])[0] == 'schedule_at']
        if len(ats) != 1 or t.pk < 0 or unchecked(t.columns[t.pk][2])[0] != 'u64':
            self.problem(t.place(), f'{t.title}: a scheduled table has a primary key of type u64 (usually AutoKey[u64]) and '
                                    'exactly one column of type ScheduleAt')
            return
        t.at_column = ats[0]

    def _migration(self, fn, given):
        """Gives the table its hook."""
        place, title = _source.of_function(fn), f'@migration {fn.__name__}'
        if given is None:
            self.problem(place, f'{title} names its table: write @migration(table="player")')
            return
        wanted = given if isinstance(given, str) else getattr(given, '__name__', repr(given))
        t = next((t for t in self.tables if given in (t.name, t.accessor) or t.cls is given), None)
        if t is None:
            self.problem(place, f'{title}: there is no table {wanted!r}: {instead(wanted, [t.name for t in self.tables])}')
        elif t.event:
            self.problem(place, f'{title}: rows of the event table {t.name} are not kept, so there are none to map')
        elif t.migration is not None:
            self.problem(place, f'{title}: table {t.name} has the hook {t.migration.__name__} already: one function maps all of its rows')
        elif not _advice.is_plain(fn):
            self.problem(place, f'{title} is a plain function, not async and not a generator')
        elif not self._takes_one(fn):
            self.problem(place, f'{title} takes one argument, the old row: def {fn.__name__}(old: dict)')
        else:
            t.migration = fn

    @staticmethod
    def _takes_one(fn):
        try:
            inspect.signature(fn).bind({})
        except TypeError:
            return False
        return True

    # ---- functions ----

    def _reducer(self, declared):
        fn, name = declared.fn, declared.name

        def place():
            return _source.of_function(fn)
        self._check_name(place, 'reducer', name)
        if _advice.hidden_by(fn) is not None:
            self.problem(place(), f'{name}: a decorator above @{declared.decorator} wraps the function, and callers would pass it by: '
                                  f'put @{declared.decorator} on top')
        if not _advice.is_plain(fn):
            self.problem(place(), f'{name}: a reducer is a plain function, not async and not a generator: it is one transaction')
        signature = inspect.signature(fn)
        if signature.return_annotation not in (inspect.Signature.empty, None, 'None', typing.NoReturn, typing.Never):
            self.problem(place(), f'{name}: a reducer returns nothing: annotate -> None, and write the result to a table')
        parameters = list(signature.parameters.values())
        if not parameters or not self._is_context(declared, parameters[0], _context.ReducerContext):
            self.problem(place(), f'{name}: the first parameter of a reducer is its context: def {name}(ctx: ReducerContext)')
        entry = self.function_entry(declared, place, parameters[1:])
        found = parameters[1:]
        self.reducers.append(entry)
        if declared.lifecycle and found:
            self.problem(place(), f'{name}: @{declared.lifecycle} takes only the context')
        if declared.schedule is not None and found:
            self.problem(place(), f'{name}: a function with @scheduled takes only the context; for arguments make a table with '
                                  'scheduled=')
        elif declared.schedule is not None:
            self._schedule(entry, declared.schedule)

    def function_entry(self, declared, place, parameters):
        """What is the same of every function that is called by name; notes what is wrong with it."""
        name, timeout = declared.name, declared.timeout_ms
        found = [self._parameter(declared, p) for p in parameters]
        wires = [wire_name(p.name) for p in parameters]
        for wire in {w for w in wires if wires.count(w) > 1}:
            self.problem(place(), f'{name} has two parameters that clients see as {wire!r}')
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int) or timeout <= 0):
            self.problem(place(), f'{name}: timeout_ms={timeout!r}: it is a whole number of milliseconds above zero')
        elif timeout is not None and timeout > _TIMEOUT_MOST:
            self.problem(place(), f'{name}: timeout_ms={timeout:.3g}: it is in milliseconds, {_TIMEOUT_MOST:.0e} of them at most')
        return dict(name=name, fn=declared.fn, place=place, params=[p for p in found if p], lifecycle=declared.lifecycle,
                    public=self._flag(place, f'{name}: public=', declared.public), timeout_ms=timeout, takes_row=True)

    def _is_context(self, declared, p, wanted):
        """Whether the first parameter can be the context; a wrong declaration of the database is noted."""
        if p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            return False
        if p.annotation is p.empty:
            return p.default is p.empty
        hint = self._try(lambda: _source.of_parameter(declared.fn, p.name), f'{declared.name}.{p.name}',
                         lambda: evaluate_parameter(declared.fn, p.name, p.annotation))
        if typing.get_origin(hint) is wanted:
            self._check_database(declared, p, typing.get_args(hint)[0])
            return True
        members = typing.get_args(hint) if typing.get_origin(hint) is not None else (hint,)
        if wanted in members and len(members) > 1:
            self.problem(_source.of_parameter(declared.fn, p.name), f'{declared.name}: every call has its context: write '
                                                                    f'{p.name}: {wanted.__name__}')
            return True
        if getattr(hint, '__module__', None) in (_context.__name__, _routes.__name__) and hint is not wanted:
            return False
        try:
            Resolver().resolve(hint, 'It', column=True)
        except TypeProblem:
            return True
        return hint in (None, typing.Any, object)  # None: it has been reported

    def _check_database(self, declared, p, cls):
        """ReducerContext[Db]: what the class Db says of ctx.db is true."""
        if not isinstance(cls, type) or not issubclass(cls, _context.Database):
            if cls is not typing.Any and not isinstance(cls, typing.TypeVar):
                self.problem(_source.of_parameter(declared.fn, p.name),
                             f'{declared.name}.{p.name}: ReducerContext[{_advice.show(cls)}]: in brackets stands a class that lists the '
                             'tables, class Db(Database): player: Table[Player]; or write ReducerContext alone')
            return
        tables = {name: t.cls for t in self.tables for name in (t.name, t.accessor)}
        for name, annotation in getattr(cls, '__annotations__', {}).items():
            def place(name=name):
                return _source.of_column(cls, name)
            hint = self._try(place, f'{cls.__name__}.{name}', lambda: evaluate(cls, name, annotation))
            row = typing.get_args(hint)[0] if typing.get_origin(hint) is _context.Table else None
            if hint is not None and tables.get(name) is None:
                near = nearest(name, tables)
                self.problem(place(), f'{cls.__name__}.{name}: the module has no table {name!r} '
                                      f'({f"do you mean {near}? " if near else ""}it has {", ".join(sorted(tables)) or "none"})')
            elif row is not None and row is not tables[name]:
                self.problem(place(), f'{cls.__name__}.{name}: the rows of table {name} are {tables[name].__name__}: '
                                      f'write Table[{tables[name].__name__}]')

    def _parameter(self, declared, p):
        """(python name, wire name, spec, sats), or None after noting what is wrong."""
        def place():
            return _source.of_parameter(declared.fn, p.name)
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            stars = '*' if p.kind is p.VAR_POSITIONAL else '**'
            self.problem(place(), f'{declared.name}: {stars}{p.name} is not possible: clients send a fixed list of arguments')
        elif p.kind is p.KEYWORD_ONLY:
            self.problem(place(), f'{declared.name}: the parameter {p.name!r} stands after *: clients send arguments by position')
        elif p.annotation is p.empty:
            self.problem(place(), f'{declared.name}: the parameter {p.name!r} needs a type, e.g. {p.name}: str')
        else:
            def resolve():
                hint = evaluate_parameter(declared.fn, p.name, p.annotation)
                return self.types.resolve(hint, pascal(declared.name) + pascal(p.name))
            resolved = self._try(place, f'{declared.name}.{p.name}', resolve)
            if resolved is None:
                return None
            wrong = _encode.problem_of(resolved[0], p.default, 'parameter') if p.default is not p.empty else None
            if wrong:
                self.problem(place(), f'{declared.name}.{p.name}: {wrong}')
            return p.name, wire_name(p.name), *resolved
        return None

    def _schedule(self, entry, schedule):
        t = Table(f'{entry["name"]}_schedule', None, entry['place'])
        t.columns = [('scheduled_id', 'scheduled_id', ('u64',), simple('U64')),
                     ('scheduled_at', 'scheduled_at', ('schedule_at',), SATS_SPECIAL['schedule_at'])]
        t.pk, t.auto_inc, t.unique, t.at_column, t.scheduled = 0, [0], [0], 1, entry['name']
        self._index(t, 'scheduled_id', [0], 'btree', True)
        row = product(*((c[1], c[3]) for c in t.columns))
        t.ref = self._try(t.place, entry['name'], lambda: self.types.declare(pascal(t.name), row))
        self.tables.append(t)
        entry['takes_row'] = False
        entry['params'] = [('row', 'row', ('unit',), t.ref)]
        self.schedules.append(dict(reducer=entry['name'], table=t.name, interval_us=schedule['interval_us'] or 0,
                                   delay_us=-1 if schedule['delay_us'] is None else schedule['delay_us'],
                                   repeating=schedule['repeating'], missed=schedule['missed'], max_dt=schedule['max_dt'],
                                   cron=schedule['cron'], hz=schedule['hz'], volatile=schedule['volatile']))

    def _link_schedules(self):
        for t in self.tables:
            if t.scheduled is None or t.cls is None:
                continue
            wanted = getattr(t.scheduled, '__name__', t.scheduled)
            if not isinstance(t.scheduled, str) and not callable(t.scheduled) or wanted == '<lambda>':
                self.problem(t.place(), f'{t.title}: scheduled= is a reducer of the module or its name, scheduled="remind", and '
                                        f'{_advice.name_of(t.scheduled) if callable(t.scheduled) else repr(t.scheduled)} is none')
                continue
            usage = f'@reducer def {wanted}(ctx: ReducerContext, row: {t.cls.__name__})'
            entry = next((r for r in self.reducers + self.procedures if t.scheduled in (r['fn'], r['name'])), None)
            if entry is None:
                near = nearest(wanted, [r['name'] for r in self.reducers + self.procedures])
                self.problem(t.place(), f'{t.title}: scheduled={wanted!r} names no reducer of the module; '
                                        + (f'do you mean {near}? Else ' if near else '') + f'write {usage}')
                continue
            t.scheduled, entry['public'] = entry['name'], False
            if not entry['params']:  # a scheduled reducer may take only the context
                entry['takes_row'], entry['params'] = False, [('row', 'row', ('unit',), t.ref)]
            elif t.ref is not None and (len(entry['params']) != 1 or entry['params'][0][3] != t.ref):
                what = 'reducer'
                if entry in self.procedures:
                    what, usage = 'procedure', f'@procedure def {wanted}(ctx: ProcedureContext, row: {t.cls.__name__}) -> None'
                self.problem(entry['place'](), f'{wanted}: the {what} of the scheduled {t.title} takes its row: {usage}')

    # ---- names ----

    def _check_name(self, place, what, name):
        if not is_identifier(name):
            self.problem(place(), f'the {what} name {name!r}: a name has letters, digits and _, and no digit first')
        elif what == 'table' and name.startswith('st_'):
            self.problem(place(), f'table {name}: names that begin with st_ belong to system tables')

    def _table_names(self):
        used = {}
        for t in self.tables:
            names = [(t.name, 'a table')] + [(i['name'], 'an index') for i in t.indexes]
            names += [(_key_name(t, c), 'a constraint') for c in t.unique]
            names += [(_sequence_name(t, c), 'a sequence') for c in t.auto_inc]
            if t.scheduled:
                names.append((f'{t.name}_sched', 'a schedule'))
            for name, what in names:
                if name in used:
                    other, place = used[name]
                    self.problem(t.place(), f'{t.title}: {what} would be called {name!r}, as {other} of {place()}: rename one '
                                            'with @table(name=...)')
                used.setdefault(name, (what, t.place))

    def _twins(self):
        """Names that differ, but not for who reads them: SQL takes capitals for small letters, clients write names their own way."""
        camel, pascal_ = case.camel, case.pascal
        places = {t.name: t.place for t in self.tables}
        self._twin('table', 'SQL', str.lower, places)
        self._twin('table', 'clients', camel, places)
        for t in self.tables:
            other = next((o for o in self.tables if o is not t and o.accessor == t.accessor), None)
            if other is not None and (other.cls, t.cls) not in self.told and t.name != other.name:
                self.told.add((t.cls, other.cls))
                self.problem(other.place(), f'{other.title}: the classes {t.cls.__name__} and {other.cls.__name__} are both '
                                            f'ctx.db.{t.accessor}: rename one')
        for t in self.tables:
            columns = {wire: (lambda t=t, name=name: t.column_place(name)) for name, wire, *_ in t.columns} if t.cls else {}
            for who, fold in (('SQL', str.lower), ('clients', camel)):
                self._twin('column', who, fold, columns, f'{t.title}: ')
        self._twin('reducer', 'clients', pascal_, {r['name']: r['place'] for r in self.reducers})
        self._twin('procedure', 'clients', pascal_, {r['name']: r['place'] for r in self.procedures})
        for r in self.reducers + self.procedures:
            self._twin('parameter', 'clients', camel, {p[1]: r['place'] for p in r['params']}, f'{r["name"]}: ')
        classes = dict(self.types.named_classes())

        def of_type(name):
            return lambda: _source.of_class(classes[name]) if name in classes else f'type {name}'
        self._twin('type', 'clients', pascal_, {name: of_type(name) for name in self.types.names})
        for name, position in self.types.names.items():
            (kind, body), = (self.types.typespace[position] or UNIT).items()
            if kind in ('Product', 'Sum') and not any(t.ref == {'Ref': position} for t in self.tables):
                parts = [e['name']['some'] for e in body['elements' if kind == 'Product' else 'variants']]
                what, fold = ('field', camel) if kind == 'Product' else ('variant', pascal_)
                self._twin(what, 'clients', fold, {part: of_type(name) for part in parts}, f'{name}: ')

    def _twin(self, what, who, fold, places, title=''):
        seen = {}
        for name, place in places.items():
            if not is_identifier(name):
                continue  # said already
            other = seen.setdefault(fold(name), name)
            if other != name and (what, title, other, name) not in self.told:
                self.told.add((what, title, other, name))
                self.problem(place(), f'{title}the {what}s {other!r} and {name!r} are one for {who} ({fold(name)}): give one of them '
                                      'another name')

    def _endless_types(self):
        classes = dict(self.types.named_classes())
        for name in self.types.endless():
            if name in classes:  # a union of such classes adds nothing to what is said of them
                self.problem(_source.of_class(classes[name]), endless_text(name))

    def _function_names(self):
        functions, lifecycles = {}, {}
        for r in self.reducers + self.procedures:
            for found, key, text in ((functions, r['name'], f'two functions are called {r["name"]!r}' if r in self.procedures
                                      else f'two reducers are called {r["name"]!r}'),
                                     (lifecycles, r['lifecycle'], f'@{r["lifecycle"]} is there twice')):
                if key in found:
                    self.problem(r['place'](), f'{text}; the other is at {found[key]()}')
                if key is not None:
                    found.setdefault(key, r['place'])

    # ---- results ----

    def v10(self):
        """The module definition of version 10, without the {"V10": ...} around it."""
        names = {f: n for n, f in self.types.names.items()}
        tables = [self._table10(t) for t in self.tables]
        schedules = [dict(source_name={'some': f'{t.accessor}_sched'}, table_name=t.accessor, schedule_at_col=t.at_column,
                          function_name=t.scheduled) for t in self.tables if t.scheduled]
        entries = [{'Table': dict(source_name=t.accessor, canonical_name=t.name)} for t in self.tables]
        entries += [{'Index': dict(source_name=t.accessor + i['name'].removeprefix(t.name), canonical_name=i['name'])}
                    for t in self.tables if t.accessor != t.name for i in t.indexes]
        entries += [{'Function': dict(source_name=name, canonical_name=name)}
                    for name in [r['name'] for r in self.reducers + self.procedures] + [v.name for v in self.views]]
        views, view_keys = _views.definition(self)
        lifecycle = [dict(lifecycle_spec={LIFECYCLES[r['lifecycle']]: []}, function_name=r['name'])
                     for r in self.reducers if r['lifecycle'] in LIFECYCLES]
        sections = [
            {'Typespace': {'types': self.types.typespace}},
            {'Types': [dict(source_name=dict(scope=[], source_name=names[i]), ty=i, custom_ordering=True)
                       for i in range(len(self.types.typespace))]},
            {'Tables': tables},
            {'Reducers': [self._reducer10(r) for r in self.reducers]},
            {'Procedures': [_procedures.definition(p) for p in self.procedures]},
            *_routes.sections(self.routes), {'Environment': [key.section() for key in self.environment.values()]},
            {'Views': views}, {'ViewPrimaryKeys': view_keys},
            {'Schedules': schedules}, {'LifeCycleReducers': lifecycle},
            {'CaseConversionPolicy': {'None': []}}, {'ExplicitNames': {'entries': entries}}]
        return {'sections': [s for s in sections if next(iter(s.values()))]}

    def _table10(self, t):
        def some(name):  # what is named after the table is named after what its author calls it
            return {'some': t.accessor + name.removeprefix(t.name)}
        none = {'none': []}
        return dict(
            source_name=t.accessor, product_type_ref=t.ref['Ref'], primary_key=[t.pk] if t.pk >= 0 else [],
            indexes=[dict(source_name=some(i['name']), accessor_name={'some': i['accessor']}, algorithm=_algorithm(i))
                     for i in t.indexes],
            constraints=[dict(source_name=some(_key_name(t, c)), data={'Unique': {'columns': [c]}}) for c in t.unique],
            sequences=[dict(source_name=some(_sequence_name(t, c)), column=c, start=none, min_value=none, max_value=none,
                            increment=1) for c in t.auto_inc],
            table_type={'User': []}, table_access={'Public' if t.public else 'Private': []},
            default_values=[dict(col_id=col, value=value.hex()) for col, value in t.defaults], is_event=t.event)

    def _reducer10(self, r):
        visible = r['public'] and not r['lifecycle']
        return dict(source_name=r['name'], params={'elements': [element(w, s) for _, w, _, s in r['params']]},
                    visibility={'ClientCallable' if visible else 'Private': []}, ok_return_type=UNIT,
                    err_return_type=simple('String'))

    def v9(self):
        """The module definition of version 9, for older tools: made from that of version 10."""
        ten = {k: v for s in self.v10()['sections'] for k, v in s.items()}
        none = {'none': []}
        schedules = {s['table_name']: s for s in ten.get('Schedules', [])}
        lifecycle = {s['function_name']: s['lifecycle_spec'] for s in ten.get('LifeCycleReducers', [])}
        canonical = {t.accessor: t.name for t in self.tables}
        tables, misc = [], []
        for t in sorted(ten.get('Tables', []), key=lambda t: canonical[t['source_name']]):
            s = schedules.get(t['source_name'])

            def named(option, old=t['source_name']):
                return {'some': canonical[old] + option['some'].removeprefix(old)}
            tables.append(dict(
                name=canonical[t['source_name']], product_type_ref=t['product_type_ref'], primary_key=t['primary_key'],
                indexes=sorted((dict(name=named(i['source_name']), accessor_name=i['accessor_name'], algorithm=i['algorithm'])
                                for i in t['indexes']), key=lambda i: i['name']['some']),
                constraints=sorted((dict(name=named(c['source_name']), data=c['data']) for c in t['constraints']),
                                   key=lambda c: c['name']['some']),
                sequences=[dict(name=named(q['source_name']), column=q['column'], start=none, min_value=none, max_value=none,
                                increment=1) for q in t['sequences']],
                schedule={'some': dict(name=named(s['source_name']), reducer_name=s['function_name'],
                                       scheduled_at_column=s['schedule_at_col'])} if s else none,
                table_type=t['table_type'], table_access=t['table_access']))
            misc += [{'ColumnDefaultValue': dict(table=canonical[t['source_name']], **d)} for d in t['default_values']]
        misc += [{'Procedure': dict(name=p['source_name'], params=p['params'], return_type=p['return_type'])}
                 for p in ten.get('Procedures', [])]
        misc += _views.definition9(ten.get('Views', []))
        reducers = [dict(name=r['source_name'], params=r['params'],
                         lifecycle={'some': lifecycle[r['source_name']]} if r['source_name'] in lifecycle else none)
                    for r in ten.get('Reducers', [])]
        types = [dict(name=dict(scope=[], name=y['source_name']['source_name']), ty=y['ty'], custom_ordering=True)
                 for y in sorted(ten.get('Types', []), key=lambda y: y['source_name']['source_name'])]
        return dict(typespace=ten.get('Typespace', {'types': []}), tables=tables, reducers=reducers, types=types,
                    misc_exports=misc, row_level_security=[])

    def descriptor(self):
        """The JSON text that the server's oro_schema_parse reads."""
        extra = dict(reducers=[dict(name=r['name'], timeout_ms=r['timeout_ms'] or 0, **self.defaults_of(r),
                                    **({'lifecycle': 'update'} if r['lifecycle'] == 'updated' else {})) for r in self.reducers],
                     tables=[dict(name=t.name, place=t.place(), dropped=t.dropped, renamed=t.renamed, rules=t.rules, **self.hook_of(t))
                             for t in self.tables if t.cls is not None],
                     procedures=[_procedures.described(p, self.defaults_of(p)) for p in self.procedures],
                     schedules=self.schedules, openapi=_openapi.document(self), routes=bool(self.routes), views=_views.descriptor(self),
                     environment={key.name: key.kind for key in self.environment.values()})
        text = json.dumps([self.v10(), self.schedules, extra['environment'], extra['reducers'], extra['procedures'], extra['openapi']])
        extra['hash'] = hashlib.sha256(text.encode()).hexdigest()
        return json.dumps({'V10': self.v10(), 'V9': self.v9(), 'orochi': extra}, separators=(',', ':'))

    @staticmethod
    def hook_of(t):
        """{'migration': "up (file.py:12)"} of a table that has a hook, else {}."""
        return {} if t.migration is None else {'migration': f'{t.migration.__name__} ({_source.of_function(t.migration)})'}

    @staticmethod
    def defaults_of(r):
        """{'defaults': [BSATN as hex, or None, of each parameter]} of a reducer of which a parameter has one, else {}."""
        given = inspect.signature(r['fn']).parameters if r['takes_row'] else {}
        found = [_encode.encode(spec, given[name].default).hex() if name in given and given[name].default is not given[name].empty
                 else None for name, _, spec, _ in r['params']]
        return {'defaults': found} if any(d is not None for d in found) else {}

    def module_spec(self):
        """What the codecs, tables and reducers of this interpreter are made from."""
        tables = [dict(name=t.name, accessor=t.accessor, cls=t.cls, columns=tuple((c[0], c[1], c[2]) for c in t.columns), pk=t.pk,
                       auto_inc=tuple(t.auto_inc), indexes=t.indexes, migration=t.migration) for t in self.tables if t.cls is not None]
        reducers = [dict(name=r['name'], fn=r['fn'], params=tuple((p[0], p[2]) for p in r['params']), takes_row=r['takes_row'])
                    for r in self.reducers]
        return dict(types=self.types.specs, tables=tables, reducers=reducers + _views.functions(self),
                    procedures=[_procedures.bound(p) for p in self.procedures],
                    router=_routes.Router(self.routes) if self.routes else None, env=_env.Environment(self.environment))


def _algorithm(index):
    cols = list(index['cols'])
    return {'BTree': cols} if index['kind'] == 'btree' else {'Hash': cols} if index['kind'] == 'hash' else {'Direct': cols[0]}


def _key_name(table, col):
    return f'{table.name}_{table.columns[col][1]}_key'


def _sequence_name(table, col):
    return f'{table.name}_{table.columns[col][1]}_seq'


def build():
    """Builds from everything declared so far. SchemaError lists every problem."""
    builder = Builder(REGISTRY)
    builder.build()
    return builder
