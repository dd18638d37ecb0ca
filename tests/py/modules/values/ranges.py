import random
@reducer
def integers(ctx: ReducerContext):
    for bits in (8, 16, 32, 64, 128, 256):
        for sign, low, high in (('i', -(1 << bits - 1), (1 << bits - 1) - 1), ('u', 0, (1 << bits) - 1)):
            spec = (sign + str(bits),)
            picks = [ctx.rng.randint(low, high) for _ in range(50)] + [1 << k for k in range(bits - 1)]
            for n in [low, low + 1, 0, 1, high - 1, high] + picks:
                both(spec, n, n.to_bytes(bits // 8, 'little', signed=sign == 'i').hex())
            for n in (low - 1, high + 1, 1 << 300, -(1 << 300)):
                refused(lambda: encode(spec, n), f'{str(n)[:60]} is out of range for {spec[0]}')
            refused(lambda: encode(spec, True), 'expected int, got bool')
            refused(lambda: encode(spec, 1.0), 'expected int, got float')
            refused(lambda: encode(spec, '1'), 'expected int, got str')
            refused(lambda: encode(spec, None), 'expected int, got None')
    class Index:
        def __index__(self): return 5
    assert encode(('u8',), Index()) == encode(('u128',), Index())[:1] == b'\5'
@reducer
def floats(ctx: ReducerContext):
    for n in (0.0, 0.1, -1e300, 5e-324, math.inf, -math.inf):
        assert decode(('f64',), encode(('f64',), n)) == n
    assert math.isnan(decode(('f64',), encode(('f64',), math.nan)))
    assert encode(('f64',), -0.0).hex() == '0000000000000080'
    assert encode(('f32',), 0.1).hex() == 'cdcccc3d' and encode(('f64',), 3) == encode(('f64',), 3.0)
    assert decode(('f32',), encode(('f32',), math.inf)) == math.inf
    refused(lambda: encode(('f32',), 1e39), '1e+39 is out of range for f32')
    refused(lambda: encode(('f64',), True), 'expected float, got bool')
    refused(lambda: encode(('f64',), '1'), 'expected float, got str')
    refused(lambda: encode(('f64',), 10 ** 400), 'the number is too large for a float')
@reducer
def texts(ctx: ReducerContext):
    for s in ('', 'a', 'a\0b', '\u20ac\U0001f600', 'x' * 70000):
        assert decode(('string',), encode(('string',), s)) == s
    refused(lambda: encode(('string',), '\ud800'), 'the text holds a lone surrogate')
    refused(lambda: encode(('string',), b'x'), 'expected str, got bytes')
    refused(lambda: encode(('bytes',), 'x'), 'expected bytes, got str')
    refused(lambda: encode(('array', ('u8',), 'list'), 'ab'), 'expected list, got str')
    refused(lambda: encode(('array', ('u8',), 'set'), [1]), 'expected set, got list')
    refused(lambda: encode(('dict', ('u8',), ('u8',)), [1]), 'expected dict, got list')
    refused(lambda: encode(('bool',), 1), 'expected bool, got int')
    assert encode(('bytes',), bytearray(b'ab')) == encode(('bytes',), memoryview(b'ab'))
@reducer
def paths(ctx: ReducerContext):
    deep = ('product', Steer, 'dataclass', (('dir', ('array', VEC2, 'list')),))
    refused(lambda: encode(deep, Steer([Vec2(), Vec2(1.0, 'up')])), 'dir[1].y: expected float, got str')
    refused(lambda: encode(('dict', ('string',), ('u8',)), {'k': 300}), "['k']: 300 is out of range for u8")
    refused(lambda: encode(ACTION, 5), 'expected Steer, Shoot or Wait, got int')
    refused(lambda: encode(ACTION, Shoot(5)), 'Shoot.dir: expected Vec2, got int')
    refused(lambda: encode(('enum', Team, (Team.RED, Team.BLUE)), 'r'), 'expected Team, got str')
    refused(lambda: encode(('literal', ('on', 'off')), 'up'), 'expected one of "on", "off", got "up"')
    refused(lambda: encode(('datetime',), datetime(2000, 1, 1)), 'the datetime has no time zone: give it one, for instance tzinfo=UTC')
    refused(lambda: encode(('timestamp',), 'now'), 'expected Timestamp, got str')
    refused(lambda: encode(('checked', ('u8',), lambda v: None if v < 5 else f'at most 4, got {v}'), 7), 'at most 4, got 7')
    refused(lambda: encode(('checked', ('u8',), lambda v: None), 'x'), 'expected int, got str')
@reducer
def malformed(ctx: ReducerContext):
    def bad(spec, text, why): refused(lambda: decode(spec, bytes.fromhex(text)), why, DecodeError)
    bad(('bool',), '02', 'malformed at byte 0: a bool must be 0 or 1')
    bad(('u8',), '0000', '1 bytes too many after the value')
    bad(('string',), '02000000 ff41', 'malformed at byte 0: the text is not UTF-8')
    bad(('string',), '02000000 c080', 'malformed at byte 0: the text is not UTF-8')
    bad(('string',), '03000000 eda080', 'malformed at byte 0: the text is not UTF-8')
    bad(('string',), 'ffffffff 41', 'malformed at byte 0: a length that the input cannot hold')
    bad(('array', ('u64',), 'list'), 'ffffff7f', 'malformed at byte 0: a count that the input cannot hold')
    bad(('array', ('unit',), 'list'), 'ffffffff', 'malformed at byte 0: a count that the input cannot hold')
    bad(('option', ('u8',)), '0200', 'malformed at byte 0: the tag must be 0 or 1')
    bad(('enum', Team, (Team.RED, Team.BLUE)), '02', 'malformed at byte 0: unknown tag 2, there are 2 variants')
    bad(ACTION, '03', 'malformed at byte 0: unknown tag 3, there are 3 variants')
    bad(('array', VEC2, 'list'), '01000000 00000000', 'malformed at byte 0: a count that the input cannot hold')
    bad(('array', ('product', None, 'tuple', (('a', ('bool',)),)), 'list'), '02000000 0107', '[1].a: malformed at byte 5: a bool must be 0 or 1')
    assert decode(('array', ('unit',), 'list'), b'\3\0\0\0') == [None] * 3
