"""A module of the tests: metrics of its own."""

from orochi import ReducerContext, ReducerError, metrics, reducer, table, u32

shots = metrics.counter('counts_shots_total', 'shots fired', labels=('weapon',))
there = metrics.gauge('counts_there')
took = metrics.histogram('counts_took_seconds')


@table
class Shot:
    n: u32


@reducer
def shoot(ctx: ReducerContext, weapon: str):
    for _ in range(3):
        shots.inc(weapon=weapon)
    shots.inc(2, weapon='all')
    there.set(5), there.inc(2), there.dec()
    took.observe(0.5)
    if weapon == 'none':
        raise ReducerError('no')
