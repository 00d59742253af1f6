"""What replay protection found live stays found, unless a person accepted it."""

import pytest

from ami_normalize.pipeline import Rejected
from ami_normalize.replay.source import Source
from ami_normalize.replay.verdicts import Verdicts
from ami_schemas.reasons import Reason

pytestmark = pytest.mark.unit

SOURCE = Source("ami.raw.v1", 3, 7)


def letter(reason, source="ami.raw.v1/3/7"):
    return [
        ("dlq.reason", reason.encode()),
        ("dlq.stage", b"decrypt"),
        ("dlq.message", b"said"),
        ("ami-source", source.encode()),
    ]


@pytest.mark.parametrize("reason", ["COUNTER_REUSED", "STALE_COUNTER"])
@pytest.mark.parametrize("source", ["ami.raw.v1/3/7", "ami.raw.v1/3/7#0"])
def test_a_push_that_was_not_fresh_stays_rejected(reason, source):
    verdicts = Verdicts()
    verdicts.hear(letter(reason, source))

    assert verdicts.of(SOURCE) == Rejected(Reason(reason), "decrypt", "said")
    assert verdicts.of(SOURCE._replace(offset=8)) is None


@pytest.mark.parametrize("found", [letter("TAG_MISMATCH"), [], None, letter("STALE_COUNTER", "watch/x/y")])
def test_everything_else_is_decided_anew(found):
    verdicts = Verdicts()
    verdicts.hear(found)

    assert verdicts.of(SOURCE) is None


@pytest.mark.parametrize(("outcome", "stays"), [(b"readings", False), (b"events", False), (b"rejected", True)])
def test_a_counter_that_a_person_accepted_is_accepted(outcome, stays):
    verdicts = Verdicts()
    verdicts.hear(letter("STALE_COUNTER"))
    verdicts.hear([("ami-resolves", b"ami.raw.v1/3/7"), ("ami-outcome", outcome)])

    assert (verdicts.of(SOURCE) is not None) is stays
