"""Parameters of security setup (class 64) that change keys: key_transfer and key_agreement."""

from __future__ import annotations

from collections.abc import Mapping

from ami_dlms import axdr
from ami_dlms.axdr import Data, Tag
from ami_dlms.errors import ApduMalformed
from ami_dlms.security.agreement import KeyId
from ami_dlms.security.keys import unwrap_key, wrap_key


def key_data(keys: Mapping[KeyId, bytes]) -> Data:
    """Return the parameter of key_transfer or key_agreement: an array of {key_id, key data}."""
    pairs = (axdr.structure(axdr.enum(key_id), axdr.octets(octets)) for key_id, octets in keys.items())
    return axdr.array(*pairs)


def read_key_data(data: Data) -> dict[KeyId, bytes]:
    """Read that parameter; raises ApduMalformed."""
    if data.tag != Tag.ARRAY:
        raise ApduMalformed("the parameter is no array")
    try:
        return dict(map(_pair, data.value))
    except (ValueError, TypeError):
        raise ApduMalformed("the parameter is no array of key id and key data") from None


def _pair(pair: Data) -> tuple[KeyId, bytes]:
    key_id, octets = pair.value
    if (pair.tag, key_id.tag, octets.tag) != (Tag.STRUCTURE, Tag.ENUM, Tag.OCTET_STRING):
        raise ValueError
    return KeyId(key_id.value), octets.value


def transfer(kek: bytes, keys: Mapping[KeyId, bytes]) -> Data:
    """Return the parameter of key_transfer: new keys wrapped under the key encryption key."""
    return key_data({key_id: wrap_key(kek, key) for key_id, key in keys.items()})


def read_transfer(kek: bytes, data: Data) -> dict[KeyId, bytes]:
    """Return the new keys of a key_transfer; raises ApduMalformed or KeyWrong."""
    return {key_id: unwrap_key(kek, wrapped) for key_id, wrapped in read_key_data(data).items()}
