"""How a normalizer runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from ami_kafka.loop import BatchPolicy
from ami_kafka.observe.endpoint import Address
from ami_normalize.keys import DEFAULT_OVERLAP_US
from ami_normalize.observe.health import PATIENCE_S
from ami_normalize.stream.breaker import BreakerPolicy
from ami_normalize.stream.redrive import RedrivePolicy

DEFAULT_GROUP: Final = "ami-normalize"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a normalizer runs."""

    bootstrap: str
    group: str = DEFAULT_GROUP
    keys: Path | None = None
    """The key file, of meters that the registry has no keys of; None: none."""
    kek: Path | None = None
    """The file of key encryption keys that open the registry's keys; None: those cannot be used."""
    mappings: tuple[Path, ...] = ()
    """The user's dialects, before the built-in ones; read again when they change, and when they come into being."""
    routes: Path | None = None
    """The file of routes; read again when it changes, and when it comes into being. None: readings go nowhere else."""
    unidentified: Literal["park", "accept"] = "park"
    default_zone: str = "UTC"
    instance_id: str | None = None
    """Static membership: a name that stays with this process over restarts."""
    batch: BatchPolicy = field(default_factory=BatchPolicy)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    redrive: RedrivePolicy = field(default_factory=RedrivePolicy)
    metrics: Address | None = None
    """Where metrics and health are served; None: nowhere."""
    key_overlap_us: int = DEFAULT_OVERLAP_US
    """How long before and after its validity a key version is still accepted."""
    patience_s: float = PATIENCE_S
    """Unhealthy is who makes no progress for so long."""
