"""Reading one meter within one session: each answer becomes raw records with their context."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

import structlog

from ami.raw.v1.exchange_pb2 import CaptureObject, Exchange
from ami_dlms.apdu import CosemAttribute
from ami_dlms.axdr import Data, Tag
from ami_dlms.client import Answer
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import DlmsError, UsageError
from ami_dlms.framing import Message
from ami_dlms.selective import range_descriptor
from ami_ingest.config.target import Target
from ami_ingest.errors import ExchangeFailed, SessionError
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.counters import CounterStore, DurableCounter
from ami_ingest.meters.meter_time import MeterTime
from ami_ingest.meters.objects import CLOCK, DATA, PROFILE_GENERIC, MeterObjects
from ami_ingest.meters.session import MeterSession
from ami_ingest.record import ExchangeKind, RawRecord, from_message, now_us

CLOCK_OBIS: Final = bytes((0, 0, 1, 0, 0, 255))
_COUNTERS: Final = tuple(bytes((0, 0, 43, 1, x, 255)) for x in (0, 1, 2))
"""Where meters show the counter they have last seen (Blue Book, 6.2.27: invocation counter objects)."""


class Reading(NamedTuple):
    """One request's outcome."""

    records: tuple[RawRecord, ...]
    """Normally one; several where the answer exceeds what a record holds."""
    exchange: Exchange
    """What was asked and what the answer does not say itself."""
    last_row: datetime | None = None
    """Of a profile: the stamp of its newest row."""
    rows: int | None = None
    """Of a profile: how many rows came; None where the meter refused them."""


class MeterReader:
    """One meter's side of the agent: opens sessions, remembers what was read once."""

    def __init__(
        self,
        access: MeterAccess,
        counters: CounterStore,
        *,
        agent: str,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self.access = access
        self._counters = counters
        self._agent = agent
        self._log = log
        self._objects = MeterObjects()
        self._system_title: bytes | None = None
        self._counter: DurableCounter | None = None

    async def open(self) -> MeterSession:
        """Open a session. Raises SessionError or CounterError."""
        access = self.access
        try:
            settings = access.settings()
        except UsageError as error:
            raise ExchangeFailed(str(error), "correct the settings or the secrets of this meter") from None
        session = MeterSession(
            access.endpoint,
            settings,
            counter=await self._outbound_counter(),
            timeout_s=access.timeout_s,
            connect_timeout_s=access.link.connect_timeout_s,
            tls=access.tls,
        )
        try:
            await session.open()
        except SessionError:
            self._counter = None  # the meter's counter is looked at again: a wrong one is refused by silence
            self._objects.forget()
            raise
        if session.system_title != self._system_title:
            self._objects.forget()
            self._system_title = session.system_title
        return session

    async def read(self, session: MeterSession, target: Target) -> Reading:
        """Read one attribute. Raises SessionError."""
        class_id = target.class_id
        if class_id is None:
            class_id, _ = await self._objects.class_of(session, target.obis)
        context = await self._objects.context(session, class_id, target.obis, target.attribute)
        answer = await session.get(CosemAttribute(class_id, target.obis, target.attribute))
        return self._reading(answer, context)

    async def profile(
        self,
        session: MeterSession,
        obis: bytes,
        start: datetime,
        end: datetime,
        clock: MeterTime,
    ) -> AsyncIterator[Reading]:
        """Read the rows stamped from `start` to `end` (aware, both inclusive), one reading a local day."""
        columns = await self._objects.columns(session, obis)
        context = await self._objects.context(session, PROFILE_GENERIC, obis, 2)
        for first, last in clock.days(start, end):
            access = range_descriptor(clock.stamp(first), clock.stamp(last))
            answer = await session.get(CosemAttribute(PROFILE_GENERIC, obis, 2), access)
            newest = last_row(answer.result, columns.capture_objects, columns.period_s or 0, clock)
            yield self._reading(answer, context)._replace(last_row=newest, rows=_rows(answer.result))

    def pushes(self, session: MeterSession) -> list[RawRecord]:
        """Return the records of what the meter pushed during the session, once."""
        taken, session.unsolicited = session.unsolicited, []
        origin = self.access.origin(self._agent, self._system_title)._replace(exchange=ExchangeKind.PUSH)
        return [
            record
            for event in taken
            for record in from_message(
                Message(event.raw, self.access.framing, (event.apdu,), complete=True), origin, now_us()
            )
        ]

    async def period_s(self, session: MeterSession, obis: bytes) -> int | None:
        """Return the capture period of a profile, seconds; None where the meter does not tell."""
        return (await self._objects.columns(session, obis)).period_s

    async def clock(self, session: MeterSession) -> MeterTime:
        """Return how the meter's time relates to UTC."""
        answer = await session.get(CosemAttribute(CLOCK, CLOCK_OBIS, 2))
        now = datetime.now(timezone.utc)
        return MeterTime.of(_stamp(answer.result), now, self.access.zone)

    def _reading(self, answer: Answer, context: Exchange) -> Reading:
        exchange = Exchange()
        exchange.CopyFrom(context)
        exchange.request = answer.request
        message = Message(answer.raw, self.access.framing, (answer.raw,), complete=True)
        origin = self.access.origin(self._agent, self._system_title)
        records = from_message(message, origin, now_us(), exchange.SerializeToString(deterministic=True))
        return Reading(tuple(records), exchange)

    async def _outbound_counter(self) -> DurableCounter | None:
        secrets = self.access.credentials
        if not self.access.ciphered or secrets.guek is None or secrets.client_system_title is None:
            return None
        if self._counter is None:
            counter = self._counters.counter(secrets.client_system_title, secrets.guek)
            seen = await self._counter_of_the_meter()
            if seen is not None:
                counter.raise_to(seen + 1)
            self._counter = counter
        return self._counter

    async def _counter_of_the_meter(self) -> int | None:
        """Read the counter the meter has last seen, as the public client; None where it does not show it."""
        access = self.access
        session = MeterSession(
            access.endpoint,
            access.public_settings(),
            timeout_s=access.timeout_s,
            connect_timeout_s=access.link.connect_timeout_s,
            tls=access.tls,
        )
        try:
            async with session:
                for obis in _COUNTERS:
                    result = (await session.get(CosemAttribute(DATA, obis, 2))).result
                    if isinstance(result, Data) and isinstance(result.value, int):
                        return int(result.value)
        except SessionError as error:
            self._log.info(
                "the meter does not show its invocation counter to the public client",
                meter=access.name,
                cause=str(error),
            )
        return None


def last_row(
    buffer: object,
    columns: tuple[CaptureObject, ...],
    period_s: int,
    clock: MeterTime,
) -> datetime | None:
    """Return the stamp of a buffer's last row (UTC), None where there is none.

    A null stamp is the one of the row before, a period later (null-data compression).
    """
    place = next((index for index, column in enumerate(columns) if column.class_id == CLOCK), None)
    if place is None or not isinstance(buffer, Data) or buffer.tag != Tag.ARRAY:
        return None
    latest: datetime | None = None
    for row in buffer.value:
        if not isinstance(row.value, tuple) or len(row.value) <= place:
            continue
        stamp = _stamp(row.value[place])
        instant = None if stamp is None else clock.instant(stamp)
        if instant is not None:
            latest = instant
        elif latest is not None and row.value[place].tag == Tag.NULL:
            latest += timedelta(seconds=period_s)
    return latest


def _rows(buffer: object) -> int | None:
    if not isinstance(buffer, Data) or buffer.tag not in {Tag.ARRAY, Tag.COMPACT_ARRAY}:
        return None
    return len(buffer.value.items if buffer.tag == Tag.COMPACT_ARRAY else buffer.value)


def _stamp(value: object) -> CosemDateTime | None:
    if not isinstance(value, Data) or not isinstance(value.value, bytes) or len(value.value) != 12:
        return None
    try:
        return CosemDateTime.from_bytes(value.value)
    except DlmsError:
        return None
