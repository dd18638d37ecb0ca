"""A game in rounds that a schedule turns, with a secret word, accounts that a connection opens, and an assistant that is asked over HTTP."""

import enum
from dataclasses import dataclass

from orochi import (AutoKey, HttpError, Identity, Index, PrimaryKey, ProcedureContext, Query, ReducerContext, ReducerError, ScheduleAt,
                    Timestamp, Unique, ViewContext, client_connected, environment, init, procedure, query, reducer, table, u8, u64, view)


@environment
class Env:
    ASSISTANT: str
    ROUND_MS: int


class Phase(enum.Enum):
    Active = 0
    Results = 1


class Turn(enum.Enum):
    Close = 0
    Start = 1


@table(public=True)
class Round:
    id: PrimaryKey[u8] = 0
    number: u64
    phase: Phase = Phase.Active
    ends: Timestamp
    answer: str | None = None


@table
class Secret:
    id: PrimaryKey[u8] = 0
    word: str


@table
class Guesses:
    player: PrimaryKey[Identity]
    letters: str


@table(scheduled='turn')
class Timer:
    id: AutoKey[u64] = 0
    at: ScheduleAt
    number: u64
    kind: Turn


@table(public=True)
class Name:
    player: PrimaryKey[Identity]
    name: str
    name_key: Unique[str]


@table
class Account:
    player: PrimaryKey[Identity]
    cents: u64


@table
class Line:
    id: AutoKey[u64] = 0
    owner: Index[Identity]
    chat: Index[u64]
    role: str
    text: str


@table
class Chat:
    id: AutoKey[u64] = 0
    owner: Index[Identity]
    title: str = 'new'


@dataclass
class Board:
    number: u64
    masked: str


def start(ctx, number: int):
    end = ctx.timestamp + ctx.env.ROUND_MS * 1000
    ctx.db.guesses.clear()
    ctx.db.secret.upsert(Secret(word='SOCKET'))
    ctx.db.round.upsert(Round(number=number, ends=end))
    ctx.db.timer.insert(at=ScheduleAt.at(end), number=number, kind=Turn.Close)


@init
def begin(ctx: ReducerContext):
    start(ctx, 1)


@reducer
def turn(ctx: ReducerContext, timer: Timer):
    if ctx.sender != ctx.identity:
        raise ReducerError('only the schedule turns')
    round = ctx.db.round.get(0)
    if timer.kind == Turn.Start:
        return start(ctx, round.number + 1)
    end = ctx.timestamp + ctx.env.ROUND_MS * 1000
    ctx.db.round.update(round, phase=Phase.Results, ends=end, answer=ctx.db.secret.get(0).word)
    ctx.db.timer.insert(at=ScheduleAt.at(end), number=round.number, kind=Turn.Start)


@reducer
def guess(ctx: ReducerContext, letter: str):
    if ctx.db.round.get(0).phase != Phase.Active:
        raise ReducerError('no round')
    row = ctx.db.guesses.find(ctx.sender) or Guesses(player=ctx.sender, letters='')
    ctx.db.guesses.upsert(row, letters=row.letters + letter)


@view
def my_board(ctx: ViewContext) -> Board | None:
    round = ctx.db.round.id.find(0)
    if round is None or round.phase != Phase.Active:
        return None
    row = ctx.db.guesses.player.find(ctx.sender)
    letters = row.letters if row else ''
    return Board(round.number, ''.join(c if c in letters else '_' for c in ctx.db.secret.id.get(0).word))


@client_connected
def opened(ctx: ReducerContext):
    if ctx.sender not in ctx.db.account:
        ctx.db.account.insert(player=ctx.sender, cents=10_000)


@view
def my_account(ctx: ViewContext) -> Account | None:
    return ctx.db.account.player.find(ctx.sender)


@reducer
def set_name(ctx: ReducerContext, name: str):
    owner = ctx.db.name.name_key.find(name.lower())
    if owner is not None and owner.player != ctx.sender:
        raise ReducerError('That name is already in use')
    ctx.db.name.upsert(Name(player=ctx.sender, name=name, name_key=name.lower()))


@reducer
def pay(ctx: ReducerContext, to: Identity, cents: u64):
    source, target = ctx.db.account.get(ctx.sender), ctx.db.account.get(to)
    if source.cents < cents:
        raise ReducerError('Insufficient funds')
    ctx.db.account.update(source, cents=source.cents - cents)
    ctx.db.account.update(target, cents=target.cents + cents)


@view
def my_chats(ctx: ViewContext) -> Query[Chat]:
    return query(Chat).where(lambda row: row.owner == ctx.sender)


@view
def my_lines(ctx: ViewContext) -> Query[Line]:
    return query(Line).where(lambda row: row.owner == ctx.sender)


@procedure
def open_chat(ctx: ProcedureContext) -> u64:
    return ctx.with_tx(lambda tx: tx.db.chat.insert(owner=tx.sender).id)


@reducer
def close_chat(ctx: ReducerContext, chat: u64):
    ctx.db.line.chat.delete(chat)
    ctx.db.chat.delete(chat)


@procedure
def ask(ctx: ProcedureContext, chat: u64, text: str) -> None:
    def said(tx):
        row = tx.db.chat.get(chat)
        if row.owner != tx.sender:
            raise ReducerError('not your chat')
        tx.db.line.insert(owner=tx.sender, chat=chat, role='user', text=text)
        tx.db.chat.update(row, title=text if row.title == 'new' else row.title)
        return [line.text for line in tx.db.line.chat.filter(chat)]

    def answered(tx):
        if chat in tx.db.chat:
            tx.db.line.insert(owner=tx.sender, chat=chat, role='assistant', text=answer)

    history = ctx.with_tx(said)
    try:
        answer = ctx.http.post(ctx.env.ASSISTANT, json=history).raise_for_status().json()['text']
    except HttpError as error:
        answer = f'error: {error}'
    ctx.with_tx(answered)
