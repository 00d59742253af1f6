"""What the live run's replay protection found: its memory is gone, its verdicts are among the dead letters.

A replay decides everything anew but this: whether a push was fresh depends on what had been heard before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ami_normalize.pipeline import Rejected
from ami_normalize.replay.source import Source
from ami_schemas import headers
from ami_schemas.reasons import Reason

UPHELD: Final = {reason.value.encode(): reason for reason in (Reason.COUNTER_REUSED, Reason.STALE_COUNTER)}
"""The reasons that only the live run could find."""
_ACCEPTED: Final = frozenset({b"readings", b"events"})

Headers = Iterable[tuple[str, str | bytes | None]]


class Verdicts:
    """By raw record, why it stays rejected. Records are heard in the order of their topics."""

    def __init__(self) -> None:
        """Know of none."""
        self._found: dict[Source, Rejected] = {}
        self._accepted: set[Source] = set()

    def hear(self, found: Headers | None) -> None:
        """Take the headers of a dead letter, or of a marker among the parked records, which tells of a redrive."""
        told = _by_name(found)
        reason = UPHELD.get(told.get(headers.DLQ_REASON, b""))
        source = Source.of(told.get(headers.SOURCE))
        if reason is not None and source is not None:
            stage, message = (told.get(name, b"").decode("utf-8", "replace") for name in _TOLD)
            self._found[source] = Rejected(reason, stage, message)
        resolved = Source.of(told.get(headers.RESOLVES))
        if resolved is not None and told.get(headers.OUTCOME) in _ACCEPTED:
            self._accepted.add(resolved)

    def of(self, source: Source) -> Rejected | None:
        """Return the verdict on a raw record; None where it was fresh, or a person accepted its counter."""
        return None if source in self._accepted else self._found.get(source)

    def __len__(self) -> int:
        return len(self._found)


_TOLD: Final = (headers.DLQ_STAGE, headers.DLQ_MESSAGE)


def _by_name(found: Headers | None) -> Mapping[str, bytes]:
    return {name: value.encode() if isinstance(value, str) else value or b"" for name, value in found or ()}
