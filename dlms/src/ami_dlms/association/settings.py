"""What an association is made with, on either side. Secrets are never shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from ami_dlms.apdu import Conformance
from ami_dlms.errors import UsageError
from ami_dlms.framing import Framing
from ami_dlms.security import Keys, Protection

PUBLIC_CLIENT = 16
"""SAP of the client that needs no authentication (Green Book 4.1.7)."""
MANAGEMENT_DEVICE = 1
"""SAP of the logical device each server has."""
SYSTEM_TITLE_LENGTH = 8

CLIENT_CONFORMANCE = (
    Conformance.GET
    | Conformance.SET
    | Conformance.ACTION
    | Conformance.SELECTIVE_ACCESS
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
)
"""Services this client knows how to use."""
SERVER_CONFORMANCE = CLIENT_CONFORMANCE | Conformance.MULTIPLE_REFERENCES
"""Services this server gives."""


class Authentication(str, Enum):
    """How the two sides prove who they are (Green Book 9.2.2.2.2)."""

    NONE = "none"
    LLS = "lls"
    HLS_MD5 = "hls-md5"
    HLS_SHA1 = "hls-sha1"
    HLS_GMAC = "hls-gmac"
    HLS_SHA256 = "hls-sha256"
    HLS_ECDSA = "hls-ecdsa"


SUPPORTED = frozenset({Authentication.NONE, Authentication.LLS, Authentication.HLS_GMAC})


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Settings of a client's association."""

    client_sap: int = PUBLIC_CLIENT
    server_sap: int = MANAGEMENT_DEVICE
    server_physical: int | None = None
    """Lower HDLC address; None for a one-part address."""
    framing: Framing = Framing.WRAPPER
    authentication: Authentication = Authentication.NONE
    password: bytes | None = field(default=None, repr=False)
    suite: int = 0
    ciphered: bool | None = None
    """Whether APDUs are protected (application context 3); None: yes with hls-gmac, else no."""
    protection: Protection = Protection.AUTHENTICATED_ENCRYPTED
    keys: Keys | None = None
    client_system_title: bytes | None = None
    server_system_title: bytes | None = None
    """Used where the AARE does not state it."""
    max_pdu_size: int = 65535
    """Longest APDU this client takes, in octets; 0 means unlimited."""
    conformance: Conformance = CLIENT_CONFORMANCE

    def __post_init__(self) -> None:
        """Refuse what cannot work, before anything is sent."""
        if self.authentication not in SUPPORTED:
            raise UsageError(
                f"Authentication {self.authentication.value} is not supported yet; use none, lls or hls-gmac."
            )
        if self.framing not in (Framing.WRAPPER, Framing.HDLC):
            raise UsageError(f"An association needs the framing wrapper or hdlc, not {self.framing.value}.")
        if self.authentication is Authentication.LLS and self.password is None:
            raise UsageError("Authentication lls needs a password.")
        if self.authentication is Authentication.HLS_GMAC and (self.keys is None or self.keys.authentication is None):
            raise UsageError(
                "Authentication hls-gmac needs the encryption key (guek) and the authentication key (gak)."
            )
        if self.ciphered and self.keys is None:
            raise UsageError("A ciphered association needs keys.")
        if self.needs_system_title:
            if self.client_system_title is None:
                raise UsageError("Ciphering and hls-gmac need the client's system title.")
            check_system_title(self.client_system_title)
        if self.server_system_title is not None:
            check_system_title(self.server_system_title)

    @property
    def protects(self) -> bool:
        """Whether APDUs are protected."""
        return self.authentication is Authentication.HLS_GMAC if self.ciphered is None else self.ciphered

    @property
    def needs_system_title(self) -> bool:
        """Whether the client must state its system title."""
        return self.protects or self.authentication is Authentication.HLS_GMAC


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of a server.

    The public client (SAP 16) may always associate without authentication; it then reads little.
    """

    server_sap: int = MANAGEMENT_DEVICE
    server_physical: int | None = None
    framing: Framing = Framing.WRAPPER
    authentication: Authentication = Authentication.NONE
    password: bytes | None = field(default=None, repr=False)
    suite: int = 0
    keys: Keys | None = None
    system_title: bytes | None = None
    protection: Protection = Protection.NONE
    """The least protection of requests and responses in an authenticated association (the security policy)."""
    max_pdu_size: int = 1024
    """Longest APDU this server takes, and sends unless the client takes less, in octets."""
    conformance: Conformance = SERVER_CONFORMANCE

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.authentication not in SUPPORTED:
            raise UsageError(
                f"Authentication {self.authentication.value} is not supported yet; use none, lls or hls-gmac."
            )
        if self.framing not in (Framing.WRAPPER, Framing.HDLC):
            raise UsageError(f"An association needs the framing wrapper or hdlc, not {self.framing.value}.")
        if self.authentication is Authentication.LLS and self.password is None:
            raise UsageError("Authentication lls needs a password.")
        if self.authentication is Authentication.HLS_GMAC and (self.keys is None or self.keys.authentication is None):
            raise UsageError(
                "Authentication hls-gmac needs the encryption key (guek) and the authentication key (gak)."
            )
        if self.keys is not None and self.system_title is None:
            raise UsageError("A server with keys needs a system title.")
        if self.system_title is not None:
            check_system_title(self.system_title)


def check_system_title(title: bytes) -> None:
    """Raise UsageError unless `title` has 8 octets."""
    if len(title) != SYSTEM_TITLE_LENGTH:
        raise UsageError(f"A system title has {SYSTEM_TITLE_LENGTH} octets, not {len(title)}.")
