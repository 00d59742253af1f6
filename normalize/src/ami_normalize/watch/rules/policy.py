"""The limits of the rules, and how a configuration file sets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

import yaml

from ami_normalize.errors import SettingsInvalid
from ami_schemas.reasons import Reason

_PAGE: Final = "docs/watch.md lists the settings"

SECURITY_REASONS: Final = MappingProxyType(
    {
        Reason.TAG_MISMATCH.value: 3,
        Reason.SIGNATURE_INVALID.value: 3,
        Reason.KEY_WRONG.value: 3,
        Reason.KEY_OUT_OF_VALIDITY.value: 3,
        Reason.STALE_COUNTER.value: 3,
        Reason.COUNTER_REUSED.value: 1,
        Reason.DOWNGRADED.value: 1,
    }
)
"""Reasons of dead letters that concern security, and how many of one within the window are told at first."""


@dataclass(frozen=True, slots=True)
class Presence:
    """When a meter counts as silent, and when as flooding."""

    factor: float = 4
    """Silent after this many of its usual distances …"""
    at_least_s: float = 3600
    """… but not before this time …"""
    at_most_s: float = 172_800
    """… and at the latest after this, which also holds as long as the usual distance is not known."""
    most_per_hour: float = 3600
    forget_after_s: float = 400 * 86_400
    """A meter not heard for so long is forgotten."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """What is remembered of gaps, and which stamps are believed."""

    most_gaps: float = 32
    """Open gaps of one profile that are remembered."""
    ahead_s: float = 86_400
    """Stamps later than this after reception are not believed …"""
    behind_s: float = 400 * 86_400
    """… nor those earlier than this before it."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How wrong a clock may be."""

    limit_s: float = 60
    trend_s_per_day: float = 2
    trend_days: float = 3
    """Days that a trend is measured over at least."""


@dataclass(frozen=True, slots=True)
class Registers:
    """When a lower value is a rollover."""

    rollover_share: float = 0.01
    """How near to the end of the digits the old value, and to their beginning the new one must be."""


@dataclass(frozen=True, slots=True)
class Balance:
    """How well intervals and registers must agree."""

    span_s: float = 86_400
    """Time between the two register readings at least."""
    snap_s: float = 60
    """How far a register reading may be from the end of an interval."""
    tolerance_percent: float = 0.5
    """Beside the rounding of each interval and of both readings."""


@dataclass(frozen=True, slots=True)
class Security:
    """How many dead letters of one reason are told."""

    window_s: float = 86_400
    reasons: Mapping[str, int] = field(default_factory=lambda: SECURITY_REASONS)


@dataclass(frozen=True, slots=True)
class Policy:
    """All limits."""

    presence: Presence = field(default_factory=Presence)
    intervals: Intervals = field(default_factory=Intervals)
    clock: Clock = field(default_factory=Clock)
    registers: Registers = field(default_factory=Registers)
    balance: Balance = field(default_factory=Balance)
    security: Security = field(default_factory=Security)


_Section = TypeVar("_Section")


def load(path: Path) -> Policy:
    """Read a configuration file (YAML: sections as in `Policy`); raise SettingsInvalid."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        told = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise SettingsInvalid(f"{path} cannot be read ({told}); {_PAGE}") from None
    return policy(document, str(path))


def policy(document: Any, where: str) -> Policy:
    """Make a policy of what a file holds; raise SettingsInvalid."""
    default = Policy()
    sections = _entries(document, [each.name for each in fields(Policy)], where)
    return Policy(**{name: _section(getattr(default, name), entry, f"{where}: {name}") for name, entry in sections})


def _entries(document: Any, known: list[str], where: str) -> list[tuple[str, Any]]:
    if not isinstance(document, dict):
        raise SettingsInvalid(f"{where} is no mapping of names; {_PAGE}")
    for name in document:
        if name not in known:
            raise SettingsInvalid(f"{where}: there is no '{name}', only {', '.join(known)}; {_PAGE}")
    return list(document.items())


def _section(default: _Section, document: Any, where: str) -> _Section:
    known = [each.name for each in fields(default)]  # type: ignore[arg-type]  # all sections are dataclasses
    given: dict[str, Any] = {}
    for name, value in _entries(document, known, where):
        if name == "reasons":
            given[name] = {**SECURITY_REASONS, **_reasons(value, f"{where}.{name}")}
        else:
            given[name] = _number(value, f"{where}.{name}")
    return type(default)(**{**{name: getattr(default, name) for name in known}, **given})


def _reasons(document: Any, where: str) -> dict[str, int]:
    return {name: int(_number(value, f"{where}.{name}")) for name, value in _entries(document, [*Reason], where)}


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise SettingsInvalid(f"{where} is {value!r}, not a number above 0; {_PAGE}")
    return value
