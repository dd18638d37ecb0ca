"""A websocket's client side (RFC 6455), for the messages of SpacetimeDB's protocol: binary, whole, one at a time."""

import base64
import hashlib
import os
import socket
import ssl
import struct
import threading
import urllib.parse

from .._errors import OrochiError

_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
MOST = 1 << 30  # bytes of a message


class ConnectionLost(OrochiError):
    """The server has closed the connection, cannot be reached, or broke the protocol. code: of its Close, or None."""

    def __init__(self, text, code=None):
        super().__init__(text)
        self.code = code


class WebSocket:
    """Opened by its constructor. One thread may receive; any may send."""

    def __init__(self, url, protocol, headers=(), timeout=10):
        at = urllib.parse.urlsplit(url)
        if at.scheme not in ('ws', 'wss') or not at.hostname:
            raise ConnectionLost(f'{url} is no address of a websocket: ws://HOST:PORT')
        self._lock = threading.Lock()
        self._left = b''  # received, not yet read
        port = at.port or (443 if at.scheme == 'wss' else 80)
        try:
            self._socket = socket.create_connection((at.hostname, port), timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if at.scheme == 'wss':
                self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=at.hostname)
        except OSError as error:
            raise ConnectionLost(f'{at.hostname}:{port} does not answer: {error}') from None
        try:
            self._open(at, protocol, headers)
            self._socket.settimeout(None)
        except BaseException:
            self._socket.close()
            raise

    def _open(self, at, protocol, headers):
        key = base64.b64encode(os.urandom(16)).decode()
        path = urllib.parse.urlunsplit(('', '', at.path or '/', at.query, ''))
        lines = [f'GET {path} HTTP/1.1', f'Host: {at.netloc.rpartition("@")[2]}', 'Upgrade: websocket', 'Connection: Upgrade', f'Sec-WebSocket-Key: {key}',
                 'Sec-WebSocket-Version: 13', f'Sec-WebSocket-Protocol: {protocol}', *(f'{name}: {value}' for name, value in headers)]
        if any('\r' in line or '\n' in line for line in lines):
            raise ConnectionLost('a line end in an address or a token')
        try:
            self._socket.sendall(('\r\n'.join(lines) + '\r\n\r\n').encode())
            head = self._head()
        except OSError as error:
            raise ConnectionLost(f'{at.netloc} does not answer: {error}') from None
        status, *fields = head.split('\r\n')
        fields = {name.strip().lower(): value.strip() for name, _, value in (field.partition(':') for field in fields)}
        if status.split(' ')[1:2] != ['101']:
            raise ConnectionLost(self._refusal(status, fields))
        wanted = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
        if fields.get('sec-websocket-accept') != wanted or fields.get('sec-websocket-protocol') != protocol:
            raise ConnectionLost(f'{at.netloc} does not speak {protocol}')

    def _head(self):
        while b'\r\n\r\n' not in self._left:
            if len(self._left) > 65536:
                raise ConnectionLost('this is no websocket: its head does not end')
            more = self._socket.recv(65536)
            if not more:
                raise ConnectionLost('the server ended the connection before it answered')
            self._left += more
        head, self._left = self._left.split(b'\r\n\r\n', 1)
        return head.decode('latin-1')

    def _refusal(self, status, fields):
        """The server's words, where it has any."""
        try:
            size = min(int(fields.get('content-length', 0)), 65536)
            return self._exactly(size).decode(errors='replace').strip() or status
        except (ValueError, OSError, ConnectionLost):
            return status

    def _exactly(self, n):
        parts, have = [self._left], len(self._left)
        while have < n:
            more = self._socket.recv(min(max(n - have, 4096), 1 << 20))
            if not more:
                raise ConnectionLost('the connection broke')
            parts.append(more)
            have += len(more)
        data = b''.join(parts)
        self._left = data[n:]
        return data[:n]

    def _frame(self):
        first, second = self._exactly(2)
        size = second & 127
        if size >= 126:
            size, = struct.unpack('>H' if size == 126 else '>Q', self._exactly(2 if size == 126 else 8))
        if first & 0x70 or second & 128 or size > MOST:
            raise ConnectionLost('the server broke the rules of websockets')
        return first >> 7, first & 15, self._exactly(size)

    def receive(self):
        """The next message, bytes. ConnectionLost at the end; pings are answered meanwhile."""
        whole = []
        try:
            while True:
                last, kind, data = self._frame()
                if kind == _PING:
                    self._send(_PONG, data)
                elif kind == _CLOSE:
                    code = struct.unpack('>H', data[:2])[0] if len(data) >= 2 else None
                    raise ConnectionLost(data[2:].decode(errors='replace') or 'the server closed the connection', code)
                elif kind in (_CONTINUED, _TEXT, _BINARY):
                    if (kind == _CONTINUED) != bool(whole) or sum(map(len, whole)) + len(data) > MOST:
                        raise ConnectionLost('the server broke the rules of websockets')
                    whole.append(data)
                    if last:
                        return b''.join(whole)
        except OSError as error:
            raise ConnectionLost(f'the connection broke: {error}') from None

    def send(self, data):
        """One binary message. ConnectionLost: the server does not take it."""
        self._send(_BINARY, data)

    def _send(self, kind, data):
        n = len(data)
        head = struct.pack('>BB', 0x80 | kind, 0x80 | n) if n < 126 else struct.pack('>BBH', 0x80 | kind, 0xfe, n) if n < 65536 else \
            struct.pack('>BBQ', 0x80 | kind, 0xff, n)
        mask = os.urandom(4)
        stream = int.from_bytes((mask * (n // 4 + 1))[:n]) ^ int.from_bytes(data)
        try:
            with self._lock:
                self._socket.sendall(head + mask + stream.to_bytes(n))
        except OSError as error:
            raise ConnectionLost(f'the connection broke: {error}') from None

    def close(self):
        """Says goodbye; a receive() in another thread ends with ConnectionLost."""
        try:
            self._send(_CLOSE, struct.pack('>H', 1000))
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(5)
        except (ConnectionLost, OSError):
            pass

    def end(self):
        """Lets go of the socket, after the last receive()."""
        self._socket.close()
