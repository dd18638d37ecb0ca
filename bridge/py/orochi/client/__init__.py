"""A client of a server that runs, for scripts, bots and tools: of Orochi, and of SpacetimeDB from 2.0 on.

    from orochi.client import connect

    with connect("http://127.0.0.1:3000", "arena", token=saved) as c:
        c.db.player.on_update(lambda old, new: print(new.identity, new.hp))
        c.subscribe("SELECT * FROM player")
        c.reducers.act(c.types.Shoot(c.types.Vec2(1, 0)))       # ReducerError: what the reducer refused
        c.wait(seconds=5)                                       # lets changes come, and callbacks run
        print(c.db.player.count(), c.token)

In asyncio it is `async with connect(...) as c`, and what waits is awaited: `await c.reducers.act(...)`, `await c.subscribe(...)`,
`await c.wait(...)`; callbacks then run in the event loop.

Tables, reducers and types come from the server's definition of the module; nothing is generated. A call returns when its
transaction is committed, on disk too where the server has a disk, and its rows are in c.db by then. One thread at a time uses a client.
"""

import json
import queue
import threading
import time
import urllib.parse

from .._errors import OrochiError, ReducerError
from ..tools import place
from . import _messages as messages
from ._async import AsyncClient, AsyncSubscription
from ._cache import Table, Tables
from ._values import Tagged, attribute, types_of
from ._websocket import ConnectionLost, WebSocket

__all__ = ['AsyncClient', 'AsyncSubscription', 'Client', 'ConnectionLost', 'Subscription', 'Table', 'Tagged', 'connect']

_WAIT = 60  # seconds for an answer; a call takes as long as the server lets it


def connect(url, database, *, token=None, timeout=10):
    """Connects; gives a Client, which is a context manager. Without a token the client is a new identity, whose token is c.token.

    url: of the server, http:// or ws://, with an s for TLS. timeout: seconds for the connection to open.
    Raises ConnectionLost with the server's reason.
    """
    return Client(url, database, token=token, timeout=timeout)


class Client:
    """A connection. identity: Identity; connection_id: ConnectionId; token: str; db: tables; reducers, procedures: functions;
    types: classes of the module's types."""

    def __init__(self, url, database, *, token=None, timeout=10):
        from .. import ConnectionId, Identity
        self.url, self.database = place.base(url), database
        self._server = place.Server(self.url, database, token)
        try:
            self.types = types_of(self._server.definition())
        except place.CommandError as error:
            raise ConnectionLost(str(error)) from None
        module = self.types.module
        self._declared = {t.canonical: t for t in [*module.tables, *module.views]}
        self._tables = {name: Table(name, t, self.types.row(t)) for name, t in self._declared.items()}
        self.db = Tables(self._tables)
        self.reducers = Functions(self, module.reducers, False)
        self.procedures = Functions(self, module.procedures, True)
        self._watchers = []
        self._last = 0
        self._come = queue.SimpleQueue()
        self._lost = None
        at = urllib.parse.quote(database)
        self._socket = WebSocket(f'{self.url.replace("http", "ws", 1)}/v1/database/{at}/subscribe?compression=None', messages.PROTOCOL,
                                 [('Authorization', f'Bearer {token}')] if token else [], timeout)
        self._thread = threading.Thread(target=self._receive, name='orochi-client', daemon=True)
        self._thread.start()
        hello = self._next(timeout)
        if not isinstance(hello, messages.Connected):
            raise ConnectionLost('the server did not say who we are')
        self.identity, self.connection_id, self.token = Identity(hello.identity), ConnectionId(hello.connection_id), hello.token

    async def __aenter__(self):
        self._async = AsyncClient(self)
        return self._async

    async def __aexit__(self, *_):
        await self._async.close()

    def __repr__(self):
        return f'<Client of {self.database} at {self.url}{", closed" if self._lost else ""}>'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Says goodbye and ends the connection. A second time it does nothing."""
        if self._thread.is_alive():
            self._socket.close()
            self._thread.join()
        self._socket.end()

    # ---- calls and queries ----

    def call(self, name, *args, **named):
        """Calls a reducer by name; named: arguments by name. ReducerError: it refused, or failed; EncodeError: arguments that do
        not fit its parameters."""
        function = self._function(name)
        return self._returned(function, self._ask(self._calling(function, args, named)))

    def _calling(self, function, args, named):
        """The message of a call, by its number."""
        data = self._encoded(function, args, named)
        return lambda n: messages.call(n, function.name, data, function.returns is not None)

    def _returned(self, function, answer):
        if answer.error is not None:
            raise ReducerError(answer.error)
        return self.types.type(function.returns).decode(answer.result) if function.returns is not None else None

    def _function(self, name):
        functions = {f.canonical: f for f in [*self.types.module.reducers, *self.types.module.procedures]}
        if name not in functions:
            import difflib
            near = difflib.get_close_matches(name, functions, 1)
            raise OrochiError(f'there is no reducer or procedure {name}' + (f' (did you mean {near[0]}?)' if near else ''))
        return functions[name]

    def _encoded(self, function, args, named):
        params = {attribute(p.canonical): p for p in function.params}
        given = dict(zip(params, args))
        twice, unknown = sorted(given.keys() & named.keys()), [name for name in named if name not in params]
        missing = [name for name in params if name not in given and name not in named]
        if len(args) > len(params) or twice or unknown or missing:
            wanted = ', '.join(params) or 'nothing'
            raise TypeError(f'{function.canonical}() takes {wanted}' + ''.join(
                f'; {what}: {", ".join(names)}' for what, names in (('missing', missing), ('given twice', twice), ('unknown', unknown)) if names))
        given.update(named)
        return self.types.product(function.params).encode({p.name: given[name] for name, p in params.items()})

    def query(self, sql):
        """The rows of one SELECT of whole rows, once: a list. ValueError: the server refuses it. For all of SQL see sql()."""
        return self._rows_of(self._ask(lambda n: messages.one_off(n, sql)))

    def _rows_of(self, answer):
        if answer.error is not None:
            raise ValueError(answer.error)
        return [self._row_type(c.table).decode(data) for c in answer.rows for data in c.inserted]

    def _row_type(self, table):
        return self._tables[table]._type

    def sql(self, text):
        """Runs SQL (docs/sql.md) as this identity, over HTTP: a list of dicts, of the last statement. Values are as in JSON."""
        body, headers = text.encode(), {'authorization': f'Bearer {self.token}'}
        try:
            answers = json.loads(place.fetch(f'{self._server.place}/sql', body, headers))
        except place.CommandError as error:
            raise ValueError(str(error)) from None
        names = [e['name'].get('some') for e in answers[-1]['schema']['elements']]
        return [dict(zip(names, row)) for row in answers[-1]['rows']]

    # ---- subscriptions ----

    def subscribe(self, *queries):
        """Has the server keep the rows of these queries in c.db; returns when those that match now are there. A table's name is
        all of it. ValueError: the server refuses one of them. Gives a Subscription."""
        queries = _selects(queries)
        answer = self._ask(lambda n: messages.subscribe(n, n, queries))  # the query set has the number of the request that makes it
        if answer.error is not None:
            raise ValueError(answer.error)
        return Subscription(self, answer.query_set, queries)

    def on_change(self, told):
        """told(table, kind, data): of each row that comes (kind 'insert'), goes ('delete'), or is an event ('insert'); data: its bytes."""
        self._watchers.append(told)
        return told

    def row_json(self, table, data):
        """The JSON text of a row's bytes."""
        return self._row_type(table).json(data)

    # ---- what comes ----

    def wait(self, seconds=None, until=None):
        """Lets changes come, and callbacks run, for so many seconds (None: for ever), or until until() is true. Gives whether
        until() is. ConnectionLost: the connection has ended."""
        end = None if seconds is None else time.monotonic() + seconds
        while not (until is not None and until()):
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            try:
                self._apply(self._next(left))
            except TimeoutError:
                return False
        return True

    def _receive(self):
        """Of the thread: takes what comes, so that pings are answered while nobody waits, and while a large message is read."""
        try:
            while True:
                self._come.put(self._socket.receive())
        except Exception as error:  # the user's thread raises it
            self._come.put(error if isinstance(error, ConnectionLost) else ConnectionLost(f'the connection broke: {error}'))

    def _next(self, timeout):
        if self._lost is not None:
            raise self._lost
        try:
            come = self._come.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError('the server has not answered') from None
        if isinstance(come, Exception):
            self._lost = come
            raise come
        try:
            return messages.read(come)
        except Exception as error:
            self._lost = error if isinstance(error, ConnectionLost) else ConnectionLost(f'a message that cannot be read: {error}')
            raise self._lost from None

    def _ask(self, message):
        """Sends it, numbered, and waits for its answer."""
        self._last += 1
        number = self._last
        self._socket.send(message(number))
        while True:
            come = self._next(_WAIT)
            self._apply(come)
            if come.request == number:
                return come

    def _apply(self, update):
        if update.request is None and update.error is not None:
            raise ConnectionLost(f'a subscription ended: {update.error}')
        if update.query_set is None and update.request is not None and update.result is None:
            return  # rows of a question, not of a subscription
        inserted, deleted, told = {}, {}, []
        for changes in update.rows:
            inserted.setdefault(changes.table, []).extend(changes.inserted)
            deleted.setdefault(changes.table, []).extend(changes.deleted)
        for name in inserted:
            if name in self._tables:
                told.append((self._tables[name], *self._tables[name]._apply(inserted[name], deleted[name])))
        for table, new, old in told:  # all tables are as they will be, before anybody is told
            self._tell_watchers(table.name, new, old)
            table._tell(new, old)
        for changes in update.rows:
            if changes.events and changes.table in self._tables:
                self._tell_watchers(changes.table, [(data, None) for data in changes.events], [])
                self._tables[changes.table]._events(changes.events)

    def _tell_watchers(self, name, new, old):
        for kind, rows in (('delete', old), ('insert', new)):
            for data, _ in rows:
                for told in self._watchers:
                    told(name, kind, data)


def _selects(queries):
    return [q if ' ' in q.strip() else f'SELECT * FROM {q}' for q in queries]


class Subscription:
    """Of a client, to queries: close() ends it, and its rows go from c.db where nothing else shows them."""

    def __init__(self, client, query_set, queries):
        self._client, self._query_set, self.queries = client, query_set, queries

    def __repr__(self):
        return f'<Subscription {"; ".join(self.queries)}>'

    def close(self):
        """Ends it. A second time it does nothing."""
        if self._query_set is not None:
            query_set, self._query_set = self._query_set, None
            self._client._ask(lambda n: messages.unsubscribe(n, query_set))


class Functions:
    """c.reducers, c.procedures: functions as attributes, c.reducers.say("hello")."""

    def __init__(self, client, functions, procedures):
        self._client = client
        self._names = {f.canonical: f for f in functions}
        self._what = 'procedure' if procedures else 'reducer'

    def __getattr__(self, name):
        if name not in self.__dict__.get('_names', {}):
            raise AttributeError(f'there is no {self.__dict__.get("_what")} {name}; there are {", ".join(sorted(self.__dict__.get("_names", ())))}')

        def call(*args, **named):
            return self._client.call(name, *args, **named)
        call.__name__ = call.__qualname__ = name
        return call

    def __dir__(self):
        return sorted(self._names)
