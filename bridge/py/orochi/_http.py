"""What HTTP handlers are given and give: Request, Response, and the bytes in which both cross to the engine (runtime/http/handlers.c)."""

import collections.abc
import dataclasses
import datetime
import enum
import json
import re
import struct
import urllib.parse
import uuid

from ._context import asdict
from ._errors import ReducerError
from ._values import ConnectionId, Identity

MOST = 32 << 20  # bytes of an answer's body
HEADERS_MOST = 8191  # of its headers: struct oro_http_response
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONTROL = re.compile('[\x00-\x08\x0a-\x1f\x7f]')


class Headers(collections.abc.Mapping):
    """Header fields by name, in any case. A field that came several times is one value here, joined by commas; getlist(name) gives
    them one by one, items_list() all (name, value) pairs as they came."""

    def __init__(self, pairs=()):
        self._pairs = [(name.lower(), value) for name, value in pairs]

    def __getitem__(self, name):
        found = self.getlist(name)
        if not found:
            raise KeyError(name)
        return ('; ' if name.lower() == 'cookie' else ', ').join(found)

    def __iter__(self):
        return iter(dict.fromkeys(name for name, _ in self._pairs))

    def __len__(self):
        return len({name for name, _ in self._pairs})

    def __contains__(self, name):
        return isinstance(name, str) and any(known == name.lower() for known, _ in self._pairs)

    def getlist(self, name):
        name = name.lower()
        return [value for known, value in self._pairs if known == name]

    def items_list(self):
        return list(self._pairs)

    def __repr__(self):
        return f'Headers({self._pairs!r})'


class Query(collections.abc.Mapping):
    """The parameters behind the ? of a URL, or of a form. query["a"] is the first one of that name, getlist("a") gives all."""

    def __init__(self, text):
        try:
            self._pairs = urllib.parse.parse_qsl(text, keep_blank_values=True, max_num_fields=1000)
        except ValueError:
            raise ReducerError('more than 1000 parameters') from None

    def __getitem__(self, name):
        for known, value in self._pairs:
            if known == name:
                return value
        raise KeyError(name)

    def __iter__(self):
        return iter(dict.fromkeys(name for name, _ in self._pairs))

    def __len__(self):
        return len({name for name, _ in self._pairs})

    def getlist(self, name):
        return [value for known, value in self._pairs if known == name]

    def __repr__(self):
        return f'Query({self._pairs!r})'


class Request:
    """A request to a handler, complete with its body.

    method; path: behind /v1/database/NAME/route; params: what stands in the path for {name:type}; headers: by name, in any case;
    query: the parameters behind the ?; body: bytes. text(), json() and form() read the body; what cannot be read is answered
    with 400, unless the ReducerError is caught. url: as the client sees it, behind proxies too (X-Forwarded-Proto, -Host).
    """

    def __init__(self, method, path, *, headers=(), query_string='', body=b'', root_path='', host=''):
        self.method, self.path, self.params = method, path, {}
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.query_string, self.body, self.root_path = query_string, body, root_path
        self.host = self.headers.get('x-forwarded-host') or host
        self.scheme = self.headers.get('x-forwarded-proto') or 'http'
        self._query = None

    @property
    def query(self):
        if self._query is None:
            self._query = Query(self.query_string)
        return self._query

    @property
    def url(self):
        path = urllib.parse.quote(self.root_path + self.path, safe="/:@!$&'()*+,;=~")
        return f'{self.scheme}://{self.host}{path}' + (f'?{self.query_string}' if self.query_string else '')

    def text(self):
        """The body as UTF-8."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise ReducerError(f'the body is no UTF-8: byte {error.start}') from None

    def json(self):
        """The body as JSON."""
        try:
            return json.loads(self.text())
        except (ValueError, RecursionError) as error:  # an integer of 5000 digits is a ValueError
            raise ReducerError(f'the body is no JSON: {error}') from None

    def form(self):
        """The body of an HTML form (application/x-www-form-urlencoded)."""
        return Query(self.text())

    def __repr__(self):
        return f'<Request {self.method} {self.path}>'


class Response:
    """An answer: Response("no such player", status=404), Response(png, headers={"content-type": "image/png"}).

    body: str (sent as UTF-8, text/plain unless said otherwise), bytes, or an iterable of such, up to 32 MiB altogether. headers: a
    dict or pairs; a value with control characters is refused. content_type: instead of that header. Response.json(value) is
    for JSON, Response.redirect(url) for another place.
    """

    def __init__(self, body=b'', status=200, headers=None, content_type=None):
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
            raise ValueError(f'Response(status={status!r}): it is a number from 200 to 599')
        self.status = int(status)
        self.headers = _pairs(headers)
        if content_type is not None:
            self.headers.append(('content-type', content_type))
        elif isinstance(body, str) and not any(name.lower() == 'content-type' for name, _ in self.headers):
            self.headers.append(('content-type', 'text/plain; charset=utf-8'))
        self.body = _gathered(body)
        for name, value in self.headers:
            _check_header(name, value)

    @classmethod
    def json(cls, value, status=200, headers=None):
        """The value as JSON: rows and dataclasses as objects, Identity and the like as text. ValueError for NaN and infinity, which JSON
        does not have."""
        return cls(json.dumps(value, default=_json, ensure_ascii=False, allow_nan=False, separators=(',', ':')).encode(), status, headers,
                   'application/json')

    @classmethod
    def redirect(cls, url, status=307):
        return cls(b'', status, {'location': url})

    def text(self):
        """The body as text, for tests."""
        return self.body.decode()

    def value(self):
        """The body read as JSON, for tests."""
        return json.loads(self.body)

    def set_cookie(self, name, value='', *, path='/', max_age=None, http_only=True, secure=False, same_site='Lax'):
        """Adds a Set-Cookie field."""
        text = f'{name}={value}; Path={path}; SameSite={same_site}'
        text += '' if max_age is None else f'; Max-Age={int(max_age)}'
        self.headers.append(('set-cookie', text + ('; HttpOnly' if http_only else '') + ('; Secure' if secure else '')))
        _check_header(*self.headers[-1])

    def __repr__(self):
        return f'<Response {self.status}, {len(self.body)} bytes>'


def _pairs(headers):
    try:
        return [(str(n), str(v)) for n, v in (headers.items() if hasattr(headers, 'items') else headers or ())]
    except (TypeError, ValueError):
        raise TypeError(f'headers are a dict or pairs, {{"content-type": "image/png"}}, and not {type(headers).__name__}') from None


def _check_header(name, value):
    if not _TOKEN.fullmatch(name):
        raise ValueError(f'{name!r} is no name of a header')
    if _CONTROL.search(value):
        raise ValueError(f'the header {name} has a control character in its value: {value[:100]!r}')


def _gathered(body):
    if isinstance(body, str):
        body = body.encode()
    elif isinstance(body, (bytes, bytearray, memoryview)):
        body = bytes(body)
    elif isinstance(body, collections.abc.Iterable) and not isinstance(body, collections.abc.Mapping):
        parts, size = [], 0
        for part in body:
            parts.append(part.encode() if isinstance(part, str) else bytes(part))
            size += len(parts[-1])
            if size > MOST:
                break
        body = b''.join(parts)
    else:
        raise TypeError(f'a body is str, bytes or an iterable of them, not {type(body).__name__}: for JSON return the value itself, or '
                        'Response.json(value)')
    if len(body) > MOST:
        raise ValueError(f'the body of an answer may have {MOST >> 20} MiB')
    return body


def _json(value):
    if hasattr(type(value), '__dataclass_fields__'):
        return {field: getattr(value, field) for field in type(value).__dataclass_fields__}
    if isinstance(value, (Identity, ConnectionId)):
        return value.hex
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, (set, frozenset)) or isinstance(value, collections.abc.Iterable):
        return list(value)
    if dataclasses.is_dataclass(value):
        return asdict(value)
    raise TypeError(f'{type(value).__name__} has no form in JSON')


def response_of(value):
    """The Response that a handler has given."""
    if isinstance(value, Response):
        return value
    if value is None:
        return Response(status=204)
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        return Response(value, content_type=None if isinstance(value, str) else 'application/octet-stream')
    return Response.json(value)


# ---- to and from the engine ------------------------------------------------------------------------------------------

def _taken(data):
    at = 0
    while at < len(data):
        n, = struct.unpack_from('<I', data, at)
        yield data[at + 4:at + 4 + n]
        at += 4 + n


def read_request(data):
    """A Request from the engine's bytes."""
    method, host, root, path, query, fields, body = _taken(data)
    pairs = []
    for line in fields.split(b'\n'):
        name, colon, value = line.rstrip(b'\r\0 \t').partition(b':')
        if colon:
            pairs.append((name.decode('latin-1'), value.strip(b' \t').decode('latin-1')))
    return Request(method.decode('latin-1'), path.decode(), headers=Headers(pairs), query_string=query.decode('latin-1'), body=body,
                   root_path=root.decode(), host=host.decode('latin-1'))


def write_request(request):
    """The same bytes, for tests of modules."""
    fields = b''.join(f'{name}: {value}\r\n'.encode('latin-1') for name, value in request.headers.items_list())
    parts = (request.method.encode(), request.host.encode(), request.root_path.encode(), request.path.encode(),
             request.query_string.encode(), fields, request.body)
    return b''.join(struct.pack('<I', len(part)) + part for part in parts)


def write_response(response):
    out = [struct.pack('<HI', response.status, len(response.headers))]
    for pair in response.headers:
        for text in pair:
            text = text.encode('latin-1', 'replace')
            out.append(struct.pack('<I', len(text)) + text)
    return b''.join(out) + response.body


def read_response(data):
    """A Response from the bytes of write_response."""
    status, n = struct.unpack_from('<HI', data)
    at, texts = 6, []
    for _ in range(2 * n):
        size, = struct.unpack_from('<I', data, at)
        texts.append(data[at + 4:at + 4 + size].decode('latin-1'))
        at += 4 + size
    return Response(data[at:], status, list(zip(texts[::2], texts[1::2])))
