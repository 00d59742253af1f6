"""What an interface class is: attributes and methods by number, with what the Blue Book says about each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ami_dlms.axdr import Data, Tag
from ami_dlms.errors import UsageError

LOGICAL_NAME: Final = 1
"""Attribute 1 of every class."""
_COLLECTIONS: Final = frozenset({Tag.ARRAY, Tag.STRUCTURE, Tag.COMPACT_ARRAY})
SIMPLE: Final = frozenset(Tag) - _COLLECTIONS
"""Types of single values, as registers have them."""
DATE_TIME: Final = frozenset({Tag.OCTET_STRING, Tag.DATE_TIME})
"""A date-time is an octet-string of 12 octets, in newer classes also of its own type."""


class Change(str, Enum):
    """How an attribute changes."""

    STATIC = "static"
    """By configuration only: what was read once may be remembered."""
    DYNAMIC = "dynamic"
    """By itself."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a class."""

    index: int
    name: str
    types: frozenset[Tag] = frozenset()
    """The types it may have; empty where the class leaves it open, or where we are not sure."""
    change: Change = Change.STATIC
    is_value: bool = False
    """Whether it is what an OBIS code alone means."""
    scaler_unit: int | None = None
    """The attribute that holds its scaler and unit; None where it needs none, or has them elsewhere."""
    since: int = 0
    until: int | None = None
    """First and last version of the class that has it; None: it stayed."""

    def fits(self, data: Data) -> bool:
        """Tell whether the type of `data` is one expected here; null-data (nothing there) always is."""
        return not self.types or data.tag == Tag.NULL or data.tag in self.types


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a class."""

    index: int
    name: str
    since: int = 0
    until: int | None = None


@dataclass(frozen=True, slots=True)
class InterfaceClass:
    """One version of an interface class. `attributes` and `methods` are in the order of their numbers."""

    class_id: int
    version: int
    name: str
    attributes: tuple[Attribute, ...]
    methods: tuple[Method, ...]
    complete: bool = True
    """False where the version may have more than stands here."""

    def attribute(self, index: int) -> Attribute | None:
        """Return the attribute of a number."""
        return next((attribute for attribute in self.attributes if attribute.index == index), None)

    def method(self, index: int) -> Method | None:
        """Return the method of a number."""
        return next((method for method in self.methods if method.index == index), None)

    def index_of(self, name: str) -> int:
        """Return the number of the attribute, or else the method, of a name; raises UsageError for an unknown one."""
        members: tuple[Attribute | Method, ...] = (*self.attributes, *self.methods)
        for member in members:
            if member.name == name:
                return member.index
        raise UsageError(f"{self} has no '{name}'; it has {', '.join(member.name for member in members)}")

    def __str__(self) -> str:
        return f"{self.name} ({self.class_id}/{self.version})"


def static(index: int, name: str, *types: Tag | frozenset[Tag], since: int = 0, until: int | None = None) -> Attribute:
    """Return an attribute that changes by configuration only."""
    return Attribute(index, name, _union(types), Change.STATIC, since=since, until=until)


def dynamic(
    index: int,
    name: str,
    *types: Tag | frozenset[Tag],
    scaler_unit: int | None = None,
    since: int = 0,
    until: int | None = None,
) -> Attribute:
    """Return an attribute that changes by itself."""
    return Attribute(index, name, _union(types), Change.DYNAMIC, scaler_unit=scaler_unit, since=since, until=until)


def value(index: int, name: str, *types: Tag | frozenset[Tag], scaler_unit: int | None = None) -> Attribute:
    """Return the attribute that an OBIS code alone means; it changes by itself."""
    return Attribute(index, name, _union(types), Change.DYNAMIC, is_value=True, scaler_unit=scaler_unit)


def versions(
    class_id: int,
    known: Iterable[int],
    name: str,
    attributes: Iterable[Attribute],
    methods: Iterable[Method] = (),
    *,
    incomplete: Iterable[int] = (),
) -> tuple[InterfaceClass, ...]:
    """Return the versions of a class, each with the attributes and methods it has; attribute 1 is added."""
    members = (static(LOGICAL_NAME, "logical_name", Tag.OCTET_STRING), *attributes)
    actions, partial = tuple(methods), frozenset(incomplete)
    return tuple(
        InterfaceClass(
            class_id,
            version,
            name,
            tuple(member for member in members if _has(member, version)),
            tuple(action for action in actions if _has(action, version)),
            version not in partial,
        )
        for version in known
    )


def _has(member: Attribute | Method, version: int) -> bool:
    return member.since <= version and (member.until is None or version <= member.until)


def _union(types: Iterable[Tag | frozenset[Tag]]) -> frozenset[Tag]:
    union: frozenset[Tag] = frozenset()
    for each in types:
        union |= each if isinstance(each, frozenset) else {each}
    return union
