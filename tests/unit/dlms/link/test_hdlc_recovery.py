"""Each frame of a conversation lost, damaged or repeated in its turn: SNRM, UA, I, RR, DISC and their answers."""

from __future__ import annotations

import pytest

from ami_dlms.framing import hdlc
from ami_dlms.link import (
    Connected,
    Delivered,
    Disconnected,
    HdlcLinkClient,
    HdlcLinkServer,
    LinkParameters,
    Transmit,
)

pytestmark = pytest.mark.unit

REQUEST, RESPONSE = bytes(range(60)), bytes(range(180))


def frames_of(data: bytes) -> list[bytes]:
    buffer, at, frames = bytearray(data), 0, []
    while at < len(buffer):
        end = hdlc.scan_frame(buffer, at).end
        frames.append(bytes(buffer[at:end]))
        at = end
    return frames


class Conversation:
    """Connects, asks twice, disconnects; the frames `at` to `at + count` do not arrive as they were sent."""

    def __init__(self, window: int, propose: bool, fate: str = "", at: int = -1, count: int = 1) -> None:
        limits = LinkParameters(40, 40, window, window)
        self.client = HdlcLinkClient(16, 1, 17, propose=limits if propose else None)
        self.server = HdlcLinkServer(1, 17, offer=limits)
        self.fate, self.bad = fate, range(at, at + count)
        self.kinds: list[int] = []
        self.requests: list[bytes] = []

    def carry(self, data: bytes) -> list[bytes]:
        arriving = []
        for frame in frames_of(data):
            fate = self.fate if len(self.kinds) in self.bad else ""
            self.kinds.append(hdlc.decode(frame).kind)
            if fate == "damaged":
                arriving.append(frame[:-4] + bytes((frame[-4] ^ 0x10,)) + frame[-3:])
            elif fate != "lost":
                arriving += [frame] * (2 if fate == "repeated" else 1)
        return arriving

    def until(self, wanted: type, data: bytes):
        for _ in range(50):
            to_client = b""
            for frame in self.carry(data):
                for event in self.server.receive(frame):
                    if isinstance(event, Transmit):
                        to_client += event.data
                    elif isinstance(event, Delivered):
                        self.requests.append(event.apdu)
                        to_client += self.server.send(RESPONSE)
            events = [event for frame in self.carry(to_client) for event in self.client.receive(frame)]
            events = events or self.client.timeout()
            data = b"".join(event.data for event in events if isinstance(event, Transmit))
            for event in events:
                if isinstance(event, wanted):
                    return event
        raise AssertionError("no progress")

    def run(self) -> None:
        self.until(Connected, self.client.connect())
        for number in range(2):
            assert self.until(Delivered, self.client.send(bytes((number,)) + REQUEST)).apdu == RESPONSE
        self.until(Disconnected, self.client.disconnect())
        assert self.requests == [bytes((number,)) + REQUEST for number in range(2)]
        assert not self.server.connected


@pytest.mark.parametrize("fate", ["lost", "damaged", "repeated"])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("window", "propose"), [(1, True), (3, True), (7, False)])
def test_every_frame_in_its_turn(window, propose, count, fate):
    plain = Conversation(window, propose)
    plain.run()
    assert {hdlc.SNRM, hdlc.UA, hdlc.DISC, hdlc.RR, 0} <= set(plain.kinds)

    for at in range(len(plain.kinds)):
        Conversation(window, propose, fate, at, count).run()


def test_a_lost_answer_to_disc_is_made_up_for_by_dm():
    last = Conversation(1, propose=True)
    last.run()
    lost = Conversation(1, propose=True, fate="lost", at=len(last.kinds) - 1)
    lost.run()

    assert lost.kinds[-2:] == [hdlc.DISC, hdlc.DM]


def test_a_client_that_is_not_ready_gets_nothing_more():
    limits = LinkParameters(40, 40, 2, 2)
    client, server = HdlcLinkClient(16, 1, propose=limits), HdlcLinkServer(1, offer=limits)
    client.receive(server.receive(client.connect())[0].data)
    server.receive(client.send(b"\xc0"))
    assert len(frames_of(server.send(RESPONSE))) == 2

    busy = hdlc.HdlcFrame(b"\x03", b"\x21", hdlc.RNR | hdlc.POLL_FINAL | 2 << 5).to_bytes()
    (answer,) = server.receive(busy)
    assert hdlc.decode(answer.data).kind == hdlc.RR

    ready = hdlc.HdlcFrame(b"\x03", b"\x21", hdlc.RR | hdlc.POLL_FINAL | 2 << 5).to_bytes()
    (answer,) = server.receive(ready)
    assert [hdlc.decode(frame).send_number for frame in frames_of(answer.data)] == [2, 3]


def test_a_server_repeats_what_is_rejected():
    limits = LinkParameters(40, 40, 4, 4)
    client, server = HdlcLinkClient(16, 1, propose=limits), HdlcLinkServer(1, offer=limits)
    client.receive(server.receive(client.connect())[0].data)
    server.receive(client.send(b"\xc0"))
    first = frames_of(server.send(RESPONSE))

    reject = hdlc.HdlcFrame(b"\x03", b"\x21", hdlc.REJ | hdlc.POLL_FINAL | 1 << 5).to_bytes()
    again = b"".join(event.data for event in server.receive(reject) if isinstance(event, Transmit))

    assert [hdlc.decode(frame).send_number for frame in frames_of(again)] == [1, 2, 3]
    assert frames_of(again)[0][8:-3] == first[1][8:-3]
