"""The decorators: they only take down what the author wrote; _schema checks and resolves it when the whole module is
imported, so that forward references work and every problem is reported at once."""

import dataclasses
import sys
from datetime import timedelta
from typing import dataclass_transform

from ._errors import SchemaError
from ._types import ColumnProperty

try:
    import _orochi
except ImportError:  # an ordinary interpreter: declarations, schema and tools work, rows are plain dataclasses
    _orochi = None

MISSING = dataclasses.MISSING
_ATOMIC = (int, float, str, bytes, bool, type(None), tuple, frozenset)


class Column:
    """An index over several columns: Column("guild", "name", name="by_guild", algorithm="btree")."""

    def __init__(self, *columns, name=None, algorithm='btree'):
        self.columns, self.name, self.algorithm = columns, name, algorithm


class Field:
    """What field() returns; see there."""

    def __init__(self, default, default_factory, prop, name, doc):
        self.default, self.default_factory, self.prop, self.name, self.doc = default, default_factory, prop, name, doc


def field(*, default=MISSING, default_factory=MISSING, primary_key=False, auto_inc=False, unique=False, index=False,
          name=None, doc=None, kw_only=True):
    """Describes a column in a class body: its default, its keys and, with `name`, how clients call it."""
    if default is not MISSING and default_factory is not MISSING:
        raise SchemaError(where() + 'field() takes default or default_factory, not both')
    algorithm = 'btree' if index is True else index or None
    return Field(default, default_factory, ColumnProperty(primary_key, auto_inc, unique, algorithm), name, doc)


class TableDeclaration:
    def __init__(self, cls, original, place, **options):
        self.cls, self.original, self.place, self.options = cls, original, place, options


class ReducerDeclaration:
    def __init__(self, fn, place, name, *, lifecycle=None, public=True, timeout_ms=None, schedule=None):
        self.fn, self.place, self.name, self.lifecycle = fn, place, name, lifecycle
        self.public, self.timeout_ms, self.schedule = public, timeout_ms, schedule


class Registry:
    """Everything declared since the last clear(), in order; one for each interpreter."""

    def __init__(self):
        self.clear()

    def clear(self):
        self.tables, self.reducers, self.products, self.on_load, self.problems = [], [], [], [], []

    def problem(self, place, text):
        self.problems.append(f'{place}: {text}')


REGISTRY = Registry()


def where(depth=2):
    """"file.py:12: " of the author's line that called the function which calls this."""
    frame = sys._getframe(depth)
    while frame and frame.f_globals.get('__package__') == __package__ and frame.f_back:
        frame = frame.f_back
    return f'{frame.f_code.co_filename}:{frame.f_lineno}: '


def place_of(thing):
    """"file.py:12" of a class or function."""
    code = getattr(thing, '__code__', None)
    if code is not None:
        return f'{code.co_filename}:{code.co_firstlineno}'
    module = sys.modules.get(thing.__module__)
    return f'{getattr(module, "__file__", thing.__module__)}:{thing.__dict__.get("__firstlineno__", 1)}'


# ---- tables ----------------------------------------------------------------------------------------------------------

@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def table(cls=None, /, *, name=None, public=False, primary_key=None, auto_inc=(), unique=(), indexes=(), event=False,
          scheduled=None, rls=()):
    """Makes an annotated class a table: its annotations are the columns (python-api 4).

    public: clients may subscribe to it. primary_key, auto_inc, unique, indexes: as an alternative to PrimaryKey[...],
    AutoInc[...], Unique[...], Index[...] in the annotations. event: rows exist for one transaction and are broadcast.
    scheduled: function that is called when a row's ScheduleAt is due.
    """
    options = dict(name=name, public=public, primary_key=primary_key, auto_inc=_listed(auto_inc), unique=_listed(unique),
                   indexes=list(indexes) if not isinstance(indexes, str) else [indexes], event=event, scheduled=scheduled,
                   rls=rls)

    def declare(cls):
        place = place_of(cls)
        if '__orochi_table__' in cls.__dict__:
            REGISTRY.problem(place, f'{cls.__name__} is a table already; for a second table of the same rows write a subclass')
            return cls
        made = _row_class(cls, place)
        REGISTRY.tables.append(TableDeclaration(made, cls, place, **options))
        return made

    return declare if cls is None else declare(cls)


def _listed(value):
    return [value] if isinstance(value, str) else list(value)


def column_annotations(cls):
    """name -> annotation of the columns, those of base classes first; class variables are not columns."""
    found = {}
    for base in reversed(cls.__mro__):
        for name, annotation in base.__dict__.get('__annotations__', {}).items():
            text = annotation if isinstance(annotation, str) else ''
            if 'ClassVar' in text or str(annotation).startswith('typing.ClassVar') or name.startswith('__'):
                continue
            found[name] = annotation
    return found


def _default_of(cls, name, place):
    value = getattr(cls, name, MISSING)
    if isinstance(value, Field):
        if value.default_factory is not MISSING:
            return 'factory', value.default_factory
        value = value.default
    elif isinstance(value, dataclasses.Field):
        if value.default_factory is not MISSING:
            return 'factory', value.default_factory
        value = value.default
    elif type(value).__name__ in ('member_descriptor', 'getset_descriptor'):
        fields = getattr(cls, '__dataclass_fields__', {})
        if name in fields:  # already a slotted dataclass, or a base table
            made = fields[name]
            if made.default_factory is not MISSING:
                return 'factory', made.default_factory
            value = made.default
        else:
            value = MISSING
    if value is MISSING:
        return None
    return ('value' if isinstance(value, _ATOMIC) or _is_frozen(value) else 'copy'), value


def _is_frozen(value):
    params = getattr(type(value), '__dataclass_params__', None)
    return bool(params and params.frozen)


def _row_class(cls, place):
    names = tuple(column_annotations(cls))
    defaults, fields = {}, {}
    for name in names:
        raw = cls.__dict__.get(name)
        if isinstance(raw, Field):
            fields[name] = raw
        default = _default_of(cls, name, place)
        if default is not None:
            defaults[name] = default
    if _orochi is not None:
        made = _orochi.row_class(cls, names, defaults)
    else:
        made = _plain_class(cls, names, defaults)
    made.__orochi_table__ = True
    made.__orochi_fields__ = {**getattr(cls, '__orochi_fields__', {}), **fields}
    made.__orochi_defaults__ = defaults
    made.__dataclass_fields__ = _dataclass_fields(cls, names, defaults)
    made.__firstlineno__ = cls.__dict__.get('__firstlineno__', 1)
    return made


def _dataclass_fields(cls, names, defaults):
    annotations = column_annotations(cls)
    spec = []
    for name in names:
        kind, value = defaults.get(name, (None, MISSING))
        if kind == 'value':
            spec.append((name, annotations[name], dataclasses.field(default=value, kw_only=True)))
        elif kind is None:
            spec.append((name, annotations[name], dataclasses.field(kw_only=True)))
        else:
            factory = value if kind == 'factory' else (lambda v=value: _copy(v))
            spec.append((name, annotations[name], dataclasses.field(default_factory=factory, kw_only=True)))
    return dataclasses.make_dataclass(cls.__name__, spec).__dataclass_fields__


def _copy(value):
    import copy
    return copy.deepcopy(value)


def _plain_class(cls, names, defaults):
    body = {k: v for k, v in cls.__dict__.items() if k not in ('__dict__', '__weakref__') and k not in names}
    body['__annotations__'] = column_annotations(cls)
    for name, (kind, value) in defaults.items():
        body[name] = (dataclasses.field(default=value) if kind == 'value' else
                      dataclasses.field(default_factory=value if kind == 'factory' else (lambda v=value: _copy(v))))
    body.pop('__slots__', None)
    plain = type(cls)(cls.__name__, cls.__bases__, body)
    return dataclasses.dataclass(kw_only=True, slots=True)(plain)


@dataclass_transform(field_specifiers=(field,))
def product(cls=None, /, *, name=None):
    """Registers a nested record (a dataclass) under another type name than its class name."""
    def declare(cls):
        made = cls if dataclasses.is_dataclass(cls) else dataclasses.dataclass(cls)
        made.__orochi_name__ = name or cls.__name__
        REGISTRY.products.append(made)
        return made
    return declare if cls is None else declare(cls)


# ---- functions -------------------------------------------------------------------------------------------------------

def _function(decorator, fn, lifecycle=None, name=None, **options):
    if not callable(fn) or not hasattr(fn, '__code__'):
        raise SchemaError(f'{where(3)}@{decorator} decorates a function, got {fn!r}')
    REGISTRY.reducers.append(ReducerDeclaration(fn, place_of(fn), name or fn.__name__, lifecycle=lifecycle, **options))
    return fn


def reducer(fn=None, /, *, name=None, public=True, timeout_ms=None, reads=None, writes=None):
    """Makes a function callable by clients: fn(ctx, *arguments), one transaction, returns nothing (python-api 7).

    public=False: only the owner, other reducers and schedules may call it. timeout_ms: run time limit.
    """
    def declare(fn):
        return _function('reducer', fn, name=name, public=public, timeout_ms=timeout_ms)
    return declare if fn is None else declare(fn)


def _lifecycle(kind, doc):
    def decorator(fn=None, /):
        def declare(fn):
            return _function(kind, fn, lifecycle=kind, public=False)
        return declare if fn is None else declare(fn)
    decorator.__name__ = decorator.__qualname__ = kind
    decorator.__doc__ = doc
    return decorator


init = _lifecycle('init', 'Runs once, in the transaction that creates the database; ctx.sender is the owner.')
client_connected = _lifecycle('client_connected', 'Runs before a connection may do anything; raising refuses the client.')
client_disconnected = _lifecycle('client_disconnected', 'Runs when a connection has ended; failing is logged.')


def on_load(fn=None, /):
    """Runs in each worker after the import, without ctx: to fill caches."""
    def declare(fn):
        REGISTRY.on_load.append(fn)
        return fn
    return declare if fn is None else declare(fn)


def scheduled(fn=None, /, *, interval_ms=None, delay_ms=None, repeating=True, interval=None, delay=None, hz=None, cron=None,
              missed='skip', volatile=None, max_dt=0.25):
    """Runs a function on a timer (python-api 8): exactly one of interval_ms, interval, hz; or a delay with repeating=False.

    delay_ms, delay: time before the first run, by default one interval. missed: "skip" (late runs are dropped, the grid is
    kept) or "delay" (the next run comes one interval after the end of this one). max_dt: upper bound of ctx.dt, in seconds.
    """
    line = where()

    def declare(fn):
        schedule = dict(interval_us=_interval(line, interval_ms, interval, hz, cron), delay_us=_delay(delay_ms, delay),
                        repeating=repeating, missed=missed, max_dt=max_dt)
        if cron is not None:
            REGISTRY.problem(line[:-2], '@scheduled(cron=...) is not available yet: use interval=timedelta(...)')
        elif schedule['interval_us'] is None and (repeating or schedule['delay_us'] is None):
            REGISTRY.problem(line[:-2], '@scheduled needs one of interval_ms=, interval=, hz=, or delay_ms= with repeating=False')
        if missed not in ('skip', 'delay', 'all'):
            REGISTRY.problem(line[:-2], f'@scheduled(missed={missed!r}): it is "skip", "delay" or "all"')
        return _function('scheduled', fn, public=False, schedule=schedule)
    return declare if fn is None else declare(fn)


def _interval(line, interval_ms, interval, hz, cron):
    given = [x for x in (interval_ms, interval, hz, cron) if x is not None]
    if len(given) > 1:
        REGISTRY.problem(line[:-2], '@scheduled takes only one of interval_ms, interval, hz, cron')
    try:
        if interval_ms is not None:
            micros = round(interval_ms * 1000)
        elif interval is not None:
            micros = _micros(interval)
        elif hz is not None:
            micros = round(1_000_000 / hz)
        else:
            return None
    except (TypeError, ZeroDivisionError) as error:
        REGISTRY.problem(line[:-2], f'@scheduled: {error}')
        return 1_000_000
    if micros <= 0:
        REGISTRY.problem(line[:-2], '@scheduled: the interval must be more than zero')
    return micros


def _delay(delay_ms, delay):
    if delay_ms is not None:
        return round(delay_ms * 1000)
    return _micros(delay) if delay is not None else None


def _micros(value):
    return round(value.total_seconds() * 1_000_000) if isinstance(value, timedelta) else round(value * 1_000_000)


def _not_yet(what, advice):
    def decorator(*args, **kwargs):
        raise SchemaError(f'{where()}{what} are not available in this version of Orochi; {advice}')
    decorator.__name__ = what
    return decorator


view = _not_yet('views', 'let clients subscribe to a public table with WHERE instead')
procedure = _not_yet('procedures', 'use a reducer and a public table for the result')
route = _not_yet('HTTP handlers', 'use POST /v1/database/NAME/call/REDUCER')
row_filter = _not_yet('row filters', 'keep the table private, or split it')
updated = _not_yet('@updated hooks', 'call a reducer after the start')
