"""Values of a served module's types, as Python has them: made of its definition, so nothing has to be generated.

Records are instances of dataclasses with the names of the module's types, enums are enums, T | None is a value or None, and the
special types are those of `orochi`. What is sent may also be a dict or a tuple for a record, the name of a variant, or an instance of
the module's own classes: names count, not classes.

Bytes are turned into SATS-JSON and back by the engine's codecs, which check them; here JSON becomes objects.
"""

import dataclasses
import enum
import functools
import json
import keyword
import uuid
from datetime import datetime, timedelta

from .. import ConnectionId, Err, Identity, Ok, ScheduleAt, TimeDuration, Timestamp
from .._errors import EncodeError, OrochiError
from .._types import SATS_SPECIAL
from .._values import datetime_to_us, timedelta_to_us
from ..tools import definition as definitions


def _engine():
    try:
        import _orochi
    except ImportError:
        raise OrochiError('orochi.client needs the engine, for its codecs: pip install orochi_server-*.whl, the wheel that config/wheel.sh makes') from None
    _orochi._ready()
    return _orochi


def attribute(name):
    """What a column or a field is called in Python: `from` is from_."""
    return f'{name}_' if keyword.iskeyword(name) else name


def _name(part):
    return part['name'].get('some', '')


_SPECIAL = {repr(sats): kind for kind, sats in SATS_SPECIAL.items() if kind not in ('datetime', 'timedelta')}
_FROM_NUMBER = {'identity': Identity, 'connection_id': ConnectionId, 'timestamp': Timestamp, 'duration': TimeDuration,
                'uuid': lambda n: uuid.UUID(int=n)}


def _number(value):
    return int(value, 16) if isinstance(value, str) else value


def _special_number(kind, value):
    """The number of a special type's value, of which there are several ways to write it."""
    if isinstance(value, uuid.UUID):
        return value.int
    if isinstance(value, datetime):
        return datetime_to_us(value)
    if isinstance(value, timedelta):
        return timedelta_to_us(value)
    if isinstance(value, str):
        return uuid.UUID(value).int if kind == 'uuid' else int(value, 16)
    return int(value)


class Type:
    """One type: between bytes and objects. Made by Types."""

    def __init__(self, types, sats):
        engine = _engine()
        self._types, self._sats = types, sats
        self._codec = engine.sats(types.texts, json.dumps(sats))
        self._to, self._from = engine.sats_to_json, engine.sats_from_json

    def json(self, data):
        """The JSON text of bytes, by name."""
        return self._to(self._codec, data, False)

    def decode(self, data):
        """The object of bytes. DecodeError: they are none."""
        return self._types.read(self._sats, json.loads(self.json(data)))

    def encode(self, value):
        """The bytes of a value. EncodeError says where it does not fit."""
        try:
            text = json.dumps(self._types.plain(self._sats, value))
        except (TypeError, ValueError, AttributeError) as error:
            raise EncodeError(str(error)) from None
        return self.encode_json(text)

    def encode_json(self, text):
        """The bytes of JSON text, in any of its forms (docs/values.md#json)."""
        try:
            return self._from(self._codec, text)
        except OrochiError as error:
            raise EncodeError(str(error)) from None


class Types:
    """The types of a definition; its named ones as attributes: types.Vec2(1, 0)."""

    def __init__(self, v10):
        self.module = definitions.read(v10)
        self.typespace = self.module.typespace
        self.texts = [json.dumps(sats) for sats in self.typespace]
        self._names = {t.ref: t.name for t in self.module.types}
        for table in [*self.module.tables, *self.module.views]:
            self._names.setdefault(table.ref, table.canonical)
        self._classes = {ref: self._class(ref, sats) for ref, sats in enumerate(self.typespace)}

    def __getattr__(self, name):
        for ref, named in self.__dict__.get('_names', {}).items():
            if named == name and self._classes[ref] is not None:
                return self._classes[ref]
        raise AttributeError(f'the module has no type {name}; there are {", ".join(sorted(set(self._names.values())))}')

    def type(self, sats):
        return Type(self, sats)

    def row(self, table):
        """The type of a table's rows."""
        return Type(self, {'Ref': table.ref})

    def product(self, elements):
        """The type of a function's arguments."""
        return Type(self, {'Product': {'elements': [{'name': {'some': e.name}, 'algebraic_type': e.type} for e in elements]}})

    def _class(self, ref, sats):
        (kind, body), = sats.items()
        name = self._names.get(ref, f'Type{ref}')
        if kind == 'Product':
            return dataclasses.make_dataclass(name, [attribute(_name(e)) for e in body['elements']])
        if kind == 'Sum' and all(v['algebraic_type'] == {'Product': {'elements': []}} for v in body['variants']):
            return enum.Enum(name, [(_name(v), i) for i, v in enumerate(body['variants'])])
        return None

    # ---- JSON -> objects ----

    def read(self, sats, value):
        """The object of a value that was read as JSON by name."""
        special = _SPECIAL.get(repr(sats))
        (kind, body), = sats.items()
        if special == 'schedule_at':
            (word, inner), = value.items()
            us = next(iter(inner.values()))
            return ScheduleAt.every(TimeDuration(us)) if word == 'Interval' else ScheduleAt.at(Timestamp(us))
        if special:
            return _FROM_NUMBER[special](_number(next(iter(value.values()))))
        if kind == 'Ref':
            return self._read_ref(body, value)
        if kind == 'Product':
            return tuple(self.read(e['algebraic_type'], v) for e, v in zip(body['elements'], value.values())) if body['elements'] else None
        if kind == 'Sum':
            return self._read_sum(body['variants'], value)
        if kind == 'Array':
            return bytes.fromhex(value) if body == {'U8': []} else [self.read(body, item) for item in value]
        if kind in ('I256', 'U256'):
            return int(value, 16)
        return float('nan') if value is None and kind in ('F32', 'F64') else value

    def _read_ref(self, ref, value):
        (kind, body), = self.typespace[ref].items()
        made = self._classes[ref]
        if kind == 'Product':
            return made(*(self.read(e['algebraic_type'], value[_name(e)]) for e in body['elements']))
        if made is not None:
            return made[next(iter(value))]
        return self.read(self.typespace[ref], value)

    def _read_sum(self, variants, value):
        (word, inner), = value.items()
        found = self.read(next(v['algebraic_type'] for v in variants if _name(v) == word), inner)
        names = [_name(v) for v in variants]
        if names == ['some', 'none']:
            return found if word == 'some' else None
        if names == ['ok', 'err']:
            return Ok(found) if word == 'ok' else Err(found)
        return found if type(found).__name__ == word else Tagged(word, found)

    # ---- objects -> JSON ----

    def plain(self, sats, value):
        """What JSON has of a value."""
        special = _SPECIAL.get(repr(sats))
        (kind, body), = sats.items()
        if special == 'schedule_at':
            value = ScheduleAt.of(value)
            word, inner = ('Interval', 'duration') if value.is_interval else ('Time', 'timestamp')
            return {word: self.plain(SATS_SPECIAL[inner], value.value)}
        if special:
            number = _special_number(special, value)
            return {_name(body['elements'][0]): hex(number) if special == 'identity' else number}
        if kind == 'Ref':
            return self.plain(self.typespace[body], value)
        if kind == 'Product':
            return self._plain_record(body['elements'], value)
        if kind == 'Sum':
            return self._plain_sum(body['variants'], value)
        if kind == 'Array':
            return [self.plain(body, item) for item in value] if not isinstance(value, (bytes, bytearray)) else bytes(value).hex()
        return hex(value) if kind in ('I256', 'U256') and isinstance(value, int) else value

    def _plain_record(self, elements, value):
        if isinstance(value, dict):
            kinds = {_name(e): e['algebraic_type'] for e in elements}
            return {name: self.plain(kinds[name], v) if name in kinds else v for name, v in value.items()}
        if isinstance(value, (tuple, list)):
            if len(value) != len(elements):
                raise TypeError(f'expected {len(elements)} values ({", ".join(map(_name, elements))}), got {len(value)}')
            return [self.plain(e['algebraic_type'], v) for e, v in zip(elements, value)]
        if value is None and not elements:
            return []
        return {_name(e): self.plain(e['algebraic_type'], getattr(value, attribute(_name(e)))) for e in elements}

    def _plain_sum(self, variants, value):
        kinds = {_name(v): v['algebraic_type'] for v in variants}
        if list(kinds) == ['some', 'none']:
            return {'none': []} if value is None else {'some': self.plain(kinds['some'], value)}
        if isinstance(value, dict) and len(value) == 1:
            (word, inner), = value.items()
        elif isinstance(value, (Ok, Err)):
            word, inner = ('ok', value.value) if isinstance(value, Ok) else ('err', value.value)
        elif isinstance(value, Tagged):
            word, inner = value.tag, value.value
        elif isinstance(value, enum.Enum):
            word, inner = value.name, None
        elif isinstance(value, str) and value in kinds:
            word, inner = value, None
        else:
            word, inner = type(value).__name__, value
        if word not in kinds:
            raise TypeError(f'{word} is none of {", ".join(kinds)}')
        return {word: self.plain(kinds[word], inner)}


@functools.lru_cache(8)
def _types(text):
    return Types(json.loads(text))


def types_of(v10):
    """The Types of a definition; the same ones for all clients, so that a value of one is equal to that of another."""
    return _types(json.dumps(v10))


@dataclasses.dataclass
class Tagged:
    """A value of a union whose variant is no record of its own name."""

    tag: str
    value: object = None
