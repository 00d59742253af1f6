"""What a transactional loop runs: raw records in, records to write out, and what it may remember in between.

What a processor remembers must agree with what was committed, over kills, aborts and rebalances. So the ledger topic
is the memory, and the processor a copy of one partition of it for each partition it owns:

    restore            partitions come: what the ledger keeps of them is handed over before the first record is read
    __call__, due      give what to write; what they change in memory is provisional
    committed          it is written: the provisional holds
    aborted            it is not, and the same records come again: the provisional is dropped
    release            partitions go, or nobody knows what became of the transaction: all of them is forgotten

All calls come from the loop's thread, none inside another. After `__call__` or `due` gave something, the next call is
`committed`, `aborted` or `release` of every partition; partitions neither come nor go in between. A process that was
taken for dead and wakes cannot commit, so it hears `aborted` or `release`, and never `committed`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import ClassVar, Final, Protocol

from ami_kafka.records import LedgerRecord, Output, RawMessage


class ProcessorHeld(Exception):
    """Raised by a processor that lacks something outside Kafka (a key store, a disk): nothing is consumed meanwhile."""

    cause: ClassVar[str] = "processor"
    """What is missing, one word; a subclass has its own."""


class Processor(Protocol):
    """Turns batches of raw records into what is to be written for them."""

    def __call__(self, batch: Sequence[RawMessage]) -> Iterable[Output]:
        """Give what to write for records, each partition's in order; called again with the same ones after an abort.

        Raises `ProcessorHeld` or an `OSError` when it lacks something; any other error ends the loop.
        """

    def due(self, partitions: Collection[int]) -> Iterable[Output]:
        """Give what to write without a raw record, for partitions owned; asked after each batch and while idle.

        It goes into one transaction with the batch just processed, if any, and with the offset that each of its
        partitions is read up to: so only the owner of a partition can write it. It must be bounded, since records
        wait meanwhile.
        """

    def restore(self, partition: int, records: Sequence[LedgerRecord]) -> None:
        """Take what the ledger keeps for a partition that comes, without the progress.

        Called as often as needed, in the order of the ledger: a later record of a key replaces the earlier one.
        """

    def release(self, partitions: Collection[int]) -> None:
        """Forget partitions, also such as were never taken."""

    def committed(self) -> None:
        """Hear that what was given is written."""

    def aborted(self) -> None:
        """Hear that what was given is not written, and never will be."""


class Stateless:
    """A processor that remembers nothing: a function of the batch."""

    def __init__(self, function: Callable[[Sequence[RawMessage]], Iterable[Output]]) -> None:
        self._function = function

    def __call__(self, batch: Sequence[RawMessage]) -> Iterable[Output]:
        """Give what the function gives."""
        return self._function(batch)

    def due(self, partitions: Collection[int]) -> Iterable[Output]:  # noqa: ARG002
        """Give nothing."""
        return ()

    def restore(self, partition: int, records: Sequence[LedgerRecord]) -> None:
        """Keep nothing."""

    def release(self, partitions: Collection[int]) -> None:
        """Forget nothing."""

    def committed(self) -> None:
        """Do nothing."""

    def aborted(self) -> None:
        """Do nothing."""


_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})


def cause_of(error: ProcessorHeld | OSError) -> str:
    """Name in one word what a processor lacks; an OSError of its own may say so too."""
    if isinstance(error, ProcessorHeld):
        return error.cause
    own = getattr(error, "cause", None)
    if isinstance(own, str):
        return own
    return "disk" if error.errno in _DISK else "environment"
