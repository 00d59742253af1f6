"""COSEM `Data` in A-XDR (IEC 61334-6; types of Blue Book clause 4.1.5).

A value is `Data(tag, value)`:

====================================================  =============================================
null-data, dont-care                                  None
array, structure                                      tuple of Data
boolean                                               bool
bit-string                                            BitString
integers, enum, bcd, delta types                      int
float32, float64                                      float
octet-string, date-time, date, time                   bytes
visible-string, utf8-string                           str (visible-string octet for octet, as Latin-1)
compact-array                                         CompactArray
====================================================  =============================================

Decoding is bounded: a count is held against the octets that are left before anything is built from it, and elements and
depth against `Limits`.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Any, Final, NamedTuple

from ami_dlms.errors import DataMalformed, LimitExceeded, TrailingBytes, Truncated, UsageError


class Tag(IntEnum):
    """Tags of the data types."""

    NULL = 0
    ARRAY = 1
    STRUCTURE = 2
    BOOLEAN = 3
    BIT_STRING = 4
    INT32 = 5
    UINT32 = 6
    OCTET_STRING = 9
    VISIBLE_STRING = 10
    UTF8_STRING = 12
    BCD = 13
    INT8 = 15
    INT16 = 16
    UINT8 = 17
    UINT16 = 18
    COMPACT_ARRAY = 19
    INT64 = 20
    UINT64 = 21
    ENUM = 22
    FLOAT32 = 23
    FLOAT64 = 24
    DATE_TIME = 25
    DATE = 26
    TIME = 27
    DELTA_INT8 = 28
    DELTA_INT16 = 29
    DELTA_INT32 = 30
    DELTA_UINT8 = 31
    DELTA_UINT16 = 32
    DELTA_UINT32 = 33
    DONT_CARE = 255


class Data(NamedTuple):
    """One value with its type."""

    tag: int
    value: Any


class BitString(NamedTuple):
    """A bit-string: its length in bits, and the octets that hold them, first bit highest."""

    length: int
    octets: bytes


class TypeDescription(NamedTuple):
    """The type of a compact-array's elements: a tag; for arrays size and element type, for structures one a member."""

    tag: int
    size: int = 0
    members: tuple[TypeDescription, ...] = ()


class CompactArray(NamedTuple):
    """A compact-array: the type of its elements, and the elements."""

    description: TypeDescription
    items: tuple[Data, ...]


class Limits(NamedTuple):
    """How much work one value may cause."""

    depth: int = 32
    elements: int = 131_072


_MOST_AN_OCTET: Final = 4
"""Values an octet may stand for: elements of a compact array that have no contents (null-data) cost no octets."""

LIMITS: Final = Limits()
"""More than any meter sends: a 4,000-row profile of 16 columns fits."""

NULL: Final = Data(Tag.NULL, None)

_INTEGERS: Final = {
    Tag.INT32: struct.Struct(">i"),
    Tag.UINT32: struct.Struct(">I"),
    Tag.BCD: struct.Struct(">B"),
    Tag.INT8: struct.Struct(">b"),
    Tag.INT16: struct.Struct(">h"),
    Tag.UINT8: struct.Struct(">B"),
    Tag.UINT16: struct.Struct(">H"),
    Tag.INT64: struct.Struct(">q"),
    Tag.UINT64: struct.Struct(">Q"),
    Tag.ENUM: struct.Struct(">B"),
    Tag.DELTA_INT8: struct.Struct(">b"),
    Tag.DELTA_INT16: struct.Struct(">h"),
    Tag.DELTA_INT32: struct.Struct(">i"),
    Tag.DELTA_UINT8: struct.Struct(">B"),
    Tag.DELTA_UINT16: struct.Struct(">H"),
    Tag.DELTA_UINT32: struct.Struct(">I"),
}
_FLOATS: Final = {Tag.FLOAT32: struct.Struct(">f"), Tag.FLOAT64: struct.Struct(">d")}
_OCTETS: Final = {Tag.DATE_TIME: 12, Tag.DATE: 5, Tag.TIME: 4}
_EMPTY: Final = frozenset({Tag.NULL, Tag.DONT_CARE})

_PACKED: Final = {**_INTEGERS, **_FLOATS}
_NUMBERS: Final = tuple(_PACKED[Tag(tag)].unpack_from if tag in _PACKED else None for tag in range(256))
_WIDTHS: Final = tuple(_PACKED[Tag(tag)].size if tag in _PACKED else 0 for tag in range(256))
"""Octets of the numbers, by tag; these tables make the common case one look-up."""

_COLLECTIONS: Final = frozenset({1, 2})
_OCTET_STRING: Final = 9
_COMPACT_ARRAY: Final = 19
_new: Final = tuple.__new__
"""Makes a Data at half the price of calling its class."""


def read_length(buf: bytes, offset: int) -> tuple[int, int]:
    """Read an A-XDR length (one octet below 0x80, else 0x81 to 0x84 and that many); return it and the next offset."""
    if offset >= len(buf):
        raise Truncated("a length is missing", offset=offset)
    first = buf[offset]
    if first < 0x80:
        return first, offset + 1
    width = first & 0x7F
    if not 1 <= width <= 4:
        raise DataMalformed(f"{first:#04x} begins no length", offset=offset)
    end = offset + 1 + width
    if end > len(buf):
        raise Truncated("a length is cut off", offset=offset)
    return int.from_bytes(buf[offset + 1 : end], "big"), end


def write_length(length: int) -> bytes:
    """Write an A-XDR length in its shortest form."""
    if length < 0x80:
        return bytes((length,))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def decode(buf: bytes, offset: int = 0, limits: Limits = LIMITS) -> tuple[Data, int]:
    """Decode the value at `offset`; return it and the offset behind it. Raises a ReceivedError."""
    return _Decoder(buf, limits).value(offset, 0)


def decode_part(buf: bytes, offset: int, limits: Limits) -> tuple[Data, int, Limits]:
    """Decode one of several values of an APDU; return also the limits that are left for the others."""
    decoder = _Decoder(buf, limits)
    data, end = decoder.value(offset, 0)
    return data, end, Limits(limits.depth, decoder.left - 1)


def decode_exact(buf: bytes, limits: Limits = LIMITS) -> Data:
    """Decode a buffer that holds one value and nothing else; raises TrailingBytes where something is left."""
    data, end = decode(buf, 0, limits)
    if end != len(buf):
        raise TrailingBytes(f"{len(buf) - end} octets are left after the data", offset=end)
    return data


class _Decoder:
    """One decoding, with what it may still spend."""

    __slots__ = ("_buf", "_depth", "left")

    def __init__(self, buf: bytes, limits: Limits) -> None:
        self._buf = buf
        self._depth = limits.depth
        self.left = min(limits.elements, _MOST_AN_OCTET * len(buf))

    def value(self, offset: int, depth: int) -> tuple[Data, int]:
        """Decode a tag and its contents."""
        buf = self._buf
        try:
            tag = buf[offset]
        except IndexError:
            raise Truncated("a value is missing", offset=offset) from None
        if tag in _COLLECTIONS:
            return self._collection(tag, offset, depth)
        if tag == _COMPACT_ARRAY:
            return self._compact(offset, depth)
        return self._plain(tag, offset + 1)

    def _collection(self, tag: int, offset: int, depth: int) -> tuple[Data, int]:
        """Decode an array or a structure; numbers and short octet-strings, most of what meters send, need no call."""
        buf = self._buf
        count, at = read_length(buf, offset + 1)
        self._spend(count, len(buf) - at, depth, offset)
        items: list[Data] = []
        append = items.append
        depth += 1
        try:
            for _ in range(count):
                inner = buf[at]
                unpack = _NUMBERS[inner]
                if unpack is not None:
                    append(_new(Data, (inner, unpack(buf, at + 1)[0])))
                    at += _WIDTHS[inner] + 1
                    continue
                if inner == _OCTET_STRING:
                    length = buf[at + 1]
                    end = at + 2 + length
                    if length < 0x80 and end <= len(buf):
                        append(_new(Data, (inner, buf[at + 2 : end])))
                        at = end
                        continue
                item, at = self._collection(inner, at, depth) if inner in _COLLECTIONS else self.value(at, depth)
                append(item)
        except (IndexError, struct.error):
            raise Truncated("a value is missing or cut off", offset=at) from None
        return _new(Data, (tag, tuple(items))), at

    def _spend(self, count: int, octets: int, depth: int, offset: int) -> None:
        """Account for `count` elements of at least one octet each, before any is built."""
        if depth >= self._depth:
            raise LimitExceeded(f"nested deeper than {self._depth}", offset=offset)
        if count > octets:
            raise Truncated(f"{count} elements are announced, {octets} octets are left", offset=offset)
        self.left -= count
        if self.left < 0:
            raise LimitExceeded("more elements than any meter sends", offset=offset)

    def _take(self, offset: int, length: int) -> tuple[bytes, int]:
        end = offset + length
        if end > len(self._buf):
            raise Truncated(f"{length} octets are announced, {len(self._buf) - offset} are left", offset=offset)
        return self._buf[offset:end], end

    def _plain(self, tag: int, offset: int) -> tuple[Data, int]:
        """Contents of a type that is neither a number nor a collection, without its tag."""
        unpack = _NUMBERS[tag]
        if unpack is not None:
            octets, end = self._take(offset, _WIDTHS[tag])
            return Data(tag, unpack(octets, 0)[0]), end
        if tag in (Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING):
            length, offset = read_length(self._buf, offset)
            octets, end = self._take(offset, length)
            if tag == Tag.OCTET_STRING:
                return Data(tag, octets), end
            if tag == Tag.VISIBLE_STRING:
                return Data(tag, octets.decode("latin-1")), end
            try:
                return Data(tag, octets.decode("utf-8")), end
            except UnicodeDecodeError:
                raise DataMalformed("a utf8-string is not UTF-8", offset=offset) from None
        if tag in _EMPTY:
            return Data(tag, None), offset
        if tag == Tag.BOOLEAN:
            octets, end = self._take(offset, 1)
            return Data(tag, octets != b"\x00"), end
        if tag in (Tag.DATE_TIME, Tag.DATE, Tag.TIME):
            octets, end = self._take(offset, _OCTETS[Tag(tag)])
            return Data(tag, octets), end
        if tag == Tag.BIT_STRING:
            bits, offset = read_length(self._buf, offset)
            octets, end = self._take(offset, (bits + 7) // 8)
            return Data(tag, BitString(bits, octets)), end
        raise DataMalformed(f"{tag:#04x} is no data type", offset=offset - 1)

    def _compact(self, offset: int, depth: int) -> tuple[Data, int]:
        """Decode a compact-array: type description, length in octets, contents without tags."""
        description, at = self._description(offset + 1, depth + 1)
        length, at = read_length(self._buf, at)
        end = at + length
        if end > len(self._buf):
            raise Truncated(f"{length} octets of a compact array are announced, fewer are left", offset=at)
        items = []
        while at < end:
            self._spend(1, 1, depth, at)
            before = at
            item, at = self._content(description, at, depth + 1)
            if at == before:
                raise DataMalformed("a compact array of elements without contents has no count", offset=at)
            items.append(item)
        if at != end:
            raise DataMalformed("the last element of a compact array is cut off", offset=at)
        return Data(Tag.COMPACT_ARRAY, CompactArray(description, tuple(items))), end

    def _description(self, offset: int, depth: int) -> tuple[TypeDescription, int]:
        octets, at = self._take(offset, 1)
        tag = octets[0]
        if tag == Tag.ARRAY:
            octets, at = self._take(at, 2)
            count = int.from_bytes(octets, "big")
            self._spend(1, 1, depth, offset)
            member, at = self._description(at, depth + 1)
            return TypeDescription(tag, count, (member,)), at
        if tag == Tag.STRUCTURE:
            count, at = read_length(self._buf, at)
            self._spend(count, len(self._buf) - at, depth, offset)
            members = []
            for _ in range(count):
                member, at = self._description(at, depth + 1)
                members.append(member)
            return TypeDescription(tag, count, tuple(members)), at
        if tag == Tag.COMPACT_ARRAY or tag not in _KNOWN:
            raise DataMalformed(f"{tag:#04x} cannot be the type of a compact array's element", offset=offset)
        return TypeDescription(tag), at

    def _content(self, description: TypeDescription, offset: int, depth: int) -> tuple[Data, int]:
        tag = description.tag
        if tag == Tag.ARRAY:
            if description.size > self.left:
                raise LimitExceeded("an array in a compact array has more elements than any meter sends", offset=offset)
            members = description.members * description.size
        elif tag == Tag.STRUCTURE:
            members = description.members
        else:
            return self._plain(tag, offset)
        self._spend(len(members), len(members), depth, offset)
        items = []
        for member in members:
            item, offset = self._content(member, offset, depth + 1)
            items.append(item)
        return Data(tag, tuple(items)), offset


_KNOWN: Final = frozenset(int(tag) for tag in Tag)


def encode(data: Data) -> bytes:
    """Encode a value in its canonical form. Raises UsageError where the value does not fit its type."""
    out = bytearray()
    _encode(data, out)
    return bytes(out)


def _encode(data: Data, out: bytearray) -> None:
    out.append(data.tag)
    if data.tag in (Tag.ARRAY, Tag.STRUCTURE):
        out += write_length(len(data.value))
        for item in data.value:
            _encode(item, out)
    elif data.tag == Tag.COMPACT_ARRAY:
        contents = bytearray()
        for item in data.value.items:
            _encode_content(data.value.description, item, contents)
        if data.value.items and not contents:
            raise UsageError("a compact array of elements without contents has no count, so it cannot be written")
        _encode_description(data.value.description, out)
        out += write_length(len(contents)) + contents
    else:
        _encode_plain(data, out)


def _encode_plain(data: Data, out: bytearray) -> None:
    tag, value = data
    try:
        if tag in _INTEGERS:
            out += _INTEGERS[Tag(tag)].pack(value)
        elif tag in _FLOATS:
            out += _FLOATS[Tag(tag)].pack(value)
        elif tag in _EMPTY:
            pass
        elif tag == Tag.OCTET_STRING:
            out += write_length(len(value)) + value
        elif tag == Tag.VISIBLE_STRING:
            octets = value.encode("latin-1")
            out += write_length(len(octets)) + octets
        elif tag == Tag.UTF8_STRING:
            octets = value.encode("utf-8")
            out += write_length(len(octets)) + octets
        elif tag == Tag.BOOLEAN:
            out.append(1 if value else 0)
        elif tag in _OCTETS:
            if len(value) != _OCTETS[Tag(tag)]:
                raise UsageError(f"{Tag(tag).name} has {_OCTETS[Tag(tag)]} octets, not {len(value)}")
            out += value
        elif tag == Tag.BIT_STRING:
            if len(value.octets) != (value.length + 7) // 8:
                raise UsageError(f"{value.length} bits do not fit {len(value.octets)} octets")
            out += write_length(value.length) + value.octets
        else:
            raise UsageError(f"{tag:#04x} is no data type")
    except (struct.error, OverflowError, TypeError, AttributeError, UnicodeEncodeError) as error:
        raise UsageError(f"a value does not fit its type {tag:#04x}: {error}") from None


def _encode_description(description: TypeDescription, out: bytearray) -> None:
    out.append(description.tag)
    if description.tag == Tag.ARRAY:
        out += description.size.to_bytes(2, "big")
    elif description.tag == Tag.STRUCTURE:
        out += write_length(len(description.members))
    for member in description.members:
        _encode_description(member, out)


def _encode_content(description: TypeDescription, data: Data, out: bytearray) -> None:
    if data.tag != description.tag:
        raise UsageError(f"an element of type {data.tag:#04x} in a compact array of {description.tag:#04x}")
    if description.tag in (Tag.ARRAY, Tag.STRUCTURE):
        members = description.members * description.size if description.tag == Tag.ARRAY else description.members
        if len(members) != len(data.value):
            raise UsageError(f"an element has {len(data.value)} members, its type {len(members)}")
        for member, item in zip(members, data.value):  # noqa: B905  lengths were compared
            _encode_content(member, item, out)
    else:
        _encode_plain(data, out)


def array(*items: Data) -> Data:
    """Make an array."""
    return Data(Tag.ARRAY, items)


def structure(*items: Data) -> Data:
    """Make a structure."""
    return Data(Tag.STRUCTURE, items)


def octets(value: bytes) -> Data:
    """Make an octet-string."""
    return Data(Tag.OCTET_STRING, bytes(value))


def visible(value: str) -> Data:
    """Make a visible-string."""
    return Data(Tag.VISIBLE_STRING, value)


def boolean(value: bool) -> Data:  # noqa: FBT001
    """Make a boolean."""
    return Data(Tag.BOOLEAN, value)


def enum(value: int) -> Data:
    """Make an enum."""
    return Data(Tag.ENUM, value)


def int8(value: int) -> Data:
    """Make an integer."""
    return Data(Tag.INT8, value)


def int16(value: int) -> Data:
    """Make a long."""
    return Data(Tag.INT16, value)


def int32(value: int) -> Data:
    """Make a double-long."""
    return Data(Tag.INT32, value)


def int64(value: int) -> Data:
    """Make a long64."""
    return Data(Tag.INT64, value)


def uint8(value: int) -> Data:
    """Make an unsigned."""
    return Data(Tag.UINT8, value)


def uint16(value: int) -> Data:
    """Make a long-unsigned."""
    return Data(Tag.UINT16, value)


def uint32(value: int) -> Data:
    """Make a double-long-unsigned."""
    return Data(Tag.UINT32, value)


def uint64(value: int) -> Data:
    """Make a long64-unsigned."""
    return Data(Tag.UINT64, value)
