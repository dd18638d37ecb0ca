"""What users read is true: docstrings, and the code in the pages of docs/."""

import ast
import inspect
import re
import textwrap
import tomllib
import unittest

import pages
from helper import ROOT, ModuleCase

import orochi
import orochi.bridge

PACKAGE = ROOT / "bridge/py/orochi"


def stub(name):
    return ast.parse((PACKAGE / name).read_text(encoding="utf-8"))


def blocks_of(text):
    """The indented examples of a docstring."""
    found, block = [], []
    for line in [*text.splitlines(), "end"]:
        if line.startswith("    ") or not line.strip() and block:
            block.append(line)
        elif block:
            found.append(textwrap.dedent("\n".join(block)))
            block = []
    return found


class Docstrings(unittest.TestCase):
    def methods(self):
        for cls in stub("_context.pyi").body:
            if isinstance(cls, ast.ClassDef):
                yield from ((f"{cls.name}.{fn.name}", fn) for fn in cls.body
                            if isinstance(fn, ast.FunctionDef) and not fn.name.startswith("_"))

    def test_everything_public_has_one(self):
        for name in orochi.__all__:
            thing = getattr(orochi, name)
            if isinstance(thing, type) or inspect.isfunction(thing):
                with self.subTest(name):
                    self.assertGreater(len(thing.__doc__ or ""), 15)
                    self.assertNotIn("python-api", thing.__doc__)

    def test_the_reference_has_everything_public(self):
        page = (ROOT / "docs/reference/orochi.md").read_text(encoding="utf-8")
        for name in orochi.__all__:
            if not re.fullmatch(r"[iu]\d+", name) and not inspect.ismodule(getattr(orochi, name)):
                with self.subTest(name):
                    self.assertRegex(page, rf"(?m)^::: orochi\.{name}$|`{name}\b")

    def test_every_method_of_what_a_reducer_is_given_has_one(self):
        self.assertGreater(len(list(self.methods())), 60)
        for name, fn in self.methods():
            with self.subTest(name):
                self.assertGreater(len(ast.get_docstring(fn) or ""), 14)

    def test_their_examples_are_python(self):
        texts = [inspect.getdoc(thing) for name in orochi.__all__ if (thing := getattr(orochi, name)).__doc__ and isinstance(thing, type)
                 or inspect.isfunction(thing)]
        texts += [ast.get_docstring(fn) or "" for _, fn in self.methods()]
        blocks = [block for text in texts for block in blocks_of(text)]
        self.assertGreater(len(blocks), 40)
        for block in blocks:
            with self.subTest(block):
                compile(block, "docstring", "exec")

    def test_what_reducers_are_given_says_the_same_at_run_time(self):
        """The C types take theirs from the stub (config/docstrings.py), and name the methods that it has."""
        stated = {name.partition(".")[2] for name, _ in self.methods()}
        for file in ("table", "column", "rows", "context", "tree"):
            text = (ROOT / f"bridge/db/{file}.c").read_text(encoding="utf-8")
            for name in re.findall(r'ORO_DOC_[A-Z]\w*?_(\w+)', text):
                self.assertIn(name, stated, file)


class Pages(ModuleCase):
    """Every block of Python is tried, and what reads like settings is. Those that want the engine: tests/testing/test_pages.py."""

    def test_every_block_of_python_says_how_it_is_tried(self):
        seen = 0
        for page in pages.pages():
            for block in pages.blocks(page):
                if block.lang in ("python", "py"):
                    seen += 1
                    self.assertIn(block.mark, ("module", "test", "python", "not run"), f"{block.place}: put a mark before the block (tests/py/pages.py)")
                if block.lang == "toml":
                    tomllib.loads(block.text)
        self.assertGreater(seen, 10)

    def test_parts_compile(self):
        for page in pages.pages():
            for block in pages.blocks(page):
                if block.lang == "python" and block.mark != "not run":
                    with self.subTest(block.place):
                        compile(textwrap.dedent(block.text), block.place, "exec")

    def test_indented_parts_compile(self):
        """Blocks without a fence that are Python by their first word."""
        seen = 0
        for page in pages.pages():
            fenced = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
            for block in re.findall(r"(?:^\n|\A)((?:^    .*\n|^\n)+)", fenced, re.M):
                text = textwrap.dedent(block)
                if re.match(r"\s*(@\w|def |class |from \w+[.\w]* import |import \w+$|with )", text):
                    seen += 1
                    with self.subTest(page=page.relative_to(ROOT), text=text):
                        compile(text, str(page), "exec")
        self.assertGreater(seen, 4)

    def test_modules_load(self):
        """As `orochi check` loads them, with no problem."""
        seen = 0
        for page in pages.pages():
            for name, text in pages.modules(page).items():
                with self.subTest(page=page.relative_to(ROOT), module=name):
                    seen += 1
                    builder = self.define(text, f"n{seen}/{name}.py")
                    self.assertTrue(builder.tables)
        self.assertGreater(seen, 1)

    def test_every_page_is_reached(self):
        nav = (ROOT / "config/mkdocs.yml").read_text(encoding="utf-8")
        for page in pages.pages()[1:]:
            self.assertIn(page.relative_to(ROOT / "docs").as_posix(), nav, "nav of config/mkdocs.yml")


if __name__ == "__main__":
    unittest.main()
