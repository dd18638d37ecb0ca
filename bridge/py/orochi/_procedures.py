"""Procedures: what a declaration means, and the context that one is given (docs/procedures.md)."""

import datetime
import functools
import inspect
import random
import typing

from . import _advice, _context, _source
from ._errors import TransactionError
from ._fetch import AsyncHttp, Http
from ._schedule import ScheduleProblem, time_us
from ._types import element, evaluate_parameter, pascal, UNIT
from ._values import Timestamp

try:
    import _orochi
except ImportError:  # an ordinary interpreter
    _orochi = None

NOTHING = (None, type(None), 'None')


# ---- declarations ----------------------------------------------------------------------------------------------------

def is_one(declared):
    """Whether a declared function is a procedure: what is @scheduled is one if it is `async def`, or takes a ProcedureContext."""
    if declared.decorator != 'scheduled':
        return declared.decorator == 'procedure'
    first = next(iter(inspect.signature(declared.fn).parameters.values()), None)
    hint = getattr(first, 'annotation', None)
    return (inspect.iscoroutinefunction(declared.fn) or hint is _context.ProcedureContext
            or isinstance(hint, str) and hint.rpartition('.')[2] == 'ProcedureContext')


def resolve(builder, declared):
    """Checks a function with @procedure and notes it in the builder, or its problems."""
    fn, name = declared.fn, declared.name

    def place():
        return _source.of_function(fn)
    builder._check_name(place, 'procedure', name)
    if _advice.hidden_by(fn) is not None:
        builder.problem(place(), f'{name}: a decorator above @procedure wraps the function, and callers would pass it by: put '
                                 '@procedure on top')
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        builder.problem(place(), f'{name}: a procedure is no generator: its caller gets one value: return it')
    parameters = list(inspect.signature(fn).parameters.values())
    kinds = (_context.ProcedureContext, _context.AsyncProcedureContext)[:1 + inspect.iscoroutinefunction(fn)]
    if not parameters or not any(builder._is_context(declared, parameters[0], kind) for kind in kinds):
        said = f'async def {name}(ctx: AsyncProcedureContext)' if len(kinds) == 2 else f'def {name}(ctx: ProcedureContext)'
        builder.problem(place(), f'{name}: the first parameter of a procedure is its context: {said}')
    entry = builder.function_entry(declared, place, parameters[1:])
    entry['returns'] = _returns(builder, declared, place)
    entry['is_async'] = inspect.iscoroutinefunction(fn)
    builder.procedures.append(entry)
    if declared.schedule is not None and len(parameters) > 1:
        builder.problem(place(), f'{name}: a function with @scheduled takes only the context; for arguments make a table with scheduled=')
    elif declared.schedule is not None:
        entry['public'] = False
        builder._schedule(entry, declared.schedule)


def _returns(builder, declared, place):
    """(spec, sats) of what it returns."""
    hint = inspect.signature(declared.fn).return_annotation
    if hint is inspect.Signature.empty and declared.schedule is not None:  # nobody gets it
        return ('unit',), UNIT
    if hint is inspect.Signature.empty:
        builder.problem(place(), f'{declared.name}: a procedure says what it returns: def {declared.name}(ctx: ProcedureContext, ...) '
                                 '-> str, or -> None')
        return ('unit',), UNIT
    if hint in NOTHING or hint in (typing.NoReturn, typing.Never):
        return ('unit',), UNIT
    found = builder._try(place, f'{declared.name} -> {_advice.show(hint)}', lambda: builder.types.resolve(
        evaluate_parameter(declared.fn, 'return', hint), pascal(declared.name) + 'Result'))
    return found or (('unit',), UNIT)


def definition(p):
    """A procedure in the definition of version 10."""
    return dict(source_name=p['name'], params={'elements': [element(w, s) for _, w, _, s in p['params']]}, return_type=p['returns'][1],
                visibility={'ClientCallable' if p['public'] else 'Private': []})


def described(p, defaults):
    """What version 10 has no place for, for oro_schema_parse."""
    return {'name': p['name'], 'timeout_ms': p['timeout_ms'] or 0, 'async': p['is_async'], **defaults}


def bound(p):
    """What the codecs of an interpreter are made from."""
    return dict(name=p['name'], fn=p['fn'], params=tuple((q[0], q[2]) for q in p['params']), takes_row=p['takes_row'], result=p['returns'][0])


# ---- the context -----------------------------------------------------------------------------------------------------

def _seconds(value, what):
    """A time in seconds from a number or a timedelta."""
    if isinstance(value, datetime.timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f'{what} takes seconds or a timedelta, not {type(value).__name__}')
    if value != value:
        raise ValueError(f'{what} takes a number of seconds, and NaN is none')
    return min(value, 10 ** 10)


def _left(when, now):
    """Seconds from one time until a Timestamp or an aware datetime."""
    try:
        return (time_us(when) - int(now)) / 1e6
    except ScheduleProblem as problem:
        advice = str(problem).replace('for a span of time there is after=', 'for a span of time there is ctx.sleep()')
        raise TypeError(f'ctx.sleep_until({when!r}): {advice}') from None


_OF_TRANSACTIONS = ('schedule', 'schedule_reducer', 'cancel')


async def _sure():
    """Waits until what a coroutine has committed is on disk, if its caller is told of nothing else."""
    if seq := _orochi._loop_unsure():
        from ._loop import durable
        await durable(seq)


class Transaction:
    """ctx.tx(): `with ctx.tx() as tx:` runs its block once, in a transaction that commits at its end, and that is rolled back if
    it raises. Nobody else commits meanwhile, so it has to be short."""

    __slots__ = ()

    def __enter__(self):
        return _orochi._procedure_begin()

    def __exit__(self, kind, error, trace):
        _orochi._procedure_end(kind is None)
        return False

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, kind, error, trace):
        self.__exit__(kind, error, trace)
        if kind is None:
            await _sure()
        return False


class Context(_context.ProcedureContext):
    """What a procedure is given as ctx. In no transaction: it has no db."""

    def __new__(cls, *args):
        return object.__new__(cls)

    def __init__(self, given):
        self.sender, self.connection_id, self.identity = given.sender, given.connection_id, given.identity
        self.timestamp, self.auth, self.caller, self.log = given.timestamp, given.auth, given.caller, given.log
        self.procedure, self.env = given.reducer, given.env
        self._rng, self._count = None, 0

    http = Http()
    @property
    def rng(self):
        """Chance, of this call's own."""
        if self._rng is None:  # it takes 2.5 KB
            self._rng = random.Random()
        return self._rng

    database_identity = property(lambda self: self.identity)
    sender_auth = property(lambda self: self.auth)

    def __getattr__(self, name):
        if name == 'db':
            raise TransactionError('a procedure is in no transaction: rows are read and changed in ctx.with_tx(body), where '
                                   'body(tx) has tx.db')
        if name in _OF_TRANSACTIONS:
            raise AttributeError(f'a ProcedureContext has no {name}(), which changes rows: ctx.with_tx(lambda tx: tx.{name}(...))')
        raise AttributeError(f'a ProcedureContext has no {name!r}', name=name, obj=self)

    def random(self):
        """rng.random()"""
        return self.rng.random()

    def new_uuid4(self):
        """A random UUID, of version 4."""
        import uuid
        return uuid.UUID(int=self.rng.getrandbits(128), version=4)

    def new_uuid7(self):
        """A UUID that sorts by time."""
        import uuid
        ms, self._count = int(self.timestamp) // 1000, self._count + 1
        n = ms << 80 | 7 << 76 | (self._count >> 19 & 0xfff) << 64 | 2 << 62 | (self._count & 0x7ffff) << 43 | self.rng.getrandbits(43)
        return uuid.UUID(int=n)

    def with_tx(self, body, /, *args, **named):
        """Runs body(tx, *args) in a transaction and gives what it returns. tx is as a reducer's ctx. Returning commits, raising
        rolls back. It may be run again when it conflicts with another transaction, so it must do nothing outside of it."""
        return _orochi._procedure_tx(functools.partial(body, **named) if named else body, *args)

    def tx(self):
        """A transaction as a block, which is run once: `with ctx.tx() as tx:`."""
        return Transaction()

    def sleep(self, seconds, /):
        """Waits so many seconds (or a timedelta); ctx.timestamp is the time then."""
        _orochi._procedure_wait(max(0.0, _seconds(seconds, 'ctx.sleep()')))
        self.timestamp = Timestamp.now()

    def sleep_until(self, when, /):
        """Waits until a Timestamp or an aware datetime; not at all if it has passed."""
        self.sleep(_left(when, Timestamp.now()))


# ---- async def -------------------------------------------------------------------------------------------------------

class AsyncContext(Context):
    """What an `async def` is given: what waits is awaited, and so are transactions."""

    _run = None  # set by the event loop

    @property
    def http(self):
        return AsyncHttp(self)

    def _here(self, what):
        """That it may wait now."""
        from ._loop import check
        check(self._run, what)

    async def with_tx(self, body, /, *args, **named):
        self._here('ctx.with_tx()')
        given = Context.with_tx(self, body, *args, **named)
        await _sure()
        return given

    def tx(self):
        self._here('ctx.tx()')
        return Transaction()

    async def sleep(self, seconds, /):
        import asyncio
        seconds = _seconds(seconds, 'ctx.sleep()')
        self._here('ctx.sleep()')
        await asyncio.sleep(max(0.0, seconds))
        self.timestamp = Timestamp.now()

    async def sleep_until(self, when, /):
        await self.sleep(_left(when, Timestamp.now()))


def make_context(given, is_async=False):
    """For the engine: the context of a procedure, with what the engine knows of its call."""
    return AsyncContext(given) if is_async else Context(given)
