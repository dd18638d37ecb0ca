"""The exceptions of the package. What each means for the caller stands in its docstring."""


class OrochiError(Exception):
    """Base of everything that Orochi raises on purpose."""


class ReducerError(OrochiError):
    """Raised by a reducer to refuse a call: rolls back, and its text is what the caller sees.

        if amount > account.balance:
            raise ReducerError("not enough money", code="poor", data={"missing": amount - account.balance})

    With a code the caller sees "code: message"; over HTTP code and data (anything that JSON holds, up to 16 KB) are sent too.
    """

    message, code, data = '', None, None  # for subclasses that do not call __init__
    told = None  # what the caller sees instead of str(), if that is less

    def __init__(self, message="", *, code=None, data=None):
        super().__init__(message)
        self.message = str(message)
        self.code = code
        self.data = data

    def __str__(self):
        message = self.message or Exception.__str__(self)
        return f'{self.code}: {message}' if self.code else message


SenderError = ReducerError


class RowNotFound(ReducerError):
    """get() or one() found no row; a ReducerError, so the caller sees what was missing: "player: no row with id = 7", and only
    "player: no row with this name" where the value may be somebody's secret. str() and the log have the value."""


class DatabaseError(OrochiError):
    """The store refused an operation. Uncaught, the caller sees only a fixed internal text."""


class UniqueViolation(DatabaseError):
    """Another row has the same value in a unique column. The transaction goes on if this is caught.

    Example:

        try:
            ctx.db.player.insert(identity=ctx.sender, name=name)
        except UniqueViolation:
            raise ReducerError("the name is taken") from None
    """


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


_TEXT_MOST = 16_000  # characters of what is sent as JSON, or written into the log


def refusal(error):
    """(text for the caller, text for the log or None, JSON of code and data or None) of a ReducerError that ended a call."""
    text, detail, more = str(error), None, ''
    if error.code is not None or error.data is not None:
        from ._values import json_dump
        code = None if error.code is None else str(error.code)[:200]
        try:
            detail = json_dump({'code': code, 'data': error.data})
            if len(detail) > _TEXT_MOST:
                raise ValueError(f'its JSON has {len(detail)} characters, and may have {_TEXT_MOST}')
            more = f' (data: {json_dump(error.data)[:1000]})' if error.data is not None else ''
        except Exception as why:
            detail = json_dump({'code': code, 'data': None})
            more = f' (its data cannot be sent: {str(why)[:200]})'
    return error.told or text, text[:_TEXT_MOST] + more if more or error.told else None, detail


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


class HttpError(OrochiError):
    """A request of ctx.http has no answer: it was refused, timed out, or the connection failed. A status such as 404 is an answer."""


class ReducerTimeout(BaseException):
    """Injected into a reducer that ran longer than its limit. Not an Exception, so `except Exception` lets it pass."""


class SchemaError(OrochiError):
    """The module's declarations are wrong. str() lists every problem found: file, line, what, and what to do."""

    def __init__(self, problems):
        self.problems = [problems] if isinstance(problems, str) else [str(p) for p in problems]
        super().__init__('\n'.join(self.problems))
