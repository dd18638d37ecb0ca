"""`orochi dev`: serves a module, and whatever is saved: bindings and stubs are made anew, the tests that it may have changed are run, and
mistakes are shown with their line."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import webbrowser
from pathlib import Path

from .. import _load
from . import program, stubs, test
from .logs import coloured
from .place import CommandError

PASSES_ON = True  # what is no flag of ours is one of `orochi run`
LOOK = 0.2  # seconds between two looks at the files
_ANSWERS = 20  # seconds in which the server has reloaded, or said why not
_MODULE_WRONG = 1
_PLACE = re.compile(r'(?:^|\s)(\S+\.py):(\d+)(?::(\d+))?: (.*)')
_LEVELS = {'ERROR': 31, 'WARN': 33, 'INFO': 32, 'DEBUG': 36, 'TRACE': 35}


def arguments(parser):
    parser.add_argument('--no-open', action='store_true', help='do not open the browser')
    parser.add_argument('--no-tests', action='store_true', help='do not run tests')
    parser.add_argument('--bindings', metavar='DIR', help='TypeScript bindings go there (default: src/bindings, where there is a src)')
    parser.add_argument('--debug', action='store_true', help='breakpoint() works in reducers, on this terminal: one worker, no time limits')
    parser.usage = 'orochi dev [MODULE] [flags] [flags of run]'
    parser.epilog = 'MODULE is a .py file, a package, or a folder with one; without, this folder. It stands before the flags of run.\n' \
                    f'All flags of `orochi run` may be given too: --listen, --data, --memory ...\n\n{parser.epilog}'


def main(args):
    args.module = args.more.pop(0) if args.more and not args.more[0].startswith('-') else None
    return _Dev(args).run()


def _flags(args):
    flags = ['--watch', '--dev-errors', *args.more]
    if args.debug:
        flags += ['--isolation', 'main', '--workers', '1', '--set', 'reducer.timeout_ms=0', '--set', 'reducer.give_up_ms=0',
                  '--set', 'reducer.init_timeout_ms=0', '--set', 'reducer.io_in_reducers=allow']
    return flags


# ---- mistakes with their line ----

def marked(line):
    """The source line that a message speaks of, with a caret below what it names; '' where it speaks of none."""
    found = _PLACE.search(line)
    if found is None or found[4].startswith('syntax error: '):  # which shows its line itself
        return ''
    file, number, _, said = found.groups()
    try:
        source = Path(file).read_text(encoding='utf-8', errors='replace').splitlines()[int(number) - 1].rstrip()
    except (OSError, IndexError):
        return ''
    at = next((source.find(word) for word in re.findall(r"['`\"]([^'`\"]+)['`\"]", said) if word in source), -1)
    at = at if at >= 0 else len(source) - len(source.lstrip())
    blank = ''.join(c if c == '\t' else ' ' for c in source[:at])
    return f'    {number:>4} | {source}\n    {"":>4} | {blank}^' if source.strip() else ''


def painted(line):
    """A line of the server's log, in colours."""
    return re.sub(r'^(\S+Z )(ERROR|WARN |INFO |DEBUG|TRACE)', lambda m: f'{m[1]}\033[{_LEVELS[m[2].strip()]}m{m[2]}\033[0m', line)


# ---- files ----

def _made(path):
    """Stubs change because the module has."""
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            return file.read(len(stubs.HEADER)) == stubs.HEADER
    except OSError:
        return False


def looked_at(folder):
    """Each .py file of the author's in the folder, with what tells that it was saved."""
    found = {}
    for at, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if not f.startswith('.') and f not in ('node_modules', '__pycache__', 'orochi-data')]
        for name in files:
            if name.endswith('.py'):
                path = os.path.join(at, name)
                try:
                    stat = os.stat(path)
                except OSError:
                    continue
                found[path] = stat.st_mtime_ns, stat.st_size
    return found


def is_test(path):
    name = os.path.basename(path)
    return name.startswith('test_') or name.endswith('_test.py') or name == 'conftest.py'


class _Dev:
    def __init__(self, args):
        self.args = args
        self.module = program.module_of(args.module)
        self.package = self.module if os.path.isdir(self.module) else None
        self.folder = os.path.dirname(os.path.abspath(self.module)) if not self.package else os.path.abspath(self.module)
        self.colour = coloured(sys.stdout)
        self.opened = args.no_open or args.debug
        self.said = threading.Lock()
        self.reloaded = threading.Event()  # the server has answered the last change,
        self.right = True                  # and has taken it
        self.bindings = args.bindings or (os.path.join(self.folder, 'src/bindings') if os.path.isdir(os.path.join(self.folder, 'src')) else None)

    def say(self, text):
        with self.said:
            print(text, flush=True)

    # ---- the server ----

    def serve(self):
        """Starts it; its lines come out with what they speak of."""
        debug = self.args.debug
        env = {**os.environ, 'OROCHI_DEBUG': '1'} if debug else dict(os.environ)
        child = subprocess.Popen([*program.words(), 'run', self.module, *_flags(self.args)], env=env, stdin=None if debug else subprocess.DEVNULL,
                                 stdout=None if debug else subprocess.PIPE, stderr=None if debug else subprocess.PIPE, text=True, errors='replace')
        self.readers = [] if debug else [threading.Thread(target=self.pass_on, args=(stream,)) for stream in (child.stdout, child.stderr)]
        for reader in self.readers:
            reader.start()
        return child

    def pass_on(self, stream):
        for line in stream:
            line = line.rstrip('\n')
            if not self.opened and (page := re.match(r'  page +(http\S+)$', line)):
                self.open(page[1])
            if found := re.search(r' server: (reloaded in |the module was not reloaded)', line):
                self.right = found[1].startswith('reloaded')
                self.reloaded.set()
            mark = marked(line)
            self.say((painted(line) if self.colour else line) + (f'\n{mark}' if mark else ''))

    def open(self, url):
        self.opened = True
        if os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY') or os.environ.get('BROWSER') or sys.platform == 'darwin':
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    # ---- what follows from a change ----

    def make(self):
        """Bindings and stubs, each in a process of its own, since they import the module. What is wrong with it the server says."""
        commands = []
        if self.bindings:
            commands.append(['generate', '--lang', 'typescript', '--out', self.bindings, self.module])
        stem = _load.module_name(self.module) if self.package else os.path.basename(self.module).removesuffix('.py')
        if _made(os.path.join(self.folder, stem.replace('-', '_') + '_db.py')):
            commands.append(['stubs', self.module])
        for command in commands:
            done = subprocess.run([*program.words(), *command], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
            if done.returncode != 0 and command[0] == 'generate' and 'exists and was not generated' in done.stderr:
                self.say(done.stderr.rstrip())

    def test(self, changed):
        """Those files of tests that changed; all of them if the module has."""
        tests = sorted(path for path in looked_at(self.folder) if is_test(path) and os.path.basename(path) != 'conftest.py')
        only = [path for path in changed if path in tests]
        if self.args.no_tests or not tests:
            return
        try:
            command = test.command(self.folder)
        except CommandError as error:
            self.args.no_tests = True
            self.say(f'dev: no tests are run: {error}')
            return
        flags = ['--color=yes'] if self.colour else []
        done = subprocess.run([*command, '-q', '--no-header', *flags, *(only if only and len(only) == len(changed) else tests)], cwd=self.folder,
                              capture_output=True, text=True, errors='replace', stdin=subprocess.DEVNULL, check=False)
        out = done.stdout.strip().splitlines()
        self.say(f'dev: tests: {out[-1].strip("= ")}' if done.returncode == 0 and out else f'dev: tests failed\n{done.stdout}{done.stderr}'.rstrip())

    def changed(self, paths):
        names = ', '.join(os.path.relpath(path, self.folder) for path in paths)
        self.say(f'dev: {names} changed')
        self.reloaded.wait(_ANSWERS)  # the server comes first, and says what is wrong
        self.reloaded.clear()
        if not self.right:
            return
        if any(not is_test(path) for path in paths):
            self.make()
        self.test(paths)

    # ---- until it ends ----

    def watch(self, child):
        """Until the server ends: what is saved is looked at once it stands still. Gives the files as they were looked at."""
        seen = last = looked_at(self.folder)
        self.make()
        self.test([])
        while child.poll() is None:
            time.sleep(LOOK)
            now = looked_at(self.folder)
            if now != seen and now == last:
                paths = sorted(path for path in now.keys() | seen.keys() if now.get(path) != seen.get(path) and not _made(path))
                seen = now
                if paths:
                    self.changed(paths)
            last = now
        return seen

    def once(self):
        """One server, to its end. Gives its exit code, and the files as they were."""
        child = self.serve()
        try:
            seen = self.watch(child) if not self.args.debug else (child.wait(), looked_at(self.folder))[1]
        except BaseException:
            child.send_signal(signal.SIGTERM)  # a second time does nothing to one that a Ctrl-C has reached
            raise
        finally:
            code = child.wait()
            for reader in self.readers:
                reader.join()
        return code, seen

    def run(self):
        # The debugger's Ctrl-C is the server's to take.
        signal.signal(signal.SIGINT, signal.SIG_IGN if self.args.debug else signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            while True:
                code, seen = self.once()
                if code != _MODULE_WRONG:
                    return code
                self.say('dev: waiting until a file is saved (Ctrl-C ends it)')
                while looked_at(self.folder) == seen:
                    time.sleep(LOOK)
        except KeyboardInterrupt:
            return 0
