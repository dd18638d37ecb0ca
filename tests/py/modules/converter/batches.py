@reducer
def test(ctx: ReducerContext):
    for quick in (True, False):
        c = TypeConverter(ConversionConfig(enable_batch_optimization=quick))
        events = [Event(id=i, item=Item('x' * (i % 5), i), extra=i) for i in range(100)]
        blobs = c.batch_python_to_bsatn(events, Event)
        assert blobs == [c.python_to_bsatn(e) for e in events] == c.batch_python_to_bsatn(events)
        assert c.batch_bsatn_to_python(blobs, Event) == events
        packed = bytearray(b'head')
        offsets = c.batch_python_to_bsatn(events, Event, into=packed)
        assert packed == b'head' + b''.join(blobs) and len(offsets) == 101 and offsets[0] == 4 and offsets[-1] == len(packed)
        assert c.batch_bsatn_to_python(packed, Event, offsets) == events
        assert c.batch_python_to_bsatn([1, 'a', 2], [u8, str, u16]) == [b'\1', b'\1\0\0\0a', b'\2\0']
        assert c.batch_bsatn_to_python([b'\1', b'\2\0'], [u8, u16]) == [1, 2]
        values = [1, 300, 2, 'x', 3]
        e = raises(EncodeError, '300 is out of range for u8', lambda: c.batch_python_to_bsatn(values, u8))
        assert e.index == 1 and e.__notes__ == ['item 1 of the batch']
        assert c.batch_python_to_bsatn(values, u8, on_error='skip') == [b'\1', b'\2', b'\3']
        got = c.batch_python_to_bsatn(values, u8, on_error='collect')
        assert isinstance(got, BatchResult) and got.values == [b'\1', None, b'\2', None, b'\3'], got
        assert [(i, type(x)) for i, x in got.errors] == [(1, EncodeError), (3, EncodeError)]
        vals, errs = c.batch_bsatn_to_python([b'\1', b'', b'\1\2'], u8, on_error='collect')
        assert vals == [1, None, None] and [i for i, _ in errs] == [1, 2]
        seen = []
        c.batch_python_to_bsatn(range(10), u8, progress=lambda *a: seen.append(a[:2]), progress_every=4)
        assert seen == [(4, 10), (8, 10), (10, 10)], seen
        seen.clear()
        c.batch_python_to_bsatn([1, 'x', 2, 3], u8, progress=lambda *a: seen.append(a[:2]), progress_every=2, on_error='skip')
        assert seen == [(2, 4), (4, 4)], seen
        def stop(*a): raise KeyError('stop')
        raises(KeyError, 'stop', lambda: c.batch_python_to_bsatn(range(10), u8, progress=stop, progress_every=4))
        raises(ValueError, 'on_error', lambda: c.batch_python_to_bsatn([1], u8, on_error='ignore'))
        raises(ValueError, '1 types for 2 values', lambda: c.batch_python_to_bsatn([1, 2], [u8]))
        assert c.batch_python_to_bsatn([], u8) == [] and c.batch_python_to_bsatn([{'a': 1}, 5]) == [b'\7\0\0\0{"a":1}', b'\1\0\0\0' + b'5']
        s = c.get_stats()
        assert s.batch_conversions == 16 and s.batch_errors == 8 and s.object_pool_misses + s.object_pool_hits > 0, s
