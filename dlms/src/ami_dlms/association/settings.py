"""What an association is made with, on either side. Secrets are never shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from ami_dlms.apdu import Conformance, Diagnostic, Mechanism
from ami_dlms.errors import UsageError
from ami_dlms.framing import Framing
from ami_dlms.link.parameters import LONG_FRAMES, LinkParameters
from ami_dlms.security import Form, Keys, Protection
from ami_dlms.security.elliptic import private_key, public_key
from ami_dlms.security.hls import Exchange

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
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.ACCESS
)
"""Services this client knows how to use; with GENERAL_BLOCK_TRANSFER on top it sends every request in blocks."""
SERVER_CONFORMANCE = CLIENT_CONFORMANCE | Conformance.GENERAL_BLOCK_TRANSFER | Conformance.GENERAL_PROTECTION
"""Services this server gives."""
SHORT_NAME_CONFORMANCE = (
    Conformance.READ
    | Conformance.WRITE
    | Conformance.UNCONFIRMED_WRITE
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.PARAMETERIZED_ACCESS
    | Conformance.INFORMATION_REPORT
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
)
"""Services this client knows how to use by short names."""

VendorProof = Callable[[Exchange], bytes]
"""The manufacturer's function of mechanism 2: the answer of the side whose view is given."""


class Authentication(str, Enum):
    """How the two sides prove who they are (Green Book 9.2.2.2.2)."""

    NONE = "none"
    LLS = "lls"
    HLS = "hls"
    """The manufacturer's own."""
    HLS_MD5 = "hls-md5"
    HLS_SHA1 = "hls-sha1"
    HLS_GMAC = "hls-gmac"
    HLS_SHA256 = "hls-sha256"
    HLS_ECDSA = "hls-ecdsa"

    @property
    def mechanism(self) -> Mechanism:
        """The mechanism's name on the wire."""
        return MECHANISMS[self]

    @property
    def challenges(self) -> bool:
        """Whether both sides answer a challenge (high level security)."""
        return self not in (Authentication.NONE, Authentication.LLS)

    @property
    def ciphers(self) -> bool:
        """Whether APDUs are protected where nothing else is said."""
        return self in (Authentication.HLS_GMAC, Authentication.HLS_ECDSA)

    @property
    def uses_titles(self) -> bool:
        """Whether the system titles enter the proof."""
        return self in (Authentication.HLS_GMAC, Authentication.HLS_SHA256, Authentication.HLS_ECDSA)


MECHANISMS = dict(zip(Authentication, Mechanism, strict=True))
"""Both enumerate the mechanisms in the order of their names, 0 to 7."""
_WITH_PASSWORD = (
    Authentication.LLS,
    Authentication.HLS_MD5,
    Authentication.HLS_SHA1,
    Authentication.HLS_SHA256,
)


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
    """The password (lls), or the shared secret (hls-md5, hls-sha1, hls-sha256)."""
    suite: int = 0
    ciphered: bool | None = None
    """Whether APDUs are protected (application context 3); None: yes with hls-gmac and hls-ecdsa, else no."""
    protection: Protection = Protection.AUTHENTICATED_ENCRYPTED
    form: Form = Form.GLO
    """Of protected APDUs. With `ded` and `general-ded` the AARQ brings the server a new dedicated key."""
    keys: Keys | None = None
    """Also the key pairs of hls-ecdsa: our signing key and the server's public one."""
    vendor_proof: VendorProof | None = field(default=None, repr=False)
    """Of authentication hls."""
    client_system_title: bytes | None = None
    server_system_title: bytes | None = None
    """Used where the AARE does not state it."""
    max_pdu_size: int = 65535
    """Longest APDU this client takes, in octets; 0 means unlimited."""
    conformance: Conformance = CLIENT_CONFORMANCE
    link: LinkParameters | None = None
    """HDLC frame lengths and windows to propose; None proposes nothing, so that the defaults hold."""
    block_window: int = 16
    """Blocks of a general block transfer this client takes without confirming, 1 to 63 (over HDLC it is 1)."""
    datagrams: bool = False
    """The wrapper is carried by UDP: each call of `receive` brings one datagram, `timeout` sends again.

    Only the association request and what goes in general blocks can be sent again: ask for GENERAL_BLOCK_TRANSFER.
    """
    short_names: bool = False
    """Objects are referenced by short names (application contexts 2 and 4): `read` and `write` in place of the rest."""

    def __post_init__(self) -> None:
        """Refuse what cannot work, before anything is sent."""
        _check(self)
        if self.short_names and self.authentication.challenges:
            raise UsageError("Short names go with authentication none or lls here; high level security needs names.")
        if self.ciphered and self.keys is None:
            raise UsageError("A ciphered association needs keys.")
        if self.needs_system_title:
            if self.client_system_title is None:
                raise UsageError(f"Ciphering and {self.authentication.value} need the client's system title.")
            check_system_title(self.client_system_title)
        if self.server_system_title is not None:
            check_system_title(self.server_system_title)

    @property
    def protects(self) -> bool:
        """Whether APDUs are protected."""
        return self.authentication.ciphers if self.ciphered is None else self.ciphered

    @property
    def proposed_conformance(self) -> Conformance:
        """The services to propose: general protection where the form is one."""
        conformance = self.conformance
        if self.short_names and conformance == CLIENT_CONFORMANCE:
            conformance = SHORT_NAME_CONFORMANCE
        general = self.protects and self.form.general
        return conformance | Conformance.GENERAL_PROTECTION if general else conformance

    @property
    def needs_counter(self) -> bool:
        """Whether the client uses invocation counters."""
        return self.protects or self.authentication is Authentication.HLS_GMAC

    @property
    def needs_system_title(self) -> bool:
        """Whether the client must state its system title."""
        return self.protects or self.authentication.uses_titles


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
    """The password (lls), or the shared secret (hls-md5, hls-sha1, hls-sha256)."""
    suite: int = 0
    keys: Keys | None = None
    """Also the key pairs of hls-ecdsa: the server's signing key and the client's public one."""
    vendor_proof: VendorProof | None = field(default=None, repr=False)
    """Of authentication hls."""
    system_title: bytes | None = None
    protection: Protection = Protection.NONE
    """The least protection of requests and responses in an authenticated association (the security policy)."""
    max_pdu_size: int = 1024
    """Longest APDU this server takes, and sends unless the client takes less, in octets."""
    conformance: Conformance = SERVER_CONFORMANCE
    link: LinkParameters = field(default=LONG_FRAMES)
    """HDLC frame lengths and windows to offer; a client that proposes nothing gets the defaults."""
    block_window: int = 16
    """Blocks of a general block transfer this server takes without confirming, 1 to 63 (over HDLC it is 1)."""
    datagrams: bool = False
    """The wrapper is carried by UDP: each call of `receive` brings one datagram."""
    refuse: Diagnostic | None = None
    """Refuse whoever wants to associate, for this reason."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        _check(self)
        if self.system_title is None and (self.keys is not None or self.authentication.uses_titles):
            raise UsageError(f"A server with keys or {self.authentication.value} needs a system title.")
        if self.system_title is not None:
            check_system_title(self.system_title)


def _check(settings: ClientSettings | ServerSettings) -> None:
    """Raise UsageError where framing, suite, secrets and authentication do not fit."""
    authentication, keys, suite = settings.authentication, settings.keys, settings.suite
    if settings.framing not in (Framing.WRAPPER, Framing.HDLC):
        raise UsageError(f"An association needs the framing wrapper or hdlc, not {settings.framing.value}.")
    if authentication in _WITH_PASSWORD and settings.password is None:
        raise UsageError(f"Authentication {authentication.value} needs a password.")
    if authentication is Authentication.HLS and settings.vendor_proof is None:
        raise UsageError("Authentication hls needs the manufacturer's function.")
    if authentication is Authentication.HLS_GMAC and (keys is None or keys.authentication is None):
        raise UsageError("Authentication hls-gmac needs the encryption key (guek) and the authentication key (gak).")
    if suite not in (0, 1, 2):
        raise UsageError(f"There is no security suite {suite}; 0, 1 and 2 exist.")
    if suite == 2 and keys is not None and len(keys.encryption) != 32:
        raise UsageError(f"Security suite 2 needs keys of 32 octets; the encryption key has {len(keys.encryption)}.")
    if authentication is Authentication.HLS_ECDSA:
        if suite == 0:
            raise UsageError("Authentication hls-ecdsa needs security suite 1 or 2.")
        if keys is None or keys.pairs.signing is None or keys.pairs.peer_signing is None:
            raise UsageError("Authentication hls-ecdsa needs our signing key and the peer's public one.")
        private_key(keys.pairs.signing, suite)
        public_key(keys.pairs.peer_signing, suite)


def check_system_title(title: bytes) -> None:
    """Raise UsageError unless `title` has 8 octets."""
    if len(title) != SYSTEM_TITLE_LENGTH:
        raise UsageError(f"A system title has {SYSTEM_TITLE_LENGTH} octets, not {len(title)}.")
