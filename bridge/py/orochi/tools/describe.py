"""A module definition for people: `orochi describe MODULE`, and of what a server serves: `orochi describe`."""

import json

from .. import _load
from .._types import SATS_SPECIAL
from . import definition, modules, place

_SPECIAL = {repr(sats): name for sats, name in (
    (SATS_SPECIAL['identity'], 'Identity'), (SATS_SPECIAL['connection_id'], 'ConnectionId'),
    (SATS_SPECIAL['timestamp'], 'Timestamp'), (SATS_SPECIAL['duration'], 'TimeDuration'), (SATS_SPECIAL['uuid'], 'UUID'),
    (SATS_SPECIAL['schedule_at'], 'ScheduleAt'))}
_SCALARS = {'String': 'str', 'Bool': 'bool'}


def text(name, builder):
    """Tables with their columns, keys and indexes, reducers with their parameters, schedules, types."""
    describe = _Describer(builder)
    parts = [f'{name}: {counts(builder)}']
    parts += [describe.table(t) for t in builder.tables if t.cls is not None]
    parts += ['\n'.join(['reducers'] + [describe.reducer(r) for r in builder.reducers if r['takes_row']])]
    if builder.procedures:
        parts.append('\n'.join(['procedures'] + [describe.procedure(p) for p in builder.procedures]))
    if builder.views:
        parts.append('\n'.join(['views'] + [describe.view(v) for v in builder.views]))
    if builder.schedules:
        parts.append('\n'.join(['schedules'] + [describe.schedule(s) for s in builder.schedules]))
    types = describe.types()
    if types:
        parts.append('\n'.join(['types'] + types))
    return '\n\n'.join(part for part in parts if part != 'reducers')


def counts(builder):
    """ "2 tables, 3 reducers, 1 schedule": those of the author. """
    repeated = {s['reducer'] for s in builder.schedules}  # of both kinds
    called = {kind: sum(f['name'] not in repeated for f in functions)
              for kind, functions in (('reducer', builder.reducers), ('procedure', builder.procedures))}
    numbers = (('table', sum(t.cls is not None for t in builder.tables)), ('reducer', called['reducer']), ('schedule', len(builder.schedules)))
    if called['procedure']:
        numbers = (*numbers[:2], ('procedure', called['procedure']), *numbers[2:])
    if builder.views:
        numbers = (*numbers[:2], ('view', len(builder.views)), *numbers[2:])
    if builder.routes:
        numbers = (*numbers, ('route', len(builder.routes)))
    return ', '.join(f'{n} {what}{"" if n == 1 else "s"}' for what, n in numbers)


class Types:
    """Types in words, as an author writes them. names: of the typespace's types, by their position."""

    def __init__(self, names):
        self.names = names

    def type(self, sats):
        if repr(sats) in _SPECIAL:
            return _SPECIAL[repr(sats)]
        (kind, body), = sats.items()
        if kind == 'Ref':
            return self.names[body]
        if kind == 'Array':
            return 'bytes' if body == {'U8': []} else f'list[{self.type(body)}]'
        if kind == 'Sum':
            first, second = body['variants']
            if first['name']['some'] == 'some':
                return f'{self.type(first["algebraic_type"])} | None'
            return f'Result[{self.type(first["algebraic_type"])}, {self.type(second["algebraic_type"])}]'
        return 'None' if kind == 'Product' else _SCALARS.get(kind, kind.lower())

    def part(self, kind, part):
        name, sats = part['name']['some'], part['algebraic_type']
        if kind == 'Product':
            return f'{name}: {self.type(sats)}'
        if sats == {'Product': {'elements': []}}:
            return name
        payload = self.type(sats)
        return name if payload == name else f'{name}({payload})'


class _Describer(Types):
    def __init__(self, builder):
        super().__init__({ref: name for name, ref in builder.types.names.items()})
        self.builder = builder

    def table(self, t):
        marks = ['public' if t.public else 'private'] + ['event'] * t.event + [f'calls {t.scheduled}'] * bool(t.scheduled)
        lines = [f'table {t.name} ({", ".join(marks)})']
        width = max(len(wire) for _, wire, _, _ in t.columns)
        for col, (_, wire, _, sats) in enumerate(t.columns):
            marks = ', '.join(self.marks(t, col))
            lines.append(f'    {wire:{width}}  {self.type(sats):14} {marks}'.rstrip())
        for index in t.indexes:
            if len(index['cols']) > 1:
                columns = ', '.join(t.columns[c][1] for c in index['cols'])
                lines.append(f'    index {index["accessor"]} over {columns} ({index["kind"]})')
        return '\n'.join(lines)

    @staticmethod
    def marks(t, col):
        if col == t.pk:
            yield 'primary key'
        elif col in t.unique:
            yield 'unique'
        if col in t.auto_inc:
            yield 'counted'
        for index in t.indexes:
            if index['cols'] == (col,):
                yield index['kind']

    def reducer(self, r):
        params = ', '.join(f'{wire}: {self.type(sats)}' for _, wire, _, sats in r['params'])
        marks = [r['lifecycle']] if r['lifecycle'] else [] if r['public'] else ['private']
        return f'    {r["name"]}({params})' + ''.join(f'  {mark}' for mark in marks)

    def procedure(self, p):
        line = self.reducer(p)
        end = line.rindex(')') + 1
        return f'{line[:end]} -> {self.type(p["returns"][1])}{line[end:]}'

    def view(self, v):
        params = ', '.join(f'{wire}: {self.type(sats)}' for _, wire, _, sats in v.params)
        row = self.type(v.row[1])
        returned = {'option': f'{row} | None', 'list': f'list[{row}]', 'query': f'Query[{row}]'}[v.kind]
        marks = ['the same for all' if v.anonymous else "each caller's own"] + ['private'] * (not v.public)
        marks += [f'primary key {v.primary_key}'] * (v.primary_key is not None)
        return f'    {v.name}({params}) -> {returned}  ' + '  '.join(marks)

    @staticmethod
    def schedule(s):
        every = f'every {s["interval_us"] / 1e6:g} s' if s['repeating'] else 'once'
        after = f', first after {s["delay_us"] / 1e6:g} s' if s['delay_us'] >= 0 else ''
        return f'    {s["reducer"]}  {every}{after}, missed: {s["missed"]}'

    def types(self):
        rows = {t.ref['Ref'] for t in self.builder.tables}
        found = []
        for ref, sats in enumerate(self.builder.types.typespace):
            if ref in rows:
                continue
            (kind, body), = sats.items()
            parts = body['elements' if kind == 'Product' else 'variants']
            shown = [self.part(kind, part) for part in parts]
            found.append(f'    {self.names[ref]} ' + (f'({", ".join(shown)})' if kind == 'Product' else '= ' + ' | '.join(shown)))
        return found


# ---- of a server that runs ----

class Served(Types):
    """What a server serves, from its definition of version 10."""

    def __init__(self, v10):
        self.module = definition.read(v10)
        super().__init__({t.ref: t.name for t in self.module.types})

    def signature(self, function):
        """ "shoot(dir: Vec2, power: u8)" """
        params = ', '.join(f'{p.canonical}: {self.type(p.type)}' for p in function.params)
        returns = f' -> {self.type(function.returns)}' if function.returns is not None else ''
        return f'{function.canonical}({params}){returns}'

    def functions(self):
        """Reducers and procedures, by name."""
        return {f.canonical: f for f in [*self.module.reducers, *self.module.procedures]}

    def table(self, t):
        marks = ['public' if t.is_public else 'private'] + ['event'] * t.is_event
        width = max([0, *(len(c.canonical) for c in t.columns)])
        lines = [f'table {t.canonical} ({", ".join(marks)})']
        for i, column in enumerate(t.columns):
            mark = 'primary key' if i == t.primary_key else 'unique' if any(u.column == i for u in t.uniques) else ''
            mark += ', index' * any(index.columns == [i] for index in t.indexes)
            lines.append(f'    {column.canonical:{width}}  {self.type(column.type):14} {mark.removeprefix(", ")}'.rstrip())
        return '\n'.join(lines)

    def text(self, name):
        m = self.module
        numbers = (('table', len(m.tables)), ('view', len(m.views)), ('reducer', len(m.reducers)), ('procedure', len(m.procedures)))
        parts = [f'{name}: ' + ', '.join(f'{n} {word}{"" if n == 1 else "s"}' for word, n in numbers if n or word in ('table', 'reducer'))]
        parts += [self.table(t) for t in m.tables] + [self.table(t).replace('table', 'view', 1) for t in m.views]
        for word, functions in (('reducers', m.reducers), ('procedures', m.procedures)):
            shown = [f'    {self.signature(f)}{"" if f.is_public else "  private"}' for f in functions]
            parts += ['\n'.join([word, *shown])] if shown else []
        return '\n\n'.join(parts)


def arguments(parser):
    parser.add_argument('--json', action='store_true', help='the module definition, {"V10": ...}, for code generators')
    parser.add_argument('module', nargs='?', metavar='MODULE', help='a .py file or a folder; without: what the server at --url serves')
    place.options(parser, 'owner')


def main(args):
    if args.module is not None:
        if args.json:
            print(json.dumps(modules.definition(args.module), separators=(',', ':')))
        else:
            print(text(_load.module_name(args.module), modules.builder(args.module)))
        return
    server = place.server(args)
    v10 = server.definition()
    print(json.dumps({'V10': v10}, separators=(',', ':')) if args.json else Served(v10).text(server.name))
