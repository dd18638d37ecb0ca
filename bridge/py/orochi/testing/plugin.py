"""The pytest plugin, found by itself where the wheel is installed: the fixture `orochi_db`, a fresh Database for each test.

Which module it is of stands in pyproject.toml, next to which it is imported from:

    [tool.orochi]
    module = "arena"
"""

import importlib
import sys
import tomllib

import pytest

from ._database import Database


def _module_name(config):
    file = config.rootpath / 'pyproject.toml'
    try:
        with open(file, 'rb') as opened:
            name = tomllib.load(opened).get('tool', {}).get('orochi', {}).get('module')
    except FileNotFoundError:
        name = None
    if not isinstance(name, str):
        raise pytest.UsageError(f'orochi_db: {file} does not say which module to test: [tool.orochi] module = "arena"')
    return name


@pytest.fixture
def orochi_db(request):
    """A fresh database of the module that pyproject.toml names (orochi.testing.Database), closed after the test."""
    root = str(request.config.rootpath)
    if root not in sys.path:
        sys.path.insert(0, root)
    with Database(importlib.import_module(_module_name(request.config))) as db:
        yield db
