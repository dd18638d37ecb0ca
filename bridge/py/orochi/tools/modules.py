"""A module of the author's, imported for a command."""

import contextlib
import sys

from .. import _load


def builder(path):
    """What the module at path declares. What it prints meanwhile is no part of the command's result."""
    if found := _load.loaded(path):  # by the engine, as a worker's
        return found
    with contextlib.redirect_stdout(sys.stderr):
        return _load.definition(path)


def definition(path):
    """Its definition, as code generators read it."""
    return {'V10': builder(path).v10()}
