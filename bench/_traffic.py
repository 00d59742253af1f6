"""Raw records to measure on: what many meters of many makes send, made here, so that anybody can."""

import random
from collections.abc import Callable, Sequence

from ami_dlms import axdr
from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import Data, Tag
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.obis import parse_obis
from ami_dlms.security import Protection, protect
from ami_normalize.dialects import Dialects, Layout
from ami_normalize.pipeline import RawRecord
from ami_schemas import topics
from bench._messages import Meter, wrapper

Make = Callable[[Meter], bytes]
"""Makes the next message of a meter."""

KNOWN, UNKNOWN = 40, 0.02
"""Shapes of mixed traffic, and the share of messages that no mapping knows."""
_CODES = (
    *((f"1.0.{c}.8.{e}.255", 30 if c < 3 else 32) for c in (1, 2, 3, 4) for e in (0, 1, 2)),
    *((f"1.0.{c}.7.0.255", 27) for c in (1, 2, 21, 22, 41, 42, 61, 62)),
    *((f"1.0.{c}.7.0.255", 35) for c in (32, 52, 72)),
    *((f"1.0.{c}.7.0.255", 33) for c in (31, 51, 71)),
)
_PROFILE = "1.0.99.1.0.255"
_COLUMNS = ((8, "0.0.1.0.0.255"), (1, "0.0.96.10.1.255"), (3, "1.0.1.8.0.255"), (3, "1.0.2.8.0.255"))


def record(meter: Meter, apdu: bytes, offset: int) -> RawRecord:
    """Return the raw record that an agent makes of a push over TCP."""
    title = meter.system_title.hex().encode()
    headers = {
        "ce_id": b"bench/0/%d" % offset,
        "ce_time": b"2026-01-01T05:%02d:%02d.%06dZ" % (offset // 60 % 60, offset % 60, offset % 1_000_000),
        "ami-framing": b"wrapper",
        "ami-transport": b"tcp",
        "ami-exchange": b"push",
        "ami-agent": b"bench",
        "ami-system-title": title,
    }
    return RawRecord(topics.RAW, offset % 12, offset, b"st-" + title, wrapper(apdu), headers)


def profile(meter: Meter, source: random.Random, rows: int = 96) -> bytes:
    """Return a ciphered push of a day's load profile with its capture objects: clock, status, two registers."""
    day = source.randrange(28)
    captured = Data(Tag.ARRAY, tuple(_target(of, code, 2) for of, code in _COLUMNS))
    table = tuple(
        axdr.structure(
            axdr.octets(_moment(1 + day, 15 * row)),
            axdr.uint8(0),
            axdr.uint32(source.getrandbits(24)),
            axdr.uint32(source.getrandbits(24)),
        )
        for row in range(rows)
    )
    listed = Data(Tag.ARRAY, tuple(_target(7, _PROFILE, attribute) for attribute in (3, 4, 2)))
    body = axdr.structure(listed, captured, axdr.uint32(900), Data(Tag.ARRAY, table))
    return sealed(meter, DataNotification(meter.counter + 1, _moment(1 + day, 0), body).to_bytes())


def sealed(meter: Meter, apdu: bytes) -> bytes:
    """Cipher and authenticate with the meter's next counter."""
    meter.counter += 1
    return protect(
        apdu,
        keys=meter.keys,
        system_title=meter.system_title,
        invocation_counter=meter.counter,
        protection=Protection.AUTHENTICATED_ENCRYPTED,
    )


def shapes(source: random.Random) -> list[Make]:
    """Return what makes messages of forty shapes: lists with codes, positional lists of makers, short profiles."""
    layouts = [layout for dialect in Dialects.load().in_order for layout in dialect.layouts if not layout.profile]
    made: list[Make] = []
    for number in range(KNOWN):
        if number % 8 == 7:
            made.append(_daily(4 + number, source))
        elif number % 4 == 3:
            made.append(_positional(source.choice(layouts), source))
        else:
            made.append(_coded(source.sample(_CODES, 3 + number % 12), source, clock=number % 2 == 0))
    return made


def unknown(meter: Meter, source: random.Random) -> bytes:
    """Return a list of values without codes that no mapping knows."""
    body = axdr.structure(*[axdr.uint32(source.getrandbits(20)) for _ in range(7)], axdr.boolean(value=True))
    return sealed(meter, DataNotification(1, _time(source), body).to_bytes())


def _daily(rows: int, source: random.Random) -> Make:
    return lambda meter: profile(meter, source, rows)


def _coded(codes: Sequence[tuple[str, int]], source: random.Random, *, clock: bool) -> Make:
    def make(meter: Meter) -> bytes:
        rows = [
            axdr.structure(
                axdr.octets(parse_obis(code)),
                axdr.uint32(source.getrandbits(16)),
                axdr.structure(axdr.int8(-1 if unit in (33, 35) else 0), axdr.enum(unit)),
            )
            for code, unit in codes
        ]
        if clock:
            name = axdr.octets(b"BEN" + b"%013d" % int.from_bytes(meter.system_title[3:], "big"))
            rows.insert(0, axdr.structure(axdr.octets(parse_obis("0.0.1.0.0.255")), axdr.octets(_time(source))))
            rows.insert(1, axdr.structure(axdr.octets(parse_obis("0.0.42.0.0.255")), name))
        return sealed(meter, DataNotification(meter.counter, _time(source), axdr.array(*rows)).to_bytes())

    return make


def _positional(layout: Layout, source: random.Random) -> Make:
    values: dict[str, Callable[[], Data]] = {
        "number": lambda: axdr.uint32(source.getrandbits(16)),
        "boolean": lambda: axdr.boolean(value=True),
        "obis": lambda: axdr.octets(parse_obis("1.0.1.8.0.255")),
        "date-time": lambda: axdr.octets(_time(source)),
        "date": lambda: axdr.octets(_time(source)[:5]),
        "time": lambda: axdr.octets(_time(source)[5:9]),
        "scaler-unit": lambda: axdr.structure(axdr.int8(0), axdr.enum(27)),
    }

    def make(meter: Meter) -> bytes:
        number = b"%012d" % int.from_bytes(meter.system_title[3:], "big")
        items = [
            values[column.type]() if column.type in values else axdr.octets(column.starts.encode() + number)
            for column in layout.columns
        ]
        apdu = DataNotification(meter.counter, _time(source), axdr.structure(*items), bool(layout.tagged_time))
        return sealed(meter, apdu.to_bytes())

    return make


def _target(class_id: int, code: str, attribute: int) -> Data:
    return axdr.structure(axdr.uint16(class_id), axdr.octets(parse_obis(code)), axdr.int8(attribute), axdr.uint16(0))


def _time(source: random.Random) -> bytes:
    return _moment(source.randrange(1, 28), source.randrange(1440), source.randrange(60))


def _moment(day: int, minutes: int, second: int = 0) -> bytes:
    extra, minute = divmod(minutes, 1440)
    return CosemDateTime(2025, 12, day + extra, 255, minute // 60, minute % 60, second, 0, -60, 0).to_bytes()
