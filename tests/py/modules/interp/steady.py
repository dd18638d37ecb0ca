import sys
from typing import Any
from dataclasses import dataclass
from orochi import *
@dataclass
class Item:
    name: str
    n: u16
@table
class T:
    id: AutoKey[u32] = 0
    text: Unique[str]
    items: list[Item] = []
    group: Index[u8] = 0
    extra: Any = None
@reducer
def everything(ctx: ReducerContext, items: list[Item], row: T, word: str):
    t = ctx.db.t
    t.clear()
    a = t.insert(text='a', items=items, extra={'k': [1, b'x']})
    b = t.insert(T(text='b', group=3))
    row.id = 0
    t.insert(row)
    a.items.append(Item('z', 1))
    t.update(a, group=3)
    assert t.filter(group=3).order_by('-text')[0].text == 'b' and t.find(b.id) == b and word in t.text or True
    for r in t: r.text, r.items, r.extra
    list(t.filter(text__in=['a', 'b'], group__gte=1)); t.group.filter(range(1, 4)).update(extra=5)
    for bad in (lambda: t.insert(text='a'), lambda: t.insert(text=5), lambda: t.get(999), lambda: t.filter(nope=1),
                lambda: t.update(a, text='b'), lambda: T(), lambda: t.insert(text='q', items=[Item('x', -1)])):
        try: bad()
        except Exception: pass
    ctx.sender, ctx.timestamp, ctx.rng, ctx.auth, ctx.connection_id, ctx.identity
    ctx.log.info('x %s', word); print('y')
    if word == 'fail': raise ReducerError('no', code='c')
    if word == 'crash': 1 / 0
@reducer
def blocks(ctx: ReducerContext, low: u64, high: u64):
    import gc
    gc.collect()
    n = sys.getallocatedblocks()
    assert low == 0 or low <= n <= high, f'{n} blocks'
    ctx.db.t.clear()
    ctx.log.info('blocks=%d', n)
