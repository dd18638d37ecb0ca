"""`orochi reload`: has a server that runs take over its module's files as they are now, over HTTP."""

from . import place


def arguments(parser):
    place.options(parser, 'only owner')


def main(args):
    server = place.server(args)
    print(place.fetch(f'{server.place}/reload', b'', server.headers, timeout=120).decode(errors='replace').rstrip())
    return 0
