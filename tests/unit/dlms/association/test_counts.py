"""What a client has counted on its line tells silence, noise, damage and half a frame apart."""

import pytest

from ami_dlms.client import Client, ClientSettings, Send
from ami_dlms.framing import Framing, hdlc, wrapper
from ami_dlms.framing.counts import LineCounts

pytestmark = pytest.mark.unit

AARE = bytes.fromhex("6117a109060760857405080101a203020101a305a10302010d")
WRAPPED = wrapper.encode(AARE, 1, 16)
UA = hdlc.HdlcFrame(hdlc.address(16), hdlc.address(1), hdlc.UA | hdlc.POLL_FINAL).to_bytes()


def client(framing):
    made = Client(ClientSettings(framing=framing))
    assert made.associate()
    return made


@pytest.mark.parametrize("framing", [Framing.WRAPPER, Framing.HDLC])
def test_silence(framing):
    assert client(framing).counts == LineCounts()


@pytest.mark.parametrize("cut", range(1, len(WRAPPED)))
def test_half_a_wrapper(cut):
    made = client(Framing.WRAPPER)
    made.receive(WRAPPED[:cut])
    counts = made.counts

    assert (counts.frames, counts.have, counts.noise) == (0, cut, 0)
    assert counts.need == (8 if cut < 8 else len(WRAPPED))


@pytest.mark.parametrize("cut", range(2, len(UA)))
def test_half_an_hdlc_frame(cut):
    made = client(Framing.HDLC)
    made.receive(UA[:cut])
    counts = made.counts

    assert (counts.frames, counts.have) == (0, cut)
    assert cut < counts.need <= len(UA)
    assert counts.need == len(UA) or cut < 8

    made.timeout()
    assert (made.counts.have, made.counts.need) == (cut, counts.need), "told until a frame is found"
    made.receive(UA)
    assert made.counts.frames == 1
    assert made.counts.have == 0


@pytest.mark.parametrize("framing", [Framing.WRAPPER, Framing.HDLC])
def test_noise(framing):
    made = client(framing)
    made.receive(b"\xff" * 300)

    assert made.counts == LineCounts(noise=300)


@pytest.mark.parametrize("place", range(1, len(UA) - 1))
def test_an_octet_that_was_changed_on_the_way(place):
    made = client(Framing.HDLC)
    damaged = bytearray(UA)
    damaged[place] ^= 0x20
    made.receive(bytes(damaged))
    made.timeout()
    made.receive(UA)

    assert made.counts.frames - made.counts.damaged == 1
    if place > 2:  # the format and the length tell where the frame ends
        assert made.counts.damaged == 1


def test_a_frame_behind_noise_and_counts_of_whole_frames():
    made = client(Framing.WRAPPER)
    events = made.receive(b"\xff\xff" + WRAPPED + WRAPPED[:10])

    assert not [event for event in events if isinstance(event, Send)]
    assert made.counts == LineCounts(frames=1, have=10, need=len(WRAPPED), noise=2)


def test_the_counts_begin_anew_with_an_association():
    made = client(Framing.HDLC)
    made.receive(b"\xff" * 3)
    made.connection_lost()
    made.release()
    made.connection_lost()
    made.associate()

    assert made.counts == LineCounts()
