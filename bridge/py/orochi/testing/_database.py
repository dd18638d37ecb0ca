"""A database of a test."""

import collections
import datetime
import hashlib
import heapq
import inspect
import itertools
import json
import os
import random
import struct

from urllib.parse import unquote

from .._errors import OrochiError, ReducerError, TransactionError
from .._http import Request, read_request, read_response, write_request, write_response
from .._names import instead, nearest
from .._schedule import cron_next
from .._values import Timestamp
from . import _engine, _outside
from ._client import Client
from ._mock import HttpMock
from ._tables import TableView, literal
from ._timers import CALLS, Timers

LogLine = collections.namedtuple('LogLine', 'level text')
LogLine.__doc__ = 'What a module said, or what was said of a call: level is "error", "warn", "info", "debug" or "trace".'

_json_text = json.dumps  # where an argument is called json
_LEVELS = ('error', 'warn', 'info', 'debug', 'trace')
_CLIENT, _SCHEDULE, _OWNER, _HTTP, _INTERNAL = range(5)
_START = Timestamp(1_767_225_600_000_000)  # 2026-01-01T00:00:00Z


def _microseconds(start):
    if start is None:
        return int(_START)
    if isinstance(start, str):
        start = datetime.datetime.fromisoformat(start)
    if isinstance(start, datetime.datetime):
        return int(Timestamp.from_datetime(start))
    return int(start)


def _counted():
    """Metrics of the module, and of its reducers, as Prometheus writes them."""
    import _orochi
    lines = (line.rpartition(' ') for line in _orochi._metrics().splitlines())
    return {name: int(value) for name, _, value in lines if not name.startswith('orochi_') or name.startswith('orochi_reducer_')}


class Database:
    """A module's database in this process, with a clock that stands still unless it is moved.

    module: the module itself, imported as usual. start: the first time, an ISO text with its zone, an aware datetime or a
    Timestamp (default 2026-01-01 UTC). seed: of connection ids, and through them of ctx.rng, and of the order in parallel().
    env: values of ctx.env, texts by key. timer_errors: "raise" has advance() raise what a scheduled function raised; "log" has it go on, as a server does.

    path: a folder for its data, which is in memory without. There it is logged and kept as a server keeps it (<path>/<module>.db, which
    `orochi run --data` serves): what is there already is read, and brought to the module's tables by the rules of a start, @migration
    hooks included; @init runs for new data, @updated where the module has changed. Give a copy of data that is dear to you.
    OSError: another process has it, or it cannot be read.

    @on_load functions run when the module is first used, @init when the database is made; what it raises is raised here.
    Tables are attributes, outside of any reducer: db.player.find(7), db.player.insert(...), len(db.player); each is a
    transaction of its own that the owner makes. A table whose name is taken by a method here: db.table("call").

    Raises SchemaError for a module whose declarations are wrong, with every problem.
    """

    def __init__(self, module, *, start=None, seed=0, timer_errors='raise', env=None, path=None):
        if timer_errors not in ('raise', 'log'):
            raise ValueError(f'timer_errors={timer_errors!r}: it is "raise" or "log"')
        self._declared = _engine.declared(module)
        while self._declared.on_load:
            self._declared.on_load.pop(0)()
        self._seed, self._connections, self._requests, self._fired, self._timer_errors = seed, 0, 0, 0, timer_errors
        self._env = dict(env or {})
        self._identity = b'\x01' * 31 + b'\xc2'
        self._clients, self._mocks = [], []
        self._later, self._order = [], itertools.count()  # (when, number, function of the test)
        self._missed = []  # what was raised while a procedure waited
        self._last_now = None
        self.now = Timestamp(_microseconds(start))
        self._counted = _counted()
        self._path = None if path is None else os.fspath(path)
        place = () if path is None else (self._path, self._declared.name.rpartition('.')[2])
        self._engine = _engine.load().Engine(self._declared.engine, self._identity, *place)
        try:
            self._start()
        except BaseException:
            self._engine.close()
            raise

    def _start(self):
        """The hooks and rows that new data lacks, or that of another version."""
        is_new, is_changed, once, self._identity = self._engine.found()
        self._timers = self._new_timers()
        self._arm_all()
        self._install_schedules(once)
        if is_new:
            self._run(self._engine.init, self._owner(_INTERNAL))
        elif is_changed:
            self._run(self._engine.updated, self._owner(_INTERNAL))
        self._engine.settle()

    # ---- who is there ----

    def connect(self, name, claims=None):
        """A client comes, whose identity is derived from the name: the same name is the same player. client_connected runs.
        claims: of its token, what ctx.auth.jwt shows. Raises what refuses it."""
        client = Client(self, name, {'iss': 'test', 'sub': name, **(claims or {})})
        self._run(self._engine.connect, self._who(client))
        client.connected = True
        self._clients.append(client)
        return client

    def call(self, fn, /, *args, **named):
        """Calls a reducer or procedure as the owner of the database, private ones too. Gives what a procedure returns. Otherwise as a
        client's call()."""
        return self._call(None, fn, args, named)

    def close(self):
        """Ends it; clients are told good-bye only where there is a path, since the next one would find them connected. Also done by `with`."""
        try:
            while self._path is not None and self._clients:
                self._clients[-1].close()
        finally:
            self._clients.clear()
            self._engine.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def request(self, method, path, *, body=b'', json=None, headers=None, host='test'):
        """What the module's HTTP handlers answer: db.request("GET", "/score/ann?top=3"). path: as behind /route, with its query. body:
        bytes or text; json: a value instead. Gives the Response; answer.value() is its body read as JSON. Raises what the handler
        raised, where a server answers 500."""
        path, _, query = path.partition('?')
        body = _json_text(json).encode() if json is not None else body.encode() if isinstance(body, str) else body
        headers = list((headers or {}).items()) + [('content-type', 'application/json')] * (json is not None)
        request = Request(method, unquote(path), headers=headers, query_string=query, body=body, host=host,
                          root_path=f'/v1/database/{self._declared.name}/route')
        if self._declared.router is None:
            raise LookupError(f'{self._declared.name} has no HTTP handlers: no @route, and no mount()')
        self._requests += 1
        who = hashlib.sha256(f'request {self._seed} {self._requests}'.encode()).digest(), b'', None, _HTTP
        response = self._whole(lambda: _outside.answer(self, who, read_request(write_request(request))))
        return read_response(write_response(response))

    def mock_http(self, url, /, *answers, method=None, delay=0):
        """What ctx.http is answered: db.mock_http("https://api.example/*", {"text": "hi"}). Nothing leaves a test: a request that no answer
        fits fails it (UnmatchedRequest), also where the module catches that.

        url: whole, with or without what stands behind its ?; with * at its end all that begin so; or a compiled pattern. answers: the
        first for the first request, the last for all that follow; each a value for JSON, a text, bytes, a status, an HttpResponse, an
        exception (HttpError("no connection")), or a function of the HttpRequest that gives one of these, and that may do what happens
        meanwhile. delay: seconds of the clock until the answer is there. Of several that fit the last one made is taken. Gives the
        HttpMock, whose `requests` tell what was asked."""
        self._mocks.append(HttpMock(url, answers, method, delay))
        return self._mocks[-1]

    # ---- time ----

    def advance(self, seconds=0, **more):
        """Lets time pass: seconds, or what datetime.timedelta takes (minutes=5). Everything that becomes due runs meanwhile, each at
        its own time, in order. Gives how many timers fired. Raises what a scheduled function raised, at the time it did."""
        step = datetime.timedelta(seconds=seconds, **more) // datetime.timedelta(microseconds=1)
        if step < 0:
            raise ValueError('time does not run backwards')
        end, before = self.now + step, self._fired
        while self._step(end):
            pass
        return self._fired - before

    def later(self, seconds, fn, /, *args):
        """fn(*args) runs when so many seconds have passed: in advance(), or while a procedure waits, which is what it is for."""
        heapq.heappush(self._later, (self.now + int(seconds * 1_000_000), next(self._order), fn, args))

    def run_pending(self):
        """Runs what is due now. Gives how many timers fired."""
        return self.advance(0)

    def _step(self, end):
        """Runs the next timer if it is due by then; else time goes on to the end. Whether one ran."""
        timer = self._timers.next()
        if self._later and self._later[0][0] <= min(end, end if timer is None else timer.due):
            due, _, fn, args = heapq.heappop(self._later)
            self.now = Timestamp(max(self.now, due))
            fn(*args)
            return True
        if timer is None or timer.due > end:
            self.now = Timestamp(max(self.now, end))
            return False
        self._fired += 1
        self.now = Timestamp(max(self.now, timer.due))
        due = timer.due
        self._timers.begin(timer)
        _engine.raised.clear()
        _engine.load_environment(self._env)
        turn = timer.table, timer.key, timer.interval, timer.micros, due
        asked = self._engine.fire(*turn, int(self.now))
        self._look()
        if _engine.raised and self._timer_errors == 'raise':
            raise _engine.raised[0]
        for name, data, lasts in asked:
            self._run_scheduled(timer, turn, name, data, lasts)
        return True

    def _run_scheduled(self, timer, turn, name, data, lasts):
        """A procedure that a timer calls. One that repeats is not beside itself: of the beats that it misses one is made up for."""
        who = self._owner(_SCHEDULE)
        self._timers.hold(timer, lasts)
        try:
            self._whole(lambda: _outside.run_procedure(self, who, self._declared.procedures[name], data))
        except Exception:
            if self._timer_errors == 'raise':
                raise
        finally:
            self._timers.let_go(timer, int(self.now))
            if lasts:
                self._engine.fire(*turn, int(self.now), True)
                self._look()

    # ---- tables, SQL, log ----

    def table(self, name):
        """The table of that name, as the attribute."""
        names = {t.accessor for t in self._declared.builder.tables}
        if name not in names:
            raise AttributeError(f'the module has no table {name!r}: {instead(name, sorted(names))}')
        return TableView(self, (name,))

    def __getattr__(self, name):
        if name.startswith('_'):
            raise AttributeError(name)
        tables = {t.accessor for t in self._declared.builder.tables}
        near = name not in tables and nearest(name, [*tables, *(n for n in dir(type(self)) if not n.startswith('_'))])
        if near and near not in tables:
            raise AttributeError(f'a Database has no {name!r}, and the module no table of that name: do you mean {near}?')
        return self.table(name)

    def __getitem__(self, cls):
        """db[Player] is the table of the class."""
        return self.table(self._table_of(cls).accessor)

    def sql(self, text):
        """What POST /sql answers the owner: a list of dicts by column, values as SATS-JSON. Raises ValueError with the server's
        words."""
        answer = json.loads(self._engine.sql(text))[-1]
        names = [element['name'].get('some') for element in answer['schema']['elements']]
        return [dict(zip(names, row)) for row in answer['rows']]

    @property
    def logs(self):
        """What was logged so far, a list of LogLine, oldest first."""
        return [LogLine(_LEVELS[level], text) for level, _, text in self._engine.logs()]

    @property
    def metrics(self):
        """What was counted since this database was made, a dict: {'shots_total{weapon="bow"}': 2, ...}, of the module's metrics (of a
        histogram the number of values) and of calls: 'orochi_reducer_calls_total{reducer="say"}'. What did not change is left out.
        Metrics are the process's: what other databases count meanwhile is in it."""
        return {name: value - self._counted.get(name, 0) for name, value in _counted().items() if value != self._counted.get(name, 0)}

    # ---- states ----

    def snapshot(self):
        """A copy of all rows, sequences and timers, for restore()."""
        return self._engine.snapshot(), self._timers.copy(), self.now

    def restore(self, snapshot):
        """Goes back to a snapshot of this database, clock and timers included. Clients stay; subscriptions see the difference. With a
        path, its files are written anew."""
        rows, timers, now = snapshot
        self._engine.restore(rows)
        self._timers, self.now = timers.copy(), now
        self._look(rows_changed=True)

    def restart(self):
        """Stops and starts, as a server does: clients have gone (client_disconnected runs for each), everything is read from the log and
        the tables on disk (without a path=, from ones that are written to a temporary folder for it), event tables are empty, intervals
        go on with their beats (volatile ones, as those with hz=, begin anew), and what had become due fires at once."""
        for client in list(self._clients):
            client.close()
        if self._path is None:
            import tempfile  # a tenth of what importing this package takes
            with tempfile.TemporaryDirectory(prefix='orochi-') as folder:
                self._engine.reopen(folder)
        else:
            self._engine.reopen()
        self._arm_all({s['table'] for s in self._declared.builder.schedules if s['volatile']})

    def reload(self, module):
        """Another version of the module, or the same after importlib.reload(), takes over: rows are carried into its tables, clients
        and subscriptions stay, and its @updated runs. Raises what refuses the new schema; then all is as before."""
        declared = _engine.declared(module)
        self._engine.restore(self._engine.snapshot(), declared.engine)
        there = set(self._declared.tables)
        self._declared = declared
        self._arm_all()
        self._install_schedules([table for table in self._engine.found()[2] if table not in there])
        self._run(self._engine.updated, self._owner(_INTERNAL))
        self._engine.settle()
        self._engine.changes()
        for client in self._clients:
            for subscription in client._subscriptions:
                subscription._begin()

    def parallel(self, calls):
        """Runs calls, (client, function, arguments) each, in an order that depends on the seed: a server that ran them at once
        would give the result of some order. Gives a list with None, or the exception, for each."""
        order = list(range(len(calls)))
        random.Random(self._seed).shuffle(order)
        results = [None] * len(calls)
        for i in order:
            client, fn, args = calls[i]
            try:
                client.call(fn, *args)
            except Exception as error:
                results[i] = error
        return results

    # ---- for clients, views of tables, and ourselves ----

    @property
    def _tables(self):
        return self._declared.tables

    def _table_of(self, cls):
        for t in self._declared.builder.tables:
            if t.cls is cls:
                return t
        raise LookupError(f'{cls!r} is no table of {self._declared.name}')

    def _sql_of(self, what, args=(), named={}):
        """The query of a table's class, of a view's function, or what is one already."""
        if isinstance(what, str):
            if args or named:
                raise TypeError('a query has its arguments in its text: "SELECT * FROM in_room(3)"')
            return what
        if isinstance(what, type):
            return f'SELECT * FROM {self._table_of(what).name}'
        view = next((v for v in self._declared.views.values() if v.fn is what), None)
        if view is None:
            raise LookupError(f'{what!r} is no view of {self._declared.name}: give SQL, the class of a table, or the function of a view')
        bound = inspect.signature(view.fn).bind(None, *args, **named)
        bound.apply_defaults()
        texts = [literal(value) for value in list(bound.arguments.values())[1:]]
        return f'SELECT * FROM {view.name}' + (f'({", ".join(texts)})' if texts else '')

    def _owner(self, caller):
        return self._identity, b'', None, caller

    def _who(self, client):
        return client.identity.to_bytes(), client.connection_id.to_bytes(), json.dumps(client.claims), _CLIENT

    def _call(self, client, fn, args, named):
        """client: None for the owner."""
        entry = self._declared.callable(fn, client is None)
        bound = inspect.signature(entry['fn']).bind(None, *args, **named)
        bound.apply_defaults()
        values = list(bound.arguments.values())[1:]
        if 'returns' in entry:
            return self._call_raw(client, entry['name'], _outside.encode_args(self, entry, values))
        data = b''.join(self._declared.codec(p[2]).encode(value) for p, value in zip(entry['params'], values))
        return self._call_raw(client, entry['name'], data)

    def _call_raw(self, client, name, data):
        who = self._owner(_OWNER) if client is None else self._who(client)
        procedure = self._declared.procedures.get(name)
        if procedure is None:
            return self._run(self._engine.call, who, name, data)
        if client is not None and not procedure['public']:
            raise LookupError(self._declared.why_not_called(name))
        return self._whole(lambda: _outside.run_procedure(self, who, procedure, data))

    def _whole(self, run):
        """What is no transaction; what was raised meanwhile, by others, is raised at its end."""
        before, self._missed = self._missed, []
        try:
            value = run()
        finally:
            missed, self._missed = self._missed, before
        if missed:
            raise missed[0]
        return value

    def _begin(self, who, name):
        """The context of a transaction, which _end() ends."""
        _engine.load_environment(self._env)
        return self._engine.begin(who, name, int(self.now))

    def _end(self, commit):
        fault, text, _ = self._engine.end(commit)
        self._look()
        if fault:
            raise TransactionError(f'the transaction cannot be kept: {text}')

    def _pass(self, end):
        """Time goes on while a procedure waits. What timers raise is not its own affair."""
        while True:
            try:
                if not self._step(end):
                    return
            except Exception as error:
                self._missed.append(error)
            _engine.load_environment(self._env)

    def _mock_of(self, request):
        return next((mock for mock in reversed(self._mocks) if mock._takes(request)), None)

    def _say(self, level, text):
        self._engine.logs().append((level, 'module', text))

    def _look_into(self, function):
        """Runs function(ctx) in a transaction of the owner's; gives its result, raises what it raises."""
        box = []

        def look(ctx):
            try:
                box.append((function(ctx), None))
            except BaseException as error:
                box.append((None, error))
                raise
        _engine.looking.append(look)
        try:
            self._run(self._engine.call, self._owner(_OWNER), _engine.LOOK, b'', of_module=False)
        except ReducerError:
            pass
        finally:
            _engine.looking.pop()
        result, error = box[-1]
        if error is not None:
            raise error
        return result

    def _run(self, run, *what, of_module=True):
        """A job of the engine."""
        self._tick()
        fault, text, detail = run(*what, int(self.now))
        self._look()
        if not fault:
            return
        if _engine.raised and of_module:
            raise _engine.raised[-1]
        detail = json.loads(detail) if detail else {}
        error = ReducerError(text)
        error.code, error.data = detail.get('code'), detail.get('data')
        raise error

    def _tick(self):
        """Each call is at a microsecond of its own."""
        if self._last_now == self.now:
            self.now = Timestamp(self.now + 1)
        self._last_now = self.now
        _engine.raised.clear()
        _engine.load_environment(self._env)

    def _look(self, rows_changed=False):
        """What has been committed reaches timers and subscriptions."""
        changes = self._engine.changes()
        self._timers.follow(changes, self._decode, int(self.now))
        if rows_changed:
            changes = [(name, True, b'') for name, t in self._tables.items() if not t.event]
        if not changes:
            return
        for client in self._clients:
            for subscription in client._subscriptions:
                subscription._look(changes)

    def _disconnect(self, client):
        self._clients.remove(client)
        try:
            self._run(self._engine.disconnect, self._who(client))
        except ReducerError as error:
            raise OrochiError(f'client_disconnected of {client.name!r} failed: {error}') from error

    def _seen(self, name):
        """A table, or a view."""
        return self._tables.get(name) or self._declared.views[name]

    def _query(self, sql, identity):
        return self._engine.query(sql, identity.to_bytes())

    def _matches(self, sql, identity, row):
        return self._engine.matches(sql, identity.to_bytes(), row)

    def _decode(self, table, row):
        return self._declared.row_codec(table).decode(row)

    def _install_schedules(self, once):
        """The row of each @scheduled function, in its private table. once: tables of those that run once and have not yet."""
        for s in self._declared.builder.schedules:
            name, interval = s['table'], s['interval_us']
            rows = self._engine.rows(name)
            if rows and interval > 0 and struct.unpack('<QBq', rows[0])[1:] != (0, interval):
                self._engine.load(name, rows[0][:8] + struct.pack('<Bq', 0, interval))
                self._look()
            if rows or interval <= 0 and s['cron'] is None and name not in once:
                continue
            delay = s['delay_us'] if s['delay_us'] >= 0 else interval
            if s['cron'] is not None:
                delay = cron_next(s['cron'], int(self.now)) - self.now
            tag, micros = (0, interval) if interval > 0 else (1, self.now + delay)
            self._engine.load(name, struct.pack('<QBq', 1, tag, micros))
            self._look()
            self._timers.first_after(name, 1, self.now + delay)

    def _new_timers(self):
        return Timers(self._declared.tables, {s['table']: s['hz'] for s in self._declared.builder.schedules if s['hz']})

    def _arm_all(self, anew=()):
        """After a start. Intervals go on with their beats, but for those of the tables in `anew`."""
        before, self._timers = self._timers, self._new_timers()
        for name in [t.name for t in self._declared.builder.tables if t.scheduled] + [CALLS]:
            self._timers.follow([(name, True, row) for row in self._engine.rows(name)], self._decode, int(self.now))
        self._timers.go_on(before, anew, int(self.now))
