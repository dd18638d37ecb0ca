"""db.request() of orochi.testing: a module's HTTP handlers without a server."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))

import game
import web

from orochi.testing import Database


class Requests(unittest.TestCase):
    def setUp(self):
        self.db = Database(web)
        self.addCleanup(self.db.close)

    def test_a_handler_reads_and_writes(self):
        made = self.db.request('POST', '/score', json={'player': 'ann', 'points': 5}, headers={'X-Token': 't'})
        self.assertEqual((made.status, made.value()['points'], made.value()['token'], made.value()['at']), (201, 5, 't', self.db.now))
        self.assertEqual(self.db.score.find('ann').points, 5)
        self.assertEqual(self.db.request('GET', '/score/ann').value(), {'player': 'ann', 'points': 5})
        self.assertEqual((self.db.request('GET', '/score/bob').status, self.db.request('GET', '/score/bob').text()), (404, 'nobody'))
        self.assertTrue(any('given' in line.text for line in self.db.logs))

    def test_what_it_commits_reaches_clients(self):
        seen = self.db.connect('bob').subscribe(web.Score)
        self.db.request('POST', '/score', json={'player': 'ann', 'points': 1})
        self.assertEqual([row.player for row in seen.inserted], ['ann'])

    def test_what_it_raises_is_raised_and_refusals_are_answers(self):
        with self.assertRaisesRegex(KeyError, 'fault'):
            self.db.request('GET', '/fault')
        self.assertEqual([row.player for row in self.db.score], ['stays'])
        self.assertEqual((self.db.request('GET', '/refused').status, self.db.request('POST', '/score', body='{').status), (400, 400))
        self.assertEqual(self.db.request('GET', '/score/stays').status, 200)

    def test_an_application_and_no_route(self):
        self.assertEqual(self.db.request('PUT', '/app/x').body, b'PUT')
        self.assertEqual(self.db.request('GET', '/none').status, 404)
        first, second = (self.db.request('POST', '/score', json={'player': p, 'points': 1}).value()['by'] for p in 'ab')
        self.assertNotEqual(first, second)

    def test_each_database_has_its_environment(self):
        with Database(web, env={'MODE': 'other'}) as other:
            self.assertEqual([db.request('GET', '/mode').text() for db in (other, self.db, other)], ['other', 'plain', 'other'])

    def test_of_another_module_nothing(self):
        with Database(game) as other, self.assertRaises(LookupError):
            other.request('GET', '/score/ann')


if __name__ == '__main__':
    unittest.main()
