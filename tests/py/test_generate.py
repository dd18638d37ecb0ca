"""The generator of TypeScript bindings: names, files, and whether tsc accepts them."""

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATA = HERE / "generate"
sys.path.insert(0, str(ROOT / "bridge/py"))
from orochi.tools import case, generate  # noqa: E402

DEFINITIONS = json.loads((DATA / "definitions.json").read_text(encoding="utf-8"))
HARD = json.loads((DATA / "hard.json").read_text(encoding="utf-8"))


def tree(folder: Path) -> dict[str, str]:
    """The files of a folder without the header line."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8").split("\n", 1)[1]
        for path in folder.rglob("*.ts")
    }


def section(definition: dict, name: str):
    return next(s[name] for s in definition["V10"]["sections"] if name in s)


class Case(unittest.TestCase):
    def test_vectors(self):
        cases = json.loads((DATA / "case.json").read_text(encoding="utf-8"))["cases"]
        self.assertEqual(len(cases), 56)
        for entry in cases:
            for style in ("snake", "camel", "pascal"):
                with self.subTest(source=entry["source"], style=style):
                    self.assertEqual(getattr(case, style)(entry["source"]), entry[style])


class Generate(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.out = Path(self.folder.name) / "bindings"

    def write(self, definition, **options):
        return generate.write_bindings(definition, self.out, **options)

    def text(self, name: str) -> str:
        return (self.out / name).read_text(encoding="utf-8")

    def refused(self, definition, *parts: str):
        with self.assertRaises(generate.DefinitionError) as caught:
            self.write(definition)
        for part in parts:
            self.assertIn(part, str(caught.exception))
        self.assertEqual(tree(self.out), {}, "nothing is written for a refused definition")

    def test_the_worked_example(self):
        paths = self.write(DEFINITIONS["example_v10"])
        self.assertEqual(tree(self.out), tree(DATA / "expected"))
        self.assertEqual({p.relative_to(self.out).as_posix() for p in paths}, set(tree(self.out)))

    def test_the_bare_form_is_the_same(self):
        self.write(DEFINITIONS["example_v10"]["V10"])
        self.assertEqual(tree(self.out), tree(DATA / "expected"))

    def test_source_names_in_camel_case_become_snake_case_on_the_wire(self):
        self.write(DEFINITIONS["ts_module_v10"])
        self.assertIn('.name("display_name")', self.text("player_table.ts"))
        self.assertIn("name: 'player_level_score_idx_btree'", self.text("index.ts"))
        self.assertIn("accessor: 'byLevelScore'", self.text("index.ts"))
        self.assertIn('__reducerSchema("create_player"', self.text("index.ts"))
        self.assertNotIn("CreatePlayer =", self.text("types.ts"), "parameters are no type")

    def test_a_type_named_as_a_reducer_stays_where_it_is_used(self):
        self.write(HARD)
        self.assertIn("export const Move ", self.text("types.ts"))
        self.assertNotIn("export const Act ", self.text("types.ts"))

    def test_private_things_only_on_request(self):
        self.write(HARD)
        self.assertFalse((self.out / "secret_table.ts").exists())
        self.assertFalse((self.out / "tick_reducer.ts").exists())
        self.write(HARD, include_private=True)
        self.assertIn("secret: __table", self.text("index.ts"))
        self.assertIn('__reducerSchema("tick"', self.text("index.ts"))
        self.write(HARD)
        self.assertFalse((self.out / "secret_table.ts").exists(), "stale files go")

    def test_unchanged_files_are_left_alone(self):
        self.write(HARD)
        for path in self.out.rglob("*.ts"):
            os.utime(path, ns=(1, 1))
        changed = copy.deepcopy(HARD)
        section(changed, "Reducers")[0]["source_name"] = "walk"
        self.write(changed)
        touched = {p.name for p in self.out.rglob("*.ts") if p.stat().st_mtime_ns != 1}
        self.assertEqual(touched, {"walk_reducer.ts", "index.ts", "reducers.ts"})
        self.assertFalse((self.out / "move_reducer.ts").exists())

    def test_files_of_the_author_are_kept(self):
        self.out.mkdir()
        mine = self.out / "mine.ts"
        mine.write_text("export const mine = 1;\n")
        self.write(HARD)
        self.assertEqual(mine.read_text(), "export const mine = 1;\n")

    def test_a_file_of_the_author_is_not_overwritten(self):
        self.out.mkdir()
        (self.out / "index.ts").write_text("// mine\n")
        with self.assertRaisesRegex(generate.DefinitionError, "index.ts exists and was not"):
            self.write(HARD)
        self.assertEqual([p.name for p in self.out.iterdir()], ["index.ts"])

    def test_refused(self):
        self.refused({"V9": {}}, "version 10")
        self.refused([], "version 10")

        bad = copy.deepcopy(HARD)
        section(bad, "Tables")[0]["product_type_ref"] = 70
        self.refused(bad, "table game", "&70", "out of bounds")

        bad = copy.deepcopy(HARD)
        section(bad, "Tables")[0]["product_type_ref"] = 1
        self.refused(bad, "table game", "no product")

        bad = copy.deepcopy(HARD)
        section(bad, "Reducers")[0]["params"]["elements"][0]["algebraic_type"] = {
            "Product": {"elements": [{"name": {"some": "x"}, "algebraic_type": {"U8": []}}]}
        }
        self.refused(bad, "reducer move, step", "not registered")

        bad = copy.deepcopy(HARD)
        columns = section(bad, "Typespace")["types"][0]["Product"]["elements"]
        columns[2]["name"] = {"some": "playState"}
        self.refused(bad, "playState", "play_state", "same name")

        bad = copy.deepcopy(HARD)
        section(bad, "Reducers")[0]["source_name"] = "_1"
        self.refused(bad, "'_1'", "rename")

        bad = copy.deepcopy(HARD)
        section(bad, "Typespace")["types"][5] = {"Ref": 5}
        self.refused(bad, "leads back")

    def test_unknown_language(self):
        with self.assertRaisesRegex(generate.DefinitionError, "cobol.*typescript"):
            generate.generate(HARD, self.out, lang="cobol")


class Compile(unittest.TestCase):
    """tsc --strict against the package that clients use: in a folder that has both installed."""

    def test_strict(self):
        modules = next(
            (
                ROOT / folder / "node_modules"
                for folder in ("tests/e2e", "examples/arena", "examples/chat")
                if (ROOT / folder / "node_modules/spacetimedb").is_dir()
                and (ROOT / folder / "node_modules/typescript").is_dir()
            ),
            None,
        )
        if modules is None or not shutil.which("node"):
            self.skipTest("no node_modules: run `npm ci` in examples/arena")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            os.symlink(modules, folder / "node_modules")
            generate.write_bindings(DEFINITIONS["example_v10"], folder / "example")
            generate.write_bindings(DEFINITIONS["ts_module_v10"], folder / "camel")
            generate.write_bindings(DEFINITIONS["empty_v10"], folder / "empty")
            generate.write_bindings(HARD, folder / "hard")
            generate.write_bindings(HARD, folder / "hard_all", include_private=True)
            shutil.copy(DATA / "client.ts", folder)
            options = {
                "strict": True,
                "noEmit": True,
                "target": "ES2022",
                "module": "ESNext",
                "moduleResolution": "bundler",
                "noUnusedLocals": True,
                "noUnusedParameters": True,
                "verbatimModuleSyntax": True,
                "isolatedModules": True,
                "skipLibCheck": True,
                "preserveSymlinks": True,
                "noUncheckedIndexedAccess": True,
                "types": [],
                "lib": ["ES2022", "DOM"],
            }
            config = {
                "compilerOptions": options,
                "include": ["**/*.ts"],
                "exclude": ["node_modules"],
            }
            (folder / "tsconfig.json").write_text(json.dumps(config))
            tsc = modules / "typescript/bin/tsc"
            done = subprocess.run(
                ["node", str(tsc), "-p", str(folder)], capture_output=True, text=True, timeout=300
            )
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
