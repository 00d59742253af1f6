"""64 KiB over channels that lose and damage, read and written: bit-exact, or an error, never wrong data."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_dlms import axdr
from ami_dlms.apdu import Conformance, CosemAttribute, DataAccessResult, ExceptionResponse, GeneralBlockTransfer
from ami_dlms.association.settings import CLIENT_CONFORMANCE
from ami_dlms.client import Answer, Associated, Authentication, Client, ClientSettings, Event, Refused, Send
from ami_dlms.cosem import DataObject, LogicalDevice
from ami_dlms.errors import DlmsError, TagMismatch
from ami_dlms.framing import Framing, hdlc, wrapper
from ami_dlms.link import LinkParameters
from ami_dlms.security import Keys, MemoryCounter, Protection
from ami_dlms.server import Server, ServerSettings

pytestmark = pytest.mark.unit

SIZE = 64 * 1024
NAME = bytes((0, 0, 44, 0, 0, 255))
BIG = CosemAttribute(1, NAME, 2)
BLOCKS = CLIENT_CONFORMANCE | Conformance.GENERAL_BLOCK_TRANSFER
KEYS = Keys(bytes(range(16)), bytes(range(16, 32)))
CIPHERED = {"authentication": Authentication.HLS_GMAC, "keys": KEYS}
Spoil = Callable[[random.Random, list[bytes]], list[bytes]]


class Line:
    """A client and a server, and a channel between them that `spoil` makes bad once the association is up."""

    def __init__(self, spoil: Spoil, split: Callable[[bytes], list[bytes]], client: dict, server: dict, seed: int = 1):
        self.value = axdr.octets(random.Random(0).randbytes(SIZE))
        thing = DataObject(NAME, lambda: self.value)
        thing.setters[2] = self.write
        device = LogicalDevice(b"AMV0000000000001", [thing])
        title = {"client_system_title": b"AMI\0\0\0\0\1"}
        self.client = Client(ClientSettings(client_sap=1, **title, **client), MemoryCounter(1))
        self.server = Server(ServerSettings(system_title=b"AMV\0\0\0\0\2", **server), device)
        self.spoil, self.split, self.chance = spoil, split, random.Random(seed)
        self.carried = self.timeouts = 0

    def write(self, value: axdr.Data) -> DataAccessResult:
        self.value = value
        return DataAccessResult.SUCCESS

    def carry(self, octets: bytes) -> list[bytes]:
        pieces = self.split(octets)
        self.carried += len(pieces)
        return self.spoil(self.chance, pieces)

    def say(self, octets: bytes, patience: int = 20_000) -> Event:
        """Carry octets to and fro until something happened that is not only sending."""
        for _ in range(patience):
            events: list[Event] = []
            answers = [self.server.receive(piece) for piece in self.carry(octets)] if octets else []
            for piece in self.carry(b"".join(answers)):
                events += self.client.receive(piece)
            if not events:
                self.timeouts += 1
                events = self.client.timeout()
            octets = b""
            for event in events:
                if isinstance(event, Send):
                    octets += event.data
                else:
                    return event
        raise AssertionError("no progress")

    def associate(self) -> None:
        event = self.say(self.client.associate())
        assert isinstance(event, Associated), event

    def read(self) -> Answer:
        event = self.say(self.client.get(BIG))
        assert isinstance(event, Answer)
        return event

    def written(self, octets: bytes) -> Answer:
        event = self.say(self.client.set(BIG, axdr.octets(octets)))
        assert isinstance(event, Answer)
        return event


def frames(octets: bytes) -> list[bytes]:
    buffer, at, found = bytearray(octets), 0, []
    while at < len(buffer):
        end = hdlc.scan_frame(buffer, at).end
        found.append(bytes(buffer[at:end]))
        at = end
    return found


def wrappers(octets: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(octets):
        end = at + 8 + int.from_bytes(octets[at + 6 : at + 8], "big")
        found.append(octets[at:end])
        at = end
    return found


def damaged(chance: random.Random, piece: bytes) -> bytes:
    octets = bytearray(piece)
    for _ in range(chance.randrange(1, 5)):
        octets[chance.randrange(len(octets))] ^= chance.randrange(1, 256)
    return bytes(octets)


def lossy(chance: random.Random, pieces: list[bytes]) -> list[bytes]:
    """Drop 20 %, damage 5 %."""
    arriving = []
    for piece in pieces:
        drawn = chance.random()
        if drawn >= 0.2:
            arriving.append(damaged(chance, piece) if drawn < 0.25 else piece)
    return arriving


def datagrams(chance: random.Random, pieces: list[bytes]) -> list[bytes]:
    """Drop 20 %, repeat 20 %, reorder 20 %."""
    arriving: list[bytes] = []
    for piece in pieces:
        drawn = chance.random()
        if drawn >= 0.2:
            arriving += [piece] * (2 if drawn < 0.4 else 1)
    for index in range(len(arriving)):
        if chance.random() < 0.2:
            other = chance.randrange(index, min(len(arriving), index + 4))
            arriving[index], arriving[other] = arriving[other], arriving[index]
    return arriving


LONG = LinkParameters(1024, 1024, 7, 7)


@pytest.mark.parametrize("link", [None, LinkParameters(128, 128, 7, 7), LONG, LinkParameters(2030, 2030, 1, 1)])
@pytest.mark.parametrize("security", [{}, CIPHERED], ids=["plain", "ciphered"])
def test_64_kib_over_hdlc(link, security):
    client = {"framing": Framing.HDLC, "link": link, **security}
    line = Line(lossy, frames, client, {"framing": Framing.HDLC, **security})
    line.associate()

    assert line.read().result == line.value
    assert line.timeouts

    octets = random.Random(2).randbytes(SIZE)
    assert line.written(octets).result is DataAccessResult.SUCCESS
    assert line.value.value == octets


@pytest.mark.parametrize("window", [1, 8, 63])
@pytest.mark.parametrize("security", [{}, CIPHERED], ids=["plain", "ciphered"])
def test_64_kib_in_blocks_over_datagrams(window, security):
    client = {"conformance": BLOCKS, "block_window": window, "datagrams": True, **security}
    line = Line(datagrams, wrappers, client, {"block_window": window, "datagrams": True, **security})
    line.spoil = lambda _, pieces: pieces
    line.associate()
    line.spoil = datagrams

    answer = line.read()
    assert answer.result == line.value
    assert {piece[8] for piece in wrappers(answer.raw)} == {0xE0}
    assert line.timeouts

    octets = random.Random(2).randbytes(SIZE)
    assert line.written(octets).result is DataAccessResult.SUCCESS
    assert line.value.value == octets


def test_the_first_block_of_a_request_is_lost():
    """The blocks after it must not be taken for the end of the exchange before, nor its response for theirs."""
    client = {"conformance": BLOCKS, "block_window": 63, "datagrams": True}
    line = Line(lambda _, pieces: pieces, wrappers, client, {"block_window": 63, "datagrams": True})
    line.associate()
    assert line.read().result == line.value
    first = iter([True])
    line.spoil = lambda _, pieces: pieces[1:] if next(first, False) else pieces

    octets = random.Random(2).randbytes(SIZE)
    assert line.written(octets).result is DataAccessResult.SUCCESS
    assert line.value.value == octets
    first = iter([True])
    assert line.written(octets[::-1]).result is DataAccessResult.SUCCESS
    assert line.value.value == octets[::-1]


def test_an_association_over_lossy_datagrams():
    for seed in range(10):
        line = Line(datagrams, wrappers, {"conformance": BLOCKS, "datagrams": True}, {"datagrams": True}, seed)
        line.associate()
        assert line.read().result == line.value


def test_general_block_transfer_over_lossy_hdlc():
    line = Line(
        lossy, frames, {"framing": Framing.HDLC, "conformance": BLOCKS, "link": LONG}, {"framing": Framing.HDLC}
    )
    line.associate()

    assert line.read().result == line.value


@pytest.mark.parametrize("conformance", [CLIENT_CONFORMANCE, BLOCKS], ids=["of the service", "general"])
@pytest.mark.parametrize("protection", [Protection.AUTHENTICATED, Protection.AUTHENTICATED_ENCRYPTED])
def test_damage_that_nothing_below_catches_is_never_data(conformance, protection):
    """One octet in the content of one APDU of the answer is another one; wrappers have no check sequence."""
    tags = 0
    for seed in range(25):
        line = Line(lambda _, pieces: pieces, wrappers, {"conformance": conformance, **CIPHERED}, CIPHERED, seed)
        line.associate()
        once = iter([None])

        def spoil(chance: random.Random, pieces: list[bytes], once=once) -> list[bytes]:
            for index, piece in enumerate(pieces):
                if len(piece) > 500 and chance.random() < 0.2 and next(once, True) is None:
                    at = chance.randrange(40, len(piece))
                    pieces[index] = piece[:at] + bytes((piece[at] ^ 1 << chance.randrange(8),)) + piece[at + 1 :]
            return pieces

        line.spoil = spoil
        answer = line.read()
        assert answer.result == line.value or isinstance(answer.result, DlmsError)
        tags += isinstance(answer.result, TagMismatch)
    assert tags >= 20


def test_any_damage_to_datagrams_is_never_data():
    """Headers and contents damaged at random, with losses: the value, an error, or nothing at all."""
    outcomes = set()
    for seed in range(25):
        client = {"conformance": BLOCKS, "datagrams": True, **CIPHERED}
        line = Line(lambda _, pieces: pieces, wrappers, client, {"datagrams": True, **CIPHERED}, seed)
        line.associate()
        line.spoil = lambda chance, pieces: [
            damaged(chance, piece) if chance.random() < 0.02 else piece for piece in pieces
        ]
        try:
            event = line.say(line.client.get(BIG), patience=100)
        except AssertionError:
            outcomes.add("nothing")
            continue
        assert isinstance(event, (Answer, Refused))
        if isinstance(event.result, DlmsError):
            outcomes.add("error")
        elif isinstance(event.result, axdr.Data):
            assert event.result == line.value
            outcomes.add("value")
    assert {"value", "error"} <= outcomes


BLOCK = st.builds(
    GeneralBlockTransfer,
    st.booleans(),
    st.booleans(),
    st.integers(0, 63),
    st.integers(0, 6),
    st.integers(0, 6),
    st.sampled_from([bytes.fromhex("c001c1000100002c0000ff0200"), b"\xc0", b"\xe0", b"", b"\x60"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(BLOCK, max_size=12), st.sampled_from([1, 12, 13, 500]))
def test_a_server_takes_any_blocks(received, size):
    line = Line(lambda _, pieces: pieces, wrappers, {"conformance": BLOCKS, "max_pdu_size": size}, {})
    line.associate()
    for block in received:
        octets = line.server.receive(wrapper.encode(block.to_bytes(), 1, 1))
        assert all(piece[8] in (0xE0, 0xD8) for piece in wrappers(octets))


def test_more_blocks_than_there_are_numbers():
    line = Line(lambda _, pieces: pieces, wrappers, {"conformance": BLOCKS, "max_pdu_size": 12}, {})
    line.associate()

    assert line.read().result == ExceptionResponse(1, 4)
