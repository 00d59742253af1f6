"""Read one meter now: what stands behind `ami read`. Nothing goes to Kafka; the caller interprets the records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import structlog

from ami_ingest.config.target import Target
from ami_ingest.logs import logger
from ami_ingest.meters import failure
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.counters import CounterStore
from ami_ingest.meters.reading import MeterReader, Reading
from ami_ingest.meters.session import MeterSession


class ProfileRange(NamedTuple):
    """Rows of a profile, by their stamps, both ends inclusive."""

    obis: bytes
    start: datetime
    """Aware."""
    end: datetime
    """Aware."""


async def read_meter(
    access: MeterAccess,
    targets: Sequence[Target] = (),
    profile: ProfileRange | None = None,
    *,
    state_dir: Path,
    deadline_s: float = 30.0,
    agent: str = "ami-read",
    log: structlog.typing.FilteringBoundLogger | None = None,
) -> list[Reading]:
    """Read attributes and at most one profile range of one meter, in one association.

    Returns one Reading for each target, in order, then one for each local day of the profile range that has rows: raw
    records as the agent would publish them, with the Exchange that normalization needs. `state_dir` keeps the outbound
    counters. Raises SessionError, CounterError or UsageError; after `deadline_s` in all, NoAnswer.
    """
    reader = MeterReader(access, CounterStore(state_dir / "counters"), agent=agent, log=log or logger())
    try:
        return await asyncio.wait_for(_read(reader, targets, profile), deadline_s)
    except asyncio.TimeoutError:
        raise failure.overdue(deadline_s) from None


async def _read(reader: MeterReader, targets: Sequence[Target], profile: ProfileRange | None) -> list[Reading]:
    session = await reader.open()
    try:
        return [reading async for reading in readings_in(reader, session, targets, profile)]
    finally:
        await session.close()


async def readings_in(
    reader: MeterReader, session: MeterSession, targets: Sequence[Target], profile: ProfileRange | None = None
) -> AsyncIterator[Reading]:
    """Read as `read_meter` does, in a session that is open; yield each reading as it comes. Raises SessionError."""
    for target in targets:
        yield await reader.read(session, target)
    if profile is not None:
        clock = (await reader.clock(session)).time
        async for reading in reader.profile(session, profile.obis, profile.start, profile.end, clock):
            if reading.rows != 0:
                yield reading
