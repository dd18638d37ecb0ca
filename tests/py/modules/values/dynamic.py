def text(v): return encode(('json',), v)[4:].decode()
def again(v): return decode(('json',), encode(('json',), v))
@reducer
def dynamic(ctx: ReducerContext):
    assert text({'b': [1, 2.5, None, True], 'a': '\xe9'}) == '{"a":"\xe9","b":[1,2.5,null,true]}'
    assert text(b'ab') == '{"$bytes":"YWI="}'
    assert text(Timestamp(5)) == '{"$time":5}' and text(timedelta(microseconds=7)) == '{"$duration":7}'
    assert text({2, 1}) == '{"$set":[1,2]}' and text({1: 'x'}) == '{"$map":[[1,"x"]]}'
    assert text({'$x': 1}) == '{"$map":[["$x",1]]}' and text(math.nan) == '{"$float":"nan"}'
    for v in ({'a': [1, {'b': None}]}, b'\0\xff', Timestamp(-5), TimeDuration(5), {1, 2}, {1: 2}, {'$bytes': 'x'}, 1 << 200,
              math.inf, -math.inf, uuid.UUID(int=5), Identity(7), [], '', 0, True, None, {}, 1e300, 0.1):
        back = again(v)
        assert back == v and type(back) is type(v), (v, back)
    deep = []
    for _ in range(70): deep = [deep]
    refused(lambda: text(deep), 65 * '[0]' + ': a dynamic value is nested deeper than 64')
    refused(lambda: text(object()), 'a dynamic value cannot hold object')
    refused(lambda: text('x' * (1 << 20)), 'a dynamic value is longer than 1048576 bytes')
    for bad in (b'{', b'nul', b'NaN', b'{"$bytes":"!"}', b'[' * 100000, b'{"$map":5}'):
        try: decode(('json',), len(bad).to_bytes(4, 'little') + bad)
        except DecodeError: pass
        else: assert False, bad
