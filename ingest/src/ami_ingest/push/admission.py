"""Who may push, and how much: bounds of connections and octets for each peer, and what happens to strangers."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import structlog

from ami_dlms.framing import Message
from ami_ingest import system_title
from ami_ingest.config.model import Push

_PEERS_REMEMBERED: Final = 10_000
_BURST_S: Final = 2.0
"""A peer may send at once what its rate allows in this time."""


class Sender(Protocol):
    """What the inventory knows of a meter that pushes."""

    @property
    def id(self) -> str:
        """Inventory id."""

    @property
    def system_title(self) -> bytes | None:
        """System title, where the inventory has it."""

    @property
    def push_from(self) -> str | None:
        """The address it pushes from, where that identifies it."""


class Admission:
    """The bounds and policies in force, what they count, and what the inventory knows of pushing meters."""

    def __init__(self, push: Push, senders: Iterable[Sender], log: structlog.typing.FilteringBoundLogger) -> None:
        self._log = log
        self.push = push
        self._per_peer: dict[str, int] = {}
        self._open = 0
        self._refusing = False
        self._strangers: OrderedDict[str, None] = OrderedDict()
        self._budgets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.refused = 0
        """Connections closed at once because a limit was reached."""
        self.refused_messages = 0
        """Messages of senders that the inventory does not know, refused by `push.unknown`."""
        self.refused_octets = 0
        """Octets of them."""
        self.apply(push, senders)

    def apply(self, push: Push, senders: Iterable[Sender]) -> None:
        """Take other bounds and another inventory. Connections that are open stay open."""
        known = list(senders)
        if push.unknown != self.push.unknown:
            self._strangers.clear()
        self.push = push
        self._by_address = {sender.push_from: sender for sender in known if sender.push_from is not None}
        self._titles = {sender.system_title for sender in known if sender.system_title is not None}
        self._budgets.clear()

    # -- connections --------------------------------------------------------------------------------------------

    def connect(self, host: str) -> bool:
        """Count a new connection, or refuse it."""
        peers = self._per_peer.get(host, 0)
        if self._open >= self.push.max_connections or peers >= self.push.max_connections_per_peer:
            self.refused += 1
            if not self._refusing:
                self._refusing = True
                self._log.warning(
                    "connections are refused: the limit is reached",
                    peer=host,
                    open=self._open,
                    remedy="raise max_connections, or look why peers keep connections open",
                )
            return False
        self._refusing = False
        self._open += 1
        self._per_peer[host] = peers + 1
        return True

    def leave(self, host: str) -> None:
        """Forget a connection that ended."""
        self._open -= 1
        left = self._per_peer.pop(host, 1) - 1
        if left:
            self._per_peer[host] = left

    # -- senders ------------------------------------------------------------------------------------------------

    def sender(self, host: str) -> Sender | None:
        """Return the meter that pushes from an address."""
        return self._by_address.get(host)

    def admitted(self, host: str, messages: Sequence[Message]) -> Sequence[Message]:
        """Return what the policy lets in; the rest is counted, and named once for each peer."""
        if self.push.unknown == "accept" or host in self._by_address:
            return messages
        let_in = [message for message in messages if system_title.find(message.apdus) in self._titles]
        if len(let_in) < len(messages):
            out = [message for message in messages if system_title.find(message.apdus) not in self._titles]
            self._refuse(host, out)
        return let_in

    def _refuse(self, host: str, messages: Sequence[Message]) -> None:
        self.refused_messages += len(messages)
        self.refused_octets += sum(len(message.raw) for message in messages)
        if host in self._strangers:
            self._strangers.move_to_end(host)
            return
        self._strangers[host] = None
        if len(self._strangers) > _PEERS_REMEMBERED:
            self._strangers.popitem(last=False)
        title = next(filter(None, (system_title.find(message.apdus) for message in messages)), None)
        self._log.warning(
            "pushes are refused: the inventory does not know the sender",
            peer=host,
            system_title=None if title is None else title.hex(),
            remedy="add the meter to the inventory (system_title, or push_from), or set push.unknown to accept",
        )

    # -- rates --------------------------------------------------------------------------------------------------

    def pause_for(self, host: str, octets: int) -> float:
        """Charge octets to a peer; return for how many seconds it is then beyond its rate, 0 where it is not."""
        rate = self.push.max_bytes_per_s_per_peer
        if rate is None:
            return 0.0
        left = self._left(host, rate) - octets
        self._keep(host, left)
        return max(0.0, -left / rate)

    def takes(self, host: str, octets: int) -> bool:
        """Charge a datagram to a peer; False where it is beyond its rate. What is not taken is not charged."""
        rate = self.push.max_bytes_per_s_per_peer
        if rate is None:
            return True
        left = self._left(host, rate)
        taken = left > 0
        self._keep(host, left - octets if taken else left)
        return taken

    def _left(self, host: str, rate: float) -> float:
        """Return how many octets a peer may send now; negative while it is beyond its rate."""
        left, at = self._budgets.pop(host, (rate * _BURST_S, 0.0))
        return min(rate * _BURST_S, left + (time.monotonic() - at) * rate)

    def _keep(self, host: str, left: float) -> None:
        self._budgets[host] = (left, time.monotonic())
        if len(self._budgets) > _PEERS_REMEMBERED:
            self._budgets.popitem(last=False)
