"""Random values for property tests with hypothesis (pip install hypothesis): `@given(of(Player), of(u32))`."""

import datetime

from hypothesis import strategies as st

from .. import ConnectionId, Err, Identity, Ok, ScheduleAt, TimeDuration, Timestamp
from .._types import INTEGERS, Resolver
from .._values import us_to_datetime, us_to_timedelta

_TEXT = st.text(st.characters(codec='utf-8'))
_I64 = st.integers(-2**63, 2**63 - 1)
_YEARS = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)  # 1 to 9999: what a datetime can show
_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXT,
                     lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4), max_leaves=10)


def of(annotation):
    """A strategy for values of a column's or parameter's annotation: u32, str, list[Vec2], Player, Team, Move | Shoot ...

    Numbers and times keep to the range of their type, records have random fields, and what constraints (Len, Ge ...) refuse is not
    drawn. TypeError for what no column can be.
    """
    resolver = Resolver()
    return _of(resolver.resolve(annotation, 'Value')[0], resolver.specs)


def _of(spec, specs):
    kind = spec[0]
    if kind in INTEGERS:
        bits = int(kind[1:])
        return st.integers(-2**(bits - 1), 2**(bits - 1) - 1) if kind[0] == 'i' else st.integers(0, 2**bits - 1)
    return _MADE[kind](spec, specs)


def _array(spec, specs):
    kind, items = spec[2], st.lists(_of(spec[1], specs))
    if kind in ('set', 'frozenset'):
        return (st.sets if kind == 'set' else st.frozensets)(_of(spec[1], specs))
    return items.map(tuple) if kind == 'tuple' else items


def _product(spec, specs):
    _, cls, how, fields = spec
    if how == 'tuple':
        items = st.tuples(*(_of(s, specs) for _, s in fields))
        return items if cls is tuple else items.map(lambda given: cls(*given))
    values = st.fixed_dictionaries({name: _of(s, specs) for name, s in fields})
    return values if how == 'typeddict' else values.map(lambda given: cls(**given))


def _union(spec, specs):
    return st.one_of(*(st.builds(cls) if payload is None else _of(payload, specs) for _, cls, payload, _ in spec[1]))


_MADE = {
    'bool': lambda spec, specs: st.booleans(),
    'f32': lambda spec, specs: st.floats(width=32),
    'f64': lambda spec, specs: st.floats(),
    'string': lambda spec, specs: _TEXT,
    'bytes': lambda spec, specs: st.binary(),
    'unit': lambda spec, specs: st.none(),
    'json': lambda spec, specs: _JSON,
    'identity': lambda spec, specs: st.integers(0, 2**256 - 1).map(Identity),
    'connection_id': lambda spec, specs: st.integers(0, 2**128 - 1).map(ConnectionId),
    'timestamp': lambda spec, specs: _I64.map(Timestamp),
    'duration': lambda spec, specs: _I64.map(TimeDuration),
    'datetime': lambda spec, specs: _YEARS.map(us_to_datetime),
    'timedelta': lambda spec, specs: st.integers(-10**18, 10**18).map(us_to_timedelta),
    'uuid': lambda spec, specs: st.uuids(),
    'schedule_at': lambda spec, specs: st.one_of(_I64.map(lambda us: ScheduleAt.at(Timestamp(us))), st.integers(1, 10**15).map(
        lambda us: ScheduleAt.every(datetime.timedelta(microseconds=us)))),
    'enum': lambda spec, specs: st.sampled_from(list(spec[1])),
    'literal': lambda spec, specs: st.sampled_from(spec[1]),
    'option': lambda spec, specs: st.none() | _of(spec[1], specs),
    'result': lambda spec, specs: _of(spec[1], specs).map(Ok) | _of(spec[2], specs).map(Err),
    'dict': lambda spec, specs: st.dictionaries(_of(spec[1], specs), _of(spec[2], specs)),
    'checked': lambda spec, specs: _of(spec[1], specs).filter(lambda value: spec[2](value) is None),
    'named': lambda spec, specs: st.deferred(lambda: _of(specs[spec[1]], specs)),
    'array': _array, 'product': _product, 'union': _union,
}
