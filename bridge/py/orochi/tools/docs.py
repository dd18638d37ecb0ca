"""`orochi docs`: these pages, offline, in the browser."""

import functools
import http.server
import os
import webbrowser
from pathlib import Path

from .place import CommandError

_PACKAGE = Path(__file__).resolve().parent.parent
# In a wheel; where the program is installed; in a checkout after `sh config/docs.sh`.
_PLACES = (_PACKAGE / 'share/docs', _PACKAGE.parent.parent / 'docs', _PACKAGE.parent.parent.parent / 'site')


def arguments(parser):
    parser.add_argument('--port', type=int, default=0, metavar='N', help='of 127.0.0.1; default: any free one')
    parser.add_argument('--no-open', action='store_true', help='only print the address, and do not open the browser')
    parser.add_argument('--print', action='store_true', dest='only_print', help='print the folder of the pages, and do not serve them')


def main(args):
    folder = next((place for place in _PLACES if (place / 'index.html').exists()), None)
    if folder is None:
        raise CommandError('the pages were not built into this installation: in a checkout `sh config/docs.sh` builds them; their text '
                           'lies in the folder docs of the source')
    if args.only_print:
        print(folder)
        return 0
    with http.server.ThreadingHTTPServer(('127.0.0.1', args.port), functools.partial(_Quiet, directory=os.fspath(folder))) as server:
        url = f'http://127.0.0.1:{server.server_address[1]}/'
        print(f'{url}  (Ctrl-C ends it)', flush=True)
        if not args.no_open:
            webbrowser.open(url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *what):
        pass
