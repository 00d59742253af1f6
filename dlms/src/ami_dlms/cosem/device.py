"""A logical device: its objects, and who may see which."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ami_dlms import axdr
from ami_dlms.cosem.data import DataObject
from ami_dlms.cosem.objects import CosemObject
from ami_dlms.cosem.sap import SapAssignment
from ami_dlms.security import CounterProvider, MemoryCounter

LOGICAL_DEVICE_NAME = bytes((0, 0, 42, 0, 0, 255))
INVOCATION_COUNTER = bytes((0, 0, 43, 1, 0, 255))


@dataclass(slots=True)
class InvocationCounters:
    """Counters of the global unicast key, shared by all associations of a device."""

    sent: CounterProvider = field(default_factory=lambda: MemoryCounter(1))
    received: int = 0
    """The highest one a client used."""


class LogicalDevice:
    """A logical device with its name, its SAP assignment, its invocation counter and the objects it is given."""

    def __init__(
        self,
        name: bytes,
        objects: Iterable[CosemObject],
        *,
        sap: int = 1,
        public: Collection[bytes] = (),
        counters: InvocationCounters | None = None,
    ) -> None:
        """`name` is the logical device name, up to 16 octets; `public` names the objects a public client reads too."""
        self.name = name
        self.counters = counters or InvocationCounters()
        own: tuple[CosemObject, ...] = (
            DataObject(LOGICAL_DEVICE_NAME, axdr.octets(name)),
            SapAssignment({sap: name}),
            DataObject(INVOCATION_COUNTER, lambda: axdr.uint32(self.counters.received)),
        )
        self.public = frozenset(public) | {item.logical_name for item in own}
        self.objects: dict[bytes, CosemObject] = {item.logical_name: item for item in (*own, *objects)}

    def visible(self, *, public: bool) -> tuple[CosemObject, ...]:
        """Return the objects a public client, or an authenticated one, may see."""
        return tuple(item for item in self.objects.values() if not public or item.logical_name in self.public)
