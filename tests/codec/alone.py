"""The codecs, in a module `_orochi` that has nothing else: run by test_alone.c."""
import dataclasses

import _orochi
from orochi._errors import DecodeError, EncodeError


@dataclasses.dataclass
class Point:
    x: int
    y: float


POINT = ("product", Point, "dataclass", (("x", ("i32",)), ("y", ("f64",))))


def both(spec, value, data):
    codec = _orochi.compile(spec)
    assert codec.encode(value) == data, (spec, codec.encode(value))
    assert codec.decode(data) == value, (spec, codec.decode(data))


def refused(error, call, *words):
    try:
        call()
    except error as e:
        assert all(word in str(e) for word in words), str(e)
    else:
        raise AssertionError(f"not refused: {words}")


both(("bool",), True, b"\1")
both(("u32",), 7, b"\7\0\0\0")
both(("i64",), -1, b"\xff" * 8)
both(("u256",), 1 << 255, b"\0" * 31 + b"\x80")
both(("string",), "h\u00e9", b"\3\0\0\0h\xc3\xa9")
both(("bytes",), b"ab", b"\2\0\0\0ab")
both(("option", ("u8",)), None, b"\1")
both(("array", ("u16",), "list"), [1, 2], b"\2\0\0\0\1\0\2\0")
both(("dict", ("string",), ("u8",)), {"b": 2, "a": 1}, b"\2\0\0\0\1\0\0\0a\1\1\0\0\0b\2")
TEXT = b'{"k":[1,null,2.5]}'
both(("json",), {"k": [1, None, 2.5]}, len(TEXT).to_bytes(4, "little") + TEXT)
both(POINT, Point(-2, 0.5), b"\xfe\xff\xff\xff" + b"\0" * 6 + b"\xe0\x3f")
both(("array", POINT, "tuple"), (Point(1, 0.0),), b"\1\0\0\0\1\0\0\0" + b"\0" * 8)
both(("identity",), _orochi.Identity(5), b"\5" + b"\0" * 31)
both(("timestamp",), _orochi.compile(("timestamp",)).decode(b"\1" + b"\0" * 7), b"\1" + b"\0" * 7)
refused(EncodeError, lambda: _orochi.compile(POINT).encode(Point("a", 1.0)), "x", "expected int, got str")
refused(EncodeError, lambda: _orochi.encode(("u8",), 256), "out of range")
refused(DecodeError, lambda: _orochi.decode(("u32",), b"\1\2"), "cut short")
refused(DecodeError, lambda: _orochi.decode(("array", ("u64",), "list"), b"\xff\xff\xff\xff"), "cannot hold")
