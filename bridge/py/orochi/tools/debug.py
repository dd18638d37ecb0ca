"""breakpoint() in a reducer, under `orochi dev --debug`: pdb on the terminal, whose standard streams the server has taken for its log."""

import pdb
import sys

_terminal = []  # opened before any reducer runs, which may not


def stop(*_, **__):
    """What breakpoint() calls."""
    inside = pdb.Pdb(stdin=_terminal[0], stdout=_terminal[1])
    inside.prompt = '(orochi) '
    inside.set_trace(sys._getframe(1))


def install():
    """Once in the worker's interpreter, when it begins."""
    _terminal[:] = open(0, closefd=False), open(1, 'w', closefd=False)
    sys.breakpointhook = stop
