"""What is registered of a meter, and how a meter is found: frozen facts that the pure pipeline reads.

A meter has names, in the form that an unregistered meter's id has: `st-<system title in hex>`,
`ldn-<logical device name>`, `sn-<serial>`, or the inventory id alone. Aliases are names it had before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from ami_dlms.security import Protection
from ami_normalize.shapes.profile import Column

TITLE_NAME: Final = "st-"
DEVICE_NAME: Final = "ldn-"
SERIAL_NAME: Final = "sn-"
_TITLE_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """What the connection of a meter can carry; None where nobody has registered it."""

    fuse_a: float | None = None
    """Rated current of the main fuse, in ampere."""
    ct_primary_a: float | None = None
    """Primary current of the current transformers, in ampere."""
    phases: int | None = None
    nominal_v: float | None = None
    """Nominal voltage between phase and neutral, in volt."""


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """What a profile of the meter captures (Blue Book, class 7), where messages do not say it."""

    columns: tuple[Column, ...]
    """The capture objects in the order of the columns, with the scaler and unit of each where known."""
    period_s: int = 0
    """Capture period in seconds; 0 is not known, or driven by events."""


NO_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Access:
    """How an agent reaches a meter, for agents that take their inventory from the registry; empty is not said.

    The words are those of the agent's configuration. The normalizer only keeps it.
    """

    address: str = ""
    """Where it is, such as `tcp://10.0.0.7:4059`."""
    agent: str = ""
    """The agent that reads it; empty is any."""
    client_address: int | None = None
    logical_device_id: int | None = None
    physical_device_id: int | None = None
    authentication_level: str = ""
    mechanism: str = ""
    security_suite: int | None = None
    security_policy: str = ""
    secrets: str = ""
    """The secrets file on the agent; keys are never here."""
    network: str = ""
    link: str = ""
    schedules: tuple[str, ...] = ()


NO_ACCESS: Final = Access()


@dataclass(frozen=True, slots=True)
class MeterFacts:
    """What is registered of a meter. Empty texts and None are not registered."""

    meter_id: str
    aliases: tuple[str, ...] = ()
    """Names under which its readings appeared before."""
    system_title: bytes = b""
    logical_device_name: str = ""
    serial: str = ""
    inventory_id: str = ""
    """What agents call it: the key of raw records where no system title is known."""
    group: str = ""
    utility: str = ""
    zone: str = ""
    """IANA zone of its clock, where that states local time without deviation."""
    dialect: str = ""
    """The name of the dialect it speaks, where nothing in its messages tells."""
    min_protection: Protection | None = None
    """The least protection of an acceptable message; None: what its keys imply."""
    limits: Limits = NO_LIMITS
    profiles: Mapping[str, ProfileFacts] = field(default_factory=dict, hash=False)
    """By the OBIS code of the profile, `A.B.C.D.E.F`."""
    access: Access = NO_ACCESS

    def names(self) -> Iterator[str]:
        """Yield every name that means this meter, its id first."""
        yield self.meter_id
        if self.system_title:
            yield title_name(self.system_title)
        if self.logical_device_name:
            yield f"{DEVICE_NAME}{self.logical_device_name}"
        if self.serial:
            yield f"{SERIAL_NAME}{self.serial}"
        if self.inventory_id:
            yield self.inventory_id
        yield from self.aliases

    def rank(self, name: str) -> int | None:
        """Return how well a name is this meter's: 0 its id, 1 a name it has, 2 an alias; None where it is not."""
        if name == self.meter_id:
            return 0
        for place, own in enumerate(self.names()):
            if own == name:
                return 1 if place < self._own() else 2
        return None

    def _own(self) -> int:
        """Return how many of its names are no aliases."""
        return 1 + sum(map(bool, (self.system_title, self.logical_device_name, self.serial, self.inventory_id)))


class Registry(Protocol):
    """Finds meters. An instance never changes: what is registered later is another instance.

    Where two meters have a name, it means the one whose id it is, else the one that has it now, not as an alias; where
    two have it alike, it means nobody.
    """

    @property
    def revision(self) -> int:
        """The highest promoted revision of readings, which live ones carry; 0 at first."""
        ...

    def __len__(self) -> int:
        """Return how many meters are registered."""
        ...

    def by_title(self, system_title: bytes) -> MeterFacts | None:
        """Return the meter that a system title (8 octets) means."""
        ...

    def by_name(self, name: str) -> MeterFacts | None:
        """Return the meter that a name means, in the form of `MeterFacts.names`."""
        ...


class Meters:
    """The simple Registry: facts in memory."""

    def __init__(self, facts: Iterable[MeterFacts] = (), *, revision: int = 0) -> None:
        """Hold `facts`."""
        self.revision = revision
        self._claims: defaultdict[str, list[MeterFacts]] = defaultdict(list)
        self._count = 0
        for meter in facts:
            self._count += 1
            for name in dict.fromkeys(meter.names()):
                self._claims[name].append(meter)

    def __len__(self) -> int:
        return self._count

    def by_title(self, system_title: bytes) -> MeterFacts | None:
        """Return the meter of a system title."""
        return self.by_name(title_name(system_title))

    def by_name(self, name: str) -> MeterFacts | None:
        """Return the meter of a name."""
        return surest(name, self._claims.get(name, ()))


def surest(name: str, claimants: Iterable[MeterFacts]) -> MeterFacts | None:
    """Return who of several has a name: by id before all else, aliases last; None where two have it alike."""
    ranked = sorted(
        ((rank, meter) for meter in claimants if (rank := meter.rank(name)) is not None), key=lambda one: one[0]
    )
    if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
        return None
    return ranked[0][1]


NO_METERS: Final[Registry] = Meters()
"""Nothing is registered."""


def title_name(system_title: bytes) -> str:
    """Return the name that a system title is."""
    return f"{TITLE_NAME}{system_title.hex()}"


def title_of(name: str) -> bytes | None:
    """Return the system title that a name is, None if it is another kind of name."""
    if not name.startswith(TITLE_NAME):
        return None
    try:
        title = bytes.fromhex(name.removeprefix(TITLE_NAME))
    except ValueError:
        return None
    return title if len(title) == _TITLE_LENGTH else None
