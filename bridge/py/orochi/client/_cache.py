"""What a client knows of tables: the rows of its subscriptions, by their bytes, and who is told of changes."""

from collections import Counter

from ._values import attribute


class Table:
    """The rows of one table that the client's subscriptions show it: c.db.player. Callbacks run in the thread that uses the client."""

    def __init__(self, name, declared, row_type):
        self.name = name
        self.key = attribute(declared.columns[declared.primary_key].canonical) if declared.primary_key is not None else None
        self._type = row_type
        self._rows = {}  # bytes -> [how many queries show it, row]
        self._insert, self._delete, self._update = [], [], []

    def __len__(self):
        return len(self._rows)

    def __iter__(self):
        return iter([row for _, row in self._rows.values()])

    def __repr__(self):
        return f'<Table {self.name}: {len(self)} rows>'

    def count(self):
        """How many rows are known."""
        return len(self._rows)

    def find(self, key):
        """The row with this primary key, or None."""
        if self.key is None:
            raise TypeError(f'{self.name} has no primary key: filter(column=value)')
        return next(iter(self.filter(**{self.key: key})), None)

    def filter(self, **columns):
        """The rows whose columns have these values, a list."""
        wanted = [(attribute(name), value) for name, value in columns.items()]
        return [row for row in self if all(getattr(row, name) == value for name, value in wanted)]

    def on_insert(self, told):
        """told(row): of a row that is new, also of those that a subscription begins with. Gives told."""
        self._insert.append(told)
        return told

    def on_delete(self, told):
        """told(row): of a row that is gone."""
        self._delete.append(told)
        return told

    def on_update(self, told):
        """told(old, new): of two rows of one primary key. Without it they are a row that is gone and one that is new."""
        self._update.append(told)
        return told

    def _apply(self, inserted, deleted):
        """The rows that have come and gone, (bytes, row): what was deleted and inserted at once is neither."""
        come, gone = Counter(inserted), Counter(deleted)
        new, old = [], []
        for data, n in (gone - come).items():
            known = self._rows.get(data)
            if known is not None:
                known[0] -= n
                if known[0] <= 0:
                    old.append((data, self._rows.pop(data)[1]))
        for data, n in (come - gone).items():
            known = self._rows.get(data)
            if known is not None:
                known[0] += n
            else:
                row = self._type.decode(data)
                self._rows[data] = [n, row]
                new.append((data, row))
        return new, old

    def _tell(self, new, old):
        new, old = [row for _, row in new], [row for _, row in old]
        if self.key is not None and self._update:
            before = {repr(getattr(row, self.key)): row for row in old}
            pairs = [(before[key], row) for row in new if (key := repr(getattr(row, self.key))) in before]
            _each(self._update, pairs)
            changed = {id(row) for pair in pairs for row in pair}
            new, old = ([row for row in rows if id(row) not in changed] for rows in (new, old))
        _each(self._delete, [(row,) for row in old])
        _each(self._insert, [(row,) for row in new])

    def _events(self, rows):
        _each(self._insert, [(self._type.decode(data),) for data in rows])


def _each(told, of):
    for args in of:
        for one in list(told):
            one(*args)


class Tables:
    """c.db: tables as attributes, or by name: c.db['player']."""

    def __init__(self, tables):
        self._tables = tables

    def __getattr__(self, name):
        found = self.__dict__.get('_tables', {})
        if name in found:
            return found[name]
        raise AttributeError(f'there is no table {name}; there are {", ".join(sorted(found))}')

    def __getitem__(self, name):
        return getattr(self, name)

    def __iter__(self):
        return iter(self._tables.values())

    def __dir__(self):
        return sorted(self._tables)
