"""BSATN of default values, for the module definition. Reducers' values are encoded by the codecs in C; this is the same in
Python, so that a definition is the same in every interpreter, and a default of the wrong type is found in each."""

import datetime
import struct
import uuid

from ._context import Err, Ok
from ._types import INTEGERS, describe, unchecked
from ._values import ConnectionId, Identity, ScheduleAt, datetime_to_us, json_dump, timedelta_to_us

MAX_UNITS = 4096  # elements without bytes, as ORO_MAX_UNIT_COUNT of bridge/bsatn/type.h


def encode(spec, value):
    """The bytes of a value. TypeError or ValueError: it does not fit; the text has the path and what was expected."""
    kind = spec[0]
    if kind in INTEGERS:
        return _integer(kind, value)
    return _ENCODERS[kind](spec, value)


def _expected(what, value):
    return TypeError(f'expected {what}, got {type(value).__name__}')


def _typed(types, what, value):
    if not isinstance(value, types):
        raise _expected(what, value)
    return value


def _integer(kind, value):
    if isinstance(value, bool) or not hasattr(value, '__index__'):
        raise _expected('int', value)
    number, signed, size = value.__index__(), kind[0] == 'i', int(kind[1:]) // 8
    try:
        return number.to_bytes(size, 'little', signed=signed)
    except OverflowError:
        raise ValueError(f'{number} is out of range for {kind}') from None


def _float(spec, value):
    if isinstance(value, bool):
        raise _expected('float', value)
    _typed((int, float), 'float', value)
    try:
        return struct.pack('<f' if spec[0] == 'f32' else '<d', value)
    except OverflowError:
        raise ValueError(f'{value} is out of range for {spec[0]}') from None


def _counted(data, count=None):
    return struct.pack('<I', len(data) if count is None else count) + data


def _at(where, spec, value):
    try:
        return encode(spec, value)
    except (TypeError, ValueError) as error:
        raise type(error)(f'{where}: {error}') from None


def _array(spec, value):
    _, item, kind = spec
    if kind in ('set', 'frozenset'):
        parts = sorted(encode(item, v) for v in _typed((set, frozenset), 'set', value))
    else:
        parts = [_at(f'[{i}]', item, v) for i, v in enumerate(_typed((list, tuple), 'list', value))]
    data = b''.join(parts)
    if not data and len(parts) > MAX_UNITS:
        raise ValueError(f'{len(parts)} elements without bytes: a value may have {MAX_UNITS}')
    return _counted(data, len(parts))


def _product(spec, value):
    _, cls, how, fields = spec
    if how == 'typeddict':
        _typed(dict, 'dict', value)
        missing = [name for name, _ in fields if name not in value]
        if missing:
            raise ValueError(f'the key {missing[0]!r} is missing')
        return b''.join(_at(name, s, value[name]) for name, s in fields)
    _typed(cls, cls.__name__, value)
    if how == 'tuple':
        if len(value) != len(fields):
            raise ValueError(f'expected {len(fields)} items, got {len(value)}')
        return b''.join(_at(f'[{i}]', s, value[i]) for i, (_, s) in enumerate(fields))
    return b''.join(_at(name, s, getattr(value, name)) for name, s in fields)


def _enum(spec, value):
    return bytes([spec[2].index(_typed(spec[1], spec[1].__name__, value))])


def _literal(spec, value):
    if value not in spec[1]:
        raise ValueError(f'expected one of {", ".join(map(repr, spec[1]))}, got {value!r}')
    return bytes([spec[1].index(value)])


def _union(spec, value):
    for tag, (_, cls, payload, _) in enumerate(spec[1]):
        if type(value) is cls:
            return bytes([tag]) + (encode(payload, value) if payload is not None else b'')
    raise _expected(' or '.join(name for name, *_ in spec[1]), value)


def _dict(spec, value):
    _, key_spec, value_spec = spec
    entries = sorted(_typed(dict, 'dict', value).items(), key=lambda entry: _order(key_spec, entry[0]))
    data = b''.join(_at('key', key_spec, k) + _at(f'[{k!r}]', value_spec, v) for k, v in entries)
    return _counted(data, len(entries))


def _order(spec, key):
    """What a key is sorted by: numbers as numbers, text by its bytes, anything else as it is encoded."""
    spec = unchecked(spec)
    data = encode(spec, key)
    if spec[0] in INTEGERS or spec[0] in ('f32', 'f64'):
        return key
    if spec[0] in ('string', 'bytes'):
        return data[4:]
    if spec[0] in ('timestamp', 'datetime', 'duration', 'timedelta'):
        return int.from_bytes(data, 'little', signed=True)
    return data[::-1] if spec[0] in ('identity', 'connection_id', 'uuid') else data


def _checked(spec, value):
    data, said = encode(spec[1], value), spec[2](value)
    if said is not None:
        raise ValueError(said)
    return data


def _micros(convert, types, what):
    def make(spec, value):
        if isinstance(value, bool) or not isinstance(value, types):
            raise _expected(what, value)
        return _integer('i64', value if isinstance(value, int) else convert(value))
    return make


def _schedule_at(spec, value):
    at = ScheduleAt.of(value)
    return bytes([0 if at.is_interval else 1]) + _integer('i64', at.value)


def _result(spec, value):
    if type(value) is Ok:
        return b'\0' + encode(spec[1], value.value)
    return b'\1' + encode(spec[2], _typed(Err, 'Ok or Err', value).value)


def _unit(spec, value):
    if value is not None:
        raise _expected('None', value)
    return b''


_timestamp = _micros(datetime_to_us, (int, datetime.datetime), 'a Timestamp or datetime')


def _datetime(spec, value):
    data = _timestamp(spec, value)
    if not -62135596800000000 <= (us := int.from_bytes(data, 'little', signed=True)) <= 253402300799999999:
        raise ValueError(f'{us} microseconds since 1970 are outside of what a datetime shows, the years 1 to 9999: use Timestamp '
                         'for such times')
    return data


_timedelta = _micros(timedelta_to_us, (int, datetime.timedelta), 'a timedelta')
_ENCODERS = {
    'bool': lambda spec, value: bytes([_typed(bool, 'bool', value)]),
    'f32': _float, 'f64': _float,
    'string': lambda spec, value: _counted(_typed(str, 'str', value).encode()),
    'bytes': lambda spec, value: _counted(bytes(_typed((bytes, bytearray, memoryview), 'bytes', value))),
    'unit': _unit, 'array': _array, 'product': _product, 'enum': _enum, 'literal': _literal, 'union': _union, 'dict': _dict,
    'option': lambda spec, value: b'\1' if value is None else b'\0' + encode(spec[1], value),
    'identity': lambda spec, value: _typed(Identity, 'Identity', value).to_bytes(),
    'connection_id': lambda spec, value: _typed(ConnectionId, 'ConnectionId', value).to_bytes(),
    'uuid': lambda spec, value: _typed(uuid.UUID, 'UUID', value).int.to_bytes(16, 'little'),
    'timestamp': _timestamp, 'datetime': _datetime, 'duration': _timedelta, 'timedelta': _timedelta,
    'schedule_at': _schedule_at, 'result': _result, 'checked': _checked,
    'json': lambda spec, value: _counted(json_dump(value).encode()),
    'named': lambda spec, value: encode(spec[2].specs[spec[1]], value),
}


def problem_of(spec, value, what='column'):
    """What is wrong with the default of a column or parameter, or None."""
    try:
        encode(spec, value)
    except (TypeError, ValueError) as error:
        if value is None:
            return f'the default is None, but the {what} is {describe(spec)}: write T | None'
        return f'the default does not fit: {error}'
    return None
