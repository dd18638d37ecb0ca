"""`orochi check MODULE`: imports a module and reports every problem."""

from .. import _load
from . import describe
from .modules import builder


def arguments(parser):
    parser.add_argument('module', metavar='MODULE', help='a .py file or a folder')


def main(args):
    found = builder(args.module)
    print(f'{_load.module_name(args.module)}: {describe.counts(found)}, no problems')
