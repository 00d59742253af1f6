"""The life of an association as two tables, one for each side: (state, input) -> next state.

What is not in a table is not allowed in that state: `step` raises UsageError. Nothing else in this package decides
what may follow what.

Client::

    IDLE -> LINKING -> ASSOCIATING -> (AUTHENTICATING ->) READY <-> WAITING
                                                            |
                            IDLE <- UNLINKING <- RELEASING <-+

A refusal or failure ends in BROKEN, where only a release leads on.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TypeVar

from ami_dlms.errors import UsageError


class ClientState(Enum):
    """Where a client's association stands."""

    __hash__ = object.__hash__  # members are single; Enum hashes their names, which costs at every step

    IDLE = auto()
    LINKING = auto()
    """SNRM sent."""
    ASSOCIATING = auto()
    """AARQ sent."""
    AUTHENTICATING = auto()
    """reply_to_HLS_authentication sent."""
    READY = auto()
    WAITING = auto()
    """A request is under way."""
    RELEASING = auto()
    """RLRQ sent."""
    UNLINKING = auto()
    """DISC sent."""
    BROKEN = auto()
    """Refused or failed."""


class ClientInput(Enum):
    """What moves a client on."""

    __hash__ = object.__hash__

    ASSOCIATE = "associate"
    LINK_UP = "the link came up"
    CHALLENGED = "an AARE with a challenge came"
    ACCEPTED = "the association was accepted"
    REFUSED = "the association was refused"
    REQUEST = "request"
    ANSWERED = "the answer came"
    RELEASE = "release"
    RELEASED = "the release was answered"
    LINK_DOWN = "the link went down"
    FAILED = "a failure"


class ServerState(Enum):
    """Where a server's association with one client stands."""

    __hash__ = object.__hash__

    IDLE = auto()
    CHALLENGED = auto()
    """AARE with a challenge sent; only reply_to_HLS_authentication is allowed."""
    ASSOCIATED = auto()


class ServerInput(Enum):
    """What moves a server on."""

    __hash__ = object.__hash__

    ACCEPT = "an association without a challenge"
    CHALLENGE = "an association with a challenge"
    PROVED = "the right reply to the challenge"
    DISPROVED = "a wrong reply to the challenge"
    REFUSE = "a refused association"
    RELEASE = "release"
    LINK_RESET = "a new or lost link"


_C, _I = ClientState, ClientInput
CLIENT_TRANSITIONS: dict[tuple[ClientState, ClientInput], ClientState] = {
    (_C.IDLE, _I.ASSOCIATE): _C.LINKING,
    (_C.LINKING, _I.LINK_UP): _C.ASSOCIATING,
    (_C.ASSOCIATING, _I.ACCEPTED): _C.READY,
    (_C.ASSOCIATING, _I.CHALLENGED): _C.AUTHENTICATING,
    (_C.AUTHENTICATING, _I.ACCEPTED): _C.READY,
    (_C.READY, _I.REQUEST): _C.WAITING,
    (_C.WAITING, _I.ANSWERED): _C.READY,
    (_C.READY, _I.RELEASE): _C.RELEASING,
    (_C.RELEASING, _I.RELEASED): _C.UNLINKING,
    (_C.UNLINKING, _I.LINK_DOWN): _C.IDLE,
    # A server may take the link down instead of answering the RLRQ: what was wished has happened.
    (_C.RELEASING, _I.LINK_DOWN): _C.IDLE,
    # Where there is no association, or an answer is due, only the link is taken down.
    **{
        (state, _I.RELEASE): _C.UNLINKING
        for state in (_C.LINKING, _C.ASSOCIATING, _C.AUTHENTICATING, _C.WAITING, _C.BROKEN)
    },
    **{(state, _I.REFUSED): _C.BROKEN for state in (_C.LINKING, _C.ASSOCIATING, _C.AUTHENTICATING)},
    **{(state, _I.FAILED): _C.BROKEN for state in (_C.READY, _C.WAITING, _C.BROKEN)},
}

_S, _N = ServerState, ServerInput
SERVER_TRANSITIONS: dict[tuple[ServerState, ServerInput], ServerState] = {
    # A new AARQ replaces what was: clients that crashed come back without a release.
    **{(state, _N.ACCEPT): _S.ASSOCIATED for state in _S},
    **{(state, _N.CHALLENGE): _S.CHALLENGED for state in _S},
    **{(state, _N.REFUSE): _S.IDLE for state in _S},
    **{(state, _N.RELEASE): _S.IDLE for state in _S},
    **{(state, _N.LINK_RESET): _S.IDLE for state in _S},
    (_S.CHALLENGED, _N.PROVED): _S.ASSOCIATED,
    (_S.CHALLENGED, _N.DISPROVED): _S.IDLE,
}

StateT = TypeVar("StateT", bound=Enum)
InputT = TypeVar("InputT", bound=Enum)


def step(table: dict[tuple[StateT, InputT], StateT], state: StateT, event: InputT) -> StateT:
    """Return the state after `event`; raises UsageError if the table has none."""
    try:
        return table[state, event]
    except KeyError:
        raise UsageError(f"Not possible while {state.name.lower()}: {event.value}.") from None
