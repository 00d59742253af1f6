"""A mapping that changes takes effect; one that cannot be used is refused once, and the old stays in force."""

import json
import os

import pytest
import structlog
from structlog.testing import capture_logs

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_kafka.loop import RawMessage
from ami_normalize.errors import MappingInvalid
from ami_normalize.mapping.watched import MappingFiles
from ami_normalize.stream.breaker import Breaker
from ami_normalize.stream.inputs import Inputs
from ami_normalize.stream.processor import Processor
from ami_normalize.stream.settings import Settings

pytestmark = pytest.mark.unit

TWO = bytes.fromhex("0f0000000100" + "0202" + "0600000001" + "0600000002")
HEADERS = (("ami-framing", b"none"), ("ami-exchange", b"push"))


def mapping(unit):
    columns = [{"type": "number", "obis": f"1.0.{group}.8.0.255", "unit": unit} for group in (1, 2)]
    return json.dumps([{"name": "two", "layouts": [{"name": "two", "columns": columns}]}])


def outcome(processor):
    (output,) = processor([RawMessage("ami.raw.v1", 0, 0, 0, b"meter-1", TWO, HEADERS)])
    if output.topic != "ami.readings.v1":
        return output.topic
    message = pb.MeterReadings.FromString(output.value)
    return message.readings[0].unit, message.provenance.mapping


def test_a_mapping_that_comes_changes_and_breaks_between_batches(tmp_path):
    path = tmp_path / "mapping.json"
    inputs = Inputs(Settings("localhost:9", mappings=(path,)), structlog.get_logger())
    processor = Processor(inputs, "g", Breaker())
    assert inputs.missing_mappings == (path,)
    assert outcome(processor) == "ami.parked.v1"

    path.write_text(mapping("Wh"))
    first = outcome(processor)
    assert first[0] == 30

    with capture_logs() as told:
        path.write_text(mapping("kWh"))
        assert outcome(processor) == first
        assert outcome(processor) == first
    (refused,) = told
    assert refused["log_level"] == "warning"
    assert 'mapping.json:1:110: "kWh" is no unit' in refused["error"]

    path.write_text(mapping("varh"))
    second = outcome(processor)
    assert second[0] == 32
    assert second[1] != first[1]

    with capture_logs() as told:
        path.unlink()
        assert outcome(processor) == second
        assert outcome(processor) == second
    assert ["is gone" in line["error"] for line in told] == [True]

    path.write_text(mapping("Wh"))
    assert outcome(processor) == first


def test_a_change_that_leaves_size_and_time_is_seen_while_the_file_is_young(tmp_path):
    path = tmp_path / "mapping.json"
    path.write_text(mapping("W"))
    stat = path.stat()
    files = MappingFiles([path])
    path.write_text(mapping("V"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert files.refresh()
    assert not files.refresh()


def test_an_untouched_file_is_not_read_again(tmp_path, monkeypatch):
    path = tmp_path / "mapping.json"
    path.write_text(mapping("W"))
    os.utime(path, ns=(0, 0))
    files = MappingFiles([path])
    monkeypatch.setattr(type(path), "read_bytes", lambda _: pytest.fail("read"))
    assert not files.refresh()


def test_what_is_wrong_at_the_start_is_told_at_the_start(tmp_path):
    path = tmp_path / "mapping.json"
    path.write_text("[")
    with pytest.raises(MappingInvalid, match=r"mapping\.json:1:2"):
        MappingFiles([path])
    with pytest.raises(MappingInvalid, match="cannot be read"):
        MappingFiles([tmp_path])
