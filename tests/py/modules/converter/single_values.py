@reducer
def test(ctx: ReducerContext):
    c = TypeConverter()
    assert c.python_to_bsatn(7, u16) == b'\7\0' and c.bsatn_to_python(b'\7\0', u16) == 7
    e = Event(id=1, item=Item('a', 2), extra={'k': [1]})
    data = c.python_to_bsatn(e)
    assert c.bsatn_to_python(data, Event) == e and c.python_to_bsatn(e, Event) == data
    assert c.python_to_bsatn({'b': 1, 'a': 2}) == b'\x0d\0\0\0{"a":2,"b":1}'
    assert c.python_to_bsatn(Item('a', 2)) == b'\1\0\0\0a\2\0'
    raises(EncodeError, 'expected int, got str', lambda: c.python_to_bsatn('x', u16))
    raises(EncodeError, 'item.n: 70000 is out of range for u16', lambda: c.python_to_bsatn(Event(id=1, item=Item('a', 70000))))
    raises(DecodeError, 'too many', lambda: c.bsatn_to_python(b'123', u16))
    raises(ConversionError, 'Decimal', lambda: c.python_to_bsatn(1, __import__('decimal').Decimal))
    s = c.get_stats()
    assert isinstance(s, ConversionStats) and s.conversions_performed == 7 and s.errors_encountered == 4, s
    assert s.plan_misses == 4 and s.plan_hits == 6 and (s.shape_hits, s.shape_misses) == (1, 2), s
    assert s.bytes_out == 2 + 2 * len(data) + 17 + 7 and s.bytes_in == 2 + len(data), s
    r = c.get_performance_report()
    json.dumps(r)
    for key in ('cache_hit_ratio', 'pool_hit_ratio', 'average_conversion_time_ms', 'smart_cache_hit_ratio', 'cache_size',
                'pool_utilization', 'throughput_per_second', 'bytes_per_second', 'p50_us', 'p99_us', 'per_type', 'config',
                'uptime_s', 'conversions_performed', 'peak_memory_usage'): assert key in r, key
    assert r['per_type']['Event']['calls'] == 3 and r['throughput_per_second'] > 0
    c.reset_stats()
    assert c.get_stats() == ConversionStats()
