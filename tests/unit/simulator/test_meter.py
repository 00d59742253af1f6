"""Virtual meters say the same whenever they are asked the same, and what they say adds up."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone

import pytest

from ami_dlms.apdu import CosemAttribute, DataNotification, GeneralGloCiphering
from ami_dlms.apdu import decode as decode_apdu
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.obis import parse_obis
from ami_dlms.security import Keys, Protection, unprotect
from ami_simulator import PushSettings, VirtualMeter
from ami_simulator.meter import CAPACITY, EXPORT, IMPORT, LOAD_PROFILE
from ami_simulator.push import PushComposer

pytestmark = pytest.mark.unit

NOON = datetime(2026, 3, 1, 12, 7, 30, 500_000, tzinfo=timezone.utc)
KEYS = Keys(bytes(range(16)), bytes(range(16, 32)))


def meter(at: datetime = NOON, serial: int = 5, **change) -> VirtualMeter:
    return VirtualMeter(serial, now=lambda: at, **change)


def values(of: VirtualMeter) -> list[int]:
    return [register.read(2).value for register in of.registers()]


def test_values_depend_on_seed_and_time_only() -> None:
    assert values(meter()) == values(meter())
    assert values(meter(serial=1, seed=9)) == values(meter(serial=2, seed=9))
    assert values(meter()) != values(meter(serial=6))
    assert values(meter()) != values(meter(NOON + timedelta(hours=1)))


def test_registers_of_the_brief() -> None:
    names = {".".join(map(str, register.logical_name)) for register in meter().registers()}
    wanted = "1.8 2.8 3.8 1.7 2.7 32.7 52.7 72.7 31.7 51.7 71.7 14.7"

    assert names == {f"1.0.{name}.0.255" for name in wanted.split()}


def test_energy_never_falls_and_fits_the_power() -> None:
    before = meter().register(IMPORT).read(2).value
    for minutes in range(1, 2000, 37):
        after = meter(NOON + timedelta(minutes=minutes)).register(IMPORT).read(2).value
        assert before <= after <= before + 2 * 1300 * 37 // 60 + 1
        before = after


def test_the_load_profile_ends_at_the_last_full_quarter_of_an_hour() -> None:
    rows = meter().load_profile()

    stamps = [CosemDateTime.from_bytes(row[0].value).utc() for row in rows]

    assert len(rows) == CAPACITY
    assert stamps[-1] == datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    assert {later - earlier for earlier, later in itertools.pairwise(stamps)} == {timedelta(minutes=15)}


def test_the_load_profile_holds_the_registers_of_its_times() -> None:
    row = meter().load_profile()[-1]
    at = meter(datetime(2026, 3, 1, 12, tzinfo=timezone.utc))

    assert [cell.value for cell in row[2:]] == [at.register(obis).read(2).value for obis in (IMPORT, EXPORT)]


def test_rows_stay_the_same_as_time_goes_on() -> None:
    moving = [NOON]
    one = VirtualMeter(5, now=lambda: moving[0])
    before = list(one.load_profile())
    moving[0] += timedelta(hours=1)

    assert list(one.load_profile())[:-4] == before[4:]


def test_the_clock_can_be_set() -> None:
    one = meter()
    wanted = CosemDateTime.from_datetime(datetime(2026, 3, 1, 13, 0, 0, tzinfo=timezone(timedelta(hours=1))))
    clock = one.device.objects[parse_obis("0.0.1.0.0.255")]

    assert clock.write(2, clock.read(2)._replace(value=wanted.to_bytes())).name == "SUCCESS"
    assert one.clock().utc() == wanted.utc()


def test_clock_and_deviation() -> None:
    clock = meter(deviation=-120).clock()

    assert (clock.hour, clock.minute, clock.second, clock.hundredths, clock.deviation) == (14, 7, 30, 0, -120)
    assert clock.utc() == NOON.replace(microsecond=0)


def test_meters_share_nothing() -> None:
    one, two = meter(serial=1), meter(serial=2)
    one.counters.sent.next()

    assert one.counters.sent.next() == two.counters.sent.next() + 1
    assert one.system_title != two.system_title
    assert one.device.name != two.device.name
    assert len(one.system_title) == 8
    assert len(one.device.name) == 16


def test_a_push_describes_itself() -> None:
    one = meter()

    push = decode_apdu(PushComposer(one, PushSettings("host", 1, objects=(IMPORT,))).next())

    assert isinstance(push, DataNotification)
    assert CosemDateTime.from_bytes(push.date_time).utc() == NOON.replace(microsecond=0)
    serial, energy = push.body.value
    assert [part.value for part in serial.value] == [parse_obis("0.0.96.1.0.255"), b"00000005"]
    assert energy.value[0].value == IMPORT
    assert energy.value[1] == one.register(IMPORT).read(2)
    assert [part.value for part in energy.value[2].value] == [0, 30]


@pytest.mark.parametrize("protection", [item for item in Protection if item is not Protection.NONE])
def test_a_protected_push_counts(protection) -> None:
    composer = PushComposer(meter(), PushSettings("host", 1, protection=protection, keys=KEYS))

    first, second = (decode_apdu(composer.next()) for _ in range(2))

    assert isinstance(first, GeneralGloCiphering)
    assert second.invocation_counter == first.invocation_counter + 1
    opened = unprotect(first, KEYS)
    assert opened.protection is protection
    assert isinstance(decode_apdu(opened.plaintext), DataNotification)


def test_everything_the_device_lists_can_be_read() -> None:
    for item in meter().device.objects.values():
        for attribute in item.attributes:
            if (item.logical_name, attribute) != (LOAD_PROFILE, 2):
                assert item.read(attribute).tag >= 0, CosemAttribute(item.class_id, item.logical_name, attribute)
