"""The order of events of `ami demo`: prepare, show, sum up; and leave nothing running, whatever happens."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from ami_cli.demo.children import Child, Children
from ami_cli.demo.scene import METERS, POLLED, PUSHING, Scene
from ami_cli.demo.screen import Screen
from ami_cli.demo.stage import READY_WITHIN_S, await_port, free_port, kafka, stage
from ami_cli.demo.summary import print_summary
from ami_cli.demo.tally import Tally
from ami_cli.errors import CommandError, ExitCode
from ami_cli.follow import Follower
from ami_cli.preparation import Preparation
from ami_cli.view.readings import Row
from ami_schemas import topics

WATCHED: Final = (topics.RAW, topics.READINGS, topics.EVENTS, topics.DEAD_LETTERS, topics.PARKED)

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
        children = Children(settings.folder / "logs")
        bootstrap, follower = _prepare(settings, scene, console, stack, children)
        tally = Tally()
        began = time.monotonic()
        with suppress(KeyboardInterrupt):
            _watch(follower, tally, children, console, settings.duration_s)
        elapsed = time.monotonic() - began
        missing = [meter for meter in METERS if not tally.arrived(meter)]
        print_summary(console, tally, elapsed, settings.folder, bootstrap, own_kafka=settings.bootstrap is None)
    if missing:
        raise CommandError(
            f"No readings came from {', '.join(meter.name for meter in missing)} within {elapsed:.0f} s",
            f"look at {settings.folder / 'logs'}, and at the dead letters and parked records named above",
            ExitCode.INCOMPLETE,
        )


def _prepare(
    settings: DemoSettings, scene: Scene, console: Console, stack: ExitStack, children: Children
) -> tuple[str, Follower]:
    """Start everything; return the Kafka and a follower of the topics from before the first record."""
    console.print()
    console.print("  [bold]AMI Gateway[/]: six meters, an agent, a normalizer and a real Kafka")
    console.print()
    with Preparation(console) as progress:
        bootstrap, follower = kafka(settings.folder, settings.bootstrap, WATCHED, progress, stack)
        progress.begin("meters", "starting the virtual meters")
        scene.write_keys()
        stack.enter_context(children)
        polled = {meter.name: children.start(meter.name, scene.polled_command(meter)) for meter in POLLED}
        addresses = {name: _listening(children, child) for name, child in polled.items()}
        port = free_port()
        progress.finish(f"{len(POLLED)} to be read, {len(PUSHING)} that push")

        progress.begin("agent", "starting `ami collect`")
        scene.write_agent(bootstrap, addresses, port)
        normalizer = children.start("normalizer", scene.normalizer_command(bootstrap))
        agent = children.start("agent", scene.agent_command())
        await_port(children, port)
        progress.finish(f"listens on 127.0.0.1:{port}, process {agent.process.pid}")
        progress.begin("normalizer", "starting `ami normalize`")
        for meter in PUSHING:
            children.start(meter.name, scene.pushing_command(meter, port))
        children.check()
        progress.finish(f"process {normalizer.process.pid}")
    console.print()
    return bootstrap, follower


def _watch(follower: Follower, tally: Tally, children: Children, console: Console, duration_s: float) -> None:
    """Show readings until those of every meter came and the duration has passed, or it took too long.

    Then the meters and the agent end, and the normalizer gets a while for what is still on its way.
    """
    began = time.monotonic()
    with Screen(console, METERS) as screen:

        def step() -> float:
            new: list[Row] = []
            until = time.monotonic() + _REFRESH_S
            while time.monotonic() < until:
                for record in follower.poll(max(0.01, until - time.monotonic())):
                    new.extend(tally.add(record))
            elapsed = time.monotonic() - began
            screen.show(tally, new, elapsed)
            children.check()
            return elapsed

        while step() < (duration_s if all(map(tally.arrived, METERS)) else max(duration_s, _ARRIVED_WITHIN_S)):
            pass
        children.stop("agent", *(meter.name for meter in METERS))
        ended = step()
        while step() < ended + _SETTLED_WITHIN_S and tally.unaccounted():
            pass


def _listening(children: Children, child: Child) -> str:
    """Wait for a virtual meter to say where it listens."""
    return str(children.ready(child, READY_WITHIN_S)["listening"])
