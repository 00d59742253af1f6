"""What a meter sends of itself: DataNotification and EventNotification (Green Book 9.3.10, 9.3.11, 9.5)."""

from __future__ import annotations

from dataclasses import dataclass

from ami_dlms import axdr
from ami_dlms.apdu.descriptors import CosemAttribute
from ami_dlms.apdu.reader import Reader, octet_string, optional, u32
from ami_dlms.axdr import Data
from ami_dlms.errors import ApduMalformed

DATA_NOTIFICATION = 0x0F
DATA_NOTIFICATION_CONFIRM = 0x10
EVENT_NOTIFICATION = 0xC2

_TAGGED_DATE_TIME = b"\x09\x0c"


@dataclass(frozen=True, slots=True)
class DataNotification:
    """A push. `date_time` has 12 octets or none.

    `tagged_date_time`: some meters write it as data, with a tag (`09 0C`).
    """

    long_invoke_id_and_priority: int
    date_time: bytes
    body: Data
    tagged_date_time: bool = False

    def to_bytes(self) -> bytes:
        """Encode."""
        tag = b"\x09" if self.tagged_date_time else b""
        head = bytes((DATA_NOTIFICATION,)) + u32(self.long_invoke_id_and_priority)
        return head + tag + octet_string(self.date_time) + axdr.encode(self.body)


@dataclass(frozen=True, slots=True)
class DataNotificationConfirm:
    """A push was received. `date_time` has 12 octets or none."""

    long_invoke_id_and_priority: int
    date_time: bytes = b""

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((DATA_NOTIFICATION_CONFIRM,)) + u32(self.long_invoke_id_and_priority)
        return head + octet_string(self.date_time)


@dataclass(frozen=True, slots=True)
class EventNotification:
    """An event: an attribute and its value, with the time if the meter tells it.

    `unflagged_time`: some meters leave out the octet that says whether a time follows, and write it as data (`09 0C`).
    """

    time: bytes | None
    class_id: int
    obis: bytes
    attribute: int
    value: Data
    unflagged_time: bool = False

    def to_bytes(self) -> bytes:
        """Encode."""
        time = b"\x09" + octet_string(self.time or b"") if self.unflagged_time else optional(self.time)
        descriptor = CosemAttribute(self.class_id, self.obis, self.attribute)
        return bytes((EVENT_NOTIFICATION,)) + time + descriptor.to_bytes() + axdr.encode(self.value)


def read_data_notification(reader: Reader) -> DataNotification:
    """Read what follows the tag."""
    invoke = reader.u32()
    tagged = reader.buf.startswith(_TAGGED_DATE_TIME, reader.at)
    if tagged:
        reader.at += 1
    date_time = reader.octet_string()
    _check_date_time(date_time)
    return DataNotification(invoke, date_time, reader.data(), tagged)


def read_data_notification_confirm(reader: Reader) -> DataNotificationConfirm:
    """Read what follows the tag."""
    invoke, date_time = reader.u32(), reader.octet_string()
    _check_date_time(date_time)
    return DataNotificationConfirm(invoke, date_time)


def _check_date_time(octets: bytes) -> None:
    if len(octets) not in (0, 12):
        raise ApduMalformed(f"a date-time of {len(octets)} octets; 12 or none are due", offset=5)


def read_event_notification(reader: Reader, *, lenient: bool = False) -> EventNotification:
    """Read what follows the tag; `lenient` takes a time without its flag."""
    unflagged = lenient and reader.buf.startswith(_TAGGED_DATE_TIME, reader.at)
    if unflagged:
        reader.at += 1
        time: bytes | None = reader.octet_string()
    else:
        time = reader.octet_string() if reader.flag() else None
    what = CosemAttribute.read(reader)
    return EventNotification(time, what.class_id, what.obis, what.attribute, reader.data(), unflagged)
