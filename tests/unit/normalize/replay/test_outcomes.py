"""How raw records ended, and which ended otherwise."""

from collections import Counter

import pytest

from ami_kafka.span import Span
from ami_normalize.replay.outcomes import Outcomes, transitions
from ami_normalize.replay.source import Source
from ami_schemas import topics

pytestmark = pytest.mark.unit


def outcomes(*records):
    found = Outcomes({0: Span(10, 20)})
    for offset, topic, reason in records:
        source = Source("ami.raw.v1", 0, offset)
        if topic is None:
            found.resolve(source)
        else:
            found.add(topic, source, reason)
    return found


def test_the_best_outcome_counts_whatever_came_first():
    ended = outcomes(
        (10, topics.DEAD_LETTERS, "TRUNCATED"),
        (10, topics.READINGS, ""),
        (11, topics.EVENTS, ""),
        (11, topics.READINGS, ""),
        (11, topics.DEAD_LETTERS, "TRUNCATED"),
        (12, topics.DEAD_LETTERS, "TRUNCATED"),
        (12, topics.PARKED, "KEY_MISSING"),
        (13, topics.READINGS, ""),
        (13, topics.EVENTS, ""),
    )
    assert list(ended.each())[:5] == ["readings", "readings", "parked:KEY_MISSING", "readings", "none"]


def test_a_marker_ends_the_waiting():
    ended = outcomes(
        (10, topics.PARKED, "KEY_MISSING"),
        (10, topics.DEAD_LETTERS, "PARK_EXPIRED"),
        (10, None, ""),
        (11, topics.PARKED, "KEY_MISSING"),
        (11, None, ""),
        (11, topics.PARKED, "MAPPING_MISSING"),
    )
    assert list(ended.each())[:2] == ["rejected:PARK_EXPIRED", "parked:MAPPING_MISSING"]


def test_transitions_count_what_ended_otherwise():
    before = outcomes((10, topics.PARKED, "KEY_MISSING"), (11, topics.PARKED, "KEY_MISSING"), (12, topics.READINGS, ""))
    after = outcomes((10, topics.READINGS, ""), (11, topics.READINGS, ""), (12, topics.READINGS, ""))

    assert transitions(before, after) == Counter({("parked:KEY_MISSING", "readings"): 2})
