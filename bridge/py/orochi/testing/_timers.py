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
    first: int = 0  # an interval's first beat
    beats: int = 0  # that came after it


CALLS = 'st_scheduled_call'  # what ctx.schedule() has made
PHASES = 'st_phase'  # when intervals begin that were made with a time for their first run


class Timers:
    """Which rows are due when. tables: of a Declared. rates: beats a second, by table, of those that have not an interval of whole
    microseconds."""

    def __init__(self, tables, rates):
        self._tables = {t.name: t for t in tables.values() if t.scheduled}
        self._rates = rates
        if tables:
            self._tables[CALLS] = None
        self._timers = {}
        self._held = set()  # whose turn lasts, (table, key)
        self._order = itertools.count()

    def _read(self, decode, table, row):
        """(key, is_interval, micros) of a row."""
        t = self._tables[table]
        if t is None or t.cls is None:
            return struct.unpack_from('<Q', row)[0], row[8] == 0, struct.unpack_from('<q', row, 9)[0]
        value = decode(table, row)
        at = getattr(value, t.columns[t.at_column][0])
        return getattr(value, t.columns[t.pk][0]), at.is_interval, int(at.value)

    def follow(self, changes, decode, now):
        """The changes of a commit, in order: a row that says the same as before keeps its time."""
        before, begins = {}, {}
        for table, inserted, row in changes:
            if table == PHASES and inserted:
                size, = struct.unpack_from('<I', row)
                name, _, key = row[4:4 + size].decode().rpartition('/')
                begins[name, int(key)] = struct.unpack_from('<q', row, 4 + size + 8)[0]
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
            self._timers[table, key] = Timer(table, key, interval, micros, due, next(self._order), due)
        for at, begin in begins.items():
            if at in self._timers:
                timer = self._timers[at]
                timer.due, timer.first = max(begin, now), begin
                timer.beats = max(now - begin, 0) // max(abs(timer.micros), 1)

    def go_on(self, before, anew, now):
        """After a start: intervals that `before` has go on with their beats, but for those of the tables in `anew`."""
        for at, timer in self._timers.items():
            was = before._timers.get(at)
            if was is not None and was.interval and timer.interval and was.micros == timer.micros and timer.table not in anew:
                timer.first, timer.beats, timer.due, timer.order = was.first, was.beats, was.due, was.order
                while timer.due <= now:
                    self._beat(timer)

    def first_after(self, table, key, due):
        """The row's next run is at another time than its interval says."""
        timer = self._timers[table, key]
        timer.due = timer.first = due

    def next(self):
        """The timer that is due first, or None."""
        waiting = self._timers.values() if not self._held else [t for at, t in self._timers.items() if at not in self._held]
        return min(waiting, key=lambda timer: (timer.due, timer.order), default=None)

    def hold(self, timer, lasts):
        """Its turn has begun, and lasts until let_go()."""
        if lasts:
            self._held.add((timer.table, timer.key))

    def let_go(self, timer, now):
        self._held.discard((timer.table, timer.key))
        timer = self._timers.get((timer.table, timer.key))
        while timer is not None and timer.interval and timer.due + max(abs(timer.micros), 1) <= now:
            self._beat(timer)

    def _beat(self, timer):
        timer.beats += 1
        hz = self._rates.get(timer.table)
        timer.due = timer.first + (int(timer.beats * 1e6 / hz + 0.5) if hz else timer.beats * max(abs(timer.micros), 1))

    def begin(self, timer):
        """It fires: one that repeats is due again an interval later."""
        timer.order = next(self._order)
        if timer.interval:
            self._beat(timer)
        else:
            del self._timers[timer.table, timer.key]

    def copy(self):
        other = Timers({}, self._rates)
        other._tables = dict(self._tables)
        other._timers = {key: dataclasses.replace(timer) for key, timer in self._timers.items()}
        other._order = itertools.count(next(self._order))
        return other
