"""Why a message does not open: tried out without its tag, after it was refused. Never part of a reading.

    the tag verifies under keys that were not in force together      OTHER_KEY_VERSION
    the encryption key yields an APDU, the tag is wrong              AK_MISSING, AK_WRONG, CORRUPT_FRAME
    another system title, or another meter's keys                    WRONG_SYSTEM_TITLE, KEYS_OF_ANOTHER
    nothing yields an APDU                                           WRONG_EK, CORRUPT_FRAME

The work is bounded: so many keys, so many other titles, and no long message. Keys are named by their versions only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice, product
from typing import Final, NamedTuple

from ami_dlms import apdu as apdus
from ami_dlms.annotate import annotate
from ami_dlms.apdu import GeneralGloCiphering, ServiceCiphered
from ami_dlms.apdu.ciphered import UNDER_DEDICATED_KEY
from ami_dlms.errors import DlmsError
from ami_dlms.security import Keys, Protection, SecurityControl, Unprotected, unprotect
from ami_normalize.keys import MeterKeys
from ami_normalize.pipeline import Context, RawRecord, Refused
from ami_normalize.pipeline.identify import identify
from ami_normalize.pipeline.readable import readable
from ami_normalize.pipeline.unframe import unframe
from ami_schemas.diagnoses import Diagnosis
from ami_schemas.reasons import Reason

DIAGNOSED: Final = frozenset({Reason.TAG_MISMATCH, Reason.KEY_WRONG, Reason.KEY_MISSING})
"""Reasons that a wrong key may be behind and that do not say which."""

MOST_OCTETS: Final = 16_384
_MOST_PAIRS: Final = 16
_MOST_TITLES: Final = 16
_MOST_APDUS: Final = 4
_WELL_BEGUN: Final = 12
"""Octets of an APDU that hardly ever come by chance."""
_DATA: Final = frozenset({0x0F, 0xC2, 0xC4, 0xC5})
"""Tags of what meters send: data-notification, event-notification, get-response, set-response."""

_Ciphered = GeneralGloCiphering | ServiceCiphered
Verified = Callable[[bytes, str], bool]
"""Whether a message of a system title was verified before under a key version."""


class Finding(NamedTuple):
    """What is wrong, as a code for programs and a sentence for a person."""

    code: Diagnosis
    sentence: str


class _Case(NamedTuple):
    """One ciphered APDU, and what is known of its meter."""

    apdu: _Ciphered
    title: bytes
    protection: Protection
    at_us: int
    known: tuple[MeterKeys, ...]
    """The keys in force first, then the others."""

    def opened(self, keys: Keys, title: bytes | None = None) -> Unprotected | None:
        """Open it by keys, without regard to the tag; None where that cannot be done."""
        apdu = self.apdu
        if title is not None and isinstance(apdu, GeneralGloCiphering):
            apdu = apdu._replace(system_title=title)
        try:
            return unprotect(apdu, keys, title or self.title, verify=False)
        except DlmsError:
            return None

    def fits(self, keys: Keys, title: bytes | None = None) -> bool:
        """Tell whether keys open it: by its tag where it has one, else by what comes out."""
        found = self.opened(keys, title)
        if found is None or self.protection.authenticated:
            return found is not None and found.verified
        return readable(found.plaintext)


def diagnose(
    record: RawRecord,
    context: Context,
    *,
    verified: Verified = lambda _title, _version: False,
    suspects: Iterable[bytes] = (),
) -> Finding | None:
    """Find out why a record does not open; None where nothing can be said. Raises KeyStoreAway.

    `suspects` are system titles whose keys may have been mixed up with this meter's, such as of others that fail; with
    `verified`, changed octets are told from wrong keys.
    """
    if len(record.value) > MOST_OCTETS:
        return None
    try:
        origin = identify(record, context)
        octets = unframe(origin, context).apdus
    except Refused:
        return None
    for one in octets[:_MOST_APDUS]:
        case = _case(one, origin.system_title, origin.at_us, context)
        if case is None or any(case.fits(keys.keys) for keys in case.known[:1]):
            continue
        titles = islice(_titles(case, origin.system_title, suspects), _MOST_TITLES)
        found = _of_keys(case, verified) or _of_titles(case, titles, context) or _of_nothing(case, verified)
        if found is not None:
            return found
    return None


def _case(octets: bytes, title: bytes | None, at_us: int, context: Context) -> _Case | None:
    try:
        ciphered = apdus.decode(octets)
        if not isinstance(ciphered, (GeneralGloCiphering, ServiceCiphered)) or octets[0] in UNDER_DEDICATED_KEY:
            return None  # the key of one association says nothing of the meter's encryption key
        protection = SecurityControl.from_octet(ciphered.security_control).protection
    except DlmsError:
        return None
    whose = getattr(ciphered, "system_title", b"") or title or b""
    if len(whose) != 8 or protection is Protection.NONE:
        return None
    in_force = context.keys.find(whose, at_us)
    known = (*([in_force] if in_force else []), *context.keys.others(whose, at_us))
    if context.keys.trouble(whose):
        return None  # keys that cannot be used are said to be so already, and the others prove nothing
    return _Case(ciphered, whose, protection, at_us, known)


def _of_keys(case: _Case, verified: Verified) -> Finding | None:
    """Say what the meter's own keys tell: all versions, also such as were never in force together."""
    if case.protection.authenticated:
        pairs = ((ek, ak) for ek, ak in product(case.known, repeat=2) if ak.authenticated)
        for ek, ak in islice(pairs, _MOST_PAIRS):
            if case.fits(_joined(ek, ak)):
                return _found(
                    Diagnosis.OTHER_KEY_VERSION,
                    f"the encryption key {ek.name} with the authentication key {ak.name} opens it",
                )
    if not case.protection.encrypted:
        return _of_tag_only(case, verified)
    for keys in case.known:
        opened = case.opened(keys.keys)
        if opened is None or not readable(opened.plaintext):
            continue
        if not case.protection.authenticated:
            return _found(Diagnosis.OTHER_KEY_VERSION, f"the encryption key {keys.name} opens it")
        return _of_tag(case, keys, verified)
    return None


def _of_tag(case: _Case, keys: MeterKeys, verified: Verified) -> Finding:
    """Say what is wrong where an encryption key yields an APDU whose tag does not verify."""
    if not keys.authenticated:
        return _found(Diagnosis.AK_MISSING, f"the encryption key of {case.title.hex()} is right, its gak is not known")
    if verified(case.title, keys.version):
        return _found(Diagnosis.CORRUPT_FRAME, f"the keys of {case.title.hex()} opened messages before")
    return _found(
        Diagnosis.AK_WRONG,
        f"the encryption key of {case.title.hex()} is right, its gak is wrong (or octets were changed on the way)",
    )


def _of_tag_only(case: _Case, verified: Verified) -> Finding | None:
    """Say what is wrong with a message that is not encrypted, so that only its tag depends on keys."""
    content = case.apdu.content[:-12]
    if not case.known:
        return None
    if not readable(content) or verified(case.title, case.known[0].version):
        return _found(Diagnosis.CORRUPT_FRAME, f"what {case.title.hex()} sent in clear was changed on the way")
    if not case.known[0].authenticated:
        return _found(Diagnosis.AK_MISSING, f"the message of {case.title.hex()} has a tag, its gak is not known")
    return _found(Diagnosis.AK_WRONG, f"the tag of {case.title.hex()} does not verify: its gak or its guek is wrong")


def _of_titles(case: _Case, titles: Iterable[bytes], context: Context) -> Finding | None:
    """Say whether another system title explains it."""
    own = [keys.keys for keys in case.known[:1]]
    for title in titles:
        other = context.keys.near(title, case.at_us)
        if other is not None and case.fits(other.keys):
            return _found(
                Diagnosis.KEYS_OF_ANOTHER,
                f"the keys registered of {title.hex()} open this message of {case.title.hex()}",
            )
        for keys in (*own, *([other.keys] if other else [])):
            if case.fits(keys, title):
                return _found(
                    Diagnosis.WRONG_SYSTEM_TITLE,
                    f"the message is said to be of {case.title.hex()} and opens as one of {title.hex()}",
                )
    return None


def _of_nothing(case: _Case, verified: Verified) -> Finding | None:
    """Say what is left where nothing opens it."""
    if not case.known:
        return None
    if case.protection.authenticated and verified(case.title, case.known[0].version):
        return _found(Diagnosis.CORRUPT_FRAME, f"the keys of {case.title.hex()} opened messages before")
    for keys in case.known:
        opened = case.opened(keys.keys)
        if opened is not None and _well_begun(opened.plaintext):
            return _found(Diagnosis.CORRUPT_FRAME, f"the keys of {case.title.hex()} open it up to changed octets")
    return _found(Diagnosis.WRONG_EK, f"no encryption key of {case.title.hex()} yields an APDU")


def _titles(case: _Case, stated: bytes | None, suspects: Iterable[bytes]) -> Iterator[bytes]:
    """Yield other system titles worth a try: what record and key state, neighbours by number, then the suspects."""
    number = int.from_bytes(case.title[3:], "big")
    near = (number + step for step in (1, -1))
    neighbours = [case.title[:3] + one.to_bytes(5, "big") for one in near if 0 <= one < 1 << 40]
    for title in dict.fromkeys((*([stated] if stated else []), *neighbours, *suspects)):
        if title != case.title and len(title) == 8:
            yield title


def _joined(encryption: MeterKeys, authentication: MeterKeys) -> Keys:
    held = encryption.keys
    return Keys(held.encryption, authentication.keys.authentication, broadcast=held.broadcast, master=held.master)


def _well_begun(plaintext: bytes) -> bool:
    """Tell whether octets begin as what meters send, further than chance would have it."""
    if plaintext[:1] not in {bytes((tag,)) for tag in _DATA}:
        return False
    found = annotate(plaintext)
    error = found.error
    return error is None or (error.offset or 0) >= _WELL_BEGUN


def _found(code: Diagnosis, sentence: str) -> Finding:
    return Finding(code, f"{sentence}; {code.remedy}")
