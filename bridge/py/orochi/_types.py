"""Annotations of columns and parameters (python-api 3): the names an author writes, and their resolution into type specs
(for the codecs, see _specs) and SATS types (for clients)."""

import collections.abc
import dataclasses
import datetime
import enum
import re
import types
import typing
import uuid
from typing import Annotated, Any, TypeVar

from ._values import ConnectionId, Identity, ScheduleAt, TimeDuration, Timestamp

T = TypeVar('T')
INTEGERS = tuple(sign + str(bits) for sign in 'iu' for bits in (8, 16, 32, 64, 128, 256))


@dataclasses.dataclass(frozen=True)
class Scalar:
    """Marks an int or float annotation with its width."""

    name: str


i8, i16, i32, i64, i128, i256 = (Annotated[int, Scalar(n)] for n in INTEGERS[:6])
u8, u16, u32, u64, u128, u256 = (Annotated[int, Scalar(n)] for n in INTEGERS[6:])
f32, f64 = Annotated[float, Scalar('f32')], Annotated[float, Scalar('f64')]


@dataclasses.dataclass(frozen=True)
class ColumnProperty:
    """Marks a column as key, unique, indexed or filled by a sequence."""

    primary_key: bool = False
    auto_inc: bool = False
    unique: bool = False
    index: str | None = None


PrimaryKey = Annotated[T, ColumnProperty(primary_key=True)]
AutoInc = Annotated[T, ColumnProperty(auto_inc=True)]
AutoKey = Annotated[T, ColumnProperty(primary_key=True, auto_inc=True)]
Unique = Annotated[T, ColumnProperty(unique=True)]
Index = Annotated[T, ColumnProperty(index='btree')]
HashIndex = Annotated[T, ColumnProperty(index='hash')]
DirectIndex = Annotated[T, ColumnProperty(index='direct')]


class JsonMarker:
    """Marks a dynamic value: one String of canonical JSON (python-api 3.3)."""


Json = Annotated[Any, JsonMarker()]


# ---- constraints ----------------------------------------------------------------------------------------------------

class Ge:
    """At least `ge`."""

    def __init__(self, ge):
        self.ge = ge


class Gt:
    """More than `gt`."""

    def __init__(self, gt):
        self.gt = gt


class Le:
    """At most `le`."""

    def __init__(self, le):
        self.le = le


class Lt:
    """Less than `lt`."""

    def __init__(self, lt):
        self.lt = lt


class Len:
    """Length from `min_length` to `max_length` (characters, or items)."""

    def __init__(self, min_length=0, max_length=None):
        self.min_length = min_length
        self.max_length = max_length


class Pattern:
    """The whole text matches the regular expression."""

    def __init__(self, pattern):
        self.pattern = pattern


def _bound(attribute, fails, words):
    def make(limit):
        return lambda value: f'{words} {limit!r}, got {value!r}' if fails(value, limit) else None
    return attribute, make


def _length(attribute, fails, words):
    def make(limit):
        if attribute == 'min_length' and not limit:
            return None

        def check(value):
            if not fails(len(value), limit):
                return None
            unit = 'characters' if isinstance(value, str) else 'items'
            return f'{words} {limit} {unit}, got {len(value)}'
        return check
    return attribute, make


def _pattern(regex):
    compiled = re.compile(regex)
    return lambda value: None if compiled.fullmatch(value) else f'must match {compiled.pattern!r}, got {value!r}'


# Any object with one of these attributes counts as a constraint, whichever package it comes from.
_CONSTRAINTS = (
    _bound('ge', lambda v, x: v < x, 'at least'),
    _bound('gt', lambda v, x: v <= x, 'more than'),
    _bound('le', lambda v, x: v > x, 'at most'),
    _bound('lt', lambda v, x: v >= x, 'less than'),
    _bound('multiple_of', lambda v, x: v % x, 'a multiple of'),
    _length('min_length', lambda n, x: n < x, 'at least'),
    _length('max_length', lambda n, x: n > x, 'at most'),
    ('pattern', _pattern),
)


def _checks(extra):
    for attribute, make in _CONSTRAINTS:
        limit = getattr(extra, attribute, None)
        if limit is not None and not callable(limit):
            check = make(limit)
            if check is not None:
                yield check


# ---- SATS types as JSON ----------------------------------------------------------------------------------------------

UNIT = {'Product': {'elements': []}}


def element(name, sats):
    return {'name': {'some': name}, 'algebraic_type': sats}


def product(*fields):
    return {'Product': {'elements': [element(n, t) for n, t in fields]}}


def sum_of(*variants):
    return {'Sum': {'variants': [element(n, t) for n, t in variants]}}


def simple(name):
    return {name: []}


SATS_SPECIAL = {
    'identity': product(('__identity__', simple('U256'))),
    'connection_id': product(('__connection_id__', simple('U128'))),
    'timestamp': product(('__timestamp_micros_since_unix_epoch__', simple('I64'))),
    'duration': product(('__time_duration_micros__', simple('I64'))),
    'uuid': product(('__uuid__', simple('U128'))),
}
SATS_SPECIAL['datetime'] = SATS_SPECIAL['timestamp']
SATS_SPECIAL['timedelta'] = SATS_SPECIAL['duration']
SATS_SPECIAL['schedule_at'] = sum_of(('Interval', SATS_SPECIAL['duration']), ('Time', SATS_SPECIAL['timestamp']))

_PLAIN = {bool: 'bool', int: 'i64', float: 'f64', str: 'string', bytes: 'bytes'}
_SPECIAL = {
    Identity: 'identity', ConnectionId: 'connection_id', Timestamp: 'timestamp', TimeDuration: 'duration',
    uuid.UUID: 'uuid', ScheduleAt: 'schedule_at', datetime.datetime: 'datetime', datetime.timedelta: 'timedelta',
}
_SATS_SCALAR = {'bool': 'Bool', 'string': 'String', **{n: n.upper() for n in INTEGERS + ('f32', 'f64')}}
_REFUSED = {
    'Decimal': 'use an integer of fixed scale (i64), or str',
    'date': 'use Timestamp, or i32 for days',
    'time': 'use i64 for microseconds of the day',
    'complex': 'use a dataclass of two floats',
}
# Index keys (python-api 4): spec kinds that order well and are small.
INDEXABLE = frozenset(INTEGERS) | {'bool', 'string', 'identity', 'connection_id', 'uuid', 'timestamp', 'datetime', 'enum', 'literal'}


class TypeProblem(Exception):
    """An annotation that cannot be a column or parameter; the text says what to write instead."""


class Resolver:
    """Turns annotations into (spec, SATS type), and collects the named types in a typespace."""

    def __init__(self):
        self.typespace = []      # SATS types; positions are Refs
        self.names = {}          # type name -> position
        self.by_class = {}       # class or key -> (spec, sats)
        self.open = []           # classes being resolved, to find recursion

    def declare(self, name, sats, key):
        if name in self.names:
            raise TypeProblem(f'two types are called {name}: rename one of them')
        self.names[name] = len(self.typespace)
        self.typespace.append(sats)
        return {'Ref': self.names[name]}

    def resolve(self, annotation, owner):
        """owner: what to name an anonymous enum or union after, e.g. "PlayerState"."""
        annotation, extras = self._strip(annotation)
        checks = [c for e in extras for c in _checks(e)]
        scalar = next((e.name for e in extras if isinstance(e, Scalar)), None)
        if any(isinstance(e, JsonMarker) for e in extras):
            spec, sats = ('json',), simple('String')
        elif scalar is not None:
            spec, sats = (scalar,), simple(scalar.upper())
        else:
            spec, sats = self._resolve_plain(annotation, owner)
        for check in checks:
            spec = ('checked', spec, check)
        return spec, sats

    @staticmethod
    def _strip(annotation):
        extras = []
        while True:
            if typing.get_origin(annotation) is Annotated:
                annotation, *more = typing.get_args(annotation)
                extras += more
            elif isinstance(annotation, typing.NewType):
                annotation = annotation.__supertype__
            else:
                return annotation, extras

    def _resolve_plain(self, a, owner):
        if a in (None, type(None)):
            return ('unit',), UNIT
        if isinstance(a, typing.TypeAliasType):
            return self._once(a, lambda: self.resolve(a.__value__, a.__name__))
        if a in (Any, object, dict, list, typing.Dict, typing.List):
            return ('json',), simple('String')
        if isinstance(a, type) and a in _PLAIN:
            name = _PLAIN[a]
            if name == 'bytes':
                return ('bytes',), {'Array': simple('U8')}
            return (name,), simple(_SATS_SCALAR[name])
        if isinstance(a, type) and a in _SPECIAL:
            return (_SPECIAL[a],), SATS_SPECIAL[_SPECIAL[a]]
        origin, args = typing.get_origin(a), typing.get_args(a)
        if origin is not None:
            return self._generic(a, origin, args, owner)
        if isinstance(a, type):
            return self._class(a)
        raise TypeProblem(f'{_show(a)} is not a type that Orochi knows')

    def _once(self, key, make):
        if key not in self.by_class:
            if key in self.open:
                raise TypeProblem(f'{_show(key)} contains itself, which clients cannot decode: use a parent id, or Json')
            self.open.append(key)
            try:
                self.by_class[key] = make()
            finally:
                self.open.pop()
        return self.by_class[key]

    def _generic(self, a, origin, args, owner):
        if origin in (typing.Union, types.UnionType):
            return self._union(args, owner)
        if origin is typing.Literal:
            return self._literal(args, owner)
        if origin in (list, collections.abc.Sequence):
            if args[0] is Any:
                return ('json',), simple('String')
            return self._array(args[0], 'list', owner)
        if origin in (set, frozenset):
            return self._array(args[0], origin.__name__, owner)
        if origin is tuple:
            if len(args) == 2 and args[1] is Ellipsis:
                return self._array(args[0], 'tuple', owner)
            return self._tuple(args, owner)
        if origin in (dict, collections.abc.Mapping):
            if args[1] is Any:
                return ('json',), simple('String')
            return self._dict(args, owner)
        if getattr(origin, '__name__', '') == 'Result' and len(args) == 2:
            (ok, ok_sats), (err, err_sats) = (self.resolve(x, owner) for x in args)
            return ('result', ok, err), sum_of(('ok', ok_sats), ('err', err_sats))
        raise TypeProblem(f'{_show(a)} is not a type that Orochi knows')

    def _array(self, item, kind, owner):
        spec, sats = self.resolve(item, owner + 'Item')
        if spec == ('u8',) and kind == 'list':
            return ('array', spec, kind), {'Array': sats}
        return ('array', spec, kind), {'Array': sats}

    def _tuple(self, args, owner):
        resolved = [self.resolve(x, f'{owner}{i}') for i, x in enumerate(args)]
        name = 'Tuple' + ''.join(_name_of(s) for _, s in [(None, r[1]) for r in resolved])
        key = ('tuple', repr([r[1] for r in resolved]))

        def make():
            fields = tuple((f'v{i}', spec) for i, (spec, _) in enumerate(resolved))
            ref = self.declare(self._free(name), product(*((f'v{i}', s) for i, (_, s) in enumerate(resolved))), key)
            return ('product', tuple, 'tuple', fields), ref
        return self._once(key, make)

    def _dict(self, args, owner):
        (key_spec, key_sats), (value_spec, value_sats) = self.resolve(args[0], owner + 'Key'), self.resolve(args[1], owner + 'Value')
        key = ('entry', repr((key_sats, value_sats)))

        def make():
            name = self._free('KVEntry' + _name_of(key_sats) + _name_of(value_sats))
            return None, self.declare(name, product(('key', key_sats), ('value', value_sats)), key)
        _, ref = self._once(key, make)
        return ('dict', key_spec, value_spec), {'Array': ref}

    def _free(self, name):
        n, free = 2, name
        while free in self.names:
            free, n = f'{name}{n}', n + 1
        return free

    def _literal(self, values, owner):
        if not all(isinstance(v, str) for v in values):
            raise TypeProblem('a Literal of other things than strings: use an Enum')
        key = ('literal', values, owner)

        def make():
            ref = self.declare(self._free(owner), sum_of(*((v, UNIT) for v in values)), key)
            return ('literal', tuple(values)), ref
        return self._once(key, make)

    def _union(self, args, owner):
        rest = [x for x in args if x is not type(None)]
        if len(rest) < len(args):
            inner = rest[0] if len(rest) == 1 else typing.Union[tuple(rest)]
            spec, sats = self.resolve(inner, owner)
            return ('option', spec), sum_of(('some', sats), ('none', UNIT))
        if not all(isinstance(x, type) and (dataclasses.is_dataclass(x) or _is_empty_class(x)) for x in rest):
            shown = ' | '.join(_show(x) for x in rest)
            raise TypeProblem(f'{shown}: the members of a union must be dataclasses; wrap each in a small one')
        key = ('union', tuple(rest), owner)

        def make():
            variants, sats = [], []
            for cls in rest:
                fields = bool(dataclasses.fields(cls)) if dataclasses.is_dataclass(cls) else False
                spec, ref = self._class(cls) if fields else (None, UNIT)
                variants.append((cls.__name__, cls, spec, 'dataclass'))
                sats.append((cls.__name__, ref))
            return ('union', tuple(variants)), self.declare(owner, sum_of(*sats), key)
        return self._once(key, make)

    def _class(self, cls):
        if cls.__name__ in _REFUSED and cls.__module__ in ('decimal', 'datetime', 'builtins'):
            raise TypeProblem(f'{cls.__name__} cannot be stored: {_REFUSED[cls.__name__]}')
        if issubclass(cls, enum.Enum):
            return self._once(cls, lambda: self._enum(cls))
        if typing.is_typeddict(cls):
            return self._once(cls, lambda: self._record(cls, 'typeddict'))
        if issubclass(cls, tuple) and hasattr(cls, '_fields'):
            return self._once(cls, lambda: self._record(cls, 'namedtuple'))
        if dataclasses.is_dataclass(cls):
            how = 'row' if '__orochi_table__' in cls.__dict__ else 'dataclass'
            return self._once(cls, lambda: self._record(cls, how))
        raise TypeProblem(f'{cls.__module__}.{cls.__qualname__} is not a type that Orochi knows: make it a dataclass'
                          if cls.__module__ != 'builtins' else f'{cls.__name__} is not a type that Orochi knows')

    def _enum(self, cls):
        members = tuple(cls)
        if not members:
            raise TypeProblem(f'the enum {cls.__name__} has no members')
        if len(members) > 256:
            raise TypeProblem(f'the enum {cls.__name__} has {len(members)} members; at most 256 fit')
        ref = self.declare(_type_name(cls), sum_of(*((m.name, UNIT) for m in members)), cls)
        return ('enum', cls, members), ref

    def _record(self, cls, how):
        hints = type_hints(cls)
        if how in ('dataclass', 'row'):
            names = [f.name for f in dataclasses.fields(cls)]
        elif how == 'namedtuple':
            names = list(cls._fields)
        else:
            names = list(hints)
        fields, elements = [], []
        for name in names:
            try:
                spec, sats = self.resolve(hints.get(name, Any), cls.__name__ + pascal(name))
            except TypeProblem as problem:
                raise TypeProblem(f'{cls.__name__}.{name}: {problem}') from None
            fields.append((name, spec))
            elements.append((wire_name(name), sats))
        ref = self.declare(_type_name(cls), product(*elements), cls)
        return ('product', cls, how, tuple(fields)), ref


def type_hints(thing):
    """typing.get_type_hints with extras; a NameError becomes a TypeProblem that names it."""
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except NameError as error:
        raise TypeProblem(f'the annotation names {error.name!r}, which is not defined in the module') from None
    except Exception as error:  # an annotation is the author's code and may raise anything
        raise TypeProblem(f'the annotations cannot be evaluated: {type(error).__name__}: {error}') from None


def unchecked(spec):
    """The spec without its constraints."""
    while spec[0] == 'checked':
        spec = spec[1]
    return spec


def wire_name(name):
    """A Python name as clients see it: one trailing underscore is dropped, so that keywords work (python-api 3.4)."""
    return name[:-1] if name.endswith('_') and not name.endswith('__') and len(name) > 1 else name


def snake(name):
    """GameEvent -> game_event, HTTPServer -> http_server; digits stay with the letters before them."""
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', name).lower()


def pascal(name):
    return ''.join(part[:1].upper() + part[1:] for part in name.split('_'))


def _type_name(cls):
    return getattr(cls, '__orochi_name__', None) or cls.__name__


def _is_empty_class(cls):
    return cls.__module__ not in ('builtins', 'typing') and not getattr(cls, '__annotations__', None)


def _name_of(sats):
    (kind, body), = sats.items()
    if kind == 'Array':
        return 'Array' + _name_of(body)
    if kind in ('Sum', 'Product', 'Ref'):
        return kind + (str(body) if kind == 'Ref' else '')
    return kind


def _show(annotation):
    return getattr(annotation, '__name__', None) or str(annotation).replace('typing.', '')
