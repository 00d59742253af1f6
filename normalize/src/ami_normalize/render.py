"""The JSON form of what a message says, as `ami decode` and `ami read` print it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from ami_normalize.instants import Instant
from ami_normalize.model import VALUE_ATTRIBUTE, Block, Event, Reading, Statement
from ami_normalize.pipeline.encode import as_text
from ami_normalize.quality import Quality
from ami_schemas import units
from ami_schemas.meanings import reading_type


def reading(reading: Reading, marks: Sequence[Quality] = ()) -> dict[str, Any]:
    """Return a reading; `attribute` only where it is not the value."""
    value = reading.attribute == VALUE_ATTRIBUTE
    return {
        "obis": reading.obis,
        **({} if value else {"attribute": reading.attribute}),
        "value": as_text(reading.value),
        "unit": units.symbol(reading.unit),
        "measured_at": iso(reading.at),
        "reading_type": (reading_type(reading.obis) if value else "") or None,
        "quality": qualities((*reading.quality, *marks)),
    }


def block(block: Block, marks: Sequence[Quality] = ()) -> dict[str, Any]:
    """Return a profile column; `start` is the start of the first interval: the first row's stamp less the period."""
    start = block.first_end.shifted(timedelta(seconds=-block.period_s)) if block.first_end else None
    value = block.attribute == VALUE_ATTRIBUTE
    return {
        "obis": block.obis,
        **({} if value else {"attribute": block.attribute}),
        "profile": block.profile,
        "unit": units.symbol(block.unit),
        "period_s": block.period_s,
        "start": iso(start),
        "values": [None if one is None else as_text(one) for one in block.values],
        "quality": [qualities((*one, *marks)) for one in block.quality],
    }


def event(event: Event) -> dict[str, Any]:
    """Return an event."""
    return {
        "kind": event.kind,
        "obis": event.obis or None,
        "attribute": event.attribute or None,
        "at": iso(event.at),
        "code": event.code,
        "text": event.text or event.octets.hex(),
        "event_type": event.event_type or None,
    }


def statement(of: Statement) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return readings, intervals and events."""
    return (
        [reading(one, of.quality) for one in of.readings],
        [block(one, of.quality) for one in of.blocks],
        [event(one) for one in of.events],
    )


def iso(instant: Instant | None) -> str | None:
    """Return ISO 8601: `…Z`, or local time without offset where the meter states none; None without meter time."""
    return instant.iso() if instant else None


def qualities(quality: Sequence[Quality]) -> list[str]:
    """Return quality codes. The zone is assumed only where UTC is derived, which this form does not do."""
    return [one.value for one in dict.fromkeys(quality) if one is not Quality.ZONE_ASSUMED]
