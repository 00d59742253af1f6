"""How to get at one meter: address, addressing, authentication, secrets. From the inventory or the command line."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final
from zoneinfo import ZoneInfo

from ami_dlms.apdu import Conformance
from ami_dlms.association.settings import CLIENT_CONFORMANCE
from ami_dlms.client import Authentication, ClientSettings
from ami_dlms.framing import Framing
from ami_dlms.link import LinkParameters
from ami_dlms.security import Form, KeyPairs, Keys, Protection
from ami_ingest.config.credentials import Credentials
from ami_ingest.config.endpoint import Endpoint, Scheme
from ami_ingest.config.model import PUBLIC_CLIENT, LinkProfile, Meter, Tls
from ami_ingest.record import ExchangeKind, Origin, Transport

_LONGEST_DATAGRAM: Final = 65_507 - 8
"""Octets of an APDU in one wrapper in one UDP datagram over IPv4."""
_TRANSPORTS: Final = {Scheme.UDP: Transport.UDP, Scheme.SERIAL: Transport.SERIAL}


@dataclass(frozen=True, slots=True)
class MeterAccess:
    """Everything a session needs to know."""

    endpoint: Endpoint
    client_address: int = PUBLIC_CLIENT
    logical_device: int = 1
    physical_device: int | None = None
    authentication: Authentication = Authentication.NONE
    suite: int = 0
    credentials: Credentials = field(default_factory=Credentials)
    system_title: bytes | None = None
    security_policy: Protection | None = None
    """Protection of requests and answers; None: what the authentication implies."""
    dedicated_key: bool = False
    """Whether the association has a key of its own in place of the global encryption key."""
    link: LinkProfile = field(default_factory=LinkProfile)
    tls: Tls | None = None
    zone: ZoneInfo | None = None
    meter: str | None = None
    """Inventory id."""

    @classmethod
    def of(cls, meter: Meter) -> MeterAccess:
        """Return the access to a meter of the inventory."""
        return cls(
            endpoint=meter.address,
            client_address=meter.client_address,
            logical_device=meter.logical_device_id,
            physical_device=meter.physical_device_id,
            authentication=meter.authentication,
            suite=meter.security_suite,
            credentials=meter.credentials,
            system_title=meter.system_title,
            security_policy=meter.security_policy,
            dedicated_key=meter.dedicated_key,
            link=meter.link,
            tls=meter.tls,
            zone=meter.zone,
            meter=meter.id,
        )

    @property
    def framing(self) -> Framing:
        """The framing that the endpoint's scheme implies."""
        return self.endpoint.framing

    @property
    def timeout_s(self) -> float:
        """Bounds each wait for progress, seconds."""
        return self.link.request_timeout_s

    def within(self, timeout_s: float) -> MeterAccess:
        """Return the same with other times to connect and to wait for progress, seconds."""
        return replace(self, link=replace(self.link, connect_timeout_s=timeout_s, request_timeout_s=timeout_s))

    @property
    def name(self) -> str:
        """The meter's id, or its address."""
        return self.meter or str(self.endpoint)

    @property
    def ciphered(self) -> bool:
        """Whether the association uses keys, and so invocation counters."""
        return self.settings().needs_counter

    def settings(self) -> ClientSettings:
        """Return the settings of the association."""
        secrets, policy = self.credentials, self.security_policy
        pairs = KeyPairs(secrets.signing_key, peer_signing=secrets.server_signing_key)
        return replace(
            self.public_settings(),
            client_sap=self.client_address,
            authentication=self.authentication,
            password=secrets.password,
            suite=self.suite,
            ciphered=None if policy is None else policy is not Protection.NONE,
            protection=policy or Protection.AUTHENTICATED_ENCRYPTED,
            form=Form.DED if self.dedicated_key else Form.GLO,
            keys=None if secrets.guek is None else Keys(secrets.guek, secrets.gak, pairs=pairs),
            client_system_title=secrets.client_system_title,
            server_system_title=self.system_title,
        )

    def public_settings(self) -> ClientSettings:
        """Return the settings of the public client's association, which needs no secret."""
        link, datagrams = self.link, self.endpoint.scheme is Scheme.UDP
        frame = link.hdlc_frame
        window = link.hdlc_window
        return ClientSettings(
            client_sap=PUBLIC_CLIENT,
            server_sap=self.logical_device,
            server_physical=self.physical_device,
            framing=self.framing,
            max_pdu_size=min(link.max_pdu_size, _LONGEST_DATAGRAM) if datagrams else link.max_pdu_size,
            # Only what goes in general blocks can be asked for again where a datagram is lost.
            conformance=CLIENT_CONFORMANCE | Conformance.GENERAL_BLOCK_TRANSFER if datagrams else CLIENT_CONFORMANCE,
            link=None if frame is None else LinkParameters(frame, frame, window, window),
            block_window=link.block_window,
            datagrams=datagrams,
        )

    def origin(self, agent: str, system_title: bytes | None) -> Origin:
        """Describe where answers of this meter come from; `system_title` is the association's."""
        return Origin(
            agent=agent,
            transport=_TRANSPORTS.get(self.endpoint.scheme, Transport.TCP),
            exchange=ExchangeKind.POLL,
            address=self.endpoint.host or self.endpoint.location,
            subject=self.name,
            meter=self.meter,
            system_title=system_title or self.system_title,
        )
