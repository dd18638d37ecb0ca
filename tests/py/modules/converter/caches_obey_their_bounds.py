@reducer
def test(ctx: ReducerContext):
    now = [0.0]
    c = TypeConverter(ConversionConfig(max_cache_size=2, cache_ttl_ms=1000), clock=lambda: now[0])
    def use(*types):
        for t in types: c.python_to_bsatn(1, t)
    use(u8, u16, u8, u32)  # u16 goes: it was used least recently
    s = c.get_stats()
    assert (s.plan_hits, s.plan_misses, s.evictions) == (1, 3, 1), s
    use(u8)
    assert c.get_stats().plan_hits == 2
    use(u16)
    assert c.get_stats().plan_misses == 4 and c.get_stats().evictions == 2
    now[0] = 0.9
    use(u16)
    now[0] = 1.8  # 0.9 s after its last use
    use(u16)
    assert c.get_stats().expirations == 0
    now[0] = 2.9
    use(u16)
    assert c.get_stats().expirations == 1 and c.get_stats().plan_misses == 5
    e = Event(id=1, item=Item('a'))
    c.python_to_bsatn(e)
    use(u8, u16, u32, i8, i16)
    now[0] = 100.0
    before = c.get_stats().plan_misses
    c.python_to_bsatn(e)
    assert c.get_stats().plan_misses == before, 'types of the module are pinned'
    c.update_config(cache_ttl_ms=0, max_cache_size=0)
    assert c.get_performance_report()['cache_size'] == 1
    c.clear_caches()
    assert c.get_performance_report()['cache_size'] == 0
    raises(ValueError, 'max_pool_size', lambda: c.update_config(max_pool_size=-1, cache_ttl_ms=5))
    raises(TypeError, "unknown setting 'size'", lambda: c.update_config(size=1))
    raises(ValueError, 'True or False', lambda: ConversionConfig(auto_tune=1))
    assert c.get_performance_report()['config']['cache_ttl_ms'] == 0, 'nothing was changed'
    for i in range(10): c.python_to_bsatn({'a': i, 'b': i})
    c.update_config(max_cache_size=10)
    c.clear_caches()
    c.reset_stats()
    for i in range(10): c.python_to_bsatn({'a': i, 'b': i})
    s = c.get_stats()
    assert (s.shape_hits, s.shape_misses) == (9, 1), s
