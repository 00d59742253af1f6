"""What the normalizer writes for a raw record: topics, partition, keys and headers."""

import pytest

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.framing import wrapper
from ami_kafka.loop import RawMessage
from ami_normalize.errors import KeysUnreadable, MappingInvalid, SettingsInvalid
from ami_normalize.pipeline import Context
from ami_normalize.service import Processor, Settings, outputs

pytestmark = pytest.mark.unit

APDU = bytes.fromhex("0f00000001000201020309060100010800ff060000303902020f00161e")
HEADERS = (("ami-framing", b"wrapper"), ("ami-exchange", b"push"), ("ce_id", b"edge/1/2"), ("odd", b"\xff\x00"))


def message(value, key=b"meter-1"):
    return RawMessage("ami.raw.v1", 5, 99, 1_709_294_400_000, key, value, HEADERS)


@pytest.fixture(scope="module")
def context():
    return Context()


def test_readings_go_to_the_same_partition_under_the_meter_id(context):
    (output,) = outputs(message(wrapper.encode(APDU, 1, 16)), context, "g")
    assert (output.topic, output.partition, output.key) == ("ami.readings.v1", 5, b"meter-1")
    assert dict(output.headers) == {"ami-source": b"ami.raw.v1/5/99"}
    assert pb.MeterReadings.FromString(output.value).readings[0].mantissa == 12345


def test_several_records_of_one_raw_record_are_numbered(context):
    twice = 2 * wrapper.encode(APDU, 1, 16)
    found = list(outputs(message(twice), context, "g"))
    assert [dict(output.headers)["ami-source"] for output in found] == [b"ami.raw.v1/5/99#0", b"ami.raw.v1/5/99#1"]


@pytest.mark.parametrize(
    ("value", "key", "topic", "reason"),
    [
        (wrapper.encode(APDU, 1, 16)[:-2], b"meter-1", "ami.dlq.v1", b"FRAME_INCOMPLETE"),
        (wrapper.encode(APDU, 1, 16), b"peer-10.0.0.1", "ami.parked.v1", b"UNIDENTIFIED_METER"),
    ],
)
def test_what_is_no_reading_keeps_its_bytes_and_says_why(context, value, key, topic, reason):
    (output,) = outputs(message(value, key), context, "g")
    assert (output.topic, output.partition, output.key, output.value) == (topic, 5, key, value)
    assert tuple(output.headers[: len(HEADERS)]) == HEADERS
    told = dict(output.headers)
    assert told["dlq.reason"] == reason
    assert (told["dlq.topic"], told["dlq.partition"], told["dlq.offset"]) == (b"ami.raw.v1", b"5", b"99")
    assert (told["dlq.timestamp"], told["dlq.group"]) == (b"1709294400000", b"g")
    assert told["ami-source"] == b"ami.raw.v1/5/99"
    assert {"dlq.stage", "dlq.message", "dlq.decoder"} <= set(told)


TITLE, KEY = "414d490000000001", "00" * 16


def keyed(tmp_path, text, mode=0o600):
    path = tmp_path / "keys.json"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_changed_keys_are_taken_over_and_broken_ones_refused(tmp_path):
    path = keyed(tmp_path, "{}")
    processor = Processor(Settings("localhost:9", keys=path))
    path.write_text(f'{{"{TITLE}": {{"guek": "{KEY}", "gak": null}}}}')
    processor([])
    assert len(processor._context.keys) == 1
    path.write_text("{broken")
    processor([])
    assert len(processor._context.keys) == 1


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        ("{}", 0o640, "chmod 600"),
        ("[]", 0o600, "not a JSON object"),
        ("{", 0o600, "not JSON"),
        ('{"12": {}}', 0o600, "no system title"),
        (f'{{"{TITLE}": {{}}}}', 0o600, '"guek" is missing'),
        (f'{{"{TITLE}": {{"guek": "ab"}}}}', 0o600, "32"),
    ],
)
def test_an_unusable_key_file_is_one_sentence(tmp_path, text, mode, sentence):
    with pytest.raises(KeysUnreadable, match=sentence):
        Processor(Settings("localhost:9", keys=keyed(tmp_path, text, mode)))


def test_missing_files_and_unknown_zones_are_one_sentence(tmp_path):
    with pytest.raises(KeysUnreadable, match="cannot be read"):
        Processor(Settings("localhost:9", keys=tmp_path / "none.json"))
    with pytest.raises(MappingInvalid, match="cannot be read"):
        Processor(Settings("localhost:9", mappings=(tmp_path / "none" / "none.json",)))
    with pytest.raises(SettingsInvalid, match="no time zone"):
        Processor(Settings("localhost:9", default_zone="Mars/Base"))


def test_keys_never_show(tmp_path):
    path = keyed(tmp_path, f'{{"{TITLE}": {{"guek": "{KEY}", "gak": "{KEY}"}}}}')
    processor = Processor(Settings("localhost:9", keys=path))
    found = processor._context.keys.find(bytes.fromhex(TITLE))
    assert KEY not in repr(found)
    assert KEY not in repr(processor._context)
