"""Mistakes of authors: each is reported at its line, with what to do; all of a module's at once."""

import unittest

from helper import ModuleCase

HEAD = """\
from dataclasses import dataclass
from enum import Enum, Flag
from typing import *
from orochi import *
"""
LINES = HEAD.count("\n")

# name: (source after HEAD, line in that source, words of the message). "ROW" in a source is a line that is right.
TABLE = {
    "unknown type": (
        "class Thing: pass\n@table\nclass A:\n    id: u32\n    x: memoryview", 5, ["A.x", "memoryview", "use bytes"]),
    "class of a library": ("import threading\n@table\nclass A:\n    x: threading.Event", 4, ["A.x", "Event", "make a dataclass"]),
    "value as annotation": ("@table\nclass A:\n    x: 3.5", 3, ["A.x", "3.5", "not a type"]),
    "Decimal": ("from decimal import Decimal\n@table\nclass A:\n    x: Decimal", 4, ["A.x: Decimal cannot be stored", "i64"]),
    "Decimal in a list": ("from decimal import Decimal\n@table\nclass A:\n    x: list[Decimal]", 4, ["A.x: Decimal"]),
    "Decimal in a record": (
        "from decimal import Decimal\n@dataclass\nclass B:\n    a: int\n    price: Decimal\n@table\nclass A:\n    x: B",
        5, ["B.price: Decimal"]),
    "date": ("import datetime\n@table\nclass A:\n    x: datetime.date", 4, ["date cannot be stored", "Timestamp"]),
    "time": ("import datetime\n@table\nclass A:\n    x: datetime.time", 4, ["time cannot be stored", "microseconds"]),
    "complex": ("@table\nclass A:\n    x: complex", 3, ["complex", "two floats"]),
    "callable": ("@table\nclass A:\n    x: Callable[[], int]", 3, ["functions cannot be stored"]),
    "generic class": ("@dataclass\nclass B[T]:\n    x: T\n@table\nclass A:\n    x: B[int]", 6, ["B[int]", "a class of its own"]),
    "int or str": ("@table\nclass A:\n    x: int | str", 3, ["int | str", "must be dataclasses", "wrap"]),
    "bare tuple": ("@table\nclass A:\n    x: tuple", 3, ["A.x", "tuple"]),
    "bare Sequence": ("@table\nclass A:\n    x: Sequence", 3, ["A.x", "lacks the type"]),
    "bare PrimaryKey": ("@table\nclass A:\n    x: PrimaryKey", 3, ["A.x", "PrimaryKey[u64]"]),
    "two primary keys": (
        "@table\nclass A:\n    id: PrimaryKey[u32]\n    other: AutoKey[u32]", 4, ["2 primary keys (id, other)", "Unique"]),
    "two primary keys, both ways": (
        "@table(primary_key='b')\nclass A:\n    a: PrimaryKey[u32]\n    b: u32", 4, ["2 primary keys"]),
    "unknown primary key": (
        "@table(primary_key='ID')\nclass A:\n    id: u32\n    b: u8", 2, ["primary_key=", "'ID'", "it has id, b"]),
    "primary key of two": (
        "@table(primary_key=('a', 'b'))\nclass A:\n    a: u32\n    b: u8", 2, ["primary_key= names one column"]),
    "unknown unique": ("@table(unique=['nope'])\nclass A:\n    id: u32", 2, ["unique=", "'nope'"]),
    "unknown auto_inc": ("@table(auto_inc='nope')\nclass A:\n    id: u32", 2, ["auto_inc=", "'nope'"]),
    "unknown index": ("@table(indexes=['id', ('id', 'nope')])\nclass A:\n    id: u32", 2, ["indexes=", "'nope'"]),
    "index without columns": ("@table(indexes=[Column()])\nclass A:\n    id: u32", 2, ["must name its columns"]),
    "column twice in an index": ("@table(indexes=[('id', 'id')])\nclass A:\n    id: u32", 2, ["each once"]),
    "index of an unknown kind": (
        "@table(indexes=[Column('id', algorithm='tree')])\nclass A:\n    id: u32", 2, ["'tree'", "btree"]),
    "index that hides a column": (
        "@table(indexes=[Column('a', 'b', name='c')])\nclass A:\n    a: u32\n    b: u32\n    c: u32", 2, ["hides the column"]),
    "two indexes of a name": (
        "@table(indexes=[Column('a', 'b', name='n'), Column('b', 'a', name='n')])\nclass A:\n    a: u32\n    b: u32", 2,
        ["two indexes called 'n'"]),
    "two equal indexes": (
        "@table(indexes=[Column('a', 'b', name='n'), Column('a', 'b', name='m')])\nclass A:\n    a: u32\n    b: u32", 2,
        ["two btree indexes over a, b"]),
    "auto_inc on str": ("@table\nclass A:\n    id: AutoKey[str]", 3, ["A.id", "auto_inc needs an integer"]),
    "float index": ("@table\nclass A:\n    x: Index[f32] = 0", 3, ["A.x: a float cannot be an index"]),
    "optional key": ("@table\nclass A:\n    x: Unique[u32 | None] = None", 3, ["A.x: an optional value cannot be a key"]),
    "list as a key": ("@table\nclass A:\n    x: Unique[list[int]]", 3, ["A.x: a list cannot be"]),
    "direct index on str": ("@table\nclass A:\n    x: DirectIndex[str]", 3, ["A.x: a direct index"]),
    "key inside an option": ("@table\nclass A:\n    x: Index[u32] | None = None", 3, ["go around the whole type"]),
    "key in a record": ("@dataclass\nclass B:\n    x: Unique[str]\n@table\nclass A:\n    b: B", 3, ["B.x", "table column"]),
    "table name twice": ("@table\nclass A:\n    x: u8\n@table(name='a')\nclass B:\n    x: u8", 5, ["'a'", "game.py:6", "rename"]),
    "index name of another table": (
        "@table\nclass A:\n    id: Index[u8]\n@table(name='a_id_idx_btree')\nclass B:\n    x: u8", 5, ["'a_id_idx_btree'"]),
    "table twice": ("@table\n@table\nclass A:\n    x: u8", 1, ["A is a table already", "subclass"]),
    "names beginning with st_": ("@table\nclass St_Client:\n    x: u8\n", 2, ["table st_client", "system tables"]),
    "name given with st_": ("@table(name='st_x')\nclass A:\n    x: u8", 2, ["st_x", "system tables"]),
    "name with a dash": ("@table(name='a-b')\nclass A:\n    x: u8", 2, ["'a-b'", "letters, digits and _"]),
    "two columns of a name": ("@table\nclass A:\n    id: u8\n    id_: u8", 4, ["two columns that clients see as 'id'"]),
    "two fields of a name": (
        "@dataclass\nclass B:\n    a: u8\n    a_: u8\n@table\nclass A:\n    x: B", 4, ["B has two fields", "'a'"]),
    "column name for clients": ("@table\nclass A:\n    x: u8 = field(name='1x')", 3, ["'1x'"]),
    "scheduled table without a key": (
        "@table(scheduled='f')\nclass A:\n    at: ScheduleAt\n@reducer\ndef f(ctx, row: A): ...",
        2, ["AutoKey[u64]", "ScheduleAt"]),
    "scheduled table with a small key": (
        "@table(scheduled='f')\nclass A:\n    id: AutoKey[u32] = 0\n    at: ScheduleAt\n@reducer\ndef f(ctx, row: A): ...", 2,
        ["primary key of type u64"]),
    "scheduled table with two times": (
        "@table(scheduled='f')\nclass A:\n    id: AutoKey[u64] = 0\n    at: ScheduleAt\n    b: ScheduleAt\n@reducer\n"
        "def f(ctx, row: A): ...", 2, ["exactly one"]),
    "scheduled target missing": (
        "@table(scheduled='remind')\nclass A:\n    id: AutoKey[u64] = 0\n    at: ScheduleAt", 2, ["'remind'", "row: A"]),
    "scheduled target of other rows": (
        "@table(scheduled='f')\nclass A:\n    id: AutoKey[u64] = 0\n    at: ScheduleAt\n@reducer\ndef f(ctx, row: str): ...", 6,
        ["f: the reducer of the scheduled table a takes its row"]),
    "default of wrong type": ("@table\nclass A:\n    x: u8 = 'one'", 3, ["A.x: the default does not fit: expected int, got str"]),
    "default out of range": ("@table\nclass A:\n    x: u8 = 256", 3, ["256 is out of range for u8"]),
    "default None": ("@table\nclass A:\n    x: str = None", 3, ["A.x: the default is None", "T | None"]),
    "default inside": (
        "@dataclass(frozen=True)\nclass V:\n    x: f32\n@table\nclass A:\n    v: V = V('a')",
        6, ["A.v: the default", "x: expected float"]),
    "default against its constraint": (
        "@table\nclass A:\n    x: Annotated[str, Len(1)] = ''", 3, ["at least 1 characters, got 0"]),
    "default of a list": ("@table\nclass A:\n    x: list[u8] = [1, 'a']", 3, ["[1]: expected int, got str"]),
    "two defaults": ("@table\nclass A:\n    x: u8 = field(default=1, default_factory=int)", 3, ["not both"]),
    "field with an unknown index": ("@table\nclass A:\n    x: u8 = field(index='tree')", 3, ["'tree'"]),
    "class without an end": (
        "@dataclass\nclass Node:\n    down: 'Node'\n@table\nclass A:\n    x: Node",
        2, ["Node contains itself without an end", "list[Node] or Node | None"]),
    "table without an end": ("@table\nclass Node:\n    id: u8\n    down: 'Node'", 2, ["Node contains itself without an end"]),
    "classes without an end": (
        "@dataclass\nclass L:\n    r: 'R'\n@dataclass\nclass R:\n    l: L\n@reducer\ndef f(ctx, x: L): pass",
        2, ["L contains itself without an end"]),
    "recursive alias": ("type T = list[T]\n@table\nclass A:\n    x: T", 4, ["A.x: T contains itself", "make it a dataclass"]),
    "recursive aliases": (
        "type T = list[U]\ntype U = T | None\n@table\nclass A:\n    x: T", 5, ["A.x: T contains itself", "dataclass"]),
    "enum without members": ("class E(Enum): pass\n@table\nclass A:\n    x: E", 1, ["enum E has no members"]),
    "flags": ("class E(Flag):\n    A = 1\n@table\nclass A:\n    x: E", 1, ["E is a Flag", "integer"]),
    "undefined forward reference": ("@table\nclass A:\n    id: u32\n    x: 'Plyer'", 4, ["A.x", "'Plyer'", "not defined"]),
    "annotation that fails": ("@table\nclass A:\n    x: '1 / 0'", 3, ["A.x", "ZeroDivisionError"]),
    "annotation that is no expression": ("@table\nclass A:\n    x: 'a b'", 3, ["A.x", "SyntaxError"]),
    "class without annotations": ("@table\nclass A:\n    x = 3", 2, ["table a has no columns", "id: PrimaryKey[u64]"]),
    "own __init__": (
        "@table\nclass A:\n    x: u8\n    def __init__(self): pass", 2, ["A: a table has no __init__", "__post_init__"]),
    "types of one name": (
        "class O:\n    class V(NamedTuple):\n        a: u8\n@dataclass\nclass V:\n    a: u8\n"
        "@table\nclass A:\n    x: V\n    y: O.V", 2,
        ["two types are called V", "@product(name=...)"]),
    "NotRequired": (
        "class D(TypedDict, total=False):\n    a: int\n@table\nclass A:\n    x: D", 1, ["a may be missing", "T | None"]),
    "Literal of ints": ("@table\nclass A:\n    x: Literal[1, 2]", 3, ["Literal", "use an Enum"]),
    "Literal that is no name": ("@table\nclass A:\n    x: Literal['a b']", 3, ["'a b'", "use letters"]),
    "constraint of another kind": ("@table\nclass A:\n    x: Annotated[int, Len(1, 2)]", 3, ["min_length=1 does not suit i64"]),
    "bad pattern": ("@table\nclass A:\n    x: Annotated[str, Pattern('(')]", 3, ["'('", "not a regular expression"]),
    "row filter of a private table": ("@table(rls='SELECT * FROM a')\nclass A:\n    x: u8", 2, ["rls= says", "public=True"]),
    "row filter that is no SQL": ("@table(public=True, rls=[5])\nclass A:\n    x: u8", 2, ["rls= has 5", "SELECT * FROM a"]),
    "owner that is no column": ("@table(public=True, owner='whom')\nclass A:\n    who: Identity", 2, ["'whom'", "do you mean who?"]),
    "owner that is no identity": ("@table(public=True, owner='x')\nclass A:\n    x: u8", 3, ["owner=", "no Identity but"]),
    "two owners": ("@table(public=True, owner=['a', 'b'])\nclass A:\n    a: Identity\n    b: Identity", 2, ["owner= names one column"]),
    "table in front of a function": ("@table\ndef f(): pass", 1, ["@table goes in front of a class"]),
    "table with a bare name": ("@table('player')\nclass A:\n    x: u8", 1, ["@table(name='player')"]),
    "table in front of an enum": ("@table\nclass E(Enum):\n    A = 1", 1, ["@table goes in front of a class with annotations"]),
}
REDUCER = {
    "reducer name twice": (
        "@reducer\ndef f(ctx): ...\n@reducer(name='f')\ndef g(ctx): ...", 4, ["two reducers are called 'f'", "game.py:6"]),
    "two decorators": ("@reducer\n@client_connected\ndef f(ctx): ...", 3, ["f has both @client_connected and @reducer"]),
    "lifecycle twice": ("@init\ndef f(ctx): ...\n@init\ndef g(ctx): ...", 4, ["@init is there twice", "game.py:6"]),
    "lifecycle with arguments": ("@init\ndef f(ctx, x: u8): ...", 2, ["@init takes only the context"]),
    "no parameters": ("@reducer\ndef f(): ...", 2, ["first parameter", "def f(ctx: ReducerContext)"]),
    "without ctx": ("@reducer\ndef f(text: str): ...", 2, ["the first parameter of a reducer is its context"]),
    "ctx of a record": ("@dataclass\nclass P:\n    x: u8\n@reducer\ndef f(p: P): ...", 5, ["first parameter"]),
    "missing annotation": ("@reducer\ndef f(ctx,\n      a: u8,\n      text): ...", 4, ["'text' needs a type", "text: str"]),
    "*args": ("@reducer\ndef f(ctx, *rest: str): ...", 2, ["*rest is not possible"]),
    "**kwargs": ("@reducer\ndef f(ctx, **rest: str): ...", 2, ["**rest is not possible"]),
    "keyword-only": ("@reducer\ndef f(ctx, *, a: u8): ...", 2, ["'a' stands after *"]),
    "two parameters of a name": ("@reducer\ndef f(ctx, a: u8, a_: u8): ...", 2, ["two parameters that clients see as 'a'"]),
    "async": ("@reducer\nasync def f(ctx): ...", 2, ["not async"]),
    "generator": ("@reducer\ndef f(ctx):\n    yield 1", 2, ["not a generator"]),
    "return annotation": ("@reducer\ndef f(ctx) -> int: ...", 2, ["a reducer returns nothing", "-> None"]),
    "unknown type": ("@reducer\ndef f(ctx,\n      x: memoryview): ...", 3, ["f.x", "use bytes"]),
    "undefined type": ("@reducer\ndef f(ctx, x: 'Nope'): ...", 2, ["f.x", "'Nope'"]),
    "undefined context": ("@reducer\ndef f(ctx: 'Nope'): ...", 2, ["f.ctx", "'Nope'"]),
    "timeout": ("@reducer(timeout_ms=0)\ndef f(ctx): ...", 2, ["timeout_ms=0", "above zero"]),
    "name": ("@reducer(name='say hi')\ndef f(ctx): ...", 2, ["'say hi'"]),
    "reducer in front of a class": ("@reducer\nclass F: pass", 1, ["@reducer goes in front of a function"]),
    "scheduled with arguments": ("@scheduled(hz=1)\ndef f(ctx, x: u8): ...", 2, ["takes only the context", "scheduled="]),
    "scheduled without a time": ("@scheduled\ndef f(ctx): ...", 2, ["needs one of interval_ms="]),
    "scheduled once without a delay": ("@scheduled(repeating=False)\ndef f(ctx): ...", 2, ["needs one of"]),
    "two intervals": ("@scheduled(hz=1, interval_ms=5)\ndef f(ctx): ...", 2, ["takes one of interval_ms and hz, not both"]),
    "interval 0": ("@scheduled(interval_ms=0)\ndef f(ctx): ...", 2, ["interval_ms=0", "more than zero"]),
    "negative interval": (
        "from datetime import timedelta\n@scheduled(interval=timedelta(-1))\ndef f(ctx): ...", 3, ["more than zero"]),
    "hz 0": ("@scheduled(hz=0)\ndef f(ctx): ...", 2, ["hz=0"]),
    "interval of text": ("@scheduled(interval_ms='5')\ndef f(ctx): ...", 2, ["interval_ms='5'", "a number"]),
    "missed": ("@scheduled(hz=1, missed='never')\ndef f(ctx): ...", 2, ["missed='never'", '"skip"']),
    "max_dt": ("@scheduled(hz=1, max_dt=0)\ndef f(ctx): ...", 2, ["max_dt=0"]),
    "cron of four fields": ("@scheduled(cron='0 4 * *')\ndef f(ctx): ...", 2, ["cron='0 4 * *'", "wrong number of fields", "UTC"]),
    "cron out of range": ("@scheduled(cron='0 24 * * *')\ndef f(ctx): ...", 2, ["bad hour", "five fields"]),
    "cron that is no text": ("@scheduled(cron=4)\ndef f(ctx): ...", 2, ["cron=4", "a text of five fields"]),
    "cron that names no time": ("@scheduled(cron='0 0 30 2 *')\ndef f(ctx): ...", 2, ["bad day-of-month"]),
    "cron beside an interval": ("@scheduled(cron='0 4 * * *', hz=1)\ndef f(ctx): ...", 2, ["cron=...", "stands alone"]),
    "cron with a delay": ("@scheduled(cron='0 4 * * *', delay=1)\ndef f(ctx): ...", 2, ["stands alone"]),
    "cron after the end": ("@scheduled(cron='0 4 * * *', missed='delay')\ndef f(ctx): ...", 2, ['"skip" or "all"']),
    "two delays": ("@scheduled(hz=1, delay=1, start_after=1)\ndef f(ctx): ...", 2, ["one of delay and start_after, not both"]),
    "start_after in the past": ("@scheduled(hz=1, start_after=-1)\ndef f(ctx): ...", 2, ["start_after=-1", "less than zero"]),
    "volatile": ("@scheduled(hz=1, volatile='no')\ndef f(ctx): ...", 2, ["volatile='no'", "True or False"]),
    "more than a century": ("@scheduled(interval=4e9)\ndef f(ctx): ...", 2, ["100 years at most"]),
    "an interval that is no number": ("@scheduled(interval=float('nan'))\ndef f(ctx): ...", 2, ["nan", "none that passes"]),
    "procedure without a result": ("@procedure\ndef f(ctx): ...", 2, ["f: a procedure says what it returns", "-> None"]),
    "procedure of a reducer's context": (
        "@procedure\ndef f(ctx: ReducerContext) -> int: ...", 2, ["the first parameter of a procedure is its context", "ProcedureContext"]),
    "procedure that waits for nothing with the context of one that does": (
        "@procedure\ndef f(ctx: AsyncProcedureContext) -> int: ...", 2, ["the first parameter of a procedure is its context", "def f(ctx: ProcedureContext)"]),
    "reducer of a procedure's context": (
        "@reducer\ndef f(ctx: ProcedureContext): ...", 2, ["the first parameter of a reducer is its context", "ReducerContext"]),
    "procedure that is a generator": ("@procedure\ndef f(ctx) -> int:\n    yield 1", 2, ["a procedure is no generator"]),
    "procedure and reducer of a name": (
        "@reducer\ndef f(ctx): ...\n@procedure(name='f')\ndef g(ctx) -> int: ...", 4, ["two functions are called 'f'"]),
    "procedure that rows call with something else": (
        "@table(scheduled='f')\nclass A:\n    id: AutoKey[u64] = 0\n    at: ScheduleAt\n@procedure\ndef f(ctx, n: u32) -> None: ...", 6,
        ["f: the procedure of the scheduled table a takes its row", "@procedure def f(ctx: ProcedureContext, row: A) -> None"]),
    "procedure that is a reducer": ("@procedure\n@reducer\ndef f(ctx) -> None: ...", 3, ["has both @reducer and @procedure"]),
    "result of no type": ("@procedure\ndef f(ctx) -> memoryview: ...", 2, ["f -> memoryview", "use bytes"]),
    "result of an unknown name": ("@procedure\ndef f(ctx) -> 'Nope': ...", 2, ["names 'Nope', which is not defined"]),
    "procedure with an option": ("@procedure(time=3)\ndef f(ctx) -> int: ...", 1, ["@procedure has no option 'time'", "timeout_ms"]),
    "procedure in a class": (
        "class A:\n    @procedure\n    def f(ctx) -> int: ...", 3, ["stands in the class A", "f(ctx: ProcedureContext"]),
    "row filter of no table": ("row_filter('SELECT * FROM x')\n@reducer\ndef f(ctx): ...", 1, ["there is no table 'x'"]),
    "row filter of a mistyped table": (
        "row_filter('SELECT * FROM hant')\n@table(public=True)\nclass Hand:\n    x: u8", 1, ["there is no table 'hant'", "do you mean hand"]),
    "row filter that selects nothing": ("row_filter('hand')\n@reducer\ndef f(ctx): ...", 1, ["selects no rows of a table"]),
    "row filter, joined, of all": (
        "row_filter('SELECT * FROM a JOIN b ON a.x = b.x')\n@reducer\ndef f(ctx): ...", 1, ["selects no rows of a table"]),
    "row filter beside a private table": (
        "@table\nclass A:\n    x: u8\nrow_filter('SELECT * FROM a WHERE x = 1')", 4, ["private table", "public=True"]),
    "row filter as a decorator": ("@row_filter\ndef f(ctx): ...", 2, ["takes SQL and decorates nothing", 'owner="player"']),
    "updated with arguments": ("@updated\ndef f(ctx, x: u8): ...", 2, ["@updated takes only the context"]),
    "updated twice": ("@updated\ndef f(ctx): ...\n@updated\ndef g(ctx): ...", 4, ["@updated is there twice"]),
    "declared database": (
        "@table\nclass A:\n    x: u8\nclass Db(Database):\n    a: Table[A]\n    b: Table[A]\n"
        "@reducer\ndef f(ctx: ReducerContext[Db]): ...", 6,
        ["Db.b: the module has no table 'b'", "it has a"]),
    "declared database of other rows": (
        "@table\nclass A:\n    x: u8\nclass Db(Database):\n    a: Table[str]\n@reducer\ndef f(ctx: ReducerContext[Db]): ...", 5,
        ["Db.a: the rows of table a are A"]),
    "import of a misspelt name": ("from orochi import ReducerContxt", 1, ["ReducerContxt", "do you mean ReducerContext?"]),
    "missing module": ("import no_such_module_anywhere", 1, ["no_such_module_anywhere", "installed"]),
    "missing name": ("from math import tau, nope", 1, ["nope"]),
    "exception at import": ("def f():\n    return {}['x']\ny = 1\nf()", 2, ["while importing", "KeyError: 'x'"]),
    "undefined class": (
        "@dataclass\nclass A:\n    x: Later", 3, ["NameError", "Later is a class further down, write the annotation in quotes"]),
    "mutable default of a dataclass": ("@dataclass\nclass A:\n    x: list[int] = []", 1, ["ValueError", "default_factory"]),
    "sys.exit": ("import sys\nsys.exit(3)", 2, ["while importing", "SystemExit: 3"]),
    "on_load": (
        "@reducer\ndef f(ctx): ...\n@on_load\ndef g():\n    raise ValueError('no file')",
        5, ["@on_load g", "ValueError: no file"]),
    "on_load of nothing": ("on_load(3)", 1, ["@on_load goes in front of a function"]),
    "product of nothing": ("product(name='x')(3)", 1, ["@product goes in front of a class"]),
}


class Mistakes(ModuleCase):
    def check(self, source, line, words):
        found = self.problems(HEAD + source)
        self.assertEqual(len(found), 1, found)
        place, _, text = found[0].partition(": ")
        self.assertEqual(place, f"game.py:{LINES + line}", found[0])
        for word in words:
            self.assertIn(word, text)

    def test_syntax_error(self):
        self.assertEqual(self.problems("x = 1\nif x\n    pass\n"), ["game.py:2: syntax error: expected ':'\n    if x\n        ^"])

    def test_syntax_error_within_indentation(self):
        self.assertEqual(self.problems("if True:\n\t  def f(x) -> None\n"),
                         ["game.py:2: syntax error: expected ':'\n    def f(x) -> None\n                    ^"])

    def test_syntax_error_of_a_neighbour(self):
        self.write("x = (", "near.py")
        self.assertEqual(self.problems("import near"), ["near.py:1: syntax error: '(' was never closed\n    x = (\n        ^"])

    def test_exception_in_a_neighbour(self):
        self.write("def f():\n    raise OSError('gone')\n", "near.py")
        self.assertEqual(self.problems("import near\nnear.f()"), ["near.py:2: while importing: OSError: gone"])

    def test_no_declarations(self):
        found = self.problems("x = 1")
        self.assertEqual(len(found), 1)
        self.assertRegex(found[0], r"^game\.py:1: it declares no tables and no reducers: .*@table.*@reducer")

    def test_paths(self):
        for name, words in (("no.py", "no such file"), ("", "neither __init__.py nor module.py")):
            with self.assertRaisesRegex(Exception, words):
                from orochi import _load
                _load.load(str(self.folder / name), "game")
        self.assertRegex(self.problems("x = 1", "game.txt")[0], "a module is a .py file")

    def test_a_name_that_python_uses(self):
        self.assertRegex(self.problems("x = 1", "random.py")[0], "^random.py:1: .*'random'.* rename")

    def test_all_problems_at_once(self):
        found = self.problems(HEAD + """
from decimal import Decimal

@dataclass
class Price:
    amount: Decimal

@table(primary_key="nope")
class A:
    id: AutoKey[str]
    price: Price
    other: Price
    far: "Missing"
    near: u8 = 300

@table
class A2:
    price: Price
    good: u8

@reducer
async def f(text) -> int: ...

@scheduled(hz=0)
def g(ctx, x: Price): ...

@updated
def v(ctx, x: u8): ...
""")
        lines = sorted(int(problem.split(":")[1]) - LINES for problem in found)
        self.assertEqual(lines, [6, 9, 10, 13, 14, 22, 22, 25, 25, 28], found)
        self.assertEqual(len(set(found)), len(found))

    def test_problems_before_an_exception_are_kept(self):
        found = self.problems(HEAD + "\nrow_filter(5)\nraise ValueError('x')\n")
        self.assertEqual([p.split(":")[1] for p in found], [str(LINES + 2), str(LINES + 3)])

    def test_under_future_annotations(self):
        found = self.problems("""
            from __future__ import annotations
            from orochi import reducer, table, u8
            @table
            class A:
                x: u8
                y: Nope
                z: complex
            @reducer
            def f(ctx: ReducerContext, a: Nope): ...
        """)
        self.assertEqual([p.split(":")[1] for p in found], ["6", "7", "9", "9"])


def _add(kind, cases):
    for name, (source, line, words) in cases.items():
        def test(self, source=source, line=line, words=words):
            self.check(source, line, words)
        test.__doc__ = f"{kind}: {name}"
        setattr(Mistakes, "test_" + "".join(c if c.isalnum() else "_" for c in f"{kind}_{name}"), test)


_add("table", TABLE)
_add("reducer", REDUCER)

if __name__ == "__main__":
    unittest.main()
