"""What the normalizer writes for a raw record: topics, partition, keys and headers."""

import pytest

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.framing import wrapper
from ami_kafka.loop import RawMessage
from ami_normalize.fast import Normalizer
from ami_normalize.pipeline import Context
from ami_normalize.stream.derived import outputs

pytestmark = pytest.mark.unit

APDU = bytes.fromhex("0f00000001000201020309060100010800ff060000303902020f00161e")
HEADERS = (("ami-framing", b"wrapper"), ("ami-exchange", b"push"), ("ce_id", b"edge/1/2"), ("odd", b"\xff\x00"))


def message(value, key=b"meter-1"):
    return RawMessage("ami.raw.v1", 5, 99, 1_709_294_400_000, key, value, HEADERS)


@pytest.fixture(scope="module")
def context():
    return Context()


def test_readings_go_to_the_same_partition_under_the_meter_id(context):
    (output,) = outputs(message(wrapper.encode(APDU, 1, 16)), Normalizer(context), "g")
    assert (output.topic, output.partition, output.key) == ("ami.readings.v1", 5, b"meter-1")
    assert dict(output.headers) == {"ami-source": b"ami.raw.v1/5/99"}
    assert pb.MeterReadings.FromString(output.value).readings[0].mantissa == 12345


def test_several_records_of_one_raw_record_are_numbered(context):
    twice = 2 * wrapper.encode(APDU, 1, 16)
    found = list(outputs(message(twice), Normalizer(context), "g"))
    assert [dict(output.headers)["ami-source"] for output in found] == [b"ami.raw.v1/5/99#0", b"ami.raw.v1/5/99#1"]


@pytest.mark.parametrize(
    ("value", "key", "topic", "reason"),
    [
        (wrapper.encode(APDU, 1, 16)[:-2], b"meter-1", "ami.dlq.v1", b"FRAME_INCOMPLETE"),
        (wrapper.encode(APDU, 1, 16), b"peer-10.0.0.1", "ami.parked.v1", b"UNIDENTIFIED_METER"),
    ],
)
def test_what_is_no_reading_keeps_its_bytes_and_says_why(context, value, key, topic, reason):
    (output,) = outputs(message(value, key), Normalizer(context), "g")
    assert (output.topic, output.partition, output.key, output.value) == (topic, 5, key, value)
    assert tuple(output.headers[: len(HEADERS)]) == HEADERS
    told = dict(output.headers)
    assert told["dlq.reason"] == reason
    assert (told["dlq.topic"], told["dlq.partition"], told["dlq.offset"]) == (b"ami.raw.v1", b"5", b"99")
    assert (told["dlq.timestamp"], told["dlq.group"]) == (b"1709294400000", b"g")
    assert told["ami-source"] == b"ami.raw.v1/5/99"
    assert {"dlq.stage", "dlq.message", "dlq.decoder"} <= set(told)
