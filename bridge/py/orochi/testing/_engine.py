"""The engine, and what it is told of a module: its declarations, found among all that were imported."""

import functools
import importlib.machinery
import importlib.util
import os
import sys
import types

from .._declare import REGISTRY, ReducerDeclaration, Registry
from .._names import instead
from .._schema import Builder

LOOK = 'orochi_testing_look'  # a reducer that runs what a test wants of the tables

_BY_ITSELF = {'client_connected': 'db.connect(name) does', 'client_disconnected': 'client.close() does',
              'updated': 'db.reload(module) does'}

raised = []   # exceptions that left a reducer of the call that runs, or ran last
looking = []  # what LOOK is to run


def load():
    """The extension module `_orochi_testing`, which lies in the shared library of `_orochi`."""
    if '_orochi_testing' in sys.modules:
        return sys.modules['_orochi_testing']
    try:
        import _orochi
        loader = importlib.machinery.ExtensionFileLoader('_orochi_testing', _orochi.__file__)
    except (ImportError, AttributeError):
        raise ImportError('orochi.testing needs the engine: pip install orochi_server-*.whl, the wheel that config/wheel.sh makes', name='_orochi_testing') from None
    spec = importlib.util.spec_from_file_location('_orochi_testing', _orochi.__file__, loader=loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules['_orochi_testing'] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules['_orochi_testing']
        raise
    return module


def load_environment(values):
    """What ctx.env reads in the call that follows; there is one for all databases of a process."""
    import _orochi
    _orochi._env_set(values)


def _own_modules(module):
    """Names of the module and of those it uses that lie in its folder: they are one module to the server."""
    folder = os.path.dirname(os.path.abspath(module.__file__)) + os.sep
    found, wanted = set(), [module]
    while wanted:
        one = wanted.pop()
        file = getattr(one, '__file__', None)
        if one.__name__ in found or not file or not os.path.abspath(file).startswith(folder) or 'site-packages' in file:
            continue
        found.add(one.__name__)
        for value in list(vars(one).values()):
            other = value if isinstance(value, types.ModuleType) else sys.modules.get(getattr(value, '__module__', None) or '')
            if other is not None:
                wanted.append(other)
    return found


def _latest(declared, of, names):
    """Those of the modules; of two of one name the later, which an importlib.reload() made."""
    found = {}
    for entry in declared:
        thing = of(entry)
        if getattr(thing, '__module__', None) in names:
            found.pop((thing.__module__, thing.__qualname__), None)
            found[thing.__module__, thing.__qualname__] = entry
    return list(found.values())


def _latest_routes(names):
    """Those of the modules; after an importlib.reload() a function is there twice, with its path."""
    found = {}
    for r in REGISTRY.routes:
        if r.module in names:
            found[r.module, getattr(r.fn, '__qualname__', None), r.path, tuple(r.methods)] = r
    return list(found.values())


def _filters_of(names):
    """Those of the modules' files; each once, after an importlib.reload(), too."""
    files = {sys.modules[name].__file__ for name in names if name in sys.modules}
    found = {sql: (place, sql) for place, sql in REGISTRY.filters if str(place).rpartition(':')[0] in files}
    return list(found.values())


def _look(ctx):
    looking[-1](ctx)


def _watched(fn):
    """fn, whose exceptions are kept: a test sees them as they were raised."""
    @functools.wraps(fn)
    def call(*args, **named):
        try:
            return fn(*args, **named)
        except BaseException as error:
            raised.append(error)
            raise
    return call


class Declared:
    """A module as the engine knows it; made once for each state of its declarations."""

    def __init__(self, module):
        names = _own_modules(module)
        registry = Registry()
        registry.tables = _latest(REGISTRY.tables, lambda t: t.cls, names)
        registry.reducers = _latest(REGISTRY.reducers, lambda r: r.fn, names)
        registry.views = _latest(REGISTRY.views, lambda v: v.fn, names)
        registry.products = _latest(REGISTRY.products, lambda cls: cls, names)
        registry.migrations = _latest(REGISTRY.migrations, lambda entry: entry[0], names)
        registry.environments = _latest(REGISTRY.environments, lambda cls: cls, names)
        registry.routes = _latest_routes(names)
        registry.problems = REGISTRY.problems
        registry.reducers.append(ReducerDeclaration(_look, 'reducer', LOOK, public=False))
        self.name = module.__name__
        self.builder = Builder(registry)
        self.builder.build()
        spec = self.builder.module_spec()
        for entry in spec['reducers']:
            if entry['fn'] is not _look:
                entry['fn'] = _watched(entry['fn'])
        self.router, self.environment = spec['router'], spec['env']
        self.engine = load().Module(self.builder.descriptor(), spec)
        self.on_load = [fn for fn in REGISTRY.on_load if fn.__module__ in names]
        self.tables = {t.name: t for t in self.builder.tables}
        self.views = {v.name: v for v in self.builder.views}
        self.reducers = {r['name']: r for r in self.builder.reducers}
        self.procedures = {p['name']: p for p in self.builder.procedures}
        self.by_function = {r['fn']: r for r in (*self.builder.reducers, *self.builder.procedures) if r['fn'] is not None}
        self._codecs = {}

    def callable(self, fn, by_owner):
        """The entry of a reducer or procedure, given as itself or by name. LookupError for what cannot be called."""
        name = fn if isinstance(fn, str) else getattr(fn, '__name__', repr(fn))
        if isinstance(fn, str):
            entry = self.reducers.get(name) or self.procedures.get(name)
        else:
            entry = self.by_function.get(fn)
        if entry is None or entry['name'] == LOOK or entry['lifecycle'] or not (entry['public'] or by_owner):
            raise LookupError(self.why_not_called(name))
        return entry

    def why_not_called(self, name):
        """What is told who calls a function that no client can call here."""
        there = [e for e in (*self.reducers.values(), *self.procedures.values()) if e['name'] != LOOK and not e['lifecycle']]
        of_it = next((e for e in (*self.reducers.values(), *self.procedures.values()) if e['name'] == name and name != LOOK), None)
        if of_it is None:
            return f'{self.name} has no reducer or procedure {name}: {instead(name, [e["name"] for e in there if e["public"]])}'
        if of_it['lifecycle']:
            return f'no client can call {name}, which runs by itself: {_BY_ITSELF.get(of_it["lifecycle"], "Database(module) runs it")}'
        return f'no client can call {name}, which is private: db.call({name}, ...) calls it as the owner'

    def codec(self, spec):
        import _orochi
        key = id(spec)
        if key not in self._codecs:
            self._codecs[key] = spec, _orochi.compile(spec, self.builder.types.specs)
        return self._codecs[key][1]

    def codec_of(self, key, spec):
        """That of spec(), which is made once for the key."""
        if key not in self._codecs:
            import _orochi
            self._codecs[key] = _orochi.compile(spec(), self.builder.types.specs)
        return self._codecs[key]

    def row_codec(self, table):
        """Of a table with a class."""
        if ('row', table) not in self._codecs:
            import _orochi
            t = self.tables.get(table)
            spec = self.views[table].row[0] if t is None else ('product', t.cls, 'row', tuple((c[0], c[2]) for c in t.columns))
            self._codecs['row', table] = _orochi.compile(spec, self.builder.types.specs)
        return self._codecs['row', table]


_declared = {}  # module: (what it declared then, Declared)


def declared(module):
    """The Declared of a module object. SchemaError names every problem, as `orochi check` does."""
    if not isinstance(module, types.ModuleType) or not getattr(module, '__file__', None):
        raise TypeError(f'Database(module) takes the module itself: `import arena`, then Database(arena); got {module!r}')
    now = [id(d) for d in (*REGISTRY.tables, *REGISTRY.reducers, *REGISTRY.views, *REGISTRY.products, *REGISTRY.routes,
                           *REGISTRY.environments, *REGISTRY.migrations, *REGISTRY.filters)]
    before = _declared.get(module)
    if before is None or before[0] != now:
        _declared[module] = before = now, Declared(module)
    return before[1]
