"""orochi.testing with the wheel's engine (the stage `wheel` of config/test.sh runs these)."""

import importlib
import os
import subprocess
import sys
import tempfile
import traceback
import unittest

sys.path.insert(0, os.path.dirname(__file__))

import game
import other

from orochi import EncodeError, ReducerError, RowNotFound, SchemaError, Timestamp
from orochi.testing import Database

SECOND = 1_000_000
EXAMPLES = os.path.join(os.path.dirname(__file__), '../../examples')


class Case(unittest.TestCase):
    def setUp(self):
        self.db = Database(game, start='2026-01-01T00:00:00Z', seed=7)
        self.addCleanup(self.db.close)


class Views(Case):
    def test_a_client_sees_its_own_and_each_change(self):
        ann, bob = self.db.connect('ann'), self.db.connect('bob')
        seen = ann.subscribe('SELECT * FROM my_bombs')
        others = bob.subscribe('SELECT * FROM my_bombs')
        self.assertEqual(seen.rows, [])
        ann.call(game.join, 'Ann')
        self.assertEqual([(t.identity, t.bombs) for t in seen.rows], [(ann.identity, 0)])
        ann.call(game.arm, 1)
        self.assertEqual([(old.bombs, new.bombs) for old, new in seen.updated], [(0, 1)])
        self.assertEqual(others.rows, [])

    def test_rows_of_a_table_in_a_view_that_all_see(self):
        ann = self.db.connect('ann')
        seen = ann.subscribe('SELECT * FROM best')
        for name in ('Ann', 'Bob', 'Eve'):
            self.db.connect(name).call(game.join, name)
        self.assertEqual(len(seen.rows), 2)
        self.assertIsInstance(seen.rows[0], game.Player)
        self.assertEqual(self.db.sql('SELECT count(*) AS n FROM best'), self.db.sql('SELECT 2 AS n'))


    def test_sums_by_groups_follow(self):
        ann = self.db.connect('ann')
        seen = ann.subscribe('SELECT * FROM teams')
        for name, team in (('Ann', game.Team.RED), ('Bob', game.Team.RED), ('Eve', game.Team.BLUE)):
            self.db.connect(name).call(game.join, name, team)
        self.assertEqual(sorted((t.team.name, t.players) for t in seen.rows), [('BLUE', 1), ('RED', 2)])
        self.db.player.delete(next(p for p in self.db.player if p.name == 'Eve'))
        self.assertEqual([(t.team.name, t.players) for t in seen.rows], [('RED', 2)])

    def test_what_has_gone_leaves_no_trace_in_a_sum_of_floats(self):
        seen = self.db.connect('ann').subscribe('SELECT * FROM load')
        for number, weight in enumerate((1.0, 1e300, 0.25, float('inf'))):
            self.db.crate.insert(game.Crate(id=number, weight=weight))
        self.assertEqual([(t.weight, t.mean) for t in seen.rows], [(float('inf'), float('inf'))])
        self.db.crate.delete(self.db.crate.get(1))
        self.db.crate.delete(self.db.crate.get(3))
        self.assertEqual([(t.weight, t.mean) for t in seen.rows], [(1.25, 0.625)])


class Calls(Case):
    def test_a_call_commits_and_a_row_outlives_it(self):
        ann = self.db.connect('ann')
        ann.call(game.join, 'Ann', game.Team.RED)
        row = self.db.player.find(ann.identity)
        self.assertIsInstance(row, game.Player)
        self.assertEqual((row.name, row.team, row.pos), ('Ann', game.Team.RED, game.Vec2()))
        self.assertEqual(len(self.db.player), 1)
        self.assertIn(ann.identity, self.db.player)

    def test_defaults_and_names_of_arguments(self):
        ann = self.db.connect('ann')
        ann.call(game.join, name='Ann')
        self.assertEqual(self.db.player.find(ann.identity).team, game.Team.BLUE)
        with self.assertRaisesRegex(TypeError, 'name'):
            ann.call(game.join)

    def test_a_refusal_is_raised_as_it_was(self):
        ann = self.db.connect('ann')
        ann.call('join', 'Ann')
        with self.assertRaises(ReducerError) as caught:
            ann.call('join', 'Ann')
        self.assertEqual((caught.exception.code, caught.exception.data), ('twice', [1, 2]))

    def test_a_fault_is_raised_as_it_was_and_rolls_back(self):
        ann = self.db.connect('ann')
        try:
            ann.call(game.fail)
        except ZeroDivisionError as error:
            self.assertIn(game.fail.__code__, [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)])
        else:
            self.fail('it was not raised')
        self.assertEqual([s.text for s in self.db.secret], ['made by init'])
        self.assertTrue([line for line in self.db.logs if line.level == 'error' and 'ZeroDivisionError' in line.text])

    def test_arguments_are_checked_as_a_client_s_are(self):
        ann = self.db.connect('ann')
        with self.assertRaises(EncodeError):
            ann.call(game.score, -1)
        ann.call(game.join, 'Ann')
        with self.assertRaisesRegex(ReducerError, 'points'):
            ann.call_raw('score', (0).to_bytes(4, 'little'))
        with self.assertRaisesRegex(ReducerError, 'bytes too many'):
            ann.call_raw('score', b'\1\0\0\0\0')
        with self.assertRaises(LookupError):
            ann.call(game.hidden)
        with self.assertRaises(LookupError):
            ann.call('connected')

    def test_players_are_told_apart_and_the_same_name_is_the_same_player(self):
        ann, bob = self.db.connect('ann'), self.db.connect('bob')
        self.assertNotEqual(ann.identity, bob.identity)
        ann.call(game.join, 'Ann')
        ann.close()
        ann.close()
        self.assertFalse(self.db.player.find(ann.identity).online)
        with self.assertRaisesRegex(Exception, 'closed'):
            ann.call(game.score, 1)
        again = self.db.connect('ann')
        self.assertEqual(again.identity, ann.identity)
        self.assertTrue(self.db.player.find(ann.identity).online)

    def test_client_connected_refuses(self):
        with self.assertRaises(ReducerError) as caught:
            self.db.connect('eve', claims={'banned': True})
        self.assertEqual((caught.exception.code, caught.exception.data), ('banned', {'until': 5}))

    def test_chance_comes_from_the_seed(self):
        def scores(seed):
            with Database(game, seed=seed) as db:
                for name in ('ann', 'bob'):
                    db.connect(name).call(game.join, name)
                return sorted(p.score for p in db.player)
        self.assertEqual(scores(1), scores(1))
        self.assertNotEqual(scores(1), scores(2))

    def test_in_parallel_each_call_has_its_own_end(self):
        ann, bob = self.db.connect('ann'), self.db.connect('bob')
        results = self.db.parallel([(ann, game.join, ('Ann',)), (bob, game.join, ('Bob',)), (bob, game.fail, ())])
        self.assertEqual([type(r) for r in results], [type(None), type(None), ZeroDivisionError])
        self.assertEqual(self.db.player.count(), 2)


class Tables(Case):
    def test_tables_are_as_in_reducers(self):
        self.db.player.insert(identity=self.db.connect('ann').identity, name='Ann', score=5)
        self.db.player.insert(identity=self.db.connect('bob').identity, name='Bob', score=9)
        self.assertEqual([p.name for p in self.db.player.filter(score__gte=5).order_by('-score')], ['Bob', 'Ann'])
        self.assertEqual([p.name for p in self.db.player.score.filter(range(6))], ['Ann'])
        self.assertEqual(self.db.player.delete_where(name='Bob'), 1)
        self.assertEqual([p.name for p in self.db[game.Player].all()], ['Ann'])
        with self.assertRaisesRegex(RowNotFound, 'no row'):
            self.db.player.get(self.db.connect('eve').identity)
        with self.assertRaisesRegex(AttributeError, 'no table'):
            self.db.plaier
        with self.assertRaises(EncodeError):
            self.db.secret.insert(text=5)

    def test_sql(self):
        self.db.secret.insert(text='second')
        self.assertEqual(self.db.sql('SELECT count(*) AS n, max(text) AS last FROM secret'), [{'n': 2, 'last': 'second'}])
        with self.assertRaisesRegex(ValueError, 'nothing'):
            self.db.sql('SELECT * FROM nothing')

    def test_what_modules_log(self):
        ann = self.db.connect('ann')
        ann.call(game.shout, 'hey')
        self.assertIn(('info', True), [(line.level, ann.identity.hex[:4] in line.text) for line in self.db.logs])


class Subscriptions(Case):
    def test_rows_come_change_and_go(self):
        ann, bob = self.db.connect('ann'), self.db.connect('bob')
        seen = bob.subscribe("SELECT * FROM player WHERE name = 'Ann'")
        everybody = bob.subscribe(game.Player)
        ann.call(game.join, 'Ann')
        bob.call(game.join, 'Bob')
        self.assertEqual([p.name for p in seen.rows], ['Ann'])
        self.assertEqual(len(everybody.inserted), 2)
        before = seen.rows[0].score
        ann.call(game.score, 3)
        (old, new), = seen.updated
        self.assertEqual((old.score, new.score), (before, before + 3))
        self.db.player.delete(ann.identity)
        self.assertEqual((seen.rows, len(seen.deleted)), ([], 2))

    def test_event_rows_are_told_once_and_never_there(self):
        ann = self.db.connect('ann')
        loud, other_text = ann.subscribe(game.Shout), ann.subscribe("SELECT * FROM shout WHERE text = 'b'")
        ann.call(game.shout, 'a')
        self.assertEqual(([s.text for s in loud.inserted], loud.rows, other_text.inserted), (['a'], [], []))

    def test_private_tables_and_wrong_queries_are_refused(self):
        ann = self.db.connect('ann')
        for sql in ('SELECT * FROM secret', 'SELECT * FROM nothing', 'SELEKT'):
            with self.assertRaises(ValueError, msg=sql):
                ann.subscribe(sql)

    def test_waiting_lets_time_pass(self):
        ann = self.db.connect('ann')
        beats = ann.subscribe(game.Clock)
        self.assertEqual(len(beats.wait(3)), 3)
        with self.assertRaisesRegex(TimeoutError, '0 of 1'):
            ann.subscribe(game.Shout).wait(seconds=1)


class Time(Case):
    def test_a_beat_has_its_times_exactly(self):
        start = self.db.now
        self.assertEqual(self.db.advance(seconds=2), 40)
        self.assertEqual(self.db.now, start + 2 * SECOND)
        clock = self.db.clock.get(0)
        self.assertEqual(clock.beats, 40)
        self.assertAlmostEqual(clock.dt, 0.05, places=6)
        self.assertEqual(self.db.advance(milliseconds=49), 0)
        self.assertEqual(self.db.advance(milliseconds=1), 1)
        with self.assertRaises(ValueError):
            self.db.advance(-1)

    def test_a_row_with_a_time_fires_then_and_goes(self):
        ann = self.db.connect('ann')
        ann.call(game.arm, 3)
        due = self.db.bomb.first().at
        self.db.advance(seconds=2.9)
        self.assertEqual(len(self.db.bomb), 1)
        self.db.advance(seconds=0.2)
        self.assertEqual(len(self.db.bomb), 0)
        self.assertIn(f'boom at {Timestamp(due.value)}', [s.text for s in self.db.secret])

    def test_rows_that_repeat_and_rows_that_are_taken_back(self):
        ann = self.db.connect('ann')
        ann.call(game.tick_bomb, 10)
        ann.call(game.arm, 15)
        self.db.advance(seconds=35)
        self.assertEqual(len([s for s in self.db.secret if s.text.startswith('boom')]), 4)
        ann.call(game.disarm)
        self.db.advance(minutes=5)
        self.assertEqual(len([s for s in self.db.secret if s.text.startswith('boom')]), 4)

    def test_what_a_timer_raises_is_raised_or_logged(self):
        from orochi import ScheduleAt
        self.db.bomb.insert(at=ScheduleAt.at(self.db.now), owner=type(self.db.connect('a').identity)(int.from_bytes(b'\xc2' + b'\x01' * 31)))
        with self.assertRaisesRegex(ReducerError, 'nobody owns it'):
            self.db.run_pending()
        self.assertEqual(len(self.db.bomb), 0)
        with Database(game, timer_errors='log') as db:
            db.bomb.insert(at=ScheduleAt.at(db.now), owner=type(db.connect('a').identity)(int.from_bytes(b'\xc2' + b'\x01' * 31)))
            db.run_pending()
            self.assertTrue([line for line in db.logs if 'nobody owns it' in line.text])


class States(Case):
    def test_a_snapshot_is_gone_back_to(self):
        ann = self.db.connect('ann')
        seen = ann.subscribe(game.Player)
        saved = self.db.snapshot()
        ann.call(game.join, 'Ann')
        ann.call(game.arm, 1)
        for _ in range(2):
            self.db.restore(saved)
            self.assertEqual((len(self.db.player), len(self.db.bomb), seen.rows), (0, 0, []))
            self.db.advance(seconds=2)
            self.assertEqual(self.db.clock.get(0).beats, 40)

    def test_a_restart_keeps_rows_and_says_good_bye(self):
        ann = self.db.connect('ann')
        ann.call(game.join, 'Ann')
        self.db.restart()
        self.assertFalse(ann.connected)
        self.assertFalse(self.db.player.first().online)
        self.assertEqual(self.db.secret.insert(text='next').id, 2)
        self.assertEqual(self.db.advance(seconds=1), 20)

    def test_a_reload_carries_rows_into_new_tables(self):
        with tempfile.TemporaryDirectory() as folder:
            sys.path.insert(0, folder)
            self.addCleanup(sys.path.remove, folder)
            self.write(folder, 'n: u32\n')
            import growing
            db = Database(growing)
            db.thing.insert(n=5)
            ann = db.connect('ann')
            seen = ann.subscribe('SELECT * FROM thing')
            self.write(folder, 'n: u32\n    more: str = "x"\n')
            db.reload(importlib.reload(growing))
            self.assertEqual([(t.n, t.more) for t in db.thing], [(5, 'x')])
            ann.call(growing.add, 7)
            self.assertCountEqual([(t.n, t.more) for t in seen.rows], [(5, 'x'), (7, 'x')])
            db.close()

    @staticmethod
    def write(folder, columns):
        with open(os.path.join(folder, 'growing.py'), 'w') as file:
            file.write(f'from orochi import *\n\n@table(public=True)\nclass Thing:\n    {columns}\n\n'
                       '@reducer\ndef add(ctx: ReducerContext, n: u32):\n    ctx.db.thing.insert(n=n)\n')
        importlib.invalidate_caches()
        sys.modules.get('growing') and os.utime(os.path.join(folder, 'growing.py'), (2e9, 2e9))

    def test_two_modules_in_one_process(self):
        with Database(other) as db:
            db.connect('ann').call(other.join, 'Ann')
            self.db.connect('ann').call(game.join, 'Annie')
            self.assertEqual([p.nick for p in db.player], ['Ann'])
            self.assertEqual([p.name for p in self.db.player], ['Annie'])

    def test_misuse_is_told(self):
        with self.assertRaisesRegex(TypeError, 'import arena'):
            Database('game')
        with Database(game) as db:
            pass
        with self.assertRaisesRegex(RuntimeError, 'closed'):
            len(db.player)
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, 'wrong.py'), 'w') as file:
                file.write('from orochi import *\n@table\nclass A:\n    a: complex\n')
            code = 'import wrong\nfrom orochi.testing import Database\nDatabase(wrong)'
            done = subprocess.run([sys.executable, '-c', code], cwd=folder, capture_output=True, text=True)
            self.assertRegex(done.stderr, r'SchemaError: .*wrong\.py:4: ')


class Pytest(unittest.TestCase):
    def test_the_fixture_and_the_coverage_of_lines(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, 'pyproject.toml'), 'w') as file:
                file.write('[tool.orochi]\nmodule = "other"\n')
            with open(os.path.join(folder, 'test_it.py'), 'w') as file:
                file.write('import other\n\ndef test_it(orochi_db):\n    orochi_db.connect("a").call(other.join, "A")\n'
                           '    assert [p.nick for p in orochi_db.player] == ["A"]\n\n'
                           'def test_afresh(orochi_db):\n    assert len(orochi_db.player) == 1\n')
            with open(os.path.join(folder, 'other.py'), 'w') as file, open(other.__file__) as there:
                file.write(there.read())
            done = subprocess.run([sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider'], cwd=folder, capture_output=True, text=True)
            self.assertRegex(done.stdout, r'assert 0 == 1')
            self.assertRegex(done.stdout, r'1 failed, 1 passed')

    def test_random_values_of_a_type(self):
        from hypothesis import given, settings
        from orochi.testing.strategies import of

        @settings(max_examples=30, deadline=None)
        @given(of(game.Player), of(list[game.Vec2] | None), of(dict[str, int]))
        def holds(player, places, words):
            with Database(game) as db:
                db.player.insert(player)
                self.assertEqual(len(db.player), 1)
                self.assertTrue(1 <= len(player.name) <= 20)
        holds()


class Examples(unittest.TestCase):
    """The examples' own rules."""

    @staticmethod
    def load(name):
        spec = importlib.util.spec_from_file_location(f'example_{name}', os.path.join(EXAMPLES, name, 'module.py'))
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    def test_bank(self):
        bank = self.load('bank')
        with Database(bank) as db:
            clerk = db.connect('clerk')
            clerk.call(bank.seed, 10, 100)
            clerk.call(bank.transfer, 1, 2, 30)
            with self.assertRaisesRegex(ReducerError, 'insufficient_funds'):
                clerk.call(bank.transfer, 1, 2, 71)
            self.assertEqual([db.accounts.find(i).balance for i in (1, 2)], [70, 130])
            self.assertEqual(sum(a.balance for a in db.accounts), 1000)

    def test_arena(self):
        arena = self.load('arena')
        with Database(arena) as db:
            ann = db.connect('ann')
            bodies = ann.subscribe('SELECT * FROM body')
            ann.call(arena.join, 'Ann')
            ann.call(arena.steer, 1.0, 0.0)
            x = bodies.rows[0].x
            db.advance(seconds=1)
            self.assertNotEqual(bodies.rows[0].x, x)


class Cost(unittest.TestCase):
    def test_a_database_leaves_no_threads_and_no_files(self):
        before = len(os.listdir('/proc/self/task')), len(os.listdir('/proc/self/fd'))
        for _ in range(50):
            with Database(game) as db:
                db.connect('ann').call(game.join, 'Ann')
        self.assertEqual((len(os.listdir('/proc/self/task')), len(os.listdir('/proc/self/fd'))), before)


    def test_the_import_brings_only_what_every_test_needs(self):
        code = "import sys, orochi.testing; sys.exit(', '.join({'asyncio', 'http.client', 'hypothesis', 'pytest', 'unittest'} & {*sys.modules}) or 0)"
        done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ''))


class Declarations(unittest.TestCase):
    def test_a_module_is_known_by_itself_among_others(self):
        from orochi.testing._engine import declared
        self.assertEqual(set(declared(other).tables), {'player'})
        self.assertNotIn('nick', [c[0] for c in declared(game).tables['player'].columns])
        self.assertTrue(issubclass(SchemaError, Exception))


if __name__ == '__main__':
    unittest.main()
