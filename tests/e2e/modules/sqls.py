"""Tables for full SQL: players, what they carry, where they stand, and one that strangers may not see."""

from enum import Enum

from orochi import AutoKey, Identity, Index, PrimaryKey, ReducerContext, Timestamp, reducer, table, u32, u64


class Rank(Enum):
    NOVICE = 0
    KNIGHT = 1
    LORD = 2


@table(public=True)
class Player:
    id: PrimaryKey[u64]
    name: str
    rank: Rank
    owner: Identity
    joined: Timestamp
    guild: u32 | None


@table(public=True)
class Item:
    id: AutoKey[u64] = 0
    player: Index[u64]
    kind: str
    worth: u32


@table
class Secret:
    id: PrimaryKey[u32]
    word: str


@reducer
def fill(ctx: ReducerContext, players: u32, items: u32):
    for i in range(players):
        ctx.db.player.insert(id=i + 1, name=f"p{i + 1}", rank=list(Rank)[i % 3], owner=ctx.sender, joined=ctx.timestamp,
                             guild=i % 4 or None)
    for i in range(items):
        ctx.db.item.insert(player=i % players + 1, kind=["sword", "bow"][i % 2], worth=i)
    ctx.db.secret.insert(id=1, word="xyzzy")


@reducer
def rename(ctx: ReducerContext, id: u64, name: str):
    ctx.db.player.update(ctx.db.player.find(id), name=name)
