"""The tests that the pages show pass, with the modules that the pages show."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "py"))
import pages  # noqa: E402


class Pages(unittest.TestCase):
    def test_the_tests_of_each_page(self):
        seen = 0
        for page in pages.pages():
            if not (tests := pages.tests(page)):
                continue
            with self.subTest(page.relative_to(pages.ROOT)), tempfile.TemporaryDirectory() as folder:
                for name, text in pages.modules(page).items():
                    (Path(folder) / f"{name}.py").write_text(text, encoding="utf-8")
                for name, text in tests.items():
                    example = pages.ROOT / f"examples/{name}/module.py"
                    if example.exists() and not (module := Path(folder) / f"{name}.py").exists():
                        module.write_text(example.read_text(encoding="utf-8"), encoding="utf-8")
                    seen += 1
                    (Path(folder) / f"test_{name}.py").write_text(text, encoding="utf-8")
                done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."], cwd=folder,
                                      capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""})
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreater(seen, 3)


if __name__ == "__main__":
    unittest.main()
