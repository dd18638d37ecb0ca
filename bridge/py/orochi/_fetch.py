"""ctx.http: requests of procedures to services of the world outside (docs/procedures.md#requests)."""

import json as json_
import urllib.parse

from ._errors import HttpError
from ._http import Headers, _pairs

try:
    import _orochi
except ImportError:  # an ordinary interpreter
    _orochi = None


class HttpResponse:
    """An answer of ctx.http: status, headers (by name, in any case), body (bytes), and url, where it came from in the end. A status of
    400 or more is no error: ok says whether it is below, raise_for_status() makes one of it."""

    __slots__ = ('status', 'headers', 'body', 'url')

    def __init__(self, status, headers=(), body=b'', url=''):
        self.status, self.url = status, url
        self.headers = headers if isinstance(headers, Headers) else Headers(headers.items() if hasattr(headers, 'items') else headers)
        self.body = body.encode() if isinstance(body, str) else bytes(body)

    @property
    def ok(self):
        return self.status < 400

    def text(self):
        """The body as text; what is no UTF-8 is replaced."""
        return self.body.decode('utf-8', 'replace')

    def json(self):
        """The body as JSON. HttpError if it is none."""
        try:
            return json_.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise HttpError(f'the answer of status {self.status} is no JSON: {error}') from None

    def raise_for_status(self):
        """HttpError for a status of 400 or more, else the answer itself."""
        if self.ok:
            return self
        raise HttpError(f'the answer has status {self.status}: {self.text()[:200]}')

    def __repr__(self):
        return f'<HttpResponse {self.status}, {len(self.body)} bytes>'


def prepare(method, url, headers, params, json, body, timeout):
    """What the engine is asked: method, url, headers as lines, body, seconds."""
    if not isinstance(url, str):
        raise TypeError(f'a URL is a str, not {type(url).__name__}')
    url = url.partition('#')[0]
    if params:
        url += ('&' if '?' in url else '?') + urllib.parse.urlencode(params, doseq=True)
    pairs = _pairs(headers)
    given = {name.lower() for name, _ in pairs}
    if json is not None:
        if body is not None:
            raise TypeError('a request has json= or body=, not both')
        body = json_.dumps(json, separators=(',', ':'), allow_nan=False).encode()
        if 'content-type' not in given:
            pairs.append(('content-type', 'application/json'))
    elif isinstance(body, str):
        body = body.encode()
        if 'content-type' not in given:
            pairs.append(('content-type', 'text/plain; charset=utf-8'))
    elif body is not None and not isinstance(body, (bytes, bytearray, memoryview)):
        raise TypeError(f'body= is bytes or str, not {type(body).__name__}; for JSON write json=')
    elif body and 'content-type' not in given:
        pairs.append(('content-type', 'application/octet-stream'))
    if timeout is not None:
        timeout = timeout.total_seconds() if hasattr(timeout, 'total_seconds') else timeout
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout > 0:
            raise ValueError(f'timeout={timeout!r}: it is a number of seconds above zero')
    lines = tuple(f'{name}: {value}' for name, value in pairs)
    return str(method).upper(), url, lines, bytes(body or b''), float(timeout or 0)


def answer(given):
    """From what the engine gives."""
    status, url, lines, body = given
    pairs = [(name.strip(), value.strip()) for name, _, value in (line.partition(':') for line in lines.split('\n') if line)]
    return HttpResponse(status, pairs, body, url)


class Http:
    """ctx.http: request(method, url, headers=, params=, json=, body=, timeout=), and get, post, put, patch, delete, head."""

    __slots__ = ()

    def request(self, method, url, *, headers=None, params=None, json=None, body=None, timeout=None):
        """Asks and waits for the answer, whole. headers, params: dicts or pairs. json: becomes the body, as JSON. body: bytes or str.
        timeout: seconds, for all of it. HttpError when there is no answer."""
        return answer(_orochi._procedure_fetch(*prepare(method, url, headers, params, json, body, timeout)))

    def get(self, url, **options):
        """request('GET', url, ...)"""
        return self.request('GET', url, **options)

    def post(self, url, **options):
        """request('POST', url, ...)"""
        return self.request('POST', url, **options)

    def put(self, url, **options):
        """request('PUT', url, ...)"""
        return self.request('PUT', url, **options)

    def patch(self, url, **options):
        """request('PATCH', url, ...)"""
        return self.request('PATCH', url, **options)

    def delete(self, url, **options):
        """request('DELETE', url, ...)"""
        return self.request('DELETE', url, **options)

    def head(self, url, **options):
        """request('HEAD', url, ...)"""
        return self.request('HEAD', url, **options)


class AsyncHttp(Http):
    """ctx.http of an `async def`: the same, to be awaited. Other coroutines go on meanwhile."""

    __slots__ = ('_ctx',)

    def __init__(self, ctx):
        self._ctx = ctx

    async def request(self, method, url, *, headers=None, params=None, json=None, body=None, timeout=None):
        """As of Http, awaited."""
        from . import _loop
        self._ctx._here('ctx.http')
        return answer(await _loop.fetch(prepare(method, url, headers, params, json, body, timeout)))
