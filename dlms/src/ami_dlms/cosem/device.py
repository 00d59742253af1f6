"""A logical device: its objects, and who may see which."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ami_dlms import axdr
from ami_dlms.cosem.data import DataObject
from ami_dlms.cosem.objects import CosemObject
from ami_dlms.cosem.sap import SAP_ASSIGNMENT, SapAssignment
from ami_dlms.security import CounterProvider, MemoryCounter

LOGICAL_DEVICE_NAME = bytes((0, 0, 42, 0, 0, 255))
INVOCATION_COUNTER = bytes((0, 0, 43, 1, 0, 255))


@dataclass(slots=True)
class InvocationCounters:
    """Counters of the global unicast key, shared by all associations of a device."""

    sent: CounterProvider = field(default_factory=lambda: MemoryCounter(1))
    received: int = 0
    """The highest one a client used."""


def own_objects(name: bytes, sap: int, counters: InvocationCounters) -> tuple[CosemObject, ...]:
    """Return what every logical device has: its name, its SAP assignment, its invocation counter."""
    return (
        DataObject(LOGICAL_DEVICE_NAME, axdr.octets(name)),
        SapAssignment({sap: name}),
        DataObject(INVOCATION_COUNTER, lambda: axdr.uint32(counters.received)),
    )


OWN_NAMES = frozenset((LOGICAL_DEVICE_NAME, SAP_ASSIGNMENT, INVOCATION_COUNTER))
"""Logical names of `own_objects`."""


class LogicalDevice:
    """A logical device with its name, its SAP assignment, its invocation counter and the objects it is given."""

    __slots__ = ("counters", "name", "objects", "public")

    def __init__(
        self,
        name: bytes,
        objects: Iterable[CosemObject] | Mapping[bytes, CosemObject],
        *,
        sap: int = 1,
        public: Collection[bytes] = (),
        counters: InvocationCounters | None = None,
    ) -> None:
        """`name` is the logical device name, up to 16 octets; `public` names the objects a public client reads too.

        A mapping by logical name is used as it is, so that objects may be made when they are asked for; it then holds
        what `own_objects` gives, too.
        """
        self.name = name
        self.counters = counters or InvocationCounters()
        self.public = public if isinstance(public, frozenset) and public >= OWN_NAMES else OWN_NAMES.union(public)
        self.objects: Mapping[bytes, CosemObject]
        if isinstance(objects, Mapping):
            self.objects = objects
        else:
            own = own_objects(name, sap, self.counters)
            self.objects = {item.logical_name: item for item in (*own, *objects)}

    def visible(self, *, public: bool) -> Mapping[bytes, CosemObject]:
        """Return the objects a public client, or an authenticated one, may see, by logical name."""
        return _Part(self.objects, self.public) if public else self.objects


class _Part(Mapping[bytes, CosemObject]):
    """Some of the objects of a device."""

    __slots__ = ("_names", "_objects")

    def __init__(self, objects: Mapping[bytes, CosemObject], names: frozenset[bytes]) -> None:
        self._objects, self._names = objects, names

    def __getitem__(self, name: bytes) -> CosemObject:
        if name not in self._names:
            raise KeyError(name)
        return self._objects[name]

    def __iter__(self) -> Iterator[bytes]:
        return (name for name in self._objects if name in self._names)

    def __len__(self) -> int:
        return sum(1 for _ in self)
