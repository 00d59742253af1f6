"""Which file an offset belongs to: pure, and the same however a run was cut.

A file begins at each multiple of `Cuts.records`, where the day goes on, and where the file so far is long. The day of a
file is the latest that any record since the multiple was stamped with: a late record stands with the day it came on.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Final, NamedTuple

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAY_MS: Final = 86_400_000
_LAST_DAY: Final = date(9999, 12, 31)
_NAME: Final = re.compile(r"dt=(\d{4}-\d{2}-\d{2})/p=(\d{1,9})/(\d{1,19})-(\d{1,19})\.avro")


class Cuts(NamedTuple):
    """Where files end. Another choice means other files: keep one for an archive."""

    records: int = 50_000
    """Offsets a file spans at most."""
    octets: int = 256 << 20
    """Keys, values and headers a file holds before the next begins."""


class FileRange(NamedTuple):
    """The offsets that a file covers, both included; the ranges of a partition lie side by side."""

    day: date
    partition: int
    first: int
    last: int

    def path(self, folder: Path) -> Path:
        """Return the file's place in the folder of its topic."""
        return folder / f"dt={self.day}" / f"p={self.partition}" / f"{self.first}-{self.last}.avro"

    @classmethod
    def of(cls, path: Path, folder: Path) -> FileRange | None:
        """Read a file's name; None for a file that is none of ours."""
        found = _NAME.fullmatch(path.relative_to(folder).as_posix())
        if found is None:
            return None
        try:
            day = date.fromisoformat(found[1])
        except ValueError:
            return None
        return cls(day, int(found[2]), int(found[3]), int(found[4]))


class OpenRange(NamedTuple):
    """A file that may still grow."""

    day: date
    first: int
    end: int
    """The multiple where the next file begins at the latest."""
    octets: int = 0

    @classmethod
    def begin(cls, position: int, offset: int, day: date, cuts: Cuts, before: OpenRange | None) -> OpenRange:
        """Begin a file with the record at `offset`; `position` follows the last offset that is accounted for."""
        multiple = offset - offset % cuts.records
        if before is not None and before.end > multiple:  # still the same multiple: the day does not go back
            day = max(day, before.day)
        return cls(day, position, multiple + cuts.records)

    def takes(self, offset: int, day: date, cuts: Cuts) -> bool:
        """Tell whether a record belongs to this file."""
        return offset < self.end and day <= self.day and self.octets < cuts.octets

    def closed_by(self, offset: int) -> int:
        """Return the last offset of this file, where the record at `offset` begins another."""
        return min(offset, self.end) - 1


def day_of(timestamp_ms: int) -> date:
    """Return the day in UTC; what lies outside the calendar is its last day, or its first as Kafka counts."""
    days = max(0, timestamp_ms) // _DAY_MS
    try:
        return (_EPOCH + timedelta(days=days)).date()
    except OverflowError:
        return _LAST_DAY
