"""What follows from an error, and whose offsets a broker would take without fencing."""

import pytest
from confluent_kafka import KafkaError

from ami_kafka.triage import Verdict, is_member, triage

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (KafkaError(KafkaError._TIMED_OUT, retriable=True), Verdict.RETRY),
        (KafkaError(KafkaError.ILLEGAL_GENERATION, txn_requires_abort=True), Verdict.ABORT),
        (KafkaError(KafkaError.UNKNOWN_MEMBER_ID, txn_requires_abort=True), Verdict.ABORT),
        (KafkaError(KafkaError._FENCED, fatal=True), Verdict.REBUILD),
        (KafkaError(KafkaError.INVALID_TXN_STATE, fatal=True), Verdict.REBUILD),
        (KafkaError(KafkaError._STATE), Verdict.REBUILD),
        (KafkaError(KafkaError.UNKNOWN), Verdict.REBUILD),
        (KafkaError(KafkaError.FENCED_INSTANCE_ID, fatal=True), Verdict.REPLACED),
        (KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, txn_requires_abort=True), Verdict.REFUSED),
        (KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, retriable=True), Verdict.MISSING),
        (KafkaError(KafkaError._AUTO_OFFSET_RESET), Verdict.VANISHED),
    ],
)
def test_each_error_has_one_verdict(error, verdict):
    assert triage(error) is verdict


def test_metadata_of_a_member_is_told_from_that_of_an_outcast():
    assert is_member(b"CGMDv2:\x01\x00\x00\x00group\x00ami-5ebe55ec\x00\x01")
    assert not is_member(b"CGMDv2:\xff\xff\xff\xffgroup\x00ami-5ebe55ec\x00\x01")
    assert not is_member(b"CGMDv2:\x01\x00\x00\x00group\x00\x00\x01")
    assert not is_member(b"CGMDv2:\x01\x00")
    assert not is_member(b"something else")
