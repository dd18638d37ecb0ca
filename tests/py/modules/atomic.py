from dataclasses import dataclass
from orochi import *
@dataclass
class Even:
    n: u32 = 0
class Odd:
    def __index__(self): raise ValueError('odd')
class Once:
    left = 2
    def __index__(self):
        self.left -= 1
        if self.left < 0: raise ValueError('no more')
        return 200
@table()
class Item:
    id: AutoKey[u64] = 0
    name: Unique[str]
    score: u8 = 0
@table()
class Log:
    text: str
    n: u8 = 0
def state(ctx): return sorted((i.id, i.name, i.score) for i in ctx.db.item.all()), sorted((l.text, l.n) for l in ctx.db.log.all())
def fails(ctx, call):
    before = state(ctx)
    try:
        call()
    except Exception as error:
        assert state(ctx) == before, (error, before, state(ctx))
    else:
        raise Exception('it did not fail')
def fill(ctx):
    ctx.db.item.clear(); ctx.db.log.clear()
    for i in range(5): ctx.db.item.insert(name=f'n{i}', score=i)
    for i in range(5): ctx.db.log.insert(text=f't{i}', n=i)
@reducer
def bulk(ctx: ReducerContext):
    fill(ctx)
    items, log = ctx.db.item, ctx.db.log
    fails(ctx, lambda: items.all().update(name='same'))
    fails(ctx, lambda: items.all().update(score=Once()))
    fails(ctx, lambda: items.filter(score__gte=1).update(score=Once(), name='other'))
    fails(ctx, lambda: log.all().update(n=Once()))
    fails(ctx, lambda: log.filter(n__gt=0).update(n=300))
    fails(ctx, lambda: items.insert_many([Item(name='a'), Item(name='b'), Item(name='a')]))
    fails(ctx, lambda: items.insert_many([Item(name='a'), 5]))
    fails(ctx, lambda: items.batch_insert([Item(name='a'), Item(name='n0', id=70)]))
    fails(ctx, lambda: log.insert_many([Log(text='a'), Log(text='t0', n=0), Log(text='b', n=Odd())]))
    older = ctx.db.get_table(Item)
    first = items.first()
    fails(ctx, lambda: older.batch_insert([Item(id=first.id, name='changed'), Item(name='a'), Item(name='a')]))
    fails(ctx, lambda: items.update(first, score=300))
    fails(ctx, lambda: items.update(first, name='n3'))
    fails(ctx, lambda: items.upsert(Item(id=99, name='n3')))
    fails(ctx, lambda: items.name.update(Item(id=99, name='n1', score=Odd())))
    fails(ctx, lambda: items.name.upsert(Item(id=first.id, name='n3')))
    assert older.batch_insert([Item(id=first.id, name='changed'), Item(name='a')])[0].name == 'changed'
    assert items.get(first.id).name == 'changed' and items.count() == 6
    assert items.filter(score__lt=3).update(score=9) == 4 and items.count(score=9) == 4
    assert log.all().update(n=9) == 5 and log.count(n=9) == 5
    assert items.filter(score=9).delete() == 4 and items.count() == 2
# One inside of the other, taken back together or alone.
@reducer
def nested(ctx: ReducerContext):
    fill(ctx)
    class Inner:
        def __index__(self):
            ctx.db.log.insert(text='inner')
            fails(ctx, lambda: ctx.db.item.insert_many([Item(name='x'), Item(name='x')]))
            ctx.db.item.insert(name=f'y{ctx.db.item.count()}')
            return 7
    assert len(ctx.db.log.insert_many([Log(text='a', n=Inner()), Log(text='b', n=Inner())])) == 2
    assert ctx.db.log.count() == 8 and ctx.db.item.count() == 7
    fails(ctx, lambda: ctx.db.log.insert_many([Log(text='c', n=Inner()), Log(text='d', n=Odd())]))
@reducer
def deletes(ctx: ReducerContext):
    fill(ctx)
    items, log = ctx.db.item, ctx.db.log
    row = items.first(name='n0')
    other = items.get(row.id)
    other.score = 77
    items.update(other)
    assert items.delete(row) is False and items.count() == 5
    for _ in range(3):
        assert items.delete(Item(id=row.id, name='n0', score=1)) is False
    assert items.delete(Item(id=1000, name='n0', score=77)) is False
    assert items.delete(other) is True and items.count() == 4
    assert items.delete(other) is False
    one = items.first(name='n1')
    assert items.delete(one.id) is True and items.delete(one.id) is False and items.count() == 3
    two = items.first(name='n2')
    assert items.delete(Item(id=two.id, name='n2', score=2)) is True
    assert items.id.delete(items.first(name='n3').id) is True
    assert log.delete(Log(text='t0', n=1)) is False and log.delete(Log(text='t0', n=0)) is True and log.count() == 4
