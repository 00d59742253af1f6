"""How batches ended, counted with bounded labels, and told once they are committed."""

import pytest

from ami_kafka.loop import Output, RawMessage
from ami_normalize.observe.tally import MOST_MAKERS, Tally

pytestmark = pytest.mark.unit


def raw(key):
    return RawMessage("ami.raw.v1", 0, 0, 0, key, b"", ())


def title(maker, number=1):
    return f"st-{maker.encode().hex()}{number:010x}".encode()


def refused(key, reason, topic="ami.dlq.v1"):
    return Output(topic, 0, key, b"", [("dlq.reason", reason.encode())])


READING = Output("ami.readings.v1", 0, b"m", b"", [])


@pytest.fixture
def told():
    return []


@pytest.fixture
def tally(told):
    return Tally(told.append)


def test_records_by_maker_outputs_by_topic_refusals_by_reason(tally, told):
    batch = [raw(title("KFM", 1)), raw(title("KFM", 2)), raw(b"inventory-1"), raw(None)]
    outputs = [
        READING,
        READING,
        refused(title("KFM", 2), "TAG_MISMATCH"),
        refused(None, "KEY_MISSING", "ami.parked.v1"),
    ]
    tally.take(batch, outputs)
    assert told == []
    tally.committed()
    (ended,) = told
    assert ended.records == {"KFM": 2, "unknown": 2}
    assert ended.outputs == {"ami.readings.v1": 2, "ami.dlq.v1": 1, "ami.parked.v1": 1}
    assert ended.refused == {("rejected", "TAG_MISMATCH", "KFM"): 1, ("parked", "KEY_MISSING", "unknown"): 1}


def test_a_batch_that_comes_again_counts_once(tally, told):
    tally.take([raw(title("KFM"))], [READING])
    tally.aborted()
    tally.take([raw(title("KFM"))], [READING])
    tally.committed()
    tally.committed()
    assert [ended.records["KFM"] for ended in told] == [1]


def test_makers_that_anybody_can_invent_stay_few(tally, told):
    letters = [chr(65 + number) for number in range(26)]
    tally.take([raw(title(f"A{first}{second}")) for first in letters for second in letters], [])
    tally.committed()
    assert len(told[0].records) == MOST_MAKERS + 1
    assert told[0].records["other"] == 26 * 26 - MOST_MAKERS


@pytest.mark.parametrize(
    "key", [b"st-", b"st-zzzzzz", b"st-00010203", b"peer-1", b"\xff\xfe", b"st-\xff\xff\xff\xff\xff\xff"]
)
def test_what_is_no_system_title_has_no_maker(tally, told, key):
    tally.take([raw(key)], [])
    tally.committed()
    assert told[0].records == {"unknown": 1}
