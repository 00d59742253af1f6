"""Protection of APDUs and authentication of associations (Green Book clause 9.2), security suites 0, 1 and 2.

| module | what |
| --- | --- |
| `protect`, `unprotect` | glo, ded, general-glo, general-ded and general-ciphering APDUs, made and opened |
| `session` | the key of general-ciphering: identified, wrapped or agreed |
| `signing` | general-signing |
| `hls` | the proofs of high level security, mechanisms 2 to 7 |
| `keys` | the keys of a partner, and the protocol of those who hold them elsewhere |
| `agreement`, `transfer` | changing keys through security setup |
| `elliptic`, `gcm`, `suites`, `control`, `counters` | the pieces |
"""

from ami_dlms.security.agreement import KeyId, accept_key, agree_key, derive, offer_key
from ami_dlms.security.control import Protection, SecurityControl
from ami_dlms.security.counters import CounterProvider, MemoryCounter
from ami_dlms.security.elliptic import PrivateKey, PublicKey
from ami_dlms.security.keys import KeyPairs, KeyProvider, Keys, KeySet, KeyStore, unwrap_key, wrap_key
from ami_dlms.security.protect import Form, protect, protect_general
from ami_dlms.security.session import SessionKey, agreed_one_pass, agreed_static, identified, wrapped
from ami_dlms.security.signing import sign_apdu, verify_apdu
from ami_dlms.security.transfer import read_transfer, transfer
from ami_dlms.security.unprotect import Unprotected, unprotect

__all__ = [
    "CounterProvider",
    "Form",
    "KeyId",
    "KeyPairs",
    "KeyProvider",
    "KeySet",
    "KeyStore",
    "Keys",
    "MemoryCounter",
    "PrivateKey",
    "Protection",
    "PublicKey",
    "SecurityControl",
    "SessionKey",
    "Unprotected",
    "accept_key",
    "agree_key",
    "agreed_one_pass",
    "agreed_static",
    "derive",
    "identified",
    "offer_key",
    "protect",
    "protect_general",
    "read_transfer",
    "sign_apdu",
    "transfer",
    "unprotect",
    "unwrap_key",
    "verify_apdu",
    "wrap_key",
    "wrapped",
]
