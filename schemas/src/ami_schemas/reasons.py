"""Why a raw record is not readings: stable codes, with what they mean and what to do.

A code is never renamed and never reused. `docs/reasons.md` is made from this module.
"""

from __future__ import annotations

from enum import Enum


class Disposition(str, Enum):
    """Where a record with a reason goes."""

    REJECTED = "rejected"
    PARKED = "parked"


class Reason(str, Enum):
    """The reason codes. `meaning`, `remedy` and `disposition` explain each."""

    disposition: Disposition
    meaning: str
    remedy: str

    def __new__(cls, code: str, disposition: Disposition, meaning: str, remedy: str) -> Reason:
        """Make a member whose value is its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.disposition = disposition
        member.meaning = meaning
        member.remedy = remedy
        return member

    # Framing
    FRAME_INCOMPLETE = (
        "FRAME_INCOMPLETE",
        Disposition.REJECTED,
        "the bytes end before the frame, its last segment or its last block",
        "look at the link: the connection closed or went idle in the middle of a message",
    )
    FRAME_MALFORMED = (
        "FRAME_MALFORMED",
        Disposition.REJECTED,
        "the bytes are no frame of the stated framing",
        "check the framing configured for this meter or listener, or line noise",
    )
    FRAME_CHECK_FAILED = (
        "FRAME_CHECK_FAILED",
        Disposition.REJECTED,
        "a check sequence of the frame is wrong: bytes were changed on the way",
        "check the line; `ami decode --lenient` reads it all the same, marked",
    )
    # APDU and data
    APDU_UNKNOWN = (
        "APDU_UNKNOWN",
        Disposition.REJECTED,
        "the first byte names no APDU of the standard",
        "look at the bytes: a vendor's own protocol, or a framing taken for another",
    )
    APDU_MALFORMED = (
        "APDU_MALFORMED",
        Disposition.REJECTED,
        "the APDU breaks the rules of its type",
        "look at the bytes; a dialect may have to allow the deviation",
    )
    DATA_MALFORMED = (
        "DATA_MALFORMED",
        Disposition.REJECTED,
        "the data breaks the rules of A-XDR",
        "look at the bytes; a dialect may have to allow the deviation",
    )
    TRUNCATED = (
        "TRUNCATED",
        Disposition.REJECTED,
        "the APDU or its data ends too early",
        "look at the link or the meter's firmware: the frame was whole, its content is not",
    )
    TRAILING_BYTES = (
        "TRAILING_BYTES",
        Disposition.REJECTED,
        "bytes are left after the end of the APDU or its data",
        "look at the bytes; a dialect may have to allow them",
    )
    LIMIT_EXCEEDED = (
        "LIMIT_EXCEEDED",
        Disposition.REJECTED,
        "depth, count or length is beyond what any meter sends",
        "treat the source as hostile or broken",
    )
    NO_METER_DATA = (
        "NO_METER_DATA",
        Disposition.REJECTED,
        "a valid APDU that carries no meter data, such as an association or a request",
        "nothing to do; it is outside error rates",
    )
    P1_MALFORMED = (
        "P1_MALFORMED",
        Disposition.REJECTED,
        "the text is no DSMR P1 telegram, or its CRC is wrong",
        "check the line or the meter's version of the telegram",
    )
    # Security
    TAG_MISMATCH = (
        "TAG_MISMATCH",
        Disposition.REJECTED,
        "the authentication tag does not verify: a wrong key, or changed bytes",
        "check the meter's keys; when a key version valid at its time arrives, it is tried again",
    )
    SIGNATURE_INVALID = (
        "SIGNATURE_INVALID",
        Disposition.REJECTED,
        "the digital signature does not verify: another signer, or changed bytes",
        "check the public signature key registered for this system title",
    )
    KEY_WRONG = (
        "KEY_WRONG",
        Disposition.REJECTED,
        "the message has no tag, and the key yields no well-formed APDU",
        "check the meter's encryption key",
    )
    DOWNGRADED = (
        "DOWNGRADED",
        Disposition.REJECTED,
        "the message is less protected than the meter's keys imply",
        "treat as forged, or lower `min_protection` of the meter",
    )
    COUNTER_REUSED = (
        "COUNTER_REUSED",
        Disposition.REJECTED,
        "another message with this invocation counter was accepted before",
        "treat as forged, or reset the meter's ledger entry after a meter exchange",
    )
    STALE_COUNTER = (
        "STALE_COUNTER",
        Disposition.REJECTED,
        "the invocation counter lies below the window",
        "treat as replayed, or reset the meter's ledger entry after a meter exchange",
    )
    KEY_OUT_OF_VALIDITY = (
        "KEY_OUT_OF_VALIDITY",
        Disposition.REJECTED,
        "only a key version that was not valid at that time opens the message",
        "check the validity of the key version named",
    )
    UNSUPPORTED_SUITE = (
        "UNSUPPORTED_SUITE",
        Disposition.REJECTED,
        "the security suite or the form of ciphering is not supported",
        "see the conformance table",
    )
    UNSUPPORTED_COMPRESSION = (
        "UNSUPPORTED_COMPRESSION",
        Disposition.REJECTED,
        "the message is compressed (V.44)",
        "switch compression off in the meter",
    )
    PARK_EXPIRED = (
        "PARK_EXPIRED",
        Disposition.REJECTED,
        "parked until its retention ended, and nothing resolved it",
        "supply what it waited for and redrive it",
    )
    DECODER_DEFECT = (
        "DECODER_DEFECT",
        Disposition.REJECTED,
        "the decoder itself failed on these bytes: a defect of ours, not of the meter",
        "report the place that the message names, and replay the record with the next version",
    )
    # Waiting
    KEY_MISSING = (
        "KEY_MISSING",
        Disposition.PARKED,
        "the message is ciphered and a key it needs is not known",
        "add the keys of this system title",
    )
    MAPPING_MISSING = (
        "MAPPING_MISSING",
        Disposition.PARKED,
        "the values have no OBIS and no mapping knows this layout",
        "add a mapping entry for the manufacturer",
    )
    CONTEXT_MISSING = (
        "CONTEXT_MISSING",
        Disposition.PARKED,
        "a response without the request it answers: its values cannot be given an OBIS",
        "replay it with its request, or let the agent read it again",
    )
    UNIDENTIFIED_METER = (
        "UNIDENTIFIED_METER",
        Disposition.PARKED,
        "nothing in the message, its headers or its key names the meter",
        "register the meter, or set `unidentified: accept` in a lab",
    )

    @property
    def rejected(self) -> bool:
        """Tell whether a record with this reason is a dead letter (else it is parked)."""
        return self.disposition is Disposition.REJECTED
