"""Tests of a module in the test's own process: real tables, codecs, transactions, subscriptions and timers, in virtual time.

    import arena
    from orochi.testing import Database

    def test_a_player_joins():
        with Database(arena) as db:
            ann = db.connect("ann")
            ann.call(arena.join, "Ann")
            assert db.player.find(ann.identity).name == "Ann"
            db.advance(seconds=2)                   # forty beats of a 20 Hz tick, at once

The module runs in the test's interpreter, so breakpoints, coverage and pytest's rewriting of assertions work in it. There is no
server and no port, and a disk only where a path is given. It needs the wheel (`pip install orochi_server-*.whl`). pytest finds the fixture `orochi_db` by itself
(orochi.testing.plugin); random values for property tests are made by orochi.testing.strategies.
"""

from .._fetch import HttpResponse
from ._client import Client, Subscription
from ._database import Database, LogLine
from ._mock import HttpMock, HttpRequest, UnmatchedRequest

__all__ = ['Client', 'Database', 'HttpMock', 'HttpRequest', 'HttpResponse', 'LogLine', 'Subscription', 'UnmatchedRequest']
