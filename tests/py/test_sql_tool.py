"""`orochi sql`: how values, tables and mistakes look, against a server of a few lines."""

import contextlib
import http.server
import io
import json
import threading
import unittest
import unittest.mock

import helper  # noqa: F401  (finds the package)
from orochi.tools import cli, sql


def special(name, inner):
    return {'Product': {'elements': [{'name': {'some': name}, 'algebraic_type': {inner: []}}]}}


OPTION = {'Sum': {'variants': [{'name': {'some': 'some'}, 'algebraic_type': {'U32': []}},
                               {'name': {'some': 'none'}, 'algebraic_type': {'Product': {'elements': []}}}]}}
RANK = {'Sum': {'variants': [{'name': {'some': 'Novice'}, 'algebraic_type': {'Product': {'elements': []}}},
                             {'name': {'some': 'Lord'}, 'algebraic_type': {'U8': []}}]}}
POINT = {'Product': {'elements': [{'name': {'some': 'x'}, 'algebraic_type': {'I32': []}}, {'name': {'some': 'r'}, 'algebraic_type': RANK}]}}


def answer(columns, rows, **stats):
    stats = {'rows_inserted': 0, 'rows_deleted': 0, 'rows_updated': 0, **stats}
    return {'schema': {'elements': [{'name': {'some': n}, 'algebraic_type': t} for n, t in columns]}, 'rows': rows,
            'total_duration_micros': 1500, 'stats': stats}


class Cells(unittest.TestCase):
    def test_each_type(self):
        for value, kind, text in [
            (5, {'U64': []}, '5'), (True, {'Bool': []}, 'true'), ("it's", {'String': []}, "it's"), (None, {'I64': []}, None),
            (['0xc200'], special('__identity__', 'U256'), '0xc200'), ([255], special('__connection_id__', 'U128'), '0x' + '0' * 30 + 'ff'),
            ([1704067200000001], special('__timestamp_micros_since_unix_epoch__', 'I64'), '2024-01-01T00:00:00.000001Z'),
            ([2 ** 62], special('__timestamp_micros_since_unix_epoch__', 'I64'), f'{2 ** 62} us'),
            ([1500000], special('__time_duration_micros__', 'I64'), '1.5 s'),
            ([1], special('__uuid__', 'U128'), '00000000-0000-0000-0000-000000000001'),
            ([0, 7], OPTION, '7'), ([1, []], OPTION, None), ([0, []], RANK, 'Novice'), ([1, 3], RANK, 'Lord(3)'),
            ([4, [1, 2]], POINT, '{x: 4, r: Lord(2)}'), ('0aff', {'Array': {'U8': []}}, '0aff'), ([1, 2], {'Array': {'U16': []}}, '[1, 2]'),
        ]:
            self.assertEqual(sql.cell(value, kind), text)

    def test_a_table_is_aligned_and_harmless(self):
        columns = [('name', {'String': []}), ('n', {'U64': []})]
        self.assertEqual(sql.table(columns, [['\x1b[2Jx\n', 5], ['日本', 12345], [None, 0]]), [
                'name       |     n', '-----------+------', r'\x1b[2Jx\n |     5', '日本       | 12345', 'NULL       |     0'])


class Lines(unittest.TestCase):
    def test_a_statement_ends_with_a_semicolon(self):
        for text in ['SELECT 1;', "SELECT ';';", 'SELECT 1; ', 'SELECT 1; -- that is all', "SELECT 'it''s';"]:
            self.assertTrue(sql.is_complete(text), text)
        for text in ['SELECT 1', "SELECT ';", 'SELECT 1 -- ;', 'SELECT ";']:
            self.assertFalse(sql.is_complete(text), text)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = self.rfile.read(int(self.headers['content-length'])).decode()
        self.server.asked.append((self.path, asked, self.headers['authorization']))
        status, body = (400, b'no such column: x') if 'x' in asked else (200, json.dumps(self.server.answers).encode())
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Command(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.asked, self.server.answers = [], [answer([('id', {'U32': []}), ('o', OPTION)], [[1, [0, 2]], [2, [1, []]]])]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def run_it(self, *args):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(['sql', '--url', f'127.0.0.1:{self.server.server_port}', '--name', 'db', *args])
        return code, out.getvalue(), err.getvalue()

    def test_a_table(self):
        self.assertEqual(self.run_it('--token', 't', '-c', 'SELECT 1'), (0, 'id |    o\n---+-----\n 1 |    2\n 2 | NULL\n(2 rows, 1.5 ms)\n', ''))
        self.assertEqual(self.server.asked, [('/v1/database/db/sql', 'SELECT 1', 'Bearer t')])

    def test_a_query_needs_no_flag(self):
        self.assertEqual(self.run_it('SELECT 1', '--token', 't', '--csv'), (0, 'id,o\n1,2\n2,\n', ''))
        self.assertEqual(self.run_it('--token', 't', '')[0], 0)
        self.assertEqual([asked for _, asked, _ in self.server.asked], ['SELECT 1', ''])

    def test_each_of_several_is_asked_until_one_is_refused(self):
        got = self.run_it('--token', 't', '--csv', '-c', 'SELECT 1', '-c', 'SELECT x', '-c', 'DELETE')
        self.assertEqual(got, (1, 'id,o\n1,2\n2,\n', 'no such column: x\n'))
        self.assertEqual(self.run_it('--token', 't', '-c', 'SELECT 1', '-c', 'SELECT 2', 'SELECT 3')[0], 0)
        self.assertEqual([asked for _, asked, _ in self.server.asked], ['SELECT 1', 'SELECT x', 'SELECT 1', 'SELECT 2', 'SELECT 3'])

    def test_words_without_quotes_are_told(self):
        code, _, err = self.run_it('SELECT', '*', 'FROM', 'player')
        self.assertEqual(code, 2)
        self.assertIn('nothing to do with *', err)
        self.assertEqual(self.server.asked, [])

    def test_json_and_csv(self):
        self.assertEqual(self.run_it('--anonymous', '--json', '-c', 'SELECT 1')[1], '[{"id": 1, "o": [0, 2]}, {"id": 2, "o": [1, []]}]\n')
        self.assertEqual(self.run_it('--anonymous', '--csv', '-c', 'SELECT 1')[1], 'id,o\n1,2\n2,\n')
        self.assertEqual(self.server.asked[0][2], None)

    def test_what_was_changed_is_counted(self):
        self.server.answers = [answer([], [], rows_inserted=1), answer([], [], rows_updated=2, rows_deleted=3), answer([], [])]
        self.assertEqual(self.run_it('--token', 't', '-c', 'INSERT')[1], '1 row inserted\n2 rows updated, 3 rows deleted\nno row changed\n')

    def test_a_refusal_has_the_servers_words(self):
        self.assertEqual(self.run_it('--token', 't', '-c', 'SELECT x'), (1, '', 'no such column: x\n'))

    def test_by_the_line(self):
        lines = iter(['SELECT', '  1;', 'SELECT x;', r'\?', r'\q', 'never'])
        out = io.StringIO()
        with contextlib.redirect_stderr(io.StringIO()) as err:
            unittest.mock.patch.object(sql, '_readline', lambda server: lambda: None).start()
            self.addCleanup(unittest.mock.patch.stopall)
            sql.interactive(sql.Server(f'http://127.0.0.1:{self.server.server_port}', 'db', 't'), 'table', out, lambda prompt: next(lines))
        self.assertEqual([asked for _, asked, _ in self.server.asked], ['SELECT\n  1;', 'SELECT x;'])
        self.assertIn('(2 rows', out.getvalue())
        self.assertEqual(err.getvalue(), 'no such column: x\n')

    def test_the_database_has_to_be_known(self):
        with contextlib.redirect_stderr(io.StringIO()) as err:
            self.assertEqual(cli.main(['sql', '--url', f'127.0.0.1:{self.server.server_port}', '--anonymous', '-c', 'SELECT 1']), 1)
        self.assertIn('--name', err.getvalue())


if __name__ == '__main__':
    unittest.main()
