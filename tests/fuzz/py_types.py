"""What fuzz_py_decode.c decodes: sys.fuzz_targets is a list of (codec, exact), exact: accepted bytes are the only ones of their
value. sys.fuzz_seeds are inputs for it: number of a target and bytes. The vectors' types come first, then the kinds of Python
class that they do not have."""

import dataclasses
import datetime
import enum
import os
import sys
import typing
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + '/../py')

import vectors  # noqa: E402  (it checks the vectors, too)
import _orochi  # noqa: E402
from orochi import (AutoKey, ConnectionId, Identity, Result, ScheduleAt, TimeDuration, Timestamp, f32, i8, i16, i128,  # noqa: E402
                    table, u8, u16, u32, u64, u256)
from orochi._types import Resolver  # noqa: E402

SHAPELESS = {'json', 'dict', 'f32'}  # many bytes for one value


def kinds(spec):
    if isinstance(spec, (tuple, list)):
        if spec and isinstance(spec[0], str):
            yield 'set' if spec[0] == 'array' and spec[-1] in ('set', 'frozenset') else spec[0]
            if spec[0] == 'option' and spec[1][0] in ('option', 'unit'):
                yield 'json'  # None in None
        for part in spec:
            yield from kinds(part)


def exact(spec, types=()):
    return not (SHAPELESS | {'set'}) & set(kinds((spec, types)))


targets, seeds, specs, numbers = [], [], [], {}


def add(spec, types=()):
    key = repr((spec, types))
    if key not in numbers:
        numbers[key] = len(targets)
        specs.append((spec, list(types)))
        targets.append((_orochi.compile(spec, list(types)), exact(spec, types)))
    return numbers[key]


with open(os.environ['ORO_VECTORS'] + '/bsatn.json') as file:
    found = vectors.json.load(file)
for v in found['valid'] + found['invalid']:
    if v['type'] == {'Sum': {'variants': []}}:
        continue
    types = [vectors.spec_of(t) for t in found['typespaces'][v['typespace']]] if 'typespace' in v else []
    n = add(vectors.spec_of(v['type']), types)
    head, times, tail = v.get('hex_repeat', ('', 0, v.get('hex')))
    data = bytes.fromhex(head) * times + bytes.fromhex(tail)
    if len(data) <= 4096:
        seeds.append((n, data))


class Team(enum.Enum):
    RED = 0
    BLUE = 1


@dataclasses.dataclass(slots=True)
class Slots:
    id: u64
    name: str
    x: f32
    alive: bool
    level: u16


@dataclasses.dataclass(frozen=True)
class Plain:
    a: i8
    team: Team
    more: list[Slots]
    b: i128


class Named(typing.NamedTuple):
    a: u32
    b: bytes


class Typed(typing.TypedDict):
    a: Named
    b: typing.Literal['x', 'y']


@dataclasses.dataclass
class Derived:
    a: u8
    b: u8 = dataclasses.field(init=False, default=0)

    def __post_init__(self):
        self.twice = self.a * 2


@table
class Row:
    id: AutoKey[u64] = 0
    name: str
    plain: Plain
    who: Identity
    maybe: Typed | None


@dataclasses.dataclass
class Node:
    name: str
    down: list['Node']
    named: dict[str, 'Node']


@dataclasses.dataclass
class Branch:
    left: 'Tree'
    right: 'Tree | None'


type Tree = Branch | Slots
Choice = Slots | Plain | Derived
VALUES = [
    (Slots, Slots(7, 'seven', 1.5, True, 300)),
    (list[Slots], [Slots(i, 'x' * i, 0.5, False, i) for i in range(5)]),
    (Plain, Plain(-1, Team.BLUE, [Slots(1, '', 0.0, True, 2)], -2 ** 100)),
    (Row, Row(name='row', plain=Plain(1, Team.RED, [], 5), who=Identity(9), maybe={'a': Named(1, b'xy'), 'b': 'y'})),
    (list[Row], [Row(name='a', plain=Plain(1, Team.RED, [], 5), who=Identity(9), maybe=None)] * 2),
    (Typed, {'a': Named(4, b'abc'), 'b': 'x'}),
    (Derived, None),
    (typing.Any, {'a': [1, 2.5, None, True, 'text', {'b': {}}]}),
    (typing.Any, {'$bytes': 'AA=='}),
    (dict[str, u8], {'b': 1, 'a': 2}),
    (dict[u16, list[i16]], {1: [1, -1], 300: []}),
    (set[str], {'a', 'b', 'c'}),
    (frozenset[u256], frozenset({1, 2 ** 200})),
    (tuple[u8, str, bool], (1, 'x', True)),
    (Result[u8, str], None),
    (datetime.datetime, datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)),
    (datetime.timedelta, datetime.timedelta(days=-3, microseconds=7)),
    (uuid.UUID, uuid.UUID(int=2 ** 127 + 5)),
    (list[ScheduleAt], None),
    (tuple[Timestamp, TimeDuration, ConnectionId], (Timestamp(5), TimeDuration(-5), ConnectionId(7))),
    (Node, Node('a', [Node('b', [], {}), Node('c', [], {'d': Node('e', [], {})})], {})),
    (list[Tree], [Slots(1, 'x', 0.5, True, 2), Branch(Branch(Slots(3, '', 1.0, False, 4), None), Slots(5, '', 1.0, False, 6))]),
    (float, float('nan')),
    (list[float], [0.0, -0.0, float('inf')]),
]
for annotation, value in VALUES:
    try:
        resolver = Resolver()
        spec, _ = resolver.resolve(annotation, 'Value')
    except Exception as error:
        raise Exception(f'{annotation}: {error}') from None
    n = add(spec, resolver.specs)
    seeds.append((n, targets[n][0].encode(value) if value is not None else bytes(12)))

if len(targets) > 250:
    raise Exception(f'{len(targets)} targets do not fit a byte')
sys.fuzz_targets = targets
sys.fuzz_seeds = seeds
sys.fuzz_classes = [Slots, Plain, Derived]
sys.fuzz_specs = specs  # arguments of compile
