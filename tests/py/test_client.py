"""The client's websocket and messages, against a server of a few lines; identities of the command line; mistakes with their line."""

import base64
import hashlib
import json
import os
import queue
import socket
import struct
import tempfile
import threading
import time
import unittest
import unittest.mock
from pathlib import Path

import helper  # noqa: F401  (finds the package)
from orochi.client import Client, ConnectionLost, _messages
from orochi.client._websocket import WebSocket
from orochi.tools import dev, identities, place


def frame(kind, data, last=True):
    n = len(data)
    return bytes([kind | (0x80 if last else 0), n]) + data if n < 126 else bytes([kind | (0x80 if last else 0), 126]) + struct.pack('>H', n) + data


class Server:
    """Answers one upgrade with what it was given, and keeps what it is sent."""

    def __init__(self, *parts, status='101 Switching Protocols', key=None):
        self.listening = socket.create_server(('127.0.0.1', 0))
        self.url = f'ws://127.0.0.1:{self.listening.getsockname()[1]}/v1/database/x/subscribe'
        self.parts, self.status, self.key, self.got = parts, status, key, b''
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            peer, _ = self.listening.accept()
        except OSError:  # nobody came before the end
            return
        head = b''
        while b'\r\n\r\n' not in head:
            more = peer.recv(4096)
            if not more:
                peer.close()
                return
            head += more
        self.head = head.decode()
        key = self.key or next(line.split(': ')[1] for line in self.head.split('\r\n') if line.startswith('Sec-WebSocket-Key'))
        accept = base64.b64encode(hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()).decode()
        # In small pieces, so that nothing is read whole by luck.
        answer = (f'HTTP/1.1 {self.status}\r\nSec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: p\r\ncontent-length: 5\r\n\r\n').encode()
        for part in (answer, *self.parts):
            for i in range(0, len(part), 100):
                peer.sendall(part[i:i + 100])
        peer.settimeout(5)
        try:
            while more := peer.recv(4096):
                self.got += more
        except OSError:
            pass
        peer.close()

    def end(self):
        self.listening.close()
        self.thread.join()


def unmasked(data):
    """The frames of a client: (kind, payload)."""
    found = []
    while data:
        n, at = data[1] & 127, 2
        if n == 126:
            n, at = struct.unpack('>H', data[2:4])[0], 4
        mask, body = data[at:at + 4], data[at + 4:at + 4 + n]
        found.append((data[0] & 15, bytes(b ^ mask[i % 4] for i, b in enumerate(body))))
        data = data[at + 4 + n:]
    return found


class Sockets(unittest.TestCase):
    def opened(self, *parts, **more):
        server = Server(*parts, **more)
        self.addCleanup(server.end)
        return server, server.url

    def test_messages_in_frames_with_pings_between(self):
        server, url = self.opened(frame(2, b'one'), frame(2, b'tw', False), frame(9, b'hey'), frame(0, b'', False), frame(0, b'o'), frame(2, b'x' * 5000),
                                  frame(8, struct.pack('>H', 1013) + b'full'))
        ws = WebSocket(url, 'p', [('Authorization', 'Bearer t')])
        self.assertEqual([ws.receive(), ws.receive(), ws.receive()], [b'one', b'two', b'x' * 5000])
        with self.assertRaises(ConnectionLost) as lost:
            ws.receive()
        self.assertEqual((str(lost.exception), lost.exception.code), ('full', 1013))
        ws.send(b'y' * 300)
        ws.close()
        ws.end()
        server.end()
        self.assertEqual(unmasked(server.got), [(10, b'hey'), (2, b'y' * 300), (8, b'\x03\xe8')])
        self.assertIn('Authorization: Bearer t\r\n', server.head)

    def test_a_server_that_breaks_the_rules_is_left(self):
        for part in (b'\x82\x83abcdxyz', b'\xc2\x01a', frame(0, b'a'), frame(2, b'a', False) + frame(2, b'b'), b'\x82\x7f' + b'\xff' * 8, b'\x82\x05ab'):
            server, url = self.opened(part)
            ws = WebSocket(url, 'p')
            if part == b'\x82\x05ab':
                ws.close()  # it ends in the middle of a frame
            with self.assertRaises(ConnectionLost, msg=part):
                ws.receive()
            ws.end()

    def test_refusals(self):
        _, url = self.opened(b'sorry', status='403 Forbidden')
        with self.assertRaisesRegex(ConnectionLost, '^sorry$'):
            WebSocket(url, 'p')
        _, url = self.opened(key='another')
        with self.assertRaisesRegex(ConnectionLost, 'does not speak p'):
            WebSocket(url, 'p')
        _, url = self.opened()
        with self.assertRaisesRegex(ConnectionLost, 'line end'):
            WebSocket(url, 'p', [('Authorization', 'Bearer a\r\nb: c')])
        with self.assertRaisesRegex(ConnectionLost, 'no address'):
            WebSocket('http://x', 'p')


class Threads(unittest.TestCase):
    def client(self, *parts):
        """A client of a server whose module nobody asked for: what it receives, and how."""
        server = Server(*parts)
        self.addCleanup(server.end)
        client = Client.__new__(Client)
        client._come, client._lost, client._socket = queue.SimpleQueue(), None, WebSocket(server.url, 'p')
        client._thread = threading.Thread(target=client._receive, daemon=True)
        client._thread.start()
        self.addCleanup(client.close)
        return client, server

    def test_a_ping_is_answered_while_a_message_is_read(self):
        client, server = self.client(frame(2, b'large'), frame(9, b'hey'))
        answered, read = [], _messages.read

        def slowly(data):
            end = time.monotonic() + 60
            while b'hey' not in [body for _, body in unmasked(server.got)] and time.monotonic() < end:
                time.sleep(0.001)
            answered.extend(unmasked(server.got))
            return read(data)
        with unittest.mock.patch.object(_messages, 'read', slowly), self.assertRaisesRegex(ConnectionLost, 'compresses in a way'):
            client._next(60)
        self.assertEqual(answered, [(10, b'hey')])

    def test_a_message_that_cannot_be_read_is_the_end(self):
        client, _ = self.client(frame(2, b'\0\1cut'), frame(2, b'\0'))
        for _ in range(2):
            with self.assertRaisesRegex(ConnectionLost, 'ends too soon|cannot be read'):
                client._next(60)


class Messages(unittest.TestCase):
    def test_what_is_cut_off_is_no_message(self):
        text = b'\x05\x00\x00\x00table'
        whole = b'\0\4' + struct.pack('<III', 1, 7, 1) + text + struct.pack('<I', 1) + b'\0' + b'\0\2\0' + struct.pack('<I', 4) + b'aabb' + \
            b'\1' + struct.pack('<I', 2) + struct.pack('<QQ', 0, 1) + struct.pack('<I', 3) + b'xyz'
        update = _messages.read(whole)
        self.assertEqual([(c.table, c.inserted, c.deleted) for c in update.rows], [('table', [b'aa', b'bb'], [b'x', b'yz'])])
        for n in range(len(whole)):
            with self.assertRaises(ConnectionLost, msg=n):
                _messages.read(whole[:n])
        for wrong in (b'\x03\0', b'\0\x63'):
            with self.assertRaises(ConnectionLost):
                _messages.read(wrong)


class Identities(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.enterContext(unittest.mock.patch.dict(os.environ, {'XDG_CONFIG_HOME': folder.name}))
        self.key, self.made = b'key', 0
        self.enterContext(unittest.mock.patch.object(identities, 'fetch', self.fetch))

    def fetch(self, url, body=None, **_):
        if url.endswith('public-key'):
            return self.key
        self.made += 1
        return json.dumps({'token': f'token {self.made}'}).encode()

    def test_one_for_each_server_and_name(self):
        ask = identities.token
        self.assertEqual([ask('http://h:1', 'me'), ask('http://h:1', 'me'), ask('http://h:1', 'bob'), ask('http://h:2', 'me')],
                         ['token 1', 'token 1', 'token 2', 'token 3'])
        self.key = b'another'
        self.assertEqual(ask('http://h:1', 'me'), 'token 4')
        self.key = b'key'
        self.assertEqual(ask('http://h:1', 'me'), 'token 1')
        for file in (self.folder / 'orochi/identities').iterdir():
            self.assertEqual(file.stat().st_mode & 0o777, 0o600, file)

    def test_servers_that_came_and_went_do_not_pile_up(self):
        for n in range(50):
            self.key = b'%d' % n
            identities.token('http://h:1', 'me')
        self.assertEqual(len(json.loads(Path(identities.path('http://h:1')).read_text())), 32)
        self.assertEqual(identities.token('http://h:1', 'me'), 'token 50')

    def test_a_file_that_is_no_json_is_told_and_left(self):
        file = Path(identities.path('http://h:1'))
        file.parent.mkdir(parents=True)
        file.write_text('{')
        with self.assertRaisesRegex(place.CommandError, 'it holds tokens'):
            identities.token('http://h:1', 'me')
        self.assertEqual(file.read_text(), '{')

    def test_names_stay_in_the_file(self):
        for name in ('', '../x', 'a b', 'x' * 65):
            with self.assertRaisesRegex(place.CommandError, 'a name is'):
                identities.token('http://h:1', name)
        self.assertEqual(os.path.dirname(identities.path('http://[::1]:5/../..')), identities.folder())


class Marks(unittest.TestCase):
    def test_the_line_and_what_is_named_in_it(self):
        with tempfile.NamedTemporaryFile('w', suffix='.py') as file:
            file.write('x = 1\n\tdef act(ctx, what): pass\n\n')
            file.flush()
            self.assertEqual(dev.marked(f"ERROR server: {file.name}:2: act: 'what' needs a type"), '       2 | \tdef act(ctx, what): pass\n         | \t             ^')
            self.assertEqual(dev.marked(f"{file.name}:2: syntax error: expected ':'"), '')  # its own lines show where
            self.assertEqual(dev.marked(f'{file.name}:1: wrong'), '       1 | x = 1\n         | ^')
            for line in (f'{file.name}:99: wrong', f'{file.name}:3: wrong', 'nothing', '/no/where.py:1: wrong'):
                self.assertEqual(dev.marked(line), '')


if __name__ == '__main__':
    unittest.main()
