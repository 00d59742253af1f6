"""What can go wrong, as types with stable reason codes.

DlmsError
├── ReceivedError                 the peer's bytes break a rule
│   ├── FrameMalformed            FRAME_MALFORMED
│   ├── FrameIncomplete           FRAME_INCOMPLETE
│   ├── FrameCheckFailed          FRAME_CHECK_FAILED
│   ├── P1Malformed               P1_MALFORMED
│   ├── ApduUnknown               APDU_UNKNOWN
│   ├── ApduMalformed             APDU_MALFORMED
│   ├── DataMalformed             DATA_MALFORMED
│   ├── Truncated                 TRUNCATED
│   ├── TrailingBytes             TRAILING_BYTES
│   ├── LimitExceeded             LIMIT_EXCEEDED
│   ├── TagMismatch               TAG_MISMATCH
│   ├── SignatureInvalid          SIGNATURE_INVALID
│   ├── KeyWrong                  KEY_WRONG
│   ├── UnsupportedSuite          UNSUPPORTED_SUITE
│   └── UnsupportedCompression    UNSUPPORTED_COMPRESSION
├── NeedKey                       KEY_MISSING: nothing is wrong, a key is not known here
├── AssociationRefused            ASSOCIATION_REFUSED: the server said no
├── AuthenticationFailed          AUTHENTICATION_FAILED: the peer did not prove that it knows the secret
├── LinkError                     LINK_LOST: the HDLC link is gone or cannot be set up
└── UsageError                    USAGE: the caller's mistake, or a counter at its end

The reason codes that describe received bytes are those of dead letters, so that a processor passes them on as they are.
"""

from __future__ import annotations

from typing import ClassVar


class DlmsError(Exception):
    """Any error of this package. `reason` is stable, the text is one sentence for a person."""

    reason: ClassVar[str] = "DLMS"


class ReceivedError(DlmsError):
    """The peer's bytes break a rule. `offset` is where, in octets from the start of what was decoded, if known."""

    reason: ClassVar[str] = "RECEIVED"

    def __init__(self, message: str, *, offset: int | None = None) -> None:
        super().__init__(message if offset is None else f"{message} (at octet {offset})")
        self.offset = offset


class FrameMalformed(ReceivedError):
    """The bytes are no frame of the stated framing."""

    reason: ClassVar[str] = "FRAME_MALFORMED"


class FrameIncomplete(ReceivedError):
    """The bytes end before the frame, its last segment or its last block."""

    reason: ClassVar[str] = "FRAME_INCOMPLETE"


class FrameCheckFailed(ReceivedError):
    """A check sequence is wrong."""

    reason: ClassVar[str] = "FRAME_CHECK_FAILED"


class P1Malformed(ReceivedError):
    """The text is no DSMR P1 telegram, or its CRC is wrong."""

    reason: ClassVar[str] = "P1_MALFORMED"


class ApduUnknown(ReceivedError):
    """The first octet names no APDU."""

    reason: ClassVar[str] = "APDU_UNKNOWN"


class ApduMalformed(ReceivedError):
    """The APDU breaks the rules of its type."""

    reason: ClassVar[str] = "APDU_MALFORMED"


class DataMalformed(ReceivedError):
    """The data breaks the rules of A-XDR."""

    reason: ClassVar[str] = "DATA_MALFORMED"


class Truncated(ReceivedError):
    """The bytes end too early."""

    reason: ClassVar[str] = "TRUNCATED"


class TrailingBytes(ReceivedError):
    """Bytes are left after the end; `offset` is the first of them."""

    reason: ClassVar[str] = "TRAILING_BYTES"


class LimitExceeded(ReceivedError):
    """Depth, count or length is beyond what any meter sends."""

    reason: ClassVar[str] = "LIMIT_EXCEEDED"


class TagMismatch(ReceivedError):
    """The authentication tag does not verify: a wrong key or changed bytes."""

    reason: ClassVar[str] = "TAG_MISMATCH"


class SignatureInvalid(ReceivedError):
    """The digital signature does not verify: another signer, or changed bytes."""

    reason: ClassVar[str] = "SIGNATURE_INVALID"


class KeyWrong(ReceivedError):
    """Without a tag: the key yields no well-formed APDU."""

    reason: ClassVar[str] = "KEY_WRONG"


class UnsupportedSuite(ReceivedError):
    """The security suite, or this form of ciphering, is not supported."""

    reason: ClassVar[str] = "UNSUPPORTED_SUITE"


class UnsupportedCompression(ReceivedError):
    """The APDU is compressed (V.44)."""

    reason: ClassVar[str] = "UNSUPPORTED_COMPRESSION"


class NeedKey(DlmsError):
    """A key is not known here.

    `kind` is `encryption`, `authentication`, `broadcast`, `dedicated`, `key encryption`, `signature` or
    `key agreement`; `system_title` is whose, empty where nobody said.
    """

    reason: ClassVar[str] = "KEY_MISSING"

    def __init__(self, kind: str, system_title: bytes) -> None:
        super().__init__(f"the {kind} key of system title {system_title.hex() or '(unknown)'} is not known")
        self.kind = kind
        self.system_title = system_title


class AssociationRefused(DlmsError):
    """The server refused the association. `result` and `diagnostic` are its codes (ACSE), where it gave them."""

    reason: ClassVar[str] = "ASSOCIATION_REFUSED"

    def __init__(self, message: str, result: int | None = None, diagnostic: int | None = None) -> None:
        super().__init__(message)
        self.result = result
        self.diagnostic = diagnostic


class AuthenticationFailed(DlmsError):
    """The peer did not prove that it knows the secret."""

    reason: ClassVar[str] = "AUTHENTICATION_FAILED"


class LinkError(DlmsError):
    """The data link is gone or cannot be set up."""

    reason: ClassVar[str] = "LINK_LOST"


class UsageError(DlmsError):
    """The caller's mistake: a value that cannot be encoded, a call in the wrong state, a counter at its end."""

    reason: ClassVar[str] = "USAGE"
