"""Numbers through the whole pipeline: every integer type at its edges, every scaler, floats, and what is no number."""

import math
import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import Data, Tag, structure
from ami_normalize.instants import from_octets
from ami_normalize.numbers import real, shortest_float32
from ami_normalize.offline import decode_line
from ami_normalize.pipeline import Context, RawRecord, normalize

pytestmark = pytest.mark.unit

CONTEXT = Context()
CODE = Data(Tag.OCTET_STRING, bytes((1, 0, 1, 7, 0, 255)))
EDGES = {
    tag: (low, high)
    for tag, low, high in (
        (Tag.INT8, -(1 << 7), (1 << 7) - 1),
        (Tag.INT16, -(1 << 15), (1 << 15) - 1),
        (Tag.INT32, -(1 << 31), (1 << 31) - 1),
        (Tag.INT64, -(1 << 63), (1 << 63) - 1),
        (Tag.UINT8, 0, (1 << 8) - 1),
        (Tag.UINT16, 0, (1 << 16) - 1),
        (Tag.UINT32, 0, (1 << 32) - 1),
        (Tag.UINT64, 0, (1 << 64) - 1),
    )
}
SCALERS = range(-9, 10)


def record(value, scaler):
    row = structure(CODE, value, structure(Data(Tag.INT8, scaler), Data(Tag.ENUM, 27)))
    apdu = DataNotification(1, b"", structure(row)).to_bytes()
    return RawRecord("ami.raw.v1", 0, 0, b"meter-1", apdu, {"ce_time": b"2024-03-01T12:00:05Z"})


def reading(value, scaler):
    (outcome,) = normalize(record(value, scaler), CONTEXT)
    (found,) = pb.MeterReadings.FromString(outcome.messages[0]).readings
    return found


def text(value, scaler):
    (found,) = decode_line({"id": "1", "hex": record(value, scaler).value.hex()})["readings"]
    return found["value"]


def exact(found):
    """The number a protobuf reading holds."""
    if found.WhichOneof("value") == "big_mantissa":
        return Decimal(int.from_bytes(found.big_mantissa, "big", signed=True)).scaleb(found.scale)
    return Decimal(found.mantissa).scaleb(found.scale)


@pytest.mark.parametrize("tag", EDGES)
@pytest.mark.parametrize("scaler", SCALERS)
def test_every_integer_type_at_its_edges_with_every_scaler(tag, scaler):
    low, high = EDGES[tag]
    for value in sorted({low, low + 1, -1 if low else 0, 0, 1, high - 1, high}):
        data, expected = Data(tag, value), Decimal(value).scaleb(scaler)
        found = reading(data, scaler)
        assert (exact(found), found.scale, found.unit) == (expected, scaler, 27)
        assert (found.WhichOneof("value") == "big_mantissa") is (value >= 1 << 63)
        written = text(data, scaler)
        assert Decimal(written) == expected
        assert "E" not in written.upper()
        assert len(written.partition(".")[2]) == max(0, -scaler)


@given(tag=st.sampled_from(sorted(EDGES)), scaler=st.integers(-128, 127), data=st.data())
def test_any_integer_with_any_scaler_a_meter_can_state(tag, scaler, data):
    value = data.draw(st.integers(*EDGES[tag]))
    assert exact(reading(Data(tag, value), scaler)) == Decimal(value).scaleb(scaler)
    assert Decimal(text(Data(tag, value), scaler)) == Decimal(value).scaleb(scaler)


@given(bits=st.integers(0, (1 << 32) - 1), scaler=st.sampled_from(SCALERS))
def test_any_float32(bits, scaler):
    (value,) = struct.unpack(">f", bits.to_bytes(4, "big"))
    _float(Data(Tag.FLOAT32, value), scaler, None if not math.isfinite(value) else shortest_float32(value))


@given(bits=st.integers(0, (1 << 64) - 1), scaler=st.sampled_from(SCALERS))
def test_any_float64(bits, scaler):
    (value,) = struct.unpack(">d", bits.to_bytes(8, "big"))
    _float(Data(Tag.FLOAT64, value), scaler, None if not math.isfinite(value) else Decimal(repr(value)))


def _float(data, scaler, stated):
    """A float is the double nearest to what the meter meant, scaled; NaN, infinity and what is too large no value."""
    found, written = reading(data, scaler), text(data, scaler)
    expected = None if stated is None else float(stated.scaleb(scaler))
    if expected is None or math.isinf(expected):
        assert found.WhichOneof("value") is None
        assert pb.QUALITY_NO_VALUE in found.quality
        assert written == ""
        return
    assert (found.real, found.scale) == (expected, 0)
    assert float(written) == expected
    assert "E" not in written.upper()


@pytest.mark.parametrize("value", [math.nan, -math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("single", [True, False])
def test_what_is_no_number_has_no_value(value, single):
    assert real(value, 0, single=single) is None
    assert pb.QUALITY_NO_VALUE in reading(Data(Tag.FLOAT32 if single else Tag.FLOAT64, value), 0).quality


@pytest.mark.parametrize(
    ("stated", "shown"),
    [(0.1, "0.1"), (230.1, "230.1"), (49.98, "49.98"), (16777216.0, "16777216"), (1e-9, "0.000000001")],
)
def test_a_float32_reads_as_the_decimal_that_a_meter_shows(stated, shown):
    (single,) = struct.unpack(">f", struct.pack(">f", stated))
    assert text(Data(Tag.FLOAT32, single), 0) == shown


# --- dates with wildcards


@given(st.binary(min_size=12, max_size=12))
def test_any_twelve_octets_are_a_moment_or_none(octets):
    found = from_octets(octets)
    wild = b"\xff" in octets[2:4] or octets[:2] == b"\xff\xff" or b"\xff" in octets[5:7]
    if wild:
        assert found is None
    if found is not None:
        year, month, day, hour, minute = int.from_bytes(octets[:2], "big"), octets[2], octets[3], octets[5], octets[6]
        local = found.local
        assert (local.year, local.month, local.day, local.hour, local.minute) == (year, month, day, hour, minute)
        assert local.second == (0 if octets[7] == 0xFF else octets[7])


@given(st.sets(st.integers(1, 11)), st.sampled_from([0xFD, 0xFE, 0xFF]))
def test_a_date_with_wildcards_names_no_moment_unless_only_small_things_are_open(places, wild):
    """Day of week, seconds, hundredths, deviation and status may be open; FD and FE name no day but a rule."""
    octets = bytearray(bytes.fromhex("07e80301050c000000000000"))
    for place in places:
        octets[place] = wild
    if 1 in places:
        octets[:2] = b"\xff\xff"
    found = from_octets(bytes(octets))
    may_be_open = {4, 7, 8, 9, 10, 11} if wild == 0xFF else {4, 11}
    if places <= may_be_open:
        assert found is not None
    if places & {1, 2, 3, 5, 6}:
        assert found is None


def test_a_message_whose_clock_is_open_is_keyed_by_reception():
    row = structure(CODE, Data(Tag.UINT16, 5))
    open_clock = bytes.fromhex("ffffffffff0c0000ff800000")
    clock = structure(Data(Tag.OCTET_STRING, bytes((0, 0, 1, 0, 0, 255))), Data(Tag.OCTET_STRING, open_clock))
    apdu = DataNotification(1, open_clock, structure(clock, row)).to_bytes()
    made = RawRecord("ami.raw.v1", 0, 0, b"meter-1", apdu, {"ce_time": b"2024-03-01T12:00:05Z"})
    (outcome,) = normalize(made, CONTEXT)
    clock_reading, value = pb.MeterReadings.FromString(outcome.messages[0]).readings
    assert clock_reading.octets == open_clock
    assert (value.measured_at_us, value.time_origin) == (1709294405_000_000, pb.TIME_ORIGIN_RECEPTION)
    assert pb.QUALITY_TIME_RECEPTION in value.quality
