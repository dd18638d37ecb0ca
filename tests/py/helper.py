"""Finds the package and writes an author's module into a temporary folder."""

import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bridge/py"))

from orochi import SchemaError, _load  # noqa: E402

# The beginning of a module whose rest is right or wrong: a table and a type to write about.
CARDS = """\
from dataclasses import dataclass
from datetime import *
from enum import *
from typing import *
from orochi import *

@table(public=True)
class Card:
    id: AutoKey[u64] = 0
    owner: Index[Identity]
    n: u32 = 0
    name: str = ''

@dataclass
class Total:
    owner: Identity
    n: u32

"""


class ModuleCase(unittest.TestCase):
    """Tests that load modules from source text."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, source: str, name: str = "game.py") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source).lstrip("\n"), encoding="utf-8")
        return path

    def module(self, source: str):
        """The imported module."""
        return _load.import_module(str(self.write(source)))

    def define(self, source: str, name: str = "game.py"):
        """The Builder of a module that is right."""
        return _load.definition(str(self.write(source, name)))

    def problems(self, source: str, name: str = "game.py") -> list[str]:
        """Every problem of a module that is wrong, with the folder taken off."""
        path = self.write(source, name)
        with self.assertRaises(SchemaError) as caught:
            _load.load(str(path), "game")
        return [problem.replace(f"{self.folder}/", "") for problem in caught.exception.problems]


class _Kinds(ModuleCase):
    def check(self, head, source, wanted):
        found = []
        for problem in self.problems(head + source + "\n"):
            place, _, text = problem.partition(": ")
            found.append((int(place.removeprefix("game.py:")) - head.count("\n"), text))
        self.assertEqual([line for line, _ in found], [line for line, _ in wanted], found)
        for (_, text), (_, words) in zip(found, wanted):
            self.assertTrue(text.startswith(words), f"{text!r} does not begin with {words!r}")


def kinds(head: str, wrong: dict, right: dict) -> type:
    """A class of tests. wrong: by name the source behind head, [(line in that source, beginning of the message), ...], and that
    again if it differs where annotations are texts. right: by name what looks like a mistake and is none."""
    body = {}
    for name, (source, *wanted) in wrong.items():
        named = "test_" + "".join(c if c.isalnum() else "_" for c in name)
        for end, before, words in (("", "", wanted[0]), ("_as_text", FUTURE, wanted[-1])):
            def test(self, source=source, before=before, words=words):
                self.check(before + head, source, words)
            test.__doc__ = name
            assert named + end not in body, name
            body[named + end] = test
    for name, source in right.items():
        def test(self, source=source):
            self.define(head + source + "\n")
        test.__doc__ = name
        body["test_right_" + "".join(c if c.isalnum() else "_" for c in name)] = test
    return type("Kinds", (_Kinds,), body)


FUTURE = "from __future__ import annotations\n"


def sections(builder) -> dict:
    """V10 sections by name."""
    return {key: value for section in builder.v10()["sections"] for key, value in section.items()}


def named(items: list, name: str, key: str = "source_name") -> dict:
    return next(item for item in items if item[key] == name)


def shape(sats, types: list) -> str:
    """A SATS type in the notation of docs/values.md#types-and-bytes, with names of products and sums left out."""
    (kind, body), = sats.items()
    if kind == "Ref":
        return f"&{body}"
    if kind == "Array":
        return f"Array<{shape(body, types)}>"
    if kind in ("Product", "Sum"):
        parts = body["elements" if kind == "Product" else "variants"]
        joint = ", " if kind == "Product" else " | "
        return "(" + joint.join(f"{p['name']['some']}: {shape(p['algebraic_type'], types)}" for p in parts) + ")"
    return kind
