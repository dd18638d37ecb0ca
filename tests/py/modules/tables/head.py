import copy, functools, operator
from dataclasses import dataclass
from orochi import *
def raises(kind, text, fn):
    try: fn()
    except kind as e: assert text in str(e), str(e)
    else: assert False, 'accepted; expected: ' + text
@dataclass(frozen=True)
class Vec2:
    x: f32 = 0.0
    y: f32 = 0.0
@table(public=True, indexes=[('guild', 'name')])
class Player:
    id: AutoKey[u64] = 0
    name: Unique[str]
    guild: Index[i32] = 0
    cell: HashIndex[u16] = 0
    pos: Vec2 = Vec2()
    bag: list[str] = []
    score: u32 = 0
    def shout(self): return self.name.upper()
@table
class Note:
    text: str
    tags: set[u8] = field(default_factory=set)
def five(ctx):
    t = ctx.db.player
    t.clear()
    return t, [t.insert(name=n, guild=g, cell=c, score=s) for n, g, c, s in
               [('ann', 1, 7, 50), ('bob', 2, 7, 10), ('cid', 1, 8, 30), ('dan', 3, 8, 20), ('eve', -1, 9, 40)]]
