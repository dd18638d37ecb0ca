"""The project's BSATN vectors through the codecs: each valid value is read, compared and written back to the same bytes, each
invalid one refused. Imported as a module by test_values.c; loading fails with the list of what went wrong."""

import dataclasses
import json
import os
import struct

from orochi import DecodeError, reducer
from _orochi import compile

SPECIAL = {'__identity__': ('U256', 'identity'), '__connection_id__': ('U128', 'connection_id'),
           '__timestamp_micros_since_unix_epoch__': ('I64', 'timestamp'), '__time_duration_micros__': ('I64', 'duration'),
           '__uuid__': ('U128', 'uuid')}
UNIT = {'Product': {'elements': []}}


@dataclasses.dataclass
class Holder:
    value: object


def names_of(variants):
    return [v['name'].get('some') for v in variants]


def spec_of(type):
    (kind, body), = type.items()
    if kind == 'Ref':
        return ('named', body)
    if kind == 'Array':
        return ('bytes',) if body == {'U8': []} else ('array', spec_of(body), 'list')
    if kind == 'Product':
        elements = body['elements']
        if len(elements) == 1:
            inner, special = SPECIAL.get(elements[0]['name'].get('some'), (None, None))
            if elements[0]['algebraic_type'] == {inner: []}:
                return (special,)
        return ('product', None, 'tuple', tuple((e['name'].get('some', str(i)), spec_of(e['algebraic_type']))
                                                for i, e in enumerate(elements)))
    if kind == 'Sum':
        return sum_of(body['variants'])
    return (kind.lower(),)


def sum_of(variants):
    names, types = names_of(variants), [v['algebraic_type'] for v in variants]
    if names == ['Interval', 'Time']:
        return ('schedule_at',)
    if names == ['some', 'none'] and types[1] == UNIT and spec_of(types[0])[0] not in ('option', 'named', 'product'):
        return ('option', spec_of(types[0]))
    if names == ['ok', 'err']:
        return ('result', spec_of(types[0]), spec_of(types[1]))
    if variants and all(t == UNIT for t in types):
        return ('literal', tuple(n or str(i) for i, n in enumerate(names)))
    # A class for each variant, holding the payload.
    return ('union', tuple((n or str(i), make(n or str(i)), ('product', CLASSES[n or str(i)], 'dataclass', (('value', spec_of(t)),)),
                            'dataclass') for i, (n, t) in enumerate(zip(names, types))))


CLASSES = {}


def make(name):
    if name not in CLASSES:
        CLASSES[name] = dataclasses.make_dataclass(name if name.isidentifier() else 'Variant', ['value'])
    return CLASSES[name]


def codec_of(vector, typespaces):
    types = [spec_of(t) for t in typespaces[vector['typespace']]] if 'typespace' in vector else []
    return compile(spec_of(vector['type']), types)


def same(value, text, type):
    """Does the value mean what the vector's JSON says? True also where the shapes are not compared here."""
    (kind, body), = type.items()
    if kind in ('I256', 'U256'):
        return value == int(text, 16)
    if kind in ('F32', 'F64'):
        return text is None or value == (struct.unpack('<f', struct.pack('<f', text))[0] if kind == 'F32' else text)
    if kind[1:].isdigit() or kind in ('Bool', 'String'):
        return value == text
    if kind == 'Array' and isinstance(value, list) and isinstance(text, list):
        return len(value) == len(text) and all(same(v, t, body) for v, t in zip(value, text))
    if kind == 'Array' and isinstance(value, bytes):
        return value.hex() == text
    if kind == 'Product' and isinstance(value, tuple) and isinstance(text, dict):
        return all(same(v, text[e['name']['some']], e['algebraic_type']) for v, e in zip(value, body['elements']))
    return True


def check():
    with open(os.environ['ORO_VECTORS'] + '/bsatn.json') as file:
        vectors = json.load(file)
    wrong, compared = [], 0
    for v in vectors['valid']:
        if v['type'] == {'Sum': {'variants': []}}:
            continue
        data = bytes.fromhex(v['hex'])
        try:
            codec = codec_of(v, vectors['typespaces'])
            value = codec.decode(data)
            if codec.encode(value) != data:
                wrong.append(f'{v["name"]}: written as {codec.encode(value).hex()}')
            if not same(value, v['json'], v['type']):
                wrong.append(f'{v["name"]}: {value!r} is not {v["json"]!r}')
            compared += 1
        except Exception as error:
            wrong.append(f'{v["name"]}: {error!r}')
    for v in vectors['invalid']:
        if v['type'] == {'Sum': {'variants': []}}:
            continue
        head, n, tail = v.get('hex_repeat', ('', 0, v.get('hex')))
        try:
            value = codec_of(v, vectors['typespaces']).decode(bytes.fromhex(head) * n + bytes.fromhex(tail))
            wrong.append(f'{v["name"]}: accepted as {value!r:.80}')
        except DecodeError:
            compared += 1
        except Exception as error:
            wrong.append(f'{v["name"]}: {error!r}')
    if wrong or compared < 300:
        raise Exception(f'{len(wrong)} wrong, {compared} right: ' + '; '.join(wrong))


check()


@reducer
def nothing(ctx):
    pass
