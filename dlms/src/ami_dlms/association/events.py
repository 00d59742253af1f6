"""What a client reports: octets to send, and how the association and its requests went."""

from __future__ import annotations

from typing import NamedTuple, Union

from ami_dlms.apdu import (
    ActionResult,
    ConfirmedServiceError,
    Conformance,
    DataAccessResult,
    ExceptionResponse,
)
from ami_dlms.axdr import Data
from ami_dlms.errors import DlmsError

SingleResult = Union[Data, DataAccessResult, ActionResult]
"""How one access ended.

- get: the value (`Data`), or the reason why there is none (`DataAccessResult`).
- set: a `DataAccessResult`, SUCCESS if it was written.
- action: what the method returned (`Data`, or a `DataAccessResult` in its place), else the `ActionResult`.
"""

Result = Union[SingleResult, tuple[SingleResult, ...], ExceptionResponse, ConfirmedServiceError, DlmsError]
"""How a request ended. The association stays.

- get, set, action: one SingleResult.
- lists and access: one SingleResult for each access, in the order of the request (a server may refuse a list as a
  whole with one).
- any: the server's `ExceptionResponse` or `ConfirmedServiceError`; or an error, if the answer is whole but cannot be
  opened or decoded.
"""


class Send(NamedTuple):
    """Send these octets now."""

    data: bytes


class Associated(NamedTuple):
    """The association is up and requests may be made."""

    server_system_title: bytes | None
    """Of the server's AARE, else of the settings."""
    conformance: Conformance
    """The services both sides offer."""
    max_pdu: int
    """Longest APDU the server takes, in octets; 0 means unlimited."""


class Refused(NamedTuple):
    """There is no association: the server said no (AssociationRefused), or one side did not prove itself."""

    error: DlmsError


class Answer(NamedTuple):
    """One request is answered, its block transfers included."""

    request: bytes
    """The request's first APDU before protection."""
    raw: bytes
    """All octets received since the previous event: every frame of the response, as received."""
    result: Result


class Unsolicited(NamedTuple):
    """The server pushed an APDU on this connection; a request that is under way goes on."""

    apdu: bytes
    """As received, without framing, perhaps ciphered."""
    raw: bytes


class Released(NamedTuple):
    """The association and its link are down, as wished."""


class Failed(NamedTuple):
    """The link is gone. Connect anew."""

    error: DlmsError


Event = Union[Send, Associated, Refused, Answer, Unsolicited, Released, Failed]
