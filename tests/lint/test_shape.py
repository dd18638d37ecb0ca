"""The check of the tree's shape finds what it is there to find. Run as: test_shape.py (unittest)."""
import unittest

from checks import Check


def function(name, *calls):
    return f'void\n{name}(void)\n{{\n' + ''.join(f'    {call}();\n' for call in calls) + '}\n'


class Shape(Check):
    script = 'shape.py'

    def check(self, files, exceptions=''):
        return self.run_check({'shape.txt': exceptions, **files}, 'shape.txt')

    def test_a_tree_without_circles_passes(self):
        files = {'net/a.h': '', 'net/a.c': '#include "net/a.h"\n' + function('a', 'b'), 'net/b.c': function('b')}
        self.assertEqual(self.check(files), (0, ''))

    def test_a_long_file_and_a_long_private_header(self):
        code, said = self.check({'net/a.c': '\n' * 801, 'tests/net/b.c': '\n' * 900, 'net/a_priv.h': '\n' * 251, 'net/b.h': '\n' * 251})
        self.assertEqual(code, 1)
        self.assertEqual([line.split(':')[0] for line in said.splitlines()], ['net/a.c', 'net/a_priv.h', 'tests/net/b.c'])

    def test_headers_that_include_each_other(self):
        files = {'net/a.h': '#include "net/b.h"\n', 'net/b.h': '#include "net/c.h"\n', 'net/c.h': '#include "net/a.h"\n'}
        self.assertIn('a circle of files: net/a.h net/b.h net/c.h', self.check(files)[1])

    def test_files_that_call_each_other_over_a_third(self):
        files = {'net/a.c': function('a', 'b'), 'net/b.c': function('b', 'c'), 'runtime/c.c': function('c', 'a')}
        code, said = self.check(files)
        self.assertEqual(code, 1)
        self.assertIn('a circle of files: net/a.c net/b.c runtime/c.c', said)

    def test_statics_comments_texts_and_tests_make_no_circle(self):
        files = {'net/a.c': function('a', 'b') + 'static ' + function('own').replace('\n', '\n', 1),
                 'net/b.c': '/* a() */\n' + function('b') + 'static const char *text = "a()";\nstatic void\nown(void)\n{\n}\n',
                 'tests/net/t.c': function('b', 'a')}
        self.assertEqual(self.check(files), (0, ''))

    def test_tags_and_members_are_no_calls(self):
        files = {'net/a.c': function('a', 'b'), 'net/b.c': 'struct a;\nstatic int\nget(struct a *p)\n{\n    return p->a + (*p).a;\n}\n' + function('b')}
        self.assertEqual(self.check(files), (0, ''))

    def test_an_exception_lets_it_pass(self):
        files = {'net/a.c': function('a', 'b'), 'net/b.c': function('b', 'a') + '\n' * 801}
        self.assertEqual(self.check(files, 'circle net/a.c net/b.c # one subject\nlines net/*.c 820\n'), (0, ''))
        self.assertIn('at most 805', self.check(files, 'circle net/a.c net/b.c\nlines net/b.c 805\n')[1])

    def test_an_exception_that_nobody_needs_is_refused(self):
        code, said = self.check({'net/a.c': function('a')}, 'circle net/a.c net/b.c\nlines net/a.c 900\n')
        self.assertEqual(code, 1)
        self.assertEqual(len(said.splitlines()), 3, said)

    def test_a_circle_that_has_grown_is_refused(self):
        files = {'net/a.c': function('a', 'b'), 'net/b.c': function('b', 'c'), 'net/c.c': function('c', 'a')}
        self.assertIn('a circle of files', self.check(files, 'circle net/a.c net/b.c\n')[1])


if __name__ == '__main__':
    unittest.main()
