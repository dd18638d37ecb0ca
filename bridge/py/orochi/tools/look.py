"""Mistakes in the bodies of a module's functions that would stand out when they run: ctx.slep(), ctx.db.plaier, ctx.db.player.scor,
filter(scor=1), query(Player).order_by("-scor"). What is told is certain to fail; whatever could be meant otherwise is left alone:
names that are bound more than once, what stands in a try that catches it, or behind a hasattr().
"""

import ast
import functools
import sys
from pathlib import Path

from .. import _context, _load, _names
from .._query import query

_GUARDS = {'AttributeError', 'Exception', 'BaseException', 'TypeError', 'OrochiError'}
_CONDITIONS = ('filter', 'first', 'one', 'count', 'exists', 'delete_where')
_COLUMNS = ('insert', 'update', 'upsert', 'insert_or_update')
_OTHERS = ('on_load', 'migration', 'procedure', 'view', 'route')  # roles of functions that are given no ReducerContext
_SAID_ELSEWHERE = {'http', 'sql', 'sleep', 'tx', 'with_tx'}  # of reducers, which have them to say that they have not


@functools.cache
def names_of(cls):
    """What an object of a class of _context.pyi has."""
    tree = ast.parse((Path(_context.__file__).parent / '_context.pyi').read_text(encoding='utf-8'))
    node = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == cls)
    found = {n.name for n in node.body if isinstance(n, ast.FunctionDef)} | {n.target.id for n in node.body if isinstance(n, ast.AnnAssign)}
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id not in ('Generic', 'Protocol'):
            found |= names_of(base.id)
    return found | set(dir(object))


def _bound(node):
    """Every name that is given a value below the node, once for each time."""
    for n in ast.walk(node):
        if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load):
            yield n.id
        elif isinstance(n, ast.arg):
            yield n.arg
        elif isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and n is not node:
            yield n.name
        elif isinstance(n, ast.alias):
            yield n.asname or n.name.partition('.')[0]
        elif isinstance(n, (ast.Global, ast.Nonlocal)):
            yield from (name for name in n.names for _ in range(2))
        elif isinstance(n, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and n.name:
            yield n.name


def _catches(block):
    """Whether a try, or a with suppress(AttributeError), would catch what is told of the nodes in it."""
    if isinstance(block, ast.Try):
        kinds = [kind for h in block.handlers for kind in (h.type.elts if isinstance(h.type, ast.Tuple) else [h.type])]
    elif isinstance(block, (ast.With, ast.AsyncWith)):
        kinds = [kind for item in block.items if isinstance(item.context_expr, ast.Call) for kind in item.context_expr.args]
    else:
        return False
    return any(kind is None or getattr(kind, 'id', getattr(kind, 'attr', None)) in _GUARDS for kind in kinds)


def _guarded(tree):
    return {id(n) for block in ast.walk(tree) if _catches(block) for part in block.body for n in ast.walk(part)}


class _Function:
    """A function of the author's with a context among its parameters, or within one."""

    def __init__(self, look, node, kinds):
        self.look, self.node = look, node
        self.known = dict(kinds)  # name -> ('ReducerContext',), ('db',), ('table', t)
        names = list(_bound(node))
        self.bound = set(names)
        self.once = {name for name in names if names.count(name) == 1}
        self.asked = {c.args[1].value for c in ast.walk(node) if isinstance(c, ast.Call) and getattr(c.func, 'id', '') in ('hasattr', 'getattr')
                      and len(c.args) > 1 and isinstance(c.args[1], ast.Constant)}

    def what(self, node):
        """What an expression is, where that is certain; else None."""
        if isinstance(node, ast.Name):
            return self.known.get(node.id) if node.id in self.once else None
        if isinstance(node, ast.Attribute):
            of = self.what(node.value)
            if of is None:
                return None
            if of[0].endswith('Context') and node.attr == 'db' and 'Procedure' not in of[0]:
                return ('db',)
            return ('table', self.look.tables[node.attr]) if of == ('db',) and node.attr in self.look.tables else None
        if isinstance(node, ast.Subscript) and self.what(node.value) == ('db',):
            t = self.table_of(node.slice)
            return ('table', t) if t else None
        if isinstance(node, ast.Call):
            return self.result(node)
        return None

    def result(self, call):
        """Of a call: rows of a table, a query, the context of a transaction."""
        if isinstance(call.func, ast.Name) and self.look.value(call.func) is query and call.func.id not in self.bound and call.args:
            t = self.table_of(call.args[0])
            return ('query', t) if t else None
        if not isinstance(call.func, ast.Attribute):
            return None
        of, name = self.what(call.func.value), call.func.attr
        if of is None:
            return None
        if of[0] == 'table' and name in ('filter', 'all', 'where', 'order_by'):
            return ('rows', of[1])
        if of[0] in ('rows', 'query') and name in ('order_by', 'limit', 'offset', 'where'):
            return of
        return ('ReducerContext',) if name == 'tx' and 'Procedure' in of[0] else None

    def table_of(self, node):
        """The table of a class that the module calls so; a name of the function's own may be anything."""
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        return None if getattr(root, 'id', None) in self.bound else self.look.table_of(node)

    def learn(self):
        """Names that stand for what is known: db = ctx.db, with ctx.tx() as tx; what is a scope of its own is told at once."""
        for n in ast.walk(self.node):
            if isinstance(n, ast.Assign) and len(n.targets) == 1 and isinstance(n.targets[0], ast.Name):
                self.name(n.targets[0].id, self.what(n.value))
            elif isinstance(n, ast.withitem) and isinstance(n.optional_vars, ast.Name) and isinstance(n.context_expr, ast.Call):
                self.name(n.optional_vars.id, self.what(n.context_expr))
            elif isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr == 'with_tx' and n.args:
                of = self.what(n.func.value)
                if of is not None and 'Procedure' in of[0] and isinstance(n.args[0], ast.Lambda) and n.args[0].args.args:
                    inner = n.args[0].args.args[0].arg
                    _Function(self.look, n.args[0], {inner: ('ReducerContext',)}).tell()

    def name(self, name, what):
        if what is not None:
            self.known[name] = what

    def tell(self):
        self.learn()
        guarded = _guarded(self.node)
        for n in ast.walk(self.node):
            if id(n) in guarded:
                continue
            if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load) and n.attr not in self.asked:
                self.attribute(n)
            elif isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute):
                self.call(n, self.what(n.func.value), n.func.attr)

    def attribute(self, n):
        of = self.what(n.value)
        if of is None or n.attr.startswith('__'):
            return
        if of[0].endswith('Context'):
            there = names_of(of[0])
            if n.attr not in there | names_of('ReducerContext') | _SAID_ELSEWHERE:
                self.wrong(n, f'a {of[0]} has no {n.attr}', n.attr, there)
        elif of == ('db',) and n.attr not in self.look.accessors | names_of('Database') and not n.attr.startswith('st_'):
            self.wrong(n, f'ctx.db has no table {n.attr}', n.attr, self.look.tables)
        elif of[0] == 'table':
            there = self.look.attributes(of[1])
            if n.attr not in there:
                self.wrong(n, f'{of[1].accessor} has no column, index or method {n.attr}', n.attr, there)

    def call(self, n, of, method):
        if of is None:
            return
        columns = list(of[1].cls.__orochi_columns__) if of[0] in ('table', 'rows', 'query') else []
        if method == 'order_by' and columns:
            for name in (a.value for a in n.args if isinstance(a, ast.Constant) and isinstance(a.value, str)):
                if name.removeprefix('-') not in columns:
                    self.look.say(n, _names.no_order(of[1].accessor, name, columns))
        if of[0] in ('query', 'table') and method == 'where' and n.args and isinstance(n.args[0], ast.Lambda):
            self.condition(n.args[0], of[1], columns)
        for word in n.keywords:
            if word.arg is None or not columns:
                continue
            if of[0] == 'table' and method in _CONDITIONS and word.arg.partition('__')[0] not in columns:
                self.look.say(n, _names.no_condition(of[1].accessor, word.arg, columns))
            elif (of[0] == 'table' and method in _COLUMNS or of[0] == 'rows' and method == 'update') and word.arg not in columns:
                self.look.say(n, _names.no_column(of[1].accessor, word.arg, columns))

    def condition(self, function, t, columns):
        names = [a.arg for a in function.args.args]
        if len(names) != 1 or list(_bound(function)).count(names[0]) != 1:
            return
        for n in ast.walk(function.body):
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == names[0] and n.attr not in columns:
                self.look.say(n, _names.no_column(t.cls.__name__, n.attr, columns))

    def wrong(self, n, text, name, there):
        self.look.say(n, f'{text}: {_names.instead(name, sorted(one for one in there if not one.startswith("_")), 8)}')


class _Look:
    """One file of the module."""

    def __init__(self, file, namespace, roles, builder):
        self.file, self.namespace, self.roles = file, namespace, roles
        self.tables = {t.accessor: t for t in builder.tables if t.cls is not None}
        self.accessors = {t.accessor for t in builder.tables}  # those of @scheduled functions, too
        self.found = []

    def say(self, node, text):
        self.found.append((node.lineno, f'{self.file}:{node.lineno}: {text}'))

    def value(self, node):
        """What a name of the module's, or one in another module, is; None if that is not certain."""
        if isinstance(node, ast.Name):
            return self.namespace.get(node.id)
        if isinstance(node, ast.Attribute):
            of = self.value(node.value)
            return vars(of).get(node.attr) if isinstance(of, type(sys)) else None
        return None

    def table_of(self, node):
        cls = self.value(node)
        return next((t for t in self.tables.values() if t.cls is cls), None) if cls is not None else None

    @staticmethod
    def attributes(t):
        indexes = {i['accessor'] for i in t.indexes}
        return names_of('Table') | set(t.cls.__orochi_columns__) | indexes | {'_upsert_many', '_upsert_new'}

    def kind(self, annotation):
        """The class of _context.pyi that an annotation names; else None."""
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            try:
                annotation = ast.parse(annotation.value, mode='eval').body
            except SyntaxError:
                return None
        if isinstance(annotation, ast.Subscript):
            annotation = annotation.value
        cls = self.value(annotation) if annotation is not None else None
        name = getattr(cls, '__name__', '')
        return (name,) if name.endswith('Context') and getattr(_context, name, None) is cls else None

    def contexts(self, node):
        """Its parameters that are contexts, by annotation; of a reducer the first without one."""
        given = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
        found = {a.arg: kind for a in given if (kind := self.kind(a.annotation))}
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        if given and given[0].annotation is None and self.roles.get((self.file, first), _OTHERS[0]) not in _OTHERS:
            found[given[0].arg] = ('ReducerContext',)
        return found

    def problems(self):
        try:
            tree = ast.parse(Path(self.file).read_text(encoding='utf-8'))
        except (OSError, SyntaxError, ValueError):
            return []
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                _Function(self, node, self.contexts(node)).tell()
        return [text for _, text in sorted(set(self.found))]


def problems(builder):
    """"file:line: what is wrong" for the module that was loaded last, in all its files."""
    roles = {(fn.__code__.co_filename, fn.__code__.co_firstlineno): role for fn, role in builder.registry.roles.items()}
    found = []
    for namespace in _load.own_globals():
        if (file := namespace.get('__file__')) and file.endswith('.py'):
            found += _Look(file, namespace, roles, builder).problems()
    return found
