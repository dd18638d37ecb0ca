"""db.mock_http(): what the world outside answers ctx.http in a test."""

import json
import re
import urllib.parse

from .._errors import HttpError
from .._fetch import Http as _Http
from .._fetch import HttpResponse, prepare
from .._http import Headers
from .._names import nearest


class UnmatchedRequest(AssertionError):
    """The module asked a service for which the test has no answer."""


class HttpRequest:
    """What the module asked: method, url, headers (by name, in any case), params (those behind the ?, each its last), body (bytes) and
    timeout (seconds, or None)."""

    def __init__(self, method, url, lines, body, timeout):
        self.method, self.url, self.body, self.timeout = method, url, body, timeout or None
        self.headers = Headers([(name, value.strip()) for name, _, value in (line.partition(':') for line in lines)])

    @property
    def params(self):
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.url).query, keep_blank_values=True))

    def text(self):
        """The body as text."""
        return self.body.decode()

    def json(self):
        """The body read as JSON."""
        return json.loads(self.body)

    def __repr__(self):
        return f'<HttpRequest {self.method} {self.url}, {len(self.body)} bytes>'


class HttpMock:
    """The answers to some requests: db.mock_http() gives it. requests: those that it has answered, in order, as HttpRequest."""

    def __init__(self, url, answers, method, delay):
        if not isinstance(url, (str, re.Pattern)):
            raise TypeError(f'mock_http({url!r}): a URL is a str, "https://api.example/*" for all that begin so, or a compiled pattern')
        if not answers:
            answers = (200,)
        self.url, self.method, self.delay, self.requests = url, method and method.upper(), delay, []
        self._answers = list(answers)

    def _takes(self, request):
        if self.method not in (None, request.method):
            return False
        if isinstance(self.url, re.Pattern):
            return self.url.fullmatch(request.url) is not None
        if self.url.endswith('*'):
            return request.url.startswith(self.url[:-1])
        return self.url in (request.url, request.url.partition('?')[0])

    def _answer(self, request):
        """The next answer; the last one stays."""
        self.requests.append(request)
        given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return _response(given, request)

    def __repr__(self):
        return f'<HttpMock {self.method or "*"} {self.url}, asked {len(self.requests)} times>'


def _response(given, request):
    if isinstance(given, BaseException) or isinstance(given, type) and issubclass(given, BaseException):
        raise given
    if isinstance(given, HttpResponse):
        return HttpResponse(given.status, given.headers.items_list(), given.body, given.url or request.url)
    if callable(given):
        return _response(given(request), request)
    if isinstance(given, int) and not isinstance(given, bool):
        return HttpResponse(given, (), b'', request.url)
    if isinstance(given, (str, bytes)):
        return HttpResponse(200, {'content-type': 'text/plain; charset=utf-8'} if isinstance(given, str) else {}, given, request.url)
    return HttpResponse(200, {'content-type': 'application/json'}, json.dumps(given), request.url)


def _told(request, mocks):
    if not mocks:
        there = 'it has none: '
    else:
        near = nearest(request.url, [m.url for m in mocks if isinstance(m.url, str)])
        there = f'it has {", ".join(f"{m.method or "any"} {getattr(m.url, "pattern", m.url)}" for m in mocks)}'
        there += f'; is {near} meant? Else ' if near else '; else '
    return (f'ctx.http asked {request.method} {request.url}, and nothing leaves a test. It needs an answer of its own; {there}'
            f'db.mock_http({request.url.partition("?")[0]!r}, {{"some": "json"}})')


class Http(_Http):
    """ctx.http in a test."""

    __slots__ = ('_run',)

    def __init__(self, run):
        self._run = run

    def request(self, method, url, *, headers=None, params=None, json=None, body=None, timeout=None):
        request, mock, wait = self._begin(method, url, headers, params, json, body, timeout)
        self._run.wait(wait)
        return self._end(request, mock)

    def _begin(self, method, url, headers, params, json, body, timeout):
        self._run.check('ctx.http')
        request = HttpRequest(*prepare(method, url, headers, params, json, body, timeout))
        mock = self._run.db._mock_of(request)
        if mock is None:
            error = UnmatchedRequest(_told(request, self._run.db._mocks))
            self._run.db._missed.append(error)  # the module may catch it
            raise error
        return request, mock, int(min(mock.delay, request.timeout or mock.delay) * 1e6)

    def _end(self, request, mock):
        if request.timeout is not None and mock.delay >= request.timeout:
            mock.requests.append(request)
            raise HttpError(f'{request.url.partition("?")[0]}: no answer within {request.timeout:g} s')
        return mock._answer(request)


class AsyncHttp(_Http):
    """ctx.http of an `async def` in a test."""

    __slots__ = ('_http', '_loop')

    def __init__(self, run, loop):
        self._http, self._loop = Http(run), loop

    async def request(self, method, url, *, headers=None, params=None, json=None, body=None, timeout=None):
        request, mock, wait = self._http._begin(method, url, headers, params, json, body, timeout)
        await self._loop.pause(wait)
        return self._http._end(request, mock)
