"""Values that cannot be are marked, never removed: each check on both sides of its border."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.axdr import Data, Tag
from ami_normalize import plausibility
from ami_normalize.dialects import NO_DIALECT, Dialects
from ami_normalize.fast import Normalizer
from ami_normalize.instants import Instant, Origin, from_octets
from ami_normalize.meter import NO_METERS, Limits, MeterFacts, Meters
from ami_normalize.model import Block, Entry, Reading, ScalerUnit, Statement
from ami_normalize.numbers import Exact, Real
from ami_normalize.pipeline import Context, RawRecord, ReadingsOutcome, normalize
from ami_normalize.plausibility import NO_BOUNDS, bounds, manufacturer_specific, marked
from ami_normalize.quality import Quality
from ami_normalize.shapes import objects, telegram

pytestmark = pytest.mark.unit

W, VAR, WH, A, V = 27, 29, 30, 33, 35
NOON = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)


def instant(moment=NOON, origin=Origin.DEVIATION):
    return Instant(moment.replace(tzinfo=None), moment, origin)


AT = instant()


def reading(obis, value, unit, at=AT):
    return Reading(obis, value, unit, at=at)


def power(watts):
    return reading("1.0.1.7.0.255", Exact(watts, 0), W)


VOLTAGES = tuple(reading(f"1.0.{c}.7.0.255", Exact(2300, -1), V) for c in (32, 52, 72))
CURRENTS = tuple(reading(f"1.0.{c}.7.0.255", Exact(100, -2), A) for c in (31, 51, 71))


def marks(*readings, received=NOON, of=NO_BOUNDS):
    """The codes of the first reading; the values themselves stay as they are."""
    found = marked(Statement(readings), received, of)
    assert [replace(one, quality=()) for one in found.readings] == [replace(one, quality=()) for one in readings]
    assert all(not one.quality for one in found.readings[1:])
    return found.readings[0].quality


# --- power against voltage and current


@pytest.mark.parametrize(
    ("watts", "implausible"), [(0, False), (690, False), (1480, False), (1481, True), (-1481, True)]
)
def test_a_power_beyond_twice_its_voltages_and_currents_is_marked(watts, implausible):
    """3 x 230 V x 1 A, twice that and 100 VA."""
    expected = (Quality.POWER_IMPLAUSIBLE,) if implausible else ()
    assert marks(power(watts), *VOLTAGES, *CURRENTS) == expected


def test_the_power_of_a_phase_goes_by_that_phase():
    phase = reading("1.0.41.7.0.255", Real(900.0), W)
    assert marks(phase, *VOLTAGES, *CURRENTS) == (Quality.POWER_IMPLAUSIBLE,)
    assert marks(phase, *VOLTAGES, CURRENTS[0], CURRENTS[2]) == ()


def test_reactive_power_of_a_kilo_too_much_is_marked():
    assert marks(reading("1.1.3.7.0.255", Exact(20, 3), VAR), *VOLTAGES, *CURRENTS) == (Quality.POWER_IMPLAUSIBLE,)


@pytest.mark.parametrize(
    "others",
    [
        (VOLTAGES[0],),  # no current
        (*VOLTAGES, CURRENTS[0]),  # what flows in the other phases is not said
        (VOLTAGES[0], *CURRENTS),  # a voltage is missing
        (*VOLTAGES, *(replace(one, unit=0) for one in CURRENTS)),  # raw numbers
        (*VOLTAGES, *(replace(one, value=None) for one in CURRENTS)),
        (*VOLTAGES, *(replace(one, attribute=3) for one in CURRENTS)),
        (*VOLTAGES, *(replace(one, at=instant(NOON - timedelta(hours=1))) for one in CURRENTS)),  # captured before
    ],
)
def test_nothing_is_said_of_a_power_whose_phases_are_not_all_there(others):
    assert marks(power(900_000), *others) == ()


def test_one_phase_and_a_meter_without_neutral_are_judged():
    assert marks(power(600), VOLTAGES[0], CURRENTS[0]) == (Quality.POWER_IMPLAUSIBLE,)
    assert marks(power(1100), *VOLTAGES, CURRENTS[0], CURRENTS[2]) == (Quality.POWER_IMPLAUSIBLE,)
    assert marks(power(1000), *VOLTAGES, CURRENTS[0], CURRENTS[2]) == ()


def test_current_and_voltage_of_any_phase_may_be_those_of_three():
    anything = (reading("1.0.12.7.0.255", Exact(230, 0), V), reading("1.0.11.7.0.255", Exact(1, 0), A))
    assert marks(power(1480), *anything) == ()
    assert marks(power(1481), *anything) == (Quality.POWER_IMPLAUSIBLE,)


@given(
    volts=st.integers(2000, 2600),
    amps=st.lists(st.integers(-10_000, 10_000), min_size=3, max_size=3),
    factors=st.lists(st.floats(-1, 1), min_size=3, max_size=3),
)
def test_no_true_power_is_ever_marked(volts, amps, factors):
    """Any load of any power factor on each phase, drawn or fed in."""
    voltages = [replace(one, value=Exact(volts, -1)) for one in VOLTAGES]
    currents = [replace(one, value=Exact(amp, -2)) for one, amp in zip(CURRENTS, amps, strict=True)]
    total = sum(volts / 10 * amp / 100 * factor for amp, factor in zip(amps, factors, strict=True))
    assert marks(power(round(total)), *voltages, *currents) == ()


# --- limits


HOUSE = bounds(Limits(fuse_a=20, phases=3, nominal_v=230))


@pytest.mark.parametrize(
    ("one", "exceeded"),
    [
        (reading("1.0.31.7.0.255", Exact(2000, -2), A), False),
        (reading("1.0.31.7.0.255", Exact(2001, -2), A), True),
        (reading("1.0.31.7.0.255", Exact(2, 3), A), True),
        (reading("1.0.31.7.0.255", Exact(2000, 0), 0), False),  # nobody says that these are ampere
        (reading("1.0.1.7.0.255", Exact(15_180, 0), W), False),  # 3 x 20 A x 253 V
        (reading("1.0.2.7.0.255", Exact(-15_181, 0), W), True),
        (reading("1.0.21.7.0.255", Exact(5_060, 0), W), False),
        (reading("1.0.21.7.0.255", Exact(5_061, 0), W), True),
        (reading("1.0.1.6.2.255", Exact(20_000, 0), W), True),
        (reading("1.0.1.8.0.255", Exact(10**9, 0), WH), False),  # a register has no limit
    ],
)
def test_what_is_beyond_the_fuse_is_marked(one, exceeded):
    assert marks(one, of=HOUSE) == ((Quality.LIMIT_EXCEEDED,) if exceeded else ())
    assert marks(one) == ()


def test_a_transformer_limits_like_a_fuse_and_what_nobody_knows_does_not_limit():
    assert bounds(Limits(fuse_a=400, ct_primary_a=250)).current_a == 250
    assert bounds(Limits(ct_primary_a=250)).total_va is None
    assert bounds(Limits(nominal_v=230, phases=3)) == NO_BOUNDS
    assert marks(power(10**9), of=bounds(Limits(fuse_a=20))) == ()


def block(obis, values, unit, first=AT, period=900):
    return Block("1.0.99.1.0.255", obis, values, tuple(() for _ in values), period, first, unit=unit)


def rows(one, received=NOON + timedelta(days=1), of=NO_BOUNDS):
    (found,) = marked(Statement(blocks=(one,)), received, of).blocks
    assert found.values == one.values
    return found.quality


def test_the_energy_of_an_interval_is_held_against_the_fuse():
    energies = block("1.0.1.29.0.255", (Exact(3795, 0), Exact(3796, 0), None), WH)
    assert rows(energies, of=HOUSE) == ((), (Quality.LIMIT_EXCEEDED,), ())
    assert rows(replace(energies, period_s=3600), of=HOUSE) == ((), (), ())
    registers = block("1.0.1.8.0.255", (Exact(10**7, 0),), WH)
    assert rows(registers, of=HOUSE) == ((),)


# --- time


@pytest.mark.parametrize(
    ("ahead", "origin", "received", "marked_so"),
    [
        (timedelta(minutes=15), Origin.DEVIATION, NOON, False),
        (timedelta(minutes=15, seconds=1), Origin.DEVIATION, NOON, True),
        (timedelta(minutes=16), Origin.CONFIGURED_ZONE, NOON, True),
        (timedelta(hours=14), Origin.DEFAULT_ZONE, NOON, False),
        (timedelta(hours=14, minutes=1), Origin.DEFAULT_ZONE, NOON, True),
        (timedelta(days=-3000), Origin.DEVIATION, NOON, False),
        (timedelta(days=3000), Origin.DEVIATION, None, False),
    ],
)
def test_a_time_after_reception_is_impossible(ahead, origin, received, marked_so):
    one = reading("1.0.1.8.0.255", Exact(1, 0), WH, instant(NOON + ahead, origin))
    assert marks(one, received=received) == ((Quality.TIME_IMPOSSIBLE,) if marked_so else ())


@pytest.mark.parametrize(("year", "impossible"), [(1970, True), (2000, True), (2001, False)])
def test_a_time_before_there_were_meters_is_impossible(year, impossible):
    one = reading("1.0.1.8.0.255", Exact(1, 0), WH, instant(datetime(year, 6, 1, tzinfo=timezone.utc)))
    assert marks(one, received=None) == ((Quality.TIME_IMPOSSIBLE,) if impossible else ())


def test_a_value_without_meter_time_has_no_impossible_one():
    assert marks(reading("1.0.1.8.0.255", Exact(1, 0), WH, None)) == ()


def test_only_the_intervals_that_lie_ahead_are_marked():
    ends = block("1.0.1.8.0.255", tuple(Exact(n, 0) for n in range(4)), WH, instant(NOON - timedelta(minutes=15)))
    assert rows(ends, NOON) == ((), (), (), (Quality.TIME_IMPOSSIBLE,))


def test_an_inverted_deviation_nobody_told_of_shows_as_a_time_ahead():
    """The maker's sign for central European summer time: the instant comes out four hours late."""
    stated = from_octets(bytes.fromhex("07e807010110000000007880"))  # 2024-07-01 16:00, +120
    assert stated is not None
    one = reading("1.0.1.8.0.255", Exact(1, 0), WH, stated)
    assert marks(one, received=datetime(2024, 7, 1, 14, 0, 5, tzinfo=timezone.utc)) == (Quality.TIME_IMPOSSIBLE,)


# --- counters


@pytest.mark.parametrize(
    ("obis", "tag", "value", "ended"),
    [
        ("1.0.1.8.0.255", Tag.UINT32, 0xFFFF_FFFF, True),
        ("1.0.1.8.0.255", Tag.UINT32, 0xFFFF_FFFE, False),
        ("1.0.2.8.1.255", Tag.INT32, 0x7FFF_FFFF, True),
        ("1.0.2.8.1.255", Tag.UINT32, 0x7FFF_FFFF, False),
        ("1.0.1.8.0.255", Tag.INT32, -1, False),
        ("1.0.1.8.0.255", Tag.UINT64, (1 << 64) - 1, True),
        ("1.0.1.8.0.255", Tag.INT64, (1 << 63) - 1, True),
        ("1.0.1.8.0.255", Tag.UINT16, 0xFFFF, True),
        ("0.1.24.2.1.255", Tag.UINT32, 0xFFFF_FFFF, True),
        ("1.0.1.7.0.255", Tag.UINT32, 0xFFFF_FFFF, False),  # a power does not count up
    ],
)
def test_a_counter_at_the_largest_number_of_its_type_is_marked(obis, tag, value, ended):
    found = objects.reading(Entry(obis, Data(tag, value), ScalerUnit(0, WH)), AT, NO_DIALECT)
    assert (Quality.COUNTER_AT_END in found.quality) is ended
    assert found.value == Exact(value, 0)


def test_a_counter_of_nines_only_is_at_its_end_where_somebody_says_how_many_digits_it_has():
    """By both paths: the fast one knows the shape from other values."""
    rule = {"obis": "1.0.{1,2}.8.0.255", "digits": 6}
    mapping = json.dumps([{"name": "mine", "match": [{"shape": {"count": 2}}], "objects": [rule]}]).encode()
    context = Context(dialects=Dialects.of_contents([("test", mapping)]))
    fast = Normalizer(context)
    for energy, power, quality in ((1, 2, []), (999_999, 999_999, [pb.QUALITY_COUNTER_AT_END]), (999_998, 1, [])) * 2:
        body = "0f00000001" + "0c07e80301050c0000ff000000" + "0202"
        for obis, value, unit in (("0100010800ff", energy, WH), ("0100010700ff", power, W)):
            body += f"02030906{obis}06{value:08x}02020f0016{unit:02x}"
        record = RawRecord("ami.raw.v1", 0, 0, b"meter-1", bytes.fromhex(body), {"ce_time": b"2024-03-01T12:00:05Z"})
        (outcome,) = outcomes = normalize(record, context)
        found = pb.MeterReadings.FromString(outcome.messages[0]).readings
        assert [list(one.quality) for one in found] == [quality, []]
        assert fast.normalize(record) == outcomes
    assert fast.quick


@pytest.mark.parametrize(("text", "ended"), [("999999.999", True), ("999999.998", False), ("9", False)])
def test_a_printed_counter_of_nines_only_is_marked(text, ended):
    (found,) = telegram.read(f"/X\n1-0:1.8.1({text}*kWh)\n!".encode()).readings
    assert (found.quality == (Quality.COUNTER_AT_END,)) is ended


# --- codes


@pytest.mark.parametrize(
    ("obis", "specific"),
    [
        ("1.0.1.8.0.255", False),
        ("1.127.1.8.0.255", False),
        ("1.128.1.8.0.255", True),
        ("1.199.1.8.0.255", True),
        ("1.0.127.8.0.255", False),
        ("1.0.128.8.0.255", True),
        ("1.0.240.8.0.255", True),
        ("1.0.1.128.0.255", True),
        ("1.0.1.8.254.255", True),
        ("1.0.1.8.0.126", False),
        ("1.0.1.8.0.128", True),
        ("0.0.96.50.0.255", True),
        ("0.0.96.11.0.255", False),
        ("6.0.96.50.0.255", False),
        ("0.0.199.0.0.255", True),
        ("1.1.0.2.129.255", False),  # the OBIS list version: makers agree on it
        ("0.0.94.31.1.255", False),  # a country's
    ],
)
def test_codes_of_the_makers_own_are_marked(obis, specific):
    assert manufacturer_specific(obis) is specific
    assert marks(reading(obis, Exact(1, 0), 255)) == ((Quality.MANUFACTURER_SPECIFIC,) if specific else ())


def test_a_profile_column_of_the_makers_own_is_marked_where_it_has_a_row():
    column = replace(block("1.0.128.8.0.255", (Exact(1, 0), None), WH), quality=((), (Quality.MISSING,)))
    assert rows(column) == ((Quality.MANUFACTURER_SPECIFIC,), (Quality.MISSING,))


# --- through the pipeline


def pushed(*objects, registry=NO_METERS):
    body = f"0f000000010c07e80301050c0000ff00000002{len(objects):02x}"
    for obis, value, scaler, unit in objects:
        body += f"02030906{obis}12{value:04x}02020f{scaler:02x}16{unit:02x}"
    record = RawRecord("ami.raw.v1", 0, 0, b"meter-1", bytes.fromhex(body), {"ce_time": b"2024-03-01T12:00:05Z"})
    (outcome,) = normalize(record, Context(registry=registry))
    assert isinstance(outcome, ReadingsOutcome)
    return pb.MeterReadings.FromString(outcome.messages[0]).readings


def test_a_push_with_a_wrong_scaler_goes_out_whole_and_marked():
    """2 300 000 W at 230 V and 10 A."""
    found = pushed(("0100010700ff", 2300, 3, W), ("0100200700ff", 230, 0, V), ("01001f0700ff", 10, 0, A))
    assert [(one.mantissa, one.scale) for one in found] == [(2300, 3), (230, 0), (10, 0)]
    assert [list(one.quality) for one in found] == [[pb.QUALITY_POWER_IMPLAUSIBLE], [], []]


def test_two_kiloampere_behind_a_fuse_of_20_ampere_are_marked():
    registry = Meters([MeterFacts("meter-1", limits=Limits(fuse_a=20, phases=1, nominal_v=230))])
    current = ("01001f0700ff", 2000, 0, A)
    assert [list(one.quality) for one in pushed(current, registry=registry)] == [[pb.QUALITY_LIMIT_EXCEEDED]]
    assert [list(one.quality) for one in pushed(current)] == [[]]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1.0.1.7.0.255", "1.0.32.7.0.255", "1.0.31.7.0.255", "1.0.41.7.0.255", "1.0.200.7.0.255"]),
            st.one_of(
                st.none(),
                st.booleans(),
                st.text(max_size=3),
                st.floats(allow_nan=False).map(Real),
                st.builds(Exact, st.integers(-(10**400), 10**400), st.integers(-128, 127)),
            ),
            st.sampled_from([0, W, A, V, 255]),
        ),
        max_size=6,
    )
)
def test_no_value_makes_a_check_fail(triples):
    readings = tuple(reading(*triple) for triple in triples)
    found = plausibility.marked(Statement(readings), NOON, HOUSE)
    assert [one.value for one in found.readings] == [one.value for one in readings]
