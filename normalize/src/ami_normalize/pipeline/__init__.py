"""The pipeline: a raw record becomes readings, events, or the reason why not. Pure: no clock, no memory, no Kafka.

    identify    what key and headers say, the framing, the exchange
    unframe     bytes as received -> complete APDUs
    decrypt     ciphered APDUs -> plain ones, tag first, and how far they were protected
    decode      APDUs -> what was said: notification, event, telegram, answer
    interpret   what was said -> values with OBIS, unit and time
    encode      values -> protobuf, with the meter and the provenance

A record may hold several APDUs; each goes its own way from `decrypt` on.
"""

from __future__ import annotations

from ami_normalize.pipeline.context import Context
from ami_normalize.pipeline.decode import decode
from ami_normalize.pipeline.decrypt import decrypt
from ami_normalize.pipeline.encode import encode
from ami_normalize.pipeline.identify import identify
from ami_normalize.pipeline.interpret import Interpreted, interpret
from ami_normalize.pipeline.outcome import (
    EventsOutcome,
    Outcome,
    Outcomes,
    Parked,
    ReadingsOutcome,
    Refused,
    Rejected,
)
from ami_normalize.pipeline.record import RawRecord
from ami_normalize.pipeline.unframe import unframe

__all__ = [
    "Context",
    "EventsOutcome",
    "Outcome",
    "Outcomes",
    "Parked",
    "RawRecord",
    "ReadingsOutcome",
    "Refused",
    "Rejected",
    "normalize",
    "understand",
]


def normalize(record: RawRecord, context: Context) -> Outcomes:
    """Return how a raw record ends: the same record and context always end the same."""
    try:
        return encode(understand(record, context), context)
    except Refused as refusal:
        return (refusal.outcome(),)


def understand(record: RawRecord, context: Context) -> Interpreted:
    """Return what a raw record means, before it gets its wire form; raises Refused."""
    return interpret(decode(decrypt(unframe(identify(record, context), context), context), context), context)
