"""A module definition for people: `orochi describe MODULE`."""

from .._types import SATS_SPECIAL

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
    if builder.schedules:
        parts.append('\n'.join(['schedules'] + [describe.schedule(s) for s in builder.schedules]))
    types = describe.types()
    if types:
        parts.append('\n'.join(['types'] + types))
    return '\n\n'.join(part for part in parts if part != 'reducers')


def counts(builder):
    """ "2 tables, 3 reducers, 1 schedule": those of the author. """
    numbers = (('table', sum(t.cls is not None for t in builder.tables)),
               ('reducer', len(builder.reducers) - len(builder.schedules)), ('schedule', len(builder.schedules)))
    return ', '.join(f'{n} {what}{"" if n == 1 else "s"}' for what, n in numbers)


class _Describer:
    def __init__(self, builder):
        self.builder = builder
        self.names = {ref: name for name, ref in builder.types.names.items()}

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

    def part(self, kind, part):
        name, sats = part['name']['some'], part['algebraic_type']
        if kind == 'Product':
            return f'{name}: {self.type(sats)}'
        if sats == {'Product': {'elements': []}}:
            return name
        payload = self.type(sats)
        return name if payload == name else f'{name}({payload})'
