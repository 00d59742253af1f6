"""Security setup (class 64, version 0): policy, suite and system titles, for reading."""

from __future__ import annotations

from ami_dlms import axdr
from ami_dlms.cosem.objects import CosemObject, Value

SECURITY_SETUP = bytes((0, 0, 43, 0, 0, 255))


class SecuritySetup(CosemObject):
    """What protection the server demands; keys cannot be read, and are not changed here yet."""

    class_id = 64
    methods = (1, 2)

    def __init__(
        self,
        *,
        policy: int,
        suite: int,
        server_system_title: bytes,
        client_system_title: Value | None = None,
        logical_name: bytes = SECURITY_SETUP,
    ) -> None:
        """`policy`: 0 nothing, 1 all messages authenticated, 2 encrypted, 3 both."""
        super().__init__(
            logical_name,
            {
                2: axdr.enum(policy),
                3: axdr.enum(suite),
                4: client_system_title if client_system_title is not None else axdr.octets(b""),
                5: axdr.octets(server_system_title),
            },
        )
