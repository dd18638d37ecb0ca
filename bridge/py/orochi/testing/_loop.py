"""The event loop of an `async def` in a test: its time is the database's."""

import math

from .. import _asgi
from .._errors import OrochiError, TransactionError


class _Passing:
    """What a loop asks for events: there are none but that time has passed."""

    def __init__(self, run):
        self._run = run

    def select(self, timeout):
        if self._run.in_tx:
            raise TransactionError(f'{self._run.name or 'the handler'} awaits something in a transaction: do it before or after')
        if timeout is None:
            raise OrochiError(f'{self._run.name or 'the handler'} waits for something that never comes: in a test there are no sockets, threads or other '
                              'processes to wait for')
        if timeout > 0:
            self._run.wait(math.ceil(timeout * 1e6 - 1e-3))
        return ()

    def close(self):
        pass


class Loop(_asgi._Loop):
    """An event loop whose time is the database's."""

    def __init__(self, run):
        super().__init__(run.name)
        self._selector = _Passing(run)
        self._run, self._start = run, int(run.db.now)
        self._clock_resolution = 1e-6

    def time(self):
        return (int(self._run.db.now) - self._start) / 1e6

    async def pause(self, micros):
        done = self.create_future()
        self.call_later(max(0, micros) / 1e6, lambda: done.done() or done.set_result(None))
        await done

    def drive(self, coroutine):
        """What it gives; tasks that it leaves behind are cancelled."""
        _asgi._no_threads()
        task = self.create_task(_asgi._await(coroutine))
        try:
            _asgi._drive(self, task)
            return task.result()
        finally:
            try:
                _asgi._end_tasks(self)
            finally:
                self.close()
