"""Chat: names, messages, who is online, a rate limit, and a history that does not grow for ever."""

from orochi import (
    AutoKey,
    Identity,
    Index,
    PrimaryKey,
    ReducerContext,
    ReducerError,
    Timestamp,
    client_connected,
    client_disconnected,
    reducer,
    scheduled,
    table,
    u32,
    u64,
)

NAME_LENGTH = 20
TEXT_LENGTH = 500
HISTORY = 200
BURST, WINDOW_US = 5, 3_000_000  # messages of one user in that many microseconds


@table(public=True)
class User:
    identity: PrimaryKey[Identity]
    name: str = ""
    connections: u32 = 0  # a user with two tabs open is online until both are closed


@table(public=True)
class Message:
    id: AutoKey[u64] = 0
    sender: Index[Identity]
    sent: Timestamp
    text: str


@client_connected
def connected(ctx: ReducerContext) -> None:
    user = ctx.db.user.find(ctx.sender)
    if user is None:
        ctx.db.user.insert(identity=ctx.sender, connections=1)
    else:
        ctx.db.user.update(user, connections=user.connections + 1)


@client_disconnected
def disconnected(ctx: ReducerContext) -> None:
    user = ctx.db.user.find(ctx.sender)
    if user is not None and user.connections > 0:
        ctx.db.user.update(user, connections=user.connections - 1)


@reducer
def set_name(ctx: ReducerContext, name: str) -> None:
    name = " ".join(name.split())
    if not name:
        raise ReducerError("A name needs at least one character.")
    if len(name) > NAME_LENGTH:
        raise ReducerError(f"A name has at most {NAME_LENGTH} characters.")
    if any(u.name.casefold() == name.casefold() and u.identity != ctx.sender for u in ctx.db.user):
        raise ReducerError(f"{name} is taken.")
    ctx.db.user.update(ctx.db.user.get(ctx.sender), name=name)


@reducer
def send_message(ctx: ReducerContext, text: str) -> None:
    text = text.strip()
    if not text:
        raise ReducerError("A message needs some text.")
    if len(text) > TEXT_LENGTH:
        raise ReducerError(f"A message has at most {TEXT_LENGTH} characters.")
    since = ctx.timestamp - WINDOW_US
    if sum(m.sent > since for m in ctx.db.message.sender.filter(ctx.sender)) >= BURST:
        raise ReducerError("Slow down a little.")
    ctx.db.message.insert(sender=ctx.sender, sent=ctx.timestamp, text=text)


@scheduled(interval_ms=10_000)
def trim(ctx: ReducerContext) -> None:
    messages = sorted(ctx.db.message, key=lambda m: m.id)
    for old in messages[:-HISTORY]:
        ctx.db.message.delete(old)
