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

import traceback
from collections.abc import Callable
from pathlib import PurePath

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
from ami_schemas.reasons import Reason

__all__ = [
    "Context",
    "EventsOutcome",
    "Interpreted",
    "Outcome",
    "Outcomes",
    "Parked",
    "RawRecord",
    "ReadingsOutcome",
    "Refused",
    "Rejected",
    "defect",
    "normalize",
    "understand",
]


def normalize(
    record: RawRecord, context: Context, judge: Callable[[Interpreted], Interpreted] | None = None
) -> Outcomes:
    """Return how a raw record ends: the same record and context always end the same.

    `judge` may turn what is understood down, by what is remembered of other records (see `ami_normalize.ledger`).
    """
    try:
        understood = understand(record, context)
        return encode(judge(understood) if judge else understood, context)
    except Refused as refusal:
        return (refusal.outcome(),)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  one message must not stop all others
        return (defect(error).outcome(),)


def defect(error: Exception) -> Refused:
    """Name the place of a defect, not what it says: its text may hold what the message held."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{PurePath(place.filename).name}:{place.lineno}"
    return Refused(Reason.DECODER_DEFECT, "decode", f"{type(error).__name__} at {where}")


def understand(record: RawRecord, context: Context) -> Interpreted:
    """Return what a raw record means, before it gets its wire form; raises Refused."""
    return interpret(decode(decrypt(unframe(identify(record, context), context), context), context), context)
