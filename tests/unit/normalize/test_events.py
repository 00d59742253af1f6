"""Event logs, event codes, alarm and error registers become events; the readings beside them stay readings."""

import json

import pytest

from ami.events.v1 import meter_events_pb2 as events_pb
from ami.raw.v1 import exchange_pb2
from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms import axdr
from ami_dlms.apdu import DataNotification, EventNotification, GetResponseNormal
from ami_dlms.axdr import BitString, Data, Tag, array, structure
from ami_normalize.dialects import Dialects
from ami_normalize.offline import decode_line
from ami_normalize.pipeline import Context, EventsOutcome, RawRecord, ReadingsOutcome, normalize
from ami_normalize.pipeline.encode import MOST_OCTETS
from ami_schemas import event_types
from ami_schemas.event_types import Companion

pytestmark = pytest.mark.unit

NOON = bytes.fromhex("07e80301050c0000ff000000")
NOON_US = 1709294400 * 1_000_000
MINUTE_US = 60_000_000
CLOCK = (8, (0, 0, 1, 0, 0, 255), 2)
CODE = (1, (0, 0, 96, 11, 0, 255), 2)
ENERGY = (3, (1, 0, 1, 8, 0, 255), 2)
STANDARD_LOG = (0, 0, 99, 98, 0, 255)


def octets(value):
    return Data(Tag.OCTET_STRING, bytes(value))


def u8(value):
    return Data(Tag.UINT8, value)


def u32(value):
    return Data(Tag.UINT32, value)


def minute(number):
    return octets(NOON[:6] + bytes((number,)) + NOON[7:])


def companion(name):
    """Dialects under which every message is of a companion specification."""
    mapping = [{"name": f"of-{name}", "companion": name, "match": [{"shape": {"objects": ["*.*.*.*.*.*"]}}]}]
    return Context(dialects=Dialects.of_contents([("test", json.dumps(mapping).encode())]))


def outcome(record, context=None):
    """Readings by OBIS, and events."""
    readings, events = {}, []
    for one in normalize(record, context or Context()):
        if isinstance(one, ReadingsOutcome):
            for message in map(pb.MeterReadings.FromString, one.messages):
                readings.update({reading.obis: reading for reading in message.readings})
                readings.update({block.obis: block for block in message.interval_blocks})
        else:
            assert isinstance(one, EventsOutcome), one
            events += [event for message in one.messages for event in events_pb.MeterEvents.FromString(message).events]
    return readings, events


def pushed(*objects, time=NOON):
    rows = [structure(octets(obis), value) for obis, value in objects]
    apdu = DataNotification(1, time, structure(*rows)).to_bytes()
    return RawRecord("ami.raw.v1", 0, 0, b"meter-1", apdu, {"ce_time": b"2024-03-01T12:00:05Z"})


def notified(obis, value, attribute=2, time=NOON):
    apdu = EventNotification(time, 1, bytes(obis), attribute, value).to_bytes()
    return RawRecord("ami.raw.v1", 0, 0, b"meter-1", apdu, {"ce_time": b"2024-03-01T12:00:05Z"})


def polled(profile, columns, rows):
    exchange = exchange_pb2.Exchange(class_id=7, obis=bytes(profile), attribute=2)
    for class_id, obis, attribute in columns:
        exchange.capture_objects.add(class_id=class_id, obis=bytes(obis), attribute=attribute)
    body = array(*(structure(*row) for row in rows))
    headers = {"ami-exchange": b"poll", "ami-context": exchange.SerializeToString()}
    return RawRecord("ami.raw.v1", 0, 0, b"meter-1", GetResponseNormal(0x41, body).to_bytes(), headers)


def told(events):
    return [(event.kind, event.obis, event.code, event.event_type) for event in events]


# --- logs


def test_each_row_of_a_polled_log_is_an_event_at_its_time():
    readings, events = outcome(polled(STANDARD_LOG, (CLOCK, CODE), [(minute(0), u8(1)), (minute(7), u8(2))]))
    assert readings == {}
    assert told(events) == [
        ("POWER_DOWN", "0.0.96.11.0.255", 1, "3.26.0.85"),
        ("POWER_UP", "0.0.96.11.0.255", 2, "3.26.0.216"),
    ]
    assert [event.at_us for event in events] == [NOON_US, NOON_US + 7 * MINUTE_US]
    assert all(event.time_origin == pb.TIME_ORIGIN_DEVIATION for event in events)


def test_a_log_that_comes_last_first_is_told_in_time_order():
    _, events = outcome(polled(STANDARD_LOG, (CLOCK, CODE), [(minute(7), u8(2)), (minute(0), u8(1))]))
    assert [event.kind for event in events] == ["POWER_DOWN", "POWER_UP"]


def test_a_code_that_nobody_knows_keeps_its_number_and_has_no_type():
    _, events = outcome(polled(STANDARD_LOG, (CLOCK, CODE), [(minute(0), Data(Tag.UINT16, 999))]))
    assert told(events) == [("METER_EVENT", "0.0.96.11.0.255", 999, "")]


def test_what_a_log_captures_beside_the_code_stays_a_value():
    rows = [(minute(0), u8(40), u32(1500)), (minute(9), u8(41), u32(1501))]
    readings, events = outcome(polled((0, 0, 99, 98, 1, 255), (CLOCK, (1, (0, 0, 96, 11, 1, 255), 2), ENERGY), rows))
    assert [event.kind for event in events] == ["TERMINAL_COVER_OPENED", "TERMINAL_COVER_CLOSED"]
    assert list(readings) == ["1.0.1.8.0.255"]


def test_the_power_failure_log_tells_the_end_and_the_duration():
    duration = (3, (0, 0, 96, 7, 19, 255), 2)
    readings, events = outcome(polled((1, 0, 99, 97, 0, 255), (CLOCK, duration), [(minute(5), u32(301))]))
    assert readings == {}
    assert told(events) == [("LONG_POWER_FAILURE", "0.0.96.7.19.255", 0, "3.26.0.216")]
    assert not events[0].HasField("code")
    assert events[0].text.endswith("after 301 s")


def test_a_pushed_log_with_its_capture_objects_is_told_too():
    """Attributes 3 and 2 of the log in one push."""

    def target(class_id, obis, attribute):
        return structure(Data(Tag.UINT16, class_id), octets(obis), Data(Tag.INT8, attribute), Data(Tag.UINT16, 0))

    captured = array(target(*CLOCK), target(*CODE))
    rows = array(structure(minute(3), u8(5)))
    named = array(*(target(7, STANDARD_LOG, attribute) for attribute in (3, 2)))
    apdu = DataNotification(1, NOON, structure(named, captured, rows)).to_bytes()
    _, events = outcome(RawRecord("ami.raw.v1", 0, 0, b"meter-1", apdu))
    assert [event.kind for event in events] == ["CLOCK_ADJUSTED_TO"]


def test_a_log_of_another_shape_than_captured_waits_for_its_columns():
    answer = normalize(polled(STANDARD_LOG, (CLOCK, CODE), [(minute(0),)]), Context())
    assert answer[0].reason.value == "CONTEXT_MISSING"


def test_a_long_log_goes_out_in_several_messages():
    rows = [(minute(number % 60), u8(47)) for number in range(9000)]
    (found,) = normalize(polled(STANDARD_LOG, (CLOCK, CODE), rows), Context())
    assert len(found.messages) > 1
    assert all(len(message) <= MOST_OCTETS for message in found.messages)
    assert sum(len(events_pb.MeterEvents.FromString(message).events) for message in found.messages) == 9000


# --- registers


ALARM = (0, 0, 97, 98, 0, 255)


def test_each_bit_of_a_pushed_alarm_register_is_an_event_and_the_register_a_reading():
    readings, events = outcome(pushed((ALARM, u32(0b10_0000_0000_0001)), ((1, 0, 1, 8, 0, 255), u32(5))))
    assert told(events) == [
        ("CLOCK_INVALID", "0.0.97.98.0.255", 0, "3.36.0.79"),
        ("FRAUD_ATTEMPT", "0.0.97.98.0.255", 13, "3.12.0.257"),
    ]
    assert [event.at_us for event in events] == [NOON_US] * 2
    assert readings["0.0.97.98.0.255"].mantissa == 0b10_0000_0000_0001
    assert readings["1.0.1.8.0.255"].mantissa == 5


@pytest.mark.parametrize("obis", [ALARM, (0, 0, 97, 98, 20, 255), (0, 0, 97, 97, 0, 255)])
def test_a_register_of_zero_is_a_reading_and_no_event(obis):
    readings, events = outcome(pushed((obis, u32(0))))
    assert events == []
    assert len(readings) == 1


def test_a_bit_that_nobody_knows_is_an_alarm_or_an_error_with_its_number():
    _, alarms = outcome(pushed(((0, 0, 97, 98, 9, 255), u32(1 << 31))))
    _, errors = outcome(pushed(((0, 0, 97, 97, 1, 255), u8(2))))
    assert told(alarms) == [("ALARM", "0.0.97.98.9.255", 31, "")]
    assert told(errors) == [("METER_ERROR", "0.0.97.97.1.255", 1, "")]


def test_a_filter_is_no_alarm():
    assert outcome(pushed(((0, 0, 97, 98, 10, 255), u32(0xFFFF_FFFF))))[1] == []


def test_a_bit_string_counts_from_its_first_bit():
    _, events = outcome(pushed((ALARM, Data(Tag.BIT_STRING, BitString(12, b"\x40\x10")))))
    assert [event.code for event in events] == [1, 11]


def test_an_alarm_register_that_is_asked_for_tells_what_is_set():
    exchange = exchange_pb2.Exchange(class_id=1, obis=bytes(ALARM), attribute=2)
    headers = {"ami-exchange": b"poll", "ami-context": exchange.SerializeToString()}
    record = RawRecord("ami.raw.v1", 0, 0, b"meter-1", GetResponseNormal(0x41, u32(2)).to_bytes(), headers)
    assert [event.kind for event in outcome(record)[1]] == ["BATTERY_REPLACE"]


# --- codes


def test_a_pushed_event_code_is_an_event_and_an_asked_one_the_last_code():
    readings, events = outcome(pushed(((0, 0, 96, 11, 1, 255), u8(44))))
    assert told(events) == [("METER_COVER_OPENED", "0.0.96.11.1.255", 44, "3.12.29.212")]
    assert readings["0.0.96.11.1.255"].mantissa == 44
    exchange = exchange_pb2.Exchange(class_id=1, obis=bytes((0, 0, 96, 11, 1, 255)), attribute=2)
    headers = {"ami-exchange": b"poll", "ami-context": exchange.SerializeToString()}
    record = RawRecord("ami.raw.v1", 0, 0, b"meter-1", GetResponseNormal(0x41, u8(44)).to_bytes(), headers)
    assert outcome(record)[1] == []


def test_an_event_notification_of_a_code_or_a_register_is_what_it_says():
    _, code = outcome(notified((0, 0, 96, 11, 0, 255), u8(1)))
    _, register = outcome(notified((0, 0, 97, 98, 20, 255), u32(0b11)))
    assert [event.kind for event in code] == ["POWER_DOWN"]
    assert [event.kind for event in register] == ["CLOCK_INVALID", "BATTERY_REPLACE"]
    assert {event.at_us for event in register} == {NOON_US}


def test_any_other_event_notification_keeps_object_and_value():
    _, (energy,) = outcome(notified((1, 0, 1, 8, 0, 255), u32(7)))
    _, (cleared,) = outcome(notified(ALARM, u32(0)))
    assert (energy.kind, energy.code) == ("EVENT_NOTIFICATION", 7)
    assert (cleared.kind, cleared.code) == ("EVENT_NOTIFICATION", 0)


# --- companions


def test_a_dialect_names_the_companion_whose_codes_hold():
    log = polled(STANDARD_LOG, (CLOCK, CODE), [(minute(0), Data(Tag.UINT16, 101))])
    alarm = pushed((ALARM, u32(1 << 24)))
    second = pushed(((0, 0, 97, 98, 1, 255), u32(1)))
    assert [event.kind for event in outcome(log)[1]] == ["MBUS_1_COMMUNICATION_OK"]
    assert [event.kind for event in outcome(alarm)[1]] == ["ALARM"]
    assert [event.kind for event in outcome(second)[1]] == ["ALARM"]
    assert [event.kind for event in outcome(alarm, companion("dsmr"))[1]] == ["MBUS_1_DEVICE_INSTALLED"]
    assert [event.kind for event in outcome(alarm, companion("idis"))[1]] == ["MBUS_1_PERMANENT_ERROR"]
    assert [event.kind for event in outcome(second, companion("idis"))[1]] == ["POWER_DOWN"]
    indian = pushed(((0, 0, 96, 11, 2, 255), Data(Tag.UINT16, 101)))
    assert [event.kind for event in outcome(indian, companion("is15959"))[1]] == ["POWER_DOWN"]


@pytest.mark.parametrize("of", [None, *Companion])
def test_kinds_are_names_and_types_have_four_fields(of):
    tables = [event_types.codes(of), event_types.alarms(1, of), event_types.alarms(2, of)]
    for meaning in (meaning for table in tables for meaning in table.values()):
        assert meaning.kind == meaning.kind.upper().replace(" ", "_")
        assert meaning.description
        assert not meaning.event_type or (
            len(meaning.event_type.split(".")) == 4 and meaning.event_type.replace(".", "").isdigit()
        )


def test_one_kind_means_one_thing():
    """A kind that several tables have says the same in each of them, but for words."""
    types = {}
    for of in (None, *Companion):
        for table in (event_types.codes(of), event_types.alarms(1, of), event_types.alarms(2, of)):
            for meaning in table.values():
                assert types.setdefault(meaning.kind, meaning.event_type) == meaning.event_type, meaning


def test_decode_tells_events_beside_readings():
    record = pushed((ALARM, u32(1)))
    answer = decode_line({"id": "1", "hex": record.value.hex()})
    assert answer["outcome"] == "readings"
    assert [(event["kind"], event["at"], event["event_type"]) for event in answer["events"]] == [
        ("CLOCK_INVALID", "2024-03-01T12:00:00Z", "3.36.0.79")
    ]


def test_an_event_without_meter_time_has_that_of_reception():
    _, (event,) = outcome(pushed((ALARM, u32(1)), time=b""))
    assert (event.at_us, event.time_origin) == (NOON_US + 5_000_000, pb.TIME_ORIGIN_RECEPTION)


def test_odd_cells_of_a_log_are_kept():
    rows = [(minute(0), octets(b"\xff\x00")), (minute(1), Data(Tag.VISIBLE_STRING, "door")), (minute(2), axdr.NULL)]
    _, events = outcome(polled(STANDARD_LOG, (CLOCK, CODE), rows))
    assert [(event.kind, event.octets, event.text) for event in events] == [
        ("METER_EVENT", b"\xff\x00", ""),
        ("METER_EVENT", b"", "door"),
        ("METER_EVENT", b"", "door"),  # a null repeats what stands above it
    ]
