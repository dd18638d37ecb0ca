"""`orochi reload`: has a server that runs take over its module's files as they are now, over HTTP."""

import urllib.error
import urllib.request

from . import config


def main(args):
    url = args.url.rstrip('/')
    token = args.token or config.token_of(args.data)
    name = args.name or config.database_of(url, token)
    request = urllib.request.Request(f'{url}/v1/database/{name}/reload', b'', {'authorization': f'Bearer {token}'}, method='POST')
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            print(answer.read().decode(errors='replace').rstrip())
    except urllib.error.HTTPError as error:
        raise config.ConfigError(error.read().decode(errors='replace') or f'{url}: {error.code} {error.reason}') from None
    except OSError as error:
        raise config.ConfigError(f'{url} does not answer: {getattr(error, "reason", error)}') from None
    return 0
