"""`orochi call FUNCTION ARGUMENT...`: calls a reducer or procedure of a server that runs, over HTTP."""

import json
import sys

from . import cli, place
from .describe import Served
from .place import CommandError


def arguments(parser):
    parser.add_argument('function', metavar='FUNCTION', help='reducer or procedure')
    parser.add_argument('arguments', nargs='*', metavar='ARGUMENT',
                        help='JSON each: 7, true, \'"text"\', [1, 2], {"x": 1}; a text may stand without its quotes, a variant without payload by its name; -- before what begins with -')
    parser.add_argument('--args', metavar='JSON', help='all of them at once: an array, or an object by name')
    place.options(parser, 'player')


def _is_variant(text, kind):
    return any(v['name'].get('some') == text and v['algebraic_type'] == {'Product': {'elements': []}} for v in kind.get('Sum', {'variants': []})['variants'])


def _value(text, kind):
    """The JSON of an argument, whose parameter is of this type (None: there is no such parameter)."""
    if kind is not None and _is_variant(text, kind):
        return {text: []}
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
        raise CommandError(_told(error, served.signature(function))) from None
    if answer:
        print(answer)
    sys.stdout.flush()
    return 0


def _told(error, signature):
    if error.status == 400:
        return f'{error}\nit is called as {signature}'
    more = ''.join(f'\n{key}: {json.dumps(value, ensure_ascii=False)}' for key, value in (error.detail or {}).items() if value is not None)
    return f'{signature.partition("(")[0]}: {error}{more}' if error.status == 530 else f'{error}{more}'
