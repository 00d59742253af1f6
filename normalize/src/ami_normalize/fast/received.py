"""When a record was received, from its headers, quickly."""

from __future__ import annotations

from typing import Final

from ami_normalize.instants import micros_of
from ami_normalize.pipeline.identify import received_at

_FORM: Final = len(b"2026-01-01T00:00:00.000000Z")
_SECOND: Final = len(b"2026-01-01T00:00:00.")
_MOST_KEPT: Final = 4096


class Received:
    """Reads `ce_time`, or else the record's own time."""

    def __init__(self) -> None:
        self._seconds: dict[bytes, int | None] = {}

    def micros(self, stated: bytes | None, timestamp_ms: int) -> int | None:
        """Return microseconds since 1970 in UTC; None where nothing says it."""
        if stated is not None and len(stated) == _FORM and stated[26] == 90:  # Z
            begin, fraction = stated[:_SECOND], stated[_SECOND:26]
            second = self._seconds.get(begin) or self._second(begin)
            if second and fraction.isdigit():
                return second + int(fraction)
        moment = received_at(None if stated is None else stated.decode("utf-8", "replace"), timestamp_ms)
        return micros_of(moment) if moment else None

    def _second(self, begin: bytes) -> int | None:
        """Return the instant at which a second begins; None where it names none."""
        moment = received_at(f"{begin.decode('latin-1')}000000Z", 0)
        micros = micros_of(moment) if moment else None
        if len(self._seconds) >= _MOST_KEPT:
            self._seconds.clear()
        self._seconds[begin] = micros
        return micros
