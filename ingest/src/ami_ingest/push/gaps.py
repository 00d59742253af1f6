"""Gaps in the invocation counters of pushing meters: what UDP may have lost on the way, cheaply and within bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from ami_dlms.framing import Message
from ami_ingest import system_title

_METERS: Final = 100_000
_SECURITY_HEADER: Final = 5
"""Security control and invocation counter."""


class CounterGaps:
    """Counts the counters that did not come, by system title.

    A meter counts everything that it protects under a key, its answers to a head-end too: so this is the most that can
    have been lost, not what was. A counter that goes back begins again.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[bytes, int] = OrderedDict()
        self.missing = 0
        """Counters between those that came."""

    def note(self, messages: Iterable[Message]) -> None:
        """Look at what came in over UDP."""
        for message in messages:
            for apdu in message.apdus:
                counter = _counter(apdu)
                if counter is None:
                    continue
                title, number = counter
                last = self._last.pop(title, None)
                if last is not None and number > last + 1:
                    self.missing += number - last - 1
                self._last[title] = number
                if len(self._last) > _METERS:
                    self._last.popitem(last=False)


def _counter(apdu: bytes) -> tuple[bytes, int] | None:
    """Return system title and invocation counter of a general-glo-ciphering APDU (Green Book, 9.2.7.2.4.8)."""
    if not apdu or apdu[0] != system_title.GENERAL_GLO_CIPHERING:
        return None
    title = system_title.find((apdu,))
    if title is None or len(apdu) < 11:
        return None
    length = apdu[10]
    at = 11 + (length & 0x7F if length & 0x80 else 0)
    header = apdu[at : at + _SECURITY_HEADER]
    return (title, int.from_bytes(header[1:], "big")) if len(header) == _SECURITY_HEADER else None
