"""Mistakes that `orochi check` finds in the bodies of functions; and what it leaves alone."""

import contextlib
import io
import re
import unittest

from helper import ROOT, ModuleCase

from orochi.tools import cli, look

HEAD = """
import orochi
from orochi import *

@table(public=True, indexes=[("team", "score")])
class Player:
    id: PrimaryKey[u32]
    score: Index[u32] = 0
    team: str = ""

@table(scheduled="ring")
class Bell:
    id: AutoKey[u64] = 0
    at: ScheduleAt

@reducer(public=False)
def ring(ctx: ReducerContext, bell: Bell):
    pass

class Other:
    def __getattr__(self, name):
        return self

"""
IN_REDUCER = "@reducer\ndef f(ctx: ReducerContext):\n"
WRONG = {
    "ctx.slep(1)": "a ReducerContext has no slep: .there is auth, ",
    "ctx.tmestamp": "do you mean timestamp",
    "ctx.db.plaier.insert(id=1)": "ctx.db has no table plaier: do you mean player",
    "ctx.db.player.scor.find(1)": "player has no column, index or method scor: do you mean score",
    "ctx.db[Player].inset(Player(id=1))": "has no column, index or method inset: do you mean insert",
    "db = ctx.db; db.playr.all()": "do you mean player",
    "t = ctx.db.player; t.cler()": "do you mean clear",
    'ctx.db.player.all().order_by("-scor")': "player has no column '-scor' to order by: do you mean score",
    'ctx.db.player.order_by("-scor").offset(3)': "player has no column '-scor' to order by: do you mean score",
    'ctx.db.player.where(lambda p: (p.scor > 1) | (p.team == 3))': "Player has no column 'scor': do you mean score",
    'ctx.db.player.where(lambda p: p.score > 1).order_by("tem")': "'tem' to order by: do you mean team",
    'ctx.db.player.filter(score=1).limit(3).order_by("id", "tem")': "'tem' to order by: do you mean team",
    "ctx.db.player.filter(scor__gte=1)": "no column for 'scor__gte': do you mean score__gte",
    "ctx.db.player.count(tem='x')": "no column for 'tem'",
    "ctx.db.player.insert(id=1, scor=2)": "player has no column 'scor': do you mean score",
    "ctx.db.player.filter(score=1).update(scor=2)": "player has no column 'scor'",
    "[ctx.db.playr for _ in range(3)]": "do you mean player",
    "(lambda: ctx.db.playr)()": "do you mean player",
}
FUNCTIONS = {
    "@reducer\ndef f(ctx):\n    ctx.tmestamp": "do you mean timestamp",
    "def helper(c: 'orochi.ReducerContext', n: int):\n    c.db.playr": "do you mean player",
    "class A:\n    def m(self, c: ReducerContext):\n        c.db.playr": "do you mean player",
    "@view\ndef f(ctx: AnonymousViewContext) -> Query[Player]:\n    return query(Player).where(lambda p: p.scor > 1)": "no column 'scor'",
    "@view\ndef f(ctx: ViewContext) -> Query[Player]:\n    return query(Player).order_by('-scor').limit(3)": "'-scor' to order by",
    "@procedure\ndef f(ctx: ProcedureContext) -> None:\n    ctx.with_tx(lambda tx: tx.db.playr.clear())": "do you mean player",
    "@procedure\ndef f(ctx: ProcedureContext) -> None:\n    with ctx.tx() as tx:\n        tx.db.player.cler()": "do you mean clear",
    "@procedure\ndef f(ctx: ProcedureContext) -> None:\n    ctx.sleeep(1)": "do you mean sleep",
}
RIGHT = [
    "for name in ('x', 'y'): getattr(ctx.db, name, None)",
    "if hasattr(ctx.db, 'old'): ctx.db.old.clear()",
    "try:\n        ctx.db.old.clear()\n    except AttributeError:\n        pass",
    "try:\n        ctx.old()\n    except (KeyError, Exception):\n        pass",
    "import contextlib\n    with contextlib.suppress(AttributeError): ctx.db.old.clear()",
    "ctx = Other(); ctx.anything.at.all",
    "db = ctx.db; db = Other(); db.anything",
    "for ctx in (Other(),): ctx.anything",
    "(lambda ctx: ctx.anything)(Other())",
    "inner = lambda x: x.anything; inner(Other())",
    "[db.anything for db in (Other(),)]; db = ctx.db",
    "Player = Other(); ctx.db[Player].anything; query(Player).order_by('x')",
    "query = Other(); query(Player).order_by('x')",
    "ctx.db.player.team_score; ctx.db.get_table(Player).insert(id=1); ctx.db.bell.id; ctx.db.st_client",
    "ctx.db.player.filter(**{'score__gte': 1}).order_by(*['score']); ctx.auth.jwt.claims; ctx.__class__",
    "names = 'scor'; ctx.db.player.all().order_by(names)",
]


class Look(ModuleCase):
    def told(self, text):
        return look.problems(self.define(HEAD + text))

    def test_what_is_certain_to_fail_is_told_with_its_line(self):
        functions = {IN_REDUCER + f"    {body}": words for body, words in WRONG.items()} | FUNCTIONS
        for text, words in functions.items():
            with self.subTest(text):
                told = self.told(text)
                self.assertEqual(len(told), 1, told)
                line = next(n for n, row in enumerate((HEAD + text).lstrip("\n").splitlines(), 1) if re.search(r"scor\b|slep|sleeep|tmestamp|pla?[yi]?e?r\.scor|"
                            r"playr|plaier|inset|cler|scor_|tem\b|-scor", row))
                self.assertRegex(told[0], rf"game\.py:{line}: .*{words}")

    def test_what_may_be_meant_is_left_alone(self):
        for body in RIGHT:
            with self.subTest(body):
                self.assertEqual(self.told(IN_REDUCER + f"    {body}"), [])

    def test_other_things_are_called_ctx(self):
        for text in ("def f(ctx):\n    ctx.anything", "def f(ctx: Other):\n    ctx.anything",
                     "class ReducerContext: pass\ndef f(ctx: ReducerContext):\n    ctx.anything",
                     "@on_load\ndef f(ctx=Other()):\n    ctx.anything",
                     "@reducer\ndef f(ctx: ReducerContext):\n    def inner(ctx: Other):\n        ctx.anything\n    inner(Other())"):
            with self.subTest(text):
                self.assertEqual(self.told(text), [])

    def test_other_files_of_the_module_are_looked_at(self):
        self.write("from orochi import ReducerContext\ndef help(ctx: ReducerContext):\n    ctx.db.playr\n", "mod/rules.py")
        self.write(HEAD + "import rules\n", "mod/module.py")
        from orochi import _load
        told = look.problems(_load.definition(str(self.folder / "mod/module.py")))
        self.assertEqual(len(told), 1)
        self.assertRegex(told[0], r"mod/rules\.py:3: .*do you mean player")

    def test_check_reports_them(self):
        path = self.write(HEAD + IN_REDUCER + "    ctx.db.playr\n    ctx.slep\n")
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            self.assertEqual(cli.main(["check", str(path)]), 1)
        self.assertRegex(said.getvalue(), r"(?s)^orochi: .*game\.py:25: ctx\.db has no table playr.*\norochi: .*game\.py:26: a ReducerContext has no slep")

    def test_the_modules_of_this_project_are_right(self):
        for path in sorted(ROOT.glob("examples/*/module.py")):
            with self.subTest(path):
                from orochi import _load
                self.assertEqual(look.problems(_load.definition(str(path))), [])


if __name__ == "__main__":
    unittest.main()
