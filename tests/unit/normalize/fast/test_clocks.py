"""Times read by the hour are those of `ami_normalize.instants`, also where the offset changes within an hour."""

import random
from datetime import datetime, timedelta

import pytest

from ami_normalize.fast.clocks import Clock
from ami_normalize.instants import Origin, from_octets

pytestmark = pytest.mark.unit

CHANGES = {
    "Europe/Berlin": ("2025-03-30T02:00", "2025-10-26T03:00"),
    "Australia/Lord_Howe": ("2025-04-06T02:00", "2025-10-05T02:00"),  # by half an hour
    "America/St_Johns": ("2010-03-14T00:01", "2010-11-07T00:01"),  # a minute past midnight
    "Asia/Kathmandu": ("1986-01-01T00:00", "2025-01-01T00:00"),  # from +05:30 to +05:45
    "Africa/Monrovia": ("1972-01-07T00:00", "2025-01-01T00:00"),  # from an offset with seconds
}
DEVIATIONS = (b"\x80\x00", b"\x80\x00", b"\x00\x00", b"\xff\xc4", b"\x00\x3c", b"\x03\x48", b"\x03\x49", b"\x7f\xff")
STATUSES = (0x00, 0x80, 0xFF, 0x01, 0x02, 0x83, 0x10)
HUNDREDTHS = (0, 0xFF, 50, 99, 100)
SECONDS = (0, 1, 30, 59, 60, 0xFF)


def stamps(zone, source):
    """Yield date-times by the minute around the changes, most of them plain, some with what is unusual."""
    for change in map(datetime.fromisoformat, CHANGES[zone]):
        for minutes in range(-180, 181):
            at = change + timedelta(minutes=minutes)
            yield octets(at, at.minute, source)
        yield octets(change, 60, source)
        yield octets(change, 0xFF, source)
    yield b"\xff\xff" + bytes(10)
    yield bytes(11)
    yield bytes(13)
    yield b""


def octets(at, minute, source):
    return (
        at.year.to_bytes(2, "big")
        + bytes((at.month, at.day, source.choice((0xFF, at.isoweekday())), at.hour, minute))
        + bytes((source.choice(SECONDS), source.choice(HUNDREDTHS)))
        + source.choice(DEVIATIONS)
        + bytes((source.choice(STATUSES),))
    )


@pytest.mark.parametrize("zone", CHANGES)
@pytest.mark.parametrize("configured", [True, False])
@pytest.mark.parametrize("inverted", [True, False])
def test_read_and_text_are_those_of_instants(zone, configured, inverted):
    source = random.Random(f"{zone} {configured} {inverted}")
    clock = Clock(zone, configured=configured, inverted=inverted)
    for _ in range(4):
        for stamp in stamps(zone, source):
            instant = from_octets(stamp, inverted=inverted)
            moment, text = clock.read(stamp), clock.text(stamp)
            if instant is None:
                assert (moment, text) == (None, None), stamp.hex()
                continue
            placed = instant.placed(zone, configured=configured)
            micros, number = moment
            kind = clock.kinds[number]
            assert (micros, kind.origin, kind.quality) == (
                placed.micros(),
                placed.origin or Origin.RECEPTION,
                placed.quality,
            ), stamp.hex()
            assert text == instant.iso_local(), stamp.hex()
