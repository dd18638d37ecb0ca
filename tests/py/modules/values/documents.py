import json, random
from _orochi import stats
from orochi._values import json_dump, json_load
def text(v): return encode(('json',), v)[4:].decode()
def read(s): return decode(('json',), len(s.encode()).to_bytes(4, 'little') + s.encode())
TEXTS = ['', 'a', '"', '\\', '\n\r\t\b\f', '\0\x1f\x7f', '/', '\xe9\u20ac\U0001f600', 'x' * 50, '$', '$bytes']
def some(r, depth):
    kind = r.randrange(12 if depth < 5 else 8)
    if kind == 0: return r.choice([None, True, False])
    if kind == 1: return r.choice([0, -1, 9, 10, -10, 1 << 62, -(1 << 63), (1 << 63) - 1, 1 << 63, 10 ** 30, r.randrange(-99999, 99999)])
    if kind == 2: return r.choice([0.0, -0.0, 1.5, 1e16, 1e-7, 5e-324, 1.7976931348623157e308, r.random()])
    if kind == 3: return r.choice([math.inf, -math.inf, b'ab', Timestamp(3), {1, 2}, {1: 'x'}, {'$a': 1}])
    if kind < 8: return r.choice(TEXTS)
    if kind < 10: return [some(r, depth + 1) for _ in range(r.randrange(4))]
    return {r.choice(TEXTS) + r.choice('abcxyz'): some(r, depth + 1) for _ in range(r.randrange(6))}
@reducer
def same_text(ctx: ReducerContext):
    for _ in range(3000):
        v = some(ctx.rng, 0)
        s = text(v)
        assert s == json_dump(v), v
        assert read(s) == v and json_dump(read(s)) == s, v
@reducer
def reading(ctx: ReducerContext):
    for s in ('[1 , 2\n,\t3 ]', ' {"a" : {} , "b":[ ] } ', '"\\u00e9\\ud83d\\ude00\\/\\n"', '1e5', '-0', '-0.5E-3', '1E400', '[]',
              '123456789012345678', '1234567890123456789', '-9223372036854775809', '{"a":1,"a":2}', '"\x7f"'):
        assert read(s) == json.loads(s) and type(read(s)) is type(json.loads(s)), s
    for s in ('', ' ', '{', '}', '[1', '[1,]', '[,1]', '{"a"}', '{"a":}', '{"a":1,}', '{a:1}', '01', '-', '1.', '.5', '1e', '+1', 'nul', 'nulll',
              'True', 'NaN', '-Infinity', '"', '"\\"', '"\\x"', '"\\u12"', '"\\ud800"', '"\\ude00"', '"\\ud800\\u0041"', '"\n"', '1 2', '[1] x',
              '[' * 300, '{"a":' * 300, '1' * 5000, '{"$time":"x"}', '{"$uuid":5}'):
        try: v = read(s)
        except DecodeError: pass
        else: assert False, (s, v)
    for raw in (b'"\xff"', b'{"\xc0\x80":1}', b'"\xed\xa0\x80"'):
        try: decode(('json',), len(raw).to_bytes(4, 'little') + raw)
        except DecodeError: pass
        else: assert False, raw
    a, b = read('[{"some_key":1},{"some_key":2}]')
    assert next(iter(a)) is next(iter(b)), 'equal keys are one object'
    refused(lambda: text({'a': [1, {'b': object()}]}), "['a'][1]['b']: a dynamic value cannot hold object")
    refused(lambda: text({'k': '\ud800'}), "['k']: the text holds a lone surrogate")
@reducer
def shapes(ctx: ReducerContext):
    before = stats()
    for i in range(100): text({'hp': i, 'bag': [], 'at': {'x': 1, 'y': 2}})
    after = stats()
    assert after['cache_misses'] - before['cache_misses'] == 2 and after['cache_size'] - before['cache_size'] == 2
    assert after['cache_hits'] - before['cache_hits'] >= 198
    for i in range(2000): assert text({f'k{i}': 1, 'a': 2}) == f'{{"a":2,"k{i}":1}}'
    assert stats()['cache_size'] - before['cache_size'] <= 1000 and stats()['cache_evictions'] > 1000, stats()
    class Nasty(dict): pass
    d = {f'k{i}': i for i in range(300)}
    assert text(d) == json_dump(d) and text(Nasty(d)) == json_dump(d)
@reducer
def numbers(ctx: ReducerContext):
    r = ctx.rng
    some = [0.0, -0.0, 0.1, 1e-4, 9.9999e-5, 1e15, 999999999999999.0, 99999999999999.9, 1e16, 123456.789012, 4.35, 2.675,
            0.000001, 0.0001234, 5e-324, 0.3, 0.1 + 0.2, 1 / 3, 100000.000001, 8999999999.999998, 1e22, 1e23]
    for _ in range(5000):
        digits = r.randrange(1, 10 ** r.randrange(1, 18))
        some += [digits / 10 ** r.randrange(0, 12), float(f'{digits}e{r.randrange(-25, 10)}'), r.uniform(-1e3, 1e3)]
    for x in some:
        for v in (x, -x, math.nextafter(x, 1), math.nextafter(x, math.inf)):
            assert text(v) == repr(v), (text(v), v)
@reducer
def expected_keys(ctx: ReducerContext):
    r = ctx.rng
    names = ['', 'a', 'b', 'ab', 'abc', 'abcd', 'abcde', 'key_of_8', 'a longer key than that', '\xe9', 'q"q', 'n\n', 'k' * 40, 'k' * 41]
    names += [f'k{i}' for i in range(700)]
    def one(depth):
        some = r.sample(names[:14] if r.random() < .7 else names, r.randrange(9))
        return {k: r.choice([1, 'x', [], {}]) if depth > 2 or r.random() < .6 else [one(depth + 1) for _ in range(r.randrange(40))]
                if r.random() < .1 else one(depth + 1) for k in some}
    for _ in range(500):
        v = one(0)
        for s in (json.dumps(v), json.dumps(v, separators=(',', ':'), ensure_ascii=False), json.dumps(v, indent=1), text(v)):
            back = read(s)
            assert back == v and list(back) == (sorted(v) if s == text(v) else list(v)), s
    for n in (1, 15, 16, 17, 32, 33, 1000):
        assert read(text(list(range(n)))) == list(range(n))
        for cut in ('[' + '1,' * n, '[' + '1,' * n + ']', '[' + '1,' * n + 'x', '[' + '1,' * n + '1}'):
            try: read(cut)
            except DecodeError as e: assert 'not a JSON document' in str(e)
            else: assert False, cut
    many = '{' + ','.join(f'"k{i}":{i}' for i in range(300)) + '}'
    assert read('[' + many + ',{"k0":1},' + many + ']')[1] == {'k0': 1}
    assert text('\x1f\x7f\x80') == '"\\u001f\x7f\x80"'
    for n in (0, 1, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31):
        for i in range(n):
            for c in '"\\\n\x1f !#[]\x7f\xff\u0120\u0122\u015c\u2222\u5c5c':
                s = 'x' * i + c + 'y' * (n - i - 1)
                assert text(s) == json.dumps(s, ensure_ascii=False) and read(text(s)) == s and text({s: 1}) == json.dumps({s: 1}, ensure_ascii=False, separators=(',', ':')), s
                assert read(text({s: 1})) == {s: 1} == read(text({s: 1}))
@reducer
def changed_meanwhile(ctx: ReducerContext):
    for _ in range(50):
        junk = []
        class Sly(dict):
            def __iter__(self): return super().__iter__()
            def keys(self):
                if at == 0: outer.clear()
                if at == 1: inner.clear(); outer['list'] = None
                if at == 2: outer['list'].clear()
                if at == 3: text([{f'k{i}': object.__name__} for i in range(1500)])
                if at == 4: outer['zz'] = {'x': text({'b': [Sly.mro()[-1].__name__], 'a': 1})}
                junk.extend('j' * n + str(i % 10) for n in (20, 21, 30) for i in range(50))
                return list(super().keys())
        for at in range(5):
            inner = {'a' * 3 + str(at): 'v' * 30 + str(at), 's': Sly(p=1), 'z' * 3 + str(at): 'w' * 30 + str(at)}
            outer = {'m': {'deep': inner}, 'list': ['l' * 20 + str(at), inner, 'l' * 21 + str(at)], 'zz': 'e' * 20 + str(at)}
            want = json.dumps(outer, sort_keys=True, separators=(',', ':')) if at == 3 else None
            got = text(outer)
            assert json.loads(got)['zz'] == 'e' * 20 + str(at), (at, got)
            assert want is None or got == want, got
        assert len(junk) >= 5 * 150
