"""Parameters with defaults, for callers who leave them out."""

from dataclasses import dataclass
from enum import Enum

from orochi import AutoKey, ReducerContext, reducer, table, u32, u64


class Mode(Enum):
    SLOW = 1
    FAST = 2


@dataclass(frozen=True)
class Vec:
    x: float = 0.0
    y: float = 1.5


@table(public=True)
class Said:
    id: AutoKey[u64] = 0
    text: str


def note(ctx, *values):
    ctx.db.said.insert(text=repr(values))


@reducer
def one(ctx: ReducerContext, n: u32 = 7): note(ctx, n)


@reducer
def some(ctx: ReducerContext, a: u32, b: str = "é", c: u32 | None = None): note(ctx, a, b, c)


@reducer
def kinds(ctx: ReducerContext, mode: Mode = Mode.FAST, at: Vec = Vec(), names: list[str] = ["a"], none: None = None,
          class_: u64 = 2**63): note(ctx, mode.name, at, names, none, class_)
