"""A dead letter or a parked record: the raw record it was, and why it is none of the readings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from ami_normalize.observe.tally import maker_of
from ami_schemas import headers
from ami_schemas.reasons import Reason

_REASONS: Final = {reason.value: reason for reason in Reason}


class Letter(NamedTuple):
    """One of them."""

    topic: str
    partition: int
    offset: int
    at_ms: int
    """When it was given up or parked, in ms since 1970."""
    key: bytes | None
    value: bytes
    headers: Mapping[str, bytes]

    def text(self, header: str) -> str:
        """Return a header as text, empty where it is absent."""
        return self.headers.get(header, b"").decode("utf-8", "replace")

    @property
    def source(self) -> str:
        """The coordinates of the raw record, `ami.raw.v1/3/42`; one raw record may be several letters."""
        return self.text(headers.SOURCE).partition("#")[0]

    @property
    def reason(self) -> str:
        """The reason's code."""
        return self.text(headers.DLQ_REASON)

    @property
    def known_reason(self) -> Reason | None:
        """The reason with its meaning and remedy; None for a code of another version."""
        return _REASONS.get(self.reason)

    @property
    def stage(self) -> str:
        """The step that found it."""
        return self.text(headers.DLQ_STAGE)

    @property
    def message(self) -> str:
        """The sentence."""
        return self.text(headers.DLQ_MESSAGE)

    @property
    def diagnosis(self) -> str:
        """What is wrong with the keys, a name of `ami_schemas.diagnoses.Diagnosis`; empty where nobody knows."""
        return self.text(headers.DLQ_DIAGNOSIS)

    @property
    def meter(self) -> str:
        """What the raw record's key calls the meter."""
        return (self.key or b"").decode("utf-8", "replace")

    @property
    def maker(self) -> str:
        """The maker in the system title, three letters, or `unknown`."""
        return maker_of(self.key)

    @property
    def attempt(self) -> int:
        """Which redrive of the raw record made it; 0: none did."""
        stated = self.text(headers.ATTEMPT)
        return int(stated) if stated.isdecimal() else 0
