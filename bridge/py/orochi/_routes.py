"""HTTP handlers: @route, mount(), the router that finds who answers, and the context of a handler (docs/http.md#handlers)."""

import contextlib
import difflib
import inspect
import random
import re
import types
import typing
import urllib.parse
import uuid

from . import _advice, _context, _source
from ._declare import _function_place_problem, _orochi, REGISTRY
from ._errors import ReducerError
from ._http import HEADERS_MOST, Request, Response, read_request, response_of, write_response
from ._types import evaluate_parameter
from ._values import ConnectionId, Identity, Timestamp

ATTEMPTS = 3  # of a transaction; the last one runs alone and cannot conflict
_METHOD = re.compile(r"[A-Z0-9!#$%&'*+.^_`|~-]{1,32}")
_CONVERTERS = {
    'str': (r'[^/]+', str), 'int': (r'-?[0-9]{1,19}', int), 'float': (r'-?[0-9]{1,300}(?:\.[0-9]{1,300})?', float),
    'uuid': (r'[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}', uuid.UUID), 'path': (r'.*', str),
}
NO_ROUTE = 'Database has not registered a handler for this route'


# ---- declarations ----------------------------------------------------------------------------------------------------

class RouteDeclaration:
    """A function with @route, or an application of mount()."""

    def __init__(self, fn, methods, path, place, app=None):
        self.fn, self.methods, self.path, self.place, self.app = fn, methods, path, place, app
        self.module = fn.__module__ if fn is not None else _source.module_of_caller()

    @property
    def name(self):
        return self.fn.__name__ if self.fn is not None else f'mount({self.path!r})'


def route(method=None, path=None, /, *more, **unknown):
    """Makes a function answer HTTP requests to /v1/database/NAME/route/PATH.

        @route("GET", "/player/{id:int}")
        def show(ctx: HandlerContext, request: Request, id: int) -> Response:
            with ctx.tx() as tx:
                return Response.json(tx.db.player.get(id))

    method: "GET", "POST", ..., a list of them, or "ANY". path: as it stands behind /route, "" for nothing; {name} stands for
    anything without a slash, {name:int}, {name:float}, {name:uuid} for those, {name:path} for all that is left. What it stands
    for is in request.params, and given to parameters of that name. A path without {} is found before those with them, and
    these in the order in which they are declared. The function gives a Response, str, bytes, a value for JSON, or None (204); an
    exception is a 500 whose text is in the log only, a ReducerError a 400 with its text. It may be async def.
    """
    for name in [*map(repr, more), *unknown]:
        REGISTRY.problem(_source.of_caller(), f'@route has no option {name!r}: it takes method and path, by position: @route("GET", "/path")')
    if more or unknown:
        return lambda fn: fn

    def declare(fn):
        if _function_place_problem('route', fn):
            return fn
        REGISTRY.routes.append(RouteDeclaration(fn, [method] if isinstance(method, str) else method, path, _source.of_function(fn)))
        return fn

    if isinstance(method, types.FunctionType):
        fn, method, path = method, 'GET', None
        return declare(fn)
    return declare


def mount(path=None, app=None, /, *more, **unknown):
    """Has an ASGI application (Starlette, and with isolation = "main" FastAPI) answer what begins with path, by any method:

        mount("/app", Starlette(routes=[...]))

    Its scope has the HandlerContext as `scope["state"]["ctx"]` (in Starlette: request.state.ctx). It waits for nothing outside of the
    process: what asyncio is asked for runs in this call, functions that are not async among them.
    """
    place = _source.of_caller()
    if wrong := _no_application(path, app, [*more, *unknown]):
        REGISTRY.problem(place, f'mount({path!r}, ...): {wrong}' if isinstance(path, str) else f'mount(): {wrong}')
        return _nothing
    REGISTRY.routes.append(RouteDeclaration(None, ['ANY'], path, place, app))


def _nothing(thing):
    """What mount() gives where it was used as a decorator, so that the import goes on."""
    return thing


def _no_application(path, app, more):
    """Why these are no arguments of mount(), and what to write; or None."""
    usage = 'write mount("/app", Starlette(...))'
    if more or app is None or not isinstance(path, str):
        return f'it takes a path and an ASGI application, by position: {usage}'
    if isinstance(app, type):
        return f'{app.__name__} is a class, and an application is an object: write mount({path!r}, {app.__name__}(...))'
    if not callable(app):
        return f'{app!r} is no ASGI application: {usage}'
    if '{' in path:
        return 'what begins with the path is the application\'s, and its own routes may have braces: write mount("/app", ...)'
    try:
        inspect.signature(app).bind({}, None, None)
    except TypeError:
        return ('an ASGI application is called with (scope, receive, send), and this one takes something else: WSGI, as Flask and Django speak it, is '
                f'another interface: {usage}')
    except ValueError:  # no signature to be had
        pass
    return None


# ---- checks and the router -------------------------------------------------------------------------------------------

def _pattern(path, problem):
    """(regular expression, {name: converter}) of a path with {name:type}, or None after problem(text)."""
    expression, names, at = '', {}, 0
    for found in re.finditer(r'\{([^{}]*)\}', path):
        name, _, kind = found[1].partition(':')
        kind = kind or 'str'
        if not name.isidentifier() or name in names:
            problem(f'{{{found[1]}}}: in braces stands a name, each once, and perhaps a type: {{id:int}}')
            return None
        if kind not in _CONVERTERS:
            problem(f'{{{found[1]}}}: the type is one of {", ".join(_CONVERTERS)}')
            return None
        if kind == 'path' and found.end() != len(path):
            problem(f'{{{found[1]}}}: a path takes all that is left, so it stands at the end')
            return None
        expression += re.escape(path[at:found.start()]) + f'(?P<{name}>{_CONVERTERS[kind][0]})'
        names[name], at = _CONVERTERS[kind][1], found.end()
    if '{' in path[at:] or '}' in re.sub(r'\{[^{}]*\}', '', path):
        problem('a brace without its other half')
        return None
    return re.compile(expression + re.escape(path[at:]), re.DOTALL), names


class Route:
    """A checked declaration."""

    def __init__(self, declared, pattern, names):
        self.methods, self.path, self.fn, self.app = declared.methods, declared.path, declared.fn, declared.app
        self.name, self.place, self.pattern, self.names = declared.name, declared.place, pattern, names
        self.given = ()
        if self.fn is not None:
            self.given = tuple(p for p in list(inspect.signature(self.fn).parameters)[2:])

    @property
    def literal(self):
        return not self.names and self.app is None

    def takes(self, method):
        return 'ANY' in self.methods or method in self.methods

    def find(self, path):
        """What the path has for {...}, or None. For an application: what is left of the path."""
        if self.app is not None:
            inside = path == self.path or path.startswith(self.path.rstrip('/') + '/')
            return {} if inside else None
        found = self.pattern.fullmatch(path)
        return found and {name: make(found[name]) for name, make in self.names.items()}


def check(declared, problem):
    """Routes of what was declared; problem(place, text) notes what is wrong."""
    routes, seen = [], {}
    for d in declared:
        def wrong(text, d=d):
            problem(d.place, f'{d.name}: ' + ('' if d.app is not None else f'@route({_shown(d.methods)}, {d.path!r}): ') + text)
        if text := _wrong_path(d) or _wrong_methods(d):
            wrong(text)
            continue
        pattern = _pattern(d.path, wrong) if d.app is None else (None, {})
        if pattern is None or d.fn is not None and not _check_function(d, pattern[1], wrong):
            continue
        made = Route(d, *pattern)
        shape = re.sub(r'\{[^{}:]*', '{', d.path) if d.app is None else ('mount', d.path.rstrip('/'))
        for method in made.methods:
            for (other_shape, other), first in seen.items():
                if other_shape == shape and ('ANY' in (method, other) or method == other):
                    wrong(f'{first.name} at {first.place} answers that already')
            seen[shape, method] = made
        routes.append(made)
    return routes


def _shown(methods):
    return ', '.join(map(repr, methods)) if isinstance(methods, (list, tuple, set)) else repr(methods)


_OTHER_PATHS = (  # as other frameworks have it
    (re.compile(r'<(?:(\w+):)?(\w+)>'), lambda found: f'{{{found[2]}:{found[1]}}}' if found[1] in _CONVERTERS else f'{{{found[2]}}}'),
    (re.compile(r'(?<=/):(\w+)'), lambda found: f'{{{found[1]}}}'))


def _wrong_path(d):
    """What is wrong with the path of a route, or None."""
    path = d.path
    usage = 'a path is text that begins with /: @route("GET", "/score")'
    if not isinstance(path, str):
        first = d.methods[0] if isinstance(d.methods, list) and d.methods else None
        if path is None and isinstance(first, str) and first.startswith('/'):
            return f'the method comes first: write @route("GET", {first!r})'
        return usage
    if path in _METHODS and d.app is None:
        return f'the method comes first: write @route({path!r}, {_shown(d.methods)})'
    if path and not path.startswith('/'):
        return usage
    for other, made in _OTHER_PATHS:
        if other.search(path) and d.app is None:
            return f'what stands for anything is written in braces: {other.sub(made, path)!r}'
    if re.search('%[0-9a-fA-F]{2}', path):
        return f'a path is written as it is meant, and clients encode it: {urllib.parse.unquote(path)!r}'
    if '?' in path or '#' in path:
        return 'what stands behind ? is no part of the path: read it from request.query'
    if any(part in ('.', '..') for part in path.split('/')):
        return 'clients take . and .. out of a path before they ask'
    if not path.isprintable():
        return 'a path has no control characters'
    if path.startswith('/v1/database/'):
        return 'it is the path behind /v1/database/NAME/route: @route("GET", "/score")'
    return None


def _wrong_methods(d):
    """What is wrong with the methods of a route, or None."""
    methods = d.methods
    if not isinstance(methods, (list, tuple, set)) or not methods or not all(isinstance(m, str) and _METHOD.fullmatch(m) for m in methods):
        return 'the method is "GET", "POST" ... in capitals, a list of them, or "ANY"'
    for method in methods:
        near = difflib.get_close_matches(method, _METHODS, 1, 0.85)
        if near and near[0] != method:
            return f'the method {method!r} is none that clients know: do you mean {near[0]}?'
    return None


def _check_function(d, names, wrong):
    parameters = list(inspect.signature(d.fn).parameters.values())
    if inspect.isgeneratorfunction(d.fn) or inspect.isasyncgenfunction(d.fn):
        wrong('a handler is no generator: return Response(parts) with an iterable')
    elif _advice.owner_class(d.fn) is not None:
        wrong('a handler is a function of the module: move it out of the class')
    elif len(parameters) < 2 or any(p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters[:2]):
        wrong(f'a handler takes its context and the request: def {d.name}(ctx: HandlerContext, request: Request)')
    elif other := _other_context(d.fn, parameters):
        wrong(f'a handler takes its context and the request, not {other}: def {d.name}(ctx: HandlerContext, request: Request); '
              'ctx.with_tx(body) runs a transaction')
    elif d.fn.__name__.isidentifier() and _advice.hidden_by(d.fn) is not None:
        wrong('a decorator above @route wraps the function, and requests would pass it by: put @route on top')
    elif text := next(filter(None, (_wrong_parameter(d.fn, p, names) for p in parameters[2:])), None):
        wrong(text)
    elif stray := [p.name for p in parameters[2:] if p.name not in names and p.default is p.empty and p.kind < p.VAR_POSITIONAL]:
        wrong(f'the parameter {stray[0]!r} stands for nothing in the path: write {{{stray[0]}}} there, or take it out')
    else:
        return True
    return False


_HINTS = {int: (int,), float: (int, float), str: (str,), uuid.UUID: (uuid.UUID,)}
_KINDS = {int: 'int', float: 'float', uuid.UUID: 'uuid'}


def _wrong_parameter(fn, p, names):
    """Why a parameter cannot be given what stands in the path, or None. names: as _pattern gives them."""
    if p.name not in names:
        return None
    if p.kind is p.POSITIONAL_ONLY:
        return f'the parameter {p.name!r} is given by name: take the / out of the parameters'
    made = names[p.name]
    hint = _hint(fn, p)
    if hint in (Identity, ConnectionId):
        return (f'the parameter {p.name!r} is of type {hint.__name__}, and {{{p.name}}} gives {made.__name__}: '
                f'annotate str, and make {hint.__name__}.from_hex({p.name}) of it')
    if hint not in _HINTS or made in _HINTS[hint]:
        return None
    written = f'{{{p.name}:{_KINDS[hint]}}}' if hint in _KINDS else f'{{{p.name}}}'
    return f'the parameter {p.name!r} is of type {hint.__name__}, and {{{p.name}}} gives {made.__name__}: write {written} in the path'


def _hint(fn, p):
    """What the annotation of a parameter says, or None."""
    if p.annotation is p.empty:
        return None
    try:
        hint = evaluate_parameter(fn, p.name, p.annotation)
        hash(hint)
        return hint
    except Exception:  # a name that only type checkers know
        return None


def _other_context(fn, parameters):
    """The name of what stands where the HandlerContext should, or of a context in the request's place; or None."""
    for p, wanted in zip(parameters, (HandlerContext, Request)):
        hint = _hint(fn, p)
        hint = typing.get_origin(hint) or hint
        if hint is not wanted and (hint in (HandlerContext, Request, str, int, bytes, dict)
                                   or getattr(hint, '__module__', None) == _context.__name__):
            return hint.__name__
    return None


_METHODS = ('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH')


def sections(routes):
    """Of the module definition. Paths with {...} and applications are ours alone, so they are not in it."""
    handlers = dict.fromkeys(r.fn.__name__ for r in routes if r.fn is not None)
    listed = [dict(handler_function=r.fn.__name__, method=_method10(m), path=r.path) for r in routes if r.literal for m in r.methods]
    return [{'HttpHandlers': [dict(source_name=name) for name in handlers]}, {'HttpRoutes': listed}]


def _method10(method):
    if method == 'ANY':
        return {'Any': []}
    return {'Method': {method.capitalize(): []} if method in _METHODS else {'Extension': method}}


class Router:
    """Finds who answers, and has him do it. One for each version of a module, in each interpreter."""

    def __init__(self, routes):
        self.routes = [r for r in routes if r.literal] + [r for r in routes if not r.literal and r.app is None]
        self.routes += sorted((r for r in routes if r.app is not None), key=lambda r: -len(r.path))
        if any(r.app is not None or inspect.iscoroutinefunction(r.fn) for r in routes):
            from . import _asgi  # now, and not while somebody waits
            self._asgi = _asgi

    def find(self, method, path):
        """(route, what its path has for {...}), or None. HEAD is answered by what answers GET, if by nothing of its own."""
        for wanted in (method, 'GET') if method == 'HEAD' else (method,):
            for r in self.routes:
                found = r.find(path) if r.takes(wanted) else None
                if found is not None:
                    return r, found
        return None

    def __call__(self, data, sender, database, claims, micros):
        """From the engine's bytes to its bytes (bridge/host/handler.c)."""
        return write_response(self.respond(read_request(data), HandlerContext(sender, database, Timestamp(micros))))

    def respond(self, request, ctx):
        """The Response to a request. Raises what the handler raises, but for a ReducerError, which is an answer."""
        try:
            found = self.find(request.method, request.path)
            if found is None:
                return Response(NO_ROUTE, 404)
            response = self._answer(ctx, request, *found)
            size = sum(len(name) + len(value) + 4 for name, value in response.headers)
            if size > HEADERS_MOST:
                raise ValueError(f'{found[0].name} ({found[0].place}): the headers of its answer take {size} bytes, and there is room for '
                                 f'{HEADERS_MOST}: put it into the body, or say less')
            return response
        except ReducerError as error:
            return Response(str(error.told or error), 400)

    def _answer(self, ctx, request, r, found):
        request.params = found
        if r.app is not None:
            return self._asgi.run_app(r.app, ctx, request, r.path.rstrip('/'))
        value = r.fn(ctx, request, **{name: found[name] for name in r.given if name in found})
        if inspect.isawaitable(value):
            from ._asgi import run
            value = (ctx.drive or run)(value, r.name)
        try:
            made = response_of(value)
            return Response(made.body, made.status, made.headers)  # it may have been changed, or be of a class of the author's
        except Exception as error:  # in no line of the handler's
            kind = ValueError if isinstance(error, ValueError) else TypeError
            raise kind(f'{r.name} ({r.place}): what it returned cannot be sent: {error}') from error


# ---- the context -----------------------------------------------------------------------------------------------------

class HandlerContext:
    """The first argument of a handler. There is no ctx.db: what reads or writes tables is a transaction.

    ctx.with_tx(body, *args) runs body(tx, *args) in one and gives its result; it may run again, when another commit has changed what
    it read, so it does nothing but work on tables. `with ctx.tx() as tx:` is one that runs once and holds the database's turn to
    write, so it should be short. Raising rolls back. tx is the context of reducers: tx.db, tx.sender, tx.timestamp, tx.rng.
    sender: an identity of this request alone; who asks is the handler's own business (request.headers).
    """

    drive = None  # what runs coroutines in its stead (orochi.testing)

    def __init__(self, sender, database, timestamp):
        self.sender, self.identity, self.database_identity, self.timestamp = sender, database, database, timestamp
        self.connection_id = None
        self._rng = None

    @property
    def log(self):
        return _orochi._tx_log()

    @property
    def env(self):
        """The values of the environment that the module declares."""
        return _orochi._tx_env()

    @property
    def rng(self):
        """A random.Random of this request's own."""
        if self._rng is None:
            self._rng = random.Random(int(self.sender))
        return self._rng

    def random(self):
        return self.rng.random()

    def with_tx(self, body, /, *args, **named):
        """body(tx, *args) in a transaction. As a decorator it runs at once, and the name holds what it gives."""
        if not callable(body):
            raise TypeError('ctx.with_tx() takes a function of the transaction: ctx.with_tx(lambda tx: ...)')
        for attempt in range(ATTEMPTS):
            tx = _orochi._tx_begin(attempt == ATTEMPTS - 1)
            try:
                result = body(tx, *args, **named)
            except BaseException:
                if _orochi._tx_end(False):
                    raise
                continue
            if inspect.iscoroutine(result):
                result.close()
                _orochi._tx_end(False)
                raise TypeError('the body of a transaction waits for nothing: write def, not async def')
            if _orochi._tx_end(True):
                return result
        raise AssertionError('the last attempt cannot conflict')

    @contextlib.contextmanager
    def tx(self):
        """A transaction that runs once: `with ctx.tx() as tx:`."""
        tx = _orochi._tx_begin(True)
        try:
            yield tx
        except BaseException:
            _orochi._tx_end(False)
            raise
        _orochi._tx_end(True)

    def __getattr__(self, name):
        if name == 'db':
            raise AttributeError('a handler has no ctx.db: write `with ctx.tx() as tx:` and tx.db, or ctx.with_tx(body)')
        if name in ('schedule', 'schedule_reducer', 'cancel'):
            raise AttributeError(f'a handler has no ctx.{name}(), which changes rows: ctx.with_tx(lambda tx: tx.{name}(...))')
        if name in ('http', 'sleep'):
            raise AttributeError(f'a handler has no ctx.{name}: it answers at once, and what waits is a @procedure')
        raise AttributeError(f'a HandlerContext has no {name!r}', name=name, obj=self)
