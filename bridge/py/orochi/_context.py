"""Names for annotations, and the two values of a Result. What a reducer gets at run time are C types with the same names, whose
docstrings are those of _context.pyi."""

import dataclasses
from typing import Generic, TypeVar

R = TypeVar('R')
K = TypeVar('K')
D = TypeVar('D')
T = TypeVar('T')
E = TypeVar('E')


@dataclasses.dataclass(frozen=True, slots=True)
class Ok(Generic[T]):
    """The good side of a Result."""

    value: T


@dataclasses.dataclass(frozen=True, slots=True)
class Err(Generic[E]):
    """The bad side of a Result."""

    value: E


class Result(Generic[T, E]):
    """Annotation Result[T, E]: the value is Ok(x) or Err(x)."""


class _Given:
    """What reducers are given and nobody makes."""

    def __new__(cls, *args, **kwargs):
        to = {'ViewContext': 'views', 'AnonymousViewContext': 'views', 'ProcedureContext': 'procedures'}.get(cls.__name__, 'reducers')
        raise TypeError(f'{"an" if cls.__name__[0] == "A" else "a"} {cls.__name__} is given to {to} with each call, and cannot be made')


class ReducerContext(_Given, Generic[D]):
    """The first argument of every reducer: who calls, when, and the database."""


class ViewContext(_Given, Generic[D]):
    """The first argument of a view that each client sees its own rows of: ctx.sender, and ctx.db to read."""


class AnonymousViewContext(_Given, Generic[D]):
    """The first argument of a view whose rows are the same for all: ctx.db to read."""


class ProcedureContext(_Given):
    """The first argument of every procedure: who calls, when, and ways to transactions and to the world outside
    (docs/procedures.md). What a procedure gets is a class of _procedures.py."""


class AsyncProcedureContext(ProcedureContext):
    """The first argument of a procedure that is an `async def`: ctx.sleep(), ctx.http and ctx.with_tx() are awaited."""


class Database(_Given):
    """ctx.db: one attribute for each table; db[Class] is the same."""


class Table(_Given, Generic[R]):
    """One table of ctx.db."""


class BaseColumn(Generic[R, K]):
    """A column of a table: ctx.db.player.name; it has filter() and count()."""


class IndexColumn(BaseColumn[R, K]):
    """A column with an index: ranges, delete(), min(), max(), top(), iter() too."""


class UniqueColumn(BaseColumn[R, K]):
    """The primary key or a unique column: find(), get(), update(), upsert(), delete() too."""


class Auth:
    """ctx.auth: what is known of the caller's token."""


class Log:
    """ctx.log: a logger, which may also be called."""


class Rows(Generic[R]):
    """Rows found: a snapshot, a sequence. What an index answers is fetched when it is looked at, and first(),
    limit(n), [:n] and order_by() along an index read no more than they give; offset(n) reads what it skips, too."""


def asdict(row):
    """A row or record as a dict, deeply."""
    if hasattr(type(row), '__dataclass_fields__'):
        return {name: asdict(getattr(row, name)) for name in type(row).__dataclass_fields__}
    if isinstance(row, (list, tuple, set, frozenset)) and not hasattr(row, '_fields'):
        return type(row)(asdict(item) for item in row)
    if isinstance(row, dict):
        return {key: asdict(value) for key, value in row.items()}
    return row
