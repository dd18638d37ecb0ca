"""The tests of rows in an ordinary interpreter, run once more in a worker: the C classes must behave the same. Loading fails
with the report."""

import io
import os
import sys
import unittest

sys.path.insert(0, os.environ["ORO_TESTS_PY"])

import test_rows  # noqa: E402

out = io.StringIO()
result = unittest.TextTestRunner(stream=out).run(unittest.defaultTestLoader.loadTestsFromModule(test_rows))
if not result.wasSuccessful() or result.testsRun < 20:
    raise Exception(out.getvalue())

from orochi._declare import REGISTRY  # noqa: E402

REGISTRY.clear()

from orochi import reducer  # noqa: E402


@reducer
def nothing(ctx):
    pass
