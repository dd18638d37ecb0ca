"""python -m orochi.tools COMMAND ..., with any Python 3.13 or newer that finds the package."""

import sys

from .cli import main

sys.exit(main(sys.argv[1:]))
