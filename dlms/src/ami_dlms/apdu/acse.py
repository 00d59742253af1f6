"""Association control: AARQ, AARE, RLRQ, RLRE in BER (Green Book clause 9.4.2; ISO/IEC 8650-1).

Fields that a peer leaves out are None; fields without a name here are kept in `other`, so that an APDU comes out as it
came in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from ami_dlms.apdu.reader import Reader, octet_string, u8
from ami_dlms.errors import ApduMalformed

_CONTEXT_NAMES: Final = bytes.fromhex("60857405 0801")
"""joint-iso-ccitt(2) country(16) 756 identified-organisation(5) DLMS-UA(8) application-context(1)"""
_MECHANISM_NAMES: Final = bytes.fromhex("60857405 0802")
_CONTEXT: Final = 0xA1
_USER_INFORMATION: Final = 0xBE
_REASON: Final = 0x80
_AUTHENTICATION_UNIT: Final = b"\x07\x80"
"""ACSE requirements: a bit-string whose first bit says that authentication is used."""


class ApplicationContext(IntEnum):
    """Application context names (…5.8.1.n)."""

    LOGICAL_NAME = 1
    SHORT_NAME = 2
    LOGICAL_NAME_CIPHERED = 3
    SHORT_NAME_CIPHERED = 4


class Mechanism(IntEnum):
    """Authentication mechanism names (…5.8.2.n)."""

    NONE = 0
    LLS = 1
    HLS = 2
    HLS_MD5 = 3
    HLS_SHA1 = 4
    HLS_GMAC = 5
    HLS_SHA256 = 6
    HLS_ECDSA = 7


class AssociationResult(IntEnum):
    """Result of an association."""

    ACCEPTED = 0
    REJECTED_PERMANENT = 1
    REJECTED_TRANSIENT = 2


class Diagnostic(IntEnum):
    """Result source diagnostic of the service user."""

    NULL = 0
    NO_REASON_GIVEN = 1
    APPLICATION_CONTEXT_NAME_NOT_SUPPORTED = 2
    CALLING_AP_TITLE_NOT_RECOGNIZED = 3
    CALLING_AP_INVOCATION_IDENTIFIER_NOT_RECOGNIZED = 4
    CALLING_AE_QUALIFIER_NOT_RECOGNIZED = 5
    CALLING_AE_INVOCATION_IDENTIFIER_NOT_RECOGNIZED = 6
    CALLED_AP_TITLE_NOT_RECOGNIZED = 7
    CALLED_AP_INVOCATION_IDENTIFIER_NOT_RECOGNIZED = 8
    CALLED_AE_QUALIFIER_NOT_RECOGNIZED = 9
    CALLED_AE_INVOCATION_IDENTIFIER_NOT_RECOGNIZED = 10
    AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED = 11
    AUTHENTICATION_MECHANISM_NAME_REQUIRED = 12
    AUTHENTICATION_FAILURE = 13
    AUTHENTICATION_REQUIRED = 14


@dataclass(frozen=True, slots=True)
class Aarq:
    """A request to associate."""

    application_context: int = ApplicationContext.LOGICAL_NAME
    """0: none of DLMS UA's; its name is in `other`."""
    calling_ap_title: bytes | None = None
    """The client's system title, with ciphering or HLS."""
    calling_ae_qualifier: bytes | None = None
    """The client's certificate (suites 1 and 2)."""
    mechanism: int | None = None
    """None: no authentication."""
    calling_authentication: bytes | None = field(default=None, repr=False)
    """The password (LLS), or the client's challenge (HLS)."""
    user_information: bytes = field(default=b"", repr=False)
    """The InitiateRequest, or its ciphered form."""
    other: tuple[tuple[int, bytes], ...] = ()
    """Further fields: BER tag and contents."""

    def to_bytes(self) -> bytes:
        """Encode."""
        fields = [
            (_CONTEXT, _context_name(self.application_context)),
            (0xA6, _wrapped(0x04, self.calling_ap_title)),
            (0xA7, _wrapped(0x04, self.calling_ae_qualifier)),
            (0x8A, None if self.mechanism is None else _AUTHENTICATION_UNIT),
            (0x8B, _mechanism_name(self.mechanism)),
            (0xAC, _wrapped(0x80, self.calling_authentication)),
            (_USER_INFORMATION, _wrapped(0x04, self.user_information or None)),
        ]
        return _apdu(0x60, fields, self.other)


@dataclass(frozen=True, slots=True)
class Aare:
    """The answer."""

    result: int
    diagnostic: int = 0
    """Of the service user, see Diagnostic; of the provider where `provider_diagnostic`."""
    provider_diagnostic: bool = False
    application_context: int | None = ApplicationContext.LOGICAL_NAME
    responding_ap_title: bytes | None = None
    """The server's system title."""
    responding_ae_qualifier: bytes | None = None
    mechanism: int | None = None
    responding_authentication: bytes | None = field(default=None, repr=False)
    """The server's challenge (HLS)."""
    user_information: bytes = b""
    """The InitiateResponse, a confirmed-service-error, or a ciphered form."""
    other: tuple[tuple[int, bytes], ...] = ()
    """Further fields: BER tag and contents."""

    def to_bytes(self) -> bytes:
        """Encode."""
        source = 0xA2 if self.provider_diagnostic else 0xA1
        fields = [
            (_CONTEXT, _context_name(self.application_context)),
            (0xA2, _tlv(0x02, u8(self.result))),
            (0xA3, _tlv(source, _tlv(0x02, u8(self.diagnostic)))),
            (0xA4, _wrapped(0x04, self.responding_ap_title)),
            (0xA5, _wrapped(0x04, self.responding_ae_qualifier)),
            (0x88, None if self.mechanism is None else _AUTHENTICATION_UNIT),
            (0x89, _mechanism_name(self.mechanism)),
            (0xAA, _wrapped(0x80, self.responding_authentication)),
            (_USER_INFORMATION, _wrapped(0x04, self.user_information or None)),
        ]
        return _apdu(0x61, fields, self.other)


@dataclass(frozen=True, slots=True)
class Rlrq:
    """A request to release the association."""

    reason: int | None = 0
    user_information: bytes = b""
    other: tuple[tuple[int, bytes], ...] = ()

    def to_bytes(self) -> bytes:
        """Encode."""
        return _release(0x62, self)


@dataclass(frozen=True, slots=True)
class Rlre:
    """The answer to it."""

    reason: int | None = 0
    user_information: bytes = b""
    other: tuple[tuple[int, bytes], ...] = ()

    def to_bytes(self) -> bytes:
        """Encode."""
        return _release(0x63, self)


class _Fields:
    """The fields of a received APDU; what is not asked for is kept."""

    def __init__(self, reader: Reader) -> None:
        length = _read_length(reader)
        end = reader.at + length
        inside = Reader(reader.take(length))
        self._fields: list[tuple[int, bytes]] = []
        while inside.at < length:
            tag = inside.u8()
            if any(tag == found for found, _ in self._fields):
                raise ApduMalformed(f"the field {tag:#04x} stands twice in an association")
            self._fields.append((tag, inside.take(_read_length(inside))))
        reader.at = end

    def take(self, tag: int) -> bytes | None:
        """Return the contents of the first field with this tag."""
        for position, (found, contents) in enumerate(self._fields):
            if found == tag:
                del self._fields[position]
                return contents
        return None

    def take_inner(self, tag: int, *inner: int) -> bytes | None:
        """Return the contents one level further in; the field's own where a peer leaves that level out."""
        contents = self.take(tag)
        return None if contents is None else _unwrapped(contents, *inner)

    def take_arc(self, tag: int, prefix: bytes) -> int | None:
        """Return the last arc of an object identifier of DLMS UA; one of anybody else is kept as it is."""
        contents = self.take(tag)
        if contents is None:
            return None
        name = _unwrapped(contents, 0x06)
        if len(name) == len(prefix) + 1 and name.startswith(prefix):
            return name[-1]
        self._fields.append((tag, contents))
        return None

    def take_requirements(self, tag: int, mechanism: int | None) -> None:
        """Pass over the field that goes with a mechanism, where it says what is written again."""
        if mechanism is not None and (tag, _AUTHENTICATION_UNIT) in self._fields:
            self._fields.remove((tag, _AUTHENTICATION_UNIT))

    def rest(self) -> tuple[tuple[int, bytes], ...]:
        """Return what was not taken, in order of the tags."""
        return tuple(sorted(self._fields, key=_order))


def _order(element: tuple[int, bytes]) -> int:
    """Order fields by the number in the tag, as the definitions list them."""
    return element[0] & 0x1F


def _read_length(reader: Reader) -> int:
    """Read a definite length."""
    at = reader.at
    length = reader.u8()
    if length < 0x80:
        return length
    width = length & 0x7F
    if not 1 <= width <= 4:
        raise ApduMalformed("a length of this form is not used in an association", offset=at)
    return int.from_bytes(reader.take(width), "big")


def _unwrapped(contents: bytes, *tags: int) -> bytes:
    if len(contents) < 2 or contents[0] not in tags:
        return contents
    inside = Reader(contents, 1)
    length = _read_length(inside)
    return inside.rest() if length == len(contents) - inside.at else contents


def _tlv(tag: int, contents: bytes) -> bytes:
    return bytes((tag,)) + octet_string(contents)


def _wrapped(tag: int, contents: bytes | None) -> bytes | None:
    return None if contents is None else _tlv(tag, contents)


def _context_name(context: int | None) -> bytes | None:
    return _tlv(0x06, _CONTEXT_NAMES + u8(context)) if context else None


def _mechanism_name(mechanism: int | None) -> bytes | None:
    return None if mechanism is None else _MECHANISM_NAMES + u8(mechanism)


def _apdu(tag: int, fields: list[tuple[int, bytes | None]], other: tuple[tuple[int, bytes], ...]) -> bytes:
    kept = {number for number, _ in other}  # a field that came in another form is written as it came
    present = [(number, contents) for number, contents in fields if contents is not None and number not in kept]
    return _tlv(tag, b"".join(_tlv(number, contents) for number, contents in sorted([*present, *other], key=_order)))


def _release(tag: int, release: Rlrq | Rlre) -> bytes:
    fields = [
        (_REASON, None if release.reason is None else u8(release.reason)),
        (_USER_INFORMATION, _wrapped(0x04, release.user_information or None)),
    ]
    return _apdu(tag, fields, release.other)


def _number(octets: bytes | None, what: str) -> int:
    if octets is None or len(octets) != 1:
        raise ApduMalformed(f"{what} is missing or is not one octet")
    return octets[0]


def read_aarq(reader: Reader) -> Aarq:
    """Read what follows the tag."""
    fields = _Fields(reader)
    mechanism = fields.take_arc(0x8B, _MECHANISM_NAMES)
    fields.take_requirements(0x8A, mechanism)
    return Aarq(
        application_context=fields.take_arc(_CONTEXT, _CONTEXT_NAMES) or 0,
        calling_ap_title=fields.take_inner(0xA6, 0x04),
        calling_ae_qualifier=fields.take_inner(0xA7, 0x04),
        mechanism=mechanism,
        calling_authentication=fields.take_inner(0xAC, 0x80),
        user_information=fields.take_inner(_USER_INFORMATION, 0x04) or b"",
        other=fields.rest(),
    )


def read_aare(reader: Reader) -> Aare:
    """Read what follows the tag."""
    fields = _Fields(reader)
    mechanism = fields.take_arc(0x89, _MECHANISM_NAMES)
    fields.take_requirements(0x88, mechanism)
    source = fields.take(0xA3) or _tlv(0xA1, _tlv(0x02, b"\x00"))
    return Aare(
        result=_number(fields.take_inner(0xA2, 0x02), "the result of the association"),
        diagnostic=_number(_unwrapped(_unwrapped(source, 0xA1, 0xA2), 0x02), "the diagnostic of the association"),
        provider_diagnostic=source.startswith(b"\xa2"),
        application_context=fields.take_arc(_CONTEXT, _CONTEXT_NAMES),
        responding_ap_title=fields.take_inner(0xA4, 0x04),
        responding_ae_qualifier=fields.take_inner(0xA5, 0x04),
        mechanism=mechanism,
        responding_authentication=fields.take_inner(0xAA, 0x80),
        user_information=fields.take_inner(_USER_INFORMATION, 0x04) or b"",
        other=fields.rest(),
    )


def read_rlrq(reader: Reader) -> Rlrq:
    """Read what follows the tag."""
    return Rlrq(*_read_release(reader))


def read_rlre(reader: Reader) -> Rlre:
    """Read what follows the tag."""
    return Rlre(*_read_release(reader))


def _read_release(reader: Reader) -> tuple[int | None, bytes, tuple[tuple[int, bytes], ...]]:
    fields = _Fields(reader)
    reason = fields.take(_REASON)
    information = fields.take_inner(_USER_INFORMATION, 0x04) or b""
    return None if reason is None else _number(reason, "the reason of the release"), information, fields.rest()
