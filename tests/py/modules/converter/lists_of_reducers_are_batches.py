@reducer
def test(ctx: ReducerContext):
    import _orochi
    assert _orochi.stats()['batches'] == 2, _orochi.stats()
    assert _orochi.stats()['batch_items'] == 2000
@reducer
def take(ctx: ReducerContext, items: list[Item]):
    import gc
    assert gc.isenabled()
    assert len(items) == 1000 and items[999] == Item('x', 999)
