"""Players of a test, and what they are subscribed to."""

import hashlib
from collections import Counter

from .._errors import OrochiError


class Client:
    """A connected player: db.connect("ann") gives one. identity: Identity; connection_id: ConnectionId; name: str."""

    def __init__(self, db, name, claims):
        from .. import ConnectionId, Identity
        self.name = name
        self.claims = claims
        self.identity = Identity(int.from_bytes(b'\xc2\x00' + hashlib.sha256(name.encode()).digest()[:30]))
        db._connections += 1
        self.connection_id = ConnectionId(int.from_bytes(hashlib.sha256(f'{db._seed} {db._connections}'.encode()).digest()[:16]))
        self._db = db
        self._subscriptions = []
        self.connected = False

    def __repr__(self):
        return f'<Client {self.name!r}{"" if self.connected else ", closed"}>'

    def call(self, fn, /, *args, **named):
        """Calls a reducer or procedure, given as the function itself or by name, as a client does: arguments are encoded, checked and
        decoded, and what was committed is there when it returns. named: arguments by name; those left out have their defaults.
        Gives what a procedure returns; while it waits the clock goes on, and everything that is due runs.

        Raises what the function raised (ReducerError is what a real client sees; of another exception it sees a fixed text),
        EncodeError for arguments that cannot be sent, ReducerError for those that the server refuses.
        """
        self._check()
        return self._db._call(self, fn, args, named)

    procedure = call

    def call_raw(self, name, data):
        """Calls a function by name with BSATN bytes: what a client that does not keep to the schema may send. Otherwise as call()."""
        self._check()
        return self._db._call_raw(self, name, bytes(data))

    def subscribe(self, what, /, *args, **named):
        """Subscribes to SQL ("SELECT * FROM shot WHERE room = 1"), to all rows of a table, given as its class, or to a view, given as its
        function with the arguments of its parameters. Gives a Subscription. Raises ValueError for a query that a server refuses, and
        for private tables."""
        self._check()
        subscription = Subscription(self, self._db._sql_of(what, args, named))
        self._subscriptions.append(subscription)
        return subscription

    def view(self, fn, /, *args, **named):
        """The rows that this client sees of a view, as a list: ann.view(game.my_hand), ann.view(game.in_room, 3)."""
        self._check()
        return Subscription(self, self._db._sql_of(fn, args, named)).rows

    def close(self):
        """Leaves: client_disconnected runs, subscriptions end. A second time it does nothing."""
        if self.connected:
            self.connected = False
            self._subscriptions.clear()
            self._db._disconnect(self)

    def _check(self):
        if not self.connected:
            raise OrochiError(f'the client {self.name!r} is closed')


class Subscription:
    """What a client sees of one query.

    rows: the rows that match now, a list. inserted, deleted: rows that have come and gone since it was made, in order, of each
    commit those of its net effect. updated: pairs (old, new) of one primary key; they are in the two others as well.
    """

    def __init__(self, client, sql):
        self.sql = sql
        self.inserted, self.deleted, self.updated = [], [], []
        self._client = client
        self._begin()

    def _begin(self):
        """What matches now is what it has seen; also after a reload."""
        self._table, now, self._alone = self._client._db._query(self.sql, self._client.identity)
        self._now = Counter(now)

    @property
    def rows(self):
        return [self._decode(row) for row in self._now.elements()]

    def wait(self, n=1, seconds=60):
        """Lets virtual time pass until n rows have been inserted; gives them all. TimeoutError after so many seconds of it."""
        db = self._client._db
        end = db.now + int(seconds * 1_000_000)
        while len(self.inserted) < n and db._step(end):
            pass
        if len(self.inserted) < n:
            raise TimeoutError(f'{len(self.inserted)} of {n} rows have come within {seconds} s: {self.sql}')
        return self.inserted

    def _decode(self, row):
        return self._client._db._decode(self._table, row)

    def _look(self, changes):
        """changes: those of one commit, (table, inserted, row)."""
        of_mine = [change for change in changes if change[0] == self._table]
        if not of_mine and self._alone: # a join, and a row filter that joins, depend on other tables
            return
        t = self._client._db._seen(self._table)
        if t.event:
            query = self.sql, self._client.identity
            self.inserted += [self._decode(row) for _, _, row in of_mine if self._client._db._matches(*query, row)]
            return
        before, self._now = self._now, Counter(self._client._db._query(self.sql, self._client.identity)[1])
        gone = [self._decode(row) for row in (before - self._now).elements()]
        come = [self._decode(row) for row in (self._now - before).elements()]
        self.deleted += gone
        self.inserted += come
        if t.pk >= 0:
            key = t.columns[t.pk][0]
            old = {getattr(row, key): row for row in gone}
            self.updated += [(old[getattr(row, key)], row) for row in come if getattr(row, key) in old]
