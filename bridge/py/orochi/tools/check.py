"""`orochi check MODULE`: imports a module and reports every problem, also those of its functions that would stand out when they run."""

from .. import _load
from .._errors import SchemaError
from . import describe, look
from .modules import builder


def arguments(parser):
    parser.add_argument('module', metavar='MODULE', help='a .py file or a folder')
    parser.add_argument('--against', metavar='DIR', help='a data folder: what would become of its data')
    parser.usage = 'orochi check MODULE [--against DIR] [flags of run]'
    parser.epilog = f'All flags of `orochi run` may be given too: --isolation, --set, --config ...\n\n{parser.epilog}'


def main(args):
    found = builder(args.module)
    if problems := look.problems(found):
        raise SchemaError(problems)
    print(f'{_load.module_name(args.module)}: {describe.counts(found)}, no problems')
