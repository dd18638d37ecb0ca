"""`orochi call FUNCTION ARGUMENT...`: calls a reducer or procedure of a server that runs, over HTTP."""

import json
import sys
import uuid

from .._types import SATS_SPECIAL
from . import cli, place
from .describe import Served
from .place import CommandError


def arguments(parser):
    parser.add_argument('function', metavar='FUNCTION', help='reducer or procedure')
    parser.add_argument('arguments', nargs='*', metavar='ARGUMENT',
                        help='JSON each: 7, true, \'"text"\', [1, 2], {"x": 1}; a text may stand without its quotes, a variant without payload by its name, an identity, connection id or UUID by its text; -- before what begins with -')
    parser.add_argument('--args', metavar='JSON', help='all of them at once: an array, or an object by name')
    place.options(parser, 'player')


def _is_variant(text, kind):
    return any(v['name'].get('some') == text and v['algebraic_type'] == {'Product': {'elements': []}} for v in kind.get('Sum', {'variants': []})['variants'])


def _hex(digits):
    def read(text):
        given = text.removeprefix('0x')
        if len(given) != digits:
            raise ValueError
        return int(given, 16)
    return read


# How a special type is written by those who print it: its digits, with 0x or without. What is none is sent as it is.
_TEXTS = ((SATS_SPECIAL['identity'], '__identity__', lambda text: f'0x{_hex(64)(text):064x}'),
          (SATS_SPECIAL['connection_id'], '__connection_id__', _hex(32)),
          (SATS_SPECIAL['uuid'], '__uuid__', lambda text: uuid.UUID(text).int))


def _special(text, kind):
    """The JSON of an identity, a connection id or a UUID from its text; None: it is no such type, or no such text."""
    for special, name, read in _TEXTS:
        if kind == special:
            try:
                return {name: read(text.strip('"'))}
            except ValueError:
                return None
    return None


def _value(text, kind):
    """The JSON of an argument, whose parameter is of this type (None: there is no such parameter)."""
    if kind is not None and _is_variant(text, kind):
        return {text: []}
    special = _special(text, kind)
    if special is not None:
        return special
    if kind == {'String': []}:
        try:
            return json.loads(text) if text.startswith('"') else text
        except ValueError:
            return text
    try:
        return json.loads(text)
    except ValueError:
        return text  # the server says what it wanted


def body(function, words, typespace):
    """The JSON of the arguments, for parameters as they are declared."""
    kinds = [typespace[p.type['Ref']] if 'Ref' in p.type else p.type for p in function.params]
    return [_value(word, kinds[i] if i < len(kinds) else None) for i, word in enumerate(words)]


def request(server, name, arguments):
    """Calls; gives the text of the answer. arguments: a list, or a dict by name."""
    headers = {'content-type': 'application/json', **server.headers}
    return place.fetch(f'{server.place}/call/{name}', json.dumps(arguments).encode(), headers).decode(errors='replace')


def find(served, name):
    """The function of that name. CommandError tells which there are."""
    functions = served.functions()
    if name in functions:
        return functions[name]
    near = cli.meant(name, list(functions))
    known = '' if near else f'; there are {", ".join(sorted(functions))}' if functions else '; the module has none'
    raise CommandError(f'there is no reducer or procedure {name}{near}{known}')


def main(args):
    server = place.server(args)
    served = Served(server.definition())
    function = find(served, args.function)
    try:
        given = body(function, args.arguments, served.module.typespace) if args.args is None else json.loads(args.args)
    except ValueError as error:
        raise CommandError(f'--args: not JSON: {error}') from None
    try:
        answer = request(server, args.function, given)
    except CommandError as error:
        hidden = error.status == 404 and not function.is_public
        raise CommandError(_told(error, served.signature(function)) + '\nit is private: --as owner calls it' * hidden) from None
    if answer:
        print(answer)
    sys.stdout.flush()
    return 0


def _told(error, signature):
    if error.status == 400:
        return f'{error}\nit is called as {signature}'
    more = ''.join(f'\n{key}: {json.dumps(value, ensure_ascii=False)}' for key, value in (error.detail or {}).items() if value is not None)
    return f'{signature.partition("(")[0]}: {error}{more}' if error.status == 530 else f'{error}{more}'
