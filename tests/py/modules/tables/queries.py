def names(rows): return ''.join(r.name[0] for r in rows)
@reducer
def filters(ctx: ReducerContext):
    t, rows = five(ctx)
    assert names(t.filter(guild=1)) == 'ac' and names(t.filter(guild=1, score__gt=40)) == 'a'
    assert names(t.filter(score__gte=30)) == 'ace' and names(t.filter(score__lt=20)) == 'b' and names(t.filter(score__lte=20)) == 'bd'
    assert names(t.filter(score__ne=50)) == 'bcde' and names(t.filter(name__in=['bob', 'eve', 'x'])) == 'be'
    assert names(t.filter(name__not_in={'bob', 'eve'})) == 'acd' and names(t.filter(score__between=(20, 40))) == 'cde'
    assert names(t.filter(name='cid')) == 'c' and names(t.filter(name='zoe')) == '' and names(t.filter(id=rows[1].id)) == 'b'
    assert names(t.filter(id=rows[1].id, score=11)) == '' and names(t.filter()) == 'abcde' == names(t.all()) == names(t)
    assert names(t.filter(guild__between=(1, 2))) == 'acb', 'in key order'
    assert names(t.filter(guild__gt=-5, guild__lt=2)) == 'eac' and names(t.filter(guild__gte=1, guild__gt=1)) == 'bd'
    assert names(t.filter(guild=1, name__gte='b')) == 'c' and names(t.filter(cell=7)) == 'ab'
    assert names(t.filter(guild__gt=-(1 << 40))) == 'eacbd' and names(t.filter(guild__lt=-(1 << 40))) == ''
    assert names(t.filter(pos=Vec2())) == 'abcde'
    raises(TypeError, "player has no column for 'level__gt'", lambda: t.filter(level__gt=1))
    raises(TypeError, 'unknown lookup', lambda: t.filter(score__like=1))
    raises(TypeError, 'takes a pair', lambda: t.filter(score__between=1))
    raises(TypeError, 'conditions by name', lambda: t.filter(1))
    raises(EncodeError, 'player.guild: expected int, got str', lambda: t.filter(guild='x'))
    assert t.exists(guild=3) and not t.exists(guild=4) and t.exists() and t.count() == 5 == len(t) and t.count(guild=1) == 2
    assert t.first(guild=1).name == 'ann' and t.first(guild=4) is None and t.one(score=20).name == 'dan'
    raises(RowNotFound, "player: no row with guild = 4, name > 'a'", lambda: t.one(guild=4, name__gt='a'))
@reducer
def conditions(ctx: ReducerContext):
    t, rows = five(ctx)
    assert names(t.where(lambda p: (p.score == 10) | (p.score == 20) | (p.guild == 2))) == 'bd', 'each once'
    assert names(t.where(lambda p: (p.score > 20) & (p.score < 50))) == 'ce' and names(t.where(lambda p: ~(p.score > 20))) == 'bd'
    assert names(t.where(lambda p: p.pos == Vec2())) == 'abcde'
    assert t.where(lambda p: p.guild == 1).update(score=7) == 2 and t.where(lambda p: (p.score == 7) | (p.score == 20)).delete() == 3
    raises(TypeError, 'takes a function of the columns', lambda: t.where(7))
    raises(TypeError, 'takes a comparison of columns', lambda: t.where(lambda p: True))
    raises(TypeError, 'are joined with &', lambda: t.where(lambda p: p.score > 1 and p.guild == 2))
    raises(AttributeError, "Player has no column 'scor'", lambda: t.where(lambda p: p.scor > 1))
    raises(EncodeError, 'player.guild: expected int, got str', lambda: t.where(lambda p: p.guild == 'x'))
    raises(ZeroDivisionError, 'zero', lambda: t.where(lambda p: 1 / 0))
    raises(TypeError, 'at most 32 conditions', lambda: t.where(lambda p: functools.reduce(operator.and_, [p.score > n for n in range(33)])))
    raises(ValueError, 'offset() takes a number that is not negative', lambda: t.all().offset(-1))
    raises(TypeError, 'str', lambda: t.all().offset('1'))
    raises(WrongIndexAlgo, 'top() needs an index with an order', lambda: t.cell.top(1))
    raises(WrongIndex, 'top() needs an index with an order', lambda: t.score.top(1))
    raises(ValueError, 'limit() takes a number', lambda: t.guild.top(-1))
@reducer
def columns(ctx: ReducerContext):
    t, rows = five(ctx)
    assert names(t.guild.filter(1)) == 'ac' and names(t.guild.filter(gte=1, lt=3)) == 'acb' and names(t.guild.filter(gt=1)) == 'bd'
    assert names(t.guild.filter(range(-1, 2))) == 'eac' and names(t.guild.filter(lte=-1)) == 'e'
    assert t.guild.count(1) == 2 and t.guild.count(gt=100) == 0 and names(t.id.filter(range(0, 1 << 70))) == 'abcde'
    assert t.guild.min().name == 'eve' and t.guild.max().name == 'dan'
    assert names(t.guild.iter()) == 'eacbd' and names(t.guild.iter(reverse=True)) == 'dbace', 'ann and cid have one key'
    assert names(t.cell.filter(8)) == 'cd' and t.cell.count(9) == 1
    raises(WrongIndexAlgo, 'player: The Index does not support range scans', lambda: t.cell.filter(gt=1))
    raises(WrongIndexAlgo, 'needs an index with an order', lambda: t.cell.min())
    raises(IndexNotUnique, 'player.guild: find() needs a unique column', lambda: t.guild.find(1))
    raises(IndexNotUnique, 'update() needs', lambda: t.guild.update(rows[0]))
    assert issubclass(WrongIndexAlgo, WrongIndex) and UniqueAlreadyExists is UniqueViolation
    raises(WrongIndex, 'needs an index with an order', lambda: t.score.iter())
    assert names(t.score.filter(20)) == 'd' and t.score.count(gte=30) == 3, 'not indexed: a scan'
    assert names(t.guild_name.filter(1)) == 'ac' and names(t.guild_name.filter(1, 'cid')) == 'c'
    assert names(t.guild_name.filter(1, gte='b')) == 'c' and names(t.guild_name.filter(gte=2)) == 'bd'
    raises(TypeError, 'has 2 columns, got 3 values', lambda: t.guild_name.filter(1, 2, 3))
    raises(TypeError, 'needs a value or a bound', lambda: t.guild.filter())
    raises(TypeError, 'unexpected argument', lambda: t.guild.filter(ge=1))
    raises(TypeError, 'step 1', lambda: t.guild.filter(range(0, 9, 2)))
    assert t.guild.delete(1) == 2 and t.guild.delete(gt=2) == 1 and names(t) == 'be'
    assert t.column('guild') is t.guild
    raises(AttributeError, 'nothing', lambda: t.nothing)
    raises(AttributeError, "no column or index 'nothing'", lambda: t.column('nothing'))
    assert ctx.db[Player] is t
    raises(KeyError, 'not a table', lambda: ctx.db[int])
    raises(AttributeError, 'monster', lambda: ctx.db.monster)
    t.clear()
    assert t.guild.min() is None and t.guild.max() is None and t.first() is None
@reducer
def row_sets(ctx: ReducerContext):
    t, rows = five(ctx)
    r = t.all()
    assert len(r) == 5 and r and r[0] == rows[0] and r[-1] == rows[4] and not t.filter(guild=77)
    assert names(r[1:3]) == 'bc' and names(r[::-1]) == 'edcba' and names(reversed(r)) == 'edcba' and names(r.limit(2)) == 'ab'
    raises(IndexError, '5 rows', lambda: r[5])
    raises(IndexError, '5 rows', lambda: r[-6])
    assert names(r.order_by('score')) == 'bdcea' and names(r.order_by('-score')) == 'aecdb'
    assert names(r.order_by('cell', '-score')) == 'abcde' and names(r.order_by('-guild', 'name')) == 'dbace'
    raises(TypeError, "no column 'level'", lambda: r.order_by('level'))
    assert r.first() == rows[0] and r == rows and rows[2] in r and t.filter(guild=5).first() is None
    for p in t:
        t.delete(p)
        t.insert(name=p.name + '2')
    assert [p.name for p in t] == ['ann2', 'bob2', 'cid2', 'dan2', 'eve2'] and names(r) == 'abcde', 'r is a snapshot'
    assert t.filter(name__gt='c').update(score=1, guild=4) == 3 and t.count(guild=4, score=1) == 3
    assert t.filter(guild=4).delete() == 3 and r.delete() == 0 and len(t) == 2
    n = ctx.db.note
    for x in 'abc': n.insert(text=x)
    notes = n.filter(text__gt='a')
    assert notes.update(tags={1}) == 2 and n.count(tags={1}) == 2 and len(n) == 3
    assert n.filter(text='b').update(tags={1}) == 1, 'no change'
    assert n.filter(text__gte='b').update(text='z') == 2 and len(n) == 2, 'two rows became the same'
    raises(NoSuchRow, 'not in the table any more', lambda: notes.update(text='y'))
    a, b, *rest = t.all()
    match t.all():
        case [x, y]: assert x == a and y == b
        case _: assert False
