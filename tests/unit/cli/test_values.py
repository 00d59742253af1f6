"""A message becomes rows: one a value, each at its instant."""

import pytest

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_cli.view.readings import count_values, from_us, instant, rows

pytestmark = pytest.mark.unit


def test_rows_are_single_values_and_intervals_with_their_ends():
    message = pb.MeterReadings(meter=pb.Meter(id="m"), provenance=pb.Provenance(protection=pb.PROTECTION_ENCRYPTED))
    message.readings.add(obis="1.0.1.8.0.255", mantissa=12345, scale=-1, unit=30, measured_at_us=1_000_000)
    message.readings.add(obis="0.0.96.1.0.255", text="A1")
    message.readings.add(obis="1.0.32.7.0.255", quality=[pb.QUALITY_NO_VALUE])
    block = message.interval_blocks.add(
        profile_obis="1.0.99.1.0.255", obis="1.0.1.8.0.255", unit=30, period_s=900, first_interval_end_us=0
    )
    block.mantissas.extend([1, 0, 3])
    block.quality.add(index=1, quality=[pb.QUALITY_MISSING])

    found = list(rows(message))

    assert [row.value for row in found] == ["1234.5", "A1", None, "1", None, "3"]
    assert [row.unit for row in found] == ["Wh", None, None, "Wh", "Wh", "Wh"]
    assert [instant(row.at) for row in found[3:]] == [
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:15:00Z",
        "1970-01-01T00:30:00Z",
    ]
    assert found[4].quality == ("MISSING",)
    assert {row.protection for row in found} == {"encrypted"}
    assert count_values(message) == len(found)


def test_instants_keep_their_microseconds():
    assert instant(from_us(1_700_000_000_000_001)) == "2023-11-14T22:13:20.000001Z"
