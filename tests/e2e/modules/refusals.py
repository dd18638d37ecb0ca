"""What callers may know of a call that fails: refusals with code and data, missing rows, long texts, faults."""

from dataclasses import dataclass

from orochi import (Identity, PrimaryKey, ReducerContext, ReducerError, RowNotFound, Unique, init, reducer, scheduled, table, u32)

LONG = "x" * 30_000_000


@dataclass
class Age:
    n: u32

    def __post_init__(self):
        if self.n == 1:
            raise ValueError("one is too young")
        if self.n == 2:
            raise ReducerError("two is refused", code="two")
        if self.n == 3:
            raise KeyError("secret-key")
        assert self.n != 4, "four is asserted away"


@reducer
def aged(ctx: ReducerContext, age: Age): ...


@table(public=True)
class Player:
    id: PrimaryKey[u32]
    name: Unique[str]
    who: Unique[Identity]


@table
class Secret:
    id: PrimaryKey[u32]
    pin: Unique[str]


class Strange(ReducerError):
    def __init__(self):
        pass  # nothing of the base class


class Loud(ReducerError):
    def __str__(self):
        raise ValueError("no text")


@reducer
def plain(ctx: ReducerContext): raise ReducerError("not now")


@reducer
def coded(ctx: ReducerContext): raise ReducerError("too long", code="bad_name", data={"most": 20, "é\r\nx": "ü\r\n😀"})


@reducer
def big_data(ctx: ReducerContext): raise ReducerError("see data", code="big", data=["y" * 100] * 1000)


@reducer
def wide_data(ctx: ReducerContext): raise ReducerError("see data", data="z" * 5000)


@reducer
def no_data(ctx: ReducerContext): raise ReducerError("see data", code="odd", data=object())


@reducer
def strange(ctx: ReducerContext): raise Strange


@reducer
def loud(ctx: ReducerContext): raise Loud("x")


@reducer
def missing(ctx: ReducerContext, how: str):
    db = ctx.db
    {"id": lambda: db.player.get(7), "name": lambda: db.player.name.get("secret-name"),
     "who": lambda: db.player.who.get(ctx.sender), "own": lambda: db.secret.get(4711),
     "pin": lambda: db.secret.pin.get("0815"), "one": lambda: db.player.one(name="secret-name", id=3),
     "one by id": lambda: db.player.one(id=3), "own one": lambda: db.secret.one(id=4711)}[how]()


@reducer
def words(ctx: ReducerContext):
    try:
        ctx.db.player.who.get(ctx.sender)
    except RowNotFound as error:
        ctx.log.info("the author sees: %s", error)
        raise


@reducer
def long_refusal(ctx: ReducerContext): raise ReducerError(LONG)


@reducer
def long_code(ctx: ReducerContext): raise ReducerError("x", code=LONG)


@reducer
def long_fault(ctx: ReducerContext):
    try:
        raise ValueError(LONG)
    except ValueError as error:
        raise KeyError("é" * 10_000_000) from error


@reducer
def fault(ctx: ReducerContext): raise KeyError("secret-key")


@reducer
def violates(ctx: ReducerContext):
    ctx.db.secret.insert(id=1, pin="1")
    ctx.db.secret.insert(id=1, pin="2")


@scheduled(interval_ms=100)
def beat(ctx: ReducerContext): raise ReducerError("nobody hears this")
