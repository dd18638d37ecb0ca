"""A database of a test."""

import collections
import datetime
import hashlib
import inspect
import json
import random
import struct

from urllib.parse import unquote

from .._errors import OrochiError, ReducerError
from .._http import Request, read_response, write_request
from .._schedule import cron_next
from .._values import Timestamp
from . import _engine
from ._client import Client
from ._tables import TableView
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


class Database:
    """A module's database in this process, in memory, with a clock that stands still unless it is moved.

    module: the module itself, imported as usual. start: the first time, an ISO text with its zone, an aware datetime or a
    Timestamp (default 2026-01-01 UTC). seed: of connection ids, and through them of ctx.rng, and of the order in parallel().
    env: values of ctx.env, texts by key. timer_errors: "raise" has advance() raise what a scheduled function raised; "log" has it go on, as a server does.

    @on_load functions run when the module is first used, @init when the database is made; what it raises is raised here.
    Tables are attributes, outside of any reducer: db.player.find(7), db.player.insert(...), len(db.player); each is a
    transaction of its own that the owner makes. A table whose name is taken by a method here: db.table("call").

    Raises SchemaError for a module whose declarations are wrong, with every problem.
    """

    def __init__(self, module, *, start=None, seed=0, timer_errors='raise', env=None):
        if timer_errors not in ('raise', 'log'):
            raise ValueError(f'timer_errors={timer_errors!r}: it is "raise" or "log"')
        self._declared = _engine.declared(module)
        while self._declared.on_load:
            self._declared.on_load.pop(0)()
        self._seed, self._connections, self._requests, self._timer_errors = seed, 0, 0, timer_errors
        self._env = dict(env or {})
        self._identity = b'\x01' * 31 + b'\xc2'
        self._clients = []
        self._last_now = None
        self.now = Timestamp(_microseconds(start))
        self._engine = _engine.load().Engine(self._declared.engine, self._identity)
        self._timers = self._new_timers()
        self._install_schedules(self._declared.builder.schedules)
        self._run(self._engine.init, self._owner(_INTERNAL))

    # ---- who is there ----

    def connect(self, name, claims=None):
        """A client comes, whose identity is derived from the name: the same name is the same player. client_connected runs.
        claims: of its token, what ctx.auth.jwt shows. Raises what refuses it."""
        client = Client(self, name, {'iss': 'test', 'sub': name, **(claims or {})})
        self._run(self._engine.connect, self._who(client))
        client.connected = True
        self._clients.append(client)
        return client

    def close(self):
        """Ends it; clients are not told good-bye. Also done by `with`."""
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
        self._requests += 1
        who = hashlib.sha256(f'request {self._seed} {self._requests}'.encode()).digest(), b'', None, _HTTP
        answer = []
        self._run(lambda *what: self._answered(answer, *what), who, write_request(request))
        return read_response(answer[0])

    def _answered(self, answer, *what):
        fault, data = self._engine.answer(*what)
        answer.append(data)
        return fault, data.decode(errors='replace') if fault else '', None

    # ---- time ----

    def advance(self, seconds=0, **more):
        """Lets time pass: seconds, or what datetime.timedelta takes (minutes=5). Everything that becomes due runs meanwhile, each at
        its own time, in order. Gives how many timers fired. Raises what a scheduled function raised, at the time it did."""
        step = datetime.timedelta(seconds=seconds, **more) // datetime.timedelta(microseconds=1)
        if step < 0:
            raise ValueError('time does not run backwards')
        end, fired = self.now + step, 0
        while self._step(end):
            fired += 1
        return fired

    def run_pending(self):
        """Runs what is due now. Gives how many timers fired."""
        return self.advance(0)

    def _step(self, end):
        """Runs the next timer if it is due by then; else time goes on to the end. Whether one ran."""
        timer = self._timers.next()
        if timer is None or timer.due > end:
            self.now = Timestamp(max(self.now, end))
            return False
        self.now = Timestamp(max(self.now, timer.due))
        due = timer.due
        self._timers.begin(timer)
        _engine.raised.clear()
        _engine.load_environment(self._env)
        self._engine.fire(timer.table, timer.key, timer.interval, timer.micros, due, int(self.now))
        self._look()
        if _engine.raised and self._timer_errors == 'raise':
            raise _engine.raised[0]
        return True

    # ---- tables, SQL, log ----

    def table(self, name):
        """The table of that name, as the attribute."""
        if name not in {t.accessor for t in self._declared.builder.tables}:
            raise AttributeError(f'the module has no table {name!r}; it has {", ".join(sorted(self._declared.tables))}')
        return TableView(self, (name,))

    def __getattr__(self, name):
        if name.startswith('_'):
            raise AttributeError(name)
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

    # ---- states ----

    def snapshot(self):
        """A copy of all rows, sequences and timers, for restore()."""
        return self._engine.snapshot(), self._timers.copy(), self.now

    def restore(self, snapshot):
        """Goes back to a snapshot of this database, clock and timers included. Clients stay; subscriptions see the difference."""
        rows, timers, now = snapshot
        self._engine.restore(rows)
        self._timers, self.now = timers.copy(), now
        self._look(rows_changed=True)

    def restart(self):
        """Stops and starts, as a server does: clients have gone (client_disconnected runs for each), intervals go on with their beats
        (volatile ones, as those with hz=, begin anew), and what had become due fires at once."""
        for client in list(self._clients):
            client.close()
        self._engine.restore(self._engine.snapshot())
        self._arm_all({s['table'] for s in self._declared.builder.schedules if s['volatile']})

    def reload(self, module):
        """Another version of the module, or the same after importlib.reload(), takes over: rows are carried into its tables, clients
        and subscriptions stay, and its @updated runs. Raises what refuses the new schema; then all is as before."""
        declared = _engine.declared(module)
        self._engine.restore(self._engine.snapshot(), declared.engine)
        there = set(self._declared.tables)
        self._declared = declared
        self._install_schedules([s for s in declared.builder.schedules if s['table'] not in there])
        self._run(self._engine.updated, self._owner(_INTERNAL))
        self._arm_all()
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

    def _owner(self, caller):
        return self._identity, b'', None, caller

    def _who(self, client):
        return client.identity.to_bytes(), client.connection_id.to_bytes(), json.dumps(client.claims), _CLIENT

    def _call(self, client, fn, args, named):
        name = fn if isinstance(fn, str) else getattr(fn, '__name__', repr(fn))
        entry = self._declared.reducers.get(name) if isinstance(fn, str) else self._declared.by_function.get(fn)
        if entry is None or entry['name'] == _engine.LOOK or not entry['public'] or entry['lifecycle']:
            raise LookupError(self._declared.why_not_called(name))
        bound = inspect.signature(entry['fn']).bind(None, *args, **named)
        bound.apply_defaults()
        values = list(bound.arguments.values())[1:]
        data = b''.join(self._declared.codec(p[2]).encode(value) for p, value in zip(entry['params'], values))
        self._call_raw(client, entry['name'], data)

    def _call_raw(self, client, name, data):
        self._run(self._engine.call, self._who(client), name, data)

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
        """A job of the engine at the next microsecond, so that no two calls have one time."""
        if self._last_now == self.now:
            self.now = Timestamp(self.now + 1)
        self._last_now = self.now
        _engine.raised.clear()
        _engine.load_environment(self._env)
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

    def _install_schedules(self, schedules):
        """The row of each @scheduled function, in its private table."""
        for s in schedules:
            delay = s['delay_us'] if s['delay_us'] >= 0 else s['interval_us']
            if s['cron'] is not None:
                delay = cron_next(s['cron'], int(self.now)) - self.now
            tag, micros = (0, s['interval_us']) if s['interval_us'] > 0 else (1, self.now + delay)
            self._engine.load(s['table'], struct.pack('<QBq', 1, tag, micros))
            self._look()
            self._timers.first_after(s['table'], 1, self.now + delay)

    def _new_timers(self):
        return Timers(self._declared.tables, {s['table']: s['hz'] for s in self._declared.builder.schedules if s['hz']})

    def _arm_all(self, anew=()):
        """After a start. Intervals go on with their beats, but for those of the tables in `anew`."""
        before, self._timers = self._timers, self._new_timers()
        for name in [t.name for t in self._declared.builder.tables if t.scheduled] + [CALLS]:
            self._timers.follow([(name, True, row) for row in self._engine.rows(name)], self._decode, int(self.now))
        self._timers.go_on(before, anew, int(self.now))
