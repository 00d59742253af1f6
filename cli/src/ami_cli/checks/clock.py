"""Whether this machine's clock is right: stamps of intervals, certificates and clock checks of meters depend on it."""

from __future__ import annotations

import ctypes
import struct
import time
from pathlib import Path
from typing import Final, NamedTuple

from ami_cli.checks.finding import Finding, Level

_UNSYNCHRONISED: Final = 0x0040
"""STA_UNSYNC of adjtimex(2)."""
_ERROR: Final = 5
"""TIME_ERROR of adjtimex(2)."""
_MOST_ERROR_S: Final = 1.0
_EARLIEST: Final = 1735689600.0
"""2025-01-01: a machine whose battery is empty begins in 1970."""
_REMEDY: Final = "timedatectl set-ntp true, or install chrony"


class Kernel(NamedTuple):
    """What the kernel knows of its clock."""

    synchronised: bool
    error_s: float
    """The clock is off by at most so much, as far as is known."""


def clock(
    kernel: Kernel | None = None,
    now: float | None = None,
    timesync: Path = Path("/run/systemd/timesync/synchronized"),
) -> Finding:
    """Look whether something keeps the clock right."""
    at = time.time() if now is None else now
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
    if at < _EARLIEST:
        return Finding(Level.FAIL, "clock", f"{shown} is long ago", f"set the clock; {_REMEDY}")
    found = kernel or adjtimex()
    if found is None:
        if timesync.exists():
            return Finding(Level.OK, "clock", f"{shown}, synchronised by systemd-timesyncd")
        return Finding(Level.WARN, "clock", f"{shown}, the kernel does not tell whether it is synchronised", _REMEDY)
    if not found.synchronised:
        return Finding(Level.WARN, "clock", f"{shown}, not synchronised: it drifts", _REMEDY)
    if found.error_s > _MOST_ERROR_S:
        known = f"{shown}, off by up to {found.error_s:.1f} s: it was synchronised long ago"
        return Finding(Level.WARN, "clock", known, "look whether the time servers answer (`chronyc sources`)")
    return Finding(Level.OK, "clock", f"{shown}, synchronised, off by at most {found.error_s * 1000:.0f} ms")


def adjtimex() -> Kernel | None:
    """Ask the kernel (adjtimex(2), changing nothing); None where it does not answer."""
    buffer = ctypes.create_string_buffer(512)
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (AttributeError, OSError):
        return None
    return None if state < 0 else read_timex(bytes(buffer), state)


def read_timex(octets: bytes, state: int) -> Kernel:
    """Read `struct timex`: modes, then offset, freq, maxerror and esterror as longs, then status."""
    _, _, _, maxerror_us, _, status = struct.unpack_from("@Illlli", octets)
    return Kernel(state != _ERROR and not status & _UNSYNCHRONISED, maxerror_us / 1e6)
