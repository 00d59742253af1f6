"""Protection of APDUs and authentication of associations (Green Book clause 9.2).

Security suite 0, and the symmetric part of suites 1 and 2.
"""

from ami_dlms.security.control import Protection, SecurityControl
from ami_dlms.security.counters import CounterProvider, MemoryCounter
from ami_dlms.security.keys import Keys, unwrap_key, wrap_key
from ami_dlms.security.protect import Form, protect
from ami_dlms.security.unprotect import Unprotected, unprotect

__all__ = [
    "CounterProvider",
    "Form",
    "Keys",
    "MemoryCounter",
    "Protection",
    "SecurityControl",
    "Unprotected",
    "protect",
    "unprotect",
    "unwrap_key",
    "wrap_key",
]
