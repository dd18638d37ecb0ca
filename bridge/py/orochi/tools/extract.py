"""`orochi extract-schema FILE`, as SpacetimeDB's own program calls it: `describe --json` of a module."""

import json

from . import modules


def arguments(parser):
    parser.add_argument('module', metavar='FILE')


def main(args):
    print(json.dumps(modules.definition(args.module), separators=(',', ':')))
