"""Step 3, decrypt: ciphered APDUs to plain ones, and a verdict on how far they were protected.

The tag is verified before anything looks inside. The keys in force when the record was received come first, then the
meter's other versions: within the overlap they are as good, beyond it the message is refused and names them. What is
ciphered under the dedicated key of an association opens with the one that its record brings, and the meter's own
authentication key. A message less protected than its meter's must be is refused. Where the registry demands nothing,
the meter's keys do: with both keys it must carry a tag, with the encryption key alone it must be encrypted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from ami_dlms import apdu as apdus
from ami_dlms.apdu import GeneralCiphering, GeneralGloCiphering, GeneralSigning, ServiceCiphered
from ami_dlms.errors import DlmsError, NeedKey, SignatureInvalid, TagMismatch
from ami_dlms.security import Keys, Protection, unprotect, verify_apdu
from ami_normalize.keys import MeterKeys
from ami_normalize.meter import MeterFacts
from ami_normalize.pipeline.context import Context
from ami_normalize.pipeline.freshness import Proof, proof_of
from ami_normalize.pipeline.identify import Identified
from ami_normalize.pipeline.outcome import Refused, each
from ami_normalize.pipeline.readable import readable
from ami_normalize.pipeline.session_key import with_session_key
from ami_normalize.pipeline.unframe import Unframed
from ami_normalize.quality import Quality
from ami_schemas.reasons import Reason

STAGE = "decrypt"
_Opened = TypeVar("_Opened")
GENERAL = frozenset({0xDB, 0xDC, 0xDD, 0xDF})
SERVICES = frozenset(
    {0x21, 0x25, 0x26, 0x28, 0x2C, 0x2D, 0x2E, 0x36, 0x38, 0x41, 0x45, 0x46, 0x48, 0x4C, 0x4D, 0x4E, 0x56, 0x58}
) | frozenset(range(0xC8, 0xD8))
_REQUESTS = frozenset({0x21, 0x25, 0x26, 0x41, 0x45, 0x46, 0xC8, 0xC9, 0xCB, 0xD0, 0xD1, 0xD3})
"""Tags that say without being opened that a client spoke, not a meter."""
_MOST_LAYERS = 3


@dataclass(frozen=True, slots=True)
class Plain:
    """A plain APDU and what is known of its protection."""

    octets: bytes
    system_title: bytes | None
    protection: Protection = Protection.NONE
    """As verified: an unverified tag counts for nothing."""
    key_version: str = ""
    guessed: bool = False
    """Opened by a key that no tag confirms: a malformed content means the key is wrong."""
    mismatched: bool = False
    """Read although its tag does not verify."""
    quality: tuple[Quality, ...] = ()
    proof: Proof | None = None
    """The counter that a verified tag vouches for; None where none does."""


@dataclass(frozen=True, slots=True)
class Decrypted:
    """The plain APDUs of a record, or why there is none."""

    origin: Identified
    parts: tuple[Plain | Refused, ...]


def decrypt(unframed: Unframed, context: Context) -> Decrypted:
    """Open every APDU."""
    origin = unframed.origin

    def opened(octets: bytes) -> Plain:
        return _open(octets, origin, unframed.quality, context)

    return Decrypted(origin, tuple(each(opened, unframed.apdus)))


def _open(octets: bytes, origin: Identified, quality: tuple[Quality, ...], context: Context) -> Plain:
    plain = Plain(octets, origin.system_title, quality=quality)
    for _ in range(_MOST_LAYERS):
        if plain.octets[0] not in GENERAL and plain.octets[0] not in SERVICES:
            break
        plain = _unlock(plain, origin, context)
    meter = context.registry.by_title(plain.system_title) if plain.system_title else None
    return protected_enough(plain, meter, origin.at_us, context)


def _unlock(plain: Plain, origin: Identified, context: Context) -> Plain:
    try:
        ciphered = apdus.decode(plain.octets)
        if isinstance(ciphered, GeneralSigning):
            return _unsign(ciphered, plain, origin.at_us, context)
        if not isinstance(ciphered, (GeneralGloCiphering, GeneralCiphering, ServiceCiphered)):
            raise Refused(Reason.APDU_MALFORMED, STAGE, "not a ciphered APDU")
        return _uncipher(ciphered, plain, origin, context)
    except DlmsError as error:
        raise Refused.by(error, STAGE) from None


def _uncipher(
    ciphered: GeneralGloCiphering | GeneralCiphering | ServiceCiphered,
    plain: Plain,
    origin: Identified,
    context: Context,
) -> Plain:
    """Take the content of a ciphered APDU. Raises DlmsError and Refused."""
    title, at_us = getattr(ciphered, "system_title", b"") or plain.system_title, origin.at_us
    complete = with_session_key(ciphered, title, origin.record, context)
    try:
        opened, keys = _by_some_keys(
            lambda keys: unprotect(ciphered, complete(keys), title),
            lambda found: found.verified or not found.protection.encrypted or readable(found.plaintext),
            title=title,
            at_us=at_us,
            context=context,
        )
        mismatched = False
    except (NeedKey, TagMismatch) as error:
        known, trouble = context.keys.near(title, at_us), context.keys.trouble(title)
        if known is None and plain.octets[0] in _REQUESTS:
            raise Refused(Reason.NO_METER_DATA, STAGE, "a ciphered request of a client") from None
        if trouble and isinstance(error, NeedKey):
            raise Refused(Reason.KEY_MISSING, STAGE, trouble) from None
        if known is None or not context.lenient:
            raise
        keys, opened = known, unprotect(ciphered, complete(known.keys), title, verify=False)
        mismatched = isinstance(error, TagMismatch)
    unverified = opened.protection.authenticated and not opened.verified
    return Plain(
        octets=opened.plaintext or b"\x00",
        system_title=title,
        protection=_verified(opened.protection, verified=opened.verified),
        key_version=keys.version,
        guessed=opened.protection.encrypted and not opened.verified,
        mismatched=mismatched,
        quality=(*plain.quality, Quality.UNVERIFIED_TAG) if unverified else plain.quality,
        proof=proof_of(ciphered, title or b"", keys.version) if opened.verified else plain.proof,
    )


def _unsign(signed: GeneralSigning, plain: Plain, at_us: int, context: Context) -> Plain:
    """Take the content of a signed APDU: a right signature is worth a tag, and keeps what is around it."""
    try:
        content, keys = _by_some_keys(
            lambda keys: verify_apdu(signed, keys),
            lambda _: True,
            title=signed.system_title,
            at_us=at_us,
            context=context,
            kind="signature",
        )
        verified, key_version = True, keys.version
    except (NeedKey, SignatureInvalid):
        if not context.lenient:
            raise
        known = context.keys.near(signed.system_title, at_us)
        content, verified, key_version = signed.content, False, known.version if known else plain.key_version
    encrypted = plain.protection.encrypted
    protection = Protection.AUTHENTICATED_ENCRYPTED if encrypted else Protection.AUTHENTICATED
    return Plain(
        octets=content or b"\x00",
        system_title=signed.system_title or plain.system_title,
        protection=protection if verified else plain.protection,
        key_version=key_version,
        guessed=plain.guessed and not verified,
        mismatched=plain.mismatched,
        quality=plain.quality if verified else (*plain.quality, Quality.UNVERIFIED_TAG),
        proof=plain.proof,
    )


def _by_some_keys(
    opens: Callable[[Keys], _Opened],
    believable: Callable[[_Opened], bool],
    *,
    title: bytes | None,
    at_us: int,
    context: Context,
    kind: str = "encryption",
) -> tuple[_Opened, MeterKeys]:
    """Return what the keys in force open, else what other versions do, and which keys did.

    What no tag confirms counts if it is `believable`; if no version gives that, what the keys in force gave.
    Raises the DlmsError of the keys in force, NeedKey where there are none, and Refused (KEY_OUT_OF_VALIDITY).
    """
    ring = context.keys
    keys = ring.find(title, at_us)
    doubtful: tuple[_Opened, MeterKeys] | None = None
    failure: DlmsError = NeedKey(kind, title or b"")
    if keys is not None:
        try:
            opened = opens(keys.keys)
        except DlmsError as error:
            failure = error
        else:
            doubtful = opened, keys
    others = ring.others(title, at_us)
    other = next(others, None)
    if doubtful is not None and (other is None or believable(doubtful[0])):
        return doubtful
    tried = other is not None
    while other is not None:
        try:
            opened = opens(other.keys)
        except DlmsError:
            pass
        else:
            if believable(opened):
                if ring.overlaps(other, at_us):
                    return opened, other
                raise Refused(Reason.KEY_OUT_OF_VALIDITY, STAGE, f"only keys not in force then open it: {other.name}")
        other = next(others, None)
    if doubtful is not None:
        return doubtful
    if keys is None and tried and not ring.trouble(title):
        raise Refused(
            Reason.KEY_MISSING,
            STAGE,
            f"no key of {(title or b'').hex()} was in force then, and those of other times do not open it",
        )
    raise failure


def _verified(protection: Protection, *, verified: bool) -> Protection:
    if verified or not protection.authenticated:
        return protection
    return Protection.ENCRYPTED if protection.encrypted else Protection.NONE


def protected_enough(plain: Plain, meter: MeterFacts | None, at_us: int, context: Context) -> Plain:
    """Return the message if it is protected as its meter's must be; raises Refused (DOWNGRADED)."""
    required = _required(plain, meter, at_us, context)
    if Quality.UNVERIFIED_TAG in plain.quality or _satisfies(plain.protection, required):
        return plain
    if context.lenient:
        return replace(plain, mismatched=False, quality=(*plain.quality, Quality.UNVERIFIED_TAG))
    why = "its registry entry demands" if meter and meter.min_protection else "the meter's keys imply"
    raise Refused(Reason.DOWNGRADED, STAGE, f"protection is {plain.protection.value}, {why} {required.value}")


def _required(plain: Plain, meter: MeterFacts | None, at_us: int, context: Context) -> Protection:
    if meter and meter.min_protection:
        return meter.min_protection
    keys = context.keys.near(plain.system_title, at_us)
    if keys is None and meter:
        keys = context.keys.near(meter.system_title, at_us)
    if keys is None:
        return Protection.NONE
    return Protection.AUTHENTICATED if keys.authenticated else Protection.ENCRYPTED


def _satisfies(protection: Protection, required: Protection) -> bool:
    return (protection.authenticated or not required.authenticated) and (protection.encrypted or not required.encrypted)
