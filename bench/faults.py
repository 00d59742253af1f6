"""What faulty meters cost the healthy ones: every fifth hangs, refuses, babbles or hangs up within a frame."""

import asyncio
import logging
import tempfile
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from ami_ingest.config.model import LinkProfile, Meter, Poll, Schedule
from ami_ingest.config.target import Target
from ami_ingest.descriptors import raise_limit
from ami_ingest.meters.counters import CounterStore
from ami_ingest.schedule.scheduler import Scheduler
from ami_ingest.spool.spool import Spool
from ami_simulator.fleet.faults import FaultPlan
from ami_simulator.fleet.members import Members
from bench._fleet import fleet, inventory

KINDS = ("hang", "reject", "noise", "drop")
SHARE = 0.05
AT_ONCE = 256
TIMEOUT_S = 10.0
SCHEDULE = Schedule("once", 86_400.0, jitter_s=0.1, read=(Target.parse("3:1.0.1.8.0.255"),))


def run(options: Namespace) -> Iterator[dict[str, Any]]:
    """Read the healthy meters alone, then among the faulty ones, each time as at the first contact."""
    meters = min(options.meters, 2000)
    tree = {
        "meters": meters,
        "authentication": {"lls": 0.5, "hls-gmac": 0.5},
        "listen": {"address": "127.18.0.1", "port": 0},
        "faults": [{"kind": kind, "share": SHARE} for kind in KINDS],
    }
    raise_limit()
    link = LinkProfile(connect_timeout_s=TIMEOUT_S, request_timeout_s=TIMEOUT_S)
    with fleet(tree) as description:
        plan = FaultPlan(description.faults, description.seed, meters, Members(description).hdlc)
        every = [
            replace(meter, group="faulty" if index in plan.by_meter else "healthy")
            for index, meter in enumerate(inventory(description, link, (SCHEDULE,)))
        ]
        healthy = [meter for meter in every if meter.group == "healthy"]
        alone, _ = asyncio.run(_time(healthy, len(healthy)))
        among, said = asyncio.run(_time(every, len(healthy)))
        yield {
            "name": "faults-healthy-meters",
            "value": len(healthy) / among,
            "unit": "meters/s",
            "meters": meters,
            "ratio": among / alone,
            "ratio_to": "the time they take alone",
            "said": said,
        }


async def _time(meters: Sequence[Meter], healthy: int) -> tuple[float, dict[str, int]]:
    """Return the seconds until all healthy meters were read, and what was said of the others until then."""
    log = structlog.wrap_logger(
        structlog.PrintLogger(), wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR)
    )
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "spool.sqlite", "bench", max_bytes=1 << 30, log=log)
        spool.open()
        counters = CounterStore(Path(folder) / "counters")
        scheduler = Scheduler(meters, spool, counters, agent="bench", poll=Poll(AT_ONCE), log=log)
        results = scheduler.stats.results
        began = time.monotonic()
        polling = asyncio.create_task(scheduler.run())
        while results["healthy", "OK"] < healthy:  # noqa: ASYNC110  it counts
            await asyncio.sleep(0.02)
        took = time.monotonic() - began
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
        spool.close()
    said: Counter[str] = Counter()
    for (group, code), count in results.items():
        if group == "faulty" or code != "OK":
            said[f"{group} {code}"] += count
    return took, dict(said)
