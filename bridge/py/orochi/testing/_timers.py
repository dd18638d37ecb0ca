"""Rows of scheduled tables in virtual time: what runtime/timers does with the clock of a machine."""

import dataclasses
import itertools
import struct


@dataclasses.dataclass
class Timer:
    table: str
    key: int
    interval: bool
    micros: int
    due: int
    order: int


class Timers:
    """Which rows are due when. tables: of a Declared."""

    def __init__(self, tables):
        self._tables = {t.name: t for t in tables.values() if t.scheduled}
        self._timers = {}
        self._order = itertools.count()

    def _read(self, decode, table, row):
        """(key, is_interval, micros) of a row."""
        t = self._tables[table]
        if t.cls is None:
            return struct.unpack_from('<Q', row)[0], row[8] == 0, struct.unpack_from('<q', row, 9)[0]
        value = decode(table, row)
        at = getattr(value, t.columns[t.at_column][0])
        return getattr(value, t.columns[t.pk][0]), at.is_interval, int(at.value)

    def follow(self, changes, decode, now):
        """The changes of a commit, in order: a row that says the same as before keeps its time."""
        before = {}
        for table, inserted, row in changes:
            if table not in self._tables:
                continue
            key, interval, micros = self._read(decode, table, row)
            if not inserted:
                before[table, key] = self._timers.pop((table, key), None)
                continue
            was = before.get((table, key))
            if was is not None and (was.interval, was.micros) == (interval, micros):
                self._timers[table, key] = was
                continue
            due = now + abs(micros) if interval else max(micros, now)
            self._timers[table, key] = Timer(table, key, interval, micros, due, next(self._order))

    def first_after(self, table, key, due):
        """The row's next run is at another time than its interval says."""
        self._timers[table, key].due = due

    def next(self):
        """The timer that is due first, or None."""
        return min(self._timers.values(), key=lambda timer: (timer.due, timer.order), default=None)

    def begin(self, timer):
        """It fires: one that repeats is due again an interval later."""
        timer.order = next(self._order)
        if timer.interval:
            timer.due += max(abs(timer.micros), 1)
        else:
            del self._timers[timer.table, timer.key]

    def copy(self):
        other = Timers({})
        other._tables = self._tables
        other._timers = {key: dataclasses.replace(timer) for key, timer in self._timers.items()}
        other._order = itertools.count(next(self._order))
        return other
