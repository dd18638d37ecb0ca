@reducer
def test(ctx: ReducerContext):
    def config(c): return c.get_performance_report()['config']
    if not kept:
        kept.extend([TypeConverter(), TypeConverter(ConversionConfig()), TypeConverter(), TypeConverter.with_config(ConversionConfig(max_pool_size=3))])
        kept[2].update_config(max_cache_size=5)
        for t in (u8, u16, u32): kept[0].python_to_bsatn(1, t)
        assert [config(c)['max_cache_size'] for c in kept] == [1000, 1000, 5, 1000]
    else:
        kept[0].python_to_bsatn(1, u64)
        assert kept[0].get_stats().evictions == 2, 'at once'
        assert [config(c)['max_cache_size'] for c in kept] == [2, 1000, 5, 1000]
        assert not config(kept[0])['enable_memory_monitoring']
        assert config(kept[2])['enable_memory_monitoring']
        assert config(kept[3])['max_pool_size'] == 3
kept = []
