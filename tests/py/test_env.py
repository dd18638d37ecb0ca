"""@environment: what may be declared, and what is told of the rest."""

import json
import unittest

from helper import ModuleCase, sections
from orochi import OrochiError
from orochi._env import Environment, Key

HEAD = "from typing import Literal, Optional\nfrom orochi import *\n@reducer\ndef f(ctx): ...\n"


class Declared(ModuleCase):
    def test_the_definition(self):
        builder = self.define(HEAD + '''
@environment
class Settings:
    KEY: str
    MODE: Literal["a", "b", "a"] = "a"
    ONE: Literal["x"]
    LIMIT: int | None
    RATE: Optional[float] = 2.0
    LOUD: "bool" = False
''')
        self.assertEqual(sections(builder)["Environment"], [
            {"name": "KEY", "ty": {"String": []}, "optional": False}, {"name": "MODE", "ty": {"Union": ["a", "b"]}, "optional": True},
            {"name": "ONE", "ty": {"StringLiteral": "x"}, "optional": False}, {"name": "LIMIT", "ty": {"String": []}, "optional": True},
            {"name": "RATE", "ty": {"String": []}, "optional": True}, {"name": "LOUD", "ty": {"String": []}, "optional": True}])
        own = json.loads(builder.descriptor())["orochi"]
        self.assertEqual(own["environment"], {"KEY": "text", "MODE": "text", "ONE": "text", "LIMIT": "int", "RATE": "float", "LOUD": "bool"})
        self.assertRegex(own["hash"], "^[0-9a-f]{64}$")
        self.assertNotIn("Environment", sections(self.define(HEAD)))

    def test_the_hash_is_the_definitions(self):
        def made(more):
            return json.loads(self.define(HEAD + more).descriptor())["orochi"]["hash"]
        self.assertEqual(made(""), made("# a comment"))
        self.assertNotEqual(made(""), made("@environment\nclass E:\n    A: str"))

    def test_mistakes(self):
        for body, line, words in (
                ("A: list", 7, ["environment key \"A\"", "str, int, float, bool"]), ("A: int = 'x'", 7, ["default 'x'"]),
                ("A: Literal['a'] = 'b'", 7, ["default 'b'"]), ("A: Literal[1]", 7, ["words", "text"]), ("A: int | str", 7, ["its type is"]),
                ("\u00c4: str", 7, ["invalid name"]), ("A: 'Nope'", 7, ["cannot be read"]), ("pass", 6, ["takes its keys from annotations"]),
                ("A: bool = 1", 7, ["default 1"]), ("A: Literal[" + ", ".join(f"'{i}'" for i in range(257)) + "]", 7, ["too many entries"])):
            with self.subTest(body=body):
                found = self.problems(HEAD + f"@environment\nclass E:\n    {body}")
                self.assertTrue(found[0].startswith(f"game.py:{line}: ") and all(w in found[0] for w in words), found)
        found = self.problems(HEAD + "@environment\nclass E:\n    A: str\n@environment\nclass F:\n    A: str")
        self.assertIn("duplicate declaration", found[0])
        many = "\n".join(f"    K{i}: str" for i in range(257))
        self.assertIn("too many declarations", self.problems(HEAD + f"@environment\nclass E:\n{many}")[0])


class Read(unittest.TestCase):
    def test_without_a_value(self):
        env = Environment({"A": Key("A", "text", [], True, None), "B": Key("B", "int", [], True, 5), "C": Key("C", "text", [], False, None)})
        self.assertEqual((env.A, env.B, env.get("A", "x"), env.get("B", 9), "B" in env, list(env)), (None, 5, "x", 5, False, ["A", "B", "C"]))
        for key, words in (("D", "is not declared: D"), ("1", "invalid environment variable name"), ("C", "required environment value is missing")):
            with self.assertRaisesRegex(OrochiError, words):
                env.get(key)
        with self.assertRaisesRegex(AttributeError, "is not declared"):
            env.NOPE
        self.assertFalse(hasattr(env, "__len__"))


if __name__ == "__main__":
    unittest.main()
