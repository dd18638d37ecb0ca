"""What a reducer is given. The docstrings here are also those of the objects at run time (config/docstrings.py).

Contexts, tables, columns and rows found belong to one call, on the thread that runs it: used after the call they raise
TransactionError. The rows themselves are ordinary objects and may be kept. What a call changes is seen by nobody else before it
has returned, and by nobody at all if it raises.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload
from uuid import UUID

from . import ConnectionId, Identity, TimeDuration, Timestamp

_T = TypeVar("_T")
_R = TypeVar("_R")
_E = TypeVar("_E")
_K = TypeVar("_K")
_V = TypeVar("_V")
_P = ParamSpec("_P")

class Ok(Generic[_T]):
    """The good side of a Result."""

    value: _T
    __match_args__ = ("value",)
    def __init__(self, value: _T) -> None: ...

class Err(Generic[_E]):
    """The bad side of a Result."""

    value: _E
    __match_args__ = ("value",)
    def __init__(self, value: _E) -> None: ...

Result = Ok[_T] | Err[_E]

def asdict(row: object) -> dict[str, Any]:
    """A row or record as a dict, deeply: records in it become dicts too. The row is not changed.

    Example:

        ctx.log.info("left: %s", asdict(ctx.db.player.get(7)))
    """

# ---- rows and tables

class Rows(Sequence[_R]):
    """Rows found: a snapshot of the moment of the query, and a sequence.

    What changes in the table afterwards is not seen, so a loop over rows may insert and delete. Rows that an index answers are
    fetched when they are first looked at, and `first()`, `limit(n)`, `[:n]` and `order_by()` along that index read no more than they give;
    `offset(n)` and `[n:m]` read what they skip, too.

        for player in ctx.db.player.filter(guild=3):
            ctx.db.player.update(player, online=False)
    """

    @overload
    def __getitem__(self, i: int, /) -> _R: ...
    @overload
    def __getitem__(self, i: slice, /) -> Rows[_R]: ...
    def __len__(self) -> int: ...
    def order_by(self, *keys: str) -> Rows[_R]:
        """The same rows sorted by columns, the first key counting most; "-score" is descending.

        Free where an index has that order, otherwise all rows are read and sorted. A name that is no column raises TypeError.

            best = ctx.db.player.all().order_by("-score", "name").limit(10)
        """
    def limit(self, n: int, /) -> Rows[_R]:
        """The first n rows; fewer if there are not so many.

        Example:

            newest = ctx.db.message.all().order_by("-id").limit(50)
        """
    def offset(self, n: int, /) -> Rows[_R]:
        """The rows behind the first n: with limit() a page of them. Those that are skipped are read, not made into rows.

        Example:

            page = ctx.db.player.order_by("-score").offset(20).limit(10)
        """
    def first(self) -> _R | None:
        """The first row, or None.

        Example:

            leader = ctx.db.player.all().order_by("-score").first()
        """
    def update(self, **changes: Any) -> int:
        """Changes columns of all these rows, by primary key; gives how many rows there were. All rows, or none if one is refused.

        Raises what Table.update() does.

            ctx.db.player.filter(guild=3).update(guild=0)
        """
    def delete(self) -> int:
        """Deletes these rows; gives how many were still there as they had been found.

        Example:

            ctx.db.message.filter(sent__lt=ctx.timestamp - 3_600_000_000).delete()
        """

class BaseColumn(Generic[_R, _K]):
    """A column of a table, `ctx.db.player.name`: without an index it can be filtered and counted, by looking at every row."""

    def filter(
        self, value: _K | range = ..., /, *more: Any, gt: _K = ..., gte: _K = ..., lt: _K = ..., lte: _K = ...
    ) -> Rows[_R]:
        """The rows with this value, or in this range: gt, gte, lt, lte, or a range() of integers.

        An index over several columns takes values of its leading columns, and a range of the next. Raises EncodeError for a
        value that the column cannot hold, WrongIndexAlgo for a range of a hash index, TypeError without any argument.

            for shot in ctx.db.shot.owner.filter(ctx.sender):
                ctx.db.shot.delete(shot)
            rich = ctx.db.account.balance.filter(gte=1_000)
            near = ctx.db.body.cell.filter(range(10, 20))
        """
    def count(
        self, value: _K | range = ..., /, *more: Any, gt: _K = ..., gte: _K = ..., lt: _K = ..., lte: _K = ...
    ) -> int:
        """How many rows filter() would give, with the same arguments and errors.

        Example:

            shots = ctx.db.shot.owner.count(ctx.sender)
        """

class IndexColumn(BaseColumn[_R, _K]):
    """A column with an index, or an index over several columns (`ctx.db.player.guild_name`)."""

    def delete(
        self, value: _K | range = ..., /, *more: Any, gt: _K = ..., gte: _K = ..., lt: _K = ..., lte: _K = ...
    ) -> int:
        """Deletes the rows that filter() would give; gives how many.

        Example:

            ctx.db.shot.owner.delete(ctx.sender)
        """
    def iter(self, *, reverse: bool = False) -> Iterator[_R]:
        """All rows in the order of the index. Raises WrongIndexAlgo for a hash index, which has no order.

        Example:

            for player in ctx.db.player.score.iter(reverse=True):
                ctx.log.info("%s %d", player.name, player.score)
        """
    def min(self) -> _R | None:
        """The row with the smallest value, or None if the table is empty. Raises WrongIndexAlgo for a hash index.

        Example:

            oldest = ctx.db.message.sent.min()
        """
    def max(self) -> _R | None:
        """The row with the largest value, or None if the table is empty. Raises WrongIndexAlgo for a hash index.

        Example:

            leader = ctx.db.player.score.max()
        """
    def top(self, n: int, /) -> Rows[_R]:
        """The n rows with the largest values, the largest first: no more are read. Raises WrongIndexAlgo for a hash index.

        Example:

            for player in ctx.db.player.score.top(10):
                ctx.log.info("%s %d", player.name, player.score)
        """

class UniqueColumn(BaseColumn[_R, _K]):
    """The primary key or a unique column: at most one row has a value."""

    def find(self, value: _K, /) -> _R | None:
        """The row with this value, or None. Raises EncodeError for a value that the column cannot hold.

        Example:

            player = ctx.db.player.identity.find(ctx.sender)
        """
    def get(self, value: _K, /) -> _R:
        """The row with this value. Raises RowNotFound, whose text the caller sees, if there is none.

        Example:

            player = ctx.db.player.identity.get(ctx.sender)
        """
    def __contains__(self, value: _K, /) -> bool: ...
    def update(self, row: _R, /, **changes: Any) -> _R:
        """Replaces the row that has the same value here, with `changes` made to it first; gives the row as it is stored.

        Raises NoSuchRow if there is none, UniqueViolation if another row has its value in another unique column.

            ctx.db.player.name.update(player, score=0)
        """
    def upsert(self, row: _R, /, **changes: Any) -> _R:
        """Adds the row, or replaces the one with the same value here. Raises UniqueViolation for other unique columns.

        Example:

            ctx.db.player.name.upsert(Player(name="ann"))
        """
    def delete(self, value: _K, /) -> bool:
        """Deletes the row with this value; False if there was none.

        Example:

            ctx.db.player.identity.delete(ctx.sender)
        """
    def iter(self, *, reverse: bool = False) -> Iterator[_R]:
        """All rows in the order of this column."""
    def min(self) -> _R | None:
        """The row with the smallest value, or None if the table is empty."""
    def max(self) -> _R | None:
        """The row with the largest value, or None if the table is empty."""
    def top(self, n: int, /) -> Rows[_R]:
        """The n rows with the largest values, the largest first."""

class Table(Generic[_R]):
    """One table, `ctx.db.player` or, typed everywhere, `ctx.db[Player]`.

    `len(table)` counts without looking, `for row in table` goes over a snapshot, `key in table` asks for a primary key. A column or
    index is an attribute, `ctx.db.player.score`. A row is detached: what is set on it is stored by `update(row)`.
    """

    def insert(self, row: _R = ..., /, **columns: Any) -> _R:
        """Adds a row, given whole or by its columns, and gives it back with its auto_inc columns filled in.

        A row that is equal in every column is there already: nothing changes. Raises UniqueViolation if another row has its primary key or a
        unique value (the transaction goes on if that is caught), EncodeError for a value that a column cannot hold,
        AutoIncOverflow when a sequence is used up, TypeError for a column that is missing or that there is not.

            message = ctx.db.message.insert(sender=ctx.sender, text="hello")
            ctx.log.info("message %d", message.id)
        """
    def insert_many(self, rows: Iterable[_R], /) -> list[_R]:
        """Adds rows: all, or none when one is refused. Gives them as a list, with their auto_inc columns. Raises what insert() does.

        Example:

            ctx.db.card.insert_many(Card(suit=s, rank=r) for s in range(4) for r in range(13))
        """
    def batch_insert(self, rows: Iterable[_R], /) -> list[_R]:
        """The same as insert_many()."""
    def upsert(self, row: _R, /, **changes: Any) -> _R:
        """Adds the row, or replaces the one with its primary key; gives the row as it is stored.

        `changes` are made to it first. Raises WrongIndex if the table has no primary key, and otherwise what insert() does.

            ctx.db.player.upsert(Player(identity=ctx.sender), online=True)
        """
    def insert_or_update(self, row: _R, /, **changes: Any) -> _R:
        """The same as upsert()."""
    def update(self, row: _R, /, **changes: Any) -> _R:
        """Replaces the row with the same primary key, with `changes` made to it first; gives the row as it is stored.

        Raises NoSuchRow if there is none, WrongIndex if the table has no primary key, UniqueViolation and EncodeError as insert() does.

            player = ctx.db.player.get(ctx.sender)
            ctx.db.player.update(player, score=player.score + 1)
        """
    def delete(self, row_or_key: Any, /) -> bool:
        """Deletes the row with this primary key, or the row that is equal to this one in every column; False if there was none.

        A row that is not as it stands in the table is not deleted, and a line in the log says which columns differ.

            ctx.db.player.delete(ctx.sender)
        """
    def delete_where(self, **conditions: Any) -> int:
        """Deletes the rows that meet the conditions of filter(); gives how many. TypeError without conditions: that is clear().

        Example:

            ctx.db.shot.delete_where(ttl__lte=0)
        """
    def clear(self) -> int:
        """Deletes every row; gives how many. Sequences go on where they are.

        Example:

            ctx.db.shot.clear()
        """
    def find(self, key: Any, /) -> _R | None:
        """The row with this primary key, or None. Raises WrongIndex if the table has no primary key.

        Example:

            player = ctx.db.player.find(ctx.sender)
        """
    def get(self, key: Any, /) -> _R:
        """The row with this primary key. Raises RowNotFound, whose text the caller sees ("player: no row with id = 7"), if there is none.

        Example:

            player = ctx.db.player.get(ctx.sender)
        """
    def exists(self, **conditions: Any) -> bool:
        """Whether any row meets the conditions of filter(); without conditions: whether there is any row.

        Example:

            if ctx.db.player.exists(name="ann"):
                raise ReducerError("the name is taken")
        """
    def filter(self, **conditions: Any) -> Rows[_R]:
        """The rows that meet all conditions, found by the best index; without an index every row is looked at.

        A condition is a column and a value: score=10, score__ne=10, score__gt=, score__gte=, score__lt=, score__lte=, name__in=["ann",
        "bob"], name__not_in=, score__between=(1, 10), both ends counted. At most 32. Raises TypeError for a column or comparison that
        there is not, EncodeError for a value that an indexed column cannot hold, and under reducer.strict_index WrongIndex
        instead of looking at every row.

            top = ctx.db.player.filter(guild=3, score__gte=100).order_by("-score")
        """
    def first(self, **conditions: Any) -> _R | None:
        """The first row that meets the conditions of filter(), or None.

        Example:

            waiting = ctx.db.room.first(started=False)
        """
    def one(self, **conditions: Any) -> _R:
        """The first row that meets the conditions of filter(). Raises RowNotFound, whose text the caller sees, if there is none.

        Example:

            room = ctx.db.room.one(title="lobby")
        """
    def count(self, **conditions: Any) -> int:
        """How many rows meet the conditions of filter(); without conditions: how many there are, at once.

        Example:

            online = ctx.db.player.count(online=True)
        """
    def all(self) -> Rows[_R]:
        """All rows, in no order that means anything.

        Example:

            for player in ctx.db.player.all():
                ctx.log.info(player.name)
        """
    def order_by(self, *keys: str) -> Rows[_R]:
        """All rows sorted by columns, "-score" descending: what Rows.order_by() says. With limit(n) along an index n rows are read.

        Example:

            best = ctx.db.player.order_by("-score").limit(10)
        """
    def where(self, condition: Callable[[Any], Any], /) -> Rows[_R]:
        """The rows for which a condition of columns holds: as filter(), with "or" and "not" too, each row once.

        Comparisons are joined with & (and), | (or), ~ (not), in parentheses. Each side of an "or" is found by the best index of its own;
        without one every row is looked at. Raises TypeError for what is no such condition, AttributeError for a column that there is
        not, and otherwise what filter() does. Views that return a Query say the same: query(Player).where(...).

            seen = ctx.db.player.where(lambda p: (p.team == 3) | (p.score >= 1000) & ~(p.name == "bot"))
        """
    def iter(self) -> Iterator[_R]:
        """Iterates over a snapshot of all rows, as `for row in table` does.

        Example:

            names = [player.name for player in ctx.db.player.iter()]
        """
    def __iter__(self) -> Iterator[_R]: ...
    def __len__(self) -> int: ...
    def __contains__(self, key: Any, /) -> bool: ...
    def column(self, name: str, /) -> Any:
        """The column or index of that name, for names that a method has as well. AttributeError if there is none.

        Example:

            rows = ctx.db.query.column("filter").filter("all")
        """
    def __getattr__(self, column_or_index: str, /) -> Any: ...

class Database:
    """The database, `ctx.db`: an attribute for each table, by its name in snake case; `ctx.db[Player]` is the same, typed."""

    def __getitem__(self, cls: type[_R], /) -> Table[_R]: ...
    def get_table(self, cls: type[_R], /) -> Any:
        """The older handle of a table, of modules written for other Python bindings: insert replaces, scan and filter give lists.

        Example:

            ctx.db.get_table(Player).find_by_primary_key(7)
        """
    def __getattr__(self, table: str, /) -> Any: ...

# ---- the context

# A function that takes a ReducerContext takes any ReducerContext[Db].
_Db = TypeVar("_Db", bound=Database, default=Database, covariant=True)

class Auth:
    """What is known of the caller's token, `ctx.auth`."""

    @property
    def is_internal(self) -> bool:
        """Whether the server itself calls: a schedule or @init."""
    @property
    def has_jwt(self) -> bool:
        """Whether the caller has shown a token."""
    @property
    def jwt(self) -> Any:
        """The token's claims, or None: `subject`, `issuer`, `audience` (a list), `identity`, `claims` (a dict)."""

class Log:
    """The log of the module, `ctx.log`: a logger that may also be called, `ctx.log("text", "warning")`.

    A text with arguments is a %-format. Lines of a call that is run again after a conflict are dropped with it.
    """

    def __call__(self, text: object, level: str | int = "info") -> None: ...
    def debug(self, text: object, /, *args: object) -> None:
        """A line that is shown only when log.level is debug."""
    def info(self, text: object, /, *args: object) -> None:
        """A line about something ordinary.

        Example:

            ctx.log.info("%s joined, %d are here", name, len(ctx.db.player))
        """
    def warning(self, text: object, /, *args: object) -> None:
        """A line about something that somebody should look at."""
    def error(self, text: object, /, *args: object) -> None:
        """A line about something that has failed."""
    def critical(self, text: object, /, *args: object) -> None:
        """The same as error()."""
    def exception(self, text: object, /, *args: object) -> None:
        """An error line with the traceback of the exception that is being handled."""

class AnonymousViewContext(Generic[_Db]):
    """The first argument of a view whose rows are the same for all clients."""

    @property
    def db(self) -> _Db:
        """The database, to read through its indexes."""
    @property
    def identity(self) -> Identity:
        """The database's own identity."""
    @property
    def database_identity(self) -> Identity:
        """The same as identity."""
    @property
    def log(self) -> Log:
        """The module's log."""

class ViewContext(Generic[_Db]):
    """The first argument of a view that each client sees its own rows of."""

    @property
    def db(self) -> _Db:
        """The database, to read through its indexes."""
    @property
    def sender(self) -> Identity:
        """Whose rows they are."""
    @property
    def identity(self) -> Identity:
        """The database's own identity."""
    @property
    def database_identity(self) -> Identity:
        """The same as identity."""
    @property
    def log(self) -> Log:
        """The module's log."""

class HttpResponse:
    """An answer of ctx.http. A status of 400 or more is no error by itself."""

    status: int
    headers: Mapping[str, str]
    """By name, in any case."""
    body: bytes
    url: str
    """Where it came from in the end."""
    def __init__(self, status: int, headers: Mapping[str, str] | Iterable[tuple[str, str]] = ..., body: str | bytes = b"", url: str = "") -> None: ...
    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
    def text(self) -> str:
        """The body as text; what is no UTF-8 is replaced."""
    def json(self) -> Any:
        """The body as JSON. Raises HttpError if it is none."""
    def raise_for_status(self) -> HttpResponse:
        """The answer itself. Raises HttpError for a status of 400 or more."""

class Http:
    """ctx.http: asks a service and waits for its answer, whole. headers, params: dicts. json: becomes the body. timeout: seconds, for
    all of it. Raises HttpError when there is no answer, TransactionError in a transaction."""

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, json: Any = None,
        body: bytes | str | None = None, timeout: float | timedelta | None = None,
    ) -> HttpResponse:
        """Any method: request("OPTIONS", url)."""
    def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, json: Any = None,
        body: bytes | str | None = None, timeout: float | timedelta | None = None,
    ) -> HttpResponse:
        """request("GET", url, ...)"""
    def post(
        self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, json: Any = None,
        body: bytes | str | None = None, timeout: float | timedelta | None = None,
    ) -> HttpResponse:
        """request("POST", url, ...)"""
    def put(
        self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, json: Any = None,
        body: bytes | str | None = None, timeout: float | timedelta | None = None,
    ) -> HttpResponse:
        """request("PUT", url, ...)"""
    def patch(
        self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, json: Any = None,
        body: bytes | str | None = None, timeout: float | timedelta | None = None,
    ) -> HttpResponse:
        """request("PATCH", url, ...)"""
    def delete(
        self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, json: Any = None,
        body: bytes | str | None = None, timeout: float | timedelta | None = None,
    ) -> HttpResponse:
        """request("DELETE", url, ...)"""
    def head(
        self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, json: Any = None,
        body: bytes | str | None = None, timeout: float | timedelta | None = None,
    ) -> HttpResponse:
        """request("HEAD", url, ...)"""

class AsyncHttp:
    """ctx.http of an `async def`: asks a service; awaited, it is the answer, whole. headers, params: dicts. json: becomes the body. timeout: seconds, for
    all of it. Raises HttpError when there is no answer, TransactionError in a transaction."""

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, json: Any = None,
        body: bytes | str | None = None, timeout: float | timedelta | None = None,
    ) -> HttpResponse:
        """Any method: request("OPTIONS", url)."""
    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, json: Any = None,
        body: bytes | str | None = None, timeout: float | timedelta | None = None,
    ) -> HttpResponse:
        """request("GET", url, ...)"""
    async def post(
        self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, json: Any = None,
        body: bytes | str | None = None, timeout: float | timedelta | None = None,
    ) -> HttpResponse:
        """request("POST", url, ...)"""
    async def put(
        self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, json: Any = None,
        body: bytes | str | None = None, timeout: float | timedelta | None = None,
    ) -> HttpResponse:
        """request("PUT", url, ...)"""
    async def patch(
        self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, json: Any = None,
        body: bytes | str | None = None, timeout: float | timedelta | None = None,
    ) -> HttpResponse:
        """request("PATCH", url, ...)"""
    async def delete(
        self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, json: Any = None,
        body: bytes | str | None = None, timeout: float | timedelta | None = None,
    ) -> HttpResponse:
        """request("DELETE", url, ...)"""
    async def head(
        self, url: str, *, headers: Mapping[str, str] | None = None, params: Mapping[str, Any] | None = None, json: Any = None,
        body: bytes | str | None = None, timeout: float | timedelta | None = None,
    ) -> HttpResponse:
        """request("HEAD", url, ...)"""

class ProcedureContext:
    """The first argument of every procedure: who calls, when, and ways to transactions and to the world outside. It is in no
    transaction, and has no db."""

    sender: Identity
    """Who calls; the same for all connections of one player."""
    connection_id: ConnectionId | None
    """The caller's connection."""
    timestamp: Timestamp
    """When the procedure began, or when it last went on after a wait."""
    identity: Identity
    """The database's own identity."""
    auth: Auth
    """What is known of the caller's token."""
    rng: random.Random
    """Chance. Not for secrets."""
    log: Log
    """The module's log."""
    env: Any
    """Values of the environment that the module declares with @environment."""
    http: Http
    """Requests to services of the world outside."""
    procedure: str
    """The name of the procedure."""
    caller: str
    """Where the call came from: "client" or "http"."""
    @property
    def database_identity(self) -> Identity:
        """The same as identity."""
    @property
    def sender_auth(self) -> Auth:
        """The same as auth."""
    def random(self) -> float:
        """A number from 0 to below 1: rng.random()."""
    def new_uuid4(self) -> UUID:
        """A random UUID, of version 4."""
    def new_uuid7(self) -> UUID:
        """A UUID that sorts by time."""
    def with_tx(self, body: Callable[Concatenate[ReducerContext[Any], _P], _V], /, *args: _P.args, **named: _P.kwargs) -> _V:
        """Runs body(tx, *args) in a transaction and gives what it returns; tx is as a reducer's ctx. Returning commits, raising rolls
        back. It may be run again when it conflicts, so it must do nothing beside the tables.

        Raises TransactionError in another transaction, ReducerTimeout beyond reducer.timeout_ms.
        """
    def tx(self) -> AbstractContextManager[ReducerContext]:
        """A transaction as a block, which is run once: `with ctx.tx() as tx:`. Nobody else commits meanwhile."""
    def sleep(self, seconds: float | timedelta, /) -> None:
        """Waits; ctx.timestamp is the present then. Raises TransactionError in a transaction."""
    def sleep_until(self, when: Timestamp | datetime, /) -> None:
        """Waits until then; not at all if that has passed."""

class AsyncProcedureContext(ProcedureContext):
    """The first argument of a procedure that is an `async def`: what waits is awaited, and holds no thread meanwhile.

    Example:

        @procedure
        async def ask(ctx: AsyncProcedureContext, question: str) -> str:
            answer = await ctx.http.get("https://oracle.example/", params={"q": question})
            await ctx.sleep(1)
            return answer.text()
    """

    http: AsyncHttp  # type: ignore[assignment]
    """Requests to services of the world outside."""
    async def with_tx(self, body: Callable[Concatenate[ReducerContext[Any], _P], _V], /, *args: _P.args, **named: _P.kwargs) -> _V:  # type: ignore[override]
        """ProcedureContext.with_tx, to be awaited. body is a plain function: nothing is awaited in a transaction."""
    def tx(self) -> _AsyncBlock:
        """A transaction as a block, which is run once: `async with ctx.tx() as tx:`, or `with`. Nobody else commits meanwhile."""
    async def sleep(self, seconds: float | timedelta, /) -> None:  # type: ignore[override]
        """Waits; ctx.timestamp is the present then. Raises TransactionError in a transaction."""
    async def sleep_until(self, when: Timestamp | datetime, /) -> None:  # type: ignore[override]
        """Waits until then; not at all if that has passed."""

class _AsyncBlock(AbstractContextManager[ReducerContext], AbstractAsyncContextManager[ReducerContext]):
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /) -> None: ...
    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /) -> None: ...

class ReducerContext(Generic[_Db]):
    """The first argument of every reducer: who calls, when, and the database. It belongs to this one call.

    `ReducerContext[Db]` says which tables `db` has, for type checkers: a class Db(Database) of one's own, or the one that `orochi
    stubs` writes.
    """

    @property
    def db(self) -> _Db:
        """The database: an attribute for each table."""
    @property
    def sender(self) -> Identity:
        """Who calls; the same for all connections of one player. In schedules and @init it is the database's own or its owner's."""
    @property
    def connection_id(self) -> ConnectionId | None:
        """The caller's connection, or None where there is none: in schedules and @init."""
    @property
    def timestamp(self) -> Timestamp:
        """When the call began, in microseconds since 1970; the same during the whole call."""
    @property
    def identity(self) -> Identity:
        """The database's own identity."""
    @property
    def database_identity(self) -> Identity:
        """The same as identity."""
    @property
    def auth(self) -> Auth:
        """What is known of the caller's token: its claims, and whether the server itself calls."""
    @property
    def sender_auth(self) -> Auth:
        """The same as auth."""
    @property
    def env(self) -> Any:
        """Values of the environment that the module declares with @environment: ctx.env.MODE, ctx.env.get("MODE")."""
    @property
    def rng(self) -> random.Random:
        """Chance: a random.Random, seeded from the call: its time, caller, name and arguments. Not for secrets."""
    @property
    def log(self) -> Log:
        """The module's log."""
    @property
    def dt(self) -> float:
        """Seconds since this schedule last ran, at most its max_dt (0.25); 0.0 in any other call."""
    @property
    def reducer(self) -> str:
        """The name of the reducer that was called."""
    @property
    def caller(self) -> str:
        """Where the call came from: "client", "http", "owner", "schedule" or "internal"."""
    def random(self) -> float:
        """rng.random(): from 0.0 up to, and without, 1.0."""
    def new_uuid4(self) -> UUID:
        """A random UUID, from rng."""
    def new_uuid7(self) -> UUID:
        """A UUID that sorts by time: milliseconds, a counter, chance."""
    def schedule(
        self, fn: Callable[..., Any], /, *args: Any, after: float | timedelta | TimeDuration | None = None,
        at: Timestamp | datetime | None = None, every: float | timedelta | TimeDuration | None = None, cron: str | None = None,
    ) -> int:
        """Has a reducer of the module called later, if this call commits. Gives a number for cancel().

            token = ctx.schedule(explode, bomb.id, after=3.0)
            ctx.schedule(regen, player.id, every=timedelta(seconds=1))

        after: seconds or a timedelta from now. at: a Timestamp or an aware datetime. every: again and again, the first time after one
        interval, or when after= or at= beside it says. cron: "0 4 * * mon", in UTC. The call is a row of st_scheduled_call: it
        survives a restart, and is made as the database. Raises TypeError for what is no reducer or an argument too many or too few,
        EncodeError for one of another type, ValueError for a time that cannot be.
        """
    def schedule_reducer(self, name: str, delay_ms: float, args: Sequence[Any] = ()) -> int:
        """The same by name: ctx.schedule_reducer("explode", 3000, [bomb.id]). LookupError: there is no such reducer."""
    def cancel(self, token: int, /) -> bool:
        """Takes back what schedule() has made; whether it was still to come."""
