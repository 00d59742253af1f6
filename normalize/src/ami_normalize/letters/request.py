"""Ask the owner of a partition to process a raw record again.

Only the owner of a partition may write what comes of its records. So a request is a record of `ami.parked.v1`, in the
partition of the raw record: same key, no value, no `ami-source`, and headers that say which record is meant and where
its bytes are (`ami_normalize.stream.redrive` acts on it). The owner answers with the marker that ends every redrive.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ami_kafka.loop import Output
from ami_normalize.letters.letter import Letter
from ami_schemas import headers, topics
from ami_schemas.reasons import Reason

MOST_ATTEMPTS: Final = 3
"""What was redriven so often is redriven again only by force."""
LEDGER_SAID_NO: Final = frozenset({Reason.COUNTER_REUSED.value, Reason.STALE_COUNTER.value})
"""Reasons that are redriven only by who accepts the counter."""


class Request(NamedTuple):
    """What is to be processed again."""

    letter: Letter
    attempts: int
    """How often it was redriven."""
    accept_counter: bool = False
    """Although the replay protection turned it down."""

    @property
    def source(self) -> str:
        """Coordinates of the raw record: whose outcome it is."""
        return self.letter.source

    def record(self) -> Output:
        """Return the record that asks."""
        letter = self.letter
        told = [
            (headers.REDRIVE, letter.headers[headers.SOURCE]),
            (headers.REDRIVE_AT, f"{letter.topic}/{letter.offset}".encode()),
            (headers.ATTEMPT, str(self.attempts).encode()),
            (headers.DLQ_GROUP, letter.headers.get(headers.DLQ_GROUP, b"")),
        ]
        if self.accept_counter:
            told.append((headers.ACCEPT_COUNTER, b"1"))
        return Output(topics.PARKED, letter.partition, letter.key, None, told)
