"""What Annotated[str, Len(1, 20)] and the like ask of a value, beyond its type."""

import dataclasses
import re
from typing import Any

from ._spec import INTEGERS, TypeProblem, describe, unchecked


@dataclasses.dataclass(frozen=True)
class Ge:
    """Constraint in Annotated[i32, Ge(0)]: at least `ge`."""

    ge: Any


@dataclasses.dataclass(frozen=True)
class Gt:
    """Constraint: more than `gt`."""

    gt: Any


@dataclasses.dataclass(frozen=True)
class Le:
    """Constraint: at most `le`."""

    le: Any


@dataclasses.dataclass(frozen=True)
class Lt:
    """Constraint: less than `lt`."""

    lt: Any


@dataclasses.dataclass(frozen=True)
class Len:
    """Constraint: length from `min_length` to `max_length` (characters of a str, bytes, or items)."""

    min_length: int = 0
    max_length: int | None = None


@dataclasses.dataclass(frozen=True)
class Pattern:
    """Constraint: the whole text matches the regular expression."""

    pattern: str


def _bound(fails, words):
    def make(limit):
        return lambda value: f'{words} {limit!r}, got {value!r}' if fails(value, limit) else None
    return make


def _length(fails, words):
    def make(limit):
        def check(value):
            if not fails(len(value), limit):
                return None
            unit = 'characters' if isinstance(value, str) else 'items'
            return f'{words} {limit} {unit}, got {len(value)}'
        return check
    return make


def _pattern(regex):
    compiled = re.compile(regex)
    return lambda value: None if compiled.fullmatch(value) else f'must match {compiled.pattern!r}, got {value!r}'


_NUMBERS = frozenset(INTEGERS) | {'f32', 'f64', 'timestamp', 'duration', 'datetime', 'timedelta'}
_SIZED = frozenset(('string', 'bytes', 'array', 'dict'))
# Any object with one of these attributes counts as a constraint, whichever package it comes from.
_CONSTRAINTS = (
    ('ge', _NUMBERS, _bound(lambda v, x: not v >= x, 'at least')),
    ('gt', _NUMBERS, _bound(lambda v, x: not v > x, 'more than')),
    ('le', _NUMBERS, _bound(lambda v, x: not v <= x, 'at most')),
    ('lt', _NUMBERS, _bound(lambda v, x: not v < x, 'less than')),
    ('multiple_of', _NUMBERS, _bound(lambda v, x: v % x != 0, 'a multiple of')),
    ('min_length', _SIZED, _length(lambda n, x: n < x, 'at least')),
    ('max_length', _SIZED, _length(lambda n, x: n > x, 'at most')),
    ('pattern', frozenset(('string',)), _pattern),
)


def checks_of(extra, spec):
    """The checkers that an object in Annotated stands for; TypeProblem if they do not suit the type."""
    for attribute, kinds, make in _CONSTRAINTS:
        limit = getattr(extra, attribute, None)
        if limit is None or callable(limit) or (attribute == 'min_length' and limit == 0):
            continue
        kind = unchecked(spec)[0]
        if kind not in kinds:
            raise TypeProblem(f'the constraint {attribute}={limit!r} does not suit {describe(spec)}')
        try:
            yield make(limit)
        except re.error as error:
            raise TypeProblem(f'the pattern {limit!r} is not a regular expression: {error}') from None
