"""Keys that a client has chosen so that all have one hash, checked while this is imported as a module by test_values.c: refused
before they cost the square of their number, which no limit of time could interrupt. Honest keys are taken, however many."""

import random
import uuid
from typing import Any

import _orochi
from orochi import DecodeError, i128, reducer, u8, u256
from orochi._types import Resolver

PRIME = 2 ** 61 - 1  # hash(n) is n modulo this


def codec(annotation):
    return _orochi.compile(Resolver().resolve(annotation, 'Value')[0])


def refused(annotation, data):
    try:
        codec(annotation).decode(data)
    except DecodeError as error:
        if 'same hash' in str(error) or 'not well-formed' in str(error):
            return
        raise
    raise Exception(f'{annotation}: it was accepted')


def array(*items):
    return len(items).to_bytes(4, 'little') + b''.join(items)


def alike(count, size):
    return [(5 + i * PRIME).to_bytes(size, 'little') for i in range(count)]


def document(text):
    return len(text).to_bytes(4, 'little') + text.encode()


MANY = 20_000
refused(dict[u256, u8], array(*(key + b'\1' for key in alike(MANY, 32))))
refused(dict[uuid.UUID, u8], array(*(key + b'\1' for key in alike(MANY, 16))))
refused(set[i128], array(*alike(MANY, 16)))
refused(frozenset[tuple[u256, u8]], array(*(key + b'\1' for key in alike(MANY, 32))))
refused(list[dict[u256, u8]], array(array(), array(*(key + b'\1' for key in alike(100, 32)))))
refused(Any, document('{"$map":[' + ','.join(f'[{5 + i * PRIME},0]' for i in range(MANY)) + ']}'))
refused(Any, document('{"$set":[' + ','.join(f'{5 + i * PRIME}' for i in range(MANY)) + ']}'))

rng = random.Random(3)
for n in (10, 64, 65, 1000, 50_000):
    keys = [rng.getrandbits(256).to_bytes(32, 'little') for _ in range(n)]
    if len(codec(dict[u256, u8]).decode(array(*(key + b'\1' for key in keys)))) != n or len(codec(set[u256]).decode(array(*keys))) != n:
        raise Exception(f'{n} honest keys are not all there')
# The last of equal keys counts, and equal ones cost nothing.
if codec(dict[u256, u8]).decode(array(*(bytes(32) + bytes([i % 256]) for i in range(1000)))) != {0: 999 % 256}:
    raise Exception('equal keys')
few = codec(Any).decode(document('{"$map":[' + ','.join(f'[{5 + i * PRIME},{i}]' for i in range(50)) + ']}'))
if len(few) != 50 or codec(Any).decode(codec(Any).encode(few)) != few:
    raise Exception('a few keys that are alike by chance')


@reducer
def nothing(ctx):
    pass
