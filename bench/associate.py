"""Meters associated at the same time in one agent process: how fast they are connected and read, and what they cost."""

import asyncio
import gc
import logging
import multiprocessing
import resource
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import structlog

from ami_ingest.config.model import LinkProfile, Meter, Poll, Schedule
from ami_ingest.config.target import Target
from ami_ingest.descriptors import raise_limit
from ami_ingest.meters.access import MeterAccess
from ami_ingest.meters.counters import CounterStore
from ami_ingest.meters.reading import MeterReader
from ami_ingest.schedule.scheduler import Scheduler
from ami_ingest.spool.spool import Spool
from ami_simulator.fleet.description import FleetDescription
from bench._fleet import fleet, inventory

READ = tuple(map(Target.parse, ("3:1.0.1.8.0.255", "3:1.0.2.8.0.255", "3:1.0.1.7.0.255")))
AT_ONCE = 256
PATIENCE_S = 600.0


def run(options: Namespace) -> Iterator[dict[str, Any]]:
    """Measure a fleet that is half LLS and half HLS-GMAC."""
    meters = min(options.meters, 10_000)
    tree = {
        "meters": meters,
        "authentication": {"lls": 0.5, "hls-gmac": 0.5},
        "listen": {"address": "127.16.0.1", "port": 0},
    }
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with fleet(tree) as description:
        agent = context.Process(target=_agent, args=(description, theirs))
        agent.start()
        theirs.close()
        try:
            while True:
                yield {**ours.recv(), "meters": meters}
        except EOFError:
            agent.join()


def _agent(description: FleetDescription, out: Connection) -> None:
    """Be the agent: scheduler, counters and spool as they are, without Kafka."""
    raise_limit()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measured(description, Path(folder), out))


async def _measured(description: FleetDescription, folder: Path, out: Connection) -> None:
    log = structlog.wrap_logger(
        structlog.PrintLogger(), wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR)
    )
    link = LinkProfile(connect_timeout_s=30.0, request_timeout_s=30.0, keep_open_s=3600.0)
    hourly = Schedule("hourly", 3600.0, jitter_s=0.1, read=READ)
    meters = inventory(description, link, (hourly,))
    spool = Spool(folder / "spool.sqlite", "bench", max_bytes=1 << 30, log=log)
    spool.open()
    out.send(await _only_associated(meters, CounterStore(folder / "first"), log))
    scheduler = Scheduler(meters, spool, CounterStore(folder / "counters"), agent="bench", poll=Poll(AT_ONCE), log=log)
    stats = scheduler.stats
    gc.collect()
    before = _resident()
    began, cpu = time.monotonic(), time.process_time()
    polling = asyncio.create_task(scheduler.run())
    await _until(lambda: stats.results.total() >= len(meters))
    took, used = time.monotonic() - began, time.process_time() - cpu
    connections = len(meters) + sum(meter.authentication.uses_titles for meter in meters)
    wrong = stats.results.total() - stats.results["default", "OK"]
    busy = {"cpu_s": round(used, 1), "seconds": round(took, 1), "errors": wrong}
    out.send({"name": "associate-connections", "value": connections / took, "unit": "connections/s", **busy})
    out.send({"name": "associate-first-reading", "value": len(meters) / took, "unit": "meters/s", **busy})
    gc.collect()
    now = _resident()
    out.send({
        "name": "associate-open", "value": stats.open_sessions, "unit": "sessions at the same time",
        "rss_mb": round(now / 1024), "peak_mb": round(_peak() / 1024),
    })  # fmt: skip
    out.send({"name": "associate-idle-session", "value": (now - before) / len(meters), "unit": "KB/session"})
    done = stats.results.total()
    began, cpu = time.monotonic(), time.process_time()
    again = (replace(hourly, name="again"),)
    scheduler.apply([replace(meter, schedules=again) for meter in meters])
    await _until(lambda: stats.results.total() >= done + len(meters))
    took, used = time.monotonic() - began, time.process_time() - cpu
    wrong = stats.results.total() - stats.results["default", "OK"]
    busy = {"cpu_s": round(used, 1), "seconds": round(took, 1), "errors": wrong}
    out.send({"name": "associate-next-reading", "value": len(meters) / took, "unit": "meters/s", **busy})
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    spool.close()


async def _only_associated(meters: Sequence[Meter], counters: CounterStore, log: Any) -> dict[str, Any]:
    """Connect to each meter and associate, its counter read before where it ciphers; ask for nothing, and release."""
    waiting = list(reversed(meters))

    async def work() -> None:
        while waiting:
            reader = MeterReader(MeterAccess.of(waiting.pop()), counters, agent="bench", log=log)
            await (await reader.open()).close()

    began, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    took, used = time.monotonic() - began, time.process_time() - cpu
    connections = len(meters) + sum(meter.authentication.uses_titles for meter in meters)
    busy = {"cpu_s": round(used, 1), "seconds": round(took, 1)}
    return {"name": "associate-only", "value": connections / took, "unit": "connections/s", **busy}


async def _until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError("the meters were not read")
        await asyncio.sleep(0.05)


def _resident() -> int:
    """Return the resident set now, KB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() // 1024


def _peak() -> int:
    """Return the largest resident set so far, KB; not `ru_maxrss`, which counts the process that started this one."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))
