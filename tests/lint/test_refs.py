"""The check of references finds what it is there to find. Run as: test_refs.py (unittest)."""
import unittest

from checks import Check

PAGE = '# Wire\n\n## The first frame\n\n- **T-1** A rule.\n'


class Refs(Check):
    script = 'refs.py'

    def check(self, comment, name='net/a.c'):
        return self.run_check({'docs/wire.md': PAGE, 'net/b.c': '', name: comment})[1]

    def test_what_is_there_passes(self):
        self.assertEqual(self.check('/* docs/wire.md#the-first-frame, docs/wire.md, T-1, net/b.c, net/NAME.c, UTF-8 */\n'), '')
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
