"""How much goes into one transaction."""

from __future__ import annotations

from typing import NamedTuple


class BatchPolicy(NamedTuple):
    """A batch ends at the first of three limits. A commit costs about 10 ms whatever the batch holds."""

    records: int = 2000
    octets: int = 16 << 20
    """Bytes of keys and values; one record may pass it."""
    age_s: float = 0.2
    """How long a record waits for more, the time in which the batch before it was written included."""

    def deadline(self, now: float, gathered: float, *, hurry: bool) -> float:
        """Tell until when to wait for records, where the batch before was complete at `gathered`; monotonic seconds.

        What came since has waited while that batch was written, so it does not wait for long again; least of all in a
        `hurry`. What is there at the deadline is read nevertheless.
        """
        soon = now + self.age_s / 10
        return soon if hurry else max(soon, gathered + self.age_s)

    def room(self, records: int, octets: int, mean: float) -> int:
        """Tell how many records to ask for next, given what the batch holds and the mean size seen lately in bytes.

        Bounded, so that a sudden run of large records cannot fill the memory.
        """
        by_count = self.records - records
        by_size = int((self.octets - octets) / max(mean, 64.0))
        if by_count <= 0 or octets >= self.octets:
            return 0
        return max(1, min(by_count, by_size, 512))
