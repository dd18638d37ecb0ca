"""What clients written for SpacetimeDB rely on, once each: column types, keys, joins, rules, views, events, timers, procedures."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from uuid import UUID

from orochi import (AnonymousViewContext, AutoKey, ConnectionId, Err, Identity, Index, PrimaryKey, ProcedureContext, Query, ReducerContext,
                    ReducerError, Result, ScheduleAt, TimeDuration, Timestamp, Unique, ViewContext, client_connected, client_disconnected, f32, f64,
                    i8, i16, i32, i64, i128, i256, procedure, query, reducer, table, u8, u16, u32, u64, u128, u256, view)


class Mood(Enum):
    Calm = 0
    Angry = 1
    VerySleepy = 2


@dataclass
class Size:
    w: i32
    h: i32


@table(public=True)
class Kind:
    """A column of each type."""
    id: PrimaryKey[u32]
    yes: bool
    b8: u8
    s8: i8
    b16: u16
    s16: i16
    b32: u32
    s32: i32
    b64: u64
    s64: i64
    b128: u128
    s128: i128
    b256: u256
    s256: i256
    real: f32
    double: f64
    words: str
    raw: bytes
    who: Identity
    link: ConnectionId
    at: Timestamp
    span: TimeDuration
    uid: UUID
    maybe: str | None
    many: list[i32]
    mood: Mood
    size: Size


@table(public=True, indexes=[("guild", "level")])
class Hero:
    id: PrimaryKey[u32]
    name: Unique[str]
    guild: u32
    level: Index[i32]


@table(public=True)
class Loot:
    id: AutoKey[u64] = 0
    holder: Index[u32]
    what: str
    n: i32


@table(public=True)
class Remark:
    hero: u32
    words: str


@table
class Hidden:
    id: PrimaryKey[u32]
    word: str


@table(public=True, rls="SELECT * FROM mine WHERE owner = :sender")
class Mine:
    id: PrimaryKey[u32]
    owner: Index[Identity]
    body: str


@table
class Medal:
    owner: PrimaryKey[Identity]
    title: str


@table(public=True, event=True)
class Blow:
    target: u32
    force: i32


@table(public=True, scheduled="ring")
class Alarm:
    id: AutoKey[u64] = 0
    at: ScheduleAt
    label: str


@table(public=True)
class Rung:
    id: AutoKey[u64] = 0
    alarm: u64
    label: str
    alone: bool


@table(public=True)
class Presence:
    link: PrimaryKey[ConnectionId]
    who: Identity


@client_connected
def came(ctx: ReducerContext):
    ctx.db.presence.insert(link=ctx.connection_id, who=ctx.sender)


@client_disconnected
def left(ctx: ReducerContext):
    ctx.db.presence.delete(ctx.connection_id)


@reducer
def put_kind(ctx: ReducerContext, id: u32, yes: bool, b8: u8, s8: i8, b16: u16, s16: i16, b32: u32, s32: i32, b64: u64, s64: i64, b128: u128,
             s128: i128, b256: u256, s256: i256, real: f32, double: f64, words: str, raw: bytes, who: Identity, link: ConnectionId, at: Timestamp,
             span: TimeDuration, uid: UUID, maybe: str | None, many: list[i32], mood: Mood, size: Size):
    values = dict(locals())
    del values["ctx"]
    ctx.db.kind.upsert(Kind(**values))


@reducer
def put_hero(ctx: ReducerContext, id: u32, name: str, guild: u32, level: i32):
    ctx.db.hero.insert(id=id, name=name, guild=guild, level=level)


def hero_of(ctx, id):
    found = ctx.db.hero.find(id)
    if found is None:
        raise ReducerError("no such hero")
    return found


@reducer
def rise(ctx: ReducerContext, id: u32, level: i32):
    ctx.db.hero.update(hero_of(ctx, id), level=level)


@reducer
def rename(ctx: ReducerContext, id: u32, to: u32):
    found = hero_of(ctx, id)
    ctx.db.hero.delete(id)
    ctx.db.hero.insert(id=to, name=found.name, guild=found.guild, level=found.level)


@reducer
def rewrite(ctx: ReducerContext, id: u32):
    found = hero_of(ctx, id)
    ctx.db.hero.delete(id)
    ctx.db.hero.insert(found)


@reducer
def rise_twice(ctx: ReducerContext, id: u32, first: i32, second: i32):
    ctx.db.hero.update(hero_of(ctx, id), level=first)
    ctx.db.hero.update(hero_of(ctx, id), level=second)


@reducer
def drop_hero(ctx: ReducerContext, id: u32):
    ctx.db.hero.delete(id)


@reducer
def find_loot(ctx: ReducerContext, holder: u32, what: str, n: i32):
    ctx.db.loot.insert(holder=holder, what=what, n=n)


@reducer
def count_loot(ctx: ReducerContext, id: u64, n: i32):
    ctx.db.loot.update(ctx.db.loot.get(id), n=n)


@reducer
def drop_loot(ctx: ReducerContext, id: u64):
    ctx.db.loot.delete(id)


@reducer
def rise_and_count(ctx: ReducerContext, id: u32, level: i32, n: i32):
    """Both sides of hero.id = loot.holder in one transaction."""
    ctx.db.hero.update(hero_of(ctx, id), level=level)
    for found in list(ctx.db.loot.holder.filter(id)):
        ctx.db.loot.update(found, n=n)


@reducer
def say(ctx: ReducerContext, hero: u32, words: str):
    ctx.db.remark.insert(hero=hero, words=words)


@reducer
def unsay(ctx: ReducerContext, hero: u32, words: str):
    ctx.db.remark.delete(Remark(hero=hero, words=words))


@reducer
def say_and_unsay(ctx: ReducerContext, hero: u32, words: str):
    ctx.db.remark.delete(ctx.db.remark.insert(hero=hero, words=words))


@reducer
def hide(ctx: ReducerContext, id: u32, word: str):
    ctx.db.hidden.upsert(Hidden(id=id, word=word))


@reducer
def put_mine(ctx: ReducerContext, id: u32, body: str):
    ctx.db.mine.insert(id=id, owner=ctx.sender, body=body)


@reducer
def hand_over(ctx: ReducerContext, id: u32, to: Identity):
    ctx.db.mine.update(ctx.db.mine.get(id), owner=to)


@reducer
def decorate(ctx: ReducerContext, title: str):
    ctx.db.medal.upsert(Medal(owner=ctx.sender, title=title))


@reducer
def undecorate(ctx: ReducerContext):
    ctx.db.medal.delete(ctx.sender)


@reducer
def strike(ctx: ReducerContext, target: u32, force: i32, times: u32):
    for i in range(times):
        ctx.db.blow.insert(target=target, force=force + i)


@reducer
def strike_and_say(ctx: ReducerContext, target: u32, words: str):
    """An event, one that is taken back, and a row that stays."""
    ctx.db.blow.insert(target=target, force=1)
    ctx.db.blow.delete(ctx.db.blow.insert(target=target, force=-1))
    ctx.db.remark.insert(hero=target, words=words)


@reducer
def set_alarm(ctx: ReducerContext, label: str, ms: u32, again: bool):
    span = timedelta(milliseconds=ms)
    ctx.db.alarm.insert(at=ScheduleAt.every(span) if again else ScheduleAt.at(ctx.timestamp + span), label=label)


@reducer
def stop_alarm(ctx: ReducerContext, label: str):
    for row in list(ctx.db.alarm):
        if row.label == label:
            ctx.db.alarm.delete(row.id)


@reducer
def ring(ctx: ReducerContext, row: Alarm):
    if row.label == "bad":
        raise ReducerError("a bad alarm")
    ctx.db.rung.insert(alarm=row.id, label=row.label, alone=ctx.connection_id is None)


@reducer
def refuse(ctx: ReducerContext, words: str):
    ctx.db.remark.insert(hero=0, words=words)
    raise ReducerError(words)


@reducer
def crash(ctx: ReducerContext, words: str):
    ctx.db.remark.insert(hero=0, words=words)
    raise RuntimeError(words)


@reducer
def nothing(ctx: ReducerContext):
    pass


@view(public=True)
def my_medal(ctx: ViewContext) -> Medal | None:
    return ctx.db.medal.owner.find(ctx.sender)


@view(public=True)
def my_things(ctx: ViewContext) -> list[Mine]:
    return ctx.db.mine.owner.filter(ctx.sender)


@view(public=True)
def high_heroes(ctx: AnonymousViewContext) -> list[Hero]:
    return ctx.db.hero.level.filter(gte=10)


@view(public=True)
def heavy_loot(ctx: AnonymousViewContext) -> Query[Loot]:
    return query(Loot).where(lambda l: l.n > 10)


@view(public=True)
def fragile(ctx: AnonymousViewContext) -> list[Hero]:
    if ctx.db.hidden.find(666) is not None:
        raise RuntimeError("fragile")
    return ctx.db.hero.level.filter(gte=0)


@procedure
def sum_of(ctx: ProcedureContext, a: u32, b: u32) -> u32:
    return a + b


@procedure
def say_twice(ctx: ProcedureContext, hero: u32, words: str) -> u64:
    ctx.with_tx(lambda tx: tx.db.remark.insert(hero=hero, words=f"{words} once"))
    ctx.with_tx(lambda tx: tx.db.remark.insert(hero=hero, words=f"{words} twice"))
    return 2


@procedure
def say_in_vain(ctx: ProcedureContext, words: str) -> Result[u32, str]:
    def body(tx):
        tx.db.remark.insert(hero=0, words=words)
        raise ReducerError(words)
    try:
        ctx.with_tx(body)
    except ReducerError as e:
        return Err(e.message)
    return 0


@procedure
def boom(ctx: ProcedureContext) -> None:
    raise RuntimeError("boom")


@procedure
def nap(ctx: ProcedureContext, ms: u32) -> bool:
    ctx.sleep(timedelta(milliseconds=ms))
    return True
