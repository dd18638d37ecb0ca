"""Databases of tests on disk, and restarts, which go through the disk in any case."""

import contextlib
import importlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(__file__))

import beats
import game
import later

from orochi import ReducerError
from orochi.testing import Database


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def module(self, name, text):
        """A module of the test's own, as it is now."""
        code = os.path.join(self.folder, 'code')
        os.makedirs(code, exist_ok=True)
        if code not in sys.path:
            sys.path.insert(0, code)
            self.addCleanup(sys.path.remove, code)
        with open(os.path.join(code, f'{name}.py'), 'w') as file:
            file.write('from orochi import *\n' + text)
        before = sys.modules.get(name)
        sys.dont_write_bytecode, was = True, sys.dont_write_bytecode
        try:
            return importlib.reload(before) if before else importlib.import_module(name)
        finally:
            sys.dont_write_bytecode = was


class Kept(Case):
    def test_the_next_database_finds_what_there_is(self):
        with Database(game, path=self.folder) as db:
            db.connect('ann').call(game.join, 'Ann')
            gone = db.secret.insert(text='gone').id
            db.secret.delete(gone)
        self.assertIn('game.db', os.listdir(self.folder))
        with Database(game, path=self.folder) as db:
            self.assertEqual([(p.name, p.online) for p in db.player], [('Ann', False)])
            self.assertEqual([s.text for s in db.secret], ['made by init'])
            self.assertEqual(db.secret.insert(text='next').id, gone + 1)
            self.assertEqual(db.sql('SELECT count(*) AS n FROM st_client'), [{'n': 0}])

    def test_a_restart_reads_the_log(self):
        with Database(game, path=self.folder) as db:
            ann = db.connect('ann')
            ann.call(game.join, 'Ann')
            db.restart()
            self.assertEqual([p.name for p in db.player], ['Ann'])
            again = db.connect('ann')
            seen = again.subscribe(game.Player)
            again.call(game.score, 5)
            self.assertEqual(len(seen.updated), 1)
            self.assertEqual(db.advance(seconds=1), 20)

    def test_two_do_not_share_a_folder(self):
        with Database(game, path=self.folder):
            with self.assertRaises(OSError):
                Database(game, path=self.folder)
        Database(game, path=self.folder).close()

    def test_what_is_no_database_is_said(self):
        with open(os.path.join(self.folder, 'game.db'), 'wb') as file:
            file.write(b'not a database' * 1000)
        with self.assertRaisesRegex(ValueError, 'not a database|damaged'):
            Database(game, path=self.folder)

    def test_an_init_that_failed_runs_again(self):
        text = '''
fails = True
@table
class Note:
    n: u32
@init
def begin(ctx: ReducerContext):
    if fails:
        raise ReducerError('not yet')
    ctx.db.note.insert(n=1)
'''
        begun = self.module('begun', text)
        for _ in range(2):
            with self.assertRaisesRegex(ReducerError, 'not yet'):
                Database(begun, path=self.folder)
        begun.fails = False
        for _ in range(2):
            with Database(begun, path=self.folder) as db:
                self.assertEqual([n.n for n in db.note], [1])

    def test_what_runs_once_runs_once(self):
        once = self.module('once', '''
@table
class Note:
    n: u32
@scheduled(delay_ms=500, repeating=False)
def later(ctx: ReducerContext):
    ctx.db.note.insert(n=1)
''')
        for _ in range(2):
            with Database(once, path=self.folder) as db:
                db.advance(seconds=5)
                self.assertEqual(len(db.note), 1)

    def test_it_is_what_sqlite_reads(self):
        with Database(game, path=self.folder) as db:
            db.connect('ann').call(game.join, 'Ann')
        with contextlib.closing(sqlite3.connect(os.path.join(self.folder, 'game.db'))) as file:
            self.assertEqual(file.execute('SELECT name FROM player').fetchall(), [('Ann',)])

    def test_a_process_that_dies_leaves_what_was_settled(self):
        code = ('import os, sys; sys.path.insert(0, sys.argv[1])\n'
                'import game; from orochi.testing import Database\n'
                'db = Database(game, path=sys.argv[2]); db.connect("ann").call(game.join, "Ann"); db.restart(); os._exit(0)')
        subprocess.run([sys.executable, '-c', code, os.path.dirname(__file__), self.folder], check=True, timeout=120)
        with Database(game, path=self.folder) as db:
            self.assertEqual([p.name for p in db.player], ['Ann'])


class Versions(Case):
    OLD = '''
@table
class Thing:
    id: AutoKey[u64] = 0
    n: u32
'''
    NEW = '''
@table
class Thing:
    id: AutoKey[u64] = 0
    text: str
@table
class Seen:
    n: u32
@migration(table="thing")
def up(old):
    return None if old["n"] == 0 else Thing(id=old["id"], text=str(old["n"]))
@updated
def changed(ctx: ReducerContext):
    ctx.db.seen.insert(n=len(ctx.db.thing))
'''

    def test_another_version_migrates_what_there_is(self):
        with Database(self.module('aging', self.OLD), path=self.folder) as db:
            db.thing.insert_many([db._declared.tables['thing'].cls(n=n) for n in (0, 7, 8)])
        new = self.module('aging', self.NEW)
        for _ in range(2):  # the second time it is the same version
            with Database(new, path=self.folder) as db:
                self.assertEqual([(t.id, t.text) for t in db.thing.all().order_by('id')], [(2, '7'), (3, '8')])
                self.assertEqual([s.n for s in db.seen], [2])

    def test_one_that_does_not_fit_is_refused_and_changes_nothing(self):
        with Database(self.module('aging2', self.OLD), path=self.folder) as db:
            db.thing.insert(n=1)
        with self.assertRaisesRegex(ValueError, 'does not fit the module'):
            Database(self.module('aging2', self.NEW[:self.NEW.index('@migration')]), path=self.folder)
        with Database(self.module('aging2', self.OLD), path=self.folder) as db:
            self.assertEqual([t.n for t in db.thing], [1])

    def test_a_reload_changes_the_files_too(self):
        with Database(self.module('aging3', self.OLD), path=self.folder) as db:
            db.thing.insert(n=7)
            db.reload(self.module('aging3', self.NEW))
            self.assertEqual([t.text for t in db.thing], ['7'])
            db.thing.insert(text='more')
        with Database(self.module('aging3', self.NEW), path=self.folder) as db:
            self.assertEqual([t.text for t in db.thing.all().order_by('id')], ['7', 'more'])
            self.assertEqual([s.n for s in db.seen], [1])

    def test_a_reload_brings_and_changes_schedules(self):
        text = '''
@table
class Note:
    n: u32
@scheduled(interval_ms={})
def tick(ctx: ReducerContext):
    ctx.db.note.insert(n=1)
'''
        with Database(self.module('ticking', text.format(1000))) as db:
            self.assertEqual(db.advance(seconds=3), 3)
            db.reload(self.module('ticking', text.format(250) + '@scheduled(interval_ms=500)\ndef tock(ctx: ReducerContext):\n    pass\n'))
            self.assertEqual(db.advance(seconds=1), 4 + 2)


    def test_a_reload_declares_nothing_twice(self):
        text = '''
@environment
class Settings:
    KEY: str = "a"
@route("GET", "/n")
def n(ctx: HandlerContext, request: Request) -> str:
    return "{}"
@migration(table="thing")
def up(old):
    return old
@table
class Thing:
    n: u32
'''
        with Database(self.module('again', text.format(1))) as db:
            self.assertEqual(db.request('GET', '/n').text(), '1')
            db.reload(self.module('again', text.format(2)))
            self.assertEqual(db.request('GET', '/n').text(), '2')


class States(Case):
    def test_a_snapshot_is_gone_back_to_in_the_files(self):
        with Database(game, path=self.folder) as db:
            ann = db.connect('ann')
            seen = ann.subscribe(game.Player)
            saved = db.snapshot()
            ann.call(game.join, 'Ann')
            db.restore(saved)
            self.assertEqual((len(db.player), seen.rows), (0, []))
            db.connect('bob').call(game.join, 'Bob')
        with Database(game, path=self.folder) as db:
            self.assertEqual([p.name for p in db.player], ['Bob'])
            self.assertEqual([s.text for s in db.secret], ['made by init'])

    def test_beats_go_on_over_a_restart(self):
        for path in (None, self.folder):
            with Database(beats, path=path) as db:
                db.advance(seconds=4)
                db.restart()
                db.advance(seconds=12)
                self.assertEqual([at - db.count.find('seven').at[0] for at in db.count.find('seven').at], [0, 7_000_000, 14_000_000])

    def test_calls_that_wait_are_there_after_a_restart(self):
        with Database(later) as db:
            db.connect('ann').call(later.ask, 'after')
            db.restart()
            db.advance(seconds=5)
            self.assertEqual([n.what for n in db.note], ['bomb 1'])

    def test_every_kind_of_value_comes_back_from_a_restart(self):
        kinds = self.module('kinds', '''
from dataclasses import dataclass
import uuid
@dataclass
class Vec:
    x: f32
    y: f64
@table
class Row:
    id: PrimaryKey[u64]
    big: u256
    small: i8
    text: str
    data: bytes
    vec: Vec
    maybe: str | None
    many: list[u16]
    who: Identity
    when: Timestamp
    code: uuid.UUID
    json: Json
''')
        import uuid
        from orochi import Identity, Timestamp
        with Database(kinds) as db:
            db.row.insert(id=2 ** 64 - 1, big=2 ** 256 - 1, small=-128, text='\0é😀', data=b'\0\xff', vec=kinds.Vec(0.5, -0.0), maybe=None,
                          many=[0, 65535], who=Identity(5), when=Timestamp(-1), code=uuid.UUID(int=7), json={'a': [1, None]})
            before = db.row.first()
            db.restart()
            self.assertEqual(db.row.first(), before)


if __name__ == '__main__':
    unittest.main()
