"""A DLMS/COSEM client without I/O: it says what to send, and is told what was received.

    client = Client(ClientSettings(framing=Framing.WRAPPER))
    socket.sendall(client.associate())
    ...
    for event in client.receive(socket.recv(65536)): ...

Send the octets of every `Send`, in order. One request at a time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from ami_dlms import apdu, axdr
from ami_dlms.apdu import (
    Aare,
    AccessRequest,
    AccessSpecification,
    ActionRequestNormal,
    ActionRequestWithList,
    ActionResponseNormal,
    ActionResult,
    Apdu,
    ConfirmedServiceError,
    Conformance,
    CosemAttribute,
    CosemMethod,
    ExceptionResponse,
    GeneralBlockTransfer,
    GetRequestNormal,
    GetRequestWithList,
    ReadRequest,
    Selected,
    SelectiveAccess,
    SetRequestNormal,
    SetRequestWithList,
    Variable,
    WriteRequest,
)
from ami_dlms.association.block_transfer import BlockTransfer
from ami_dlms.association.carrier import Carrier, carrier
from ami_dlms.association.cipher import CIPHERED, Cipher, ProtectionTooLow
from ami_dlms.association.events import Answer, Associated, Event, Failed, Refused, Released, Result, Send, Unsolicited
from ami_dlms.association.exchange import INVOKE_ID, Exchange, More, Request
from ami_dlms.association.proposal import Agreed, Proposal
from ami_dlms.association.settings import Authentication, ClientSettings
from ami_dlms.association.states import CLIENT_TRANSITIONS, ClientInput, ClientState, step
from ami_dlms.association.variables import VariableExchange
from ami_dlms.axdr import Data
from ami_dlms.errors import ApduMalformed, AssociationRefused, AuthenticationFailed, DlmsError, LinkError, UsageError
from ami_dlms.framing import Framing
from ami_dlms.framing.counts import LineCounts
from ami_dlms.link import Connected, Delivered, Disconnected, LinkEvent, LinkFailed, Transmit
from ami_dlms.security import CounterProvider

__all__ = [
    "Answer",
    "Associated",
    "Authentication",
    "Client",
    "ClientSettings",
    "ClientState",
    "Event",
    "Failed",
    "Refused",
    "Released",
    "Result",
    "Send",
    "Unsolicited",
]

HIGH_PRIORITY_CONFIRMED = 0xC0
"""Upper bits of invoke-id-and-priority; the lower four are the invoke id."""
CIPHERING_OVERHEAD = 64
"""Octets that ciphering adds to an APDU, at most."""
UNLIMITED = 65535
"""Octets of an APDU in blocks where the server states no limit."""
PUSHES = frozenset({0x0F, 0x18, 0xC2, 0x38, 0x58, 0xCA, 0xD2})
"""First octets of data-notification, information-report and event-notification, and of their glo- and ded-forms."""
_UP = (ClientState.READY, ClientState.WAITING)
_COMING_UP = (ClientState.LINKING, ClientState.ASSOCIATING, ClientState.AUTHENTICATING)
_GOING_DOWN = (ClientState.RELEASING, ClientState.UNLINKING)


class Client:
    """One association with one server. After `Released` it may associate again."""

    def __init__(
        self,
        settings: ClientSettings,
        counter: CounterProvider | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """`counter` gives the invocation counters of the encryption key; it is needed wherever keys are used."""
        if settings.needs_counter and counter is None:
            raise UsageError("Ciphering and hls-gmac need an invocation counter that never repeats; give one.")
        self._settings, self._counter, self._random = settings, counter, random
        self._state = ClientState.IDLE
        self._invoke = 0
        self._carrier: Carrier = carrier(settings)
        self._proposal: Proposal | None = None
        self._cipher: Cipher | None = None
        self._exchange: Exchange | VariableExchange | None = None
        self._transfer: BlockTransfer | None = None
        self._association_request = b""
        self._raw = bytearray()
        self._in_blocks = False

    @property
    def state(self) -> ClientState:
        """Where the association stands."""
        return self._state

    @property
    def counts(self) -> LineCounts:
        """What came on the line since `associate`: it tells silence, noise, damage and half a frame apart."""
        return self._carrier.counts

    @property
    def dedicated_key(self) -> bytes | None:
        """The dedicated key of the association, new with each; None where it has none."""
        return None if self._cipher is None else self._cipher.keys.dedicated

    def associate(self) -> bytes:
        """Return the first octets to send; `receive` then leads to `Associated` or `Refused`."""
        self._step(ClientInput.ASSOCIATE)
        self._carrier = carrier(self._settings)
        self._proposal = Proposal(self._settings, self._counter, self._random)
        self._cipher = self._proposal.cipher
        self._agreed_on(self._proposal.agreed)
        return _sends(self._on_link(self._carrier.connect()))

    def get(self, attribute: CosemAttribute, access: SelectiveAccess | None = None) -> bytes:
        """Read an attribute; `receive` then leads to `Answer`, fetching blocks on the way."""
        return self._ask(GetRequestNormal(self._begin(), attribute, access))

    def get_list(self, attributes: Sequence[Selected]) -> bytes:
        """Read attributes, each with its selection or None; the result is a tuple in their order."""
        return self._ask(GetRequestWithList(self._begin(), tuple(attributes)))

    def set(self, attribute: CosemAttribute, value: Data, access: SelectiveAccess | None = None) -> bytes:
        """Write an attribute, in blocks where it is longer than the server's APDUs."""
        return self._ask(SetRequestNormal(self._begin(), attribute, access, value))

    def set_list(self, writes: Sequence[tuple[Selected, Data]]) -> bytes:
        """Write attributes; the result is a tuple in their order."""
        attributes, values = tuple(target for target, _ in writes), tuple(value for _, value in writes)
        return self._ask(SetRequestWithList(self._begin(), attributes, values))

    def action(self, method: CosemMethod, parameter: Data | None = None) -> bytes:
        """Invoke a method."""
        return self._ask(ActionRequestNormal(self._begin(), method, parameter))

    def action_list(self, calls: Sequence[tuple[CosemMethod, Data]]) -> bytes:
        """Invoke methods, each with its parameter (null-data for none); the result is a tuple in their order."""
        methods, parameters = tuple(method for method, _ in calls), tuple(parameter for _, parameter in calls)
        return self._ask(ActionRequestWithList(self._begin(), methods, parameters))

    def access(self, accesses: Sequence[tuple[AccessSpecification, Data]]) -> bytes:
        """Read, write and invoke in one request; null-data where nothing is written.

        The result is a tuple in the order of `accesses`.
        """
        wanted, data = tuple(one for one, _ in accesses), tuple(value for _, value in accesses)
        invoke = self._begin()
        return self._ask(AccessRequest(HIGH_PRIORITY_CONFIRMED << 24 | invoke & INVOKE_ID, wanted, data))

    def read(self, variables: Sequence[Variable]) -> bytes:
        """Read by short names; the result is a tuple in their order."""
        self._begin()
        return self._ask(ReadRequest(tuple(variables)))

    def write(self, writes: Sequence[tuple[Variable, Data]]) -> bytes:
        """Write by short names; the result is a tuple in their order."""
        self._begin()
        variables, values = tuple(name for name, _ in writes), tuple(value for _, value in writes)
        return self._ask(WriteRequest(variables, values))

    def release(self) -> bytes:
        """End the association and its link; `receive` then leads to `Released`.

        Without an association only the link is taken down. Where nothing needs to be sent for that (a wrapper has no
        link), the result is empty and the client is idle at once.
        """
        releasing = self._state is ClientState.READY
        self._step(ClientInput.RELEASE)
        if releasing and self._proposal is not None:
            return self._carrier.send(self._proposal.release_request())
        return _sends(self._on_link(self._carrier.disconnect()))

    def receive(self, data: bytes) -> list[Event]:
        """Take octets of the server; never raises on them."""
        return self._on_link(self._carrier.receive(data))

    def timeout(self) -> list[Event]:
        """Nothing came for too long: repeat what HDLC may repeat; a release that nothing answers is `Released`."""
        again = self._carrier.timeout()
        if not again and self._state is ClientState.WAITING and self._transfer is not None:
            return self._transmit(self._transfer.timeout())
        if not again and self._state is ClientState.ASSOCIATING and self._settings.datagrams:
            return [Send(self._association_request)]
        if not again and self._state in _GOING_DOWN:
            return self.connection_lost()
        return self._on_link(again)

    def connection_lost(self) -> list[Event]:
        """Report that the transport closed: `Released` if that was wished, else `Refused` or `Failed`."""
        return self._on_down(LinkError("The meter closed the connection."))

    def _on_link(self, happened: list[LinkEvent]) -> list[Event]:
        events: list[Event] = []
        for event in happened:
            if isinstance(event, Transmit):
                events.append(Send(event.data))
            elif isinstance(event, Delivered):
                events += self._on_apdu(event.apdu, event.raw)
            elif isinstance(event, Connected):
                events += self._on_connected()
            elif isinstance(event, LinkFailed):
                events += self._on_down(event.error)
            elif isinstance(event, Disconnected):
                events += self._on_down(LinkError("The meter closed the link."))
        return events

    def _on_connected(self) -> list[Event]:
        if self._state is not ClientState.LINKING or self._proposal is None:
            return []
        self._step(ClientInput.LINK_UP)
        try:
            self._association_request = self._carrier.send(self._proposal.request())
            return [Send(self._association_request)]
        except UsageError as error:  # the link went down in the same breath, or the counter is at its end
            return self._refuse(error)

    def _on_down(self, error: DlmsError) -> list[Event]:
        if self._state in _GOING_DOWN:
            self._step(ClientInput.LINK_DOWN)
            return [Released()]
        if self._state in _COMING_UP:
            return self._refuse(error)
        if self._state in _UP:
            self._step(ClientInput.FAILED)
            return [Failed(error)]
        return []

    def _on_apdu(self, octets: bytes, raw: bytes) -> list[Event]:
        """Open and decode an APDU, and hand it to the state that waits for it."""
        if octets[:1] and octets[0] in PUSHES:
            return [Unsolicited(octets, raw)]
        if self._state is ClientState.RELEASING:
            # Servers answer with an RLRE, an exception or something odd; whatever it is, they are done.
            self._step(ClientInput.RELEASED)
            return self._on_link(self._carrier.disconnect())
        before = len(self._raw)
        self._raw += raw
        try:
            if octets[:1] == b"\xe0" and self._transfer is not None:
                return self._on_block(self._transfer, octets)
            received = self._open(octets)
            if received is None:
                del self._raw[before:]
                return [Unsolicited(octets, raw)]
            if self._state is ClientState.ASSOCIATING:
                return self._on_association(received)
            if self._state is ClientState.AUTHENTICATING:
                return self._on_proof(received)
            if self._state is ClientState.WAITING:
                return self._on_answer(received)
        except DlmsError as error:
            if self._state in _COMING_UP:
                return self._refuse(error)
            if self._state is ClientState.WAITING:
                return self._answered(error)
        return []

    def _on_block(self, transfer: BlockTransfer, octets: bytes) -> list[Event]:
        """Take a block of the answer; the whole answer is opened and decoded as if it had come at once."""
        try:
            block = apdu.decode(octets)
        except DlmsError:
            if self._settings.datagrams:
                return []  # as if it was lost
            raise
        if not isinstance(block, GeneralBlockTransfer):
            return []
        arrival = transfer.receive(block)
        if arrival.apdu is None:
            return self._transmit(arrival.send)
        self._transfer = None
        if arrival.doubtful and self._cipher is None:
            raise ApduMalformed("Blocks of the answer contradict each other: it is mixed with another one.")
        return self._on_apdu(arrival.apdu, b"")

    def _open(self, octets: bytes) -> Apdu | None:
        """Return the plain APDU; None for a ciphered push."""
        received = apdu.decode(octets)
        if not isinstance(received, CIPHERED):
            if self._cipher is not None and self._state is ClientState.WAITING:
                _require_protection(received)
            return received
        if self._cipher is None:
            return None
        plain, _ = self._cipher.open(received)
        return None if plain[:1] and plain[0] in PUSHES else apdu.decode(plain)

    def _on_association(self, received: Apdu) -> list[Event]:
        if not isinstance(received, Aare) or self._proposal is None:
            raise AssociationRefused(f"The meter answered the association request with {type(received).__name__}.")
        challenge = self._proposal.accept(received)
        self._agreed_on(self._proposal.agreed)
        if challenge is None:
            return self._associated()
        self._step(ClientInput.CHALLENGED)
        request = ActionRequestNormal(self._next_invoke(), REPLY_TO_HLS, axdr.octets(self._proposal.prove()))
        return [Send(self._carrier.send(self._protect(request.to_bytes())))]

    def _on_proof(self, received: Apdu) -> list[Event]:
        if not isinstance(received, ActionResponseNormal) or received.result is not ActionResult.SUCCESS:
            raise AuthenticationFailed("The meter refused the proof of the keys: its keys or system titles are others.")
        if not isinstance(received.data, Data) or self._proposal is None:
            raise AuthenticationFailed("The meter did not prove that it knows the keys.")
        self._proposal.check(received.data)
        return self._associated()

    def _associated(self) -> list[Event]:
        assert self._proposal is not None  # noqa: S101  # the table: ACCEPTED follows ASSOCIATE
        self._step(ClientInput.ACCEPTED)
        agreed = self._proposal.agreed
        return [Associated(agreed.server_system_title, agreed.conformance, agreed.max_pdu)]

    def _on_answer(self, received: Apdu) -> list[Event]:
        taken = self._exchange.take(received) if self._exchange else None
        if isinstance(taken, More):
            return self._sent(taken.apdu)
        return [] if taken is None else self._answered(taken.result)

    def _answered(self, result: Result) -> list[Event]:
        self._step(ClientInput.ANSWERED)
        answer = Answer(self._exchange.first if self._exchange else b"", bytes(self._raw), result)
        self._exchange = None  # an association that is idle holds nothing of what it did
        self._raw.clear()
        return [answer]

    def _refuse(self, error: DlmsError) -> list[Event]:
        self._step(ClientInput.REFUSED)
        return [Refused(error)]

    def _begin(self) -> int:
        """Check that a request is possible, before its invoke id replaces that of one under way."""
        step(CLIENT_TRANSITIONS, self._state, ClientInput.REQUEST)
        return self._next_invoke()

    def _ask(self, request: Request | ReadRequest | WriteRequest) -> bytes:
        waiting = step(CLIENT_TRANSITIONS, self._state, ClientInput.REQUEST)
        agreed = self._proposal.agreed if self._proposal else None
        limit = agreed.max_pdu if agreed and not self._in_blocks else 0
        if limit and self._cipher is not None:
            limit = max(1, limit - CIPHERING_OVERHEAD)
        exchange: Exchange | VariableExchange
        if isinstance(request, (ReadRequest, WriteRequest)):
            exchange = VariableExchange(request, limit)
        else:
            exchange = Exchange(request, limit, agreed.conformance if agreed else self._settings.conformance)
        frames = self._framed(self._protect(exchange.first))
        self._state, self._exchange = waiting, exchange
        self._raw.clear()
        return frames

    def _sent(self, request: bytes) -> list[Event]:
        return [Send(self._framed(self._protect(request)))]

    def _framed(self, octets: bytes) -> bytes:
        """Frame an APDU, in blocks where that was agreed on."""
        self._transfer = None
        if not self._in_blocks or self._proposal is None:
            return self._carrier.send(octets)
        longest = self._proposal.agreed.max_pdu or UNLIMITED
        window = 1 if self._settings.framing is Framing.HDLC else self._settings.block_window
        transfer = BlockTransfer(longest, window, initiator=True)
        frames = b"".join(map(self._carrier.send, transfer.send(octets)))
        self._transfer = transfer
        return frames

    def _agreed_on(self, agreed: Agreed) -> None:
        self._in_blocks = Conformance.GENERAL_BLOCK_TRANSFER in agreed.conformance

    def _transmit(self, octets: list[bytes]) -> list[Event]:
        return [Send(b"".join(map(self._carrier.send, octets)))] if octets else []

    def _protect(self, octets: bytes) -> bytes:
        return octets if self._cipher is None else self._cipher.protect(octets)

    def _next_invoke(self) -> int:
        self._invoke = self._invoke % 15 + 1
        return HIGH_PRIORITY_CONFIRMED | self._invoke

    def _step(self, event: ClientInput) -> None:
        self._state = step(CLIENT_TRANSITIONS, self._state, event)


REPLY_TO_HLS = CosemMethod(15, bytes((0, 0, 40, 0, 0, 255)), 1)


def _require_protection(received: Apdu) -> None:
    if not isinstance(received, (ExceptionResponse, ConfirmedServiceError)):
        raise ProtectionTooLow("The answer came without the protection that was agreed.")


def _sends(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Send))
