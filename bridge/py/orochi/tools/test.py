"""`orochi test`: pytest with the plugin that gives `orochi_db`."""

import os
import subprocess

from . import program
from .place import CommandError

PASSES_ON = True  # what is no flag of ours is pytest's


def arguments(parser):
    parser.add_argument('words', nargs='*', metavar='PYTEST_ARGUMENT', help='files, folders, and all flags of pytest')


def command(folder):
    """What runs pytest in this folder. CommandError tells what is missing."""
    python = program.python_with(folder, 'pytest', '_orochi')
    if python is not None:
        return [python, '-m', 'pytest']
    engine = program.python_with(folder, '_orochi')
    if engine is not None:
        raise CommandError(f'pytest is missing: {engine} -m pip install pytest')
    raise CommandError('tests run in a Python that has the engine (orochi.testing): pip install orochi-server pytest, in a virtual '
                       'environment that is active, or .venv')


def main(args):
    return subprocess.run([*command('.'), *args.words, *args.more], check=False, env={**os.environ}).returncode
