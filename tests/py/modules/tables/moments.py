def names(rows): return ''.join(r.name[0] for r in rows)
def asked(t):
    return [t.all(), t.filter(guild=1), t.guild.filter(gte=2), t.all().order_by('-name').limit(2),
            t.filter(guild__gte=1).order_by('guild', 'name')[:2]]
BEFORE = ['abcde', 'ac', 'bd', 'ed', 'ac']
@reducer
def snapshots(ctx: ReducerContext):
    changes = [lambda t, p: t.insert(name='zoe', guild=1), lambda t, p: t.update(p[0], guild=3),
               lambda t, p: t.delete(p[2]), lambda t, p: t.clear(), lambda t, p: t.delete_where(guild=1),
               lambda t, p: t.name.delete('eve'), lambda t, p: t.upsert(p[4], guild=2),
               lambda t, p: t.insert_many([Player(name='y'), Player(name='z')]),
               lambda t, p: t.filter(guild=1).update(guild=5), lambda t, p: t.all().delete()]
    for change in changes:
        t, players = five(ctx)
        rows = asked(t)
        change(t, players)
        assert [names(r) for r in rows] == BEFORE, [names(r) for r in rows]
        assert [names(r) for r in asked(t)] != BEFORE
    t, players = five(ctx)
    rows = asked(t)
    ctx.db.note.insert(text='another table')
    assert [names(r) for r in rows] == BEFORE
    many = t.filter(name__gte='a' * 100)
    t.insert(name='zed')
    assert names(many) == 'abcde'
@reducer
def wrong(ctx: ReducerContext):
    t, players = five(ctx)
    raises(EncodeError, 'player.guild: expected int, got str', lambda: t.filter(guild__in=[1, 'x']))
    raises(EncodeError, 'player.name: expected str, got None', lambda: t.filter(name__in={None}))
    raises(TypeError, "'name__in' takes a list, tuple or set of values, not str", lambda: t.filter(name__in='ann'))
    raises(TypeError, 'not an iterator', lambda: t.filter(score__not_in=iter([1])))
    raises(TypeError, 'not iterable', lambda: t.filter(guild__in=5))
    class Worse:
        def __iter__(self): raise ValueError('no values')
    raises(ValueError, 'no values', lambda: t.filter(guild__in=Worse()))
    class Index:
        def __index__(self): t.clear(); return 1
    assert names(t.filter(guild__in=[Index(), 2])) == ''
    raises(WrongIndex, 'hash', lambda: t.cell.filter(gt=1))
    rows = t.all()
    raises(ValueError, 'not negative', lambda: rows.limit(-1))
    raises(TypeError, "no column 'level' to order by", lambda: t.all().order_by('level'))
    raises(TypeError, 'no column 5 to order by', lambda: t.all().order_by(5))
kept = []
@reducer
def keep(ctx: ReducerContext):
    t, players = five(ctx)
    kept.append(t.filter(name__gt='a' * 60).order_by('-name'))
@reducer
def use(ctx: ReducerContext):
    raises(TransactionError, 'outside the call', lambda: len(kept[0]))
    raises(TransactionError, 'outside the call', lambda: kept[0].limit(1))
    raises(TransactionError, 'outside the call', lambda: kept[0].order_by('name'))
    assert 'over' in repr(kept.pop())
