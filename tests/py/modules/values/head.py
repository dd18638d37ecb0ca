import enum, math, uuid
from dataclasses import dataclass, field as dfield
from datetime import datetime, timedelta, UTC
from typing import NamedTuple, TypedDict
from _orochi import encode, decode
from orochi import *
def refused(fn, text, kind=EncodeError):
    try: fn()
    except kind as e: assert str(e) == text, str(e)
    else: assert False, 'accepted; expected: ' + text
def both(spec, value, text, back=...):
    data = encode(spec, value)
    assert data.hex() == text.replace(' ', ''), (spec, value, data.hex())
    again = decode(spec, data)
    want = value if back is ... else back
    assert again == want and type(again) is type(want), (spec, again)
    for n in range(len(data)):
        try: decode(spec, data[:n])
        except DecodeError: pass
        else: assert False, ('cut accepted', spec, n)
class Team(enum.Enum):
    RED = 'r'
    BLUE = 'b'
@dataclass(frozen=True)
class Vec2:
    x: f32 = 0.0
    y: f32 = 0.0
@dataclass
class Steer:
    dir: Vec2
@dataclass
class Shoot:
    dir: Vec2
@dataclass
class Wait: pass
VEC2 = ('product', Vec2, 'dataclass', (('x', ('f32',)), ('y', ('f32',))))
def one(cls): return ('product', cls, 'dataclass', (('dir', VEC2),))
ACTION = ('union', (('Steer', Steer, one(Steer), 'dataclass'), ('Shoot', Shoot, one(Shoot), 'dataclass'), ('Wait', Wait, None, 'dataclass')))
@table
class T:
    id: PrimaryKey[u32]
