"""@view: functions of the tables whose rows clients see like those of a table (docs/semantics.md#views). This file has the
decorator, what _schema makes of it, and the parts of the module definition that views are."""

import dataclasses
import inspect
import types
import typing

from . import _advice, _context, _source
from ._declare import REGISTRY, _function_place_problem, _no_options
from ._names import instead, wire_name
from ._query import Query
from ._types import UNIT, Resolver, describe, element, evaluate_parameter, indexable, pascal, unchecked


@dataclasses.dataclass
class ViewDeclaration:
    """A function with @view."""

    fn: types.FunctionType
    name: str
    public: bool
    primary_key: str | None


def view(fn=None, /, *, name=None, public=True, primary_key=None, **unknown):
    """Makes a function of the tables a view: what it returns is seen by clients like the rows of a table.

        @view
        def my_hand(ctx: ViewContext) -> list[Card]:
            return ctx.db.card.owner.filter(ctx.sender)

    ctx: a ViewContext (each client sees its own rows, of ctx.sender) or an AnonymousViewContext (all see the same). It returns
    Row | None, list[Row] or Query[Row], where Row is the class of a table or a record (of a Query with agg(): its columns are those of
    group_by() and agg()). It reads, through indexes, and changes
    nothing; when a row that it read has changed it runs again, in the same transaction, and clients get the difference. Parameters after the context
    are what a client asks with: SELECT * FROM in_room(3). name: in SQL and for clients. public=False: only the database's owner
    sees it. primary_key: a column by which clients tell changed rows from new ones.
    """
    _no_options('view', unknown, ('name', 'public', 'primary_key'))

    def declare(fn):
        if _function_place_problem('view', fn, name is not None):
            return fn
        REGISTRY.views.append(ViewDeclaration(fn, name or fn.__name__, public, primary_key))
        return fn
    return declare if fn is None else declare(fn)


class ResolvedView:
    """One view, as the definition and the worker need it."""

    def __init__(self, declared, place):
        self.fn, self.name, self.place = declared.fn, declared.name, place
        self.public, self.anonymous, self.primary_key = True, False, None
        self.kind = 'list'      # or option, query
        self.grouped = False    # a query whose rows are no table's: sums of groups
        self.row = None         # (spec, sats) of a row
        self.params = []        # as of a reducer
        self.event = False      # as a table has it, for tests; and so on:
        self.columns, self.pk = [], -1


# ---- resolving -------------------------------------------------------------------------------------------------------

_CONTEXTS = (_context.ViewContext, _context.AnonymousViewContext)


def resolve(builder, declared):
    """Adds declared to builder.views, or notes what is wrong with it."""
    fn = declared.fn

    def place():
        return _source.of_function(fn)
    v = ResolvedView(declared, place)
    builder._check_name(place, 'view', v.name)
    if not isinstance(v.name, str):
        return
    if v.name.startswith('st_'):
        builder.problem(place(), f'view {v.name}: names that begin with st_ belong to system tables')
    if _advice.hidden_by(fn) is not None:
        builder.problem(place(), f'{v.name}: a decorator above @view wraps the function, and clients would pass it by: put @view on top')
    if not _advice.is_plain(fn):
        builder.problem(place(), f'{v.name}: a view is a plain function, not async and not a generator: it returns its rows')
    v.public = builder._flag(place, f'{v.name}: public=', declared.public)
    parameters = list(inspect.signature(fn).parameters.values())
    context = _context_of(builder, declared, parameters)
    if context is None:
        builder.problem(place(), f'{v.name}: the first parameter of a view says who sees its rows: def {v.name}(ctx: ViewContext) if each '
                                 f'client sees its own, def {v.name}(ctx: AnonymousViewContext) if all see the same')
    v.anonymous = context is _context.AnonymousViewContext
    v.params = [p for p in (_parameter(builder, declared, p) for p in parameters[1:]) if p]
    _returned(builder, v)
    if declared.primary_key is not None:
        _key(builder, v, declared.primary_key)
    if v.row is not None:
        _describe(builder, v)
    builder.views.append(v)


def _context_of(builder, declared, parameters):
    if not parameters or parameters[0].kind not in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
        return None
    p = parameters[0]
    if p.annotation is p.empty:
        return None
    hint = builder._try(lambda: _source.of_parameter(declared.fn, p.name), f'{declared.name}.{p.name}',
                        lambda: evaluate_parameter(declared.fn, p.name, p.annotation))
    origin = typing.get_origin(hint) or hint
    if origin in _CONTEXTS and typing.get_args(hint):
        builder._check_database(declared, p, typing.get_args(hint)[0])
    return origin if origin in _CONTEXTS else None


def _parameter(builder, declared, p):
    found = builder._parameter(declared, p)
    if found is None:
        return None

    def place():
        return _source.of_parameter(declared.fn, p.name)
    if p.default is not p.empty:
        builder.problem(place(), f'{declared.name}: the parameter {p.name!r} has a default, and clients write every argument: '
                                 f'SELECT * FROM {declared.name}(...): leave it out')
    if unchecked(found[2])[0] in ('f32', 'f64'):
        builder.problem(place(), f'View {declared.name} has a float parameter `{p.name}`, which views can\'t take yet: clients that ask '
                                 'for equal arguments share the answer, and floats are seldom equal')
    return found


def _row_class(hint):
    """(kind, the class of a row) of a return annotation, or None."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType) and len(args) == 2 and type(None) in args:
        return 'option', next(a for a in args if a is not type(None))
    if origin in (list, _context.Rows) and len(args) == 1:
        return 'list', args[0]
    if origin is Query and len(args) == 1:
        return 'query', args[0]
    return None


def _returned(builder, v):
    annotation = inspect.signature(v.fn).return_annotation
    usage = f'def {v.name}(...) -> list[Row], Row | None or Query[Row], where Row is the class of a table or a dataclass'
    if annotation is inspect.Signature.empty:
        builder.problem(v.place(), f'{v.name}: a view says what its rows are: {usage}')
        return
    hint = builder._try(v.place, f'{v.name}: its return annotation', lambda: evaluate_parameter(v.fn, 'return', annotation))
    if hint is None and annotation not in (None, 'None'):
        return  # it has been said why
    found = _row_class(hint)
    if found is None:
        builder.problem(v.place(), f'{v.name}: a view does not return {_advice.show(hint)}: {usage}')
        return
    v.kind, cls = found
    row = builder._try(v.place, f'{v.name}: its rows', lambda: builder.types.resolve(cls, pascal(v.name) + 'Row'))
    if row is None:
        return
    if 'Ref' not in row[1] or unchecked(row[0])[0] not in ('product', 'named', 'ref') or not _columns(builder, row[1]):
        builder.problem(v.place(), f'{v.name}: its rows are {_advice.show(cls)}, which has no columns: {usage}')
        return
    if v.kind == 'query' and any(t.cls is cls and t.event for t in builder.tables):
        builder.problem(v.place(), f'{v.name}: {_advice.show(cls)} is an event table, whose rows are gone when their transaction ends: clients '
                                   'subscribe to the table itself')
        return
    v.grouped = v.kind == 'query' and not hasattr(cls, '__orochi_columns__')
    v.row = row
    if v.kind == 'query' and not v.grouped:
        v.primary_key = next((t.columns[t.pk][1] for t in builder.tables if t.cls is cls and t.pk >= 0), None)


def _columns(builder, sats):
    """Names of the columns of a row type."""
    body = builder.types.typespace[sats['Ref']] or {}
    return [e['name']['some'] for e in body.get('Product', {}).get('elements', [])]


def _describe(builder, v):
    """v.columns and v.pk, as of a table: (python name, wire name, spec, sats)."""
    wires = _columns(builder, v.row[1])
    body = builder.types.typespace[v.row[1]['Ref']]['Product']['elements']
    fields = unchecked(v.row[0])[3] if unchecked(v.row[0])[0] == 'product' else [(w, None) for w in wires]
    v.columns = [(name, wire, spec, e['algebraic_type']) for (name, spec), wire, e in zip(fields, wires, body)]
    v.pk = wires.index(v.primary_key) if v.primary_key in wires else -1
    if v.pk >= 0 and v.kind != 'query':
        spec = v.columns[v.pk][2]
        if not indexable(spec) or unchecked(spec)[0] in ('bytes', 'product', 'option'):
            builder.problem(v.place(), f'{v.name}: primary_key= names the column {v.primary_key}, and clients cannot tell rows apart by '
                                       f'{describe(spec)}: it is an integer, str, bool, Identity, ConnectionId, UUID, Timestamp or an Enum')


def _key(builder, v, given):
    if v.params:
        builder.problem(v.place(), f'View {v.name} has parameters and cannot have a primary key: one row may be in the answers to '
                                   'several arguments')
    elif v.kind == 'query' and not v.grouped:
        builder.problem(v.place(), f'{v.name}: a view that returns a Query has the primary key of its table: leave primary_key= out')
    elif v.row is not None:
        columns = _columns(builder, v.row[1])
        if not isinstance(given, str) or wire_name(given) not in columns:
            builder.problem(v.place(), f'{v.name}: primary_key= names the column {given!r}, which its rows do not have: '
                                       f'{instead(str(given), columns)}')
        else:
            v.primary_key = wire_name(given)


def check_names(builder):
    """Views share their names with tables, in SQL, and with reducers, as functions."""
    tables = {t.name: t for t in builder.tables}
    functions = {r['name']: (kind, r['place']) for kind, found in (('procedure', builder.procedures), ('reducer', builder.reducers))
                 for r in found}
    seen = {}
    for v in builder.views:
        if v.name in tables:
            builder.problem(v.place(), f'view {v.name}: a table is called so, too ({tables[v.name].place()}), and SQL could not tell them '
                                       'apart: rename one')
        if v.name in functions:
            kind, place = functions[v.name]
            builder.problem(v.place(), f'view {v.name}: a {kind} is called so, too ({place()}): rename one')
        if v.name in seen:
            builder.problem(v.place(), f'two views are called {v.name!r}; the other is at {seen[v.name]()}')
        seen.setdefault(v.name, v.place)
        _check_twins(builder, v)
    for who, fold in _folds():
        builder._twin('view', who, fold, {v.name: v.place for v in builder.views})


def _folds():
    from .tools import case
    return ('clients', case.camel), ('SQL', str.lower)


def _check_twins(builder, v):
    """Names that differ from those of tables, or among the parameters, but not for who reads them."""
    wires = [p[1] for p in v.params]
    for wire in {w for w in wires if wires.count(w) > 1}:
        builder.problem(v.place(), f'{v.name} has two parameters that clients see as {wire!r}')
    builder._twin('parameter', *_folds()[0], {wire: v.place for wire in wires}, f'{v.name}: ')
    for who, fold in _folds():
        other = next((t.name for t in builder.tables if v.name not in (t.name, t.accessor) and
                      fold(v.name) in (fold(t.name), fold(t.accessor))), None)
        if other is not None:
            builder.problem(v.place(), f'view {v.name}: it and the table {other!r} are one for {who} ({fold(v.name)}): give one of them another '
                                       'name')
            return


# ---- results ---------------------------------------------------------------------------------------------------------

_NONE = {'none': []}


def _return_type(v):
    if v.kind == 'option':
        return {'Sum': {'variants': [dict(name={'some': 'some'}, algebraic_type=v.row[1]),
                                     dict(name={'some': 'none'}, algebraic_type=UNIT)]}}
    if v.kind == 'query' and not v.grouped:
        return {'Product': {'elements': [dict(name={'some': '__query__'}, algebraic_type=v.row[1])]}}
    return {'Array': v.row[1]}


def definition(builder):
    """The sections Views and ViewPrimaryKeys of version 10."""
    counts = {True: 0, False: 0}
    views, keys = [], []
    for v in builder.views:
        views.append(dict(source_name=v.name, index=counts[v.anonymous], is_public=v.public, is_anonymous=v.anonymous,
                          params={'elements': [element(w, s) for _, w, _, s in v.params]}, return_type=_return_type(v)))
        counts[v.anonymous] += 1
        if v.primary_key is not None and (v.kind != 'query' or v.grouped):
            keys.append(dict(view_source_name=v.name, columns=[v.primary_key]))
    return views, keys


def definition9(views):
    """The misc exports of version 9, from the section of version 10."""
    return [{'View': dict(name=v['source_name'], **{k: v[k] for k in ('index', 'is_public', 'is_anonymous', 'params', 'return_type')})}
            for v in views]


def descriptor(builder):
    """What the server knows of views beside the definition."""
    return [dict(name=v.name, primary_key=v.primary_key) for v in builder.views]


def functions(builder):
    """What a worker binds, as of reducers; returns: how the result becomes rows, and the spec of one."""
    return [dict(name=v.name, fn=v.fn, params=tuple((p[0], p[2]) for p in v.params), takes_row=True, returns=(v.kind, v.row[0], tuple(c[0] for c in v.columns)))
            for v in builder.views]
