"""Whether all live readings of a range are still in Kafka."""

from __future__ import annotations

from typing import Final

from ami_kafka import clients
from ami_kafka.offsets import bounds
from ami_kafka.records import headers_of
from ami_kafka.span import Span, SpanReader
from ami_normalize.replay.errors import LiveExpired
from ami_normalize.replay.plan import Plan
from ami_normalize.replay.source import Source
from ami_schemas import headers, topics

_PROBED: Final = 1000


def refuse_expired(bootstrap: str, plan: Plan) -> None:
    """Raise LiveExpired unless the live topic still begins before what the range came to.

    Readings stand in the order of their raw records, but for those that were redriven or promoted.
    """
    asked = [number for number, span in plan.spans.items() if span.length]
    probed = {
        (topics.READINGS, number): Span(there.low, min(there.low + _PROBED, there.high))
        for number, there in bounds(clients.admin(bootstrap), topics.READINGS, asked).items()
        if there.low > 0
    }
    first: dict[int, int] = {}
    with SpanReader(bootstrap, "ami-replay-promote", probed) as reader:
        while not reader.finished:
            for message in reader.read():
                told = dict(headers_of(message))
                source = Source.of(told.get(headers.SOURCE))
                if source and source.topic == plan.topic and not {headers.REPLAY, headers.ATTEMPT} & told.keys():
                    first.setdefault(int(message.partition() or 0), source.offset)
    lost = sorted(
        number for _topic, number in probed if number not in first or first[number] > plan.spans[number].start
    )
    if lost:
        raise LiveExpired(
            f"live readings of the range have left Kafka in the partitions {lost}, so nobody can tell which of "
            "their values vanished; --accept-expired promotes the others without withdrawing those"
        )
