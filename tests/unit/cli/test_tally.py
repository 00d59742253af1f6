"""The demo counts what came by, by meter and by outcome."""

import pytest

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_cli.demo.scene import METERS, named
from ami_cli.demo.tally import Tally
from ami_cli.view.records import SHORT, Record

pytestmark = pytest.mark.unit


def record(topic, value=b"", **headers):
    named_headers = {name.replace("__", "."): text.encode() for name, text in headers.items()}
    return Record(SHORT[topic], 0, 0, 2_000, b"key", value, named_headers)


def readings(meter, protection):
    message = pb.MeterReadings(meter=pb.Meter(id=meter), provenance=pb.Provenance(protection=protection))
    message.time.received_us = 1_900_000
    message.readings.add(obis="1.0.1.7.0.255", mantissa=5)
    message.readings.add(obis="1.0.99.99.0.255", mantissa=5)
    return record("readings", message.SerializeToString())


def test_it_counts_each_topic():
    tally = Tally()
    for made in (
        record("raw", b"abc"),
        record("dlq", dlq__reason="TRUNCATED"),
        record("parked", dlq__reason="KEY_MISSING"),
        record("events"),
        readings("meter-1", pb.PROTECTION_NONE),
    ):
        tally.add(made)

    assert (tally.raw, tally.raw_bytes, tally.events, tally.messages, tally.values) == (1, 3, 1, 1, 2)
    assert tally.dead == {"TRUNCATED": 1}
    assert tally.parked == {"KEY_MISSING": 1}
    assert tally.delay_ms() == 100


def test_well_known_objects_are_shown_first():
    tally = Tally()
    tally.add(readings("meter-1", pb.PROTECTION_NONE))

    assert [row.obis for row in tally.meters["meter-1"].shown(5)] == ["1.0.1.7.0.255", "1.0.99.99.0.255"]


def test_a_meter_arrived_only_with_the_protection_it_must_have():
    ciphered = next(meter for meter in METERS if meter.protection == "authenticated+encrypted")
    tally = Tally()
    tally.add(readings(ciphered.ids[0], pb.PROTECTION_NONE))
    before = tally.arrived(ciphered)
    tally.add(readings(ciphered.ids[0], pb.PROTECTION_AUTHENTICATED_ENCRYPTED))

    assert (before, tally.arrived(ciphered)) == (False, True)


def test_every_meter_is_known_by_each_of_its_ids():
    for meter in METERS:
        assert {named(known) for known in meter.ids} == {meter}
