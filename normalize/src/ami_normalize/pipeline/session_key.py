"""The dedicated key under which a record was ciphered: it comes with the record, wrapped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ami_dlms.apdu import Ciphered, GeneralCiphering
from ami_dlms.apdu.ciphered import UNDER_DEDICATED_KEY
from ami_dlms.security import Keys
from ami_keys.keystore import KeyUnavailable
from ami_keys.session_key import SessionKeyMalformed
from ami_normalize.pipeline.context import Context
from ami_normalize.pipeline.outcome import Refused
from ami_normalize.pipeline.record import RawRecord
from ami_schemas import headers
from ami_schemas.reasons import Reason

STAGE: Final = "decrypt"


def with_session_key(
    ciphered: Ciphered, title: bytes | None, record: RawRecord, context: Context
) -> Callable[[Keys], Keys]:
    """Return what adds the record's dedicated key to a meter's keys; nothing is added for what is under another.

    Raises Refused (KEY_MISSING, SESSION_KEY_MALFORMED) and KeyStoreAway.
    """
    value = record.headers.get(headers.SESSION_KEY)
    dedicated = not isinstance(ciphered, GeneralCiphering) and ciphered.tag in UNDER_DEDICATED_KEY
    if value is None or title is None or not dedicated:
        return lambda keys: keys
    try:
        key = context.session_keys.open(value, title)
    except KeyUnavailable as error:
        raise Refused(Reason.KEY_MISSING, STAGE, f"the session key of {title.hex()} cannot be used: {error}") from None
    except SessionKeyMalformed as error:
        raise Refused(
            Reason.SESSION_KEY_MALFORMED, STAGE, f"the header {headers.SESSION_KEY} holds no session key: {error}"
        ) from None
    return lambda keys: replace(keys, dedicated=key)
