"""How a raw record can end. Each ends in at least one of these ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from ami_dlms.errors import DlmsError
from ami_schemas.reasons import Reason

_In = TypeVar("_In")
_Out = TypeVar("_Out")
MOST_MESSAGE = 256
"""Octets of a message."""
_REASONS = {reason.value: reason for reason in Reason}


class ReadingsOutcome(NamedTuple):
    """Readings and intervals: serialized `ami.readings.v1.MeterReadings`."""

    meter_id: str
    messages: tuple[bytes, ...]


class EventsOutcome(NamedTuple):
    """Events: serialized `ami.events.v1.MeterEvents`."""

    meter_id: str
    messages: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """It cannot be understood, and never will be."""

    reason: Reason
    stage: str
    message: str
    diagnosis: str = ""
    """A name of `ami_schemas.diagnoses.Diagnosis`, where somebody found out what is wrong with the keys."""


@dataclass(frozen=True, slots=True)
class Parked:
    """It waits for a key, a mapping, a context or an identity."""

    reason: Reason
    stage: str
    message: str
    fingerprint: str = ""
    """Of the layout, where it waits for a mapping."""
    diagnosis: str = ""
    """A name of `ami_schemas.diagnoses.Diagnosis`, where somebody found out what is wrong with the keys."""


Outcome = ReadingsOutcome | EventsOutcome | Rejected | Parked
Outcomes = tuple[Outcome, ...]
"""What one raw record ends as, the best first: readings, events, parked, rejected."""


class Refused(Exception):
    """A step cannot go on with a message. Never leaves the pipeline."""

    def __init__(self, reason: Reason, stage: str, message: str, *, fingerprint: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.stage = stage
        self.fingerprint = fingerprint
        self.message = message.encode("utf-8")[:MOST_MESSAGE].decode("utf-8", "ignore")

    @classmethod
    def by(cls, error: DlmsError, stage: str) -> Refused:
        """Take over an error about received bytes."""
        return cls(_REASONS.get(error.reason, Reason.APDU_MALFORMED), stage, f"{error}")

    def outcome(self) -> Rejected | Parked:
        """Return where the record goes."""
        if self.reason.rejected:
            return Rejected(self.reason, self.stage, self.message)
        return Parked(self.reason, self.stage, self.message, self.fingerprint)


def each(step: Callable[[_In], _Out], parts: Iterable[_In | Refused]) -> Iterator[_Out | Refused]:
    """Take each part a step further; a part that was refused, or is now, stays so without stopping the others."""
    for part in parts:
        if isinstance(part, Refused):
            yield part
            continue
        try:
            yield step(part)
        except Refused as refusal:
            yield refusal
