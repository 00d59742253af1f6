"""From one decoded message to its shape: which octets are constant, which are values, and where.

The message is walked along what the generic decoder made of it, so nothing is decided here that the decoder did not
decide. Whatever steers the decoder is constant: tags, lengths, counts, flags, type descriptions. Constant as well, so
that a template has one meaning, are OBIS codes, scalers with their units, and class, attribute and data index around an
OBIS code. Everything else varies: numbers, times, other strings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ami_dlms.axdr import BitString, Data, Tag, TypeDescription, read_length
from ami_dlms.shapes.skeleton import Fixed, Group, Node, Packed, Rows, Slot

_CODES: Final[dict[int, tuple[str, int]]] = {
    Tag.BOOLEAN: ("?", 1),
    Tag.INT32: ("i", 4),
    Tag.UINT32: ("I", 4),
    Tag.BCD: ("B", 1),
    Tag.INT8: ("b", 1),
    Tag.INT16: ("h", 2),
    Tag.UINT8: ("B", 1),
    Tag.UINT16: ("H", 2),
    Tag.INT64: ("q", 8),
    Tag.UINT64: ("Q", 8),
    Tag.ENUM: ("B", 1),
    Tag.FLOAT32: ("f", 4),
    Tag.FLOAT64: ("d", 8),
    Tag.DATE_TIME: ("12s", 12),
    Tag.DATE: ("5s", 5),
    Tag.TIME: ("4s", 4),
    Tag.DELTA_INT8: ("b", 1),
    Tag.DELTA_INT16: ("h", 2),
    Tag.DELTA_INT32: ("i", 4),
    Tag.DELTA_UINT8: ("B", 1),
    Tag.DELTA_UINT16: ("H", 2),
    Tag.DELTA_UINT32: ("I", 4),
}
"""How `struct` reads the contents of a type, and their octets."""
_EMPTY: Final = frozenset({Tag.NULL, Tag.DONT_CARE})
_COLLECTIONS: Final = frozenset({Tag.ARRAY, Tag.STRUCTURE})
_SCALERS: Final = range(-16, 17)


class Untraceable(Exception):
    """The message gives no shape: it holds what has no fixed layout."""


class Span(NamedTuple):
    """Octets that hold a value."""

    offset: int
    width: int
    code: str


class Repeat(NamedTuple):
    """Rows alike: spans `first` to `last` (exclusive), octets `begin` to `end` (exclusive)."""

    first: int
    last: int
    begin: int
    end: int
    rows: int


Convert = Callable[[bytes], Any]


class Trace:
    """One walk over a message."""

    def __init__(self, buf: bytes) -> None:
        self.buf = buf
        self.at = 0
        self.spans: list[Span] = []
        self.repeats: list[Repeat] = []
        self.converts: list[tuple[int, Convert]] = []

    def length(self) -> int:
        """Pass over a length or a count."""
        length, self.at = read_length(self.buf, self.at)
        return length

    def slot(self, tag: int | None, code: str, width: int, convert: Convert | None = None) -> Slot:
        """Take the next octets as a value."""
        if convert is not None:
            self.converts.append((len(self.spans), convert))
        self.spans.append(Span(self.at, width, code))
        self.at += width
        return Slot(tag, code)

    def octets(self) -> Node:
        """Pass over an octet-string without a tag: an attribute of the APDU."""
        width = self.length()
        return self.slot(None, f"{width}s", width) if width else Fixed(b"")

    def constant(self, width: int, value: Any) -> Fixed:
        """Take the next octets as a constant."""
        self.at += width
        return Fixed(value)

    def data(self, data: Data) -> Node:
        """Pass over a value with its tag."""
        self.at += 1
        if data.tag in _COLLECTIONS:
            self.length()
            return self._collection(data.tag, data.value, packed=False)
        if data.tag == Tag.COMPACT_ARRAY:
            description, items = data.value
            self._description(description)
            self.length()
            return Packed(description, self._collection(None, items, packed=True))
        return self._plain(data)

    def _content(self, data: Data) -> Node:
        """Pass over an element of a compact-array: no tags, no counts."""
        if data.tag in _COLLECTIONS:
            return self._collection(data.tag, data.value, packed=True)
        return self._plain(data)

    def _collection(self, tag: int | None, items: tuple[Data, ...], *, packed: bool) -> Node:
        member = self._content if packed else self.data
        meaning = _constants(items) if tag == Tag.STRUCTURE else 0
        first, begin = len(self.spans), self.at
        nodes: list[Node] = []
        for position, item in enumerate(items):
            node = self._constant_member(item, packed=packed) if meaning >> position & 1 else member(item)
            nodes.append(nodes[0] if nodes and node == nodes[0] else node)  # rows alike are kept once
        if len(self.spans) == first:
            return Fixed(items if tag is None else Data(tag, items))
        if tag == Tag.STRUCTURE or len(nodes) < 2 or nodes.count(nodes[0]) != len(nodes):
            return Group(tag, tuple(nodes))
        while self.repeats and self.repeats[-1].first >= first:
            self.repeats.pop()
        self.repeats.append(Repeat(first, len(self.spans), begin, self.at, len(nodes)))
        return Rows(tag, len(nodes), nodes[0])

    def _constant_member(self, data: Data, *, packed: bool) -> Node:
        if not packed:
            self.at += 1
        return self.constant(_CODES[data.tag][1], data)

    def _plain(self, data: Data) -> Node:
        """Pass over the contents of what is no collection."""
        tag, value = data
        code = _CODES.get(tag)
        if code is not None:
            return self.slot(tag, *code)
        if tag in _EMPTY:
            return Fixed(data)
        if tag == Tag.BIT_STRING:
            bits = self.length()
            width = (bits + 7) // 8
            return self.slot(tag, f"{width}s", width, lambda octets: BitString(bits, octets))
        if tag not in (Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING):
            raise Untraceable
        width = self.length()
        if not width or (tag == Tag.OCTET_STRING and _is_obis(value)):
            return self.constant(width, data)
        return self.slot(tag, f"{width}s", width, _TEXT.get(tag))

    def _description(self, description: TypeDescription) -> None:
        """Pass over the type description of a compact-array."""
        self.at += 1
        if description.tag == Tag.ARRAY:
            self.at += 2
        elif description.tag == Tag.STRUCTURE:
            self.length()
        for member in description.members:
            self._description(member)


def _latin_1(octets: bytes) -> str:
    return octets.decode("latin-1")


_TEXT: Final[dict[int, Convert]] = {Tag.VISIBLE_STRING: _latin_1, Tag.UTF8_STRING: bytes.decode}


def _is_obis(octets: bytes) -> bool:
    """Tell codes from serial numbers and addresses of six octets: value group A is small, F is open or a period."""
    return len(octets) == 6 and octets[0] < 16 and (octets[5] == 0xFF or octets[5] < 128)


def _constants(members: tuple[Data, ...]) -> int:
    """Return which members of a structure are constant for what they mean, as bits.

    Scaler and unit: an integer and an enum side by side, any integer where the two are alone, as readers take them.
    Class, attribute and data index: a long-unsigned in front of an OBIS code, the integer behind it, and a
    long-unsigned behind that.
    """
    bits = 0
    tags = [member.tag for member in members]
    for position in range(len(tags) - 1):
        likely = len(tags) == 2 or members[position].value in _SCALERS
        if tags[position] == Tag.INT8 and tags[position + 1] == Tag.ENUM and likely:
            bits |= 0b11 << position
        if tags[position : position + 3] == [Tag.UINT16, Tag.OCTET_STRING, Tag.INT8] and _is_obis(
            members[position + 1].value
        ):
            bits |= (0b1101 if tags[position + 3 : position + 4] == [Tag.UINT16] else 0b101) << position
    return bits
