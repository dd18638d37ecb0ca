from __future__ import annotations
import json
from dataclasses import dataclass
from typing import Any
from orochi import *
from orochi.bridge import BatchResult, ConversionConfig, ConversionError, ConversionStats, TypeConverter
def raises(kind, text, fn):
    try: fn()
    except kind as e: assert text in str(e), str(e); return e
    else: assert False, 'accepted; expected: ' + text
@dataclass
class Item:
    name: str
    n: u16 = 0
@table
class Event:
    id: PrimaryKey[u64]
    item: Item
    extra: Any = None
@reducer
def test(ctx: ReducerContext):
    import datetime, enum, uuid
    from orochi.bridge import json_to_python, python_to_json
    c = TypeConverter()
    def both(value, type, text, **how):
        got = c.python_to_json(value, type, **how)
        assert got == text, got
        assert c.json_to_python(text, type) == value == json_to_python(text.encode(), type)
        assert json.loads(got) == json.loads(python_to_json(value, type, **how))
    both(7, u8, '7')
    both(-(1 << 200), i256, json.dumps(hex(-(1 << 200))))
    both('h\u00e9"', str, '"h\u00e9\\""')
    both(b'\1\xff', bytes, '"01ff"')
    both([1, 2], list[u16], '[1,2]')
    both(None, u8 | None, '{"none":[]}')
    both(5, u8 | None, '{"some":5}')
    both(Item('a', 2), Item, '{"name":"a","n":2}')
    both(Item('a', 2), Item, '["a",2]', positional=True)
    both({'k': Item('a')}, dict[str, Item], '[{"key":"k","value":{"name":"a","n":0}}]')
    both(Team.BLUE, Team, '{"BLUE":[]}')
    both(Team.BLUE, Team, '[1,[]]', positional=True)
    both(Node('a', [Node('b', [])]), Node, '{"name":"a","down":[{"name":"b","down":[]}]}')
    both(Identity(5), Identity, '{"__identity__":"0x5"}')
    both(Timestamp(9), Timestamp, '{"__timestamp_micros_since_unix_epoch__":9}')
    e = Event(id=1, item=Item('a', 2), extra={'b': 1, 'a': [None]})
    both(e, Event, '{"id":1,"item":{"name":"a","n":2},"extra":"{\\"a\\":[null],\\"b\\":1}"}')
    assert c.python_to_json(e) == c.python_to_json(e, Event)
    assert c.json_to_python('{"id": 1, "extra": "3", "item": ["a", 2]}', Event) == Event(id=1, item=Item('a', 2), extra=3)
    both({'b': 1, 'a': [None, 1.5]}, None, '{"a":[null,1.5],"b":1}')
    e = raises(DecodeError, 'item.n at byte 37', lambda: c.json_to_python('{"id": 1, "item": {"name": "a", "n": 70000}, "extra": ""}', Event))
    assert (e.path, e.offset, e.expected) == ('item.n', 37, 'U16') and '70000' in e.found, vars(e)
    raises(DecodeError, 'id', lambda: c.json_to_python('{"item": ["a", 2]}', Event))
    raises(DecodeError, '', lambda: c.json_to_python('[1', list[u8]))
    raises(DecodeError, '', lambda: c.json_to_python('{', None))
    raises(EncodeError, 'n: 70000 is out of range', lambda: c.python_to_json(Item('a', 70000)))
    raises(ConversionError, 'Decimal', lambda: c.json_to_python('1', __import__('decimal').Decimal))
    raises(TypeError, '', lambda: c.json_to_python(5, u8))
    deep = Node('x', [])
    for _ in range(1000): deep = Node('x', [deep])
    raises(EncodeError, '', lambda: c.python_to_json(deep))
    raises(DecodeError, '', lambda: c.json_to_python('{"name":"x","down":[' * 1000 + ']}' * 1000, Node))
    s = c.get_stats()
    assert s.errors_encountered == 9 and s.conversions_performed == 37, s
    r = c.get_performance_report()['per_type']
    assert r['Item']['calls'] >= 4 and r['dynamic']['calls'] == 2, r
@dataclass
class Node:
    name: str
    down: list[Node]
class Team(__import__('enum').Enum):
    RED = 'r'
    BLUE = 'b'
