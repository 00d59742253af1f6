"""The order of events of `ami demo`: prepare, show, sum up; and leave nothing running, whatever happens."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from ami_cli.demo.scene import METERS, Scene
from ami_cli.demo.screen import Screen
from ami_cli.demo.stage import Running, prepare, stage
from ami_cli.demo.summary import print_summary
from ami_cli.demo.tally import Tally
from ami_cli.errors import CommandError, ExitCode
from ami_cli.view.readings import Row

_ARRIVED_WITHIN_S: Final = 90.0
_SETTLED_WITHIN_S: Final = 10.0
_REFRESH_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What the user asked for: an existing Kafka or none, and how many seconds of live table at least."""

    folder: Path
    bootstrap: str | None
    duration_s: float


def demo(settings: DemoSettings, console: Console) -> None:
    """Run the demo; return only if readings of every meter arrived. Raises CommandError otherwise."""
    scene = Scene(settings.folder)
    scene.check()
    with stage(settings.folder) as stack:
        running = prepare(scene, settings.bootstrap, console, stack)
        tally = Tally()
        began = time.monotonic()
        with suppress(KeyboardInterrupt):
            _watch(running, tally, console, settings.duration_s)
        elapsed = time.monotonic() - began
        missing = [meter for meter in METERS if not tally.arrived(meter)]
        print_summary(console, tally, elapsed, settings.folder, running.bootstrap, own_kafka=settings.bootstrap is None)
    if missing:
        raise CommandError(
            f"No readings came from {', '.join(meter.name for meter in missing)} within {elapsed:.0f} s",
            f"look at {settings.folder / 'logs'}, and at the dead letters and parked records named above",
            ExitCode.INCOMPLETE,
        )


def _watch(running: Running, tally: Tally, console: Console, duration_s: float) -> None:
    """Show readings until those of every meter came and the duration has passed, or it took too long.

    Then the meters and the agent end, and the normalizer gets a while for what is still on its way.
    """
    began = time.monotonic()
    with Screen(console, METERS) as screen:

        def step() -> float:
            new: list[Row] = []
            until = time.monotonic() + _REFRESH_S
            while time.monotonic() < until:
                for record in running.follower.poll(max(0.01, until - time.monotonic())):
                    new.extend(tally.add(record))
            elapsed = time.monotonic() - began
            screen.show(tally, new, elapsed)
            running.children.check()
            return elapsed

        while step() < (duration_s if all(map(tally.arrived, METERS)) else max(duration_s, _ARRIVED_WITHIN_S)):
            pass
        running.children.stop("agent", *(meter.name for meter in METERS))
        ended = step()
        while step() < ended + _SETTLED_WITHIN_S and tally.unaccounted():
            pass
