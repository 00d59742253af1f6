"""Reading one meter within one session: each answer becomes raw records with their context."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

import structlog

from ami.raw.v1.exchange_pb2 import Exchange
from ami_dlms import axdr
from ami_dlms.apdu import CosemAttribute, DataAccessResult
from ami_dlms.axdr import Data
from ami_dlms.client import Answer, ClientSettings, Result
from ami_dlms.cosem_time import CosemDateTime
from ami_dlms.errors import UsageError
from ami_dlms.framing import Message
from ami_dlms.selective import range_descriptor
from ami_ingest.config.target import Target
from ami_ingest.errors import AssociationRejected, ExchangeFailed, SessionError
from ami_ingest.meters import rows
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.clock_error import clock_error
from ami_ingest.meters.counters import CounterStore, DurableCounter
from ami_ingest.meters.line import Line
from ami_ingest.meters.meter_time import MeterTime
from ami_ingest.meters.objects import CLOCK, DATA, PROFILE_GENERIC, MeterObjects
from ami_ingest.meters.session import MeterSession
from ami_ingest.meters.session_keys import SessionKeys
from ami_ingest.meters.signal import CELL_INFO, strength
from ami_ingest.record import ExchangeKind, RawRecord, from_message, now_us
from ami_ingest.transport.link import Link

CLOCK_OBIS: Final = bytes((0, 0, 1, 0, 0, 255))
_COUNTERS: Final = tuple(bytes((0, 0, 43, 1, x, 255)) for x in (0, 1, 2))
"""Where meters show the counter they have last seen (Blue Book, 6.2.27: invocation counter objects)."""
_KNOWN_FOR_S: Final = 86400.0
"""How long what was read once of a meter's objects is believed: meters are exchanged and configured anew."""


class ClockReading(NamedTuple):
    """What a meter's clock showed."""

    shown: CosemDateTime | None
    """None where it cannot be read."""
    time: MeterTime
    """How the meter's time relates to UTC."""
    error: timedelta | None
    """How far it is ahead of ours; None where that cannot be told."""


class Reading(NamedTuple):
    """One request's outcome."""

    records: tuple[RawRecord, ...]
    """Normally one; several where the answer exceeds what a record holds."""
    exchange: Exchange
    """What was asked and what the answer does not say itself."""
    stamps: tuple[datetime, ...] = ()
    """Of a profile: the stamps of its rows (UTC), in the meter's order, without rows that have none."""
    rows: int | None = None
    """Of a profile: how many rows came; None where the meter refused them."""
    result: Result | None = None
    """What was answered, deciphered; None where it came from elsewhere."""


class MeterReader:
    """One meter's side of the agent: opens sessions, remembers what was read once."""

    __slots__ = (
        "_agent",
        "_counter",
        "_counters",
        "_known_since",
        "_lasting",
        "_log",
        "_objects",
        "_public_is_silent",
        "_session_keys",
        "_settings",
        "_shown",
        "_system_title",
        "access",
        "line",
    )

    def __init__(
        self,
        access: MeterAccess,
        counters: CounterStore,
        *,
        agent: str,
        log: structlog.typing.FilteringBoundLogger,
        line: Line | None = None,
        session_keys: SessionKeys | None = None,
        lasting: bool = False,
    ) -> None:
        """`line` counts the frames of all meters on it. Without `session_keys` no association has a key of its own.

        `lasting` says that a try that fails is followed by others: where the public client gets no answer, that ends
        the try, and the next one does without it. So a meter that hangs costs one timeout and not two.
        """
        self.access = access if session_keys is not None else replace(access, dedicated_key=False)
        self._session_keys = session_keys
        self.line = Line(access.endpoint.location) if line is None else line
        self._counters = counters
        self._agent = agent
        self._log = log
        self._lasting = lasting
        self._objects = MeterObjects()
        self._known_since = time.monotonic()
        self._system_title: bytes | None = None
        self._counter: DurableCounter | None = None
        self._shown: int | None = None
        """The counter that the meter last showed."""
        self._public_is_silent = False
        self._settings: ClientSettings | None = None

    async def open(self, link: Link | None = None) -> MeterSession:
        """Open a session, over `link` where the meter has called. Raises SessionError or CounterError."""
        access = self.access
        settings = self._settings
        if settings is None:
            try:
                settings = self._settings = access.settings()
            except UsageError as error:
                raise ExchangeFailed(str(error), "correct the settings or the secrets of this meter") from None
        counter, link = await self._outbound_counter(settings, link)
        session = MeterSession(
            access.endpoint,
            settings,
            counter=counter,
            timeout_s=access.timeout_s,
            connect_timeout_s=access.link.connect_timeout_s,
            tls=access.tls,
            link=link,
            line=self.line,
        )
        try:
            await session.open()
        except SessionError as error:
            if session.phase != "connect":
                self._counter = None  # the meter's counter is looked at again: a wrong one is refused by silence
                self._public_is_silent = False
            if isinstance(error, AssociationRejected):
                self._objects.forget()
            raise
        await self._wrap_key(session)
        if session.system_title != self._system_title or time.monotonic() - self._known_since > _KNOWN_FOR_S:
            self._objects.forget()
            self._known_since = time.monotonic()
            self._system_title = session.system_title
        return session

    async def read(self, session: MeterSession, target: Target) -> Reading:
        """Read one attribute. Raises SessionError."""
        class_id = target.class_id
        if class_id is None:
            class_id, _ = await self._objects.class_of(session, target.obis)
        context = await self._objects.context(session, class_id, target.obis, target.attribute)
        answer = await session.get(CosemAttribute(class_id, target.obis, target.attribute))
        return self.reading(session, answer, context)

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
            came = rows.stamps(answer.result, columns.capture_objects, columns.period_s or 0, clock)
            yield self.reading(session, answer, context)._replace(stamps=came, rows=rows.count(answer.result))

    def pushes(self, session: MeterSession) -> list[RawRecord]:
        """Return the records of what the meter pushed during the session, once."""
        taken, session.unsolicited = session.unsolicited, []
        origin = self.access.origin(self._agent, self._system_title)._replace(exchange=ExchangeKind.PUSH)
        return [
            record
            for event in taken
            for record in from_message(
                Message(event.raw, self.access.framing, (event.apdu,), complete=True),
                origin,
                now_us(),
                session_key=session.session_key,
            )
        ]

    async def period_s(self, session: MeterSession, obis: bytes) -> int | None:
        """Return the capture period of a profile, seconds; None where the meter does not tell."""
        return (await self._objects.columns(session, obis)).period_s

    async def clock(self, session: MeterSession) -> ClockReading:
        """Read the clock."""
        asked = datetime.now(timezone.utc)
        answer = await session.get(CosemAttribute(CLOCK, CLOCK_OBIS, 2))
        now = datetime.now(timezone.utc)
        shown = rows.stamp_of(answer.result)
        zone = self.access.zone
        error = None if shown is None else clock_error(shown, asked + (now - asked) / 2, zone)
        return ClockReading(shown, MeterTime.of(shown, now, zone), error)

    async def signal(self, session: MeterSession) -> int | None:
        """Return what the meter's modem receives, dBm; None where it does not tell."""
        answer = await session.get(CELL_INFO)
        return strength(CELL_INFO.class_id, CELL_INFO.attribute, answer.result)

    async def set_clock(self, session: MeterSession, to: CosemDateTime) -> bool:
        """Set the clock; tell whether the meter took it."""
        answer = await session.set(CosemAttribute(CLOCK, CLOCK_OBIS, 2), axdr.octets(to.to_bytes()))
        return answer.result is DataAccessResult.SUCCESS

    def reading(self, session: MeterSession, answer: Answer, context: Exchange) -> Reading:
        """Make the records of an answer of a session; `context` says what was asked."""
        exchange = Exchange()
        exchange.CopyFrom(context)
        exchange.request = answer.request
        message = Message(answer.raw, self.access.framing, (answer.raw,), complete=True)
        origin = self.access.origin(self._agent, self._system_title)
        records = from_message(
            message, origin, now_us(), exchange.SerializeToString(deterministic=True), session.session_key
        )
        return Reading(tuple(records), exchange, result=answer.result)

    async def _wrap_key(self, session: MeterSession) -> None:
        """Have the key that the association has of its own wrapped, once; without that nothing is read in it.

        Raises SessionKeyFailed, the session closed.
        """
        key = session.dedicated_key
        if key is None or self._session_keys is None:
            return
        try:
            session.carry(await self._session_keys.wrap(key, session.system_title or self.access.system_title))
        except BaseException as error:
            await session.close()
            if isinstance(error, SessionError):
                error.phase = "associate"
            raise

    async def _outbound_counter(
        self, settings: ClientSettings, link: Link | None
    ) -> tuple[DurableCounter | None, Link | None]:
        """Return the counter of the meter's key, raised above what the meter has seen, and the link to go on with."""
        secrets = self.access.credentials
        if not settings.needs_counter or secrets.guek is None or secrets.client_system_title is None:
            return None, link
        if self._counter is None:
            seen = None
            if not self._public_is_silent:
                seen, link = await self._counter_of_the_meter(link)
            counter = self._counters.counter(secrets.client_system_title, secrets.guek)
            # It is on disk before it is used; a disk is too slow to wait for in the event loop.
            ours = await asyncio.to_thread(counter.raise_to, 0 if seen is None else seen + 1)
            # Ours says nothing about this meter: others may have the same key.
            if seen is not None and self._shown is not None and seen < self._shown:
                self._log.warning(
                    "the meter shows a lower invocation counter than before; ours is not lowered",
                    meter=self.access.name,
                    shown=seen,
                    before=self._shown,
                    ours=ours,
                    remedy="find out whether the meter was exchanged or reset; roll its key if it was",
                )
            self._shown = self._shown if seen is None else seen
            self._counter = counter
        return self._counter, link

    async def _counter_of_the_meter(self, link: Link | None) -> tuple[int | None, Link | None]:
        """Read the counter the meter has last seen, as the public client; None where it does not show it."""
        access = self.access
        session = MeterSession(
            access.endpoint,
            access.public_settings(),
            timeout_s=access.timeout_s,
            connect_timeout_s=access.link.connect_timeout_s,
            tls=access.tls,
            link=link,
            line=self.line,
        )
        seen = None
        try:
            try:
                await session.open()
                for obis in _COUNTERS:
                    result = (await session.get(CosemAttribute(DATA, obis, 2))).result
                    if isinstance(result, Data) and isinstance(result.value, int):
                        seen = int(result.value)
                        break
                if link is not None:
                    return seen, await session.detach()
            finally:
                await session.close()
        except SessionError as error:
            self._public_is_silent = error.again and session.phase == "associate"
            if session.phase == "connect" or link is not None or (error.again and self._lasting):
                raise
            self._log.info(
                "the meter does not show its invocation counter to the public client",
                meter=access.name,
                cause=str(error),
            )
        return seen, None
