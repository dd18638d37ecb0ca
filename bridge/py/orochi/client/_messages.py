"""The messages of the protocol `v2.bsatn.spacetimedb`: docs/wire.md."""

import gzip
import struct
from dataclasses import dataclass, field

from ._websocket import ConnectionLost

PROTOCOL = 'v2.bsatn.spacetimedb'


# ---- what a client says ----

def _text(text):
    data = text.encode()
    return struct.pack('<I', len(data)) + data


def subscribe(request, query_set, queries):
    return struct.pack('<BIII', 0, request, query_set, len(queries)) + b''.join(map(_text, queries))


def unsubscribe(request, query_set):
    """The dropped rows are wanted."""
    return struct.pack('<BIIB', 1, request, query_set, 1)


def one_off(request, query):
    return struct.pack('<BI', 2, request) + _text(query)


def call(request, name, args, procedure=False):
    return struct.pack('<BIB', 4 if procedure else 3, request, 0) + _text(name) + struct.pack('<I', len(args)) + args


# ---- what the server says ----

@dataclass
class Changes:
    """Rows of one table, each as bytes."""

    table: str
    inserted: list = field(default_factory=list)
    deleted: list = field(default_factory=list)
    events: list = field(default_factory=list)


@dataclass
class Connected:
    identity: bytes
    connection_id: bytes
    token: str


@dataclass
class Update:
    """request: of the call, or the subscription, that this answers, or None. rows: Changes, in order. result, error: of a call: its
    bytes, or why it was refused; internal: it failed. ended: the query set has."""

    request: int | None
    rows: list = field(default_factory=list)
    query_set: int | None = None
    result: bytes | None = None
    error: str | None = None
    internal: bool = False


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise ConnectionLost('a message of the server ends too soon')
        self.at += n
        return self.data[self.at - n:self.at]

    def u8(self):
        return self.take(1)[0]

    def u32(self):
        return int.from_bytes(self.take(4), 'little')

    def bytes(self):
        return self.take(self.u32())

    def text(self):
        return self.bytes().decode()

    def each(self, read):
        return [read() for _ in range(self.u32())]

    def rows(self):
        """A BsatnRowList: a list of the rows' bytes."""
        if self.u8() == 0:
            size, data = int.from_bytes(self.take(2), 'little'), self.bytes()
            return [data[i:i + size] for i in range(0, len(data), size)] if size else []
        begins = [int.from_bytes(self.take(8), 'little') for _ in range(self.u32())]
        data = self.bytes()
        return [data[a:b] for a, b in zip(begins, [*begins[1:], len(data)])]

    def query_rows(self):
        return self.each(lambda: Changes(self.text(), self.rows()))

    def _table_rows(self, changes):
        if self.u8() == 0:
            changes.inserted += self.rows()
            changes.deleted += self.rows()
        else:
            changes.events += self.rows()

    def _table(self):
        changes = Changes(self.text())
        self.each(lambda: self._table_rows(changes))
        return changes

    def update(self):
        """The changes of all query sets, in one list."""
        sets = self.each(lambda: (self.u32(), self.each(self._table)))
        return [changes for _, tables in sets for changes in tables]


def read(frame):
    """The message of a frame. ConnectionLost: it is none."""
    if not frame:
        raise ConnectionLost('the server sent an empty message')
    if frame[0] == 2:
        frame = b'\0' + gzip.decompress(frame[1:])
    if frame[0] != 0:
        raise ConnectionLost('the server compresses in a way that was not asked for')
    r = _Reader(frame[1:])
    tag = r.u8()
    if tag >= len(_READ):
        raise ConnectionLost(f'the server sent a message of unknown kind {tag}')
    return _READ[tag](r)


def _error(r):
    request = r.u32() if r.u8() == 0 else None
    return Update(request, query_set=r.u32(), error=r.text())


def _dropped(r):
    request, query_set = r.u32(), r.u32()
    rows = r.query_rows() if r.u8() == 0 else []
    return Update(request, [Changes(c.table, [], c.inserted) for c in rows], query_set)


def _one_off(r):
    request = r.u32()
    return Update(request, r.query_rows()) if r.u8() == 0 else Update(request, error=r.text())


def _result(r):
    request, _, outcome = r.u32(), r.take(8), r.u8()
    if outcome == 0:
        return Update(request, result=r.bytes(), rows=r.update())
    if outcome == 1:
        return Update(request, result=b'')
    if outcome == 2:
        return Update(request, error=_Reader(r.bytes()).text())
    return Update(request, error=r.text(), internal=True)


def _procedure(r):
    ok = r.u8() == 0
    value = r.bytes() if ok else r.text()
    r.take(16)
    return Update(r.u32(), result=value) if ok else Update(r.u32(), error=value, internal=True)


_READ = (
    lambda r: Connected(r.take(32), r.take(16), r.text()),
    lambda r: Update(r.u32(), query_set=r.u32(), rows=r.query_rows()),
    _dropped,
    _error,
    lambda r: Update(None, r.update()),
    _one_off,
    _result,
    _procedure,
)
