"""What a test runner left behind, as "passed failed" on one line; failures are shown on stderr.

    tally.py meson NAME testlog.json      meson test; Criterion's and unittest's own counts where a log has them
    tally.py node NAME results.tap        node --test
    tally.py sanitizer NAME PREFIX        report files PREFIX.*
    tally.py unittest NAME FOLDER         runs the unittest files of FOLDER
"""
import glob
import json
import re
import sys
import unittest

COLOUR = re.compile(r'\x1b\[[0-9;]*m')
CRITERION = re.compile(r'Tested: (\d+) \| Passing: (\d+) \|')
# Criterion calls a test passed whose process only complained, or leaked on its way out.
SANITIZER = re.compile(r'ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|: runtime error: ')
UNITTEST = re.compile(r'^Ran (\d+) tests? in', re.M)
SHOWN = 60  # lines of a failed test's output


def fail(what, text=''):
    print(f'FAILED {what}', file=sys.stderr)
    lines = text.strip().splitlines()
    if len(lines) > SHOWN:
        print(f'    ... {len(lines) - SHOWN} lines before', file=sys.stderr)
    for line in lines[-SHOWN:]:
        print(f'    {line}', file=sys.stderr)


def count_meson(record, name):
    """(passed, failed) of one test program. One that failed as a whole has at least one failure."""
    text = COLOUR.sub('', record.get('stdout', '') + '\n' + record.get('stderr', ''))
    good = record['result'] in ('OK', 'EXPECTEDFAIL')
    passed, failed = (1, 0) if good else (0, 1)
    if match := CRITERION.search(text):
        tested, passed = map(int, match.groups())
        failed = tested - passed  # its count of failing ones has the crashing ones in it
    elif good and (match := UNITTEST.search(text)):
        passed = int(match[1])
    why = ''
    if good and not passed:
        why = ', but it ran no test'
    elif good and SANITIZER.search(text):
        why = ', but a sanitizer complained'
    if not good or failed or why:
        failed = max(failed, 1)
        fail(f'{name}: {record["name"]}: {record["result"]}{why}', text)
    return passed, failed


def meson(name, path):
    totals = [0, 0]
    with open(path) as log:
        for line in log:
            for at, count in enumerate(count_meson(json.loads(line), name)):
                totals[at] += count
    return totals


def node(name, path):
    with open(path) as log:
        lines = log.read().splitlines()
    counts = dict.fromkeys(('pass', 'fail', 'cancelled', 'skipped', 'todo'), 0)
    for line in lines:
        if match := re.fullmatch(r'# (pass|fail|cancelled|skipped|todo) (\d+)', line):
            counts[match[1]] = int(match[2])
        elif re.match(r'\s*not ok ', line) and '# TODO' not in line:
            fail(f'{name}: {line.strip()}')
    if counts['skipped'] + counts['todo']:
        print(f'{name}: {counts["skipped"]} skipped, {counts["todo"]} to do', file=sys.stderr)
    return counts['pass'], counts['fail'] + counts['cancelled']


def sanitizer(name, pattern):
    """Report files of a server that a test had in hand: each is a failure."""
    reports = sorted(glob.glob(pattern + '.*'))
    for path in reports:
        with open(path, errors='replace') as report:
            fail(f'{name}: a sanitizer complained ({path})', report.read())
    return 0, len(reports)


def run_unittest(name, folder):
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=1).run(
        unittest.defaultTestLoader.discover(folder, top_level_dir=folder))
    bad = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    if result.skipped:
        for test, why in result.skipped:
            print(f'{name}: skipped {test}: {why}', file=sys.stderr)
    return result.testsRun - bad - len(result.skipped), bad


if __name__ == '__main__':
    kind, name, where = sys.argv[1:]
    print(*{'meson': meson, 'node': node, 'sanitizer': sanitizer, 'unittest': run_unittest}[kind](name, where))
