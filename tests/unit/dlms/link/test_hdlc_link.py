"""Both stations of an HDLC link against each other, over channels that lose, damage and repeat frames."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_dlms.errors import UsageError
from ami_dlms.framing import hdlc
from ami_dlms.link import (
    Connected,
    Delivered,
    Disconnected,
    HdlcLinkClient,
    HdlcLinkServer,
    LinkFailed,
    LinkParameters,
    Retransmitted,
    Transmit,
)

pytestmark = pytest.mark.unit


class Channel:
    """Two stations and what is between them; `spoil` turns each frame into what arrives."""

    def __init__(self, client, server, answer, spoil=lambda frame: frame):
        self.client, self.server, self.answer, self.spoil = client, server, answer, spoil
        self.delivered, self.requests, self.events, self.raw = [], [], [], b""

    def run(self, data, *, until, patience=400):
        """Carry octets to and fro until the client reports `until`."""
        for _ in range(patience):
            to_client = b""
            for frame in frames_of(data):
                for event in self.server.receive(self.spoil(frame)):
                    if isinstance(event, Transmit):
                        to_client += event.data
                    elif isinstance(event, Delivered):
                        self.requests.append(event.apdu)
                        to_client += self.server.send(self.answer(event.apdu))
            data = b""
            events = []
            for frame in frames_of(to_client):
                arrived = self.spoil(frame)
                self.raw += arrived
                events += self.client.receive(arrived)
            if not events:
                events = self.client.timeout()
            for event in events:
                self.events.append(event)
                if isinstance(event, Transmit):
                    data += event.data
                elif isinstance(event, Delivered):
                    self.delivered.append(event.apdu)
            if any(isinstance(event, until) for event in events):
                return
        raise AssertionError("no progress")

    def connect(self):
        self.run(self.client.connect(), until=Connected)

    def ask(self, apdu):
        self.run(self.client.send(apdu), until=Delivered)


def frames_of(data):
    buffer, at, frames = bytearray(data), 0, []
    while at < len(buffer):
        found = hdlc.scan_frame(buffer, at)
        frames.append(bytes(buffer[at : found.end]))
        at = found.end
    return frames


def stations(propose=None, offer=None, physical=None):
    return HdlcLinkClient(16, 1, physical, propose=propose), HdlcLinkServer(1, physical, offer=offer)


def test_snrm_without_parameters_means_the_defaults():
    client, server = stations(offer=LinkParameters(1024, 1024, 7, 7))
    snrm = client.connect()

    assert snrm == hdlc.HdlcFrame(b"\x03", b"\x21", 0x93).to_bytes()
    ua, connected = server.receive(snrm)

    assert connected == Connected(LinkParameters(128, 128, 1, 1))
    assert client.receive(ua.data) == [Connected(LinkParameters(128, 128, 1, 1))]


def test_parameters_are_agreed_from_both_sides():
    client, server = stations(LinkParameters(500, 2030, 3, 7), LinkParameters(1000, 300, 2, 5))

    ua, seen_by_server = server.receive(client.connect())
    (seen_by_client,) = client.receive(ua.data)

    assert seen_by_server.parameters == LinkParameters(1000, 300, 2, 3)
    assert seen_by_client.parameters == LinkParameters(300, 1000, 3, 2)


def test_parameters_of_a_ua_may_be_longer_than_needed():
    """Lengths may take two octets: 128 each way, windows of one."""
    client = HdlcLinkClient(16, 1)
    client.connect()
    information = bytes.fromhex("8180140502008006020080070400000001080400000001")

    assert client.receive(hdlc.HdlcFrame(b"\x21", b"\x03", 0x73, information).to_bytes()) == [
        Connected(LinkParameters(128, 128, 1, 1))
    ]


@pytest.mark.parametrize("physical", [None, 17, 1000])
@pytest.mark.parametrize("window", [1, 2, 7])
@pytest.mark.parametrize("size", [1, 125, 126, 128, 5000])
def test_requests_and_responses_of_any_length(physical, window, size):
    limits = LinkParameters(128, 128, window, window)
    channel = Channel(*stations(limits, limits, physical), answer=lambda apdu: apdu[::-1] * 3)
    channel.connect()
    for seed in range(3):
        apdu = random.Random(seed).randbytes(size)
        channel.ask(apdu)

        assert channel.requests[-1] == apdu
        assert channel.delivered[-1] == apdu[::-1] * 3
    assert not any(isinstance(event, Retransmitted) for event in channel.events)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1 << 30),
    st.integers(1, 7),
    st.integers(20, 200),
    st.lists(st.binary(min_size=1, max_size=1500), min_size=1, max_size=5),
)
def test_a_lossy_channel_delivers_bit_exactly(seed, window, length, apdus):
    chance = random.Random(seed)
    up = False

    def spoil(frame):
        drawn = chance.random()
        if drawn < 0.12:
            return b""
        if drawn < 0.2:
            index = chance.randrange(len(frame))
            return frame[:index] + bytes([frame[index] ^ 1 << chance.randrange(8)]) + frame[index + 1 :]
        if drawn < 0.24 and up:
            return frame + frame
        if drawn < 0.28:
            return chance.randbytes(3) + frame
        return frame

    limits = LinkParameters(length, length, window, window)
    channel = Channel(*stations(limits, limits), answer=lambda apdu: apdu + b"\x7e" + apdu, spoil=spoil)
    channel.connect()
    up = True
    for apdu in apdus:
        channel.ask(apdu)

    assert channel.requests == apdus
    assert channel.delivered == [apdu + b"\x7e" + apdu for apdu in apdus]


def test_raw_octets_of_deliveries_add_up():
    channel = Channel(*stations(), answer=lambda apdu: apdu * 40)
    channel.connect()
    for _ in range(3):
        channel.ask(b"\xc0\x01\xc1\x00")

    raw = b"".join(event.raw for event in channel.events if isinstance(event, Delivered))
    assert raw == channel.raw


def test_receiver_not_ready_waits_for_the_callers_timeout():
    client, server = stations()
    client.receive(server.receive(client.connect())[0].data)
    client.send(b"\xc0")
    busy = hdlc.HdlcFrame(b"\x21", b"\x03", hdlc.RNR | hdlc.POLL_FINAL | 1 << 5).to_bytes()

    assert client.receive(busy) == []
    retransmitted, poll = client.timeout()
    assert retransmitted == Retransmitted(1)
    assert hdlc.decode(poll.data).kind == hdlc.RR


def test_reject_repeats_from_the_number_it_names():
    limits = LinkParameters(10, 10, 4, 4)
    client, server = stations(limits, limits)
    client.receive(server.receive(client.connect())[0].data)
    first = frames_of(client.send(bytes(range(35))))
    reject = hdlc.HdlcFrame(b"\x21", b"\x03", hdlc.REJ | hdlc.POLL_FINAL | 2 << 5).to_bytes()

    retransmitted, transmit = client.receive(reject)

    assert retransmitted == Retransmitted(2)
    assert frames_of(transmit.data) == first[2:]


def test_disconnect_and_disconnected_mode():
    client, server = stations()
    client.receive(server.receive(client.connect())[0].data)

    ua, gone = server.receive(client.disconnect())
    assert gone == Disconnected()
    assert client.receive(ua.data) == [Disconnected()]

    client.connect()
    dm = hdlc.HdlcFrame(b"\x21", b"\x03", hdlc.DM | hdlc.POLL_FINAL).to_bytes()
    (failed,) = client.receive(dm)
    assert isinstance(failed, LinkFailed)
    assert failed.error.reason


def test_frames_before_snrm_are_answered_with_dm():
    server = HdlcLinkServer(1)
    (answer,) = server.receive(hdlc.HdlcFrame(b"\x03", b"\x21", 0x10, b"\xe6\xe6\x00\xc0").to_bytes())

    assert hdlc.decode(answer.data).kind == hdlc.DM


def test_frames_for_others_are_ignored():
    client, server = stations(physical=17)
    snrm = hdlc.HdlcFrame(hdlc.address(1, 18), b"\x21", 0x93).to_bytes()
    assert server.receive(snrm) == []
    client.connect()
    assert client.receive(hdlc.HdlcFrame(b"\x23", hdlc.address(1, 17), 0x73).to_bytes()) == []


def test_misuse_is_told():
    client, server = stations()
    with pytest.raises(UsageError):
        client.send(b"\xc0")
    with pytest.raises(UsageError):
        server.send(b"\xc4")
    client.receive(server.receive(client.connect())[0].data)
    client.send(b"\xc0")
    with pytest.raises(UsageError):
        client.send(b"\xc0")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=30) | st.sampled_from([b"\x7e\xa7\xff", b"\x7e\xa0"]), max_size=10))
def test_stations_take_any_octets(chunks):
    client, server = stations()
    client.receive(server.receive(client.connect())[0].data)
    client.send(b"\xc0")
    for chunk in chunks:
        client.receive(chunk)
        server.receive(chunk)
    client.timeout()
