"""An APDU octet by octet: what each stands for. For people who look at bytes; the decoders themselves are elsewhere.

What `ami_dlms.apdu.decode` and `ami_dlms.axdr.decode` say is taken for granted: they judge, and the walk here says
where each thing they read stands. Of octets that they refuse, it shows everything up to where it cannot go on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from ami_dlms import apdu as apdus
from ami_dlms import axdr
from ami_dlms.apdu.ciphered import SERVICE_CIPHERED
from ami_dlms.axdr import LIMITS, Data, Limits, Tag, TypeDescription
from ami_dlms.errors import LimitExceeded, ReceivedError, Truncated

_WIDTHS: Final = {
    **{tag: len(axdr.encode(Data(tag, 0))) - 1 for tag in Tag if tag.name.startswith(("INT", "UINT", "DELTA"))},
    **dict.fromkeys((Tag.BCD, Tag.ENUM, Tag.BOOLEAN), 1),
    **dict(zip((Tag.NULL, Tag.DONT_CARE, Tag.FLOAT32, Tag.FLOAT64), (0, 0, 4, 8), strict=True)),
    **dict(zip((Tag.DATE_TIME, Tag.DATE, Tag.TIME), (12, 5, 4), strict=True)),
}
"""Octets of contents without tag, of types whose contents have no length."""
_COLLECTIONS: Final = frozenset({Tag.ARRAY, Tag.STRUCTURE})
_TAG_OCTETS: Final = 12
_AUTHENTICATED: Final = 0x10


class Element(NamedTuple):
    """A part of an APDU. The heads of all elements, in order, are the octets of the APDU."""

    offset: int
    length: int
    """Octets of it and of all inside it."""
    head: int
    """Octets of its own: all of them, or those before what is inside (tag and count)."""
    path: str
    """`date-time`, `body`, `body[3][1]`."""
    tag: int | None
    """The type of COSEM data; None for a field of the APDU."""
    value: Any
    """Of data as `ami_dlms.axdr.Data` has it, but of a collection the count, of a compact-array the description."""


class Annotation(NamedTuple):
    """An APDU, or COSEM data alone, in elements."""

    name: str
    """What it is, in the words of the standard: `data-notification`."""
    elements: tuple[Element, ...]
    error: ReceivedError | None = None
    """Why the decoder refuses it; the elements then end where they cannot be told any more."""


def annotate(octets: bytes) -> Annotation:
    """Say what each octet of an APDU stands for; never raises on octets."""
    first = octets[0] if octets else -1
    name, walk = _APDUS.get(first, ("service-ciphered", _service) if first in SERVICE_CIPHERED else ("apdu", _rest))
    error: ReceivedError | None = None
    try:
        if walk is not _telegram:
            apdus.decode(octets)
    except ReceivedError as refusal:
        error = refusal
    return _annotated(name, octets, walk, error)


def annotate_data(octets: bytes) -> Annotation:
    """Say what each octet of COSEM data alone stands for; never raises on octets."""
    error: ReceivedError | None = None
    try:
        axdr.decode_exact(octets)
    except ReceivedError as refusal:
        error = refusal
    return _annotated("data", octets, lambda walk: walk.data("data"), error)


def _annotated(name: str, octets: bytes, steps: Callable[[_Walk], None], error: ReceivedError | None) -> Annotation:
    walk = _Walk(octets, LIMITS)
    try:
        steps(walk)
        walk.rest("behind the end")
    except (ReceivedError, IndexError):
        walk.back()
        walk.rest("not understood")
    return Annotation(name, tuple(walk.elements), error)


class _Walk:
    """A position in octets, and the elements behind it."""

    def __init__(self, octets: bytes, limits: Limits) -> None:
        self._octets = octets
        self._limits = limits
        self.at = 0
        self.elements: list[Element] = []

    # fields of an APDU

    def number(self, path: str, size: int = 1) -> int:
        """Take an unsigned number of `size` octets."""
        octets = self._take(size)
        return int(self._add(path, None, int.from_bytes(octets, "big"), size))

    def octets(self, path: str, size: int) -> bytes:
        """Take `size` octets."""
        return bytes(self._add(path, None, self._take(size), size))

    def octet_string(self, path: str) -> bytes:
        """Take a length and its octets."""
        begin = self.at
        size, self.at = axdr.read_length(self._octets, begin)
        octets = self._take(size)
        return bytes(self._add(path, None, octets, self.at - begin))

    def line(self, path: str) -> str:
        """Take text up to a line feed, or to the end."""
        end = self._octets.find(b"\n", self.at) + 1 or len(self._octets)
        octets = self._take(end - self.at)
        return str(self._add(path, None, octets.decode("latin-1").rstrip("\r\n"), len(octets)))

    def rest(self, path: str) -> None:
        """Take what is left, if anything is; collections that are open end with it."""
        octets = self._octets[self.at :]
        if octets:
            self.octets(path, len(octets))
        for index, element in enumerate(self.elements):
            if element.length < 0:
                self._close(index)

    def back(self) -> None:
        """Go back behind the last element, from one that could not be taken."""
        last = self.elements[-1:]
        self.at = last[0].offset + last[0].head if last else 0

    def length(self, path: str) -> int:
        """Take a length, or a count."""
        begin = self.at
        value, self.at = axdr.read_length(self._octets, begin)
        return int(self._add(path, None, value, self.at - begin))

    @property
    def left(self) -> int:
        """Octets not taken yet."""
        return len(self._octets) - self.at

    def next_is(self, octets: bytes) -> bool:
        """Tell whether these octets come next."""
        return self._octets.startswith(octets, self.at)

    # COSEM data

    def data(self, path: str, depth: int = 0) -> None:
        """Take a value with its tag."""
        begin = self.at
        tag = self._octets[begin]
        if tag in _COLLECTIONS:
            count, self.at = axdr.read_length(self._octets, begin + 1)
            if depth >= self._limits.depth or len(self.elements) + count > self._limits.elements:
                raise LimitExceeded("more than any meter sends", offset=begin)
            if count > self.left:
                raise Truncated("fewer octets are left than elements announced", offset=begin)
            index = self._open(begin, path, tag, count)
            for number in range(count):
                self.data(f"{path}[{number}]", depth + 1)
            self._close(index)
        elif tag == Tag.COMPACT_ARRAY:
            self._compact(path)
        else:
            value, self.at = axdr.decode(self._octets, begin)
            self._add(path, tag, value.value, self.at - begin)

    def _compact(self, path: str) -> None:
        begin = self.at
        left = self._limits._replace(elements=self._limits.elements - len(self.elements))
        whole, end, _ = axdr.decode_part(self._octets, begin, left)  # from here on nothing can be wrong with it
        self.at = self._behind_description(begin + 1)
        _, self.at = axdr.read_length(self._octets, self.at)
        index = self._open(begin, path, Tag.COMPACT_ARRAY, whole.value.description)
        for number in range(len(whole.value.items)):
            self._content(whole.value.description, f"{path}[{number}]")
        self.at = end
        self._close(index)

    def _behind_description(self, at: int) -> int:
        tag = self._octets[at]
        if tag == Tag.ARRAY:
            return self._behind_description(at + 3)
        at += 1
        if tag == Tag.STRUCTURE:
            count, at = axdr.read_length(self._octets, at)
            for _ in range(count):
                at = self._behind_description(at)
        return at

    def _content(self, description: TypeDescription, path: str) -> None:
        """Take a value whose tag stands in the description of its compact-array."""
        tag, begin = description.tag, self.at
        if tag in _COLLECTIONS:
            members = description.members * description.size if tag == Tag.ARRAY else description.members
            index = self._open(begin, path, tag, len(members))
            for number, member in enumerate(members):
                self._content(member, f"{path}[{number}]")
            self._close(index)
            return
        if tag in _WIDTHS:
            self.at = begin + _WIDTHS[Tag(tag)]
        else:
            size, self.at = axdr.read_length(self._octets, begin)
            self.at += (size + 7) // 8 if tag == Tag.BIT_STRING else size
        value = axdr.decode_exact(bytes((tag,)) + self._octets[begin : self.at]).value
        self._add(path, tag, value, self.at - begin)

    # elements

    def _take(self, size: int) -> bytes:
        if size > self.left:
            raise Truncated(f"{size} octets are due, {self.left} are left", offset=self.at)
        self.at += size
        return self._octets[self.at - size : self.at]

    def _add(self, path: str, tag: int | None, value: Any, length: int) -> Any:
        self.elements.append(Element(self.at - length, length, length, path, tag, value))
        return value

    def _open(self, begin: int, path: str, tag: int, value: Any) -> int:
        self.elements.append(Element(begin, -1, self.at - begin, path, tag, value))
        return len(self.elements) - 1

    def _close(self, index: int) -> None:
        element = self.elements[index]
        self.elements[index] = element._replace(length=self.at - element.offset)


def _rest(walk: _Walk) -> None:
    walk.rest("contents")


def _telegram(walk: _Walk) -> None:
    """Take readable text line by line (DSMR P1)."""
    number = 0
    while walk.left:
        number += 1
        walk.line(f"line {number}")


def _data_notification(walk: _Walk) -> None:
    walk.number("tag")
    walk.number("long-invoke-id-and-priority", 4)
    if walk.next_is(b"\x09\x0c"):
        walk.number("tag of the date-time, which the standard has not")
    walk.octet_string("date-time")
    walk.data("body")


def _event_notification(walk: _Walk) -> None:
    walk.number("tag")
    if walk.number("time is present"):
        walk.octet_string("time")
    walk.number("class-id", 2)
    walk.octets("instance-id", 6)
    walk.number("attribute-id")
    walk.data("value")


def _get_request(walk: _Walk) -> None:
    walk.number("tag")
    form = walk.number("form")
    walk.number("invoke-id-and-priority")
    if form == 1:
        _descriptor(walk, "")
    elif form == 2:
        walk.number("block-number", 4)
    elif form == 3:
        for number in range(walk.length("count")):
            _descriptor(walk, f"attribute[{number}]: ")


def _descriptor(walk: _Walk, prefix: str) -> None:
    walk.number(f"{prefix}class-id", 2)
    walk.octets(f"{prefix}instance-id", 6)
    walk.number(f"{prefix}attribute-id")
    if walk.number(f"{prefix}selective-access"):
        walk.number(f"{prefix}access-selector")
        walk.data(f"{prefix}access-parameters")


def _get_response(walk: _Walk) -> None:
    walk.number("tag")
    form = walk.number("form")
    walk.number("invoke-id-and-priority")
    if form == 1:
        _result(walk, "result")
    elif form == 2:
        walk.number("last-block")
        walk.number("block-number", 4)
        if walk.number("choice"):
            walk.number("data-access-result")
        else:
            walk.octet_string("raw-data")
    elif form == 3:
        for number in range(walk.length("count")):
            _result(walk, f"result[{number}]")


def _result(walk: _Walk, path: str) -> None:
    if walk.number(f"{path}: choice"):
        walk.number(f"{path}: data-access-result")
    else:
        walk.data(path)


def _general_glo(walk: _Walk) -> None:
    walk.number("tag")
    walk.octet_string("system-title")
    _sealed(walk)


def _service(walk: _Walk) -> None:
    walk.number("tag")
    _sealed(walk)


def _header(walk: _Walk) -> None:
    """Take the five fields that the general forms begin with."""
    walk.number("tag")
    walk.octet_string("transaction-id")
    walk.octet_string("originator-system-title")
    walk.octet_string("recipient-system-title")
    walk.octet_string("date-time")
    walk.octet_string("other-information")


def _general_signing(walk: _Walk) -> None:
    _header(walk)
    walk.octet_string("content")
    walk.octet_string("signature")


def _general_ciphering(walk: _Walk) -> None:
    _header(walk)
    if walk.number("key-info is present"):
        choice = walk.number("key-info: choice")
        if choice == 2:
            walk.octet_string("key-info: parameters")
        else:
            walk.number("key-info: key-id")
        if choice:
            walk.octet_string("key-info: key")
    _sealed(walk)


def _sealed(walk: _Walk) -> None:
    """Take the security header and what it protects."""
    walk.length("length")
    control = walk.number("security-control")
    walk.number("invocation-counter", 4)
    tag = _TAG_OCTETS if control & _AUTHENTICATED and walk.left >= _TAG_OCTETS else 0
    walk.octets("protected content", walk.left - tag)
    if tag:
        walk.octets("authentication-tag", tag)


_APDUS: Final[dict[int, tuple[str, Callable[[_Walk], None]]]] = {
    0x0F: ("data-notification", _data_notification),
    0xC0: ("get-request", _get_request),
    0xC2: ("event-notification", _event_notification),
    0xC4: ("get-response", _get_response),
    0xDB: ("general-glo-ciphering", _general_glo),
    0xDC: ("general-ded-ciphering", _general_glo),
    0xDD: ("general-ciphering", _general_ciphering),
    0xDF: ("general-signing", _general_signing),
    ord("/"): ("P1 telegram", _telegram),
}
