"""Values of special types, and what the codecs need of Python: dynamic values, time, error texts.

Identity and ConnectionId are C types in a worker; the classes here stand in for them in an ordinary interpreter.
"""

import base64
import json
import time
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

try:
    from _orochi import ConnectionId, Identity
except ImportError:

    class _Number:
        """A fixed-size unsigned number shown as hex, most significant digit first."""

        __slots__ = ('_n',)
        _size = 0

        def __init__(self, value):
            if isinstance(value, (bytes, bytearray)):
                if len(value) != self._size:
                    raise ValueError(f'{type(self).__name__} takes {self._size} bytes, got {len(value)}')
                value = int.from_bytes(value, 'little')
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f'{type(self).__name__} takes an int or bytes (hex digits: {type(self).__name__}.from_hex), got {type(value).__name__}')
            if not 0 <= value < 1 << 8 * self._size:
                raise ValueError(f'the number does not fit {type(self).__name__}')
            object.__setattr__(self, '_n', value)

        def __setattr__(self, name, value):
            raise AttributeError(f'{type(self).__name__} cannot be changed')

        @classmethod
        def from_hex(cls, text):
            """From hex digits, most significant first; 0x in front is allowed."""
            digits = text.removeprefix('0x')
            if len(digits) != 2 * cls._size or any(c not in '0123456789abcdefABCDEF' for c in digits):
                raise ValueError(f'{cls.__name__} takes {2 * cls._size} hex digits, got {text!r}')
            return cls(int(digits, 16))

        @property
        def hex(self):
            return f'{self._n:0{2 * self._size}x}'

        def to_bytes(self):
            """The BSATN bytes: least significant first."""
            return self._n.to_bytes(self._size, 'little')

        def __str__(self):
            return self.hex

        def __repr__(self):
            return f'{type(self).__name__}({self.hex!r})'

        def __int__(self):
            return self._n

        def __hash__(self):
            return hash(self._n)

        def __eq__(self, other):
            return self._n == other._n if type(other) is type(self) else NotImplemented

        def __lt__(self, other):
            return self._n < other._n if type(other) is type(self) else NotImplemented

        def __le__(self, other):
            return self._n <= other._n if type(other) is type(self) else NotImplemented

        def __gt__(self, other):
            return self._n > other._n if type(other) is type(self) else NotImplemented

        def __ge__(self, other):
            return self._n >= other._n if type(other) is type(self) else NotImplemented

    class Identity(_Number):
        """Who: 256 bits derived from the issuer and subject of a token."""

        __slots__ = ()
        _size = 32

    class ConnectionId(_Number):
        """One connection: 128 bits."""

        __slots__ = ()
        _size = 16


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def timedelta_to_us(value):
    """Microseconds of a timedelta, exactly; TypeError for anything else."""
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    raise TypeError('expected timedelta')


def datetime_to_us(value):
    """Microseconds since 1970 of an aware datetime."""
    if not isinstance(value, datetime):
        raise TypeError('expected datetime')
    if value.tzinfo is None or value.utcoffset() is None:
        raise ValueError('the datetime has no time zone: give it one, for instance tzinfo=UTC')
    return (value - _EPOCH) // _MICROSECOND


def us_to_datetime(us):
    """An aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=us)


def us_to_timedelta(us):
    return timedelta(microseconds=us)


def _duration_us(value):
    """Microseconds of a timedelta, TimeDuration or int of microseconds; None for anything else."""
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    if isinstance(value, int) and not isinstance(value, (bool, Timestamp)):
        return int(value)
    return None


class TimeDuration(int):
    """A span of time: an int of microseconds with methods."""

    __slots__ = ()

    @classmethod
    def of(cls, value):
        """From a timedelta, or a number of seconds."""
        if isinstance(value, timedelta):
            return cls(value // _MICROSECOND)
        if isinstance(value, TimeDuration):
            return value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return cls(round(value * 1_000_000))
        raise TypeError(f'expected a timedelta or seconds, got {type(value).__name__}')

    def to_timedelta(self):
        return timedelta(microseconds=int(self))

    def total_seconds(self):
        return int(self) / 1_000_000

    def __add__(self, other):
        us = _duration_us(other)
        return NotImplemented if us is None else TimeDuration(int(self) + us)

    __radd__ = __add__

    def __sub__(self, other):
        us = _duration_us(other)
        return NotImplemented if us is None else TimeDuration(int(self) - us)

    def __neg__(self):
        return TimeDuration(-int(self))

    def __str__(self):
        sign, us = ('-', -int(self)) if self < 0 else ('+', int(self))
        return f'{sign}{us // 1_000_000}.{us % 1_000_000:06d}'

    def __repr__(self):
        return f'TimeDuration({int(self)})'


class Timestamp(int):
    """A point in time: an int of microseconds since 1970 UTC with methods."""

    __slots__ = ()

    @classmethod
    def now(cls):
        """The clock's time. In a reducer use ctx.timestamp, which is the same for every run of the call."""
        return cls(time.time_ns() // 1000)

    @classmethod
    def from_datetime(cls, value):
        """From an aware datetime."""
        return cls(datetime_to_us(value))

    def to_datetime(self):
        """An aware datetime in UTC."""
        return us_to_datetime(int(self))

    def __add__(self, other):
        us = _duration_us(other)
        return NotImplemented if us is None else Timestamp(int(self) + us)

    __radd__ = __add__

    def __sub__(self, other):
        if isinstance(other, Timestamp):
            return TimeDuration(int(self) - int(other))
        if isinstance(other, datetime):
            return TimeDuration(int(self) - datetime_to_us(other))
        us = _duration_us(other)
        return NotImplemented if us is None else Timestamp(int(self) - us)

    def __rsub__(self, other):
        if isinstance(other, datetime):
            return TimeDuration(datetime_to_us(other) - int(self))
        return NotImplemented

    def __str__(self):
        try:
            return self.to_datetime().isoformat(timespec='microseconds')
        except OverflowError:
            return str(int(self))

    def __repr__(self):
        return f'Timestamp({int(self)})'


class ScheduleAt:
    """When a row of a scheduled table is due: ScheduleAt.every(interval) or ScheduleAt.at(time)."""

    __slots__ = ('is_interval', 'value')

    def __init__(self, is_interval, value):
        object.__setattr__(self, 'is_interval', is_interval)
        object.__setattr__(self, 'value', value)

    def __setattr__(self, name, value):
        raise AttributeError('ScheduleAt cannot be changed')

    @classmethod
    def every(cls, interval):
        """Again and again: a timedelta, a TimeDuration, or an int of microseconds."""
        us = _duration_us(interval)
        if us is None:
            raise TypeError(f'ScheduleAt.every takes a timedelta, got {type(interval).__name__}')
        return cls(True, TimeDuration(us))

    @classmethod
    def at(cls, when):
        """Once: a Timestamp, an aware datetime, or an int of microseconds since 1970."""
        if isinstance(when, datetime):
            when = datetime_to_us(when)
        elif not isinstance(when, int) or isinstance(when, (bool, TimeDuration)):
            raise TypeError(f'ScheduleAt.at takes a Timestamp or datetime, got {type(when).__name__}')
        return cls(False, Timestamp(when))

    @classmethod
    def of(cls, value):
        """From a datetime or a timedelta."""
        if isinstance(value, ScheduleAt):
            return value
        if isinstance(value, (timedelta, TimeDuration)):
            return cls.every(value)
        if isinstance(value, (datetime, Timestamp)):
            return cls.at(value)
        raise TypeError(f'expected ScheduleAt, got {type(value).__name__}')

    def __eq__(self, other):
        if not isinstance(other, ScheduleAt):
            return NotImplemented
        return self.is_interval == other.is_interval and int(self.value) == int(other.value)

    def __hash__(self):
        return hash((self.is_interval, int(self.value)))

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __repr__(self):
        return f'ScheduleAt.{"every" if self.is_interval else "at"}({self.value!r})'


# ---- dynamic values --------------------------------------------------------------------------------------------------

_RECORDS = {}  # name -> class, of the records and enums that may appear in dynamic values
_MAX_DEPTH = 64
MAX_VALUE_BYTES = 1 << 20


def register_record(name, cls):
    """Makes a dataclass or enum known, so that a dynamic value may hold it."""
    _RECORDS[name] = cls


def _record_name(cls):
    name = getattr(cls, '__orochi_name__', None) or cls.__name__
    return name if _RECORDS.get(name) is cls else None


def _plain(value, depth):
    """What json can write for a value; the extras become objects with one $ key."""
    kind = type(value)
    if value is None or kind is bool or kind is int or kind is str:
        return value
    if depth > _MAX_DEPTH:
        raise ValueError(f'a dynamic value is nested deeper than {_MAX_DEPTH}')
    if kind is float:
        if value != value:
            return {'$float': 'nan'}
        if value in (float('inf'), float('-inf')):
            return {'$float': 'inf' if value > 0 else '-inf'}
        return value
    if kind is list or kind is tuple:
        return [_plain(item, depth + 1) for item in value]
    if kind is dict:
        if all(type(key) is str for key in value) and not (len(value) == 1 and next(iter(value)).startswith('$')
                                                           or value.keys() == {'$type', 'value'}):
            return {key: _plain(item, depth + 1) for key, item in value.items()}
        pairs = [[_plain(key, depth + 1), _plain(item, depth + 1)] for key, item in value.items()]
        return {'$map': sorted(pairs, key=lambda pair: _text(pair[0]))}
    return _extra(value, kind, depth)


def _extra(value, kind, depth):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {'$bytes': base64.b64encode(bytes(value)).decode()}
    if isinstance(value, (Timestamp, datetime)):
        return {'$time': int(value) if isinstance(value, Timestamp) else datetime_to_us(value)}
    if isinstance(value, (TimeDuration, timedelta)):
        return {'$duration': int(value) if isinstance(value, TimeDuration) else timedelta_to_us(value)}
    if isinstance(value, uuid.UUID):
        return {'$uuid': str(value)}
    if isinstance(value, Identity):
        return {'$identity': str(value)}
    if isinstance(value, (set, frozenset)):
        return {'$set': sorted((_plain(item, depth + 1) for item in value), key=_text)}
    name = _record_name(kind)
    if name is not None:
        if hasattr(kind, '__members__'):
            return {'$type': name, 'value': value.name}
        fields = {field: _plain(getattr(value, field), depth + 1) for field in kind.__dataclass_fields__}
        return {'$type': name, 'value': fields}
    for base in (bool, int, float, str, list, tuple, dict):
        if isinstance(value, base):
            return _plain(base(value), depth)
    raise TypeError(f'a dynamic value cannot hold {kind.__name__}')


def _text(plain):
    return json.dumps(plain, ensure_ascii=False, separators=(',', ':'), sort_keys=True, allow_nan=False)


def json_dump(value):
    """Canonical JSON text: sorted keys, no spaces, shortest floats; extras as objects with one $ key."""
    text = _text(_plain(value, 0))
    if '"$' in text:  # read by constructors, which may refuse, or not what its class said it is
        try:
            json_load(text)
        except Exception as error:
            raise ValueError(f'it could not be read back: {error}') from error
    if len(text) > MAX_VALUE_BYTES // 4 and len(text.encode('utf-8', 'surrogatepass')) > MAX_VALUE_BYTES:
        raise ValueError(f'a dynamic value is longer than {MAX_VALUE_BYTES} bytes')
    return text


def _spread(items, keys):
    """The items, unless they are many and their keys have few hashes: a client can choose numbers so, and a dict of them
    would cost the square of their number."""
    if len(items) > 64 and max(Counter(map(hash, keys)).values()) > 64:
        raise ValueError('too many keys have the same hash')
    return items


def _record(cls, values):
    late = {name for name, field in cls.__dataclass_fields__.items() if not field.init} & values.keys()
    record = cls(**{name: value for name, value in values.items() if name not in late})
    for name in late:
        object.__setattr__(record, name, values[name])
    return record


def _key(value):
    """What was a key or in a set: JSON has made lists of tuples, and a set of a frozenset."""
    if type(value) is list:
        return tuple(map(_key, value))
    return frozenset(value) if type(value) is set else value


def _revive(found):
    if not found or len(found) > 2:
        return found
    if len(found) == 2:
        cls = _RECORDS.get(found['$type']) if found.keys() == {'$type', 'value'} else None
        if cls is None:
            return found
        if hasattr(cls, '__members__'):
            return cls[found['value']]
        return _record(cls, found['value'])
    (key, value), = found.items()
    read = _READERS.get(key)
    return found if read is None else read(value)


_READERS = {
    '$bytes': lambda v: base64.b64decode(v, validate=True),
    '$time': lambda v: Timestamp(v),
    '$duration': lambda v: TimeDuration(v),
    '$uuid': lambda v: uuid.UUID(v),
    '$identity': lambda v: Identity.from_hex(v),
    '$float': lambda v: float({'nan': 'nan', 'inf': 'inf', '-inf': '-inf'}[v]),
    '$set': lambda v: set(_spread(keys := [_key(item) for item in v], keys)),
    '$map': lambda v: dict(_spread(pairs := [(_key(key), item) for key, item in v], [key for key, _ in pairs])),
}


def _no_constant(text):
    raise ValueError(f'{text} is not JSON')


def json_load(text):
    """The value of a JSON text. ValueError when it is none."""
    try:
        return json.loads(text, object_hook=_revive, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError('the document is nested too deeply') from None
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'a $ object is not well-formed: {error!r}') from None


# ---- error texts -----------------------------------------------------------------------------------------------------

def _meant(error):
    """What may have been meant by a name that an object does not have: ctx.db.usrs, row.nmae."""
    from ._names import nearest
    try:
        near = nearest(error.name, [name for name in dir(error.obj) if not name.startswith('_')])
    except Exception:  # an object may answer dir() as it likes
        return ''
    return f': do you mean {near}?' if near else ''


_ERROR_MOST = 4000  # characters of one exception: a chain of them fits into what the log takes


def describe_error(error):
    """One line: "ValueError: text"."""
    try:
        text = str(error)
    except BaseException:  # also one that was interrupted, since it did not end
        text = ''
    name = type(error).__name__
    if isinstance(error, AttributeError) and error.name and error.obj is not None:
        text += _meant(error)
    if len(text) > _ERROR_MOST:
        text = f'{text[:_ERROR_MOST]} ... ({len(text)} characters in all)'
    return f'{name}: {text}' if text else name


def format_exception(error, root):
    """The traceback with the lines of the module's own files (those under root), and the exception; causes first."""
    import linecache
    lines, seen = [], set()

    def add(error):
        if error is None or id(error) in seen or len(seen) > 8:
            return False
        seen.add(id(error))
        if error.__cause__ is not None:
            if add(error.__cause__):
                lines.append('which was the direct cause of:')
        elif error.__context__ is not None and not error.__suppress_context__:
            if add(error.__context__):
                lines.append('and while handling it:')
        frames, tb = [], error.__traceback__
        while tb is not None:
            code = tb.tb_frame.f_code
            if root is None or code.co_filename.startswith(root):
                frames.append((code.co_filename, tb.tb_lineno, code.co_name))
            tb = tb.tb_next
        if len(frames) > 20:
            frames = frames[:10] + [None] + frames[-10:]
        for frame in frames:
            if frame is None:
                lines.append('  ...')
                continue
            lines.append(f'  File "{frame[0]}", line {frame[1]}, in {frame[2]}')
            source = linecache.getline(frame[0], frame[1]).strip()
            if source:
                lines.append(f'    {source}')
        lines.append(describe_error(error))
        if isinstance(error, BaseExceptionGroup):
            for n, inner in enumerate(error.exceptions):
                lines.append(f'number {n + 1} of them:')
                add(inner)
        return True

    add(error)
    return '\n'.join(lines)
