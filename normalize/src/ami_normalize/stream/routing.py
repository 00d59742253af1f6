"""Readings also to the topics of routes: around whatever makes records, so that every path that does is routed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from ami_kafka.loop import LedgerRecord, Output, Processor, RawMessage
from ami_normalize.meter import Registry
from ami_normalize.routes.outputs import Routes
from ami_normalize.stream.inputs import Inputs
from ami_schemas import headers, topics


class Routing:
    """A processor whose readings also go where the routes in force want them, in the same transaction."""

    def __init__(self, inner: Processor, inputs: Inputs) -> None:
        self._inner = inner
        self._inputs = inputs

    def __call__(self, batch: Sequence[RawMessage]) -> Iterable[Output]:
        """Give what the processor inside gives for a batch, and what routes make of it."""
        return self._routed(self._inner(batch))

    def due(self, partitions: Collection[int]) -> Iterable[Output]:
        """Give what the processor inside gives without a raw record, and what routes make of it."""
        return self._routed(self._inner.due(partitions))

    def restore(self, partition: int, records: Sequence[LedgerRecord]) -> None:
        """Pass on."""
        self._inner.restore(partition, records)

    def release(self, partitions: Collection[int]) -> None:
        """Pass on."""
        self._inner.release(partitions)

    def committed(self) -> None:
        """Pass on."""
        self._inner.committed()

    def aborted(self) -> None:
        """Pass on."""
        self._inner.aborted()

    def _routed(self, outputs: Iterable[Output]) -> Iterable[Output]:
        routes = self._inputs.routes
        return routed(outputs, routes, self._inputs.context.registry) if routes else outputs


def routed(outputs: Iterable[Output], routes: Routes, registry: Registry) -> Iterator[Output]:
    """Yield records, and behind those of each raw record what routes make of its readings.

    What a route makes has the key, the partition and the headers of the readings it is made of; only `ami-source` is
    numbered anew in each topic, from `#0` where a raw record yields several.
    """
    source = b""
    made: list[Output] = []
    for output in outputs:
        if output.topic == topics.READINGS and output.value is not None:
            of = _source(output).partition(b"#")[0]
            if of != source:
                yield from _numbered(made, source)
                source, made = of, []
            made += _made(output, routes, registry)
        yield output
    yield from _numbered(made, source)


def _made(output: Output, routes: Routes, registry: Registry) -> Iterator[Output]:
    meter_id = (output.key or b"").decode()
    for found in routes.outputs(meter_id, output.value or b"", registry):
        yield output._replace(topic=found.topic, value=found.value, headers=[*found.headers, *output.headers])


def _numbered(made: Sequence[Output], source: bytes) -> Iterator[Output]:
    several = Counter(output.topic for output in made)
    numbered: Counter[str] = Counter()
    for output in made:
        number = numbered[output.topic]
        numbered[output.topic] += 1
        told = b"%s#%d" % (source, number) if several[output.topic] > 1 else source
        yield output._replace(
            headers=[(name, told if name == headers.SOURCE else value) for name, value in output.headers]
        )


def _source(output: Output) -> bytes:
    return next((value for name, value in output.headers if name == headers.SOURCE), b"")
