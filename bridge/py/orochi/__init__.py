"""Write a game server's rules in Python: tables are annotated classes, reducers are functions in a transaction.

    from orochi import AutoKey, ReducerContext, reducer, table, u64

    @table(public=True)
    class Message:
        id: AutoKey[u64] = 0
        text: str

    @reducer
    def say(ctx: ReducerContext, text: str):
        ctx.db.message.insert(text=text)

Run it with `orochi run FILE`; clients connect with any SpacetimeDB SDK.
"""

from ._context import (AnonymousViewContext, AsyncProcedureContext, Auth, BaseColumn, Database, Err, IndexColumn, Log, Ok,
                       ProcedureContext, ReducerContext, Result, Rows, Table, UniqueColumn, ViewContext, asdict)
from ._declare import (Column, client_connected, client_disconnected, field, init, migration, on_load, procedure, product, reducer,
                       scheduled, table, updated)
from ._env import environment
from ._errors import (AutoIncOverflow, DatabaseError, DecodeError, EncodeError, ForbiddenInReducer, HttpError, IndexNotUnique, NoSuchRow,
                      NotInTransaction, OrochiError, ReducerError, ReducerTimeout, RowNotFound, SchemaError, SenderError,
                      TransactionError, UniqueAlreadyExists, UniqueViolation, WrongIndex, WrongIndexAlgo)
from ._filters import row_filter
from ._http import Headers, Request, Response
from ._routes import HandlerContext, mount, route
from ._query import Aggregate, Query, avg, count, max_, min_, query, sum_
from ._types import (AutoInc, AutoKey, DirectIndex, Ge, Gt, HashIndex, Index, Json, Le, Len, Lt, Pattern, PrimaryKey, Unique, Variant,
                     f32, f64, i8, i16, i32, i64, i128, i256, u8, u16, u32, u64, u128, u256)
from ._values import ConnectionId, Identity, ScheduleAt, TimeDuration, Timestamp
from ._views import view

__all__ = [name for name in dir() if not name.startswith('_')]
