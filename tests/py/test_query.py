"""query(): conditions said as Python, what they find and what they refuse."""

import unittest
from types import SimpleNamespace

from orochi import AutoKey, Index, avg, count, max_, min_, query, sum_, table, u32, u64


@table
class Ship:
    id: AutoKey[u64] = 0
    x: Index[u32]
    name: str


class Found:
    """A table that says what it was asked."""

    def __init__(self, asked, rows):
        self.asked, self.rows = asked, rows

    def __getitem__(self, cls):
        return self

    def filter(self, **named):
        self.asked.append(named)
        return [row for row in self.rows if all(getattr(row, key) == value for key, value in named.items() if hasattr(row, key))]


class Conditions(unittest.TestCase):
    def test_as_sql(self):
        made = query(Ship).where(lambda s: (s.x >= 10) & ~((s.name == "o'x") | (s.x > 20))).order_by('-x').limit(5)
        self.assertEqual(made.sql(), "SELECT * FROM ship WHERE x >= 10 AND name <> 'o''x' AND x <= 20 ORDER BY x DESC LIMIT 5")
        self.assertEqual(query(Ship).where(lambda s: s.x == 1).where(lambda s: s.name != 'a').sql(),
                         "SELECT * FROM ship WHERE x = 1 AND name <> 'a'")

    def test_groups_as_sql(self):
        made = query(Ship).where(lambda s: s.x > 1).group_by('name').agg(n=count(), named=count('name'), best=max_('x'), least=min_('x'),
                                                                      sum=sum_('x'), mean=avg('x'))
        self.assertEqual(made.sql(), 'SELECT name, COUNT(*) AS n, COUNT(name) AS named, MAX(x) AS best, MIN(x) AS least, SUM(x) AS sum, '
                                     'AVG(x) AS mean FROM ship WHERE x > 1 GROUP BY name')
        self.assertEqual(query(Ship).agg(n=count()).sql(), 'SELECT COUNT(*) AS n FROM ship')

    def test_a_group_needs_an_aggregate(self):
        with self.assertRaisesRegex(TypeError, r'group_by\(\'name\'\) needs an agg\(\)'):
            query(Ship).group_by('name')._plan()

    def test_each_alternative_is_asked_and_each_row_is_there_once(self):
        asked, rows = [], [SimpleNamespace(id=1, x=1, name='a'), SimpleNamespace(id=2, x=2, name='a')]
        ctx = type('Ctx', (), {'db': Found(asked, rows)})
        self.assertEqual(query(Ship).where(lambda s: (s.x == 1) | (s.name == 'a')).rows_of(ctx), rows)
        self.assertEqual(asked, [{'x': 1}, {'name': 'a'}])

    def test_refusals(self):
        for made, error, words in (
                (lambda: query(int), TypeError, 'class of a table'),
                (lambda: query(Ship).where(lambda s: s.y == 1), AttributeError, "no column 'y'"),
                (lambda: query(Ship).where(lambda s: s.x == 1 and s.x == 2), TypeError, 'with & | ~'),
                (lambda: query(Ship).where(lambda s: True), TypeError, 'comparison of columns'),
                (lambda: query(Ship).where(lambda s: s.x == s.id), TypeError, 'with a value'),
                (lambda: query(Ship).order_by('y'), AttributeError, "no column 'y'"),
                (lambda: query(Ship).limit(-1), TypeError, 'number of rows'),
                (lambda: query(Ship).group_by(), TypeError, 'takes the columns'),
                (lambda: query(Ship).group_by('y'), AttributeError, "no column 'y'"),
                (lambda: query(Ship).limit(1).group_by('x'), TypeError, 'without order_by'),
                (lambda: query(Ship).agg(n=count()).order_by('x'), TypeError, 'a row for each group'),
                (lambda: query(Ship).group_by('x').limit(1), TypeError, 'a row for each group'),
                (lambda: query(Ship).agg(n=count()).agg(m=count()), TypeError, 'comes last'),
                (lambda: query(Ship).agg(), TypeError, 'what is to be counted'),
                (lambda: query(Ship).agg(n=len), TypeError, 'it is one of count'),
                (lambda: query(Ship).agg(n=max_('y')), AttributeError, "no column 'y'"),
                (lambda: query(Ship).group_by('x').agg(x=count()), TypeError, 'has a column of that name')):
            with self.assertRaisesRegex(error, words):
                made()


if __name__ == '__main__':
    unittest.main()
