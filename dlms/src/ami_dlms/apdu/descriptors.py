"""Which attribute or method of which COSEM object, and which part of it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ami_dlms import axdr
from ami_dlms.apdu.reader import Reader, u8
from ami_dlms.axdr import Data, write_length
from ami_dlms.errors import UsageError

_DESCRIPTOR: Final = struct.Struct(">H6sb")


def _write(class_id: int, obis: bytes, index: int) -> bytes:
    if len(obis) != 6:
        raise UsageError(f"an OBIS code has six octets, not {len(obis)}")
    try:
        return _DESCRIPTOR.pack(class_id, obis, index)
    except struct.error as error:
        raise UsageError(f"class {class_id}, attribute or method {index} cannot be written: {error}") from None


@dataclass(frozen=True, slots=True)
class CosemAttribute:
    """An attribute: class id, OBIS code (six octets), attribute number."""

    class_id: int
    obis: bytes
    attribute: int

    @classmethod
    def read(cls, reader: Reader) -> CosemAttribute:
        """Read the nine octets."""
        return cls(*_DESCRIPTOR.unpack(reader.take(9)))

    def to_bytes(self) -> bytes:
        """Write the nine octets."""
        return _write(self.class_id, self.obis, self.attribute)


@dataclass(frozen=True, slots=True)
class CosemMethod:
    """A method: class id, OBIS code (six octets), method number."""

    class_id: int
    obis: bytes
    method: int

    @classmethod
    def read(cls, reader: Reader) -> CosemMethod:
        """Read the nine octets."""
        return cls(*_DESCRIPTOR.unpack(reader.take(9)))

    def to_bytes(self) -> bytes:
        """Write the nine octets."""
        return _write(self.class_id, self.obis, self.method)


@dataclass(frozen=True, slots=True)
class SelectiveAccess:
    """A part of an attribute: the selector of its class, and the selector's parameters."""

    selector: int
    parameters: Data

    @classmethod
    def read_optional(cls, reader: Reader) -> SelectiveAccess | None:
        """Read a selective access that may be missing."""
        return cls(reader.u8(), reader.data()) if reader.flag() else None

    def to_bytes(self) -> bytes:
        """Write selector and parameters."""
        return u8(self.selector) + axdr.encode(self.parameters)


Selected = tuple[CosemAttribute, SelectiveAccess | None]
"""An attribute, and which part of it (`Cosem-Attribute-Descriptor-With-Selection`)."""


def read_selected(reader: Reader) -> Selected:
    """Read an attribute with its selection."""
    return CosemAttribute.read(reader), SelectiveAccess.read_optional(reader)


def write_selected(selected: Sequence[Selected]) -> bytes:
    """Write a list of attributes with their selections."""
    written = (attribute.to_bytes() + write_optional_access(access) for attribute, access in selected)
    return write_length(len(selected)) + b"".join(written)


def write_methods(methods: Sequence[CosemMethod]) -> bytes:
    """Write a list of methods."""
    return write_length(len(methods)) + b"".join(method.to_bytes() for method in methods)


def write_optional_access(access: SelectiveAccess | None) -> bytes:
    """Write a selective access that may be missing."""
    return b"\x00" if access is None else b"\x01" + access.to_bytes()
