"""Every error of the edge agent, each one sentence for a person with what to do about it.

    IngestError
    ├── ConfigError            the configuration or a secrets file is refused
    ├── EndpointError          an address names no transport we have
    ├── TargetError            an object to read is written wrongly
    ├── SpoolError             the spool cannot be opened or written
    ├── CounterError           the store of invocation counters cannot be used, or a counter is used up
    ├── FramesError            a file of captured frames makes no sense
    ├── MeterUnknown           the inventory has no such meter
    └── SessionError           talking to a meter failed
        ├── ConnectionFailed   no connection: refused, no route, name unknown
        ├── ConnectionClosed   the meter closed while an answer was awaited
        ├── NoAnswer           silence until the timeout
        ├── DeadlinePassed     answers came, and not all of them in time
        ├── PartialFrame       octets came, but no whole frame
        ├── CrcError           frames came, but with wrong check sequences
        ├── AssociationRejected
        ├── ExchangeFailed     the meter answered what the standard does not allow here, or refused the object
        ├── TlsFailed          no TLS 1.3 came about: a certificate, a version
        ├── SerialPortFailed   a serial port is missing, in use, not ours to use, or was lost
        ├── SessionKeyFailed   the association's own key cannot be wrapped for who normalizes
        ├── OpeningFailed      the sign-on of IEC 62056-21 mode E led nowhere
        └── NotCalled          the meter connects to us, and has not

The wording and the `code` of a session error are stable, so that technicians and log filters can rely on them.
"""

from __future__ import annotations

import errno
import socket
from typing import ClassVar, Final


class IngestError(Exception):
    """Base of all. `str()` is the sentence."""


class ConfigError(IngestError):
    """A configuration or secrets file is refused; each mistake names the file, the key and the remedy.

    `str()` is the first of `mistakes`.
    """

    def __init__(self, *mistakes: str) -> None:
        super().__init__(mistakes[0])
        self.mistakes = mistakes


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


class MeterUnknown(IngestError):
    """The inventory has no such meter."""


class SessionError(IngestError):
    """Talking to a meter failed. `str()` is the stable wording, `remedy` what to try, `cause` what is behind it."""

    code: str = "SESSION_FAILED"
    """Names the kind of failure, for filters and metrics."""
    again: ClassVar[bool] = True
    """Whether another try may go better without anybody doing something."""
    phase: str = ""
    """How far the session had come: connect, associate or read; empty where there was none."""

    def __init__(self, message: str, remedy: str = "", cause: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy
        self.cause = cause


_NO_CONNECTION: Final = {
    errno.ECONNREFUSED: ("CONNECTION_REFUSED", "the host is there, and nothing listens on that port"),
    errno.EHOSTUNREACH: ("NO_ROUTE", "the host cannot be reached"),
    errno.ENETUNREACH: ("NO_ROUTE", "this machine has no network that leads there"),
    errno.ETIMEDOUT: ("CONNECTION_TIMED_OUT", "nothing came back from that host"),
    errno.ECONNRESET: ("CONNECTION_RESET", "the meter dropped the connection"),
    errno.EPIPE: ("CONNECTION_RESET", "the meter dropped the connection"),
    socket.EAI_NONAME: ("HOST_UNKNOWN", "the name of the host is not known here"),
    socket.EAI_AGAIN: ("HOST_UNKNOWN", "the name service did not answer"),
}


class ConnectionFailed(SessionError):
    """No connection came about, or it broke. `number` is the system's error number, 0 where there is none."""

    def __init__(self, message: str, remedy: str, number: int) -> None:
        code, cause = _NO_CONNECTION.get(number, ("CONNECTION_FAILED", "the system gave no connection"))
        super().__init__(message, remedy, cause)
        self.code = code
        self.number = number


class ConnectionClosed(SessionError):
    """The meter closed the connection while an answer was awaited."""

    code = "CONNECTION_CLOSED"


class NoAnswer(SessionError):
    """The meter said nothing until the timeout."""

    code = "T1_TIMEOUT"


class DeadlinePassed(SessionError):
    """The meter was still being read when its time was up."""

    code = "DEADLINE_PASSED"


class PartialFrame(SessionError):
    """Octets came until the timeout or the end of the connection, but no whole frame."""

    code = "PARTIAL_FRAME"


class CrcError(SessionError):
    """Frames came with wrong check sequences, and no right one until the timeout or the end of the connection."""

    code = "CRC_ERROR"


class AssociationRejected(SessionError):
    """The meter refused the association."""

    code = "ASSOCIATION_REJECTED"
    again = False  # a meter may lock out who tries wrong secrets


class ExchangeFailed(SessionError):
    """The meter answered, but not with what was asked."""

    code = "EXCHANGE_FAILED"
    again = False


class TlsFailed(SessionError):
    """No TLS 1.3 connection came about, or it broke."""

    code = "TLS_FAILED"


class SerialPortFailed(SessionError):
    """A serial port is missing, in use, not ours to use, or was lost."""

    code = "SERIAL_PORT_FAILED"


class OpeningFailed(SessionError):
    """The sign-on of IEC 62056-21 mode E led nowhere."""

    code = "MODE_E_FAILED"


class SessionKeyFailed(SessionError):
    """The association's own key cannot be wrapped: nothing is read that no normalizer could open."""

    code = "SESSION_KEY_FAILED"


class NotCalled(SessionError):
    """The meter connects to us, and has no connection now."""

    code = "NOT_CALLED"
    again = False
