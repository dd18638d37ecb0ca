import collections, datetime, decimal, enum, hashlib, json, math, random, re, statistics, uuid, zoneinfo
from orochi import *
@table
class T:
    id: PrimaryKey[u32]
    text: str
    at: datetime.datetime
@reducer
def work(ctx: ReducerContext):
    t = ctx.db.t
    for i in range(50):
        t.upsert(T(id=i % 7, text=json.dumps({'i': i}), at=datetime.datetime.now(datetime.UTC)))
        assert t.find(i % 7).at.year > 2000
    assert decimal.Decimal('0.1') * 3 == decimal.Decimal('0.3')
    assert hashlib.sha256(b'x').hexdigest().startswith('2d711642')
    assert re.sub('a+', 'b', 'caat') == 'cbt' and statistics.mean([1, 2, 3]) == 2
    ctx.db.t.clear()
