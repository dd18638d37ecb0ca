"""Calls that make the store hold more than one call may: memory.test.mjs."""

from orochi import AutoKey, Index, PrimaryKey, ReducerContext, reducer, table, u32

MIB = "x" * (1 << 20)


@table(public=True)
class Note:
    id: AutoKey[u32] = 0
    text: str


@table(public=True)
class Name:
    id: PrimaryKey[u32]
    group: Index[u32]
    text: str


@table
class Bag:
    id: PrimaryKey[u32]
    texts: list[str]
    data: bytes


@table(public=True)
class Tally:
    name: PrimaryKey[str]
    n: u32


@reducer
def seed(ctx: ReducerContext, n: u32) -> None:
    start = ctx.db.name.count()
    for i in range(n):
        ctx.db.name.insert(id=start + i, group=i % 7, text="")


@reducer
def insert(ctx: ReducerContext) -> None:
    for _ in range(600):
        ctx.db.note.insert(text=MIB)


@reducer
def insert_small(ctx: ReducerContext) -> None:
    for i in range(1_000_000):
        ctx.db.note.insert(text="")


@reducer
def insert_many(ctx: ReducerContext) -> None:
    while True:
        ctx.db.note.insert_many([Note(id=0, text=MIB[:100_000]) for _ in range(10)])


@reducer
def update(ctx: ReducerContext) -> None:
    row = ctx.db.name.id.find(0)
    for i in range(600):
        ctx.db.name.id.update(row, text=MIB[i:])


@reducer
def upsert(ctx: ReducerContext) -> None:
    for i in range(600):
        ctx.db.name.id.upsert(Name(id=i % 3, group=i, text=MIB))


@reducer
def delete_and_insert(ctx: ReducerContext) -> None:
    while True:
        ctx.db.note.delete(ctx.db.note.insert(text=MIB[:500_000]).id)


@reducer
def delete_by_key(ctx: ReducerContext) -> None:
    ballast = bytearray(36 << 20)  # a deletion's own notes are small
    for i in range(ctx.db.name.count()):
        ctx.db.name.id.delete(i)


@reducer
def clear(ctx: ReducerContext) -> None:
    ballast = bytearray(36 << 20)
    ctx.db.name.clear()


@reducer
def scan_again_and_again(ctx: ReducerContext) -> None:
    while True:
        len(ctx.db.name.all())
        ctx.db.name.id.update(ctx.db.name.id.find(0), text="")


@reducer
def ranges_again_and_again(ctx: ReducerContext) -> None:
    while True:
        len(ctx.db.name.group.filter(3))


@reducer
def one_list(ctx: ReducerContext) -> None:
    ctx.db.bag.insert(id=1, texts=[MIB] * 600, data=b"")


@reducer
def list_of_small(ctx: ReducerContext) -> None:
    ctx.db.bag.insert(id=1, texts=[MIB[:2000]] * 300_000, data=b"")


@reducer
def bytes_kept(ctx: ReducerContext) -> None:
    data = bytes(10 << 20)
    for i in range(100):
        ctx.db.bag.insert(id=i, texts=[], data=data)


@reducer
def together(ctx: ReducerContext) -> None:
    """Objects and rows count together: each alone would pass."""
    objects = [MIB + str(i) for i in range(30)]
    for text in objects:
        ctx.db.note.insert(text=text)


@reducer
def caught(ctx: ReducerContext) -> None:
    """Goes on with what there is room for."""
    n = 0
    try:
        while True:
            ctx.db.note.insert(text=MIB)
            n += 1
    except MemoryError:
        pass
    assert ctx.db.note.count() == n
    try:
        ctx.db.note.insert_many([Note(id=0, text=MIB) for _ in range(40)])
    except MemoryError:
        pass
    assert ctx.db.note.count() == n, "insert_many is all or nothing"
    ctx.db.note.clear()
    ctx.db.tally.upsert(Tally(name="caught", n=n))


@reducer
def logs(ctx: ReducerContext) -> None:
    for _ in range(600):
        ctx.log.info(MIB)
    ctx.db.tally.upsert(Tally(name="logs", n=1))


@reducer
def modest(ctx: ReducerContext) -> None:
    row = ctx.db.tally.name.find("modest") or ctx.db.tally.insert(name="modest", n=0)
    ctx.db.tally.name.update(row, n=row.n + 1)
    for _ in range(10):
        ctx.db.note.delete(ctx.db.note.insert(text=MIB).id)
