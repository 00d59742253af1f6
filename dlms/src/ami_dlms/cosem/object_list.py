"""The object list of an association: what objects there are, and what this client may do with them (class 15).

The list of an association by short names is read by `ami_dlms.short_names`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ami_dlms.axdr import Data, Tag
from ami_dlms.cosem.classes import InterfaceClass, find
from ami_dlms.errors import DataMalformed

_READ_MODES: Final = frozenset({1, 3, 4, 6})
_WRITE_MODES: Final = frozenset({2, 3, 5, 6})
_FLAGS_SINCE: Final = 3
"""Since this version of class 15 an access mode is a set of bits: 1 read, 2 write, the others say how protected."""


class AttributeAccess(NamedTuple):
    """What the client may do with an attribute."""

    mode: int
    """As the meter says it: an enumeration up to version 2 of class 15, bits since version 3."""
    selectors: tuple[int, ...] = ()
    """The access selectors it takes."""

    def readable(self, association_version: int) -> bool:
        """Tell whether it may be read; `association_version` is that of class 15."""
        return bool(self.mode & 1) if association_version >= _FLAGS_SINCE else self.mode in _READ_MODES

    def writable(self, association_version: int) -> bool:
        """Tell whether it may be written."""
        return bool(self.mode & 2) if association_version >= _FLAGS_SINCE else self.mode in _WRITE_MODES


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One object of the list."""

    class_id: int
    version: int
    logical_name: bytes
    attributes: Mapping[int, AttributeAccess] = field(default_factory=dict)
    """Access by attribute; empty where the list does not say."""
    methods: Mapping[int, int] = field(default_factory=dict)
    """Access mode by method, 0 for none."""

    @property
    def interface_class(self) -> InterfaceClass | None:
        """What is known of its class and version."""
        return find(self.class_id, self.version)


def read_object_list(listed: Data) -> list[ListedObject]:
    """Read attribute 2 of Association LN.

    An element that is none is passed over, since one odd object must not hide all others. Raises DataMalformed where
    there is no list.
    """
    if listed.tag != Tag.ARRAY:
        raise DataMalformed("an object list is no array")
    return [found for element in listed.value if (found := _element(element)) is not None]


def _element(element: Data) -> ListedObject | None:
    match [member.value for member in _members(element, Tag.STRUCTURE)]:
        case [int(class_id), int(version), bytes(name), *_] if len(name) == 6:
            attributes, methods = _rights(element.value[3]) if len(element.value) > 3 else ({}, {})
            return ListedObject(class_id, version, name, attributes, methods)
    return None


def _rights(rights: Data) -> tuple[dict[int, AttributeAccess], dict[int, int]]:
    attributes: dict[int, AttributeAccess] = {}
    methods: dict[int, int] = {}
    lists = _members(rights, Tag.STRUCTURE)
    for item in _members(lists[0], Tag.ARRAY) if lists else ():
        match _members(item, Tag.STRUCTURE):
            case [Data(_, int(index)), Data(_, int(mode)), selectors]:
                values = [each.value for each in _members(selectors, Tag.ARRAY)]
                attributes[index] = AttributeAccess(int(mode), tuple(each for each in values if isinstance(each, int)))
    for item in _members(lists[1], Tag.ARRAY) if len(lists) > 1 else ():
        match _members(item, Tag.STRUCTURE):
            case [Data(_, int(index)), Data(_, int(mode)), *_]:
                methods[index] = int(mode)
    return attributes, methods


def _members(value: Data, tag: Tag) -> tuple[Any, ...]:
    return tuple(value.value) if value.tag == tag else ()
