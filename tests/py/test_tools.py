"""The developer commands: what they print, write and exit with."""

import contextlib
import io
import json
import subprocess
import sys
import tomllib
import unittest
import unittest.mock

from helper import ROOT, ModuleCase
from orochi import _load
from orochi.tools import identities, main, place, program, stubs
from orochi.tools.new import TEMPLATES
from orochi.tools.place import CommandError

SOURCE = """
    from dataclasses import dataclass
    from typing import Literal
    from orochi import *

    @dataclass
    class Vec:
        x: f32
        y: f32

    @table(public=True, indexes=[("level", "name")])
    class Player:
        id: AutoKey[u64] = 0
        owner: Unique[Identity]
        name: str
        level: Index[u8] = 1
        pos: Vec
        bag: list[str] | None = None
        mode: Literal["on", "off"] = "on"

    @table(scheduled="remind")
    class Reminder:
        id: AutoKey[u64] = 0
        at: ScheduleAt

    @reducer
    def move(ctx: ReducerContext, to: Vec, from_: u8) -> None: ...

    @reducer
    def remind(ctx: ReducerContext, row: Reminder) -> None: ...

    @init
    def setup(ctx: ReducerContext) -> None: ...

    @scheduled(hz=20)
    def tick(ctx: ReducerContext) -> None: ...

    @scheduled(delay_ms=5000, repeating=False)
    def late(ctx: ReducerContext) -> None: ...
"""

DESCRIBED = """\
game: 2 tables, 3 reducers, 2 schedules

table player (public)
    id     u64            primary key, counted, btree
    owner  Identity       unique, btree
    name   str
    level  u8             btree
    pos    Vec
    bag    list[str] | None
    mode   PlayerMode
    index level_name over level, name (btree)

table reminder (private, calls remind)
    id  u64            primary key, counted, btree
    at  ScheduleAt

reducers
    move(to: Vec, from: u8)
    remind(row: Reminder)  private
    setup()  init

schedules
    tick  every 0.05 s, missed: skip
    late  once, first after 5 s, missed: skip

types
    Vec (x: f32, y: f32)
    PlayerMode = on | off
"""


class Commands(ModuleCase):
    def run_tool(self, *argv: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(list(argv))
        return code, out.getvalue(), err.getvalue()

    def test_check(self):
        path = str(self.write(SOURCE))
        self.assertEqual(self.run_tool("check", path), (0, "game: 2 tables, 3 reducers, 2 schedules, no problems\n", ""))

    def test_check_of_a_wrong_module(self):
        path = self.write("from orochi import *\n@table\nclass A:\n    x: complex\n    y: Index[f32]\n")
        code, out, err = self.run_tool("check", str(path))
        self.assertEqual((code, out), (1, ""))
        self.assertEqual([line.split(": ")[:2] for line in err.splitlines()], [["orochi", f"{path}:4"], ["orochi", f"{path}:5"]])

    def test_describe(self):
        path = str(self.write(SOURCE))
        self.assertEqual(self.run_tool("describe", path), (0, DESCRIBED, ""))

    def test_functions_that_repeat_are_counted_once(self):
        path = str(self.write("""
            from orochi import AsyncProcedureContext, ReducerContext, procedure, reducer, scheduled

            @reducer
            def one(ctx: ReducerContext) -> None: ...

            @scheduled(hz=1)
            def beat(ctx: ReducerContext) -> None: ...

            @scheduled(hz=1)
            async def slow(ctx: AsyncProcedureContext) -> None: ...

            @procedure
            def ask(ctx) -> None: ...
            """))
        self.assertEqual(self.run_tool("check", path)[:2], (0, "game: 0 tables, 1 reducer, 1 procedure, 2 schedules, no problems\n"))

    def test_describe_of_procedures(self):
        path = str(ROOT / "tests/e2e/modules/procedures.py")
        code, out, _ = self.run_tool("describe", path)
        self.assertEqual(code, 0)
        self.assertIn("2 reducers, 20 procedures, 1 schedule", out)
        self.assertIn("\nprocedures\n    make_size(w: i32, h: i32) -> Size\n", out)
        self.assertIn("    private() -> u32  private\n", out)

    def test_describe_json(self):
        path = str(self.write(SOURCE))
        code, out, _ = self.run_tool("describe", "--json", path)
        self.assertEqual((code, json.loads(out)), (0, {"V10": _load.definition(path).v10()}))
        self.assertEqual(self.run_tool("extract-schema", path), (0, out, ""))

    def test_generate(self):
        path, out = str(self.write(SOURCE)), self.folder / "bindings"
        code, said, _ = self.run_tool("generate", "--lang", "typescript", "--out", str(out), path)
        self.assertEqual((code, said), (0, f"{len(list(out.rglob('*.ts')))} files in {out}\n"))
        self.assertTrue((out / "move_reducer.ts").exists())
        self.assertFalse((out / "reminder_table.ts").exists())
        self.run_tool("generate", "--out", str(out), "--include-private", path)
        self.assertTrue((out / "reminder_table.ts").exists())

    def test_generate_from_a_definition(self):
        path = str(self.write(SOURCE))
        definition = self.folder / "game.json"
        definition.write_text(self.run_tool("describe", "--json", path)[1])
        for source, out in ((path, "a"), (str(definition), "b")):
            self.assertEqual(self.run_tool("generate", "--out", str(self.folder / out), source)[0], 0)
        files = [sorted((p.name, p.read_text()) for p in (self.folder / out).rglob("*.ts")) for out in "ab"]
        self.assertEqual(*files)
        definition.write_text("{")
        self.assertRegex(self.run_tool("generate", "--out", str(self.folder / "c"), str(definition))[2], "orochi: .*not JSON")

    def test_generate_refuses_to_overwrite(self):
        path, out = str(self.write(SOURCE)), self.folder / "bindings"
        out.mkdir()
        (out / "index.ts").write_text("// mine\n")
        code, _, err = self.run_tool("generate", "--out", str(out), path)
        self.assertEqual(code, 1)
        self.assertRegex(err, "^orochi: .*index.ts exists")

    def test_usage(self):
        for argv in (["nope"], [], ["check"], ["generate", "x.py"], ["generate", "--lang", "cobol", "--out", "x", "y.py"],
                     ["new", "x", "--template", "nope"]):
            code, out, err = self.run_tool(*argv)
            self.assertEqual((code, out), (2, ""), argv)
            self.assertRegex(err, r"^orochi: .*--help")
        code, out, err = self.run_tool("check", "--help")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("MODULE", out)

    def test_a_file_that_is_not_there(self):
        code, _, err = self.run_tool("describe", str(self.folder / "no.py"))
        self.assertEqual(code, 1)
        self.assertRegex(err, "^orochi: .*no.py: there is no such file")

    def test_new(self):
        for template in TEMPLATES:
            folder = self.folder / f"my-{template}"
            code, out, err = self.run_tool("new", str(folder), "--template", template)
            self.assertEqual((code, err), (0, ""))
            self.assertEqual(self.run_tool("check", str(folder))[0], 0)
            self.assertIn(f"orochi run {folder}/module.py", out)
            self.assertEqual(_load.module_name(str(folder / "module.py")), f"my-{template}")
            self.assertEqual((folder / ".python-version").read_text(), f"{sys.version_info[0]}.{sys.version_info[1]}\n")
            for file in (".gitignore", "README.md", "module_db.pyi", "pyproject.toml", "test_module.py"):
                self.assertNotRegex((folder / file).read_text(), r"\{(name|title|page)\}")

    def test_new_says_where_uv_finds_the_wheel(self):
        wheel = self.folder / "orochi server.whl"
        wheel.write_text("")
        told = json.dumps({"url": wheel.as_uri()})
        for n, (text, want) in enumerate(((told, str(wheel)), (json.dumps({"url": "file:///nowhere/x.whl"}), None), ("no json", None), (None, None))):
            with self.subTest(text), unittest.mock.patch("importlib.metadata.distribution") as found:
                found.return_value.read_text.return_value = text
                self.assertEqual(self.run_tool("new", str(self.folder / f"uv{n}"), "--template", "empty")[0], 0)
                project = tomllib.loads((self.folder / f"uv{n}/pyproject.toml").read_text())
                self.assertEqual(project["tool"].get("uv"), want and {"sources": {"orochi-server": {"path": want}}})

    def test_new_refused(self):
        (self.folder / "there").mkdir()
        for name, words in (("there", "is there already"), ("1x", "cannot be the name"), ("a b", "cannot be the name")):
            code, _, err = self.run_tool("new", str(self.folder / name))
            self.assertEqual(code, 2)
            self.assertRegex(err, f"^orochi: .*{words}")
        (self.folder / "file").write_text("")
        for name, words in (("my game", r"'my game' cannot be .*; my-game can"), ("g\u00e4me", "; game can"), (".", "orochi new game"), ("", "'' cannot be"),
                            (str(self.folder / "file/x"), "Not a directory"), ("a" * 300, "too long")):
            code, _, err = self.run_tool("new", name)
            self.assertEqual(code, 2)
            self.assertRegex(err, f"^orochi: .*{words}")

    def test_new_in_a_folder_with_a_space(self):
        _, out, _ = self.run_tool("new", str(self.folder / "a b/c"), "--template", "empty")
        self.assertIn(f"next: orochi dev '{self.folder}/a b/c' ", out)

    def test_new_that_fails_leaves_the_name_free(self):
        with unittest.mock.patch.object(stubs, "write", side_effect=OSError(28, "No space left on device")):
            code, _, err = self.run_tool("new", str(self.folder / "game"), "--template", "empty")
        self.assertEqual(code, 2)
        self.assertIn("No space left", err)
        self.assertFalse((self.folder / "game").exists())
        self.assertEqual(self.run_tool("new", str(self.folder / "game"), "--template", "empty")[0], 0)

    def test_the_module_that_dev_serves(self):
        (self.folder / "file.txt").write_text("")
        (self.folder / "empty").mkdir()
        for given, words in (("nope", "nope: there is no such file or folder"), ("file.txt", "a module is a .py file, or a folder with one"),
                             ("empty", r"there is no module: neither module\.py")):
            with self.assertRaisesRegex(CommandError, words):
                program.module_of(str(self.folder / given))
        for text, words in (("tool = 5\n", "tool is no table"), ("[tool]\norochi = 5\n", "orochi is no table"),
                            ("[tool.orochi]\nmodule = 5\n", "5 is no name"), ("[tool.orochi\n", "Expected"), ("\udcff", "decode")):
            (self.folder / "empty/pyproject.toml").write_text(text, errors="surrogateescape")
            with self.assertRaisesRegex(CommandError, f"pyproject.toml: .*{words}"):
                program.module_of(str(self.folder / "empty"))

    def test_addresses_of_servers(self):
        for url, base in (("127.0.0.1:3000", "http://127.0.0.1:3000"), ("ws://h:1/", "http://h:1"), ("https://h", "https://h")):
            self.assertEqual(place.base(url), base)
        for url in ("", "h:99999", "foo://h", "http://", "h:0", "[::1"):
            with self.assertRaisesRegex(CommandError, "--url .*: that is no address of a server"):
                place.base(url)

    def test_a_damaged_token_or_file_of_identities(self):
        (self.folder / "owner.token").write_bytes(b"a.b-_.c\n")
        self.assertEqual(place.token_of(str(self.folder)), "a.b-_.c")
        for data in (b"", b"x", b"\xff\xfe", b"a.b.c\nd", b"a.b c.d"):
            (self.folder / "owner.token").write_bytes(data)
            with self.assertRaisesRegex(CommandError, "owner.token does not hold a token: put it back from a copy, or delete it"):
                place.token_of(str(self.folder))
        file = self.folder / "127.0.0.1_3000.json"
        file.write_text('{"key": {"me": "a.b.c"}}')
        self.assertEqual(identities._read(str(file)), {"key": {"me": "a.b.c"}})
        for data in (b"[]", b"5", b'{"key": 5}', b'{"key": {"me": 5}}', b"{", b"\xff", b""):
            file.write_bytes(data)
            with self.assertRaisesRegex(CommandError, "holds tokens: mend it, or move it away"):
                identities._read(str(file))

    def test_words_of_other_programs(self):
        for word, command in (("serve", "run"), ("init", "new"), ("publish", "run")):
            code, _, err = self.run_tool(word)
            self.assertEqual(code, 2)
            self.assertIn(f"there is no command {word} (here it is `orochi {command}`)", err)

    def test_generate_into_a_file(self):
        path = self.write(SOURCE)
        code, _, err = self.run_tool("generate", "--out", str(path), str(path))
        self.assertEqual(code, 1)
        self.assertRegex(err, "game.py is a file, and --out names a folder")

    def test_module_names(self):
        for path, name in (("a/game.py", "game"), ("a/my-game.py", "my-game"), ("a/module.py", "a"), ("a/__init__.py", "a")):
            self.write("", path)
            self.assertEqual(_load.module_name(str(self.folder / path)), name)
        self.assertEqual(_load.module_name(str(self.folder / "a")), "a")
        self.assertEqual(_load.module_name(str(self.folder / "a") + "/"), "a")

    def test_as_a_program(self):
        path = self.write(SOURCE)
        done = subprocess.run([sys.executable, "-m", "orochi.tools", "check", str(path)], cwd=ROOT / "bridge/py",
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
