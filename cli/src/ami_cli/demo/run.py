"""The order of events of `ami demo`: prepare, show, sum up; and leave nothing running, whatever happens."""

from __future__ import annotations

import fcntl
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from ami_cli.demo.children import Child, Children
from ami_cli.demo.scene import METERS, POLLED, PUSHING, Scene
from ami_cli.demo.screen import Screen
from ami_cli.demo.summary import print_summary
from ami_cli.demo.tally import Tally
from ami_cli.errors import CommandError, ExitCode
from ami_cli.follow import Follower
from ami_cli.preparation import Preparation
from ami_cli.view.readings import Row
from ami_schemas import topics

WATCHED: Final = (topics.RAW, topics.READINGS, topics.EVENTS, topics.DEAD_LETTERS, topics.PARKED)

_READY_WITHIN_S: Final = 60.0
_ARRIVED_WITHIN_S: Final = 90.0
_SETTLED_WITHIN_S: Final = 10.0
_REFRESH_S: Final = 0.25
_PORT: Final = 4059
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
    with _undisturbed(ExitStack()) as stack:
        stack.enter_context(_own_folder(settings.folder))
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
    from ami_kafka.broker import LocalBroker
    from ami_kafka.check import check
    from ami_kafka.topics import apply

    console.print()
    console.print("  [bold]AMI Gateway[/]: six meters, an agent, a normalizer and a real Kafka")
    console.print()
    with Preparation(console) as progress:
        bootstrap = settings.bootstrap
        if bootstrap is None:
            broker = LocalBroker(settings.folder / "kafka", progress=progress)
            stack.callback(broker.stop)
            stack.enter_context(broker)
            bootstrap = broker.bootstrap
        else:
            progress.begin("Kafka", "asking whether it is there")
            check(bootstrap)
            progress.finish(bootstrap)
        progress.begin("topics", "creating what is declared")
        changes = apply(bootstrap)
        follower = stack.enter_context(Follower(bootstrap, WATCHED, from_beginning=False))
        progress.finish(f"{len(changes)} on {bootstrap}")

        progress.begin("meters", "starting the virtual meters")
        scene.write_keys()
        stack.enter_context(children)
        polled = {meter.name: children.start(meter.name, scene.polled_command(meter)) for meter in POLLED}
        addresses = {name: _listening(children, child) for name, child in polled.items()}
        port = _free_port()
        progress.finish(f"{len(POLLED)} to be read, {len(PUSHING)} that push")

        progress.begin("agent", "starting `ami collect`")
        scene.write_agent(bootstrap, addresses, port)
        normalizer = children.start("normalizer", scene.normalizer_command(bootstrap))
        agent = children.start("agent", scene.agent_command())
        _await_port(children, port)
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
    return str(children.ready(child, _READY_WITHIN_S)["listening"])


def _await_port(children: Children, port: int) -> None:
    """Wait until the agent listens: a connection that says nothing leaves no record."""
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        children.check()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise CommandError(
        f"The agent does not listen on port {port} after {_READY_WITHIN_S:.0f} s",
        "see agent.log in the demo's folder",
        ExitCode.INCOMPLETE,
    )


def _free_port() -> int:
    """Return 4059 if it is free on TCP and UDP, else any port that is."""
    for wanted in (_PORT, 0, 0, 0):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, suppress(OSError):
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind(("127.0.0.1", wanted))
            port = int(tcp.getsockname()[1])
            udp.bind(("127.0.0.1", port))
            return port
    raise CommandError("There is no free port on 127.0.0.1", "end some programs", ExitCode.MISSING)


@contextmanager
def _undisturbed(stack: ExitStack) -> Iterator[ExitStack]:
    """Unwind the stack at the end with signals ignored: a second Ctrl-C must not leave half of it running."""
    try:
        yield stack
    finally:
        before = {number: signal.signal(number, signal.SIG_IGN) for number in _ENDING}
        try:
            stack.close()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _own_folder(folder: Path) -> Iterator[None]:
    """Hold the demo's folder, emptied of what an earlier demo left; two demos at once do not share one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CommandError(
                f"Another `ami demo` is running in {folder}", "wait for it, or end it with Ctrl-C", ExitCode.INCOMPLETE
            ) from None
        _empty(folder)
        yield


def _empty(folder: Path) -> None:
    from ami_kafka.broker import LocalBroker

    # the Kafka of an earlier demo may have been started again to look at its data
    LocalBroker(folder / "kafka").stop()
    for name in ("kafka", "agent", "logs"):
        shutil.rmtree(folder / name, ignore_errors=True)
