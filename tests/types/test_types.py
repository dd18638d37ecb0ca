"""Type checkers agree with examples, stubs and the file of mistakes. Run with the Python of config/docs.sh, which has mypy, and with node."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGE = ROOT / "bridge/py"
sys.path.insert(0, str(ROOT / "tests/py"))
sys.path.insert(0, str(PACKAGE))
import pages  # noqa: E402
from orochi.tools.new import TEMPLATES  # noqa: E402
EXAMPLES = [ROOT / f"examples/{name}/module.py" for name in ("arena", "bank", "cards", "chat")]


def mypy(files, folder):
    """{(file, line): message} of the errors."""
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--hide-error-context", "--no-error-summary", "--no-color-output",
                           "--cache-dir", os.devnull, *map(str, files)], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, "MYPYPATH": str(PACKAGE)})
    found = re.findall(r"^(.*?):(\d+)(?::\d+)?: error: (.*)$", done.stdout, re.M)
    if done.returncode not in (0, 1) or done.returncode == 1 and not found:
        raise AssertionError(done.stdout + done.stderr)
    return {(Path(file).name, int(line)): text for file, line, text in found}


def pyright(files, folder):
    config = Path(folder) / "pyrightconfig.json"
    config.write_text(json.dumps({"include": [os.path.relpath(file, folder) for file in files], "extraPaths": [str(PACKAGE)],
                                  "typeCheckingMode": "strict", "pythonVersion": "3.13", "reportUnusedExpression": False,
                                  "reportMissingModuleSource": False}))
    # With the Python that has pytest: which one a folder's .python-version means is the machine's matter.
    done = subprocess.run([HERE / "node_modules/.bin/pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(config)],
                          capture_output=True, text=True)
    report = json.loads(done.stdout)
    return {(Path(at["file"]).name, at["range"]["start"]["line"] + 1): at["message"]
            for at in report["generalDiagnostics"] if at["severity"] == "error"}


class Types(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def stubs(self, path):
        subprocess.run([sys.executable, "-m", "orochi.tools", "stubs", str(path)], check=True, capture_output=True,
                       env={**os.environ, "PYTHONPATH": str(PACKAGE)})

    def copy(self, *files):
        return [Path(shutil.copy(file, self.folder)) for file in files]

    def test_the_package_itself(self):
        files = [PACKAGE / f"orochi/{name}.pyi" for name in ("__init__", "_context", "testing/__init__")]
        self.assertEqual(mypy(files, PACKAGE), {})

    def test_examples(self):
        for file in EXAMPLES:
            with self.subTest(file):
                self.assertEqual(mypy([file], self.folder), {})
                self.assertEqual(pyright([file], self.folder), {})

    def test_examples_with_their_stubs(self):
        """The same examples with ReducerContext[Db] for ReducerContext."""
        for file in EXAMPLES:
            with self.subTest(file):
                copy, = self.copy(file)
                self.stubs(copy)
                text = re.sub(r"\b(ctx|context): ReducerContext\b", r"\1: ReducerContext[Db]", copy.read_text(encoding="utf-8"))
                copy.write_text(text.replace("\nfrom orochi import", "\nfrom module_db import Db\nfrom orochi import", 1), encoding="utf-8")
                files = [copy, self.folder / "module_db.pyi"]
                self.assertEqual(mypy(files, self.folder), {})
                self.assertEqual(pyright(files, self.folder), {})
                for made in self.folder.glob("module_db.*"):
                    made.unlink()

    def test_templates(self):
        """What `orochi new` makes: modules with their stubs, and tests."""
        for name in sorted(TEMPLATES):
            with self.subTest(name):
                subprocess.run([sys.executable, "-m", "orochi.tools", "new", name, "--template", name], check=True, capture_output=True,
                               cwd=self.folder, env={**os.environ, "PYTHONPATH": str(PACKAGE)})
                folder = self.folder / name
                files = sorted(folder.glob("*.py"))
                self.assertTrue((folder / "module_db.pyi").exists())
                self.assertEqual(mypy(files, folder), {})
                self.assertEqual(pyright(files, folder), {})

    def test_modules_of_the_pages(self):
        """README and docs/: each page's modules in a folder of their own, for their names."""
        files = []
        for n, page in enumerate(pages.pages()):
            for name, text in pages.modules(page).items():
                files.append(self.folder / f"page{n}/{name}.py")
                files[-1].parent.mkdir(exist_ok=True)
                files[-1].write_text(text, encoding="utf-8")
        self.assertGreater(len(files), 10)
        for file in files:
            shutil.copy(file, self.folder / f"{file.parent.name}_{file.name}")
        flat = sorted(self.folder.glob("*.py"))
        self.assertEqual(mypy(flat, self.folder), {})
        self.assertEqual(pyright(flat, self.folder), {})

    def test_mistakes(self):
        game, wrong = self.copy(HERE / "game.py", HERE / "wrong.py")
        self.stubs(game)
        lines = wrong.read_text(encoding="utf-8").splitlines()
        expected = {("wrong.py", n) for n, line in enumerate(lines, 1) if line.endswith("# error")}
        self.assertGreater(len(expected), 20)
        for checker in (mypy, pyright):
            with self.subTest(checker.__name__):
                found = checker([game, wrong, self.folder / "game_db.pyi"], self.folder)
                self.assertEqual({place: found.get(place, "nothing") for place in found.keys() ^ expected}, {})

    def test_stubs_can_be_imported(self):
        """By the module itself: ReducerContext[Db] is checked when it is loaded."""
        game, = self.copy(HERE / "game.py")
        self.stubs(game)
        text = game.read_text(encoding="utf-8").replace("ctx: ReducerContext", "ctx: ReducerContext[Db]")
        game.write_text(text.replace("\nfrom orochi", "\nfrom game_db import Db\nfrom orochi", 1), encoding="utf-8")
        done = subprocess.run([sys.executable, "-m", "orochi.tools", "check", str(game)], capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": str(PACKAGE)})
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
