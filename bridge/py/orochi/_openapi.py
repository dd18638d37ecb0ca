"""The OpenAPI 3.1 document of what a module can be asked over HTTP (docs/http.md#openapi): POST /call/NAME of reducers and procedures
that clients may call, and its own handlers. The server, which knows the database's name, adds `servers`."""

import inspect
import re
import uuid

from ._types import INTEGERS, SATS_SPECIAL

VERSION = '3.1.0'
_SPECIAL = {repr(SATS_SPECIAL[name]): (name, words) for name, words in (
    ('identity', 'Identity: 64 hex digits after 0x'), ('connection_id', 'ConnectionId: 32 hex digits after 0x'),
    ('timestamp', 'Timestamp: microseconds since 1970'), ('duration', 'TimeDuration: microseconds'), ('uuid', 'UUID: a number'))}
_METHODS = ('GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE')
_PATH_TYPES = {int: {'type': 'integer'}, float: {'type': 'number'}, uuid.UUID: {'type': 'string', 'format': 'uuid'}}


def document(builder):
    """The document as a dict, for a checked module."""
    schemas = _Schemas(builder)
    paths = {f'/call/{r["name"]}': {'post': _call(builder, r, schemas)} for r in builder.reducers
             if r['public'] and not r['lifecycle']}
    paths.update((f'/call/{p["name"]}', {'post': _procedure(builder, p, schemas)}) for p in builder.procedures if p['public'])
    for r in builder.routes:
        if r.fn is not None:
            _route(paths, r)
    return {'openapi': VERSION, 'info': {'title': 'Orochi module', 'version': '1'}, 'paths': paths, 'security': [{}, {'bearer': []}],
            'components': {'securitySchemes': {'bearer': {'type': 'http', 'scheme': 'bearer', 'bearerFormat': 'JWT'}},
                           'schemas': schemas.found}}


def _doc(fn):
    text = inspect.getdoc(fn) or ''
    if not text:
        return {}
    return {'summary': text.partition('\n')[0][:200], 'description': text}


def _text(words):
    return {'description': words, 'content': {'text/plain': {'schema': {'type': 'string'}}}}


def _call(builder, r, schemas):
    defaults = builder.defaults_of(r).get('defaults', [])
    least = len(r['params'])
    while least and len(defaults) >= least and defaults[least - 1] is not None:
        least -= 1
    items = [{'title': wire, **schemas.of(sats)} for _, wire, _, sats in r['params']]
    body = {'type': 'array', 'minItems': least, 'maxItems': len(items)}
    if items:
        body['prefixItems'] = items
    return {'operationId': f'call_{r["name"]}', 'tags': ['reducers'], **_doc(r['fn']),
            'requestBody': {'required': True, 'content': {'application/json': {'schema': body}}},
            'responses': {'200': {'description': 'It has run, and what it changed is on disk.'},
                          '400': _text('Arguments that do not fit.'), '530': _text('The reducer has failed, or refused.')}}


def _procedure(builder, p, schemas):
    found = _call(builder, p, schemas)
    returned = {'description': 'What it returned.', 'content': {'application/json': {'schema': schemas.told(p['returns'][1])}}}
    return found | {'tags': ['procedures'], 'responses': found['responses'] | {'200': returned}}


def _route(paths, r):
    path = '/route' + re.sub(r'\{([^{}:]*)(:[^{}]*)?\}', r'{\1}', r.path)
    parameters = [{'name': name, 'in': 'path', 'required': True, 'schema': dict(_PATH_TYPES.get(make, {'type': 'string'}))}
                  for name, make in r.names.items()]
    for method in _METHODS if 'ANY' in r.methods else r.methods:
        if method not in _METHODS or method.lower() in paths.get(path, {}):
            continue
        name = f'{r.fn.__name__}_{method.lower()}' if len(r.methods) > 1 or 'ANY' in r.methods else r.fn.__name__
        used = {o['operationId'] for item in paths.values() for o in item.values()}
        while f'route_{name}' in used:
            name += '_'
        operation = {'operationId': f'route_{name}', 'tags': ['handlers'], **_doc(r.fn), 'security': [],
                     'responses': {'default': {'description': 'What the handler answers.'}}}
        if parameters:
            operation['parameters'] = parameters
        if method in ('POST', 'PUT', 'PATCH'):
            operation['requestBody'] = {'content': {'*/*': {'schema': {}}}}
        paths.setdefault(path, {})[method.lower()] = operation


class _Schemas:
    """JSON schemas of SATS types, as call arguments may be written; named types become components."""

    def __init__(self, builder):
        self.types = builder.types
        self.names = {ref: name for name, ref in builder.types.names.items()}
        self.found = {}

    def of(self, sats):
        if repr(sats) in _SPECIAL:
            name, words = _SPECIAL[repr(sats)]
            field = sats['Product']['elements'][0]['name']['some']
            kind = ['string', 'integer'] if name in ('identity', 'connection_id', 'uuid') else 'integer'
            return {'type': 'object', 'description': words, 'properties': {field: {'type': kind}}, 'required': [field]}
        (kind, body), = sats.items()
        if kind == 'Ref':
            return self._named(body)
        if kind == 'Array':
            if body == {'U8': []}:
                return {'type': 'string', 'pattern': '^([0-9a-fA-F]{2})*$', 'description': 'bytes in hex digits'}
            return {'type': 'array', 'items': self.of(body)}
        if kind == 'Product':
            return self._product(body['elements'])
        if kind == 'Sum':
            return self._sum(body['variants'])
        return _scalar(kind.lower())

    def told(self, sats):
        """The same of what comes back, where records are arrays of their fields."""
        (kind, body), = sats.items()
        if kind in ('Product', 'Sum', 'Ref'):
            return {'description': 'SATS-JSON by position'}
        return {'type': 'array', 'items': self.told(body)} if kind == 'Array' and body != {'U8': []} else self.of(sats)

    def _named(self, ref):
        name = re.sub(r'[^A-Za-z0-9._-]', '_', self.names[ref])
        if name not in self.found:
            self.found[name] = {}  # it may hold itself
            self.found[name] = self.of(self.types.typespace[ref])
        return {'$ref': f'#/components/schemas/{name}'}

    def _product(self, elements):
        names = [e['name']['some'] for e in elements]
        return {'type': 'object', 'properties': {n: self.of(e['algebraic_type']) for n, e in zip(names, elements)}, 'required': names}

    def _sum(self, variants):
        names = [v['name']['some'] for v in variants]
        types = [self.of(v['algebraic_type']) for v in variants]
        if names == ['some', 'none']:
            return {'anyOf': [types[0], {'type': 'null'}]}
        return {'oneOf': [{'type': 'object', 'properties': {n: t}, 'required': [n], 'additionalProperties': False}
                          for n, t in zip(names, types)]}


def _scalar(kind):
    if kind == 'bool':
        return {'type': 'boolean'}
    if kind == 'string':
        return {'type': 'string'}
    if kind in INTEGERS:
        bits = int(kind[1:])
        low, high = (0, 2 ** bits - 1) if kind[0] == 'u' else (-2 ** (bits - 1), 2 ** (bits - 1) - 1)
        return {'type': 'integer', 'minimum': low, 'maximum': high}
    return {'type': 'number'}
