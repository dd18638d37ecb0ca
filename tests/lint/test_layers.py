"""The layer check finds what it is there to find. Run as: test_layers.py (unittest)."""
import unittest

from checks import Check

TABLE = 'low:\nmid: low | vendor.h\nhigh: low mid\nhigh/inner: low\n'


class Layers(Check):
    script = 'layers.py'

    def check(self, files, table=TABLE):
        return self.run_check({'table.txt': table, **files}, 'table.txt')

    def test_includes_downward_pass(self):
        files = {'low/a.h': '#include <stdio.h>\n', 'mid/b.c': '#include <vendor.h>\n#include "low/a.h"\n',
                 'high/c.c': '# include "mid/b.h"\n#include "high/c_priv.h"\n'}
        self.assertEqual(self.check(files), (0, ''))

    def test_an_upward_include_is_named_with_its_line(self):
        code, said = self.check({'low/a.c': '\n#include "mid/b.h"\n'})
        self.assertEqual((code, said), (1, 'low/a.c:2: "mid/b.h": low may not include mid'))

    def test_an_inner_folder_has_its_own_rules(self):
        self.assertIn('high/inner may not include mid', self.check({'high/inner/a.c': '#include "mid/b.h"\n'})[1])

    def test_a_vendor_header_outside_its_folder(self):
        self.assertIn('belongs to another', self.check({'high/a.c': '#include <vendor.h>\n'})[1])

    def test_a_private_header_of_another_folder(self):
        self.assertIn('private to mid', self.check({'high/a.c': '#include "mid/b_priv.h"\n'})[1])

    def test_a_path_that_is_not_from_the_top(self):
        self.assertIn('not written from the top', self.check({'mid/a.c': '#include "a.h"\n'})[1])

    def test_a_folder_not_yet_seen_is_refused(self):
        code, said = self.check({}, 'low: high\nhigh:\n')
        self.assertEqual((code, said), (1, 'table.txt:1: high not seen above'))

    def test_a_folder_twice_is_refused(self):
        self.assertEqual(self.check({}, 'low:\nlow:\n')[0], 1)


if __name__ == '__main__':
    unittest.main()
