"""The set-up scripts: which Python is chosen and why, and how test results are counted."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

CONFIG = pathlib.Path(__file__).resolve().parents[2] / 'config'


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name)


class ChoosePython(Folder):
    def setUp(self):
        super().setUp()
        # A PATH without the system's own interpreters: one of them might do.
        (self.top / 'tools').mkdir()
        for tool in ('sh', 'cat', 'ls', 'sort', 'dirname', 'mkdir', 'flock'):
            (self.top / 'tools' / tool).symlink_to(shutil.which(tool))

    def fake(self, name, answer):
        """An interpreter that answers the questions of python.sh as told."""
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\ncat >/dev/null\necho "{answer}"\n')
        path.chmod(0o755)
        return path

    def choose(self, **environment):
        # HOME is empty, so pyenv, uv and the cache are what a test puts there.
        base = {'PATH': f'{self.top}/bin:{self.top}/tools', 'HOME': str(self.top)}
        ran = subprocess.run(['sh', CONFIG / 'python.sh'], env=base | environment, capture_output=True, text=True)
        return ran.returncode, ran.stdout.strip(), ran.stderr.strip()

    def test_the_one_that_is_named_wins(self):
        named = self.fake('named', 'yes: /named 3.13.9')
        self.fake('bin/python3', 'yes: /on-path 3.14.0')
        code, out, said = self.choose(OROCHI_PYTHON=str(named))
        self.assertEqual((code, out), (0, '/named'))
        self.assertEqual(said, 'Python 3.13.9: /named (OROCHI_PYTHON names it)')

    def test_the_one_that_is_named_is_never_replaced(self):
        named = self.fake('named', 'no: it is the free-threaded build')
        self.fake('bin/python3', 'yes: /on-path 3.14.0')
        code, out, said = self.choose(OROCHI_PYTHON=str(named))
        self.assertEqual((code, out), (1, ''))
        self.assertIn('it is the free-threaded build', said)

    def test_one_that_is_named_and_missing(self):
        self.assertIn('which is not there', self.choose(OROCHI_PYTHON='/nowhere/python3')[2])

    def test_the_path_comes_before_pyenv(self):
        self.fake('bin/python3', 'yes: /on-path 3.13.1')
        self.fake('.pyenv/versions/3.14.0/bin/python3.14', 'yes: /pyenv 3.14.0')
        self.assertEqual(self.choose()[1], '/on-path')

    def test_an_old_python3_does_not_hide_a_newer_name(self):
        self.fake('bin/python3', 'no: it is 3.11')
        self.fake('bin/python3.13', 'yes: /newer 3.13.1')
        self.assertEqual(self.choose()[1], '/newer')

    def test_the_newest_of_pyenv_that_will_do(self):
        self.fake('bin/python3', 'no: it is 3.11')
        self.fake('.pyenv/versions/3.9.1/bin/python3.9', 'no: it is 3.9')
        self.fake('.pyenv/versions/3.13.2/bin/python3.13', 'yes: /older 3.13.2')
        self.fake('.pyenv/versions/3.13.10/bin/python3.13', 'yes: /newer 3.13.10')
        self.fake('.pyenv/versions/3.14.0t/bin/python3.14', 'no: it is the free-threaded build')
        code, out, said = self.choose(OROCHI_VERBOSE='1')
        self.assertEqual(out, '/newer')
        self.assertIn('3.14: it is the free-threaded build', said)

    def test_one_built_before_is_used_again(self):
        self.fake('bin/python3', 'no: it is 3.11')
        self.fake('kept/orochi/python-3.13.5/bin/python3.13', 'yes: /built 3.13.5')
        self.assertEqual(self.choose(OROCHI_CACHE=str(self.top / 'kept'))[1], '/built')
        self.assertEqual(self.choose(OROCHI_CACHE=str(self.top / 'kept'), OROCHI_PYTHON='build')[1], '/built')

    def test_the_interpreter_that_runs_this_can_be_embedded(self):
        self.assertEqual(self.choose(OROCHI_PYTHON=sys.executable)[0], 0)


class Tally(Folder):
    def tally(self, kind, text):
        path = self.top / 'log'
        path.write_text(text)
        ran = subprocess.run([sys.executable, CONFIG / 'tally.py', kind, 'stage', path], capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout.strip(), ran.stderr

    def meson(self, result, stderr):
        return self.tally('meson', json.dumps({'name': 't', 'result': result, 'stdout': '', 'stderr': stderr}) + '\n')

    def criterion(self, *counts):
        return '[\x1b[0;34m====\x1b[0m] Synthesis: Tested: \x1b[0;34m%d\x1b[0m | Passing: %d | Failing: %d | Crashing: %d' % counts

    def test_criterion_counts_each_test(self):
        self.assertEqual(self.meson('OK', self.criterion(7, 7, 0, 0))[0], '7 0')
        self.assertEqual(self.meson('FAIL', self.criterion(7, 4, 3, 1))[0], '4 3')

    def test_a_program_that_died_has_failed(self):
        self.assertEqual(self.meson('FAIL', 'killed')[0], '0 1')
        self.assertEqual(self.meson('TIMEOUT', self.criterion(2, 2, 0, 0))[0], '2 1')

    def test_a_program_without_tests_has_failed(self):
        counts, said = self.meson('OK', self.criterion(0, 0, 0, 0))
        self.assertEqual(counts, '0 1')
        self.assertIn('ran no test', said)

    def test_a_report_is_a_failure_where_all_passed(self):
        for line in ('==9==ERROR: LeakSanitizer: detected memory leaks', 'WARNING: ThreadSanitizer: data race',
                     'a.c:1:2: runtime error: signed integer overflow'):
            self.assertEqual(self.meson('OK', line + '\n' + self.criterion(3, 3, 0, 0))[0], '3 1', line)

    def test_other_programs_count_as_one_and_unittest_as_many(self):
        self.assertEqual(self.meson('OK', '')[0], '1 0')
        self.assertEqual(self.meson('OK', 'Ran 5 tests in 0.1s\n\nOK')[0], '5 0')

    def test_node(self):
        text = 'TAP version 13\nnot ok 1 - a name\n# pass 4\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 0\n'
        counts, said = self.tally('node', text)
        self.assertEqual(counts, '4 2')
        self.assertIn('a name', said)
        self.assertIn('1 skipped', said)


if __name__ == '__main__':
    unittest.main()
