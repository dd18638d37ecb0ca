import sys
from orochi import *
@table
class T:
    id: AutoKey[u32] = 0
@reducer
def put(ctx: ReducerContext):
    assert ctx.db.t.insert().id == 1
    sys.stdout.write('here\n')
