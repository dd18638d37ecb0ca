"""Annotations of columns and parameters: the names an author writes, and their resolution into type specs
(nested tuples, which the codecs are compiled from) and SATS types (JSON, for clients)."""

import collections.abc
import dataclasses
import datetime
import enum
import sys
import types
import typing
import uuid
from typing import Annotated, Any, TypeVar

from . import _source
from ._advice import is_bare_subclass, show, unknown, wrong_arity
from ._annotations import (ColumnProperty, Scalar, alias_value, column_annotations, column_property, evaluate,
                           evaluate_parameter, is_named_tuple, own_annotations, record_fields, strip)
from ._constraints import Ge, Gt, Le, Len, Lt, Pattern, checks_of
from ._context import Result
from ._names import is_identifier, pascal, snake, wire_name
from ._spec import INTEGERS, TypeProblem, describe, endless_text, unchecked
from ._values import ConnectionId, Identity, ScheduleAt, TimeDuration, Timestamp

T = TypeVar('T')


i8, i16, i32, i64, i128, i256 = (Annotated[int, Scalar(n)] for n in INTEGERS[:6])
u8, u16, u32, u64, u128, u256 = (Annotated[int, Scalar(n)] for n in INTEGERS[6:])
f32, f64 = Annotated[float, Scalar('f32')], Annotated[float, Scalar('f64')]


PrimaryKey = Annotated[T, ColumnProperty(primary_key=True)]
AutoInc = Annotated[T, ColumnProperty(auto_inc=True)]
AutoKey = Annotated[T, ColumnProperty(primary_key=True, auto_inc=True)]
Unique = Annotated[T, ColumnProperty(unique=True)]
Index = Annotated[T, ColumnProperty(index='btree')]
HashIndex = Annotated[T, ColumnProperty(index='hash')]
DirectIndex = Annotated[T, ColumnProperty(index='direct')]


class JsonMarker:
    """Marks a dynamic value: one String of canonical JSON ."""


Json = Annotated[Any, JsonMarker()]


class Variant(typing.Generic[T]):
    """A member of a union that holds one value of another type: `class Damage(Variant[u32]): ...`, and Damage(5).value is 5.

    Several of them may hold the same type. For clients it is the variant Damage of that type, with no record around it.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        base = next((b for b in cls.__dict__.get('__orig_bases__', ()) if typing.get_origin(b) is Variant), None)
        if base is not None:
            held, = typing.get_args(base)
            cls.__annotations__ = {'value': held.__forward_arg__ if isinstance(held, typing.ForwardRef) else held,
                                   **cls.__dict__.get('__annotations__', {})}
            dataclasses.dataclass(frozen=True)(cls)


# ---- SATS types as JSON ----------------------------------------------------------------------------------------------

UNIT = {'Product': {'elements': []}}


def element(name, sats):
    """An element of a product, a variant of a sum, or a parameter."""
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
    'decimal.Decimal': 'use an integer of fixed scale (i64), or str',
    'fractions.Fraction': 'use two integers, or f64',
    'datetime.date': 'use Timestamp, or i32 for days',
    'datetime.time': 'use i64 for microseconds of the day',
    'builtins.complex': 'use a dataclass of two floats',
    'builtins.bytearray': 'use bytes',
    'builtins.memoryview': 'use bytes',
}
# Index keys : spec kinds that order well and are small.
_INDEXABLE = frozenset(INTEGERS) | {'bool', 'string', 'bytes', 'duration', 'timedelta', 'identity', 'connection_id', 'uuid', 'timestamp', 'datetime', 'enum',
                                   'literal'}
DIRECT = frozenset(('u8', 'u16', 'u32', 'u64', 'enum', 'literal'))


class Resolver:
    """Turns annotations into (spec, SATS type), and collects the named types in a typespace.

    A type that is met inside itself becomes a Ref to the place it will have, and the spec ("named", n, self): what that means
    is specs[n], once the outermost resolve() is over.
    """

    def __init__(self):
        self.typespace = []      # SATS types; positions are Refs
        self.names = {}          # type name -> position
        self.by_class = {}       # class, alias or key -> (spec, sats)
        self.open = []           # classes and keys being resolved, to find recursion
        self.recursive = {}      # class or key of a type that contains itself -> (n, position)
        self.specs = []          # of those types

    def declare(self, name, sats):
        """A new named type; gives its Ref."""
        if name in self.names:
            raise TypeProblem(f'two types are called {name}: rename one, or give it another name for clients with '
                              '@product(name=...)')
        if not is_identifier(name):
            raise TypeProblem(f'{name!r} cannot be the name of a type: letters, digits and _, not a digit first')
        _, position = self.recursive.get(self.open[-1] if self.open else None, (0, len(self.typespace)))
        self.names[name] = position
        self.typespace[position:position + 1] = [sats]
        return {'Ref': position}

    def _inside_itself(self, key):
        """(spec, Ref) of a type that is being resolved further out."""
        if key not in self.recursive:
            self.recursive[key] = len(self.specs), len(self.typespace)
            self.specs.append(None)
            self.typespace.append(None)  # its place, which declare() fills
        n, position = self.recursive[key]
        return ('named', n, self), {'Ref': position}

    def endless(self):
        """The names of types that have no finite value: on every way they contain themselves again."""
        finite = [False] * len(self.typespace)

        def ends(sats):
            (kind, body), = sats.items()
            if kind == 'Ref':
                return finite[body]
            if kind == 'Product':
                return all(ends(e['algebraic_type']) for e in body['elements'])
            return kind != 'Sum' or not body['variants'] or any(ends(v['algebraic_type']) for v in body['variants'])
        before = None
        while before != finite:
            before, finite = finite, [sats is None or ends(sats) for sats in self.typespace]
        again = {position for _, position in self.recursive.values() if not finite[position]}
        return [name for name, position in self.names.items() if position in again]

    def resolve(self, annotation, owner, exact=False, column=False):
        """owner: what an anonymous enum, union or literal is named after, e.g. "PlayerState"; exact: that is its name, not a
        proposal. column: the annotation of a table's column, which may be PrimaryKey[...] and the like."""
        annotation, extras = strip(annotation)
        if not column and any(isinstance(e, ColumnProperty) for e in extras):
            raise TypeProblem('PrimaryKey, AutoInc, AutoKey, Unique and Index go around the whole type of a table column, '
                              'e.g. Index[u32]')
        scalar = next((e.name for e in extras if isinstance(e, Scalar)), None)
        if any(isinstance(e, JsonMarker) for e in extras):
            spec, sats = ('json',), simple('String')
        elif scalar is not None:
            spec, sats = (scalar,), simple(scalar.upper())
        else:
            spec, sats = self._resolve_plain(annotation, owner, exact, column)
        for check in [c for e in extras for c in checks_of(e, spec)]:
            spec = ('checked', spec, check)
        return spec, sats

    def _resolve_plain(self, a, owner, exact, column):
        if a in (None, type(None)):
            return ('unit',), UNIT
        if isinstance(a, typing.TypeAliasType):
            return self._alias(a, column)
        if a in (Any, object, dict, list, typing.Dict, typing.List):
            return ('json',), simple('String')
        if isinstance(a, type) and a in _PLAIN:
            name = _PLAIN[a]
            return (name,), {'Array': simple('U8')} if name == 'bytes' else simple(_SATS_SCALAR[name])
        if isinstance(a, type) and a in _SPECIAL:
            return (_SPECIAL[a],), SATS_SPECIAL[_SPECIAL[a]]
        if isinstance(a, TypeVar):
            raise TypeProblem('it lacks its type: write e.g. PrimaryKey[u64], list[str]')
        origin, args = typing.get_origin(a), typing.get_args(a)
        if origin is not None:
            return self._generic(a, origin, args, owner, exact)
        if isinstance(a, type):
            return self._class(a)
        raise TypeProblem(unknown(a))

    def _alias(self, a, column):
        """What an alias stands for. Met inside itself it is looked through: the class or union in between ends that."""
        if a in self.by_class:
            return self.by_class[a]
        if a in self.open:
            since = self.open[len(self.open) - self.open[::-1].index(a):]
            if all(isinstance(key, typing.TypeAliasType) for key in since):
                raise TypeProblem(f'{a.__name__} contains itself without a class in between, which clients cannot name: make it '
                                  'a dataclass')
        self.open.append(a)
        try:
            made = self.resolve(alias_value(a), a.__name__, True, column)
        finally:
            self.open.pop()
        return self.by_class.setdefault(a, made)

    def _once(self, key, make):
        if key in self.by_class:
            return self.by_class[key]
        if key in self.open:
            return self._inside_itself(key)
        self.open.append(key)
        try:
            self.by_class[key] = made = make()
        finally:
            self.open.pop()
        if key in self.recursive:
            self.specs[self.recursive[key][0]] = made[0]
        return made

    def _generic(self, a, origin, args, owner, exact):
        if origin in (typing.Union, types.UnionType):
            return self._union(args, owner, exact)
        if origin is typing.Literal:
            return self._literal(args, owner, exact)
        if origin in (typing.NotRequired, typing.Required, typing.ReadOnly):
            raise TypeProblem(f'{show(a)}: every key is sent to clients: write T | None instead')
        if isinstance(origin, typing.TypeAliasType):
            return self.resolve(alias_value(origin)[args], owner)
        if wrong := wrong_arity(a, origin, args):
            raise TypeProblem(wrong)
        if not args:
            raise TypeProblem(f'{show(a)} lacks the type of its items, e.g. {origin.__name__.lower()}[int]')
        if origin in (list, collections.abc.Sequence, collections.abc.MutableSequence):
            return self._json() if args[0] is Any else self._array(args[0], 'list', owner)
        if origin in (set, frozenset, collections.abc.Set, collections.abc.MutableSet):
            return self._array(args[0], 'frozenset' if origin is frozenset else 'set', owner)
        if origin is tuple:
            return self._array(args[0], 'tuple', owner) if args[1:] == (Ellipsis,) else self._tuple(args, owner)
        if origin in (dict, collections.abc.Mapping, collections.abc.MutableMapping):
            return self._json() if args[1] is Any else self._dict(args, owner)
        if origin is Result and len(args) == 2:
            (ok, ok_sats), (err, err_sats) = self.resolve(args[0], owner + 'Ok'), self.resolve(args[1], owner + 'Err')
            return ('result', ok, err), sum_of(('ok', ok_sats), ('err', err_sats))
        if origin is collections.abc.Callable:
            raise TypeProblem('functions cannot be stored or sent')
        if dataclasses.is_dataclass(origin):
            raise TypeProblem(f'{show(a)}: clients know no type parameters: write a class of its own')
        raise TypeProblem(unknown(a))

    @staticmethod
    def _json():
        return ('json',), simple('String')

    def _array(self, item, kind, owner):
        spec, sats = self.resolve(item, owner + 'Item')
        return ('array', spec, kind), {'Array': sats}

    def _tuple(self, args, owner):
        resolved = [self.resolve(x, f'{owner}{i}') for i, x in enumerate(args)]
        specs, sats = [r[0] for r in resolved], [r[1] for r in resolved]
        key = ('tuple', repr(sats))

        def make():
            name = self._free('Tuple' + ''.join(map(self._word, sats)))
            return None, self.declare(name, product(*((f'v{i}', s) for i, s in enumerate(sats))))
        _, ref = self._once(key, make)
        return ('product', tuple, 'tuple', tuple((f'v{i}', s) for i, s in enumerate(specs))), ref

    def _dict(self, args, owner):
        (key_spec, key_sats), (value_spec, value_sats) = (self.resolve(x, owner + n) for x, n in zip(args, ('Key', 'Value')))

        def make():
            name = self._free('KVEntry' + self._word(key_sats) + self._word(value_sats))
            return None, self.declare(name, product(('key', key_sats), ('value', value_sats)))
        _, ref = self._once(('entry', repr((key_sats, value_sats))), make)
        return ('dict', key_spec, value_spec), {'Array': ref}

    def _free(self, name):
        n, free = 2, name
        while free in self.names:
            free, n = f'{name}{n}', n + 1
        return free

    def _word(self, sats):
        """A type as part of a type name: U8, Vec2, OptionString."""
        if repr(sats) in _WORDS:
            return _WORDS[repr(sats)]
        (kind, body), = sats.items()
        if kind == 'Ref':
            return next((n for n, position in self.names.items() if position == body), None) or self._future_name(body)
        if kind == 'Array':
            return 'Array' + self._word(body)
        if kind == 'Sum':  # only Option and Result stand in place
            some = body['variants'][0]
            return ('Option' if some['name']['some'] == 'some' else 'Result') + self._word(some['algebraic_type'])
        return 'Unit' if kind == 'Product' else kind

    def _future_name(self, position):
        """The name of a type that is being resolved."""
        key = next(k for k, (_, p) in self.recursive.items() if p == position)
        return type_name(key) if isinstance(key, type) else key[-1]

    def _declare_for(self, owner, exact, sats):
        return self.declare(owner if exact else self._free(owner), sats)

    def _literal(self, values, owner, exact):
        if not all(isinstance(v, str) for v in values):
            raise TypeProblem('a Literal of other things than strings: use an Enum')
        for value in values:
            if not is_identifier(value):
                raise TypeProblem(f'the Literal {value!r} cannot be a name for clients: use letters, digits and _, or an Enum')
        spec = ('literal', tuple(values))
        sats = sum_of(*((v, UNIT) for v in values))
        return self._once(('literal', values, owner), lambda: (spec, self._declare_for(owner, exact, sats)))

    def _union(self, args, owner, exact):
        rest = [x for x in args if x is not type(None)]
        if len(rest) < len(args):
            inner = rest[0] if len(rest) == 1 else typing.Union[tuple(rest)]
            spec, sats = self.resolve(inner, owner)
            return ('option', spec), sum_of(('some', sats), ('none', UNIT))
        bad = [x for x in rest if not (_is_variant(x) or _is_named(x))]
        if bad:
            shown = ' | '.join(show(x) for x in rest)
            raise TypeProblem(f'{shown}: the members of a union must be dataclasses; wrap each value in a small one, class '
                              f'Count(Variant[{show(bad[0])}]), or give each type a name, type Count = {show(bad[0])}')

        def make():
            members = [self._member(x, owner) for x in rest]
            names, classes = [m[0] for m in members], [m[1] for m in members]
            if len(set(names)) < len(names):
                raise TypeProblem('two members of the union have the same class name')
            for name, cls in zip(names, classes):
                if classes.count(cls) > 1:
                    raise TypeProblem(f'a value of {name} would be a plain {cls.__name__}, as one of another member: tell them apart '
                                      f'with class {name}(Variant[...])')
            sats = sum_of(*((name, payload) for name, _, _, payload in members))
            return ('union', tuple((name, cls, spec, 'dataclass') for name, cls, spec, _ in members)), \
                self._declare_for(owner, exact, sats)
        return self._once(('union', tuple(rest), owner), make)

    def _member(self, x, owner):
        """(name, class of its values, spec or None, SATS type of the payload) of a variant."""
        if not isinstance(x, type):  # a name for a type: type Count = u32, or NewType("Count", u32)
            spec, sats = self.resolve(x, owner)
            cls = value_class(spec)
            if cls is None:
                raise TypeProblem(f'{x.__name__} is {describe(spec)}, and its values cannot be told from others: write class '
                                  f'{x.__name__}(Variant[...]) instead')
            return x.__name__, cls, spec, sats
        if issubclass(x, Variant):  # in bytes a record of one field is that field
            wire, cls, annotation = record_fields(x, 'dataclass')['value']
            spec, sats = self.resolve(evaluate(cls, 'value', annotation), x.__name__ + 'Value')
            return x.__name__, x, ('product', x, 'dataclass', (('value', spec),)), sats
        spec, sats = self._class(x) if _has_fields(x) else (None, UNIT)
        return x.__name__, x, spec, sats

    def _class(self, cls):
        name = f'{cls.__module__}.{cls.__qualname__}'
        if name in _REFUSED:
            raise TypeProblem(f'{cls.__name__} cannot be stored: {_REFUSED[name]}')
        if issubclass(cls, enum.Enum):
            return self._once(cls, lambda: self._enum(cls))
        if typing.is_typeddict(cls):
            return self._once(cls, lambda: self._record(cls, 'typeddict'))
        if is_named_tuple(cls):
            return self._once(cls, lambda: self._record(cls, 'namedtuple'))
        if dataclasses.is_dataclass(cls) and not is_bare_subclass(cls):
            how = 'row' if '__orochi_table__' in cls.__dict__ else 'dataclass'
            return self._once(cls, lambda: self._record(cls, how))
        raise TypeProblem(unknown(cls))

    def _enum(self, cls):
        members, place = tuple(cls), _source.of_class(cls)
        if issubclass(cls, enum.Flag):
            raise TypeProblem(f'{cls.__name__} is a Flag, a set of bits: use an integer column', place)
        if not members:
            raise TypeProblem(f'the enum {cls.__name__} has no members', place)
        if len(members) > 256:
            raise TypeProblem(f'the enum {cls.__name__} has {len(members)} members; at most 256 fit', place)
        try:
            ref = self.declare(type_name(cls), sum_of(*((m.name, UNIT) for m in members)))
        except TypeProblem as problem:
            raise TypeProblem(str(problem), place) from None
        return ('enum', cls, members), ref

    def _record(self, cls, how):
        fields, elements = [], []
        for name, (wire, owner, annotation) in record_fields(cls, how).items():
            try:
                spec, sats = self.resolve(evaluate(owner, name, annotation), cls.__name__ + pascal(name), column=how == 'row')
            except TypeProblem as problem:
                raise self._nearer(problem, cls, owner, name) from None
            if any(wire == other for other, _ in elements):
                text = f'{cls.__name__} has two fields that clients see as {wire!r}'
                raise TypeProblem(text, _source.of_column(owner, name))
            fields.append((name, spec))
            elements.append((wire, sats))
        try:
            ref = self.declare(type_name(cls), product(*elements))
        except TypeProblem as problem:
            raise TypeProblem(str(problem), _source.of_class(cls)) from None
        return ('product', cls, how, tuple(fields)), ref

    @staticmethod
    def _nearer(problem, cls, owner, name):
        if problem.place is not None:
            return problem
        return TypeProblem(f'{cls.__name__}.{name}: {problem}', _source.of_column(owner, name))

    def row(self, cls, fields):
        """The type of a table's rows, whose columns are resolved: (python name, wire name, spec, sats)."""
        def make():
            ref = self.declare(type_name(cls), product(*((wire, sats) for _, wire, _, sats in fields)))
            return ('product', cls, 'row', tuple((name, spec) for name, _, spec, _ in fields)), ref
        return self._once(cls, make)[1]

    def named_classes(self):
        """(name for clients, class) of the records and enums in use."""
        return [(type_name(key), key) for key in self.by_class if isinstance(key, type)]


def indexable(spec):
    """Whether values order well and say themselves where they end: no floats, lists, dicts, dynamic values or unions."""
    spec = unchecked(spec)
    if spec[0] == 'option':
        return unchecked(spec[1])[0] != 'option' and indexable(spec[1])
    if spec[0] == 'product':
        return bool(spec[3]) and all(indexable(field) for _, field in spec[3])
    return spec[0] in _INDEXABLE


def type_name(cls):
    """The name of a class for clients."""
    return cls.__dict__.get('__orochi_name__') or cls.__name__


_VALUE_CLASSES = {'bool': bool, 'f32': float, 'f64': float, 'string': str, 'bytes': bytes, 'identity': Identity, 'uuid': uuid.UUID,
                  'connection_id': ConnectionId, 'timestamp': Timestamp, 'duration': TimeDuration, 'datetime': datetime.datetime,
                  'timedelta': datetime.timedelta, **dict.fromkeys(INTEGERS, int)}


def value_class(spec):
    """The class that every value of a type has, and values of others have not; or None."""
    spec = unchecked(spec)
    if spec[0] in ('enum', 'product') and spec[1] is not tuple:
        return spec[1] if spec[0] == 'enum' or spec[2] != 'typeddict' else None
    return {'list': list}.get(spec[2]) if spec[0] == 'array' else _VALUE_CLASSES.get(spec[0])


def _is_named(x):
    return isinstance(x, (typing.TypeAliasType, typing.NewType))


def _is_variant(cls):
    if not isinstance(cls, type) or issubclass(cls, enum.Enum):
        return False
    return dataclasses.is_dataclass(cls) or is_named_tuple(cls) or _is_empty_class(cls)


def _is_empty_class(cls):
    """A class of the author's without fields, such as `class Idle: pass`."""
    base = cls.__bases__ == (object,) and cls.__module__ not in sys.stdlib_module_names and cls not in _SPECIAL
    return base and not own_annotations(cls) and '__init__' not in cls.__dict__


def _has_fields(cls):
    return bool(dataclasses.fields(cls)) if dataclasses.is_dataclass(cls) else bool(getattr(cls, '_fields', ()))


_WORDS = {repr(sats): pascal(kind) for kind, sats in reversed(SATS_SPECIAL.items())}
