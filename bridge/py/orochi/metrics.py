"""Numbers of a module's own beside those of the server, at /v1/metrics (docs/howto/monitoring.md).

    from orochi import metrics

    shots = metrics.counter("shots_total", "shots fired", labels=("weapon",))

    @reducer
    def shoot(ctx: ReducerContext, weapon: str):
        shots.inc(weapon=weapon)

What a call counts is there when the call has ended, also if it is refused; what an attempt counted that a conflict made run again is
not. All workers count into one. Names are those of Prometheus: letters, digits and _; "orochi_" at the beginning is the server's. A
module has at most 2,000 series, one for each metric and values of its labels; those beyond are not counted, and the log says so once.
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from importlib import import_module
from typing import Any

__all__ = ['Counter', 'Gauge', 'Histogram', 'counter', 'gauge', 'histogram']

_ADD, _SET, _OBSERVE = range(3)
_MOST = 2 ** 53
_LONGEST = 200


def _engine() -> Any:
    """None where nothing counts: in a Python that has the package and no engine."""
    try:
        return import_module('_orochi')  # what is linked in has no types
    except ImportError:
        return None


def _escaped(value: object) -> str:
    text = str(value)[:_LONGEST]
    return text.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n')


class _Metric:
    _kind = -1
    _full = False

    def __init__(self, name: str, help: str, labels: Iterable[str]) -> None:
        self.name, self.help, self.labels = name, help, (labels,) if isinstance(labels, str) else tuple(labels)
        for word in (name, *self.labels):
            if not isinstance(word, str) or not re.fullmatch('[a-zA-Z_][a-zA-Z0-9_]*', word):
                raise ValueError(f'{word!r} cannot name a metric or a label: letters, digits and _, a letter first')
        if name.startswith('orochi_'):
            raise ValueError(f'{name}: names that begin with orochi_ are the server\'s: call it {name.removeprefix("orochi_")}')
        self._series: dict[tuple[str, ...], Any] = {}
        if not self.labels:
            self._one({})

    def __repr__(self) -> str:
        return f'<{type(self).__name__.lower()} {self.name}>'

    def _one(self, given: dict[str, object]) -> Any:
        """The series with these values, or None."""
        if given.keys() != set(self.labels):
            wanted = ', '.join(f'{label}=...' for label in self.labels) or 'no labels'
            raise TypeError(f'{self.name} has {wanted}, and was given {", ".join(given) or "none"}')
        key = tuple(_escaped(given[label]) for label in self.labels)
        if key in self._series:
            return self._series[key]
        engine = _engine()
        if engine is None:
            return None
        text = ','.join(f'{label}="{value}"' for label, value in zip(self.labels, key))
        made = engine._metric(self._kind, self.name, text, ' '.join(self.help.split()))
        if made is not None:
            self._series[key] = made
        elif not self._full:
            self._full = True
            import logging
            logging.getLogger('orochi.metrics').warning('%s: there are too many series of metrics; labels are for a few values that are known', self.name)
        return made

    def _measure(self, what: int, n: int, given: dict[str, object]) -> None:
        series = self._one(given)
        if series is not None:
            _engine()._measure(series, what, n)


def _whole(name: str, n: object) -> int:
    if not isinstance(n, int) or not -_MOST <= n <= _MOST:
        raise TypeError(f'{name} counts in whole numbers of at most 2**53, not {n!r}')
    return int(n)


class Counter(_Metric):
    """How often something happened; it only grows."""

    _kind = 0

    def inc(self, n: int = 1, /, **labels: object) -> None:
        """Adds n. TypeError: it is no whole number, or the labels are others; ValueError: it is below 0."""
        if _whole(self.name, n) < 0:
            raise ValueError(f'{self.name}: a counter does not go back; a gauge does')
        self._measure(_ADD, int(n), labels)


class Gauge(_Metric):
    """How much there is of something now: the last word of any worker."""

    _kind = 1

    def set(self, n: int, /, **labels: object) -> None:
        """It is n now. TypeError as of Counter.inc()."""
        self._measure(_SET, _whole(self.name, n), labels)

    def inc(self, n: int = 1, /, **labels: object) -> None:
        """It is n more."""
        self._measure(_ADD, _whole(self.name, n), labels)

    def dec(self, n: int = 1, /, **labels: object) -> None:
        """It is n less."""
        self._measure(_ADD, -_whole(self.name, n), labels)


class Histogram(_Metric):
    """How long things take: their number, their sum, and how many took at most so long."""

    _kind = 2

    def observe(self, seconds: float | timedelta, /, **labels: object) -> None:
        """One has taken so long, to the microsecond. TypeError: that is no number, or the labels are others."""
        seconds = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < 2 ** 40:
            raise TypeError(f'{self.name} observes seconds, a number from 0 on, not {seconds!r}')
        self._measure(_OBSERVE, int(seconds * 1_000_000 + 0.5), labels)


def counter(name: str, help: str = '', *, labels: Iterable[str] = ()) -> Counter:
    """A counter: counter("shots_total", "shots fired", labels=("weapon",)). ValueError: the name will not do, or is of a metric of another
    kind."""
    return Counter(name, help, labels)


def gauge(name: str, help: str = '', *, labels: Iterable[str] = ()) -> Gauge:
    """A gauge: gauge("matches", "matches that go on"). ValueError as of counter()."""
    return Gauge(name, help, labels)


def histogram(name: str, help: str = '', *, labels: Iterable[str] = ()) -> Histogram:
    """A histogram of durations: histogram("match_seconds", "how long matches last"). ValueError as of counter()."""
    return Histogram(name, help, labels)
