"""The meters of a table: a record in, findings out, and which states changed.

The order of effects is the caller's, and makes it at least once: findings are written first, then the changed states,
then the record counts as read. What comes again is known by its offset, or is found again under the same name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from google.protobuf.message import DecodeError

from ami.events.v1 import meter_events_pb2 as events_pb
from ami.readings.v1 import meter_readings_pb2 as readings_pb
from ami.watch.v1 import meter_state_pb2 as pb
from ami_dlms.errors import DlmsError
from ami_normalize.watch.rules import meter, presence, security
from ami_normalize.watch.rules.finding import SOURCE_PREFIX, Finding
from ami_normalize.watch.rules.policy import Policy
from ami_schemas import headers, topics

_TITLE_KEY = "st-"


class Record(NamedTuple):
    """A record of one of the topics that are watched."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]


class Found(NamedTuple):
    """A finding, and where it belongs."""

    partition: int
    meter: str
    system_title: bytes
    finding: Finding

    @property
    def source(self) -> str:
        """Its `ami-source`."""
        return self.finding.source(self.meter)

    @property
    def value(self) -> bytes:
        """It as `MeterEvents`, serialized."""
        return self.finding.event(self.meter, self.system_title).SerializeToString(deterministic=True)


def key_of(partition: int, meter_id: str) -> bytes:
    """Return the key of a meter's state. A meter whose raw key changes with its address has several."""
    return f"{partition}/{meter_id}".encode()


def split_key(key: bytes) -> tuple[int, str]:
    """Return partition and meter id of a state's key."""
    partition, _, meter_id = key.decode().partition("/")
    return int(partition), meter_id


class Fleet:
    """The rules over all meters of a table (`key_of` to serialized `MeterState`), which it reads and never writes."""

    def __init__(self, table: Mapping[bytes, bytes], policy: Policy) -> None:
        """Watch by these limits."""
        self._table = table
        self._policy = policy
        self._changed: dict[bytes, pb.MeterState | None] = {}
        self._by_title: dict[bytes, bytes] = {}
        self.counts: Counter[str] = Counter()
        """Records by topic, those `again`, those `malformed`, and findings by kind."""

    def take(self, record: Record) -> list[Found]:
        """Take a record. What cannot be read is counted, never raised."""
        self.counts[record.topic] += 1
        try:
            if record.topic == topics.READINGS:
                found = self._readings(record)
            elif record.topic == topics.EVENTS:
                found = self._events(record)
            else:
                found = self._dead_letter(record)
        except (DecodeError, DlmsError, UnicodeDecodeError):
            self.counts["malformed"] += 1
            return []
        self.counts.update(each.finding.kind.value for each in found)
        return found

    def judge(self, key: bytes, now_us: int) -> list[Found]:
        """Say whether a meter is silent by now; one not heard for very long is forgotten."""
        state = self.state(key)
        if state is None or not state.HasField("presence"):
            return []
        if presence.forgotten(state.presence, now_us, self._policy.presence):
            self._changed[key] = None
            return []
        partition, meter_id = split_key(key)
        silent = presence.judged(state.presence, now_us, self._policy.presence)
        if silent:
            self._changed[key] = state
        self.counts.update(each.kind.value for each in silent)
        return [Found(partition, meter_id, title_of(meter_id, state), each) for each in silent]

    def state(self, key: bytes) -> pb.MeterState | None:
        """Return a meter's state as it is now."""
        if key in self._changed:
            return self._changed[key]
        serialized = self._table.get(key)
        return None if serialized is None else pb.MeterState.FromString(serialized)

    def changes(self) -> Mapping[bytes, bytes | None]:
        """Return the states that changed since `settle`; None: forget it."""
        return {
            key: None if state is None else state.SerializeToString(deterministic=True)
            for key, state in self._changed.items()
        }

    def settle(self) -> None:
        """Take it that the table has all changes."""
        self._changed.clear()

    def know(self, keys: Iterable[bytes]) -> None:
        """Learn the system titles of meters whose id does not say it."""
        for key in keys:
            state = self.state(key)
            if state is not None and state.system_title:
                self._by_title[b"%d/%s" % (split_key(key)[0], state.system_title)] = key

    def _open(self, key: bytes) -> pb.MeterState:
        state = self.state(key) or pb.MeterState()
        self._changed[key] = state
        return state

    def _readings(self, record: Record) -> list[Found]:
        message = readings_pb.MeterReadings.FromString(record.value or b"")
        if not message.meter.id:
            raise DecodeError("readings of no meter")
        key = key_of(record.partition, message.meter.id)
        state = self._open(key)
        if self._again(state.next.readings, record):
            return []
        state.next.readings = record.offset + 1
        title = message.meter.system_title
        if title and title != title_of(message.meter.id, pb.MeterState()) and title != state.system_title:
            state.system_title = title
            self.know([key])
        found = meter.take_readings(state, message, record.timestamp_ms * 1000, self._policy)
        return [Found(record.partition, message.meter.id, title_of(message.meter.id, state), each) for each in found]

    def _events(self, record: Record) -> list[Found]:
        if record.headers.get(headers.SOURCE, b"").startswith(SOURCE_PREFIX.encode()):
            return []
        message = events_pb.MeterEvents.FromString(record.value or b"")
        if not message.meter.id:
            return []
        state = self._open(key_of(record.partition, message.meter.id))
        if self._again(state.next.events, record):
            return []
        state.next.events = record.offset + 1
        found = presence.heard(state.presence, record.timestamp_ms * 1000, self._policy.presence)
        return [Found(record.partition, message.meter.id, title_of(message.meter.id, state), each) for each in found]

    def _dead_letter(self, record: Record) -> list[Found]:
        reason = record.headers.get(headers.DLQ_REASON, b"").decode()
        if reason not in self._policy.security.reasons or not record.key:
            return []
        key = self._key_of_raw(record)
        state = self._open(key)
        if self._again(state.next.dead_letters, record):
            return []
        state.next.dead_letters = record.offset + 1
        found = security.take(state, reason, _received_us(record), self._policy.security)
        meter_id = split_key(key)[1]
        return [Found(record.partition, meter_id, title_of(meter_id, state), each) for each in found]

    def _key_of_raw(self, record: Record) -> bytes:
        """Name the meter of a dead letter: by the system title of its raw key where readings said whose that is."""
        raw = (record.key or b"").decode()
        own = key_of(record.partition, raw)
        title = title_of(raw, pb.MeterState())
        return self._by_title.get(b"%d/%s" % (record.partition, title), own) if title else own

    def _again(self, next_offset: int, record: Record) -> bool:
        again = record.offset < next_offset
        self.counts["again"] += again
        return again


def title_of(meter_id: str, state: pb.MeterState) -> bytes:
    """Return a meter's system title, empty where nobody said it."""
    if state.system_title or not meter_id.startswith(_TITLE_KEY):
        return state.system_title
    try:
        return bytes.fromhex(meter_id.removeprefix(_TITLE_KEY))
    except ValueError:
        return b""


def _received_us(record: Record) -> int:
    """Return when the raw record of a dead letter was written."""
    stated = record.headers.get(headers.DLQ_TIMESTAMP, b"")
    return int(stated) * 1000 if stated.isdigit() else record.timestamp_ms * 1000
