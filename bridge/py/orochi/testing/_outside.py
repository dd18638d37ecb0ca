"""What runs outside of transactions in a test: procedures and HTTP handlers, from their begin to their end, in virtual time."""

import contextlib
import inspect
import random
import sys

from .. import _procedures, _routes
from .._errors import DecodeError, ReducerError, ReducerTimeout, TransactionError
from .._values import Timestamp, format_exception
from ._mock import AsyncHttp, Http

_ERROR, _WARN, _INFO, _DEBUG = range(4)
_LEVELS = {'error': _ERROR, 'critical': _ERROR, 'warning': _WARN, 'warn': _WARN, 'info': _INFO, 'debug': _DEBUG}


class Log:
    """ctx.log where no transaction is: lines of db.logs, as the engine writes them."""

    def __init__(self, lines, name):
        self._lines, self._name = lines, name

    def __call__(self, text, level='info'):
        if isinstance(level, int):
            level = next(name for least, name in ((40, 'error'), (30, 'warning'), (20, 'info'), (-1, 'debug')) if level >= least)
        self._put(_LEVELS[str(level).lower()], text, ())

    def _put(self, level, text, args, more=''):
        frame = sys._getframe(2)
        text = str(text) % args if args else str(text)
        self._lines.append((level, 'module', f'{self._name}: {frame.f_code.co_filename}:{frame.f_lineno}: {text}{more}'))

    def debug(self, text, /, *args):
        self._put(_DEBUG, text, args)

    def info(self, text, /, *args):
        self._put(_INFO, text, args)

    def warning(self, text, /, *args):
        self._put(_WARN, text, args)

    def error(self, text, /, *args):
        self._put(_ERROR, text, args)

    critical = error

    def exception(self, text, /, *args):
        error = sys.exception()
        self._put(_ERROR, text, args, '' if error is None else '\n' + format_exception(error, None))


class Run:
    """A procedure or a request that runs. name: the procedure's, "" of a request. limit: microseconds that it may take, or None."""

    def __init__(self, db, who, name, limit=None):
        self.db, self.who, self.name = db, who, name
        self.end_at = None if limit is None else db.now + limit
        self.in_tx = self.over = False
        db._tick()
        self._free = int(db.now)  # no transaction of its own had this time

    def check(self, what):
        """Nothing waits in a transaction, or begins another one there."""
        if self.over:
            raise TransactionError(f'{what} was used outside of the procedure it belongs to')
        if self.in_tx:
            raise TransactionError(f'{what} was called in a transaction, which waits for nothing and has none inside: do it before or '
                                   'after')

    def begin(self, what):
        self.check(what)
        if self.db.now != self._free:
            self.db._tick()
        self._free = None
        tx = self.db._begin(self.who, self.name)
        self.in_tx = True
        return tx

    def end(self, commit):
        self.in_tx = False
        self.db._end(commit)

    def with_tx(self, body, args, named):
        if not callable(body):
            raise TypeError('ctx.with_tx() takes a function of the transaction: ctx.with_tx(lambda tx: ...)')
        tx = self.begin('ctx.with_tx()')
        try:
            value = body(tx, *args, **named)
            if inspect.iscoroutine(value):
                value.close()
                raise TypeError('the body of a transaction is a plain function, def body(tx): nothing is awaited in it')
        except BaseException:
            self.end(False)
            raise
        self.end(True)
        return value

    def wait(self, micros):
        """Lets time pass, in which everything else that is due runs. ReducerTimeout at its limit."""
        end = self.db.now + max(0, micros)
        if self.end_at is not None and end > self.end_at:
            self.db._pass(self.end_at)
            raise ReducerTimeout('the procedure waited longer than its limit')
        self.db._pass(end)

    def close(self):
        self.over = True
        if self.in_tx:
            self.end(False)
            self.db._say(_ERROR, f'{self.name} has left a transaction open: it is rolled back')


class Block:
    """ctx.tx(), of a `with` or an `async with`."""

    def __init__(self, run):
        self._run = run

    def __enter__(self):
        return self._run.begin('ctx.tx()')

    def __exit__(self, kind, error, trace):
        if not self._run.in_tx:
            raise TransactionError('this transaction has ended already')
        self._run.end(kind is None)

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, *error):
        self.__exit__(*error)


def _micros(seconds, what):
    return int(min(_procedures._seconds(seconds, what), 1e12) * 1e6)


class Context(_procedures.Context):
    """What a procedure of a test is given."""

    def __init__(self, run, given):
        super().__init__(given)
        self._run = run
        self.log = Log(run.db._engine.logs(), run.name)
        self._rng = random.Random(f'{run.db._seed} {run.name} {int(self.timestamp)}')
        self.http = Http(run)

    def with_tx(self, body, /, *args, **named):
        return self._run.with_tx(body, args, named)

    def tx(self):
        return Block(self._run)

    def sleep(self, seconds, /):
        self._run.check('ctx.sleep()')
        self._run.wait(_micros(seconds, 'ctx.sleep()'))
        self.timestamp = self._run.db.now

    def sleep_until(self, when, /):
        self.sleep(_procedures._left(when, self._run.db.now))


class AsyncContext(Context):
    """What an `async def` of a test is given."""

    def __init__(self, run, given, loop):
        super().__init__(run, given)
        self._loop = loop
        self.http = AsyncHttp(run, loop)

    async def with_tx(self, body, /, *args, **named):
        return self._run.with_tx(body, args, named)

    async def sleep(self, seconds, /):
        self._run.check('ctx.sleep()')
        await self._loop.pause(_micros(seconds, 'ctx.sleep()'))
        self.timestamp = self._run.db.now

    async def sleep_until(self, when, /):
        await self.sleep(_procedures._left(when, self._run.db.now))


# ---- procedures ------------------------------------------------------------------------------------------------------

def _args_codec(db, p):
    return db._declared.codec_of(('params', p['name']), lambda: ('product', tuple, 'tuple', tuple((q[0], q[2]) for q in p['params'])))


def encode_args(db, p, values):
    """The bytes that a client would send."""
    return _args_codec(db, p).encode(tuple(values))


def run_procedure(db, who, p, data):
    """Runs it with the arguments' bytes; gives what its caller is told. Raises what it raises."""
    name = p['name']
    try:
        values = _args_codec(db, p).decode(data) if p['takes_row'] else ()
    except DecodeError as error:
        raise ReducerError(f'invalid arguments for procedure {name}: {error}') from None
    run = Run(db, who, name, None if p['timeout_ms'] is None else p['timeout_ms'] * 1000)
    try:
        value = _run(db, run, p, values)
    except ReducerError as error:
        db._say(_INFO, f'{name}: {error}')
        raise
    except BaseException as error:
        db._say(_ERROR, f'{name}: {format_exception(error, None)}')
        raise
    finally:
        run.close()
    codec = db._declared.codec_of(('returns', name), lambda: p['returns'][0])
    return codec.decode(codec.encode(value))


def _loop_of(run):
    from ._loop import Loop  # asyncio, which most tests do without
    return Loop(run)


def _run(db, run, p, values):
    loop = _loop_of(run) if p['is_async'] else None
    given = db._begin(run.who, run.name)
    try:
        ctx = Context(run, given) if loop is None else AsyncContext(run, given, loop)
    finally:
        given = None
        db._end(False)
    if loop is None:
        return p['fn'](ctx, *values)
    return loop.drive(p['fn'](ctx, *values))


# ---- handlers --------------------------------------------------------------------------------------------------------

class HandlerContext(_routes.HandlerContext):
    """What a handler of a test is given."""

    def __init__(self, run, sender, database, env):
        super().__init__(sender, database, Timestamp(run.db.now))
        self._run, self._env = run, env

    @property
    def log(self):
        return Log(self._run.db._engine.logs(), 'http')

    @property
    def env(self):
        return self._env

    def drive(self, awaitable, name):
        return _loop_of(self._run).drive(awaitable)

    def with_tx(self, body, /, *args, **named):
        return self._run.with_tx(body, args, named)

    def tx(self):
        return Block(self._run)


def answer(db, who, request):
    """What the module's routes answer, as Router gives it. Raises what the handler raised."""
    from .. import Identity
    declared, run = db._declared, Run(db, who, '')
    ctx = HandlerContext(run, Identity(int.from_bytes(who[0], 'little')), Identity(int.from_bytes(db._identity, 'little')),
                         declared.environment)
    with contextlib.closing(run):
        return declared.router.respond(request, ctx)
