"""The decorators: they only take down what the author wrote; _schema checks and resolves it when the whole module is
imported, so that forward references work and every problem is reported at once."""

import copy
import dataclasses
import datetime
import enum
import inspect
import types
import uuid
from typing import Any, dataclass_transform

from . import _advice, _schedule, _source
from ._annotations import ColumnProperty, column_annotations, is_named_tuple
from ._errors import SchemaError
from ._names import instead, wire_name
from ._values import ConnectionId, Identity, ScheduleAt

try:
    import _orochi
except ImportError:  # an ordinary interpreter: declarations, schema and tools work, rows are plain dataclasses
    _orochi = None

MISSING = dataclasses.MISSING
_ATOMIC = (int, float, complex, str, bytes, bool, type(None), enum.Enum, datetime.datetime, datetime.timedelta, uuid.UUID,
           Identity, ConnectionId, ScheduleAt)
_ALGORITHMS = ('btree', 'hash', 'direct')


class Column:
    """An index in @table(indexes=[...]) over one or more columns.

        @table(indexes=[Column("guild", "name", name="by_guild")])
        class Player:
            id: AutoKey[u64] = 0
            guild: u32
            name: str

    name: how it is reached, ctx.db.player.by_guild; by default the columns joined by _. algorithm: "btree" (ranges too),
    "hash" (equality only) or "direct" (one small integer column that is nearly dense).
    """

    def __init__(self, *columns, name=None, algorithm='btree', **unknown):
        _no_options('Column', unknown, ('name', 'algorithm'))
        self.columns, self.name, self.algorithm = columns, name, algorithm

    def __repr__(self):
        return f'Column({", ".join(map(repr, self.columns))}, name={self.name!r}, algorithm={self.algorithm!r})'


class Field:
    """What field() returns; see there."""

    def __init__(self, default, default_factory, prop, name, doc):
        self.default, self.default_factory, self.prop, self.name, self.doc = default, default_factory, prop, name, doc


def field(*wrong, default=MISSING, default_factory=MISSING, primary_key=False, auto_inc=False, unique=False, index=False,
          name=None, doc=None, kw_only=True, **unknown):
    """Describes a column in a class body: `seen: Timestamp = field(default_factory=Timestamp.now)`.

    default, default_factory: as in dataclasses. primary_key, auto_inc, unique: as PrimaryKey[...], AutoInc[...], Unique[...]
    in the annotation. index: True or "btree", "hash", "direct". name: how clients call the column. doc: for readers.
    Raises SchemaError when both defaults are given, or for an unknown kind of index.
    """
    _no_options('field', unknown, ('default', 'default_factory', 'primary_key', 'auto_inc', 'unique', 'index', 'name', 'doc'))
    if wrong:
        raise SchemaError(f'{_source.of_caller()}: field() takes its options by name: write field(default={wrong[0]!r})')
    if default_factory is not MISSING and not callable(default_factory):
        raise SchemaError(f'{_source.of_caller()}: field(default_factory={default_factory!r}): it is a function that gives the '
                          'default; for the default itself write field(default=...)')
    if default is not MISSING and default_factory is not MISSING:
        raise SchemaError(f'{_source.of_caller()}: field() takes default or default_factory, not both')
    algorithm = 'btree' if index is True else index or None
    if algorithm not in (None, *_ALGORITHMS):
        raise SchemaError(f'{_source.of_caller()}: field(index={index!r}): it is True, "btree", "hash" or "direct"')
    return Field(default, default_factory, ColumnProperty(primary_key, auto_inc, unique, algorithm), name, doc)


@dataclasses.dataclass(frozen=True)
class ColumnDeclaration:
    """A column as its class declares it. owner: the class in whose body it stands."""

    name: str
    wire: str
    owner: type
    annotation: Any
    prop: ColumnProperty


@dataclasses.dataclass
class TableDeclaration:
    """A class with @table, and the decorator's arguments."""

    cls: type
    options: dict
    made: tuple = ()  # of what a decorator above @table would replace


@dataclasses.dataclass
class ReducerDeclaration:
    """A function with @reducer, @procedure, @scheduled or a lifecycle decorator."""

    fn: types.FunctionType
    decorator: str
    name: str
    lifecycle: str | None = None
    public: bool = True
    timeout_ms: int | None = None
    schedule: dict | None = None


class Registry:
    """Everything declared since the last clear(), in order; one for each interpreter."""

    def __init__(self):
        self.clear()

    def clear(self):
        self.tables, self.reducers, self.products, self.on_load, self.problems = [], [], [], [], []
        self.routes = []  # RouteDeclaration
        self.environments = []  # classes
        self.migrations = []  # (function, what table= says)
        self.views = []  # of _views.py
        self.roles = {}  # by function, what it has been decorated with
        self.filters = []  # (place, SQL) of _filters.py

    def problem(self, place, text):
        self.problems.append(f'{place}: {text}')


REGISTRY = Registry()


def _wrong_thing(decorator, thing, wanted):
    """For a decorator on something it is not for; the line is the decorator's."""
    advice = _advice.no_function(decorator, thing) if wanted == 'a function' or isinstance(thing, str) else ''
    return SchemaError(f'{_source.of_caller()}: @{decorator} goes in front of {wanted}, not {_advice.name_of(thing)}{advice}')


def _no_options(what, unknown, known):
    """Notes options that a decorator, Column() or field() does not have."""
    for name in unknown:
        shown = f'@{what}' if what in ('table', 'product', 'reducer', 'procedure', 'scheduled', 'on_load', 'migration', 'view',
                                       *_LIFECYCLES) else f'{what}()'
        advice = instead(name, known) if known else '(it has none)'
        REGISTRY.problem(_source.of_caller(), f'{shown} has no option {name!r}: {advice}')


_LIFECYCLES = ('init', 'updated', 'client_connected', 'client_disconnected')


# ---- tables ----------------------------------------------------------------------------------------------------------

@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def table(cls=None, /, *, name=None, public=False, primary_key=None, auto_inc=(), unique=(), indexes=(), event=False,
          scheduled=None, owner=None, rls=(), dropped=(), renamed=None, **unknown):
    """Makes an annotated class a table: its annotations are the columns, its instances the rows.

        @table(public=True, indexes=[("guild", "score")])
        class Player:
            identity: PrimaryKey[Identity]
            name: Unique[str]
            guild: u32 = 0
            score: i64 = 0

    name: in SQL and for clients; by default the class name in snake case. public: clients may subscribe to it.
    primary_key, auto_inc, unique, indexes: columns, as an alternative to PrimaryKey[...], AutoInc[...], Unique[...],
    Index[...] in the annotations; an index over several columns is a tuple of names or a Column. event: rows exist for the
    transaction that inserts them and are broadcast. scheduled: the reducer, or its name, that is called when a row's
    ScheduleAt is due. owner: a column of type Identity; clients see the rows in which it is theirs, and no others. rls: row
    filters, SQL like "SELECT * FROM hand WHERE player = :sender OR shown"; clients see the rows that owner or any of them has.
    Neither holds for reducers and for the database's owner. dropped: columns that the table had, whose values are given up (a copy of the data is kept beside it);
    renamed: {"old": "new"}, a column that has another name now; both may stay after the data has changed.
    Constructing a row takes keyword arguments only. What is wrong with a declaration is told when the module is loaded (SchemaError),
    with every other problem.
    """
    options = dict(name=name, public=public, primary_key=primary_key, auto_inc=_listed(auto_inc), unique=_listed(unique),
                   indexes=_listed(indexes), event=event, scheduled=scheduled, owner=owner, rls=_listed(rls), dropped=_listed(dropped),
                   renamed={} if renamed is None else renamed)
    _no_options('table', unknown, options)

    def declare(cls):
        if not isinstance(cls, type) or issubclass(cls, enum.Enum):
            raise _wrong_thing('table', cls, 'a class with annotations')
        if why := _advice.no_table(cls):
            raise SchemaError(f'{_source.of_class(cls)}: {cls.__name__}: {why}')
        if '__orochi_table__' in cls.__dict__:
            REGISTRY.problem(_source.of_caller(), f'{cls.__name__} is a table already; for a second table of the same rows '
                                                  'write a subclass')
            return cls
        made = _row_class(cls)
        REGISTRY.tables.append(TableDeclaration(made, options, marks_of(made)))
        REGISTRY.products[:] = [made if known is cls else known for known in REGISTRY.products]
        return made

    return declare if cls is None else declare(cls)


def _listed(value):
    """What names columns, as a list; what does not is found wrong by _schema."""
    return [value] if isinstance(value, (str, Column)) or not isinstance(value, (list, tuple, set, frozenset)) else list(value)


def _row_class(cls):
    """The class of the rows: slotted, keyword arguments only, with the methods of cls."""
    own_init = cls.__dict__.get('__init__')
    if own_init is not None and not _is_generated(own_init):
        REGISTRY.problem(_source.of_class(cls), f'{cls.__name__}: a table has no __init__ of its own: rows are also made from '
                                                'stored bytes; use defaults, or __post_init__')
    for name, written, wrong in _advice.wrong_column_names(cls):
        REGISTRY.problem(_source.of_column(cls, name), f'{cls.__name__}.{written}: {wrong}')
    columns, defaults = {}, {}
    for name, (owner, annotation) in column_annotations(cls).items():
        columns[name] = _column(cls, name, owner, annotation)
        default = _default_of(cls, name)
        if default is not None:
            defaults[name] = default
    if _orochi is not None:
        made = _orochi.row_class(cls, tuple(columns), defaults)
        made.__dataclass_fields__ = _dataclass_fields(cls.__name__, columns, defaults)
        made.__firstlineno__ = cls.__dict__.get('__firstlineno__', 1)
    else:
        made = _plain_class(cls, columns, defaults)
    made.__orochi_table__ = True
    made.__orochi_columns__ = columns
    made.__orochi_defaults__ = defaults
    return made


def marks_of(made):
    """What @dataclass changes in a class."""
    return tuple(made.__dict__.get(name) for name in ('__init__', '__dataclass_params__'))


def _column(cls, name, owner, annotation):
    inherited = getattr(owner, '__orochi_columns__', {}).get(name)
    if inherited is not None:
        return inherited
    given = cls.__dict__.get(name, owner.__dict__.get(name))
    if not isinstance(given, Field):
        return ColumnDeclaration(name, wire_name(name), owner, annotation, ColumnProperty())
    return ColumnDeclaration(name, given.name or wire_name(name), owner, annotation, given.prop)


def _default_of(cls, name):
    """("value", v), ("copy", v: each row has its own copy), ("factory", f), or None."""
    given = getattr(cls, name, MISSING)
    if not isinstance(given, (Field, dataclasses.Field)):
        made = getattr(cls, '__dataclass_fields__', {}).get(name)  # a dataclass already, or a column of a base table
        if made is not None and (given is MISSING or type(given).__name__ in ('member_descriptor', 'getset_descriptor')):
            inherited = getattr(cls, '__orochi_defaults__', {}).get(name)
            if inherited is not None:
                return inherited
            given = made
    if isinstance(given, (Field, dataclasses.Field)):
        if given.default_factory is not MISSING:
            return 'factory', given.default_factory
        given = given.default
    if given is MISSING:
        return None
    return ('value' if _is_immutable(given) else 'copy'), given


def _is_immutable(value):
    if isinstance(value, _ATOMIC):
        return True
    if isinstance(value, (tuple, frozenset)):
        return all(map(_is_immutable, value))
    params = getattr(type(value), '__dataclass_params__', None)
    return bool(params and params.frozen) and all(_is_immutable(getattr(value, f.name)) for f in dataclasses.fields(value))


def _factory(kind, value):
    return value if kind == 'factory' else lambda: copy.deepcopy(value)


def _standard_field(default):
    """The dataclasses.Field of a column."""
    if default is None:
        return dataclasses.field(kw_only=True)
    kind, value = default
    if kind == 'value':
        return dataclasses.field(default=value, kw_only=True)
    return dataclasses.field(default_factory=_factory(kind, value), kw_only=True)


def _dataclass_fields(name, columns, defaults):
    spec = [(c.name, c.annotation, _standard_field(defaults.get(c.name))) for c in columns.values()]
    return dataclasses.make_dataclass(name, spec).__dataclass_fields__


def _is_generated(thing):
    """Whether the dataclass decorator wrote it."""
    return isinstance(thing, types.FunctionType) and thing.__code__.co_filename == '<string>'


_LEFT_OUT = frozenset(('__dict__', '__weakref__', '__slots__', '__init__', '__match_args__', '__annotations__',
                       '__dataclass_fields__', '__dataclass_params__', '__annotate_func__', '__annotations_cache__'))


def _plain_class(cls, columns, defaults):
    """The row class of an ordinary interpreter."""
    body = {key: value for key, value in cls.__dict__.items() if not (
        key in _LEFT_OUT or key in columns or (key == '__hash__' and value is None) or _is_generated(value))}
    body['__qualname__'] = cls.__qualname__
    body['__match_args__'] = tuple(columns)
    body['__annotations__'] = {name: column.annotation for name, column in columns.items()}
    body.update((name, _standard_field(defaults.get(name))) for name in columns)
    made = dataclasses.dataclass(kw_only=True, slots=True)(type(cls)(cls.__name__, cls.__bases__, body))
    for value in body.values():
        _fix_class_cell(value, cls, made)
    return made


def _fix_class_cell(value, old, made):
    """Methods that say super() hold the class they were written in: it is the new one now."""
    for fn in (value, getattr(value, '__func__', None), getattr(value, 'fget', None), getattr(value, 'fset', None)):
        for cell in getattr(fn, '__closure__', None) or ():
            if cell.cell_contents is old:
                cell.cell_contents = made


@dataclass_transform(field_specifiers=(field,))
def product(cls=None, /, *, name=None, **unknown):
    """Gives a record (a dataclass, NamedTuple, TypedDict) or Enum another name for clients than that of its class, and registers
    it even if no column or parameter uses it. A plain class with annotations becomes a dataclass.

        @product(name="Vector2")
        class Vec2:
            x: f32
            y: f32
    """
    _no_options('product', unknown, ('name',))

    def declare(cls):
        if not isinstance(cls, type):
            raise _wrong_thing('product', cls, 'a class')
        kept = dataclasses.is_dataclass(cls) or issubclass(cls, (enum.Enum, dict)) or is_named_tuple(cls)
        made = cls if kept else dataclasses.dataclass(cls)
        made.__orochi_name__ = name or cls.__name__
        REGISTRY.products.append(made)
        return made
    return declare if cls is None else declare(cls)


# ---- functions -------------------------------------------------------------------------------------------------------

def _function_place_problem(decorator, fn, named=False):
    """Whether fn stands where no function of the module does, or is one of another kind already, which is noted. named: it needs no
    name of its own."""
    if not isinstance(fn, types.FunctionType):
        raise _wrong_thing(decorator, fn, 'a function')
    owner = _advice.owner_class(fn)
    if owner is not None:
        REGISTRY.problem(_source.of_function(fn), f'{fn.__name__} stands in the class {owner}, and @{decorator} is for functions of '
                                                  f'the module: move it out, def {fn.__name__}({_advice.given(decorator)})')
        return True
    if fn.__name__ == '<lambda>' and not named:
        REGISTRY.problem(_source.of_function(fn), f'a lambda has no name that clients could call: write def '
                                                  f'f({_advice.given(decorator).removesuffix(", ...")}) with @{decorator} in front')
        return True
    other = REGISTRY.roles.setdefault(fn, decorator)
    if other != decorator or any(declared.fn is fn for declared in REGISTRY.reducers + REGISTRY.views):
        REGISTRY.problem(_source.of_function(fn), f'{fn.__name__} has both @{other} and @{decorator}: keep one')
        return True
    return False


def _function(decorator, fn, name=None, **options):
    if _function_place_problem(decorator, fn, name is not None):
        return fn
    fn.__orochi_function__ = declared = ReducerDeclaration(fn, decorator, name or fn.__name__, **options)  # for ctx.schedule()
    REGISTRY.reducers.append(declared)
    return fn


def reducer(fn=None, /, *, name=None, public=True, timeout_ms=None, reads=None, writes=None, **unknown):
    """Makes a function callable by clients: fn(ctx, *arguments), one transaction, returns nothing.

        @reducer
        def set_name(ctx: ReducerContext, name: str) -> None:
            if not name.strip():
                raise ReducerError("a name has at least one letter")
            ctx.db.player.update(ctx.db.player.get(ctx.sender), name=name.strip())

    Arguments are checked against their annotations before it runs. Returning commits; raising rolls everything back, and a ReducerError's
    text is what the caller sees. It may be run again from the start after a conflict with another call, of which nothing remains: so it has no
    effect but on ctx, and does no input or output (ForbiddenInReducer). Another reducer, called with the same ctx, is a part of the
    transaction. name: how clients call it. public=False: only the owner, other reducers and schedules may. timeout_ms: run time limit, after which ReducerTimeout is raised in it. reads, writes:
    hints for the scheduler, without effect on results.
    """
    _no_options('reducer', unknown, ('name', 'public', 'timeout_ms', 'reads', 'writes'))

    def declare(fn):
        return _function('reducer', fn, name=name, public=public, timeout_ms=timeout_ms)
    return declare if fn is None else declare(fn)


def procedure(fn=None, /, *, name=None, public=True, timeout_ms=None, **unknown):
    """Makes a function callable that may wait for the world outside: fn(ctx, *arguments) -> result (docs/procedures.md).

    It runs beside reducers, on workers of its own, and in no transaction: ctx.with_tx(body) runs one. What it returns is what
    its caller gets, so its return annotation is required. `async def` may be written as well, and awaits what waits. name,
    public: as of a reducer. timeout_ms: how long it may take, its waiting included.
    """
    _no_options('procedure', unknown, ('name', 'public', 'timeout_ms'))

    def declare(fn):
        return _function('procedure', fn, name=name, public=public, timeout_ms=timeout_ms)
    return declare if fn is None else declare(fn)


def _lifecycle(kind, doc):
    def decorator(fn=None, /, **unknown):
        _no_options(kind, unknown, ())

        def declare(fn):
            return _function(kind, fn, lifecycle=kind, public=False)
        return declare if fn is None else declare(fn)
    decorator.__name__ = decorator.__qualname__ = kind
    decorator.__doc__ = doc
    return decorator


init = _lifecycle('init', """Runs once, in the transaction that creates the database; ctx.sender is the owner. Raising keeps the server from starting.

    @init
    def setup(ctx: ReducerContext) -> None:
        ctx.db.room.insert(title="lobby")
""")
updated = _lifecycle('updated', """Runs once for each new version of the module, in a transaction before any other call of that version: after a reload, and at a
start whose declarations differ from those of the run before. Tables have changed already; new data has @init instead.

    @updated
    def to_levels(ctx: ReducerContext):
        for player in ctx.db.player:
            ctx.db.player.update(player, level=player.xp // 100)

ctx.sender is the owner. Raising undoes what it wrote: a start then fails, and tries again the next time; after a reload the log says so, and
the new version serves. Time limit: reducer.init_timeout_ms.
""")

client_connected = _lifecycle('client_connected', """Runs in a transaction before a connection may do anything; raising refuses the client.

ctx.sender is who comes, ctx.connection_id this connection of theirs: a player may have several at once.

    @client_connected
    def connected(ctx: ReducerContext) -> None:
        user = ctx.db.user.find(ctx.sender) or User(identity=ctx.sender)
        ctx.db.user.upsert(user, online=True)
""")
client_disconnected = _lifecycle('client_disconnected', """Runs in a transaction when a connection has ended, also after a crash; failing is logged.

    @client_disconnected
    def disconnected(ctx: ReducerContext) -> None:
        ctx.db.user.update(ctx.db.user.get(ctx.sender), online=False)
""")


def on_load(fn=None, /, **unknown):
    """Runs in each worker after the import, without ctx: to fill caches. Raising keeps the server from starting.

    Example:

        @on_load
        def read_words() -> None:
            WORDS.update(line.strip() for line in open("words.txt"))
    """
    _no_options('on_load', unknown, ())

    def declare(fn):
        if not callable(fn):
            raise _wrong_thing('on_load', fn, 'a function')
        if isinstance(fn, types.FunctionType):
            if not _advice.is_plain(fn):
                REGISTRY.problem(_source.of_function(fn), f'{fn.__name__}: @on_load is for a plain function, not async and not a '
                                                          'generator')
                return fn
            wants = [p.name for p in inspect.signature(fn).parameters.values() if p.default is p.empty and p.kind < p.VAR_POSITIONAL]
            if wants:
                REGISTRY.problem(_source.of_function(fn), f'{fn.__name__}: @on_load gives no arguments, and there is no database yet: '
                                                          f'write def {fn.__name__}(), or @init for what needs ctx')
                return fn
        REGISTRY.on_load.append(fn)
        return fn
    return declare if fn is None else declare(fn)


def migration(fn=None, /, *, table=None, **unknown):
    """Maps rows that a table had before its columns changed to rows of today, where no rule does it by itself (a column removed,
    moved or of another type, a new one without a default, another primary key, a column made unique).

        @migration(table="player")
        def up(old: dict) -> Player | dict | None:
            return Player(id=old["id"], name=old["name"], level=old["xp"] // 100)

    table: its name, or its class. old: the row by the columns that the data has. What comes back is the new row, a dict of its
    columns, or None to drop the row. An AutoInc column that is 0 is counted from 1. It runs at a start, at a reload and by
    `orochi migrate`, for all rows in one transaction within reducer.init_timeout_ms; a copy of the data as it was is kept beside
    it. Raising leaves the old data as it was. It is not called when the data fits, so it may stay.
    """
    _no_options('migration', unknown, ('table',))

    def declare(fn):
        if _function_place_problem('migration', fn, named=True):
            return fn
        REGISTRY.migrations.append((fn, table))
        return fn
    return declare if fn is None else declare(fn)


def scheduled(fn=None, /, *, interval_ms=None, delay_ms=None, repeating=True, interval=None, delay=None, hz=None, cron=None,
              missed='skip', volatile=None, max_dt=0.25, start_after=None, **unknown):
    """Runs a function of ctx on a timer: one of interval_ms, interval, hz, cron; or a delay with repeating=False.

        @scheduled(hz=20)
        def tick(ctx: ReducerContext) -> None:
            for body in ctx.db.body:
                ctx.db.body.update(body, x=body.x + body.speed * ctx.dt)

    Clients cannot call it. It never runs twice at once. interval, delay: seconds or a timedelta. hz: runs a second; the n-th comes
    n/hz seconds after the first, however long it goes on. cron: "0 4 * * mon", in UTC. start_after, delay, delay_ms: time before the
    first run, by default one interval. missed: "skip" (late runs are dropped, the grid is kept), "all" (each is run) or "delay" (the
    next run comes one interval after the end of this one). volatile: its beats begin anew when the server starts, instead of going on
    with their grid; the default for hz. max_dt: upper bound of ctx.dt, in seconds.
    """
    def declare(fn):
        _function('scheduled', fn, public=False, schedule=schedule)
        for text in problems:
            REGISTRY.problem(_source.of_function(fn), f'{fn.__name__}: @scheduled{text}')
        return fn

    _no_options('scheduled', unknown, ('interval_ms', 'interval', 'hz', 'cron', 'delay_ms', 'delay', 'start_after', 'repeating',
                                       'missed', 'volatile', 'max_dt'))
    schedule, problems = _schedule.declared(
        dict(interval_ms=interval_ms, interval=interval, hz=hz), dict(delay_ms=delay_ms, delay=delay, start_after=start_after), cron,
        repeating, missed, volatile, max_dt)
    return declare if fn is None else declare(fn)
