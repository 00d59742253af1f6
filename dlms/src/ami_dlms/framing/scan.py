"""What a scanner says about one place in the received octets.

A scanner is a function of the buffer and a place in it; it never changes the buffer and looks at a bounded stretch of
it. It answers with `Found`, `Wait` or `Reject`.
"""

from __future__ import annotations

from typing import NamedTuple

Octets = bytes | bytearray


class Found(NamedTuple):
    """A frame starts here."""

    end: int
    """Index behind the frame."""
    payload: bytes | None
    """What it carries towards an APDU, LLC included; None for a frame of the link alone."""
    intact: bool = True
    """All its check sequences are right."""
    more: bool = False
    """Segments of the same APDU follow."""
    begins: bool = True
    """It certainly begins an APDU."""
    may_begin: bool = True
    """It can be the first frame of an APDU."""
    number: int | None = None
    """The frame's own sequence number, modulo `modulus`."""
    modulus: int = 0
    source: int | None = None
    destination: int | None = None
    weak: bool = False
    """Little speaks for a frame: a better candidate inside wins."""


class Wait(NamedTuple):
    """It cannot be told before the buffer holds `need` octets."""

    need: int
    weak: bool = False
    """Little speaks for a frame: a better candidate inside wins."""
    resume: int = 0
    """What the scanner wants back at its next call for this place, relative to the place."""


class Reject(NamedTuple):
    """No frame starts here."""

    barrier: int = 0
    """No frame of this framing starts before this index."""


REJECT = Reject()
Scan = Found | Wait | Reject
