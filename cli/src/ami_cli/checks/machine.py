"""What the machine gives: room, speed of the disk, load, files, ports, buffers."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from ami_cli.checks.finding import Finding, Level

_GIB: Final = 1 << 30
_SYNCS: Final = 16
_SLOW_S: Final = 0.05
"""A commit of the spool that takes longer makes meters wait for the disk."""
_BUFFER: Final = 8 << 20
"""What the agent asks for to hold datagrams that wait, octets."""
_OWN_FILES: Final = 200
"""Files and sockets of the agent that are no meter's."""


def state_folder() -> Path:
    """Return where this machine keeps what it can make again."""
    try:
        from ami_kafka.state import state_dir
    except ModuleNotFoundError:
        return Path.cwd()
    return state_dir()


def existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def disk(folder: Path, named_by: str) -> Finding:
    """Look for room for the spool and the local broker; `named_by` is what says which folder that is."""
    there = existing(folder)
    free = shutil.disk_usage(there).free / _GIB
    found = f"{free:.1f} GiB free for {folder}"
    if not os.access(there, os.W_OK):
        return Finding(Level.FAIL, "disk", f"{there} is not writable", f"set {named_by} to a folder of your own")
    if free < 1:
        return Finding(Level.FAIL, "disk", found, f"free some space, or set {named_by} to another disk")
    if free < 5:
        return Finding(Level.WARN, "disk", found, "enough for a trial; spool and Kafka need more for long")
    return Finding(Level.OK, "disk", found)


def disk_speed(folder: Path, measure: Callable[[Path], Sequence[float]] | None = None) -> Finding:
    """See how long it takes until written octets are safe on the spool's disk."""
    try:
        times = (measure or _sync_times)(existing(folder))
    except OSError as error:
        return Finding(
            Level.WARN, "disk speed", f"cannot be measured ({error.strerror})", f"make {existing(folder)} writable"
        )
    found = f"a write is safe after {median(times) * 1000:.1f} ms, at most {max(times) * 1000:.0f} ms"
    if median(times) > _SLOW_S:
        return Finding(
            Level.WARN, "disk speed", found, "each commit of the spool waits so long: put state_dir on a faster disk"
        )
    return Finding(Level.OK, "disk speed", found)


def _sync_times(folder: Path) -> list[float]:
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_SYNCS):
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return times


def load(averages: tuple[float, float, float] | None = None, cores: int | None = None) -> Finding:
    """Compare the work that waits for a processor with how many there are."""
    one, five, fifteen = averages or os.getloadavg()
    count = cores or os.cpu_count() or 1
    found = f"load {one:.1f}, {five:.1f}, {fifteen:.1f} on {count} CPU" + ("s" if count > 1 else "")
    if five > 1.5 * count:
        return Finding(Level.WARN, "CPU", found, "find what keeps it busy (`top`)")
    return Finding(Level.OK, "CPU", found)


_PRESSURES: Final = (
    ("cpu", "some", 50.0, "find what keeps the CPUs busy (`top`)"),
    ("io", "full", 20.0, "find what keeps the disk busy (`iotop`); put state_dir on a disk of its own"),
    ("memory", "full", 5.0, "find what takes the memory (`top`)"),
)
"""Resource, line, share of the last minute in percent that is too much, and what to do (Linux PSI)."""


def pressure(folder: Path = Path("/proc/pressure")) -> Iterator[Finding]:
    """See for which share of the last minute work stood still, waiting for CPU, disk or memory."""
    for name, line, most, remedy in _PRESSURES:
        share = _stalled(folder / name, line)
        if share is None:
            continue
        found = f"{'all' if line == 'full' else 'some'} work waited for it {share:.0f} % of the last minute"
        level = Level.WARN if share > most else Level.OK
        yield Finding(level, f"{name} pressure", found, remedy if level is Level.WARN else "")


def _stalled(path: Path, line: str) -> float | None:
    try:
        for each in path.read_text(encoding="ascii").splitlines():
            kind, *pairs = each.split()
            if kind == line:
                return float(dict(pair.split("=", 1) for pair in pairs)["avg60"])
    except (OSError, ValueError, KeyError):
        pass  # not this kernel's, or not for this user
    return None


def files(connections: int, limits: tuple[int, int] | None = None) -> Finding:
    """Compare how many files may be open with the connections configured."""
    soft, hard = limits or resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OWN_FILES
    most = max(soft, hard) if hard != resource.RLIM_INFINITY else needed
    found = f"{_files(soft)} files may be open, {_files(hard)} at most; the agent takes up to {needed}"
    if most >= needed:
        return Finding(Level.OK, "open files", found)
    return Finding(
        Level.FAIL, "open files", found, f"LimitNOFILE={needed} in the systemd unit, or `ulimit -Hn {needed}`"
    )


def _files(limit: int) -> str:
    return "any number of" if limit == resource.RLIM_INFINITY else str(limit)


def receive_buffer(path: Path = Path("/proc/sys/net/core/rmem_max")) -> Iterator[Finding]:
    """Look whether the system lets datagrams wait while the agent is busy."""
    try:
        most = int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return
    found = f"net.core.rmem_max is {most >> 10} KiB"
    if most < _BUFFER:
        remedy = f"write net.core.rmem_max={_BUFFER} into /etc/sysctl.d/90-ami.conf, then run `sysctl --system`"
        yield Finding(Level.WARN, "UDP buffer", f"{found}: bursts of datagrams are dropped", remedy)
    else:
        yield Finding(Level.OK, "UDP buffer", found)


def port(number: int, what: str) -> Finding:
    """See whether a well-known port is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", number))
        except OSError as error:
            found = f"in use or not ours ({error.strerror})"
            return Finding(Level.WARN, f"port {number}", found, f"fine if it is {what}; else choose another port")
    return Finding(Level.OK, f"port {number}", f"free for {what}")
