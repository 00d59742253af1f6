"""The canonical JSON of a reading: the protobuf JSON mapping of `MeterReadings`, and beside it what people read.

What the mapping says is there as the mapping says it, so that any protobuf library reads the message back whole
(unknown members ignored). Beside it stand, always, members that no consumer should have to compute: decimals as text
with the zeros of their scale, instants as RFC 3339, symbols of units, names of OBIS codes. `docs/json.md` is the
contract, `meter_readings.schema.json` the same for machines.

Written by hand over the message: a route writes ten thousand of them a second.
"""

from __future__ import annotations

from binascii import b2a_base64, hexlify
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from importlib import resources
from json.encoder import encode_basestring as quoted
from math import isfinite, isnan
from typing import Final

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_schemas import units
from ami_schemas.decimals import plain, plain_all, shortest
from ami_schemas.meanings import meaning

BESIDE: Final = (
    "systemTitleHex",
    "meterTime",
    "received",
    "obisName",
    "unitSymbol",
    "measuredAt",
    "firstIntervalEnd",
    "value",
    "values",
    "at",
)
"""The members that stand beside the protobuf JSON mapping."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_WITHOUT_VALUE: Final = frozenset({pb.QUALITY_MISSING, pb.QUALITY_NO_VALUE})


def text(message: pb.MeterReadings, zone: tzinfo = timezone.utc) -> str:
    """Return a message in its canonical JSON, on one line; the same message gives the same text.

    `zone` is the default zone of the normalizer: an instant for which it was assumed is written as the local time that
    the meter stated, without offset.
    """
    members = []
    if message.HasField("meter"):
        members.append(f'"meter":{_meter(message.meter)}')
    if message.HasField("time"):
        members.append(f'"time":{_time(message.time, zone)}')
    if message.readings:
        members.append(f'"readings":[{",".join([_reading(each, zone) for each in message.readings])}]')
    if message.interval_blocks:
        members.append(f'"intervalBlocks":[{",".join([_block(each, zone) for each in message.interval_blocks])}]')
    if message.HasField("provenance"):
        members.append(f'"provenance":{_provenance(message.provenance)}')
    if message.revision:
        members.append(f'"revision":{message.revision}')
    if message.retracted:
        members.append(f'"retracted":[{",".join(map(_retracted, message.retracted))}]')
    return f"{{{','.join(members)}}}"


@lru_cache(maxsize=1)
def schema_text() -> str:
    """Return the JSON Schema (draft 2020-12) of the form, as it is published."""
    return (resources.files("ami_schemas") / "meter_readings.schema.json").read_text(encoding="utf-8")


def value(reading: pb.Reading) -> str | None:
    """Return the value of a reading as text, None where it has none.

    A decimal with all zeros of its scale, text as it is, octets in hex, `true` or `false`.
    """
    kind = reading.WhichOneof("value")
    if kind == "mantissa":
        return plain(reading.mantissa, reading.scale)
    if kind == "real":
        return _real(reading.real)
    if kind == "text":
        return reading.text
    if kind == "octets":
        return reading.octets.hex()
    if kind == "boolean":
        return "true" if reading.boolean else "false"
    if kind == "big_mantissa":
        return plain(int.from_bytes(reading.big_mantissa, "big", signed=True), reading.scale)
    return None


def values(block: pb.IntervalBlock) -> list[str | None]:
    """Return the values of a block as `value` does, one an interval, None where the interval has none."""
    found: list[str | None]
    if block.mantissas:
        found = [*plain_all(block.mantissas, block.scale)]
    elif block.reals:
        found = [_real(number) for number in block.reals]
    else:
        found = list(block.texts)
    for entry in block.quality:
        if entry.index < len(found) and not _WITHOUT_VALUE.isdisjoint(entry.quality):
            found[entry.index] = None
    return found


def instant(microseconds: int) -> str | None:
    """Return microseconds since 1970 as RFC 3339 in UTC, with `Z`; None where no calendar has such a day."""
    return _local(microseconds, timezone.utc, "Z")


@lru_cache(maxsize=8192)
def _local(microseconds: int, zone: tzinfo, offset: str) -> str | None:
    try:
        at = (_EPOCH + timedelta(microseconds=microseconds)).astimezone(zone)
    except (OverflowError, ValueError):
        return None
    return at.replace(tzinfo=None).isoformat() + offset


def _meter(meter: pb.Meter) -> str:
    return _object(
        _text("id", meter.id),
        _text("logicalDeviceName", meter.logical_device_name),
        _text("manufacturer", meter.manufacturer),
        _octets("systemTitle", meter.system_title),
        f'"systemTitleHex":"{hexlify(meter.system_title).decode()}"' if meter.system_title else "",
    )


def _time(time: pb.MessageTime, zone: tzinfo) -> str:
    return _object(
        _wide("meterTimeUs", time.meter_time_us),
        f'"meterTime":{_moment(time.meter_time_us, time.meter_time_origin, zone) if time.meter_time_us else "null"}',
        _name("meterTimeOrigin", time.meter_time_origin, _ORIGINS),
        _wide("receivedUs", time.received_us),
        f'"received":{_moment(time.received_us, pb.TIME_ORIGIN_UTC, zone)}',
    )


def _reading(reading: pb.Reading, zone: tzinfo) -> str:
    kind = reading.WhichOneof("value")
    scale = reading.scale
    if kind == "mantissa":
        mantissa = reading.mantissa
        written = f'"mantissa":"{mantissa}","value":"{plain(mantissa, scale)}"'
    else:
        told = value(reading)
        written = f'"value":{"null" if told is None else quoted(told)}'
        if kind is not None:
            written = f"{_alternative(reading, kind)},{written}"
    head = _head(
        reading.obis,
        reading.attribute,
        reading.profile_obis,
        reading.occurrence,
        reading.reading_type,
        reading.unit,
    )
    stamp = _stamp("measuredAt", reading.measured_at_us, reading.time_origin, zone)
    tail = f',"scale":{scale}' if scale else ""
    if reading.quality:
        tail = f"{tail},{_qualities(reading.quality)}"
    return f"{{{head}{stamp},{written}{tail}}}"


def _alternative(reading: pb.Reading, kind: str) -> str:
    if kind == "text":
        return f'"text":{quoted(reading.text)}'
    if kind == "octets":
        return f'"octets":"{_base64(reading.octets)}"'
    if kind == "real":
        return f'"real":{_double(reading.real)}'
    if kind == "boolean":
        return f'"boolean":{"true" if reading.boolean else "false"}'
    return f'"bigMantissa":"{_base64(reading.big_mantissa)}"'


def _block(block: pb.IntervalBlock, zone: tzinfo) -> str:
    head = _head(block.obis, block.attribute, block.profile_obis, block.occurrence, block.reading_type, block.unit)
    stamp = _stamp("firstIntervalEnd", block.first_interval_end_us, block.time_origin, zone)
    parts = [f'"periodS":{block.period_s}'] if block.period_s else []
    if block.scale:
        parts.append(f'"scale":{block.scale}')
    if block.mantissas:
        parts.append(f'"mantissas":{_strings(block.mantissas)}')
    if block.reals:
        parts.append(f'"reals":[{",".join(map(_double, block.reals))}]')
    if block.texts:
        parts.append(f'"texts":[{",".join(map(quoted, block.texts))}]')
    told = values(block)
    if block.texts or None in told:
        parts.append(f'"values":[{",".join(["null" if one is None else quoted(one) for one in told])}]')
    else:
        parts.append(f'"values":{_strings(told)}')
    if block.statuses:
        parts.append(f'"statuses":{_strings(block.statuses)}')
    if block.quality:
        parts.append(f'"quality":[{",".join(map(_interval_quality, block.quality))}]')
    return f"{{{head}{stamp},{','.join(parts)}}}"


def _interval_quality(entry: pb.IntervalQuality) -> str:
    return _object(_number("index", entry.index), _qualities(entry.quality) if entry.quality else "")


def _provenance(provenance: pb.Provenance) -> str:
    return _object(
        _text("topic", provenance.topic),
        _number("partition", provenance.partition),
        _wide("offset", provenance.offset),
        _octets("rawSha256", provenance.raw_sha256),
        _text("decoder", provenance.decoder),
        _text("mapping", provenance.mapping),
        _text("keyVersion", provenance.key_version),
        _name("protection", provenance.protection, _PROTECTIONS),
        _text("dialect", provenance.dialect),
    )


def _retracted(key: pb.NaturalKey) -> str:
    return _object(
        _text("obis", key.obis),
        _number("attribute", key.attribute),
        _text("profileObis", key.profile_obis),
        _wide("atUs", key.at_us),
        f'"at":{_moment(key.at_us, pb.TIME_ORIGIN_UTC, timezone.utc)}',
        _number("occurrence", key.occurrence),
    )


@lru_cache(maxsize=8192)
def _head(  # noqa: PLR0917  the arguments are the key of the cache
    obis: str, attribute: int, profile: str, occurrence: int, reading_type: str, unit: int
) -> str:
    """Write what a meter repeats in each message: which value it is, and in which unit."""
    known = meaning(obis)
    symbol = units.symbol(unit)
    return ",".join(
        filter(
            None,
            (
                _text("obis", obis),
                f'"obisName":{quoted(known.description) if known else "null"}',
                _number("attribute", attribute),
                _text("profileObis", profile),
                _number("occurrence", occurrence),
                _text("readingType", reading_type),
                _number("unit", unit),
                f'"unitSymbol":{quoted(symbol) if symbol else "null"}',
            ),
        )
    )


@lru_cache(maxsize=8192)
def _stamp(name: str, microseconds: int, origin: int, zone: tzinfo) -> str:
    parts = (
        _wide(f"{name}Us", microseconds),
        f'"{name}":{_moment(microseconds, origin, zone)}',
        _name("timeOrigin", origin, _ORIGINS),
    )
    return "".join(f",{part}" for part in parts if part)


def _moment(microseconds: int, origin: int, zone: tzinfo) -> str:
    """Write an instant; a default zone is our assumption, not the meter's word, and so adds no offset."""
    assumed = origin == pb.TIME_ORIGIN_DEFAULT_ZONE
    told = _local(microseconds, zone, "") if assumed else instant(microseconds)
    return "null" if told is None else f'"{told}"'


def _object(*members: str) -> str:
    return f"{{{','.join([member for member in members if member])}}}"


def _text(name: str, given: str) -> str:
    return f'"{name}":{quoted(given)}' if given else ""


def _number(name: str, given: int) -> str:
    return f'"{name}":{given}' if given else ""


def _wide(name: str, given: int) -> str:
    """Write 64 bits as text, as the mapping does: a double, as JSON readers take numbers for, cannot hold them."""
    return f'"{name}":"{given}"' if given else ""


def _octets(name: str, given: bytes) -> str:
    return f'"{name}":"{_base64(given)}"' if given else ""


def _name(name: str, given: int, names: dict[int, str]) -> str:
    """Write an enum by its name, or by its number where this version has no name for it."""
    return f'"{name}":{names.get(given, given)}' if given else ""


def _qualities(quality: Iterable[int]) -> str:
    return f'"quality":[{",".join([str(_QUALITIES.get(one, one)) for one in quality])}]'


def _strings(numbers: Collection[object]) -> str:
    """Write numbers as texts; nothing in them needs to be escaped."""
    joined = '","'.join(map(str, numbers))
    return f'["{joined}"]' if numbers else "[]"


def _base64(given: bytes) -> str:
    return b2a_base64(given, newline=False).decode()


def _real(number: float) -> str | None:
    return shortest(number) if isfinite(number) else None


def _double(number: float) -> str:
    if isfinite(number):
        return repr(number)
    return '"NaN"' if isnan(number) else ('"Infinity"' if number > 0 else '"-Infinity"')


_ORIGINS: Final = {number: f'"{name}"' for name, number in pb.TimeOrigin.items()}
_PROTECTIONS: Final = {number: f'"{name}"' for name, number in pb.Protection.items()}
_QUALITIES: Final = {number: f'"{name}"' for name, number in pb.Quality.items()}
