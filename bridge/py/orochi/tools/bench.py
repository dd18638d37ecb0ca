"""What a conversion costs: our codecs beside msgspec (msgpack to Struct) and beside the pure-Python way (struct and
dataclasses), in one interpreter and one run; then cost by number of items, and memory over many conversions.

Each figure is the median of several rounds, in nanoseconds of process time for one value. What is compared takes turns, round by
round, so that a machine that is busy with something else slows all of it.
"""

import dataclasses
import enum
import gc
import json
import marshal
import os
import struct
import sys
import time
from typing import Any

import _orochi

from .. import PrimaryKey, f32, f64, i32, table, u16, u32, u64
from .._types import Resolver
from ..bridge import ConversionConfig, TypeConverter

ROUNDS = 15


class Team(enum.Enum):
    RED = 0
    BLUE = 1


@dataclasses.dataclass
class Small:
    id: u64
    name: str
    x: f32
    y: f32
    alive: bool
    level: u16


@dataclasses.dataclass(slots=True)
class SmallSlots:
    id: u64
    name: str
    x: f32
    y: f32
    alive: bool
    level: u16


@table
class SmallRow:
    id: PrimaryKey[u64]
    name: str
    x: f32
    y: f32
    alive: bool
    level: u16


@dataclasses.dataclass(slots=True)
class Vec3:
    x: f64
    y: f64
    z: f64


@dataclasses.dataclass(slots=True)
class Item:
    kind: u32
    count: i32


@dataclasses.dataclass(slots=True)
class Nested:
    id: u64
    name: str
    pos: Vec3
    vel: Vec3
    bag: list[Item]
    title: str | None


DYNAMIC = {'name': 'sword', 'damage': 12, 'weight': 3.5, 'tags': ['sharp', 'old'], 'owner': None, 'magic': {'fire': 3, 'ice': 1}}


def small(cls, i=7):
    return cls(id=i, name='twelve chars', x=1.5, y=-2.25, alive=True, level=300)


def nested(vec, item, cls):
    return cls(id=7, name='twelve chars', pos=vec(1.5, 2.5, 3.5), vel=vec(0.0, 1.0, -1.0),
               bag=[item(i, i * 1000) for i in range(5)], title=None)


# ---- the pure-Python way ----

_HEAD, _TAIL = struct.Struct('<QI'), struct.Struct('<ff?H')
_VEC, _ITEM, _U32 = struct.Struct('<ddd'), struct.Struct('<Ii'), struct.Struct('<I')


def pure_encode_small(v):
    name = v.name.encode()
    return _HEAD.pack(v.id, len(name)) + name + _TAIL.pack(v.x, v.y, v.alive, v.level)


def pure_decode_small(data, at=0, cls=SmallSlots):
    id, n = _HEAD.unpack_from(data, at)
    at += 12
    name = data[at:at + n].decode()
    x, y, alive, level = _TAIL.unpack_from(data, at + n)
    return cls(id, name, x, y, alive, level)


def pure_encode_nested(v):
    name = v.name.encode()
    parts = [_HEAD.pack(v.id, len(name)), name, _VEC.pack(v.pos.x, v.pos.y, v.pos.z), _VEC.pack(v.vel.x, v.vel.y, v.vel.z),
             _U32.pack(len(v.bag))]
    parts += [_ITEM.pack(i.kind, i.count) for i in v.bag]
    if v.title is None:
        parts.append(b'\1')
    else:
        title = v.title.encode()
        parts += [b'\0', _U32.pack(len(title)), title]
    return b''.join(parts)


def pure_decode_nested(data):
    id, n = _HEAD.unpack_from(data, 0)
    name = data[12:12 + n].decode()
    at = 12 + n
    pos, vel = Vec3(*_VEC.unpack_from(data, at)), Vec3(*_VEC.unpack_from(data, at + 24))
    count, = _U32.unpack_from(data, at + 48)
    at += 52
    bag = [Item(*pair) for pair in _ITEM.iter_unpack(data[at:at + 8 * count])]
    at += 8 * count
    title = None
    if data[at] == 0:
        n, = _U32.unpack_from(data, at + 1)
        title = data[at + 5:at + 5 + n].decode()
    return Nested(id, name, pos, vel, bag, title)


def pure_encode_list(values):
    return _U32.pack(len(values)) + b''.join(map(pure_encode_small, values))


def pure_decode_list(data):
    n, = _U32.unpack_from(data, 0)
    at, out = 4, []
    for _ in range(n):
        value = pure_decode_small(data, at)
        at += 23 + len(value.name)
        out.append(value)
    return out


# ---- measuring ----

def timed(fn, arg, n):
    start = time.process_time_ns()
    for _ in range(n):
        fn(arg)
    return time.process_time_ns() - start


def median(numbers):
    return sorted(numbers)[len(numbers) // 2]


def costs(*calls):
    """Nanoseconds of fn(arg) for each pair of them, or None for None."""
    times = []
    for call in calls:
        n = 1
        while call and timed(*call, n) < 5e6:
            n *= 4
        times.append(n)
    rounds = [[timed(*call, n) / n if call else None for call, n in zip(calls, times)] for _ in range(ROUNDS)]
    return [median(found) if found[0] is not None else None for found in zip(*rounds)]


def codec(annotation):
    spec, _ = Resolver().resolve(annotation, 'Value')
    return _orochi.compile(spec)


def rss():
    """Bytes of memory in use by the process."""
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def add_venv(path):
    """A virtual environment's packages, for msgspec."""
    version = f'python{sys.version_info[0]}.{sys.version_info[1]}'
    sys.path.append(os.path.join(path, 'lib', version, 'site-packages'))


def load_msgspec():
    try:
        import msgspec
    except ImportError:
        return None
    return msgspec


def msgspec_types(msgspec):
    """The same records as Structs."""
    SmallS = msgspec.defstruct('SmallS', [('id', int), ('name', str), ('x', float), ('y', float), ('alive', bool), ('level', int)])
    Vec = msgspec.defstruct('Vec', [('x', float), ('y', float), ('z', float)])
    ItemS = msgspec.defstruct('ItemS', [('kind', int), ('count', int)])
    NestedS = msgspec.defstruct('NestedS', [('id', int), ('name', str), ('pos', Vec), ('vel', Vec), ('bag', list[ItemS]),
                                            ('title', str | None)])
    ArrayS = msgspec.defstruct('ArrayS', [('id', int), ('name', str), ('x', float), ('y', float), ('alive', bool), ('level', int)],
                               array_like=True)
    return SmallS, Vec, ItemS, NestedS, ArrayS


def compare(msgspec):
    """Rows of (what, direction, ours, msgspec's, pure Python's)."""
    rows = []
    encoder = msgspec.msgpack.Encoder().encode if msgspec else None
    SmallS, VecS, ItemS, NestedS, ArrayS = msgspec_types(msgspec) if msgspec else (None,) * 5

    def put(what, ours, value, type_of_theirs, theirs, pure):
        data = ours.encode(value)
        assert ours.encode(ours.decode(data)) == data
        calls = [(ours.decode, data), (ours.encode, value), None, None, None, None]
        if msgspec:
            packed = encoder(theirs)
            calls[2:4] = (msgspec.msgpack.Decoder(type_of_theirs).decode, packed), (encoder, theirs)
        if pure:
            decode, encode = pure
            calls[4:6] = (decode, encode(value)), (encode, value)
        row = [what] + costs(*calls)
        rows.append(row)

    pure_small = pure_decode_small, pure_encode_small
    theirs = small(SmallS) if msgspec else None
    put('struct of 6, dataclass(slots)', codec(SmallSlots), small(SmallSlots), SmallS, theirs, pure_small)
    put('struct of 6, dataclass', codec(Small), small(Small), SmallS, theirs, pure_small)
    put('struct of 6, against array_like', codec(SmallSlots), small(SmallSlots), ArrayS, small(ArrayS) if msgspec else None, None)
    put('struct of 6, @table row', codec(SmallRow), small(SmallRow), SmallS, theirs, None)
    put('nested', codec(Nested), nested(Vec3, Item, Nested), NestedS, nested(VecS, ItemS, NestedS) if msgspec else None,
        (pure_decode_nested, pure_encode_nested))
    put('list of 1,000, dataclass(slots)', codec(list[SmallSlots]), [small(SmallSlots, i) for i in range(1000)],
        list[SmallS] if msgspec else None, [small(SmallS, i) for i in range(1000)] if msgspec else None,
        (pure_decode_list, pure_encode_list))
    put('list of 1,000, dataclass', codec(list[Small]), [small(Small, i) for i in range(1000)],
        list[SmallS] if msgspec else None, [small(SmallS, i) for i in range(1000)] if msgspec else None,
        None)
    put('list of 1,000, @table rows', codec(list[SmallRow]), [small(SmallRow, i) for i in range(1000)],
        list[SmallS] if msgspec else None, [small(SmallS, i) for i in range(1000)] if msgspec else None, None)
    dumps = json.JSONEncoder(separators=(',', ':'), sort_keys=True).encode
    put('dynamic dict', codec(Any), DYNAMIC, Any, DYNAMIC, (json.loads, lambda v: dumps(v).encode()))
    if msgspec:
        data = codec(Any).encode(DYNAMIC)
        text = bytes(data[4:])
        decoder, writer = msgspec.json.Decoder().decode, msgspec.json.Encoder(order='sorted').encode
        rows.append(['dynamic dict, against msgspec.json'] + costs((codec(Any).decode, data), (codec(Any).encode, DYNAMIC),
                                                                   (decoder, text), (writer, DYNAMIC), None, None))
    return rows


def converter_costs():
    """The public converter, one value at a time and in batches."""
    c = TypeConverter(ConversionConfig())
    value = small(SmallRow)
    data = c.python_to_bsatn(value)
    return list(zip(('TypeConverter.bsatn_to_python', 'TypeConverter.python_to_bsatn'),
                    costs((lambda d: c.bsatn_to_python(d, SmallRow), data), (lambda v: c.python_to_bsatn(v, SmallRow), value))))


def many(msgspec):
    """By name: a function that gives what converts n items, once for each call. The last ones are for comparison: CPython's own
    marshal, which makes tuples of the same values, and msgspec."""
    c = TypeConverter(ConversionConfig())

    def rows(n, cls=SmallRow):
        return [small(cls, i) for i in range(n)]

    def batch_decode(n):
        blobs = c.batch_python_to_bsatn(rows(n), SmallRow)
        return lambda: c.batch_bsatn_to_python(blobs, SmallRow)

    def batch_encode(n):
        values = rows(n)
        return lambda: c.batch_python_to_bsatn(values, SmallRow)

    def list_decode(cls):
        def make(n):
            data, decode = codec(list[cls]).encode(rows(n, cls)), codec(list[cls]).decode
            return lambda: decode(data)
        return make

    def list_encode(cls):
        def make(n):
            values, encode = rows(n, cls), codec(list[cls]).encode
            return lambda: encode(values)
        return make

    def marshal_decode(n):
        data = marshal.dumps([(v.id, v.name, v.x, v.y, v.alive, v.level) for v in rows(n, SmallSlots)])
        return lambda: marshal.loads(data)

    def msgspec_decode(n):
        cls = msgspec_types(msgspec)[0]
        data, decode = msgspec.msgpack.Encoder().encode(rows(n, cls)), msgspec.msgpack.Decoder(list[cls]).decode
        return lambda: decode(data)

    def msgspec_encode(n):
        values, encode = rows(n, msgspec_types(msgspec)[0]), msgspec.msgpack.Encoder().encode
        return lambda: encode(values)

    found = {'batch dec': batch_decode, 'batch enc': batch_encode, 'rows dec': list_decode(SmallRow), 'rows enc': list_encode(SmallRow),
             'slots dec': list_decode(SmallSlots), 'slots enc': list_encode(SmallSlots), 'marshal dec': marshal_decode}
    return found | ({'msgspec dec': msgspec_decode, 'msgspec enc': msgspec_encode} if msgspec else {})


def scaling(most, msgspec):
    """By name: (items, ns an item, how often that is what an item of 1,000 costs) for each power of ten. Each round converts 1,000
    as well. Cyclic collection is off: what decodes a list here turns it off itself, and the others are not to pay for it."""
    found = {}
    gc.disable()
    for name, make in many(msgspec).items():
        found[name], base, n = [], make(1000), 10
        while n <= most:
            fn, rounds = make(n), ROUNDS if n < 1000000 else 7
            times = [], []
            for _ in range(rounds):
                for took, call, items in zip(times, (fn, base), (n, 1000)):
                    again = max(1, 10000 // items)
                    took.append(timed(lambda call: call(), call, again) / again / items)
            found[name].append((n, median(times[0]), median([a / b for a, b in zip(*times)])))
            del fn
            n *= 10
        gc.collect()
    gc.enable()
    return found


def endurance(total):
    """RSS after each tenth of so many conversions, both ways, good and bad, typed and dynamic with more shapes than are kept."""
    typed, dynamic = codec(SmallSlots), codec(Any)
    value, out = small(SmallSlots), []
    data = typed.encode(value)
    bad = data[:-1]
    for i in range(1, total // 5 + 1):
        typed.decode(data)
        typed.encode(value)
        dynamic.decode(dynamic.encode({'key': i, 'k%d' % (i & 1023): 1.5}))
        try:
            typed.decode(bad)
        except Exception:
            pass
        if i % (total // 50) == 0:
            out.append(rss())
    return out


def main(args):
    if args.venv:
        add_venv(args.venv)
    msgspec = load_msgspec()
    gc.collect()
    out = {'python': sys.version.split()[0], 'msgspec': getattr(msgspec, '__version__', None)}
    print(f'CPython {out["python"]}, msgspec {out["msgspec"] or "is not there (--venv DIR of an environment that has it)"}; '
          f'ns a value, median of {ROUNDS} rounds that take turns')
    out['compare'] = compare(msgspec)
    print(f'{"":36}{"decode":>10}{"encode":>10}{"msgspec":>12}{"":>10}{"Python":>12}')
    for what, *numbers in out['compare']:
        print(f'{what:36}' + ''.join(f'{"-" if n is None else format(n, ".0f"):>{w}}' for n, w in zip(numbers, (10, 10, 12, 10, 12, 10))))
    out['converter'] = converter_costs()
    for what, ns in out['converter']:
        print(f'{what:36}{ns:10.0f}')
    out['scaling'] = scaling(args.most, msgspec)
    print(f'{"items":>10}' + ''.join(f'{name:>12}' for name in out['scaling']) + '   ns an item')
    for found in zip(*out['scaling'].values()):
        print(f'{found[0][0]:10}' + ''.join(f'{ns:12.0f}' for _, ns, _ in found))
    print(f'{"x 1,000s":>10}' + ''.join(f'{found[-1][2]:12.2f}' for found in out['scaling'].values()) + '   the last row, times a row of 1,000')
    if args.conversions:
        out['memory'] = memory = endurance(args.conversions)
        print(f'{args.conversions} conversions: MB after each tenth: ' + ' '.join(f'{m / 1e6:.1f}' for m in memory) +
              f'; end / first {memory[-1] / memory[0]:.3f}')
    if args.json:
        with open(args.json, 'w') as file:
            json.dump(out, file, indent=1)
    return 0
