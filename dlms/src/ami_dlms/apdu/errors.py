"""APDUs by which a server refuses a service altogether (Green Book 9.5)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ami_dlms.apdu.reader import Reader, u8, u32

EXCEPTION_RESPONSE = 0xD8
CONFIRMED_SERVICE_ERROR = 0x0E
INVOCATION_COUNTER_ERROR = 6

_STATE_ERRORS: Final = MappingProxyType({1: "service not allowed", 2: "service unknown"})
_SERVICE_ERRORS: Final = MappingProxyType(
    {
        1: "operation not possible",
        2: "service not supported",
        3: "other reason",
        4: "PDU too long",
        5: "deciphering error",
        INVOCATION_COUNTER_ERROR: "invocation counter error",
    }
)
_INITIATE_ERRORS: Final = MappingProxyType(
    {
        0: "other reason",
        1: "DLMS version too low",
        2: "incompatible conformance",
        3: "PDU size too short",
        4: "refused by the VDE handler",
    }
)


@dataclass(frozen=True, slots=True)
class ExceptionResponse:
    """The server cannot serve the request; with service error 6 it tells the counter it expects."""

    state_error: int
    service_error: int
    invocation_counter: int | None = None

    def to_bytes(self) -> bytes:
        """Encode."""
        head = bytes((EXCEPTION_RESPONSE,)) + u8(self.state_error) + u8(self.service_error)
        return head if self.invocation_counter is None else head + u32(self.invocation_counter)

    def __str__(self) -> str:
        """Say it in words."""
        state = _STATE_ERRORS.get(self.state_error, f"state error {self.state_error}")
        service = _SERVICE_ERRORS.get(self.service_error, f"service error {self.service_error}")
        expected = "" if self.invocation_counter is None else f", expected {self.invocation_counter}"
        return f"{state}, {service}{expected}"


@dataclass(frozen=True, slots=True)
class ConfirmedServiceError:
    """An error of a service: 1 initiate, 5 read, 6 write; its class (6 initiate); its value."""

    service: int
    error_class: int
    value: int

    def to_bytes(self) -> bytes:
        """Encode."""
        return bytes((CONFIRMED_SERVICE_ERROR,)) + u8(self.service) + u8(self.error_class) + u8(self.value)

    def __str__(self) -> str:
        """Say it in words."""
        if self.service == 1 and self.error_class == 6:
            return _INITIATE_ERRORS.get(self.value, f"initiate error {self.value}")
        return f"service {self.service}, error class {self.error_class}, value {self.value}"


def read_exception_response(reader: Reader) -> ExceptionResponse:
    """Read what follows the tag. The counter is there with service error 6 only, and not every meter sends it then."""
    state, service = reader.u8(), reader.u8()
    counter = reader.u32() if service == INVOCATION_COUNTER_ERROR and reader.at < len(reader.buf) else None
    return ExceptionResponse(state, service, counter)


def read_confirmed_service_error(reader: Reader) -> ConfirmedServiceError:
    """Read what follows the tag."""
    return ConfirmedServiceError(reader.u8(), reader.u8(), reader.u8())
