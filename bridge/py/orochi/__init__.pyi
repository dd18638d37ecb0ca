"""The public surface for type checkers and editors. Meaning: the docstrings of the implementation."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, Literal, Never, Self, TypeVar, dataclass_transform, overload
from uuid import UUID

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])

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
def scheduled(fn: _F, /) -> _F: ...
@overload
def scheduled(
    *, interval_ms: float | None = None, delay_ms: float | None = None, repeating: bool = True,
    interval: timedelta | float | None = None, delay: timedelta | float | None = None, hz: float | None = None,
    cron: str | None = None, missed: Literal["skip", "all", "delay"] = "skip", volatile: bool | None = None,
    max_dt: float = 0.25,
) -> Callable[[_F], _F]: ...

@overload
def init(fn: _F, /) -> _F: ...
@overload
def init() -> Callable[[_F], _F]: ...
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

# Of later versions: using one is reported when the module is loaded.
def view(fn: Never, /) -> Never: ...
def procedure(fn: Never, /) -> Never: ...
def route(method: Never, path: Never, /) -> Never: ...
def row_filter(sql: Never, /) -> Never: ...
def updated(fn: Never, /) -> Never: ...

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

from ._context import Auth as Auth
from ._context import BaseColumn as BaseColumn
from ._context import Database as Database
from ._context import Err as Err
from ._context import IndexColumn as IndexColumn
from ._context import Log as Log
from ._context import Ok as Ok
from ._context import ReducerContext as ReducerContext
from ._context import Result as Result
from ._context import Rows as Rows
from ._context import Table as Table
from ._context import UniqueColumn as UniqueColumn
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
class ReducerTimeout(BaseException): ...

class SchemaError(OrochiError):
    problems: list[str]
    def __init__(self, problems: str | Iterable[str]) -> None: ...
