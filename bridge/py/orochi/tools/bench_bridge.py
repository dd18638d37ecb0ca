"""`orochi bench-bridge`: what a conversion costs."""


def arguments(parser):
    parser.add_argument('--venv', metavar='DIR', help='virtual environment of the same Python, with msgspec')
    parser.add_argument('--most', type=int, default=1_000_000, metavar='N', help='largest batch (default: 1000000)')
    parser.add_argument('--conversions', type=int, default=10_000_000, metavar='N', help='of the memory test (default: 10000000)')
    parser.add_argument('--json', metavar='FILE', help='the figures, for programs')


def main(args):
    from . import bench  # it compiles codecs, which an ordinary interpreter does not have
    return bench.main(args)
