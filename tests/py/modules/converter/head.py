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
