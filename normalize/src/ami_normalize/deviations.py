"""Known deviations from the standard: octets that break its rules in one maker's way, to octets that keep them.

A deviation is tried only after decoding failed, names the maker's habit, and its result is decoded by the strict rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from ami_dlms import axdr
from ami_dlms.axdr import Data, Tag
from ami_dlms.errors import ReceivedError

_DATA_NOTIFICATION, _EVENT_NOTIFICATION = 0x0F, 0xC2
_HEADER = 5
_MOST_OBJECTS = 256


class Deviation(NamedTuple):
    """A habit and how to undo it."""

    name: str
    repair: Callable[[bytes], bytes | None]
    """Returns legal octets, or None if the octets do not show this habit."""


def _body(apdu: bytes) -> int | None:
    """Return where the body of a data-notification begins."""
    if len(apdu) <= _HEADER or apdu[0] != _DATA_NOTIFICATION:
        return None
    at = _HEADER
    if apdu[at] == Tag.OCTET_STRING:
        at += 1
    if at >= len(apdu) or apdu[at] not in {0, 12}:
        return None
    at += 1 + apdu[at]
    return at if at < len(apdu) else None


def _untagged_descriptors(apdu: bytes) -> bytes | None:
    """Undo `structure{enum, array of structure{class obis attribute without tags, value}}` (EG.D consumer port)."""
    at = _body(apdu)
    if at is None or apdu[at : at + 3] != bytes((Tag.STRUCTURE, 2, Tag.ENUM)) or apdu[at + 4 : at + 5] != b"\x01":
        return None
    try:
        count, offset = axdr.read_length(apdu, at + 5)
        if count > _MOST_OBJECTS:
            return None
        rows, limits = [], axdr.LIMITS
        for _ in range(count):
            descriptor = apdu[offset + 2 : offset + 11]
            if apdu[offset : offset + 2] != bytes((Tag.STRUCTURE, 2)) or len(descriptor) != 9:
                return None
            value, offset, limits = axdr.decode_part(apdu, offset + 11, limits)
            rows.append(axdr.structure(_descriptor(descriptor), value))
    except (ReceivedError, IndexError):
        return None
    if offset != len(apdu):
        return None
    return apdu[:at] + axdr.encode(axdr.array(*rows))


def _descriptor(octets: bytes) -> Data:
    return axdr.structure(
        Data(Tag.UINT16, int.from_bytes(octets[:2], "big")),
        Data(Tag.OCTET_STRING, octets[2:8]),
        Data(Tag.INT8, int.from_bytes(octets[8:], "big", signed=True)),
    )


_SWAPPED = re.compile(rb"(\x02[\x02\x03])\x06\x09([\x00-\x0f].{4}\xff)", re.DOTALL)


def _swapped_tag(apdu: bytes) -> bytes | None:
    """Undo `06 09` for `09 06` in front of a logical name (ZMF100 with a HAN adapter)."""
    repaired, count = _SWAPPED.subn(lambda found: found[1] + b"\x09\x06" + found[2], apdu)
    return repaired if count else None


def _missing_option(apdu: bytes) -> bytes | None:
    """Undo an event-notification whose time carries a tag in place of the OPTIONAL flag (Mx382)."""
    if apdu[:3] != bytes((_EVENT_NOTIFICATION, Tag.OCTET_STRING, 12)):
        return None
    return bytes((_EVENT_NOTIFICATION, 1)) + apdu[2:]


DEVIATIONS: Final = (
    Deviation("untagged-descriptors", _untagged_descriptors),
    Deviation("swapped-octet-string-tag", _swapped_tag),
    Deviation("event-time-without-option", _missing_option),
)


def stated_size(apdu: bytes) -> int:
    """Return how many elements the list of a data-notification says it has, 0 where it is no list."""
    at = _body(apdu)
    if at is None or apdu[at] not in {Tag.STRUCTURE, Tag.ARRAY}:
        return 0
    try:
        return axdr.read_length(apdu, at + 1)[0]
    except ReceivedError:
        return 0


def ends_early(apdu: bytes) -> bytes | None:
    """Cut a data-notification whose list ends too early to the elements that are whole; None if there are none."""
    at = _body(apdu)
    if at is None or apdu[at] not in {Tag.STRUCTURE, Tag.ARRAY}:
        return None
    try:
        count, offset = axdr.read_length(apdu, at + 1)
    except ReceivedError:
        return None
    items: list[Data] = []
    limits = axdr.LIMITS
    for _ in range(min(count, len(apdu))):
        try:
            item, offset, limits = axdr.decode_part(apdu, offset, limits)
        except ReceivedError:
            break
        items.append(item)
    return apdu[:at] + axdr.encode(Data(apdu[at], tuple(items))) if items else None
