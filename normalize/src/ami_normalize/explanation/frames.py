"""The frames of a raw record: where each stands, between whom, and whether its check sequences are right."""

from __future__ import annotations

from typing import Any, Final

from ami_dlms.framing import Framing, hdlc, mbus, p1, wrapper
from ami_dlms.framing.hdlc import HdlcFound
from ami_dlms.framing.scan import Found, Scan, Wait

_KINDS: Final = {
    0: "I", hdlc.UI: "UI", hdlc.SNRM: "SNRM", hdlc.UA: "UA", hdlc.DISC: "DISC", hdlc.DM: "DM", hdlc.FRMR: "FRMR",
    hdlc.RR: "RR", hdlc.RNR: "RNR", hdlc.REJ: "REJ",
}  # fmt: skip


def frames(octets: bytes, carrier: Framing) -> list[dict[str, Any]]:
    """Return the frames in order; what is between them is `noise`."""
    found: list[dict[str, Any]] = []
    at = 0
    while at < len(octets):
        frame = _frame(octets, at, carrier, due=not found or found[-1]["kind"] != "noise")
        if frame is None:
            if found and found[-1]["kind"] == "noise":
                found[-1]["length"] += 1
            else:
                found.append({"offset": at, "length": 1, "kind": "noise"})
            at += 1
            continue
        found.append({"offset": at, **frame})
        at += frame["length"]
    return found


def _frame(octets: bytes, at: int, carrier: Framing, *, due: bool) -> dict[str, Any] | None:
    """Read a frame, whole or cut off; None where none begins. `due`: one is expected here, nothing disturbed before."""
    found: Scan
    if carrier is Framing.HDLC:
        return _hdlc(octets, at, due=due)
    if carrier is Framing.WRAPPER:
        found = wrapper.scan(octets, at, trusted=due)
    elif carrier is Framing.MBUS:
        found = mbus.scan(octets, at)
    elif carrier is Framing.P1:
        is_text = octets[at : at + 1] == b"/"
        found = (
            p1.scan_text(octets, at, resume=0, final=True) if is_text else p1.scan_ciphered(octets, at, trusted=True)
        )
    else:
        return {"length": len(octets) - at, "kind": "no framing"}
    if not isinstance(found, Found):
        return _cut_off(found, octets, at, carrier, due=due)
    return {
        "length": found.end - at,
        "kind": carrier.value,
        "source": found.source,
        "destination": found.destination,
        "intact": found.intact,
        **({"segment": found.number, "more": found.more} if found.number is not None else {}),
    }


def _cut_off(found: Scan | HdlcFound, octets: bytes, at: int, carrier: Framing, *, due: bool) -> dict[str, Any] | None:
    """Tell of a frame that says it is longer than what is there; None for what is none."""
    if not isinstance(found, Wait) or not due:
        return None
    missing = found.need - len(octets)
    return {"length": len(octets) - at, "kind": f"{carrier.value}, cut off: {missing} octets or more are missing"}


def _hdlc(octets: bytes, at: int, *, due: bool) -> dict[str, Any] | None:
    if octets[at] != hdlc.FLAG:
        return None
    found = hdlc.scan_frame(octets, at)
    if not isinstance(found, HdlcFound):
        return _cut_off(found, octets, at, Framing.HDLC, due=due and len(octets) - at > 1)
    frame = found.frame
    return {
        "length": found.end - at,
        "kind": f"hdlc {_KINDS.get(frame.kind, hex(frame.control))}",
        "source": hdlc.address_value(frame.source),
        "destination": hdlc.address_value(frame.destination),
        "intact": found.intact,
        **({"segment": frame.send_number} if frame.is_information else {}),
        "more": frame.segmented,
    }
