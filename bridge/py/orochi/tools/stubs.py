"""`orochi stubs MODULE`: ctx.db as type checkers and editors see it, a class for each table with its columns (NAME_db.pyi), and what
Python imports for it (NAME_db.py)."""

import datetime
import enum
import os
import typing
import uuid
from pathlib import Path

from .._annotations import evaluate, strip
from .._context import Result
from .._load import module_name
from .._values import ConnectionId, Identity, ScheduleAt, TimeDuration, Timestamp
from .look import names_of
from .modules import builder
from .place import CommandError

HEADER = '# Made by `orochi stubs`. What is changed here is lost.\n'
_OURS = {Identity: 'Identity', ConnectionId: 'ConnectionId', Timestamp: 'Timestamp', TimeDuration: 'TimeDuration',
         ScheduleAt: 'ScheduleAt', Result: 'Result'}
_ORDERED = (int, float, str, bytes, enum.Enum, datetime.datetime, datetime.timedelta, uuid.UUID, *_OURS)


def arguments(parser):
    parser.add_argument('--out', metavar='DIR', help="default: the module's own folder, where it can be imported")
    parser.add_argument('module', metavar='MODULE', help='a .py file or a folder')


def main(args):
    made = write(args.module, builder(args.module), args.out)
    print(f'{made[0]}: write `from {made[0].stem} import Db`, and ReducerContext[Db] instead of ReducerContext')


def write(path, found, out=None):
    """Writes both files beside the module, or in the folder `out`; gives their paths. A file that is right already is left alone.
    found: what the module declares."""
    file = os.path.abspath(path)
    package = os.path.isdir(file) or os.path.basename(file) == '__init__.py'
    folder = Path(out) if out else Path(file if os.path.isdir(file) else os.path.dirname(file))
    stem = module_name(path) if package else os.path.basename(file).removesuffix('.py')
    stem = stem.replace('-', '_').replace('.', '_')
    texts = {f'{stem}_db.pyi': _Stub(found).text(stem), f'{stem}_db.py': _runtime(stem)}
    for name, text in texts.items():
        _write(folder / name, text)
    return [folder / name for name in texts]


def _write(path, text):
    if path.exists():
        there = path.read_text(encoding='utf-8')
        if there == text:
            return
        if not there.startswith(HEADER):
            raise CommandError(f'{path} is there and was not made by `orochi stubs`: move it away, or choose another folder with --out')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')


def _runtime(stem):
    return (f'{HEADER}"""Import Db from here for ReducerContext[Db]; what it has stands in {stem}_db.pyi."""\n\n'
            'from orochi import Database\n\n\nclass Db(Database):\n    """The tables of the module."""\n')


class _Stub:
    def __init__(self, builder):
        self.tables = [t for t in builder.tables if t.cls is not None]
        self.imports = {}  # module -> names

    def text(self, stem):
        for t in self.tables:
            self.type(t.cls)
        body = '\n\n'.join(self.table(t) for t in self.tables)
        accessors = '\n'.join(f'    {t.accessor}: {_class(t)}' for t in self.tables) or '    ...'
        self.imports.setdefault('orochi', set()).update(('BaseColumn', 'Database', 'IndexColumn', 'Rows', 'Table', 'UniqueColumn'))
        self.imports.setdefault('typing', set()).update(('Any', 'Never', 'TypedDict', 'Unpack', 'overload'))
        self.imports.setdefault('collections.abc', set()).add('Collection')
        lines = [HEADER + f'"""ctx.db of the module: `from {stem}_db import Db`, and ReducerContext[Db] instead of ReducerContext."""\n',
                 '# mypy: disable-error-code="override, misc, unused-ignore"',
                 '# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false',
                 '# pyright: reportUnusedImport=false, reportAssignmentType=false\n']
        lines += [f'from {module} import {", ".join(sorted(names))}' for module, names in sorted(self.imports.items())]
        return '\n'.join(lines) + f'\n\n{body}\n\nclass Db(Database):\n{accessors}\n    __getattr__: None  # type: ignore\n'

    # ---- a table ----

    def table(self, t):
        row, name = self.type(t.cls), _class(t)
        columns = self.columns(t)
        key = columns[t.pk][1] if t.pk >= 0 else 'Never'
        parts = [self.conditions(t, columns), self.changes(t, columns), f'class {name}(Table[{row}]):']
        methods = names_of('Table')  # a column of such a name is table.column(name)
        parts += [f'    {column}: {kind}' for column, kind in self.accessors(t, row, columns) if column not in methods]
        parts += ['    __getattr__: None  # type: ignore', *self.methods(t, row, key, columns)]
        return '\n'.join(parts)

    def columns(self, t):
        """(name, type, may it be left out?) in order."""
        found = []
        for name, column in t.cls.__orochi_columns__.items():
            hint = evaluate(column.owner, name, column.annotation)
            found.append((name, self.type(hint), name in t.cls.__orochi_defaults__, self.is_ordered(hint)))
        return found

    @staticmethod
    def accessors(t, row, columns):
        unique = {t.pk, *t.unique}
        indexed = {index['cols'][0] for index in t.indexes if len(index['cols']) == 1}
        for at, (name, kind, *_) in enumerate(columns):
            which = 'UniqueColumn' if at in unique else 'IndexColumn' if at in indexed else 'BaseColumn'
            yield name, f'{which}[{row}, {kind}]'
        for index in t.indexes:
            if len(index['cols']) > 1:
                yield index['accessor'], f'IndexColumn[{row}, Any]'

    @staticmethod
    def conditions(t, columns):
        lines = [f'class _{t.cls.__name__}Where(TypedDict, total=False):']
        for name, kind, _, ordered in columns:
            lines += [f'    {name}: {kind}', f'    {name}__ne: {kind}', f'    {name}__in: Collection[{kind}]',
                      f'    {name}__not_in: Collection[{kind}]']
            if ordered:
                lines += [f'    {name}__{bound}: {kind}' for bound in ('gt', 'gte', 'lt', 'lte')]
                lines.append(f'    {name}__between: tuple[{kind}, {kind}]')
        return '\n'.join(lines)

    @staticmethod
    def changes(t, columns):
        return '\n'.join([f'class _{t.cls.__name__}Changes(TypedDict, total=False):', *(f'    {c[0]}: {c[1]}' for c in columns)])

    @staticmethod
    def methods(t, row, key, columns):
        given = ', '.join(f'{name}: {kind}{" = ..." if optional else ""}' for name, kind, optional, _ in columns)
        where, changes = f'**conditions: Unpack[_{t.cls.__name__}Where]', f'**changes: Unpack[_{t.cls.__name__}Changes]'
        yield from ('    @overload', f'    def insert(self, row: {row}, /) -> {row}: ...',
                    '    @overload', f'    def insert(self, *, {given}) -> {row}: ...')
        for name in ('update', 'upsert', 'insert_or_update'):
            yield f'    def {name}(self, row: {row}, /, {changes}) -> {row}: ...'
        yield f'    def delete(self, row_or_key: {row}{"" if key == "Never" else f" | {key}"}, /) -> bool: ...'
        yield f'    def find(self, key: {key}, /) -> {row} | None: ...'
        yield f'    def get(self, key: {key}, /) -> {row}: ...'
        yield f'    def __contains__(self, key: {key}, /) -> bool: ...'
        for name, gives in (('filter', f'Rows[{row}]'), ('first', f'{row} | None'), ('one', row), ('count', 'int'), ('exists', 'bool'),
                            ('delete_where', 'int')):
            yield f'    def {name}(self, {where}) -> {gives}: ...'

    # ---- types ----

    @staticmethod
    def is_ordered(hint):
        hint, _ = strip(hint)
        return isinstance(hint, type) and issubclass(hint, _ORDERED)

    def named(self, module, name):
        self.imports.setdefault(module, set()).add(name)
        return name

    def type(self, hint):
        """The annotation as text, without what Annotated holds; what it names is imported."""
        hint, _ = strip(hint)
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if hint in (None, type(None)):
            return 'None'
        if hint in _OURS:
            return self.named('orochi', _OURS[hint])
        if hint is typing.Any or hint is object:
            return 'Any'
        if isinstance(hint, typing.TypeAliasType):
            return self.named(hint.__module__, hint.__name__)
        if origin is typing.Literal:
            self.named('typing', 'Literal')
            return f'Literal[{", ".join(map(repr, args))}]'
        if args and origin is not None:
            inner = ['...' if a is Ellipsis else self.type(a) for a in args]
            if not isinstance(origin, type) or origin.__name__ in ('Union', 'UnionType'):
                return ' | '.join(inner)
            name = origin.__name__ if origin.__module__ == 'builtins' else self.type(origin)
            return f'{name}[{", ".join(inner)}]'
        if not isinstance(hint, type):
            return 'Any'
        if hint in (dict, list):
            return 'dict[str, Any]' if hint is dict else 'list[Any]'
        if hint.__module__ == 'builtins':
            return hint.__name__
        if '.' in hint.__qualname__ or hint.__module__.startswith('orochi.'):
            return 'Any'
        return self.named(hint.__module__, hint.__name__)


def _class(t):
    return f'{t.cls.__name__}Table'
