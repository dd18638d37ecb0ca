"""Coroutines of handlers, and ASGI applications, run to their end within the request: an event loop that has no sockets to wait for."""

import asyncio
import re
import sys

from ._errors import OrochiError
from ._http import MOST, Response
from ._threadless import ThreadlessLoop


class _Nothing:
    """What a loop asks for events: there are none, and it waits for none but time."""

    def __init__(self, who):
        self.who = who

    def select(self, timeout):
        if timeout is None:
            raise OrochiError(f'{self.who} waits for something that never comes: within a request there are no sockets, threads or other '
                              'tasks to wait for')
        if timeout > 0:
            import time
            time.sleep(timeout)  # which is refused where reducers may not sleep
        return ()

    def close(self):
        pass


class _Loop(ThreadlessLoop):
    """Runs what is ready."""

    def __init__(self, who):
        super().__init__()
        self._selector = _Nothing(who)

    def _process_events(self, events):
        pass


async def _run_sync(fn, *args, **options):
    return fn(*args)


def _no_threads():
    """anyio, which Starlette stands on, has threads for what is not async; here it runs in this one."""
    module = sys.modules.get('anyio.to_thread')
    if module is not None:
        module.run_sync = _run_sync


def _drive(loop, task):
    """As run_until_complete, which changes the interpreter's hooks for asynchronous generators."""
    asyncio._set_running_loop(loop)
    try:
        while not task.done():
            loop._run_once()
    finally:
        asyncio._set_running_loop(None)


def run(awaitable, who='the handler'):
    """What it gives. Tasks that it leaves behind are cancelled."""
    _no_threads()
    loop = _Loop(who)
    task = loop.create_task(_await(awaitable))
    try:
        _drive(loop, task)
        return task.result()
    finally:
        try:
            _end_tasks(loop)
        finally:
            loop.close()


def _end_tasks(loop):
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    for task in left:
        try:
            _drive(loop, task)
        except OrochiError:  # it was cancelled, and waits again
            task._log_destroy_pending = False


async def _await(awaitable):
    return await awaitable


# ---- ASGI ------------------------------------------------------------------------------------------------------------

_HOST = re.compile(r'(\[[^\]]*\]|.*?)(?::([0-9]{1,5}))?', re.DOTALL)  # whatever a stranger writes


def _scope(ctx, request, prefix):
    raw = request.path.encode()
    host, port = _HOST.fullmatch(request.host).groups()
    root = request.root_path + prefix
    return {
        'type': 'http', 'asgi': {'version': '3.0', 'spec_version': '2.4'}, 'http_version': '1.1', 'method': request.method,
        'scheme': request.scheme, 'path': request.root_path + request.path, 'raw_path': request.root_path.encode() + raw,
        'query_string': request.query_string.encode('latin-1'), 'root_path': root,
        'headers': [(name.encode('latin-1'), value.encode('latin-1')) for name, value in request.headers.items_list()],
        'client': None, 'server': (host.strip('[]'), int(port or 80)), 'state': {'ctx': ctx},
        'extensions': {},
    }


_BYTES = (bytes, bytearray, memoryview)


def _status(status):
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError(f'the application sends the status {status!r}: it is a number from 200 to 599')
    return int(status)


def _fields(pairs):
    try:
        found = [(n, v) for n, v in pairs]
    except (TypeError, ValueError):
        found = [(None, None)]
    if not all(isinstance(text, _BYTES) for pair in found for text in pair):
        raise TypeError('the application sends headers that are no pairs of bytes: [(b"content-type", b"text/plain")]')
    return [tuple(bytes(text).decode('latin-1') for text in pair) for pair in found]


class _Conversation:
    """receive and send of one request."""

    def __init__(self, request):
        self.request, self.asked = request, False
        self.status, self.headers, self.parts, self.size, self.ended = None, [], [], 0, asyncio.Event()

    async def receive(self):
        if self.asked:  # the client is there until the answer is complete
            await self.ended.wait()
            return {'type': 'http.disconnect'}
        self.asked = True
        return {'type': 'http.request', 'body': self.request.body, 'more_body': False}

    async def send(self, message):
        kind = message.get('type') if isinstance(message, dict) else None
        if self.ended.is_set():
            raise OrochiError('the application sends something behind the end of its answer')
        if kind == 'http.response.start' and self.status is None:
            self.status, self.headers = _status(message.get('status')), _fields(message.get('headers', ()))
        elif kind == 'http.response.body' and self.status is not None:
            body = message.get('body', b'')
            if not isinstance(body, _BYTES):
                raise TypeError(f'the application sends a body of {type(body).__name__}: it is bytes')
            self.parts.append(bytes(body))
            self.size += len(self.parts[-1])
            if self.size > MOST:
                raise ValueError(f'the body of an answer may have {MOST >> 20} MiB')
            if not message.get('more_body', False):
                self.ended.set()
        else:
            wanted = 'http.response.body' if self.status is not None else 'http.response.start'
            raise OrochiError(f'the application sends {str(kind or message)[:100]!r} where {{"type": "{wanted}", ...}} is wanted')

    def response(self):
        if self.status is None or not self.ended.is_set():
            raise OrochiError('the application has ended without a whole answer')
        return Response(b''.join(self.parts), self.status, self.headers)


def run_app(app, ctx, request, prefix):
    """The Response of an ASGI application that is mounted at prefix."""
    talk = _Conversation(request)
    (ctx.drive or run)(app(_scope(ctx, request, prefix), talk.receive, talk.send), f'mount({prefix!r})')
    return talk.response()
