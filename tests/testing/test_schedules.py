"""Calls that are made later, and beats, in virtual time: the rules of docs/semantics.md#schedules."""

import os
import sys
import unittest
from datetime import timedelta

sys.path.insert(0, os.path.dirname(__file__))

import beats
import crons
import later

from orochi import EncodeError, ReducerError, ScheduleAt, Timestamp
from orochi.testing import Database

SECOND = 1_000_000


class Case(unittest.TestCase):
    def setUp(self):
        self.db = Database(later, start='2026-01-01T00:00:00Z')
        self.addCleanup(self.db.close)
        self.ann = self.db.connect('ann')

    def ask(self, what):
        """Does one of the cases; gives when, in microseconds."""
        self.ann.call(later.ask, what)
        return int(self.db.now)

    def notes(self, since):
        """(seconds after, what) of all that has run."""
        return [((int(n.at) - since) / SECOND, n.what) for n in self.db.note.all().order_by('id')]

    def pending(self):
        return self.db.sql('SELECT count(*) AS n FROM st_scheduled_call')[0]['n']


class Schedule(Case):
    def test_after_at_and_by_name(self):
        for what, expected in (('after', (3, 'bomb 1')), ('a timedelta', (60, 'mine 2')), ('at', (2, 'bomb 3')), ('by name', (1.5, 'bomb 7')),
                               ('now', (0, 'bomb 8'))):
            with self.subTest(what), Database(later) as self.db:
                self.ann = self.db.connect('ann')
                begun = self.ask(what)
                self.db.advance(minutes=2)
                self.assertEqual(self.notes(begun), [expected])
                self.assertEqual(self.pending(), 0)

    def test_a_time_that_has_passed_is_due_at_once_and_one_in_a_century_then(self):
        begun = self.ask('past')
        self.db.run_pending()
        self.assertEqual(self.notes(begun), [(0, 'bomb 9')])
        begun = self.ask('century')
        self.db.advance(days=36525, seconds=-1)
        self.assertEqual(self.pending(), 1)
        self.db.advance(seconds=1)
        self.assertEqual(self.notes(begun)[1:], [(36525 * 86400, 'bomb 10')])

    def test_every_and_its_first_run(self):
        begun = self.ask('every')
        self.db.advance(seconds=2)
        self.assertEqual(self.notes(begun), [(n / 2, 'bomb 4') for n in range(1, 5)])
        for what, first in (('first at once', 0), ('first at', 3)):
            with self.subTest(what), Database(later) as self.db:
                self.ann = self.db.connect('ann')
                begun = self.ask(what)
                self.db.advance(seconds=29)
                got = [at for at, _ in self.notes(begun)]
                self.assertEqual(got, [at for at in (first, first + 10, first + 20) if at <= 29])

    def test_cron_in_utc_again_and_again(self):
        begun = self.ask('cron')
        self.db.advance(days=2)
        self.assertEqual([round(at) for at, _ in self.notes(begun)], [1800, 1800 + 86400])
        self.assertEqual(self.pending(), 1)

    def test_a_call_that_schedules_itself(self):
        begun = int(self.db.now)
        self.ann.call(later.countdown, 3)
        self.db.advance(seconds=10)
        self.assertEqual([what for _, what in self.notes(begun)], ['left 3', 'left 2', 'left 1', 'left 0'])

    def test_a_row_that_moves_itself_fires_again_as_it_is_then(self):
        begun = int(self.db.now)
        self.db.reminder.insert(at=ScheduleAt.at(self.db.now + timedelta(seconds=1)), text='again')
        self.db.advance(seconds=5)
        self.assertEqual([what for _, what in self.notes(begun)], ['again', 'moved'])

    def test_one_that_failed_is_gone_and_one_that_repeats_goes_on(self):
        with Database(later, timer_errors='log') as self.db:
            self.ann = self.db.connect('ann')
            self.ask('fails')
            self.db.advance(seconds=2)
            self.assertEqual((self.pending(), len(self.db.note)), (0, 0))
            self.ask('fails each time')
            self.assertEqual(self.db.advance(seconds=3), 3)
            self.ask('cron that fails')
            self.db.advance(minutes=3)
            self.assertEqual((self.pending(), len(self.db.note)), (2, 0))

    def test_the_call_is_made_as_the_database(self):
        self.ask('now')
        self.db.run_pending()
        self.assertFalse([line for line in self.db.logs if line.level == 'error'])


class Cancel(Case):
    def test_what_was_taken_back_does_not_come(self):
        token = self.db._look_into(lambda ctx: ctx.schedule(later.explode, 1, after=1))
        self.assertIsInstance(token, int)
        self.assertTrue(self.db._look_into(lambda ctx: ctx.cancel(token)))
        self.assertFalse(self.db._look_into(lambda ctx: ctx.cancel(token)))
        self.assertEqual(self.db.advance(seconds=5), 0)

    def test_what_the_transaction_takes_back_was_never_there(self):
        def rolled_back(ctx):
            ctx.schedule(later.explode, 1, after=1)
            raise ReducerError('no')
        with self.assertRaises(ReducerError):
            self.db._look_into(rolled_back)
        self.assertEqual((self.db.advance(seconds=5), self.pending()), (0, 0))

        def both(ctx):
            ctx.cancel(ctx.schedule(later.explode, 1, after=1))
        self.db._look_into(both)
        self.assertEqual(self.db.advance(seconds=5), 0)

    def test_numbers_that_were_never_given(self):
        for wrong in (0, 10 ** 30, -1):
            self.assertFalse(self.db._look_into(lambda ctx, wrong=wrong: ctx.cancel(wrong)))
        for wrong in ('1', None, 1.0, True):
            with self.assertRaisesRegex(TypeError, 'the number that ctx.schedule'):
                self.db._look_into(lambda ctx, wrong=wrong: ctx.cancel(wrong))


class Refused(Case):
    def refuse(self, kind, words, ask):
        with self.assertRaisesRegex(kind, words):
            self.db._look_into(ask)
        self.assertEqual(self.pending(), 0)

    def test_what_is_no_function_of_the_module(self):
        for words, fn in (('helper is no reducer: put @reducer in front', later.helper), ("'explod' names none: do you mean explode", 'explod'),
                          ('takes the function itself, ctx.schedule.explode', 'explode'), ('was the function called', None),
                          ('a lambda has none', lambda ctx: None), ('print is none', print), ('got 5', 5),
                          ('runs when the server says so .@init', later.begin), ('Note is none', later.Note)):
            self.refuse(TypeError, words, lambda ctx, fn=fn: ctx.schedule(fn, after=1))
        self.refuse(TypeError, 'takes a function', lambda ctx: ctx.schedule(after=1))

    def test_arguments_that_do_not_fit(self):
        for kind, words, args in ((TypeError, "missing a required argument: 'bomb'", ()), (TypeError, 'too many', (1, 'a', 3)),
                                  (EncodeError, 'explode.bomb: 256 is out of range', (256,)), (EncodeError, 'explode.name: expected str', (1, 2))):
            self.refuse(kind, words, lambda ctx, args=args: ctx.schedule(later.explode, *args, after=1))
        self.refuse(TypeError, 'arguments go by position', lambda ctx: ctx.schedule(later.explode, bomb=1, after=1))

    def test_times_that_are_none(self):
        nan, inf = float('nan'), float('inf')
        for kind, words, when in (
                (TypeError, 'needs a time', {}), (TypeError, 'after= and at=', dict(after=1, at=Timestamp(1))),
                (TypeError, 'every= and cron=', dict(every=1, cron='* * * * *')), (ValueError, 'less than zero', dict(after=-1)),
                (ValueError, 'less than zero', dict(after=timedelta(seconds=-1))), (ValueError, 'more than zero', dict(every=0)),
                (ValueError, 'more than zero', dict(every=-5)), (ValueError, 'more than zero', dict(every=1e-9)),
                (ValueError, '100 years', dict(every=timedelta(days=36526))), (ValueError, '100 years', dict(after=1e300)),
                (TypeError, 'none that passes', dict(after=nan)), (TypeError, 'none that passes', dict(every=inf)),
                (TypeError, 'number of seconds', dict(after='3')), (TypeError, 'number of seconds', dict(every=True)),
                (TypeError, 'point in time there is at=', dict(after=Timestamp(5))), (TypeError, 'span of time there is after=', dict(at=1.5)),
                (ValueError, 'beyond the year 9999', dict(at=10 ** 18)), (ValueError, 'wrong number of fields', dict(cron='* *')),
                (ValueError, 'bad minute', dict(cron='61 * * * *')), (TypeError, "no option 'aftr'.*after", dict(aftr=1))):
            self.refuse(kind, words, lambda ctx, when=when: ctx.schedule(later.explode, 1, **when))

    def test_intervals_in_rows(self):
        for wrong in (0, -5, timedelta(seconds=-1), timedelta(days=36526)):
            with self.assertRaisesRegex(Exception, 'reminder.at: an interval is more than zero and 100 years at most'):
                self.db.reminder.insert(at=ScheduleAt.every(wrong), text='x')
            with self.assertRaisesRegex(Exception, 'an interval is more than zero'):
                row = self.db.reminder.insert(at=ScheduleAt.every(5), text='x')
                self.db._look_into(lambda ctx, row=row, wrong=wrong: ctx.db.reminder.update(row, at=ScheduleAt.every(wrong)))

    def test_outside_of_its_call(self):
        kept = []
        self.db._look_into(kept.append)
        with self.assertRaisesRegex(Exception, 'outside the call'):
            kept[0].schedule(later.explode, 1, after=1)

    def test_the_older_spelling(self):
        for kind, words, args in ((LookupError, "'explod' is none: do you mean explode", ('explod', 1)), (LookupError, "'begin' is none", ('begin', 1)),
                                  (TypeError, 'a number of milliseconds', ('explode', '1')), (TypeError, 'a list of the arguments', ('explode', 1, 5)),
                                  (EncodeError, 'explode.bomb', ('explode', 1, ['x'])), (TypeError, 'takes 2 arguments, got 0', ('explode', 1))):
            self.refuse(kind, words, lambda ctx, args=args: ctx.schedule_reducer(*args))


class Starts(Case):
    def test_a_start_keeps_what_is_pending_and_the_beats(self):
        begun = self.ask('every')
        self.ask('after')
        self.db.advance(seconds=1.3)
        self.db.restart()
        self.db.advance(seconds=2)
        self.assertEqual([at for at, what in self.notes(begun) if what == 'bomb 4'], [n / 2 for n in range(1, 7)])
        self.assertEqual([what for _, what in self.notes(begun)].count('bomb 1'), 1)

    def test_a_snapshot_has_them(self):
        self.ask('after')
        saved = self.db.snapshot()
        for _ in range(2):
            self.db.restore(saved)
            self.assertEqual((self.pending(), self.db.advance(seconds=5), self.pending()), (1, 1, 0))


class Beats(unittest.TestCase):
    def count(self, name):
        row = self.db.count.find(name)
        return row.n if row else 0

    def test_beats_are_time_times_rate(self):
        with Database(beats, start='2026-01-01T00:00:00Z', timer_errors='log') as self.db:
            begun = int(self.db.now)
            self.db.advance(minutes=5)
            self.assertEqual(self.count('sixty'), 5 * 60 * 60)
            last = self.db.count.find('sixty').at
            self.assertEqual(last[-1] - begun, 5 * 60 * SECOND)
            self.assertTrue(all(b - a in (16666, 16667) for a, b in zip(last, last[1:])))
            self.assertEqual(self.count('seven'), len(range(2, 301, 7)))

    def test_cron_of_a_function(self):
        with Database(crons, start='2026-01-04T23:59:00Z', timer_errors='log') as self.db:  # a Sunday
            self.db.advance(hours=4)
            self.assertEqual(self.count('monday'), 0)
            self.db.advance(minutes=1)
            self.assertEqual(self.db.count.find('monday').at, [int(Timestamp.from_datetime(self.db.now.to_datetime().replace(
                hour=4, minute=0, second=0, microsecond=0)))])

    def test_one_that_fails_comes_again(self):
        with Database(crons, start='2026-01-01T00:00:00Z', timer_errors='log') as self.db:
            self.db.advance(seconds=35)
            self.assertEqual(self.count('ten'), 1)  # each that makes two is taken back
            self.assertEqual(len([line for line in self.db.logs if 'the second one fails' in line.text]), 2)

    def test_a_start_goes_on_with_the_grid_or_anew(self):
        with Database(beats, start='2026-01-01T00:00:00Z', timer_errors='log') as self.db:
            self.db.advance(seconds=10.009)  # seven has run at 2 and 9
            self.db.restart()
            begun = self.db.now
            self.db.advance(seconds=6)
            self.assertEqual(self.count('seven'), 3)
            self.assertEqual(self.count('sixty'), 600 + 360)
            self.assertEqual(self.db.count.find('sixty').at[-1], begun + 6 * SECOND)  # its beats begin at the start


if __name__ == '__main__':
    unittest.main()
