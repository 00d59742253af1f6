"""Step 3, decrypt: ciphered APDUs to plain ones, and a verdict on how far they were protected.

The tag is verified before anything looks inside. A message less protected than its meter's must be is refused. Where
the registry demands nothing, the meter's keys do: with both keys it must carry a tag, with the encryption key alone it
must be encrypted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ami_dlms import apdu as apdus
from ami_dlms.apdu import GeneralCiphering, GeneralGloCiphering, GeneralSigning, ServiceCiphered
from ami_dlms.errors import DlmsError, NeedKey, SignatureInvalid, TagMismatch
from ami_dlms.security import Protection, unprotect, verify_apdu
from ami_normalize.meter import MeterFacts
from ami_normalize.pipeline.context import Context
from ami_normalize.pipeline.identify import Identified
from ami_normalize.pipeline.outcome import Refused, each
from ami_normalize.pipeline.unframe import Unframed
from ami_normalize.quality import Quality
from ami_schemas.reasons import Reason

STAGE = "decrypt"
_GENERAL = frozenset({0xDB, 0xDC, 0xDD, 0xDF})
_SERVICES = frozenset(
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


@dataclass(frozen=True, slots=True)
class Decrypted:
    """The plain APDUs of a record, or why there is none."""

    origin: Identified
    parts: tuple[Plain | Refused, ...]


def decrypt(unframed: Unframed, context: Context) -> Decrypted:
    """Open every APDU."""
    origin = unframed.origin

    def opened(octets: bytes) -> Plain:
        return _open(octets, origin.system_title, unframed.quality, context)

    return Decrypted(origin, tuple(each(opened, unframed.apdus)))


def _open(octets: bytes, title: bytes | None, quality: tuple[Quality, ...], context: Context) -> Plain:
    plain = Plain(octets, title, quality=quality)
    for _ in range(_MOST_LAYERS):
        if plain.octets[0] not in _GENERAL and plain.octets[0] not in _SERVICES:
            break
        plain = _unlock(plain, context)
    meter = context.registry.by_title(plain.system_title) if plain.system_title else None
    return protected_enough(plain, meter, context)


def _unlock(plain: Plain, context: Context) -> Plain:
    tag = plain.octets[0]
    try:
        ciphered = apdus.decode(plain.octets)
        if isinstance(ciphered, GeneralSigning):
            return _unsign(ciphered, plain, context)
        if not isinstance(ciphered, (GeneralGloCiphering, GeneralCiphering, ServiceCiphered)):
            raise Refused(Reason.APDU_MALFORMED, STAGE, "not a ciphered APDU")
        title = getattr(ciphered, "system_title", b"") or plain.system_title
        keys = context.keys.find(title)
        if keys is None:
            if tag in _REQUESTS:
                raise Refused(Reason.NO_METER_DATA, STAGE, "a ciphered request of a client")
            raise NeedKey("encryption", title or b"")
        try:
            opened = unprotect(ciphered, keys.keys, title)
            mismatched = False
        except (NeedKey, TagMismatch) as error:
            if not context.lenient:
                raise
            opened = unprotect(ciphered, keys.keys, title, verify=False)
            mismatched = isinstance(error, TagMismatch)
    except DlmsError as error:
        raise Refused.by(error, STAGE) from None
    unverified = opened.protection.authenticated and not opened.verified
    return Plain(
        octets=opened.plaintext or b"\x00",
        system_title=title,
        protection=_verified(opened.protection, verified=opened.verified),
        key_version=keys.version,
        guessed=opened.protection.encrypted and not opened.verified,
        mismatched=mismatched,
        quality=(*plain.quality, Quality.UNVERIFIED_TAG) if unverified else plain.quality,
    )


def _unsign(signed: GeneralSigning, plain: Plain, context: Context) -> Plain:
    """Take the content of a signed APDU: a right signature is worth a tag, and keeps what is around it."""
    keys = context.keys.find(signed.system_title)
    if keys is None and not context.lenient:
        raise NeedKey("signature", signed.system_title)
    try:
        content = verify_apdu(signed, keys.keys) if keys else signed.content
        verified = keys is not None
    except (NeedKey, SignatureInvalid):
        if not context.lenient:
            raise
        content, verified = signed.content, False
    encrypted = plain.protection.encrypted
    protection = Protection.AUTHENTICATED_ENCRYPTED if encrypted else Protection.AUTHENTICATED
    return Plain(
        octets=content or b"\x00",
        system_title=signed.system_title or plain.system_title,
        protection=protection if verified else plain.protection,
        key_version=keys.version if keys else plain.key_version,
        guessed=plain.guessed and not verified,
        mismatched=plain.mismatched,
        quality=plain.quality if verified else (*plain.quality, Quality.UNVERIFIED_TAG),
    )


def _verified(protection: Protection, *, verified: bool) -> Protection:
    if verified or not protection.authenticated:
        return protection
    return Protection.ENCRYPTED if protection.encrypted else Protection.NONE


def protected_enough(plain: Plain, meter: MeterFacts | None, context: Context) -> Plain:
    """Return the message if it is protected as its meter's must be; raises Refused (DOWNGRADED)."""
    required = _required(plain, meter, context)
    if Quality.UNVERIFIED_TAG in plain.quality or _satisfies(plain.protection, required):
        return plain
    if context.lenient:
        return replace(plain, mismatched=False, quality=(*plain.quality, Quality.UNVERIFIED_TAG))
    why = "its registry entry demands" if meter and meter.min_protection else "the meter's keys imply"
    raise Refused(Reason.DOWNGRADED, STAGE, f"protection is {plain.protection.value}, {why} {required.value}")


def _required(plain: Plain, meter: MeterFacts | None, context: Context) -> Protection:
    if meter and meter.min_protection:
        return meter.min_protection
    keys = context.keys.find((meter and meter.system_title) or plain.system_title)
    if keys is None:
        return Protection.NONE
    return Protection.AUTHENTICATED if keys.authenticated else Protection.ENCRYPTED


def _satisfies(protection: Protection, required: Protection) -> bool:
    return (protection.authenticated or not required.authenticated) and (protection.encrypted or not required.encrypted)
