"""Mistakes of kinds that Python itself lets pass, or says nothing helpful about: what is said of each, with its line. The same under
`from __future__ import annotations`, where annotations are texts; and what is right stays right."""

import unittest

from helper import kinds

HEAD = """\
from dataclasses import dataclass
from enum import *
from typing import *
from abc import *
from orochi import *
"""

# name: (source after HEAD, [(line in that source, beginning of the message), ...], the same under FUTURE if that differs)
WRONG = {
    'abc base': (
        '@table\nclass A(ABC):\n    x: u32',
        [(2, 'A: rows are made from stored bytes, so a table cannot be an abstract class: take ABC out of its bases')]),
    'abstractmethod': (
        '@table\nclass A(ABC):\n    x: u32\n    @abstractmethod\n    def f(self): ...',
        [(2, 'A: rows are made from stored bytes, so a table cannot be an abstract class: take ABC out of its bases')]),
    'Protocol base': (
        '@table\nclass A(Protocol):\n    x: u32',
        [(2, 'A: a Protocol describes other classes and has no rows: write class A: without it')]),
    'Generic base': (
        "T=TypeVar('T')\n@table\nclass A(Generic[T]):\n    x: u32",
        [(3, 'A: clients know no type parameters: write a class without them, with the types themselves')]),
    'Generic base used': (
        "T=TypeVar('T')\n@table\nclass A(Generic[T]):\n    x: T",
        [(3, 'A: clients know no type parameters: write a class without them, with the types themselves')]),
    'PEP695': (
        '@table\nclass A[T]:\n    x: u32',
        [(2, 'A: clients know no type parameters: write a class without them, with the types themselves')]),
    'PEP695 used': (
        '@table\nclass A[T]:\n    x: T',
        [(2, 'A: clients know no type parameters: write a class without them, with the types themselves')]),
    'doc column': (
        '@table\nclass A:\n    __doc__: str\n    x: u32',
        [(3, "A.__doc__: names that begin with __ are Python's own and no columns: call it doc")]),
    'dunder column': (
        '@table\nclass A:\n    __slots__: str\n    x: u32',
        [(3, "A.__slots__: names that begin with __ are Python's own and no columns: call it slots")]),
    'private column': (
        '@table\nclass A:\n    _x: u32',
        [(3, 'A._x: clients see every column of a public table, so a name that looks private is refused: call it x, and keep')]),
    'dunder-private column': (
        '@table\nclass A:\n    __x: u32',
        [(2, "A.__x: names that begin with __ are Python's own and no columns: call it x")]),
    'unique tuple': (
        '@table(unique=[("a","b")])\nclass A:\n    a: u32\n    b: u32',
        [(2, "table a: unique= names columns one by one, and ('a', 'b') is several: write unique=['a', 'b'] if each of them ")]),
    'auto_inc tuple': (
        '@table(auto_inc=[("a","b")])\nclass A:\n    a: u32\n    b: u32',
        [(2, "table a: auto_inc= names columns one by one, and ('a', 'b') is several: write auto_inc=['a', 'b'] if each of t")]),
    'unique True': (
        '@table(unique=True)\nclass A:\n    a: u32',
        [(2, 'table a: unique= names columns, e.g. unique=["id"], and True is none')]),
    'indexes int': (
        '@table(indexes=[3])\nclass A:\n    a: u32',
        [(2, 'table a: indexes= lists columns, e.g. indexes=["guild", ("guild", "name")] or Column("guild", "name", name="by')]),
    'indexes dict': (
        '@table(indexes={"by_a": "a"})\nclass A:\n    a: u32',
        [(2, 'table a: indexes= lists columns, e.g. indexes=["guild", ("guild", "name")] or Column("guild", "name", name="by')]),
    'public str': (
        '@table(public="yes")\nclass A:\n    a: u32',
        [(2, "table a: public='yes': it is True or False")]),
    'reducer on method': (
        'class S:\n    @reducer\n    def f(self, ctx, x: u32): ...\n@table\nclass A:\n    a: u32',
        [(3, 'f stands in the class S, and @reducer is for functions of the module: move it out, def f(ctx: ReducerContext, ')]),
    'reducer on method2': (
        '@table\nclass A:\n    a: u32\n    @reducer\n    def f(ctx, x: u32): ...',
        [(5, 'f stands in the class A, and @reducer is for functions of the module: move it out, def f(ctx: ReducerContext, ')]),
    'reducer static': (
        'class S:\n    @reducer\n    @staticmethod\n    def f(ctx, x: u32): ...',
        [(2, '@reducer goes in front of a function, not the staticmethod f: take it out of its class, def f(ctx: ReducerCont')]),
    'static reducer': (
        'class S:\n    @staticmethod\n    @reducer\n    def f(ctx: ReducerContext, x: u32): ...',
        [(4, 'f stands in the class S, and @reducer is for functions of the module: move it out, def f(ctx: ReducerContext, ')]),
    'classmethod': (
        'class S:\n    @classmethod\n    @reducer\n    def f(cls, ctx: ReducerContext, x: u32): ...',
        [(4, 'f stands in the class S, and @reducer is for functions of the module: move it out, def f(ctx: ReducerContext, ')]),
    'missing import in annotation': (
        '@table\nclass A:\n    a: datetime',
        [(3, "while importing: NameError: name 'datetime' is not defined. Did you forget to import 'datetime'? (write `from ")],
        [(3, "A.a: the annotation names 'datetime', which is not defined in the module: write `from datetime import datetime")]),
    'missing import in annotation quoted': (
        "@table\nclass A:\n    a: 'datetime'",
        [(3, "A.a: the annotation names 'datetime', which is not defined in the module: write `from datetime import datetime")]),
    'missing typo type quoted': (
        "@table\nclass A:\n    a: 'PrimaryKy[u32]'",
        [(3, "A.a: the annotation names 'PrimaryKy', which is not defined in the module: do you mean PrimaryKey?")]),
    'missing Decimal quoted': (
        "@reducer\ndef f(ctx, x: 'uuid.UUID'): ...",
        [(2, "f.x: the annotation names 'uuid', which is not defined in the module: write `import uuid`")]),
    'missing typo': (
        '@table\nclass A:\n    a: PrimaryKy[u32]',
        [(3, "while importing: NameError: name 'PrimaryKy' is not defined (do you mean PrimaryKey?)")],
        [(3, "A.a: the annotation names 'PrimaryKy', which is not defined in the module: do you mean PrimaryKey?")]),
    'unknown kwargs table': (
        '@table(pubic=True)\nclass A:\n    a: u32',
        [(1, "@table has no option 'pubic': do you mean public? (there is name, public, primary_key, auto_inc, unique, index")]),
    'unknown kwargs reducer': (
        '@reducer(timeout=5)\ndef f(ctx): ...',
        [(1, "@reducer has no option 'timeout': do you mean timeout_ms? (there is name, public, timeout_ms, reads, writes)")]),
    'unknown kwargs scheduled': (
        '@scheduled(seconds=5)\ndef f(ctx): ...',
        [(1, "@scheduled has no option 'seconds': (there is interval_ms, interval, hz, cron, delay_ms, delay, start_after, r"), (2, 'f: @scheduled needs one of interval_ms=, interval=, hz=, cron=, or delay_ms= with repeating=False')]),
    'unknown kwargs field': (
        '@table\nclass A:\n    a: u32 = field(primary=True)',
        [(3, "field() has no option 'primary': do you mean primary_key? (there is default, default_factory, primary_key, aut")]),
    'field positional': (
        '@table\nclass A:\n    a: u32 = field(3)',
        [(3, 'field() takes its options by name: write field(default=3)')]),
    'init with args': (
        '@init(once=True)\ndef f(ctx): ...',
        [(1, "@init has no option 'once': (it has none)")]),
    'table positional twice': (
        '@table("a", True)\nclass A:\n    a: u32',
        [(1, 'while importing: TypeError: table() takes from 0 to 1 positional arguments but 2 were given (options are writt')]),
    'scheduled positional': (
        '@scheduled(5)\ndef f(ctx): ...',
        [(1, '@scheduled goes in front of a function, not 5; write @scheduled(interval_ms=5)')]),
    'reducer lambda': (
        'f = reducer(lambda ctx: None)',
        [(1, 'a lambda has no name that clients could call: write def f(ctx: ReducerContext) with @reducer in front')]),
    'reducer lambda annotated name': (
        'f = reducer(lambda ctx, x: None)',
        [(1, 'a lambda has no name that clients could call: write def f(ctx: ReducerContext) with @reducer in front')]),
    'reducer partial': (
        'from functools import partial\ndef g(ctx, x: u32): ...\nf = reducer(partial(g, x=3))',
        [(3, '@reducer goes in front of a function, not a partial: write def f(ctx: ReducerContext, ...), which may call it')]),
    'reducer callable object': (
        'class C:\n    def __call__(self, ctx): ...\nf = reducer(C())',
        [(3, '@reducer goes in front of a function, not an object of the class C: write def f(ctx: ReducerContext, ...), whi')]),
    'reducer builtin': (
        'reducer(print)',
        [(1, '@reducer goes in front of a function, not the built-in function print: write def f(ctx: ReducerContext, ...), ')]),
    'reducer of class method obj': (
        'class C:\n    def m(self, ctx): ...\nreducer(C().m)',
        [(3, '@reducer goes in front of a function, not the method m: take it out of its class, def f(ctx: ReducerContext, .')]),
    'deco after': (
        'import functools\ndef deco(f):\n    @functools.wraps(f)\n    def g(*args, **kw): return f(*args, **kw)\n    return g\n@deco\n@reducer\ndef f(ctx: ReducerContext, x: u32): ...',
        [(8, 'f: a decorator above @reducer wraps the function, and callers would pass it by: put @reducer on top')]),
    'table+dataclass outside': (
        '@dataclass\n@table\nclass A:\n    a: u32',
        [(3, 'A: a decorator above @table (@dataclass?) changes what @table made: put @table on top; it makes a dataclass by')]),
    'table TypedDict': (
        '@table\nclass A(TypedDict):\n    a: u32',
        [(2, 'A: a table is an ordinary class with annotations, no TypedDict: write class A:')]),
    'table NamedTuple': (
        '@table\nclass A(NamedTuple):\n    a: u32',
        [(2, 'A: a table is an ordinary class with annotations, no NamedTuple: write class A:')]),
    'table Exception': (
        '@table\nclass A(Exception):\n    a: u32',
        [(2, 'A: a row cannot be a kind of Exception: take it out of the bases, and put what it would hold into a column')]),
    'table int': (
        '@table\nclass A(int):\n    a: u32',
        [(2, 'A: a row cannot be a kind of int: take it out of the bases, and put what it would hold into a column')]),
    'table dict': (
        '@table\nclass A(dict):\n    a: u32',
        [(2, 'A: a row cannot be a kind of dict: take it out of the bases, and put what it would hold into a column')]),
    'table list': (
        '@table\nclass A(list):\n    a: u32',
        [(2, 'A: a row cannot be a kind of list: take it out of the bases, and put what it would hold into a column')]),
    'table metaclass': (
        'class M(type): pass\n@table\nclass A(metaclass=M):\n    a: u32',
        [(3, 'A: a table has no metaclass (M): use a class decorator below @table, or methods')]),
    'Final': (
        '@table\nclass A:\n    a: Final[u32] = 3',
        [(3, 'A.a: Final[u32]: a column can change: write u32 without Final')]),
    'Final bare': (
        '@table\nclass A:\n    a: Final = 3',
        [(3, 'A.a: Final: a column can change: write its type without Final')]),
    'InitVar': (
        'from dataclasses import InitVar\n@table\nclass A:\n    a: u32\n    n: InitVar[int] = 5',
        [(5, 'A.n: an InitVar is no column: rows are also made from stored bytes; compute it in a method')]),
    'Optional bare': (
        '@table\nclass A:\n    a: Optional',
        [(3, 'A.a: Optional lacks its types: write e.g. u32 | None')]),
    'subclass not decorated used': (
        '@table\nclass A:\n    id: PrimaryKey[u32]\nclass B(A):\n    b: u32\n@reducer\ndef f(ctx, b: B): ...',
        [(7, 'f.b: B is not a type that Orochi knows: it is a subclass of a table and none itself: write @table in front of ')]),
    'two tables same name differing case': (
        "@table(name='Player')\nclass A:\n    id: u32\n@table(name='player')\nclass B:\n    id: u32",
        [(5, "the tables 'Player' and 'player' are one for SQL (player): give one of them another name")]),
    'tables camel clash': (
        "@table(name='player_item')\nclass A:\n    id: u32\n@table(name='playerItem')\nclass B:\n    id: u32",
        [(5, "the tables 'player_item' and 'playerItem' are one for clients (playerItem): give one of them another name")]),
    'columns case': (
        '@table\nclass A:\n    user_name: u32\n    userName: u32',
        [(4, "table a: the columns 'user_name' and 'userName' are one for clients (userName): give one of them another name")]),
    'reducer case': (
        '@reducer\ndef set_name(ctx): ...\n@reducer\ndef setName(ctx): ...',
        [(4, "the reducers 'set_name' and 'setName' are one for clients (SetName): give one of them another name")]),
    'types same name case': (
        '@dataclass\nclass vec:\n    x: u32\n@dataclass\nclass Vec:\n    x: u32\n@table\nclass A:\n    a: vec\n    b: Vec',
        [(5, "the types 'vec' and 'Vec' are one for clients (Vec): give one of them another name")]),
    'enum member case clash': (
        'class E1(Enum):\n    RED = 1\n    red = 2\n@table\nclass A:\n    a: E1',
        [(1, "E1: the variants 'RED' and 'red' are one for clients (Red): give one of them another name")]),
    'ctx of wrong kind': (
        '@reducer\ndef f(ctx: Database, a: u32): ...',
        [(2, 'f: the first parameter of a reducer is its context: def f(ctx: ReducerContext)')]),
    'ctx Optional': (
        '@reducer\ndef f(ctx: ReducerContext | None, a: u32): ...',
        [(2, 'f: every call has its context: write ctx: ReducerContext')]),
    'call at module level': (
        '@reducer\ndef f(ctx: ReducerContext): ctx.db.x\nf(None)',
        [(2, "while importing: AttributeError: 'NoneType' object has no attribute 'db' (f is a reducer and is called while t")]),
    'call at module level2': (
        '@reducer\ndef f(ctx: ReducerContext, x: u32): ...\nf(3)',
        [(3, "while importing: TypeError: f() missing 1 required positional argument: 'x' (f is a reducer and is called whil")]),
    'ReducerContext() at module level': (
        'ReducerContext().db',
        [(1, 'while importing: TypeError: a ReducerContext is given to reducers with each call, and cannot be made')]),
    'scheduled name typo': (
        '@table(scheduled="remnd")\nclass A:\n    id: AutoKey[u64] = 0\n    at: ScheduleAt\n@reducer\ndef remind(ctx, row: A): ...',
        [(2, "table a: scheduled='remnd' names no reducer of the module; do you mean remind? Else write @reducer def remnd(c")]),
    'default factory wrong': (
        '@table\nclass A:\n    a: u32 = field(default_factory=3)',
        [(3, 'field(default_factory=3): it is a function that gives the default; for the default itself write field(default=')]),
    'param default wrong': (
        "@reducer\ndef f(ctx, a: u32 = 'x'): ...",
        [(2, 'f.a: the default does not fit: expected int, got str')]),
    'param default range': (
        '@reducer\ndef f(ctx, a: u8 = 300): ...',
        [(2, 'f.a: the default does not fit: 300 is out of range for u8')]),
    'param default None': (
        '@reducer\ndef f(ctx, a: str = None): ...',
        [(2, 'f.a: the default is None, but the parameter is a str: write T | None')]),
    'column call annotation': (
        '@table\nclass A:\n    id: PrimaryKey(u32)',
        [(3, "while importing: TypeError: 'typing.TypeVar' object is not callable (types take brackets: PrimaryKey[u32], lis")],
        [(3, "A.id: the annotation cannot be evaluated: 'typing.TypeVar' object is not callable: types take brackets: Primar")]),
    'column index list': (
        '@table\nclass A:\n    id: Index[u32, str]',
        [(3, 'while importing: TypeError: Too many arguments for typing.Annotated[~T, ColumnProperty(primary_key=False, auto')],
        [(3, 'A.id: the annotation cannot be evaluated: Too many arguments for typing.Annotated[~T, ColumnProperty(primary_k')]),
    'list of two': (
        '@table\nclass A:\n    id: list[u32, str]',
        [(3, 'A.id: list[u32, str]: a list has one type, that of its items, and this gives it 2')]),
    'list literal': (
        '@table\nclass A:\n    id: [u32]',
        [(3, 'A.id: [u32] is not a type that Orochi knows: write list[u32]')]),
    'tuple literal': (
        '@table\nclass A:\n    id: (u32, str)',
        [(3, 'A.id: (u32, str) is not a type that Orochi knows: write tuple[u32, str]')]),
    'dict literal': (
        '@table\nclass A:\n    id: {str: u32}',
        [(3, 'A.id: {str: u32} is not a type that Orochi knows: write dict[str, u32]')]),
    'dict one': (
        '@table\nclass A:\n    id: dict[str]',
        [(3, 'A.id: dict[str]: a dict has two types, those of keys and values, and this gives it 1')]),
    'union of table and None and str': (
        '@dataclass\nclass D:\n    x: u32\n@table\nclass A:\n    id: D | str',
        [(6, 'A.id: D | str: the members of a union must be dataclasses; wrap each value in a small one, class Count(Variant')]),
    'union of enums': (
        'class E(Enum):\n    A=1\nclass F(Enum):\n    B=1\n@table\nclass A:\n    id: E | F',
        [(7, 'A.id: E | F: the members of a union must be dataclasses; wrap each value in a small one, class Count(Variant[E')]),
    'u32 | str': (
        '@table\nclass A:\n    id: u32 | str',
        [(3, 'A.id: u32 | str: the members of a union must be dataclasses; wrap each value in a small one, class Count(Varia')]),
    'on_load with ctx': (
        '@reducer\ndef f(ctx): ...\n@on_load\ndef g(ctx): ...',
        [(4, 'g: @on_load gives no arguments, and there is no database yet: write def g(), or @init for what needs ctx')]),
    'on_load async': (
        '@reducer\ndef f(ctx): ...\n@on_load\nasync def g(): ...',
        [(4, 'g: @on_load is for a plain function, not async and not a generator')]),
    'import missing name': (
        'from orochi import ctx',
        [(1, "while importing: cannot import name 'ctx' from 'orochi'")]),
    'dataclass own init': (
        '@dataclass(init=False)\nclass B:\n    a: int\n    def __init__(self, q, r): self.a = q\n@table\nclass A:\n    b: B',
        [(2, "B is made from its fields by name (a), and its constructor does not take that: missing a required argument: 'q")]),
    'TypedDict generic': (
        'class D[T](TypedDict):\n    a: T\n@table\nclass A:\n    b: D[int]',
        [(5, 'A.b: D[int]: clients know no type parameters: write a class of its own')]),
    'NamedTuple old': (
        "from collections import namedtuple\nD = namedtuple('D', 'a b')\n@table\nclass A:\n    b: D",
        [(2, 'D.a has no type: use typing.NamedTuple or a dataclass')]),
    'attrs-like slots': (
        "@table\nclass A:\n    __slots__ = ('a',)\n    a: u32",
        [(2, 'A: @table makes the slots itself: take __slots__ away')]),
    'trailing two underscores': (
        '@table\nclass A:\n    x__: u32\n    _: u32',
        [(3, 'A.x__: __ stands between a column and what is asked of it, as in filter(score__gte=1): call it x'), (4, 'A._: clients see every column of a public table, so a name that looks private is refused: call it value, and k')]),
    'column with double underscore': (
        '@table\nclass A:\n    score__gte: u32',
        [(3, 'A.score__gte: __ stands between a column and what is asked of it, as in filter(score__gte=1): call it score_gt')]),
    'columns that look like lookups': (
        '@table\nclass A:\n    score: u32\n    score__gte: u32',
        [(4, 'A.score__gte: __ stands between a column and what is asked of it, as in filter(score__gte=1): call it score_gt')]),
    'ReducerContext bare []': (
        '@reducer\ndef f(ctx: ReducerContext[int]): ...',
        [(2, 'f.ctx: ReducerContext[int]: in brackets stands a class that lists the tables, class Db(Database): player: Tabl')]),
    'scheduled table with public wrong fn': (
        '@table(scheduled=lambda ctx, row: None)\nclass A:\n    id: AutoKey[u64] = 0\n    at: ScheduleAt',
        [(2, 'table a: scheduled= is a reducer of the module or its name, scheduled="remind", and the function <lambda> is n')]),
    'scheduled true': (
        '@table(scheduled=True)\nclass A:\n    id: AutoKey[u64] = 0\n    at: ScheduleAt',
        [(2, 'table a: scheduled= is a reducer of the module or its name, scheduled="remind", and True is none')]),
    'event + scheduled': (
        "@table(event=True, scheduled='f')\nclass A:\n    id: AutoKey[u64] = 0\n    at: ScheduleAt\n@reducer\ndef f(ctx, row: A): ...",
        [(2, 'table a: rows of an event table are gone when its transaction ends, so they cannot be scheduled: take event=Tr')]),
    'index unique option': (
        '@table\nclass A:\n    id: Unique[u32 | None]',
        [(3, 'A.id: an optional value cannot be a key column; integers, bool, str, bytes, Identity, ConnectionId, UUID, Time')]),
    'primary key option': (
        '@table\nclass A:\n    id: PrimaryKey[u32 | None]',
        [(3, 'A.id: an optional value cannot be a key column; integers, bool, str, bytes, Identity, ConnectionId, UUID, Time')]),
    'index of record with float': (
        '@dataclass\nclass V:\n    x: f32\n@table\nclass A:\n    v: Index[V]',
        [(6, 'A.v: a record cannot be an index column; integers, bool, str, bytes, Identity, ConnectionId, UUID, Timestamp, ')]),
    'http server twins': (
        '@table(name="one")\nclass HTTPServer:\n    x: u32\n@table(name="two")\nclass HttpServer:\n    x: u32',
        [(5, 'table two: the classes HTTPServer and HttpServer are both ctx.db.http_server: rename one'), (5, "the types 'HTTPServer' and 'HttpServer' are one for clients (HttpServer): give one of them another name")]),
    "misspelt in a table's index argument": (
        '@table(indexes=["guld"], unique=["nmae"])\nclass A:\n    guild: u32\n    name: str',
        [(2, "table a: unique= names the column 'nmae', which it does not have (do you mean name? it has guild, name)"), (2, "table a: indexes= names the column 'guld', which it does not have (do you mean guild? it has guild, name)")]),
    'two names of one class in a union': (
        'type Damage = u32\ntype Heal = u32\n@table\nclass A:\n    x: Damage | Heal',
        [(5, 'A.x: a value of Damage would be a plain int, as one of another member: tell them apart with class Damage(Varia')]),
    'a name of an option in a union': (
        'type Maybe = u32 | None\ntype Text = str\n@table\nclass A:\n    x: list[Maybe | Text]',
        [(5, 'A.x: Maybe is an optional value, and its values cannot be told from others: write class Maybe(Variant[...]) in')]),
    'a union of bare types': (
        '@table\nclass A:\n    x: u32 | str',
        [(3, 'A.x: u32 | str: the members of a union must be dataclasses; wrap each value in a small one, class Count(Varian')]),
    'primary key of bytes': (
        '@table\nclass A:\n    x: PrimaryKey[bytes]\n',
        [(3, 'A.x: bytes cannot be the primary key: make it Unique[...], and another column the key')]),
}

# What looks like a mistake and is none.
RIGHT = {
    'abc record': '@dataclass\nclass B(ABC):\n    x: u32\n@table\nclass A:\n    b: B',
    'type J generic alias': 'type J[T] = list[T]\n@table\nclass A:\n    x: J[u32]',
    'kids': '@table\nclass N:\n    id: u32\n    kids: list["N"]',
    'kids record': '@dataclass\nclass N:\n    kids: list["N"]\n@table\nclass A:\n    n: N',
    'nested function reducer': 'def make():\n    @reducer\n    def f(ctx: ReducerContext, x: u32): ...\nmake()',
    'reducer wraps': 'import functools\ndef deco(f):\n    @functools.wraps(f)\n    def g(*args, **kw): return f(*args, **kw)\n    return g\n@reducer\n@deco\ndef f(ctx: ReducerContext, x: u32): ...',
    'table over dataclass': '@table\n@dataclass\nclass A:\n    a: u32',
    'table over frozen dataclass': '@table\n@dataclass(frozen=True)\nclass A:\n    a: u32',
    'product over table': '@product\n@table\nclass A:\n    a: u32',
    'table over product': '@table\n@product\nclass A:\n    a: u32',
    'ClassVar': '@table\nclass A:\n    a: u32\n    n: ClassVar[int] = 5',
    'ClassVar quoted alias': 'import typing as tt\n@table\nclass A:\n    a: u32\n    n: tt.ClassVar[int] = 5',
    'KW_ONLY': 'from dataclasses import KW_ONLY\n@table\nclass A:\n    a: u32\n    _: KW_ONLY\n    n: u32 = 5',
    'Annotated noise': '@table\nclass A:\n    a: Annotated[u32, "a comment", 5]',
    'Optional forms': '@table\nclass A:\n    a: Optional[u32] = None\n    b: Union[u32, None] = None\n    c: None | u32 = None\n    d: Optional[Optional[u32]] = None\n    e: Union[u32]',
    'None col': '@table\nclass A:\n    a: None',
    'ForwardRef': "@table\nclass A:\n    a: ForwardRef('B')\n@dataclass\nclass B:\n    x: u32",
    'later class in quotes': "@table\nclass A:\n    a: 'B'\n@dataclass\nclass B:\n    x: u32",
    'field order': '@table\nclass A:\n    a: u32 = 3\n    b: u32',
    'inheritance': '@table\nclass A:\n    id: PrimaryKey[u32]\n@table\nclass B(A):\n    b: u32',
    'inherit override': '@table\nclass A:\n    id: PrimaryKey[u32]\n@table\nclass B(A):\n    id: str',
    'inherit not table base': '@dataclass\nclass Base:\n    id: u32\n@table\nclass B(Base):\n    b: u32',
    'inherit plain base': 'class Base:\n    id: u32\n@table\nclass B(Base):\n    b: u32',
    'tables underscore': "@table(name='player_item')\nclass A:\n    id: u32\n@table(name='playeritem')\nclass B:\n    id: u32",
    'SQL reserved': "@table(name='select')\nclass A:\n    order: u32\n    where: u32\n    group: u32",
    'reducer named like table fn': '@reducer\ndef insert(ctx, class_: u32, from_: u32): ...',
    'column hides method': '@table\nclass A:\n    filter: u32\n    insert: u32\n    count: u32\n    id: u32',
    'enum aliases': 'class E1(Enum):\n    A = 1\n    B = 1\n@table\nclass A:\n    a: E1',
    'enum member private': 'class E1(Enum):\n    _A = 1\n    B_ = 2\n@table\nclass A:\n    a: E1',
    'enum functional': "E = Enum('E', 'A B')\n@table\nclass A:\n    a: E",
    'enum member unicode': 'class E(Enum):\n    grün = 1\n@table\nclass A:\n    a: E',
    'nested dataclass': '@table\nclass A:\n    @dataclass\n    class Inner:\n        x: u32\n    a: Inner',
    'local class': 'def make():\n    @dataclass\n    class V:\n        x: u32\n    @table\n    class A:\n        v: V\nmake()',
    'posonly': '@reducer\ndef f(ctx, /, a: u32): ...',
    'posonly2': '@reducer\ndef f(ctx, a: u32, /): ...',
    'ctx missing annotation param named other': '@reducer\ndef f(x, a: u32): ...',
    'ctx default': '@reducer\ndef f(ctx: ReducerContext = None): ...',
    'missing ctx self': '@reducer\ndef f(self): ...',
    'table row made at module level': '@table\nclass A:\n    a: u32\nX = A(a=3)',
    'default mutable list': '@table\nclass A:\n    a: list[u32] = []\n    b: dict[str, u32] = {}\n    c: set[u32] = set()',
    'default factory returns wrong': '@table\nclass A:\n    a: u32 = field(default_factory=str)',
    'table with property': '@table\nclass A:\n    a: u32\n    @property\n    def b(self): return 3',
    'table with no annotation but default': '@table\nclass A:\n    id: u32\n    name = ""',
    'string default ann': '@table\nclass A:\n    id: "u32" = 3',
    'primarykey of autoinc': '@table\nclass A:\n    id: PrimaryKey[AutoInc[u32]]',
    'Any union': '@table\nclass A:\n    id: Any | None',
    'Index None': '@table\nclass A:\n    id: Index[u32 | None]\n    b: Index[bytes]\n    c: Index[Timestamp]',
    'dataclass of init False': 'from dataclasses import field as dfield\n@dataclass\nclass B:\n    a: int\n    b: int = dfield(init=False)\n@table\nclass A:\n    b: B',
    'dataclass InitVar': 'from dataclasses import InitVar\n@dataclass\nclass B:\n    a: int\n    v: InitVar[int] = 3\n@table\nclass A:\n    b: B',
    'dataclass frozen subclass etc': '@dataclass\nclass B:\n    a: int\n    c: ClassVar[int] = 3\n@table\nclass A:\n    b: B',
    'dataclass slots default': '@dataclass(slots=True)\nclass B:\n    a: int = 3\n@table\nclass A:\n    b: B = B()',
    'reserved py kw column': '@table\nclass A:\n    class_: u32\n    from_: u32\n    import_: str',
    'unicode col': '@table\nclass A:\n    größe: u32',
    'lifecycle method names': '@reducer\ndef init(ctx): ...',
    'index of record': '@dataclass\nclass V:\n    x: u32\n    y: str | None\n@table\nclass A:\n    v: Index[V]\n    o: Index[V | None]\n    b: Unique[bytes]\n    d: Index[TimeDuration]',
    'a name of a float and an int': 'type Real = float\ntype Whole = u32\n@table\nclass A:\n    x: Real | Whole',
    'variants of one type': 'class Damage(Variant[u32]): ...\nclass Heal(Variant[u32]): ...\n@table\nclass A:\n    x: Damage | Heal',
}


Kinds = kinds(HEAD, WRONG, RIGHT)

if __name__ == "__main__":
    unittest.main()
