"""What goes wrong with an archive, each with a sentence and what to do."""

from __future__ import annotations

from pathlib import Path

from ami_normalize.errors import NormalizeError


class ArchiveError(NormalizeError):
    """Any of them."""

    reason = "ARCHIVE"


class ArchiveDamaged(ArchiveError):
    """A file is not what the archive wrote."""

    reason = "ARCHIVE_DAMAGED"

    @classmethod
    def at(cls, name: str, why: str) -> ArchiveDamaged:
        """Name the file and what is wrong with it."""
        return cls(f"{name} is damaged ({why}); restore it from a copy, or from another archive of the same offsets")


class ArchiveGap(ArchiveError):
    """Offsets are missing, from Kafka or among the files."""

    reason = "ARCHIVE_GAP"

    @classmethod
    def between(cls, folder: Path, partition: int, first: int, last: int) -> ArchiveGap:
        """Name the offsets that no file has."""
        return cls(
            f"{folder} has no file with the offsets {first} to {last} of partition {partition}; "
            "restore it, or take a range beside it"
        )


class ArchiveBusy(ArchiveError):
    """Another process archives the same topic into the same directory."""

    reason = "ARCHIVE_BUSY"
