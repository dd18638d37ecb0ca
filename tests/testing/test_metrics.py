"""orochi.metrics, and what a test sees of them."""

import os
import subprocess
import sys
import unittest
from datetime import timedelta

sys.path.insert(0, os.path.dirname(__file__))

import counts

from orochi import ReducerError, metrics
from orochi.testing import Database


class Metrics(unittest.TestCase):
    def setUp(self):
        self.db = Database(counts)
        self.addCleanup(self.db.close)

    def test_what_calls_have_counted(self):
        self.assertEqual(self.db.metrics, {})
        for _ in range(2):
            self.db.call(counts.shoot, 'bow')
        with self.assertRaises(ReducerError):
            self.db.call(counts.shoot, 'none')
        counted = self.db.metrics
        counted.pop('counts_there', None)  # the process's: it may be as before
        self.assertEqual(counted, {
            'counts_shots_total{weapon="bow"}': 6, 'counts_shots_total{weapon="none"}': 3, 'counts_shots_total{weapon="all"}': 6,
            'counts_took_seconds': 3,
            'orochi_reducer_calls_total{reducer="shoot"}': 3, 'orochi_reducer_duration_seconds{reducer="shoot"}': 3,
            'orochi_reducer_refusals_total{reducer="shoot"}': 1})
        with Database(counts) as other:
            self.assertEqual(other.metrics, {})

    def test_label_values_are_escaped(self):
        self.db.call(counts.shoot, 'a"\\\n')
        self.assertIn('counts_shots_total{weapon="a\\"\\\\\\n"}', self.db.metrics)

    def test_outside_of_a_call_it_counts_at_once(self):
        counts.shots.inc(weapon='none yet')
        self.assertEqual(self.db.metrics['counts_shots_total{weapon="none yet"}'], 1)

    def test_what_is_wrong_is_told(self):
        for kind, words, make in ((ValueError, 'another kind', lambda: metrics.gauge('counts_took_seconds')),
                                  (ValueError, 'the server', lambda: metrics.counter('orochi_x')), (ValueError, 'cannot name', lambda: metrics.counter('a-b')),
                                  (ValueError, 'cannot name', lambda: metrics.counter('a', labels=('b c',))),
                                  (TypeError, 'has weapon=..., and was given none', lambda: counts.shots.inc()),
                                  (TypeError, 'no labels', lambda: counts.there.set(1, a=2)), (TypeError, 'whole numbers', lambda: counts.there.set(1.5)),
                                  (TypeError, 'whole numbers', lambda: counts.there.set(2 ** 60)), (ValueError, 'go back', lambda: counts.shots.inc(-1, weapon='x')),
                                  (TypeError, 'seconds', lambda: counts.took.observe(float('nan'))), (TypeError, 'seconds', lambda: counts.took.observe(-1))):
            with self.assertRaisesRegex(kind, words):
                make()
        counts.took.observe(timedelta(milliseconds=5))

    def test_the_engine_is_asked_for_nothing_of_another_kind(self):
        import _orochi
        made = _orochi._metric(0, 'counts_raw', '', '')
        for what in (1, 2, 3, 99):
            with self.assertRaises(ValueError):
                _orochi._measure(made, what, 1)
        with self.assertRaises(ValueError):
            _orochi._measure(counts.took._series[()], 0, 1)
        with self.assertRaises((ValueError, TypeError)):
            _orochi._measure(object(), 0, 1)

    def test_there_is_an_end_to_series(self):
        code = ('from orochi import metrics\nmany = metrics.counter("many", labels=("n",))\n'
                'for n in range(2100): many.inc(n=n)\nprint(len(many._series))')
        done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=120, check=True)
        self.assertEqual(done.stdout, '2000\n')
        self.assertEqual(done.stderr.count('too many series'), 1)


if __name__ == '__main__':
    unittest.main()
