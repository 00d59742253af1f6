"""Where a meter is: `tcp://HOST:PORT` and its relatives."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from ami_ingest.errors import EndpointError

DEFAULT_PORT: Final = 4059
"""The registered port of DLMS/COSEM (IANA `dlms-cosem`)."""

_FORMS: Final = "write tcp://HOST:PORT (wrapper) or hdlc+tcp://HOST:PORT (HDLC)"
_LATER: Final = ("udp", "serial", "tls")


class Scheme(str, Enum):
    """The ways to a meter: what carries the bytes, and which framing they have."""

    TCP = "tcp"
    HDLC_TCP = "hdlc+tcp"

    @property
    def is_call_in(self) -> bool:
        """Whether the meter connects to us."""
        return False


class Endpoint(NamedTuple):
    """A parsed address."""

    scheme: Scheme
    host: str
    port: int

    @property
    def line(self) -> None:
        """Of a serial line."""
        return

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read `tcp://HOST:PORT` or `hdlc+tcp://HOST:PORT`; IPv6 in brackets; the port is 4059 if absent.

        Raises EndpointError.
        """
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise EndpointError(f"'{text}' has no valid host and port; {_FORMS}") from None
        if parts.scheme in _LATER:
            raise EndpointError(f"'{text}': {parts.scheme}:// is not supported by this version; {_FORMS}")
        try:
            scheme = Scheme(parts.scheme)
        except ValueError:
            raise EndpointError(f"'{text}' is no endpoint; {_FORMS}") from None
        if not parts.hostname or parts.path or parts.query or parts.fragment or parts.username is not None:
            raise EndpointError(f"'{text}' must be just a host and a port; {_FORMS}")
        if port == 0:
            raise EndpointError(f"'{text}': nothing listens on port 0; {_FORMS}")
        return cls(scheme, parts.hostname, DEFAULT_PORT if port is None else port)

    @property
    def location(self) -> str:
        """`HOST:PORT`, with an IPv6 host in brackets."""
        return location(self.host, self.port)

    def __str__(self) -> str:
        return f"{self.scheme.value}://{self.location}"


def location(host: str, port: int) -> str:
    """`HOST:PORT`, with an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
