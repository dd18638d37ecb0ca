"""row_filter(sql): the table whose rows a filter is of."""

import unittest

from orochi._filters import table_of


class Filters(unittest.TestCase):
    def test_the_table_is_the_one_that_is_selected(self):
        for sql, name in (
                ('SELECT * FROM hand WHERE player = :sender', 'hand'),
                ('select  h.* from hand as h where h.shown', 'hand'),
                ('SELECT h.* FROM hand h', 'hand'),
                ('SELECT "Hand".* FROM "Hand"', 'Hand'),
                ('SELECT message.* FROM message JOIN member ON message.room = member.room', 'message'),
                ('SELECT b.* FROM member m INNER JOIN message AS b ON b.room = m.room WHERE m.player = :sender', 'message'),
                ('SELECT c.* FROM a JOIN b ON a.x = b.x JOIN c ON c.x = b.x', 'c'),
                ("SELECT * FROM hand WHERE face = 'taken from deck'", 'hand'),
                ("SELECT * FROM hand WHERE face = 'it''s from deck'", 'hand')):
            self.assertEqual(table_of(sql), name, sql)

    def test_what_selects_no_table_whole(self):
        for sql in ('', 'hand', 'SELECT id FROM hand', 'SELECT * FROM a JOIN b ON a.x = b.x', 'SELECT x.* FROM a JOIN b ON a.x = b.x',
                    'DELETE FROM hand'):
            self.assertIsNone(table_of(sql), sql)


if __name__ == '__main__':
    unittest.main()
