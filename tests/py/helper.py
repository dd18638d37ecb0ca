"""Finds the package and writes an author's module into a temporary folder."""

import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bridge/py"))

from orochi import SchemaError, _load  # noqa: E402


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
