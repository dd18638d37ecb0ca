"""The environment of a module: values that whoever runs it gives, and no client sees (docs/http.md#environment).

    @environment
    class Settings:
        WEBHOOK_KEY: str
        MODE: Literal["test", "live"] = "test"
        LIMIT: int | None

ctx.env.WEBHOOK_KEY is text, ctx.env.LIMIT an int or None.
"""

import dataclasses
import re
import sys
import types
import typing

from . import _source
from ._advice import show, undefined
from ._annotations import own_annotations
from ._declare import REGISTRY, Field, _orochi, _wrong_thing
from ._errors import OrochiError
from ._names import nearest

_KEY = re.compile('[A-Za-z_][A-Za-z0-9_]{0,255}')
_KINDS = {str: 'text', int: 'int', float: 'float', bool: 'bool'}
_READ = {'text': str, 'int': int, 'float': float, 'bool': lambda text: text in ('true', '1')}
_VALUE_MOST, _MOST, _SCHEMA_MOST = 8192, 256, 2 << 20
MISSING = object()


def environment(cls=None, /, **unknown):
    """Declares the environment: an annotation for each key, of type str, int, float, bool or Literal["a", "b"]; with | None or a
    default it may be missing. Values are given with --env KEY=VALUE, in [env] of the settings' file, or over HTTP; without a
    required one the server does not start."""
    for name in unknown:
        REGISTRY.problem(_source.of_caller(), f'@environment has no option {name!r}: (it has none)')

    def declare(cls):
        if not isinstance(cls, type):
            raise _wrong_thing('environment', cls, 'a class with annotations')
        try:
            _annotations(cls), hasattr(cls, '__orochi_table__')
        except Exception as error:  # a metaclass is the author's code
            REGISTRY.problem(_source.of_caller(), f'@environment cannot read the class: {type(error).__name__}: {error}')
        else:
            REGISTRY.environments.append(cls)
        return cls
    return declare if cls is None else declare(cls)


class Key:
    """A declared key."""

    def __init__(self, name, kind, words, optional, default):
        self.name, self.kind, self.words, self.optional, self.default = name, kind, words, optional, default

    def section(self):
        """Its entry of the module definition."""
        ty = {'String': []} if not self.words else {'StringLiteral': self.words[0]} if len(self.words) == 1 else {'Union': self.words}
        return dict(name=self.name, ty=ty, optional=self.optional)


def check(classes, problem):
    """{name: Key} of what was declared; problem(place, text) notes what is wrong."""
    found = {}
    for cls in classes:
        keys = _annotations(cls)
        if hasattr(cls, '__orochi_table__'):
            problem(_source.of_class(cls), f'{cls.__name__} is a table, and the environment a class of its own: take @environment or @table away')
            continue
        for name, (owner, annotation) in keys.items():
            place = _source.of_column(owner, name)

            def wrong(text, name=name, place=place):
                problem(place, f'invalid environment declaration: environment key "{name}": {text}')
            if not _KEY.fullmatch(name):
                wrong('invalid name: letters, digits and _, up to 256')
            elif name in _OURS or name.startswith(f'_{owner.__name__.lstrip("_")}__'):
                wrong(f'ctx.env has something else of that name: call it {name.strip("_").rpartition("__")[2].upper()}')
            elif name in found:
                wrong('duplicate declaration')
            else:
                key = _key(owner, name, annotation, wrong)
                if key is not None:
                    found[name] = key
        if not keys:
            problem(_source.of_class(cls), f'{cls.__name__}: @environment takes its keys from annotations: MODE: str')
    size = sum(len(k.name.encode()) + sum(len(w.encode()) for w in k.words) for k in found.values())
    if len(found) > _MOST or size > _SCHEMA_MOST:
        what = 'too many declarations' if len(found) > _MOST else 'declaration schema exceeds size limit'
        problem(_source.of_class(classes[0]), f'invalid environment declaration: {what}')
    return found


def _annotations(cls):
    """{name: (class that has it, annotation)}, those of bases first."""
    return {name: (base, annotation) for base in reversed(cls.__mro__) for name, annotation in own_annotations(base).items()}


def _key(cls, name, annotation, wrong):
    try:
        hint = typing.get_type_hints(cls, include_extras=True)[name] if isinstance(annotation, str) else annotation
    except NameError as error:
        advice = undefined(error.name, vars(sys.modules[cls.__module__]))
        wrong(f'its type cannot be read: {error.name!r} is not defined in the module' + (f': {advice}' if advice else ''))
        return None
    except Exception as error:
        wrong(f'its type cannot be read: {error}')
        return None
    default = cls.__dict__.get(name, MISSING)
    if isinstance(default, (Field, dataclasses.Field)):
        return wrong('field() is for tables and records: write the default itself')
    optional = default is not MISSING
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        rest = [a for a in typing.get_args(hint) if a is not type(None)]
        if len(rest) == 1:
            hint, optional = rest[0], True
            default = None if default is MISSING else default
    words = list(dict.fromkeys(typing.get_args(hint))) if typing.get_origin(hint) is typing.Literal else []
    if words:
        if not all(isinstance(w, str) for w in words):
            return wrong('the words of Literal[...] are text')
        if len(words) > 256:
            return wrong('string union has too many entries')
        if any(len(w.encode()) > _VALUE_MOST for w in words):
            return wrong('declared literal exceeds value size limit')
    elif hint not in _KINDS:
        return wrong(f'its type is str, int, float, bool or Literal["a", "b"], perhaps | None, and {show(hint)} is none of them')
    if hint is float and type(default) is int:
        default = float(default)
    kind = 'text' if words else _KINDS[hint]
    if default not in (MISSING, None) and (default not in words if words else type(default) is not hint):
        return wrong(f'its default {default!r} is none of its values')
    return Key(name, kind, words, optional, None if default is MISSING else default)


class Environment:
    """ctx.env: the values of the keys that the module declares, as attributes or by get(key)."""

    def __init__(self, keys):
        self._keys = keys

    def get(self, key, default=None):
        """The value, or for an optional key that has none its default, else default. OrochiError for a key that is not declared."""
        declared = self._keys.get(key)
        if declared is None:
            if not isinstance(key, str) or not _KEY.fullmatch(key):
                raise OrochiError('invalid environment variable name')
            near = nearest(key, self._keys)
            raise OrochiError(f'environment key is not declared: {key}: {f"do you mean {near}? Else " if near else ""}'
                              'write it into the class with @environment')
        text = _orochi._env(key) if _orochi is not None else None
        if text is not None:
            return _READ[declared.kind](text)
        if not declared.optional:
            raise OrochiError('required environment value is missing from the published configuration')
        return default if declared.default is None else declared.default

    def __getitem__(self, key):
        return self.get(key)

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        try:
            return self.get(name)
        except OrochiError as error:
            raise AttributeError(str(error)) from None

    def __contains__(self, key):
        """Whether it is declared and has a value, its default aside."""
        return key in self._keys and _orochi is not None and _orochi._env(key) is not None

    def __iter__(self):
        return iter(self._keys)

    def __repr__(self):
        return f'<environment: {", ".join(self._keys) or "nothing is declared"}>'


_OURS = frozenset(name for name in [*dir(Environment), '_keys'] if not name.startswith('__'))
