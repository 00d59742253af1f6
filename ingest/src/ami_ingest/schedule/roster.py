"""What the scheduler knows of one meter between its jobs. A hundred thousand of them are kept, so each is small."""

from __future__ import annotations

from ami_ingest.config.model import Meter, Network
from ami_ingest.meters.reading import MeterReader
from ami_ingest.meters.session import MeterSession
from ami_ingest.schedule.breaker import Breaker
from ami_ingest.schedule.job import BackfillJob, Job, TurnJob
from ami_ingest.transport.link import Link


class MeterState:
    """One meter of the inventory."""

    __slots__ = (
        "backfills",
        "breaker",
        "busy",
        "gone",
        "kept",
        "link",
        "meter",
        "network",
        "parked",
        "reader",
        "session",
        "turns",
    )

    def __init__(self, meter: Meter, network: Network | None) -> None:
        self.meter = meter
        self.network = network
        """Whose limits hold for it: of the inventory, or its line's where several meters share one."""
        self.reader: MeterReader | None = None
        """Made with its first job."""
        self.session: MeterSession | None = None
        """An association that is kept, idle unless `busy`."""
        self.kept = 0
        """Names its place among the associations that are kept; an older place is void."""
        self.link: Link | None = None
        """A connection that the meter made, not used yet."""
        self.busy = False
        """Whether a job of this meter runs: there are never two."""
        self.gone = False
        """Whether it has left the inventory."""
        self.parked: list[Job] = []
        """Jobs that wait for the one that runs, or for the meter to call."""
        self.breaker = Breaker()
        self.turns: dict[str, TurnJob] = {}
        """The one turn of each schedule that is under way or comes next."""
        self.backfills: dict[bytes, BackfillJob] = {}
        """By profile."""
