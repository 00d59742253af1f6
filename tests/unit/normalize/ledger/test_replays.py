"""Replayed, repeated and reset counters, as the normalizer sees them: pushes in, outcomes and ledger records out."""

import pytest
import structlog
from support.pushes import HEADERS, RING, TITLE, VERSION, key_file, sealed

from ami.events.v1 import meter_events_pb2 as events_pb
from ami_dlms.security import Protection
from ami_kafka.loop import LedgerRecord, RawMessage
from ami_normalize.ledger import Windows, record_key
from ami_normalize.ledger.request import ResetRequest
from ami_normalize.stream.breaker import Breaker, BreakerOpen, BreakerPolicy
from ami_normalize.stream.inputs import Inputs
from ami_normalize.stream.processor import Processor
from ami_normalize.stream.settings import Settings

pytestmark = pytest.mark.unit

KEY = TITLE + VERSION.encode()


@pytest.fixture
def processor(tmp_path):
    return made(tmp_path)


def made(tmp_path, breaker=None):
    keys = key_file(tmp_path / "keys.json", TITLE)
    return Processor(Inputs(Settings("localhost:9", keys=keys), structlog.get_logger()), "g", breaker or Breaker())


def message(value, offset=0, exchange=b"push", partition=3):
    headers = tuple((name, exchange if name == "ami-exchange" else text) for name, text in HEADERS)
    return RawMessage("ami.raw.v1", partition, offset, 0, b"st-" + TITLE.hex().encode(), value, headers)


def ends(processor, *values, exchange=b"push"):
    """Give how each message ends, in order: `readings`, a reason, a kind of event; and leave the batch open."""
    found = []
    for output in processor([message(value, offset, exchange) for offset, value in enumerate(values)]):
        if output.topic == "ami.events.v1":
            found.extend(event.kind for event in events_pb.MeterEvents.FromString(output.value).events)
        elif output.topic != "ami.ledger.v1":
            headers = dict(output.headers)
            found.append(headers["dlq.reason"].decode() if "dlq.reason" in headers else output.topic)
    return found


def committed(processor, *values, **more):
    found = ends(processor, *values, **more)
    processor.committed()
    return found


READ = "ami.readings.v1"


def test_a_push_sent_again_gives_the_same_readings_and_another_under_its_counter_none(processor):
    assert committed(processor, sealed(7), sealed(7), sealed(7, value=1)) == [READ, READ, "COUNTER_REUSED"]


def test_a_push_from_below_the_window_is_stale(processor):
    assert committed(processor, sealed(70_000), sealed(69_000), sealed(68_976)) == [READ, READ, "STALE_COUNTER"]


def test_polls_and_files_are_not_judged(processor):
    assert committed(processor, sealed(90_000)) == [READ]
    for exchange in (b"poll", b"file"):
        assert committed(processor, sealed(5), sealed(5, value=1), exchange=exchange) == [READ, READ]


def test_a_high_counter_without_a_right_tag_moves_nothing(processor):
    assert committed(processor, sealed(100)) == [READ]
    forged = bytearray(sealed(4_000_000))
    forged[-1] ^= 1
    assert committed(processor, bytes(forged), sealed(101)) == ["TAG_MISMATCH", READ]
    unsealed = sealed(4_000_000, protection=Protection.ENCRYPTED)
    assert committed(processor, unsealed, sealed(102)) == ["DOWNGRADED", READ]


def test_a_counter_that_no_tag_vouches_for_is_not_judged(tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text(f'{{"{TITLE.hex()}": {{"guek": "{bytes(range(16)).hex()}"}}}}')
    keys.chmod(0o600)
    processor = Processor(Inputs(Settings("localhost:9", keys=keys), structlog.get_logger()), "g", Breaker())
    pushes = [sealed(counter, protection=Protection.ENCRYPTED) for counter in (90_000, 5, 5)]
    assert committed(processor, *pushes) == [READ] * 3
    assert list(processor([message(pushes[0])]))[1:] == []


def test_a_suspected_reset_and_a_near_end_are_events_beside_the_outcome(processor):
    assert committed(processor, sealed(90_000), sealed(3), sealed(4)) == [
        READ, "COUNTER_RESET_SUSPECTED", "STALE_COUNTER", "STALE_COUNTER",
    ]  # fmt: skip
    assert committed(processor, sealed((1 << 32) - 9)) == [READ, "COUNTER_NEARLY_EXHAUSTED"]


def test_the_event_says_what_happened(processor):
    committed(processor, sealed(90_000))
    outputs = list(processor([message(sealed(3), 8)]))
    (told,) = (events_pb.MeterEvents.FromString(each.value) for each in outputs if each.topic == "ami.events.v1")
    assert told.meter.system_title == TITLE
    assert told.events[0].code == 3
    assert told.events[0].text.startswith("the invocation counter is 3 after 90000")
    assert told.provenance.offset == 8


def test_an_aborted_batch_leaves_no_trace(processor):
    committed(processor, sealed(100))
    assert ends(processor, sealed(5000)) == [READ]
    processor.aborted()
    assert committed(processor, sealed(101), sealed(5000, value=9)) == [READ, READ]


def test_a_batch_writes_one_record_a_meter_and_key_in_its_partition(processor):
    outputs = [each for each in processor([message(sealed(n), n) for n in (7, 8, 9)]) if each.topic == "ami.ledger.v1"]
    (record,) = outputs
    assert record.key == record_key("g", KEY) == f"window/g/{TITLE.hex()}/{VERSION}".encode()
    assert (record.partition, record.headers) == (3, [])
    processor.committed()
    assert not [each for each in processor([message(sealed(9), 10)]) if each.topic == "ami.ledger.v1"]


def test_the_next_owner_knows_what_the_ledger_holds(processor, tmp_path):
    outputs = list(processor([message(sealed(n), n) for n in (7, 90_000)]))
    record = next(LedgerRecord(each.key, each.value) for each in outputs if each.topic == "ami.ledger.v1")
    heir = made(tmp_path)
    heir.restore(3, [LedgerRecord(b"window/other/00/x", b"?"), record])
    assert ends(heir, sealed(90_000), sealed(90_000, value=1)) == [READ, "COUNTER_REUSED"]
    heir.aborted()
    heir.release([3])
    assert ends(heir, sealed(90_000, value=1)) == [READ]
    heir.aborted()
    heir.restore(3, [record, LedgerRecord(record.key, None)])
    assert ends(heir, sealed(90_000, value=1)) == [READ]


def test_partitions_are_apart():
    windows = Windows("g")
    assert windows.judge(1, KEY, 5, b"aaaa").verdict == "ACCEPTED"
    assert windows.judge(2, KEY, 5, b"bbbb").verdict == "ACCEPTED"
    windows.committed()
    windows.release([1])
    assert len(windows) == 1


def test_key_versions_count_for_themselves():
    windows = Windows("g")
    assert windows.judge(1, TITLE + b"old", 90_000, b"aaaa").verdict == "ACCEPTED"
    assert windows.judge(1, TITLE + b"new", 1, b"bbbb").verdict == "ACCEPTED"
    assert {output.key for output in windows.outputs()} == {record_key("g", TITLE + v) for v in (b"old", b"new")}


def test_a_marked_counter_is_seen():
    windows = Windows("g")
    windows.mark(1, KEY, 5, b"aaaa")
    assert len(list(windows.outputs())) == 1
    windows.committed()
    assert windows.judge(1, KEY, 5, b"bbbb").verdict == "COUNTER_REUSED"


def test_a_reset_forgets_the_window_that_it_names_and_no_other():
    windows = Windows("g")
    windows.judge(1, KEY, 90_000, b"aaaa")
    assert windows.reset(1, KEY, 89_999) is None
    assert windows.reset(1, KEY, 90_000) == ("ami.ledger.v1", 1, record_key("g", KEY), None, [])
    assert windows.judge(1, KEY, 5, b"bbbb").verdict == "ACCEPTED"
    windows.aborted()
    windows.judge(1, KEY, 90_000, b"aaaa")
    windows.committed()
    windows.reset(1, KEY, 90_000)
    windows.aborted()
    assert windows.judge(1, KEY, 5, b"bbbb").verdict == "STALE_COUNTER"
    windows.aborted()
    windows.reset(1, KEY, 90_000)
    windows.committed()
    assert len(windows) == 0
    assert not windows.holds(1, KEY)
    assert windows.judge(1, KEY, 5, b"bbbb").verdict == "ACCEPTED"


@pytest.mark.parametrize("header", [b"", b"00/v/1", b"414d490000000042/v", b"414d490000000042/v/x", b"\xff/v/1"])
def test_what_is_no_request_resets_nothing(header):
    assert ResetRequest.read(header) is None


def test_a_request_says_whose_window_it_means():
    wanted = ResetRequest(TITLE, VERSION, 90_000)
    record = wanted.record("g", 3)
    assert (record.topic, record.partition, record.value) == ("ami.parked.v1", 3, None)
    assert ResetRequest.read(dict(record.headers)["ami-reset-counter"]) == wanted
    assert wanted.key == KEY


def test_the_ring_of_these_tests_opens_what_they_send():
    assert RING.find(TITLE).version == VERSION


def test_the_breaker_knows_the_meters_that_the_ledger_knows(processor, tmp_path):
    outputs = list(processor([message(sealed(7))]))
    record = next(LedgerRecord(each.key, each.value) for each in outputs if each.topic == "ami.ledger.v1")
    breaker = Breaker(BreakerPolicy(meters=1))
    heir = made(tmp_path, breaker)
    heir.restore(3, [record])
    forged = bytearray(sealed(8))
    forged[-1] ^= 1
    with pytest.raises(BreakerOpen):
        heir([message(bytes(forged))])
