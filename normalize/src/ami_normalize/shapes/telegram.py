r"""DSMR P1 telegrams: the text of a consumer port (IEC 62056-21 mode D), with or without CRC.

/Lux5\253663629_D
0-0:1.0.0(180130102122W)
1-0:1.8.0(000006.695*kWh)
0-1:24.2.1(180130100000W)(00012.345*m3)
!A1B2
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from ami_dlms.axdr import Data, Tag
from ami_dlms.obis import format_obis, parse_obis
from ami_normalize.instants import Instant
from ami_normalize.model import Reading
from ami_normalize.numbers import Exact, Value, parse_decimal
from ami_normalize.quality import Quality
from ami_normalize.shapes import objects
from ami_schemas import units
from ami_schemas.meanings import counts_up, meaning

_LINE = re.compile(r"(\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}(?:[*.]\d{1,3})?)((?:\([^()]*\))+)")
_CODE = re.compile(r"\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}")
_PROFILE_GROUPS = 6
_GROUP = re.compile(r"\(([^()]*)\)")
_TIME = re.compile(r"(\d{12})([WS]?)")
_PREFIXES = {"k": 3, "M": 6, "G": 9}
_REACTIVE = re.compile("VAr|VAR")
_FEWEST_DIGITS = 5
"""Of a counter that is printed with leading zeros."""
_MOST_LINES = 1000
_HEX_NAMES = re.compile(r"0\.\d+\.(?:42\.0\.0|96\.1\.\d+|96\.13\.\d+)\.\d+")
"""Codes whose value is text written in hex."""
_COUNTS = re.compile(r"1\.\d+\.(?!0\.)\d+\.\d+\.\d+\.\d+|0\.\d+\.(?:17\.0|96\.3|96\.7)\.\d+\.\d+")
"""Codes whose value is a number, also without a unit."""


class Telegram(NamedTuple):
    """What a telegram says."""

    identification: str
    readings: tuple[Reading, ...]
    time: Instant | None
    skipped: int
    """Lines with a code whose form is not one value, such as logs."""


def envelope(body: Data) -> Data | None:
    """Return the string that is all of a notification's body, alone or in a structure: it may be a telegram."""
    if body.tag == Tag.STRUCTURE and len(body.value) == 1:
        body = body.value[0]
    return body if body.tag in objects.STRINGS else None


def enveloped(body: Data) -> bytes | None:
    """Return the telegram that a notification carries as its body, or None."""
    string = envelope(body)
    if string is None:
        return None
    octets = string.value if isinstance(string.value, bytes) else str(string.value).encode("latin-1", "replace")
    return octets if octets.startswith(b"/") and b"!" in octets else None


def crc_holds(telegram: bytes) -> bool | None:
    """Check the CRC-16 (polynomial 0xA001) after `!` over everything up to and with it; None if there is none."""
    body, mark, tail = telegram.rpartition(b"!")
    if not mark:
        return None
    digits = tail.strip()
    if not digits:
        return None
    crc = 0
    for octet in body + mark:
        crc ^= octet
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    try:
        return crc == int(digits, 16)
    except ValueError:
        return False


def read(octets: bytes) -> Telegram | None:
    """Read a telegram, or None if the text is none."""
    if not octets.startswith(b"/") or b"!" not in octets:
        return None
    lines = octets.decode("latin-1").replace("\r", "\n").split("\n")[:_MOST_LINES]
    readings: list[Reading] = []
    time: Instant | None = None
    skipped = 0
    texts = [text for line in lines[1:] if (text := line.strip())]
    for line, following in pairwise([*texts, ""]):
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        if (captured := _captured(found[2], following)) is not None:
            readings.append(captured)
            continue
        reading = _reading(format_obis(parse_obis(found[1])), _GROUP.findall(found[2])) if _fits(found[1]) else None
        if reading is None:
            skipped += 1
            continue
        if objects.is_clock(reading.obis):
            time = reading.at
        readings.append(reading)
    placed = tuple(r if r.at is not None else replace(r, at=time) for r in readings)
    return Telegram(lines[0][1:].strip(), placed, time, skipped)


def _captured(groups: str, following: str) -> Reading | None:
    """Read the profile line of DSMR 2 and 3, `(stamp)(status)(period)(1)(code)(unit)`, its value in the next line."""
    parts, value = _GROUP.findall(groups), _GROUP.fullmatch(following)
    if len(parts) != _PROFILE_GROUPS or value is None or not _CODE.fullmatch(parts[4]) or not _fits(parts[4]):
        return None
    number, (code, power) = parse_decimal(value[1]), _unit(parts[5])
    if number is None or code is None:
        return None
    exact = Exact(number.mantissa, number.scale + power)
    return Reading(format_obis(parse_obis(parts[4])), exact, code, at=_instant(parts[0]))


def _fits(code: str) -> bool:
    return all(int(group) <= 255 for group in re.findall(r"\d+", code))


def _reading(obis: str, groups: list[str]) -> Reading | None:
    at = None
    if len(groups) == 2:
        at = _instant(groups[0])
        if at is None:
            return None
    elif len(groups) != 1:
        return None
    text = groups[-1]
    if objects.is_clock(obis):
        at = _instant(text)
        return Reading(obis, at.iso_local() if at else text, units.UNITLESS, at=at)
    number, star, unit = text.partition("*")
    if star:
        exact = parse_decimal(number)
        code, power = _unit(unit)
        if exact is not None and code is not None:
            scale = exact.scale + power
            ended = counts_up(obis) and number.count("9") >= _FEWEST_DIGITS and not number.strip("9.")
            return Reading(
                obis, Exact(exact.mantissa, scale), code, at=at, quality=(Quality.COUNTER_AT_END,) if ended else ()
            )
        return Reading(obis, text, units.NOT_STATED, at=at)
    exact = parse_decimal(text) if _COUNTS.fullmatch(obis) else None
    if exact is not None:
        known = meaning(obis)
        counts = known is None or not known.units or units.UNITLESS in known.units
        quality = () if counts else (Quality.SCALER_UNKNOWN,)
        return Reading(obis, exact, units.UNITLESS if counts else units.NOT_STATED, at=at, quality=quality)
    return Reading(obis, _plain(obis, text), units.UNITLESS, at=at)


def _plain(obis: str, text: str) -> Value:
    """Return text; where the code is an identification written in hex, the text it stands for."""
    if _HEX_NAMES.fullmatch(obis) and text and len(text) % 2 == 0:
        try:
            decoded = bytes.fromhex(text)
        except ValueError:
            return text
        if decoded.isascii() and decoded.decode("ascii").isprintable():
            return decoded.decode("ascii")
    return text


def _unit(symbol: str) -> tuple[int | None, int]:
    """Return the code of a unit and the power of ten of its prefix."""
    symbol = _REACTIVE.sub("var", symbol)
    code = units.code(symbol)
    if code is not None:
        return code, 0
    power = _PREFIXES.get(symbol[:1], 0)
    return (units.code(symbol[1:]), power) if power else (None, 0)


def _instant(text: str) -> Instant | None:
    """Read YYMMDDhhmmss with W or S (winter or summer): local time."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        local = datetime.strptime(found[1], "%y%m%d%H%M%S")  # noqa: DTZ007  local time without offset
    except ValueError:
        return None
    return Instant(local, None, summer={"S": True, "W": False}.get(found[2]))
