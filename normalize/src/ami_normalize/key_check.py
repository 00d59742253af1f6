"""Whether keys open a message: for whoever checks a key before, or after, it is rolled out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ami_normalize.diagnosis import diagnose
from ami_normalize.pipeline import Context, RawRecord, Refused
from ami_normalize.pipeline.decrypt import Plain, decrypt
from ami_normalize.pipeline.identify import identify
from ami_normalize.pipeline.readable import readable
from ami_normalize.pipeline.unframe import unframe
from ami_schemas.reasons import Reason


class Checked(NamedTuple):
    """How a message fared."""

    opens: bool
    protection: str
    """As verified; empty where it does not open."""
    key_version: str
    reason: str
    """A reason code, or a diagnosis where there is one; empty where it opens."""
    sentence: str


def checked(record: RawRecord, context: Context, suspects: Iterable[bytes] = ()) -> Checked:
    """Say whether a message opens by the keys of a context, and if not, why. Raises KeyStoreAway."""
    try:
        (part, *_) = decrypt(unframe(identify(record, context), context), context).parts
    except Refused as refusal:
        part = refusal
    if isinstance(part, Plain) and part.guessed and not readable(part.octets):
        part = Refused(Reason.KEY_WRONG, "decrypt", "the key yields no well-formed APDU")
    if isinstance(part, Plain):
        return Checked(True, part.protection.value, part.key_version, "", "")  # noqa: FBT003
    found = diagnose(record, context, suspects=suspects)
    if found is None:
        return Checked(False, "", "", part.reason.value, part.message)  # noqa: FBT003
    return Checked(False, "", "", found.code.value, found.sentence)  # noqa: FBT003
