"""The exceptions of the package (python-api 9). What each means for the caller stands in its docstring."""


class OrochiError(Exception):
    """Base of everything that Orochi raises on purpose."""


class ReducerError(OrochiError):
    """Raised by a reducer to refuse a call: rolls back, and its text is what the caller sees.

    With a code the caller sees "code: message"; over HTTP code and data are sent too.
    """

    def __init__(self, message="", *, code=None, data=None):
        super().__init__(message)
        self.message = str(message)
        self.code = code
        self.data = data

    def __str__(self):
        return f'{self.code}: {self.message}' if self.code else self.message


SenderError = ReducerError


class RowNotFound(ReducerError):
    """get() or one() found no row; a ReducerError, so the caller sees which row was missing."""


class DatabaseError(OrochiError):
    """The store refused an operation. Uncaught, the caller sees only a fixed internal text."""


class UniqueViolation(DatabaseError):
    """Another row has the same value in a unique column. The transaction goes on if this is caught."""


UniqueAlreadyExists = UniqueViolation  # as SpacetimeDB calls it


class NoSuchRow(DatabaseError):
    """update() of a row whose key is not in the table."""


class AutoIncOverflow(DatabaseError):
    """The sequence of an auto_inc column has passed the largest value of the column's type."""


class WrongIndex(DatabaseError):
    """An index that cannot do what was asked of it, or one that is not there."""


class WrongIndexAlgo(WrongIndex):
    """A range, a part of the columns or an order of a hash index."""


class IndexNotUnique(WrongIndex):
    """find(), get(), update() and the like of a column whose values may occur twice."""


class _Located:
    """Where a conversion failed. Each is None where it is not known.

    offset: byte of the input that is wrong; encoding: how many bytes had been written. path: "events[3].player.name", "" for the
    value itself. expected, found: what was wanted and what was there, as text.
    """

    offset = path = expected = found = None


class EncodeError(_Located, DatabaseError):
    """A Python value does not fit its column or parameter; the text has the path and both types. type_name: the value's."""

    type_name = None


class DecodeError(_Located, OrochiError):
    """Bytes that are not a value of the expected type; the text has offset and path."""


class TransactionError(OrochiError):
    """A context, table or row set was used outside the call it belongs to."""


NotInTransaction = TransactionError


class ForbiddenInReducer(OrochiError):
    """Something that reducers may not do (files, sockets, sleeping, processes)."""


class ReducerTimeout(BaseException):
    """Injected into a reducer that ran longer than its limit. Not an Exception, so `except Exception` lets it pass."""


class SchemaError(OrochiError):
    """The module's declarations are wrong. str() lists every problem found: file, line, what, and what to do."""

    def __init__(self, problems):
        self.problems = [problems] if isinstance(problems, str) else [str(p) for p in problems]
        super().__init__('\n'.join(self.problems))
