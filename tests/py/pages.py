"""The code blocks of the pages: what stands in front of a block says how it is tried.

    <!-- module: game -->        the module game.py; a second one of that name on the page is the end of the first
    <!-- test: game -->          a file of tests (pytest) of the page's modules
    <!-- python -->              a part of something: it compiles
    <!-- not run: why -->        neither

    <!-- caddy -->               a Caddyfile

What no test can try (test_blocks.py has the languages) says so: not run.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BLOCK = re.compile(r"^(?:<!-- (?P<mark>[a-z ]+)(?:: (?P<name>[^>]*?))? -->\n+)?^(?P<indent> *)```(?P<lang>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)


@dataclass
class Block:
    """A fenced block."""

    page: Path
    line: int
    lang: str
    mark: str | None
    name: str | None
    text: str

    @property
    def place(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages():
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page):
    text = page.read_text(encoding="utf-8")
    for m in BLOCK.finditer(text):
        line = text.count("\n", 0, m.start("lang")) + 1
        yield Block(page, line, m["lang"], m["mark"], m["name"], m["text"])


def modules(page):
    """name -> text of each module on the page; lines are where they are on the page, so that errors name them."""
    found = {}
    for block in blocks(page):
        if block.lang == "python" and block.mark == "module":
            found[block.name] = found.get(block.name, "").rstrip("\n") + "\n\n\n" * (block.name in found) + block.text
    return found


def tests(page):
    """name -> text; two of one name are one file."""
    found = {}
    for block in blocks(page):
        if block.lang == "python" and block.mark == "test":
            found[block.name] = (found[block.name] + "\n\n" if block.name in found else "") + block.text
    return found
