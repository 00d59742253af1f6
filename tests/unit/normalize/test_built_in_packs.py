"""What the built-in dialects make of their makers' lists, whatever their size; the values are made up."""

import json

import pytest

from ami.raw.v1 import exchange_pb2
from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.apdu import DataNotification, GetResponseNormal
from ami_dlms.axdr import NULL, Data, Tag, array, structure
from ami_normalize.dialects import Dialects
from ami_normalize.explanation.page import explain
from ami_normalize.fast import Normalizer
from ami_normalize.offline import decode_line
from ami_normalize.pipeline import Context, Parked, RawRecord, ReadingsOutcome, Rejected, normalize
from ami_normalize.render import reading as rendered
from ami_normalize.shapes import telegram
from ami_schemas import units

pytestmark = pytest.mark.unit

NOON = bytes.fromhex("07e80301050c0000ffffc400")  # 2024-03-01 12:00 at +01:00
LOCAL = bytes.fromhex("07e80301050c0000ff8000ff")
CONTEXT = Context()
FAST = Normalizer(CONTEXT)


def octets(value):
    return Data(Tag.OCTET_STRING, bytes(value))


def text(value):
    return octets(value.encode())


def numbers(*values):
    return tuple(Data(Tag.UINT32, value) for value in values)


def coded(obis, data):
    return structure(octets(map(int, obis.split("."))), data)


def push(body, title="", time=LOCAL, *, tagged=False):
    apdu = DataNotification(1, time, body).to_bytes()
    if tagged:
        apdu = apdu[:5] + b"\x09" + apdu[5:]
    headers = {"ami-system-title": title.encode().ljust(8, b"0").hex().encode()} if title else {}
    return RawRecord("ami.raw.v1", 0, 0, b"meter-1", apdu, headers)


def message(record):
    """The readings of a record; the fast path makes the same of it, when it learns the shape and when it knows it."""
    (outcome,) = outcomes = normalize(record, CONTEXT)
    assert [FAST.normalize(record) for _ in range(3)] == [outcomes] * 3
    assert isinstance(outcome, ReadingsOutcome), outcome
    return pb.MeterReadings.FromString(outcome.messages[0])


def values(found):
    """Value and unit by the code's C.D.E."""
    told = {}
    for reading in found.readings:
        value = reading.text
        if reading.HasField("mantissa"):
            power = 10 ** abs(reading.scale)
            value = reading.mantissa * power if reading.scale >= 0 else reading.mantissa / power
        elif reading.HasField("boolean"):
            value = reading.boolean
        told[".".join(reading.obis.split(".")[2:5])] = (value, units.symbol(reading.unit))
    return told


# --- Kaifa, Norway: lists without codes


HEAD = (text("KFM_001"), text("6970631401753985"), text("MA304H3E"))
POWERS = {"1.7.0": (1, "W"), "2.7.0": (2, "W"), "3.7.0": (3, "var"), "4.7.0": (4, "var")}
ENERGIES = {"1.8.0": (11, "Wh"), "2.8.0": (12, "Wh"), "3.8.0": (13, "varh"), "4.8.0": (14, "varh")}
ONE = {"31.7.0": (1.5, "A"), "32.7.0": (230.1, "V")}
THREE = {"31.7.0": (1.5, "A"), "51.7.0": (2.5, "A"), "71.7.0": (3.5, "A")} | {
    "32.7.0": (230.1, "V"),
    "52.7.0": (230.2, "V"),
    "72.7.0": (230.3, "V"),
}


@pytest.mark.parametrize(
    ("phase_values", "phases"), [((1500, 2301), ONE), ((1500, 2500, 3500, 2301, 2302, 2303), THREE)]
)
@pytest.mark.parametrize("hourly", [False, True])
def test_kaifas_lists_of_one_and_three_phases(phase_values, phases, hourly):
    rest = (octets(NOON), *numbers(11, 12, 13, 14)) if hourly else ()
    found = message(push(structure(*HEAD, *numbers(1, 2, 3, 4), *numbers(*phase_values), *rest), tagged=True))
    told = values(found)
    assert {code: told[code] for code in (POWERS | phases)} == POWERS | phases
    assert {code: told.get(code) for code in ENERGIES} == (ENERGIES if hourly else dict.fromkeys(ENERGIES))
    assert found.provenance.dialect == "kaifa-han-no"


def test_kaifas_list_1():
    assert values(message(push(structure(*numbers(517)), tagged=True))) == {"1.7.0": (517, "W")}


# --- Kamstrup: codes on channel 1, energies in steps of 10 Wh


@pytest.mark.parametrize(
    "codes",
    [
        ("1.7", "2.7", "3.7", "4.7", "31.7", "32.7"),
        ("1.7", "2.7", "31.7", "51.7", "71.7", "32.7", "52.7", "72.7", "1.8", "2.8", "3.8", "4.8"),
        ("21.7", "41.7", "61.7", "22.7", "33.7", "13.7", "21.8", "42.8", "63.8"),
    ],
)
def test_kamstrups_lists_of_any_size(codes):
    items = [text("Kamstrup_V0002")]
    for code in codes:
        items += [octets([1, 1, *map(int, code.split(".")), 0, 255]), *numbers(123)]
    told = values(message(push(structure(*items))))
    quantity = {1: "active", 2: "active", 3: "reactive", 4: "reactive", 11: "A", 12: "V", 13: "factor"}
    expected = {
        ("active", "7"): (123, "W"),
        ("reactive", "7"): (123, "var"),
        ("active", "8"): (1230, "Wh"),
        ("reactive", "8"): (1230, "varh"),
        ("A", "7"): (1.23, "A"),
        ("V", "7"): (123, "V"),
        ("factor", "7"): (1.23, None),
    }
    for code in codes:
        c, d = code.split(".")
        assert told[f"{code}.0"] == expected[quantity[(int(c) - 1) % 20 + 1], d]


# --- Landis+Gyr: codes without scalers


@pytest.mark.parametrize("with_reactive", [False, True])
def test_landis_gyrs_registers_are_whole_units(with_reactive):
    active = {"1.0.1.8.0.255": 4000, "1.0.2.8.0.255": 5, "1.0.1.7.0.255": 6}
    rows = [coded(code, *numbers(value)) for code, value in active.items()]
    reactive = [coded("1.0.3.8.1.255", *numbers(7)), coded("1.0.4.7.0.255", *numbers(8))] if with_reactive else []
    told = values(message(push(structure(octets(LOCAL), *rows, *reactive), "LGZg")))
    assert (told["1.8.0"], told["2.8.0"], told["1.7.0"]) == ((4000, "Wh"), (5, "Wh"), (6, "W"))
    if with_reactive:
        assert (told["3.8.1"], told["4.7.0"]) == ((7, "varh"), (8, "var"))


def test_a_landis_gyr_of_another_device_type_is_not_guessed_at():
    rows = [coded("1.0.1.8.0.255", *numbers(4000)), coded("1.0.3.8.0.255", *numbers(5))]
    assert values(message(push(structure(*rows), "LGZ0"))) == {"1.8.0": (4000, None), "3.8.0": (5, None)}


def test_a_landis_gyr_that_is_asked_has_the_scaler_that_was_read_or_none():
    exchange = exchange_pb2.Exchange(class_id=3, obis=bytes((1, 0, 1, 8, 0, 255)), attribute=2)
    headers = {"ami-exchange": b"poll", "ami-context": exchange.SerializeToString()}
    headers["ami-system-title"] = b"4c475a6700000001"
    apdu = GetResponseNormal(0x41, *numbers(5)).to_bytes()
    found = message(RawRecord("ami.raw.v1", 0, 0, b"meter-1", apdu, headers))
    assert list(found.readings[0].quality) == [pb.QUALITY_SCALER_UNKNOWN, pb.QUALITY_TIME_RECEPTION]


# --- operators in Austria


@pytest.mark.parametrize("title", ["LGZ", "SMS", ""])
def test_wiener_netzes_list_is_alike_for_all_makers(title):
    found = message(push(structure(octets(LOCAL), *numbers(11, 12, 13, 14, 1, 2, 3, 4)), title))
    assert values(found) == ENERGIES | POWERS | {"1.0.0": ("2024-03-01T12:00:00", None)}


@pytest.mark.parametrize("powers", [2, 4])
def test_iskraemecos_list_with_time_and_date_apart(powers):
    time, date = octets(NOON[5:9]), octets(NOON[:5])
    head = (octets((0, 6, 25, 9, 0, 255)), text("2200001"), time, date)
    found = message(push(structure(*head, *numbers(11, 12, 13, 14), *numbers(1, 2, 3, 4)[:powers]), "ISK", NOON))
    told = values(found)
    assert {code: told[code] for code in ENERGIES} == ENERGIES
    assert {code: told[code] for code in POWERS if code in told} == dict(list(POWERS.items())[:powers])
    assert told["96.1.0"] == ("2200001", None)
    assert found.readings[1].measured_at_us == 1709290800 * 1_000_000  # the deviation is that of the notification
    assert found.readings[1].time_origin == pb.TIME_ORIGIN_DEVIATION


@pytest.mark.parametrize(
    ("header", "hour", "origin"),
    [
        (NOON, 11, pb.TIME_ORIGIN_DEVIATION),
        (NOON[:7] + b"\x01" + NOON[8:], 12, pb.TIME_ORIGIN_DEFAULT_ZONE),  # a second later
        (NOON[:8] + b"\x32" + NOON[9:], 12, pb.TIME_ORIGIN_DEFAULT_ZONE),  # half a second later
        (NOON[:8] + b"\x00" + NOON[9:], 11, pb.TIME_ORIGIN_DEVIATION),
        (LOCAL, 12, pb.TIME_ORIGIN_DEFAULT_ZONE),
        (b"", 12, pb.TIME_ORIGIN_DEFAULT_ZONE),
    ],
)
def test_a_clock_without_deviation_takes_that_of_the_same_time_in_the_notification(header, hour, origin):
    """Also by the fast path, once it knows the list by one with the same time and one with another."""
    columns = [{"type": "text", "starts": "MYM"}, {"type": "time", "part": "time"}, {"type": "date", "part": "date"}]
    columns.append({"type": "number", "obis": "1.0.1.8.0.255", "unit": "Wh"})
    mapping = json.dumps([{"name": "mine", "layouts": [{"name": "list", "columns": columns}]}]).encode()
    context = Context(dialects=Dialects.of_contents([("test", mapping)]))
    body = structure(text("MYM1"), octets(NOON[5:9]), octets(NOON[:5]), *numbers(11))
    fast = Normalizer(context)
    for learnt in (NOON, LOCAL[:5] + b"\x0d" + NOON[6:], header):
        fast.normalize(push(body, time=learnt))
    (outcome,) = outcomes = normalize(push(body, time=header), context)
    reading = pb.MeterReadings.FromString(outcome.messages[0]).readings[-1]
    assert (reading.measured_at_us // 3_600_000_000 % 24, reading.time_origin) == (hour, origin)
    assert fast.normalize(push(body, time=header)) == outcomes
    assert fast.quick


def test_an_empty_string_in_place_of_a_power_is_none():
    time, date = octets(NOON[5:9]), octets(NOON[:5])
    head = (octets((0, 6, 25, 9, 0, 255)), text("2200001"), time, date)
    found = message(push(structure(*head, *numbers(11, 12, 13, 14), octets(b""), octets(b"")), "ISK", NOON))
    assert [list(reading.quality) for reading in found.readings[-2:]] == [[pb.QUALITY_NO_VALUE]] * 2


def test_iskraemecos_codes_on_channel_1_are_whole_units():
    rows = [coded(f"1.1.{code}.255", *numbers(5)) for code in ("1.7.0", "4.7.0", "1.8.1", "5.8.0", "8.8.2")]
    told = values(message(push(structure(*rows), "ISKg")))
    assert [unit for _, unit in told.values()] == ["W", "var", "Wh", "varh", "varh"]


# --- Slovenia


@pytest.mark.parametrize("own_powers", [False, True])
def test_the_slovenian_list_of_one_phase(own_powers):
    head = (text("ISK1030000000001"), text("ISK80000001"), *numbers(1, 2, 3, 4), *numbers(2301, 150))
    told = values(message(push(structure(*head, *(numbers(9, 0) if own_powers else ())))))
    assert {code: told[code] for code in POWERS} == POWERS
    assert (told["32.7.0"], told["31.7.0"]) == ((230.1, "V"), (1.5, "A"))
    assert told.get("21.7.0") == ((9, "W") if own_powers else None)


# --- lists that end early


@pytest.mark.parametrize("present", range(4, 13))
def test_a_list_that_ends_early_is_read_by_what_it_says_to_be(present):
    """Of Kaifa's thirteen elements nine are not its list of one phase, which has nine."""
    whole = structure(*HEAD, *numbers(1, 2, 3, 4), *numbers(1500, 2500, 3500, 2301, 2302, 2303))
    octets_of = [push(structure(*whole.value[:count]), tagged=True).value for count in (present, 13)]
    cut = octets_of[1][: len(octets_of[0])]
    (outcome,) = normalize(RawRecord("ami.raw.v1", 0, 0, b"meter-1", cut), CONTEXT)
    assert isinstance(outcome, Rejected)
    answer = decode_line({"id": "1", "hex": cut.hex()}, Context(lenient=True))
    told = {one["obis"][4:]: (float(one["value"]), one["unit"]) for one in answer["readings"][3:]}
    expected = {f"{code}.255": value for code, value in (POWERS | THREE).items()}
    assert told == dict(list(expected.items())[: present - 3])
    assert all("TRUNCATED" in one["quality"] for one in answer["readings"])
    page = explain({"id": "1", "hex": cut.hex()}, Context(lenient=True))
    assert [one["path"] for one in page["apdus"][0]["readings"]] == [f"body[{at}]" for at in range(present)]


# --- what is nobody's


@pytest.mark.parametrize(
    "body",
    [
        structure(*numbers(1, 2, 3, 4, 5, 6, 7, 8, 9)),
        structure(text("ABC1"), *numbers(1, 2, 3)),
        structure(octets(LOCAL), *numbers(1, 2, 3)),
        structure(NULL, *numbers(1), text("x")),
        array(structure(octets(LOCAL), *numbers(1, 2))),
    ],
)
def test_an_unknown_list_waits_for_a_mapping(body):
    (outcome,) = normalize(push(body), CONTEXT)
    assert isinstance(outcome, Parked)


def test_every_built_in_pack_says_what_it_is_for():
    assert all(dialect.match or dialect.layouts for dialect in Dialects.load().in_order)


# --- telegrams


def telegram_values(*lines):
    found = telegram.read("\r\n".join(("/ABC5", *lines, "!")).encode())
    return {r["obis"]: (r["value"], r["unit"], r["measured_at"]) for r in map(rendered, found.readings)}


def test_the_gas_value_of_dsmr_2_and_3_stands_in_the_next_line():
    profile, energy = "0-1:24.3.0(121030140000)(00)(60)(1)(0-1:24.2.1)(m3)", "1-0:1.8.1(00001.5*kWh)"
    told = telegram_values(profile, "(00024.123)", energy)
    assert told == {
        "0.1.24.2.1.255": ("24.123", "m3", "2012-10-30T14:00:00"),
        "1.0.1.8.1.255": ("1500", "Wh", None),
    }
    assert list(telegram_values(profile, energy)) == ["1.0.1.8.1.255"]


@pytest.mark.parametrize(
    ("stated", "value", "unit"),
    [
        ("00.123*kVAr", "123", "var"),
        ("00.123*kVAR", "123", "var"),
        ("00.123*kvarh", "123", "varh"),
        ("00.123*kVArh", "123", "varh"),
        ("00.123*kVA", "123", "VA"),
        ("00.123*GJ", "123000000", "J"),
        ("50.01*Hz", "50.01", "Hz"),
    ],
)
def test_units_of_telegrams(stated, value, unit):
    assert telegram_values(f"1-0:3.7.0({stated})")["1.0.3.7.0.255"][:2] == (value, unit)


def test_an_identification_number_needs_no_scaler():
    found = message(push(structure(coded("1.1.0.0.1.255", *numbers(12343400)), coded("1.0.1.8.0.255", *numbers(5)))))
    assert [pb.QUALITY_SCALER_UNKNOWN in reading.quality for reading in found.readings] == [False, True]
    assert values(found) == {"0.0.1": (12343400, None), "1.8.0": (5, None)}
