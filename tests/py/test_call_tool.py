"""`orochi call`: what words of a command line are as arguments."""

import unittest
from types import SimpleNamespace

import helper  # noqa: F401  (finds the package)
from orochi._types import SATS_SPECIAL, simple
from orochi.tools import call

DIGITS = 'c20018e5b74bedd85e4317852e9755ed44fcd18f5a183b7d239c13fa04844eff'


def given(kind, word):
    function = SimpleNamespace(params=[SimpleNamespace(type=kind)])
    return call.body(function, [word], [])[0]


class SpecialTypes(unittest.TestCase):
    def test_an_identity_is_given_as_it_is_printed(self):
        for word in (DIGITS, f'0x{DIGITS}', f'"0x{DIGITS}"'):
            self.assertEqual(given(SATS_SPECIAL['identity'], word), {'__identity__': f'0x{DIGITS}'}, word)

    def test_connection_ids_and_uuids_too(self):
        self.assertEqual(given(SATS_SPECIAL['connection_id'], '0' * 30 + 'ff'), {'__connection_id__': 255})
        self.assertEqual(given(SATS_SPECIAL['uuid'], '00000000-0000-0000-0000-0000000000ff'), {'__uuid__': 255})

    def test_json_is_json_as_before(self):
        self.assertEqual(given(SATS_SPECIAL['identity'], '["0x01"]'), ['0x01'])
        self.assertEqual(given(SATS_SPECIAL['identity'], '{"__identity__": "0x01"}'), {'__identity__': '0x01'})

    def test_what_is_no_identity_is_left_to_the_server(self):
        for word in ('ann', '0xc200', DIGITS[:-1] + 'g'):
            self.assertEqual(given(SATS_SPECIAL['identity'], word), word)

    def test_digits_in_a_text_stay_a_text(self):
        self.assertEqual(given(simple('String'), DIGITS), DIGITS)
        self.assertEqual(given(simple('U32'), '7'), 7)
