"""One route: which meters, which of their values, in which form, to which topic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, Literal

from ami_dlms.errors import UsageError
from ami_dlms.obis import Pattern, parse_obis
from ami_normalize.meter import MeterFacts
from ami_normalize.routes.framing import BARE, Framing
from ami_schemas import topics

Format = Literal["protobuf", "json"]

_MOST_KNOWN: Final = 4096


@dataclass(frozen=True, slots=True)
class Selection:
    """Meters: each condition that is given must hold, of its entries one."""

    groups: frozenset[str] = frozenset()
    utilities: frozenset[str] = frozenset()
    ids: tuple[str, ...] = ()
    """Patterns as in a shell: `*`, `?` and `[…]`."""

    @property
    def asks_the_registry(self) -> bool:
        """Whether it depends on more than the meter's id."""
        return bool(self.groups or self.utilities)

    def takes(self, meter_id: str, facts: MeterFacts | None) -> bool:
        """Tell whether a meter is one of them; `facts` is None for one that is not registered."""
        if self.groups and (facts is None or facts.group not in self.groups):
            return False
        if self.utilities and (facts is None or facts.utility not in self.utilities):
            return False
        return not self.ids or any(fnmatchcase(meter_id, pattern) for pattern in self.ids)


class Obis:
    """OBIS codes that fit one of some patterns; it remembers what it was asked."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self.patterns: Final = tuple(patterns)
        self._known: dict[str, bool] = {}

    def __contains__(self, code: str) -> bool:
        """Tell whether `A.B.C.D.E.F` is one of them."""
        known = self._known.get(code)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[code] = self._fits(code)
        return known

    def _fits(self, code: str) -> bool:
        try:
            octets = parse_obis(code)
        except UsageError:
            return False
        return any(pattern.match(octets) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Route:
    """Readings of some meters, some of their values, in one form, to one topic."""

    name: str
    description: str = ""
    meters: Selection = Selection()
    obis: Obis | None = None
    """None: all values."""
    format: Format = "protobuf"
    framing: Framing = BARE
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of the topic, where they differ from those of `ami.readings.v1`; Kafka's names."""

    @property
    def topic(self) -> str:
        """The topic it writes to."""
        return topics.route(self.name)
