@reducer
def insert(ctx: ReducerContext):
    t = ctx.db.player
    p = Player(name='ann', bag=['sword'])
    assert t.insert(p) is p and p.id == 1
    q = t.insert(name='bob')
    assert q.id == 2 and q.pos == Vec2() and q.bag == [] and len(t) == 2
    raises(UniqueViolation, 'player.name', lambda: t.insert(name='ann'))
    raises(TypeError, "Player() misses column 'name'", lambda: t.insert(guild=1))
    raises(TypeError, "Player has no column 'nom'", lambda: t.insert(nom='x'))
    raises(EncodeError, 'player: expected Player, got Note', lambda: t.insert(Note(text='x')))
    raises(EncodeError, 'player.guild: 2147483648 is out of range for i32', lambda: t.insert(name='x', guild=1 << 31))
    raises(EncodeError, 'player.pos.x: expected float, got str', lambda: t.insert(name='x', pos=Vec2('a')))
    assert t.insert(id=None, name='nul').id == 4, 'numbers of refused rows are lost, None counts as 0'
    rows = t.insert_many([Player(name='c1'), Player(name='c2')])
    assert [r.name for r in rows] == ['c1', 'c2'] and rows[1].id > rows[0].id > 0 and len(t) == 5
    raises(UniqueViolation, 'player.name', lambda: t.batch_insert(Player(name=n) for n in ('new', 'ann')))
    assert len(t) == 5 and t.name.find('new') is None, 'all or nothing'
@reducer
def find(ctx: ReducerContext):
    t, (ann, *_) = five(ctx)
    assert t.find(ann.id) == ann and t.find(ann.id) is not ann and t.find(0) is None
    assert t.get(ann.id) == ann and t.id.find(ann.id) == t.name.find('ann') == ann
    raises(RowNotFound, 'player: no row with id = 99', lambda: t.get(99))
    raises(RowNotFound, "player: no row with name = 'zoe'", lambda: t.name.get('zoe'))
    assert ann.id in t and 99 not in t and 'ann' in t.name and 'zoe' not in t.name
    raises(EncodeError, 'player.id: expected int, got str', lambda: t.find('ann'))
    raises(WrongIndex, 'player.guild: find() needs a unique column; use filter()', lambda: t.guild.find(1))
    raises(WrongIndex, 'player.score', lambda: 1 in t.score)
    raises(WrongIndex, 'note: find() needs a primary key', lambda: ctx.db.note.find(1))
@reducer
def update(ctx: ReducerContext):
    t, (ann, bob, *_) = five(ctx)
    assert t.update(ann, score=51) is ann and ann.score == 51 and t.find(ann.id).score == 51
    assert t.id.update(ann, name='anna', bag=['a', 'b']).name == 'anna' and t.find(ann.id).bag == ['a', 'b']
    ann.bag.append('c')
    ann.guild = 9
    t.update(ann)
    assert t.find(ann.id) == ann and t.find(ann.id).bag == ['a', 'b', 'c'] and [r.name for r in t.guild.filter(9)] == ['anna']
    got = t.find(ann.id)
    got.bag.append('d')
    t.update(got)
    assert t.find(ann.id).bag == ['a', 'b', 'c', 'd'], 'a list changed in place is written'
    raises(NoSuchRow, 'player: no row with id = 99', lambda: t.update(Player(id=99, name='x')))
    raises(UniqueViolation, 'player.name', lambda: t.update(bob, name='anna', score=1))
    assert bob.name == 'bob' and bob.score == 10 and t.find(bob.id) == bob, 'the row is as before'
    raises(EncodeError, 'player.score', lambda: t.update(bob, guild=5, score=-1))
    assert (bob.guild, bob.score) == (2, 10) and t.update(bob).guild == 2
    raises(TypeError, "player has no column 'nom'", lambda: t.update(bob, guild=5, nom=1))
    assert bob.guild == 2
    raises(WrongIndex, 'update() needs a primary key', lambda: ctx.db.note.update(Note(text='x')))
    assert t.name.update(Player(id=bob.id, name='bob', score=77)).score == 77 and t.find(bob.id).score == 77
@reducer
def upsert(ctx: ReducerContext):
    t, (ann, *_) = five(ctx)
    new = t.upsert(Player(id=1000, name='new'))
    assert len(t) == 6 and t.find(1000) == new
    assert t.insert_or_update(new, score=5).score == 5 and len(t) == 6 and t.find(1000).score == 5
    assert t.name.upsert(Player(id=1000, name='new', score=6)) and t.find(1000).score == 6
    ann.score = 1
    raises(UniqueViolation, 'name', lambda: t.upsert(ann, name='bob', score=2))
    assert (ann.name, ann.score) == ('ann', 1) and t.find(ann.id).score == 50, 'as before'
    raises(TypeError, "no column 'nom'", lambda: t.upsert(ann, name='anna', nom=1))
    assert ann.name == 'ann' and t.upsert(ann, score=3).score == 3 == t.find(ann.id).score
    auto = t.upsert(Player(name='auto'))
    assert auto.id > 0 and t.find(auto.id).name == 'auto'
@reducer
def delete(ctx: ReducerContext):
    t, (ann, bob, cid, dan, eve) = five(ctx)
    assert t.delete(ann) is True and t.delete(ann) is False and t.delete(bob.id) is True
    assert t.id.delete(cid.id) is True and t.name.delete('zoe') is False and len(t) == 2
    assert t.delete_where(score__gte=30) == 1 and [r.name for r in t] == ['dan']
    raises(TypeError, 'needs a condition', lambda: t.delete_where())
    n = ctx.db.note
    a = n.insert(text='a', tags={3, 1})
    n.insert(text='b')
    n.insert(Note(text='b'))
    assert len(n) == 2, 'a table is a set'
    assert n.delete(Note(text='a', tags={1, 3})) is True and n.delete(a) is False and len(n) == 1
    raises(WrongIndex, 'needs a primary key', lambda: n.delete(5))
    assert n.clear() == 1 and not n and t.clear() == 1
