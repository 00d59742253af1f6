"""Association control: AARQ, AARE, RLRQ, RLRE in BER (Green Book clause 9.4.2; ISO/IEC 8650-1).

Unknown fields are passed over; fields that meters leave out are None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

from ami_dlms.apdu.reader import Reader
from ami_dlms.errors import ApduMalformed, Truncated

_DLMS_UA: Final = bytes.fromhex("60857405 08")
"""{joint-iso-ccitt(2) country(16) country-name(756) identified-organisation(5) DLMS-UA(8)}"""


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
    calling_ap_title: bytes | None = None
    """The client's system title, with ciphering or HLS."""
    calling_ae_qualifier: bytes | None = None
    """The client's certificate (suites 1 and 2)."""
    mechanism: int | None = None
    """None: no authentication."""
    calling_authentication: bytes | None = field(default=None, repr=False)
    """The password (LLS), or the client's challenge (HLS)."""
    user_information: bytes = b""
    """The InitiateRequest, or its ciphered form."""

    def to_bytes(self) -> bytes:
        """Write the APDU."""
        parts = [_context_name(self.application_context)]
        if self.calling_ap_title is not None:
            parts.append(_tlv(0xA6, _tlv(0x04, self.calling_ap_title)))
        if self.calling_ae_qualifier is not None:
            parts.append(_tlv(0xA7, _tlv(0x04, self.calling_ae_qualifier)))
        if self.mechanism is not None:
            parts.append(_tlv(0x8A, b"\x07\x80"))
            parts.append(_tlv(0x8B, _DLMS_UA + bytes((2, self.mechanism))))
        if self.calling_authentication is not None:
            parts.append(_tlv(0xAC, _tlv(0x80, self.calling_authentication)))
        parts.append(_user_information(self.user_information))
        return _tlv(0x60, b"".join(parts))


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

    def to_bytes(self) -> bytes:
        """Write the APDU."""
        parts = [] if self.application_context is None else [_context_name(self.application_context)]
        parts.append(_tlv(0xA2, _tlv(0x02, bytes((self.result,)))))
        source = 0xA2 if self.provider_diagnostic else 0xA1
        parts.append(_tlv(0xA3, _tlv(source, _tlv(0x02, bytes((self.diagnostic,))))))
        if self.responding_ap_title is not None:
            parts.append(_tlv(0xA4, _tlv(0x04, self.responding_ap_title)))
        if self.responding_ae_qualifier is not None:
            parts.append(_tlv(0xA5, _tlv(0x04, self.responding_ae_qualifier)))
        if self.mechanism is not None:
            parts.append(_tlv(0x88, b"\x07\x80"))
            parts.append(_tlv(0x89, _DLMS_UA + bytes((2, self.mechanism))))
        if self.responding_authentication is not None:
            parts.append(_tlv(0xAA, _tlv(0x80, self.responding_authentication)))
        if self.user_information:
            parts.append(_user_information(self.user_information))
        return _tlv(0x61, b"".join(parts))


@dataclass(frozen=True, slots=True)
class Rlrq:
    """A request to release the association."""

    reason: int | None = 0
    user_information: bytes = b""

    def to_bytes(self) -> bytes:
        """Write the APDU."""
        return _release(0x62, self.reason, self.user_information)


@dataclass(frozen=True, slots=True)
class Rlre:
    """The answer to it."""

    reason: int | None = 0
    user_information: bytes = b""

    def to_bytes(self) -> bytes:
        """Write the APDU."""
        return _release(0x63, self.reason, self.user_information)


class _Element(NamedTuple):
    tag: int
    contents: bytes


def _tlv(tag: int, contents: bytes) -> bytes:
    if len(contents) < 0x80:
        return bytes((tag, len(contents))) + contents
    length = len(contents).to_bytes((len(contents).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + contents


def _context_name(context: int) -> bytes:
    return _tlv(0xA1, _tlv(0x06, _DLMS_UA + bytes((1, context))))


def _user_information(octets: bytes) -> bytes:
    return _tlv(0xBE, _tlv(0x04, octets))


def _release(tag: int, reason: int | None, user_information: bytes) -> bytes:
    contents = b"" if reason is None else _tlv(0x80, bytes((reason,)))
    if user_information:
        contents += _user_information(user_information)
    return _tlv(tag, contents)


def _element(reader: Reader) -> _Element:
    """Read a tag, a definite BER length, and the contents."""
    at = reader.at
    tag, length = reader.u8(), reader.u8()
    if length >= 0x80:
        width = length & 0x7F
        if not 1 <= width <= 4:
            raise ApduMalformed("a BER length of this form is not used here", offset=at)
        length = int.from_bytes(reader.take(width), "big")
    return _Element(tag, reader.take(length))


def _elements(octets: bytes) -> dict[int, bytes]:
    reader = Reader(octets)
    found: dict[int, bytes] = {}
    while reader.at < len(octets):
        element = _element(reader)
        found.setdefault(element.tag, element.contents)
    return found


def _inner(octets: bytes | None, *tags: int) -> bytes | None:
    """Unpack one level of nesting; the contents themselves where a meter leaves the level out."""
    if not octets:
        return octets
    if octets[0] not in tags:
        return octets
    try:
        return _element(Reader(octets)).contents
    except Truncated:
        return octets


def _last_arc(octets: bytes | None) -> int | None:
    """Return the last number of an object identifier, as is done where only DLMS UA's names can stand."""
    return octets[-1] if octets else None


def _number(octets: bytes | None, what: str) -> int:
    if not octets:
        raise ApduMalformed(f"{what} is missing")
    return int.from_bytes(octets, "big")


def _information(fields: dict[int, bytes]) -> bytes:
    return _inner(fields.get(0xBE), 0x04) or b""


def read_aarq(reader: Reader) -> Aarq:
    """Read an AARQ behind its tag."""
    fields = _elements(_body(reader))
    return Aarq(
        application_context=_last_arc(fields.get(0xA1)) or 0,
        calling_ap_title=_inner(fields.get(0xA6), 0x04),
        calling_ae_qualifier=_inner(fields.get(0xA7), 0x04),
        mechanism=_last_arc(fields.get(0x8B)),
        calling_authentication=_inner(fields.get(0xAC), 0x80),
        user_information=_information(fields),
    )


def read_aare(reader: Reader) -> Aare:
    """Read an AARE behind its tag."""
    fields = _elements(_body(reader))
    source = fields.get(0xA3) or b""
    return Aare(
        result=_number(_inner(fields.get(0xA2), 0x02), "the result of the association"),
        diagnostic=int.from_bytes(_inner(_inner(source, 0xA1, 0xA2), 0x02) or b"\x00", "big"),
        provider_diagnostic=source[:1] == b"\xa2",
        application_context=_last_arc(fields.get(0xA1)),
        responding_ap_title=_inner(fields.get(0xA4), 0x04),
        responding_ae_qualifier=_inner(fields.get(0xA5), 0x04),
        mechanism=_last_arc(fields.get(0x89)),
        responding_authentication=_inner(fields.get(0xAA), 0x80),
        user_information=_information(fields),
    )


def read_rlrq(reader: Reader) -> Rlrq:
    """Read an RLRQ behind its tag."""
    fields = _elements(_body(reader))
    return Rlrq(_reason(fields), _information(fields))


def read_rlre(reader: Reader) -> Rlre:
    """Read an RLRE behind its tag."""
    fields = _elements(_body(reader))
    return Rlre(_reason(fields), _information(fields))


def _reason(fields: dict[int, bytes]) -> int | None:
    octets = fields.get(0x80)
    return int.from_bytes(octets, "big") if octets else None


def _body(reader: Reader) -> bytes:
    """Return the contents of the APDU whose tag was read."""
    reader.at -= 1
    return _element(reader).contents
