"""A batch of raw records to what is to be written, and what is remembered from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from ami_kafka.loop import LedgerRecord, Output, RawMessage
from ami_normalize.fast import Normalizer
from ami_normalize.ledger import Rule, Ruling, Windows
from ami_normalize.observe.tally import Tally
from ami_normalize.pipeline.freshness import Proof
from ami_normalize.stream.breaker import Breaker
from ami_normalize.stream.derived import outputs
from ami_normalize.stream.diagnoser import Diagnoser
from ami_normalize.stream.fared import fared
from ami_normalize.stream.inputs import Inputs
from ami_normalize.stream.redrive import Redrive


class Processor:
    """Turns a batch of raw records into what is to be written (the protocol is `ami_kafka.processor.Processor`)."""

    def __init__(
        self,
        inputs: Inputs,
        group: str,
        breaker: Breaker,
        tally: Tally | None = None,
        redrive: Callable[[Windows], Redrive] | None = None,
    ) -> None:
        """Process by what is in force in `inputs`; `group` stands in dead letters and parked records.

        `redrive` makes what tries parked records again; without it, they stay.
        """
        self._inputs = inputs
        self._group = group
        self._breaker = breaker
        self._tally = tally
        self._windows = Windows(group)
        self._redrive = redrive(self._windows) if redrive else None
        self._normalizer = Normalizer(inputs.context)
        self._diagnose = Diagnoser(self._windows.holds)

    def __call__(self, batch: Sequence[RawMessage]) -> Iterable[Output]:
        """Return the outputs of a batch, in its order, then what the ledger must hold of it.

        Changed files take effect between batches. Raises BreakerOpen instead of giving a fleet's messages up to wrong
        keys.
        """
        self._inputs.refresh()
        self._breaker.admit()
        self._renew()
        rules = {partition: self._rule(partition) for partition in {message.partition for message in batch}}
        made = [
            output
            for message in batch
            for output in outputs(message, self._normalizer, self._group, rules[message.partition], self._diagnose)
        ]
        self._breaker.judge(fared(batch, made))
        if self._tally:
            self._tally.take(batch, made)
        return [*made, *self._windows.outputs()]

    def due(self, partitions: Collection[int]) -> Iterable[Output]:
        """Return what becomes of parked records whose time has come."""
        if self._redrive is None:
            return ()
        self._renew()
        made = self._redrive.due(partitions, self._normalizer.context, self._outputs)
        if self._tally and made:
            self._tally.take((), made)
        return made

    def waiting(self) -> int:
        """Return how many records of the partitions owned wait."""
        return self._redrive.waiting() if self._redrive else 0

    def restore(self, partition: int, records: Sequence[LedgerRecord]) -> None:
        """Take over the windows of a partition: whose they are, of those messages were opened before."""
        titles = self._windows.restore(partition, records)
        self._breaker.knows(f"st-{title.hex()}".encode() for title in titles)

    def release(self, partitions: Collection[int]) -> None:
        """Forget what is remembered of partitions; count nothing that nobody knows the fate of."""
        self._windows.release(partitions)
        if self._redrive:
            self._redrive.release(partitions)
        if self._tally:
            self._tally.aborted()

    def committed(self) -> None:
        """Keep what the batch changed, and count what is written."""
        self._windows.committed()
        if self._redrive:
            self._redrive.committed()
        if self._tally:
            self._tally.committed()

    def aborted(self) -> None:
        """Forget what the batch changed: it comes again."""
        self._windows.aborted()
        if self._redrive:
            self._redrive.aborted()
        if self._tally:
            self._tally.aborted()

    def close(self) -> None:
        """Let go of what is held of Kafka."""
        if self._redrive:
            self._redrive.close()

    def _renew(self) -> None:
        context = self._inputs.context
        if context is not self._normalizer.context:
            self._normalizer = self._normalizer.renewed(context)

    def _outputs(self, message: RawMessage, rule: Rule) -> list[Output]:
        return outputs(message, self._normalizer, self._group, rule, self._diagnose)

    def _rule(self, partition: int) -> Rule:
        def rule(proof: Proof) -> Ruling:
            return self._windows.judge(partition, proof.key, proof.counter, proof.tag)

        return rule
