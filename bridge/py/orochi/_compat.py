"""ctx.db.get_table(Class): the table handle of the design that Orochi grew out of. insert() replaces a row with
the same primary key, and what is found comes as lists."""

_OLDER = {'eq': '', 'ge': '__gte', 'le': '__lte'}  # suffixes that are called otherwise today


def _conditions(given):
    """Today's names of conditions: level__ge is level__gte."""
    found = {}
    for key, value in given.items():
        name, separator, lookup = key.rpartition('__')
        found[name + _OLDER[lookup] if separator and lookup in _OLDER else key] = value
    return found


class OlderTable:
    """One table, as ctx.db.get_table(Class) gives it."""

    __slots__ = ('_table',)

    def __init__(self, table):
        self._table = table

    def insert(self, row=None, /, **columns):
        """Adds a row, or replaces the one with the same primary key. Returns it."""
        if row is None:
            return self._table._upsert_new(**columns)
        return self._table._upsert_new(row)

    def batch_insert(self, rows):
        """insert() for each: all of them, or none when one is refused. Returns them as a list."""
        return self._table._upsert_many(rows)

    def find_by_primary_key(self, key):
        """The row, or None."""
        return self._table.find(key)

    def find_by_index(self, column, value):
        """The rows with this value, as a list."""
        return list(self._table.column(column).filter(value))

    def scan(self, **conditions):
        """The rows that meet the conditions (all, without any), as a list."""
        return list(self._table.filter(**_conditions(conditions)))

    filter = scan

    def count(self, **conditions):
        """How many rows meet the conditions."""
        return self._table.count(**_conditions(conditions))

    def delete(self, **conditions):
        """Deletes the rows that meet the conditions; how many."""
        return self._table.delete_where(**_conditions(conditions))
