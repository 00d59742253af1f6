"""Raw records of many meters, each with the one outcome it must have: a function of its number."""

import json
import struct
from typing import NamedTuple

from ami_dlms.apdu import EventNotification
from ami_dlms.axdr import Data, Tag
from ami_dlms.framing import wrapper
from ami_dlms.obis import parse_obis
from ami_dlms.security import Form, Keys, Protection, protect
from ami_schemas import topics
from support.account import MARKERS
from support.killed import EPOCH, OBIS, push

_EK, _AK = bytes(range(16)), bytes(range(16, 32))
_KEYS = Keys(_EK, _AK)
_START_US = int(EPOCH.timestamp()) * 1_000_000
_HEAD = 8  # octets of the wrapper
_STRANGE = bytes.fromhex("0f000000010002020600000001") + b"\x06"
_FAULTY = 100  # meters below this number may send wrong tags or counters: too few of them to open the breaker


class Kind(NamedTuple):
    """What a record is, and where it must end."""

    topic: str
    reason: str | None = None
    sealed: bool = False
    late: bool = False


PLAIN = Kind(topics.READINGS)
SEALED = Kind(topics.READINGS, sealed=True)
LATE = Kind(topics.READINGS, sealed=True, late=True)
"""Its key comes while the stream runs: readings at once, or parked first and redriven."""
EVENT = Kind(topics.EVENTS)
WRONG_TAG = Kind(topics.DEAD_LETTERS, "TAG_MISMATCH", sealed=True)
REUSED = Kind(topics.DEAD_LETTERS, "COUNTER_REUSED", sealed=True)
STRANGE = Kind(topics.PARKED, "MAPPING_MISSING")
KEYLESS = Kind(topics.PARKED, "KEY_MISSING", sealed=True)
NAMELESS = Kind(topics.PARKED, "UNIDENTIFIED_METER")

_BY_METER = (*[PLAIN] * 8, *[SEALED] * 7, LATE, STRANGE, KEYLESS, NAMELESS, EVENT)


class Stream(NamedTuple):
    """So many records of so many meters, each meter's in the order of its counter."""

    records: int
    meters: int

    def kind(self, number):
        """Give what record `number` is."""
        counter, meter = divmod(number, self.meters)
        kind = _BY_METER[meter % len(_BY_METER)]
        if kind is SEALED and meter < _FAULTY and counter % 2:
            return {8: WRONG_TAG, 9: REUSED}.get(meter % len(_BY_METER), SEALED)
        return kind

    def raw(self, number):
        """Give key, value and headers of record `number`, by the contract of the raw topic."""
        counter, meter = divmod(number, self.meters)
        kind, title = self.kind(number), _title(meter)
        framed = push(meter, counter)
        if kind is EVENT:
            apdu = EventNotification(
                framed[_HEAD + 6 : _HEAD + 18], 1, parse_obis("0.0.97.98.20.255"), 2, _alarm(counter)
            )
            framed = wrapper.encode(apdu.to_bytes(), 1, 16)
        elif kind is STRANGE:
            framed = wrapper.encode(_STRANGE + struct.pack(">I", number), 1, 16)
        elif kind.sealed:
            used = counter if kind is REUSED else counter + 1
            octets = protect(
                framed[_HEAD:],
                keys=_KEYS,
                system_title=title,
                invocation_counter=used,
                protection=Protection.AUTHENTICATED_ENCRYPTED,
                form=Form.GENERAL_GLO,
            )
            if kind is WRONG_TAG:
                octets = octets[:-1] + bytes((octets[-1] ^ 1,))
            framed = wrapper.encode(octets, 1, 16)
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", b"chaos/0/%d" % number),
            ("ce_type", b"ami.raw.apdu.v1"),
            ("ce_source", b"/agents/chaos"),
            ("ce_time", b"2026-01-02T00:00:00.000000Z"),
            ("ami-framing", b"wrapper"),
            ("ami-transport", b"tcp"),
            ("ami-exchange", b"push"),
            ("ami-agent", b"chaos"),
        ]
        if kind is NAMELESS:
            return b"peer-10.0.%d.%d" % divmod(meter, 256), framed, headers
        return b"st-" + title.hex().encode(), framed, [*headers, ("ami-system-title", title.hex().encode())]

    def late_keys(self):
        """Give the keys of the records whose meters' keys come late."""
        return {self.raw(meter)[0] for meter in range(self.meters) if self.kind(meter) is LATE}

    def keys(self, *, late):
        """Give the text of a key file: of the meters with keys, with or without those whose key comes late."""
        with_keys = (SEALED, LATE) if late else (SEALED,)
        titles = [_title(meter) for meter in range(self.meters) if _BY_METER[meter % len(_BY_METER)] in with_keys]
        return json.dumps({title.hex(): {"guek": _EK.hex(), "gak": _AK.hex()} for title in titles})

    width = len(OBIS)
    """So many values stand in a record that becomes readings."""

    def values(self, number):
        """Give the meter id and the values that record `number` must become, each as OBIS, time in us, mantissa."""
        counter, meter = divmod(number, self.meters)
        at = _START_US + counter * 1_000_000
        mantissas = (meter * 100_000 + counter, counter % 5000)
        return f"st-{_title(meter).hex()}", [(obis, at, value) for obis, value in zip(OBIS, mantissas, strict=True)]

    def accepts(self, number, found, reason):
        """Tell whether a record ended as it must: once in its topic, or parked, marked and redriven."""
        kind = self.kind(number)
        if kind is LATE and found == {topics.READINGS: 1, topics.PARKED: 1, MARKERS: 1}:
            return reason == KEYLESS.reason
        return found == {kind.topic: 1} and reason == kind.reason


def _title(meter):
    return b"AMI" + meter.to_bytes(5, "big")


def _alarm(counter):
    return Data(Tag.UINT32, 1 << counter % 31)
