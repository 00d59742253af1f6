"""Serial ports: optical heads and RS-485 adapters, and whether we may use them."""

from __future__ import annotations

import grp
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ami_cli.checks.finding import Finding, Level

_PATTERNS: Final = ("ttyUSB*", "ttyACM*", "ttyAMA*", "ttymxc*")


def serial_ports(
    dev: Path = Path("/dev"),
    *,
    may_use: Callable[[Path], bool] = lambda port: os.access(port, os.R_OK | os.W_OK),
    group_of: Callable[[Path], str] | None = None,
) -> Iterator[Finding]:
    """Yield each port that is there, or that there is none."""
    names = {link.resolve(): link.name for link in sorted((dev / "serial" / "by-id").glob("*"))}
    ports = sorted({path.resolve() for pattern in _PATTERNS for path in dev.glob(pattern)} | set(names))
    if not ports:
        yield Finding(Level.OK, "serial ports", "none; fine where meters are reached over a network")
        return
    for port in ports:
        known = f" ({names[port]})" if port in names else ""
        if not port.exists():
            yield Finding(Level.WARN, str(port), f"gone{known}", "plug the adapter in again")
        elif may_use(port):
            yield Finding(Level.OK, str(port), f"may be used{known}")
        else:
            group = (group_of or _group)(port)
            remedy = f"usermod -aG {group} USER, then log in again; or Group={group} in the systemd unit"
            yield Finding(Level.WARN, str(port), f"belongs to group {group}, which this user is not in{known}", remedy)


def _group(port: Path) -> str:
    try:
        return grp.getgrgid(port.stat().st_gid).gr_name
    except (KeyError, OSError):
        return "dialout"
