"""Every error of the edge agent, each one sentence for a person with what to do about it.

    IngestError
    ├── ConfigError            the configuration or a secrets file is refused
    ├── EndpointError          an address names no transport we have
    ├── TargetError            an object to read is written wrongly
    ├── SpoolError             the spool cannot be opened or written
    ├── CounterError           the store of invocation counters cannot be used, or a counter is used up
    ├── FramesError            a file of captured frames makes no sense
    └── SessionError           talking to a meter failed
        ├── ConnectionFailed   no connection: refused, no route, name unknown
        ├── ConnectionClosed   the meter closed while an answer was awaited
        ├── NoAnswer           silence until the timeout
        ├── AssociationRejected
        ├── ExchangeFailed     the meter answered what the standard does not allow here, or refused the object
        ├── TlsFailed          no TLS 1.3 came about: a certificate, a version
        ├── SerialPortFailed   a serial port is missing, in use, not ours to use, or was lost
        ├── OpeningFailed      the sign-on of IEC 62056-21 mode E led nowhere
        └── NotCalled          the meter connects to us, and has not

The wording of a session error is stable, so that technicians and log filters can rely on it.
"""

from __future__ import annotations


class IngestError(Exception):
    """Base of all. `str()` is the sentence."""


class ConfigError(IngestError):
    """A configuration or secrets file is refused; names the file, the key and the remedy."""


class EndpointError(IngestError, ValueError):
    """An address is no endpoint we can open."""


class TargetError(IngestError, ValueError):
    """An object to read is not `OBIS`, `CLASS:OBIS` or `CLASS:OBIS:ATTRIBUTE`."""


class SpoolError(IngestError):
    """The spool cannot be opened or written."""


class CounterError(IngestError):
    """The durable store of invocation counters cannot be used."""


class FramesError(IngestError):
    """A file of captured frames makes no sense."""


class SessionError(IngestError):
    """Talking to a meter failed. `remedy` is what to try."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class ConnectionFailed(SessionError):
    """No connection came about. `code` is the system's error number, 0 where there is none."""

    def __init__(self, message: str, remedy: str, code: int) -> None:
        super().__init__(message, remedy)
        self.code = code


class ConnectionClosed(SessionError):
    """The meter closed the connection while an answer was awaited."""


class NoAnswer(SessionError):
    """The meter said nothing usable until the timeout."""


class AssociationRejected(SessionError):
    """The meter refused the association."""


class ExchangeFailed(SessionError):
    """The meter answered, but not with what was asked."""


class TlsFailed(SessionError):
    """No TLS 1.3 connection came about, or it broke."""

    code = "TLS_FAILED"


class SerialPortFailed(SessionError):
    """A serial port is missing, in use, not ours to use, or was lost."""

    code = "SERIAL_PORT_FAILED"


class OpeningFailed(SessionError):
    """The sign-on of IEC 62056-21 mode E led nowhere."""

    code = "MODE_E_FAILED"


class NotCalled(SessionError):
    """The meter connects to us, and has no connection now."""

    code = "NOT_CALLED"
