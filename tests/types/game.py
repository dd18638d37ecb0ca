"""Columns of every kind, for the stubs."""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, NewType

from orochi import (AsyncProcedureContext, AutoKey, Identity, Index, Json, Len, PrimaryKey, ProcedureContext, ReducerContext, Timestamp, Unique,
                    f32, procedure, reducer, table, u32, u64)

RoomId = NewType("RoomId", int)
type Point = Vec2 | Nowhere


class Team(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Vec2:
    x: f32 = 0.0
    y: f32 = 0.0


@dataclass(frozen=True)
class Nowhere:
    why: str = ""


@table(public=True, indexes=[("team", "score")])
class Player:
    identity: PrimaryKey[Identity]
    name: Unique[Annotated[str, Len(1, 20)]]
    team: Team = Team.RED
    score: Index[u32] = 0
    at: Vec2 = Vec2()
    tags: list[str] = []
    bag: dict[str, u32] = {}
    extra: Json = None
    more: dict[str, Any] = {}
    mode: Literal["on", "off"] = "on"
    room: RoomId | None = None
    pair: tuple[int, str] = (0, "")
    count: u64 = 0


@table(event=True)
class Event:
    at: Timestamp
    where: Point | None


@table
class Note:
    id: AutoKey[u64] = 0
    text: str


@reducer
def join(ctx: ReducerContext, name: str) -> None:
    ctx.db.player.insert(identity=ctx.sender, name=name)


@procedure
def ask(ctx: ProcedureContext, question: str) -> int:
    return len(question)


@procedure
async def wait(ctx: AsyncProcedureContext) -> str:
    await ctx.sleep(1)
    answer = await ctx.http.get("https://example.com/", timeout=1)
    async with ctx.tx() as tx:
        tx.db[Note].insert(text=answer.text())
    await ctx.with_tx(lambda tx: tx.db[Note].count())
    return "waited"
