"""What an agent does now, as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from ami_ingest.schedule.stats import PollStats


class Pushes(NamedTuple):
    """The push listener."""

    connections: int = 0
    received: int = 0
    """Octets."""
    refused: int = 0
    """Connections, by limits."""
    strangers: int = 0
    """Messages of unknown senders, by policy."""
    dropped: int = 0
    """Octets of datagrams that were not taken."""
    kernel_drops: int = 0
    """Datagrams."""
    counters_missing: int = 0
    """Invocation counters that never came over UDP."""


class Calls(NamedTuple):
    """Meters that call in."""

    connections: int = 0
    identified: int = 0
    """Calls handed over as those of a meter of the inventory."""
    unknown: int = 0
    """Calls of whom the inventory does not know, or who did not say who they are."""
    refused: int = 0
    """Calls, by limits."""


class Lines(NamedTuple):
    """Serial lines, by device."""

    resets: Mapping[str, int] = MappingProxyType({})
    """Ports that may have hung, and were reset."""
    returns: Mapping[str, int] = MappingProxyType({})
    """Ports that were gone, and came back."""


class Spooled(NamedTuple):
    """The spool and what leaves it."""

    records: int = 0
    octets: int = 0
    limit: int = 0
    """Octets."""
    full: bool = False
    failing: bool = False
    """The disk takes nothing."""
    oldest_s: float = 0.0
    """Age of the oldest record; 0 without any."""
    dropped: int = 0
    """Records that a bound removed before Kafka had them."""
    damaged: int = 0
    """Files that were damaged and moved aside."""
    published: int = 0
    refusals: int = 0
    """Times Kafka refused records."""
    away: bool = False
    """Kafka does not answer."""


class Configured(NamedTuple):
    """The configuration in force."""

    fingerprint: str = ""
    loaded_at: float = 0.0
    """Unix time."""
    meters: Mapping[str, int] = MappingProxyType({})
    """By group."""


class Snapshot(NamedTuple):
    """All of it. `polls` is the live object: who samples it copies what must not change."""

    polls: PollStats
    pushes: Pushes = Pushes()
    spooled: Spooled = Spooled()
    in_force: Configured = Configured()
    calls: Calls = Calls()
    lines: Lines = Lines()
