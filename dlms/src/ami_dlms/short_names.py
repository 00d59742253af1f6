"""Short name referencing: from objects to numbers (Blue Book 4.4.3; Green Book 4.1.5).

client = Client(ClientSettings(short_names=True))
...
client.read([VariableName(attribute_name(ASSOCIATION, 2))])   # leads to an Answer with the object list
objects = object_list(answer.result[0])
client.read([VariableName(objects[0].name_of(2))])
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ami_dlms.axdr import Data, Tag
from ami_dlms.errors import DataMalformed

ASSOCIATION: Final = 0xFA00
"""Base name of the current association (class 12); its attribute 2 is the object list."""
_STEP = 8


def attribute_name(base: int, attribute: int) -> int:
    """Return the short name of an attribute; attribute 1 is the object's logical name."""
    return base + _STEP * (attribute - 1) & 0xFFFF


class ShortNamedObject(NamedTuple):
    """An object of the association's list."""

    base: int
    """Short name of its first attribute, unsigned."""
    class_id: int
    version: int
    obis: bytes

    def name_of(self, attribute: int) -> int:
        """Return the short name of one of its attributes."""
        return attribute_name(self.base, attribute)


def object_list(data: Data) -> tuple[ShortNamedObject, ...]:
    """Read the object list of an Association SN. Raises DataMalformed."""
    if data.tag != Tag.ARRAY:
        raise DataMalformed("The object list of an association is an array.")
    return tuple(map(_element, data.value))


def _element(data: Data) -> ShortNamedObject:
    fields = data.value if data.tag == Tag.STRUCTURE else ()
    if [field.tag for field in fields] != [Tag.INT16, Tag.UINT16, Tag.UINT8, Tag.OCTET_STRING]:
        raise DataMalformed("An element of the object list has a base name, a class, a version and a logical name.")
    base, class_id, version, obis = (field.value for field in fields)
    return ShortNamedObject(base & 0xFFFF, class_id, version, obis)
