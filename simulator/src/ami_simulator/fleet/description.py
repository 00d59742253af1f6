"""What a fleet is: a YAML (or JSON) file, checked completely before anything starts.

    meters: 10000
    seed: 7
    authentication: {lls: 0.5, hls-gmac: 0.5}
    listen: {address: 127.16.0.1, port: 4059}
    faults:
      - {kind: hang, share: 0.05, from_s: 30, until_s: 90}

Everything drawn is drawn by the seed: two runs of one description have the same meters, keys, values and faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any, Final

import yaml

from ami_dlms.errors import UsageError
from ami_dlms.framing import Framing
from ami_dlms.security import Protection
from ami_dlms.server import Authentication
from ami_simulator.fleet.faults import Fault, read_faults, read_zone
from ami_simulator.fleet.section import Section
from ami_simulator.push import Transport

MOST_METERS: Final = 1_000_000
MOST_BEHIND: Final = 4000
"""Meters behind one address: each has a logical device (wrapper) or a physical one (HDLC) of its own."""
AUTHENTICATIONS: Final = tuple(
    item.value for item in Authentication if item not in (Authentication.HLS, Authentication.HLS_ECDSA)
)
FRAMINGS: Final = (Framing.WRAPPER.value, Framing.HDLC.value)
PROTECTIONS: Final = tuple(item.value for item in Protection)
AGENT_TITLE: Final = "414d490000000001"
_LOOPBACK_LAST: Final = int(IPv4Address("127.255.255.254"))


@dataclass(frozen=True, slots=True)
class Listening:
    """Where meters are: consecutive loopback addresses, one port, `behind` meters at each address."""

    address: IPv4Address
    port: int
    behind: int = 1

    def host(self, index: int) -> str:
        """Return the address of a meter."""
        return str(self.address + index // self.behind)


@dataclass(frozen=True, slots=True)
class Pushing:
    """How meters push."""

    host: str
    port: int
    share: float
    """How many of the meters."""
    transport: Mapping[str, float]
    protection: Mapping[str, float] | None
    """None: authenticated and encrypted with hls-gmac, else none."""
    rate: float
    """Pushes a second, of all meters together."""
    connections: int
    """TCP connections that are kept; meters share them, as behind a concentrator."""
    kept: float
    """Share of the meters of TCP that use those; the others make a connection for each push."""
    sources: int
    """UDP sockets."""
    seconds: float
    """How long; 0: until told to end."""


@dataclass(frozen=True, slots=True)
class FleetDescription:
    """The whole description."""

    meters: int
    seed: int
    first_serial: int
    authentication: Mapping[str, float]
    framing: Mapping[str, float]
    suite: int
    zone: tzinfo
    clock: datetime | None
    """What meters take for the time when the fleet begins; None: that of this machine."""
    client_system_title: bytes
    listen: Listening | None
    push: Pushing | None
    faults: tuple[Fault, ...]


def load(path: Path) -> dict[str, Any]:
    """Read a description file as it is; raises UsageError."""
    try:
        tree = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"The description {path} cannot be read: {error.strerror}.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "it"
        raise UsageError(f"The description {path}: {where} is not valid YAML ({error.problem}).") from None
    except (UnicodeDecodeError, yaml.YAMLError):
        raise UsageError(f"The description {path} is not YAML text.") from None
    if not isinstance(tree, dict):
        raise UsageError(f"The description {path} holds no keys like `meters:`.")
    return tree


def read(tree: Mapping[str, Any]) -> FleetDescription:
    """Check a description; raises UsageError with the place and what is wrong there."""
    top = Section(tree)
    meters = top.integer("meters", 100, 1, MOST_METERS)
    title = top.text("client_system_title", AGENT_TITLE)
    if len(title) != 16 or set(title.lower()) - set("0123456789abcdef"):
        raise top.wrong("client_system_title", f"'{title}' is not 16 hexadecimal digits; write them in quotes")
    deviation = top.integer("deviation", -60, -720, 720)
    zone = read_zone(top, "zone", "") or timezone(timedelta(minutes=-deviation))
    listen, push = top.optional("listen"), top.optional("push")
    if listen is None and push is None:
        raise UsageError("A fleet that is to do something needs `listen`, `push` or both.")
    found = FleetDescription(
        meters=meters,
        seed=top.integer("seed", 1, 0, (1 << 63) - 1),
        first_serial=top.integer("first_serial", 1, 0, 90_000_000),
        authentication=top.shares("authentication", "none", AUTHENTICATIONS),
        framing=top.shares("framing", "wrapper", FRAMINGS),
        suite=top.integer("suite", 0, 0, 2),
        zone=zone,
        clock=top.instant("clock", None),
        client_system_title=bytes.fromhex(title),
        listen=None if listen is None else _listening(listen, meters),
        push=None if push is None else _pushing(push, meters),
        faults=read_faults(top.sections("faults"), meters),
    )
    top.end()
    return found


def _listening(section: Section, meters: int) -> Listening:
    text = section.text("address", "127.16.0.1")
    try:
        address = ip_address(text)
    except ValueError:
        raise section.wrong("address", f"'{text}' is no address") from None
    behind = section.integer("behind", 1, 1, MOST_BEHIND)
    port = section.integer("port", 4059, 0, 65_535)
    section.end()
    if not isinstance(address, IPv4Address) or not address.is_loopback:
        raise section.wrong("address", f"'{text}' is not on the loopback network 127.0.0.0/8; meters live nowhere else")
    if int(address) + (meters - 1) // behind > _LOOPBACK_LAST:
        raise section.wrong("address", f"from '{text}' on there are not enough addresses for {meters} meters")
    return Listening(address, port, behind)


def _pushing(section: Section, meters: int) -> Pushing:
    if "to" not in section:
        raise section.wrong(
            "to", "nobody to push to; give the listener, or leave out what is said of pushes, also seconds"
        )
    host, colon, port = section.text("to", "").rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise section.wrong("to", "give the listener as HOST:PORT")
    share = section.number("share", 1.0, 0.0, 1.0)
    pushing = round(share * meters)
    if not pushing:
        raise section.wrong("share", "no meter is left to push")
    if "rate" in section and "every_s" in section:
        raise section.wrong("rate", "give either rate or every_s")
    every = section.number("every_s", 60.0, 0.001, 1e7)
    found = Pushing(
        host=host.strip("[]"),
        port=int(port),
        share=share,
        transport=section.shares("transport", "tcp", [item.value for item in Transport]),
        protection=section.shares("protection", "none", PROTECTIONS) if "protection" in section else None,
        rate=section.number("rate", pushing / every, 0.001, 1e6),
        connections=section.integer("connections", min(64, pushing), 1, 60_000),
        kept=section.number("kept", 1.0, 0.0, 1.0),
        sources=section.integer("sources", 8, 1, 10_000),
        seconds=section.number("seconds", 0.0, 0.0, 1e9),
    )
    section.end()
    return found
