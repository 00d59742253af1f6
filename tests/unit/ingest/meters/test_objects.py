"""What is read once from a meter, and what becomes the context of its answers."""

from datetime import datetime, timedelta, timezone

import pytest

from ami.raw.v1.exchange_pb2 import CaptureObject, ScalerUnit
from ami_dlms import axdr
from ami_dlms.apdu import DataAccessResult
from ami_dlms.axdr import Data, Tag
from ami_dlms.client import Answer
from ami_dlms.cosem_time import CosemDateTime
from ami_ingest.errors import ExchangeFailed
from ami_ingest.meters.meter_time import MeterTime
from ami_ingest.meters.objects import MeterObjects
from ami_ingest.meters.rows import stamps

pytestmark = pytest.mark.unit

ENERGY = bytes((1, 0, 1, 8, 0, 255))
DEMAND = bytes((1, 0, 1, 4, 0, 255))
CLOCK = bytes((0, 0, 1, 0, 0, 255))
STATUS = bytes((0, 0, 96, 10, 1, 255))
PROFILE = bytes((1, 0, 99, 1, 0, 255))
NAME = bytes((0, 0, 42, 0, 0, 255))
ASSOCIATION = bytes((0, 0, 40, 0, 0, 255))


def scaler_unit(scaler, unit):
    return axdr.structure(axdr.int8(scaler), axdr.enum(unit))


def column(class_id, obis, attribute=2, index=0):
    return axdr.structure(axdr.uint16(class_id), axdr.octets(obis), axdr.int8(attribute), axdr.uint16(index))


def entry(class_id, obis, version=0):
    return axdr.structure(axdr.uint16(class_id), axdr.uint8(version), axdr.octets(obis), axdr.structure())


class Meter:
    """Answers from a table, and counts what was asked."""

    def __init__(self, **changes):
        self.values = {
            (1, NAME, 2): axdr.octets(b"AMV0000000000001"),
            (3, ENERGY, 3): scaler_unit(-1, 30),
            (5, DEMAND, 4): scaler_unit(0, 27),
            (7, PROFILE, 3): axdr.array(column(8, CLOCK), column(1, STATUS), column(3, ENERGY), column(3, ENERGY, 5)),
            (7, PROFILE, 4): axdr.uint32(900),
            (15, ASSOCIATION, 2): axdr.array(entry(3, ENERGY), entry(8, CLOCK), entry(7, PROFILE, 1)),
        }
        self.asked = []

    async def get(self, attribute, access=None):
        self.asked.append((attribute.class_id, attribute.obis, attribute.attribute))
        return Answer(b"", b"", self.values.get(self.asked[-1], DataAccessResult.OBJECT_UNDEFINED))


@pytest.fixture
def meter():
    return Meter()


@pytest.fixture
def objects():
    return MeterObjects()


async def test_a_register_comes_with_scaler_unit_and_name_read_once(meter, objects):
    for _ in range(3):
        exchange = await objects.context(meter, 3, ENERGY, 2)

    assert exchange.scaler_unit == ScalerUnit(scaler=-1, unit=30)
    assert exchange.logical_device_name == b"AMV0000000000001"
    assert (exchange.class_id, exchange.obis, exchange.attribute) == (3, ENERGY, 2)
    assert len(meter.asked) == 2


async def test_a_demand_register_has_its_scaler_unit_elsewhere(meter, objects):
    assert (await objects.context(meter, 5, DEMAND, 3)).scaler_unit.unit == 27


@pytest.mark.parametrize(("class_id", "obis", "attribute"), [(8, CLOCK, 2), (3, ENERGY, 3), (1, STATUS, 2)])
async def test_what_has_no_scaler_gets_none(meter, objects, class_id, obis, attribute):
    assert not (await objects.context(meter, class_id, obis, attribute)).HasField("scaler_unit")


async def test_a_meter_that_refuses_is_asked_once(meter, objects):
    meter.values.clear()
    for _ in range(2):
        exchange = await objects.context(meter, 3, ENERGY, 2)

    assert not exchange.HasField("scaler_unit")
    assert exchange.logical_device_name == b""
    assert len(meter.asked) == 2


@pytest.mark.parametrize(
    "value", [axdr.uint8(3), axdr.structure(axdr.int8(0)), axdr.structure(axdr.octets(b""), axdr.enum(1))]
)
async def test_an_odd_scaler_unit_is_none(meter, objects, value):
    meter.values[3, ENERGY, 3] = value

    assert not (await objects.context(meter, 3, ENERGY, 2)).HasField("scaler_unit")


async def test_a_profile_comes_with_its_columns_and_period(meter, objects):
    exchange = await objects.context(meter, 7, PROFILE, 2)

    assert exchange.capture_period_s == 900
    assert list(exchange.capture_objects) == [
        CaptureObject(class_id=8, obis=CLOCK, attribute=2),
        CaptureObject(class_id=1, obis=STATUS, attribute=2),
        CaptureObject(class_id=3, obis=ENERGY, attribute=2, scaler_unit=ScalerUnit(scaler=-1, unit=30)),
        CaptureObject(class_id=3, obis=ENERGY, attribute=5),
    ]


async def test_a_column_of_a_manufacturers_own_attribute_is_named_by_its_octet(meter, objects):
    meter.values[7, PROFILE, 3] = axdr.array(column(8, CLOCK), column(3, ENERGY, -1))
    columns = (await objects.context(meter, 7, PROFILE, 2)).capture_objects
    assert [each.attribute for each in columns] == [2, 0xFF]


async def test_a_period_that_cannot_be_read_is_absent_and_zero_is_not(meter, objects):
    meter.values[7, PROFILE, 4] = axdr.uint32(0)
    assert (await objects.context(meter, 7, PROFILE, 2)).HasField("capture_period_s")

    objects.forget()
    del meter.values[7, PROFILE, 4]
    assert not (await objects.context(meter, 7, PROFILE, 2)).HasField("capture_period_s")


@pytest.mark.parametrize(
    "value", [None, axdr.uint8(1), axdr.array(axdr.uint8(1)), axdr.array(column(3, b"short"), axdr.structure())]
)
async def test_unreadable_capture_objects_are_said(meter, objects, value):
    meter.values[7, PROFILE, 3] = value or DataAccessResult.READ_WRITE_DENIED

    with pytest.raises(ExchangeFailed, match="Capture Objects"):
        await objects.context(meter, 7, PROFILE, 2)


async def test_classes_are_found_in_the_object_list(meter, objects):
    assert await objects.class_of(meter, ENERGY) == (3, 0)
    assert await objects.class_of(meter, PROFILE) == (7, 1)
    assert (await objects.context(meter, 7, PROFILE, 2)).class_version == 1
    assert meter.asked.count((15, ASSOCIATION, 2)) == 1


async def test_an_unknown_object_is_said(meter, objects):
    with pytest.raises(ExchangeFailed, match=r"Object Unknown \(1.0.1.4.0.255 is not in the object list"):
        await objects.class_of(meter, DEMAND)


async def test_an_unreadable_object_list_is_said(meter, objects):
    meter.values.clear()

    with pytest.raises(ExchangeFailed, match="Object List Unreadable") as raised:
        await objects.class_of(meter, ENERGY)
    assert "3:1.0.1.8.0.255" in raised.value.remedy


NOW = datetime(2026, 1, 15, 12, 0, tzinfo=timezone.utc)
TIME = MeterTime.of(CosemDateTime(2026, 1, 15, 4, 13, 0, 0, 0, -60, 0), NOW)
COLUMNS = (CaptureObject(class_id=8, obis=CLOCK, attribute=2), CaptureObject(class_id=3, obis=ENERGY, attribute=2))


def row(stamp):
    clock = Data(Tag.NULL, None) if stamp is None else axdr.octets(TIME.stamp(stamp).to_bytes())
    return axdr.structure(clock, axdr.uint32(1))


@pytest.mark.parametrize(
    ("rows", "minutes"),
    [
        ([], None),
        ([-30, -15], -15),
        ([-30, None, None], 0),
        ([None, None], None),
    ],
)
def test_the_last_row(rows, minutes):
    buffer = axdr.array(*(row(None if each is None else NOW + timedelta(minutes=each)) for each in rows))
    expected = None if minutes is None else NOW + timedelta(minutes=minutes)

    assert max(stamps(buffer, COLUMNS, 900, TIME), default=None) == expected


@pytest.mark.parametrize(
    "buffer", [DataAccessResult.OBJECT_UNDEFINED, axdr.uint8(1), axdr.array(axdr.uint8(1), axdr.structure())]
)
def test_a_buffer_without_rows_has_no_last_one(buffer):
    assert stamps(buffer, COLUMNS, 900, TIME) == ()
    assert stamps(axdr.array(row(NOW)), COLUMNS[1:], 900, TIME) == ()
