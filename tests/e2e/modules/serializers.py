"""The other half of serializers.test.mjs: reads types and bytes that the npm SDK wrote, and answers with the bytes that our codecs
make of what they read, and with bytes of values of our own for each type. It does so while `orochi check` imports it."""

import json
import os
import random
import sys

sys.path.insert(0, os.environ['ORO_TESTS_PY'])

import vectors  # noqa: E402  (also the one reducer that a module has to have)
import _orochi  # noqa: E402
from orochi import ConnectionId, Err, Identity, Ok, ScheduleAt, TimeDuration, Timestamp  # noqa: E402
from uuid import UUID  # noqa: E402

FOLDER = os.environ['SERIALIZERS']
INTS = {f'{sign}{bits}': (0 if sign == 'u' else -2 ** (bits - 1), 2 ** (bits - (sign == 'i')))
        for sign in 'iu' for bits in (8, 16, 32, 64, 128, 256)}
TEXTS = ['', 'a', 'ascii text', 'h\xe9llo', '\u65e5\u672c', '\U0001f600 and more', '\0', 'x' * 300]
FLOATS = [0.0, -0.0, 1.5, -2.25, float('inf'), float('-inf'), float('nan'), 2.0 ** -126, 65504.0]


def value_of(spec, rng):
    kind = spec[0]
    if kind in INTS:
        low, high = INTS[kind]
        return rng.choice([low, high - 1, rng.randrange(low, high), max(low, min(high - 1, rng.randrange(-300, 300)))])
    if kind in ('f32', 'f64'):
        return rng.choice(FLOATS)
    if kind == 'array':
        return [value_of(spec[1], rng) for _ in range(rng.choice([0, 1, 2, 5]))]
    if kind == 'product':
        return tuple(value_of(s, rng) for _, s in spec[3])
    if kind == 'option':
        return None if rng.random() < 0.3 else value_of(spec[1], rng)
    if kind == 'union':
        name, cls, payload, how = rng.choice(spec[1])
        return cls(value_of(payload[3][0][1], rng))
    if kind == 'result':
        return Ok(value_of(spec[1], rng)) if rng.random() < 0.5 else Err(value_of(spec[2], rng))
    if kind == 'literal':
        return rng.choice(spec[1])
    micros = rng.randrange(-2 ** 52, 2 ** 52)
    return {'bool': lambda: rng.random() < 0.5, 'string': lambda: rng.choice(TEXTS),
            'bytes': lambda: rng.randbytes(rng.choice([0, 1, 40])), 'identity': lambda: Identity(rng.randrange(2 ** 256)),
            'connection_id': lambda: ConnectionId(rng.randrange(2 ** 128)), 'timestamp': lambda: Timestamp(micros),
            'duration': lambda: TimeDuration(micros), 'uuid': lambda: UUID(int=rng.randrange(2 ** 128)),
            'schedule_at': lambda: rng.choice([ScheduleAt.every, ScheduleAt.at])(abs(micros))}[kind]()


def answer(case, rng):
    spec = vectors.spec_of(case['type'])
    codec = _orochi.compile(spec)
    again = codec.encode(codec.decode(bytes.fromhex(case['hex'])))
    return {'again': again.hex(), 'own': codec.encode(value_of(spec, rng)).hex()}


with open(FOLDER + '/cases.json') as file:
    cases = json.load(file)
rng = random.Random(cases['seed'])
with open(FOLDER + '/answers.json', 'w') as file:
    json.dump([answer(case, rng) for case in cases['cases']], file)

