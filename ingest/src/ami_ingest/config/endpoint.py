"""Where a meter is: `tcp://HOST:PORT` and its relatives."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from ami_dlms.framing import Framing
from ami_ingest.errors import EndpointError

DEFAULT_PORT: Final = 4059
"""The registered port of DLMS/COSEM (IANA `dlms-cosem`)."""

_FORMS: Final = (
    "write tcp://HOST:PORT, udp://HOST:PORT or tls://HOST:PORT (wrapper), hdlc+tcp://HOST:PORT or hdlc+tls://HOST:PORT "
    "(HDLC), serial:///dev/ttyUSB0?baud=9600, or call-in:// for a meter that connects to us"
)
_BAUDS: Final = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
_ADDRESS_LENGTH: Final = 32
"""Characters of a device address in a sign-on, at most (IEC 62056-21, 6.3.1)."""


class Scheme(str, Enum):
    """The ways to a meter: what carries the bytes, and which framing they have."""

    TCP = "tcp"
    UDP = "udp"
    TLS = "tls"
    HDLC_TCP = "hdlc+tcp"
    HDLC_TLS = "hdlc+tls"
    SERIAL = "serial"
    CALL_IN = "call-in"
    HDLC_CALL_IN = "hdlc+call-in"

    @property
    def framing(self) -> Framing:
        """Wrapper, or HDLC."""
        hdlc = self is Scheme.SERIAL or self.value.startswith("hdlc+")
        return Framing.HDLC if hdlc else Framing.WRAPPER

    @property
    def is_tls(self) -> bool:
        """Whether the connection is made with TLS 1.3."""
        return self in (Scheme.TLS, Scheme.HDLC_TLS)

    @property
    def is_call_in(self) -> bool:
        """Whether the meter connects to us."""
        return self in (Scheme.CALL_IN, Scheme.HDLC_CALL_IN)


class Opening(str, Enum):
    """How a conversation on a serial line begins."""

    HDLC = "hdlc"
    """With the first frame, at the line's speed."""
    MODE_E = "mode-e"
    """With the sign-on of IEC 62056-21 at 300 baud, as behind optical heads; it then agrees on the speed."""


class SerialLine(NamedTuple):
    """A serial port and how its line is set up; octets have 8 bits, as HDLC needs."""

    device: str
    """The port, `/dev/ttyUSB0`; a path below `/dev/serial/by-id` names the adapter itself, wherever it is plugged."""
    baud: int | None = None
    """Bits a second. None: 9600, and with mode E whatever the meter offers."""
    parity: str = "N"
    """N(one), E(ven) or O(dd)."""
    stop_bits: int = 1
    opening: Opening = Opening.HDLC
    address: str = ""
    """The device address in the sign-on of mode E; empty reaches any device."""
    echo: bool = False
    """Whether the line gives back what is sent on it, as many two-wire RS-485 adapters do."""


_DEFAULTS: Final = SerialLine("")


class Endpoint(NamedTuple):
    """A parsed address. `host` is empty and `port` 0 where the way has none."""

    scheme: Scheme
    host: str = ""
    port: int = 0
    line: SerialLine | None = None
    """Of a serial line."""

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read an address.

        `tcp://HOST:PORT`, likewise with udp, tls, hdlc+tcp and hdlc+tls: IPv6 in brackets, the port is 4059 if absent.
        `serial:///dev/ttyUSB0?baud=9600&parity=E&stop_bits=1&opening=mode-e&address=12345678&echo=yes`: all are
        optional. `call-in://` and `hdlc+call-in://`: the meter connects to us.

        Raises EndpointError.
        """
        try:
            parts = urlsplit(text)
            port = parts.port
            (parts.hostname or "").encode("idna")
        except ValueError:
            raise EndpointError(f"'{text}' has no valid host and port; {_FORMS}") from None
        try:
            scheme = Scheme(parts.scheme)
        except ValueError:
            raise EndpointError(f"'{text}' is no endpoint; {_FORMS}") from None
        if scheme is Scheme.SERIAL:
            if parts.netloc or not parts.path.startswith("/") or len(parts.path) == 1 or parts.fragment:
                raise EndpointError(f"'{text}' names no serial port; write serial:///dev/ttyUSB0, with three slashes")
            return cls(scheme, line=_line(text, unquote(parts.path), parts.query))
        if scheme.is_call_in:
            if parts.netloc or parts.path or parts.query or parts.fragment:
                raise EndpointError(f"'{text}': the meter connects to us, so write just {scheme.value}://")
            return cls(scheme)
        if not parts.hostname or parts.path or parts.query or parts.fragment or parts.username is not None:
            raise EndpointError(f"'{text}' must be just a host and a port; {_FORMS}")
        if port == 0:
            raise EndpointError(f"'{text}': nothing listens on port 0; {_FORMS}")
        return cls(scheme, parts.hostname, DEFAULT_PORT if port is None else port)

    @property
    def framing(self) -> Framing:
        """The framing of what is said there."""
        return self.scheme.framing

    @property
    def location(self) -> str:
        """`HOST:PORT` with an IPv6 host in brackets, the serial port, or `call-in`."""
        if self.line is not None:
            return self.line.device
        return location(self.host, self.port) if self.host else self.scheme.value

    def __str__(self) -> str:
        if self.line is None:
            return f"{self.scheme.value}://{self.location if self.host else ''}"
        options = _written(self.line)
        query = f"?{urlencode(options)}" if options else ""
        return f"{self.scheme.value}://{quote(self.line.device, safe='/:')}{query}"


def _line(text: str, device: str, query: str) -> SerialLine:
    known = [name for name in SerialLine._fields if name != "device"]
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise EndpointError(f"'{text}': options are written ?baud=9600&parity=N; correct them") from None
    options = dict(pairs)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise EndpointError(f"'{text}': a serial line has no option '{unknown[0]}'; it has {', '.join(known)}")
    if len(options) != len(pairs):
        raise EndpointError(f"'{text}': an option stands twice; remove one")
    baud = None
    if "baud" in options:
        baud = int(_one_of(text, "baud", options["baud"], [str(each) for each in _BAUDS]))
    address = options.get("address", "")
    if len(address) > _ADDRESS_LENGTH or not all(
        each.isascii() and (each.isalnum() or each == " ") for each in address
    ):
        raise EndpointError(f"'{text}': address is at most {_ADDRESS_LENGTH} letters and digits; correct it")
    opening = Opening(_one_of(text, "opening", options.get("opening", "hdlc"), [each.value for each in Opening]))
    if address and opening is not Opening.MODE_E:
        raise EndpointError(f"'{text}': address belongs to opening=mode-e; add that, or remove it")
    return SerialLine(
        device,
        baud,
        _one_of(text, "parity", options.get("parity", "N"), ["N", "E", "O"]),
        int(_one_of(text, "stop_bits", options.get("stop_bits", "1"), ["1", "2"])),
        opening,
        address,
        _one_of(text, "echo", options.get("echo", "no"), ["yes", "no"]) == "yes",
    )


def _one_of(text: str, name: str, value: str, allowed: list[str]) -> str:
    if value not in allowed:
        raise EndpointError(f"'{text}': {name} is '{value}'; write one of {', '.join(allowed)}")
    return value


def _written(line: SerialLine) -> dict[str, str]:
    """Return the options that are not the defaults, as they are written."""
    said: dict[str, str] = {}
    for name, value, default in zip(line._fields, line, _DEFAULTS, strict=True):
        if name != "device" and value != default:
            said[name] = value.value if isinstance(value, Opening) else "yes" if value is True else str(value)
    return said


def location(host: str, port: int) -> str:
    """`HOST:PORT`, with an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def plain_host(host: str) -> str:
    """Write an IPv4 peer of a dual-stack socket as IPv4, and drop an IPv6 zone."""
    return host.removeprefix("::ffff:").partition("%")[0]
