"""What the exceptions of a conversion tell, checked while this is imported as a module by test_values.c: loading fails with what
is wrong."""

import datetime
import enum
import random
from dataclasses import dataclass, field
from typing import Any, Optional

import _orochi
from orochi import AutoKey, DecodeError, EncodeError, reducer, table, u8, u16, u32
from orochi._types import Resolver
from orochi.bridge import TypeConverter


class Team(enum.Enum):
    RED = 0
    BLUE = 1


@dataclass
class Player:
    name: str
    level: u8


@dataclass(slots=True)
class Event:
    at: u32
    player: Player
    team: Team


@table
class Log:
    id: AutoKey[u32] = 0
    events: list[Event]


def codec(annotation):
    return _orochi.compile(Resolver().resolve(annotation, 'Value')[0])


def told(kind, fn):
    try:
        fn()
    except kind as error:
        return {'text': str(error), 'offset': error.offset, 'path': error.path, 'expected': error.expected, 'found': error.found,
                **({'type_name': error.type_name} if kind is EncodeError else {})}
    raise Exception('it was accepted')


def same(got, want):
    if got != want:
        raise Exception(f'{got} is not {want}')


def event(i, **changes):
    return Event(i, Player('abc', 3), Team.RED) if not changes else Event(**{'at': i, 'player': Player('abc', 3), 'team': Team.RED, **changes})


log = codec(Log)
good = log.encode(Log(id=1, events=[event(0), event(1)]))
same(len(good), 8 + 2 * 13)

# Decoding: where, which path, what was wanted, what was there.
bad = bytearray(good)
bad[8 + 13 + 12] = 9
same(told(DecodeError, lambda: log.decode(bytes(bad))),
     {'text': 'events[1].team: malformed at byte 33: unknown tag 9, there are 2 variants', 'offset': 33, 'path': 'events[1].team',
      'expected': 'Team', 'found': 'tag 9'})
bad = bytearray(good)
bad[8 + 4:8 + 8] = b'\3\0\0\1'
same(told(DecodeError, lambda: log.decode(bytes(bad)))['offset'], 12)
same(told(DecodeError, lambda: log.decode(good[:8 + 13 + 2])),
     {'text': 'events: malformed at byte 4: a count that the input cannot hold', 'offset': 4, 'path': 'events', 'expected': 'list',
      'found': 'byte 2 and 18 more'})
same(told(DecodeError, lambda: codec(u32).decode(b'\1\2')),
     {'text': 'malformed at byte 0: the value is cut short', 'offset': 0, 'path': '', 'expected': 'u32', 'found': 'byte 1 and 1 more'})
same(told(DecodeError, lambda: codec(u32).decode(b''))['found'], 'the end')
same(told(DecodeError, lambda: codec(u8).decode(b'123')),
     {'text': '2 bytes too many after the value', 'offset': 1, 'path': '', 'expected': 'the end', 'found': '2 bytes'})
same(told(DecodeError, lambda: codec(list[bool]).decode(b'\2\0\0\0\1\7')),
     {'text': '[1]: malformed at byte 5: a bool must be 0 or 1', 'offset': 5, 'path': '[1]', 'expected': 'bool', 'found': 'byte 7 and 0 more'})
same(told(DecodeError, lambda: codec(list[str]).decode(b'\1\0\0\0\2\0\0\0\xc0\x80')),
     {'text': '[0]: malformed at byte 4: the text is not UTF-8', 'offset': 4, 'path': '[0]', 'expected': 'str',
      'found': '2 bytes that are not UTF-8'})
same(told(DecodeError, lambda: codec(Optional[u8]).decode(b'\2'))['expected'], 'u8 | None')
same(told(DecodeError, lambda: codec(Any).decode(b'\1\0\0\0{'))['expected'], 'dynamic value')

# Encoding: also the class of the value, and how far the output had come.
same(told(EncodeError, lambda: log.encode(Log(id=1, events=[event(0), event(1, player=Player('abc', 300))]))),
     {'text': 'events[1].player.level: 300 is out of range for u8', 'offset': 8 + 13 + 11, 'path': 'events[1].player.level',
      'expected': 'u8', 'found': '300', 'type_name': 'int'})
same(told(EncodeError, lambda: log.encode(Log(id=1, events=[event(0, team='RED')]))),
     {'text': 'events[0].team: expected Team, got str', 'offset': 20, 'path': 'events[0].team', 'expected': 'Team', 'found': 'str',
      'type_name': 'str'})
same(told(EncodeError, lambda: codec(u16).encode(None)),
     {'text': 'expected int, got None', 'offset': 0, 'path': '', 'expected': 'u16', 'found': 'None', 'type_name': 'None'})
same(told(EncodeError, lambda: codec(str).encode('\ud800'))['expected'], 'str')
same(told(EncodeError, lambda: codec(dict[str, u8]).encode({'a': -1})),
     {'text': "['a']: -1 is out of range for u8", 'offset': 9, 'path': "['a']", 'expected': 'u8', 'found': '-1', 'type_name': 'int'})
same(told(EncodeError, lambda: codec(tuple[u8, bool]).encode((1, 1)))['expected'], 'bool')

same(told(DecodeError, lambda: codec(datetime.datetime).decode(b'\xff' * 7 + b'\x7f'))['expected'], 'datetime')

# Elements without bytes are bounded for the whole value, not for each of its arrays.
half = (1 << 11).to_bytes(4, 'little')
same(len(codec(list[list[None]]).decode(b'\2\0\0\0' + half * 2)[1]), 1 << 11)
same(told(DecodeError, lambda: codec(list[list[None]]).decode(b'\3\0\0\0' + half * 3)),
     {'text': '[2]: malformed at byte 12: too many elements without bytes', 'offset': 12, 'path': '[2]', 'expected': 'list',
      'found': 'byte 0 and 3 more'})


@dataclass
class Nothing:
    pass


@dataclass
class Two:
    a: list[Nothing]
    b: list[Nothing]


def many(n):
    return n.to_bytes(4, 'little')


for kind, data in [(list[Nothing], many(4097)), (list[Nothing], many(1_000_000)), (list[tuple[None, Nothing]], many(4097)),
                   (list[Optional[list[Nothing]]], many(2) + (b'\0' + many(4000)) * 2), (Two, many(4000) * 2),
                   (dict[u8, list[None]], many(2) + b'\1' + many(4000) + b'\2' + many(4000)), (dict[None, None], many(5000)),
                   (set[None], many(5000)), (tuple[Nothing, ...], many(5000)), (list[tuple[list[None], u8]], many(2) + (many(4000) + b'\0') * 2)]:
    if 'that the input cannot hold' not in (text := told(DecodeError, lambda: codec(kind).decode(data))['text']):
        if 'too many elements without bytes' not in text:
            raise Exception(f'{kind}: {text}')
# What can be written can be read.
same(codec(list[list[None]]).encode([[None] * 2048] * 2), many(2) + many(2048) * 2)
same(told(EncodeError, lambda: codec(list[list[None]]).encode([[None] * 2048] * 3))['text'],
     '[2]: more than 4096 elements without bytes in one value')
same(told(EncodeError, lambda: codec(Two).encode(Two([Nothing()] * 4000, [Nothing()] * 4000)))['path'], 'b')

# What the author's own code raises is the reason, and the cause.


@dataclass
class Strict:
    a: u8
    b: u8 = field(init=False, default=0)

    def __post_init__(self):
        if self.a == 0:
            raise ValueError('a is zero')


same(codec(Strict).decode(b'\1\2').b, 2)
got = told(DecodeError, lambda: codec(list[Strict]).decode(b'\2\0\0\0\1\2\0\1'))
same(got, {'text': '[1]: a is zero', 'offset': 6, 'path': '[1]', 'expected': 'Strict', 'found': None})
try:
    codec(Strict).decode(b'\0\1')
except DecodeError as error:
    same(type(error.__cause__), ValueError)

# A type may contain itself where only the converter uses it; depth is bounded.


@dataclass
class Tree:
    value: u8
    down: 'list[Tree]' = field(default_factory=list)


@dataclass
class Node:
    value: u8
    next: 'Optional[Node]' = None


converter = TypeConverter()
tree = Tree(1, [Tree(2), Tree(3, [Tree(4)])])
same(converter.bsatn_to_python(converter.python_to_bsatn(tree), Tree), tree)
same(converter.python_to_bsatn(Node(1, Node(2))).hex(), '01000201')
same(converter.bsatn_to_python(bytes.fromhex('01000201'), Node), Node(1, Node(2)))
for _ in range(200):
    tree = Tree(1, [tree])
same(told(EncodeError, lambda: converter.python_to_bsatn(tree))['text'].endswith('nested too deeply'), True)
same(told(DecodeError, lambda: converter.bsatn_to_python(b'\1\0' * 5000 + b'\1', Node))['text'].endswith('nested too deeply'), True)

# Numbers of a document are read as Python reads them.
rng, anything = random.Random(5), codec(Any)
for _ in range(5000):
    whole, part = str(rng.randrange(10 ** rng.randrange(1, 12))), str(rng.randrange(10 ** rng.randrange(1, 8)))
    text = f'{rng.choice(["", "-"])}{whole}.{part}'
    same(repr(anything.decode(len(text).to_bytes(4, 'little') + text.encode())), repr(float(text)))

# An error does not lend its details to the next one, and what Python raises itself stays as it is.
same(told(EncodeError, lambda: codec(bytes).encode(5))['found'], 'int')
same((DecodeError('x').offset, EncodeError('x').type_name), (None, None))


@reducer
def nothing(ctx):
    pass
