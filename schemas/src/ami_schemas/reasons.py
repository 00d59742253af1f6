"""Why a raw record is not readings: stable codes, with what they mean and what to do.

A code is never renamed and never reused. The pages in `docs/reasons/` are made from this module.
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
    stage: str
    """The step of the pipeline that mostly finds it: a record's own `dlq.stage` says which did."""
    example: str
    """What `dlq.message` says, for instance."""

    def __new__(  # noqa: PLR0917  a member is written as one tuple
        cls, code: str, disposition: Disposition, meaning: str, remedy: str, stage: str, example: str
    ) -> Reason:
        """Make a member whose value is its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.disposition = disposition
        member.meaning = meaning
        member.remedy = remedy
        member.stage = stage
        member.example = example
        return member

    # Framing
    FRAME_INCOMPLETE = (
        "FRAME_INCOMPLETE",
        Disposition.REJECTED,
        "the bytes end before the frame, its last segment or its last block",
        "look at the link: the connection closed or went idle in the middle of a message",
        "unframe",
        "the message is cut off after 30 octets",
    )
    FRAME_MALFORMED = (
        "FRAME_MALFORMED",
        Disposition.REJECTED,
        "the bytes are no frame of the stated framing",
        "check the framing configured for this meter or listener, or line noise",
        "unframe",
        "no hdlc frame in 15 octets",
    )
    FRAME_CHECK_FAILED = (
        "FRAME_CHECK_FAILED",
        Disposition.REJECTED,
        "a check sequence of the frame is wrong: bytes were changed on the way",
        "check the line; `ami decode --lenient` reads it all the same, marked",
        "unframe",
        "1 frames have a wrong check sequence",
    )
    # APDU and data
    APDU_UNKNOWN = (
        "APDU_UNKNOWN",
        Disposition.REJECTED,
        "the first byte names no APDU of the standard",
        "look at the bytes: a vendor's own protocol, or a framing taken for another",
        "decode",
        "0x99 begins no APDU (at octet 0)",
    )
    APDU_MALFORMED = (
        "APDU_MALFORMED",
        Disposition.REJECTED,
        "the APDU breaks the rules of its type",
        "look at the bytes; a dialect may have to allow the deviation",
        "decode",
        "9 is no form of a GET response (at octet 1)",
    )
    DATA_MALFORMED = (
        "DATA_MALFORMED",
        Disposition.REJECTED,
        "the data breaks the rules of A-XDR",
        "look at the bytes; a dialect may have to allow the deviation",
        "decode",
        "0xee is no data type (at octet 6)",
    )
    TRUNCATED = (
        "TRUNCATED",
        Disposition.REJECTED,
        "the APDU or its data ends too early",
        "look at the link or the meter's firmware: the frame was whole, its content is not",
        "decode",
        "2 elements are announced, 1 octets are left (at octet 35)",
    )
    TRAILING_BYTES = (
        "TRAILING_BYTES",
        Disposition.REJECTED,
        "bytes are left after the end of the APDU or its data",
        "look at the bytes; a dialect may have to allow them",
        "decode",
        "1 octets are left after the APDU (at octet 41)",
    )
    LIMIT_EXCEEDED = (
        "LIMIT_EXCEEDED",
        Disposition.REJECTED,
        "depth, count or length is beyond what any meter sends",
        "treat the source as hostile or broken",
        "decode",
        "nested deeper than 32 (at octet 82)",
    )
    NO_METER_DATA = (
        "NO_METER_DATA",
        Disposition.REJECTED,
        "a valid APDU that carries no meter data, such as an association or a request",
        "nothing to do; it is outside error rates",
        "decode",
        "Rlrq carries no meter data",
    )
    P1_MALFORMED = (
        "P1_MALFORMED",
        Disposition.REJECTED,
        "the text is no DSMR P1 telegram, or its CRC is wrong",
        "check the line or the meter's version of the telegram",
        "decode",
        "the text is no telegram, or none of its lines is a value",
    )
    # Security
    TAG_MISMATCH = (
        "TAG_MISMATCH",
        Disposition.REJECTED,
        "the authentication tag does not verify: a wrong key, or changed bytes",
        "check the meter's keys; when a key version valid at its time arrives, it is tried again",
        "decrypt",
        "the authentication tag of an APDU of 414d490000000001 does not verify",
    )
    SIGNATURE_INVALID = (
        "SIGNATURE_INVALID",
        Disposition.REJECTED,
        "the digital signature does not verify: another signer, or changed bytes",
        "check the public signature key registered for this system title",
        "decrypt",
        "the signature of an APDU of 414d490000000001 does not verify",
    )
    KEY_WRONG = (
        "KEY_WRONG",
        Disposition.REJECTED,
        "the message has no tag, and the key yields no well-formed APDU",
        "check the meter's encryption key",
        "decrypt",
        "the key of 414d490000000001 yields no well-formed APDU",
    )
    DOWNGRADED = (
        "DOWNGRADED",
        Disposition.REJECTED,
        "the message is less protected than the meter's keys imply",
        "treat as forged, or lower `min_protection` of the meter",
        "decrypt",
        "protection is encrypted, the meter's keys imply authenticated",
    )
    COUNTER_REUSED = (
        "COUNTER_REUSED",
        Disposition.REJECTED,
        "another message with this invocation counter was accepted before",
        "treat as forged; if the meter began to count again under its key, `ami ledger reset` it",
        "decrypt",
        "another message of 414d490000000001 with counter 4711 was accepted before",
    )
    STALE_COUNTER = (
        "STALE_COUNTER",
        Disposition.REJECTED,
        "the invocation counter lies below the window",
        "treat as replayed; if the meter began to count again under its key, `ami ledger reset` it",
        "decrypt",
        "counter 17 of 414d490000000001 lies below the window, which ends at 4711",
    )
    KEY_OUT_OF_VALIDITY = (
        "KEY_OUT_OF_VALIDITY",
        Disposition.REJECTED,
        "only a key version that was not valid at that time opens the message",
        "check the validity of the key version named",
        "decrypt",
        "only keys not in force then open it: 6f1d2a90",
    )
    SESSION_KEY_MALFORMED = (
        "SESSION_KEY_MALFORMED",
        Disposition.REJECTED,
        "the message is ciphered under the dedicated key of an association, and its header holds no such key",
        "look at who writes or copies raw records: the header `ami-session-key` was changed on the way",
        "decrypt",
        "the header ami-session-key holds no session key: it is no message of its form",
    )
    UNSUPPORTED_SUITE = (
        "UNSUPPORTED_SUITE",
        Disposition.REJECTED,
        "the security suite or the form of ciphering is not supported",
        "see the conformance table",
        "decrypt",
        "security suite 5 is not known; 0, 1 and 2 are",
    )
    UNSUPPORTED_COMPRESSION = (
        "UNSUPPORTED_COMPRESSION",
        Disposition.REJECTED,
        "the message is compressed (V.44)",
        "switch compression off in the meter",
        "decrypt",
        "the APDU is compressed with V.44, which is not supported",
    )
    PARK_EXPIRED = (
        "PARK_EXPIRED",
        Disposition.REJECTED,
        "parked until its retention ended, and nothing resolved it",
        "supply what it waited for and redrive it",
        "decrypt",
        "it waited as KEY_MISSING",
    )
    DECODER_DEFECT = (
        "DECODER_DEFECT",
        Disposition.REJECTED,
        "the decoder itself failed on these bytes: a defect of ours, not of the meter",
        "report the place that the message names, and replay the record with the next version",
        "decode",
        "KeyError at push_list.py:27",
    )
    # Waiting
    KEY_MISSING = (
        "KEY_MISSING",
        Disposition.PARKED,
        "the message is ciphered and a key it needs is not known",
        "add the keys of this system title, or the key encryption key that is named to the key store",
        "decrypt",
        "the encryption key of system title 414d490000000001 is not known",
    )
    MAPPING_MISSING = (
        "MAPPING_MISSING",
        Disposition.PARKED,
        "the values have no OBIS and no mapping knows this layout",
        "add a mapping entry for the manufacturer",
        "interpret",
        "no layout is known for a body that is a structure of 2",
    )
    CONTEXT_MISSING = (
        "CONTEXT_MISSING",
        Disposition.PARKED,
        "a response without the request it answers: its values cannot be given an OBIS",
        "replay it with its request, or let the agent read it again",
        "interpret",
        "an answer to an unknown request, which names no object itself",
    )
    UNIDENTIFIED_METER = (
        "UNIDENTIFIED_METER",
        Disposition.PARKED,
        "nothing in the message, its headers or its key names the meter",
        "register the meter, or set `unidentified: accept` in a lab",
        "interpret",
        "nothing names the meter; it came from peer-192.0.2.7",
    )

    @property
    def rejected(self) -> bool:
        """Tell whether a record with this reason is a dead letter (else it is parked)."""
        return self.disposition is Disposition.REJECTED
