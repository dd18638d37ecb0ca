/* Every type, both ways: the golden bytes of the API, ranges, refusals with their paths, dynamic values. The cases are
 * written in Python, where the values are; each reducer asserts for itself. */
#include "tests/py/fixture.h"

TestSuite(values, .init = fixture_start, .fini = oro_py_stop);

#define HEAD                                                                                       \
    "import enum, math, uuid\n"                                                                    \
    "from dataclasses import dataclass, field as dfield\n"                                         \
    "from datetime import datetime, timedelta, UTC\n"                                              \
    "from typing import NamedTuple, TypedDict\n"                                                   \
    "from _orochi import encode, decode\n"                                                         \
    "from orochi import *\n"                                                                       \
    "def refused(fn, text, kind=EncodeError):\n"                                                   \
    "    try: fn()\n"                                                                              \
    "    except kind as e: assert str(e) == text, str(e)\n"                                        \
    "    else: assert False, 'accepted; expected: ' + text\n"                                      \
    "def both(spec, value, text, back=...):\n"                                                     \
    "    data = encode(spec, value)\n"                                                             \
    "    assert data.hex() == text.replace(' ', ''), (spec, value, data.hex())\n"                  \
    "    again = decode(spec, data)\n"                                                             \
    "    want = value if back is ... else back\n"                                                  \
    "    assert again == want and type(again) is type(want), (spec, again)\n"                      \
    "    for n in range(len(data)):\n"                                                             \
    "        try: decode(spec, data[:n])\n"                                                        \
    "        except DecodeError: pass\n"                                                           \
    "        else: assert False, ('cut accepted', spec, n)\n"                                      \
    "class Team(enum.Enum):\n"                                                                     \
    "    RED = 'r'\n"                                                                              \
    "    BLUE = 'b'\n"                                                                             \
    "@dataclass(frozen=True)\n"                                                                    \
    "class Vec2:\n"                                                                                \
    "    x: f32 = 0.0\n"                                                                           \
    "    y: f32 = 0.0\n"                                                                           \
    "@dataclass\n"                                                                                 \
    "class Steer:\n"                                                                               \
    "    dir: Vec2\n"                                                                              \
    "@dataclass\n"                                                                                 \
    "class Shoot:\n"                                                                               \
    "    dir: Vec2\n"                                                                              \
    "@dataclass\n"                                                                                 \
    "class Wait: pass\n"                                                                           \
    "VEC2 = ('product', Vec2, 'dataclass', (('x', ('f32',)), ('y', ('f32',))))\n"                  \
    "def one(cls): return ('product', cls, 'dataclass', (('dir', VEC2),))\n"                       \
    "ACTION = ('union', (('Steer', Steer, one(Steer), 'dataclass'), ('Shoot', Shoot, one(Shoot), " \
    "'dataclass'), "                                                                               \
    "('Wait', Wait, None, 'dataclass')))\n"                                                        \
    "@table\n"                                                                                     \
    "class T:\n"                                                                                   \
    "    id: PrimaryKey[u32]\n"

static const char golden[] = HEAD
    "@reducer\n"
    "def golden(ctx: ReducerContext):\n"
    "    both(('bool',), True, '01')\n"
    "    both(('i64',), -2, 'fe ff ff ff ff ff ff ff')\n"
    "    both(('u8',), 255, 'ff')\n"
    "    both(('u128',), 1, '01' + 15 * '00')\n"
    "    both(('f64',), 1.5, '00 00 00 00 00 00 f8 3f')\n"
    "    both(('f32',), 1.5, '00 00 c0 3f')\n"
    "    both(('string',), 'h\\xe9', '03 00 00 00 68 c3 a9')\n"
    "    both(('bytes',), b'\\x01\\x02', '02 00 00 00 01 02')\n"
    "    both(('array', ('u16',), 'list'), [1, 2], '02 00 00 00 01 00 02 00')\n"
    "    both(('option', ('u8',)), 7, '00 07')\n"
    "    both(('option', ('u8',)), None, '01')\n"
    "    both(('enum', Team, (Team.RED, Team.BLUE)), Team.BLUE, '01')\n"
    "    both(VEC2, Vec2(1.0, 0.0), '00 00 80 3f 00 00 00 00')\n"
    "    both(ACTION, Shoot(Vec2(1.0, 0.0)), '01 00 00 80 3f 00 00 00 00')\n"
    "    both(('dict', ('string',), ('u8',)), {'b': 2, 'a': 1}, '02 00 00 00 01 00 00 00 61 01 01 "
    "00 00 00 62 02')\n"
    "    both(('datetime',), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), '40 42 0f 00 00 00 00 "
    "00')\n"
    "    both(('timedelta',), timedelta(milliseconds=-1), '18 fc ff ff ff ff ff ff')\n"
    "    both(('schedule_at',), ScheduleAt.every(timedelta(milliseconds=50)), '00 50 c3 00 00 00 "
    "00 00 00')\n"
    "    both(('schedule_at',), ScheduleAt.at(Timestamp(1_000_000)), '01 40 42 0f 00 00 00 00 "
    "00')\n"
    "    both(('json',), {'hp': 10}, '09 00 00 00 7b 22 68 70 22 3a 31 30 7d')\n"
    "@reducer\n"
    "def special(ctx: ReducerContext):\n"
    "    who = Identity.from_hex('c2' + 31 * '01')\n"
    "    both(('identity',), who, 31 * '01' + 'c2')\n"
    "    both(('connection_id',), ConnectionId(258), '02 01' + 14 * '00')\n"
    "    both(('timestamp',), Timestamp(-1), 8 * 'ff')\n"
    "    both(('duration',), TimeDuration(1), '01' + 7 * '00')\n"
    "    both(('timestamp',), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), '40 42 0f 00 00 00 00 "
    "00', Timestamp(1000000))\n"
    "    both(('uuid',), uuid.UUID('01888d6e-5c00-7000-8000-00000000abcd'), 'cdab000000000080 "
    "0070005c6e8d8801')\n"
    "    both(('unit',), None, '')\n"
    "    both(('result', ('u8',), ('string',)), Ok(3), '00 03')\n"
    "    both(('result', ('u8',), ('string',)), Err('x'), '01 01 00 00 00 78')\n"
    "    both(('literal', ('on', 'off')), 'off', '01')\n"
    "    both(ACTION, Wait(), '02')\n"
    "    both(('schedule_at',), timedelta(seconds=1), '00 40 42 0f 00 00 00 00 00', "
    "ScheduleAt.every(1_000_000))\n"
    "    assert int(ConnectionId(258)) == 258 and who.hex == str(who) and Identity(who.to_bytes()) "
    "== who\n"
    "    assert Identity(5) < Identity(1 << 200) and hash(Identity(5)) == hash(Identity(5)) != "
    "hash(Identity(6))\n"
    "    refused(lambda: Identity.from_hex('12'), \"it takes 64 hex digits, got '12'\", "
    "ValueError)\n"
    "    refused(lambda: Identity(1 << 256), 'the number does not fit 32 bytes', ValueError)\n"
    "    refused(lambda: ConnectionId(-1), 'the number does not fit 16 bytes', ValueError)\n"
    "@reducer\n"
    "def containers(ctx: ReducerContext):\n"
    "    both(('array', ('u8',), 'tuple'), (1, 2), '02 00 00 00 01 02')\n"
    "    both(('array', ('u16',), 'set'), {258, 1}, '02 00 00 00 01 00 02 01')\n"
    "    both(('array', ('i8',), 'frozenset'), frozenset({-1, 1}), '02 00 00 00 01 ff')\n"
    "    both(('array', ('i8',), 'list'), range(2), '02 00 00 00 00 01', [0, 1])\n"
    "    both(('dict', ('i8',), ('u8',)), {1: 1, -1: 2}, '02 00 00 00 ff 02 01 01')\n"
    "    both(('dict', ('i256',), ('unit',)), {1: None, -1: None, 256: None}, '03 00 00 00' + 32 * "
    "'ff' + '01' + 31 * '00' + '00 01' + 30 * '00')\n"
    "    class P(NamedTuple):\n"
    "        a: int\n"
    "        b: str\n"
    "    class D(TypedDict):\n"
    "        a: int\n"
    "    fields = (('a', ('u8',)), ('b', ('string',)))\n"
    "    both(('product', P, 'namedtuple', fields), P(1, 'x'), '01 01 00 00 00 78')\n"
    "    both(('product', None, 'tuple', fields), (1, 'x'), '01 01 00 00 00 78')\n"
    "    both(('product', D, 'typeddict', fields), {'a': 1, 'b': 'x'}, '01 01 00 00 00 78')\n"
    "    both(('option', ('option', ('u8',))), None, '01')\n"
    "    assert decode(('option', ('option', ('u8',))), b'\\0\\1') is None\n"
    "    refused(lambda: encode(('product', D, 'typeddict', fields), {'a': 1}), 'b: missing')\n"
    "    refused(lambda: encode(('product', D, 'typeddict', fields), {'a': 1, 'b': '', 'c': 2}), "
    "'expected 2 keys, got 3')\n"
    "    refused(lambda: encode(('product', None, 'tuple', fields), (1,)), 'expected a tuple of 2, "
    "got one of 1')\n"
    "@dataclass(slots=True)\n"
    "class Slotted:\n"
    "    a: int\n"
    "@dataclass\n"
    "class Derived:\n"
    "    a: int\n"
    "    def __post_init__(self): self.twice = self.a * 2\n"
    "@reducer\n"
    "def records(ctx: ReducerContext):\n"
    "    both(('product', Slotted, 'dataclass', (('a', ('u8',)),)), Slotted(3), '03')\n"
    "    assert decode(('product', Derived, 'dataclass', (('a', ('u8',)),)), b'\\4').twice == 8\n"
    "    v = decode(VEC2, bytes(8))\n"
    "    assert type(v) is Vec2 and hash(v) == hash(Vec2(0.0, 0.0))\n";

Test(values, golden_bytes)
{
    struct fixture f;
    fixture_open(&f, golden);
    fixture_run(&f, "golden");
    fixture_run(&f, "special");
    fixture_run(&f, "containers");
    fixture_run(&f, "records");
    fixture_close(&f);
}

static const char ranges[] = HEAD
    "import random\n"
    "@reducer\n"
    "def integers(ctx: ReducerContext):\n"
    "    for bits in (8, 16, 32, 64, 128, 256):\n"
    "        for sign, low, high in (('i', -(1 << bits - 1), (1 << bits - 1) - 1), ('u', 0, (1 << "
    "bits) - 1)):\n"
    "            spec = (sign + str(bits),)\n"
    "            picks = [ctx.rng.randint(low, high) for _ in range(50)] + [1 << k for k in "
    "range(bits - 1)]\n"
    "            for n in [low, low + 1, 0, 1, high - 1, high] + picks:\n"
    "                both(spec, n, n.to_bytes(bits // 8, 'little', signed=sign == 'i').hex())\n"
    "            for n in (low - 1, high + 1, 1 << 300, -(1 << 300)):\n"
    "                refused(lambda: encode(spec, n), f'{str(n)[:60]} is out of range for "
    "{spec[0]}')\n"
    "            refused(lambda: encode(spec, True), 'expected int, got bool')\n"
    "            refused(lambda: encode(spec, 1.0), 'expected int, got float')\n"
    "            refused(lambda: encode(spec, '1'), 'expected int, got str')\n"
    "            refused(lambda: encode(spec, None), 'expected int, got None')\n"
    "    class Index:\n"
    "        def __index__(self): return 5\n"
    "    assert encode(('u8',), Index()) == encode(('u128',), Index())[:1] == b'\\5'\n"
    "@reducer\n"
    "def floats(ctx: ReducerContext):\n"
    "    for n in (0.0, 0.1, -1e300, 5e-324, math.inf, -math.inf):\n"
    "        assert decode(('f64',), encode(('f64',), n)) == n\n"
    "    assert math.isnan(decode(('f64',), encode(('f64',), math.nan)))\n"
    "    assert encode(('f64',), -0.0).hex() == '0000000000000080'\n"
    "    assert encode(('f32',), 0.1).hex() == 'cdcccc3d' and encode(('f64',), 3) == "
    "encode(('f64',), 3.0)\n"
    "    assert decode(('f32',), encode(('f32',), math.inf)) == math.inf\n"
    "    refused(lambda: encode(('f32',), 1e39), '1e+39 is out of range for f32')\n"
    "    refused(lambda: encode(('f64',), True), 'expected float, got bool')\n"
    "    refused(lambda: encode(('f64',), '1'), 'expected float, got str')\n"
    "    refused(lambda: encode(('f64',), 10 ** 400), 'the number is too large for a float')\n"
    "@reducer\n"
    "def texts(ctx: ReducerContext):\n"
    "    for s in ('', 'a', 'a\\0b', '\\u20ac\\U0001f600', 'x' * 70000):\n"
    "        assert decode(('string',), encode(('string',), s)) == s\n"
    "    refused(lambda: encode(('string',), '\\ud800'), 'the text holds a lone surrogate')\n"
    "    refused(lambda: encode(('string',), b'x'), 'expected str, got bytes')\n"
    "    refused(lambda: encode(('bytes',), 'x'), 'expected bytes, got str')\n"
    "    refused(lambda: encode(('array', ('u8',), 'list'), 'ab'), 'expected list, got str')\n"
    "    refused(lambda: encode(('array', ('u8',), 'set'), [1]), 'expected set, got list')\n"
    "    refused(lambda: encode(('dict', ('u8',), ('u8',)), [1]), 'expected dict, got list')\n"
    "    refused(lambda: encode(('bool',), 1), 'expected bool, got int')\n"
    "    assert encode(('bytes',), bytearray(b'ab')) == encode(('bytes',), memoryview(b'ab'))\n"
    "@reducer\n"
    "def paths(ctx: ReducerContext):\n"
    "    deep = ('product', Steer, 'dataclass', (('dir', ('array', VEC2, 'list')),))\n"
    "    refused(lambda: encode(deep, Steer([Vec2(), Vec2(1.0, 'up')])), 'dir[1].y: expected "
    "float, got str')\n"
    "    refused(lambda: encode(('dict', ('string',), ('u8',)), {'k': 300}), \"['k']: 300 is out "
    "of range for u8\")\n"
    "    refused(lambda: encode(ACTION, 5), 'expected Steer, Shoot or Wait, got int')\n"
    "    refused(lambda: encode(ACTION, Shoot(5)), 'Shoot.dir: expected Vec2, got int')\n"
    "    refused(lambda: encode(('enum', Team, (Team.RED, Team.BLUE)), 'r'), 'expected Team, got "
    "str')\n"
    "    refused(lambda: encode(('literal', ('on', 'off')), 'up'), 'expected one of \"on\", "
    "\"off\", got \"up\"')\n"
    "    refused(lambda: encode(('datetime',), datetime(2000, 1, 1)), 'the datetime has no time "
    "zone: give it one, for instance tzinfo=UTC')\n"
    "    refused(lambda: encode(('timestamp',), 'now'), 'expected Timestamp, got str')\n"
    "    refused(lambda: encode(('checked', ('u8',), lambda v: None if v < 5 else f'at most 4, got "
    "{v}'), 7), 'at most 4, got 7')\n"
    "    refused(lambda: encode(('checked', ('u8',), lambda v: None), 'x'), 'expected int, got "
    "str')\n"
    "@reducer\n"
    "def malformed(ctx: ReducerContext):\n"
    "    def bad(spec, text, why): refused(lambda: decode(spec, bytes.fromhex(text)), why, "
    "DecodeError)\n"
    "    bad(('bool',), '02', 'malformed at byte 0: a bool must be 0 or 1')\n"
    "    bad(('u8',), '0000', '1 bytes too many after the value')\n"
    "    bad(('string',), '02000000 ff41', 'malformed at byte 0: the text is not UTF-8')\n"
    "    bad(('string',), '02000000 c080', 'malformed at byte 0: the text is not UTF-8')\n"
    "    bad(('string',), '03000000 eda080', 'malformed at byte 0: the text is not UTF-8')\n"
    "    bad(('string',), 'ffffffff 41', 'malformed at byte 0: a length that the input cannot "
    "hold')\n"
    "    bad(('array', ('u64',), 'list'), 'ffffff7f', 'malformed at byte 0: a count that the input "
    "cannot hold')\n"
    "    bad(('array', ('unit',), 'list'), 'ffffffff', 'malformed at byte 0: a count that the "
    "input cannot hold')\n"
    "    bad(('option', ('u8',)), '0200', 'malformed at byte 0: the tag must be 0 or 1')\n"
    "    bad(('enum', Team, (Team.RED, Team.BLUE)), '02', 'malformed at byte 0: unknown tag 2, "
    "there are 2 variants')\n"
    "    bad(ACTION, '03', 'malformed at byte 0: unknown tag 3, there are 3 variants')\n"
    "    bad(('array', VEC2, 'list'), '01000000 00000000', 'malformed at byte 0: a count that the "
    "input cannot hold')\n"
    "    bad(('array', ('product', None, 'tuple', (('a', ('bool',)),)), 'list'), '02000000 0107', "
    "'[1].a: malformed at byte 5: a bool must be 0 or 1')\n"
    "    assert decode(('array', ('unit',), 'list'), b'\\3\\0\\0\\0') == [None] * 3\n";

Test(values, ranges_and_refusals)
{
    struct fixture f;
    fixture_open(&f, ranges);
    fixture_run(&f, "integers");
    fixture_run(&f, "floats");
    fixture_run(&f, "texts");
    fixture_run(&f, "paths");
    fixture_run(&f, "malformed");
    fixture_close(&f);
}

static const char dynamic[] = HEAD
    "def text(v): return encode(('json',), v)[4:].decode()\n"
    "def again(v): return decode(('json',), encode(('json',), v))\n"
    "@reducer\n"
    "def dynamic(ctx: ReducerContext):\n"
    "    assert text({'b': [1, 2.5, None, True], 'a': '\\xe9'}) == "
    "'{\"a\":\"\\xe9\",\"b\":[1,2.5,null,true]}'\n"
    "    assert text(b'ab') == '{\"$bytes\":\"YWI=\"}'\n"
    "    assert text(Timestamp(5)) == '{\"$time\":5}' and text(timedelta(microseconds=7)) == "
    "'{\"$duration\":7}'\n"
    "    assert text({2, 1}) == '{\"$set\":[1,2]}' and text({1: 'x'}) == '{\"$map\":[[1,\"x\"]]}'\n"
    "    assert text({'$x': 1}) == '{\"$map\":[[\"$x\",1]]}' and text(math.nan) == "
    "'{\"$float\":\"nan\"}'\n"
    "    for v in ({'a': [1, {'b': None}]}, b'\\0\\xff', Timestamp(-5), TimeDuration(5), {1, 2}, "
    "{1: 2}, {'$bytes': 'x'}, 1 << 200,\n"
    "              math.inf, -math.inf, uuid.UUID(int=5), Identity(7), [], '', 0, True, None, {}, "
    "1e300, 0.1):\n"
    "        back = again(v)\n"
    "        assert back == v and type(back) is type(v), (v, back)\n"
    "    deep = []\n"
    "    for _ in range(70): deep = [deep]\n"
    "    refused(lambda: text(deep), 65 * '[0]' + ': a dynamic value is nested deeper than 64')\n"
    "    refused(lambda: text(object()), 'a dynamic value cannot hold object')\n"
    "    refused(lambda: text('x' * (1 << 20)), 'a dynamic value is longer than 1048576 bytes')\n"
    "    for bad in (b'{', b'nul', b'NaN', b'{\"$bytes\":\"!\"}', b'[' * 100000, "
    "b'{\"$map\":5}'):\n"
    "        try: decode(('json',), len(bad).to_bytes(4, 'little') + bad)\n"
    "        except DecodeError: pass\n"
    "        else: assert False, bad\n";

static const char documents[] = HEAD
    "import json, random\n"
    "from _orochi import stats\n"
    "from orochi._values import json_dump, json_load\n"
    "def text(v): return encode(('json',), v)[4:].decode()\n"
    "def read(s): return decode(('json',), len(s.encode()).to_bytes(4, 'little') + s.encode())\n"
    "TEXTS = ['', 'a', '\"', '\\\\', '\\n\\r\\t\\b\\f', '\\0\\x1f\\x7f', '/', "
    "'\\xe9\\u20ac\\U0001f600', 'x' * 50, '$', '$bytes']\n"
    "def some(r, depth):\n"
    "    kind = r.randrange(12 if depth < 5 else 8)\n"
    "    if kind == 0: return r.choice([None, True, False])\n"
    "    if kind == 1: return r.choice([0, -1, 9, 10, -10, 1 << 62, -(1 << 63), (1 << 63) - 1, 1 "
    "<< 63, 10 ** 30, r.randrange(-99999, 99999)])\n"
    "    if kind == 2: return r.choice([0.0, -0.0, 1.5, 1e16, 1e-7, 5e-324, "
    "1.7976931348623157e308, r.random()])\n"
    "    if kind == 3: return r.choice([math.inf, -math.inf, b'ab', Timestamp(3), {1, 2}, {1: "
    "'x'}, {'$a': 1}])\n"
    "    if kind < 8: return r.choice(TEXTS)\n"
    "    if kind < 10: return [some(r, depth + 1) for _ in range(r.randrange(4))]\n"
    "    return {r.choice(TEXTS) + r.choice('abcxyz'): some(r, depth + 1) for _ in "
    "range(r.randrange(6))}\n"
    "@reducer\n"
    "def same_text(ctx: ReducerContext):\n"
    "    for _ in range(3000):\n"
    "        v = some(ctx.rng, 0)\n"
    "        s = text(v)\n"
    "        assert s == json_dump(v), v\n"
    "        assert read(s) == v and json_dump(read(s)) == s, v\n"
    "@reducer\n"
    "def reading(ctx: ReducerContext):\n"
    "    for s in ('[1 , 2\\n,\\t3 ]', ' {\"a\" : {} , \"b\":[ ] } ', "
    "'\"\\\\u00e9\\\\ud83d\\\\ude00\\\\/\\\\n\"', '1e5', '-0', '-0.5E-3', '1E400', '[]',\n"
    "              '123456789012345678', '1234567890123456789', '-9223372036854775809', "
    "'{\"a\":1,\"a\":2}', '\"\\x7f\"'):\n"
    "        assert read(s) == json.loads(s) and type(read(s)) is type(json.loads(s)), s\n"
    "    for s in ('', ' ', '{', '}', '[1', '[1,]', '[,1]', '{\"a\"}', '{\"a\":}', '{\"a\":1,}', "
    "'{a:1}', '01', '-', '1.', '.5', '1e', '+1', 'nul', 'nulll',\n"
    "              'True', 'NaN', '-Infinity', '\"', '\"\\\\\"', '\"\\\\x\"', '\"\\\\u12\"', "
    "'\"\\\\ud800\"', '\"\\\\ude00\"', '\"\\\\ud800\\\\u0041\"', '\"\\n\"', '1 2', '[1] x',\n"
    "              '[' * 300, '{\"a\":' * 300, '1' * 5000, '{\"$time\":\"x\"}', '{\"$uuid\":5}'):\n"
    "        try: v = read(s)\n"
    "        except DecodeError: pass\n"
    "        else: assert False, (s, v)\n"
    "    for raw in (b'\"\\xff\"', b'{\"\\xc0\\x80\":1}', b'\"\\xed\\xa0\\x80\"'):\n"
    "        try: decode(('json',), len(raw).to_bytes(4, 'little') + raw)\n"
    "        except DecodeError: pass\n"
    "        else: assert False, raw\n"
    "    a, b = read('[{\"some_key\":1},{\"some_key\":2}]')\n"
    "    assert next(iter(a)) is next(iter(b)), 'equal keys are one object'\n"
    "    refused(lambda: text({'a': [1, {'b': object()}]}), \"['a'][1]['b']: a dynamic value "
    "cannot hold object\")\n"
    "    refused(lambda: text({'k': '\\ud800'}), \"['k']: the text holds a lone surrogate\")\n"
    "@reducer\n"
    "def shapes(ctx: ReducerContext):\n"
    "    before = stats()\n"
    "    for i in range(100): text({'hp': i, 'bag': [], 'at': {'x': 1, 'y': 2}})\n"
    "    after = stats()\n"
    "    assert after['cache_misses'] - before['cache_misses'] == 2 and after['cache_size'] - "
    "before['cache_size'] == 2\n"
    "    assert after['cache_hits'] - before['cache_hits'] >= 198\n"
    "    for i in range(2000): assert text({f'k{i}': 1, 'a': 2}) == f'{{\"a\":2,\"k{i}\":1}}'\n"
    "    assert stats()['cache_size'] - before['cache_size'] <= 1000 and "
    "stats()['cache_evictions'] "
    "> 1000, stats()\n"
    "    class Nasty(dict): pass\n"
    "    d = {f'k{i}': i for i in range(300)}\n"
    "    assert text(d) == json_dump(d) and text(Nasty(d)) == json_dump(d)\n"
    "@reducer\n"
    "def numbers(ctx: ReducerContext):\n"
    "    r = ctx.rng\n"
    "    some = [0.0, -0.0, 0.1, 1e-4, 9.9999e-5, 1e15, 999999999999999.0, 99999999999999.9, 1e16, "
    "123456.789012, 4.35, 2.675,\n"
    "            0.000001, 0.0001234, 5e-324, 0.3, 0.1 + 0.2, 1 / 3, 100000.000001, "
    "8999999999.999998, 1e22, 1e23]\n"
    "    for _ in range(5000):\n"
    "        digits = r.randrange(1, 10 ** r.randrange(1, 18))\n"
    "        some += [digits / 10 ** r.randrange(0, 12), float(f'{digits}e{r.randrange(-25, "
    "10)}'), r.uniform(-1e3, 1e3)]\n"
    "    for x in some:\n"
    "        for v in (x, -x, math.nextafter(x, 1), math.nextafter(x, math.inf)):\n"
    "            assert text(v) == repr(v), (text(v), v)\n"
    "@reducer\n"
    "def expected_keys(ctx: ReducerContext):\n"
    "    r = ctx.rng\n"
    "    names = ['', 'a', 'b', 'ab', 'abc', 'abcd', 'abcde', 'key_of_8', 'a longer key than "
    "that', '\\xe9', 'q\"q', 'n\\n', 'k' * 40, 'k' * 41]\n"
    "    names += [f'k{i}' for i in range(700)]\n"
    "    def one(depth):\n"
    "        some = r.sample(names[:14] if r.random() < .7 else names, r.randrange(9))\n"
    "        return {k: r.choice([1, 'x', [], {}]) if depth > 2 or r.random() < .6 else [one(depth "
    "+ 1) for _ in range(r.randrange(40))]\n"
    "                if r.random() < .1 else one(depth + 1) for k in some}\n"
    "    for _ in range(500):\n"
    "        v = one(0)\n"
    "        for s in (json.dumps(v), json.dumps(v, separators=(',', ':'), ensure_ascii=False), "
    "json.dumps(v, indent=1), text(v)):\n"
    "            back = read(s)\n"
    "            assert back == v and list(back) == (sorted(v) if s == text(v) else list(v)), s\n"
    "    for n in (1, 15, 16, 17, 32, 33, 1000):\n"
    "        assert read(text(list(range(n)))) == list(range(n))\n"
    "        for cut in ('[' + '1,' * n, '[' + '1,' * n + ']', '[' + '1,' * n + 'x', '[' + '1,' * "
    "n + '1}'):\n"
    "            try: read(cut)\n"
    "            except DecodeError as e: assert 'not a JSON document' in str(e)\n"
    "            else: assert False, cut\n"
    "    many = '{' + ','.join(f'\"k{i}\":{i}' for i in range(300)) + '}'\n"
    "    assert read('[' + many + ',{\"k0\":1},' + many + ']')[1] == {'k0': 1}\n"
    "    assert text('\\x1f\\x7f\\x80') == '\"\\\\u001f\\x7f\\x80\"'\n"
    "    for n in (0, 1, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31):\n"
    "        for i in range(n):\n"
    "            for c in '\"\\\\\\n\\x1f !#[]\\x7f\\xff\\u0120\\u0122\\u015c\\u2222\\u5c5c':\n"
    "                s = 'x' * i + c + 'y' * (n - i - 1)\n"
    "                assert text(s) == json.dumps(s, ensure_ascii=False) and read(text(s)) == s "
    "and text({s: 1}) == json.dumps({s: 1}, ensure_ascii=False, separators=(',', ':')), s\n"
    "                assert read(text({s: 1})) == {s: 1} == read(text({s: 1}))\n"
    "@reducer\n"
    "def changed_meanwhile(ctx: ReducerContext):\n"
    "    for _ in range(50):\n"
    "        junk = []\n"
    "        class Sly(dict):\n"
    "            def __iter__(self): return super().__iter__()\n"
    "            def keys(self):\n"
    "                if at == 0: outer.clear()\n"
    "                if at == 1: inner.clear(); outer['list'] = None\n"
    "                if at == 2: outer['list'].clear()\n"
    "                if at == 3: text([{f'k{i}': object.__name__} for i in range(1500)])\n"
    "                if at == 4: outer['zz'] = {'x': text({'b': [Sly.mro()[-1].__name__], 'a': "
    "1})}\n"
    "                junk.extend('j' * n + str(i % 10) for n in (20, 21, 30) for i in range(50))\n"
    "                return list(super().keys())\n"
    "        for at in range(5):\n"
    "            inner = {'a' * 3 + str(at): 'v' * 30 + str(at), 's': Sly(p=1), 'z' * 3 + str(at): "
    "'w' * 30 + str(at)}\n"
    "            outer = {'m': {'deep': inner}, 'list': ['l' * 20 + str(at), inner, 'l' * 21 + "
    "str(at)], 'zz': 'e' * 20 + str(at)}\n"
    "            want = json.dumps(outer, sort_keys=True, separators=(',', ':')) if at == 3 else "
    "None\n"
    "            got = text(outer)\n"
    "            assert json.loads(got)['zz'] == 'e' * 20 + str(at), (at, got)\n"
    "            assert want is None or got == want, got\n"
    "        assert len(junk) >= 5 * 150\n";

Test(values, dynamic_values)
{
    struct fixture f;
    fixture_open(&f, documents);
    fixture_run(&f, "shapes");
    fixture_run(&f, "same_text");
    fixture_run(&f, "reading");
    fixture_run(&f, "numbers");
    fixture_run(&f, "expected_keys");
    fixture_run(&f, "changed_meanwhile");
    fixture_close(&f);
    fixture_open(&f, dynamic);
    fixture_run(&f, "dynamic");
    fixture_close(&f);
}

/* A file that checks what it has to check while it is imported. */
static void
import_file(const char *name)
{
    struct oro_py *py;
    struct oro_err err = {0};
    char *descriptor = NULL, *report = NULL, path[512];
    snprintf(path, sizeof(path), "%s/%s", getenv("ORO_TESTS_PY"), name);
    cr_assert_eq(oro_py_open(0, &fake_ops, &py, &err), ORO_OK, "%s", err.text);
    oro_status st = oro_py_load(py, path, "checks", &descriptor, &report, &err);
    cr_assert_eq(st, ORO_OK, "%s", report);
    oro_free(descriptor);
    oro_py_close(py);
}

Test(values, every_vector_of_the_format)
{
    import_file("vectors.py");
}

Test(values, errors_tell_where_and_what)
{
    import_file("located.py");
}

Test(values, keys_with_one_hash_are_refused)
{
    import_file("hostile.py");
}
