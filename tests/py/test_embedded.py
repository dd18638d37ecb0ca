"""The same in the server's own interpreter, where rows are made by C: rows behave as they do elsewhere, and defaults are
the bytes that the codecs write. The module under `orochi check` is the test."""

import os
import subprocess
import unittest

from helper import ROOT, ModuleCase

BINARY = os.environ.get("OROCHI_BIN") or str(ROOT / "build/orochi")

RUN = """
    import io, os, random, sys, unittest, uuid
    sys.path.insert(0, {tests!r})
    import _orochi
    import test_rows
    from orochi import *
    from orochi._declare import REGISTRY
    from orochi._encode import encode

    random.seed(1)

    def values(make):
        return [{{make(): True for _ in range(20)}} for _ in range(20)]

    class Codecs(unittest.TestCase):
        def test_defaults_are_what_the_codecs_write(self):
            numbers = lambda: random.randrange(-2**60, 2**60)
            for key, found in (("i64", values(numbers)), ("timestamp", values(lambda: Timestamp(numbers()))),
                               ("f64", values(lambda: random.uniform(-9, 9))),
                               ("string", values(lambda: chr(random.randrange(32, 0xd7ff)))),
                               ("uuid", values(lambda: uuid.UUID(int=random.randrange(2**128)))),
                               ("identity", values(lambda: Identity(random.randrange(2**256)))),
                               ("connection_id", values(lambda: ConnectionId(random.randrange(2**128))))):
                for value in found:
                    spec = ("dict", (key,), ("bool",))
                    self.assertEqual(encode(spec, value), _orochi.encode(spec, value), key)
                    self.assertEqual(_orochi.decode(spec, encode(spec, value)), value)

    suite = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, (test_rows.Rows, Codecs)))
    text = io.StringIO()
    result = unittest.TextTestRunner(stream=text).run(suite)
    with open({out!r}, "w") as file:
        file.write(text.getvalue() if not result.wasSuccessful() else "good %d" % result.testsRun)
    REGISTRY.clear()

    @reducer
    def f(ctx): ...
"""


@unittest.skipUnless(os.access(BINARY, os.X_OK), f"there is no {BINARY}: build it first")
class Embedded(ModuleCase):
    def test_rows_and_codecs(self):
        out = self.folder / "result.txt"
        path = self.write(RUN.format(tests=str(ROOT / "tests/py"), out=str(out)))
        done = subprocess.run([BINARY, "check", str(path)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(out.read_text(), r"^good \d\d")

    def test_all_problems_from_the_program(self):
        path = self.write("from orochi import *\n@table\nclass A:\n    x: complex\n    y: Index[f32]\n")
        done = subprocess.run([BINARY, "check", str(path)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertEqual([line.split(": ")[1] for line in done.stderr.splitlines()], [f"{path}:4", f"{path}:5"])


if __name__ == "__main__":
    unittest.main()
