"""What the event loops of handlers (_asgi.py) and of procedures (_loop.py) have in common: the interpreter has one thread."""

import asyncio


class ThreadlessLoop(asyncio.BaseEventLoop):
    """Nobody wakes it from elsewhere, and functions for other threads run where they are asked for."""

    def _write_to_self(self):
        pass

    def run_in_executor(self, executor, fn, *args):
        """There are no threads: it runs here."""
        future = self.create_future()
        try:
            future.set_result(fn(*args))
        except Exception as error:
            future.set_exception(error)
        return future
