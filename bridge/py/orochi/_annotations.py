"""Annotations as authors write them: which a class has, what the names in them stand for, and what surrounds the type itself."""

import dataclasses
import inspect
import re
import sys
import types
import typing
from typing import Annotated

from . import _source
from ._names import nearest, wire_name
from ._spec import TypeProblem


@dataclasses.dataclass(frozen=True)
class Scalar:
    """Marks an int or float annotation with its width."""

    name: str


@dataclasses.dataclass(frozen=True)
class ColumnProperty:
    """Marks a column as key, unique, indexed or filled by a sequence."""

    primary_key: bool = False
    auto_inc: bool = False
    unique: bool = False
    index: str | None = None

    def __or__(self, other):
        return ColumnProperty(self.primary_key or other.primary_key, self.auto_inc or other.auto_inc,
                              self.unique or other.unique, self.index or other.index)


def own_annotations(cls):
    """The annotations in the body of cls, without those of its bases."""
    if sys.version_info >= (3, 14):
        import annotationlib
        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return cls.__dict__.get('__annotations__', {})


_CLASS_VAR = re.compile(r'(\w+\.)?ClassVar\b').match


def is_no_column(annotation):
    """Whether it marks a class variable, or where keyword arguments begin."""
    text = annotation if isinstance(annotation, str) else str(annotation)
    return annotation is dataclasses.KW_ONLY or text.endswith('KW_ONLY') or bool(_CLASS_VAR(text))


def column_annotations(cls):
    """name -> (class that has it, annotation) of the columns, those of base classes first; class variables are none."""
    found = {}
    for base in reversed(cls.__mro__):
        for name, annotation in own_annotations(base).items():
            if not (name.startswith('__') or is_no_column(annotation)):
                found[name] = base, annotation
    return found


def record_fields(cls, how):
    """name -> (wire name, class that has the annotation, annotation) of a record."""
    if how == 'row':
        return {name: (column.wire, column.owner, column.annotation) for name, column in cls.__orochi_columns__.items()}
    if how == 'typeddict':
        if cls.__optional_keys__:
            optional = ', '.join(sorted(cls.__optional_keys__))
            raise TypeProblem(f'{cls.__name__}: every key is sent to clients ({optional} may be missing): write T | None instead',
                              _source.of_class(cls))
        return {name: (wire_name(name), cls, a) for name, a in cls.__annotations__.items()}
    given = column_annotations(cls)
    names = cls._fields if how == 'namedtuple' else [f.name for f in dataclasses.fields(cls)]
    for name in names:
        if name.startswith('__'):
            raise TypeProblem(f'{cls.__name__}.{name}: names that begin with __ are Python\'s own: call it {name.strip("_")}',
                              _source.of_column(cls, name))
        if name not in given:
            raise TypeProblem(f'{cls.__name__}.{name} has no type: use typing.NamedTuple or a dataclass', _source.of_class(cls))
    _check_constructor(cls, how, names)
    return {name: (wire_name(name), *given[name]) for name in names}


def _check_constructor(cls, how, names):
    """A value is made from its fields, by name: TypeProblem if the class wants something else."""
    own = '__init__' in cls.__dict__ or '__new__' in cls.__dict__
    if how != 'dataclass' or not own:
        return
    given = {f.name: None for f in dataclasses.fields(cls) if f.init}
    try:
        inspect.signature(cls).bind(**given)
    except TypeError as error:
        raise TypeProblem(f'{cls.__name__} is made from its fields by name ({", ".join(names)}), and its constructor does not take '
                          f'that: {error}; let @dataclass write __init__, and use __post_init__', _source.of_class(cls)) from None
    except ValueError:  # no signature to be had
        pass


def evaluate(owner, name, annotation):
    """The annotation of a column or field of the class `owner`, with the names it mentions looked up."""
    module = sys.modules.get(owner.__module__)
    columns = own_annotations(owner)
    scope = {key: value for key, value in vars(owner).items() if key not in columns}
    scope[owner.__name__] = getattr(module, owner.__name__, owner)
    return _evaluate(annotation, getattr(module, '__dict__', {}), scope)


def evaluate_parameter(fn, name, annotation):
    """The annotation of a parameter of fn."""
    return _evaluate(annotation, fn.__globals__, {})


def _evaluate(annotation, module_names, scope):
    holder = types.SimpleNamespace(__annotations__={'it': annotation})
    try:
        return typing.get_type_hints(holder, module_names, scope, include_extras=True)['it']
    except NameError as error:
        from ._advice import undefined
        advice = undefined(error.name, [*module_names, *scope])
        raise TypeProblem(f'the annotation names {error.name!r}, which is not defined in the module'
                          + (f': {advice}' if advice else '')) from None
    except Exception as error:  # an annotation is the author's code and may raise anything
        if (value := _no_type(annotation, module_names, scope)) is not None:
            return value
        from ._advice import type_error
        advice = type_error(error)
        if isinstance(error, AttributeError) and (near := nearest(error.name, dir(error.obj))):
            advice = f'do you mean {near}?'
        if advice:
            raise TypeProblem(f'the annotation cannot be evaluated: {error}: {advice}') from None
        raise TypeProblem(f'the annotation cannot be evaluated: {type(error).__name__}: {error}') from None


def _no_type(annotation, module_names, scope):
    """What the text of an annotation gives that typing takes for no type: the resolver says what is wrong with it. Or None."""
    try:
        return eval(annotation, module_names, scope) if isinstance(annotation, str) else None
    except Exception:
        return None


def strip(annotation):
    """The annotation without Annotated and NewType, and what Annotated held."""
    extras = []
    while True:
        if typing.get_origin(annotation) is Annotated:
            annotation, *more = typing.get_args(annotation)
            extras += more
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        else:
            return annotation, extras


def column_property(annotation):
    """The keys and indexes that the annotation of a column asks for."""
    found, seen = ColumnProperty(), []
    while True:
        annotation, extras = strip(annotation)
        for extra in extras:
            if isinstance(extra, ColumnProperty):
                found |= extra
        if not isinstance(annotation, typing.TypeAliasType):
            return found
        if annotation in seen:
            raise TypeProblem(f'type {annotation.__name__} = ... stands for itself: write what it is')
        seen.append(annotation)
        annotation = alias_value(annotation)


def alias_value(alias):
    try:
        return alias.__value__
    except NameError as error:
        raise TypeProblem(f'type {alias.__name__} names {error.name!r}, which is not defined in the module') from None


def is_named_tuple(cls):
    return issubclass(cls, tuple) and hasattr(cls, '_fields')
