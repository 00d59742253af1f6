"""Files of captured frames: hex lines, or the corpus' JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, NamedTuple

from ami_dlms.framing import wrapper
from ami_ingest.errors import FramesError

_LLC: Final = (b"\xe6\xe7\x00", b"\xe6\xe6\x00")
_METER: Final = 1
_CLIENT: Final = 16
_UNFRAMED: Final = "raw-apdu"


class Frames(NamedTuple):
    """One captured message, as it is sent."""

    id: str
    data: bytes
    transport: str
    """As the file says: hdlc, wrapper, mbus, raw-apdu, dsmr-p1; empty for a hex line."""


def read_frames(path: Path) -> list[Frames]:
    """Read a file whose lines are hex (spaces allowed, `#` begins a comment) or JSON objects with `hex`.

    An APDU without framing (`transport` raw-apdu, or a hex line that begins like no frame) comes back in a COSEM
    wrapper, without an LLC header in front: that belongs to HDLC. Raises FramesError naming the line, or OSError.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise FramesError(f"{path}: the file is not UTF-8 text; give a file of hex or JSON lines") from None
    frames: list[Frames] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            frames.append(_json(path, number, text) if text.startswith("{") else _hex(path, number, text))
    return frames


def _json(path: Path, number: int, text: str) -> Frames:
    try:
        members = json.loads(text)
        data = bytes.fromhex(members["hex"])
        transport = str(members.get("transport") or "")
    except (ValueError, KeyError, TypeError):
        raise FramesError(f"{path}: line {number} is no JSON object with `hex`; correct it") from None
    if transport == _UNFRAMED or (not transport and not _framed(data)):
        data = _wrapped(path, number, data)
    return Frames(str(members.get("id", f"line {number}")), data, transport)


def _hex(path: Path, number: int, text: str) -> Frames:
    try:
        data = bytes.fromhex(text.partition("#")[0])
    except ValueError:
        raise FramesError(f"{path}: line {number} is not hexadecimal; correct it") from None
    return Frames(f"line {number}", data if _framed(data) else _wrapped(path, number, data), "")


def _framed(data: bytes) -> bool:
    """Whether octets begin like HDLC, M-Bus, P1 text or a wrapper."""
    return data[:1] in (b"\x7e", b"\x68", b"/") or data[:2] == b"\x00\x01"


def _wrapped(path: Path, number: int, apdu: bytes) -> bytes:
    if apdu.startswith(_LLC):
        apdu = apdu[3:]
    if len(apdu) > wrapper.MAX_APDU:
        raise FramesError(f"{path}: line {number} holds {len(apdu)} octets, too many for a wrapper; frame them")
    return wrapper.encode(apdu, _METER, _CLIENT)
