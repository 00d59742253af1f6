"""What the faults of the wire make of the octets a meter sends."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Final, NamedTuple

from ami_dlms.framing import hdlc
from ami_simulator.fleet.faults import ON_THE_WIRE, Fault, Kind

_FLAG: Final = 0x7E


class Spoiled(NamedTuple):
    """What really goes out."""

    octets: bytes
    close: bool = False
    """The connection ends behind them."""
    acted: tuple[Fault, ...] = ()
    """The faults that made it so."""

    @property
    def mark(self) -> str:
        """The kinds of the faults, empty where there were none."""
        return ",".join(fault.kind.value for fault in self.acted)


def spoil(octets: bytes, faults: Iterable[Fault], random: Random, *, associated: bool) -> Spoiled:
    """Return what becomes of an answer or a push under the faults in force."""
    out = Spoiled(octets)
    for fault in faults:
        if fault.kind in ON_THE_WIRE and fault.shows(associated=associated) and not out.close:
            after = _spoil(out.octets, fault, random)
            if after is not None:
                out = Spoiled(after, out.close or fault.kind is Kind.DROP, (*out.acted, fault))
    return out


def _spoil(octets: bytes, fault: Fault, random: Random) -> bytes | None:
    """Return the octets under one fault; None where it does nothing to them."""
    if not octets:
        return None
    if fault.kind is Kind.HANG:
        return b""
    if fault.kind is Kind.NOISE:
        noise = random.randbytes(fault.octets)
        return noise + octets if fault.in_front else noise
    if fault.kind is Kind.CRC:
        damaged = b"".join(_damaged(frame) if random.random() < fault.odds else frame for frame in frames(octets))
        return None if damaged == octets else damaged
    wanted = len(octets) // 2 if fault.after is None else fault.after
    return octets[: max(1, min(wanted, len(octets) - 1))]


def frames(octets: bytes) -> list[bytes]:
    """Cut HDLC frames that stand one behind another; what is none stays in one piece."""
    found, at = [], 0
    while at + 3 <= len(octets) and octets[at] == _FLAG and octets[at + 1] & 0xF0 == hdlc.FORMAT:
        end = at + 2 + ((octets[at + 1] & 7) << 8 | octets[at + 2])
        found.append(octets[at:end])
        at = end
    return [*found, octets[at:]] if at < len(octets) else found


def _damaged(frame: bytes) -> bytes:
    """Return a frame whose last check sequence is wrong, and is no flag."""
    if len(frame) < 4 or frame[0] != _FLAG:
        return frame
    wrong = frame[-2] ^ 0x55
    return frame[:-2] + bytes((wrong if wrong != _FLAG else wrong ^ 1,)) + frame[-1:]
