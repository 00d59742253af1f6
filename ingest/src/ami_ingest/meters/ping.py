"""Whether a meter answers, and how quickly: its name, its clock and its signal, read within one association."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import NamedTuple

import structlog

from ami.raw.v1.exchange_pb2 import Exchange
from ami_dlms.apdu import CosemAttribute
from ami_dlms.axdr import Data
from ami_ingest.errors import SessionError
from ami_ingest.meters import failure
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.counters import CounterStore
from ami_ingest.meters.objects import DATA, LOGICAL_DEVICE_NAME
from ami_ingest.meters.reading import MeterReader, Reading
from ami_ingest.meters.session import MeterSession


class Pinged(NamedTuple):
    """What a meter answered."""

    logical_device_name: str
    """Empty where it does not tell."""
    system_title: bytes | None
    connect_s: float
    """Seconds to find the host and connect, and to associate; both 0 where an association that stood was used."""
    associate_s: float
    read_s: float
    """Seconds to read the name."""
    clock_error_s: float | None = None
    """How far the meter's clock is ahead of ours, seconds; None where that cannot be told."""
    obis: bytes = LOGICAL_DEVICE_NAME
    """What was read."""
    reading: Reading | None = None
    """The exchange itself."""
    signal_dbm: int | None = None
    """What the meter's modem receives, dBm; None where it does not tell."""


async def ping(reader: MeterReader, session: MeterSession, *, reused: bool = False) -> Pinged:
    """Read the logical device name, the clock and the signal in an open session.

    Raises SessionError where the name fails.
    """
    began = time.monotonic()
    answer = await session.get(CosemAttribute(DATA, LOGICAL_DEVICE_NAME, 2))
    taken = time.monotonic() - began
    name = answer.result.value if isinstance(answer.result, Data) else ""
    error = dbm = None
    with contextlib.suppress(SessionError):  # it has answered; a clock that fails says nothing else
        error = (await reader.clock(session)).error
        dbm = await reader.signal(session)
    return Pinged(
        name.decode("ascii", "replace") if isinstance(name, bytes) else str(name or ""),
        session.system_title,
        0.0 if reused else session.connect_s,
        0.0 if reused else session.associate_s,
        taken,
        None if error is None else error.total_seconds(),
        reading=reader.reading(session, answer, Exchange(class_id=DATA, obis=LOGICAL_DEVICE_NAME, attribute=2)),
        signal_dbm=dbm,
    )


async def ping_meter(
    access: MeterAccess,
    *,
    state_dir: Path,
    deadline_s: float = 30.0,
    agent: str = "ami-ping",
    log: structlog.typing.FilteringBoundLogger,
) -> Pinged:
    """Ping one meter now, in an association of its own. Raises SessionError; after `deadline_s` in all, NoAnswer."""
    reader = MeterReader(access, CounterStore(state_dir / "counters"), agent=agent, log=log)

    async def within() -> Pinged:
        session = await reader.open()
        try:
            return await ping(reader, session)
        finally:
            await session.close()

    try:
        return await asyncio.wait_for(within(), deadline_s)
    except asyncio.TimeoutError:
        raise failure.overdue(deadline_s) from None
