"""Rows that a table had before its columns changed, mapped to rows of today by the module's @migration hook. The server calls
map_rows at a start and at a reload, with some rows at a time, and does the rest: what is read, written and undone."""

import json
import os
import struct
import uuid

from ._context import Err, Ok
from ._errors import OrochiError
from ._names import instead
from ._types import INTEGERS, unchecked
from ._values import ConnectionId, Identity, ScheduleAt, TimeDuration, Timestamp

try:
    import _orochi
except ImportError:  # an ordinary interpreter
    _orochi = None

_SHOWN = 300  # characters of a row in a message


class MigrationFailed(OrochiError):
    """The hook has failed; the text names the row, and the line of the hook."""


# ---- values of types that the module no longer has -------------------------------------------------------------------

def _integer(name):
    size, signed = int(name[1:]) // 8, name[0] == 'i'
    return lambda data, at: (int.from_bytes(data[at:at + size], 'little', signed=signed), at + size)


def _float(code, size):
    return lambda data, at: (struct.unpack_from(code, data, at)[0], at + size)


def _counted(data, at):
    end = at + 4 + int.from_bytes(data[at:at + 4], 'little')
    return data[at + 4:end], end


def _string(data, at):
    raw, end = _counted(data, at)
    return raw.decode(), end


_SCALARS = {'Bool': lambda data, at: (data[at] != 0, at + 1), 'String': _string, 'F32': _float('<f', 4), 'F64': _float('<d', 8),
            **{name.upper(): _integer(name) for name in INTEGERS}}
_WRAPPERS = {'__identity__': lambda v: Identity(v), '__connection_id__': lambda v: ConnectionId(v),
             '__timestamp_micros_since_unix_epoch__': Timestamp, '__time_duration_micros__': TimeDuration,
             '__uuid__': lambda v: uuid.UUID(int=v)}


class _Old:
    """Reads values by their SATS types, where the module has no class for them any more: records are dicts, variants of an enum
    their names, other variants (name, value)."""

    def __init__(self, types):
        self.types = types  # what Refs lead to
        self.readers = {}   # by Ref

    def reader(self, sats):
        """A function of (bytes, position) that gives (value, position behind it)."""
        (kind, body), = sats.items()
        if kind == 'Ref':
            if body not in self.readers:
                self.readers[body] = None  # it may contain itself
                self.readers[body] = self.reader(self.types[body])
            return lambda data, at: self.readers[body](data, at)
        if kind == 'Array':
            return self._array(body)
        if kind == 'Product':
            return self._product(body['elements'])
        return self._sum(body['variants']) if kind == 'Sum' else _SCALARS[kind]

    def _array(self, item):
        if item == {'U8': []}:
            return _counted
        read = self.reader(item)

        def array(data, at):
            count, at, found = int.from_bytes(data[at:at + 4], 'little'), at + 4, []
            for _ in range(count):
                value, at = read(data, at)
                found.append(value)
            return found, at
        return array

    def _product(self, elements):
        names = [(e.get('name') or {}).get('some') or f'v{i}' for i, e in enumerate(elements)]
        readers = [self.reader(e['algebraic_type']) for e in elements]
        if len(names) == 1 and names[0] in _WRAPPERS:
            wrap, read = _WRAPPERS[names[0]], readers[0]

            def wrapped(data, at):
                value, at = read(data, at)
                return wrap(value), at
            return wrapped

        def record(data, at):
            found = {}
            for name, read in zip(names, readers):
                found[name], at = read(data, at)
            return found, at
        return record

    def _sum(self, variants):
        names = [v['name']['some'] for v in variants]
        readers = [self.reader(v['algebraic_type']) for v in variants]
        units = [v['algebraic_type'] == {'Product': {'elements': []}} for v in variants]

        def variant(data, at):
            tag = data[at]
            value, at = readers[tag](data, at + 1)
            if names == ['some', 'none']:
                return (None if tag else value), at
            if names == ['ok', 'err']:
                return (Err if tag else Ok)(value), at
            if names == ['Interval', 'Time']:
                return ScheduleAt.of(value), at
            return (names[tag] if units[tag] else (names[tag], value)), at
        return variant


def _old_reader(types, sats):
    read = _Old(types).reader(sats)
    return lambda data: read(data, 0)[0]


# ---- rows ------------------------------------------------------------------------------------------------------------

class _Mapper:
    """One table's hook with what reads the old columns and writes the new ones. columns: [name, column of today that its values
    are of, or None, SATS type] of the old table."""

    def __init__(self, entry, specs, types, columns):
        self.entry, self.hook, self.cls = entry, entry['migration'], entry['cls']
        codecs = {wire: _orochi.compile(spec, specs) for _, wire, spec in entry['columns']}
        self.readers = [(name, codecs[now].decode if now is not None else _old_reader(types, sats)) for name, now, sats in columns]
        self.writers = [(name, codecs[wire].encode) for name, wire, _ in entry['columns']]
        self.names = {wire: name for name, wire, _ in entry['columns']}
        self.counted = [entry['columns'][col][0] for col in entry['auto_inc']]

    def map(self, values):
        """Bytes of the new row, or None."""
        old = {name: read(data) for (name, read), data in zip(self.readers, values)}
        try:
            row = self._row(self.hook(dict(old)))
            return None if row is None else self._write(row)
        except BaseException as error:  # SystemExit among them
            if type(error).__name__ in ('ReducerTimeout', 'MemoryError'):
                raise
            raise MigrationFailed(f'table {self.entry["name"]}, the row {_shown(old)}: {self._place(error)}: {_words(error)}') from None

    def _row(self, made):
        if made is None or type(made) is self.cls:
            return made
        if not isinstance(made, dict):
            raise TypeError(f'@migration {self.hook.__name__} returned a {type(made).__name__}: it returns the new row, a '
                            f'{self.cls.__name__} or a dict of its columns, or None to drop the row')
        unknown = [name for name in made if name not in self.names and name not in self.names.values()]
        if unknown:
            raise TypeError(f'{self.cls.__name__} has no column {unknown[0]!r}: {instead(unknown[0], self.names.values())}')
        return self.cls(**{self.names.get(name, name): value for name, value in made.items()})

    def _write(self, row):
        for name in self.counted:
            if getattr(row, name) == 0:
                self.entry['counted'] = self.entry.get('counted', 0) + 1
                setattr(row, name, self.entry['counted'])
        parts = []
        for name, encode in self.writers:
            try:
                parts.append(encode(getattr(row, name)))
            except Exception as error:
                raise TypeError(f'column {name}: {error}') from None
        return b''.join(parts)

    def _place(self, error):
        """The innermost line of the author's in the traceback, else the hook's."""
        code = self.hook.__code__
        folder, place, tb = os.path.dirname(code.co_filename) + os.sep, f'{code.co_filename}:{code.co_firstlineno}', error.__traceback__
        while tb is not None:
            name = tb.tb_frame.f_code.co_filename
            if name.startswith(folder) and tb.tb_frame.f_globals.get('__package__') != __package__:
                place = f'{name}:{tb.tb_lineno}'
            tb = tb.tb_next
        return place


def _shown(old):
    try:
        text = repr(old)
    except Exception as error:  # a __repr__ of the author's
        return f'(whose values cannot be shown: {type(error).__name__})'
    return text if len(text) <= _SHOWN else text[:_SHOWN] + '...'


def _words(error):
    try:
        text = str(error)
    except Exception:  # a __str__ of the author's
        text = ''
    return f'{type(error).__name__}: {text}' if text else type(error).__name__


def map_rows(module_spec, table, types, columns, rows, first):
    """The new rows, as bytes, of old ones; None for each that is dropped.

    Called in a worker, also before the module is bound. module_spec: of the module. table: its name. columns, types: JSON; the
    columns as _Mapper takes them, and the types that Refs in them lead to. rows: a tuple for each, the bytes of its columns.
    first: these are the table's first ones. Raises MigrationFailed.
    """
    entry = next(t for t in module_spec['tables'] if t['name'] == table)
    if first:
        entry.pop('counted', None)
    mapper = _Mapper(entry, module_spec['types'], json.loads(types), json.loads(columns))
    return [mapper.map(values) for values in rows]
