"""The client in asyncio: a task of the event loop takes what comes, so callbacks run there, and answers wake who waits for them."""

import asyncio

from . import _messages as messages
from ._websocket import ConnectionLost


class AsyncClient:
    """What `async with connect(...)` gives. As Client, with what waits to be awaited; any number of tasks may use it at once."""

    def __init__(self, client):
        self._client = client
        self.url, self.database, self.types, self.db = client.url, client.database, client.types, client.db
        self.identity, self.connection_id, self.token = client.identity, client.connection_id, client.token
        self.reducers, self.procedures = _Functions(self, client.reducers), _Functions(self, client.procedures)
        self.on_change, self.row_json = client.on_change, client.row_json
        self._waiting = {}  # number of a request -> future
        self._changed = asyncio.Event()
        self._lost = None
        self._task = asyncio.create_task(self._take())

    def __repr__(self):
        return f'<Async{repr(self._client)[1:]}'

    async def _take(self):
        try:
            while True:
                come = await asyncio.to_thread(self._client._next, None)
                self._client._apply(come)
                self._answer(come)
        except Exception as error:  # of a callback too: nothing can go on behind it
            self._lost = error
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(error)
            self._waiting.clear()
            self._changed.set()

    def _answer(self, come):
        future = self._waiting.pop(come.request, None)
        if future is not None and not future.done():
            future.set_result(come)
        self._changed.set()
        self._changed = asyncio.Event()

    async def _ask(self, message):
        if self._lost is not None:
            raise self._lost
        self._client._last += 1
        number = self._client._last
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        await asyncio.to_thread(self._client._socket.send, message(number))
        return await future

    async def call(self, name, *args, **named):
        """Client.call."""
        function = self._client._function(name)
        return self._client._returned(function, await self._ask(self._client._calling(function, args, named)))

    async def query(self, sql):
        """Client.query."""
        return self._client._rows_of(await self._ask(lambda n: messages.one_off(n, sql)))

    async def sql(self, text):
        """Client.sql."""
        return await asyncio.to_thread(self._client.sql, text)

    async def subscribe(self, *queries):
        """Client.subscribe; the subscription's close() is awaited."""
        from . import _selects
        queries = _selects(queries)
        answer = await self._ask(lambda n: messages.subscribe(n, n, queries))
        if answer.error is not None:
            raise ValueError(answer.error)
        return AsyncSubscription(self, answer.query_set, queries)

    async def wait(self, seconds=None, until=None):
        """Client.wait: until until() is true, or the time is over. Callbacks run whenever the event loop does, not only here."""
        try:
            async with asyncio.timeout(seconds):
                while not (until is not None and until()):
                    if self._lost is not None:
                        raise self._lost
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def close(self):
        """Says goodbye and ends the connection."""
        await asyncio.to_thread(self._client.close)
        await self._task
        if self._lost is not None and not isinstance(self._lost, ConnectionLost):
            raise self._lost


class AsyncSubscription:
    """Subscription, whose close() is awaited."""

    def __init__(self, client, query_set, queries):
        self._client, self._query_set, self.queries = client, query_set, queries

    async def close(self):
        """Ends it. A second time it does nothing."""
        if self._query_set is not None:
            query_set, self._query_set = self._query_set, None
            await self._client._ask(lambda n: messages.unsubscribe(n, query_set))


class _Functions:
    def __init__(self, client, functions):
        self._client, self._functions = client, functions

    def __getattr__(self, name):
        getattr(self._functions, name)  # AttributeError tells which there are

        async def call(*args, **named):
            return await self._client.call(name, *args, **named)
        return call

    def __dir__(self):
        return dir(self._functions)
