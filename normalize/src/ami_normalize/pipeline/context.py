"""All that a normalization depends on beside the record: same context, same record, same outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ami_normalize.dialects import Dialects
from ami_normalize.keys import KeyRing
from ami_normalize.meter import NO_METERS, Registry
from ami_normalize.session_keys import NO_SESSION_KEYS, SessionKeys

DECODER_VERSION = "0.1.0"
"""Changes with whatever can change an outcome."""


@dataclass(frozen=True, slots=True)
class Context:
    """Keys, meters, dialects and policies in force."""

    keys: KeyRing = field(default_factory=KeyRing)
    registry: Registry = NO_METERS
    session_keys: SessionKeys = NO_SESSION_KEYS
    """Opens the dedicated keys that records bring."""
    dialects: Dialects = field(default_factory=Dialects.load)
    unidentified: Literal["park", "accept"] = "park"
    """What to do with a message whose meter nothing names: `accept` takes the peer's address for it (labs)."""
    default_zone: str = "UTC"
    """The IANA zone of meters that state local time without deviation."""
    lenient: bool = False
    """Also read what a check sequence or a tag does not vouch for, marked. Never on Kafka."""
    decoder_version: str = DECODER_VERSION
    system_title: bytes | None = None
    """Whose message it is, where neither message nor record says (one message with its own keys)."""

    @property
    def revision(self) -> int:
        """The revision of all readings: the highest promoted one of the registry."""
        return self.registry.revision

    @property
    def mapping_hash(self) -> str:
        """The version of the dialects."""
        return self.dialects.content_hash
