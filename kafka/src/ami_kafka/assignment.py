"""The partitions we own, and how far each is read and committed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ami_kafka.records import RawMessage


class WentBack(Exception):
    """The client delivers from another place than it should; nothing it says about positions can be trusted now."""


class Assignment:
    """Positions of the owned partitions. No Kafka in here."""

    def __init__(self) -> None:
        self.committed: dict[int, int] = {}
        """Per owned partition, the next offset after the last committed batch."""
        self._read: dict[int, int] = {}  # the next offset expected from the client
        self._exact: dict[int, int] = {}  # after a rewind: the offset of the record that must come first
        self._disturbed: set[int] = set()

    def add(self, starts: dict[int, int]) -> None:
        """Own partitions from the given offsets on."""
        self.committed.update(starts)
        self._read.update(starts)

    def remove(self, partitions: Iterable[int]) -> None:
        """Own partitions no longer; what was read of them and is not committed is nobody's business of ours."""
        for number in partitions:
            self.committed.pop(number, None)
            self._read.pop(number, None)
            self._exact.pop(number, None)
            self._disturbed.add(number)

    def take_disturbed(self) -> set[int]:
        """Give the partitions that went since the last call, some of which may have come back."""
        gone, self._disturbed = self._disturbed, set()
        return gone

    def accept(self, partition: int, offset: int) -> bool:
        """Note a record as read; False for one of a partition that is not ours. Raises `WentBack`."""
        expected = self._read.get(partition)
        if expected is None:
            return False
        exact = self._exact.pop(partition, None)
        if offset < expected or (exact is not None and offset != exact):
            raise WentBack(f"partition {partition} delivers offset {offset} where {expected} was next")
        self._read[partition] = offset + 1
        return True

    def rewind(self, batch: Sequence[RawMessage]) -> dict[int, int]:
        """Expect a batch again from its first records; give their offsets, for the partitions still ours."""
        first: dict[int, int] = {}
        for message in batch:
            if message.partition in self._read:
                first.setdefault(message.partition, message.offset)
        self._read.update(first)
        self._exact.update(first)
        return first

    def restart(self, partitions: Iterable[int]) -> dict[int, int]:
        """Expect partitions again from where they are committed; give those offsets, for the partitions still ours."""
        again = {number: self.committed[number] for number in partitions if number in self.committed}
        self._read.update(again)
        for number in again:
            self._exact.pop(number, None)
        return again

    def commit(self, following: dict[int, int]) -> None:
        """Note a batch as committed up to, not including, the given offsets."""
        for number, offset in following.items():
            if number in self.committed:
                self.committed[number] = offset


def following(batch: Sequence[RawMessage]) -> dict[int, int]:
    """Give the next offset of each partition after a batch."""
    after: dict[int, int] = {}
    for message in batch:
        after[message.partition] = max(message.offset + 1, after.get(message.partition, 0))
    return after
