from dataclasses import dataclass
from typing import Any, Dict, List
from orochi import ReducerContext, reducer, scheduled, table
@dataclass
class GameState:
    phase: str = 'lobby'
    tick: int = 0
# from here on as it was published
@table(primary_key="id", indexes=["timestamp"])
class GameEvent:
    id: str
    timestamp: int
    player_data: Dict[str, Any]
    complex_state: List[GameState]

@reducer
def process_batch_events(ctx: ReducerContext, events: List[GameEvent]):
    for event in events:
        process_event(ctx, event)

@scheduled(interval_ms=1000)
def high_frequency_processor(ctx: ReducerContext):
    process_realtime_data(ctx)
# to here
def process_event(ctx, event):
    ctx.db.game_event.upsert(event)
def process_realtime_data(ctx):
    for e in ctx.db.game_event.timestamp.filter(lt=ctx.timestamp):
        ctx.db.game_event.update(e, complex_state=e.complex_state + [GameState(tick=1)])
@reducer
def check(ctx: ReducerContext, n: int, states: int):
    assert len(ctx.db.game_event) == n
    for e in ctx.db.game_event:
        assert e.player_data == {'hp': 10, 'bag': ['a']} and len(e.complex_state) == states, e
@reducer
def older(ctx: ReducerContext):
    t = ctx.db.get_table(GameEvent)
    t.insert(GameEvent(id='x', timestamp=1, player_data={}, complex_state=[]))
    t.insert(id='x', timestamp=2, player_data={}, complex_state=[])
    assert t.count() == 1 and t.find_by_primary_key('x').timestamp == 2 and t.find_by_primary_key('y') is None
    t.batch_insert([GameEvent(id=c, timestamp=5, player_data={}, complex_state=[]) for c in 'abc'])
    assert [e.id for e in t.find_by_index('timestamp', 5)] == ['a', 'b', 'c'] and type(t.scan()) is list
    assert t.count(timestamp__ge=5) == 3 == len(t.filter(timestamp__eq=5)) and t.count(timestamp__le=2) == 1
    assert t.delete(timestamp=5) == 3 and len(t.scan(id__in=['x'])) == 1
    ctx.db.game_event.clear()
