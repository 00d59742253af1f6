"""`ami simulate fleet`: run a fleet in the foreground until it is told to end; `ami simulate truth`: what it said."""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import yaml

from ami_dlms.errors import UsageError
from ami_simulator.fleet import inventory
from ami_simulator.fleet.counts import Counts
from ami_simulator.fleet.description import AUTHENTICATIONS, FRAMINGS, PROTECTIONS, load, read
from ami_simulator.fleet.faults import Kind
from ami_simulator.fleet.fleet import Fleet
from ami_simulator.fleet.pushing import FleetPusher
from ami_simulator.fleet.reactor import Reactor
from ami_simulator.fleet.serving import FleetServer
from ami_simulator.fleet.truth import PushSent, TruthLog, read_log

USAGE: Final = 2
MISSING: Final = 7
STATUS_S: Final = 1.0
TRUTH_S: Final = 0.1
COLLECT_AFTER: Final = 100_000
"""Objects made between two collections: a fleet makes many that stay, and cycles of garbage hardly ever."""

EXAMPLES: Final = """
examples:
  ami simulate fleet --meters 10000 --auth lls=0.5,hls-gmac=0.5 --listen 127.16.0.1:4059 --inventory fleet/
  ami simulate fleet --meters 200000 --push 127.0.0.1:4059 --rate 20000 --push-protection authenticated-encrypted
  ami simulate fleet --meters 2000 --listen 127.16.0.1:4059 --fault hang:share=0.05 --fault drop:share=0.05,from_s=30
  ami simulate fleet --config fleet.yaml --truth fleet.jsonl --json

What options say goes before what the file says. docs/fleet.md tells all keys of the file and all faults.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line of `ami simulate fleet`."""
    made = argparse.ArgumentParser(
        "ami simulate fleet",
        description="Run a fleet of virtual meters: thousands that can be read, hundreds of thousands that push.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--config", metavar="FILE", type=Path, help="description of the fleet, YAML or JSON")
    fleet = made.add_argument_group("meters")
    fleet.add_argument("--meters", type=int, metavar="N", help="how many (default 100)")
    fleet.add_argument("--seed", type=int, metavar="N", help="of keys, values and faults (default 1)")
    shares = "a name, or shares like {}"
    fleet.add_argument(
        "--auth", metavar="SHARES", help=f"{', '.join(AUTHENTICATIONS)}: {shares.format('lls=0.5,none=0.5')}"
    )
    fleet.add_argument("--framing", metavar="SHARES", help=f"{', '.join(FRAMINGS)}: as --auth")
    fleet.add_argument("--suite", type=int, metavar="N", help="security suite 0, 1 or 2 (default 0)")
    served = made.add_argument_group("meters that are read")
    served.add_argument(
        "--listen", metavar="HOST:PORT", help="the first meter's address, on 127.0.0.0/8; the next has the next"
    )
    served.add_argument(
        "--behind", type=int, metavar="N", help="meters behind each address, as behind a concentrator (default 1)"
    )
    pushing = made.add_argument_group("meters that push")
    pushing.add_argument("--push", metavar="HOST:PORT", help="the listener")
    pushing.add_argument("--rate", type=float, metavar="N", help="pushes a second, of all meters together")
    pushing.add_argument(
        "--every",
        type=float,
        metavar="S",
        help="in place of --rate: seconds between two pushes of a meter (default 60)",
    )
    pushing.add_argument("--push-transport", metavar="SHARES", help="tcp, udp: as --auth (default tcp)")
    pushing.add_argument("--push-protection", metavar="SHARES", help=f"{', '.join(PROTECTIONS)}: as --auth")
    pushing.add_argument("--connections", type=int, metavar="N", help="TCP connections that are kept (default 64)")
    pushing.add_argument(
        "--kept",
        type=float,
        metavar="SHARE",
        help="share of meters that use those; others connect for each push (default 1)",
    )
    pushing.add_argument("--sources", type=int, metavar="N", help="UDP sockets (default 8)")
    pushing.add_argument("--seconds", type=float, metavar="S", help="push this long, then end if nothing is served")
    made.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND:KEY=VALUE,…",
        help=f"a fault; kinds: {', '.join(kind.value for kind in Kind)}; keys: share, meters, from_s …",
    )
    made.add_argument("--only", choices=["serve", "push"], help="half of a description, for two processes of one fleet")
    said = made.add_argument_group("what is written")
    said.add_argument(
        "--inventory", metavar="FOLDER", type=Path, help="write meters, secrets and keys for the other side there"
    )
    said.add_argument("--truth", metavar="FILE", type=Path, help="log what is said, for `ami simulate truth FILE`")
    said.add_argument("--json", action="store_true", help="status as JSON lines")
    return made


def described(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the description: the file's, with what the options say on top."""
    tree = load(arguments.config) if arguments.config else {}
    _put(tree, (), {
        "meters": arguments.meters,
        "seed": arguments.seed,
        "authentication": _shares(arguments.auth),
        "framing": _shares(arguments.framing),
        "suite": arguments.suite,
    })  # fmt: skip
    address, port = _address(arguments.listen)
    _put(tree, ("listen",), {"address": address, "port": port, "behind": arguments.behind})
    if arguments.rate is not None and isinstance(tree.get("push"), dict):
        tree["push"].pop("every_s", None)
    if arguments.every is not None and isinstance(tree.get("push"), dict):
        tree["push"].pop("rate", None)
    _put(tree, ("push",), {
        "to": arguments.push,
        "rate": arguments.rate,
        "every_s": arguments.every,
        "transport": _shares(arguments.push_transport),
        "protection": _shares(arguments.push_protection),
        "connections": arguments.connections,
        "kept": arguments.kept,
        "sources": arguments.sources,
        "seconds": arguments.seconds,
    })  # fmt: skip
    if arguments.fault:
        tree["faults"] = [*(tree.get("faults") or ()), *map(_fault, arguments.fault)]
    return tree


def _put(tree: dict[str, Any], path: Sequence[str], options: dict[str, Any]) -> None:
    given = {key: value for key, value in options.items() if value is not None}
    if not given:
        return
    for key in path:
        tree = tree.setdefault(key, {})
    tree.update(given)


def _address(text: str | None) -> tuple[str | None, int | None]:
    if text is None:
        return None, None
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        raise UsageError(f"An address is HOST:PORT, not '{text}'.")
    return host, int(port)


def _shares(text: str | None) -> object:
    if text is None or "=" not in text:
        return text
    return dict(_pair(item) for item in text.split(","))


def _fault(text: str) -> dict[str, Any]:
    kind, _, options = text.partition(":")
    return {"kind": kind, **dict(_pair(item) for item in options.split(",") if item)}


def _pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"'{text}' is not KEY=VALUE.")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError:
        return key, value


class Run:
    """One run of a fleet."""

    def __init__(self, tree: dict[str, Any], arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._tree = tree
        description = read(tree)
        self._listen = None if arguments.only == "push" else description.listen
        self._push = None if arguments.only == "serve" else description.push
        if self._listen is None and self._push is None:
            raise UsageError(f"The description has nothing to {arguments.only}.")
        self.fleet = Fleet(description, beside_pushes=self._push is None and description.push is not None)
        self.counts = Counts()
        self.reactor = Reactor()
        self.server: FleetServer | None = None
        self.pusher: FleetPusher | None = None
        self._log: TruthLog | None = None
        self._before = (0.0, 0, 0, 0)

    def __call__(self) -> None:
        """Run until a signal, or until all is pushed that was to be."""
        reactor = self.reactor
        _allow_files()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        gc.set_threshold(COLLECT_AFTER, 20, 100)
        with contextlib.ExitStack() as stack:
            stack.callback(reactor.close)
            if self._arguments.truth:
                file = stack.enter_context(self._arguments.truth.open("w", encoding="utf-8"))
                self._log = TruthLog(file, self._tree, int(self.fleet.start))
                self.fleet.keep_truth = True
                stack.callback(self._write_truth)
                reactor.later(TRUTH_S, self._truth)
            if self._listen is not None:
                self.server = FleetServer(self.fleet, self._listen, reactor, self.counts)
                stack.callback(self.server.close)
            if self._arguments.inventory:
                port = None if self.server is None else self.server.port
                inventory.write(self._arguments.inventory, self.fleet.members, port)
            self._say(self._ready())
            if self._push is not None:
                self.pusher = FleetPusher(self.fleet, self._push, reactor, self.counts)
                stack.callback(self.pusher.close)
            reactor.later(STATUS_S, self._status)
            gc.freeze()
            reactor.run()
        self._say({"ended": True, **self._numbers()})

    def _ready(self) -> dict[str, Any]:
        ready: dict[str, Any] = {"ready": True, "meters": len(self.fleet.members)}
        listen, push = self._listen, self._push
        if self.server is not None and listen is not None:
            ready["listening"] = f"{listen.address}:{self.server.port}"
            ready["last"] = f"{listen.host(len(self.fleet.members) - 1)}:{self.server.port}"
            ready["sockets"] = self.server.listening_sockets
        if push is not None:
            ready["pushing"] = f"{push.host}:{push.port}"
            ready["rate"] = push.rate
        return ready

    def _numbers(self) -> dict[str, Any]:
        return {"seconds": round(self.fleet.elapsed(), 3), **self.counts.to_dict()}

    def _status(self) -> None:
        numbers = self._numbers()
        at, associations, requests, pushes = self._before
        passed = max(1e-6, numbers["seconds"] - at)
        for name, before in (("associations", associations), ("requests", requests), ("pushes", pushes)):
            numbers[f"{name}_per_s"] = round((numbers[name] - before) / passed, 1)
        self._before = (numbers["seconds"], numbers["associations"], numbers["requests"], numbers["pushes"])
        self._say(numbers)
        if self.pusher is not None and self.pusher.finished and self.server is None:
            self.reactor.stopping = True
        self.reactor.later(STATUS_S, self._status)

    def _say(self, numbers: dict[str, Any]) -> None:
        if self._arguments.json:
            sys.stdout.write(json.dumps(numbers) + "\n")
        else:
            stays = "ready" in numbers or "ended" in numbers
            begin, end = ("\r\x1b[K", "\n" if stays else "") if sys.stdout.isatty() else ("", "\n")
            sys.stdout.write(f"{begin}{_line(numbers)}{end}")
        sys.stdout.flush()

    def _truth(self) -> None:
        self._write_truth()
        self.reactor.later(TRUTH_S, self._truth)

    def _write_truth(self) -> None:
        if self._log is not None:
            self._log.write(self.fleet.lines)
        self.fleet.lines.clear()

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the form of a signal handler
        self.reactor.stopping = True


def _line(numbers: dict[str, Any]) -> str:
    """Return a status for people."""
    if "ready" in numbers:
        told = [f"{numbers['meters']:,} meters"]
        if "listening" in numbers:
            told.append(f"served at {numbers['listening']} to {numbers['last']}")
        if "pushing" in numbers:
            told.append(f"pushing to {numbers['pushing']}, {numbers['rate']:,.6g} a second")
        return "; ".join(told)
    told = [
        f"{numbers['seconds']:.0f} s{' in all' if 'ended' in numbers else ''}",
        f"{numbers['open_connections']:,} connections",
        f"{numbers['associated']:,} associated",
        f"{numbers['associations']:,} associations{_rate(numbers, 'associations')}",
        f"{numbers['requests']:,} requests{_rate(numbers, 'requests')}",
        f"{numbers['pushes']:,} pushes{_rate(numbers, 'pushes')}",
    ]
    faults = ", ".join(f"{kind} {count:,}" for kind, count in sorted(numbers["faults"].items()))
    return "  ".join(told) + (f"  faults: {faults}" if faults else "")


def _rate(numbers: dict[str, Any], name: str) -> str:
    rate = numbers.get(f"{name}_per_s")
    return f" ({rate:,.0f}/s)" if rate is not None else ""


def _allow_files() -> None:
    """Take as many open files as this user may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(argv: Sequence[str] | None = None) -> None:
    """Run a fleet; ends the process with 2 on a wrong description, and with 7 where it cannot listen."""
    arguments = parser().parse_args(argv)
    try:
        Run(described(arguments), arguments)()
    except UsageError as error:
        _exit(str(error), USAGE, "ami simulate fleet --help, or docs/fleet.md")
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        where = f" {error.filename}" if error.filename else ""
        _exit(f"The fleet cannot run: {reason}{where}.", MISSING, "take a free port, and folders that can be written")


def truth(argv: Sequence[str] | None = None) -> None:
    """Say what a fleet said: its log, each line with meter, time and values."""
    made = argparse.ArgumentParser(
        "ami simulate truth", description="Tell, as JSON lines, what a fleet really sent: from its log (--truth)."
    )
    made.add_argument("log", metavar="FILE", type=Path)
    arguments = made.parse_args(argv)
    try:
        for line in _told(arguments.log):
            sys.stdout.write(line + "\n")
    except UsageError as error:
        _exit(str(error), USAGE, "give the file that `ami simulate fleet --truth FILE` wrote")


def _told(log: Path) -> Iterator[str]:
    for said in read_log(log):
        if isinstance(said, PushSent):
            values = {obis: value._asdict() for obis, value in said.values.items()}
            yield json.dumps({"push": {**said._asdict(), "protection": said.protection.value, "values": values}})
        else:
            yield json.dumps({"read": {**said._asdict(), "value": said.value._asdict()}})


def _exit(message: str, code: int, remedy: str) -> NoReturn:
    sys.stderr.write(f"error: {message}\n  try: {remedy}\n")
    raise SystemExit(code)
