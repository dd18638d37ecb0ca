"""What is wrong with an annotation, a class or a function, and what to write instead."""

import abc
import dataclasses
import datetime
import functools
import inspect
import sys
import types
import typing

from ._annotations import ColumnProperty, Scalar, is_named_tuple, is_no_column, own_annotations, strip
from ._names import nearest

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement


# ---- annotations -----------------------------------------------------------------------------------------------------

_PROPERTIES = (('PrimaryKey', ColumnProperty(True)), ('AutoInc', ColumnProperty(auto_inc=True)),
               ('AutoKey', ColumnProperty(True, True)), ('Unique', ColumnProperty(unique=True)),
               ('Index', ColumnProperty(index='btree')), ('HashIndex', ColumnProperty(index='hash')),
               ('DirectIndex', ColumnProperty(index='direct')))


def show(annotation):
    """An annotation as the author wrote it: u32 | str, list[Vec2], PrimaryKey[u64]."""
    if annotation in (None, type(None)):
        return 'None'
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        bare, extras = strip(annotation)
        shown = next((e.name for e in extras if isinstance(e, Scalar)), None) or show(bare)
        for extra in extras:
            name = next((n for n, p in _PROPERTIES if p == extra), None)
            shown = f'{name}[{shown}]' if name else shown
        return shown
    if origin in (typing.Union, types.UnionType):
        return ' | '.join(map(show, args))
    if origin is not None and args:
        inner = ', '.join('...' if a is Ellipsis else repr(a) if isinstance(a, str) else show(a) for a in args)
        return f'{getattr(origin, "__name__", str(origin).replace("typing.", ""))}[{inner}]'
    if isinstance(annotation, (list, tuple)):
        inner = ', '.join(map(show, annotation))
        return f'[{inner}]' if isinstance(annotation, list) else f'({inner})'
    if isinstance(annotation, dict):
        return f'{{{", ".join(f"{show(k)}: {show(v)}" for k, v in annotation.items())}}}'
    name = getattr(annotation, '__name__', None)
    return name if isinstance(name, str) else str(annotation).replace('typing.', '')[:200]


def unknown(annotation):
    """For an annotation that is no type of Orochi's."""
    text = f'{show(annotation)} is not a type that Orochi knows'
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    module = getattr(annotation, '__module__', None) or ''
    if typing.Final in (annotation, origin):
        return f'{show(annotation)}: a column can change: write {show(args[0]) if args else "its type"} without Final'
    if isinstance(annotation, dataclasses.InitVar) or annotation is dataclasses.InitVar:
        return 'an InitVar is no column: rows are also made from stored bytes; compute it in a method'
    if annotation in (typing.Optional, typing.Union):
        return f'{show(annotation)} lacks its types: write e.g. u32 | None'
    if isinstance(annotation, list) and len(annotation) == 1:
        return f'{text}: write list{show(annotation)}'
    if isinstance(annotation, tuple):
        return f'{text}: write tuple[{show(annotation)[1:-1]}]'
    if isinstance(annotation, dict) and len(annotation) == 1:
        return f'{text}: write dict[{show(annotation)[1:-1].replace(": ", ", ")}]'
    if isinstance(origin, type) and getattr(origin, '__parameters__', None) is not None and hasattr(origin, '__orig_bases__'):
        return f'{show(annotation)}: clients know no type parameters: write a class of its own'
    if module.partition('.')[0] == 'numpy':
        return f'{text}: numbers are int, float, u8 ... i256, f32, f64'
    if not isinstance(annotation, type):
        return f'{text}: types are int, str, list[...], dataclasses, Enums ... (annotations are not values)'
    if any(b.__module__ == 'orochi._types' and b.__name__ == 'Variant' for b in annotation.__mro__):
        return f'{text}: a Variant says what it holds: class {annotation.__name__}(Variant[u32])'
    if is_bare_subclass(annotation):
        return f'{text}: it is a subclass of a table and none itself: write @table in front of it'
    if module == 'builtins' or module in sys.stdlib_module_names:
        return f'{text}: make a dataclass of what it holds'
    return f'{text}: make it a dataclass'


def is_bare_subclass(cls):
    """Whether a table is among the bases of cls, which is none."""
    return '__orochi_table__' not in cls.__dict__ and hasattr(cls, '__orochi_table__')


_ARITY = {list: 1, set: 1, frozenset: 1, dict: 2}


def wrong_arity(annotation, origin, args):
    """For list[u32, str] and dict[str], or None."""
    wanted = _ARITY.get(origin)
    if wanted in (None, len(args)):
        return None
    wants = {1: 'one type, that of its items', 2: 'two types, those of keys and values'}[wanted]
    return f'{show(annotation)}: a {origin.__name__} has {wants}, and this gives it {len(args)}'


def where_from(name):
    """ "write `from datetime import datetime`" for a name that is not defined, or None."""
    package = sys.modules[__package__]
    if name in getattr(package, '__all__', ()):
        return f'write `from orochi import {name}`'
    for module in ('typing', 'dataclasses', 'enum', 'datetime', 'collections.abc', 'uuid', 'decimal', 'abc', 'collections', 'math'):
        found = sys.modules.get(module) or (__import__(module, fromlist=['x']) if module in sys.stdlib_module_names else None)
        if found is not None and name in getattr(found, '__all__', dir(found)) and not name.startswith('_'):
            return f'write `from {module} import {name}`'
    return f'write `import {name}`' if name in sys.stdlib_module_names else None


def undefined(name, names):
    """What to do about a name that is not defined: which import it lacks, or what it may have been meant to be. '' if unknown."""
    advice = where_from(name)
    if advice is None:
        ours = getattr(sys.modules[__package__], '__all__', ())
        near = nearest(name, [*(n for n in names if not n.startswith('__')), *ours])
        advice = f'do you mean {near}?' if near else None
    return advice or ''


_TYPE_ERRORS = (
    ("'typing.TypeVar' object is not callable", 'types take brackets: PrimaryKey[u32], list[str]'),
    ("'_AnnotatedAlias' object is not callable", 'types take brackets: PrimaryKey[u32], list[str]'),
    ('arguments for typing.Annotated', 'Index[...] and the like take one type; an index over several columns is '
                                       '@table(indexes=[("guild", "name")])'),
    ('takes from 0 to 1 positional arguments', 'options are written by name: @table(name="player", public=True)'),
    ('takes 0 positional arguments but', 'options are written by name'),
)


def type_error(error):
    """What to do about a TypeError that Python raises where types or decorators are misused; '' if unknown."""
    return next((advice for text, advice in _TYPE_ERRORS if text in str(error)), '') if isinstance(error, TypeError) else ''


# ---- classes ---------------------------------------------------------------------------------------------------------

def no_table(cls):
    """Why a class cannot be a table, or None."""
    if is_named_tuple(cls) or typing.is_typeddict(cls):
        return (f'a table is an ordinary class with annotations, no {"NamedTuple" if is_named_tuple(cls) else "TypedDict"}: write '
                f'class {cls.__name__}:')
    if getattr(cls, '_is_protocol', False):
        return f'a Protocol describes other classes and has no rows: write class {cls.__name__}: without it'
    if getattr(cls, '__type_params__', ()) or any(b is typing.Generic for b in cls.__mro__):
        return 'clients know no type parameters: write a class without them, with the types themselves'
    if isinstance(cls, abc.ABCMeta):
        return 'rows are made from stored bytes, so a table cannot be an abstract class: take ABC out of its bases'
    if type(cls) is not type:
        return f'a table has no metaclass ({type(cls).__name__}): use a class decorator below @table, or methods'
    base = next((b for b in cls.__mro__ if b is not object and not b.__flags__ & _HEAP_TYPE), None)
    if base is not None:
        return f'a row cannot be a kind of {base.__name__}: take it out of the bases, and put what it would hold into a column'
    if '__slots__' in cls.__dict__ and not dataclasses.is_dataclass(cls):
        return '@table makes the slots itself: take __slots__ away'
    return None


def wrong_column_names(cls):
    """(column, what is wrong with its name) of the annotations in the body of cls."""
    for name, annotation in own_annotations(cls).items():
        if is_no_column(annotation):
            continue
        mangled = f'_{cls.__name__.lstrip("_")}__'
        written = name[len(mangled) - 2:] if name.startswith(mangled) else name
        bare = written.strip('_') or 'value'
        if written.startswith('__'):
            yield name, written, f'names that begin with __ are Python\'s own and no columns: call it {bare}'
        elif '__' in written.rstrip('_') or written.endswith('__'):
            short = '_'.join(part for part in written.split('_') if part)
            yield name, written, f'__ stands between a column and what is asked of it, as in filter(score__gte=1): call it {short}'
        elif written.startswith('_'):
            yield name, written, (f'clients see every column of a public table, so a name that looks private is refused: call it {bare}, '
                                  'and keep what is private in a table that is not public')


# ---- functions -------------------------------------------------------------------------------------------------------

# What is given to functions of each decorator; to all others ctx: ReducerContext.
_GIVEN = {'procedure': 'ctx: ProcedureContext, ...', 'view': 'ctx: ViewContext, ...', 'migration': 'old: dict', 'on_load': '',
          'route': 'ctx: HandlerContext, request: Request'}
# The option that was meant by what stands in its place without a name.
_OPTION = {'reducer': 'name', 'procedure': 'name', 'view': 'name', 'table': 'name', 'product': 'name', 'migration': 'table'}


def given(decorator):
    """The parameters of a function with a decorator, as its author writes them."""
    return _GIVEN.get(decorator, 'ctx: ReducerContext, ...')


def no_function(decorator, thing):
    """What to write where a decorator for functions got something else; '' if there is nothing to say."""
    if isinstance(thing, str) and decorator in _OPTION:
        return f'; write @{decorator}({_OPTION[decorator]}={thing!r})'
    if decorator == 'scheduled' and isinstance(thing, str):
        return f'; write @scheduled(cron={thing!r})'
    if decorator == 'scheduled' and isinstance(thing, (int, float)):
        return f'; write @scheduled(interval_ms={thing!r})'
    if decorator == 'scheduled' and isinstance(thing, datetime.timedelta):
        return f'; write @scheduled(interval=timedelta(seconds={thing.total_seconds():g}))'
    if isinstance(thing, (staticmethod, classmethod, types.MethodType)):
        return f': take it out of its class, def f({given(decorator)})'
    if callable(thing):
        return f': write def f({given(decorator)}), which may call it'
    return ''


def name_of(thing):
    """A thing in a message."""
    if isinstance(thing, type):
        return f'the class {thing.__name__}'
    for kind, word in ((staticmethod, 'the staticmethod'), (classmethod, 'the classmethod'), (types.MethodType, 'the method'),
                       (types.BuiltinFunctionType, 'the built-in function'), (types.FunctionType, 'the function')):
        if isinstance(thing, kind):
            return f'{word} {thing.__name__}'
    if isinstance(thing, functools.partial):
        return 'a partial'
    return repr(thing) if isinstance(thing, (str, int, float)) else f'an object of the class {type(thing).__name__}'


def owner_class(fn):
    """The name of the class in whose body a function stands, or None."""
    owner = fn.__qualname__.rpartition('.')[0]
    return owner.rpartition('.')[2] if owner and not owner.endswith('<locals>') else None


def hidden_by(fn):
    """What the module calls by the name of fn, when that is a wrapper around it."""
    top = getattr(sys.modules.get(fn.__module__), fn.__name__, None)
    if top is None or top is fn:
        return None
    inner, seen = top, set()
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        if inner is fn or fn in _closure(inner):
            return top
        inner = getattr(inner, '__wrapped__', None)
    return None


def _closure(thing):
    found = []
    for cell in getattr(thing, '__closure__', None) or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not filled yet
            pass
    return [other for other in found if isinstance(other, types.FunctionType)]


def is_plain(fn):
    """Whether calling fn runs it: not async, and no generator."""
    return not (inspect.iscoroutinefunction(fn) or inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn))
