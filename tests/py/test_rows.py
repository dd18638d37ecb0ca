"""Rows in an ordinary interpreter: what a dataclass does, and the decorators' parts that no worker is needed for."""

import copy
import dataclasses
import enum
import unittest
from typing import ClassVar

from helper import ModuleCase
from orochi import (AutoKey, Column, Err, Len, Ok, ReducerError, RowNotFound, SchemaError, SenderError,
                    Timestamp, asdict, f32, field, product, reducer, table, u8, u32, u64)


class Kind(enum.Enum):
    A = 1


@dataclasses.dataclass
class Vec:
    x: f32 = 0.0
    y: f32 = 0.0


@dataclasses.dataclass(frozen=True)
class Fixed:
    x: f32 = 0.0


class Named:
    """A mixin: its annotations are columns too."""

    name: str

    def shout(self):
        return self.name.upper()


@table(public=True)
class Player(Named):
    """One player."""

    LIMIT: ClassVar[int] = 3
    id: AutoKey[u64] = 0
    pos: Vec = Vec()
    dir: Fixed = Fixed()
    bag: list[str] = []
    kind: Kind = Kind.A
    seen: Timestamp = field(default_factory=lambda: Timestamp(5))
    level: u8 = field(default=1, index=True, doc="of experience")
    score: u32

    best = 10

    def __post_init__(self):
        self.name = self.name.strip()

    @property
    def title(self):
        return f"{self.name} {self.level}"

    @classmethod
    def named(cls, name):
        return cls(name=name, score=0)

    @staticmethod
    def rank(score):
        return score // 10

    def shout(self):
        return super().shout() + "!"


@table
class Archive(Player):
    when: Timestamp = Timestamp(0)


@table
@dataclasses.dataclass
class Plain:
    a: u32
    b: list[u8] = dataclasses.field(default_factory=list)
    c: u32 = 7


class Rows(unittest.TestCase):
    def setUp(self):
        self.ann = Player(name=" ann ", score=3)

    def test_columns_and_defaults(self):
        names = [f.name for f in dataclasses.fields(Player)]
        self.assertEqual(names, ["name", "id", "pos", "dir", "bag", "kind", "seen", "level", "score"])
        self.assertEqual((self.ann.name, self.ann.id, self.ann.pos, self.ann.seen, self.ann.level, self.ann.score),
                         ("ann", 0, Vec(), 5, 1, 3))

    def test_mutable_defaults_are_not_shared(self):
        self.ann.bag.append("axe")
        self.ann.pos.x = 9.0
        other = Player(name="bob", score=0)
        self.assertEqual((other.bag, other.pos), ([], Vec()))
        self.assertEqual((Plain(a=1).b is Plain(a=1).b), False)

    def test_immutable_defaults_are_shared(self):
        self.assertIs(self.ann.dir, Player(name="", score=0).dir)
        self.assertIs(self.ann.kind, Kind.A)

    def test_keyword_arguments_only(self):
        for make in (lambda: Player("ann", 3), lambda: Plain(1), lambda: Player(name="ann"),
                     lambda: Player(name="a", score=1, x=2)):
            with self.assertRaises(TypeError):
                make()

    def test_no_other_attributes(self):
        with self.assertRaises(AttributeError):
            Plain(a=1).typo = 1
        self.assertFalse(hasattr(Plain(a=1), "__dict__"))

    def test_methods(self):
        self.assertEqual((self.ann.title, self.ann.shout(), Player.named("x").name, Player.rank(25), Player.LIMIT, self.ann.best),
                         ("ann 1", "ANN!", "x", 2, 3, 10))
        self.assertEqual((Player.__name__, Player.__qualname__, Player.__module__, Player.__doc__),
                         ("Player", "Player", __name__, "One player."))

    def test_equality_and_repr(self):
        self.assertEqual(self.ann, Player(name="ann", score=3))
        self.assertNotEqual(self.ann, Player(name="ann", score=4))
        self.assertNotEqual(self.ann, Archive(name="ann", score=3))
        self.assertEqual(repr(Plain(a=1)), "Plain(a=1, b=[], c=7)")
        with self.assertRaises(TypeError):
            hash(self.ann)

    def test_replace_and_copy(self):
        self.assertEqual(copy.replace(self.ann, level=2).level, 2)
        self.assertEqual(dataclasses.replace(self.ann, level=2).level, 2)
        self.assertEqual(copy.copy(self.ann), self.ann)
        deep = copy.deepcopy(self.ann)
        deep.bag.append("x")
        self.assertEqual(self.ann.bag, [])

    def test_pattern_matching(self):
        match Plain(a=1, c=5):
            case Plain(1, _, c):
                self.assertEqual(c, 5)
            case _:
                self.fail("no match")
        match self.ann:
            case Player(name="ann", level=1):
                pass
            case _:
                self.fail("no match")

    def test_asdict(self):
        self.assertEqual(asdict(Plain(a=1, b=[2])), {"a": 1, "b": [2], "c": 7})
        self.assertEqual(asdict(self.ann)["pos"], {"x": 0.0, "y": 0.0})
        self.assertEqual(dataclasses.asdict(self.ann)["pos"], {"x": 0.0, "y": 0.0})

    def test_inheritance(self):
        row = Archive(name="ann", score=1)
        self.assertEqual([f.name for f in dataclasses.fields(Archive)], [f.name for f in dataclasses.fields(Player)] + ["when"])
        self.assertIsInstance(row, Player)
        self.assertEqual((row.shout(), row.bag, row.level), ("ANN!", [], 1))
        self.assertIsNot(row.bag, Archive(name="", score=1).bag)


class Declared(ModuleCase):
    def test_inherited_columns_and_keys(self):
        builder = self.define("""
            from orochi import *
            class Base:
                id: AutoKey[u64] = 0
                name: Unique[str] = field(name="title")
            @table
            class A(Base):
                x: u8
            @table
            class B(A):
                y: Index[u8]
        """)
        for t, columns in zip(builder.tables, (["id", "title", "x"], ["id", "title", "x", "y"])):
            self.assertEqual([wire for _, wire, _, _ in t.columns], columns)
            self.assertEqual((t.pk, t.auto_inc, t.unique), (0, [0], [0, 1]))

    def test_string_annotations_of_a_base_in_another_file(self):
        self.write("from __future__ import annotations\nfrom orochi import u8\nSmall = u8\nclass Base:\n    x: Small\n",
                   "base.py")
        builder = self.define("from base import Base\nfrom orochi import table\n@table\nclass A(Base):\n    pass\n")
        self.assertEqual(builder.tables[0].columns[0][2], ("u8",))

    def test_columns_that_hide_table_methods(self):
        builder = self.define("""
            from orochi import *
            @table
            class A:
                filter: u8
                insert: Index[u8]
                list: 'list[u8]'
        """)
        self.assertEqual([wire for _, wire, _, _ in builder.tables[0].columns], ["filter", "insert", "list"])

    def test_nested_classes_and_forward_references(self):
        builder = self.define("""
            from __future__ import annotations
            from dataclasses import dataclass
            from enum import Enum
            from orochi import *
            @table
            class A:
                class Kind(Enum):
                    X = 1
                @dataclass
                class Part:
                    size: u8
                kind: Kind
                parts: list[Part]
                later: Later
            @dataclass
            class Later:
                other: dict[str, A.Part]
        """)
        self.assertEqual(list(builder.types.names), ["Kind", "Part", "KVEntryStringPart", "Later", "A"])

    def test_constraints_of_other_packages(self):
        builder = self.define("""
            import re
            from typing import Annotated
            from orochi import *
            class Interval:
                def __init__(self, ge, lt):
                    self.ge, self.lt, self.gt, self.le = ge, lt, None, None
            class Even:
                multiple_of = 2
            @table
            class A:
                x: Annotated[int, Interval(0, 10), Even()] = 0
                s: Annotated[str, re.compile("[a-z]+")] = "a"
                tags: list[Annotated[str, Len(1, 3)]]
                maybe: Annotated[u8, Gt(2), Le(9)] | None = None
                doc: Annotated[str, "not a constraint"]
        """)
        columns = {c[0]: c[2] for c in builder.tables[0].columns}

        def said(spec, value):
            while spec[0] == "checked":
                if spec[2](value):
                    return spec[2](value)
                spec = spec[1]
            return None
        self.assertIsNone(said(columns["x"], 8))
        self.assertEqual(said(columns["x"], -2), "at least 0, got -2")
        self.assertEqual(said(columns["x"], 10), "less than 10, got 10")
        self.assertEqual(said(columns["x"], 3), "a multiple of 2, got 3")
        self.assertEqual(said(columns["s"], "A"), "must match '[a-z]+', got 'A'")
        self.assertEqual(said(columns["tags"][1], "long"), "at most 3 characters, got 4")
        self.assertEqual(said(columns["maybe"][1], 2), "more than 2, got 2")
        self.assertEqual(columns["doc"], ("string",))

    def test_nan_breaks_each_bound(self):
        builder = self.define("""
            from typing import Annotated
            from orochi import *
            @table
            class A:
                x: Annotated[f32, Ge(0)]
        """)
        self.assertIn("at least 0", builder.tables[0].columns[0][2][2](float("nan")))

    def test_a_declared_database(self):
        self.define("""
            from orochi import *
            @table
            class A:
                x: u8
            class Db(Database):
                a: Table[A]
            @reducer
            def f(ctx: ReducerContext[Db]) -> None: ...
        """)

    def test_contexts(self):
        self.define("""
            from typing import Any
            import orochi
            from orochi import reducer, ReducerContext as C
            class Own: pass
            @reducer
            def a(ctx): ...
            @reducer
            def b(self: C): ...
            @reducer
            def c(ctx: Any): ...
            @reducer
            def d(ctx: "orochi.ReducerContext"): ...
            @reducer
            def e(ctx: Own): ...
        """)

    def test_the_function_is_given_back(self):
        def f(ctx): ...
        self.assertIs(reducer(f), f)
        self.assertIs(reducer(name="g")(f), f)


class Values(unittest.TestCase):
    def test_errors(self):
        error = ReducerError("taken", code="bad_name", data={"a": 1})
        self.assertEqual((str(error), error.message, error.code, error.data), ("bad_name: taken", "taken", "bad_name", {"a": 1}))
        self.assertIs(SenderError, ReducerError)
        self.assertTrue(issubclass(RowNotFound, ReducerError))
        self.assertEqual(str(SchemaError(["a", "b"])), "a\nb")

    def test_results(self):
        self.assertEqual((Ok(1), Err("x").value), (Ok(1), "x"))

    def test_small_objects(self):
        self.assertEqual(repr(Column("a", "b", name="n")), "Column('a', 'b', name='n', algorithm='btree')")
        self.assertEqual((Len(1, 2), hash(Len(1))), (Len(1, 2), hash(Len(1))))

    def test_product_makes_a_dataclass(self):
        @product
        class P:
            x: u8
        self.assertEqual(P(3).x, 3)


class Names(unittest.TestCase):
    def test_everything_public_is_documented(self):
        import orochi
        for name in orochi.__all__:
            thing = getattr(orochi, name)
            if isinstance(thing, type) or callable(thing) and hasattr(thing, "__code__"):
                self.assertTrue(thing.__doc__, name)

    def test_the_prelude(self):
        import orochi.prelude
        for name in ("table", "u8", "Any", "Dict", "List", "Optional", "Union", "dataclass", "Enum"):
            self.assertTrue(hasattr(orochi.prelude, name), name)

    def test_the_stub_names_what_there_is(self):
        import ast
        from pathlib import Path

        import orochi
        stub = Path(orochi.__file__).with_suffix(".pyi")
        found = set()
        for node in ast.parse(stub.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                found.add(node.name)
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {target.id for target in targets}
            elif isinstance(node, ast.ImportFrom):
                found |= {alias.asname for alias in node.names if alias.asname}
        public = {name for name in found if not name.startswith("_")}
        self.assertEqual(public, set(orochi.__all__))


if __name__ == "__main__":
    unittest.main()
