"""Indexes over bytes, records, times and optional values; two tables of one struct; a name in SQL that is not the one in code."""

from dataclasses import dataclass
from datetime import timedelta

from typing import NewType

from orochi import (Identity, Index, PrimaryKey, ReducerContext, Timestamp, TimeDuration, Unique, Variant, reducer, table, u8, u32)


@dataclass(frozen=True)
class Cell:
    x: u32
    y: u32
    level: u32 | None = None


class Damage(Variant[u32]): ...


class Heal(Variant[u32]): ...


class Moved(Variant[Cell]): ...


class Jumped(Variant["Cell"]): ...


class Idle: ...


type Name = str
Level = NewType("Level", u8)
type Path = list[Cell]
type Whose = Identity
type Event = Damage | Heal | Moved | Jumped | Idle | Name | Level | Path | Whose


@table(public=True)
class Happened:
    id: PrimaryKey[u32]
    what: Event
    more: list[Event] = []
    maybe: Name | Level | None = None


@table(public=True)
class Thing:
    key: Unique[bytes]
    cell: Index[Cell]
    score: Index[u32 | None] = None
    seen: Index[Timestamp] = Timestamp(0)
    wait: Index[TimeDuration] = TimeDuration(0)
    plain: u32 | None = None


@table(public=True)
class Player:
    id: PrimaryKey[u32]
    name: str
    cell: Cell = Cell(0, 0)


@table(name="absent", public=True)
class LoggedOut(Player):
    pass


@table
class Special(Player):
    extra: u32 = 7


@table
class Other:
    id: PrimaryKey[u32]
    name: bytes
    cell: Cell = Cell(0, 0)


@reducer
def indexes(ctx: ReducerContext):
    t = ctx.db.thing
    t.clear()
    for i in range(10):
        score = None if i % 3 == 0 else i
        t.insert(key=bytes([i]), cell=Cell(i % 2, i), score=score, seen=Timestamp(i), wait=timedelta(seconds=i), plain=score)
    keys = lambda rows: sorted(row.key[0] for row in rows)
    assert t.key.find(b"\3").cell == Cell(1, 3)
    assert keys(t.cell.filter(Cell(1, 3))) == [3]
    assert keys(t.score.filter(None)) == keys(t.filter(score=None)) == keys(t.filter(plain=None)) == [0, 3, 6, 9]
    for column in ("score", "plain"):
        ask = lambda **c: keys(t.filter(**{f"{column}__{k}": v for k, v in c.items()}))
        assert ask(gt=4) == [5, 7, 8], ask(gt=4)
        assert ask(gte=4) == [4, 5, 7, 8]
        assert ask(lt=4) == [1, 2]
        assert ask(gte=2, lt=8) == [2, 4, 5, 7]
        assert ask(between=(2, 5)) == [2, 4, 5]
        assert ask(**{"in": [None, 5]}) == [0, 3, 5, 6, 9]
        for wrong in ("gt", "lte"):
            try:
                ask(**{wrong: None})
            except TypeError:
                pass
            else:
                raise AssertionError(wrong)
    assert keys(t.score.filter(gte=5)) == [5, 7, 8]
    assert [row.score for row in t.score.iter()][:6] == [1, 2, 4, 5, 7, 8]
    assert keys(t.seen.filter(gte=Timestamp(8))) == [8, 9]
    assert keys(t.wait.filter(lt=timedelta(seconds=2))) == [0, 1]


@reducer
def moves(ctx: ReducerContext):
    db = ctx.db
    db.player.clear(), db.logged_out.clear()
    player = db.player.insert(id=1, name="ann", cell=Cell(1, 2))
    gone = db.logged_out.insert(player)
    assert type(gone) is LoggedOut and gone.name == "ann" and gone.cell == Cell(1, 2), gone
    db.player.delete(player)
    assert db.logged_out.find(1) == gone and db.absent.find(1) == gone
    back = db.player.insert_many([gone, Player(id=2, name="bob")])
    assert [type(row) for row in back] == [Player, Player] and db.player.count() == 2
    special = Special(id=3, name="sue")
    for wrong in (lambda: db.other.insert(player), lambda: db.player.insert(special), lambda: db.special.insert(player),
                  lambda: db.player.update(special), lambda: db.player.insert_many([player, special]), lambda: db.player.insert(Other(id=1, name=b"x"))):
        try:
            wrong()
        except Exception as error:
            assert "expected" in str(error), error
        else:
            raise AssertionError("it was taken")


@reducer
def asks(ctx: ReducerContext, what: str):
    db = ctx.db
    player = Player(id=5, name="eve")
    {"table": lambda: db.playr, "column": lambda: db.player.nmae, "row": lambda: player.nmae, "ctx": lambda: ctx.snder,
     "filter": lambda: db.player.filter(nmae="x"), "lookup": lambda: db.player.filter(id__ge=3),
     "lookup of a wrong column": lambda: db.player.filter(idd__gte=3), "contains": lambda: db.player.filter(name__contains="x"),
     "eq": lambda: db.player.filter(id__eq=3), "insert": lambda: db.player.insert(id=1, nmae="x"), "make": lambda: Player(id=1, nmae=""),
     "update": lambda: db.player.update(player, nmae="x"), "order": lambda: db.player.all().order_by("-nmae")}[what]()


@reducer
def unions(ctx: ReducerContext, event: Event):
    t = ctx.db.happened
    values = [Damage(5), Heal(5), Moved(Cell(1, 2)), Jumped(Cell(3, 4)), Idle(), "ann", 7, [Cell(5, 6)], ctx.sender, event]
    t.clear()
    for i, value in enumerate(values):
        t.insert(id=i, what=value, more=values, maybe=[None, "x", 9][i % 3])
    for i, value in enumerate(values):
        row = t.get(i)
        assert type(row.what) is type(value) and row.maybe == [None, "x", 9][i % 3], row
        assert [type(v) for v in row.more] == [type(v) for v in values], row
        if type(value) is not Idle:
            assert row.what == value, (row.what, value)
    match t.get(0).what:
        case Damage(n):
            assert n == 5
    for wrong in (300, 2.5, b"x", None, True):
        try:
            t.insert(id=99, what=wrong)
        except Exception as error:
            assert "what" in str(error), error
        else:
            raise AssertionError(wrong)
