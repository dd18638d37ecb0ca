"""From declarations to a module definition (versions 10 and 9, spec/bsatn.md 6) and the specs that the codecs are compiled
from. Every problem is collected with its file, its line and what to do."""

import ast
import inspect
import json

from ._declare import Column, column_annotations, REGISTRY
from ._errors import SchemaError
from ._types import (INDEXABLE, INTEGERS, SATS_SPECIAL, UNIT, ColumnProperty, Resolver, TypeProblem, element, product, simple,
                     snake, type_hints, unchecked, wire_name)
from ._values import ScheduleAt

TABLE_METHODS = frozenset('''insert insert_many batch_insert upsert insert_or_update update delete delete_where clear find get
    exists filter first one count all iter column'''.split())
LIFECYCLES = {'init': 'Init', 'client_connected': 'OnConnect', 'client_disconnected': 'OnDisconnect'}


class Table:
    """One resolved table."""

    def __init__(self, name, place):
        self.name, self.place = name, place
        self.columns = []       # (python name, wire name, spec, sats)
        self.pk, self.auto_inc, self.unique, self.indexes, self.defaults = -1, [], [], [], []
        self.public = self.event = False
        self.scheduled = None   # reducer name
        self.at_column = -1
        self.ref = None


class Builder:
    def __init__(self, registry):
        self.registry = registry
        self.types = Resolver()
        self.tables, self.reducers, self.schedules = [], [], []
        self.problems = list(registry.problems)
        self.row_spec = {}      # class -> spec

    def problem(self, place, text):
        self.problems.append(f'{place}: {text}')

    def build(self):
        for declared in self.registry.products:
            self._try(f'{declared.__name__}', lambda d=declared: self.types.resolve(d, d.__name__))
        for declared in self.registry.tables:
            self._table(declared)
        for declared in self.registry.reducers:
            self._reducer(declared)
        self._link_schedules()
        self._names()
        if self.problems:
            raise SchemaError(self.problems)

    def _try(self, place, make):
        try:
            return make()
        except TypeProblem as problem:
            self.problem(place, str(problem))
            return None

    # ---- tables ----

    def _table(self, declared):
        cls, options = declared.cls, declared.options
        t = Table(options['name'] or snake(cls.__name__), declared.place)
        t.cls, t.public, t.event = cls, bool(options['public']), bool(options['event'])
        self.tables.append(t)
        self._check_name(t.place, 'table', t.name)
        if t.name.startswith('st_'):
            self.problem(t.place, f'table {t.name}: names that begin with st_ belong to system tables')
        if options['rls']:
            self.problem(t.place, f'table {t.name}: rls= is not available in this version')
        try:
            hints = type_hints(cls)
        except TypeProblem as problem:
            self.problem(t.place, f'table {t.name}: {problem}')
            return
        properties = {}
        for name in column_annotations(cls):
            self._column(t, cls, name, hints.get(name), properties)
        if not t.columns and not self.problems:
            self.problem(t.place, f'table {t.name} has no columns: write them as annotations, e.g. `id: PrimaryKey[u64]`')
        self._decorator_options(t, options, properties)
        self._keys(t, properties)
        self._extra_indexes(t, options['indexes'])
        self._row_type(t, cls)
        t.scheduled = options['scheduled']
        if t.scheduled is not None:
            self._scheduled_shape(t)

    def _column(self, t, cls, name, hint, properties):
        place = column_place(t, cls, name)
        fields = getattr(cls, '__orochi_fields__', {})
        wire = fields[name].name if name in fields and fields[name].name else wire_name(name)
        resolved = None
        try:
            resolved = self.types.resolve(hint, cls.__name__ + name.title().replace('_', ''))
        except TypeProblem as problem:
            self.problem(place, f'{t.name}.{name}: {problem}')
        spec, sats = resolved or (('unit',), UNIT)
        if any(wire == c[1] for c in t.columns):
            self.problem(place, f'table {t.name} has two columns that clients see as {wire!r}')
        t.columns.append((name, wire, spec, sats))
        props = [e for e in getattr(hint, '__metadata__', ()) if isinstance(e, ColumnProperty)]
        if name in fields:
            props.append(fields[name].prop)
        properties[name] = ColumnProperty(any(p.primary_key for p in props), any(p.auto_inc for p in props),
                                          any(p.unique for p in props), next((p.index for p in props if p.index), None))
        self._default(t, cls, place, len(t.columns) - 1, properties[name])

    def _default(self, t, cls, place, col, prop):
        name, _, spec, _ = t.columns[col]
        default = cls.__orochi_defaults__.get(name)
        if default is None or default[0] == 'factory' or prop.primary_key or prop.unique or prop.auto_inc:
            return
        t.defaults.append((col, spec, default[1], place))

    def _decorator_options(self, t, options, properties):
        named = {c[0] for c in t.columns}

        def known(what, columns):
            for c in columns:
                if c not in named:
                    self.problem(t.place, f'table {t.name}: {what} names the column {c!r}, which it does not have '
                                          f'(it has {", ".join(sorted(named)) or "none"})')
            return [c for c in columns if c in named]
        if options['primary_key'] is not None:
            if not isinstance(options['primary_key'], str):
                self.problem(t.place, f'table {t.name}: primary_key= names one column, e.g. primary_key="id"')
            else:
                for c in known('primary_key', [options['primary_key']]):
                    p = properties[c]
                    properties[c] = ColumnProperty(True, p.auto_inc, p.unique, p.index)
        for c in known('auto_inc', options['auto_inc']):
            p = properties[c]
            properties[c] = ColumnProperty(p.primary_key, True, p.unique, p.index)
        for c in known('unique', options['unique']):
            p = properties[c]
            properties[c] = ColumnProperty(p.primary_key, p.auto_inc, True, p.index)

    def _keys(self, t, properties):
        keys = [c[0] for c in t.columns if properties[c[0]].primary_key]
        if len(keys) > 1:
            self.problem(t.place, f'table {t.name} has {len(keys)} primary keys ({", ".join(keys)}): keep one, make the others Unique[...]')
        for col, (name, wire, spec, _) in enumerate(t.columns):
            p = properties[name]
            if p.primary_key and t.pk < 0:
                t.pk = col
            if p.auto_inc:
                if unchecked(spec)[0] not in INTEGERS:
                    self.problem(t.place, f'{t.name}.{name}: auto_inc needs an integer column')
                t.auto_inc.append(col)
            if p.primary_key or p.unique:
                t.unique.append(col)
            if p.primary_key or p.unique or p.index:
                self._index(t, wire, [col], p.index or 'btree', p.primary_key or p.unique)

    def _extra_indexes(self, t, indexes):
        names = [c[0] for c in t.columns]
        for given in indexes:
            ix = given if isinstance(given, Column) else Column(*([given] if isinstance(given, str) else given))
            missing = [c for c in ix.columns if c not in names]
            if missing:
                self.problem(t.place, f'table {t.name}: an index names the column {missing[0]!r}, which it does not have '
                                      f'(it has {", ".join(names)})')
                continue
            if not ix.columns or len(set(ix.columns)) != len(ix.columns):
                self.problem(t.place, f'table {t.name}: an index names its columns, each once')
                continue
            cols = [names.index(c) for c in ix.columns]
            if ix.name is None and any(i['cols'] == tuple(cols) for i in t.indexes):
                continue  # primary_key="id", indexes=["id"]: one index is enough
            self._index(t, ix.name or '_'.join(t.columns[c][1] for c in cols), cols, ix.algorithm, False)

    def _index(self, t, accessor, cols, kind, unique):
        if kind not in ('btree', 'hash', 'direct'):
            self.problem(t.place, f'table {t.name}: index algorithm {kind!r}: it is "btree", "hash" or "direct"')
            return
        for c in cols:
            name, _, spec, _ = t.columns[c]
            if unchecked(spec)[0] not in INDEXABLE:
                self.problem(t.place, f'{t.name}.{name}: {describe(spec)} cannot be an index or key column; integers, bool, str, '
                                      'Identity, ConnectionId, UUID, Timestamp and enums can')
            elif kind == 'direct' and (len(cols) > 1 or unchecked(spec)[0] not in ('u8', 'u16', 'u32', 'u64', 'enum')):
                self.problem(t.place, f'{t.name}.{name}: a direct index is over one column of u8, u16, u32, u64 or an enum')
        wires = '_'.join(t.columns[c][1] for c in cols)
        t.indexes.append({'accessor': accessor, 'cols': tuple(cols), 'unique': unique, 'kind': kind,
                          'name': f'{t.name}_{wires}_idx_{kind}'})

    def _row_type(self, t, cls):
        fields = tuple((c[0], c[2]) for c in t.columns)
        spec = ('product', cls, 'row', fields)

        def declare():
            if cls in self.types.by_class:
                return self.types.by_class[cls][1]
            name = getattr(cls, '__orochi_name__', None) or cls.__name__
            ref = self.types.declare(name, product(*((c[1], c[3]) for c in t.columns)), cls)
            self.types.by_class[cls] = (spec, ref)
            return ref
        t.ref = self._try(t.place, declare)

    def _scheduled_shape(self, t):
        ats = [i for i, c in enumerate(t.columns) if unchecked(c[2])[0] == 'schedule_at']
        if len(ats) != 1 or t.pk < 0 or unchecked(t.columns[t.pk][2])[0] != 'u64':
            self.problem(t.place, f'table {t.name}: a scheduled table has a primary key of type u64 (usually AutoKey[u64]) and '
                                  'exactly one column of type ScheduleAt')
            return
        t.at_column = ats[0]

    # ---- functions ----

    def _reducer(self, declared):
        fn, place, name = declared.fn, declared.place, declared.name
        self._check_name(place, 'reducer', name)
        if inspect.iscoroutinefunction(fn) or inspect.isgeneratorfunction(fn):
            self.problem(place, f'{name}: a reducer is a plain function, not async and not a generator')
        signature = inspect.signature(fn)
        parameters = list(signature.parameters.values())
        if not parameters:
            self.problem(place, f'{name}: the first parameter of a reducer is its context: def {name}(ctx: ReducerContext)')
        returns = signature.return_annotation
        if returns not in (inspect.Signature.empty, None, 'None'):
            self.problem(place, f'{name}: a reducer returns nothing; write the result to a table')
        hints = self._try(place, lambda: type_hints(fn)) or {}
        params = []
        for p in parameters[1:]:
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                self.problem(place, f'{name}: *{p.name} is not possible; clients send a fixed list of arguments')
                continue
            if p.annotation is p.empty:
                self.problem(place, f'{name}: the parameter {p.name!r} needs a type, e.g. {p.name}: str')
                continue
            resolved = self._try(place, lambda p=p: self._parameter(name, p, hints.get(p.name)))
            if resolved:
                params.append((p.name, wire_name(p.name), *resolved))
        entry = dict(name=name, fn=fn, place=place, params=params, lifecycle=declared.lifecycle, public=declared.public,
                     timeout_ms=declared.timeout_ms, takes_row=True)
        self.reducers.append(entry)
        if declared.lifecycle and params:
            self.problem(place, f'{name}: @{declared.lifecycle} takes only the context')
        if declared.schedule is not None:
            self._schedule(entry, declared.schedule)

    def _parameter(self, function, p, hint):
        try:
            return self.types.resolve(hint, function.title().replace('_', '') + p.name.title().replace('_', ''))
        except TypeProblem as problem:
            raise TypeProblem(f'{function}.{p.name}: {problem}') from None

    def _schedule(self, entry, schedule):
        if entry['params']:
            self.problem(entry['place'], f'{entry["name"]}: a function with @scheduled takes only the context; for arguments '
                                         'make a table with scheduled=')
            return
        t = Table(f'{entry["name"]}_schedule', entry['place'])
        t.cls = None
        t.columns = [('scheduled_id', 'scheduled_id', ('u64',), simple('U64')),
                     ('scheduled_at', 'scheduled_at', ('schedule_at',), SATS_SPECIAL['schedule_at'])]
        t.pk, t.auto_inc, t.unique, t.at_column, t.scheduled = 0, [0], [0], 1, entry['name']
        self._index(t, 'scheduled_id', [0], 'btree', True)
        type_name = ''.join(p[:1].upper() + p[1:] for p in t.name.split('_'))
        t.ref = self._try(t.place, lambda: self.types.declare(type_name, product(*((c[1], c[3]) for c in t.columns)), t.name))
        self.tables.append(t)
        entry['takes_row'] = False
        entry['params'] = [('row', 'row', ('unit',), t.ref)]
        self.schedules.append(dict(reducer=entry['name'], table=t.name, interval_us=schedule['interval_us'] or 0,
                                   delay_us=-1 if schedule['delay_us'] is None else schedule['delay_us'],
                                   repeating=schedule['repeating'], missed=schedule['missed'], max_dt=schedule['max_dt'],
                                   cron=None))

    def _link_schedules(self):
        by_name = {r['name']: r for r in self.reducers}
        for t in self.tables:
            if t.scheduled is None or t.cls is None:
                continue
            target = t.scheduled if isinstance(t.scheduled, str) else getattr(t.scheduled, '__name__', '?')
            entry = by_name.get(target)
            if entry is None:
                self.problem(t.place, f'table {t.name}: scheduled={target!r} names no reducer; write @reducer def {target}(ctx, row: {t.cls.__name__})')
                continue
            t.scheduled, entry['public'] = target, False
            if len(entry['params']) != 1 or entry['params'][0][3] != t.ref:
                self.problem(entry['place'], f'{target}: the reducer of the scheduled table {t.name} takes its row: '
                                             f'def {target}(ctx, row: {t.cls.__name__})')

    # ---- names ----

    def _check_name(self, place, what, name):
        if not isinstance(name, str) or not name.isidentifier():
            self.problem(place, f'{what} {name!r}: a name has letters, digits and _, and does not begin with a digit')

    def _names(self):
        used = {}
        for t in self.tables:
            for name in [t.name] + [i['name'] for i in t.indexes]:
                if name in used:
                    self.problem(t.place, f'the name {name!r} is used twice; it is also declared at {used[name]}')
                used.setdefault(name, t.place)
            accessors = set()
            for i in t.indexes:
                if i['accessor'] in accessors:
                    self.problem(t.place, f'table {t.name}: two indexes are called {i["accessor"]!r}; give one a name with Column(..., name=)')
                accessors.add(i['accessor'])
        functions, lifecycles = {}, {}
        for r in self.reducers:
            if r['name'] in functions:
                self.problem(r['place'], f'two reducers are called {r["name"]!r}; the other is at {functions[r["name"]]}')
            functions.setdefault(r['name'], r['place'])
            if r['lifecycle']:
                if r['lifecycle'] in lifecycles:
                    self.problem(r['place'], f'@{r["lifecycle"]} is there twice; the other is at {lifecycles[r["lifecycle"]]}')
                lifecycles.setdefault(r['lifecycle'], r['place'])

    # ---- results ----

    def v10(self):
        names = {f: n for n, f in self.types.names.items()}
        tables = [self._table10(t) for t in self.tables]
        schedules = [dict(source_name={'some': f'{t.name}_sched'}, table_name=t.name, schedule_at_col=t.at_column,
                          function_name=t.scheduled) for t in self.tables if t.scheduled]
        entries = [{'Table': dict(source_name=t.name, canonical_name=t.name)} for t in self.tables]
        entries += [{'Function': dict(source_name=r['name'], canonical_name=r['name'])} for r in self.reducers]
        lifecycle = [dict(lifecycle_spec={LIFECYCLES[r['lifecycle']]: []}, function_name=r['name'])
                     for r in self.reducers if r['lifecycle']]
        sections = [
            {'Typespace': {'types': self.types.typespace}},
            {'Types': [dict(source_name=dict(scope=[], source_name=names[i]), ty=i, custom_ordering=True)
                       for i in range(len(self.types.typespace))]},
            {'Tables': tables},
            {'Reducers': [self._reducer10(r) for r in self.reducers]},
            {'Schedules': schedules}, {'LifeCycleReducers': lifecycle},
            {'CaseConversionPolicy': {'None': []}}, {'ExplicitNames': {'entries': entries}}]
        return {'sections': [s for s in sections if next(iter(s.values()))]}

    def _table10(self, t):
        some = lambda text: {'some': text}
        none = {'none': []}
        return dict(
            source_name=t.name, product_type_ref=t.ref['Ref'], primary_key=[t.pk] if t.pk >= 0 else [],
            indexes=[dict(source_name=some(i['name']), accessor_name=some(i['accessor']), algorithm=_algorithm(i)) for i in t.indexes],
            constraints=[dict(source_name=some(f'{t.name}_{t.columns[c][1]}_key'), data={'Unique': {'columns': [c]}}) for c in t.unique],
            sequences=[dict(source_name=some(f'{t.name}_{t.columns[c][1]}_seq'), column=c, start=none, min_value=none,
                            max_value=none, increment=1) for c in t.auto_inc],
            table_type={'User': []}, table_access={'Public' if t.public else 'Private': []},
            default_values=[dict(col_id=col, value=value.hex()) for col, value in self._encoded_defaults(t)], is_event=t.event)

    def _encoded_defaults(self, t):
        try:
            from _orochi import encode
        except ImportError:
            return []  # an ordinary interpreter has no codecs; only migrations need the values
        found = []
        for col, spec, value, place in t.defaults:
            try:
                found.append((col, encode(spec, value)))
            except Exception as error:
                raise SchemaError(f'{place}: {t.name}.{t.columns[col][0]}: the default does not fit: {error}') from None
        return found

    def _reducer10(self, r):
        visible = r['public'] and not r['lifecycle']
        return dict(source_name=r['name'], params={'elements': [element(w, s) for _, w, _, s in r['params']]},
                    visibility={'ClientCallable' if visible else 'Private': []}, ok_return_type=UNIT, err_return_type=simple('String'))

    def v9(self):
        ten = {k: v for s in self.v10()['sections'] for k, v in s.items()}
        none = {'none': []}
        schedules = {s['table_name']: s for s in ten.get('Schedules', [])}
        lifecycle = {s['function_name']: s['lifecycle_spec'] for s in ten.get('LifeCycleReducers', [])}
        tables, misc = [], []
        for t in sorted(ten.get('Tables', []), key=lambda t: t['source_name']):
            s = schedules.get(t['source_name'])
            tables.append(dict(
                name=t['source_name'], product_type_ref=t['product_type_ref'], primary_key=t['primary_key'],
                indexes=sorted((dict(name=i['source_name'], accessor_name=i['accessor_name'], algorithm=i['algorithm'])
                                for i in t['indexes']), key=lambda i: i['name']['some']),
                constraints=sorted((dict(name=c['source_name'], data=c['data']) for c in t['constraints']), key=lambda c: c['name']['some']),
                sequences=[dict(name=q['source_name'], column=q['column'], start=none, min_value=none, max_value=none, increment=1)
                           for q in t['sequences']],
                schedule={'some': dict(name=s['source_name'], reducer_name=s['function_name'],
                                       scheduled_at_column=s['schedule_at_col'])} if s else none,
                table_type=t['table_type'], table_access=t['table_access']))
            misc += [{'ColumnDefaultValue': dict(table=t['source_name'], **d)} for d in t['default_values']]
        reducers = [dict(name=r['source_name'], params=r['params'],
                         lifecycle={'some': lifecycle[r['source_name']]} if r['source_name'] in lifecycle else none)
                    for r in ten.get('Reducers', [])]
        types = [dict(name=dict(scope=[], name=y['source_name']['source_name']), ty=y['ty'], custom_ordering=True)
                 for y in sorted(ten.get('Types', []), key=lambda y: y['source_name']['source_name'])]
        return dict(typespace=ten.get('Typespace', {'types': []}), tables=tables, reducers=reducers, types=types,
                    misc_exports=misc, row_level_security=[])

    def descriptor(self):
        """The JSON text that the server's oro_schema_parse reads."""
        extra = dict(reducers=[dict(name=r['name'], timeout_ms=r['timeout_ms'] or 0) for r in self.reducers], schedules=self.schedules)
        return json.dumps({'V10': self.v10(), 'V9': self.v9(), 'orochi': extra}, separators=(',', ':'))

    def module_spec(self):
        """What the codecs, tables and reducers of this interpreter are made from."""
        tables = [dict(name=t.name, cls=t.cls, columns=tuple((c[0], c[1], c[2]) for c in t.columns), pk=t.pk,
                       auto_inc=tuple(t.auto_inc), indexes=t.indexes) for t in self.tables]
        reducers = [dict(name=r['name'], fn=r['fn'], params=tuple((p[0], p[2]) for p in r['params']), takes_row=r['takes_row'])
                    for r in self.reducers]
        return dict(types=[], tables=tables, reducers=reducers)


def _algorithm(index):
    cols = list(index['cols'])
    return {'BTree': cols} if index['kind'] == 'btree' else {'Hash': cols} if index['kind'] == 'hash' else {'Direct': cols[0]}


def describe(spec):
    """A spec in words, for messages."""
    spec = unchecked(spec)
    words = {'array': 'a list', 'option': 'an optional value', 'product': 'a record', 'union': 'a union', 'json': 'a dynamic value',
             'dict': 'a dict', 'f32': 'a float', 'f64': 'a float', 'bytes': 'bytes', 'schedule_at': 'ScheduleAt'}
    return words.get(spec[0], spec[0])


def column_place(table, cls, name):
    """"file.py:14" of the column's own line, where the source can be read."""
    file, _, line = table.place.rpartition(':')
    try:
        with open(file, encoding='utf-8') as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError):
        return table.place
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and getattr(item.target, 'id', None) == name:
                    return f'{file}:{item.lineno}'
    return table.place


def build():
    """Builds from everything declared so far. SchemaError lists every problem."""
    builder = Builder(REGISTRY)
    builder.build()
    return builder
