"""What is to be done with a meter, and what goes first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Union

from ami_ingest.config.model import Profile, Schedule
from ami_ingest.meters.reading import MeterReader
from ami_ingest.meters.rows import Hole
from ami_ingest.meters.session import MeterSession


class Priority(IntEnum):
    """What goes first; the smaller number."""

    ON_DEMAND = 0
    SCHEDULED = 1
    BACKFILL = 2


@dataclass(slots=True, eq=False)
class TurnJob:
    """One turn of a schedule, with what of it is done: another try goes on where the last one failed."""

    meter: str
    schedule: Schedule
    due: float
    deadline: float
    failures: int = 0
    ticket: int = 0
    """Names its place among what is not due yet; an older place is void."""
    read: int = 0
    """Targets that are read."""
    profiles: int = 0
    """Profiles that are read."""
    records: int = 0

    @property
    def priority(self) -> Priority:
        """Its priority."""
        return Priority.SCHEDULED


@dataclass(slots=True, eq=False)
class BackfillJob:
    """Rows of a profile that are missing; read one local day at a time, while nothing better waits."""

    meter: str
    profile: Profile
    due: float
    holes: list[Hole] = field(default_factory=list)
    """Rows that were missing in an answer; what is left of an absence is kept with the positions."""
    failures: int = 0
    ticket: int = 0
    found: int = 0
    """Rows it brought."""

    @property
    def priority(self) -> Priority:
        """Its priority."""
        return Priority.BACKFILL


@dataclass(slots=True, eq=False)
class AskedJob:
    """Something asked on demand: `work` is done in a session of the meter, `done` gets what it returns."""

    meter: str
    work: Callable[[MeterReader, MeterSession], Awaitable[Any]]
    done: asyncio.Future[Any]
    due: float

    @property
    def priority(self) -> Priority:
        """Its priority."""
        return Priority.ON_DEMAND


Job = Union[TurnJob, BackfillJob, AskedJob]
