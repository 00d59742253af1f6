"""What the demos have in common: a folder of their own, everything that runs in it, and an end in order."""

from __future__ import annotations

import fcntl
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from rich.console import Console

from ami_cli.demo.children import READY_WITHIN_S, Children
from ami_cli.errors import CommandError, ExitCode
from ami_cli.follow import Follower
from ami_cli.preparation import Preparation
from ami_schemas import topics

WATCHED: Final = (topics.RAW, topics.READINGS, topics.EVENTS, topics.DEAD_LETTERS, topics.PARKED)

_PORT: Final = 4059
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stage(folder: Path) -> Iterator[ExitStack]:
    """Hold the demo's folder, emptied; give the stack of what ends with the demo, in order, whatever happens."""
    with _undisturbed(ExitStack()) as stack:
        stack.enter_context(_own_folder(folder))
        yield stack


class Scene(Protocol):
    """The meters of a demo, and the files and command lines of all that runs."""

    folder: Path

    @property
    def title(self) -> str:
        """What is shown, in a few words."""

    def start_meters(self, children: Children, port: int) -> str:
        """Start the meters that are read; return what they are."""

    def write_agent(self, bootstrap: str, port: int) -> None:
        """Write the agent's configuration; it listens on `port`."""

    def agent_command(self) -> list[str]:
        """Return the command line of the agent."""

    def normalizer_command(self, bootstrap: str) -> list[str]:
        """Return the command line of the normalizer."""

    def start_pushes(self, children: Children, port: int) -> str:
        """Start what pushes to the agent; return what it is."""


class Running(NamedTuple):
    """What runs, and who sees what comes of it."""

    bootstrap: str
    follower: Follower
    """Of the topics, from before the first record."""
    children: Children


def prepare(scene: Scene, bootstrap: str | None, console: Console, stack: ExitStack) -> Running:
    """Start everything: a Kafka where none is given, meters, agent, normalizer, and what pushes."""
    console.print()
    console.print(f"  [bold]AMI Gateway[/]: {scene.title}")
    console.print()
    with Preparation(console) as progress:
        bootstrap, follower = _kafka(scene.folder, bootstrap, progress, stack)
        children = stack.enter_context(Children(scene.folder / "logs"))
        progress.begin("meters", "starting those that are read")
        port = free_port()
        progress.finish(scene.start_meters(children, port))
        progress.begin("agent", "starting `ami collect`")
        scene.write_agent(bootstrap, port)
        normalizer = children.start("normalizer", scene.normalizer_command(bootstrap))
        agent = children.start("agent", scene.agent_command())
        _await_port(children, port)
        progress.finish(f"listens on 127.0.0.1:{port}, process {agent.process.pid}")
        progress.begin("normalizer", "starting `ami normalize`")
        children.check()
        progress.finish(f"process {normalizer.process.pid}")
        progress.begin("pushes", "starting them")
        progress.finish(scene.start_pushes(children, port))
    console.print()
    return Running(bootstrap, follower, children)


def _kafka(folder: Path, bootstrap: str | None, progress: Preparation, stack: ExitStack) -> tuple[str, Follower]:
    """Start a Kafka where none is given; return its address, and a follower of topics from before the first record."""
    from ami_kafka.broker import LocalBroker
    from ami_kafka.check import check
    from ami_kafka.topics import apply

    if bootstrap is None:
        broker = LocalBroker(folder / "kafka", progress=progress)
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
    return bootstrap, follower


def _await_port(children: Children, port: int) -> None:
    """Wait until the agent listens: a connection that says nothing leaves no record."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        children.check()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise CommandError(
        f"The agent does not listen on port {port} after {READY_WITHIN_S:.0f} s",
        "see agent.log in the demo's folder",
        ExitCode.INCOMPLETE,
    )


def free_port() -> int:
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
