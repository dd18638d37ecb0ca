import logging, random, uuid
kept = {}
@reducer
def attributes(ctx: ReducerContext):
    assert ctx.sender.to_bytes()[:3] == b'\1\2\3' and type(ctx.sender) is Identity and ctx.sender is ctx.sender
    assert ctx.connection_id == ConnectionId(5) and ctx.timestamp == 1000000 and type(ctx.timestamp) is Timestamp
    assert ctx.identity == ctx.database_identity == Identity(9) and ctx.dt == 0.0 and ctx.reducer == 'attributes'
    assert ctx.caller == 'client' and not ctx.auth.has_jwt and ctx.auth.jwt is None and not ctx.sender_auth.is_internal
    assert type(ctx.rng) is random.Random and ctx.rng is ctx.rng and 0 <= ctx.random() < 1
    kept.setdefault('random', []).append(ctx.rng.random())
    a, b = ctx.new_uuid4(), ctx.new_uuid7()
    assert type(a) is uuid.UUID and a.version == 4 and b.version == 7 and ctx.new_uuid7() > b and ctx.new_uuid4() != a
    assert b.int >> 80 == 1000
    raises(AttributeError, 'nothing', lambda: ctx.nothing)
    raises(TypeError, 'needs a time', lambda: ctx.schedule(attributes))
@reducer
def same_seed(ctx: ReducerContext):
    assert len(set(kept['random'])) == 1, 'an attempt that is run again sees the same numbers'
@reducer
def logs(ctx: ReducerContext):
    ctx.log.info('a %s %d', 'b', 3)
    ctx.log.debug('%(x)s', {'x': 1})
    ctx.log.warning('100%')
    ctx.log.error('bad %d', 'x')
    ctx.log('text', 'warning')
    ctx.log('plain')
    raises(ValueError, "unknown log level 'loud'", lambda: ctx.log('x', 'loud'))
    print('hello', 'world')
    logging.getLogger('game').warning('from %s', 'logging')
    try: 1 / 0
    except ZeroDivisionError: ctx.log.exception('caught')
@reducer
def keep(ctx: ReducerContext):
    ctx.db.player.insert(name='x')
    kept.update(ctx=ctx, table=ctx.db.player, column=ctx.db.player.id, rows=ctx.db.player.all(), row=ctx.db.player.first(),
                it=iter(ctx.db.player), log=ctx.log, db=ctx.db)
@reducer
def use_kept(ctx: ReducerContext):
    over = lambda fn: raises(TransactionError, 'used outside', fn)
    over(lambda: kept['ctx'].sender)
    over(lambda: kept['ctx'].db.player.find(1))
    over(lambda: kept['table'].insert(name='y'))
    over(lambda: len(kept['table']))
    over(lambda: list(kept['table']))
    over(lambda: kept['column'].find(1))
    over(lambda: 1 in kept['column'])
    over(lambda: kept['rows'][0])
    over(lambda: len(kept['rows']))
    over(lambda: next(kept['it']))
    over(lambda: kept['db'][Player])
    over(lambda: kept['db'].player.clear())
    assert kept['row'].name == 'x', 'rows are values and live on'
    assert repr(kept['rows']) == "<rows of 'player', of a call that is over>"
    assert ctx.db.player.find(1).name == 'x' and ctx is not kept['ctx']
    kept.clear()
@reducer
def keep_column(ctx: ReducerContext):
    kept['column'] = ctx.db.player.id
@reducer
def use_column(ctx: ReducerContext):
    raises(TransactionError, 'player: used outside', lambda: kept['column'].find(1))
    ctx.db.player.id.find(1)
