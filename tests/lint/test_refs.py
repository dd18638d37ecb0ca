"""The check of references finds what it is there to find. Run as: test_refs.py (unittest)."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).with_name('refs.py')
PAGE = '# Wire\n\n## The first frame\n\n- **T-1** A rule.\n'


class Refs(unittest.TestCase):
    def check(self, comment, name='net/a.c'):
        with tempfile.TemporaryDirectory() as folder:
            top = pathlib.Path(folder)
            for path, text in {'docs/wire.md': PAGE, 'net/b.c': '', name: comment}.items():
                (top / path).parent.mkdir(parents=True, exist_ok=True)
                (top / path).write_text(text)
            ran = subprocess.run([sys.executable, CHECK, top], capture_output=True, text=True)
            return ran.stderr.strip()

    def test_what_is_there_passes(self):
        self.assertEqual(self.check('/* docs/wire.md#the-first-frame, docs/wire.md, T-1, net/b.c, UTF-8 */\n'), '')
        self.assertEqual(self.check('static const char x[] = "net/c.c and spec/x";\n'), '')

    def test_what_is_not_there_is_named_with_its_line(self):
        for comment, said in {
            'docs/wires.md': 'there is no docs/wires.md',
            'docs/wire.md#second': 'docs/wire.md has no heading #second',
            'T-2': 'no page of docs/ has the rule T-2',
            'net/c.c': 'there is no net/c.c',
            'spec/pages.md 4': 'a specification that is not in the tree: say the fact, or bring it into docs/',
        }.items():
            for name, text in {'net/a.c': f'\n/* as in {comment} */\n', 'tests/a.py': f'\n# {comment}\n', 'net/a.md': f'\n{comment}\n'}.items():
                self.assertEqual(self.check(text, name).splitlines()[0], f'{name}:2: {said}')


if __name__ == '__main__':
    unittest.main()
