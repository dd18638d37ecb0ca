"""`python -m orochi`, and the program `orochi` where it was installed with pip: the whole server in this process."""

import os
import sys


def main():
    """Runs the command of sys.argv in this Python and ends the process with its exit code."""
    try:
        from _orochi import _main as program
    except ImportError:
        sys.exit('orochi: this Python has the package orochi, but not the engine; install the server with `pip install orochi_server-*.whl`, the wheel that config/wheel.sh makes')
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    # An interpreter that runs modules imports the package anew, with its own state behind it.
    for name in [name for name in sys.modules if name in ('orochi', '_orochi') or name.startswith('orochi.')]:
        del sys.modules[name]
    program(['orochi', *sys.argv[1:]], sys.executable, package)  # ends the process


if __name__ == '__main__':
    main()
