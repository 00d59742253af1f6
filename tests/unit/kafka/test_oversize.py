"""A record that its topic does not take is replaced, so that no batch fails for ever."""

import pytest

from ami_kafka.oversize import HEADER, fit, size
from ami_kafka.records import Output

pytestmark = pytest.mark.unit

SMALL = Output("readings", 0, b"k", b"x" * 10, [("ami-source", b"raw/0/1")])
LARGE = Output("readings", 0, b"k", b"x" * 5000, [("ami-source", b"raw/0/2")])


def fitted(outputs, replace=None):
    told = []
    limits = {"readings": 2000, "dlq": 3000}
    kept = list(fit(outputs, limits.__getitem__, replace, lambda *arguments: told.append(arguments)))
    return kept, told


def test_what_fits_passes_unchanged_and_in_order():
    assert fitted([SMALL, SMALL]) == ([SMALL, SMALL], [])


def test_without_a_replacement_key_and_headers_remain():
    kept, told = fitted([SMALL, LARGE])
    assert kept[0] is SMALL
    assert kept[1].value is None
    assert (kept[1].key, kept[1].headers) == (b"k", [("ami-source", b"raw/0/2"), (HEADER, b"5000")])
    assert told == [(LARGE, size(LARGE), 2000)]


def test_the_processor_says_what_stands_for_it():
    letter = Output("dlq", 0, b"k", b"why", [])
    assert fitted([LARGE], lambda _output, _limit: [letter])[0] == [letter]


def test_a_replacement_too_large_itself_goes_without_its_value():
    kept, _ = fitted([LARGE], lambda output, _limit: [output._replace(topic="dlq")])
    assert [(output.topic, output.value) for output in kept] == [("dlq", None)]
