"""Procedures in orochi.testing: what they ask, wait for and give, in virtual time."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))

import game
import oracle

from orochi import EncodeError, HttpError, ReducerError, ReducerTimeout, TransactionError
from orochi.testing import Database, HttpResponse, UnmatchedRequest


class Case(unittest.TestCase):
    def setUp(self):
        self.db = Database(oracle, env={'KEY': 'k1'})
        self.addCleanup(self.db.close)
        self.ann = self.db.connect('ann')

    def texts(self):
        return [a.text for a in self.db.answer]


class Procedures(Case):
    def test_it_asks_waits_commits_and_gives_what_a_client_gets(self):
        asked = self.db.mock_http('https://oracle.example/v1', {'text': 'yes'})
        seen = self.ann.subscribe(oracle.Answer)
        before = self.db.now
        told = self.ann.call(oracle.ask, 'why?')
        self.assertEqual(told, oracle.Told(1, 'yes', 1.5))
        self.assertEqual([(a.text, a.asker) for a in seen.inserted], [('yes', self.ann.identity)])
        self.assertGreaterEqual(self.db.answer.find(1).at - before, 1_500_000)
        self.assertEqual(self.db.beat.find(1).count, 15)  # which beat meanwhile
        request, = asked.requests
        self.assertEqual((request.method, request.json(), request.headers['Authorization']), ('POST', {'q': 'why?'}, 'Bearer k1'))
        self.assertTrue([line for line in self.db.logs if line.level == 'info' and 'ask: ' in line.text and 'said yes' in line.text])

    def test_by_name_with_names_and_defaults_and_by_the_owner(self):
        self.db.mock_http('https://oracle.example/*', {'text': 'yes'})
        self.assertEqual(self.ann.procedure('ask', question='why?', loud=True).id, 1)
        self.assertEqual(self.texts(), ['YES'])
        self.assertEqual(self.db.call(oracle.secret), 'owner True')
        self.db.call(oracle.wipe)
        self.assertEqual(self.texts(), [])
        for fn in (oracle.secret, oracle.wipe):
            with self.assertRaisesRegex(LookupError, f'{fn.__name__}, which is private: db.call\\({fn.__name__}, ...\\)'):
                self.ann.call(fn)
        with self.assertRaisesRegex(LookupError, 'oracle has no reducer or procedure nott: do you mean note'):
            self.ann.call('nott', 'x')
        with self.assertRaisesRegex(LookupError, 'connected, which runs by itself: db.connect'):
            Database(game).connect('bob').call(game.connected)

    def test_arguments_and_results_are_those_of_the_wire(self):
        with self.assertRaises(EncodeError):
            self.ann.call(oracle.ask, 5)
        with self.assertRaisesRegex(ReducerError, 'invalid arguments for procedure ask'):
            self.ann.call_raw('ask', b'\1')
        with self.assertRaisesRegex(ReducerError, '1 bytes too many'):
            self.ann.call_raw('ask', b'\0\0\0\0\0\0')
        with self.assertRaises(LookupError):
            self.ann.call_raw('secret', b'')
        with self.assertRaises(EncodeError):
            self.ann.call(oracle.wrong)

    def test_what_it_raises_is_raised_and_its_transaction_is_rolled_back(self):
        with self.assertRaises(ReducerError) as caught:
            self.ann.call(oracle.refuses)
        self.assertEqual((caught.exception.code, caught.exception.data, self.texts()), ('no', [1], []))
        for how, what in ((0, 'sleep'), (1, 'with_tx'), (2, 'http')):
            with self.assertRaisesRegex(TransactionError, f'ctx.{what}.* in a transaction'):
                self.ann.call(oracle.nests, how)
        self.assertEqual((self.ann.call(oracle.nests, 3), self.texts()), ('done', ['goes']))
        self.assertEqual((self.ann.call(oracle.leaves_open), self.texts()), ('left', ['goes']))
        self.assertTrue([line for line in self.db.logs if line.level == 'error' and 'left a transaction open' in line.text])
        self.ann.call(oracle.note, 'after')
        self.assertEqual(self.texts(), ['goes', 'after'])

    def test_its_limit_is_of_the_clock(self):
        before = self.db.now
        with self.assertRaises(ReducerTimeout):
            self.ann.call(oracle.limited)
        self.assertLess(self.db.now - before, 3_100_000)

    def test_what_happens_meanwhile(self):
        bob = self.db.connect('bob')
        self.db.mock_http('https://oracle.example/v1', lambda request: bob.call(oracle.note, 'asked') or {'text': request.json()['q']})
        self.db.later(1, bob.call, oracle.note, 'slept')
        self.assertEqual(self.ann.call(oracle.ask, 'x').text, 'x')
        self.assertEqual(self.texts(), ['asked', 'slept', 'x'])
        self.db.later(5, bob.call, oracle.note, 'later')
        self.assertEqual(self.db.advance(4.9), 54)  # 49 beats, 5 polls
        self.assertEqual(len(self.texts()), 3)
        self.db.advance(0.2)
        self.assertEqual(self.texts()[-1], 'later')

    def test_what_timers_raise_meanwhile_is_raised_at_its_end(self):
        self.db.mock_http('https://oracle.example/v1', {'text': 'yes'})
        self.db.later(0.5, lambda: 1 / 0)
        with self.assertRaises(ZeroDivisionError):
            self.ann.call(oracle.ask, 'x')
        self.assertEqual(self.texts(), ['yes'])


class Requests(Case):
    def test_what_nobody_answers_fails_the_test_also_where_it_is_caught(self):
        with self.assertRaisesRegex(UnmatchedRequest, re.escape("asked GET https://oracle.example/v2") + ".*db.mock_http\\('https://oracle"):
            self.ann.call(oracle.swallow)
        self.db.mock_http('https://oracle.example/v1', 'x', method='get')
        with self.assertRaisesRegex(UnmatchedRequest, 'is https://oracle.example/v1 meant'):
            self.ann.call(oracle.swallow)

    def test_answers_of_each_kind_in_turn(self):
        self.db.mock_http(re.compile('https://oracle[.].*'), 'a', b'b', 404, HttpResponse(500, {}, 'c'), HttpError('no way'), ['d'],
                          lambda request: request.method)
        self.assertEqual([self.ann.call(oracle.swallow) for _ in range(8)], ['a', 'b', '', 'c', 'fallback', '["d"]', 'GET', 'GET'])
        with self.assertRaisesRegex(HttpError, 'status 404'):
            self.db.mock_http('https://oracle.example/v1', 404)
            self.ann.call(oracle.ask, 'x')

    def test_an_answer_that_takes_time(self):
        self.db.mock_http('https://slow.example/*', 'late', delay=1)
        before = self.db.now
        self.assertEqual((self.ann.call(oracle.patient), self.db.now - before >= 1_000_000), ('late', True))
        mock = self.db.mock_http('https://slow.example/*', 'never', delay=60)
        self.assertRegex(self.ann.call(oracle.patient), 'no answer within 2 s')
        self.assertEqual((len(mock.requests), self.db.now - before < 3_100_000), (1, True))

    def test_wrong_urls_and_answers(self):
        with self.assertRaisesRegex(TypeError, 'a URL is a str'):
            self.db.mock_http(5)


class Coroutines(Case):
    def test_they_wait_beside_each_other(self):
        self.db.mock_http('https://oracle.example/name', 'mr ', delay=2)
        before = self.db.now
        self.assertEqual(self.ann.call(oracle.both, ['a', 'b', 'c']), ['mr a', 'mr b', 'mr c'])
        self.assertEqual(self.texts(), ['a', 'b', 'c', 'last'])
        self.assertLess(abs(self.db.now - before - 3_500_000), 1000)

    def test_one_that_waits_for_nothing(self):
        with self.assertRaisesRegex(Exception, 'forever waits for something that never comes'):
            self.ann.call(oracle.forever)
        self.ann.call(oracle.note, 'goes on')


class Timers(Case):
    def test_rows_and_schedules_call_procedures(self):
        self.ann.call(oracle.plan, 'row')
        self.db.advance(1)
        self.assertEqual(self.texts(), ['planned'])
        self.db.advance(2.5)  # the clock has gone on to 2 with it
        self.assertEqual((self.texts(), len(self.db.reminder)), (['planned'], 1))
        self.db.advance(1)
        self.assertEqual((self.texts(), len(self.db.reminder)), (['planned', 'row schedule'], 0))
        self.db.advance(20)
        self.assertEqual(len(self.texts()), 2)

    def test_one_that_repeats_is_never_beside_itself(self):
        self.db.advance(3)
        self.assertEqual(self.db.poll.find(1).count, 3)
        self.db.poll.update(self.db.poll.find(1), slow=True)
        before = self.db.now
        self.db.advance(1)
        self.assertGreaterEqual(self.db.now - before, 4_490_000)
        self.db.poll.update(self.db.poll.find(1), slow=False)
        count = self.db.poll.find(1).count
        self.db.advance(1)
        self.assertIn(self.db.poll.find(1).count - count, (1, 2))
        with self.assertRaisesRegex(LookupError, 'private'):
            self.ann.call(oracle.poll)

    def test_what_one_raises(self):
        with Database(oracle) as db:
            db._look_into(lambda ctx: ctx.schedule(oracle.slowly, 'fails', after=1))
            with self.assertRaisesRegex(ReducerError, 'it does'):
                db.advance(2)
            db.advance(2)
        with Database(oracle, timer_errors='log') as db:
            db._look_into(lambda ctx: ctx.schedule(oracle.slowly, 'fails', after=1))
            db.advance(5)
            self.assertEqual(db.beat.find(1).count, 50)


class Others(Case):
    def test_views_with_their_arguments(self):
        bob = self.db.connect('bob')
        seen = bob.subscribe(oracle.of_player, self.ann.identity, text="it's")
        self.ann.call(oracle.note, "it's")
        self.assertEqual([a.text for a in seen.inserted], ["it's"])
        self.assertEqual(([a.text for a in self.ann.view(oracle.mine)], bob.view(oracle.mine)), (["it's"], []))
        self.assertEqual(bob.view(oracle.of_player, self.ann.identity, 'hi'), [])
        with self.assertRaisesRegex(LookupError, 'no view'):
            bob.view(oracle.note, 'x')

    def test_handlers_and_applications_change_what_views_show(self):
        seen = self.ann.subscribe(oracle.mine)
        self.assertEqual(self.db.request('GET', '/count').value(), 0)
        made = self.db.request('GET', '/app/x?y')
        self.assertEqual((made.status, dict(made.headers)['x-a'], made.text().endswith('/app/x')), (201, 'b', True))
        self.assertEqual((self.db.request('GET', '/count').value(), seen.rows), (1, []))
        with self.assertRaises(EncodeError):
            self.db.request('POST', '/broken')
        self.ann.call(oracle.note, 'mine')
        self.assertEqual([a.text for a in seen.rows], ['mine'])

    def test_misspelt_names_are_told(self):
        for name, told in (('conect', 'do you mean connect'), ('mock_htp', 'do you mean mock_http'), ('anser', 'do you mean answer'),
                           ('zzz', 'there is answer')):
            with self.assertRaisesRegex(AttributeError, told):
                getattr(self.db, name)

    def test_a_coroutine_of_a_handler_waits_by_the_clock(self):
        before = self.db.now
        self.assertAlmostEqual(self.db.request('GET', '/slow').value(), 60, places=3)
        self.assertAlmostEqual((self.db.now - before) / 1e6, 60, places=3)

    def test_a_module_without_handlers(self):
        with Database(game) as other, self.assertRaisesRegex(LookupError, 'game has no HTTP handlers'):
            other.request('GET', '/')


if __name__ == '__main__':
    unittest.main()
