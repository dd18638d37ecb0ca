"""Mistakes in views: each is reported at its line, with what to do."""

import unittest

from helper import ModuleCase

HEAD = """\
import dataclasses
from orochi import *

@table
class Card:
    id: AutoKey[u64] = 0
    owner: Index[Identity]

@dataclasses.dataclass
class Total:
    owner: Identity
    n: u32

"""
LINES = HEAD.count("\n")

MISTAKES = {
    "no context": ("@view\ndef f() -> list[Card]: ...", 2, ["def f(ctx: ViewContext)", "def f(ctx: AnonymousViewContext)"]),
    "a reducer's context": ("@view\ndef f(ctx: ReducerContext) -> list[Card]: ...", 2, ["def f(ctx: ViewContext)"]),
    "returns nothing": ("@view\ndef f(ctx: ViewContext): ...", 2, ["what its rows are", "list[Row]"]),
    "returns None": ("@view\ndef f(ctx: ViewContext) -> None: ...", 2, ["does not return", "list[Row]"]),
    "returns numbers": ("@view\ndef f(ctx: ViewContext) -> list[u32]: ...", 2, ["its rows are", "no columns"]),
    "returns a row alone": ("@view\ndef f(ctx: ViewContext) -> Card: ...", 2, ["does not return Card", "Row | None"]),
    "unknown type": ("@view\ndef f(ctx: ViewContext) -> list[Nope]: ...", 2, ["Nope"]),
    "unknown key": ("@view(primary_key='ident')\ndef f(ctx: ViewContext) -> list[Card]: ...", 2, ["'ident'", "id"]),
    "key with parameters": ("@view(primary_key='id')\ndef f(ctx: ViewContext, n: u32) -> list[Card]: ...", 2,
                            ["View f has parameters and cannot have a primary key"]),
    "float parameter": ("@view\ndef f(ctx: ViewContext, x: f64) -> list[Card]: ...", 2, ["View f has a float parameter `x`"]),
    "parameter with a default": ("@view\ndef f(ctx: ViewContext, x: u32 = 1) -> list[Card]: ...", 2, ["has a default"]),
    "async": ("@view\nasync def f(ctx: ViewContext) -> list[Card]: ...", 2, ["plain function"]),
    "a table's name": ("@view\ndef card(ctx: ViewContext) -> list[Card]: ...", 2, ["a table is called so"]),
    "a reducer's name": ("@reducer\ndef f(ctx): ...\n@view(name='f')\ndef g(ctx: ViewContext) -> list[Card]: ...", 4, ["a reducer is called so"]),
    "twice": ("@view\ndef f(ctx: ViewContext) -> list[Card]: ...\n@view(name='f')\ndef g(ctx: ViewContext) -> list[Card]: ...", 4,
              ["two views are called 'f'"]),
    "a table's query with a key": ("@view(primary_key='id')\ndef f(ctx: ViewContext) -> Query[Card]: ...", 2,
                                   ["has the primary key of its table"]),
    "unknown option": ("@view(key='id')\ndef f(ctx: ViewContext) -> list[Card]: ...", 1, ["@view has no option 'key'"]),
    "on a class": ("@view\nclass F: ...", 1, ["@view goes in front of a function"]),
}

RIGHT = {
    "optional": "@view\ndef f(ctx: ViewContext) -> Card | None: ...",
    "a record": "@view(primary_key='owner')\ndef f(ctx: AnonymousViewContext) -> list[Total]: ...",
    "called": "@view(name='all_cards', public=False)\ndef f(ctx: AnonymousViewContext) -> list[Card]: ...",
    "Rows": "@view\ndef f(ctx: ViewContext) -> Rows[Card]: ...",
    "groups": "@view(primary_key='owner')\ndef f(ctx: AnonymousViewContext) -> Query[Total]: ...",
    "with a parameter": "@view\ndef f(ctx: ViewContext, n: u32) -> list[Card]: ...",
}


class Mistakes(ModuleCase):
    def test_each_has_its_line_and_its_remedy(self):
        for name, (source, line, words) in MISTAKES.items():
            with self.subTest(name):
                found = self.problems(HEAD + source + "\n")
                place, text = found[0].split(": ", 1)
                self.assertEqual(place, f"game.py:{LINES + line}", found)
                for word in words:
                    self.assertIn(word, "\n".join(found))

    def test_what_is_right_passes(self):
        for name, source in RIGHT.items():
            with self.subTest(name):
                self.assertEqual(self.define(HEAD + source + "\n").views[0].name, "all_cards" if name == "called" else "f")


if __name__ == "__main__":
    unittest.main()
