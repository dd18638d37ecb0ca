"""The event loop of `async def` procedures (docs/procedures.md#async-def): asyncio's own tasks, timers and futures, without a selector.
The engine has it run what is ready, and is told how long nothing will be (bridge/host/coroutine.c).

Everything that runs in it belongs to a procedure, which its contextvars name: tasks that one has made, and their callbacks, are
run as parts of it, under its limits, and end with it.
"""

import asyncio
import contextvars
import heapq

import _orochi

from ._errors import HttpError, OrochiError, ReducerTimeout, TransactionError
from ._threadless import ThreadlessLoop

RUN = contextvars.ContextVar('orochi procedure')  # whose part it is
GRACE = 1.0  # seconds for the finally blocks of what is cancelled
DURABLE = 5.0  # seconds for the disk
_NOBODY = contextvars.Context()
_LONG = 1e9
_FEW_TIMERS = 100


class Run:
    """One procedure: from its call to its result."""

    __slots__ = ('token', 'task', 'why', 'timer', 'others')

    def __init__(self, token):
        self.token, self.task, self.why, self.timer, self.others = token, None, None, None, None


def _no_sockets(*args, **kwargs):
    raise OrochiError('the event loop of procedures has no sockets, pipes, processes or signals: ctx.http asks services outside; '
                      'what needs more is a plain `def` procedure, which may block')


class Loop(ThreadlessLoop):
    """One for each interpreter."""

    def __init__(self):
        super().__init__()
        self.set_debug(False)
        self.runs, self.asked, self.unsure = set(), {}, {}

    def run_forever(self):
        raise OrochiError('the event loop of procedures runs by itself: await what you mean to wait for')

    run_until_complete = run_forever

    def stop(self):
        raise OrochiError('the event loop of procedures is everybody\'s, and does not stop: return, or cancel a task')

    close = stop

    create_connection = create_server = create_unix_connection = create_unix_server = create_datagram_endpoint = _no_sockets
    sock_recv = sock_recv_into = sock_recvfrom = sock_sendall = sock_sendto = sock_connect = sock_accept = sock_sendfile = _no_sockets
    add_reader = remove_reader = add_writer = remove_writer = add_signal_handler = remove_signal_handler = _no_sockets
    connect_read_pipe = connect_write_pipe = subprocess_shell = subprocess_exec = getaddrinfo = getnameinfo = _no_sockets

    def create_task(self, coro, *, name=None, context=None):
        task = super().create_task(coro, name=name, context=context)
        run = (context or contextvars.copy_context()).get(RUN)
        if run is not None and run.task is not None:
            if run.others is None:
                run.others = set()
            run.others.add(task)
            task.add_done_callback(run.others.discard)
        return task

    # ---- what the engine calls ----

    def begin(self, token, fn, seconds, given, *args):
        """Takes a procedure in, which runs in the next steps. seconds: it may take, 0: any time."""
        run = Run(token)
        context = contextvars.Context()
        context.run(RUN.set, run)
        if seconds:
            run.timer = self.call_later(seconds, self._late, run, context=_NOBODY)
        self.runs.add(run)
        given._run = run
        run.task = self.create_task(_main(self, run, fn, given, args), context=context)
        run.task.add_done_callback(lambda task: self._ended(run, task), context=_NOBODY)

    def step(self):
        """Runs what is ready; seconds until something else is, or -1."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            if self.asked:
                self._answer()
            if self.unsure:
                self._on_disk()
            self._due()
            for _ in range(len(self._ready)):
                handle = self._ready.popleft()
                if not handle._cancelled:
                    self._piece(handle)
        finally:
            asyncio._set_running_loop(before)
        if self._ready:
            return 0.0
        return min(max(0.0, self._scheduled[0]._when - self.time()), _LONG) if self._scheduled else -1.0

    def cancel_all(self, why):
        for run in list(self.runs):
            self.cancel(run, why)

    # ---- within a step ----

    def _piece(self, handle):
        run = handle._context.get(RUN)
        if run is None:
            handle._run()
            return
        try:
            _orochi._loop_run(run.token, handle._context, handle._callback, handle._args)
        except MemoryError as error:  # the step of a task is lost, and it would never go on
            _orochi._loop_over(run.token)
            self._give_up(run, error)
        except BaseException as error:  # of a callback; SystemExit of a task, which is its alone
            self.call_exception_handler({'message': 'a task of a procedure', 'exception': error})

    def _due(self):
        timers = self._scheduled
        if len(timers) > _FEW_TIMERS and self._timer_cancelled_count * 2 > len(timers):
            for handle in timers:
                handle._scheduled = not handle._cancelled
            timers = self._scheduled = [handle for handle in timers if not handle._cancelled]
            heapq.heapify(timers)
            self._timer_cancelled_count = 0
        now = self.time() + self._clock_resolution
        while timers and (timers[0]._cancelled or timers[0]._when < now):
            handle = heapq.heappop(timers)
            handle._scheduled = False
            if handle._cancelled:
                self._timer_cancelled_count -= 1
            else:
                self._ready.append(handle)

    def _answer(self):
        for number, given in _orochi._loop_answers():
            future = self.asked.pop(number, None)
            if future is None or future.done():
                continue
            if isinstance(given, str):
                future.set_exception(HttpError(given))
            else:
                future.set_result(given)

    def _on_disk(self):
        there = _orochi._loop_durable()
        for future, seq in list(self.unsure.items()):
            if seq <= there and not future.done():
                future.set_result(None)

    # ---- ends ----

    def _late(self, run):
        self.cancel(run, 'the procedure waited longer than its limit')

    def cancel(self, run, why):
        """Has it raise CancelledError; what does not end in a while is left where it is."""
        if run.why is not None:
            return
        run.why = why
        if run.timer is not None:
            run.timer.cancel()
        _orochi._loop_grace(run.token, GRACE)
        run.timer = self.call_later(GRACE, self._abandon, run, context=_NOBODY)
        run.task.cancel()

    def _abandon(self, run):
        """It was cancelled and goes on."""
        self._give_up(run, ReducerTimeout(f'{run.why}, and it did not end within {GRACE:g} s of being cancelled'))

    def _give_up(self, run, error):
        """Closed, it may say no to that as well, but nothing of it runs any more."""
        _orochi._loop_grace(run.token, GRACE / 4)
        if run in self.runs and _orochi._loop_enter(run.token):
            try:
                left, run.task = (run.task, *(run.others or ())), None
                for task in left:
                    task._log_destroy_pending = False
                    try:
                        task.get_coro().close()
                    except BaseException:  # it awaits something, or raises another thing
                        pass
                self.end(run, None, error)
            finally:
                _orochi._loop_leave(run.token)

    def _ended(self, run, task):
        """Its last step was interrupted on the way to end()."""
        if run in self.runs and _orochi._loop_enter(run.token):
            try:
                late = None if task.cancelled() else task.exception()
                self.end(run, None, late if isinstance(late, MemoryError) else ReducerTimeout('the procedure ran longer than its limit'))
            finally:
                _orochi._loop_leave(run.token)

    def end(self, run, value, error):
        _orochi._loop_end(run.token, value, error)
        self.runs.discard(run)
        if run.timer is not None:
            run.timer.cancel()


async def _main(loop, run, fn, ctx, args):
    value = error = None
    try:
        value = await fn(ctx, *args)
    except BaseException as raised:
        if run.task is None:  # it is abandoned
            raise
        error = raised
        if isinstance(error, MemoryError):
            _orochi._loop_over(run.token)
        if isinstance(error, RuntimeError) and str(error).startswith('Task got bad yield'):
            error = TypeError(f'{fn.__name__} awaits something of another event loop: a procedure awaits ctx.sleep(), ctx.http, '
                              'ctx.with_tx(), what asyncio has, and coroutines that do')
            error.__cause__ = raised
    if run.others:
        await _end_others(run)
    if run.why is not None and (error is None or isinstance(error, asyncio.CancelledError)):
        error = ReducerTimeout(run.why)
    loop.end(run, value, error)


async def _end_others(run):
    """Tasks that it has left behind."""
    left = list(run.others)
    for task in left:
        task.cancel()
    try:
        await asyncio.wait(left, timeout=GRACE)
    except asyncio.CancelledError:
        pass


def make():
    """For the engine: the loop of this interpreter."""
    return Loop()


def check(run, what):
    """That the procedure may wait now, and that it is the one that asks."""
    _orochi._loop_free(what)
    if RUN.get(None) is not run:
        raise TransactionError(f'{what} was used outside of the procedure it belongs to')


async def fetch(asked):
    """What the engine gives for a request."""
    loop = asyncio.get_running_loop()
    number = _orochi._loop_ask(*asked)
    future = loop.asked[number] = loop.create_future()
    try:
        return await future
    finally:
        if loop.asked.pop(number, None) is not None:
            _orochi._loop_drop(number)


async def durable(seq):
    """Until the record is on disk, for so long as anybody would wait for it."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.unsure[future] = seq
    _orochi._loop_disk(True)
    try:
        async with asyncio.timeout(DURABLE):
            await future
    except TimeoutError:
        raise ReducerTimeout('durability confirmation timed out; outcome unknown, do not retry without deduplication') from None
    finally:
        del loop.unsure[future]
        _orochi._loop_disk(False)
