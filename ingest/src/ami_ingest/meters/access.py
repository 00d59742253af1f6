"""How to get at one meter: address, addressing, authentication, secrets. From the inventory or the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from ami_dlms.client import Authentication, ClientSettings
from ami_dlms.framing import Framing
from ami_dlms.security import KeyPairs, Keys
from ami_ingest.config.credentials import Credentials
from ami_ingest.config.endpoint import Endpoint, Scheme
from ami_ingest.config.model import PUBLIC_CLIENT, Meter
from ami_ingest.record import ExchangeKind, Origin, Transport


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
    timeout_s: float = 10.0
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
            timeout_s=meter.link.request_timeout_s,
            zone=meter.zone,
            meter=meter.id,
        )

    @property
    def framing(self) -> Framing:
        """The framing that the endpoint's scheme implies."""
        return Framing.HDLC if self.endpoint.scheme is Scheme.HDLC_TCP else Framing.WRAPPER

    @property
    def name(self) -> str:
        """The meter's id, or its address."""
        return self.meter or str(self.endpoint)

    @property
    def ciphered(self) -> bool:
        """Whether APDUs of the association are ciphered."""
        return self.settings().protects

    def settings(self) -> ClientSettings:
        """Return the settings of the association."""
        secrets = self.credentials
        pairs = KeyPairs(secrets.signing_key, peer_signing=secrets.server_signing_key)
        return ClientSettings(
            client_sap=self.client_address,
            server_sap=self.logical_device,
            server_physical=self.physical_device,
            framing=self.framing,
            authentication=self.authentication,
            password=secrets.password,
            suite=self.suite,
            keys=None if secrets.guek is None else Keys(secrets.guek, secrets.gak, pairs=pairs),
            client_system_title=secrets.client_system_title,
            server_system_title=self.system_title,
        )

    def public_settings(self) -> ClientSettings:
        """Return the settings of the public client's association, which needs no secret."""
        return ClientSettings(
            client_sap=PUBLIC_CLIENT,
            server_sap=self.logical_device,
            server_physical=self.physical_device,
            framing=self.framing,
        )

    def origin(self, agent: str, system_title: bytes | None) -> Origin:
        """Describe where answers of this meter come from; `system_title` is the association's."""
        return Origin(
            agent=agent,
            transport=Transport.TCP,
            exchange=ExchangeKind.POLL,
            address=self.endpoint.host,
            subject=self.name,
            meter=self.meter,
            system_title=system_title or self.system_title,
        )
