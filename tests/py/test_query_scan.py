"""Queries of views whose condition no index answers: every row is read along an index and compared."""

import types
import unittest

from orochi import AutoKey, WrongIndex, query, table, u32, u64


@table
class Crate:
    id: AutoKey[u64] = 0
    size: u32
    label: str | None


def row(id, size, label=None):
    return types.SimpleNamespace(id=id, size=size, label=label)


class Indexed:
    """A table as a view has it: what no index answers is refused."""

    def __init__(self, rows, indexes=('id',)):
        self.rows, self.indexes = rows, indexes

    def filter(self, **named):
        if not {name.split('__')[0] for name in named} & set(self.indexes):
            raise WrongIndex('every row')
        return Indexed([r for r in self.rows if all(getattr(r, name) == value for name, value in named.items())], self.indexes)

    def all(self):
        return self

    def order_by(self, name):
        column = name.removeprefix('-')
        if column not in self.indexes:
            raise WrongIndex('every row')
        return Indexed(sorted(self.rows, key=lambda r: getattr(r, column), reverse=name.startswith('-')), self.indexes)

    def __iter__(self):
        return iter(self.rows)

    def __getitem__(self, what):
        return self.rows[what] if isinstance(what, slice) else self


class Scans(unittest.TestCase):
    def ids(self, made, indexes=('id',)):
        rows = [row(1, 5, 'a'), row(2, 50), row(3, 20, 'b'), row(4, 20, 'a')]
        return [r.id for r in made.rows_of(types.SimpleNamespace(db=Indexed(rows, indexes)))]

    def test_a_column_without_an_index(self):
        self.assertEqual(self.ids(query(Crate).where(lambda c: c.size > 10)), [2, 3, 4])
        self.assertEqual(self.ids(query(Crate).where(lambda c: c.label == 'a')), [1, 4])
        self.assertEqual(self.ids(query(Crate).where(lambda c: c.label == None)), [2])  # noqa: E711
        self.assertEqual(self.ids(query(Crate)), [1, 2, 3, 4])

    def test_alternatives_of_which_one_has_an_index(self):
        self.assertEqual(self.ids(query(Crate).where(lambda c: (c.id == 1) | (c.size == 20))), [1, 3, 4])

    def test_order_and_limit(self):
        made = query(Crate).where(lambda c: c.size >= 20)
        self.assertEqual(self.ids(made.order_by('-id').limit(2)), [4, 3])
        self.assertEqual(self.ids(made.order_by('-size').limit(1)), [2])
        self.assertEqual(self.ids(made.order_by('label')), [4, 3, 2])

    def test_two_comparisons_of_a_kind(self):
        self.assertEqual(self.ids(query(Crate).where(lambda c: (c.size != 5) & (c.size != 50))), [3, 4])
        self.assertEqual(self.ids(query(Crate).where(lambda c: (c.id == 3) & (c.id == 4))), [])

    def test_nan_is_greatest(self):
        rows = [row(1, float('nan')), row(2, 1.0)]
        made = query(Crate).where(lambda c: c.size > 5)
        self.assertEqual([r.id for r in made.rows_of(types.SimpleNamespace(db=Indexed(rows)))], [1])

    def test_a_table_without_any_index_is_refused(self):
        with self.assertRaises(WrongIndex):
            self.ids(query(Crate).where(lambda c: c.size > 10), indexes=())


if __name__ == '__main__':
    unittest.main()
