"""A batch of raw records to what is to be written for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ami_kafka.loop import LedgerRecord, Output, RawMessage
from ami_normalize.observe.tally import Tally
from ami_normalize.stream.breaker import Breaker
from ami_normalize.stream.derived import outputs
from ami_normalize.stream.fared import fared
from ami_normalize.stream.inputs import Inputs


class Processor:
    """Turns a batch of raw records into what is to be written."""

    def __init__(self, inputs: Inputs, group: str, breaker: Breaker, tally: Tally | None = None) -> None:
        """Process by what is in force in `inputs`; `group` stands in dead letters and parked records."""
        self._inputs = inputs
        self._group = group
        self._breaker = breaker
        self._tally = tally

    def __call__(self, batch: Sequence[RawMessage]) -> Iterable[Output]:
        """Return the outputs of a batch, in its order. Changed files take effect between batches.

        Raises BreakerOpen instead of giving a fleet's messages up to wrong keys.
        """
        self._inputs.refresh()
        self._breaker.admit()
        context = self._inputs.context
        made = [output for message in batch for output in outputs(message, context, self._group)]
        self._breaker.judge(fared(batch, made))
        if self._tally:
            self._tally.take(batch, made)
        return made

    def due(self, partitions: Collection[int]) -> Iterable[Output]:  # noqa: ARG002
        """Return nothing: all that is written comes from raw records."""
        return ()

    def restore(self, partition: int, records: Sequence[LedgerRecord]) -> None:
        """Keep nothing."""

    def release(self, partitions: Collection[int]) -> None:  # noqa: ARG002
        """Count nothing that nobody knows the fate of."""
        self.aborted()

    def committed(self) -> None:
        """Count what is written."""
        if self._tally:
            self._tally.committed()

    def aborted(self) -> None:
        """Count nothing: it comes again."""
        if self._tally:
            self._tally.aborted()
