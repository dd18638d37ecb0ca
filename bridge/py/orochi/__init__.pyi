"""The public surface for type checkers and editors. Meaning: the docstrings of the implementation."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Annotated, Any, Concatenate, Generic, Literal, ParamSpec, Self, TypeVar, dataclass_transform, overload
from uuid import UUID

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])
_Db = TypeVar("_Db", bound=Database, default=Database, covariant=True)
_P = ParamSpec("_P")

# ---- scalars: an int or a float for a checker

i8 = Annotated[int, "i8"]
i16 = Annotated[int, "i16"]
i32 = Annotated[int, "i32"]
i64 = Annotated[int, "i64"]
i128 = Annotated[int, "i128"]
i256 = Annotated[int, "i256"]
u8 = Annotated[int, "u8"]
u16 = Annotated[int, "u16"]
u32 = Annotated[int, "u32"]
u64 = Annotated[int, "u64"]
u128 = Annotated[int, "u128"]
u256 = Annotated[int, "u256"]
f32 = Annotated[float, "f32"]
f64 = Annotated[float, "f64"]
Json = Annotated[Any, "json"]

# ---- column properties: the type itself for a checker

PrimaryKey = Annotated[_T, "primary key"]
AutoInc = Annotated[_T, "auto_inc"]
AutoKey = Annotated[_T, "primary key, auto_inc"]
Unique = Annotated[_T, "unique"]
Index = Annotated[_T, "btree"]
HashIndex = Annotated[_T, "hash"]
DirectIndex = Annotated[_T, "direct"]

@dataclass_transform(frozen_default=True)
class Variant(Generic[_T]):
    """A member of a union that holds one value of another type: `class Damage(Variant[u32]): ...`, Damage(5).value."""

    value: _T
    def __init__(self, value: _T) -> None: ...

class Column:
    columns: tuple[str, ...]
    name: str | None
    algorithm: str
    def __init__(
        self, *columns: str, name: str | None = None, algorithm: Literal["btree", "hash", "direct"] = "btree"
    ) -> None: ...

class Ge:
    ge: Any
    def __init__(self, ge: Any) -> None: ...

class Gt:
    gt: Any
    def __init__(self, gt: Any) -> None: ...

class Le:
    le: Any
    def __init__(self, le: Any) -> None: ...

class Lt:
    lt: Any
    def __init__(self, lt: Any) -> None: ...

class Len:
    min_length: int
    max_length: int | None
    def __init__(self, min_length: int = 0, max_length: int | None = None) -> None: ...

class Pattern:
    pattern: str
    def __init__(self, pattern: str) -> None: ...

# ---- declarations

@overload
def field(
    *, default: _T, primary_key: bool = False, auto_inc: bool = False, unique: bool = False,
    index: bool | Literal["btree", "hash", "direct"] = False, name: str | None = None, doc: str | None = None,
    kw_only: bool = True,
) -> _T: ...
@overload
def field(
    *, default_factory: Callable[[], _T], primary_key: bool = False, auto_inc: bool = False, unique: bool = False,
    index: bool | Literal["btree", "hash", "direct"] = False, name: str | None = None, doc: str | None = None,
    kw_only: bool = True,
) -> _T: ...
@overload
def field(
    *, primary_key: bool = False, auto_inc: bool = False, unique: bool = False,
    index: bool | Literal["btree", "hash", "direct"] = False, name: str | None = None, doc: str | None = None,
    kw_only: bool = True,
) -> Any: ...

@overload
@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def table(cls: type[_T], /) -> type[_T]: ...
@overload
@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def table(
    *, name: str | None = None, public: bool = False, primary_key: str | None = None, auto_inc: str | Sequence[str] = (),
    unique: str | Sequence[str] = (), indexes: str | Sequence[str | tuple[str, ...] | Column] = (), event: bool = False,
    scheduled: str | Callable[..., Any] | None = None, owner: str | None = None, rls: str | Sequence[str] = (), dropped: str | Sequence[str] = (),
    renamed: Mapping[str, str] | None = None,
) -> Callable[[type[_T]], type[_T]]: ...

@overload
@dataclass_transform(field_specifiers=(field,))
def product(cls: type[_T], /) -> type[_T]: ...
@overload
@dataclass_transform(field_specifiers=(field,))
def product(*, name: str | None = None) -> Callable[[type[_T]], type[_T]]: ...

@overload
def reducer(fn: _F, /) -> _F: ...
@overload
def reducer(
    *, name: str | None = None, public: bool = True, timeout_ms: int | None = None, reads: Sequence[type] | None = None,
    writes: Sequence[type] | None = None,
) -> Callable[[_F], _F]: ...

@overload
def procedure(fn: _F, /) -> _F: ...
@overload
def procedure(*, name: str | None = None, public: bool = True, timeout_ms: int | None = None) -> Callable[[_F], _F]: ...

@overload
def scheduled(fn: _F, /) -> _F: ...
@overload
def scheduled(
    *, interval_ms: float | None = None, delay_ms: float | None = None, repeating: bool = True,
    interval: timedelta | float | None = None, delay: timedelta | float | None = None, hz: float | None = None,
    cron: str | None = None, missed: Literal["skip", "all", "delay"] = "skip", volatile: bool | None = None,
    max_dt: float = 0.25, start_after: timedelta | float | None = None,
) -> Callable[[_F], _F]: ...

@overload
def init(fn: _F, /) -> _F: ...
@overload
def init() -> Callable[[_F], _F]: ...
@overload
def updated(fn: _F, /) -> _F: ...
@overload
def updated() -> Callable[[_F], _F]: ...
@overload
def client_connected(fn: _F, /) -> _F: ...
@overload
def client_connected() -> Callable[[_F], _F]: ...
@overload
def client_disconnected(fn: _F, /) -> _F: ...
@overload
def client_disconnected() -> Callable[[_F], _F]: ...
@overload
def on_load(fn: _F, /) -> _F: ...
@overload
def on_load() -> Callable[[_F], _F]: ...

def migration(*, table: str | type) -> Callable[[Callable[[dict[str, Any]], Any]], Callable[[dict[str, Any]], Any]]: ...

def route(method: str | Sequence[str], path: str, /) -> Callable[[_F], _F]: ...
@overload
def environment(cls: type[_T], /) -> type[_T]: ...
@overload
def environment() -> Callable[[type[_T]], type[_T]]: ...
def mount(path: str, app: Callable[..., Any], /) -> None: ...

@overload
def view(fn: _F, /) -> _F: ...
@overload
def view(*, name: str | None = None, public: bool = True, primary_key: str | None = None) -> Callable[[_F], _F]: ...

class Query(Generic[_T]):
    """Rows of one table said as a condition, for views to return; each call gives another one."""

    def where(self, condition: Callable[[Any], Any]) -> Query[_T]:
        """Only the rows for which it holds, lambda p: (p.score >= 10) & (p.name != "bot")."""
    def order_by(self, column: str) -> Query[_T]:
        """In the order of a column that has an index; "-score": backwards."""
    def limit(self, n: int) -> Query[_T]:
        """At most n rows, the first in their order."""
    def group_by(self, *columns: str) -> Query[Any]:
        """A row for each value of a column, or of several together, with what agg() says of its rows."""
    def agg(self, **columns: Aggregate) -> Query[Any]:
        """What the view's rows have beside the columns of group_by(): agg(players=count(), best=max_("score"))."""
    def sql(self) -> str:
        """The same as SQL."""

def query(cls: type[_T], /) -> Query[_T]: ...

class Aggregate:
    """What count(), sum_(), min_(), max_() and avg() give, for agg()."""

def count(column: str | None = None) -> Aggregate:
    """For agg(): how many rows; of a column: how many in which it is not None."""
def sum_(column: str) -> Aggregate:
    """For agg(): the sum of a column of numbers."""
def min_(column: str) -> Aggregate:
    """For agg(): the least value of a column."""
def max_(column: str) -> Aggregate:
    """For agg(): the greatest value of a column."""
def avg(column: str) -> Aggregate:
    """For agg(): the mean of a column of numbers."""

def row_filter(sql: str, /) -> None:
    """A row filter: clients see the rows of a table that it has, or any other filter of that table."""

# ---- values

class Identity:
    def __init__(self, value: int | bytes) -> None: ...
    @classmethod
    def from_hex(cls, text: str, /) -> Self: ...
    @property
    def hex(self) -> str: ...
    def to_bytes(self) -> bytes: ...
    def __int__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __lt__(self, other: Identity, /) -> bool: ...
    def __le__(self, other: Identity, /) -> bool: ...
    def __gt__(self, other: Identity, /) -> bool: ...
    def __ge__(self, other: Identity, /) -> bool: ...

class ConnectionId:
    def __init__(self, value: int | bytes) -> None: ...
    @classmethod
    def from_hex(cls, text: str, /) -> Self: ...
    @property
    def hex(self) -> str: ...
    def to_bytes(self) -> bytes: ...
    def __int__(self) -> int: ...
    def __hash__(self) -> int: ...
    def __lt__(self, other: ConnectionId, /) -> bool: ...
    def __le__(self, other: ConnectionId, /) -> bool: ...
    def __gt__(self, other: ConnectionId, /) -> bool: ...
    def __ge__(self, other: ConnectionId, /) -> bool: ...

class TimeDuration(int):
    @classmethod
    def of(cls, value: timedelta | float) -> TimeDuration: ...
    def to_timedelta(self) -> timedelta: ...
    def total_seconds(self) -> float: ...
    def __add__(self, other: timedelta | int, /) -> TimeDuration: ...
    def __sub__(self, other: timedelta | int, /) -> TimeDuration: ...
    def __neg__(self) -> TimeDuration: ...

class Timestamp(int):
    @classmethod
    def now(cls) -> Timestamp: ...
    @classmethod
    def from_datetime(cls, value: datetime) -> Timestamp: ...
    def to_datetime(self) -> datetime: ...
    def __add__(self, other: timedelta | int, /) -> Timestamp: ...
    @overload  # type: ignore[override]
    def __sub__(self, other: Timestamp | datetime, /) -> TimeDuration: ...  # type: ignore[overload-overlap]
    @overload
    def __sub__(self, other: timedelta | int, /) -> Timestamp: ...

class ScheduleAt:
    is_interval: bool
    value: TimeDuration | Timestamp
    @classmethod
    def every(cls, interval: timedelta | int) -> ScheduleAt: ...
    @classmethod
    def at(cls, when: datetime | int) -> ScheduleAt: ...

# ---- rows, tables, contexts

from ._context import AnonymousViewContext as AnonymousViewContext
from ._context import Auth as Auth
from ._context import BaseColumn as BaseColumn
from ._context import Database as Database
from ._context import Err as Err
from ._context import IndexColumn as IndexColumn
from ._context import Log as Log
from ._context import Ok as Ok
from ._context import AsyncProcedureContext as AsyncProcedureContext
from ._context import ProcedureContext as ProcedureContext
from ._context import ReducerContext as ReducerContext
from ._context import Result as Result
from ._context import Rows as Rows
from ._context import Table as Table
from ._context import UniqueColumn as UniqueColumn
from ._context import ViewContext as ViewContext
from ._context import asdict as asdict

# ---- errors

class OrochiError(Exception): ...

class ReducerError(OrochiError):
    message: str
    code: str | None
    data: Any
    def __init__(self, message: str = "", *, code: str | None = None, data: Any = None) -> None: ...

SenderError = ReducerError

class RowNotFound(ReducerError): ...
class DatabaseError(OrochiError): ...
class UniqueViolation(DatabaseError): ...

UniqueAlreadyExists = UniqueViolation

class NoSuchRow(DatabaseError): ...
class AutoIncOverflow(DatabaseError): ...
class WrongIndex(DatabaseError): ...
class WrongIndexAlgo(WrongIndex): ...
class IndexNotUnique(WrongIndex): ...
class _Located:
    offset: int | None
    path: str | None
    expected: str | None
    found: str | None

class EncodeError(_Located, DatabaseError):
    type_name: str | None

class DecodeError(_Located, OrochiError): ...
class TransactionError(OrochiError): ...

NotInTransaction = TransactionError

class ForbiddenInReducer(OrochiError): ...
class HttpError(OrochiError):
    """A request of ctx.http has no answer: it was refused, timed out, or the connection failed. A status such as 404 is an answer."""

class ReducerTimeout(BaseException): ...

class SchemaError(OrochiError):
    problems: list[str]
    def __init__(self, problems: str | Iterable[str]) -> None: ...

# ---- HTTP handlers

class Headers(Mapping[str, str]):
    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None: ...
    def __getitem__(self, name: str, /) -> str: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def getlist(self, name: str, /) -> list[str]: ...
    def items_list(self) -> list[tuple[str, str]]: ...

class _Query(Mapping[str, str]):
    def __getitem__(self, name: str, /) -> str: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def getlist(self, name: str, /) -> list[str]: ...

class Request:
    method: str
    path: str
    params: dict[str, Any]
    headers: Headers
    query_string: str
    body: bytes
    root_path: str
    host: str
    scheme: str
    @property
    def query(self) -> _Query: ...
    @property
    def url(self) -> str: ...
    def text(self) -> str: ...
    def json(self) -> Any: ...
    def form(self) -> _Query: ...

class Response:
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    def __init__(self, body: str | bytes | bytearray | memoryview | Iterable[str | bytes] = b"", status: int = 200,
                 headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None, content_type: str | None = None) -> None: ...
    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None) -> Self: ...
    @classmethod
    def redirect(cls, url: str, status: int = 307) -> Self: ...
    def text(self) -> str: ...
    def value(self) -> Any: ...
    def set_cookie(self, name: str, value: str = "", *, path: str = "/", max_age: float | None = None, http_only: bool = True,
                   secure: bool = False, same_site: str = "Lax") -> None: ...

class HandlerContext(Generic[_Db]):
    sender: Identity
    identity: Identity
    database_identity: Identity
    timestamp: Timestamp
    connection_id: None
    @property
    def log(self) -> Log: ...
    @property
    def env(self) -> Any: ...
    @property
    def rng(self) -> random.Random: ...
    def random(self) -> float: ...
    def with_tx(self, body: Callable[Concatenate[ReducerContext[_Db], _P], _T], /, *args: _P.args, **named: _P.kwargs) -> _T: ...
    def tx(self) -> AbstractContextManager[ReducerContext[_Db]]: ...
